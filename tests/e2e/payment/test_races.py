"""
Many requests at once on one reservation: one pays, no other does, and nothing is charged twice.

Fails where two requests of a double click, or two processes, both make the claim.
"""

import pytest

from harness import client
from harness.shared_schema import assert_paid
from harness.volley import tally

MANY = 200
STACK = {"workers": 4, "settings": {"PAYMENTS_MOCK_MIN_DELAY_MS": 100,
                                    "PAYMENTS_MOCK_MAX_DELAY_MS": 300}}
LOSERS = {(400, "ALREADY_PAID"), (409, "PAYMENT_IN_PROGRESS")}


def rush(stack, requests):
    shots = stack.fire(requests, most=len(requests), burst=True)
    assert len(shots) == len(requests)
    return shots


@pytest.mark.parametrize("seats", [1, 4])
def test_200_on_one_reservation(stack, seats):
    reservation = stack.reserve(seats=seats)
    counted = tally(rush(stack, [stack.process_request(reservation)] * MANY))
    assert counted.pop((200, None)) == 1, counted
    assert set(counted) <= LOSERS, counted
    assert_paid(stack.shared, reservation)


def test_200_with_one_idempotency_key(stack):
    """They are all the same payment: a late request is told to wait, or gets the answer."""
    reservation = stack.reserve()
    key = client.new_id()
    one = stack.process_request(reservation, Idempotency_Key=key)
    shots = rush(stack, [one] * MANY)
    paid = [shot for shot in shots if shot.status == 200]
    first = [shot for shot in paid if "idempotency-replayed" not in shot.headers]
    others = tally(shot for shot in shots if shot.status != 200)
    assert len(first) == 1, tally(shots)
    assert {shot.body for shot in paid} == {first[0].body}
    assert set(others) <= {(409, "IDEMPOTENCY_IN_PROGRESS")}, others
    assert all("retry-after" in shot.headers for shot in shots if shot.status == 409)
    assert_paid(stack.shared, reservation)


def test_200_with_a_key_each(stack):
    reservation = stack.reserve()
    counted = tally(rush(stack, [
        stack.process_request(reservation, Idempotency_Key=client.new_id())
        for _ in range(MANY)]))
    assert counted.pop((200, None)) == 1, counted
    assert set(counted) <= LOSERS, counted
    assert_paid(stack.shared, reservation)


def test_50_reservations_4_times_each(stack):
    """The same across reservations: a claim delays its rivals and no other request."""
    reservations = stack.shared.reserve(stack.user, 50)
    shots = rush(stack, [stack.process_request(one) for one in reservations] * 4)
    for number, reservation in enumerate(reservations):
        counted = tally(shots[number::50])
        assert counted.pop((200, None)) == 1, counted
        assert set(counted) <= LOSERS, counted
        assert_paid(stack.shared, reservation)


def test_monolith_cancels_in_the_middle(stack):
    """Each ends in one of two ways: paid with its seats, or cancelled with the charge returned."""
    reservations = stack.shared.reserve(stack.user, 40)
    volley = stack.volley([stack.process_request(one) for one in reservations], burst=True)
    for reservation in reservations[::2]:
        stack.database.rows(
            "WITH gone AS (UPDATE public.reservations SET status = 'cancelled', "
            "payment_status = 'refunded' WHERE id = %s AND payment_status = 'pending' RETURNING 1) "
            "UPDATE public.seats SET status = 'available' WHERE id = ANY (%s::uuid[]) "
            "AND EXISTS (SELECT FROM gone)", reservation.id, reservation.seats)
    shots = volley.finish()
    for reservation, shot in zip(reservations, shots):
        if shot.status == 200:
            assert_paid(stack.shared, reservation)
        else:
            assert shot.code in ("RESERVATION_LOST", "RESERVATION_CANCELLED"), shot
            assert stack.shared.state(reservation) == (("cancelled", "refunded"), {"available"})
            assert sum(stack.shared.ledger(reservation)[0].values()) == 0
    assert all(shot.status == 200 for shot in shots[1::2]), tally(shots)
