"""The two load generators: wrk through nginx, pgbench directly. Both return plain dictionaries."""

import json
import re
import statistics as numbers
import subprocess
import tempfile
import time
from pathlib import Path

import ground
import statements

FOLDER = Path(__file__).resolve().parent


class Wrk:
    """One run of wrk; the requests are lines of a file (see requests.lua)."""

    def __init__(self, port, requests, connections, seconds, threads=1, cycle=False):
        self.folder = tempfile.TemporaryDirectory(prefix="payments-bench-")
        path = Path(self.folder.name) / "requests"
        path.write_text("\n".join(requests) + "\n", encoding="utf-8")
        command = ["wrk", "-t", threads, "-c", connections, "-d", f"{seconds}s", "--timeout", "40s",
                   "-s", FOLDER / "requests.lua", f"http://127.0.0.1:{port}", "--", path,
                   "cycle" if cycle else "once", threads]
        self.begin = time.time()
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def finish(self):
        out, err = self.process.communicate(timeout=600)
        self.folder.cleanup()
        assert self.process.returncode == 0, f"wrk: {out}{err}"
        figures = json.loads(out[out.rindex("\n{"):] if "\n{" in out else out)
        errors = {name: figures[name] for name in ("connect", "read", "write", "timeout", "status")
                  if figures[name]}
        assert not errors, f"wrk met errors: {errors}"
        return figures


def process_lines(base, first, count, keyed=False):
    """
    Requests that pay `count` reservations, each with an Idempotency-Key of its own where `keyed`.
    """
    return [f"POST\t/api/v1/payments/process\t{base.tokens[n % ground.USERS]}\t"
            f'{{"reservationId":"{ground.identity("r", n)}","paymentMethod":"kakao_pay"}}'
            + (f'\t{ground.identity("k", n)}' if keyed else "")
            for n in range(first, first + count)]


def wrk(port, requests, connections, seconds, **how):
    return Wrk(port, requests, connections, seconds, **how).finish()


def pgbench(base, script, clients, seconds=None, each=None, variables=None):
    """
    Runs a script for some seconds, or `each` times per client; transactions a second, and how many.
    The first second, in which each connection prepares its statements, is not counted.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".sql", prefix="payments-bench-") as file:
        file.write(script)
        file.flush()
        command = ["pgbench", "-n", "-M", "prepared", "-c", clients, "-j", min(clients, 2),
                   "-f", file.name, "-h", base.cluster.folder, "-p", base.cluster.port,
                   "-U", "payments_service"]
        command += ["-T", seconds + 1, "-P", 1] if each is None else ["-t", each]
        known = {"n": -1, "clients": clients, "users": ground.USERS, "seats": ground.SEATS, "none": "none",
                 "request": "9f0c2b6a1d3e4f509f0c2b6a1d3e4f50", "body": "-",
                 "empty": "{}", "newest": "infinity", "last": "ffffffff-ffff-ffff-ffff-ffffffffffff",
                 "most": 51}
        for name, value in (known | (variables or {})).items():
            command += ["-D", f"{name}={value}"]
        command += [base.database.name]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                              timeout=600)
    assert done.returncode == 0 and "aborted" not in done.stderr, f"pgbench: {done.stdout}{done.stderr}"
    count = int(re.search(r"^number of transactions actually processed: (\d+)", done.stdout, re.M).group(1))
    failed = re.search(r"^number of failed transactions: (\d+)", done.stdout, re.M)
    assert not failed or failed.group(1) == "0", done.stdout
    each_second = [float(rate) for rate in re.findall(r"^progress: [0-9.]+ s, ([0-9.]+) tps", done.stderr, re.M)]
    overall = float(re.search(r"^tps = ([0-9.]+) \(without", done.stdout, re.M).group(1))
    return {"tps": numbers.mean(each_second[1:] or [overall]), "count": count}


def payments(base, clients, seconds, supply):
    """The payment of the yardstick, statement by statement, without the service."""
    return pgbench(base, statements.script(statements.PAYMENT), clients, seconds,
                   variables={"base": base.reserve(supply)})
