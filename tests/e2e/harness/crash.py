"""
The crash matrix: at every recovery point of every path through the service the process is stopped,
a rival acts, the process is killed, and a healthy one settles the rest.

    Cell   where (stage and point), how the gateway behaves, which rival acts on the reservation
    Lane   the cells of one gateway outcome, one after the other, on a database of their own
"""

import random
import threading
from dataclasses import dataclass

from . import client
from .faults import NEVER_MS, Worker, books_differ, problems, settle
from .gateway import Gateway
from .monolith import Monolith
from .shared_schema import SharedSchema

# A rival that waits for the stopped process's locks goes on once that process is dead.
RIVAL_HEAD_START_S = 0.04
JANITOR_MS = 10
JANITOR_STOPS_WITHIN_S = 0.7
CELLS_A_BATCH = 40

# how the gateway behaves, as settings of the mock; its horizon is its deadline
MOCK = {"PAYMENTS_MOCK_MIN_DELAY_MS": 0, "PAYMENTS_MOCK_MAX_DELAY_MS": 0, "PAYMENTS_MOCK_DEADLINE_MS": 60,
        "PAYMENTS_MOCK_LEASE_MS": 400}
OUTCOMES = {
    "approved": {},
    "declined": {"PAYMENTS_MOCK_MODE": "decline"},
    "charged, silent": {"PAYMENTS_MOCK_MODE": "silent"},
    "declined, silent": {"PAYMENTS_MOCK_MODE": "silent_decline"},
    "charged late": {"PAYMENTS_MOCK_MODE": "late"},
    "charged, too slow": {"PAYMENTS_MOCK_MIN_DELAY_MS": 90, "PAYMENTS_MOCK_MAX_DELAY_MS": 90},
    "down": {"PAYMENTS_MOCK_MODE": "down"},
}
# the same across a wire, at a gateway with books of its own: faults of the simulator, by paymentKey
WIRE = {"PAYMENTS_TOSS_DEADLINE_MS": 150, "PAYMENTS_TOSS_LOOK_UP_MS": 500, "PAYMENTS_TOSS_LEASE_MS": 400,
        "PAYMENTS_TOSS_HORIZON_MS": 1000}
WIRE_OUTCOMES = {
    "wire: approved": None,
    "wire: declined": {"fault": "decline"},
    "wire: charged, hangs": {"fault": "charge_hang", "ms": 300},
    "wire: hangs, charged": {"fault": "hang_charge", "ms": 300},
    "wire: charged, 500": {"fault": "charge_500"},
    "wire: 500": {"fault": "500"},
    "wire: reset": {"fault": "reset_before"},
    "wire: charged, reset": {"fault": "reset_after"},
    "wire: duplicate": {"fault": "charge_duplicate"},
    "wire: processing": {"fault": "charge_processing"},
    "wire: rubbish": {"fault": "rubbish"},
    "wire: truncated": {"fault": "truncated"},
}
WIRE_CHARGE = ["wire_unsent:1", "wire_first_byte:1", "wire_answered:1"]
RIVALS = ("none", "second submit", "monolith's payment", "cancel", "cleaner", "admin cancel")


def trips(count):
    return [f"{point}:{n}" for n in range(1, count + 1) for point in ("trip_unsent", "trip_sent", "trip_answered")]


def commits(count):
    return [f"{point}:{n}" for n in range(1, count + 1) for point in ("commit_unsent", "commit_answered")]


REQUEST = ["request_read:1", "answer_made:1", "answer_sent:1"]
CHARGE = ["charge_unsent:1", "mock_booked:1", "charge_answered:1"]
KEYED = "pay with a key"  # reads before it writes; an ordinary payment takes one trip
POINTS = {
    "pay": REQUEST + CHARGE + trips(3) + commits(2) + ["settle_locked:1", "settle_done:1"],
    KEYED: CHARGE + trips(4) + commits(2) + ["claim_locked:1", "settle_locked:1", "settle_done:1"],
    "execute": CHARGE + trips(4) + ["claim_locked:1", "settle_locked:1", "settle_done:1"],
    "hold": trips(3) + commits(1) + REQUEST,
    "order": trips(2) + commits(1) + ["order_locked:1"],
    "reconcile": commits(4) + ["reconcile_unsent:1", "reconcile_answered:1", "settle_locked:1", "settle_done:1"],
    "refund": commits(3) + ["refund_unsent:1", "refund_answered:1", "refund_locked:1"],
    "repair": commits(5) + ["repair_locked:1", "repair_done:1"],
    "cancelled elsewhere": commits(5) + ["repair_locked:1", "repair_done:1"],
    "expire": commits(3) + ["expire_due:1"],
}
BY_JANITOR = {"reconcile", "refund", "repair", "cancelled elsewhere", "expire"}


@dataclass(frozen=True)
class Cell:
    stage: str
    point: str
    outcome: str
    rival: str


def matrix():
    return [Cell(stage, point, outcome, rival) for stage, points in POINTS.items() for point in points
            for outcome in OUTCOMES for rival in RIVALS]


def points_over_wire(stage, points):
    kept = [point for point in points if point != "mock_booked:1"]
    return kept + WIRE_CHARGE if stage in ("pay", KEYED, "execute", "reconcile", "refund") else kept


def wire_matrix():
    return [Cell(stage, point, outcome, rival) for stage, points in POINTS.items()
            for point in points_over_wire(stage, points) for outcome in WIRE_OUTCOMES for rival in RIVALS]


@dataclass
class Subject:
    """
    The subject of a cell: a reservation (None: not yet), its event, and the client's request for
    it.
    """
    reservation: str
    event: str
    path: str = None
    body: dict = None
    key: str = None
    token: str = None


class Lane:
    def __init__(self, cluster, folder, program, outcome, variant="expired"):
        self.outcome, self.folder, self.program = outcome, folder, program
        self.gateway = Gateway().start() if outcome in WIRE_OUTCOMES else None
        self.settings = self.gateway.settings(**WIRE) if self.gateway else MOCK | OUTCOMES[outcome]
        self.healthy = self.settings if self.gateway else MOCK
        self.database = cluster.database(variant)
        self.shared = SharedSchema(self.database)
        self.user, self.admin = self.shared.user(), self.shared.user("admin")
        self.token = client.token(self.user)
        self.admin_token = client.token(self.admin, role="admin")
        self.monolith = Monolith(self.database)
        self.payer, self.rival = self.worker(self.healthy), self.worker(self.settings)
        self.unsettled = []  # subjects whose clients will try again
        self.reached, self.violations = {}, []
        self.told_to_stop = False

    def worker(self, settings, fault=None, janitor_ms=NEVER_MS):
        return Worker(self.folder, self.database, settings, program=self.program, fault=fault,
                      janitor_ms=janitor_ms)

    def close(self):
        self.payer.kill()
        self.rival.kill()
        self.monolith.close()
        self.database.drop()
        if self.gateway:
            self.gateway.destroy()

    # ---- before the fault ----

    def _body(self, reservation, on=None):
        """A payment's body; `on`: which of its requests to the gateway meets the fault."""
        body = {"reservationId": reservation, "paymentMethod": "kakao_pay"}
        return body | {"paymentKey": self._payment_key(on)} if self.gateway else body

    def _payment_key(self, on):
        key, fault = "key-" + client.new_id(), self.gateway and WIRE_OUTCOMES[self.outcome]
        if on and fault:
            self.gateway.fault(on=on, paymentKey=key, **fault)
        return key

    def _pay(self, worker, reservation, on=None):
        return worker.post("/process", self.token, self._body(reservation.id, on))

    def _reserve(self):
        return self.shared.reserve_one(self.user)

    def _paid(self, on=None):
        reservation = self._reserve()
        answer = self._pay(self.payer, reservation, on)
        assert answer.status == 200, answer
        return reservation, answer.json["payment"]["paymentIntentId"]

    def _booked(self):
        event, seats = self.shared.event(1)
        body = {"performanceId": event, "seatIds": seats, "paymentMethod": "credit_card"}
        answer = self.payer.post("/bookings", self.token, body)
        assert answer.status == 201, answer
        return answer.json, event

    def _subject_booked(self, path, body, key):
        booking, event = self._booked()
        return Subject(booking["bookingId"], event, path, body(booking), key, self.token)

    def arrange_pay(self, key):
        one = self._reserve()
        return Subject(one.id, one.event, "/process", self._body(one.id, "confirm"), key, self.token)

    arrange_pay_with_a_key = arrange_pay

    def arrange_execute(self, key):
        cvv = "122" if self.outcome == "declined" else "121"
        return self._subject_booked("/execute", lambda made: {
            "paymentIntentId": made["paymentIntentId"], "paymentMethodToken": self._payment_key("confirm"),
            "cvv": cvv}, key)

    def arrange_hold(self, key):
        event, seats = self.shared.event(1)
        body = {"performanceId": event, "seatIds": seats, "paymentMethod": "credit_card"}
        return Subject(None, event, "/bookings", body, key, self.token)

    def arrange_order(self, key):
        reservation, intent = self._paid()
        return Subject(reservation.id, reservation.event, f"/intents/{intent}/refund", {"reason": "order"}, key, self.admin_token)

    def arrange_reconcile(self, _key):
        subject = self.arrange_pay(None)
        dying = self.worker(self.settings, "charge_answered:1:kill")
        dying.post(subject.path, subject.token, subject.body)
        dying.kill()
        return subject

    def arrange_refund(self, _key):
        reservation, intent = self._paid("cancel")
        answer = self.payer.post(f"/intents/{intent}/refund", self.admin_token, {"reason": "refund"})
        assert answer.status == 202, answer
        return Subject(reservation.id, reservation.event)

    def arrange_repair(self, _key):
        reservation, _ = self._paid()
        self.monolith.clean(reservation.id)
        return Subject(reservation.id, reservation.event)

    def arrange_cancelled_elsewhere(self, _key):
        reservation, _ = self._paid()
        self.monolith.cancel(reservation.id)
        return Subject(reservation.id, reservation.event)

    def arrange_expire(self, _key):
        subject = self._subject_booked(None, lambda made: None, None)
        self.database.rows("UPDATE public.reservations SET expires_at = LOCALTIMESTAMP - '1 second'::interval "
                           "WHERE id = %s", subject.reservation)
        self.database.rows("UPDATE payments.intents SET payable_until = LOCALTIMESTAMP - '1 second'::interval "
                           "WHERE reservation_id = %s", subject.reservation)
        return subject

    # ---- the rival ----

    def _submit_again(self, subject):
        if subject.path:
            self.rival.post(subject.path, subject.token, subject.body, subject.key)
        else:
            self.rival.post("/process", self.token, self._body(subject.reservation))

    def _act(self, rival, subject):
        identity = subject.reservation
        if rival == "second submit":
            self._submit_again(subject)
        elif rival == "admin cancel":
            self.monolith.cancel_event(subject.event)
        elif identity is not None:  # a hold under way has no visible reservation yet
            {"monolith's payment": self.monolith.pay, "cancel": self.monolith.cancel,
             "cleaner": self.monolith.clean}.get(rival, lambda _: None)(identity)

    # ---- one cell ----

    def run(self, cell, resume=False):
        number = len(self.reached)
        keyed = cell.stage == KEYED or (number % 2 and cell.stage != "pay")
        key = f"cell-{number}-{id(cell)}" if keyed else None
        subject = getattr(self, "arrange_" + cell.stage.replace(" ", "_"))(key)
        janitor = cell.stage in BY_JANITOR
        victim = self.worker(self.settings, f"{cell.point}:stop", JANITOR_MS if janitor else NEVER_MS)
        try:
            self.reached[cell] = self._meet(cell, subject, victim, janitor, resume)
        finally:
            victim.kill()
        if subject.path:
            self.unsettled.append(subject)
        if janitor or len(self.unsettled) >= CELLS_A_BATCH:
            self.bring_to_rest(cell)

    def _meet(self, cell, subject, victim, janitor, resume):
        sent = threading.Thread(target=lambda: None)
        if not janitor:
            sent = threading.Thread(target=victim.post, args=(subject.path, subject.token, subject.body, subject.key))
        sent.start()
        if janitor:
            stopped = victim.wait_stopped(within_s=JANITOR_STOPS_WITHIN_S)
        else:
            stopped = victim.wait_stopped(given_up=lambda: not sent.is_alive())
        rival = threading.Thread(target=self._act, args=(cell.rival, subject))
        rival.start()
        rival.join(RIVAL_HEAD_START_S)
        if resume and stopped:
            self._outlive(victim, sent)
        victim.kill()
        rival.join()
        sent.join()
        return stopped

    def _outlive(self, victim, sent):
        """By then its lease is over and another process has settled its payment."""
        settle(self.database, self.janitor, within_s=0.5)
        victim.resume()
        sent.join(5)

    def janitor(self):
        return self.worker(self.healthy if self.outcome == "down" else self.settings, janitor_ms=JANITOR_MS)

    def bring_to_rest(self, cell):
        """Settles, has every client try again, and settles again."""
        self._settle(cell)
        for subject in self.unsettled:
            self.payer.post(subject.path, subject.token, subject.body, subject.key)
        if self.unsettled:
            self._settle(cell)
        self.unsettled = []

    def _settle(self, cell):
        left = settle(self.database, self.janitor)
        if left:
            self.violations.append((cell, "unsettled", left))

    def run_all(self, cells, resume=False):
        for cell in cells:
            if self.told_to_stop:
                return
            self.run(cell, resume)
            if self.violations:  # later cells on this database would find them again
                return
        self.bring_to_rest(cells[-1])
        found = problems(self.database) + self._gateway_says_otherwise()
        if found:
            self.violations.append((self.outcome, "problems", found))

    def _gateway_says_otherwise(self):
        """The mock forgets, but these two of its modes charge whatever is asked about."""
        if self.gateway:
            return books_differ(self.database, self.gateway, self.user)
        if not self.outcome.startswith("charged") or self.outcome == "charged, too slow":
            return []
        return [f"attempt {identity} was charged, and is declined here" for identity, in self.database.rows(
            "SELECT id FROM payments.attempts WHERE status = 'declined'")]


def run_cells(cluster, folder, program, cells, resume=False, variant="expired"):
    """All cells, a lane an outcome, side by side. (cell -> was its point reached, violations)"""
    reached, violations, lanes = {}, [], []

    def run_lane(lane, mine):
        try:
            lane.run_all(mine, resume)
        except Exception as problem:  # a lane that fails proves nothing
            violations.append((lane.outcome, "broke down", repr(problem)))
            raise

    for outcome in [*OUTCOMES, *WIRE_OUTCOMES]:
        mine = [cell for cell in cells if cell.outcome == outcome]
        if mine:
            lane = Lane(cluster, folder, program, outcome, variant)
            lanes.append((lane, threading.Thread(target=run_lane, args=(lane, mine))))
    for _, thread in lanes:
        thread.start()
    try:
        for _, thread in lanes:
            thread.join()
    finally:  # an interrupted run must not leave workers behind
        for lane, thread in lanes:
            lane.told_to_stop = True
            thread.join()
            lane.close()
    for lane, _ in lanes:
        reached |= lane.reached
        violations += lane.violations
    return reached, violations


def sample(cells, share, seed):
    """A seeded part of them that has every point and every rival in it."""
    chance = random.Random(seed)
    shuffled = chance.sample(cells, len(cells))
    wanted = {(cell.stage, cell.point) for cell in cells}
    chosen = []
    for cell in shuffled:
        if (cell.stage, cell.point) in wanted:
            wanted.remove((cell.stage, cell.point))
            chosen.append(cell)
    rest = [cell for cell in shuffled if cell not in set(chosen)]
    return chosen + rest[:max(0, int(len(cells) * share) - len(chosen))]
