"""
A relay between the service and PostgreSQL that changes the server's answers. It triggers checks
that only a broken server or a wrongly edited statement would fail.
"""

import os
import socket
import threading
from contextlib import suppress

PIECE = 1 << 16


class Liar:
    """
    Listens in `folder` as `cluster` does in its own. While `lie` is set to (bytes, replacement),
    answers are changed.
    """

    def __init__(self, cluster, folder):
        self.folder = str(folder)
        self.lie = None
        name = f".s.PGSQL.{cluster.port}"
        self._server = os.path.join(cluster.folder, name)
        self._listener = socket.socket(socket.AF_UNIX)
        path = os.path.join(self.folder, name)
        self._listener.bind(path)
        # as PostgreSQL's own: under root tests the service runs as another user
        os.chmod(path, 0o666)
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with suppress(OSError):  # stopped
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                threading.Thread(target=self._relay, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._relay, args=(server, client, True), daemon=True).start()

    def _relay(self, source, target, lies):
        with suppress(OSError):
            while piece := source.recv(PIECE):
                target.sendall(piece.replace(*self.lie) if lies and self.lie else piece)
            target.shutdown(socket.SHUT_WR)
