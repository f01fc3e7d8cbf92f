"""
The audit that every other test ends with: it finds each violation.

Fails where a broken invariant passes as clean, which would make the audit of every test worthless.
"""

import json
import re

import pytest

from harness.booking import Buyer

STACK = {"workers": 1, "settings": {"PAYMENTS_JANITOR_INTERVAL_MS": 600000}}

# by invariant, the damage to the intent %s and its reservation that breaks it
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
    "I6, refund": "INSERT INTO payments.refunds (id, intent_id, attempt_id, amount_krw, reason, created_at) "
                  "SELECT gen_random_uuid(), intent_id, id, amount_krw, 'requested', now() - interval '1 day' "
                  "FROM payments.attempts WHERE intent_id = %s",
    "I7": "UPDATE public.reservations SET expires_at = LOCALTIMESTAMP - interval '2 minutes' "
          "WHERE status = 'pending' AND id IN (SELECT reservation_id FROM payments.intents WHERE id <> %s)",
    "I8": "WITH k AS (INSERT INTO payments.idempotency_keys (user_id, operation, key, fingerprint, created_at, "
          "expires_at) SELECT user_id, 'process', 'one key', 'x', now() - interval '1 hour', now() + "
          "interval '1 day' FROM payments.intents WHERE id = %s) "
          "UPDATE payments.attempts SET idempotency_key = 'one key' WHERE operation = 'process'",
    "J1": "DELETE FROM payments.events WHERE intent_id = %s AND status = 'succeeded'",
    "J1, changed by hand": "UPDATE payments.intents SET status = 'needs_review' WHERE id = %s",
    "I9": "UPDATE payments.ledger_entries SET amount_krw = amount_krw + 1 "
          "WHERE account = 'MERCHANT_BALANCE' AND intent_id = %s",
    "I9, none": "DELETE FROM payments.ledger_entries WHERE intent_id = %s",
}


@pytest.fixture(scope="module")
def books(stack):
    """
    Two paid reservations, a pending one, a booking; at rest; (the source of copies, an intent).
    """
    stack.reserve()
    Buyer(stack).hold(stack.shared.event(1)[0], ["VIP-1-1"])
    assert stack.process(stack.reserve()).status == 200
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


def audit(database, *how):
    done = database.cluster.payctl(database.url(), "audit", *how, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("invariant", DAMAGE)
def test_damage_is_found(books, copy, invariant):
    assert audit(copy)[0] == 0
    copy.rows(DAMAGE[invariant], books[1])
    code, output = audit(copy)
    assert code == 1, output
    assert re.search(rf"^{invariant.split(',')[0]} +FAIL", output, re.MULTILINE), output


@pytest.mark.parametrize("invariant", DAMAGE)
def test_damage_is_named_for_programs_too(books, copy, invariant):
    code, output = audit(copy, "--json")
    assert (code, json.loads(output)["clean"]) == (0, True)
    copy.rows(DAMAGE[invariant], books[1])
    code, output = audit(copy, "--json")
    report = json.loads(output)
    failed = {check["id"]: check for check in report["checks"] if check["result"] == "fail"}
    assert (code, report["clean"]) == (1, False)
    named = failed[invariant.split(",")[0]]
    assert named["advice"] and all(one["subject"] and one["detail"] for one in named["findings"])
    assert report["findings"] == sum(len(check["findings"]) for check in failed.values())


def test_holds_of_others_are_a_warning(copy):
    """The monolith's cleaner ends them: they are reported, and the audit does not fail."""
    copy.rows("UPDATE public.reservations SET expires_at = LOCALTIMESTAMP - interval '2 minutes' "
              "WHERE status = 'pending' AND id NOT IN (SELECT reservation_id FROM payments.intents)")
    code, output = audit(copy, "--json")
    report = json.loads(output)
    assert (code, report["clean"], report["warnings"]) == (0, True, 1), output
    assert [check["id"] for check in report["checks"] if check["result"] == "warn"] == ["I7w"]


def test_no_database_is_no_clean_audit(books):
    """Exit 2: nothing was audited."""
    done = books[0].cluster.payctl(books[0].url().replace(books[0].name, "none_such"), "audit",
                                   check=False)
    assert done.returncode == 2
