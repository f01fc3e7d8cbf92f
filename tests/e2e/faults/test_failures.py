"""
Workers killed, PostgreSQL gone and back, all under load: no payment that was answered 200 is
missing, none is charged twice, and open payments are settled soon after their lease.

Fails where money depends on a process or a connection staying alive.
"""

import random
import signal
import threading
import time

import pytest

from harness import client
from harness.client import refused
from harness.shared_schema import assert_paid
from harness.volley import tally
from harness.wait import until

LEASE_MS = 2000
SETTLED_WITHIN_S = LEASE_MS / 1000 + 10
STACK = {"workers": 4, "settings": {
    "PAYMENTS_MOCK_MIN_DELAY_MS": 50, "PAYMENTS_MOCK_MAX_DELAY_MS": 400,
    "PAYMENTS_MOCK_DEADLINE_MS": 1500, "PAYMENTS_MOCK_LEASE_MS": LEASE_MS}}
RATE = 100
SEED = 20261120


def load(stack, count):
    """A payment each 10 ms, each of a reservation of its own."""
    reservations = stack.shared.reserve(stack.user, count)
    volley = stack.volley([stack.process_request(one) for one in reservations], rate=RATE)
    return reservations, volley


def check_outcome(stack, reservations, shots, allowed):
    """For each reservation, the client's answer holds in the database."""
    stack.settled(SETTLED_WITHIN_S)
    assert {shot.status for shot in shots} <= {200, *allowed}, tally(shots)
    for reservation, shot in zip(reservations, shots):
        attempts = stack.shared.attempts(reservation)
        assert attempts.count("approved") <= 1
        if shot.status == 200 or "approved" in attempts:
            assert_paid(stack.shared, reservation)
        else:
            assert stack.shared.state(reservation) == (("pending", "pending"), {"locked"})
            assert stack.shared.ledger(reservation) == ({}, 0)


def retry_all(stack, reservations, shots):
    """The same client can pay each failed one once the trouble is over."""
    failed = [one for one, shot in zip(reservations, shots) if shot.status != 200]
    again = stack.fire([stack.process_request(one) for one in failed]) if failed else []
    assert set(tally(again)) <= {(200, None), (400, "ALREADY_PAID")}, tally(again)
    for reservation in reservations:
        assert_paid(stack.shared, reservation)


# multiwatch abandons a slot after four deaths within ten seconds: here each dies once
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_die_under_load(stack, number):
    chance = random.Random(SEED + number)
    reservations, volley = load(stack, 500)
    for pid in stack.pool.worker_pids():
        time.sleep(chance.uniform(0.3, 1.2))
        stack.pool.signal(pid, number)
    shots = volley.finish()
    until("all workers are back", lambda: len(stack.pool.worker_pids()) == 4)
    check_outcome(stack, reservations, shots, {502} if number == signal.SIGKILL else set())
    retry_all(stack, reservations, shots)


def test_all_workers_die_at_once_with_attempts_open(stack):
    """No process is left that knows of them: the successors find them by their lease."""
    reservations = stack.shared.reserve(stack.user, 40)
    volley = stack.volley([stack.process_request(one) for one in reservations], burst=True)
    until("most are at the gateway", lambda: stack.shared.open_attempts() > 20)
    for pid in stack.pool.worker_pids():
        stack.pool.signal(pid, signal.SIGKILL)
    shots = volley.finish()
    assert tally(shots)[(502, "SERVICE_UNAVAILABLE")] > 0
    check_outcome(stack, reservations, shots, {502})
    retry_all(stack, reservations, shots)


def serves_again(stack):
    """
    Each worker notices by itself, within about a second: the first answer is that of one worker.
    """
    reservation = stack.reserve()
    until("the service pays again", lambda: stack.process(reservation).status == 200, 3)
    assert_paid(stack.shared, reservation)


@pytest.fixture
def outage(stack):
    """The database is up again afterwards, however the test ends."""
    stack.expect_errors = True
    yield stack.cluster
    if not stack.cluster.running():
        stack.cluster.start()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_database_restarts_under_load(stack, outage, mode):
    """The answer is 503 at once while it is away, and the same workers serve when it is back."""
    pids = set(stack.pool.worker_pids())
    reservations, volley = load(stack, 600)
    time.sleep(1.5)
    outage.stop(mode)
    time.sleep(0.5)
    extra = client.new_id()
    for _ in range(5):
        begun = time.monotonic()
        refused(stack.process(extra), 503, "SERVICE_UNAVAILABLE", retry_after=True)
        assert time.monotonic() - begun < 0.5
    refused(stack.pool.http("GET", "/health/ready"), 503, "SERVICE_UNAVAILABLE", retry_after=True)
    assert stack.pool.http("GET", "/health").status == 200
    time.sleep(0.5)
    outage.start()
    serves_again(stack)
    shots = volley.finish()
    counted = tally(shots)
    assert counted[(200, None)] > 200, counted
    assert counted[(503, "SERVICE_UNAVAILABLE")] > 20, counted
    assert all("retry-after" in shot.headers for shot in shots if shot.status == 503)
    assert set(stack.pool.worker_pids()) == pids
    check_outcome(stack, reservations, shots, {503, 504, 500, 409})
    assert counted[(500, "INTERNAL_ERROR")] == 0, counted
    retry_all(stack, reservations, shots)


def test_database_away_while_at_the_gateway(stack, outage):
    """
    The gateway has answered and the result cannot be settled yet: it is, once that is possible.
    """
    reservations = stack.shared.reserve(stack.user, 20)
    volley = stack.volley([stack.process_request(one) for one in reservations], burst=True)
    until("all are at the gateway", lambda: stack.shared.open_attempts() > 10)
    outage.stop("immediate")
    time.sleep(1)
    outage.start()
    shots = volley.finish()
    check_outcome(stack, reservations, shots, {503, 504, 409})
    retry_all(stack, reservations, shots)


def test_worker_starts_without_a_database(stack, outage):
    """multiwatch would abandon a pool that does not start without the database."""
    outage.stop()
    before = set(stack.pool.worker_pids())
    for pid in before:
        stack.pool.signal(pid)
    until("all workers are replaced", lambda: len(set(stack.pool.worker_pids()) - before) == 4)
    pids = set(stack.pool.worker_pids())
    refused(stack.process(client.new_id()), 503, "SERVICE_UNAVAILABLE", retry_after=True)
    time.sleep(1)
    outage.start()
    serves_again(stack)
    assert set(stack.pool.worker_pids()) == pids


def test_a_claim_that_the_database_has_lost(make_stack):
    """After a failover without its last commits: the client is told at once that the result is open."""
    stack = make_stack(settings={"PAYMENTS_MOCK_MIN_DELAY_MS": 1000, "PAYMENTS_MOCK_MAX_DELAY_MS": 1000})
    stack.expect_errors = True
    reservation, answers = stack.reserve(), []
    payer = threading.Thread(target=lambda: answers.append(stack.process(reservation)))
    payer.start()
    until("it is at the gateway", lambda: stack.shared.open_attempts() == 1)
    for table in ("attempts", "events", "intents"):
        stack.database.rows(f"DELETE FROM payments.{table}")
    from_s = time.monotonic()
    payer.join()
    assert answers[0].status == 504 and time.monotonic() - from_s < 5
    assert stack.pool.log_lines("attempt_missing")
