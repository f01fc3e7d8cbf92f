"""The gateway simulator, tests/gatewaysim, as a process with books of its own, and its faults."""

import http.client
import json
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from . import build, wait

SECRET_KEY = "test_sk_an-end-to-end-secret-key"


class Gateway:
    """Keeps its port and its file of books during a test, however often it is killed."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="payments-gateway-", dir="/tmp"))
        self.port = wait.free_port()
        self.process = None

    def start(self):
        command = [build.program("gatewaysim"), "--port", self.port, "--books", self.folder / "books",
                   "--secret", SECRET_KEY]
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL)
        wait.until("the gateway simulator listens", lambda: wait.port_answers(self.port))
        return self

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def destroy(self):
        self.kill()
        shutil.rmtree(self.folder)

    def settings(self, **more):
        """A pool's settings to charge there; deadlines short enough for tests."""
        return {"PAYMENTS_GATEWAY": "toss", "TOSS_BASE_URL": f"http://127.0.0.1:{self.port}",
                "TOSS_SECRET_KEY": SECRET_KEY, "PAYMENTS_TOSS_DEADLINE_MS": 1000,
                "PAYMENTS_TOSS_LOOK_UP_MS": 1000, "PAYMENTS_TOSS_LEASE_MS": 2000,
                "PAYMENTS_TOSS_HORIZON_MS": 3000} | more

    def control(self, what, **body):
        """A request below /_sim; the answer's JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            method = "POST" if body or what == "clear" else "GET"
            connection.request(method, f"/_sim/{what}", body=json.dumps(body) if body else None)
            response = connection.getresponse()
            text = response.read()
            assert response.status == 200, f"/_sim/{what} {body}: {response.status}"
            return json.loads(text)
        finally:
            connection.close()

    def fault(self, fault, on="confirm", **more):
        """
        The next request of that kind (or `times` of them, 0: all) meets this fault; see faults.h.
        """
        self.control("fault", fault=fault, on=on, **more)

    def clear(self):
        self.control("clear")

    def books(self):
        """{order id: payment} of all payments it knows."""
        return {one["orderId"]: one for one in self.control("books")["payments"]}

    def charged(self, order):
        """(won charged and not given back, confirms carried out) of an order."""
        payment = self.books().get(order)
        if payment is None or not payment["confirms"]:
            return 0, 0
        return payment["balance"], payment["confirms"]
