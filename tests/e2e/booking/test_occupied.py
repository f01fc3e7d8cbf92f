"""
GET occupiedSeats as docs/api.md has it, through nginx.

Fails where a free seat is shown as taken or a taken one as free, or where an answer tells whose a
seat is.
"""

import pytest

from harness import client
from harness.booking import Buyer, lapse, unlapse
from harness.client import new_id, refused

STACK = {"workers": 1, "settings": {"PAYMENTS_JANITOR_INTERVAL_MS": 600000}}


@pytest.fixture
def buyer(stack):
    yield Buyer(stack)
    unlapse(stack.database)


@pytest.fixture
def show(stack):
    return stack.shared.event(12)[0]


def label(number):
    return f"VIP-1-{number}"


def names(entries):
    return [entry["seatId"] for entry in entries]


def test_nothing_taken(buyer, show):
    assert buyer.occupied(show) == buyer.occupied(show, "?seatIds=VIP-1-1") == []


def test_entries_to_the_field(buyer, show):
    held, paid = buyer.hold(show, [label(2)]), buyer.hold(show, [label(1)])
    assert buyer.execute(paid).json["success"] is True
    entry = {"performanceId": show, "status": "booked", "lockedUntil": None}
    wanted = [{"id": f"{show}_{label(1)}", "seatId": label(1)} | entry,
              {"id": f"{show}_{label(2)}", "seatId": label(2)} | entry | {
                  "status": "locked", "lockedUntil": held["expiresAt"]}]
    assert buyer.occupied(show, token=None) == wanted
    assert buyer.occupied(show) == [one | {"mine": True} for one in wanted]


def test_no_ids_of_other_users(stack, buyer, show):
    """Neither with nor without a token does an answer contain ids of another user or a booking."""
    booking = buyer.hold(show, [label(1)])
    for token in (None, Buyer(stack).token, "rubbish", client.token(buyer.id, expires_in_s=-60)):
        answer = buyer.ask("GET", f"/occupiedSeats/{show}", token=token)
        assert answer.status == 200 and names(answer.json) == [label(1)]
        assert set(answer.json[0]) == {"id", "performanceId", "seatId", "status", "lockedUntil"}
        for secret in (buyer.id, booking["bookingId"], booking["paymentIntentId"]):
            assert secret.encode() not in answer.body


def test_seats_of_the_monolith(stack, buyer):
    """Locked with a reservation, sold, and locked by hand without one."""
    held = stack.reserve(seats=4)
    stack.database.rows("UPDATE public.seats SET status = 'reserved' WHERE id = %s", held.seats[1])
    stack.database.rows("DELETE FROM public.reservation_items WHERE seat_id = ANY (%s::uuid[])",
                        held.seats[1:3])
    stack.database.rows("UPDATE public.seats SET status = 'available' WHERE id = %s", held.seats[3])
    until, = stack.database.row("SELECT payments.iso(expires_at::timestamptz) "
                                "FROM public.reservations WHERE id = %s", held.id)
    assert [(one["seatId"], one["status"], one["lockedUntil"]) for one in
            buyer.occupied(held.event)] == [(label(1), "locked", until),
                                            (label(2), "booked", None), (label(3), "locked", None)]
    stack.database.rows("UPDATE public.seats SET status = 'available' WHERE id = ANY (%s::uuid[])",
                        held.seats[1:3])


def test_lapsed_is_not_taken(stack, buyer, show):
    lapsed, live = buyer.hold(show, [label(1)]), buyer.hold(show, [label(2)])
    lapse(stack.database, lapsed)
    assert names(buyer.occupied(show)) == [label(2)]
    assert names(buyer.occupied(show, "?seatIds=VIP-1-1,VIP-1-2")) == [label(2)]
    assert buyer.cancel(live).status == 200
    assert buyer.occupied(show) == []


def test_seat_with_a_history(stack, buyer, show):
    """Several reservations on one seat: the live one counts, of any service and age."""
    for cvv in ("122", "123"):
        assert buyer.execute(buyer.hold(show, [label(1)]), cvv=cvv).json["success"] is False
    assert buyer.cancel(buyer.hold(show, [label(1)])).status == 200
    lapse(stack.database, buyer.hold(show, [label(1)]))
    last = Buyer(stack)
    held = last.hold(show, [label(1)])
    for entry, in (last.occupied(show), last.occupied(show, "?seatIds=VIP-1-1")):
        assert (entry["lockedUntil"], entry.get("mine")) == (held["expiresAt"], True)
    assert "mine" not in buyer.occupied(show)[0]


@pytest.mark.parametrize("query, wanted", [
    ("seatIds=VIP-1-1", [1]), ("seatIds=VIP-1-3,VIP-1-1", [1, 3]), ("seatIds=VIP-1-5", []),
    ("seatIds=VIP-1-1,VIP-1-1", [1]), ("seatIds=VIP%2D1-1%2CVIP-1-2", [1, 2]), ("seatIds=", [1, 2, 3]),
    ("x=1", [1, 2, 3]), ("x=VIP-1-5&seatIds=VIP-1-2", [2]), ("seatIds=nothing,VIP-1-2", [2]),
    ("seatIds=%27,VIP-1-2,%22%5C,%7B%7D", [2]), ("seatIds=,,VIP-1-2,", [2])])
def test_some_seats(buyer, show, query, wanted):
    buyer.hold(show, [label(n) for n in (1, 2, 3)])
    assert names(buyer.occupied(show, "?" + query)) == [label(n) for n in wanted]


def test_500_seats_and_no_more(buyer, show):
    buyer.hold(show, [label(1)])
    many = ",".join(f"X-{n}" for n in range(499))
    assert names(buyer.occupied(show, f"?seatIds={many},{label(1)}")) == [label(1)]
    refused(buyer.ask("GET", f"/occupiedSeats/{show}?seatIds={many},a,{label(1)}"), 400,
            "INVALID_SEATS")


@pytest.mark.parametrize("path, status, code", [
    ("/occupiedSeats/1", 400, "INVALID_ID"), ("/occupiedSeats/{}", 404, "PERFORMANCE_NOT_FOUND"),
    ("/occupiedSeats/{}?seatIds=A1", 404, "PERFORMANCE_NOT_FOUND"),
    ("/occupiedSeats", 404, "NOT_FOUND"), ("/occupiedSeats/{}/x", 404, "NOT_FOUND"),
    ("/occupiedSeats/{}?seatIds=%ff", 400, "INVALID_SEATS"),
    ("/occupiedSeats/{}?seatIds=%zz", 400, "INVALID_SEATS")])
def test_bad_request(buyer, path, status, code):
    refused(buyer.ask("GET", path.format(new_id()), token=None), status, code)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_wrong_method(buyer, show, method):
    answer = buyer.ask(method, f"/occupiedSeats/{show}")
    refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.header("Allow") == "GET, HEAD"


@pytest.mark.parametrize("path", [
    "/api/v1/payments/occupiedSeats/{}", "/api/payments/occupiedSeats/{}", "/occupiedSeats/{}",
    "/occupiedSeats/{}/", "/occupiedSeats/{}?seatIds=VIP-1-1"])
def test_every_address(stack, buyer, show, path):
    buyer.hold(show, [label(1)])
    answer = client.request(stack.pool.port, "GET", path.format(show.upper()))
    assert answer.status == 200, answer
    assert [(one["performanceId"], one["seatId"]) for one in answer.json] == [(show, label(1))]
