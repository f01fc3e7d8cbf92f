"""
Coalesced reads of the seat map (occupiedSeats of a whole performance): one read serves all requests
that wait. A gate at the seats holds a read in its middle until the other requests are queued.

Fails where `mine` is wrong, where a user gets the seat map of another performance or one older than
the request, where the error of one request fails the others, or where each request still has a read
of its own.
"""

import json

import pytest

from harness import client
from harness.booking import Buyer, lapse, unlapse
from harness.client import MOUNT, new_id
from harness.gate import at_the_gate, closed, gated, meanwhile
from harness.volley import tally
from harness.watch import counted

CROWD = 24


@pytest.fixture
def one_worker(make_stack):
    return lambda **settings: gated(make_stack, "seats", **settings)


def get(event, token=None, method="GET"):
    return {"method": method, "path": f"{MOUNT}/occupiedSeats/{event}",
            "headers": {"Authorization": f"Bearer {token}"} if token else {}}


def reads(stack):
    return [counted(stack.admin_port, f"payments_seat_maps_{name}") for name in ("total", "given_total")]


def shown(shot):
    """{label: (status, mine)}"""
    assert shot.status == 200, shot
    return {one["seatId"]: (one["status"], one.get("mine", False)) for one in shot.json}


def label(number):
    return f"VIP-1-{number}"


def test_a_crowd_has_one_read(one_worker):
    """Each with the user's own seats marked, held and sold, and no others."""
    stack = one_worker()
    buyers = [Buyer(stack) for _ in range(6)]
    show, _ = stack.shared.event(40)
    for n, buyer in enumerate(buyers[:4]):
        assert buyer.execute(buyer.hold(show, [label(4 * n + 1), label(4 * n + 2)])).json["success"] is True
        buyer.hold(show, [label(4 * n + 3)])
    before = reads(stack)
    # the second, which reads for the queue, has no user
    askers = [buyers[0], None, *buyers[1:], None, None]
    tokens = [asker and asker.token for asker in askers[:-2]] + [client.token(buyers[0].id, expires_in_s=-60), "rubbish"]
    crowd = [n % len(tokens) for n in range(CROWD)]
    shots = meanwhile(stack, [get(show, tokens[n]) for n in crowd])
    for n, shot in zip(crowd, shots):
        owner = buyers.index(askers[n]) if askers[n] else None
        assert shown(shot) == {
            label(4 * b + s): ("booked" if s < 3 else "locked", b == owner) for b in range(4) for s in (1, 2, 3)}
        assert int(shot.headers["content-length"]) == len(shot.body.encode())
        assert [one["seatId"] for one in shot.json] == [label(4 * b + s) for b in range(4) for s in (1, 2, 3)]
    made, given = (now - then for now, then in zip(reads(stack), before))
    assert made == 2 and given == CROWD
    assert {line["dbTrips"] for line in stack.pool.log_lines("request") if "occupied" in line["route"]} == {1}


def test_no_seat_map_is_older_than_its_request(one_worker):
    """A seat is sold while the first reads: later requests must see that."""
    stack = one_worker()
    show, seats = stack.shared.event(10)
    stack.database.rows("UPDATE public.seats SET status = 'reserved' WHERE id = %s", seats[0])
    shots = meanwhile(stack, [get(show)] * 9, lambda: stack.database.rows(
        "UPDATE public.seats SET status = 'reserved' WHERE id = %s", seats[4]))
    assert set(shown(shots[0])) == {label(1)}  # it did read before
    assert [set(shown(shot)) for shot in shots[1:]] == [{label(1), label(5)}] * 8
    assert reads(stack) == [2, 9]


def test_each_performance_its_own(one_worker):
    """Of more performances than there are queues, and of one that does not exist."""
    stack = one_worker()
    shows = []
    for n in range(40):
        show, seats = stack.shared.event(n + 1)
        stack.database.rows("UPDATE public.seats SET status = 'reserved' WHERE event_id = %s", show)
        shows.append(show)
    wanted = [n % 40 for n in range(80)]
    requests = [get(shows[0])] + [get(shows[n]) for n in wanted] + [get(new_id())] * 8
    shots = meanwhile(stack, requests)
    for n, shot in zip([0] + wanted, shots):
        assert len(shot.json) == n + 1
        assert {one["performanceId"] for one in shot.json} == {shows[n]}
    assert tally(shots[81:]) == {(404, "PERFORMANCE_NOT_FOUND"): 8}
    assert reads(stack)[1] == len(requests) > reads(stack)[0]


def test_a_head_and_some_seats_among_them(one_worker):
    stack = one_worker()
    buyer = Buyer(stack)
    show, _ = stack.shared.event(10)
    buyer.hold(show, [label(1), label(3)])
    some = get(show, buyer.token) | {"path": f"{MOUNT}/occupiedSeats/{show}?seatIds={label(3)},{label(4)}"}
    shots = meanwhile(stack, [get(show), get(show, buyer.token), get(show, buyer.token, "HEAD"), some])
    assert shown(shots[0]) == {label(1): ("locked", False), label(3): ("locked", False)}
    assert shown(shots[1]) == {label(1): ("locked", True), label(3): ("locked", True)}
    assert shots[2].status == 200 and shots[2].body == ""
    assert shots[2].headers["content-length"] == shots[1].headers["content-length"]
    assert shown(shots[3]) == {label(3): ("locked", True)}


def test_a_lapsed_hold_is_not_shown(one_worker):
    stack = one_worker()
    buyer = Buyer(stack)
    show, _ = stack.shared.event(10)
    live, lapsed = buyer.hold(show, [label(1)]), buyer.hold(show, [label(2)])
    lapse(stack.database, lapsed)
    for shot in meanwhile(stack, [get(show, buyer.token)] * 4):
        assert shown(shot) == {label(1): ("locked", True)}
        assert shot.json[0]["lockedUntil"] == live["expiresAt"]
    unlapse(stack.database)


def test_a_connection_that_dies_under_a_read(one_worker):
    """The service reads again, and all requests are answered."""
    stack = one_worker()
    stack.expect_errors = True
    show, seats = stack.shared.event(10)
    stack.database.rows("UPDATE public.seats SET status = 'reserved' WHERE id = %s", seats[0])
    shots = meanwhile(stack, [get(show)] * CROWD, lambda: stack.database.rows(
        "SELECT pg_terminate_backend(%s)", at_the_gate(stack)[0]))
    assert [set(shown(shot)) for shot in shots] == [{label(1)}] * CROWD


def test_the_wait_for_a_seat_map_is_bounded(one_worker):
    stack = one_worker(PAYMENTS_DB_WAIT_MS=200)
    stack.expect_errors = True
    show, seats = stack.shared.event(10)
    stack.database.rows("UPDATE public.seats SET status = 'reserved' WHERE id = %s", seats[0])
    shots = meanwhile(stack, [get(show)] * CROWD)
    assert set(shown(shots[0])) == {label(1)}
    assert tally(shots[1:]) == {(503, "SERVICE_UNAVAILABLE"): CROWD - 1}
    for shot in shots[1:]:
        assert int(shot.headers["retry-after"]) > 0
        assert json.loads(shot.body)["requestId"] == shot.headers["x-request-id"]
    assert set(shown(stack.fire([get(show)])[0])) == {label(1)}


def test_a_read_that_takes_too_long_is_given_up(one_worker):
    """The statement's own time-out ends it: all requests get 503, and the next read succeeds."""
    stack = one_worker()
    stack.expect_errors = True
    stack.database.rows("ALTER ROLE payments_service IN DATABASE " + stack.database.name + " SET statement_timeout = '500ms'")
    show, seats = stack.shared.event(10)
    stack.database.rows("UPDATE public.seats SET status = 'reserved' WHERE id = %s", seats[0])
    with closed(stack):
        shots = stack.fire([get(show)] * CROWD, burst=True)
    assert {shot.status for shot in shots} == {503}, tally(shots)
    assert set(shown(stack.fire([get(show)])[0])) == {label(1)}
