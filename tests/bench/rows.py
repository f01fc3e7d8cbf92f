"""
The rows of the table: how each is measured, and against which limit. Where a limit is measured and
not arithmetic, figure and limit take turns, and the order changes each round.
"""

import json
import statistics
import subprocess
import time
from datetime import datetime, timezone

from harness import build, wait, watch

import ground
import load
import statements
from report import Row

CONNECTIONS = 32  # 2 processes of 16: the pool's, pgbench's, and the clients that keep them busy
CROWD = 256
RUSH_CONNECTIONS = 1000  # of 2,000 buyers, as many as the socket's backlog holds at once
YARDSTICK = "pgbench, the statements and round trips of frozen.sql"
MOUNT = "/api/v1/payments"


class Plan:
    """How long and how often."""

    def __init__(self, quick):
        self.quick = quick
        self.rounds = 3 if quick else 5
        self.seconds = 2 if quick else 5
        self.growth_seconds = 2 if quick else 20


def turns(rounds, first, second):
    """Both, `rounds` times, the order changing; pairs of what they returned."""
    pairs = []
    for n in range(rounds):
        if n % 2 == 0:
            one = first()
            pairs.append((one, second()))
        else:
            other = second()
            pairs.append((first(), other))
    return pairs


def pay(base, pool, connections, seconds, checkpoint=True, keyed=False):
    """Payments through nginx: a second, CPU time of the workers, wrk's own figures."""
    supply = base.stock(seconds)
    lines = load.process_lines(base, base.reserve(supply), supply, keyed)
    base.rest(checkpoint)
    pids, before = pool.worker_pids(), base.settled()
    cpu, begin = ground.cpu_s(pids), time.time()
    figures = load.wrk(pool.port, lines, connections, seconds)
    count = base.settled() - before
    assert figures["missing"] == 0, "the stock of reservations ran out"
    base.note_rate(count / figures["seconds"])
    return {"rate": count / figures["seconds"], "cpu_us": (ground.cpu_s(pids) - cpu) / count * 1e6,
            "p50_ms": figures["p50_ms"], "p99_ms": figures["p99_ms"],
            "batch": base.batch_between(begin, time.time())}


def pay_directly(base, clients, seconds):
    base.rest()
    return load.payments(base, clients, seconds, base.stock(seconds + 1))["tps"]


def against_pgbench(base, plan, rate, cpu=None, keyed=False):
    """Fills the rows: payments through the service, and pgbench's beside them."""
    pool = ground.start_pool(base, **ground.AT_ONCE)
    batches = []
    try:
        pay(base, pool, CONNECTIONS, 1, keyed=keyed)
        for ours, limit in turns(plan.rounds, lambda: pay(base, pool, CONNECTIONS, plan.seconds, keyed=keyed),
                                 lambda: pay_directly(base, CONNECTIONS, plan.seconds)):
            rate.add(ours["rate"], limit)
            if cpu:
                cpu.add(ours["cpu_us"])
            batches.append(ours["batch"])
        rate.note = (f"{statistics.median(batches):.1f} settlements a batch, on average, where pgbench settles "
                     "one a transaction")
    finally:
        pool.stop()


def throughput(base, plan):
    rate = Row("process, mock delay 0", "payments/s", f"{YARDSTICK}, {CONNECTIONS} connections", ">= 1.60")
    cpu = Row("CPU time of the workers", "us/payment", "", "<= 100")
    against_pgbench(base, plan, rate, cpu)
    return [rate, cpu]


def keyed_throughput(base, plan):
    rate = Row("process with an Idempotency-Key each, mock delay 0", "payments/s",
               f"{YARDSTICK} (without keys), {CONNECTIONS} connections", ">= 1.50")
    against_pgbench(base, plan, rate, keyed=True)
    return [rate]


def over_the_gateway_ms(pool, begin, end):
    """
    Time of each payment that ended in that span, by nginx's clock, less its gateway's own time.
    """
    first, last = (datetime.fromtimestamp(at, timezone.utc).isoformat() for at in (begin, end))
    gateway = {line["requestId"]: line["gatewayMs"] for line in pool.log_lines("request")
               if first <= line["time"] < last}
    over = []
    with open(pool.folder / "nginx-access.log", encoding="utf-8") as log:
        for text in log:
            line = json.loads(text)
            if line["requestId"] in gateway and line["request"].startswith("POST"):
                over.append(line["seconds"] * 1000 - gateway[line["requestId"]])
    return over


def p99(figures):
    return statistics.quantiles(figures, n=100)[98]


def buyers(base, plan, count, wanted):
    """
    `count` buyers pay again and again at a gateway of 500 to 1500 ms. A process has 8 database
    connections, half of the default: few are enough. All buyers start at the same instant. The ramp
    lasts until that wave has spread (15 s on a machine with 5 % of its CPU to spare); its time over
    the gateway's own is a figure of its own.
    """
    windows, window_s, ramp_s = plan.rounds, (2 if plan.quick else 5), (6 if plan.quick else 16)
    seconds = ramp_s + windows * window_s + 1
    rate = Row(f"process, delay 500-1500 ms, {count:,} buyers", "payments/s",
               "buyers / mean delay: the gateway's own limit", wanted)
    pool = ground.start_pool(base, **ground.LIKE_A_GATEWAY, PAYMENTS_DB_CONNECTIONS=8)
    supply = int(count * (seconds + 2) * 1.1)
    try:
        lines = load.process_lines(base, base.reserve(supply), supply)
        base.rest()
        running = load.Wrk(pool.port, lines, count, seconds)
        time.sleep(ramp_s + window_s)
        pids = pool.worker_pids()
        memory, cpu, at = ground.memory_mb(pids), ground.cpu_s(pids), time.time()
        time.sleep(window_s)
        cpu, at = ground.cpu_s(pids) - cpu, (at, time.time())
        figures = running.finish()
        assert figures["missing"] == 0, "the stock of reservations ran out"
        base.rest()
        for n in range(windows):
            begin = running.begin + ramp_s + n * window_s
            rate.add(base.settled_between(begin, begin + window_s) / window_s, count / 1.0)
        over, at_first = (p99(over_the_gateway_ms(pool, running.begin + since, running.begin + until))
                          for since, until in ((ramp_s, seconds), (0, ramp_s)))
        rate.note = (f"{cpu / base.settled_between(*at) * 1e6:.0f} us of CPU time a payment, "
                     f"{memory:.0f} MB with {count:,} in flight; {base.batch_between(*at):.1f} settlements a "
                     f"batch, on average; p99 over the gateway's own {over:.0f} ms; in the {ramp_s} s of the ramp, "
                     f"which begin with all buyers at once, {at_first:.0f} ms")
        base.audit()
    finally:
        pool.stop()
    return rate, over, memory


def gateway(base, plan):
    few, _, _ = buyers(base, plan, 200, ">= 0.95")
    with ground.fresh(base.cluster) as other:
        many, p99_ms, memory = buyers(other, plan, 2000, ">= 0.95")
    over = Row("time over the gateway's own, 2,000 buyers, p99", "ms", "", "<= 100")
    over.add(p99_ms)
    held = Row("memory of the pool, 2,000 in flight", "MB", "", "<= 96")
    held.add(memory)
    return [few, many, over, held]


def methods(base, plan):
    row = Row("methods", "answers/s", "a bare libfcgi responder with the same answer", ">= 0.90")
    pool = ground.start_pool(base)
    answer = pool.http("GET", "/methods")
    file = pool.folder / "answer"
    kept = [f"{name}: {value}\r\n" for name, value in answer.headers
            if name.lower() not in ("server", "date", "connection", "transfer-encoding")]
    body = answer.body if isinstance(answer.body, str) else answer.body.decode()
    file.write_text("".join(kept) + "\r\n" + body, encoding="utf-8", newline="")
    bare = None
    try:
        bare = ground.start_pool(base, program=build.BUILD / "tests/bench/bare", BARE_ANSWER=file)
        lines = [f"GET\t{MOUNT}/methods\t"]

        def rate(which):
            figures = load.wrk(which.port, lines, CONNECTIONS, plan.seconds, cycle=True)
            return figures["requests"] / figures["seconds"]

        for ours, limit in turns(plan.rounds, lambda: rate(pool), lambda: rate(bare)):
            row.add(ours, limit)
    finally:
        if bare is not None:
            bare.stop()
        pool.stop()
    return [row]


def reads(base, plan):
    seats = Row("occupiedSeats of 5,000 seats", "answers/s",
                f"{YARDSTICK}, {CONNECTIONS} connections", ">= 0.90")
    listed = Row("booking list of 50", "answers/s", f"{YARDSTICK}, {CONNECTIONS} connections", ">= 0.90")
    event = base.half_taken(5000)
    port = wait.free_port()
    for person in range(CONNECTIONS):
        base.bookings_of(person, 60)
    base.database.rows("VACUUM (ANALYZE)")
    pool = ground.start_pool(base, PAYMENTS_ADMIN_LISTEN=f"127.0.0.1:{port}")
    lines = [f"GET\t{MOUNT}/occupiedSeats/{event}\t"]

    def through(lines, clients=CONNECTIONS):
        figures = load.wrk(pool.port, lines, clients, plan.seconds, cycle=True)
        return figures["requests"] / figures["seconds"]

    def directly(trips, clients=CONNECTIONS):
        text = statements.script(trips, statements.NEXT_PERSON)
        return load.pgbench(base, text, clients, plan.seconds,
                            variables={"event": event, "people": CONNECTIONS})["tps"]

    def counts(*names):
        return [watch.counted(port, f"payments_{name}_total") for name in names]

    try:
        before = counts("seat_maps_given", "seat_maps")
        for ours, limit in turns(plan.rounds, lambda: through(lines), lambda: directly(statements.OCCUPIED)):
            seats.add(ours, limit)
        given, made = (now - then for now, then in zip(counts("seat_maps_given", "seat_maps"), before))
        alone, limit = map(statistics.median, zip(*turns(plan.rounds, lambda: through(lines, 1),
                                                         lambda: directly(statements.OCCUPIED, 1))))
        seats.note = (f"{given / made:.1f} requests answered by one coalesced read, on average, where pgbench reads for "
                      f"each; one request at a time {alone:.0f}/s, pgbench with one connection {limit:.0f}")
        lines = [f"GET\t{MOUNT}/bookings/my\t{base.tokens[person]}" for person in range(CONNECTIONS)]
        for ours, limit in turns(plan.rounds, lambda: through(lines), lambda: directly(statements.LIST)):
            listed.add(ours, limit)
        pages, reads_made = counts("booking_lists", "booking_looks")
        alone, limit = map(statistics.median, zip(*turns(plan.rounds, lambda: through(lines, 1),
                                                         lambda: directly(statements.LIST, 1))))
        listed.note = (f"{pages / reads_made:.1f} users' lists in one coalesced read, on average, where pgbench reads "
                       f"each by itself; one request at a time {alone:.0f}/s, pgbench with one connection {limit:.0f}")
    finally:
        pool.stop()
    return [seats, listed]


def rush(base, plan):
    row = Row("bookings rush, 2,000 buyers, 2,000 seats", "holds/s",
              f"{YARDSTICK}, {CONNECTIONS} connections", ">= 0.80")
    text = statements.script(statements.HOLD)
    pool = ground.start_pool(base, **ground.AT_ONCE)
    people = ground.USERS

    def through():
        first = base.seats(people)
        event = ground.identity("e", first // ground.SEATS)
        lines = [f"POST\t{MOUNT}/bookings\t{base.tokens[n % people]}\t" + json.dumps(
            {"performanceId": event, "seatIds": [f"S-{n}"], "paymentMethod": "kakao_pay"},
            separators=(",", ":")) for n in range(first, first + people)]
        base.rest()
        requests = "".join(json.dumps(as_volley(line)) + "\n" for line in lines)
        done = subprocess.run([build.program("volley"), "-p", str(pool.port), "-c", str(RUSH_CONNECTIONS),
                               "--burst", "--summary", "--quiet"], input=requests, text=True,
                              capture_output=True, timeout=120)
        summary = json.loads(done.stdout.strip().splitlines()[-1])["summary"]
        held = base.database.value("SELECT count(*) FROM public.seats WHERE event_id = %s "
                                   "AND status = 'locked'", event)
        assert held == people, f"{held} seats held: {summary}"
        return held / summary["seconds"]

    def directly():
        first = base.seats(base.stock(plan.seconds + 1))
        base.rest()
        return load.pgbench(base, text, CONNECTIONS, plan.seconds, variables={
            "base": first, "until": "2099-01-01 00:00:00"})["tps"]

    try:
        through()
        for ours, limit in turns(plan.rounds, through, directly):
            row.add(ours, limit)
    finally:
        pool.stop()
    return [row]


def as_volley(line):
    method, path, token, body = line.split("\t")
    return {"method": method, "path": path, "body": body, "headers": {
        "Content-Type": "application/json", "Authorization": f"Bearer {token}"}}


def growth(base, plan):
    """
    `base` holds the 10,000 reservations; the others are made here. The first change of a page after
    a checkpoint writes the whole page to the log, and larger tables have more pages. PostgreSQL
    makes a checkpoint every five minutes or four gigabytes, and so it does here: one before each
    short turn would be all that is measured.
    """
    def turn(ground_of, pool):
        return pay(ground_of, pool, CONNECTIONS, plan.growth_seconds, checkpoint=False)

    for past in (100_000,) if plan.quick else (1_000_000, 10_000_000):
        row = Row(f"process with {past:,} reservations of the past", "payments/s",
                  "the same with 10,000", ">= 0.85")
        large = ground.Ground(base.cluster, past)
        pools = []
        try:
            for one in (base, large):
                pools.append(ground.start_pool(one, **ground.AT_ONCE))
                one.warm()
                pay(one, pools[-1], CONNECTIONS, 1)
            for ours, limit in turns(plan.rounds, lambda: turn(large, pools[1]), lambda: turn(base, pools[0])):
                row.add(ours["rate"], limit["rate"])
            yield row
            large.audit()
        finally:
            for pool in pools:
                pool.stop()
            large.close()


def sizes(base, plan, name, settings, connections):
    """
    The default (the first of `settings`) against the best of all, measured round by round. Among
    several equal ones the best is the luckiest; many short rounds keep luck small.
    """
    row = Row(f"process, default {name} of {', '.join(settings)}, {connections} at once", "payments/s",
              "the best of them", ">= 0.95")
    pools = {}
    try:
        for label, (processes, more) in settings.items():
            pools[label] = ground.start_pool(base, processes, **ground.AT_ONCE, **more)
            pay(base, pools[label], connections, 1)
        found = {label: [] for label in pools}
        for n in range(plan.rounds if plan.quick else 4 * plan.rounds):
            for label in list(pools)[::1 if n % 2 == 0 else -1]:
                found[label].append(pay(base, pools[label], connections, min(plan.seconds, 2)))
    finally:
        for pool in pools.values():
            pool.stop()
    rates = {label: [one["rate"] for one in ones] for label, ones in found.items()}
    medians = {label: statistics.median(ones) for label, ones in rates.items()}
    best = max(medians, key=medians.get)
    for n, rate in enumerate(rates[next(iter(settings))]):
        row.add(rate, rates[best][n])
    row.note = ", ".join(f"{label}: {rate:,.0f}/s, {statistics.median(one['batch'] for one in found[label]):.1f} a batch"
                         for label, rate in medians.items())
    return row


def pool_size(base, plan):
    """
    With as many clients as the pool has connections, and with a crowd: the fewer requests one
    process has, the smaller its batches. Only a crowd shows a difference between thread counts.
    """
    processes = {"2": (2, {}), "1": (1, {}), "4": (4, {}), "8": (8, {})}
    threads = {"1024": (ground.PROCESSES, {}),
               **{str(most): (ground.PROCESSES, {"PAYMENTS_THREADS": most}) for most in (64, 128, 256, 512)}}
    yield sizes(base, plan, "processes", processes, CONNECTIONS)
    yield sizes(base, plan, "processes", processes, CROWD)
    if not plan.quick:
        yield sizes(base, plan, "threads", threads, CROWD)


def micro(_, plan):
    jwt = Row("JWT verification, a token at first sight", "us", "", "<= 5")
    known = Row("JWT verification, a token seen before", "us", "", "<= 5")
    both = Row("JSON in + JSON out", "us", "", "<= 5")
    for _ in range(plan.rounds):
        ns = json.loads(build.run([build.BUILD / "tests/bench/micro", 200 if plan.quick else 1000]))
        jwt.add(ns["jwt_ns"] / 1000)
        known.add(ns["jwt_known_ns"] / 1000)
        both.add((ns["json_in_ns"] + ns["json_out_ns"]) / 1000)
    return [jwt, known, both]


# The order of the table. Each takes the ground of 10,000 reservations and the plan.
ALL = {"process": throughput, "keyed": keyed_throughput, "gateway": gateway, "methods": methods,
       "reads": reads, "rush": rush, "growth": growth, "pool": pool_size, "micro": micro}


def curves(base, plan):
    """For the picture: throughput and latency over concurrency, memory over payments in flight."""
    found = {"concurrency": [], "memory": []}
    pool = ground.start_pool(base, **ground.AT_ONCE)
    try:
        for connections in (1, 4, 16, 64, 256) if plan.quick else (1, 2, 4, 8, 16, 32, 64, 128, 256, 512):
            figures = pay(base, pool, connections, 1 if plan.quick else 4)
            found["concurrency"].append({"connections": connections} | figures)
    finally:
        pool.stop()
    pool = ground.start_pool(base, **ground.LIKE_A_GATEWAY)
    try:
        found["memory"].append({"in_flight": 0, "mb": ground.memory_mb(pool.worker_pids())})
        for count in (500, 2000) if plan.quick else (250, 500, 1000, 1500, 2000):
            lines = load.process_lines(base, base.reserve(count * 5), count * 5)
            running = load.Wrk(pool.port, lines, count, 3)
            time.sleep(2)
            found["memory"].append({"in_flight": count, "mb": ground.memory_mb(pool.worker_pids())})
            running.finish()
            base.rest()
    finally:
        pool.stop()
    return found
