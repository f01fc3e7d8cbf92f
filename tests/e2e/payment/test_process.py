"""
POST process and GET intents, methods, health as docs/api.md has them: the bodies to the field, what
the shared tables hold afterwards, and each state in which a reservation cannot be paid.

Fails where a client that exists today would no longer understand the answer, or the monolith
would no longer find what it expects in its tables.
"""

import re
import threading

import pytest

from harness import client
from harness.client import refused
from harness.shared_schema import assert_paid
from harness.wait import until

STACK = {"workers": 1}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
METHODS = {"naver_pay": "네이버페이", "kakao_pay": "카카오페이", "bank_transfer": "계좌이체"}


def paid(stack, reservation, **how):
    answer = stack.process(reservation, **how)
    assert answer.status == 200, answer
    assert_paid(stack.shared, reservation)
    return answer.json


# ---- the 200 body ----

def test_body_to_the_field(stack):
    reservation = stack.reserve(seats=2)
    body = paid(stack, reservation)
    number, = stack.database.row("SELECT reservation_number FROM public.reservations "
                                 "WHERE id = %s", reservation.id)
    title, venue, date = stack.database.row(
        "SELECT title, venue, payments.iso(event_date::timestamptz) FROM public.events "
        "WHERE id = %s", reservation.event)
    intent, = stack.database.row("SELECT id::text FROM payments.intents WHERE reservation_id = %s",
                                 reservation.id)
    paid_at = body["payment"].pop("paidAt")
    seats = body["reservation"].pop("seats")
    assert TIME.fullmatch(paid_at)
    assert body.pop("message")
    assert body == {
        "success": True,
        "payment": {"reservationId": reservation.id, "reservationNumber": number,
                    "paymentMethod": "카카오페이", "totalAmount": 140000,
                    "paymentIntentId": intent},
        "reservation": {"event": {"title": title, "venue": venue, "event_date": date}}}
    assert sorted(seats, key=lambda seat: seat["seat_number"]) == [
        {"id": identity, "seat_label": f"VIP-1-{n}", "section": "VIP", "row_number": 1,
         "seat_number": n, "unit_price": 70000}
        for n, identity in enumerate(reservation.seats, 1)]


def test_paid_at_is_now_in_utc(stack):
    """The database's zone is nine hours ahead: a time without it is far off."""
    body = paid(stack, stack.reserve())
    off_s, = stack.database.row("SELECT abs(extract(epoch FROM %s::timestamptz - now()))",
                                body["payment"]["paidAt"])
    assert off_s < 30


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_named_and_stored(stack, method):
    reservation = stack.reserve()
    assert paid(stack, reservation, method=method)["payment"]["paymentMethod"] == METHODS[method]
    assert stack.database.value("SELECT payment_method FROM public.reservations WHERE id = %s",
                                reservation.id) == method


def test_event_gone_is_null(stack):
    reservation = stack.reserve()
    stack.database.rows("UPDATE public.reservations SET event_id = NULL WHERE id = %s",
                        reservation.id)
    assert paid(stack, reservation)["reservation"]["event"] is None


def test_tickets_without_seats_and_deadline(stack):
    reservation = stack.shared.reserve_tickets(stack.user)
    body = paid(stack, reservation)
    assert body["reservation"]["seats"] == []
    assert body["payment"]["totalAmount"] == reservation.amount
    assert stack.database.value("SELECT expires_at FROM public.reservations WHERE id = %s",
                                reservation.id) is None


def test_variant_without_expired_pays_too(make_stack):
    stack = make_stack(variant="without_expired", workers=1)
    paid(stack, stack.reserve())
    late = stack.reserve(expires_in_s=-1)
    refused(stack.process(late), 400, "RESERVATION_EXPIRED")


# ---- states in which it cannot be paid ----

def test_paid_already(stack):
    reservation = stack.reserve()
    paid(stack, reservation)
    before = stack.shared.snapshot()
    refused(stack.process(reservation), 400, "ALREADY_PAID")
    assert stack.shared.snapshot() == before


def test_paid_at_the_monolith(stack):
    reservation = stack.reserve()
    stack.database.rows("UPDATE public.reservations SET status = 'confirmed', "
                        "payment_status = 'completed' WHERE id = %s", reservation.id)
    stack.database.rows("UPDATE public.seats SET status = 'reserved' WHERE id = ANY (%s::uuid[])",
                        reservation.seats)
    before = stack.shared.snapshot()
    refused(stack.process(reservation), 400, "ALREADY_PAID")
    assert stack.shared.snapshot() == before


@pytest.mark.parametrize("seconds", [-60, -1, 1])
def test_past_its_deadline(stack, seconds):
    """One second before it is too late: the hold must outlast the gateway's call."""
    reservation = stack.reserve(expires_in_s=seconds)
    before = stack.shared.snapshot()
    refused(stack.process(reservation), 400, "RESERVATION_EXPIRED")
    assert stack.shared.snapshot() == before


def test_short_before_its_deadline_is_paid(stack):
    """The control of the above: also that the deadline is read in the database's zone."""
    paid(stack, stack.reserve(expires_in_s=10))


def test_marked_expired(stack):
    reservation = stack.reserve()
    stack.database.rows("UPDATE public.reservations SET status = 'expired', "
                        "payment_status = 'failed' WHERE id = %s", reservation.id)
    stack.shared.free_seats(reservation)
    before = stack.shared.snapshot()
    refused(stack.process(reservation), 400, "RESERVATION_EXPIRED")
    assert stack.shared.snapshot() == before


def test_cancelled(stack):
    reservation = stack.reserve()
    stack.shared.cancel(reservation)
    before = stack.shared.snapshot()
    refused(stack.process(reservation), 400, "RESERVATION_CANCELLED")
    assert stack.shared.snapshot() == before


def test_seats_no_longer_held(stack):
    """The monolith's cleaner frees the seats first: no seat is left to pay for."""
    reservation, whole = stack.shared.reserve(stack.user, 2, seats=2)
    stack.database.rows("UPDATE public.seats SET status = 'available' WHERE id = %s",
                        reservation.seats[0])
    before = stack.shared.snapshot()
    refused(stack.process(reservation), 400, "RESERVATION_EXPIRED")
    assert stack.shared.snapshot() == before
    paid(stack, whole)


def test_unknown_and_foreign_reservation(stack):
    """
    Another user's reservation is answered as one that does not exist; its own user can pay it.
    """
    reservation = stack.reserve()
    stranger = client.token(stack.shared.user())
    before = stack.shared.snapshot()
    refused(stack.process(reservation, token=stranger), 404, "RESERVATION_NOT_FOUND")
    refused(stack.process(client.new_id()), 404, "RESERVATION_NOT_FOUND")
    assert stack.shared.snapshot() == before
    paid(stack, reservation)


# ---- results of the gateway ----

def test_another_attempt_under_way(make_stack):
    stack = make_stack(workers=1, settings={"PAYMENTS_MOCK_MIN_DELAY_MS": 1500,
                                            "PAYMENTS_MOCK_MAX_DELAY_MS": 1500})
    reservation = stack.reserve()
    first = []
    payer = threading.Thread(target=lambda: first.append(stack.process(reservation)))
    payer.start()
    until("the first is claimed", lambda: stack.shared.attempts(reservation) == ["sent"])
    before = stack.shared.snapshot()
    refused(stack.process(reservation), 409, "PAYMENT_IN_PROGRESS", retry_after=True)
    assert stack.shared.snapshot() == before
    payer.join()
    assert first[0].status == 200, first
    assert_paid(stack.shared, reservation)


def test_declined_stays_payable(make_stack):
    stack = make_stack(workers=1, settings={"PAYMENTS_MOCK_MODE": "decline"})
    reservation = stack.reserve()
    deadline = "SELECT expires_at FROM public.reservations WHERE id = %s"
    held_until = stack.database.value(deadline, reservation.id)
    error = refused(stack.process(reservation), 402, "PAYMENT_DECLINED")
    assert error["failure"]["code"] == "GENERIC_DECLINE" and error["failure"]["message"]
    assert stack.shared.state(reservation) == (("pending", "pending"), {"locked"})
    assert stack.database.value(deadline, reservation.id) == held_until
    assert stack.shared.attempts(reservation) == ["declined"]
    assert stack.shared.ledger(reservation) == ({}, 0)
    refused(stack.process(reservation), 402, "PAYMENT_DECLINED")
    assert stack.shared.attempts(reservation) == ["declined", "declined"]


def test_attempts_are_limited(make_stack):
    stack = make_stack(workers=1, settings={"PAYMENTS_MOCK_MODE": "decline",
                                            "PAYMENTS_ATTEMPTS_MAX": 2})
    reservation = stack.reserve()
    for _ in range(2):
        error = refused(stack.process(reservation), 402, "PAYMENT_DECLINED")
        assert error["failure"]["code"] == "GENERIC_DECLINE"
    before = stack.shared.snapshot()
    error = refused(stack.process(reservation), 402, "PAYMENT_DECLINED")
    assert error["failure"]["code"] == "ATTEMPTS_EXHAUSTED"
    assert stack.shared.snapshot() == before


def test_gateway_down_is_unknown_until_it_is_sure(make_stack):
    """Refused at once, but a charge that was sent may have arrived: only reconciliation decides."""
    stack = make_stack(workers=1, settings={
        "PAYMENTS_MOCK_MODE": "down", "PAYMENTS_MOCK_DEADLINE_MS": 500,
        "PAYMENTS_MOCK_LEASE_MS": 1000})
    reservation = stack.reserve()
    refused(stack.process(reservation), 504, "PAYMENT_RESULT_UNKNOWN", retry_after=True)
    refused(stack.process(reservation), 409, "PAYMENT_IN_PROGRESS", retry_after=True)
    stack.settled()
    assert stack.shared.attempts(reservation) == ["declined"]
    assert stack.shared.state(reservation) == (("pending", "pending"), {"locked"})


def test_result_unknown_is_settled_later(make_stack):
    stack = make_stack(workers=1, settings={
        "PAYMENTS_MOCK_MODE": "silent", "PAYMENTS_MOCK_DEADLINE_MS": 500,
        "PAYMENTS_MOCK_LEASE_MS": 1000})
    reservation = stack.reserve()
    error = refused(stack.process(reservation), 504, "PAYMENT_RESULT_UNKNOWN", retry_after=True)
    intent = error["paymentIntentId"]
    shown = stack.pool.http("GET", f"/intents/{intent}", token=stack.token)
    assert shown.json["status"] in ("processing", "succeeded"), shown
    stack.settled()
    assert_paid(stack.shared, reservation)
    shown = stack.pool.http("GET", f"/intents/{intent}", token=stack.token)
    assert shown.json["status"] == "succeeded", shown


def test_result_unknown_that_was_none_frees_the_claim(make_stack):
    stack = make_stack(workers=1, settings={
        "PAYMENTS_MOCK_MODE": "silent_decline", "PAYMENTS_MOCK_DEADLINE_MS": 500,
        "PAYMENTS_MOCK_LEASE_MS": 1000})
    reservation = stack.reserve()
    refused(stack.process(reservation), 504, "PAYMENT_RESULT_UNKNOWN", retry_after=True)
    stack.settled()
    assert stack.shared.state(reservation) == (("pending", "pending"), {"locked"})
    assert stack.shared.attempts(reservation) == ["declined"]
    assert stack.shared.ledger(reservation) == ({}, 0)


def test_late_answer_is_not_lost(make_stack):
    stack = make_stack(workers=1, settings={
        "PAYMENTS_MOCK_MODE": "late", "PAYMENTS_MOCK_DEADLINE_MS": 500,
        "PAYMENTS_MOCK_LEASE_MS": 1000})
    reservation = stack.reserve()
    refused(stack.process(reservation), 504, "PAYMENT_RESULT_UNKNOWN", retry_after=True)
    stack.settled()
    assert_paid(stack.shared, reservation)


def test_reservation_lost_meanwhile_is_refunded(make_stack):
    stack = make_stack(workers=1, settings={"PAYMENTS_MOCK_MIN_DELAY_MS": 1000,
                                            "PAYMENTS_MOCK_MAX_DELAY_MS": 1000})
    reservation, kept = stack.shared.reserve(stack.user, 2)
    answers = {}
    payers = [threading.Thread(target=lambda one=one: answers.update(
        {one.id: stack.process(one)})) for one in (reservation, kept)]
    for payer in payers:
        payer.start()
    until("both are claimed", lambda: stack.shared.open_attempts() == 2)
    stack.shared.cancel(reservation)
    for payer in payers:
        payer.join()
    refused(answers[reservation.id], 409, "RESERVATION_LOST")
    assert stack.shared.state(reservation) == (("cancelled", "refunded"), {"available"})
    refund = "SELECT r.status, r.amount_krw FROM payments.refunds r JOIN payments.intents i " \
             "ON i.id = r.intent_id WHERE i.reservation_id = %s"
    until("the charge is returned",
          lambda: stack.database.rows(refund, reservation.id) == [("done", reservation.amount)])
    assert sum(stack.shared.ledger(reservation)[0].values()) == 0
    assert answers[kept.id].status == 200
    assert_paid(stack.shared, kept)


# ---- intents, methods, health ----

def test_intent_to_the_field(stack):
    reservation = stack.reserve()
    identity = paid(stack, reservation)["payment"]["paymentIntentId"]
    body = stack.pool.http("GET", f"/intents/{identity.upper()}", token=stack.token).json
    attempt, = body.pop("attempts")
    assert TIME.fullmatch(body.pop("createdAt")) and TIME.fullmatch(body.pop("updatedAt"))
    assert body == {"paymentIntentId": identity, "bookingId": reservation.id, "amount": 70000,
                    "currency": "KRW", "paymentMethod": "kakao_pay", "status": "succeeded"}
    assert TIME.fullmatch(attempt.pop("startedAt")) and TIME.fullmatch(attempt.pop("finishedAt"))
    assert attempt == {"n": 1, "status": "approved", "failureCode": None}


def test_intent_is_its_owners_and_the_admins(stack):
    identity = paid(stack, stack.reserve())["payment"]["paymentIntentId"]
    path = f"/intents/{identity}"
    before = stack.shared.snapshot()
    stranger = client.token(stack.shared.db.value("SELECT id::text FROM public.users WHERE id <> %s "
                                                 "LIMIT 1", stack.user))
    refused(stack.pool.http("GET", path, token=stranger), 404, "INTENT_NOT_FOUND")
    refused(stack.pool.http("GET", path), 401, "AUTH_REQUIRED")
    refused(stack.pool.http("GET", f"/intents/{client.new_id()}", token=stack.token),
            404, "INTENT_NOT_FOUND")
    refused(stack.pool.http("GET", "/intents/x", token=stack.token), 400, "INVALID_ID")
    assert stack.shared.snapshot() == before
    admin = client.token(stack.shared.user("admin"), role="admin")
    assert stack.pool.http("GET", path, token=admin).status == 200
    assert stack.pool.http("GET", path, token=stack.token).status == 200


def test_methods(stack, unchanged):
    answer = stack.pool.http("GET", "/methods")
    assert answer.status == 200 and set(answer.json) == {"methods"}
    listed = answer.json["methods"]
    assert [(one["id"], one["name"], one["icon"]) for one in listed] == [
        (method, name, f"/images/{method.replace('_', '-')}.png")
        for method, name in METHODS.items()]
    assert all(one["description"] and set(one) == {"id", "name", "description", "icon"}
               for one in listed)
    assert "max-age=60" in answer.header("Cache-Control")
    same = stack.pool.http("GET", "/methods", headers={"If-None-Match": answer.header("ETag")})
    assert (same.status, same.body) == (304, b"")
    other = stack.pool.http("GET", "/methods", headers={"If-None-Match": '"another"'})
    assert (other.status, other.body) == (200, answer.body)


@pytest.mark.parametrize("path", ["/api/v1/payments/health", "/health", "/api/payments/health"])
def test_health(stack, unchanged, path):
    answer = client.request(stack.pool.port, "GET", path)
    assert answer.status == 200
    assert answer.json["status"] == "ok" and answer.json["service"] == "payment-service"
    assert answer.json["version"] and answer.json["uptime"] >= 0
    assert answer.header("X-Request-Id")


def test_ready(stack, unchanged):
    assert stack.pool.http("GET", "/health/ready").status == 200


def test_not_ready_on_another_schema(make_stack):
    stack = make_stack(workers=1)
    stack.database.rows("CREATE TEMP TABLE kept AS TABLE payments.schema_versions")
    stack.database.rows("DELETE FROM payments.schema_versions")
    error = refused(stack.pool.http("GET", "/health/ready"), 503, "SERVICE_UNAVAILABLE",
                    retry_after=True)
    assert error["reason"]
    stack.database.rows("INSERT INTO payments.schema_versions TABLE kept")
    assert stack.pool.http("GET", "/health/ready").status == 200


@pytest.mark.parametrize("path", ["/methods", "/health", "/health/ready"])
def test_head_is_get_without_a_body(stack, unchanged, path):
    answer = stack.pool.http("HEAD", path)
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.header("Content-Length")) > 0


def test_the_monoliths_path_serves_the_same(stack):
    """The path that the monolith's clients call."""
    reservation = stack.reserve()
    answer = client.request(stack.pool.port, "POST", "/api/payments/process", token=stack.token,
                            body={"reservationId": reservation.id, "paymentMethod": "naver_pay"})
    assert answer.status == 200, answer
    assert_paid(stack.shared, reservation)
