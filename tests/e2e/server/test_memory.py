"""
Memory: a worker that serves for months must not grow, and must not leak a byte on any path.

Fails where a request leaks, or where something that should be bounded grows with the requests.
"""

import re
from pathlib import Path

from harness import client
from harness.client import new_id
from harness.stack import Stack
from harness.volley import tally

PEOPLE = 32  # at once, so that the number of threads and connections comes to rest


def get(path, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return {"method": "GET", "path": client.MOUNT + path, "headers": headers, "body": ""}


def mixture(stack, count):
    """
    `count` requests of every kind: paid, paid again, refused early and late, reconciled, open.
    """
    reservations = stack.shared.reserve(stack.user, count // 5)
    requests = []
    for reservation in reservations:
        broken = stack.process_request(reservation)
        broken["body"] = broken["body"][:-1]
        requests += [stack.process_request(reservation, Idempotency_Key=new_id()),
                     stack.process_request(reservation),
                     broken,
                     get(f"/intents/{new_id()}", stack.token),
                     get("/methods")]
    return requests


def answered(shots, count):
    """Every kind of answer came, and no other: the figures below measure all of them."""
    counted = tally(shots)
    assert sum(counted.values()) == count
    assert set(counted) <= {(200, None), (400, "ALREADY_PAID"), (409, "PAYMENT_IN_PROGRESS"),
                            (400, "MALFORMED_JSON"), (404, "INTENT_NOT_FOUND")}, counted
    assert counted[(200, None)] >= count // 5 * 2 - PEOPLE
    assert counted[(400, "MALFORMED_JSON")] == counted[(404, "INTENT_NOT_FOUND")] == count // 5


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()).group(1))


def test_resident_memory_is_flat(make_stack, capsys):
    """
    20,000 requests after a warm-up with the same kinds: fewer than 30 bytes for each stay
    allocated.
    """
    stack = make_stack(workers=1, direct=True, settings={"PAYMENTS_MOCK_MAX_DELAY_MS": 0})
    pid = stack.pool.children[0].pid
    answered(stack.fire(mixture(stack, 10000), most=PEOPLE), 10000)
    samples = [resident_kib(pid)]
    for _ in range(4):
        answered(stack.fire(mixture(stack, 5000), most=PEOPLE), 5000)
        samples.append(resident_kib(pid))
    with capsys.disabled():
        print(f"\nresident memory of a worker, KiB, each 5,000 requests: {samples}")
    assert max(samples) - samples[0] < 512, samples


VALGRIND = """#!/bin/sh
exec /usr/bin/valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,indirect \\
	--show-leak-kinds=definite,indirect --error-exitcode=99 --max-threads=1200 \\
	--log-file={log}.%p {program} "$@"
"""


def start_under_valgrind(cluster):
    stack = Stack(cluster, workers=1, direct=True, settings={
        "PAYMENTS_MOCK_MAX_DELAY_MS": 0, "PAYMENTS_QUEUE_PATIENCE_MS": 600000,
        "PAYMENTS_SPARE_THREADS": 4, "PAYMENTS_THREADS": 64, "PAYMENTS_DB_TRIP_MS": 60000,
        "PAYMENTS_DB_WAIT_MS": 60000, "PAYMENTS_MOCK_DEADLINE_MS": 60000,
        "PAYMENTS_MOCK_LEASE_MS": 120000})
    wrapper = stack.pool.folder / "under-valgrind"
    log = stack.pool.folder / "valgrind"
    wrapper.write_text(VALGRIND.format(log=log, program=stack.pool.program), encoding="ascii")
    wrapper.chmod(0o755)
    stack.pool.program = wrapper
    return stack.start(), log


def test_no_leak_under_valgrind(cluster, capsys):
    """Stopped by SIGTERM: memory that is not freed then was leaked."""
    count = 10000
    stack, log = start_under_valgrind(cluster)
    try:
        answered(stack.fire(mixture(stack, count), most=8), count)
        stack.audit()
        child = stack.pool.children[0]
        child.terminate()
        code = child.wait(60)
        said = "".join(path.read_text() for path in log.parent.glob("valgrind.*"))
        with capsys.disabled():
            print(f"\nvalgrind over {count} requests: exit {code}, {len(said)} bytes of complaints")
        assert code == 0 and not said, said[:8000]
        stack.pool.children.clear()
        stack.stop()
    except BaseException:
        stack.pool.kill()
        raise
