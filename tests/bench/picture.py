"""The curves as one SVG, drawn by hand: throughput, latency, memory, side by side."""

import math
from html import escape

WIDTH, HEIGHT = 1080, 380
PANEL_W, PANEL_H, LEFT, TOP, GAP = 250, 230, 70, 70, 110
INK, GRID, LINE, SECOND = "#1f2933", "#d8dee4", "#0b63b5", "#c2410c"


def nice_top(value):
    """The next round number at or above the value."""
    step = 10 ** math.floor(math.log10(value)) if value > 0 else 1
    for factor in (1, 1.5, 2, 3, 4, 5, 6, 8, 10):
        if factor * step >= value:
            return factor * step
    return 10 * step


def text(x, y, words, anchor="middle", size=12, color=INK, more=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'fill="{color}" {more}>{escape(words)}</text>')


class Panel:
    """One pair of axes. x is spread by its own scale: a function from value to 0..1."""

    def __init__(self, number, title, x_name, xs, x_scale, top):
        self.x0 = LEFT + number * (PANEL_W + GAP)
        self.x_scale, self.top = x_scale, nice_top(top)
        self.parts = [text(self.x0, TOP - 26, title, "start", 15, more='font-weight="600"')]
        self._grid(xs, x_name)

    def x(self, value):
        return self.x0 + self.x_scale(value) * PANEL_W

    def y(self, value):
        return TOP + PANEL_H * (1 - value / self.top)

    def _grid(self, xs, x_name):
        for n in range(5):
            value = self.top * n / 4
            self.parts.append(f'<line x1="{self.x0}" x2="{self.x0 + PANEL_W}" y1="{self.y(value):.1f}" '
                              f'y2="{self.y(value):.1f}" stroke="{GRID}"/>')
            self.parts.append(text(self.x0 - 8, self.y(value) + 4, f"{value:,.4g}" if value < 1000
                                   else f"{value:,.0f}", "end"))
        for value in xs:
            self.parts.append(text(self.x(value), TOP + PANEL_H + 18, f"{value:,}"))
        self.parts.append(text(self.x0 + PANEL_W / 2, TOP + PANEL_H + 40, x_name))

    def line(self, points, color=LINE, name=""):
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        for x, y in points:
            self.parts.append(f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3.2" fill="{color}"/>')
        if name:
            x, y = points[-1]
            self.parts.append(text(self.x(x) + 8, self.y(y) + 4, name, "start", 12, color))

    def limit(self, value, name):
        self.parts.append(f'<line x1="{self.x0}" x2="{self.x0 + PANEL_W}" y1="{self.y(value):.1f}" '
                          f'y2="{self.y(value):.1f}" stroke="{SECOND}" stroke-dasharray="6 4"/>')
        self.parts.append(text(self.x0 + 6, self.y(value) - 6, name, "start", 12, SECOND))


def logarithmic(values):
    low, high = math.log2(min(values)), math.log2(max(values))
    return lambda value: (math.log2(value) - low) / (high - low)


def linear(values):
    return lambda value: value / max(values)


def thinned(values, most=6):
    step = math.ceil(len(values) / most)
    return values[::-1][::step][::-1]


def draw(curves):
    over = curves["concurrency"]
    xs = [point["connections"] for point in over]
    rate = Panel(0, "Payments a second", "connections to nginx", thinned(xs), logarithmic(xs),
                 max(point["rate"] for point in over) * 1.05)
    rate.line([(point["connections"], point["rate"]) for point in over])
    latency = Panel(1, "Time of a payment, ms", "connections to nginx", thinned(xs), logarithmic(xs),
                    max(point["p99_ms"] for point in over) * 1.05)
    latency.line([(point["connections"], point["p99_ms"]) for point in over], SECOND, "p99")
    latency.line([(point["connections"], point["p50_ms"]) for point in over], LINE, "p50")
    held = curves["memory"]
    counts = [point["in_flight"] for point in held]
    memory = Panel(2, "Memory of the pool, MB", "payments in flight", thinned(counts), linear(counts), 100)
    memory.line([(point["in_flight"], point["mb"]) for point in held])
    memory.limit(96, "wanted: at most 96")
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
            f'height="{HEIGHT}" font-family="system-ui, DejaVu Sans, sans-serif">'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>')
    foot = text(LEFT, HEIGHT - 14, "Left and middle: gateway without delay. Right: gateway of 500 to 1500 ms, "
                "2 processes.", "start", 11)
    return "\n".join([head, *rate.parts, *latency.parts, *memory.parts, foot, "</svg>"]) + "\n"
