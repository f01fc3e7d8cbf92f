"""
Workers that die, stop or wait at a named point: the fault build, a single worker process on a
socket of its own, and ways to settle quickly what it left behind.
"""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from . import build, client, fastcgi
from .pool import DEFAULTS, EXIT_WITHIN_S, PEOPLE

NEVER_MS = 600000  # a janitor that never runs within a test
STOPPED_WITHIN_S = 5

# No process holds what is left behind: all that waits for its time is due now.
HURRY = (
    "UPDATE payments.attempts SET next_look_at = clock_timestamp() WHERE status IN ('sent', 'unknown')",
    "UPDATE payments.refunds SET next_try_at = clock_timestamp() WHERE status = 'pending'",
    "UPDATE payments.janitor_tasks SET next_at = clock_timestamp() WHERE name IN ('heal', 'patrol')",
)

UNSETTLED = """
SELECT 'attempt ' || id || ' is ' || status FROM payments.attempts WHERE status IN ('sent', 'unknown')
UNION ALL
SELECT 'refund ' || id || ' is ' || status FROM payments.refunds WHERE status <> 'done'
UNION ALL
SELECT 'intent ' || id || ' is ' || status FROM payments.intents
WHERE status IN ('processing', 'unknown', 'refund_pending')
UNION ALL
SELECT 'intent ' || i.id || ' succeeded, reservation ' || r.id || ' is ' || r.status || '/' || r.payment_status
FROM payments.intents i JOIN public.reservations r ON r.id = i.reservation_id
WHERE i.status = 'succeeded' AND (r.status, r.payment_status) <> ('confirmed', 'completed')
"""

# What the audit cannot see: money that is neither with the shop for a ticket nor back with the
# customer, and locked seats without a pending reservation.
STRAY = """
SELECT 'intent ' || i.id || ' (' || i.status || ', ' || r.status || '/' || r.payment_status || '): ' || x.kept
	|| ' won kept of ' || i.amount_krw
FROM payments.intents i JOIN public.reservations r ON r.id = i.reservation_id
CROSS JOIN LATERAL (SELECT
	coalesce((SELECT sum(amount_krw) FROM payments.attempts WHERE intent_id = i.id AND status = 'approved'), 0) -
	coalesce((SELECT sum(amount_krw) FROM payments.refunds WHERE intent_id = i.id AND status = 'done'), 0) AS kept) x
WHERE x.kept <> CASE WHEN i.status = 'succeeded' THEN i.amount_krw ELSE 0 END
UNION ALL
SELECT 'seat ' || s.id || ' is locked for ' || string_agg(r.id || ' ' || r.status || '/' || r.payment_status, ', ')
FROM public.seats s JOIN public.reservation_items t ON t.seat_id = s.id
JOIN public.reservations r ON r.id = t.reservation_id
WHERE s.status = 'locked' GROUP BY s.id HAVING NOT bool_or(r.status = 'pending')
"""


@contextmanager
def scratch():
    """A folder that the workers' user can enter."""
    with tempfile.TemporaryDirectory(prefix="payments-faults-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def fault_build():
    """
    The folder of a build with fault points, beside the one under test; built where it is missing.
    """
    given = os.environ.get("PAYMENTS_FAULT_BUILD")
    folder = Path(given) if given else build.BUILD.parent / "test-fault"
    folder.mkdir(exist_ok=True)
    if not (folder / "Makefile").exists():
        build.run([build.REPO / "configure", "-q", "--enable-werror", "--enable-fault-points"],
                  timeout_s=300, cwd=folder)
    build.run(["make", "-s", f"-j{os.cpu_count()}", "all"], timeout_s=600, cwd=folder)
    return folder


class Worker:
    """One payments-fcgi on a socket of its own. `fault` is point:hit:action."""

    def __init__(self, folder, database, settings, *, program, fault=None, janitor_ms=NEVER_MS):
        self.folder = Path(tempfile.mkdtemp(prefix="worker-", dir=folder))
        self.folder.chmod(0o755)
        self.socket = self.folder / "sock"
        self.log = self.folder / "log"
        environment = {"PATH": build.SYSTEM_PATH, "DATABASE_URL": database.url(),
                       "PAYMENTS_THREADS": "8", "PAYMENTS_SPARE_THREADS": "1",
                       "PAYMENTS_DB_CONNECTIONS": "4", "PAYMENTS_LOG_LEVEL": "warn"}
        environment |= {name: str(value) for name, value in (DEFAULTS | settings).items()}
        environment["PAYMENTS_JANITOR_INTERVAL_MS"] = str(janitor_ms)
        if fault:
            environment["FAULT_POINT"] = fault
        with socket.socket(socket.AF_UNIX) as listener, open(self.log, "ab") as log:
            listener.bind(str(self.socket))
            build.give_to(self.socket, PEOPLE)
            listener.listen(64)
            self.process = subprocess.Popen(
                [str(program)], env=environment, stdin=listener, stdout=log, stderr=log,
                cwd=self.folder, user=PEOPLE if build.IS_ROOT else None)

    @property
    def pid(self):
        return self.process.pid

    def post(self, path, token, body, key=None, **how):
        """The answer; None where the worker died first. Without a body it is a GET."""
        headers = [("HTTP_AUTHORIZATION", f"Bearer {token}")]
        headers += [("HTTP_IDEMPOTENCY_KEY", key)] if key else []
        try:
            if body is None:
                return fastcgi.get(self.socket, client.MOUNT + path, headers, **how)
            return fastcgi.post(self.socket, client.MOUNT + path, headers, json.dumps(body).encode(), **how)
        except ConnectionError:
            return None

    def _state(self):
        try:
            return Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return "X"

    def wait_stopped(self, given_up=lambda: False, within_s=STOPPED_WITHIN_S):
        """
        True once it has stopped at its point; False where it passed it (given_up) or took too long.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self._state() in "TZX":
                return True
            if given_up():
                return self._state() in "TZX"
            time.sleep(0.002)
        return False

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait(EXIT_WITHIN_S)

    def crashed(self):
        """Its exit status, None while it runs."""
        return self.process.poll()


def settle(database, make_worker, within_s=15):
    """Has the janitor of one healthy worker settle everything. What is left unsettled, as text."""
    worker = make_worker()
    try:
        return settle_with(database, within_s)
    finally:
        worker.kill()


def settle_with(database, within_s=15):
    """The same by janitors that already run."""
    deadline = time.monotonic() + within_s
    while True:
        for sql in HURRY:
            database.rows(sql)
        left = [text for text, in database.rows(UNSETTLED)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)


def problems(database):
    """Violations once everything is settled: the audit's findings, and those it cannot see."""
    found = [text for text, in database.rows(STRAY)]
    done = database.cluster.payctl(database.url(), "audit", check=False)
    if done.returncode:
        found += [line for line in (done.stdout + done.stderr).splitlines() if " ok" not in line]
    return found


def books_differ(database, gateway, user):
    """
    For each attempt of a user: the gateway kept the amount that we record, and executed no confirm
    twice.
    """
    books = {order: (one["balance"] if one["confirms"] else 0, one["confirms"])
             for order, one in gateway.books().items()}
    ours = dict(database.rows(
        "SELECT a.id::text, CASE a.status WHEN 'approved' THEN a.amount_krw ELSE 0 END - coalesce((SELECT "
        "sum(amount_krw) FROM payments.refunds f WHERE f.attempt_id = a.id AND f.status = 'done'), 0)::bigint "
        "FROM payments.attempts a JOIN payments.intents i ON i.id = a.intent_id WHERE i.user_id = %s", user))
    found = [f"attempt {order}: the gateway kept {books.get(order, (0, 0))[0]} won, we say {won}"
             for order, won in ours.items() if books.get(order, (0, 0))[0] != won]
    found += [f"order {order} was confirmed {confirms} times"
              for order, (_, confirms) in books.items() if confirms > 1]
    return found + [f"order {order} of {won} won is not ours" for order, (won, _) in books.items()
                    if won and order not in ours]
