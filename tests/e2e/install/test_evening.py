"""
The evening of the cutover, from end to end under load: off, shadow, canary 5, canary 50, on, back
to off, on again. Meanwhile the workers are rolled and their package upgraded, and some reservations
are paid on both sides at the same moment.

Fails where any step of the runbook costs a customer a failed request or a second charge. The
service is installed from its package in a clean Debian 12 with a systemd of its own: needs root,
mmdebstrap and a mirror.
"""

import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from harness import client
from harness.cutover import Installed
from harness.machine import Machine, build_package, depends_of, make_root
from harness.volley import Volley, post

RATE, TWICE_RATE, GET_RATE = 40, 8, 20  # a second: payments, payments tried on both sides, questions
STEP_S = 7
CALLERS = 100
EVENING = [("off", None), ("shadow", None), ("canary 5", None), ("canary 50", "roll"), ("on", "upgrade"),
           ("off", None), ("on", None)]
SETTINGS = {"PAYMENTS_MOCK_MIN_DELAY_MS": 50, "PAYMENTS_MOCK_MAX_DELAY_MS": 150,
            "PAYMENTS_JANITOR_INTERVAL_MS": 200}
OLD, NEW = "0.9.1", "0.9.2"  # of the package, and so of its program


@pytest.fixture
def packages():
    """The package in two versions, both built as a release."""
    folder = Path(tempfile.mkdtemp(prefix="payments-evening-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield [build_package(folder / version, version)[0] for version in (OLD, NEW)]
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def machine(packages, cluster):
    """A clean machine with the first of them installed."""
    root = packages[0].parents[1] / "root"
    make_root(root, depends_of(packages[0]))
    made = Machine(root, share={cluster.folder: "/srv/postgres"})
    try:
        made.boot()
        made.install(packages[0])
        yield made
    finally:
        made.destroy()


def roll(stack):
    before = stack.workers()
    stack.roll()
    after = stack.workers()
    assert len(after) == len(before) and not set(after) & set(before), (before, after)
    assert set(after.values()) == set(before.values()), "rolled, yet of another program"


def upgrade(stack, deb):
    """Upgrades by dpkg, whose scripts replace the workers."""
    before = stack.workers()
    assert (stack.installed_version(), stack.versions()) == (OLD, {OLD})
    done = stack.machine.install(deb)
    after = stack.workers()
    assert (stack.installed_version(), stack.versions()) == (NEW, {NEW}), done.stdout + done.stderr
    assert len(after) == len(before) and not set(after) & set(before), done.stdout + done.stderr
    assert len(set(after.values())) == 1 and not set(after.values()) & set(before.values()), (before, after)


class Evening:
    """The load of the evening, and its outcome."""

    def __init__(self, stack, deb):
        self.stack, self.deb = stack, deb
        length_s = STEP_S * len(EVENING)
        users = [stack.shared.user() for _ in range(CALLERS)]
        self.tokens = {user: client.token(user) for user in users}
        self.once = self.reserve(users, RATE * length_s)
        self.twice = self.reserve(users, TWICE_RATE * length_s)
        # (second of its begin, name, seconds its action took, the workers' versions)
        self.steps = []
        self.volleys = []

    def reserve(self, users, count):
        by_user = [self.stack.shared.reserve(user, count // len(users) + 1) for user in users]
        return [one for round_ in zip(*by_user) for one in round_][:count]

    def request(self, make, reservation):
        return make(reservation, self.tokens[reservation.user])

    def begin(self):
        stack = self.stack
        asked = {"method": "GET", "path": "/api/payments/methods"}
        self.begun = time.monotonic()
        self.payments = stack.volley([self.request(stack.monolith_request, one) for one in self.once], rate=RATE)
        self.questions = stack.volley([asked] * GET_RATE * STEP_S * len(EVENING), rate=GET_RATE)
        old = [self.request(stack.monolith_request, one) for one in self.twice]
        new = [self.request(stack.process_request, one) for one in self.twice]
        self.on_monolith = Volley(stack.monolith_port, old, rate=TWICE_RATE)
        self.on_service = stack.volley(new, rate=TWICE_RATE)
        self.volleys = [self.payments, self.questions, self.on_monolith, self.on_service]

    def run_steps(self):
        for mode, deed in EVENING:
            self.stack.set_mode(mode)
            begun = time.monotonic()
            if deed == "roll":
                roll(self.stack)
            if deed == "upgrade":
                upgrade(self.stack, self.deb)
            took_s = time.monotonic() - begun if deed else 0
            versions = self.stack.versions()
            self.steps.append((begun - self.begun, f"{mode}, {deed}" if deed else mode, took_s, versions))
            left_s = self.begun + STEP_S * len(self.steps) - time.monotonic()
            assert left_s > 0, f"{mode}, {deed}: {-left_s:.1f} s longer than its step"
            time.sleep(left_s)

    def step_of(self, second):
        return sum(1 for begun, *_ in self.steps if begun <= second) - 1

    def finish(self):
        self.shots = self.payments.finish()
        self.answers = self.questions.finish()
        self.pairs = list(zip(self.on_monolith.finish(), self.on_service.finish()))
        self.stack.settled()

    def end(self):
        """Also after a failure: no load stays behind."""
        for volley in self.volleys:
            volley.process.kill()
            volley.process.wait()

    def table(self):
        """A line a step: the answers of each side, and their times."""
        lines = [f"{'step':20}{'deed s':>7}{'version':>9}{'requests':>9}{'failed':>7}{'monolith':>9}"
                 f"{'payments':>9}{'p50 ms':>8}{'p99 ms':>8}{'longest':>8}"]
        by_step = [[] for _ in self.steps]
        for shots, rate in ((self.shots, RATE), (self.answers, GET_RATE)):
            for shot in shots:
                by_step[max(0, self.step_of(shot.index / rate))].append(shot)
        for (_, name, took_s, versions), shots in zip(self.steps, by_step):
            sides = Counter(shot.headers.get("x-served-by") for shot in shots)
            times = sorted(shot.ms for shot in shots)
            lines.append(f"{name:20}{took_s:7.1f}{'/'.join(sorted(versions)):>9}{len(shots):9}"
                         f"{sum(shot.status != 200 for shot in shots):7}"
                         f"{sides['monolith']:9}{sides['payments']:9}{times[len(times) // 2]:8.0f}"
                         f"{times[len(times) * 99 // 100]:8.0f}{times[-1]:8.0f}")
        return lines

    def copies(self):
        """How many requests that the monolith answered were copied to the service."""
        self.stack.keep_log()
        asked = [line for line in self.stack.pool.log_lines("request") if line["route"] == "GET methods"]
        answered = [shot for shot in self.answers if shot.headers["x-served-by"] == "payments"]
        return len(asked) - len(answered)

    def shadow_decisions(self):
        """The service's shadow decision on each payment while the monolith answered all of them."""
        admin = client.token(self.stack.shared.user("admin"), role="admin")
        asked = []
        for reservation, shot in zip(self.once, self.shots):
            if shot.index / RATE < self.steps[2][0] and shot.headers["x-served-by"] == "monolith":
                body = {"reservationId": reservation.id, "userId": reservation.user,
                        "paymentMethod": "kakao_pay", "monolithStatus": shot.status}
                asked.append(post(f"{client.MOUNT}/shadow/process", body, admin))
        answers = self.stack.fire(asked, most=20)
        return Counter("differs" if one.json["differs"] else "same" for one in answers if one.json["compared"])

    def charges_kept(self, reservations):
        """{reservation: charges that were not returned}, over both sides."""
        kept = Counter(self.stack.monolith_charges())
        rows = self.stack.database.rows(
            "SELECT reservation_id, sum(charged_krw - refund_krw) / max(amount_krw) FROM payments.intents "
            "GROUP BY reservation_id")
        for reservation, charges in rows:
            kept[reservation] += int(charges)
        return {one.id: kept[one.id] for one in reservations}


@pytest.fixture
def stack(cluster, machine):
    made = Installed(cluster, machine, settings=SETTINGS).start()
    yield made
    made.stop()


@pytest.fixture
def evening(stack, packages):
    made = Evening(stack, packages[1])
    yield made
    made.end()


@pytest.mark.long
def test_evening(stack, evening, capsys):
    evening.begin()
    evening.run_steps()
    evening.finish()
    everything = evening.once + evening.twice
    kept = Counter(evening.charges_kept(everything).values())
    won = Counter(tuple(sorted((old.status, new.status))) for old, new in evening.pairs)
    failed = [shot for shot in evening.shots + evening.answers if shot.status != 200]
    copies = evening.copies()
    decisions = evening.shadow_decisions()
    with capsys.disabled():
        print("\n" + "\n".join(evening.table()))
        print(f"{len(evening.shots) + len(evening.answers)} requests, {len(failed)} failed; "
              f"{len(evening.pairs)} reservations tried on both sides: {dict(won)}; charges kept by "
              f"each of {len(everything)} reservations: {dict(kept)}; {copies} copies, shadow decisions: "
              f"{dict(decisions)}")
    assert not failed, failed[:3]
    assert set(won) <= {(200, 400), (200, 409)}, won
    assert kept == {1: len(everything)}, kept
    assert copies > GET_RATE * STEP_S * 0.8, "the shadow saw no copies"
    assert decisions["same"] > RATE * STEP_S and not decisions["differs"], decisions
    sides = [shot.headers["x-served-by"] for shot in evening.shots]
    for wanted in ("monolith", "payments"):
        assert sides.count(wanted) > RATE * STEP_S, Counter(sides)
    stack.audit()
