"""
From the death of a worker to the settled payment, with the default settings.

Fails where a customer whose worker died waits longer than the lease for the outcome.
"""

import math
import random
import threading
import time

import pytest

from harness import build, client, faults
from harness.faults import Worker
from harness.shared_schema import SharedSchema
from harness.wait import until

DEATHS_A_ROUND, ROUNDS, SURVIVORS = 60, 2, 2
P99_S = 10
# no setting of the gateway, the lease or the janitor is changed
DEFAULTS = {"PAYMENTS_MOCK_MIN_DELAY_MS": 500, "PAYMENTS_MOCK_MAX_DELAY_MS": 1500}
JANITOR_MS = 1000


@pytest.fixture
def folder():
    with faults.scratch() as made:
        yield made


def die(database, folder, user, reservations, chance):
    """Pays each reservation at a worker of its own, which dies on the way; the moments of death."""
    token, died = client.token(user), {}

    def one(reservation, after_s):
        worker = Worker(folder, database, DEFAULTS, program=build.program("payments-fcgi"), janitor_ms=JANITOR_MS)
        paying = threading.Thread(target=worker.post, args=("/process", token, {
            "reservationId": reservation.id, "paymentMethod": "kakao_pay"}))
        try:
            paying.start()
            time.sleep(after_s)
        finally:
            worker.kill()
            died[reservation.id] = time.time()
        paying.join()

    threads = [threading.Thread(target=one, args=(reservation, chance.uniform(0.15, 0.7)))
               for reservation in reservations]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    return died


def test_time_from_death_to_settled(cluster, folder, capsys):
    database, chance = cluster.database(), random.Random(20261120)
    shared = SharedSchema(database)
    user = shared.user()
    survivors = [Worker(folder, database, DEFAULTS, program=build.program("payments-fcgi"), janitor_ms=JANITOR_MS)
                 for _ in range(SURVIVORS)]
    died = {}
    try:
        for _ in range(ROUNDS):
            died |= die(database, folder, user, shared.reserve(user, DEATHS_A_ROUND), chance)
        until("no attempt is open", lambda: shared.open_attempts() == 0, 60)
    finally:
        for worker in survivors:
            worker.kill()
    ends = dict(database.rows(
        "SELECT i.reservation_id::text, extract(epoch FROM a.finished_at)::float FROM payments.attempts a "
        "JOIN payments.intents i ON i.id = a.intent_id"))
    times = sorted(ends[one] - at for one, at in died.items() if ends.get(one, 0) > at)
    p99 = times[math.ceil(len(times) * 0.99) - 1]
    with capsys.disabled():
        print(f"\ndeath to settled: {len(times)} deaths, median {times[len(times) // 2]:.1f} s, "
              f"p99 {p99:.1f} s, longest {times[-1]:.1f} s")
    database.drop()
    assert len(times) >= 0.9 * DEATHS_A_ROUND * ROUNDS
    assert p99 < P99_S
