"""
The admin listener: health, readiness, status and metrics, for a monitor of the pool.

Fails where the monitor gets no answer when it matters (all threads busy, the database away), or
gets the counts of one process instead of the pool's.
"""

import os
import signal
import threading
import time

import pytest

from harness.wait import free_port, until
from harness.watch import ask, counted


def refused(answer):
    """What an answer of 503 says; None of any other."""
    return answer[1] if answer[0] == 503 else None


@pytest.fixture
def watched(make_stack, tmp_path):
    def make(**settings):
        tmp_path.chmod(0o777)
        for folder in tmp_path.parents[:2]:
            folder.chmod(0o755)
        port = free_port()
        stack = make_stack(workers=2, settings={"PAYMENTS_ADMIN_LISTEN": f"127.0.0.1:{port}",
                                                "PAYMENTS_METRICS_FILE": tmp_path / "metrics", **settings})
        return stack, port
    return make


APPROVED = "payments_approved_total"
ANSWERED = 'payments_requests_total{route="POST process",status="2xx"}'


def test_counts_are_the_pools_and_outlive_a_worker(watched):
    stack, port = watched()
    for _ in range(20):
        assert stack.process(stack.reserve()).status == 200
    assert [counted(port, name) for name in (APPROVED, ANSWERED)] == [20, 20]
    # a claim and a settlement each, one after the other: batches of one
    assert [counted(port, f"payments_{name}_total") for name in ("batches", "batched")] == [40, 40]
    assert counted(port, "payments_processes") == 2
    before = set(stack.pool.worker_pids())
    os.kill(sorted(before)[0], signal.SIGKILL)
    until("multiwatch starts another", lambda: len(set(stack.pool.worker_pids()) - before) == 1)
    until("it is counted", lambda: counted(port, "payments_processes") == 2)
    assert stack.process(stack.reserve()).status == 200
    assert [counted(port, name) for name in (APPROVED, ANSWERED)] == [21, 21]


def test_answers_while_every_thread_is_busy(watched):
    stack, port = watched(PAYMENTS_THREADS=1, PAYMENTS_MOCK_MIN_DELAY_MS=2500,
                          PAYMENTS_MOCK_MAX_DELAY_MS=2500)
    callers = [threading.Thread(target=stack.process, args=(stack.reserve(),)) for _ in range(2)]
    for caller in callers:
        caller.start()
    until("both threads are at the gateway", lambda: counted(port, "payments_requests_busy") == 2)
    began = time.monotonic()
    assert ask(port, "/health")[0] == ask(port, "/ready")[0] == ask(port, "/status")[0] == 200
    assert time.monotonic() - began < 1
    assert all(caller.is_alive() for caller in callers)
    for caller in callers:
        caller.join()


def test_says_when_the_database_is_away(watched):
    stack, port = watched()
    stack.expect_errors = True
    assert ask(port, "/ready")[0] == 200
    stack.cluster.stop()
    try:
        # Two requests may reach two workers, and each caches the state for half a second.
        refusal = until("it is not ready", lambda: refused(ask(port, "/ready")))
        assert refusal.count("the database cannot be reached") == 1
        assert ask(port, "/health")[0] == 200
    finally:
        stack.cluster.start()
    until("it is ready again", lambda: ask(port, "/ready")[0] == 200)


@pytest.mark.parametrize("method, path, status", [("GET", "/", 404), ("GET", "/healthy", 404),
                                                  ("POST", "/health", 405)])
def test_refuses_all_else(watched, method, path, status):
    _, port = watched()
    assert ask(port, path, method)[0] == status
    assert ask(port, "/health")[0] == 200
