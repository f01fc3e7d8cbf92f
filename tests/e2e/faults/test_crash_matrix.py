"""
The process dies at every recovery point, for each behaviour of the gateway and each rival at the
same reservation: afterwards the invariants hold and all money is accounted for.

Fails where a charge is lost, taken twice or kept without a ticket, or a seat is sold twice or
stuck, because of the moment at which a process died. A seed replays: CRASH_SEED=n.
"""

import os
import random

import pytest

from harness import crash, faults

SHARE = 0.1
LEAST_POINTS = 25
# Where the CHECK refuses 'expired', the monolith's cleaner overwrites nothing: no repair is needed.
BY_CHANCE = {"expired": set(), "without_expired": {("repair", "repair_locked:1"), ("repair", "repair_done:1")}}


@pytest.fixture(scope="module")
def program():
    return faults.fault_build() / "payments-fcgi"


@pytest.fixture
def folder():
    with faults.scratch() as made:
        yield made


@pytest.fixture
def seed():
    return int(os.environ.get("CRASH_SEED", random.randrange(1 << 30)))


def check(capsys, title, seed, reached, violations):
    points = {(cell.stage, cell.point) for cell in reached}
    hit = {(cell.stage, cell.point) for cell, was in reached.items() if was}
    with capsys.disabled():
        print(f"\n{title} (seed {seed}): {len(reached)} cells, {sum(reached.values())} died at their point, "
              f"{len(hit)} of {len(points)} points, {len(violations)} violations")
    assert not violations, f"seed {seed}: " + "\n".join(map(str, violations[:20]))
    return points - hit


def test_a_tenth_of_the_matrix(cluster, program, folder, seed, capsys):
    cells = crash.sample(crash.matrix(), SHARE, seed)
    check(capsys, "crash matrix, a tenth", seed, *crash.run_cells(cluster, folder, program, cells))


@pytest.mark.long
@pytest.mark.parametrize("variant", ["expired", "without_expired"])
def test_the_whole_matrix(cluster, program, folder, seed, capsys, variant):
    """Each point is reached: a point that no process reaches tests nothing."""
    cells = crash.matrix()
    random.Random(seed).shuffle(cells)
    missed = check(capsys, f"crash matrix, variant {variant}", seed,
                   *crash.run_cells(cluster, folder, program, cells, variant=variant))
    assert missed <= BY_CHANCE[variant]
    assert len({cell.point for cell in cells}) >= LEAST_POINTS


def test_some_of_the_matrix_over_a_wire(cluster, program, folder, seed, capsys):
    """The gateway's own books agree with the database, charge for charge."""
    cells = crash.sample(crash.wire_matrix(), 0.04, seed)
    check(capsys, "crash matrix over a wire, some", seed, *crash.run_cells(cluster, folder, program, cells))


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_the_whole_matrix_over_a_wire(cluster, program, folder, seed, capsys, part):
    cells = crash.wire_matrix()
    random.Random(1).shuffle(cells)
    check(capsys, f"crash matrix over a wire, part {part}", seed,
          *crash.run_cells(cluster, folder, program, cells[part::4]))


@pytest.mark.long
def test_stopped_and_thought_dead(cluster, program, folder, seed, capsys):
    """It is not killed: it resumes after all others have gone on."""
    cells = [cell for cell in crash.matrix() if cell.stage in ("pay", crash.KEYED, "execute")]
    random.Random(seed).shuffle(cells)
    check(capsys, "stopped and resumed", seed, *crash.run_cells(cluster, folder, program, cells, resume=True))


def test_stopped_and_thought_dead_some(cluster, program, folder, seed, capsys):
    cells = crash.sample([cell for cell in crash.matrix() if cell.stage in ("pay", crash.KEYED)], 0.05, seed)
    check(capsys, "stopped and resumed, some", seed, *crash.run_cells(cluster, folder, program, cells, resume=True))
