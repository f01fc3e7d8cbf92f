"""
Repair, and payments cancelled elsewhere: the monolith's own programs at reservations that were paid
here.

Fails where a paid customer loses the seat to the cleaner, or a cancelled one the money.
"""

import time

import pytest

from harness.monolith import Monolith
from harness.shared_schema import assert_paid
from harness.wait import until

STACK = {"workers": 2}
WITHIN_S = 15
DUE = "UPDATE payments.janitor_tasks SET next_at = now() WHERE name IN ('heal', 'patrol')"
NOT_YET = "UPDATE payments.janitor_tasks SET next_at = now() + '1 hour'::interval WHERE name IN ('heal', 'patrol')"


@pytest.fixture
def monolith(stack):
    made = Monolith(stack.database)
    yield made
    made.close()


def pay(stack, **how):
    reservation = stack.reserve(**how)
    assert stack.process(reservation).status == 200
    return reservation


def watched(stack, what, condition):
    """The scan of recent payments runs once a second: it is due now."""
    stack.database.rows(DUE)
    until(what, condition, WITHIN_S)


def refunds(stack, reservation):
    return stack.database.rows(
        "SELECT r.status, r.reason, r.amount_krw FROM payments.refunds r JOIN payments.intents i "
        "ON i.id = r.intent_id WHERE i.reservation_id = %s", reservation.id)


def kinds(stack, reservation):
    return [kind for kind, in stack.database.rows(
        "SELECT e.kind FROM payments.events e JOIN payments.intents i ON i.id = e.intent_id "
        "WHERE i.reservation_id = %s ORDER BY e.id", reservation.id)]


def wait_returned(stack, reservation, reason):
    watched(stack, "the charge is returned",
            lambda: refunds(stack, reservation) == [("done", reason, reservation.amount)])


def test_cleaner_then_repaired(stack, monolith):
    """Several at once, as one run of the cleaner leaves them."""
    made = [pay(stack, seats=1 + n % 3) for n in range(6)]
    for reservation in made[:5]:
        assert monolith.clean(reservation.id)
    watched(stack, "all are restored", lambda: all(
        stack.shared.state(one) == (("confirmed", "completed"), {"reserved"}) for one in made))
    for reservation in made:
        assert_paid(stack.shared, reservation)
    assert all("healed" in kinds(stack, one) for one in made[:5]) and "healed" not in kinds(stack, made[5])


def test_repaired_twice(stack, monolith):
    """The cleaner overwrites it a second time."""
    reservation = pay(stack)
    for _ in range(2):
        assert monolith.clean(reservation.id)
        watched(stack, "it is restored",
                lambda: stack.shared.state(reservation) == (("confirmed", "completed"), {"reserved"}))
    assert kinds(stack, reservation).count("healed") == 2


@pytest.mark.parametrize("bought", [False, True])
def test_cleaner_then_the_seat_is_sold_again(stack, monolith, bought):
    """Another customer holds or has bought the seat by then, and keeps it."""
    reservation, other = pay(stack), None
    stack.database.rows(NOT_YET)  # the next buyer is faster than the scan
    assert monolith.clean(reservation.id)
    other = stack.shared.reserve_same_seats(reservation, stack.user)
    if bought:
        assert stack.process(other).status == 200
    wait_returned(stack, reservation, "hold_lost")
    assert stack.shared.intents(reservation) == ["refunded"]
    if bought:
        assert_paid(stack.shared, other)
    else:
        assert stack.shared.state(other) == (("pending", "pending"), {"locked"})


def test_one_of_two_seats_is_held_again(stack, monolith):
    """All seats or none: the whole charge is returned, the other customer keeps the seat."""
    reservation = pay(stack, seats=2)
    stack.database.rows(NOT_YET)
    assert monolith.clean(reservation.id)
    half = type(reservation)(None, None, reservation.amount // 2, reservation.event, reservation.seats[:1])
    other = stack.shared.reserve_same_seats(half, stack.user)
    wait_returned(stack, reservation, "hold_lost")
    assert stack.shared.state(other) == (("pending", "pending"), {"locked"})


def test_cancelled_elsewhere_returns_the_charge_once(stack, monolith):
    reservation, kept = pay(stack), pay(stack)
    assert monolith.cancel(reservation.id)
    wait_returned(stack, reservation, "followed")
    stack.database.rows(DUE)
    time.sleep(1)
    assert len(refunds(stack, reservation)) == 1
    assert stack.shared.state(reservation) == (("cancelled", "refunded"), {"available"})
    assert_paid(stack.shared, kept)


def test_cancelled_and_sold_again_returns_the_charge(stack, monolith):
    reservation = pay(stack)
    assert monolith.cancel(reservation.id)
    other = stack.shared.reserve_same_seats(reservation, stack.user)
    assert stack.process(other).status == 200
    wait_returned(stack, reservation, "followed")
    assert_paid(stack.shared, other)


def test_bulk_cancel_of_an_event_returns_each_charge(stack, monolith):
    made = stack.shared.reserve(stack.user, 8)
    for reservation in made[:6]:
        assert stack.process(reservation).status == 200
    assert monolith.cancel_event(made[0].event)
    for reservation in made[:6]:
        wait_returned(stack, reservation, "followed")
    assert all(refunds(stack, one) == [] for one in made[6:])
    assert all(stack.process(one).code == "RESERVATION_CANCELLED" for one in made[6:])


def test_cancel_before_the_payment_returns_nothing(stack, monolith):
    reservation = stack.reserve()
    assert monolith.cancel(reservation.id)
    assert stack.process(reservation).code == "RESERVATION_CANCELLED"
    assert refunds(stack, reservation) == []


def test_the_other_variant_refuses_the_cleaner(make_stack):
    """
    Where 'expired' does not exist, its whole transaction fails; the service ends holds as
    cancelled/failed.
    """
    stack = make_stack(variant="without_expired", workers=1)
    monolith = Monolith(stack.database)
    try:
        reservation = pay(stack)
        assert not monolith.clean(reservation.id)
        assert_paid(stack.shared, reservation)
    finally:
        monolith.close()


def test_scan_reaches_a_distant_payment(stack, monolith):
    """
    A step of the scan is 2,000 intents: a payment after 5,000 others is repaired by the third.
    """
    older = "payments.uuid_at(now() - interval '30 minutes')"
    reservation = pay(stack)
    stack.database.rows(NOT_YET)
    stack.database.rows(
        "INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, payment_method, status) "
        f"SELECT (substr({older}::text, 1, 24) || lpad(to_hex(n), 12, '0'))::uuid, gen_random_uuid(), "
        "gen_random_uuid(), 'booking', 1, 'planted', 'failed' FROM generate_series(1, 5000) AS n")
    try:
        monolith.clean(reservation.id)
        watched(stack, "the payment is repaired", lambda: "healed" in kinds(stack, reservation))
        assert_paid(stack.shared, reservation)
    finally:
        stack.database.rows("DELETE FROM payments.intents WHERE payment_method = 'planted'")
