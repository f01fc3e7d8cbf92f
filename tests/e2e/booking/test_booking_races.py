"""
Races of two that cannot both win, a thousand times each: exactly one wins, and the books agree.

Fails where a decision uses rows read before the lock, where a deadline depends on the janitor, or
where the state of a seat contradicts itself.
"""

import math
import random
import threading
import time
import uuid
from collections import Counter

import psycopg2
import pytest

from harness.booking import Buyer
from harness.wait import until

TIMES = 1000
SOME = TIMES // 50  # a race with (nearly) always the same winner is none
A_SECOND = 400  # of them
AHEAD_S = 0.04  # how far the monolith is ahead of a booking, or behind it
START_S = 0.4  # for a volley to begin; also how far a deadline may be off its rival's moment
TURNS = 5  # until both have won often enough
STACK = {"workers": 4, "settings": {
    "PAYMENTS_MOCK_MIN_DELAY_MS": 0, "PAYMENTS_MOCK_MAX_DELAY_MS": 4,
    "PAYMENTS_HOLD_MARGIN_MS": 0, "PAYMENTS_JANITOR_INTERVAL_MS": 20,
    "PAYMENTS_SEATS_PER_USER": 1000, "PAYMENTS_MOCK_LEASE_MS": 10000}}


class Holds:
    """A thousand bookings of one buyer, of one seat each, such as POST bookings makes them."""

    def __init__(self, stack):
        self.db, self.buyer = stack.database, Buyer(stack)
        self.event, self.seats = stack.shared.event(TIMES)
        self.ids = [str(uuid.uuid4()) for _ in range(TIMES)]
        self.intents = [str(uuid.uuid4()) for _ in range(TIMES)]
        self.db.rows("UPDATE public.seats SET status = 'locked' WHERE event_id = %s", self.event)
        self.db.rows(
            "WITH h AS MATERIALIZED (SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) "
            "AS h (id, intent, seat)), r AS ("
            "INSERT INTO public.reservations (id, user_id, event_id, reservation_number, total_amount, "
            "payment_method, expires_at) SELECT id, %s, %s, 'TK' || id, 70000, 'credit_card', "
            "LOCALTIMESTAMP + interval '5 minutes' FROM h), t AS ("
            "INSERT INTO public.reservation_items (reservation_id, seat_id, quantity, unit_price, "
            "subtotal) SELECT id, seat, 1, 70000, 70000 FROM h), i AS ("
            "INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, "
            "payment_method, status, hold_expires_at, payable_until) SELECT intent, id, %s, 'booking', "
            "70000, 'credit_card', 'requires_payment', LOCALTIMESTAMP + interval '5 minutes', "
            "LOCALTIMESTAMP + interval '5 minutes' FROM h) "
            "INSERT INTO payments.events (intent_id, kind, status) "
            "SELECT intent, 'opened', 'requires_payment' FROM h",
            self.ids, self.intents, self.seats, self.buyer.id, self.event, self.buyer.id)

    def lapse_in_turn(self, delay_s):
        """
        From now on they lapse one after the other, at the pace of a volley: each when its rival
        comes.
        """
        pick = random.Random(2)
        after = [START_S + delay_s + n / A_SECOND + pick.uniform(-START_S, START_S) for n in range(TIMES)]
        self.db.rows(
            "WITH h AS MATERIALIZED (SELECT id, LOCALTIMESTAMP + after * interval '1 s' AS until "
            "FROM unnest(%s::uuid[], %s::float[]) AS h (id, after)), i AS ("
            "UPDATE payments.intents SET hold_expires_at = until, payable_until = until FROM h "
            "WHERE reservation_id = h.id) "
            "UPDATE public.reservations r SET expires_at = until FROM h WHERE r.id = h.id",
            self.ids, after)

    def states(self):
        """For each: (status, payment status, intent's status, seat's status)."""
        rows = self.db.rows(
            "SELECT r.id::text, r.status, r.payment_status, i.status, s.status "
            "FROM public.reservations r JOIN payments.intents i ON i.reservation_id = r.id "
            "JOIN public.reservation_items t ON t.reservation_id = r.id "
            "JOIN public.seats s ON s.id = t.seat_id WHERE r.id = ANY (%s::uuid[])", self.ids)
        found = {row[0]: row[1:] for row in rows}
        return [found[one] for one in self.ids]

    def tidied(self):
        """Waits until the janitors have ended what lapsed."""
        until("nothing lapsed is left", lambda: self.db.value(
            "SELECT count(*) FROM payments.intents WHERE status IN ('requires_payment', 'processing') "
            "AND reservation_id = ANY (%s::uuid[])", self.ids) == 0, 20)


PAID = ("confirmed", "completed", "succeeded", "reserved")
CANCELLED = ("cancelled", "pending", "cancelled", "available")
EXPIRED = ("expired", "failed", "expired", "available")


def raced(capsys, race, run, later_favours, step_s):
    """
    Runs a race, which checks its invariants, until both sides have won: a race that one side always
    wins proves nothing. A slow machine shifts the order of the two, so the next turn is shifted
    against it.
    """
    won, delay_s = Counter(), 0.0
    for turn in range(TURNS):
        found = run(delay_s)
        won += found
        with capsys.disabled():
            print(f"\n{race}, {TIMES} times: " + ", ".join(f"{n} {side}" for side, n in found.items()))
        if len(won) == 2 and min(won.values()) >= SOME:
            return
        delay_s += (1 if found[later_favours] < TIMES / 2 else -1) * step_s * 2 ** turn
    raise AssertionError(f"one side always wins: {won}")


def test_execute_and_cancel(stack, capsys):
    raced(capsys, "execute x cancel", lambda _: execute_and_cancel(stack), "executed", 0)


def execute_and_cancel(stack):
    holds = Holds(stack)
    requests, pick = [], random.Random(3)
    for booking, intent in zip(holds.ids, holds.intents):
        pair = [holds.buyer.execute_request(intent), holds.buyer.cancel_request(booking)]
        requests += pair if pick.random() < 0.5 else pair[::-1]
    shots = stack.fire(requests, most=16)
    won = Counter()
    for n, state in enumerate(holds.states()):
        pair = shots[2 * n:2 * n + 2]
        one = next(shot for shot in pair if "paymentIntentId" in requests[shot.index]["body"])
        other = next(shot for shot in pair if shot is not one)
        if one.status == 200:
            assert (other.status, other.code) in ((409, "PAYMENT_IN_PROGRESS"),
                                                  (400, "BOOKING_NOT_CANCELLABLE")), pair
            assert state == PAID
        else:
            assert (one.status, one.code) == (409, "ALREADY_PROCESSED"), pair
            assert other.status == 200 and state == CANCELLED, (pair, state)
        won["executed" if one.status == 200 else "cancelled"] += 1
    return won


def test_execute_and_expiry_at_the_last_moment(stack, capsys):
    raced(capsys, "execute x expiry", lambda delay_s: execute_and_expiry(stack, delay_s), "executed", START_S / 2)


def execute_and_expiry(stack, delay_s):
    holds = Holds(stack)
    requests = [holds.buyer.execute_request(intent) for intent in holds.intents]
    holds.lapse_in_turn(delay_s)
    shots = stack.fire(requests, most=64, rate=A_SECOND)
    holds.tidied()
    won = Counter()
    for shot, state in zip(shots, holds.states()):
        if shot.status == 200:
            assert state == PAID, (shot, state)
        else:
            assert (shot.status, shot.code) == (400, "RESERVATION_EXPIRED"), shot
            assert state == EXPIRED, (shot, state)
        won["executed" if shot.status == 200 else "expired"] += 1
    return won


def test_hold_and_expiry_of_the_previous_hold(stack, capsys):
    """Two buyers want each seat just when its hold lapses and the janitors are about to end it."""
    raced(capsys, "hold x expiry", lambda delay_s: hold_and_expiry(stack, delay_s), "not yet lapsed", START_S / 2)


def hold_and_expiry(stack, delay_s):
    holds, rivals = Holds(stack), (Buyer(stack), Buyer(stack))
    requests = [rival.booking_request(holds.event, [seat])
                for seat in holds.seats for rival in rivals]
    holds.lapse_in_turn(delay_s)
    shots = stack.fire(requests, most=64, rate=2 * A_SECOND)
    holds.tidied()
    seats = dict(stack.database.rows("SELECT id::text, status FROM public.seats WHERE event_id = %s",
                                     holds.event))
    won = Counter()
    for n, seat in enumerate(holds.seats):
        pair = shots[2 * n:2 * n + 2]
        taken = [shot for shot in pair if shot.status == 201]
        assert {(shot.status, shot.code) for shot in pair if shot.status != 201} <= {
            (409, "SEAT_UNAVAILABLE")}, pair
        assert len(taken) <= 1 and seats[seat] == ("locked" if taken else "available"), (pair, seats[seat])
        won["held by the next" if taken else "not yet lapsed"] += 1
    assert {state[:3] for state in holds.states()} == {EXPIRED[:3]}
    assert stack.database.rows(
        "SELECT t.seat_id FROM public.reservation_items t JOIN public.reservations r "
        "ON r.id = t.reservation_id WHERE r.event_id = %s AND r.status = 'pending' "
        "GROUP BY t.seat_id HAVING count(*) > 1", holds.event) == []
    return won


class Monolith(threading.Thread):
    """Takes seats as the monolith does, each at its moment: FOR UPDATE, SELECT, UPDATE, INSERT."""

    def __init__(self, url, user, event, seats, moments_s):
        super().__init__()
        self.url, self.user, self.event = url, user, event
        self.work = list(zip(seats, moments_s))
        self.won, self.problem = set(), None

    def run(self):
        try:
            connection = psycopg2.connect(self.url)
            for seat, moment_s in self.work:
                time.sleep(max(0.0, moment_s - time.monotonic()))
                with connection, connection.cursor() as cursor:
                    if self.take(cursor, seat):
                        self.won.add(seat)
            connection.close()
        except psycopg2.Error as problem:
            self.problem = problem

    def take(self, cursor, seat):
        cursor.execute("SELECT status FROM public.seats WHERE id = %s FOR UPDATE", [seat])
        if cursor.fetchone()[0] != "available":
            return False
        cursor.execute("UPDATE public.seats SET status = 'locked' WHERE id = %s", [seat])
        booking = str(uuid.uuid4())
        cursor.execute("INSERT INTO public.reservations (id, user_id, event_id, reservation_number, "
                       "total_amount, expires_at) VALUES (%s, %s, %s, %s, 70000, "
                       "LOCALTIMESTAMP + interval '5 minutes')",
                       [booking, self.user, self.event, f"TK{booking}"])
        cursor.execute("INSERT INTO public.reservation_items (reservation_id, seat_id, quantity, "
                       "unit_price, subtotal) VALUES (%s, %s, 1, 70000, 70000)", [booking, seat])
        return True


def test_bookings_and_the_monolith(stack, capsys):
    raced(capsys, "POST bookings x the monolith", lambda delay_s: bookings_and_the_monolith(stack, delay_s),
          "booked here", AHEAD_S)


def bookings_and_the_monolith(stack, delay_s):
    event, seats = stack.shared.event(TIMES)
    buyer, customer = Buyer(stack), stack.shared.user()
    from_s = time.monotonic() + 0.3
    # now ahead of the booking, now behind it
    moments_s = [from_s + delay_s + n / A_SECOND + AHEAD_S * math.sin(n / 32) for n in range(TIMES)]
    rivals = [Monolith(stack.database.url("postgres"), customer, event, seats[n::4], moments_s[n::4])
              for n in range(4)]
    requests = [buyer.booking_request(event, [seat]) for seat in seats]
    for rival in rivals:
        rival.start()
    time.sleep(max(0.0, from_s - 0.02 - time.monotonic()))
    shots = stack.fire(requests, most=64, rate=A_SECOND)
    for rival in rivals:
        rival.join()
        assert rival.problem is None, rival.problem
    theirs = set().union(*(rival.won for rival in rivals))
    live = dict(stack.database.rows(
        "SELECT t.seat_id::text, array_agg(r.user_id::text) FROM public.reservation_items t "
        "JOIN public.reservations r ON r.id = t.reservation_id JOIN public.seats s ON s.id = t.seat_id "
        "WHERE r.event_id = %s AND r.status = 'pending' AND s.status = 'locked' GROUP BY 1", event))
    won = Counter()
    for shot, seat in zip(shots, seats):
        assert (shot.status, shot.code) in ((201, None), (409, "SEAT_UNAVAILABLE")), shot
        assert (shot.status == 201) != (seat in theirs), (shot, seat in theirs)
        assert live[seat] == [customer if seat in theirs else buyer.id]
        won["the monolith's" if seat in theirs else "booked here"] += 1
    assert len(live) == TIMES
    return won


@pytest.fixture(autouse=True)
def no_open_attempts(stack):
    yield
    stack.settled()
