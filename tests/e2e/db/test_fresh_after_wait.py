"""
READ COMMITTED keeps a statement's snapshot while it waits for a lock: only the locked row is read
again. Each change of state therefore reads what it decides on by a statement of its own, after its
locks. Here it waits for a lock while another session changes what it decides on.

Fails where a decision rests on what was there before the wait: the ticket of a refunded payment stays
valid, a seat of another buyer is freed or sold again, a booking is cancelled while its money is asked
for.
"""

import threading
from contextlib import contextmanager

import psycopg2
import pytest

from harness import client
from harness.client import new_id
from harness.wait import until

NEVER_MS = 600000
AT_ONCE = {"PAYMENTS_MOCK_MIN_DELAY_MS": 0, "PAYMENTS_MOCK_MAX_DELAY_MS": 0}
WITHIN_S = 10
REFUNDS_DUE = "UPDATE payments.refunds SET next_try_at = now() WHERE status = 'pending'"
SCANS_DUE = "UPDATE payments.janitor_tasks SET next_at = now() WHERE name IN ('heal', 'patrol')"


@contextmanager
def held(stack, table, row, waiters=1):
    """Locks a row until `waiters` transactions of the service wait for it and the block has ended."""
    with psycopg2.connect(stack.database.url("postgres")) as connection:
        cursor = connection.cursor()
        cursor.execute(f"SELECT FROM {table} WHERE id = %s FOR NO KEY UPDATE", (row,))

        def waited_for():
            return stack.database.value(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND usename = 'payments_service' AND wait_event_type = 'Lock'") >= waiters

        yield cursor, lambda: until("the service waits for the row", waited_for)
        connection.commit()
    connection.close()


@pytest.fixture
def stack(make_stack):
    return make_stack(settings=AT_ONCE | {"PAYMENTS_JANITOR_INTERVAL_MS": 100, "PAYMENTS_JANITOR_BATCH": 1})


def paid(stack, **how):
    """(a paid reservation, its intent)"""
    reservation = stack.reserve(**how)
    answer = stack.process(reservation)
    assert answer.status == 200, answer
    return reservation, answer.json["payment"]["paymentIntentId"]


def order(stack, intent, amount=None):
    admin = client.token(stack.shared.user("admin"), role="admin")
    body = {"reason": "test"} | ({"amount": amount} if amount else {})
    assert stack.pool.http("POST", f"/intents/{intent}/refund", token=admin, body=body).status == 202


def all_returned(stack):
    return stack.database.value("SELECT count(*) FROM payments.refunds WHERE status <> 'done'") == 0


def in_background(ask):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask()))
    thread.start()

    def answer():
        thread.join()
        return answers[0]

    return answer


def test_two_part_refunds_that_finish_together(stack):
    """Each waits for the intent; the second must see that the first is done, and end the reservation."""
    reservation, intent = paid(stack, seats=2)
    with held(stack, "payments.intents", intent, waiters=2) as (_, waited):
        # ordered by hand: POST refund would wait for the same row
        for refund in (new_id(), new_id()):
            stack.database.rows("INSERT INTO payments.refunds (id, intent_id, attempt_id, amount_krw, reason) "
                                "SELECT %s, intent_id, id, amount_krw / 2, 'requested' FROM payments.attempts "
                                "WHERE intent_id = %s", refund, intent)
        waited()
        # as refund_order leaves it; this session holds the row
        _.execute("UPDATE payments.intents SET refund_krw = charged_krw, status = 'refund_pending' WHERE id = %s",
                  (intent,))
    until("both are done", lambda: all_returned(stack), WITHIN_S)
    stack.database.rows("INSERT INTO payments.events (intent_id, kind, status) SELECT id, 'refund_requested', status "
                        "FROM payments.intents WHERE id = %s", intent)
    assert stack.shared.state(reservation) == (("cancelled", "refunded"), {"available"})
    assert stack.shared.intents(reservation) == ["refunded"]


def test_a_refund_leaves_a_seat_that_was_sold_meanwhile(stack):
    reservation, intent = paid(stack)
    with held(stack, "public.reservations", reservation.id) as (_, waited):
        order(stack, intent)
        waited()
        other = stack.shared.reserve_same_seats(reservation, stack.shared.user())
        stack.database.rows("UPDATE public.reservations SET status = 'confirmed', payment_status = 'completed' "
                            "WHERE id = %s", other.id)
        stack.database.rows("UPDATE public.seats SET status = 'reserved' WHERE id = ANY (%s::uuid[])", other.seats)
    until("it is done", lambda: all_returned(stack), WITHIN_S)
    assert stack.shared.state(reservation) == (("cancelled", "refunded"), {"reserved"})


def test_repair_does_not_restore_over_a_new_hold(stack):
    reservation, _intent = paid(stack)
    with held(stack, "public.reservations", reservation.id) as (cursor, waited):
        cursor.execute("UPDATE public.reservations SET status = 'expired', payment_status = 'failed' WHERE id = %s",
                       (reservation.id,))
        cursor.connection.commit()
        cursor.execute("SELECT FROM public.reservations WHERE id = %s FOR NO KEY UPDATE", (reservation.id,))
        stack.shared.free_seats(reservation)
        stack.database.rows(SCANS_DUE)
        waited()
        stack.shared.reserve_same_seats(reservation, stack.shared.user())
    until("the charge is given back", lambda: stack.shared.intents(reservation) == ["refunded"], WITHIN_S)
    assert stack.shared.state(reservation)[1] == {"locked"}


def test_a_booking_is_not_cancelled_while_it_is_charged(stack):
    """A claim of the first intent commits during the wait."""
    reservation = stack.reserve()
    intent, attempt = new_id(), new_id()
    with held(stack, "public.reservations", reservation.id) as (cursor, waited):
        answer = in_background(lambda: stack.pool.http(
            "DELETE", f"/bookings/user/{stack.user}", token=stack.token, body={"bookingId": reservation.id}))
        waited()
        cursor.execute("INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, "
                       "payment_method, status, attempt_id, attempts) VALUES (%s, %s, %s, 'process', %s, 'kakao_pay', "
                       "'processing', %s, 1)", (intent, reservation.id, stack.user, reservation.amount, attempt))
        cursor.execute("INSERT INTO payments.attempts (id, intent_id, n, operation, gateway, payment_method, "
                       "amount_krw, owner, lease_until, next_look_at) VALUES (%s, %s, 1, 'process', 'mock', 'kakao_pay', "
                       "%s, 'another', now() + interval '5 s', now() + interval '5 s')",
                       (attempt, intent, reservation.amount))
        cursor.execute("INSERT INTO payments.events (intent_id, attempt_id, kind, status) VALUES (%s, %s, 'claimed', "
                       "'processing')", (intent, attempt))
    refused = answer()
    assert (refused.status, refused.json["code"]) == (409, "PAYMENT_IN_PROGRESS")
    assert stack.shared.state(reservation) == (("pending", "pending"), {"locked"})


@pytest.mark.parametrize("change, code", [
    ("UPDATE public.seats SET status = 'available' WHERE id = %(seat)s", "RESERVATION_EXPIRED"),
    ("INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, payment_method, status) "
     "VALUES (gen_random_uuid(), %(id)s, %(user)s, 'process', 70000, 'kakao_pay', 'needs_review')", "ALREADY_PAID")],
    ids=["a seat is freed", "an intent is made"])
def test_a_claim_sees_what_changed_while_it_waited(stack, change, code):
    reservation = stack.reserve()
    with held(stack, "public.reservations", reservation.id) as (cursor, waited):
        answer = in_background(lambda: stack.process(reservation))
        waited()
        cursor.execute(change, {"seat": reservation.seats[0], "id": reservation.id, "user": stack.user})
    assert answer().json["code"] == code
    assert stack.shared.attempts(reservation) == []
    stack.database.rows("DELETE FROM payments.intents WHERE status = 'needs_review'")


def test_no_seat_is_retaken_for_an_event_that_was_cancelled_meanwhile(make_stack):
    stack = make_stack(settings={"PAYMENTS_MOCK_MIN_DELAY_MS": 500, "PAYMENTS_MOCK_MAX_DELAY_MS": 500})
    reservation = stack.reserve()
    answer = in_background(lambda: stack.process(reservation))
    until("it is at the gateway", lambda: stack.shared.open_attempts() == 1)
    with held(stack, "public.reservations", reservation.id) as (cursor, waited):
        cursor.execute("UPDATE public.reservations SET status = 'expired', payment_status = 'failed' WHERE id = %s",
                       (reservation.id,))
        stack.shared.free_seats(reservation)
        waited()
        stack.database.rows("UPDATE public.events SET status = 'cancelled' WHERE id = %s", reservation.event)
    assert answer().json["code"] == "RESERVATION_LOST"
    until("the charge is given back", lambda: stack.shared.intents(reservation) == ["refunded"], WITHIN_S)
    assert stack.shared.state(reservation)[1] == {"available"}
