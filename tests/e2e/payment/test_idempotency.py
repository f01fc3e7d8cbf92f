"""
Idempotency-Key as docs/api.md has it: a repeated request is the same payment, answered again.

Fails where a retry after a lost answer charges again, or where a key answers for another request,
another user or another operation.
"""

import threading
import time

import psycopg2
import pytest

from harness import client
from harness.client import new_id, refused
from harness.shared_schema import assert_paid
from harness.wait import until

STACK = {"workers": 2}


def keyed(stack, reservation, key, **how):
    return stack.process(reservation, headers={"Idempotency-Key": key}, **how)


def stored(stack, key):
    return stack.database.rows("SELECT http FROM payments.idempotency_keys WHERE key = %s", key)


def test_repeat_gets_the_stored_answer(stack):
    reservation, key = stack.reserve(), new_id()
    first = keyed(stack, reservation, key)
    assert first.status == 200 and first.header("Idempotency-Replayed") is None
    before = stack.shared.snapshot()
    for _ in range(3):
        again = keyed(stack, reservation, key)
        assert (again.status, again.body) == (200, first.body)
        assert again.header("Idempotency-Replayed") == "true"
    assert stack.shared.snapshot() == before
    assert_paid(stack.shared, reservation)


def test_same_meaning_by_other_bytes_is_the_same(stack):
    """Spaces, order and unknown fields make no other request; upper case makes no other id."""
    reservation, key = stack.reserve(), new_id()
    first = keyed(stack, reservation, key)
    body = f'{{ "x": 1, "paymentMethod":"kakao_pay" , "reservationId":"{reservation.id.upper()}"}}'
    again = stack.pool.http("POST", "/process", token=stack.token, body=body,
                            headers={"Idempotency-Key": key})
    assert (again.status, again.body) == (200, first.body)


def test_other_body_is_refused(stack):
    reservation, other = stack.shared.reserve(stack.user, 2)
    key = new_id()
    assert keyed(stack, reservation, key).status == 200
    before = stack.shared.snapshot()
    refused(keyed(stack, other, key), 422, "IDEMPOTENCY_MISMATCH")
    refused(keyed(stack, reservation, key, method="naver_pay"), 422, "IDEMPOTENCY_MISMATCH")
    assert stack.shared.snapshot() == before
    assert keyed(stack, other, new_id()).status == 200


def test_key_is_its_users_own(stack):
    key = new_id()
    other = stack.shared.user()
    theirs = stack.shared.reserve_one(other)
    assert keyed(stack, stack.reserve(), key).status == 200
    answer = keyed(stack, theirs, key, token=client.token(other))
    assert answer.status == 200 and answer.header("Idempotency-Replayed") is None
    assert_paid(stack.shared, theirs)


@pytest.mark.parametrize("key", ["k", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "a b~!"])
def test_key_of_printable_ascii_is_taken(stack, key):
    reservation = stack.reserve()
    assert keyed(stack, reservation, key).status == 200
    assert keyed(stack, reservation, key).header("Idempotency-Replayed") == "true"


@pytest.mark.parametrize("key", ["", "x" * 256, "좌석".encode(), "a\tb", b"\x7f"])
def test_other_key_is_refused(stack, key):
    reservation = stack.reserve()
    before = stack.shared.snapshot()
    refused(keyed(stack, reservation, key), 400, "INVALID_IDEMPOTENCY_KEY")
    assert stack.shared.snapshot() == before
    assert keyed(stack, reservation, new_id()).status == 200


def test_refused_by_validation_is_not_stored(stack):
    """A corrected retry may use the key again."""
    reservation, key = stack.reserve(), new_id()
    header = {"Idempotency-Key": key}
    for token, body, status in (
            (stack.token, {}, 400), (stack.token, "{", 400), ("rubbish", {}, 403),
            (client.token(new_id()), {}, 401),
            (stack.token, {"reservationId": "x", "paymentMethod": "kakao_pay"}, 400),
            (stack.token, {"reservationId": reservation.id, "paymentMethod": "x"}, 400)):
        answer = stack.pool.http("POST", "/process", token=token, body=body, headers=header)
        assert answer.status == status, answer
    assert stored(stack, key) == []
    answer = keyed(stack, reservation, key)
    assert answer.status == 200 and answer.header("Idempotency-Replayed") is None


def test_refused_by_state_is_not_stored(stack):
    """It is not recorded, so the key is free for a reservation that can be paid."""
    late, good, key = stack.reserve(expires_in_s=-1), stack.reserve(), new_id()
    refused(keyed(stack, late, key), 400, "RESERVATION_EXPIRED")
    assert stored(stack, key) == []
    assert keyed(stack, good, key).status == 200


def test_under_way(make_stack):
    stack = make_stack(workers=2, settings={"PAYMENTS_MOCK_MIN_DELAY_MS": 1200,
                                            "PAYMENTS_MOCK_MAX_DELAY_MS": 1200})
    reservation, other = stack.shared.reserve(stack.user, 2)
    key, first = new_id(), []
    payer = threading.Thread(target=lambda: first.append(keyed(stack, reservation, key)))
    payer.start()
    until("the first is claimed", lambda: stack.shared.attempts(reservation) == ["sent"])
    before = stack.shared.snapshot()
    refused(keyed(stack, reservation, key), 409, "IDEMPOTENCY_IN_PROGRESS", retry_after=True)
    refused(keyed(stack, other, key), 422, "IDEMPOTENCY_MISMATCH")
    refused(keyed(stack, reservation, new_id()), 409, "PAYMENT_IN_PROGRESS", retry_after=True)
    assert stack.shared.snapshot() == before
    payer.join()
    again = keyed(stack, reservation, key)
    assert (again.status, again.body) == (200, first[0].body)


def test_decline_is_final_and_stored(make_stack):
    """The same key is the same attempt: its answer is repeated. Another key is another attempt."""
    stack = make_stack(workers=1, settings={"PAYMENTS_MOCK_MODE": "decline"})
    reservation, key = stack.reserve(), new_id()
    first = keyed(stack, reservation, key)
    refused(first, 402, "PAYMENT_DECLINED")
    again = keyed(stack, reservation, key)
    assert (again.status, again.json["code"]) == (402, "PAYMENT_DECLINED")
    assert again.header("Idempotency-Replayed") == "true"
    assert again.json["failure"] == first.json["failure"]
    assert stack.shared.attempts(reservation) == ["declined"]
    refused(keyed(stack, reservation, new_id()), 402, "PAYMENT_DECLINED")
    assert stack.shared.attempts(reservation) == ["declined", "declined"]


def test_unknown_is_taken_up_where_it_stands(make_stack):
    """504 is not stored; once the janitor knows the gateway's result, the key answers with it."""
    stack = make_stack(workers=1, settings={
        "PAYMENTS_MOCK_MODE": "silent", "PAYMENTS_MOCK_DEADLINE_MS": 500,
        "PAYMENTS_MOCK_LEASE_MS": 1000})
    reservation, key = stack.reserve(), new_id()
    refused(keyed(stack, reservation, key), 504, "PAYMENT_RESULT_UNKNOWN", retry_after=True)
    assert stored(stack, key) in ([], [(None,)])
    stack.settled()
    answer = keyed(stack, reservation, key)
    assert answer.status == 200, answer
    assert answer.json["payment"]["reservationId"] == reservation.id
    assert stack.shared.attempts(reservation) == ["approved"]
    assert_paid(stack.shared, reservation)


def test_lost_reservation_is_stored(make_stack):
    stack = make_stack(workers=1, settings={"PAYMENTS_MOCK_MIN_DELAY_MS": 800,
                                            "PAYMENTS_MOCK_MAX_DELAY_MS": 800})
    reservation, key, first = stack.reserve(), new_id(), []
    payer = threading.Thread(target=lambda: first.append(keyed(stack, reservation, key)))
    payer.start()
    until("it is claimed", lambda: stack.shared.attempts(reservation) == ["sent"])
    stack.shared.cancel(reservation)
    payer.join()
    refused(first[0], 409, "RESERVATION_LOST")
    again = keyed(stack, reservation, key)
    assert (again.status, again.code) == (409, "RESERVATION_LOST"), again
    assert stack.shared.attempts(reservation) == ["approved"]


@pytest.mark.parametrize("loser", ["the service", "the other"])
def test_locks_in_another_order_are_a_retry(stack, loser):
    """
    The build before wrote the key first and locked the rows then; this one locks first. While both run,
    each may wait for the other: PostgreSQL ends one of the two, and the service begins again.
    """
    reservation, key, answers = stack.reserve(), new_id(), []
    with psycopg2.connect(stack.database.url("postgres")) as before:
        cursor = before.cursor()
        cursor.execute("SET LOCAL deadlock_timeout = %s", ("10s" if loser == "the service" else "10ms",))
        cursor.execute("INSERT INTO payments.idempotency_keys (user_id, operation, key, fingerprint, expires_at) "
                       "VALUES (%s, 'process', %s, 'x', now() + interval '1 day')", (stack.user, key))
        payer = threading.Thread(target=lambda: answers.append(keyed(stack, reservation, key)))
        payer.start()
        time.sleep(0.3)  # the claim holds the rows and waits for the key, alone
        try:
            cursor.execute("SELECT FROM public.reservations WHERE id = %s FOR UPDATE", (reservation.id,))
        except psycopg2.errors.DeadlockDetected:
            pass
        before.rollback()
    payer.join()
    before.close()
    assert answers[0].status == 200, answers[0]
    assert stack.shared.attempts(reservation) == ["approved"]
    assert_paid(stack.shared, reservation)
