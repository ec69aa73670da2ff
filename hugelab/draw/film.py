"""A recording as pictures the browser flips through without the kernel: what the player gets.

Equal pictures are sent once. A long stretch of equal events is shown by its first and last units.
"""

from __future__ import annotations

from typing import Any

from .. import flow as flows
from ..recording import Event, Recording
from . import diagrams
from .figures import caption
from .svg import Picture, below, beside, framed, text
from .theme import LIGHT

SHOWN_UNITS = 20  # of a longer stretch: this many at its start, and the last one


def shown_events(recording: Recording) -> list[int]:
    """The events that get a frame, in order."""
    shown = []
    for number, row in enumerate(recording.rows):
        points, first = len(row.points), recording.first_event(number)
        units = list(range(min(row.n, SHOWN_UNITS))) + ([row.n - 1] if row.n > SHOWN_UNITS else [])
        shown += [first + unit * points + point for unit in units for point in range(points)]
    return shown


def film(recording: Recording) -> dict[str, Any]:
    """``pictures`` (SVG texts), ``frames`` (what to show at each shown event), ``log`` (lines), ``heights``.

    A frame is ``[event, flow, owners, layout, line, caption]``: numbers of pictures, the last log line so far
    (-1 before the first), and words.
    """
    name = diagrams.names_of(recording)
    numbers: dict[str, int] = {}
    heights = {"flow": 0.0, "owners": 0.0, "layout": 0.0}
    frames: list[list[Any]] = []
    log: list[str] = []
    before: list[int] = [0, 0, 0]

    def number(kind: str, picture: Picture) -> int:
        heights[kind] = max(heights[kind], picture.height)
        return numbers.setdefault(picture.svg(), len(numbers))

    for index in shown_events(recording):
        event = recording.event(index)
        row = recording.rows[event.row]
        follows = bool(frames) and frames[-1][0] == index - 1
        changed = any(at == recording.place(index)[2] for at, _ in row.changes)
        owners = number("owners", diagrams.owners(recording, index, name)) if changed or not follows else before[1]
        flow = number("flow", diagrams.flow(recording, index))
        layout = number("layout", diagrams.layout(recording, index, name))
        before = [flow, owners, layout]
        if frames and not follows:
            log.append(f"... {_skipped(recording, frames[-1][0], index):,} lines ...")
        line = flows.log_text(event, recording.machine)
        if line is not None:
            log.append(line)
        frames.append([index, *before, len(log) - 1, describe(recording, event)])
    return {
        "pictures": list(numbers),
        "frames": frames,
        "log": log,
        "heights": heights,
        "events": len(recording),
    }


def _skipped(recording: Recording, shown: int, index: int) -> int:
    """How many log lines lie between two events of one row that are shown one after the other."""
    points = len(recording.rows[recording.place(index)[0]].points)
    unit = range(index, index + points)
    lines = sum(flows.log_text(recording.event(i), recording.machine) is not None for i in unit)
    return lines * ((index - shown) // points)


def describe(recording: Recording, event: Event) -> str:
    """An event in words: step, function, counters."""
    step = f"step {event.step + 1}, {recording.steps[event.step].op.op}" if event.step >= 0 else "before the first step"
    name = flows.function_name(event.name, recording.machine.version)
    what = f" = {event.result}" if event.result else ""
    if why := event.detail.get("why"):
        what += f" ({why})"
    return f"{step}: {name}{what}. {caption(recording, event.index).capitalize()}."


def poster(recording: Recording, index: int, title: str) -> Picture:
    """One still picture of an event: for a notebook that is not run, and for GitHub."""
    head = Picture(text(0, 15, title, "hl-h") + text(0, 33, caption(recording, index), "hl-t"), 900, 38, "")
    right = below([diagrams.owners(recording, index), diagrams.layout(recording, index)])
    first = recording.steps[recording.step_of(index)].first
    lines = [line for _, line in flows.log_line_events(recording, first, index)][-5:]
    log = Picture("".join(text(0, 12 + 15 * i, line, "hl-m") for i, line in enumerate(lines)), 900, 15 * len(lines), "")
    return framed(below([head, beside([diagrams.flow(recording, index), right]), log]))


def poster_png(recording: Recording, index: int, title: str) -> bytes:
    """The same as PNG (light: it keeps its own background)."""
    return poster(recording, index, title).png(LIGHT)
