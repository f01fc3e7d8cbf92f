"""
Stopping and replacing workers: an idle one ends at once, a busy one finishes its requests, and a
rolling restart loses nothing.

Fails where a deployment costs a customer an error, or a worker outlives its stop.
"""

import signal
import time

import pytest

from harness.shared_schema import assert_paid
from harness.volley import tally
from harness.wait import until

SLOW = {"PAYMENTS_MOCK_MIN_DELAY_MS": 1500, "PAYMENTS_MOCK_MAX_DELAY_MS": 1500}
STOPS = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1]


@pytest.mark.parametrize("number", STOPS)
def test_idle_worker_ends_at_once(make_stack, number):
    stack = make_stack(workers=1, direct=True)
    assert stack.process(stack.reserve()).status == 200
    child, = stack.pool.children
    begun = time.monotonic()
    child.send_signal(number)
    assert child.wait(5) == 0
    assert time.monotonic() - begun < 0.5


@pytest.mark.parametrize("number", STOPS)
def test_busy_worker_finishes(make_stack, number):
    stack = make_stack(workers=1, direct=True, settings=SLOW)
    reservations = stack.shared.reserve(stack.user, 30)
    volley = stack.volley([stack.process_request(one) for one in reservations], burst=True)
    until("all are at the gateway", lambda: stack.shared.open_attempts() == 30)
    child, = stack.pool.children
    child.send_signal(number)
    shots = volley.finish()
    assert tally(shots) == {(200, None): 30}
    assert child.wait(5) == 0
    for reservation in reservations:
        assert_paid(stack.shared, reservation)


def test_requests_meanwhile_go_to_the_others(make_stack):
    """A draining worker accepts no new request: its sibling on the same socket does."""
    stack = make_stack(workers=2, direct=True, settings=SLOW)
    first = stack.volley([stack.process_request(one)
                          for one in stack.shared.reserve(stack.user, 20)], burst=True)
    until("all are at the gateway", lambda: stack.shared.open_attempts() == 20)
    stack.pool.children[0].terminate()
    time.sleep(0.4)  # by then no thread of it may accept
    stayed = stack.pool.children[1].pid
    second = stack.fire([stack.process_request(one)
                         for one in stack.shared.reserve(stack.user, 20)], burst=True)
    assert tally(first.finish()) == {(200, None): 20}
    assert tally(second) == {(200, None): 20}
    ids = {shot.headers["x-request-id"] for shot in second}
    assert {line["pid"] for line in stack.pool.log_lines("request")
            if line["requestId"] in ids} == {stayed}
    assert stack.pool.children[0].wait(5) == 0


@pytest.mark.parametrize("direct", [False, True], ids=["multiwatch", "direct"])
def test_rolling_restart_loses_nothing(make_stack, direct):
    stack = make_stack(workers=3, direct=direct, settings={
        "PAYMENTS_MOCK_MIN_DELAY_MS": 100, "PAYMENTS_MOCK_MAX_DELAY_MS": 400})
    before = set(stack.pool.worker_pids())
    reservations = stack.shared.reserve(stack.user, 600)
    volley = stack.volley([stack.process_request(one) for one in reservations], rate=120)
    time.sleep(0.5)
    stack.pool.restart_rolling()
    assert not before & set(stack.pool.worker_pids())
    shots = volley.finish()
    assert tally(shots) == {(200, None): 600}
    paid = stack.database.value("SELECT count(*) FROM public.reservations WHERE "
                                "payment_status = 'completed' AND status = 'confirmed'")
    assert paid >= 600


def test_drain_is_bounded(make_stack):
    """
    A request that does not end must not keep the worker: it exits 1, and the payment is settled
    after its lease.
    """
    stack = make_stack(workers=2, direct=True, settings={
        "PAYMENTS_DRAIN_SECONDS": 1, "PAYMENTS_MOCK_MIN_DELAY_MS": 3500,
        "PAYMENTS_MOCK_MAX_DELAY_MS": 3500, "PAYMENTS_MOCK_DEADLINE_MS": 4000,
        "PAYMENTS_MOCK_LEASE_MS": 4500})
    stack.expect_errors = True
    reservations = stack.shared.reserve(stack.user, 6)
    volley = stack.volley([stack.process_request(one) for one in reservations], burst=True)
    until("all are at the gateway", lambda: stack.shared.open_attempts() == 6)
    first, second = stack.pool.children
    busy = {shot for shot in (first, second)}
    for child in busy:
        child.terminate()
    codes = {child.wait(3) for child in busy}
    assert codes <= {0, 1} and 1 in codes
    assert set(tally(volley.finish())) == {(502, "SERVICE_UNAVAILABLE")}
    stack.pool.children.clear()
    stack.pool.start_child()
    stack.settled(4.5 + 10)


def test_reload(make_stack, tmp_path):
    """SIGHUP applies a good set of settings and rejects a bad one, without a restart."""
    configuration = tmp_path / "payments.conf"
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o755)
    configuration.write_text("PAYMENTS_MOCK_MODE=approve\n")
    stack = make_stack(workers=1, direct=True,
                       settings={"PAYMENTS_CONFIG": configuration})
    child, = stack.pool.children

    def reload_with(text, event_count):
        configuration.write_text(text)
        child.send_signal(signal.SIGHUP)
        until("the reload is logged", lambda: len(
            [line for line in stack.pool.log_lines() if "reload" in line["event"]
             or "settings" in line["event"]]) >= event_count)

    seen = len([line for line in stack.pool.log_lines()
                if "reload" in line["event"] or "settings" in line["event"]])
    reload_with("PAYMENTS_MOCK_MODE=decline\n", seen + 1)
    until("declines", lambda: stack.process(stack.reserve()).status == 402, 3)
    stack.expect_errors = True
    reload_with("PAYMENTS_MOCK_MODE=maybe\n", seen + 2)
    time.sleep(0.3)
    assert stack.process(stack.reserve()).status == 402
    assert child.poll() is None
