"""
The audit that every other test ends with: it finds what it is there to find.

Fails where a broken invariant passes for clean, which would make each of those endings worthless.
"""

import re

import pytest

STACK = {"workers": 1}

# what is done to the intent %s and its reservation, by the invariant that it breaks
DAMAGE = {
    "I1": "INSERT INTO payments.attempts (id, intent_id, n, operation, gateway, payment_method, "
          "amount_krw, status, owner, lease_until, next_look_at, finished_at) SELECT "
          "gen_random_uuid(), id, 99, 'process', 'mock', 'kakao_pay', amount_krw, 'approved', '-', "
          "now(), now(), now() FROM payments.intents WHERE id = %s",
    "I2": "UPDATE public.reservations SET status = 'cancelled' WHERE id = "
          "(SELECT reservation_id FROM payments.intents WHERE id = %s)",
    "I2, seats": "UPDATE public.seats SET status = 'available' WHERE id IN (SELECT t.seat_id FROM "
                 "public.reservation_items t JOIN payments.intents i ON i.reservation_id = "
                 "t.reservation_id WHERE i.id = %s)",
    "I3": "UPDATE public.reservations SET total_amount = total_amount + 1 WHERE id = "
          "(SELECT reservation_id FROM payments.intents WHERE id = %s)",
    "I4": "INSERT INTO public.reservation_items (reservation_id, seat_id, quantity, unit_price, "
          "subtotal) SELECT r.id, t.seat_id, 1, 0, 0 FROM payments.intents i "
          "JOIN public.reservation_items t ON t.reservation_id = i.reservation_id "
          "CROSS JOIN (SELECT id FROM public.reservations WHERE status = 'pending' LIMIT 1) r "
          "WHERE i.id = %s",
    "I5": "UPDATE payments.intents SET refund_krw = 1 WHERE id = %s",
    "I6": "UPDATE payments.attempts SET status = 'unknown', finished_at = NULL, "
          "lease_until = now() - interval '1 hour' WHERE intent_id = %s",
    "I9": "UPDATE payments.ledger_entries SET amount_krw = amount_krw + 1 "
          "WHERE account = 'MERCHANT_BALANCE' AND intent_id = %s",
    "I9, none": "DELETE FROM payments.ledger_entries WHERE intent_id = %s",
}


@pytest.fixture(scope="module")
def books(stack):
    """A paid reservation and a pending one, at rest; (the source of copies, the intent)."""
    stack.reserve()
    answer = stack.process(stack.reserve())
    assert answer.status == 200
    stack.pool.stop_workers()
    stack.database.close()
    return stack.database, answer.json["payment"]["paymentIntentId"]


@pytest.fixture
def copy(books):
    made = books[0].copy()
    yield made
    made.drop()


def audit(database):
    done = database.cluster.payctl(database.url(), "audit", check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("invariant", DAMAGE)
def test_damage_is_found(books, copy, invariant):
    assert audit(copy)[0] == 0
    copy.rows(DAMAGE[invariant], books[1])
    code, output = audit(copy)
    assert code == 1, output
    assert re.search(rf"^{invariant.split(',')[0]} +FAIL", output, re.MULTILINE), output


def test_no_database_is_no_clean_audit(books):
    """Exit 2: nothing was looked at."""
    done = books[0].cluster.payctl(books[0].url().replace(books[0].name, "none_such"), "audit",
                                   check=False)
    assert done.returncode == 2
