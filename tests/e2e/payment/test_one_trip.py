"""
The ordinary payment is claimed and settled in one trip each, where the database itself decides. A
request with an Idempotency-Key takes the other way, where the service decides on what it has read.

Fails where the two ways do not decide alike, where the short one writes although it should not, or
where the ordinary payment no longer takes it.
"""

import itertools
import threading
from dataclasses import dataclass

import pytest

from harness import client
from harness.client import new_id
from harness.faults import NEVER_MS
from harness.stack import Stack
from harness.wait import until
from harness.shared_schema import assert_paid

RESERVATIONS = [("pending", "pending"), ("pending", "failed"), ("pending", "completed"), ("pending", "refunded"),
                ("confirmed", "completed"), ("confirmed", "pending"), ("cancelled", "pending"),
                ("cancelled", "failed"), ("cancelled", "refunded"), ("expired", "failed"), ("expired", "pending")]
DEADLINES = ["NULL", "LOCALTIMESTAMP - interval '1 s'", "LOCALTIMESTAMP + interval '1 s'",
             "LOCALTIMESTAMP + interval '5 min'"]  # the margin is 3 s
SEATS = ["locked", "available", "reserved"]  # the second of two; the first is locked
INTENTS = ["requires_payment", "processing", "unknown", "succeeded", "failed", "cancelled", "expired",
           "refund_pending", "refunded", "needs_review"]


@dataclass(frozen=True)
class Case:
    reservation: tuple = RESERVATIONS[0]
    deadline: str = DEADLINES[3]
    seat: str = "locked"
    intent: str = None
    attempts: int = 0


CASES = [Case(*parts) for parts in itertools.product(RESERVATIONS, DEADLINES, SEATS)] + \
    [Case(reservation, deadline, intent=intent, attempts=attempts) for reservation, deadline, intent, attempts
     in itertools.product([RESERVATIONS[0], RESERVATIONS[4], RESERVATIONS[7]], DEADLINES[1:4:2], INTENTS, [0, 4, 5])]


@pytest.fixture(scope="module")
def planted(cluster):
    """A stack whose rows are made up, and taken away before anybody audits them."""
    stack = Stack(cluster, settings={"PAYMENTS_JANITOR_INTERVAL_MS": NEVER_MS, "PAYMENTS_MOCK_MIN_DELAY_MS": 0,
                                     "PAYMENTS_MOCK_MAX_DELAY_MS": 0}).start()
    yield stack
    stack.stop()


def plant(stack, case):
    one = stack.reserve(seats=2)
    stack.database.rows(f"UPDATE public.reservations SET status = %s, payment_status = %s, expires_at = {case.deadline} "
                        "WHERE id = %s", *case.reservation, one.id)
    stack.database.rows("UPDATE public.seats SET status = %s WHERE id = %s", case.seat, one.seats[1])
    if case.intent:
        stack.database.rows(
            "INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, payment_method, status, "
            "attempt_id, attempts) VALUES (%s, %s, %s, 'booking', %s, 'kakao_pay', %s, %s, %s)",
            new_id(), one.id, stack.user, one.amount, case.intent, new_id(), case.attempts)
    return one


def found(stack, one):
    """What stands about a reservation, without ids and times."""
    return (stack.database.rows("SELECT status, payment_status, payment_method, expires_at IS NULL "
                                "FROM public.reservations WHERE id = %s", one.id),
            stack.database.rows("SELECT status FROM public.seats WHERE id = ANY (%s::uuid[]) ORDER BY id = %s",
                                one.seats, one.seats[1]),
            stack.database.rows("SELECT origin, amount_krw, payment_method, status, attempts, charged_krw, "
                                "refund_krw, live, settled_at IS NULL, order_id IS NULL, hold_expires_at IS NULL, "
                                "payable_until IS NULL "
                                "FROM payments.intents WHERE reservation_id = %s ORDER BY origin", one.id),
            stack.database.rows("SELECT n, operation, gateway, a.payment_method, a.amount_krw, a.status, a.language, "
                                "a.id = i.attempt_id, finished_at IS NULL FROM payments.attempts a "
                                "JOIN payments.intents i ON i.id = a.intent_id WHERE reservation_id = %s ORDER BY a.id", one.id),
            stack.database.rows("SELECT e.kind, e.status FROM payments.events e JOIN payments.intents i "
                                "ON i.id = e.intent_id WHERE reservation_id = %s ORDER BY e.id", one.id),
            stack.database.rows("SELECT account, l.amount_krw FROM payments.ledger_entries l JOIN payments.intents i "
                                "ON i.id = l.intent_id WHERE reservation_id = %s ORDER BY 1, 2", one.id))


def shape(answer):
    """An answer without what is this payment's own."""
    def strip(value):
        if isinstance(value, dict):
            return {name: strip(part) for name, part in value.items()}
        if isinstance(value, list):
            return [strip(part) for part in value]
        return value if isinstance(value, (bool, int)) else type(value).__name__
    return answer.status, answer.json.get("code"), strip(answer.json)


@pytest.mark.parametrize("cases", [CASES[n::4] for n in range(4)], ids=range(4))
def test_both_ways_decide_alike(planted, cases):
    """On every state of reservation, deadline, seats and intent; a refusal of either way writes nothing."""
    paid = 0
    for case in cases:
        short, careful = plant(planted, case), plant(planted, case)
        before = found(planted, short)
        answers = (planted.process(short), planted.process(careful, headers={"Idempotency-Key": new_id()}))
        assert shape(answers[0]) == shape(answers[1]), case
        assert found(planted, short) == found(planted, careful), case
        if answers[0].status != 200:
            assert found(planted, short) == before, case
        paid += answers[0].status == 200
    assert 0 < paid < len(cases)


def test_no_such_user_and_none_of_his(planted):
    """Somebody else's reservation, and a user who is gone."""
    one = planted.reserve()
    other = planted.shared.user()
    for user, status, code in ((other, 404, "RESERVATION_NOT_FOUND"), (new_id(), 401, "USER_NOT_FOUND")):
        for headers in ({}, {"Idempotency-Key": new_id()}):
            answer = planted.process(one, token=client.token(user), headers=headers)
            assert (answer.status, answer.json["code"]) == (status, code), answer
    assert planted.process(one).status == 200


def trips(stack, answer):
    """How many the request took, by its line of the log, which is written after the answer."""
    identity = answer.header("X-Request-Id")
    return until("it is logged", lambda: [line for line in stack.pool.log_lines("request")
                                          if line["requestId"] == identity])[0]["dbTrips"]


def test_ordinary_payment_takes_two_trips(make_stack):
    stack = make_stack(settings={"PAYMENTS_MOCK_MIN_DELAY_MS": 0, "PAYMENTS_MOCK_MAX_DELAY_MS": 0})
    one, keyed = stack.reserve(seats=3), stack.reserve()
    assert trips(stack, stack.process(one)) == 2
    assert trips(stack, stack.process(keyed, headers={"Idempotency-Key": new_id()})) == 4
    assert_paid(stack.shared, one)
    assert_paid(stack.shared, keyed)


@pytest.mark.parametrize("meddling, status", [
    ("UPDATE public.reservations SET expires_at = LOCALTIMESTAMP WHERE id = %s", 200),
    ("UPDATE public.seats SET status = 'available' WHERE id IN (SELECT seat_id FROM public.reservation_items "
     "WHERE reservation_id = %s)", 200),  # taken back: they were free
    ("UPDATE public.reservations SET status = 'cancelled', payment_status = 'refunded' WHERE id = %s", 409),
    ("UPDATE public.reservations SET status = 'confirmed', payment_status = 'completed' WHERE id = %s", 409)],
    ids=["lapsed", "seats freed", "cancelled", "paid elsewhere"])
def test_changed_at_the_gateway(make_stack, meddling, status):
    """What changes between claim and settlement is not settled over: it is looked at."""
    stack = make_stack(settings={"PAYMENTS_MOCK_MIN_DELAY_MS": 1500, "PAYMENTS_MOCK_MAX_DELAY_MS": 1500})
    one = stack.reserve(seats=2)
    answers = []
    payer = threading.Thread(target=lambda: answers.append(stack.process(one)))
    payer.start()
    until("it is at the gateway", lambda: stack.shared.open_attempts() == 1)
    stack.database.rows(meddling, one.id)
    payer.join()
    assert answers[0].status == status, answers[0]
    charged = stack.database.rows("SELECT a.status, i.charged_krw, i.refund_krw FROM payments.attempts a "
                                  "JOIN payments.intents i ON i.id = a.intent_id WHERE reservation_id = %s", one.id)
    assert charged == [("approved", one.amount, 0 if status == 200 else one.amount)]
    stack.settled()
