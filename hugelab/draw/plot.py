"""The pool plot: the counters over the timeline, as a picture. And the numbers of one event in words.

From the axis up: available pages, then reserved ones (up to the line of the free pages), then those in use (up to the
total). So the lines of *available* and of *free* both start at zero and can be read off. Surplus pages are those
above the configured limit, a dotted line.
"""

from collections.abc import Callable
from typing import NamedTuple

from ..core.state import Counters
from ..core.units import format_size
from ..record.recording import Recording
from .chart import corners, round_step
from .svg import Picture, box, line, text
from .timeline import Timeline

WIDTH, HEIGHT = 500, 190
LEFT, RIGHT, TOP, BOTTOM = 36, 8, 24, 24  # pixels around the plot itself
AREAS = (("free", "available", "avail"), ("rsvd", "reserved", "free"), ("used", "in use", "total"))  # style, name, edge
NUMBERS = ("total", "in use", "free", "reserved", "available", "surplus")


def numbers(now: Counters) -> tuple[int, ...]:
    """The pool in the order of NUMBERS, in pages."""
    return now.total, now.in_use, now.free, now.signed.rsvd, now.available, now.surp


def caption(recording: Recording, index: int) -> str:
    """The numbers at an event, in the words of the plot."""
    now = zip(NUMBERS, numbers(recording.counters(index)), strict=True)
    return f"event {index}: " + ", ".join(f"{name} {number}" for name, number in now)


class Series(NamedTuple):
    """The pool at the positions where it changes (and at the first and the last).

    Between two points it stays as it is; where ``ramps`` has the second one, it went there in equal steps.
    """

    positions: list[int]
    counters: list[Counters]
    ramps: frozenset[int]


def series(timeline: Timeline, side: int = 0, size: int | None = None) -> Series:
    """As long as the rows of the recording, not as its pages: of a long stretch of equal events only the ends.

    Stretches of up to 64 units are given unit by unit, so that the steps of single faults are seen.
    """
    recording, events = timeline.recordings[side], timeline.events[side]
    ramps = set()
    if isinstance(events, range):
        marks = []
        for number, row in enumerate(recording.rows):
            first, points = recording.first_event(number), len(row.points)
            units = range(row.n) if row.n <= 64 else (0, row.n - 1)
            marks += [first + unit * points + point for unit in units for point in range(points)]
            if row.n > 64:
                ramps.add(first + (row.n - 1) * points)
    else:
        marks = list(range(len(events)))
    counters = [recording.counters(events[mark], size) for mark in marks]
    keep = corners(counters)
    return Series([marks[i] for i in keep], [counters[i] for i in keep], frozenset(ramps))


def pools(recording: Recording) -> list[int]:
    """The page sizes that have a plot: the default one, and every other that has pages at some time."""
    sizes = recording.machine.sizes
    steps = recording.steps
    used = {size for i, size in enumerate(sizes) if any(list(step.counters.values())[i].total for step in steps)}
    used |= {h.size for h in recording.at(recording.booted).pools if h.nr_huge_pages}
    return [size for size in sizes if size == sizes[0] or size in used]


def plot(timeline: Timeline, side: int = 0, size: int | None = None, at: int = 0) -> Picture:
    """One pool over the timeline, its marker at the position ``at``."""
    recording = timeline.recordings[side]
    size = size or recording.machine.sizes[0]
    data = series(timeline, side, size)
    top = max([now.total for now in data.counters] + [1])
    height, width = HEIGHT - TOP - BOTTOM, WIDTH - LEFT - RIGHT

    def x(position: int) -> float:
        return round(LEFT + timeline.place(position) * width, 1)

    def y(pages: float) -> float:
        return round(TOP + height - height * pages / (top * 1.04), 1)

    parts = [text(0, 12, f"pool of {format_size(size)} pages", "hl-h")]
    parts += _axis(top, y)
    levels = [
        [min(max(now.available, 0), now.free) for now in data.counters],  # the areas lie on each other
        [now.free for now in data.counters],
        [now.total for now in data.counters],
    ]
    xs = [x(position) for position in data.positions]
    ramps = [position in data.ramps for position in data.positions]
    below = [0] * len(xs)
    for level, (style, name, _) in zip(levels, AREAS, strict=True):
        parts.append(_area(xs, [y(v) for v in below], [y(v) for v in level], ramps, f"hl-a-{style}"))
        parts += _name(xs, [y(v) for v in below], [y(v) for v in level], ramps, name)
        below = level
    for level, (_, _, edge) in zip(levels, AREAS, strict=True):
        parts.append(f'<path d="{_way(xs, [y(v) for v in level], ramps)}" class="hl-l-{edge}"/>')
    if any(now.surp for now in data.counters):
        limit = [now.total - now.surp for now in data.counters]
        parts.append(f'<path d="{_way(xs, [y(v) for v in limit], ramps)}" class="hl-l-limit"/>')
    parts += _marks(timeline, x)
    parts.append(line(LEFT, TOP + height, WIDTH - RIGHT, TOP + height))
    parts.append(f'<path d="M0 {TOP - 4}V{TOP + height}" transform="translate({x(at):g} 0)" class="hl-marker"/>')
    first, end = data.counters[0], data.counters[-1]
    said = f"pool plot of {format_size(size)} pages: free {first.free} at first, {end.free} at the end"
    return Picture("".join(parts), WIDTH, HEIGHT, said)


def _axis(top: int, y: Callable[[float], float]) -> list[str]:
    """Three or four round numbers of pages."""
    step = int(round_step(top))
    parts = []
    for pages in range(0, top + 1, step):
        parts.append(f'<text x="{LEFT - 4}" y="{y(pages) + 4:g}" class="hl-s hl-end">{_short(pages)}</text>')
        if pages:
            parts.append(f'<path d="M{LEFT} {y(pages):g}H{WIDTH - RIGHT}" class="hl-grid"/>')
    return parts


def _short(pages: int) -> str:
    for unit, name in ((10**6, "M"), (10**3, "k")):
        if pages >= unit and pages % unit == 0:
            return f"{pages // unit}{name}"
    return str(pages)


def _way(xs: list[float], ys: list[float], ramps: list[bool]) -> str:
    """The path of a line that stays level until the next point, or goes straight to it."""
    points = zip(xs[1:], ys[1:], ramps[1:], strict=True)
    return f"M{xs[0]:g} {ys[0]:g}" + "".join(f"L{x:g} {y:g}" if ramp else f"H{x:g}V{y:g}" for x, y, ramp in points)


def _area(xs: list[float], low: list[float], high: list[float], ramps: list[bool], style: str) -> str:
    """The area between two such lines."""
    back = f"L{xs[-1]:g} {low[-1]:g}"
    for i in range(len(xs) - 1, 0, -1):
        back += f"L{xs[i - 1]:g} {low[i - 1]:g}" if ramps[i] else f"V{low[i - 1]:g}H{xs[i - 1]:g}"
    return f'<path d="{_way(xs, high, ramps)}{back}Z" class="{style}"/>'


def _name(xs: list[float], low: list[float], high: list[float], ramps: list[bool], name: str) -> list[str]:
    """The name of an area, in its widest part that is high enough."""
    best, x, base = 6.6 * len(name), 0.0, 0.0
    i = 0
    while i < len(xs) - 1:
        j = i + 1
        while j < len(xs) - 1 and not ramps[j] and (low[j], high[j]) == (low[i], high[i]):
            j += 1
        bottom, top = ((low[i] + low[j]) / 2, (high[i] + high[j]) / 2) if ramps[j] else (low[i], high[i])
        if bottom - top >= 14 and xs[j] - xs[i] > best:
            best, x, base = xs[j] - xs[i], (xs[i] + xs[j]) / 2, (bottom + top) / 2 + 4
        i = j
    if not base:
        return []
    wide = 6.4 * len(name) + 6
    tag = box(round(x - wide / 2, 1), round(base - 10.5, 1), wide, 14, "hl-tag")
    return [tag, f'<text x="{x:.1f}" y="{base:.1f}" class="hl-s hl-mid">{name}</text>']


def _marks(timeline: Timeline, x: Callable[[int], float]) -> list[str]:
    """A line where each step begins, with its name if there is room; else its number, as long as there is room."""
    parts, free = [], 0.0
    bottom = HEIGHT - BOTTOM
    for i, mark in enumerate(timeline.marks):
        at = x(mark.position)
        end = x(timeline.marks[i + 1].position) if i + 1 < len(timeline.marks) else WIDTH - RIGHT
        parts.append(f'<path d="M{at:g} {TOP}V{bottom + 3}" class="hl-phase"/>')
        for words in (f"{mark.step + 1} {mark.label}", str(mark.step + 1)):
            if at >= free and (_wide(words) + 3 <= end - at or words.isdigit()):
                parts.append(text(at, bottom + 15, words, "hl-s"))
                free = at + _wide(words) + 3
                break
    return parts


def _wide(words: str) -> float:
    """The pixels of a small text, about: in DejaVu Sans, the widest of the fonts that it may be in."""
    return sum(10.7 if c in "mw" else 4.4 if c in " fijlrt" else 7.0 for c in words)
