"""
Plans on a big hall and a long history, with the indexes that `payctl check` recommends: a tenth of it in
every run, 50,000 seats of one event and 1,000,000 reservations under `./dev test long`.

Fails where a statement of the way of a booking reads a whole table, which on the day of a sale would
take every connection with it. The texts are those that the service runs; they are planned as it
prepares them, once for any parameters.
"""

import hashlib
import json
import re
import time
import uuid

import psycopg2
import pytest

from harness import build, client, sql
from harness.pool import Pool
from harness.shared_schema import SharedSchema

# seats, how many of them are taken, reservations
SIZES = [pytest.param((5000, 4000, 100000), id="tenth"),
         pytest.param((50000, 40000, 1000000), id="whole", marks=pytest.mark.long)]
BIG = {"seats", "reservations", "reservation_items", "intents"}
EVENT = "33333333-3333-4333-8333-333333333333"
PAST = "66666666-6666-4666-8666-666666666666"
USER = "44444444-4444-4444-8444-444444444444"
REGULAR_BOOKINGS = 1000  # of that user
BUYER = str(uuid.UUID(hashlib.md5(b"u7").hexdigest()))  # one of the many
SOME = "55555555-5555-4555-8555-555555555555"
SANE_S = {"occupied": 1.5, "some": 0.2, "page": 0.2, "hold": 0.2}

# Everybody has been to another event forty times. Every seat of this one was reserved and given up some twenty
# times before; the last reservations are live.
HISTORY = """
SET session_replication_role = replica;
INSERT INTO public.users (id, email, password_hash, name)
SELECT md5('u' || n)::uuid, 'u' || n, 'x', 'x' FROM generate_series(1, 2000) n;
INSERT INTO public.users (id, email, password_hash, name) VALUES ('{user}', 'regular', 'x', 'x');
INSERT INTO public.events (id, title, venue, event_date, sale_start_date, sale_end_date, status)
VALUES ('{event}', 'x', 'x', LOCALTIMESTAMP + '30 days', LOCALTIMESTAMP - '1 day'::interval,
	LOCALTIMESTAMP + '29 days', 'on_sale');
INSERT INTO public.seats (id, event_id, section, row_number, seat_number, seat_label, price, status)
SELECT md5('s' || n)::uuid, '{event}', 'S' || n / 1000, n % 1000 / 50, n % 50, 'L-' || n, 50000,
	CASE WHEN n >= {live} THEN 'available' WHEN n % 4 = 0 THEN 'locked' ELSE 'reserved' END
FROM generate_series(0, {seats} - 1) n;
INSERT INTO public.reservations (id, user_id, event_id, reservation_number, total_amount, status,
	payment_status, expires_at, created_at)
SELECT md5('r' || n)::uuid,
	CASE WHEN n % ({reservations} / {regular}) = 0 THEN '{user}' ELSE md5('u' || n % 2000 + 1)::uuid END,
	'{event}', 'TK' || n, 50000,
	CASE WHEN n < {reservations} - {live} THEN 'cancelled'
		WHEN n % {seats} % 4 = 0 THEN 'pending' ELSE 'confirmed' END,
	CASE WHEN n < {reservations} - {live} THEN 'failed'
		WHEN n % {seats} % 4 = 0 THEN 'pending' ELSE 'completed' END,
	LOCALTIMESTAMP + '1 hour', LOCALTIMESTAMP - ({reservations} - n) * interval '1 s'
FROM generate_series(0, {reservations} - 1) n;
INSERT INTO public.events (id, title, venue, event_date, sale_start_date, sale_end_date, status)
VALUES ('{past}', 'x', 'x', LOCALTIMESTAMP - '1 year'::interval, LOCALTIMESTAMP - '2 years'::interval,
	LOCALTIMESTAMP - '1 year'::interval, 'ended');
INSERT INTO public.reservations (id, user_id, event_id, reservation_number, total_amount, status,
	payment_status, created_at)
SELECT md5('p' || n)::uuid, md5('u' || n % 2000 + 1)::uuid, '{past}', 'P' || n, 50000, 'confirmed', 'completed',
	LOCALTIMESTAMP - '1 year'::interval
FROM generate_series(1, 80000) n;
INSERT INTO public.reservation_items (reservation_id, seat_id, quantity, unit_price, subtotal)
SELECT md5('r' || n)::uuid,
	md5('s' || CASE WHEN n < {reservations} - {live} THEN n % {seats}
		ELSE n - ({reservations} - {live}) END)::uuid,
	1, 50000, 50000
FROM generate_series(0, {reservations} - 1) n;
INSERT INTO payments.intents (id, reservation_id, user_id, origin, amount_krw, payment_method, status)
SELECT md5('i' || n)::uuid, md5('r' || n)::uuid, '{user}', 'booking', 50000, 'credit_card', 'failed'
FROM generate_series(0, {reservations} - 1, 10) n;
"""

CLAIMS = [f"'{{{SOME},{USER}}}'"] * 3 + [
    "'{x,x}'", f"'{{{SOME},{USER}}}'", "'{1,1}'", "'{mock,mock}'", "'{10000,10000}'", "'{ko,en}'", "'{x,x}'",
    f"'{{{SOME},{USER}}}'", "'{70000,70000}'", "'{NULL,NULL}'", "'{process,process}'", "'{x,NULL}'", "'{x,NULL}'",
    "'{true,false}'", "'x'", "'24'"]
VERDICTS = [f"'{{{SOME},{USER}}}'"] * 3 + [
    "'{failed,failed}'", "'{x,x}'", "'{70000,70000}'", "'{x,x}'", "'{x,x}'", "'{x,x}'", f"'{{{SOME},{USER}}}'",
    "'{x,x}'", "'{now,now}'", f"'{{{SOME},{USER}}}'", "'{process,process}'", "'{x,NULL}'", "'{200,200}'", "'{x,NULL}'"]
# statement, its file, parameters as SQL
STATEMENTS = {
    "occupied_all": ("booking", [f"'{EVENT}'", f"'{{{USER}}}'"]),
    "occupied_some": ("booking", [f"'{EVENT}'", f"'{{{USER}}}'", "'{L-1,L-2,L-3000}'"]),
    "bookings_pages": ("booking", [f"'{{{USER},{USER}}}'", f"'{{{USER},{USER}}}'", "'{infinity,infinity}'",
                                   "'{ffffffff-ffff-ffff-ffff-ffffffffffff,ffffffff-ffff-ffff-ffff-ffffffffffff}'",
                                   "'{51,51}'"]),
    "hold_facts": ("booking", [f"'{USER}'", f"'{EVENT}'", "'300'"]),
    "hold_lock": ("booking", [f"'{EVENT}'", f"'{{{SOME}}}'", "'{L-4100,L-4101}'"]),
    "hold_rivals": ("booking", [f"'{EVENT}'", f"'{{{SOME}}}'", "'{L-4100,L-4101}'"]),
    "hold_turn": ("booking", [f"'{USER}'", f"'{EVENT}'"]),
    "hold_look": ("booking", [f"'{EVENT}'", f"'{{{SOME}}}'", "'{L-4100,L-4101}'"]),
    "cancel_look": ("booking", [f"'{SOME}'", f"'{USER}'", "'false'", f"'{USER}'"]),
    "cancel_write": ("booking", [f"'{SOME}'", f"'{SOME}'", "'x'"]),
    "expire_find_seats": ("janitor", [f"'{{{SOME}}}'"]),
    "expire_look": ("janitor", [f"'{{{SOME},{USER}}}'"]),
    "expire_write": ("janitor", [f"'{{{SOME}}}'", f"'{{{SOME}}}'", "'{expired}'"]),
    "refund_look": ("refund", [f"'{SOME}'", f"'{SOME}'"]),
    "refund_done": ("refund", [f"'{SOME}'", f"'{SOME}'", f"'{SOME}'", "'1'", f"'{SOME}'", f"'{{{SOME}}}'",
                               "'refunded'"]),
    "lock_wait": ("common", [f"'{SOME}'", f"'{SOME}'", "'3'"]),
    "lock_rows": ("common", [f"'{{{SOME},NULL}}'", f"'{{{SOME},{USER}}}'"]),
    "claim_lock": ("claim", [f"'{{NULL,{USER}}}'", f"'{{{SOME},NULL}}'", f"'{{{USER},{USER}}}'"]),
    "claim_look": ("claim", [f"'{{NULL,{USER}}}'", f"'{{{SOME},NULL}}'", f"'{{{USER},{USER}}}'"]),
    "claim_look_keyed": ("claim", [f"'{{NULL,{USER}}}'", f"'{{{SOME},NULL}}'", f"'{{{USER},{USER}}}'",
                                   "'{process,execute}'", "'{x,NULL}'"]),
    "claim_first": ("claim", CLAIMS),
    "claim_write": ("claim", CLAIMS),
    "settle_look": ("settle", [f"'{{{SOME},{USER}}}'"] * 2),
    "settle_confirm": ("settle", VERDICTS + [f"'{{{SOME}}}'"]),
    "settle_refund": ("settle", VERDICTS),
    "settle_decline": ("settle", VERDICTS + ["'60'", "'300'"]),
    "settle_cancel": ("settle", VERDICTS),
    "repair_look": ("repair", [f"'{SOME}'"]),
    "repair_scan": ("repair", [f"'{SOME}'", "'600'"]),
    "repair_full_scan": ("repair", [f"'{SOME}'"]),
}
# What the service's role may not plan.
ROLE = re.findall(r"^ALTER ROLE @ROLE@ SET (enable_\w+) = off;$",
                  (build.REPO / "schema/grants.sql").read_text(encoding="utf-8"), re.MULTILINE)
# What is sent for every payment. None of these may join by anything but an index and an id.
PAYMENT = ["claim_lock", "claim_look", "claim_look_keyed", "claim_first", "claim_write", "lock_rows", "settle_look",
           "settle_confirm"]
JOINS_OF_TABLES = {"Hash Join", "Merge Join", "Memoize"}
BY_ID = ["settle_look", "settle_confirm", "settle_refund", "settle_decline", "settle_cancel", "settle_unknown"]


@pytest.fixture(scope="module", params=SIZES)
def size(request):
    return request.param


@pytest.fixture(scope="module")
def hall(cluster, size):
    """The database, filled once."""
    seats, live, reservations = size
    database = cluster.database()
    database.rows(HISTORY.format(user=USER, event=EVENT, past=PAST, seats=seats, live=live,
                                 reservations=reservations, regular=REGULAR_BOOKINGS))
    database.close()
    # live pending reservations were put at the seats in order: their status must match the seats'
    database.rows("UPDATE public.seats s SET status = CASE r.status WHEN 'pending' THEN 'locked' "
                  "ELSE 'reserved' END FROM public.reservation_items t JOIN public.reservations r "
                  "ON r.id = t.reservation_id WHERE t.seat_id = s.id AND r.status <> 'cancelled'")
    for remedy in remedies(database):
        database.rows(remedy)
    database.rows("VACUUM ANALYZE")
    yield database
    database.drop()


def remedies(database):
    checks = json.loads(database.cluster.payctl(database.url(), "check", "--json", check=False).stdout)
    found = re.findall(r"CREATE INDEX CONCURRENTLY[^;]*;", json.dumps(checks).replace('\\"', '"'))
    assert len(found) >= 4, checks
    return found


def text_of(theme, name):
    return sql.service_statements()[theme][name]


def scans(plan):
    """(node, table) of every node that reads a table from end to end."""
    if plan["Node Type"] in ("Seq Scan", "Parallel Seq Scan"):
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from scans(part)


def indexes(plan, table):
    if plan.get("Relation Name") == table and "Index Name" in plan:
        yield plan["Index Name"]
    for part in plan.get("Plans", ()):
        yield from indexes(part, table)


@pytest.mark.parametrize("name", STATEMENTS)
@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
def test_no_table_is_read_from_end_to_end(hall, name, mode):
    theme, parameters = STATEMENTS[name]
    hall.rows(f"SET plan_cache_mode = {mode}")
    hall.rows(f"PREPARE p AS {text_of(theme, name)}")
    try:
        plan, = hall.value(f"EXPLAIN (FORMAT JSON) EXECUTE p ({', '.join(parameters)})")
    finally:
        hall.rows("DEALLOCATE p")
    read = BIG & set(scans(plan["Plan"]))
    assert not read, f"{name} reads all of {read}:\n{json.dumps(plan, indent=1)}"


# Planned anew each time: janitors, which read spans of a table or lists as long as they happen to be, a few times
# a second at the most, and the operator's comparison with a gateway.
PLANNED_EACH_TIME = {"repair_scan", "repair_full_scan", "repair_all", "expire_find_others", "audit_gateway_page"}
CUSTOM_PLANS_AT_FIRST = 5  # of any prepared statement, before PostgreSQL compares
# A value of each type that is looked for; the others are our domains, which are only written.
VALUES = {"uuid": "gen_random_uuid()", "uuid[]": "ARRAY[gen_random_uuid()]", "text": "'x'", "text[]": "ARRAY['x']",
          "character varying": "'x'", "integer": "1", "bigint": "1", "integer[]": "ARRAY[1]", "boolean": "true",
          "timestamp without time zone": "LOCALTIMESTAMP", "timestamp with time zone": "now()"}


def named_statements():
    """(theme, name) of all that the service prepares; the operator's run once and read whole tables."""
    for theme, found in sql.service_statements().items():
        if theme not in ("audit", "preflight"):
            for name in found:
                yield theme, name


def plans(database, theme, name, parameters=None):
    """How often the statement is carried out by its generic plan and by one of its own, as the role prepares it."""
    database.rows("SET plan_cache_mode = auto")
    for setting in ROLE:
        database.rows(f"SET {setting} = off")
    database.rows(f"PREPARE p AS {text_of(theme, name)}")
    try:
        if parameters is None:
            types = database.value("SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'p'")
            parameters = [VALUES.get(one, "NULL") for one in types]
        for _ in range(CUSTOM_PLANS_AT_FIRST + 3):
            database.rows("BEGIN")
            try:
                database.rows("EXECUTE p" + (f" ({', '.join(parameters)})" if parameters else ""))
            except psycopg2.Error:
                pass  # there is no such payment: what counts is the plan
            finally:
                database.rows("ROLLBACK")
        return database.rows("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = 'p'")[0]
    finally:
        database.rows("DEALLOCATE p; " + "; ".join(f"RESET {setting}" for setting in ROLE))


@pytest.mark.parametrize("name", STATEMENTS)
@pytest.mark.parametrize("person, event", [(USER, EVENT), (BUYER, EVENT), (BUYER, SOME)],
                         ids=["regular", "buyer", "new-performance"])
def test_a_statement_is_planned_once(hall, name, person, event):
    """
    Planning costs many times what a look-up costs. PostgreSQL goes on planning for each execution where
    knowing the values makes the plan look cheaper; `(SELECT $n)` keeps them from it.
    """
    theme, parameters = STATEMENTS[name]
    generic, custom = plans(hall, theme, name,
                            [one.replace(USER, person).replace(EVENT, event) for one in parameters])
    assert (generic > 0 and custom <= CUSTOM_PLANS_AT_FIRST) == (name not in PLANNED_EACH_TIME), (generic, custom)


def test_no_other_statement_is_planned_each_time(hall):
    """All of them, with values that nobody has: none that is new escapes the list above."""
    planned = {name: plans(hall, theme, name) for theme, name in named_statements()}
    assert len(planned) > len(STATEMENTS)
    often = {name for name, (_, custom) in planned.items() if custom > CUSTOM_PLANS_AT_FIRST}
    assert often <= PLANNED_EACH_TIME, planned


@pytest.fixture(scope="module", params=["new", "analyzed"])
def unsold(cluster, request):
    """A database before the first sale, as the service's role sees it."""
    database = cluster.database()
    if request.param == "analyzed":
        database.rows("VACUUM (ANALYZE)")
    connection = psycopg2.connect(database.url())
    yield connection.cursor()
    connection.close()
    database.drop()


@pytest.mark.parametrize("name", BY_ID)
def test_an_attempt_is_found_by_its_id(unsold, name):
    """
    Its plan is made while there are none. With thousands at the gateway, neither the index of the open ones
    nor the whole table may be read for each settlement.
    """
    text = text_of("settle", name)
    count = max(map(int, re.findall(r"\$(\d+)", text)))
    unsold.execute("SET plan_cache_mode = force_generic_plan")
    unsold.execute(f"PREPARE p AS {text}")
    unsold.execute(f"EXPLAIN (FORMAT JSON) EXECUTE p ({', '.join(['NULL'] * count)})")
    (plan,), = unsold.fetchone()
    unsold.execute("DEALLOCATE p")
    read = set(indexes(plan["Plan"], "attempts"))
    assert read == {"attempts_pkey"} and not {"attempts", "intents"} & set(scans(plan["Plan"])), plan


def nodes(plan):
    yield plan["Node Type"]
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def generic_plan(run, name):
    theme, parameters = STATEMENTS[name]
    for setting in ROLE:
        run(f"SET {setting} = off")
    run("SET plan_cache_mode = force_generic_plan")
    run(f"PREPARE p AS {text_of(theme, name)}")
    return f"EXPLAIN (FORMAT JSON) EXECUTE p ({', '.join(parameters)})"


@pytest.mark.parametrize("name", PAYMENT)
def test_a_payment_joins_by_id_while_the_tables_are_empty(unsold, name):
    """The plan is kept: what is cheap on an empty table would read all of a full one."""
    unsold.execute(generic_plan(unsold.execute, name))
    (plan,), = unsold.fetchone()
    unsold.execute("DEALLOCATE p")
    assert not JOINS_OF_TABLES & set(nodes(plan["Plan"])), plan
    assert set(scans(plan["Plan"])) <= {"reservation_items"}, plan  # which has no index yet


@pytest.mark.parametrize("name", PAYMENT)
def test_a_payment_joins_by_id_where_the_tables_are_full(hall, name):
    try:
        plan, = hall.value(generic_plan(hall.rows, name))
    finally:
        hall.rows("DEALLOCATE p; " + "; ".join(f"RESET {setting}" for setting in ROLE))
    assert not JOINS_OF_TABLES & set(nodes(plan["Plan"])) and not set(scans(plan["Plan"])), plan


def test_a_table_read_is_seen(hall):
    """The control of the above: without its index the list of bookings does read a table."""
    theme, parameters = STATEMENTS["bookings_pages"]
    hall.rows("SET plan_cache_mode = force_generic_plan")
    hall.rows("BEGIN")
    try:
        for index, in hall.rows("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisunique "
                                "AND indrelid = 'public.reservations'::regclass"):
            hall.rows(f"DROP INDEX {index}")
        hall.rows(f"PREPARE p AS {text_of(theme, 'bookings_pages')}")
        plan, = hall.value(f"EXPLAIN (FORMAT JSON) EXECUTE p ({', '.join(parameters)})")
        hall.rows("DEALLOCATE p")
    finally:
        hall.rows("ROLLBACK")
    assert "reservations" in set(scans(plan["Plan"]))


def timed(ask):
    """The answer and the seconds it took, the second time: with the plans made and the pages read."""
    ask()
    from_s = time.monotonic()
    answer = ask()
    return answer, time.monotonic() - from_s


def test_answers_in_time(hall, size, capsys):
    seat_count, live, reservations = size
    free = f"L-{live + 500}", f"L-{live + 501}"
    pool = Pool(hall, workers=1)
    token = client.token(USER)
    try:
        pool.start()
        seats, occupied_s = timed(lambda: pool.http("GET", f"/occupiedSeats/{EVENT}", token=token))
        some, some_s = timed(lambda: pool.http("GET", f"/occupiedSeats/{EVENT}?seatIds=L-1,L-2,{free[0]}"))
        page, page_s = timed(lambda: pool.http("GET", "/bookings/my?limit=200", token=token))
        from_s = time.monotonic()
        body = {"performanceId": EVENT, "seatIds": free, "paymentMethod": "CREDIT_CARD"}
        buyer = client.token(SharedSchema(hall).user())
        held = pool.http("POST", "/bookings", token=buyer, body=body)
        hold_s = time.monotonic() - from_s
    finally:
        pool.stop()
    with capsys.disabled():
        print(f"\n{seat_count:,} seats, {reservations:,} reservations: {live:,} taken seats in "
              f"{occupied_s * 1000:.0f} ms, three of them in {some_s * 1000:.0f} ms, a page of 200 bookings in {page_s * 1000:.0f} ms, "
              f"a hold of two seats in {hold_s * 1000:.0f} ms")
    assert (seats.status, some.status, page.status, held.status) == (200, 200, 200, 201)
    assert len(seats.json) == live and len(some.json) == 2 and len(page.json) == 200
    taken = {"occupied": occupied_s, "some": some_s, "page": page_s, "hold": hold_s}
    assert all(taken[what] < SANE_S[what] for what in taken), taken
