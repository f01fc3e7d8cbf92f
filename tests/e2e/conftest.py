"""
Fixtures. `stack` is a module's own database and pool, made with the module's STACK; `make_stack`
makes more, with settings of their own. Every test that had one ends with an audit.
"""

import signal

import pytest

from harness.cluster import Cluster
from harness.shared_schema import assert_paid
from harness.stack import Stack

LOG_TAIL_LINES = 40


def pytest_configure():
    """A run that is told to stop (a timeout, a trap) still stops the processes it has started."""
    def end(number, _frame):
        pytest.exit(f"signal {number}", returncode=128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


@pytest.fixture(scope="session")
def cluster():
    made = Cluster()
    try:
        made.start()
        yield made
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def stack(cluster, request):
    made = Stack(cluster, **getattr(request.module, "STACK", {})).start()
    yield made
    made.stop()


@pytest.fixture
def make_stack(cluster):
    made = []

    def make(**how):
        made.append(Stack(cluster, **how))
        return made[-1].start()

    yield make
    problems = []
    for one in made:
        for end in (one.audit, one.stop):
            try:
                end()
            except Exception as problem:  # the others must be stopped too
                problems.append(problem)
    if problems:
        raise problems[0]


@pytest.fixture(autouse=True)
def audited(request):
    """The invariants hold after each test, whatever it did to the module's stack."""
    used = request.getfixturevalue("stack") if "stack" in request.fixturenames else None
    yield
    if used is not None:
        used.audit()


@pytest.fixture
def unchanged(stack):
    """The test may not change a row of any table: its requests are refused, or only read."""
    before = stack.shared.snapshot()
    yield
    after = stack.shared.snapshot()
    assert after == before, [table for table in after if after[table] != before.get(table)]


@pytest.fixture
def reservation(stack):
    """Payable at the end as at the start: the control of every refusal in the test."""
    made = stack.reserve()
    before = stack.shared.snapshot()
    yield made
    after = stack.shared.snapshot()
    assert after == before, [table for table in after if after[table] != before.get(table)]
    answer = stack.process(made)
    assert answer.status == 200, answer
    assert_paid(stack.shared, made)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and stack is not None and stack.pool.log.exists():
        lines = [line for line in stack.pool.log.read_text(encoding="utf-8").splitlines()
                 if '"status":200' not in line]
        title = "the pool's log, without what was answered 200"
        report.sections.append((title, "\n".join(lines[-LOG_TAIL_LINES:])))
