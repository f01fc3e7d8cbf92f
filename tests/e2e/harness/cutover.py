"""
An existing server during its cutover: nginx with the cutover's two includes, the stand-in monolith
behind it, the pool beside it; or the service installed from its package, on a machine of its own.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from . import build, client, wait
from .cluster import SECRET
from .stack import Stack

SERVER = ("\t\tinclude payments/payments-errors.conf;\n\t\tinclude payments/payments-server.conf;\n"
          "\t\tinclude payments/payments-monolith-path.conf;\n")
MONOLITH_PROCESS = "/api/payments/process"


class Cutover(Stack):
    def __init__(self, cluster, gateway_ms=30, **how):
        super().__init__(cluster, **how)
        self.monolith_port = wait.free_port()
        self.gateway_ms = gateway_ms
        self.monolith = None
        self.pool.nginx_edits += [
            ("nginx.conf", "include payments/payments-http.conf;",
             "include payments/payments-cutover-http.conf;"),
            ("nginx.conf", SERVER, "\t\tinclude payments/payments-cutover.conf;\n"),
            ("payments-map.conf", "127.0.0.1:3001", f"127.0.0.1:{self.monolith_port}")]

    def start(self):
        self.start_monolith()
        try:
            return super().start()
        except BaseException:
            self.stop_monolith()
            raise

    def stop(self):
        self.stop_monolith()
        super().stop()

    def start_monolith(self):
        self.monolith = subprocess.Popen(
            [sys.executable, str(build.REPO / "tests/tools/monolith.py"), "--port", str(self.monolith_port),
             "--database", self.database.url("postgres"), "--secret", SECRET,
             "--gateway-ms", str(self.gateway_ms)], stdin=subprocess.DEVNULL)
        wait.until("the monolith listens", lambda: wait.port_answers(self.monolith_port))

    def stop_monolith(self):
        if self.monolith is not None:
            self.monolith.terminate()
            self.monolith.wait(10)
            self.monolith = None

    def monolith_charges(self):
        return client.request(self.monolith_port, "GET", "/_charges").json

    # ---- modes: the administrator's steps ----

    def edit_map(self, pattern, value):
        path = self.pool.folder / "nginx/payments-map.conf"
        text, count = re.subn(pattern, rf"\g<1>{value}", path.read_text(encoding="utf-8"))
        assert count == 1, f"{count} places in payments-map.conf: {pattern}"
        path.write_text(text, encoding="utf-8")

    def set_mode(self, mode, group="api", reload=True):
        """A mode's word, "canary 5" with its share."""
        mode, _, share = mode.partition(" ")
        self.edit_map(rf"(\$payments_mode_{group} {{\n\tdefault )[\w-]+", mode)
        if share:
            self.edit_map(rf"(\$payments_share_{group} {{\n\t)[\d.]+(?=%)", share)
        if reload:
            self.reload_nginx()

    def reload_nginx(self):
        folder = self.pool.folder / "nginx"
        log = self.pool.folder / "nginx-error.log"
        build.run(["nginx", "-t", "-q", "-c", folder / "nginx.conf", "-p", folder, "-e", log])
        old = self.nginx_workers()
        self.pool.nginx.send_signal(signal.SIGHUP)
        wait.until("the new set of nginx's workers accepts",
                   lambda: self.nginx_workers() and not self.nginx_workers() & old)

    def nginx_workers(self):
        """Those that accept; a worker that only finishes its requests says so in its title."""
        master = self.pool.nginx.pid
        titles = {}
        for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split():
            try:
                titles[int(pid)] = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
        return {pid for pid, title in titles.items() if b"worker process" in title and b"shutting" not in title}

    # ---- requests to the monolith's addresses ----

    def monolith_request(self, reservation, token=None, **headers):
        """A prepared POST to the monolith's address."""
        one = self.process_request(reservation, token, **headers)
        return one | {"path": MONOLITH_PROCESS}

    def monolith_process(self, reservation, token=None, **headers):
        body = {"reservationId": getattr(reservation, "id", reservation), "paymentMethod": "kakao_pay"}
        return client.request(self.pool.port, "POST", MONOLITH_PROCESS, token=token or self.token, body=body,
                              headers=headers or None)

    def get(self, path, **how):
        return client.request(self.pool.port, "GET", path, **how)

    def side(self, path="/api/payments/methods", **how):
        return self.get(path, **how).header("X-Served-By")


class Installed(Cutover):
    """The service is the installed package, run by its machine's systemd; nginx is the test's."""

    def __init__(self, cluster, machine, settings=None, workers=3, **how):
        super().__init__(cluster, workers=0, **how)
        self.machine = machine
        self.pool.socket = machine.socket
        self.units = [f"payments-fcgi@{number}.service" for number in range(1, workers + 1)]
        host = machine.share[cluster.folder]
        self.settings = {"DATABASE_URL": self.database.url(host=host)} | (settings or {})

    def start(self):
        try:
            self.start_service()
            self.start_monolith()
            self.pool.start_nginx()
            wait.until("the service answers", lambda: self.pool.http("GET", "/health").status == 200)
        except BaseException:
            self.stop_monolith()
            self.pool.kill()
            raise
        return self

    def start_service(self):
        """The administrator's steps after the installation."""
        lines = " ".join(f"'{name}={value}'" for name, value in self.settings.items())
        self.machine.sh(
            f"printf '%s\\n' {lines} >>/etc/payments-fcgi.conf; mkdir -p -m 700 /etc/credstore; umask 077; "
            f"echo {SECRET} >/etc/credstore/payments-fcgi.JWT_SECRET; systemctl start payments-check; "
            f"systemctl enable --now payments.target {' '.join(self.units)}")

    def stop(self):
        self.machine.sh("systemctl stop payments.target payments-fcgi.socket")
        self.keep_log()
        super().stop()

    def keep_log(self):
        """Copies the workers' log until now to the pool's log file."""
        self.pool.log.write_text(self.machine.out("journalctl -o cat -u 'payments-fcgi@*'"), encoding="utf-8")

    def workers(self):
        """{pid: the file that it runs}"""
        pids = [pid for unit in self.units for pid in self.machine.host_pids(unit)]
        programs = [os.stat(f"/proc/{pid}/exe") for pid in pids]
        return {pid: (program.st_dev, program.st_ino) for pid, program in zip(pids, programs)}

    def roll(self):
        return self.machine.out("payments-roll")

    def versions(self, questions=30):
        """The versions that the answering workers report."""
        return {self.pool.http("GET", "/health").json["version"] for _ in range(questions)}

    def installed_version(self):
        return self.machine.out("dpkg-query -W -f '${Version}' payments-fcgi")
