"""
Which process of a pool takes a request: the one that started first, as long as it has a thread in front; then the
next one; then all in turn.

Fails where requests that come together are spread over the processes, where a process that died, stopped or has no
thread to spare holds anybody up, or where the order depends on who starts at the same moment.
"""

import os
import signal

import pytest

from harness.client import MOUNT
from harness.volley import tally
from harness.wait import until

WORKERS = 4
SLOW = {"PAYMENTS_MOCK_MIN_DELAY_MS": 3000, "PAYMENTS_MOCK_MAX_DELAY_MS": 3000}
METHODS = {"method": "GET", "path": MOUNT + "/methods"}


@pytest.fixture
def pool_of(make_stack):
    def make(**settings):
        return make_stack(workers=WORKERS, direct=True, settings=settings)
    return make


def servers(stack, shots):
    """The processes that answered, in the order of the requests."""
    of = {line["requestId"]: line["pid"] for line in stack.pool.log_lines("request")}
    return [of[shot.headers["x-request-id"]] for shot in shots]


def asked(stack, count=20, most=1):
    shots = stack.fire([METHODS] * count, most=most)
    assert tally(shots) == {(200, None): count}
    return servers(stack, shots)


def the_first(stack):
    """The process that takes them one after the other; it may have to start some threads before."""
    return until("one takes all", lambda: one_alone(asked(stack)))


def one_alone(pids):
    return pids[0] if len(set(pids)) == 1 else None


def test_one_takes_all_until_it_dies(pool_of):
    """All four start at once; each time the first is killed another takes everything. Who comes later stands behind."""
    stack = pool_of()
    stack.expect_errors = True
    for _ in range(WORKERS):
        first = the_first(stack)
        together = asked(stack, 80, most=8)
        assert together.count(first) >= 60, together  # in turn it would be 20
        newest = stack.pool.start_child()
        until("the new one runs", lambda: newest.pid in {line["pid"] for line in stack.pool.log_lines("started")})
        assert the_first(stack) == first
        child = next(one for one in stack.pool.children if one.pid == first)
        child.kill()
        child.wait()
        stack.pool.children.remove(child)
        assert the_first(stack) != newest.pid


def test_one_that_is_stopped_holds_nobody_up(pool_of):
    stack = pool_of()
    first = the_first(stack)
    stack.pool.signal(first, signal.SIGSTOP)
    try:
        assert first not in asked(stack, 40, most=4)
    finally:
        stack.pool.signal(first, signal.SIGCONT)
    assert the_first(stack) == first


def payments_in_a_row(stack, each):
    """So many to each process, one after the other: the first's threads in front, the second's, and so on."""
    workers = stack.pool.worker_pids()
    count = each * len(workers)
    shots = stack.fire([stack.process_request(one) for one in stack.world.reserve(stack.user, count)], rate=10)
    assert tally(shots) == {(200, None): count}
    pids = servers(stack, shots)
    assert pids == [pids[i - i % each] for i in range(count)]
    assert set(pids) == set(workers)


def test_the_row_in_front_is_so_long(pool_of):
    payments_in_a_row(pool_of(PAYMENTS_FRONT_THREADS=3, **SLOW), 3)


def test_more_than_stand_in_front(pool_of):
    """Who finds nobody in front is taken by any: none waits for a place there."""
    stack = pool_of(PAYMENTS_FRONT_THREADS=1, **SLOW)
    requests = [stack.process_request(one) for one in stack.world.reserve(stack.user, 60)]
    shots = stack.fire(requests, burst=True)
    assert tally(shots) == {(200, None): 60}
    assert max(shot.ms for shot in shots) < 5500, "somebody waited for another's answer"
    assert len(set(servers(stack, shots))) > 1


def test_places_are_handed_on(make_stack):
    """After a crowd most threads leave, those in front too: others take their places."""
    stack = make_stack(workers=2, direct=True, settings={
        "PAYMENTS_FRONT_THREADS": 4, "PAYMENTS_SPARE_THREADS": 2} | SLOW)
    quiet = threads_of(stack)
    crowd = [stack.process_request(one) for one in stack.world.reserve(stack.user, 80)]
    assert tally(stack.fire(crowd, burst=True)) == {(200, None): 80}
    assert threads_of(stack) > quiet + 20
    until("they have left", lambda: threads_of(stack) <= quiet, 60)
    payments_in_a_row(stack, 4)


def threads_of(stack):
    """The most that any of its processes has."""
    return max(len(os.listdir(f"/proc/{pid}/task")) for pid in stack.pool.worker_pids())


def test_in_turn(pool_of):
    """PAYMENTS_FRONT_THREADS=0: all of them, as their threads' turns come."""
    stack = pool_of(PAYMENTS_FRONT_THREADS=0)
    assert set(asked(stack, 60)) == set(stack.pool.worker_pids())


def test_too_few_descriptors_for_places(make_stack):
    """A process that may open few keeps them for connections, says so, and serves all the same."""
    stack = make_stack(workers=1, direct=True)
    rich, = stack.pool.children
    rich.terminate()
    assert rich.wait(5) == 0
    poor = stack.pool.folder / "poor"
    poor.write_text(f"#!/bin/sh\nexec prlimit --nofile=60:60 {stack.pool.program}\n", encoding="utf-8")
    poor.chmod(0o755)
    stack.pool.program = poor
    child = stack.pool.start_child()
    assert set(asked(stack, 60, most=4)) == {child.pid}
    line, = stack.pool.log_lines("front_threads_refused")
    assert line["pid"] == child.pid and "Too many open files" in line["detail"]
