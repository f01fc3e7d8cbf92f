"""
The ground of a measurement: a private PostgreSQL of the harness, a database with as many users,
seats and reservations as a row asks for, and a pool behind nginx.

Ids are hashes of numbers. They are as scattered as the random ids of a real database, and pgbench,
wrk and this program compute them without a query. Numbers count up and are used once.
"""

import contextlib
import hashlib
import os
import shutil
import uuid
from pathlib import Path

from harness import client, wait
from harness.cluster import Cluster
from harness.pool import Pool

USERS = 2000
PAST = 10_000  # reservations that were made and paid before anything is measured
MOST_A_SECOND = 6000  # payments or holds, until the machine's rate is known
LEAST_A_SECOND = 3000  # even after a first, cold turn
STOCK_FACTOR = 2.2
SEATS = 2000  # of one performance
EXTRA = """
max_wal_size = 4GB
min_wal_size = 1GB
shared_buffers = {buffers_mb}MB
"""
LOG_MB = 1000  # of WAL, written before anything is measured
EVENT = "e0000000-0000-4000-8000-000000000001"
# what `payctl check` recommends for the shared tables
INDEXES = """
CREATE INDEX ON public.reservation_items (reservation_id);
CREATE INDEX ON public.reservation_items (seat_id);
CREATE INDEX ON public.seats (event_id, seat_label);
CREATE INDEX ON public.reservations (user_id, created_at DESC, id DESC);
"""


def identity(letter, number):
    return str(uuid.UUID(hashlib.md5(f"{letter}{number}".encode()).hexdigest()))


@contextlib.contextmanager
def fresh(cluster):
    """
    A ground for one group of rows, so that no row is measured among the leftovers of another. Its
    use ends with an audit.
    """
    base = Ground(cluster, PAST)
    try:
        yield base
        base.rest()
        base.audit()
    finally:
        base.close()


def quarter_of_memory_mb():
    """
    PostgreSQL's manual recommends a quarter; the default of 128 MB is only meant to start anywhere.
    """
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4 // 2**20


def start_cluster():
    cluster = Cluster()
    with open(cluster.data / "postgresql.conf", "a", encoding="ascii") as conf:
        conf.write(EXTRA.format(buffers_mb=quarter_of_memory_mb()))
    cluster.start()
    age(cluster)
    return cluster


def age(cluster):
    """
    Writes some log first. A server that has been under load reuses its WAL files; a new one creates
    a file of 16 MB every two seconds of a rush, and commits wait for that.
    """
    database = cluster.database()
    database.rows("SELECT count(pg_logical_emit_message(false, 'bench', repeat('x', 1000000))) "
                  "FROM generate_series(1, %s)", LOG_MB)
    database.rows("CHECKPOINT")
    database.drop()


class Ground:
    """A database to pay in."""

    def __init__(self, cluster, past=0):
        """`past`: how many reservations were made and paid before anything is measured."""
        self.cluster = cluster
        self.database = cluster.database()
        self.next = 1
        self.most_a_second = MOST_A_SECOND
        self.best_a_second = 0
        # of this connection; the service has its own
        self.database.rows("SET synchronous_commit = off")
        self.database.rows(INDEXES)
        self.database.rows(
            "INSERT INTO public.users (id, email, password_hash, name) SELECT md5('u' || n)::uuid, "
            "n || '@example.com', 'x', '홍길동' FROM generate_series(0, %s) AS n", USERS - 1)
        self._event(EVENT)
        self.tokens = [client.token(identity("u", n)) for n in range(USERS)]
        if past:
            self.remember(past)
        self.database.rows("VACUUM (ANALYZE)")
        self.database.rows("CHECKPOINT")

    def _event(self, event):
        self.database.rows(
            "INSERT INTO public.events (id, title, venue, event_date, sale_start_date, sale_end_date, "
            "status) VALUES (%s, '겨울 콘서트', '올림픽홀', LOCALTIMESTAMP + '30 days', "
            "LOCALTIMESTAMP - '1 day'::interval, LOCALTIMESTAMP + '29 days', 'on_sale')", event)

    def _insert(self, first, count, age, seat, reservation, event=EVENT, step=1):
        """Seats, reservations and items of every `step`th number from `first` on."""
        numbers = "generate_series(%s, %s, %s) AS n"
        span = (first, first + (count - 1) * step, step)
        self.database.rows(
            "INSERT INTO public.seats (id, event_id, section, row_number, seat_number, seat_label, "
            "price, status) SELECT md5('s' || n)::uuid, %s, 'S', n / 50, n %% 50, "
            f"'S-' || n / 50 || '-' || n %% 50, 70000, '{seat}' FROM {numbers}", event, *span)
        self.database.rows(
            "INSERT INTO public.reservations (id, user_id, event_id, reservation_number, total_amount, "
            "status, payment_status, expires_at, created_at) SELECT md5('r' || n)::uuid, "
            f"md5('u' || n %% {USERS})::uuid, %s, 'TK' || n, 70000, {reservation}, "
            f"LOCALTIMESTAMP + interval '1 hour', LOCALTIMESTAMP - {age} FROM {numbers}", event, *span)
        self.database.rows(
            "INSERT INTO public.reservation_items (reservation_id, seat_id, quantity, unit_price, "
            "subtotal) SELECT md5('r' || n)::uuid, md5('s' || n)::uuid, 1, 70000, 70000 "
            f"FROM {numbers}", *span)

    def remember(self, count):
        """
        Reservations of the past, paid by this service, with all rows that it writes about a
        payment.
        """
        first, last = self.take(count), self.next - 1
        # without triggers: the rows are right
        self.database.rows("SET session_replication_role = replica")
        age = f"({last} - n) * interval '1 second'"
        self._insert(first, count, age, "reserved", "'confirmed', 'completed'")
        mine = ("md5('r' || n)::uuid AS reservation, md5('u' || n %% {0})::uuid AS person, "
                "('00a' || lpad(n::text, 29, '0'))::uuid AS intent, "
                "('00b' || lpad(n::text, 29, '0'))::uuid AS attempt, clock_timestamp() - ({1} - n) * "
                "interval '1 second' AS at").format(USERS, last)
        made = f"(SELECT {mine} FROM generate_series(%s, %s) AS n) AS x"
        for statement in (
                "INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, "
                "payment_method, status, attempt_id, attempts, charged_krw, settled_at) SELECT intent, "
                "reservation, person, 'process', 70000, 'kakao_pay', 'succeeded', attempt, 1, 70000, at",
                "INSERT INTO payments.attempts (id, intent_id, n, operation, gateway, payment_method, "
                "amount_krw, status, owner, lease_until, next_look_at, started_at, finished_at) SELECT "
                "attempt, intent, 1, 'process', 'mock', 'kakao_pay', 70000, 'approved', 'past', at, at, "
                "at, at",
                "INSERT INTO payments.ledger_entries (intent_id, attempt_id, account, amount_krw) SELECT "
                "intent, attempt, account, amount",
                "INSERT INTO payments.events (intent_id, attempt_id, kind, status) SELECT intent, attempt, "
                "kind, status"):
            more = {"ledger": " CROSS JOIN (VALUES ('CUSTOMER_PAYABLE', 70000), ('MERCHANT_BALANCE', "
                              "-70000)) AS l (account, amount)",
                    "events": " CROSS JOIN (VALUES ('claimed', 'processing'), ('settled', 'succeeded')) "
                              "AS e (kind, status)"}
            join = next((text for name, text in more.items() if f"payments.{name}" in statement), "")
            self.database.rows(f"{statement} FROM {made}{join}", first, last)
        self.database.rows("SET session_replication_role = origin")

    def take(self, count):
        """The first of `count` unused numbers."""
        first = self.next
        self.next += count
        return first

    def note_rate(self, a_second):
        """
        Takes note of the service's rate: from now on the stock is smaller, but enough for the limit
        too.
        """
        self.best_a_second = max(self.best_a_second, a_second)
        self.most_a_second = min(MOST_A_SECOND, max(LEAST_A_SECOND, STOCK_FACTOR * self.best_a_second))

    def stock(self, seconds):
        """How many reservations a measurement of so many seconds may use up."""
        return int(self.most_a_second * seconds)

    def reserve(self, count):
        """
        Pending reservations as the monolith makes them, one seat each; the first one's number.
        """
        first = self.take(count)
        self._insert(first, count, "interval '0'", "locked", "'pending', 'pending'")
        return first

    def seats(self, count):
        """Performances of SEATS free seats S-<number> each; the first number. The id of a seat's
        performance is identity("e", number // SEATS)."""
        self.next += -self.next % SEATS
        first = self.take(count)
        for event in range(first // SEATS, (first + count - 1) // SEATS + 1):
            self._event(identity("e", event))
        self.database.rows(
            "INSERT INTO public.seats (id, event_id, section, row_number, seat_number, seat_label, price) "
            "SELECT md5('s' || n)::uuid, md5('e' || n / %s)::uuid, 'S', n / 50, n %% 50, 'S-' || n, 70000 "
            "FROM generate_series(%s, %s) AS n", SEATS, first, first + count - 1)
        self.database.rows("ANALYZE public.seats")
        return first

    def half_taken(self, count):
        """A performance with `count` seats: a quarter sold, a quarter held, the rest free."""
        event = str(uuid.uuid4())
        self._event(event)
        self._insert(self.take(count // 2), count // 2, "interval '0'", "available",
                     "'cancelled', 'failed'", event)
        quarter = count // 4
        self._insert(self.take(quarter), quarter, "interval '0'", "reserved",
                     "'confirmed', 'completed'", event)
        self._insert(self.take(quarter), quarter, "interval '0'", "locked", "'pending', 'pending'", event)
        self.database.rows("VACUUM (ANALYZE) public.seats, public.reservations, public.reservation_items")
        return event

    def bookings_of(self, user, count):
        """That many more reservations of one user."""
        first = self.take((count + 1) * USERS)
        self._insert(first + (user - first) % USERS, count, "interval '0'", "locked",
                     "'pending', 'pending'", step=USERS)

    def settled_between(self, begin, end):
        return self.database.value("SELECT count(*) FROM payments.attempts WHERE status = 'approved' "
                                   "AND finished_at >= to_timestamp(%s) AND finished_at < to_timestamp(%s)",
                                   begin, end)

    def batch_between(self, begin, end):
        """Settlements of one transaction, on average: each has two entries in the ledger."""
        return float(self.database.value(
            "SELECT count(*) / 2.0 / greatest(count(DISTINCT xmin::text), 1) FROM payments.ledger_entries "
            "WHERE created_at >= to_timestamp(%s) AND created_at < to_timestamp(%s)", begin, end))

    def settled(self):
        return self.database.value("SELECT count(*) FROM payments.attempts WHERE status = 'approved'")

    def warm(self):
        """Loads indexes into PostgreSQL's buffers, as on a server that has been up for a day."""
        self.database.rows("CREATE EXTENSION IF NOT EXISTS pg_prewarm SCHEMA public")
        self.database.rows("SELECT public.pg_prewarm(oid) FROM pg_class WHERE relkind = 'i' "
                           "AND relnamespace IN ('public'::regnamespace, 'payments'::regnamespace)")

    def rest(self, checkpoint=True):
        """Between two measurements: waits until nothing of the one before is left."""
        wait.until("no attempt is open", lambda: self.database.value(
            "SELECT count(*) FROM payments.attempts WHERE status IN ('sent', 'unknown')") == 0, 30)
        if checkpoint:
            self.database.rows("CHECKPOINT")

    def audit(self):
        done = self.cluster.payctl(self.database.url(), "audit", check=False, timeout_s=900)
        assert done.returncode == 0, f"audit: exit {done.returncode}\n{done.stdout}{done.stderr}"

    def close(self):
        self.database.drop()


AT_ONCE = {"PAYMENTS_MOCK_MIN_DELAY_MS": 0, "PAYMENTS_MOCK_MAX_DELAY_MS": 0}
LIKE_A_GATEWAY = {"PAYMENTS_MOCK_MIN_DELAY_MS": 500, "PAYMENTS_MOCK_MAX_DELAY_MS": 1500}


PROCESSES = 2  # as many as start by default


def start_pool(base, processes=PROCESSES, program=None, **settings):
    """A pool with the service's defaults, except for `settings`."""
    pool = Pool(base.database, {"PAYMENTS_JANITOR_INTERVAL_MS": 1000} | settings, processes)
    if "PAYMENTS_ADMIN_LISTEN" in settings:  # any process then answers with the pool's counts
        pool.environment["PAYMENTS_METRICS_FILE"] = str(pool.folder / "metrics")
    if program is not None:
        shutil.copy2(program, pool.program)
    try:
        pool.start()
    except BaseException:
        pool.kill()
        raise
    return pool


TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pids):
    """User and system time of the processes so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def memory_mb(pids):
    """Memory of the processes; pages that several share count once."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024
