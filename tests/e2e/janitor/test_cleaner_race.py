"""
The payer against the monolith's cleaner: each reservation is paid at the very moment its hold ends,
and the cleaner frees what it read as unpaid a moment ago, without reading again.

Fails where a customer is charged and ends without a ticket and without the money.
"""

import random
import threading
import time

import pytest

from harness.faults import problems, settle_with
from harness.monolith import Monolith
from harness.volley import tally

RATE = 400
LEAD_S = 1.0      # from the making of the holds to the first payment
NEAR_S, FAR_S = 0.03, 0.5  # how far a hold's end is from its payment: near it for most of them
BATCH = 2500
STACK_SETTINGS = {"PAYMENTS_HOLD_MARGIN_MS": 0, "PAYMENTS_JANITOR_INTERVAL_MS": 100,
                  "PAYMENTS_MOCK_MIN_DELAY_MS": 0, "PAYMENTS_MOCK_MAX_DELAY_MS": 20}


def holds(stack, count, chance):
    """Holds that end one after the other, each when its payment is due to arrive."""
    made = stack.shared.reserve(stack.user, count)
    ends = [LEAD_S + number / RATE + chance.choice((NEAR_S, NEAR_S, NEAR_S, FAR_S)) * chance.uniform(-1, 1)
            for number in range(count)]
    stack.database.rows(
        "UPDATE public.reservations r SET expires_at = LOCALTIMESTAMP + make_interval(secs => x.s) "
        "FROM unnest(%s::uuid[], %s::float[]) AS x (id, s) WHERE r.id = x.id", [one.id for one in made], ends)
    return made


def clean(stack, ended):
    """
    The cleaner, all the time instead of every 30 s, and as slow between its halves as under load.
    """
    monolith, chance = Monolith(stack.database), random.Random(1)
    while not ended.is_set():
        expired = monolith.find_expired()
        time.sleep(chance.uniform(0, 0.01))
        for reservation in expired:
            monolith.clean(reservation)
        time.sleep(0.002)
    monolith.close()


def race(stack, count, chance):
    made = holds(stack, count, chance)
    begun, ended = time.monotonic(), threading.Event()
    requests = [stack.process_request(one) for one in made]
    time.sleep(max(0, begun + LEAD_S - 0.1 - time.monotonic()))
    cleaner = threading.Thread(target=clean, args=(stack, ended))
    cleaner.start()
    try:
        shots = stack.volley(requests, rate=RATE).finish()
    finally:
        ended.set()
        cleaner.join()
    left = settle_with(stack.database)
    assert not left, left
    paid = [one.id for one, shot in zip(made, shots) if shot.status == 200]
    lost = stack.database.rows("SELECT id, status, payment_status FROM public.reservations WHERE id = ANY "
                               "(%s::uuid[]) AND (status, payment_status) <> ('confirmed', 'completed')", paid)
    assert not lost, f"answered 200 and not paid: {lost[:10]}"
    return tally(shots)


def races(make_stack, capsys, variant, count):
    seed = random.randrange(1 << 30)
    chance, counted = random.Random(seed), None
    stack = make_stack(variant=variant, settings=STACK_SETTINGS)
    # what `payctl check` asks for
    stack.database.rows("CREATE INDEX ON public.reservation_items (reservation_id)")
    for begin in range(0, count, BATCH):
        of_batch = race(stack, min(BATCH, count - begin), chance)
        counted = of_batch if counted is None else counted + of_batch
    kinds = dict(stack.database.rows("SELECT kind, count(*) FROM payments.events GROUP BY kind"))
    found = problems(stack.database)
    with capsys.disabled():
        print(f"\npayer x cleaner, variant {variant}, seed {seed}: {count} races, {dict(counted)}, "
              f"events {kinds}, {len(found)} charged and lost")
    assert not found, found[:20]
    assert counted[(200, None)] > 0 and counted[(400, "RESERVATION_EXPIRED")] > 0, "no race was close"


@pytest.mark.parametrize("variant", ["expired", "without_expired"])
def test_some_races(make_stack, capsys, variant):
    races(make_stack, capsys, variant, 1000)


@pytest.mark.long
@pytest.mark.parametrize("variant", ["expired", "without_expired"])
def test_many_races(make_stack, capsys, variant):
    races(make_stack, capsys, variant, 50000)
