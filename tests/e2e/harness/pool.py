"""
nginx in front of a pool of payments-fcgi, on a free port, in a folder of its own.

Started by spawn-fcgi and multiwatch as in production, or (direct=True) as children of the test,
which then sees their exit codes.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from . import build, client, fastcgi, wait
from .cluster import SECRET

SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:")
TOKEN = re.compile(r"eyJ[\w-]{8,}\.")
EXIT_WITHIN_S = 20
PEOPLE = "www-data"  # user of nginx's and the service's workers when the tests run as root

DEFAULTS = {"PAYMENTS_ENV": "development", "JWT_SECRET": SECRET,
            "PAYMENTS_MOCK_MIN_DELAY_MS": 0, "PAYMENTS_MOCK_MAX_DELAY_MS": 10,
            "PAYMENTS_JANITOR_INTERVAL_MS": 200}


class Pool:
    def __init__(self, database, settings=None, workers=2, direct=False):
        program = build.program("payments-fcgi")
        self.folder = Path(tempfile.mkdtemp(prefix="payments-e2e-", dir="/tmp"))
        self.folder.chmod(0o755)
        build.give_to(self.folder, PEOPLE)
        self.socket = self.folder / "pool.sock"
        self.log = self.folder / "pool.log"
        self.nginx_edits = []  # (file, old, new): a test's changes
        self.port = wait.free_port()
        self.workers, self.direct = workers, direct
        self.environment = {"PATH": build.SYSTEM_PATH, "DATABASE_URL": database.url()}
        self.environment |= {name: str(value)
                             for name, value in (DEFAULTS | (settings or {})).items()}
        self.environment |= {name: value for name, value in os.environ.items()
                             if "SAN_OPTIONS" in name}
        # a rebuild must not pull the program from under a running pool
        self.program = self.folder / "payments-fcgi"
        shutil.copy2(program, self.program)
        self.manager = self.nginx = self.listener = None
        self.children = []

    # ---- start and stop ----

    def start(self):
        self.start_workers()
        self.start_nginx()
        wait.until("the pool answers", lambda: self.http("GET", "/health").status == 200)
        return self

    def start_workers(self):
        if self.direct:
            self._listen()
            for _ in range(self.workers):
                self.start_child()
            return
        command = ["chrt", "-b", "0", "spawn-fcgi", "-n", "-s", self.socket, "-M", "0660", "-b", "4096"]
        if build.IS_ROOT:
            command += ["-u", PEOPLE, "-g", PEOPLE, "-U", PEOPLE, "-G", PEOPLE]
        command += ["--", "/usr/bin/multiwatch", "-f", self.workers, "--", self.program]
        with open(self.log, "ab") as log:
            self.manager = subprocess.Popen([str(part) for part in command], env=self.environment,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.folder)
        wait.until(f"{self.workers} workers", lambda: len(self.worker_pids()) == self.workers)

    def _listen(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket))
        self.socket.chmod(0o660)
        build.give_to(self.socket, PEOPLE)
        self.listener.listen(4096)

    def start_child(self):
        """One more worker, a child of the test (direct=True)."""
        with open(self.log, "ab") as log:
            child = subprocess.Popen([str(self.program)], env=self.environment,
                                     stdin=self.listener, stdout=log, stderr=log, cwd=self.folder,
                                     user=PEOPLE if build.IS_ROOT else None)
        self.children.append(child)
        return child

    def worker_pids(self):
        if self.direct:
            return [child.pid for child in self.children if child.poll() is None]
        if self.manager is None or self.manager.poll() is not None:
            return []
        path = f"/proc/{self.manager.pid}/task/{self.manager.pid}/children"
        return [int(pid) for pid in Path(path).read_text().split() if self._is_worker(pid)]

    def _is_worker(self, pid):
        """A process between fork and exec, or dead and not yet reaped, is none."""
        try:
            return os.readlink(f"/proc/{pid}/exe") == str(self.program)
        except OSError:
            return False

    def signal(self, pid, number=signal.SIGTERM):
        os.kill(pid, number)

    def restart_rolling(self):
        """SIGTERM to each worker in turn; the next once its successor runs."""
        for pid in self.worker_pids():
            before = set(self.worker_pids())
            self.signal(pid)
            if self.direct:
                self.start_child()
            wait.until(f"a successor of {pid}", lambda: set(self.worker_pids()) - before,
                       EXIT_WITHIN_S)
            wait.until(f"{pid} to end", lambda: pid not in self.worker_pids(), EXIT_WITHIN_S)

    def stop_workers(self):
        for child in self.children:
            if child.poll() is None:
                child.terminate()
        codes = [child.wait(EXIT_WITHIN_S) for child in self.children]
        if self.manager is not None:
            pids = self.worker_pids()
            self.manager.terminate()
            codes.append(self.manager.wait(EXIT_WITHIN_S))
            self.manager = None
            wait.until("the workers to end", lambda: not any(map(self._is_worker, pids)),
                       EXIT_WITHIN_S)
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        self.children = []
        self.socket.unlink(missing_ok=True)
        return codes

    def stop(self, expect_errors=False, expect_codes=(0,)):
        """Stops everything and asserts a clean end: exit codes, log lines, nothing left."""
        try:
            codes = self.stop_workers()
            self.stop_nginx()
            self.check_logs(expect_errors)
            assert set(codes) <= set(expect_codes), f"exit codes {codes}"
            assert not wait.port_answers(self.port)
        except BaseException:
            self.kill()
            raise
        shutil.rmtree(self.folder)

    def kill(self):
        """After a failure: only the folder with the logs stays."""
        pids = self.worker_pids()
        for process in (self.manager, self.nginx, *self.children):
            if process is not None and process.poll() is None:
                # nginx must end its own workers; a killed one would leave them
                process.send_signal(signal.SIGTERM if process is self.nginx else signal.SIGKILL)
                process.wait(EXIT_WITHIN_S)
        for pid in pids:
            if self._is_worker(pid):
                os.kill(pid, signal.SIGKILL)
        if self.listener is not None:
            self.listener.close()
        print(f"logs kept in {self.folder}")

    # ---- nginx ----

    def start_nginx(self):
        folder = self.folder / "nginx"
        build.run(["sh", build.REPO / "nginx/make-dev.sh", folder, self.port, self.socket,
                   self.folder])
        for name, old, new in self.nginx_edits:
            text = (folder / name).read_text(encoding="utf-8")
            assert old in text, f"{old!r} is not in {name}"
            (folder / name).write_text(text.replace(old, new), encoding="utf-8")
        log = self.folder / "nginx-error.log"
        with open(log, "ab") as output:
            self.nginx = subprocess.Popen(
                ["nginx", "-c", folder / "nginx.conf", "-p", folder, "-e", log,
                 "-g", "daemon off;"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={"PATH": build.SYSTEM_PATH})
        wait.until(f"nginx on {self.port} (see {log})",
                   lambda: self.nginx.poll() is not None or wait.port_answers(self.port))
        assert self.nginx.poll() is None, log.read_text(encoding="utf-8")

    def stop_nginx(self):
        if self.nginx is not None:
            self.nginx.send_signal(signal.SIGQUIT)
            assert self.nginx.wait(EXIT_WITHIN_S) == 0
            self.nginx = None

    # ---- observing ----

    def http(self, method, path, **how):
        """A request below the mount point; see client.request."""
        return client.request(self.port, method, client.MOUNT + path, **how)

    def raw(self, sent, **how):
        return client.raw(self.port, sent, **how)

    def fastcgi(self, path, parameters=(), body=b"", **how):
        return fastcgi.post(self.socket, client.MOUNT + path, list(parameters), body, **how)

    def log_lines(self, event=None):
        """The workers' log lines, those of one event; multiwatch's own are left out."""
        lines = []
        for text in self.log.read_text(encoding="utf-8").splitlines():
            if text.startswith("{"):
                line = json.loads(text)
                if event is None or line["event"] == event:
                    lines.append(line)
        return lines

    def check_logs(self, expect_errors=False):
        text = self.log.read_text(encoding="utf-8")
        found = SANITIZER.search(text)
        assert not found, f"{found.group()} in the log:\n{text[found.start():found.start() + 4000]}"
        assert SECRET not in text and not TOKEN.search(text), "a secret or a token is in the log"
        bad = [line for line in self.log_lines() if line["level"] == "error"]
        assert expect_errors or not bad, f"{len(bad)} errors logged, the first: {bad[0]}"
