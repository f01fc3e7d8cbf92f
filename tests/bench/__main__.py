"""
The service's figures on this machine, each beside the limit of the database or the gateway.

Run by ./dev bench, which builds first. Writes bench.json and bench.svg to --out.
"""

import argparse
import signal
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

# pylint: disable=wrong-import-position
import ground
import picture
import report
import rows


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measures the service against its limits.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: under four minutes")
    parser.add_argument("--only", action="append", choices=list(rows.ALL) + ["curves"],
                        help="only these rows; may be given several times")
    parser.add_argument("--out", type=Path, default=Path.cwd(), help="folder of bench.json and bench.svg")
    return parser.parse_args()


def measure_all(cluster, plan, wanted):
    """The rows, and the names of those that could not be measured; a failure stops no other row."""
    measured, failed = [], []
    for name, measure in rows.ALL.items():
        if wanted and name not in wanted:
            continue
        since = time.monotonic()
        print(f"== measuring {name}", file=sys.stderr, flush=True)
        try:
            with ground.fresh(cluster) as base:
                for row in measure(base, plan):  # rows before a failure stay
                    measured.append(row)
        except Exception:  # shown here; the run fails at its end
            traceback.print_exc()
            failed.append(name)
        print(f"== {name}: {time.monotonic() - since:.0f} s", file=sys.stderr, flush=True)
    return measured, failed


def curves_or_none(cluster, plan, failed):
    try:
        with ground.fresh(cluster) as base:
            return rows.curves(base, plan)
    except Exception:  # as above
        traceback.print_exc()
        failed.append("curves")
        return None


def end_on_signals():
    """A run that is told to stop still stops the processes it has started."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))


def main():
    options = arguments()
    end_on_signals()
    plan = rows.Plan(options.quick)
    begun = time.monotonic()
    curves = None
    cluster = ground.start_cluster()
    try:
        measured, failed = measure_all(cluster, plan, options.only)
        if not options.only or "curves" in options.only:
            curves = curves_or_none(cluster, plan, failed)
    finally:
        cluster.destroy()
    if measured:
        print(report.table(measured))
    options.out.mkdir(parents=True, exist_ok=True)
    report.write(options.out / "bench.json", measured, curves, options.quick, time.monotonic() - begun)
    if curves:
        (options.out / "bench.svg").write_text(picture.draw(curves), encoding="utf-8")
    print(f"\nwritten to {options.out}: bench.json" + (", bench.svg" if curves else ""))
    if failed:
        print(f"not measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
