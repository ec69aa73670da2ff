"""A line chart: lines over a logarithmic axis of sizes or counts, a marker where the learner stands."""

from collections.abc import Callable, Sequence
from math import ceil, floor, log2
from typing import NamedTuple

from ..core.text import markup
from .svg import Picture, line, text

WIDTH, HEIGHT = 620, 250
LEFT, RIGHT, TOP, BOTTOM = 48, 22, 46, 40  # pixels around the plot itself


class Line(NamedTuple):
    """Points in order of x; ``style`` 0 to 3 chooses colour and dashes."""

    name: str
    style: int
    points: Sequence[tuple[float, float]]


class Axis(NamedTuple):
    """From ``low`` to ``high``; ticks are (value, label). Logarithmic: doublings are equally far apart."""

    name: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    logarithmic: bool = False

    def part(self, value: float) -> float:
        """The place of a value: from 0 at the low end to 1 at the high end."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = log2(low), log2(high), log2(max(value, low))
        return min(max((value - low) / (high - low), 0.0), 1.0)


def round_step(most: float, least: int = 0) -> float:
    """A step of 1, 2 or 5 times a power of ten (10**``least`` or more) that goes into ``most`` five times at most."""
    return next(s * 10.0**e for e in range(least, 19) for s in (1, 2, 5) if most / (s * 10.0**e) <= 5)


def upwards(lines: Sequence[Line]) -> Axis:
    """From 0 to a round number that none of the lines goes beyond."""
    most = max(max(y for _, y in one.points) for one in lines) or 1
    step = round_step(most, -3)
    ticks = [(i * step, f"{i * step:,g}") for i in range(ceil(most / step - 1e-9) + 1)]
    return Axis("", 0, ticks[-1][0], ticks)


def doublings(name: str, lines: Sequence[Line]) -> Axis:
    """From a power of two below all points of the lines to one above."""
    values = [y for one in lines for _, y in one.points]
    low = floor(log2(min(values)))
    high = max(ceil(log2(max(values))), low + 1)
    ticks = [(2.0**i, f"{2.0**i:g}") for i in range(low, high + 1)]
    return Axis(name, ticks[0][0], ticks[-1][0], ticks, logarithmic=True)


def corners(values: Sequence[object]) -> list[int]:
    """The indices at which a line through these values needs a point: of equal values the first and the last."""
    last = len(values) - 1
    return [i for i in range(len(values)) if i in (0, last) or not values[i - 1] == values[i] == values[i + 1]]


def chart(
    title: str,
    lines: Sequence[Line],
    x: Axis,
    y: Axis,
    at: float | None = None,
    marks: Sequence[tuple[float, str]] = (),
) -> Picture:
    """The lines; a marker at x = ``at``; thin lines with a word at ``marks``."""
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def to_x(value: float) -> float:
        return round(LEFT + x.part(value) * width, 1)

    def to_y(value: float) -> float:
        return round(TOP + height - y.part(value) * height, 1)

    parts = [text(0, 12, title, "hl-h"), *_legend(lines), text(LEFT + width, HEIGHT - 4, x.name, "hl-s hl-end")]
    parts += _axes(x, y, to_x, to_y)
    for value, name in marks:
        parts.append(f'<path d="M{to_x(value):g} {TOP}V{TOP + height}" class="hl-phase"/>')
        before = x.part(value) > 0.8
        parts.append(text(to_x(value) + (-3 if before else 3), TOP + 10, name, "hl-s hl-end" if before else "hl-s"))
    for one in lines:
        way = "L".join(f"{to_x(a):g} {to_y(b):g}" for a, b in one.points)
        parts.append(f'<path d="M{way}" class="hl-l-{one.style}"><title>{markup(one.name)}</title></path>')
    if at is not None:
        parts.append(f'<path d="M0 {TOP - 4}V{TOP + height}" transform="translate({to_x(at):g} 0)" class="hl-marker"/>')
    return Picture("".join(parts), WIDTH, HEIGHT, f"{title}: {', '.join(one.name for one in lines)}")


def _axes(x: Axis, y: Axis, to_x: Callable[[float], float], to_y: Callable[[float], float]) -> list[str]:
    parts = [text(0, TOP - 10, y.name, "hl-s")]
    for value, name in y.ticks:
        parts.append(f'<text x="{LEFT - 4}" y="{to_y(value) + 4:g}" class="hl-s hl-end">{markup(name)}</text>')
        parts.append(f'<path d="M{LEFT} {to_y(value):g}H{WIDTH - RIGHT}" class="hl-grid"/>')
    for value, name in x.ticks:
        parts.append(f'<text x="{to_x(value):g}" y="{HEIGHT - BOTTOM + 19}" class="hl-s hl-mid">{markup(name)}</text>')
    return [*parts, line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM)]


def _legend(lines: Sequence[Line]) -> list[str]:
    """A sample of each line and its name, right to left in the line of the title."""
    parts, end = [], float(WIDTH)
    for one in reversed(lines):
        begin = end - 6.6 * len(one.name) - 30
        parts.append(f'<path d="M{begin:g} 28H{begin + 24:g}" class="hl-l-{one.style}"/>')
        parts.append(text(begin + 28, 32, one.name, "hl-s"))
        end = begin - 12
    return parts
