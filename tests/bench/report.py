"""The figures, as a table for people and as JSON for programs."""

import json
import os
import statistics
import time
from dataclasses import dataclass, field


@dataclass
class Row:
    """One figure. Each round adds its value and, where there is one, the limit beside it."""
    name: str
    unit: str
    limit: str  # the other side of the ratio; "" where the figure is judged by itself
    wanted: str  # such as ">= 0.70": of the ratio where there is a limit, else of the figure
    rounds: list = field(default_factory=list)
    note: str = ""

    def add(self, value, limit=None):
        self.rounds.append((value, limit))

    @property
    def ratios(self):
        return [value / limit for value, limit in self.rounds if limit]

    @property
    def judged(self):
        return statistics.median(self.ratios or [value for value, _ in self.rounds])

    @property
    def met(self):
        sign, number = self.wanted.split()
        return self.judged >= float(number) if sign == ">=" else self.judged <= float(number)

    def as_dict(self):
        def spread(numbers):
            return {"median": statistics.median(numbers), "min": min(numbers), "max": max(numbers)}

        values = [value for value, _ in self.rounds]
        limits = [limit for _, limit in self.rounds if limit]
        return {"name": self.name, "unit": self.unit, "value": spread(values),
                "limit_name": self.limit, "limit": spread(limits) if limits else None,
                "ratio": spread(self.ratios) if limits else None, "wanted": self.wanted,
                "met": self.met, "rounds": self.rounds, "note": self.note}


def figure(number):
    """As many digits as the measurement supports."""
    if number is None:
        return "-"
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def line_of(row):
    known = row.as_dict()
    value, limit, ratio = known["value"], known["limit"], known["ratio"]
    return [row.name, row.unit, figure(value["median"]), f"{figure(value['min'])}..{figure(value['max'])}",
            figure(limit["median"]) if limit else "-", f"{ratio['median']:.2f}" if ratio else "-",
            f"{ratio['min']:.2f}..{ratio['max']:.2f}" if ratio else "-", row.wanted,
            "met" if row.met else "NOT MET"]


HEADS = ["figure", "unit", "median", "min..max", "limit", "ratio", "min..max", "wanted", ""]


def table(rows):
    lines = [HEADS] + [line_of(row) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    text = []
    for line in lines:
        text.append("  ".join(cell.ljust(width) if i < 2 else cell.rjust(width)
                              for i, (cell, width) in enumerate(zip(line, widths))).rstrip())
    text.insert(1, "-" * max(map(len, text)))
    notes = [f"  {row.name}: {row.note}" for row in rows if row.note]
    limits = [f"  {row.name}: {row.limit}" for row in rows if row.limit]
    return "\n".join(text + (["", "limits:"] + limits if limits else []) +
                     (["", "notes:"] + notes if notes else []))


def machine():
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    return {"processors": os.cpu_count(), "model": model, "kernel": os.uname().release}


def write(path, rows, curves, quick, seconds):
    path.write_text(json.dumps({
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "quick": quick,
        "seconds": round(seconds), "machine": machine(),
        "rows": [row.as_dict() for row in rows], "curves": curves,
    }, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
