"""
A client's answer when something is down: JSON of the one shape, Retry-After where a retry can help,
and soon. Each trouble ends with the same workers serving again.

Fails where a front end gets HTML, or waits without a bound.
"""

import signal
import time
from functools import partial

import pytest

from harness import client
from harness.client import refused
from harness.cutover import MONOLITH_PROCESS, Cutover
from harness.volley import tally
from harness.wait import until

METHODS = "/api/payments/methods"


@pytest.fixture
def make(cluster):
    made = []

    def start(mode, **how):
        stack = Cutover(cluster, **how)
        made.append(stack)
        stack.start()
        stack.expect_errors = True
        stack.set_mode(mode, "bookings", reload=False)
        stack.set_mode(mode)
        return stack

    yield start
    if not cluster.running():
        cluster.start()
    for stack in made:
        stack.stop()


def within(limit_s, ask):
    """The answer, and that it came in time."""
    begun = time.monotonic()
    answer = ask()
    assert time.monotonic() - begun < limit_s, answer
    return answer


def serves_again(stack):
    until("it pays again", lambda: stack.process(stack.reserve()).status == 200, 5)
    stack.audit()


def begin_payments(stack):
    """A call for each way to begin a payment."""
    bodies = {
        MONOLITH_PROCESS: {"reservationId": client.new_id(), "paymentMethod": "kakao_pay"},
        "/bookings": {"performanceId": client.new_id(), "seatIds": ["A1"], "paymentMethod": "CREDIT_CARD"},
        "/payments/execute": {"paymentIntentId": client.new_id(), "paymentMethodToken": "t", "cvv": "111"}}
    return [partial(client.request, stack.pool.port, "POST", path, token=stack.token, body=body)
            for path, body in bodies.items()]


@pytest.mark.parametrize("mode, by", [("on", "payments"), ("drain", "nginx")])
def test_database_away(make, cluster, mode, by):
    stack = make(mode)
    pids = set(stack.pool.worker_pids())
    cluster.stop("immediate")
    for ask in begin_payments(stack):
        answer = within(4, ask)
        refused(answer, 503, "SERVICE_UNAVAILABLE", retry_after=True)
        assert answer.header("X-Served-By") == by
    refused(within(4, lambda: stack.get("/bookings/my", token=stack.token)), 503, "SERVICE_UNAVAILABLE",
            retry_after=True)
    assert stack.get(METHODS).status == 200, "what needs no database is answered"
    cluster.start()
    stack.set_mode("on", "bookings", reload=False)
    stack.set_mode("on")
    serves_again(stack)
    assert set(stack.pool.worker_pids()) == pids


def test_monoliths_own_error_is_unchanged(make, cluster):
    """In mode off nothing has changed: the monolith's own error comes through unchanged."""
    stack = make("off")
    cluster.stop("immediate")
    answer = within(4, lambda: stack.monolith_process(client.new_id()))
    assert (answer.status, answer.header("X-Served-By")) == (500, "monolith"), answer
    assert answer.json["success"] is False


@pytest.mark.parametrize("state, reason", [
    ("ALTER SCHEMA payments RENAME TO elsewhere", "cannot be read"),
    ("UPDATE payments.schema_versions SET number = number - 100", "run payctl migrate")])
def test_schema_too_old(make, state, reason):
    stack = make("on")
    stack.database.rows(state)
    ready = stack.pool.http("GET", "/health/ready")
    assert reason in refused(ready, 503, "SERVICE_UNAVAILABLE", retry_after=True)["reason"]
    if "RENAME" in state:
        for ask in begin_payments(stack):
            refused(within(4, ask), 503, "SERVICE_UNAVAILABLE", retry_after=True)
    assert stack.get(METHODS).status == 200
    stack.database.rows("ALTER SCHEMA elsewhere RENAME TO payments" if "RENAME" in state
                        else "UPDATE payments.schema_versions SET number = number + 100")
    assert stack.pool.http("GET", "/health/ready").status == 200
    serves_again(stack)


def test_schema_newer(make, cluster):
    """Schemas only grow: an older build goes on with a newer one, and payctl check says so."""
    stack = make("on")
    stack.database.rows("INSERT INTO payments.schema_versions (number, name, checksum) VALUES (900, 'later', 'x')")
    stack.database.rows("ALTER TABLE payments.intents ADD COLUMN later text DEFAULT 'x'")
    assert stack.pool.http("GET", "/health/ready").status == 200
    serves_again(stack)
    said = cluster.payctl(stack.database.url(), "check", check=False)
    assert said.returncode == 1 and "this build knows" in said.stdout, said


def test_backlog_full(make):
    """
    A request without room in the backlog is refused at once; those in it are served when the worker
    goes on.
    """
    stack = make("on", workers=1, direct=True)
    stack.pool.listener.listen(4)
    child, = stack.pool.children
    child.send_signal(signal.SIGSTOP)
    try:
        volley = stack.volley([{"method": "GET", "path": METHODS}] * 40, burst=True)
        time.sleep(1)
    finally:
        child.send_signal(signal.SIGCONT)
    shots = volley.finish()
    counted = tally(shots)
    assert set(counted) == {(200, None), (502, "SERVICE_UNAVAILABLE")}, counted
    assert counted[(502, "SERVICE_UNAVAILABLE")] >= 20, counted
    for shot in shots:
        if shot.status == 502:
            assert shot.ms < 500 and "retry-after" in shot.headers, shot
            assert shot.headers["content-type"] == "application/json; charset=utf-8"
    serves_again(stack)


@pytest.mark.parametrize("mode", ["off", "shadow", "canary 50", "on"])
def test_no_side_answers_in_any_mode(make, mode):
    """Both sides down: nginx's own JSON, whichever side was meant."""
    stack = make(mode)
    stack.pool.stop_workers()
    stack.stop_monolith()
    for ask in (*begin_payments(stack), lambda: stack.get(METHODS), lambda: stack.get("/bookings/my")):
        answer = within(4, ask)
        refused(answer, 502, "SERVICE_UNAVAILABLE", retry_after=True)
        assert answer.header("X-Served-By") == "nginx"
    stack.pool.start_workers()
    stack.start_monolith()
    serves_again(stack)
