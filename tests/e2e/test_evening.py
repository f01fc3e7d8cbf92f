"""
The evening of the cutover, from end to end under load: off, shadow, canary 5, canary 50, on, back to
off, on again; the workers are rolled and the program replaced on the way, and some reservations are
tried on both sides at the same moment.

Fails where any step of the runbook costs a customer a failed request or a second charge.
"""

import os
import shutil
import time
from collections import Counter

import pytest

from harness import client
from harness.cutover import Cutover
from harness.pool import EXIT_WITHIN_S
from harness.volley import Volley, post
from harness.wait import until

RATE, TWICE_RATE, GET_RATE = 40, 8, 20  # a second: payments, payments tried on both sides, questions
STEP_S = 7
CALLERS = 100
EVENING = [("off", None), ("shadow", None), ("canary 5", None), ("canary 50", "roll"), ("on", "upgrade"),
           ("off", None), ("on", None)]
SETTINGS = {"PAYMENTS_MOCK_MIN_DELAY_MS": 50, "PAYMENTS_MOCK_MAX_DELAY_MS": 150}


def upgrade(pool):
    """A new file in the program's place, as a package's upgrade puts it there, then the roll."""
    old = pool.worker_pids()
    fresh = pool.program.with_suffix(".new")
    shutil.copy2(pool.program, fresh)
    os.rename(fresh, pool.program)
    for number, pid in enumerate(old, 1):
        pool.signal(pid)
        until(f"{number} workers of the new program", lambda: len(pool.worker_pids()) >= number,
              EXIT_WITHIN_S)
        until(f"{pid} to end", lambda: not os.path.exists(f"/proc/{pid}"), EXIT_WITHIN_S)


class Evening:
    """The load of the evening, and what came of it."""

    def __init__(self, stack):
        self.stack = stack
        length_s = STEP_S * len(EVENING)
        users = [stack.world.user() for _ in range(CALLERS)]
        self.tokens = {user: client.token(user) for user in users}
        self.once = self.reserve(users, RATE * length_s)
        self.twice = self.reserve(users, TWICE_RATE * length_s)
        self.steps = []  # (second it began, name)

    def reserve(self, users, count):
        by_user = [self.stack.world.reserve(user, count // len(users) + 1) for user in users]
        return [one for round_ in zip(*by_user) for one in round_][:count]

    def request(self, make, reservation):
        return make(reservation, self.tokens[reservation.user])

    def begin(self):
        stack = self.stack
        asked = {"method": "GET", "path": "/api/payments/methods"}
        self.begun = time.monotonic()
        self.payments = stack.volley([self.request(stack.old_request, one) for one in self.once], rate=RATE)
        self.questions = stack.volley([asked] * GET_RATE * STEP_S * len(EVENING), rate=GET_RATE)
        old = [self.request(stack.old_request, one) for one in self.twice]
        new = [self.request(stack.process_request, one) for one in self.twice]
        self.on_old = Volley(stack.old_port, old, rate=TWICE_RATE)
        self.on_new = stack.volley(new, rate=TWICE_RATE)

    def walk(self):
        for mode, deed in EVENING:
            self.stack.set_mode(mode)
            self.steps.append((time.monotonic() - self.begun, f"{mode}, {deed}" if deed else mode))
            if deed == "roll":
                self.stack.pool.restart_rolling()
            if deed == "upgrade":
                upgrade(self.stack.pool)
            time.sleep(max(0, self.begun + STEP_S * len(self.steps) - time.monotonic()))

    def step_of(self, second):
        return sum(1 for begun, _ in self.steps if begun <= second) - 1

    def finish(self):
        self.shots = self.payments.finish()
        self.answers = self.questions.finish()
        self.pairs = list(zip(self.on_old.finish(), self.on_new.finish()))
        self.stack.settled()

    def table(self):
        """A line a step: who answered what how fast."""
        lines = [f"{'step':20}{'requests':>9}{'failed':>7}{'monolith':>9}{'payments':>9}{'p50 ms':>8}"
                 f"{'p99 ms':>8}{'longest':>8}"]
        by_step = [[] for _ in self.steps]
        for shots, rate in ((self.shots, RATE), (self.answers, GET_RATE)):
            for shot in shots:
                by_step[max(0, self.step_of(shot.index / rate))].append(shot)
        for (_, name), shots in zip(self.steps, by_step):
            sides = Counter(shot.headers.get("x-served-by") for shot in shots)
            times = sorted(shot.ms for shot in shots)
            lines.append(f"{name:20}{len(shots):9}{sum(shot.status != 200 for shot in shots):7}"
                         f"{sides['monolith']:9}{sides['payments']:9}{times[len(times) // 2]:8.0f}"
                         f"{times[len(times) * 99 // 100]:8.0f}{times[-1]:8.0f}")
        return lines

    def shadow_decisions(self):
        """What the service says of each payment that the monolith answered while it answered all."""
        admin = client.token(self.stack.world.user("admin"), role="admin")
        asked = []
        for reservation, shot in zip(self.once, self.shots):
            if shot.index / RATE < self.steps[2][0] and shot.headers["x-served-by"] == "monolith":
                body = {"reservationId": reservation.id, "userId": reservation.user,
                        "paymentMethod": "kakao_pay", "monolithStatus": shot.status}
                asked.append(post(f"{client.MOUNT}/shadow/process", body, admin))
        answers = self.stack.fire(asked, most=20)
        return Counter("differs" if one.json["differs"] else "same" for one in answers if one.json["compared"])

    def charges_kept(self, reservations):
        """{reservation: charges that were not returned}, both sides together."""
        kept = Counter(self.stack.old_charges())
        rows = self.stack.database.rows(
            "SELECT reservation_id, sum(charged_krw - refund_krw) / max(amount_krw) FROM payments.intents "
            "GROUP BY reservation_id")
        for reservation, charges in rows:
            kept[reservation] += int(charges)
        return {one.id: kept[one.id] for one in reservations}


@pytest.mark.long
def test_evening(cluster, capsys):
    stack = Cutover(cluster, settings=SETTINGS, workers=3).start()
    try:
        evening = Evening(stack)
        evening.begin()
        evening.walk()
        evening.finish()
        everything = evening.once + evening.twice
        kept = Counter(evening.charges_kept(everything).values())
        won = Counter(tuple(sorted((old.status, new.status))) for old, new in evening.pairs)
        failed = [shot for shot in evening.shots + evening.answers if shot.status != 200]
        copies = [line for line in stack.pool.log_lines("request") if line["route"] == "GET methods"]
        decisions = evening.shadow_decisions()
        with capsys.disabled():
            print("\n" + "\n".join(evening.table()))
            print(f"{len(evening.shots) + len(evening.answers)} requests, {len(failed)} failed; "
                  f"{len(evening.pairs)} reservations tried on both sides: {dict(won)}; charges kept by "
                  f"each of {len(everything)} reservations: {dict(kept)}; shadow decisions: {dict(decisions)}")
        assert not failed, failed[:3]
        assert set(won) <= {(200, 400), (200, 409)}, won
        assert kept == {1: len(everything)}, kept
        assert len(copies) > GET_RATE * STEP_S, "the shadow saw no copies"
        assert decisions["same"] > RATE * STEP_S and not decisions["differs"], decisions
        sides = [shot.headers["x-served-by"] for shot in evening.shots]
        for wanted in ("monolith", "payments"):
            assert sides.count(wanted) > RATE * STEP_S, Counter(sides)
        stack.audit()
    finally:
        stack.stop()
