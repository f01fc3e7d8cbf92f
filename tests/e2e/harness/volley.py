"""Many requests at once, by tests/tools/volley."""

import json
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass

from . import build


@dataclass
class Shot:
    """One answer of a volley; status 0 is none, with the reason in `error`."""
    index: int
    status: int
    ms: float
    body: str
    error: str
    headers: dict

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json.get("code") if self.status else self.error


class Volley:
    """A volley under way: let it run during a disturbance, then finish()."""

    def __init__(self, port, requests, *, most=None, burst=False, rate=None, seconds=None,
                 timeout_ms=40000, keep_alive=False):
        command = [build.program("volley"), "-p", port, "-c", most or min(len(requests), 5000),
                   "-t", timeout_ms, "--headers", "--summary"]
        command += ["--burst"] if burst else []
        command += ["--keep-alive"] if keep_alive else []
        command += ["-r", rate] if rate else []
        command += ["-d", seconds] if seconds else []
        self.timeout_s = timeout_ms / 1000 + (seconds or 0) + 60
        # a file: a pipe without a reader would soon block the volley
        self.output = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                        stdout=self.output, text=True)
        # volley reads all of its input before it sends: nothing can block here
        for one in requests:
            self.process.stdin.write(json.dumps(one) + "\n")
        self.process.stdin.close()

    def finish(self):
        """The answers in the order of the requests; the figures are in self.summary."""
        try:
            code = self.process.wait(self.timeout_s)
        finally:
            self.process.kill()
        assert code == 0, f"volley: exit {code}"
        self.output.seek(0)
        lines = [json.loads(line) for line in self.output]
        self.output.close()
        self.summary = lines.pop()["summary"]
        shots = [Shot(line["i"], line["status"], line["ms"], line.get("body", ""),
                      line.get("error", ""), line.get("headers", {})) for line in lines]
        return sorted(shots, key=lambda shot: shot.index)


def post(path, body, token, **headers):
    """A prepared POST of JSON; header names with _ for -."""
    sent = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return {"method": "POST", "path": path, "headers": sent, "body": json.dumps(body)}


def fire(port, requests, **how):
    """All of them, to the end."""
    return Volley(port, requests, **how).finish()


def tally(shots):
    """How often each (status, code) was answered."""
    return Counter((shot.status, shot.code) for shot in shots)
