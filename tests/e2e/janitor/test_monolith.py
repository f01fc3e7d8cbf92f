"""
The monolith's writes to a reservation around its payment: its cleaner overwrites without reading
again, its cancel moves no money.

Fails where a customer has paid for seats that another may buy, or has cancelled and does not get
the money back.
"""

import pytest

from harness.shared_schema import assert_paid
from harness.wait import until

STACK = {"workers": 2}
REPAIRED_WITHIN_S = 15  # the janitors scan for it every 10 s


def pay(stack, **how):
    reservation = stack.reserve(**how)
    answer = stack.process(reservation)
    assert answer.status == 200, answer
    return reservation


def overwrite(stack, reservation):
    """The cleaner's second half, for a reservation that it read as unpaid."""
    stack.database.rows("UPDATE public.seats SET status = 'available' "
                        "WHERE id = ANY (%s::uuid[])", reservation.seats)
    stack.database.rows("UPDATE public.reservations SET status = %s, payment_status = 'failed' "
                        "WHERE id = %s",
                        "expired" if stack.database.variant == "expired" else "cancelled",
                        reservation.id)


def refunds(stack, reservation):
    return stack.database.rows(
        "SELECT r.status, r.amount_krw FROM payments.refunds r JOIN payments.intents i "
        "ON i.id = r.intent_id WHERE i.reservation_id = %s", reservation.id)


def is_returned(stack, reservation):
    return refunds(stack, reservation) == [("done", reservation.amount)]


@pytest.mark.parametrize("variant", ["expired", "without_expired"])
def test_cleaner_overwrites_a_payment(make_stack, variant):
    stack = make_stack(variant=variant, workers=2)
    reservation, untouched = pay(stack, seats=2), pay(stack)
    overwrite(stack, reservation)
    until("the payment is restored",
          lambda: stack.shared.state(reservation)[0] == ("confirmed", "completed"), REPAIRED_WITHIN_S)
    assert_paid(stack.shared, reservation)
    assert_paid(stack.shared, untouched)
    assert refunds(stack, reservation) == []


def test_overwritten_and_its_seat_sold_again(stack):
    """The seat is sold again by then: this customer gets the money back, the other the seat."""
    reservation = stack.reserve()
    assert stack.process(reservation).status == 200
    other = stack.shared.user()
    connection = stack.shared.db.connection
    connection.autocommit = False  # a janitor must not see the moment in between
    overwrite(stack, reservation)
    rival = stack.shared.reserve_same_seats(reservation, other)
    connection.commit()
    connection.autocommit = True
    until("the charge is returned", lambda: is_returned(stack, reservation), REPAIRED_WITHIN_S)
    assert stack.shared.state(reservation)[0] != ("confirmed", "completed")
    assert stack.shared.state(rival) == (("pending", "pending"), {"locked"})


def test_cancel_of_a_paid_reservation_returns_the_charge(stack):
    reservation, kept = pay(stack), pay(stack)
    stack.shared.cancel(reservation)
    until("the charge is returned", lambda: is_returned(stack, reservation), REPAIRED_WITHIN_S)
    totals, entries = stack.shared.ledger(reservation)
    assert entries == 4 and totals == {"CUSTOMER_PAYABLE": 0, "MERCHANT_BALANCE": 0}
    assert stack.shared.state(reservation) == (("cancelled", "refunded"), {"available"})
    assert_paid(stack.shared, kept)
    assert refunds(stack, kept) == []
