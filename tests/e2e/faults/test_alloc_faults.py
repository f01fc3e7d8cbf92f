"""
Each allocation and each call of libpq on the path of a payment fails once: the nth, for n from 1
until no call is left to fail.

Fails where the process dies of it, or a charge is lost, taken twice or kept without a ticket.
"""

import mmap
import struct
from collections import Counter

import pytest

from harness import build, client, faults
from harness.crash import MOCK
from harness.faults import Worker, problems, settle
from harness.shared_schema import SharedSchema
from harness.wait import until

CONTROL_BYTES = 64
MOST_CALLS = 3000
LEAST_CALLS = {"seats": 20, "lists": 20}  # there are at least, of a payment 50
# Requests in a row that made fewer calls than the one to fail: all calls have failed once.
UNTOUCHED_MOST = 12


class Control:
    """What tests/tools/failing_calls.c has mapped: armed, nth, count, hit, name."""

    def __init__(self, folder):
        self.path = folder / "control"
        self.path.write_bytes(bytes(CONTROL_BYTES))
        self.path.chmod(0o666)
        with open(self.path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), CONTROL_BYTES)

    def arm(self, nth):
        self.memory[:] = struct.pack("4i48x", 1, nth, 0, 0)

    def disarm(self):
        """The name of the call that failed, None where there were fewer than n."""
        self.memory[:4] = struct.pack("i", 0)
        hit, name = struct.unpack("i48s", self.memory[12:64])
        return name.rstrip(b"\0").decode() if hit else None


@pytest.fixture
def folder():
    with faults.scratch() as made:
        yield made


class Bench:
    def __init__(self, cluster, folder):
        shim, self.control = folder / "failing_calls.so", Control(folder)
        build.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, build.REPO / "tests/tools/failing_calls.c", "-ldl"])
        self.database, self.folder = cluster.database(), folder
        self.shared = SharedSchema(self.database)
        self.user = self.shared.user()
        self.token = client.token(self.user)
        self.admin_token = client.token(self.shared.user("admin"), role="admin")
        self.failing = MOCK | {"PAYMENTS_DB_TRIP_MS": 500, "LD_PRELOAD": shim, "FAILING_CALLS": self.control.path}
        self.healthy = self.worker(MOCK)
        self.spare, self.show = [], None

    def worker(self, settings, **how):
        return Worker(self.folder, self.database, settings, program=build.program("payments-fcgi"), **how)

    def reservation(self):
        if not self.spare:
            self.spare = self.shared.reserve(self.user, 500)
        return self.spare.pop()

    def process(self):
        return "/process", self.token, {"reservationId": self.reservation().id, "paymentMethod": "kakao_pay"}

    def bookings(self):
        event, seats = self.shared.event(1)
        return "/bookings", self.token, {"performanceId": event, "seatIds": seats, "paymentMethod": "credit_card"}

    def seats(self):
        """A performance of which a part is sold, a part locked, and the user has one of each."""
        if not self.show:
            self.show, _ = self.shared.event(40)
            labels = [f"VIP-1-{n}" for n in range(1, 41)]
            for token, first in ((self.token, 0), (self.admin_token, 3)):
                for n in range(2):
                    made = self.healthy.post("/bookings", token, {
                        "performanceId": self.show, "seatIds": labels[first + n:first + n + 1],
                        "paymentMethod": "credit_card"})
                    assert made.status == 201, made
                self.healthy.post("/execute", token, {"paymentIntentId": made.json["paymentIntentId"],
                                                      "paymentMethodToken": "tok", "cvv": "120"})
        return f"/occupiedSeats/{self.show}", self.token, None

    def lists(self):
        """A page of bookings, and there is a next one."""
        while len(self.spare) < 100:
            self.reservation()
        return "/bookings/my", self.token, None

    def execute(self):
        made = self.healthy.post(*self.bookings())
        return "/execute", self.token, {"paymentIntentId": made.json["paymentIntentId"],
                                        "paymentMethodToken": "tok", "cvv": "121"}

    def refund(self):
        paid = self.healthy.post(*self.process())
        return f"/intents/{paid.json['payment']['paymentIntentId']}/refund", self.admin_token, {"reason": "alloc"}

    def hang_up(self):
        self.database.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                           "WHERE usename = 'payments_service' AND datname = current_database()")

    def settled(self):
        return settle(self.database, lambda: self.worker(MOCK, janitor_ms=10))


def fail_each(bench, subject, cold):
    """(names of the calls that failed, statuses answered, what was sent, deaths)"""
    names, statuses, sent, deaths, untouched = Counter(), Counter(), [], [], 0
    worker = bench.worker(bench.failing)
    worker.post(*subject())
    for nth in range(1, MOST_CALLS):
        request = (*subject(), f"{subject.__name__}-{cold}-{nth}" if nth % 2 else None)
        if cold:
            # a failed connection puts the pool into its back-off, which must be over
            until("the worker serves again", lambda: worker.post(*subject()).status < 500)
            bench.hang_up()
        bench.control.arm(nth)
        answer = worker.post(*request)
        name = bench.control.disarm()
        sent.append(request)
        # one request may make fewer calls than the next (a key, a connection that another renewed)
        untouched = untouched + 1 if name is None else 0
        if untouched == UNTOUCHED_MOST:
            break
        if name is None:
            continue
        names[name] += 1
        statuses[answer and answer.status] += 1
        if worker.crashed() is not None:
            deaths.append((nth, name, worker.crashed(), worker.log.read_text(encoding="utf-8")[-400:]))
            worker = bench.worker(bench.failing)
            worker.post(*subject())
    worker.kill()
    return names, statuses, sent, deaths


def run(cluster, folder, capsys, operation, cold):
    bench = Bench(cluster, folder)
    try:
        names, statuses, sent, deaths = fail_each(bench, getattr(bench, operation), cold)
        left = bench.settled()
        for request in sent:  # every client tries again
            bench.healthy.post(*request)
        left += bench.settled()
        found = left + problems(bench.database)
    finally:
        bench.healthy.kill()
    bench.database.drop()
    with capsys.disabled():
        print(f"\nfailing calls, {operation}{', new connection' if cold else ''}: {sum(names.values())} calls "
              f"{dict(names)}, answers {dict(statuses)}, {len(deaths)} deaths, {len(found)} violations")
    assert not found, found[:10]
    assert not deaths, deaths[:5]
    assert sum(names.values()) >= LEAST_CALLS.get(operation, 50)
    assert names["malloc"] and names["PQsendQueryPrepared"] and names["PQgetResult"]
    assert not cold or names["PQconnectPoll"]
    # 402: the failure cost so much time that the lease was over, and nothing was charged
    assert statuses.keys() <= {200, 201, 202, 400, 402, 409, 500, 503, 504}, statuses


@pytest.mark.parametrize("operation", ["process", "execute", "seats", "lists"])
def test_each_call_fails_once(cluster, folder, capsys, operation):
    run(cluster, folder, capsys, operation, False)


@pytest.mark.long
@pytest.mark.parametrize("operation", ["process", "execute", "bookings", "refund"])
@pytest.mark.parametrize("cold", [False, True])
def test_each_call_of_each_operation_fails_once(cluster, folder, capsys, operation, cold):
    run(cluster, folder, capsys, operation, cold)
