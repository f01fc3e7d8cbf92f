"""
POST bookings as docs/api.md has it, every row of its table, through nginx.

Fails where a seat is held twice or half, where a buyer waits for another one, where a client's
price or clock counts, or where a lapsed hold still has an effect.
"""

import re
import time

import psycopg2
import pytest

from harness import client
from harness.booking import EXPIRED, EXPIRED_AS_CANCELLED, HELD, Buyer, lapse, state, unlapse
from harness.client import new_id, refused
from harness.volley import tally
from harness.wait import until

# No janitor within a test: the assertions hold without one.
STACK = {"workers": 2, "settings": {"PAYMENTS_JANITOR_INTERVAL_MS": 600000}}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
AT_ONCE_S = 1.0  # half the lock_timeout: an answer that waited for a lock comes later


@pytest.fixture
def buyer(stack):
    yield Buyer(stack)
    unlapse(stack.database)


@pytest.fixture
def show(stack):
    """An event of 20 seats: (id, [seat ids])."""
    return stack.shared.event(20)


def label(number):
    return f"VIP-1-{number}"


# ---- what a booking is ----

def test_body_to_the_field(stack, buyer, show):
    event, seats = show
    body = buyer.hold(event, [label(1), label(2)])
    expires, until_s = body["expiresAt"], stack.database.value(
        "SELECT extract(epoch FROM %s::timestamptz - now())::float", body["expiresAt"])
    assert TIME.fullmatch(expires) and 295 < until_s < 301
    assert body["message"]
    assert set(body) == {"message", "bookingId", "paymentIntentId", "orderId", "totalAmount",
                         "expiresAt", "seats"}
    assert body["totalAmount"] == 140000
    assert sorted(body["seats"], key=lambda seat: seat["seatId"]) == [
        {"id": seats[n], "seatId": label(n + 1), "price": 70000} for n in (0, 1)]
    assert state(stack.database, body) == HELD


def test_rows_are_such_as_the_monolith_makes(stack, buyer, show):
    """A booking is a reservation: the monolith lists, cleans and pays it like one of its own."""
    event, seats = show
    body = buyer.hold(event, [seats[0], label(2)])
    row = stack.database.row(
        "SELECT user_id::text, event_id::text, total_amount, payment_method, reservation_number, "
        "expires_at - LOCALTIMESTAMP < interval '5 minutes 1 s', "
        "expires_at - created_at > interval '4 minutes 58 s' "
        "FROM public.reservations WHERE id = %s", body["bookingId"])
    assert row[:4] == (buyer.id, event, 140000, "credit_card")
    assert re.fullmatch("TK[0-9A-Z]{5,30}", row[4]) and row[5:] == (True, True)
    items = stack.database.rows(
        "SELECT seat_id::text, ticket_type_id, quantity, unit_price, subtotal "
        "FROM public.reservation_items WHERE reservation_id = %s", body["bookingId"])
    assert sorted(items) == sorted((seat, None, 1, 70000, 70000) for seat in seats[:2])
    assert stack.database.row(
        "SELECT id::text, origin, amount_krw, user_id::text FROM payments.intents "
        "WHERE reservation_id = %s", body["bookingId"]) == (
            body["paymentIntentId"], "booking", 140000, buyer.id)


@pytest.mark.parametrize("names", [
    lambda seats: [label(3)], lambda seats: [seats[2]], lambda seats: [seats[2].upper()],
    lambda seats: [label(4), seats[2]]], ids=["label", "id", "upper-case id", "one of each"])
def test_seat_by_label_or_id(buyer, show, names):
    event, seats = show
    body = buyer.hold(event.upper(), names(seats))
    assert seats[2] in [seat["id"] for seat in body["seats"]]


@pytest.mark.parametrize("sent, stored", [
    ("CREDIT_CARD", "credit_card"), ("credit_card", "credit_card"), ("Naver_Pay", "naver_pay"),
    ("KAKAO_PAY", "kakao_pay"), ("bank_transfer", "bank_transfer")])
def test_methods_in_any_case(stack, buyer, show, sent, stored):
    body = buyer.hold(show[0], [label(1)], method=sent)
    assert stack.database.value("SELECT payment_method FROM public.reservations WHERE id = %s",
                                body["bookingId"]) == stored


def test_prices_are_the_databases(stack, buyer, show):
    event, seats = show
    stack.database.rows("UPDATE public.seats SET price = 12345 WHERE id = %s", seats[0])
    body = buyer.ask("POST", "/bookings", {
        "performanceId": event, "seatIds": [label(1), label(2)], "paymentMethod": "CREDIT_CARD",
        "totalAmount": 1, "price": 1, "expiresAt": "2099-01-01T00:00:00.000Z", "x": {"y": []}}).json
    assert body["totalAmount"] == 82345
    assert {seat["seatId"]: seat["price"] for seat in body["seats"]} == {
        label(1): 12345, label(2): 70000}


def test_own_user_id_is_taken(buyer, show):
    for n, user in enumerate((buyer.id, buyer.id.upper(), None, ""), 1):
        answer = buyer.ask("POST", "/bookings", {
            "performanceId": show[0], "seatIds": [label(n)], "paymentMethod": "CREDIT_CARD",
            "userId": user})
        assert answer.status == 201, answer


@pytest.mark.parametrize("path", [
    "/api/v1/payments/bookings", "/api/v1/payments/bookings/", "/api/payments/bookings",
    "/bookings", "/bookings/"])
def test_every_address(stack, buyer, show, path):
    answer = client.request(stack.pool.port, "POST", path, token=buyer.token, body={
        "performanceId": show[0], "seatIds": [label(1)], "paymentMethod": "CREDIT_CARD"})
    assert answer.status == 201, answer
    assert answer.header("Content-Type") == "application/json; charset=utf-8"


def test_english(buyer, show):
    english = {"Accept-Language": "en-GB,en;q=0.9"}
    assert buyer.hold(show[0], [label(1)], headers=english)["message"].isascii()
    taken = buyer.book(show[0], [label(1)], headers=english)
    assert refused(taken, 409, "SEAT_UNAVAILABLE")["message"].isascii()
    assert not refused(buyer.book(show[0], [label(1)]), 409, "SEAT_UNAVAILABLE")["message"].isascii()


# ---- what is refused ----

GONE = object()
BODIES = {
    "no performanceId": ({"performanceId": GONE}, 400, "MISSING_FIELDS"),
    "performanceId null": ({"performanceId": None}, 400, "MISSING_FIELDS"),
    "performanceId empty": ({"performanceId": ""}, 400, "MISSING_FIELDS"),
    "no seatIds": ({"seatIds": GONE}, 400, "MISSING_FIELDS"),
    "seatIds null": ({"seatIds": None}, 400, "MISSING_FIELDS"),
    "no paymentMethod": ({"paymentMethod": GONE}, 400, "MISSING_FIELDS"),
    "paymentMethod null": ({"paymentMethod": None}, 400, "MISSING_FIELDS"),
    "performanceId no UUID": ({"performanceId": "1"}, 400, "INVALID_ID"),
    "performanceId a number": ({"performanceId": 7}, 400, "INVALID_ID"),
    "performanceId an object": ({"performanceId": {}}, 400, "INVALID_ID"),
    "userId no UUID": ({"userId": "me"}, 400, "INVALID_ID"),
    "userId a number": ({"userId": 7}, 400, "INVALID_ID"),
    "seatIds empty": ({"seatIds": []}, 400, "INVALID_SEATS"),
    "seatIds text": ({"seatIds": "VIP-1-1"}, 400, "INVALID_SEATS"),
    "seatIds a number": ({"seatIds": 1}, 400, "INVALID_SEATS"),
    "seatIds an object": ({"seatIds": {"0": "VIP-1-1"}}, 400, "INVALID_SEATS"),
    "a seat a number": ({"seatIds": ["VIP-1-1", 2]}, 400, "INVALID_SEATS"),
    "a seat null": ({"seatIds": ["VIP-1-1", None]}, 400, "INVALID_SEATS"),
    "a seat empty": ({"seatIds": ["VIP-1-1", ""]}, 400, "INVALID_SEATS"),
    "a seat an array": ({"seatIds": [["VIP-1-1"]]}, 400, "INVALID_SEATS"),
    "a seat too long": ({"seatIds": ["x" * 65]}, 400, "INVALID_SEATS"),
    "a seat twice": ({"seatIds": ["VIP-1-1", "VIP-1-2", "VIP-1-1"]}, 400, "INVALID_SEATS"),
    "too many seats": ({"seatIds": [f"X-{n}" for n in range(101)]}, 400, "INVALID_SEATS"),
    "method not offered": ({"paymentMethod": "CASH"}, 400, "INVALID_PAYMENT_METHOD"),
    "method a number": ({"paymentMethod": 1}, 400, "INVALID_PAYMENT_METHOD"),
    "another user": ({"userId": "33333333-3333-4333-8333-333333333333"}, 403, "FORBIDDEN"),
    "unknown performance": ({"performanceId": "33333333-3333-4333-8333-333333333333"}, 404,
                            "PERFORMANCE_NOT_FOUND"),
}


@pytest.mark.parametrize("case", BODIES)
def test_bad_body(stack, buyer, show, unchanged, case):
    change, status, code = BODIES[case]
    body = {"performanceId": show[0], "seatIds": [label(1)], "paymentMethod": "CREDIT_CARD"}
    body = {name: value for name, value in (body | change).items() if value is not GONE}
    refused(buyer.ask("POST", "/bookings", body), status, code)


def test_order_of_checks(buyer, show):
    """Missing before ids, ids before seats, seats before methods, all of them before the user."""
    body = {"performanceId": "x", "seatIds": [], "paymentMethod": "CASH", "userId": new_id()}
    steps = [({"paymentMethod": None}, "MISSING_FIELDS"), ({}, "INVALID_ID"),
             ({"performanceId": show[0]}, "INVALID_SEATS"), ({"seatIds": [label(1)]},
              "INVALID_PAYMENT_METHOD"), ({"paymentMethod": "CREDIT_CARD"}, "FORBIDDEN"),
             ({"userId": buyer.id}, None)]
    for change, code in steps:
        answer = buyer.ask("POST", "/bookings", body | change)
        body |= change if code != "MISSING_FIELDS" else {}
        assert answer.json.get("code") == code, answer


@pytest.mark.parametrize("how, status, code", [
    ({"body": "{"}, 400, "MALFORMED_JSON"), ({"body": "[]"}, 400, "MALFORMED_JSON"),
    ({"body": ""}, 400, "MALFORMED_JSON"),
    ({"body": {}, "token": None}, 401, "AUTH_REQUIRED"),
    ({"body": {}, "token": "rubbish"}, 403, "TOKEN_INVALID"),
    ({"body": {}, "token": client.token(new_id())}, 401, "USER_NOT_FOUND"),
    ({"body": {}, "headers": {"Content-Type": "text/plain"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ({"body": "x" * 65537}, 413, "PAYLOAD_TOO_LARGE")])
def test_bad_request(buyer, unchanged, how, status, code):
    refused(buyer.ask("POST", "/bookings", **how), status, code)


def test_token_of_an_unknown_user_finds_no_seat(show, buyer, unchanged):
    refused(buyer.book(show[0], [label(1)], token=client.token(new_id())), 401, "USER_NOT_FOUND")


@pytest.mark.parametrize("method, path, allow", [
    ("GET", "/bookings", {"POST"}), ("PUT", "/bookings", {"POST"}),
    ("POST", "/bookings/my", {"GET", "HEAD", "DELETE"}), ("GET", "/execute", {"POST"})])
def test_wrong_method(buyer, method, path, allow):
    answer = buyer.ask(method, path)
    refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert set(answer.header("Allow").split(", ")) == allow


def test_seat_that_is_none_is_named(stack, buyer, show, unchanged):
    event, _ = show
    other = stack.database.value("SELECT id::text FROM public.seats WHERE event_id <> %s LIMIT 1",
                                 event)
    error = refused(buyer.book(event, [label(1), "Z-9", other, "'; --"]), 404, "SEAT_NOT_FOUND")
    assert sorted(error["seats"]) == sorted(["Z-9", other, "'; --"])


def test_one_seat_by_two_names(buyer, show, unchanged):
    event, seats = show
    refused(buyer.book(event, [label(1), seats[0]]), 400, "INVALID_SEATS")
    refused(buyer.book(event, [seats[0], seats[0].upper()]), 400, "INVALID_SEATS")


@pytest.mark.parametrize("change", [
    "status = 'upcoming'", "status = 'sold_out'", "status = 'ended'", "status = 'cancelled'",
    "sale_start_date = LOCALTIMESTAMP + interval '1 minute'",
    "sale_end_date = LOCALTIMESTAMP - interval '1 second'"])
def test_sale_closed(stack, buyer, show, change):
    event, _ = show
    stack.database.rows(f"UPDATE public.events SET {change} WHERE id = %s", event)
    before = stack.shared.snapshot()
    refused(buyer.book(event, [label(1)]), 409, "SALE_CLOSED")
    assert stack.shared.snapshot() == before


@pytest.mark.parametrize("change", [
    "sale_start_date = LOCALTIMESTAMP - interval '1 second'",
    "sale_end_date = LOCALTIMESTAMP + interval '1 minute'"])
def test_sale_open_to_the_edge(stack, buyer, show, change):
    """The control of the above; also that the window is read in the database's zone."""
    stack.database.rows(f"UPDATE public.events SET {change} WHERE id = %s", show[0])
    buyer.hold(show[0], [label(1)])


# ---- seats of others ----

@pytest.mark.parametrize("status", ["locked", "reserved"])
def test_all_or_none(stack, buyer, show, status):
    event, seats = show
    stack.database.rows("UPDATE public.seats SET status = %s WHERE id = ANY (%s::uuid[])", status,
                        [seats[1], seats[3]])
    before = stack.shared.snapshot()
    error = refused(buyer.book(event, [label(n) for n in (1, 2, 3, 4)]), 409, "SEAT_UNAVAILABLE")
    assert sorted(error["seats"]) == [label(2), label(4)]
    assert stack.shared.snapshot() == before
    buyer.hold(event, [label(1), label(3)])


def test_own_seats_are_taken_too(buyer, show):
    buyer.hold(show[0], [label(1)])
    error = refused(buyer.book(show[0], [label(1), label(2)]), 409, "SEAT_UNAVAILABLE")
    assert error["seats"] == [label(1)]


def test_never_waits_for_another(stack, buyer, show):
    """
    Another transaction has the seat's row locked and does nothing: 409 at once, and nothing is
    locked.
    """
    event, seats = show
    rival = psycopg2.connect(stack.database.url("postgres"))
    try:
        rival.cursor().execute("SELECT 1 FROM public.seats WHERE id = %s FOR UPDATE", [seats[1]])
        from_s = time.monotonic()
        error = refused(buyer.book(event, [label(1), label(2)]), 409, "SEAT_UNAVAILABLE")
        assert time.monotonic() - from_s < AT_ONCE_S
        assert error["seats"] == [label(2)]
        buyer.hold(event, [label(1)])
    finally:
        rival.rollback()
        rival.close()
    buyer.hold(event, [label(2)])


# ---- the limit of one buyer ----

def test_ticket_limit(buyer, show, stack):
    event, _ = show
    refused(buyer.book(event, [label(n) for n in range(1, 12)]), 409, "TICKET_LIMIT")
    buyer.hold(event, [label(n) for n in range(1, 11)])
    refused(buyer.book(event, [label(11)]), 409, "TICKET_LIMIT")
    Buyer(stack).hold(event, [label(11)])
    buyer.hold(stack.shared.event(1)[0], [label(1)])


def test_what_counts_towards_the_limit(stack, buyer, show):
    """Held and paid seats do; cancelled, declined and lapsed ones do not."""
    event, _ = show
    paid, cancelled, declined, lapsed = (
        buyer.hold(event, [label(n), label(n + 1)]) for n in (1, 3, 5, 7))
    assert buyer.execute(paid).json["success"] is True
    assert buyer.cancel(cancelled).status == 200
    assert buyer.execute(declined, cvv="122").json["success"] is False
    lapse(stack.database, lapsed)
    refused(buyer.book(event, [label(n) for n in range(9, 18)]), 409, "TICKET_LIMIT")
    buyer.hold(event, [label(n) for n in range(9, 17)])
    refused(buyer.book(event, [label(18)]), 409, "TICKET_LIMIT")


@pytest.mark.parametrize("turn", range(5))
def test_two_at_once_cannot_pass_the_limit(stack, show, turn):
    buyer = Buyer(stack)
    event, _ = show
    shots = stack.fire([buyer.booking_request(event, [label(n) for n in numbers])
                        for numbers in (range(1, 7), range(7, 13))], burst=True)
    assert tally(shots) == {(201, None): 1, (409, "TICKET_LIMIT"): 1}


def test_limit_and_hold_are_settings(make_stack):
    stack = make_stack(workers=1, settings={"PAYMENTS_SEATS_PER_USER": 2,
                                            "PAYMENTS_HOLD_SECONDS": 60})
    event, _ = stack.shared.event(3)
    buyer = Buyer(stack)
    refused(buyer.book(event, [label(n) for n in (1, 2, 3)]), 409, "TICKET_LIMIT")
    body = buyer.hold(event, [label(1), label(2)])
    left_s = stack.database.value("SELECT extract(epoch FROM %s::timestamptz - now())::float",
                                  body["expiresAt"])
    assert 55 < left_s < 61


# ---- lapsed holds ----

def assert_worthless(buyer, event, booking):
    assert buyer.occupied(event) == []
    assert [one["status"] for one in buyer.bookings()
            if one["bookingId"] == booking["bookingId"]] == ["expired"]
    refused(buyer.execute(booking), 400, "RESERVATION_EXPIRED")
    refused(buyer.cancel(booking), 400, "BOOKING_NOT_CANCELLABLE")
    refused(buyer.ask("POST", "/process", {"reservationId": booking["bookingId"],
                                           "paymentMethod": "kakao_pay"}),
            400, "RESERVATION_EXPIRED")


@pytest.mark.parametrize("variant, ended", [("expired", EXPIRED),
                                          ("without_expired", EXPIRED_AS_CANCELLED)])
def test_lapsed_has_no_effect_without_a_janitor(make_stack, variant, ended):
    stack = make_stack(variant=variant, workers=1,
                       settings={"PAYMENTS_JANITOR_INTERVAL_MS": 600000})
    event, seats = stack.shared.event(3)
    late, next_one = Buyer(stack), Buyer(stack)
    booking = late.hold(event, [label(1), label(2)])
    lapse(stack.database, booking)
    assert_worthless(late, event, booking)
    taken = next_one.hold(event, [label(2), label(3)])
    ended = (ended[0], ended[1], {"available", "locked"})
    assert state(stack.database, booking) == ended
    assert state(stack.database, taken) == HELD
    assert [one["seatId"] for one in next_one.occupied(event)] == [label(2), label(3)]
    refused(late.execute(booking), 400, "RESERVATION_EXPIRED")
    assert next_one.execute(taken).json["success"] is True
    late.hold(event, [seats[0]])


def test_lapsed_hold_of_the_monolith_is_taken_over(stack, buyer):
    """Its cleaner may be late, or unable to mark it where CHECK refuses 'expired'."""
    lapsed = stack.reserve(seats=2, expires_in_s=-1)
    live = stack.reserve(seats=1)
    body = buyer.hold(lapsed.event, [label(1)])
    assert stack.shared.state(lapsed) == (("expired", "failed"), {"available", "locked"})
    assert state(stack.database, body) == HELD
    refused(buyer.book(live.event, [label(1)]), 409, "SEAT_UNAVAILABLE")


def test_lapsed_in_the_middle_of_a_charge_is_not_taken_over(make_stack):
    """
    A lease that ran out says nothing about the money: the seats wait for the gateway's result.
    """
    stack = make_stack(workers=1, settings={
        "PAYMENTS_MOCK_MODE": "silent", "PAYMENTS_MOCK_DEADLINE_MS": 100,
        "PAYMENTS_MOCK_LEASE_MS": 200, "PAYMENTS_JANITOR_INTERVAL_MS": 600000})
    event, _ = stack.shared.event(1)
    buyer, rival = Buyer(stack), Buyer(stack)
    booking = buyer.hold(event, [label(1)])
    refused(buyer.execute(booking), 504, "PAYMENT_RESULT_UNKNOWN", retry_after=True)
    stack.database.rows("UPDATE public.reservations SET expires_at = LOCALTIMESTAMP - '1 s'::interval")
    refused(rival.book(event, [label(1)]), 409, "SEAT_UNAVAILABLE")
    assert state(stack.database, booking)[1:] == ("unknown", {"locked"})


@pytest.mark.parametrize("variant, ended", [("expired", EXPIRED),
                                          ("without_expired", EXPIRED_AS_CANCELLED)])
def test_janitors_tidy_in_batches(make_stack, variant, ended):
    """Two processes, batches of ten: all of them are ended, each once, and no other."""
    stack = make_stack(variant=variant, workers=2, settings={
        "PAYMENTS_JANITOR_INTERVAL_MS": 20, "PAYMENTS_JANITOR_BATCH": 10})
    event, _ = stack.shared.event(80)
    lapsed, live = [], []
    for n in range(8):
        buyer = Buyer(stack)
        names = [label(5 * n + i + 1) if 5 * n + i < 50 else f"VIP-2-{5 * n + i - 49}"
                 for i in range(5)]
        (live if n % 4 == 0 else lapsed).extend(buyer.hold(event, [name]) for name in names)
    for booking in lapsed:
        lapse(stack.database, booking)
    for booking in lapsed:
        until("the janitor", lambda one=booking: state(stack.database, one) == ended)
    assert all(state(stack.database, booking) == HELD for booking in live)
    assert stack.database.value("SELECT count(*) FROM payments.events WHERE kind = 'expired'") == \
        len(lapsed)


# ---- Idempotency-Key ----

def test_key_repeats_the_answer(stack, buyer, show):
    key = {"Idempotency-Key": new_id()}
    first = buyer.book(show[0], [label(1)], headers=key)
    assert first.status == 201 and first.header("Idempotency-Replayed") is None
    before = stack.shared.snapshot()
    for _ in range(2):
        again = buyer.book(show[0], [label(1)], headers=key)
        assert (again.status, again.body) == (201, first.body)
        assert again.header("Idempotency-Replayed") == "true"
    refused(buyer.book(show[0], [label(2)], headers=key), 422, "IDEMPOTENCY_MISMATCH")
    refused(buyer.book(show[0], [label(1)], method="naver_pay", headers=key), 422,
            "IDEMPOTENCY_MISMATCH")
    assert stack.shared.snapshot() == before
    other = Buyer(stack).book(show[0], [label(2)], headers=key)
    assert other.status == 201 and other.header("Idempotency-Replayed") is None


def test_key_repeats_the_answer_after_the_end(buyer, show):
    """The booking's later state is not part of the stored answer; the list shows it."""
    key = {"Idempotency-Key": new_id()}
    first = buyer.book(show[0], [label(1)], headers=key)
    assert buyer.cancel(first.json).status == 200
    again = buyer.book(show[0], [label(1)], headers=key)
    assert (again.status, again.body) == (201, first.body)


def test_refused_is_not_stored(stack, buyer, show):
    key = {"Idempotency-Key": new_id()}
    rival = Buyer(stack).hold(show[0], [label(1)])
    refused(buyer.book(show[0], [], headers=key), 400, "INVALID_SEATS")
    refused(buyer.book(show[0], [label(1)], headers=key), 409, "SEAT_UNAVAILABLE")
    assert stack.database.rows("SELECT 1 FROM payments.idempotency_keys WHERE key = %s",
                               key["Idempotency-Key"]) == []
    lapse(stack.database, rival)
    answer = buyer.book(show[0], [label(1)], headers=key)
    assert answer.status == 201 and answer.header("Idempotency-Replayed") is None


@pytest.mark.parametrize("key", ["", "x" * 256, "좌석".encode(), b"\x7f"])
def test_bad_key(buyer, show, unchanged, key):
    refused(buyer.book(show[0], [label(1)], headers={"Idempotency-Key": key}), 400,
            "INVALID_IDEMPOTENCY_KEY")


def test_100_with_one_key_at_once(stack, buyer, show):
    one = buyer.booking_request(show[0], [label(1), label(2)], Idempotency_Key=new_id())
    shots = stack.fire([one] * 100, most=100, burst=True)
    made = [shot for shot in shots if shot.status == 201]
    first = [shot for shot in made if "idempotency-replayed" not in shot.headers]
    assert len(first) == 1 and {shot.body for shot in made} == {first[0].body}, tally(shots)
    assert set(tally(shots)) <= {(201, None), (409, "IDEMPOTENCY_IN_PROGRESS")}, tally(shots)
    assert len(buyer.bookings()) == 1


def test_100_of_one_buyer_without_a_key(stack, buyer, show):
    """A double click without a key: one booking, the others find the seat taken."""
    shots = stack.fire([buyer.booking_request(show[0], [label(1)])] * 100, most=100, burst=True)
    assert tally(shots) == {(201, None): 1, (409, "SEAT_UNAVAILABLE"): 99}
