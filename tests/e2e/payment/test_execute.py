"""
POST execute as docs/api.md has it, every row of its table, through nginx.

Fails where a decline leaves a booking or its seats behind, where an intent is executed twice or by
another user, or where a front end no longer finds the field it reads.
"""

import re

import pytest

from harness import client
from harness.booking import APPROVED, CANCELLED, CARD_TOKEN, DECLINED_STATE, HELD, PAID, Buyer, \
    lapse, state, unlapse
from harness.client import new_id, refused
from harness.volley import tally
from harness.wait import until

STACK = {"workers": 2, "settings": {"PAYMENTS_JANITOR_INTERVAL_MS": 600000}}
SLOW = {"PAYMENTS_MOCK_MIN_DELAY_MS": 1000, "PAYMENTS_MOCK_MAX_DELAY_MS": 1000}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
BY_DIGIT = {"0": None, "1": None, "2": "INSUFFICIENT_FUNDS", "3": "INVALID_CVV",
            "4": "CARD_EXPIRED", "5": "SERVER_ERROR", "6": "PG_TIMEOUT", "7": "GENERIC_DECLINE",
            "8": "GENERIC_DECLINE", "9": None}


@pytest.fixture
def buyer(stack):
    yield Buyer(stack)
    unlapse(stack.database)


@pytest.fixture
def booking(stack, buyer):
    return buyer.hold(stack.shared.event(3)[0], ["VIP-1-1", "VIP-1-2"])


def in_slow_charge(make_stack):
    """A booking whose execution is at the gateway: (stack, buyer, booking, the volley)."""
    stack = make_stack(workers=1, settings=SLOW)
    buyer = Buyer(stack)
    booking = buyer.hold(stack.shared.event(1)[0], ["VIP-1-1"])
    volley = stack.volley([buyer.execute_request(booking["paymentIntentId"])])
    until("it is claimed", lambda: state(stack.database, booking)[1] == "processing")
    return stack, buyer, booking, volley


# ---- the two outcomes ----

@pytest.mark.parametrize("cvv", [f"{start}{digit}" for start in ("12", "777") for digit in BY_DIGIT])
def test_the_last_digit_decides(stack, buyer, booking, cvv):
    code = BY_DIGIT[cvv[-1]]
    answer = buyer.execute(booking, cvv=cvv)
    assert answer.status == 200, answer
    body = answer.json
    word = "FAILURE" if code else "SUCCESS"
    mock, details = body.pop("pgMockData"), body.pop("failureDetails", None)
    assert body.pop("message")
    assert body == {"success": not code, "paymentIntentId": booking["paymentIntentId"],
                    "bookingId": booking["bookingId"], "status": word, "finalStatus": word}
    assert TIME.fullmatch(mock.pop("processedAt"))
    assert set(mock) == {"isSuccess", "failureCode", "failureMessage"}
    assert (mock["isSuccess"], mock["failureCode"]) == (not code, code)
    assert bool(mock["failureMessage"]) == bool(code)
    assert details == ({"code": code, "message": mock["failureMessage"]} if code else None)
    assert state(stack.database, booking) == (DECLINED_STATE if code else PAID)


def test_success_is_booked(stack, buyer, booking):
    assert buyer.execute(booking).json["success"] is True
    totals = stack.database.rows(
        "SELECT account, sum(amount_krw)::int FROM payments.ledger_entries WHERE intent_id = %s "
        "GROUP BY account ORDER BY account", booking["paymentIntentId"])
    assert totals == [("CUSTOMER_PAYABLE", 140000), ("MERCHANT_BALANCE", -140000)]
    assert [(one["status"], one["paymentStatus"]) for one in buyer.bookings()] == [
        ("confirmed", "completed")]
    shown = buyer.ask("GET", f"/intents/{booking['paymentIntentId']}").json
    assert (shown["status"], shown["amount"], shown["bookingId"]) == (
        "succeeded", 140000, booking["bookingId"])


def test_decline_frees_the_seats_for_the_next(stack, buyer, booking):
    event, = stack.database.row("SELECT event_id::text FROM public.reservations WHERE id = %s",
                                booking["bookingId"])
    assert buyer.execute(booking, cvv="122").json["success"] is False
    assert buyer.occupied(event) == []
    shown = buyer.ask("GET", f"/intents/{booking['paymentIntentId']}").json
    assert (shown["status"], shown["attempts"][0]["failureCode"]) == ("failed", "INSUFFICIENT_FUNDS")
    Buyer(stack).hold(event, ["VIP-1-1", "VIP-1-2"])


def test_by_booking_id(stack, buyer, booking):
    body = {"bookingId": booking["bookingId"].upper(), "paymentMethodToken": CARD_TOKEN,
            "cvv": APPROVED}
    answer = buyer.ask("POST", "/execute", body)
    assert answer.status == 200 and answer.json["paymentIntentId"] == booking["paymentIntentId"]
    assert state(stack.database, booking) == PAID


@pytest.mark.parametrize("more", [
    {"cardNumber": "4111-1111-1111-1111"}, {"cardNumber": 7}, {"x": None},
    {"cvv": 120}, {"bookingId": "rubbish"}], ids=str)
def test_what_is_taken_besides(buyer, booking, more):
    """
    cardNumber and unknown fields change nothing; a cvv may be a number; the intent comes first.
    """
    body = {"paymentIntentId": booking["paymentIntentId"], "paymentMethodToken": CARD_TOKEN,
            "cvv": APPROVED}
    assert buyer.ask("POST", "/execute", body | more).json["success"] is True


@pytest.mark.parametrize("path", [
    "/api/v1/payments/execute", "/api/payments/execute", "/payments/execute",
    "/payments/execute/"])
def test_every_address(stack, buyer, booking, path):
    body = {"paymentIntentId": booking["paymentIntentId"], "paymentMethodToken": CARD_TOKEN,
            "cvv": APPROVED}
    answer = client.request(stack.pool.port, "POST", path, token=buyer.token, body=body)
    assert answer.json["status"] == "SUCCESS", answer


def test_english(buyer, booking):
    english = {"Accept-Language": "en"}
    body = buyer.execute(booking, cvv="122", headers=english).json
    assert body["message"].isascii() and body["failureDetails"]["message"].isascii()


# ---- what is refused ----

GONE = object()
BODIES = {
    "no intent": ({"paymentIntentId": GONE}, "MISSING_FIELDS"),
    "intent null": ({"paymentIntentId": None}, "MISSING_FIELDS"),
    "intent empty": ({"paymentIntentId": ""}, "MISSING_FIELDS"),
    "no token": ({"paymentMethodToken": GONE}, "MISSING_FIELDS"),
    "token null": ({"paymentMethodToken": None}, "MISSING_FIELDS"),
    "token empty": ({"paymentMethodToken": ""}, "MISSING_FIELDS"),
    "no cvv": ({"cvv": GONE}, "MISSING_FIELDS"),
    "cvv null": ({"cvv": None}, "MISSING_FIELDS"),
    "intent no UUID": ({"paymentIntentId": "1"}, "INVALID_ID"),
    "intent a number": ({"paymentIntentId": 1}, "INVALID_ID"),
    "booking no UUID": ({"paymentIntentId": GONE, "bookingId": "x"}, "INVALID_ID"),
    "cvv short": ({"cvv": "12"}, "INVALID_CVV_FORMAT"),
    "cvv long": ({"cvv": "12345"}, "INVALID_CVV_FORMAT"),
    "cvv letters": ({"cvv": "12a"}, "INVALID_CVV_FORMAT"),
    "cvv signed": ({"cvv": "-12"}, "INVALID_CVV_FORMAT"),
    "cvv wide digits": ({"cvv": "１２０"}, "INVALID_CVV_FORMAT"),
    "cvv a small number": ({"cvv": 12}, "INVALID_CVV_FORMAT"),
    "cvv a great number": ({"cvv": 12345}, "INVALID_CVV_FORMAT"),
    "cvv an array": ({"cvv": ["120"]}, "INVALID_CVV_FORMAT"),
    "token a number": ({"paymentMethodToken": 5}, "INVALID_PARAMETER"),
    "token too long": ({"paymentMethodToken": "t" * 513}, "INVALID_PARAMETER"),
}


@pytest.mark.parametrize("case", BODIES)
def test_bad_body(buyer, booking, unchanged, case):
    change, code = BODIES[case]
    body = {"paymentIntentId": booking["paymentIntentId"], "paymentMethodToken": CARD_TOKEN,
            "cvv": APPROVED}
    body = {name: value for name, value in (body | change).items() if value is not GONE}
    refused(buyer.ask("POST", "/execute", body), 400, code)


@pytest.mark.parametrize("how, status, code", [
    ({"body": "{"}, 400, "MALFORMED_JSON"), ({"body": '"x"'}, 400, "MALFORMED_JSON"),
    ({"body": {}, "token": None}, 401, "AUTH_REQUIRED"),
    ({"body": {}, "token": "rubbish"}, 403, "TOKEN_INVALID"),
    ({"body": {}, "token": client.token(new_id())}, 401, "USER_NOT_FOUND"),
    ({"body": {}, "headers": {"Content-Type": "text/plain"}}, 415, "UNSUPPORTED_MEDIA_TYPE")])
def test_bad_request(buyer, unchanged, how, status, code):
    refused(buyer.ask("POST", "/execute", **how), status, code)


def test_no_such_intent(stack, buyer, booking, unchanged):
    refused(buyer.execute({"paymentIntentId": new_id()}), 404, "INTENT_NOT_FOUND")
    for unknown in (new_id(), booking["paymentIntentId"]):
        body = {"bookingId": unknown, "paymentMethodToken": CARD_TOKEN, "cvv": APPROVED}
        refused(buyer.ask("POST", "/execute", body), 404, "INTENT_NOT_FOUND")


def test_reservation_without_an_intent(stack, buyer):
    """The monolith's reservation is paid by process: there is no intent to execute."""
    reservation = stack.shared.reserve_one(buyer.id)
    body = {"bookingId": reservation.id, "paymentMethodToken": CARD_TOKEN, "cvv": APPROVED}
    refused(buyer.ask("POST", "/execute", body), 404, "INTENT_NOT_FOUND")


def test_another_users(stack, booking):
    stranger, admin = Buyer(stack), Buyer(stack, role="admin")
    before = stack.shared.snapshot()
    for who in (stranger, admin):
        refused(who.execute(booking), 403, "FORBIDDEN")
        body = {"bookingId": booking["bookingId"], "paymentMethodToken": CARD_TOKEN, "cvv": APPROVED}
        refused(who.ask("POST", "/execute", body), 403, "FORBIDDEN")
    assert stack.shared.snapshot() == before


@pytest.mark.parametrize("end, after", [
    (lambda buyer, booking: buyer.execute(booking), PAID),
    (lambda buyer, booking: buyer.execute(booking, cvv="122"), DECLINED_STATE),
    (lambda buyer, booking: buyer.cancel(booking), CANCELLED)], ids=["paid", "declined", "cancelled"])
def test_processed_already(stack, buyer, booking, end, after):
    assert end(buyer, booking).status == 200
    before = stack.shared.snapshot()
    for cvv in (APPROVED, "122"):
        refused(buyer.execute(booking, cvv=cvv), 409, "ALREADY_PROCESSED")
    assert stack.shared.snapshot() == before
    assert state(stack.database, booking) == after


def test_paid_by_process_in_between(stack, buyer, booking):
    """Two ways to pay one reservation, one payment."""
    body = {"reservationId": booking["bookingId"], "paymentMethod": "kakao_pay"}
    assert buyer.ask("POST", "/process", body).status == 200
    refused(buyer.execute(booking), 409, "ALREADY_PROCESSED")
    refused(buyer.ask("POST", "/process", body), 400, "ALREADY_PAID")
    assert state(stack.database, booking) == PAID


@pytest.mark.parametrize("seconds_left", [-60, -1, 1])
def test_expired(stack, buyer, booking, seconds_left):
    """One second before the end is too late: the hold must outlast the gateway's call."""
    lapse(stack.database, booking, -seconds_left)
    before = stack.shared.snapshot()
    refused(buyer.execute(booking), 400, "RESERVATION_EXPIRED")
    assert stack.shared.snapshot() == before


def test_short_before_the_end_is_executed(stack, buyer, booking):
    lapse(stack.database, booking, -10)
    assert buyer.execute(booking).json["success"] is True


def test_seats_lost_before(stack, buyer, booking):
    """A cleaner freed a seat: there is no charge for a seat that is not held."""
    stack.database.rows(
        "UPDATE public.seats SET status = 'available' WHERE id = (SELECT min(seat_id::text)::uuid "
        "FROM public.reservation_items WHERE reservation_id = %s)", booking["bookingId"])
    refused(buyer.execute(booking), 400, "RESERVATION_EXPIRED")
    assert stack.database.rows("SELECT 1 FROM payments.attempts WHERE intent_id = %s",
                               booking["paymentIntentId"]) == []


def test_under_way(make_stack):
    stack, buyer, booking, volley = in_slow_charge(make_stack)
    refused(buyer.execute(booking), 409, "PAYMENT_IN_PROGRESS", retry_after=True)
    assert volley.finish()[0].json["status"] == "SUCCESS"
    assert state(stack.database, booking) == PAID


def test_lost_meanwhile(make_stack):
    """Cancelled at the monolith while at the gateway: charged, and the charge is returned."""
    stack, _, booking, volley = in_slow_charge(make_stack)
    stack.database.rows("UPDATE public.reservations SET status = 'cancelled' WHERE id = %s",
                        booking["bookingId"])
    stack.database.rows("UPDATE public.seats SET status = 'available' WHERE id IN (SELECT seat_id "
                        "FROM public.reservation_items WHERE reservation_id = %s)",
                        booking["bookingId"])
    shot, = volley.finish()
    assert (shot.status, shot.code) == (409, "RESERVATION_LOST")
    until("the refund", lambda: state(stack.database, booking)[1] == "refunded")


@pytest.mark.parametrize("mode, after", [("silent", PAID), ("silent_decline", DECLINED_STATE)])
def test_no_answer_in_time(make_stack, mode, after):
    stack = make_stack(workers=1, settings={
        "PAYMENTS_MOCK_MODE": mode, "PAYMENTS_MOCK_DEADLINE_MS": 200,
        "PAYMENTS_MOCK_LEASE_MS": 500})
    buyer = Buyer(stack)
    booking = buyer.hold(stack.shared.event(1)[0], ["VIP-1-1"])
    key = {"Idempotency-Key": new_id()}
    error = refused(buyer.execute(booking, headers=key), 504, "PAYMENT_RESULT_UNKNOWN",
                    retry_after=True)
    assert error["paymentIntentId"] == booking["paymentIntentId"]
    refused(buyer.execute(booking), 409, "PAYMENT_IN_PROGRESS", retry_after=True)
    stack.settled()
    assert state(stack.database, booking) == after
    again = buyer.execute(booking, headers=key)
    assert again.status == 200 and again.json["success"] is (after == PAID)


# ---- Idempotency-Key ----

@pytest.mark.parametrize("cvv, after", [(APPROVED, PAID), ("122", DECLINED_STATE)])
def test_key_repeats_the_answer(stack, buyer, booking, cvv, after):
    key = {"Idempotency-Key": new_id()}
    first = buyer.execute(booking, cvv=cvv, headers=key)
    assert first.status == 200 and first.header("Idempotency-Replayed") is None
    before = stack.shared.snapshot()
    again = buyer.execute(booking, cvv=cvv, headers=key)
    assert (again.status, again.body) == (200, first.body)
    assert again.header("Idempotency-Replayed") == "true"
    refused(buyer.execute(booking, cvv=cvv, headers={"Idempotency-Key": new_id()}), 409,
            "ALREADY_PROCESSED")
    other = {"paymentIntentId": new_id()}
    refused(buyer.execute(other, headers=key), 422, "IDEMPOTENCY_MISMATCH")
    assert stack.shared.snapshot() == before
    assert state(stack.database, booking) == after


def test_key_of_bookings_is_another(stack, buyer):
    """A key belongs to one operation: a booking and its execution may use the same one."""
    key = {"Idempotency-Key": new_id()}
    booking = buyer.hold(stack.shared.event(1)[0], ["VIP-1-1"], headers=key)
    answer = buyer.execute(booking, headers=key)
    assert answer.json["success"] is True and answer.header("Idempotency-Replayed") is None


def test_refused_is_not_stored(stack, buyer, booking):
    key = {"Idempotency-Key": new_id()}
    refused(buyer.execute(booking, cvv="x", headers=key), 400, "INVALID_CVV_FORMAT")
    refused(buyer.execute({"paymentIntentId": new_id()}, headers=key), 404, "INTENT_NOT_FOUND")
    answer = buyer.execute(booking, headers=key)
    assert answer.json["success"] is True and answer.header("Idempotency-Replayed") is None


def test_key_under_way(make_stack):
    stack, buyer, booking, volley = in_slow_charge(make_stack)
    volley.finish()
    other = buyer.hold(stack.shared.event(1)[0], ["VIP-1-1"])
    key = new_id()
    volley = stack.volley([buyer.execute_request(other["paymentIntentId"], Idempotency_Key=key)])
    until("it is claimed", lambda: state(stack.database, other)[1] == "processing")
    header = {"Idempotency-Key": key}
    refused(buyer.execute(other, headers=header), 409, "IDEMPOTENCY_IN_PROGRESS", retry_after=True)
    refused(buyer.execute(booking, headers=header), 422, "IDEMPOTENCY_MISMATCH")
    shot, = volley.finish()
    assert buyer.execute(other, headers=header).body.decode() == shot.body


@pytest.mark.parametrize("cvv, after", [(APPROVED, PAID), ("122", DECLINED_STATE)])
def test_100_with_one_key_at_once(stack, buyer, booking, cvv, after):
    one = buyer.execute_request(booking["paymentIntentId"], cvv, Idempotency_Key=new_id())
    shots = stack.fire([one] * 100, most=100, burst=True)
    done = [shot for shot in shots if shot.status == 200]
    first = [shot for shot in done if "idempotency-replayed" not in shot.headers]
    assert len(first) == 1 and {shot.body for shot in done} == {first[0].body}, tally(shots)
    assert set(tally(shots)) <= {(200, None), (409, "IDEMPOTENCY_IN_PROGRESS")}, tally(shots)
    assert state(stack.database, booking) == after


def test_100_without_a_key_at_once(stack, buyer, booking):
    shots = stack.fire([buyer.execute_request(booking["paymentIntentId"])] * 100, most=100,
                       burst=True)
    counted = tally(shots)
    assert counted.pop((200, None)) == 1, counted
    assert set(counted) <= {(409, "ALREADY_PROCESSED"), (409, "PAYMENT_IN_PROGRESS")}, counted
    assert state(stack.database, booking) == PAID
    assert stack.database.value("SELECT count(*) FROM payments.attempts WHERE intent_id = %s",
                                booking["paymentIntentId"]) == 1


def test_variant_without_expired(make_stack):
    stack = make_stack(variant="without_expired", workers=1)
    buyer, (event, _) = Buyer(stack), stack.shared.event(2)
    paid, declined = buyer.hold(event, ["VIP-1-1"]), buyer.hold(event, ["VIP-1-2"])
    assert state(stack.database, declined) == HELD
    assert buyer.execute(paid).json["success"] is True
    assert buyer.execute(declined, cvv="122").json["success"] is False
    assert state(stack.database, paid) == PAID
    assert state(stack.database, declined) == DECLINED_STATE
