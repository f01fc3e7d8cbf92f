"""
What the service can do on this machine, beside what the database or the gateway could do without it.

Run by ./dev bench, which builds first. Writes bench.json and bench.svg to --out.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

# pylint: disable=wrong-import-position
import ground
import picture
import report
import rows

PAST = 10_000


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measures the service against its limits.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: under four minutes")
    parser.add_argument("--only", action="append", choices=list(rows.ALL) + ["curves"],
                        help="only these rows; may be given several times")
    parser.add_argument("--out", type=Path, default=Path.cwd(), help="folder of bench.json and bench.svg")
    return parser.parse_args()


def main():
    options = arguments()
    plan = rows.Plan(options.quick)
    begun = time.monotonic()
    measured, curves = [], None
    cluster = ground.start_cluster()
    try:
        base = ground.Ground(cluster, PAST)
        for name, measure in rows.ALL.items():
            if options.only and name not in options.only:
                continue
            since = time.monotonic()
            measured += measure(base, plan)
            print(f"== {name}: {time.monotonic() - since:.0f} s", file=sys.stderr, flush=True)
        if not options.only or "curves" in options.only:
            curves = rows.curves(base, plan)
        base.rest()
        base.audit()
    finally:
        cluster.destroy()
    if measured:
        print(report.table(measured))
    options.out.mkdir(parents=True, exist_ok=True)
    report.write(options.out / "bench.json", measured, curves, options.quick, time.monotonic() - begun)
    if curves:
        (options.out / "bench.svg").write_text(picture.draw(curves), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
