"""
On-sale rush: 2,000 buyers at the same moment on the 200 seats of one event.

Fails where a seat is held twice, where two buyers who want the same two seats in opposite order
stop each other, or where buyers wait for one another instead of being answered at once.
"""

import random
import uuid

from harness import client, pace
from harness.volley import post, tally

BUYERS, SEATS = 2000, 200
PAIRS = 600  # of the buyers want two seats, every other one in opposite order
STACK = {"workers": 4, "settings": {"PAYMENTS_DB_CONNECTIONS": 8}}
P99_MS = 1000
# At the most: other load on the machine may spoil the time of one round, never its correctness.
ROUNDS = 3
# A buyer may take as long as this many of PostgreSQL's own small transactions, where the machine is
# too slow for 2,000 buyers in a second: 3.4 to 5.2 measured.
WORTH = 6


def make_buyers(stack):
    buyers = [str(uuid.uuid4()) for _ in range(BUYERS)]
    stack.database.rows("INSERT INTO public.users (id, email, password_hash, name) "
                        "SELECT u, u || '@example.com', 'x', '홍길동' FROM unnest(%s::uuid[]) u",
                        buyers)
    return buyers


def wishes(seats):
    """What each buyer wants: one seat, or one of a few pairs, in either order."""
    pick = random.Random(1)
    made = [[pick.choice(seats)] for _ in range(BUYERS - PAIRS)]
    for n in range(PAIRS):
        left = pick.randrange(0, SEATS, 2)
        made.append(seats[left:left + 2][::1 if n % 2 else -1])
    pick.shuffle(made)
    return made


def rush(stack, capsys):
    """One on-sale: asserts everything except its time. Volley's figures."""
    event, seats = stack.shared.event(SEATS)
    requests = [post(client.MOUNT + "/bookings",
                     {"performanceId": event, "seatIds": wish, "paymentMethod": "CREDIT_CARD"},
                     client.token(buyer))
                for buyer, wish in zip(make_buyers(stack), wishes(seats))]
    log_from = stack.cluster.log.stat().st_size
    volley = stack.volley(requests, most=BUYERS, burst=True)
    shots = volley.finish()
    with open(stack.cluster.log, encoding="utf-8") as log:
        log.seek(log_from)
        deadlocks = log.read().count("deadlock detected")
    counted, summary = tally(shots), volley.summary
    with capsys.disabled():
        print(f"\n2,000 buyers on 200 seats: {counted[(201, None)]} bookings, "
              f"{summary['perSecond']:.0f} answers a second, p50 {summary['p50Ms']:.0f} ms, "
              f"p99 {summary['p99Ms']:.0f} ms, longest {summary['maxMs']:.0f} ms, "
              f"{deadlocks} deadlocks in PostgreSQL")
    assert set(counted) == {(201, None), (409, "SEAT_UNAVAILABLE")}, counted
    held = [seat["id"] for shot in shots if shot.status == 201 for seat in shot.json["seats"]]
    wanted = {seat for seat in held}
    assert len(held) == len(wanted)
    assert stack.database.rows(
        "SELECT s.id::text, count(*) FROM public.seats s JOIN public.reservation_items t "
        "ON t.seat_id = s.id WHERE s.event_id = %s AND s.status = 'locked' "
        "GROUP BY s.id HAVING count(*) = 1 ORDER BY 1", event) == [(seat, 1) for seat in sorted(held)]
    assert stack.database.value("SELECT count(*) FROM public.seats WHERE event_id = %s "
                                "AND status <> 'available'", event) == len(held) > SEATS * 0.9
    assert all(shot.json["seats"] for shot in shots if shot.status == 409)
    assert deadlocks == 0
    return summary


def test_2000_buyers_on_200_seats(stack, capsys):
    """
    Within a second; on a slower machine, within a bound measured by PostgreSQL's own benchmark
    there.
    """
    p99_ms = []
    for _ in range(ROUNDS):
        p99_ms.append(rush(stack, capsys)["p99Ms"])
        if p99_ms[-1] < P99_MS:
            return
    own_ms = BUYERS / pace.transactions_per_s(stack.cluster) * 1000
    with capsys.disabled():
        print(f"2,000 small transactions of pgbench take {own_ms:.0f} ms here: {min(p99_ms) / own_ms:.1f} times")
    assert min(p99_ms) < WORTH * own_ms
