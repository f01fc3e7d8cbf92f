"""
Group commit: payments that wait at the same moment are claimed or settled as a batch, in one
transaction. A gate on the table keeps the first transaction busy until the others are queued.

Fails where a payment gets the answer of another, is made twice or not at all, where one that cannot
be in a batch stops the others, or where each still has a transaction of its own.
"""

import json
import signal
import time
from contextlib import contextmanager

import psycopg2
import pytest

from harness import client, faults
from harness.booking import APPROVED, CARD_TOKEN
from harness.client import new_id
from harness.gate import closed_to_writes, writing
from harness.gateway import Gateway
from harness.shared_schema import assert_paid
from harness.stack import process_body
from harness.volley import post, tally
from harness.wait import until

CROWD = 24
QUEUED_S = 0.4  # until requests that were sent are queued; below the lock timeout of 2 s
AT_ONCE = {"PAYMENTS_MOCK_MIN_DELAY_MS": 0, "PAYMENTS_MOCK_MAX_DELAY_MS": 0}
AT_THE_GATEWAY_MS = 1000
AWHILE = {"PAYMENTS_MOCK_MIN_DELAY_MS": AT_THE_GATEWAY_MS, "PAYMENTS_MOCK_MAX_DELAY_MS": AT_THE_GATEWAY_MS}
CLAIMS, SETTLEMENTS = "payments.attempts", "payments.ledger_entries"


@contextmanager
def held(stack, statement, *values):
    """Locks that `statement` takes, until the end of the block."""
    with psycopg2.connect(stack.database.url("postgres")) as connection:
        connection.cursor().execute(statement, values)
        yield
        connection.rollback()
    connection.close()


def waiting(stack):
    """Backends of the service that wait for a lock."""
    return [pid for pid, in stack.database.rows(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")]


def transactions(stack, table, reservations):
    """How many transactions wrote the rows of these reservations."""
    of_attempt = "id" if table == CLAIMS else "attempt_id"
    return stack.database.value(
        f"SELECT count(DISTINCT x.xmin::text) FROM {table} x JOIN payments.intents i ON i.attempt_id = x.{of_attempt} "
        "WHERE i.reservation_id = ANY (%s::uuid[])", [one.id for one in reservations])


def queued(stack, requests, table, then=lambda: None, wait_s=QUEUED_S):
    """
    The first request's transaction waits for the table, the others queue behind it; `then`; they go
    on. The answers.
    """
    with closed_to_writes(stack, table):
        first = stack.volley(requests[:1])
        until("the first is being written", lambda: writing(stack))
        others = stack.volley(requests[1:], most=len(requests), burst=True)
        time.sleep(wait_s)
        then()
    return first.finish() + others.finish()


def pay_all(stack, reservations, table):
    return queued(stack, [stack.process_request(one) for one in reservations], table)


def assert_each_its_own(stack, reservations, shots):
    for one, shot in zip(reservations, shots):
        assert shot.status == 200, shot
        payment, about = shot.json["payment"], shot.json["reservation"]
        assert payment["reservationId"] == one.id and payment["reservationNumber"] == f"TK{one.id}"
        assert payment["totalAmount"] == one.amount
        assert [seat["id"] for seat in about["seats"]] == one.seats
        assert payment["paymentIntentId"] == stack.database.value(
            "SELECT id FROM payments.intents WHERE reservation_id = %s", one.id)
        assert_paid(stack.shared, one)


@pytest.fixture
def one_worker(make_stack):
    return lambda **settings: make_stack(workers=1, settings=AT_ONCE | settings)


@pytest.mark.parametrize("table", [CLAIMS, SETTLEMENTS])
def test_a_crowd_is_written_in_batches(one_worker, table):
    stack = one_worker()
    reservations = [one for seats in (1, 2, 3) for one in stack.shared.reserve(stack.user, CROWD // 3, seats=seats)]
    assert_each_its_own(stack, reservations, pay_all(stack, reservations, table))
    assert transactions(stack, table, reservations) <= 3  # the first, the queued ones, a late one
    logged = [line for line in stack.pool.log_lines("request") if line["route"].endswith("process")]
    assert [line["dbTrips"] for line in logged] == [4] * len(logged) and logged


def test_batches_are_bounded(one_worker):
    stack = one_worker(PAYMENTS_BATCH_MAX=5)
    reservations = stack.shared.reserve(stack.user, CROWD)
    assert_each_its_own(stack, reservations, pay_all(stack, reservations, CLAIMS))
    assert transactions(stack, CLAIMS, reservations) >= CROWD / 5


def test_each_alone_where_the_bound_is_one(one_worker):
    stack = one_worker(PAYMENTS_BATCH_MAX=1)
    reservations = stack.shared.reserve(stack.user, CROWD)
    assert_each_its_own(stack, reservations, pay_all(stack, reservations, CLAIMS))
    assert transactions(stack, CLAIMS, reservations) == CROWD
    assert transactions(stack, SETTLEMENTS, reservations) == CROWD


@pytest.mark.parametrize("table", [CLAIMS, SETTLEMENTS])
def test_both_kinds_of_requests_share_batches(one_worker, table):
    """An intent that a booking made is executed, beside reservations of the monolith."""
    stack = one_worker()
    reservations = stack.shared.reserve(stack.user, 6)
    intents = {}
    for one in reservations[::2]:
        intents[one.id] = new_id()
        stack.database.rows(
            "INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, payment_method, status) "
            "VALUES (%s, %s, %s, 'booking', %s, 'kakao_pay', 'requires_payment')",
            intents[one.id], one.id, stack.user, one.amount)
        stack.database.rows("INSERT INTO payments.events (intent_id, kind, status) VALUES (%s, 'opened', "
                            "'requires_payment')", intents[one.id])
    requests = [stack.process_request(one) for one in reservations]
    for n, one in enumerate(reservations):
        if one.id in intents:
            requests[n] |= {"path": client.MOUNT + "/execute",
                            "body": json.dumps({"paymentIntentId": intents[one.id], "cvv": APPROVED,
                                                "paymentMethodToken": CARD_TOKEN})}
    shots = queued(stack, requests, table)
    assert [shot.status for shot in shots] == [200] * 6, shots
    for one, shot in zip(reservations, shots):
        assert_paid(stack.shared, one)
        assert (shot.json.get("bookingId") == one.id) == (one.id in intents)
    assert transactions(stack, table, reservations) <= 3


@pytest.mark.parametrize("table", [CLAIMS, SETTLEMENTS])
def test_payments_with_keys_share_batches(one_worker, table):
    """Each key keeps its own answer, and repeats of all of them are one batch of replays."""
    stack = one_worker()
    reservations = stack.shared.reserve(stack.user, CROWD)
    requests = [stack.process_request(one, **{"Idempotency-Key": f"key of {one.id}"}) for one in reservations]
    shots = queued(stack, requests, table)
    assert_each_its_own(stack, reservations, shots)
    assert transactions(stack, table, reservations) <= 3
    before = stack.shared.snapshot()
    again = stack.fire(requests, burst=True)
    assert [shot.body for shot in again] == [shot.body for shot in shots]
    assert {shot.headers.get("idempotency-replayed") for shot in again} == {"true"}
    assert stack.shared.snapshot() == before


def test_one_key_for_two_requests_of_a_batch(one_worker):
    """Of the same request the second is told that the first is in progress; another request is refused."""
    stack = one_worker()
    first, twice, other, ordinary = stack.shared.reserve(stack.user, 4)
    key = {"Idempotency-Key": new_id()}
    shots = queued(stack, [stack.process_request(first), stack.process_request(twice, **key),
                           stack.process_request(twice, **key), stack.process_request(other, **key),
                           stack.process_request(ordinary)], CLAIMS)
    assert [shots[0].status, shots[4].status] == [200, 200], shots
    told = sorted((shot.status, shot.code or "") for shot in shots[1:4])
    # whichever of the three came first has the key; a repeat of it may come when it is settled
    assert told.count((200, "")) in (1, 2) and set(told) <= {
        (200, ""), (409, "IDEMPOTENCY_IN_PROGRESS"), (422, "IDEMPOTENCY_MISMATCH")}, told
    assert len(stack.shared.attempts(twice) + stack.shared.attempts(other)) == 1


def test_each_gets_its_own_refusal(one_worker):
    """In one batch: ordinary ones, one reservation twice, and each reason of a refusal."""
    stack = one_worker()
    shared, other = stack.shared, stack.shared.user()
    ordinary = shared.reserve(stack.user, 8)
    lapsed, = shared.reserve(stack.user, 1, expires_in_s=-10)
    foreign, = shared.reserve(other, 1)
    freed, twice = shared.reserve(stack.user, 2)
    shared.free_seats(freed)
    gone = new_id()
    requests = [stack.process_request(one) for one in ordinary + [twice, lapsed, foreign, freed, new_id(), twice]]
    requests.append(stack.process_request(ordinary[0], token=client.token(gone)))
    shots = queued(stack, requests, CLAIMS)
    assert_each_its_own(stack, ordinary, shots)
    told = [(shot.status, shot.code) for shot in shots[len(ordinary):]]
    twins = {told.pop(5), told.pop(0)}  # the second comes before the first is paid, or after
    assert (200, None) in twins and twins & {(409, "PAYMENT_IN_PROGRESS"), (400, "ALREADY_PAID")}, twins
    assert told == [(400, "RESERVATION_EXPIRED"), (404, "RESERVATION_NOT_FOUND"), (400, "RESERVATION_EXPIRED"),
                    (404, "RESERVATION_NOT_FOUND"), (401, "USER_NOT_FOUND")]
    assert_paid(shared, twice)
    assert transactions(stack, CLAIMS, ordinary) <= 3


def answered(stack):
    return [line for line in stack.pool.log_lines("request")
            if line["route"].endswith("process") and line["status"] == 200]


@pytest.mark.parametrize("table, settings", [(CLAIMS, {}), (SETTLEMENTS, AWHILE)], ids=["claim", "settlement"])
def test_a_locked_one_delays_no_other(one_worker, table, settings):
    stack = one_worker(**settings)
    reservations = stack.shared.reserve(stack.user, CROWD)
    requests = [stack.process_request(one) for one in reservations]
    volley = None
    if settings:
        volley = stack.volley(requests, most=CROWD, burst=True)
        until("all are at the gateway", lambda: stack.shared.open_attempts() == CROWD)
    with held(stack, "SELECT FROM public.reservations WHERE id = %s FOR UPDATE", reservations[CROWD // 2].id):
        with closed_to_writes(stack, table):
            volley = volley or stack.volley(requests, most=CROWD, burst=True)
            until("the first is being written", lambda: writing(stack))
            time.sleep(QUEUED_S)
        until("the others are answered", lambda: len(answered(stack)) == CROWD - 1, 1)
        until("it waits for its holder", lambda: len(waiting(stack)) == 1)
    assert_each_its_own(stack, reservations, volley.finish())


def test_one_changed_at_the_gateway_leaves_the_others_to_settle(one_worker):
    stack = one_worker(**AWHILE)
    reservations = stack.shared.reserve(stack.user, CROWD)
    cancelled, freed = reservations[3], reservations[5]
    volley = stack.volley([stack.process_request(one) for one in reservations], most=CROWD, burst=True)
    until("all are at the gateway", lambda: stack.shared.open_attempts() == CROWD)
    stack.database.rows("UPDATE public.reservations SET status = 'cancelled', payment_status = 'refunded' "
                        "WHERE id = %s", cancelled.id)
    stack.shared.free_seats(freed)  # so the batch fails as a whole
    with closed_to_writes(stack, SETTLEMENTS):
        until("the first is being written", lambda: writing(stack))
        time.sleep(QUEUED_S)
    shots = volley.finish()
    assert shots[3].status == 409, shots[3]
    for n, one in enumerate(reservations):
        if one is not cancelled:
            assert shots[n].status == 200, shots[n]
            assert_paid(stack.shared, one)
    charged = stack.database.row("SELECT a.status, i.charged_krw, i.refund_krw FROM payments.attempts a "
                                 "JOIN payments.intents i ON i.id = a.intent_id WHERE reservation_id = %s", cancelled.id)
    assert charged == ("approved", cancelled.amount, cancelled.amount)
    stack.settled()


@pytest.mark.parametrize("table", [CLAIMS, SETTLEMENTS])
def test_a_connection_that_dies_under_a_batch(one_worker, table):
    """Nothing of the batch is written; each member runs again alone, once."""
    stack = one_worker()
    stack.expect_errors = True
    reservations = stack.shared.reserve(stack.user, CROWD)

    def kill_two():
        stack.database.rows("SELECT pg_terminate_backend(%s)", writing(stack)[0])
        # the killed one's own, or the batch of the queued ones
        next_ones = until("the next is being written", lambda: writing(stack))
        stack.database.rows("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", next_ones)

    shots = queued(stack, [stack.process_request(one) for one in reservations], table, kill_two)
    assert_each_its_own(stack, reservations, shots)


def kill_under(stack, requests, table):
    begun = []

    def kill():
        for pid in stack.pool.worker_pids():
            stack.pool.signal(pid, signal.SIGKILL)
        begun.extend(writing(stack))

    shots = queued(stack, requests, table, kill)
    until("PostgreSQL has done what it was asked", lambda: not stack.database.rows(
        "SELECT pid FROM pg_stat_activity WHERE pid = ANY (%s)", begun))
    assert {shot.status for shot in shots} == {502}, tally(shots)
    assert faults.settle_with(stack.database) == []


def test_a_worker_that_dies_under_claims(one_worker):
    """
    No charge was made: all can be paid again, also those that PostgreSQL still wrote for the dead
    worker.
    """
    stack = one_worker()
    reservations = stack.shared.reserve(stack.user, CROWD)
    requests = [stack.process_request(one) for one in reservations]
    kill_under(stack, requests, CLAIMS)
    assert stack.database.value("SELECT count(*) FROM payments.ledger_entries") == 0
    assert_each_its_own(stack, reservations, stack.fire(requests))


def test_a_worker_that_dies_under_settlements(make_stack):
    """All were charged: the successor settles them, once."""
    gateway = Gateway()
    try:
        stack = make_stack(workers=1, settings=gateway.start().settings())
        reservations = stack.shared.reserve(stack.user, CROWD)
        requests = [post(client.MOUNT + "/process", process_body(one) | {"paymentKey": f"tgen_{one.id}"}, stack.token)
                    for one in reservations]
        kill_under(stack, requests, SETTLEMENTS)
        for one in reservations:
            assert_paid(stack.shared, one)
        assert faults.books_differ(stack.database, gateway, stack.user) == []
    finally:
        gateway.destroy()


def test_the_wait_in_the_queue_is_bounded(one_worker):
    """A claim that is not reached in time is refused, and not made."""
    stack = one_worker(PAYMENTS_DB_WAIT_MS=200)
    stack.expect_errors = True
    reservations = stack.shared.reserve(stack.user, CROWD)
    shots = queued(stack, [stack.process_request(one) for one in reservations], CLAIMS, wait_s=3 * QUEUED_S)
    assert tally(shots) == {(200, None): 1, (503, "SERVICE_UNAVAILABLE"): CROWD - 1}, tally(shots)
    for one, shot in zip(reservations, shots):
        assert shot.status == 200 or int(shot.headers["retry-after"]) > 0
        assert stack.shared.attempts(one) == (["approved"] if shot.status == 200 else [])
