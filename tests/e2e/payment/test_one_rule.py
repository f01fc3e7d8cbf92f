"""
A rule of who may be charged stands in one place: lib/pay/payment/claim.c. The service is built with
the rule taken out there, and every way of asking answers otherwise: process, execute, with a key,
again after a decline, in a batch, and alone after waiting for a lock.

Fails where a way of asking has a copy of the rule, or does not ask for it.
"""

import shutil
import threading
import time
from contextlib import contextmanager

import psycopg2
import pytest

from harness import client
from harness.booking import Buyer
from harness.client import new_id
from harness.gate import closed_to_writes, writing
from harness.mutant import mutant
from harness.stack import Stack
from harness.wait import until

SOURCE = "lib/pay/payment/claim.c"
CLAIMS = "payments.attempts"
AT_ONCE = {"PAYMENTS_MOCK_MIN_DELAY_MS": 0, "PAYMENTS_MOCK_MAX_DELAY_MS": 0, "PAYMENTS_JANITOR_INTERVAL_MS": 600000}
NEARLY_OVER = "UPDATE public.reservations SET expires_at = LOCALTIMESTAMP + interval '2.5 s' WHERE id = %s"
SEAT_GONE = ("UPDATE public.seats SET status = 'available' WHERE id IN (SELECT seat_id FROM public.reservation_items "
             "WHERE reservation_id = %s)")
# rule: what makes it refuse, with what code, and the line that says so
RULES = {
    "margin": (NEARLY_OVER, "RESERVATION_EXPIRED", "facts->left_ms <= settings->hold_margin_ms"),
    "seats still held": (SEAT_GONE, "RESERVATION_EXPIRED", "facts->seats_not_held > 0"),
    "user exists": (None, "USER_NOT_FOUND", "!facts->user_exists"),
}


class Asker:
    """One buyer's request, spoilt in one way just before it is sent."""

    def __init__(self, stack, spoil):
        self.stack, self.spoil = stack, spoil
        self.token = stack.token if spoil else client.token(new_id())

    def reserve(self):
        return self.stack.reserve()

    def spoilt(self, reservation):
        if self.spoil:
            self.stack.database.rows(self.spoil, reservation)

    def pay(self, one, **headers):
        return self.stack.process(one, token=self.token, headers=headers).json.get("code")

    def process(self):
        one = self.reserve()
        self.spoilt(one.id)
        return self.pay(one)

    def keyed(self):
        one = self.reserve()
        self.spoilt(one.id)
        return self.pay(one, **{"Idempotency-Key": new_id()})

    def execute(self):
        buyer = Buyer(self.stack)
        event, seats = self.stack.shared.event(1)
        booking = buyer.hold(event, seats)
        self.spoilt(booking["bookingId"])
        buyer.token = buyer.token if self.spoil else self.token
        return buyer.execute(booking).json.get("code")

    def repeated(self):
        one = self.reserve()
        intent = new_id()
        self.stack.database.rows(
            "INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, payment_method, status, "
            "attempts) VALUES (%s, %s, %s, 'process', %s, 'kakao_pay', 'requires_payment', 1)",
            intent, one.id, self.stack.user, one.amount)
        self.stack.database.rows("INSERT INTO payments.events (intent_id, kind, status) VALUES (%s, 'declined', "
                                 "'requires_payment')", intent)
        self.spoilt(one.id)
        return self.pay(one)

    def batched(self):
        """Behind a claim that the gate holds, beside others that are in order."""
        stack = self.stack
        first, second, one, third = stack.shared.reserve(stack.user, 4)
        requests = [stack.process_request(second), stack.process_request(one, token=self.token),
                    stack.process_request(third)]
        with closed_to_writes(stack, CLAIMS):
            leader = stack.volley([stack.process_request(first)])
            until("the first is being written", lambda: writing(stack))
            crowd = stack.volley(requests, most=3, burst=True)
            time.sleep(0.3)
            self.spoilt(one.id)
        shots = leader.finish() + crowd.finish()
        assert [shots[n].status for n in (0, 1, 3)] == [200] * 3, shots
        return shots[2].code

    def locked(self):
        """While another transaction holds the reservation: it leaves the batch and waits alone."""
        one, told = self.reserve(), []
        self.spoilt(one.id)
        with row_held(self.stack, one.id) as waited_for:
            asker = threading.Thread(target=lambda: told.append(self.pay(one)))
            asker.start()
            if self.spoil:
                until("the claim waits", waited_for)
        asker.join()
        return told[0]


@contextmanager
def row_held(stack, reservation):
    with psycopg2.connect(stack.database.url("postgres")) as connection:
        connection.cursor().execute("SELECT FROM public.reservations WHERE id = %s FOR UPDATE", (reservation,))
        yield lambda: stack.database.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        connection.rollback()
    connection.close()


WAYS = ("process", "keyed", "execute", "repeated", "batched", "locked")


def answers(cluster, spoil, program=None):
    """{way of asking: code}"""
    stack = Stack(cluster, settings=AT_ONCE, workers=1)
    if program:
        shutil.copy2(program, stack.pool.program)
    stack.start()
    try:
        asker = Asker(stack, spoil)
        return {way: getattr(asker, way)() for way in WAYS}
    finally:
        stack.stop()


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_stands_in_one_place(cluster, tmp_path, rule):
    spoil, code, line = RULES[rule]
    assert answers(cluster, spoil) == dict.fromkeys(WAYS, code)
    without = answers(cluster, spoil, mutant(tmp_path, SOURCE, {line: "false"}))
    assert code not in without.values(), without
