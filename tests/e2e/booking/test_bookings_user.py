"""
GET and DELETE of bookings/user/{id} and bookings/my, every row of their tables, through nginx.

Fails where a user sees or cancels a booking of another, a page loses or repeats a booking, or a
cancelled booking keeps its seats.
"""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from harness import client
from harness.booking import CANCELLED, EXPIRED, HELD, PAID, Buyer, lapse, state, unlapse
from harness.client import new_id, refused
from harness.wait import until

STACK = {"workers": 1, "settings": {"PAYMENTS_JANITOR_INTERVAL_MS": 600000}}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LINK = re.compile(r'<([^>]+)>; rel="next"')


@pytest.fixture
def buyer(stack):
    yield Buyer(stack)
    unlapse(stack.database)


@pytest.fixture
def admin(stack):
    return Buyer(stack, role="admin")


@pytest.fixture
def show(stack):
    return stack.shared.event(12)[0]


def label(number):
    return f"VIP-1-{number}"


# ---- the list ----

def test_entry_to_the_field(buyer, show):
    booking = buyer.hold(show, [label(2), label(1)])
    entry, = buyer.bookings()
    created, updated = entry.pop("createdAt"), entry.pop("updatedAt")
    assert TIME.fullmatch(created) and TIME.fullmatch(updated)
    assert entry == {
        "bookingId": booking["bookingId"], "userId": buyer.id, "performanceId": show,
        "seatIds": [label(1), label(2)], "quantity": 2, "totalAmount": 140000,
        "paymentMethod": "credit_card", "status": "pending", "paymentStatus": "pending",
        "paymentIntentId": booking["paymentIntentId"], "expiresAt": booking["expiresAt"]}


def test_times_are_utc(stack, buyer, show):
    """The database's zone is nine hours ahead: a time without it is far off."""
    buyer.hold(show, [label(1)])
    entry, = buyer.bookings()
    for name in ("createdAt", "updatedAt"):
        assert stack.database.value("SELECT abs(extract(epoch FROM %s::timestamptz - now())) < 30",
                                    entry[name]), entry


def test_each_status(stack, buyer, show):
    ways = [("pending", "pending", lambda one: None),
            ("confirmed", "completed", lambda one: buyer.execute(one)),
            ("cancelled", "pending", lambda one: buyer.cancel(one)),
            ("cancelled", "failed", lambda one: buyer.execute(one, cvv="123")),
            ("expired", "pending", lambda one: lapse(stack.database, one))]
    made = []
    for n, (_, _, go) in enumerate(ways, 1):
        made.append(buyer.hold(show, [label(n)]))
        go(made[-1])
    listed = {one["bookingId"]: (one["status"], one["paymentStatus"]) for one in buyer.bookings()}
    assert [listed[one["bookingId"]] for one in made] == [way[:2] for way in ways]


def test_reservations_of_others_are_bookings_too(stack, buyer):
    """The monolith's and the Ticket Service's: there is one table."""
    seats = stack.shared.reserve_one(buyer.id, seats=2)
    tickets = stack.shared.reserve_tickets(buyer.id, quantity=3, price=1000)
    entries = buyer.bookings()
    assert [one["bookingId"] for one in entries] == [tickets.id, seats.id]
    assert [(one["seatIds"], one["quantity"], one["totalAmount"], one["paymentMethod"],
             one["paymentIntentId"], one["expiresAt"] is None) for one in entries] == [
        ([], 3, 3000, None, None, True), ([label(1), label(2)], 2, 140000, None, None, False)]


def test_event_gone(stack, buyer, show):
    booking = buyer.hold(show, [label(1)])
    stack.database.rows("UPDATE public.reservations SET event_id = NULL WHERE id = %s",
                        booking["bookingId"])
    assert buyer.bookings()[0]["performanceId"] is None


def test_no_other_users_bookings(stack, buyer, show):
    Buyer(stack).hold(show, [label(1)])
    assert buyer.bookings() == []


@pytest.mark.parametrize("path", [
    "/api/v1/payments/bookings/my", "/api/v1/payments/bookings/user/{id}",
    "/api/v1/payments/bookings/user/{ID}", "/api/v1/payments/bookings/my/",
    "/api/payments/bookings/my", "/api/payments/bookings/user/{id}", "/bookings/my",
    "/bookings/user/{id}", "/bookings/user/{id}/"])
def test_every_address(stack, buyer, show, path):
    """Also that the next page's address is below the requested one."""
    made = [buyer.hold(show, [label(n)])["bookingId"] for n in (1, 2, 3)]
    path = path.replace("{id}", buyer.id).replace("{ID}", buyer.id.upper())
    answer = client.request(stack.pool.port, "GET", path + "?limit=2&x=1", token=buyer.token)
    assert [one["bookingId"] for one in answer.json] == made[:0:-1]
    address, = LINK.fullmatch(answer.header("Link")).groups()
    assert address.split("?")[0] == path.rstrip("/")
    rest = client.request(stack.pool.port, "GET", address, token=buyer.token)
    assert [one["bookingId"] for one in rest.json] == made[:1] and rest.header("Link") is None


def test_head(buyer, show):
    buyer.hold(show, [label(1)])
    answer = buyer.ask("HEAD", "/bookings/my")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.header("Content-Length")) > 100


def test_pages_lose_and_repeat_nothing(stack, buyer):
    """Also where many were made in one moment, and where new ones come in between."""
    made = [one.id for one in stack.shared.reserve(buyer.id, 23)]
    stack.database.rows("UPDATE public.reservations SET created_at = LOCALTIMESTAMP - '1 h'::interval "
                        "WHERE id = ANY (%s::uuid[])", made[:12])
    seen, path = [], "/api/v1/payments/bookings/my?limit=5"
    while path:
        answer = client.request(stack.pool.port, "GET", path, token=buyer.token)
        assert answer.status == 200 and len(answer.json) <= 5
        seen += [one["bookingId"] for one in answer.json]
        link = answer.header("Link")
        path = link and LINK.fullmatch(link).group(1)
        stack.shared.reserve_one(buyer.id)
    assert sorted(seen) == sorted(made)


def test_page_sizes(stack, buyer):
    stack.shared.reserve(buyer.id, 205)
    for query, size in (("", 50), ("?limit=1", 1), ("?limit=200", 200), ("?limit=999", 200)):
        answer = buyer.ask("GET", "/bookings/my" + query)
        assert len(answer.json) == size
        query = parse_qs(urlsplit(LINK.fullmatch(answer.header("Link")).group(1)).query)
        assert query["limit"] == [str(size)]


@pytest.mark.parametrize("query", [
    "limit=0", "limit=-1", "limit=", "limit=x", "limit=1x", "limit=%31%", "limit=1.5", "before=x",
    "before=", "before=2026-01-01T00:00:00_x", "before=_", "before=%00",
    "before=infinity_11111111-1111-4111-8111-111111111111",
    "before=9999999999_11111111-1111-4111-8111-111111111111",
    "before=2026-13-45T00:00:00_11111111-1111-4111-8111-111111111111",
    "before=2026-02-30T00:00:00_11111111-1111-4111-8111-111111111111",
    "before=0000-01-01T00:00:00_11111111-1111-4111-8111-111111111111",
    "before=2026-01-01T00:00:00.1234567_11111111-1111-4111-8111-111111111111"])
def test_bad_page(buyer, unchanged, query):
    refused(buyer.ask("GET", "/bookings/my?" + query), 400, "INVALID_PARAMETER")


def test_cursor_of_any_time(buyer, stack):
    """
    The control of the above; and a parameter whose name only ends in the same word is ignored.
    """
    stack.shared.reserve_one(buyer.id)
    last = "_11111111-1111-4111-8111-111111111111"
    for time, shown in (("2026-02-28T00:00:00", 0), ("9999-12-31T23:59:59.123456", 1)):
        assert len(buyer.bookings(f"?before={time}{last}&xlimit=x&xbefore=%00")) == shown


def test_whose_list(stack, buyer, admin, show):
    booking = buyer.hold(show, [label(1)])
    path = f"/bookings/user/{buyer.id}"
    refused(Buyer(stack).ask("GET", path), 403, "FORBIDDEN")
    entry, = admin.ask("GET", path).json
    assert (entry["bookingId"], entry["userId"]) == (booking["bookingId"], buyer.id)
    assert admin.bookings() == []
    refused(buyer.ask("GET", "/bookings/user/me"), 400, "INVALID_ID")
    refused(buyer.ask("GET", f"/bookings/user/{new_id()}"), 403, "FORBIDDEN")
    assert admin.ask("GET", f"/bookings/user/{new_id()}").json == []
    refused(buyer.ask("GET", "/bookings/user/"), 404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/bookings/my", "/bookings/user/x"])
def test_token_of_the_list(buyer, path):
    refused(buyer.ask("GET", path, token=None), 401, "AUTH_REQUIRED")
    refused(buyer.ask("GET", path, token="x"), 403, "TOKEN_INVALID")
    refused(buyer.ask("GET", path, token=client.token(new_id())), 401, "USER_NOT_FOUND")


# ---- cancel ----

@pytest.mark.parametrize("path", [
    "/api/v1/payments/bookings/my", "/api/v1/payments/bookings/user/{id}",
    "/api/payments/bookings/user/{id}", "/bookings/my", "/bookings/user/{id}"])
def test_cancel_at_every_address(stack, buyer, show, path):
    booking = buyer.hold(show, [label(1), label(2)])
    answer = client.request(stack.pool.port, "DELETE", path.replace("{id}", buyer.id),
                            token=buyer.token, body={"bookingId": booking["bookingId"].upper()})
    assert answer.status == 200, answer
    body = answer.json
    assert body.pop("message")
    assert body == {"bookingId": booking["bookingId"], "status": "cancelled"}
    assert state(stack.database, booking) == CANCELLED
    Buyer(stack).hold(show, [label(1), label(2)])


def test_cancel_again(stack, buyer, show):
    """nginx may send a DELETE twice: the second changes nothing."""
    booking = buyer.hold(show, [label(1)])
    assert buyer.cancel(booking).status == 200
    before = stack.shared.snapshot()
    refused(buyer.cancel(booking), 400, "BOOKING_NOT_CANCELLABLE")
    assert stack.shared.snapshot() == before


def test_cancel_of_what_is_over(stack, buyer, show):
    paid, declined, lapsed = (buyer.hold(show, [label(n)]) for n in (1, 2, 3))
    assert buyer.execute(paid).json["success"] is True
    assert buyer.execute(declined, cvv="124").json["success"] is False
    lapse(stack.database, lapsed)
    for booking in (paid, declined, lapsed):
        before = stack.shared.snapshot()
        refused(buyer.cancel(booking), 400, "BOOKING_NOT_CANCELLABLE")
        assert stack.shared.snapshot() == before
    assert state(stack.database, paid) == PAID


def test_cancel_under_way(make_stack):
    stack = make_stack(workers=1, settings={"PAYMENTS_MOCK_MIN_DELAY_MS": 1000,
                                            "PAYMENTS_MOCK_MAX_DELAY_MS": 1000})
    show, buyer = stack.shared.event(1)[0], Buyer(stack)
    booking = buyer.hold(show, [label(1)])
    volley = stack.volley([buyer.execute_request(booking["paymentIntentId"])])
    until("it is claimed", lambda: state(stack.database, booking)[1] == "processing")
    refused(buyer.cancel(booking), 409, "PAYMENT_IN_PROGRESS", retry_after=True)
    assert volley.finish()[0].status == 200
    assert state(stack.database, booking) == PAID


def test_cancel_of_the_monoliths(stack, buyer):
    """One table: bookings of another service are cancelled here too, and tickets are given back."""
    seats = stack.shared.reserve_one(buyer.id, seats=2)
    tickets = stack.shared.reserve_tickets(buyer.id, quantity=2)
    for one in (seats, tickets):
        assert buyer.cancel({"bookingId": one.id}).status == 200
    assert stack.shared.state(seats) == (("cancelled", "pending"), {"available"})
    assert stack.shared.state(tickets)[0] == ("cancelled", "pending")
    assert stack.database.value("SELECT available_quantity FROM public.ticket_types WHERE event_id = %s",
                                tickets.event) == 100


def test_who_may_cancel(stack, buyer, admin, show):
    booking = buyer.hold(show, [label(1)])
    stranger, body = Buyer(stack), {"bookingId": booking["bookingId"]}
    before = stack.shared.snapshot()
    refused(stranger.cancel(booking), 404, "BOOKING_NOT_FOUND")
    refused(stranger.ask("DELETE", f"/bookings/user/{stranger.id}", body), 404, "BOOKING_NOT_FOUND")
    refused(stranger.ask("DELETE", f"/bookings/user/{buyer.id}", body), 403, "FORBIDDEN")
    refused(buyer.ask("DELETE", f"/bookings/user/{stranger.id}", body), 403, "FORBIDDEN")
    assert stack.shared.snapshot() == before
    assert admin.ask("DELETE", f"/bookings/user/{buyer.id}", body).status == 200
    assert state(stack.database, booking) == CANCELLED


@pytest.mark.parametrize("how, status, code", [
    ({"body": {}}, 400, "MISSING_FIELDS"), ({"body": {"bookingId": None}}, 400, "MISSING_FIELDS"),
    ({"body": {"bookingId": ""}}, 400, "MISSING_FIELDS"),
    ({"body": {"bookingId": "x"}}, 400, "INVALID_ID"),
    ({"body": {"bookingId": 7}}, 400, "INVALID_ID"),
    ({"body": {"bookingId": new_id()}}, 404, "BOOKING_NOT_FOUND"),
    ({"body": "{"}, 400, "MALFORMED_JSON"), ({"body": ""}, 400, "MALFORMED_JSON"),
    ({"body": "[]"}, 400, "MALFORMED_JSON"),
    ({"body": {}, "headers": {"Content-Type": "text/plain"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ({"body": {}, "token": None}, 401, "AUTH_REQUIRED"),
    ({"body": {}, "token": "x"}, 403, "TOKEN_INVALID"),
    ({"body": {}, "token": client.token(new_id())}, 401, "USER_NOT_FOUND"),
    ({"body": {"bookingId": new_id()}, "token": client.token(new_id())}, 401, "USER_NOT_FOUND")])
def test_bad_cancel(buyer, unchanged, how, status, code):
    refused(buyer.ask("DELETE", "/bookings/my", **how), status, code)


def test_bad_user_in_the_path(buyer, unchanged):
    refused(buyer.ask("DELETE", "/bookings/user/x", {"bookingId": new_id()}), 400, "INVALID_ID")
    refused(buyer.ask("DELETE", "/bookings/user/x", {}), 400, "MISSING_FIELDS")


def test_cancel_leaves_the_others_alone(stack, buyer, show):
    keep, drop = buyer.hold(show, [label(1)]), buyer.hold(show, [label(2)])
    other = Buyer(stack).hold(show, [label(3)])
    assert buyer.cancel(drop).status == 200
    assert state(stack.database, keep) == state(stack.database, other) == HELD


def test_lapsed_is_listed_as_expired_after_the_janitor_too(make_stack):
    """Where CHECK refuses 'expired' the row says cancelled; the list says what it was."""
    stack = make_stack(variant="without_expired", workers=1)
    show, buyer = stack.shared.event(1)[0], Buyer(stack)
    booking = buyer.hold(show, [label(1)])
    lapse(stack.database, booking)
    until("the janitor", lambda: state(stack.database, booking)[1] == "expired")
    assert state(stack.database, booking)[0] == ("cancelled", "failed") != EXPIRED[0]
    assert [one["status"] for one in buyer.bookings()] == ["expired"]
