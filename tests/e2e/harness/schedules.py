"""
Random fault schedules: a batch of payments, each with a fate of its own, drawn from one seed.

    worker   killed, or stopped for a while and resumed, while the payment is under way
    database its worker's connections cut; the whole server restarted during the payment
    gateway  the mock in one of its outcomes for the whole batch; or across a wire, a fault for each payment
    hold     long, or over within a second or so
    rival    the monolith's programs at the same reservation; its cleaner runs all the time

The plan of a batch depends on its seed alone; which of two rivals wins does not.
"""

import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg2

from . import client
from .crash import MOCK, OUTCOMES, WIRE, WIRE_OUTCOMES
from .faults import Worker, books_differ, problems, settle_with
from .gateway import Gateway
from .monolith import Monolith
from .shared_schema import SharedSchema

WORKERS = 4
WINDOW_S = 1.5
JANITOR_MS = 50
WIRE_BATCH = "over a wire"
RESTART_SHARE = 0.1  # of the batches
FATES = ("none",) * 40 + ("kill", "pause", "pause", "cut", "cut", 
                          *("second submit", "monolith's payment", "cancel", "cleaner", "admin cancel") * 5)


@dataclass(frozen=True)
class Schedule:
    at_s: float        # of the request, within the batch
    worker: int
    hold_s: float
    at_gateway: str
    keyed: bool
    fate: str
    fate_after_s: float
    pause_s: float


@dataclass(frozen=True)
class Plan:
    seed: int
    outcome: str
    restart_at_s: float  # None: it stays up
    schedules: tuple


def draw(seed, count):
    chance = random.Random(seed)
    schedules = tuple(Schedule(
        at_s=chance.uniform(0, WINDOW_S), worker=chance.randrange(WORKERS),
        hold_s=chance.uniform(0.2, 1.5) if chance.random() < 0.3 else 300,
        at_gateway=chance.choice(["wire: approved"] * 12 + list(WIRE_OUTCOMES)),
        keyed=chance.random() < 0.5, fate=chance.choice(FATES),
        fate_after_s=chance.expovariate(1 / 0.02), pause_s=chance.uniform(0.05, 0.6))
        for _ in range(count))
    restart = chance.uniform(0, WINDOW_S) if chance.random() < RESTART_SHARE else None
    return Plan(seed, chance.choice([WIRE_BATCH] * 8 + ["approved"] * 4 + list(OUTCOMES)), restart, schedules)


class Batch:
    def __init__(self, cluster, database, folder, program, plan):
        self.cluster, self.database, self.plan = cluster, database, plan
        self.folder, self.program = folder, program
        self.gateway = Gateway().start() if plan.outcome == WIRE_BATCH else None
        at_gateway = self.gateway.settings(**WIRE) if self.gateway else MOCK | OUTCOMES[plan.outcome]
        self.settings = at_gateway | {
            "PAYMENTS_HOLD_MARGIN_MS": 0, "PAYMENTS_THREADS": 64, "PAYMENTS_SPARE_THREADS": 4}
        self.shared = SharedSchema(database)
        self.user = self.shared.user()
        self.token = client.token(self.user)
        self.lock = threading.Lock()
        self.all_workers = []
        self.workers = [self._worker() for _ in range(WORKERS)]
        self.reservations = self._reserve()
        self._arm()
        self.answers = [None] * len(plan.schedules)
        self.ended = threading.Event()

    def _arm(self):
        """Each payment's fault at the gateway, by its paymentKey."""
        for number, one in enumerate(self.plan.schedules):
            if self.gateway and WIRE_OUTCOMES[one.at_gateway]:
                self.gateway.fault(on="confirm", paymentKey=self._payment_key(number), **WIRE_OUTCOMES[one.at_gateway])

    def _payment_key(self, number):
        return f"key-{self.plan.seed}-{number}"

    def _worker(self):
        made = Worker(self.folder, self.database, self.settings, program=self.program, janitor_ms=JANITOR_MS)
        self.all_workers.append(made)
        return made

    def _reserve(self):
        """In bulk; a reservation that an admin cancels has an event of its own."""
        plain = iter(self.shared.reserve(self.user, len(self.plan.schedules)))
        made = [self.shared.reserve_one(self.user) if one.fate == "admin cancel" else next(plain)
                for one in self.plan.schedules]
        self.database.rows(
            "UPDATE public.reservations r SET expires_at = LOCALTIMESTAMP + make_interval(secs => x.s) "
            "FROM unnest(%s::uuid[], %s::float[]) AS x (id, s) WHERE r.id = x.id",
            [one.id for one in made], [one.hold_s for one in self.plan.schedules])
        return made

    # ---- the events ----

    def _pay(self, number, worker):
        body = {"reservationId": self.reservations[number].id, "paymentMethod": "kakao_pay"}
        if self.gateway:
            body["paymentKey"] = self._payment_key(number)
        key = f"{self.plan.seed}-{number}" if self.plan.schedules[number].keyed else None
        return worker.post("/process", self.token, body, key)

    def _kill(self, index):
        with self.lock:
            self.workers[index].kill()
            self.workers[index] = self._worker()

    def _pause(self, index, pause_s):
        worker = self.workers[index]
        worker.process.send_signal(signal.SIGSTOP)
        time.sleep(pause_s)
        worker.resume()

    def _cut(self):
        """Cuts half of the service's connections, at any moment of their work."""
        self.cluster.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = "
                             f"'payments_service' AND datname = '{self.database.name}' AND random() < 0.5")

    def _rival(self, fate, reservation):
        monolith = Monolith(self.database)
        try:
            if fate == "admin cancel":
                monolith.cancel_event(reservation.event)
            else:
                {"monolith's payment": monolith.pay, "cancel": monolith.cancel,
                 "cleaner": monolith.clean}[fate](reservation.id)
        finally:
            monolith.close()

    def _meet_fate(self, number):
        one = self.plan.schedules[number]
        if one.fate == "kill":
            self._kill(one.worker)
        elif one.fate == "pause":
            self._pause(one.worker, one.pause_s)
        elif one.fate == "cut":
            self._cut()
        elif one.fate == "second submit":
            self._pay(number, self.workers[(one.worker + 1) % WORKERS])
        elif one.fate != "none":
            self._rival(one.fate, self.reservations[number])

    def _one(self, number, begin):
        one = self.plan.schedules[number]
        time.sleep(max(0, begin + one.at_s - time.monotonic()))
        payment = threading.Thread(target=self._answered, args=(number,))
        payment.start()
        time.sleep(one.fate_after_s)
        try:
            self._meet_fate(number)
        except psycopg2.Error:  # the database restarts: a real rival fails too
            pass
        payment.join()

    def _answered(self, number):
        self.answers[number] = self._pay(number, self.workers[self.plan.schedules[number].worker])

    def _clean_for_ever(self):
        """The monolith's cleaner, with a pause between reading and writing."""
        chance = random.Random(self.plan.seed + 1)
        while not self.ended.is_set():
            try:
                monolith = Monolith(self.database)
                expired = monolith.find_expired()
                time.sleep(chance.uniform(0, 0.05))
                for reservation in expired:
                    monolith.clean(reservation)
                monolith.close()
            except psycopg2.Error:
                pass
            time.sleep(0.02)

    def _restart(self, begin):
        time.sleep(max(0, begin + self.plan.restart_at_s - time.monotonic()))
        self.cluster.stop("immediate")
        self.cluster.start()

    def run(self):
        begin = time.monotonic() + 0.05
        jobs = [threading.Thread(target=self._one, args=(number, begin)) for number in range(len(self.answers))]
        if self.plan.restart_at_s is not None:
            jobs.append(threading.Thread(target=self._restart, args=(begin,)))
        cleaner = threading.Thread(target=self._clean_for_ever)
        for job in [*jobs, cleaner]:
            job.start()
        for job in jobs:
            job.join()
        left = settle_with(self.database)
        self._untold_again()
        left += settle_with(self.database)
        self.ended.set()
        cleaner.join()
        left += settle_with(self.database)
        if self.gateway:
            left += books_differ(self.database, self.gateway, self.user)
        return left + problems(self.database) + self._broken_promises() + self._crashes()

    def _untold_again(self):
        """Each client that was not told its outcome tries again."""
        def again(number):
            self.answers[number] = self._pay(number, self.workers[number % WORKERS])

        untold = [number for number, answer in enumerate(self.answers) if answer is None or answer.status >= 500]
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(again, untold))

    # ---- the outcome ----

    def _broken_promises(self):
        """Answered "paid" and not ended by a rival since: then it is paid."""
        broken = []
        for number, answer in enumerate(self.answers):
            if answer is None or answer.status != 200:
                continue
            status, seats = self.shared.state(self.reservations[number])
            if status[0] == "confirmed" and seats == {"reserved"} or \
                    self.plan.schedules[number].fate in ("cancel", "admin cancel"):
                continue
            broken.append(f"reservation {self.reservations[number].id} was answered 200 and is {status}, {seats}: "
                          f"{self.plan.schedules[number]}")
        return broken

    def _crashes(self):
        return [f"worker {one.pid} ended with {one.crashed()}" for one in self.all_workers
                if one.crashed() not in (None, -9)]

    def close(self):
        for one in self.all_workers:
            if one.crashed() is None:
                one.kill()
        if self.gateway:
            self.gateway.destroy()
