"""
Coalesced reads of booking lists: one read serves all requests that wait at the same moment. A gate
at the reservations holds a read in its middle until the other requests are queued.

Fails where a user gets another user's booking, another page, or a page older than the request,
where the error of one request fails the others, or where each request still has a read of its own.
"""

import json
import uuid

import pytest

from harness import client
from harness.booking import Buyer
from harness.client import MOUNT, new_id
from harness.gate import at_the_gate, closed, gated, meanwhile
from harness.liar import Liar
from harness.stack import Stack
from harness.volley import tally
from harness.watch import counted

CROWD = 24


@pytest.fixture
def one_worker(make_stack):
    return lambda **settings: gated(make_stack, "reservations", PAYMENTS_LIST_READS=1, **settings)


def get(token, path="/bookings/my", method="GET"):
    return {"method": method, "path": MOUNT + path, "headers": {"Authorization": f"Bearer {token}"}}


def reads(stack):
    return [counted(stack.admin_port, f"payments_booking_{name}_total") for name in ("looks", "lists")]


def with_bookings(stack, count):
    buyer = Buyer(stack)
    stack.shared.reserve(buyer.id, count)
    return buyer


def listed(shot):
    assert shot.status == 200, shot
    return [one["bookingId"] for one in shot.json]


def told(shot):
    """The parts of an answer that the list decides: all but the request's id."""
    body = shot.json
    if shot.status != 200:
        body = {name: value for name, value in body.items() if name != "requestId"}
    return shot.status, body, shot.headers.get("link")


def test_each_page_is_its_askers(one_worker):
    """
    Many requests at once get, byte for byte, the answers that each gets alone: pages of every size
    and place, of a user without bookings, to an admin, to a user that does not exist.
    """
    stack = one_worker()
    people = [with_bookings(stack, count) for count in (3, 1, 0, 12, 60, 2)]
    admin = Buyer(stack, role="admin")
    requests = [get(one.token) for one in people]
    requests += [get(one.token, f"/bookings/my?limit={limit}") for one in people for limit in (1, 2, 200)]
    requests += [get(admin.token, f"/bookings/user/{one.id}?limit=2") for one in people]
    requests += [get(admin.token), get(client.token(new_id())), get(admin.token, f"/bookings/user/{new_id()}")]
    links = [shot.headers.get("link") for shot in stack.fire(requests)]
    requests += [get(people[4].token, link.split("<")[1].split(">")[0].removeprefix(MOUNT))
                 for link, one in zip(links, requests) if link and one["path"].startswith(MOUNT + "/bookings/my")
                 and one["headers"] == get(people[4].token)["headers"]]
    assert len(requests) >= 36
    alone = [told(stack.fire([one])[0]) for one in requests]
    assert {answer[0] for answer in alone} == {200, 401} and len({answer[2] for answer in alone}) > 6
    before = reads(stack)
    at_once = [told(shot) for shot in meanwhile(stack, requests)]
    assert at_once == alone
    made, lists = (now - then for now, then in zip(reads(stack), before))
    # two, and more for those beyond PAYMENTS_BATCH_MAX
    assert lists == len(requests) and made <= 4, (made, lists)
    for (status, body, _), one in zip(at_once, requests):
        if "/my" in one["path"] and status == 200:
            owner = next(person for person in [admin, *people] if get(person.token)["headers"] == one["headers"])
            assert {entry["userId"] for entry in body} <= {owner.id}


def test_no_page_is_older_than_its_request(one_worker):
    """A booking is made while the first reads: later requests must see it."""
    stack = one_worker()
    buyer, other = with_bookings(stack, 1), with_bookings(stack, 2)
    had = listed(stack.fire([get(buyer.token)])[0])
    made = []
    shots = meanwhile(stack, [get(buyer.token)] * 5 + [get(other.token)] * 4,
                      lambda: made.extend(stack.shared.reserve(buyer.id, 1)))
    assert listed(shots[0]) == had
    assert [listed(shot) for shot in shots[1:5]] == [[made[0].id, *had]] * 4
    assert {len(listed(shot)) for shot in shots[5:]} == {2}


@pytest.fixture
def lied_to(cluster):
    stack = Stack(cluster, workers=1)
    liar = Liar(cluster, stack.pool.folder)
    stack.pool.environment["DATABASE_URL"] = stack.database.url(host=liar.folder)
    stack.expect_errors = True
    try:
        yield stack.start(), liar
        stack.audit()
    finally:
        stack.stop()
        liar.stop()


def test_a_booking_of_another_is_not_shown(lied_to):
    """
    No statement of the service does this: a row of another user comes for a page. Only that page is
    refused.
    """
    stack, liar = lied_to
    buyer, other = with_bookings(stack, 3), with_bookings(stack, 2)
    mine, others = (listed(shot) for shot in stack.fire([get(buyer.token), get(other.token)]))
    liar.lie = uuid.UUID(buyer.id).bytes, uuid.UUID(other.id).bytes
    refused, good = stack.fire([get(buyer.token), get(other.token)])
    assert (refused.status, refused.json["code"]) == (500, "INTERNAL_ERROR")
    assert not any(id in refused.body for id in mine + others)
    assert listed(good) == others
    line, = stack.pool.log_lines("booking_of_another")
    assert line["level"] == "error" and buyer.id in line["detail"] and other.id in line["detail"]
    liar.lie = None
    assert listed(stack.fire([get(buyer.token)])[0]) == mine


def test_a_bad_request_is_not_queued(one_worker):
    stack = one_worker()
    buyer = with_bookings(stack, 2)
    shots = meanwhile(stack, [get(buyer.token), get(buyer.token, method="HEAD"), get(buyer.token, "/bookings/my?before=x"),
                              get(buyer.token, f"/bookings/user/{new_id()}"), get("rubbish")])
    assert [shot.status for shot in shots] == [200, 200, 400, 403, 403]
    assert shots[1].body == "" and shots[1].headers["content-length"] == shots[0].headers["content-length"]
    assert reads(stack) == [2, 2]


def test_a_page_that_cannot_be_read_fails_alone(one_worker):
    """PostgreSQL refuses one value of the batch: the other members are read again, each alone."""
    stack = one_worker()
    stack.expect_errors = True
    people = [with_bookings(stack, count) for count in (1, 2, 3)]
    bad = get(people[0].token, f"/bookings/my?before=2026-11-22T12:-0:59.123_{new_id()}")
    shots = meanwhile(stack, [get(people[n % 3].token) for n in range(6)] + [bad] +
                      [get(people[n % 3].token) for n in range(6)])
    refused = shots.pop(6)
    assert refused.status >= 400, refused
    assert [len(listed(shot)) for shot in shots] == [n % 3 + 1 for n in range(6)] * 2


def test_a_connection_that_dies_under_a_read(one_worker):
    """The service reads again, and all requests are answered."""
    stack = one_worker()
    stack.expect_errors = True
    people = [with_bookings(stack, count) for count in (1, 2, 3)]
    shots = meanwhile(stack, [get(people[n % 3].token) for n in range(CROWD)], lambda: stack.database.rows(
        "SELECT pg_terminate_backend(%s)", at_the_gate(stack)[0]))
    assert [len(listed(shot)) for shot in shots] == [n % 3 + 1 for n in range(CROWD)]


def test_the_wait_for_a_list_is_bounded(one_worker):
    stack = one_worker(PAYMENTS_DB_WAIT_MS=200)
    stack.expect_errors = True
    buyer = with_bookings(stack, 2)
    shots = meanwhile(stack, [get(buyer.token)] * CROWD)
    assert len(listed(shots[0])) == 2
    assert tally(shots[1:]) == {(503, "SERVICE_UNAVAILABLE"): CROWD - 1}
    for shot in shots[1:]:
        assert int(shot.headers["retry-after"]) > 0
        assert json.loads(shot.body)["requestId"] == shot.headers["x-request-id"]
    assert len(listed(stack.fire([get(buyer.token)])[0])) == 2


def test_a_read_that_takes_too_long_is_given_up(one_worker):
    """The statement's own time-out ends it: all requests get 503, and the next read succeeds."""
    stack = one_worker()
    stack.expect_errors = True
    stack.database.rows("ALTER ROLE payments_service IN DATABASE " + stack.database.name + " SET statement_timeout = '500ms'")
    buyer = with_bookings(stack, 2)
    with closed(stack):
        shots = stack.fire([get(buyer.token)] * CROWD, burst=True)
    assert {shot.status for shot in shots} == {503}, tally(shots)
    assert len(listed(stack.fire([get(buyer.token)])[0])) == 2


def test_so_many_reads_at_once(make_stack):
    """PAYMENTS_LIST_READS: the second need not wait for the first, the third waits."""
    stack = gated(make_stack, "reservations", PAYMENTS_LIST_READS=2)
    people = [with_bookings(stack, count) for count in (1, 2, 3)]
    shots = meanwhile(stack, [get(people[n % 3].token) for n in range(12)])
    assert [len(listed(shot)) for shot in shots] == [n % 3 + 1 for n in range(12)]
    made, lists = reads(stack)
    assert made <= 4 and lists == 12  # the queued requests are shared between the two


def test_a_read_is_bounded(one_worker):
    """PAYMENTS_BATCH_MAX bounds a read too."""
    stack = one_worker(PAYMENTS_BATCH_MAX=4)
    people = [with_bookings(stack, count) for count in (1, 2, 3)]
    shots = meanwhile(stack, [get(people[n % 3].token) for n in range(13)])
    assert [len(listed(shot)) for shot in shots] == [n % 3 + 1 for n in range(13)]
    assert reads(stack) == [4, 13]
