"""
The primary dies under load and its synchronous standby is promoted: the same workers, told of both
servers by `host=a,b target_session_attrs=read-write`, go on without a restart.

Fails where an answered payment is lost with the primary, or the pool stays with the dead server.
"""

import tempfile
import time
from pathlib import Path

import pytest

from harness import build, wait
from harness.cluster import Cluster, Database
from harness.shared_schema import assert_paid
from harness.stack import Stack
from harness.volley import tally
from harness.wait import until

RATE = 80
LOAD_S = 14
RESUMES_WITHIN_S = 10
SETTINGS = {"PAYMENTS_MOCK_MIN_DELAY_MS": 50, "PAYMENTS_MOCK_MAX_DELAY_MS": 300,
            "PAYMENTS_MOCK_DEADLINE_MS": 1500, "PAYMENTS_MOCK_LEASE_MS": 2000}


class Standby(Cluster):
    """A standby that replicates a running cluster."""

    def __init__(self, primary):
        self.folder = Path(tempfile.mkdtemp(prefix="payments-pg-", dir="/tmp"))
        self.folder.chmod(0o755)
        build.give_to(self.folder, "postgres")
        self.data, self.log = self.folder / "data", self.folder / "log"
        self.port = wait.free_port()
        self.starts = 0
        self._run("pg_basebackup", "-h", primary.folder, "-p", primary.port, "-U", "postgres",
                  "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as conf:
            conf.write(f"port = {self.port}\nunix_socket_directories = '{self.folder}'\n")

    def promote(self):
        self._run("pg_ctl", "-D", self.data, "-w", "-t", "30", "promote")


def replicate(primary, standby):
    """Makes replication synchronous: a commit is answered only when the standby has it too."""
    standby.start()
    primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.execute("SELECT pg_reload_conf()")
    connection = primary.connect()
    with connection.cursor() as cursor:
        def in_step():
            cursor.execute("SELECT sync_state FROM pg_stat_replication")
            return cursor.fetchall() == [("sync",)]
        until("the standby replicates synchronously", in_step)
    connection.close()


class Pair(Stack):
    """A pool that knows both servers; the tests read the current primary."""

    def __init__(self, primary):
        super().__init__(primary, settings=SETTINGS, workers=3)
        self.standby = Standby(primary)
        self.pool.environment["DATABASE_URL"] = (
            f"host=127.0.0.1,127.0.0.1 port={primary.port},{self.standby.port} "
            f"dbname={self.database.name} user=payments_service target_session_attrs=read-write")

    def fail_over(self):
        self.cluster.stop("immediate")
        time.sleep(1)
        self.standby.promote()
        self.database.close()
        self.database = Database(self.standby, self.database.name, self.database.variant)
        self.shared.db = self.database


@pytest.fixture
def pair():
    primary, made = Cluster(), None
    try:
        primary.start()
        made = Pair(primary)
        replicate(primary, made.standby)
        made.start()
        yield made
        made.pool.stop(expect_errors=True)
        made.database.close()
    finally:
        if made is not None:
            made.standby.destroy()
        primary.destroy()


def test_primary_killed_standby_promoted_under_load(pair, capsys):
    reservations = pair.shared.reserve(pair.user, RATE * LOAD_S)
    pids = set(pair.pool.worker_pids())
    begun = time.monotonic()
    volley = pair.volley([pair.process_request(one) for one in reservations], rate=RATE)
    time.sleep(3)
    died_s = time.monotonic() - begun
    pair.fail_over()
    promoted_s = time.monotonic() - begun
    shots = volley.finish()
    pair.settled(30)
    paid_s = [shot.index / RATE + shot.ms / 1000 for shot in shots if shot.status == 200]
    resumed_s = min(second for second in paid_s if second > promoted_s) - promoted_s
    with capsys.disabled():
        print(f"\nprimary died at {died_s:.1f} s, standby promoted at {promoted_s:.1f} s, the first payment "
              f"{resumed_s:.2f} s after that; answers: {dict(tally(shots))}")
    assert resumed_s < RESUMES_WITHIN_S
    assert set(pair.pool.worker_pids()) == pids, "a worker had to be replaced"
    assert {shot.status for shot in shots} <= {200, 503, 504, 409}, tally(shots)
    assert all("retry-after" in shot.headers for shot in shots if shot.status in (503, 504))
    for reservation, shot in zip(reservations, shots):
        if shot.status == 200:
            assert_paid(pair.shared, reservation)
    failed = [one for one, shot in zip(reservations, shots) if shot.status != 200]
    assert failed, "nothing was under way when the primary died: the test proves nothing"
    again = pair.fire([pair.process_request(one) for one in failed], most=50)
    assert set(tally(again)) <= {(200, None), (400, "ALREADY_PAID")}, tally(again)
    for reservation in reservations:
        assert_paid(pair.shared, reservation)
    pair.audit()
