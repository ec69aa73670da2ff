"""A recording, or two, as pictures that a browser flips through: what a lab and a self-contained page get.

The ``head`` is what belongs to the whole: plots, the table of steps, what a learner can take along. A ``window`` has
the frames of some positions of the timeline: what the views show there.
"""

import json
from collections.abc import Sequence
from typing import Any

from ..core.text import showable
from ..core.units import BASE_PAGE_SIZE
from ..linux.names import function_name
from ..linux.structs import vm_area_struct
from ..record import flow
from ..record.recording import Event, Recording
from . import call_flow, owners, plot, tables
from .layout import height as layout_height
from .layout import layout
from .pages import Names
from .svg import Picture, below, beside, framed, text
from .theme import DARK, LIGHT, stylesheet
from .timeline import Timeline

AROUND = 24  # frames on each side of a position that are sent at once
MANY_ROWS = 200
POSTER = call_flow.WIDTH + 24 + plot.WIDTH  # pixels: the two columns of a still picture
LINE = 130  # characters that fit into it
LOG_BACK = 400  # events before the one shown, for the log of a still picture


class Side:
    """One recording of a film, with what stays the same in all its frames."""

    def __init__(self, recording: Recording):
        self.recording = recording
        self.names = Names(recording)
        self._lanes: tuple[int, list[owners.Lane]] | None = None  # the event they belong to, and they themselves

    def lanes(self, index: int) -> list[owners.Lane]:
        """The picture of owners after an event (-1: before the first)."""
        if self._lanes is None or self._lanes[0] != index:
            self._lanes = index, owners.lanes(self.recording.at(index))
        return self._lanes[1]

    def owners(self, index: int) -> tuple[Picture, list[str]]:
        """The picture of an event, and what it has changed."""
        before = self.lanes(index - 1)
        if not self.recording.changes(index):
            self._lanes = index, before
        return owners.picture(self.names, self.lanes(index), before)


class Film:
    """Frames of a timeline, made when they are asked for."""

    def __init__(self, timeline: Timeline, titles: Sequence[str] = ()):
        self.timeline = timeline
        self.sides = [Side(recording) for recording in timeline.recordings]
        self.titles = list(titles) or ["" for _ in self.sides]

    # -- what belongs to the whole -------------------------------------------------------------------
    def head(self) -> dict[str, Any]:
        """Plots, steps, marks. All of it is JSON."""
        scenarios = [recording.scenario for recording in self.timeline.recordings]
        found = self.timeline.difference
        return {
            "length": len(self.timeline),
            "knots": [[position, round(place, 5)] for position, place in self.timeline.knots],
            "marks": [[mark.position, mark.step, mark.label] for mark in self.timeline.marks],
            "difference": found and list(found),
            "sides": [self._side(side) for side in range(len(self.sides))],
            "json": json.dumps({"scenarios": [scenario.to_json() for scenario in scenarios]}, indent=1),
            "python": "\n\n".join(tables.as_python(recording) for recording in self.timeline.recordings),
            "heights": self.heights(),
            "styles": [stylesheet(LIGHT), stylesheet(DARK)],
            "plot": {"left": plot.LEFT, "right": plot.RIGHT, "width": plot.WIDTH + 2},
            "widths": {"flow": call_flow.WIDTH + 2, "owners": owners.WIDTH + 2, "layout": owners.WIDTH + 2},
            "around": AROUND,
        }

    def _side(self, side: int) -> dict[str, Any]:
        recording = self.timeline.recordings[side]
        return {
            "title": showable(self.titles[side]),
            "plots": [plot.plot(self.timeline, side, size).svg() for size in plot.pools(recording)],
            "steps": tables.usage(
                recording,
                [self._end(side, step.last) for step in recording.steps],
                self._end(side, max(recording.booted, 0)),
            ),
            "csv": tables.csv_of(recording),
        }

    def _end(self, side: int, last: int) -> int:
        """The position of a step's last event."""
        return self.timeline.position(last, side)

    def heights(self) -> dict[str, float]:
        """The room that each view needs, in pixels, and the rows of the table of steps: so that nothing jumps."""
        most = {"flow": 0.0, "owners": 0.0, "layout": 0.0, "rows": 0.0}
        for it in self.sides:
            recording = it.recording
            most["rows"] = max(most["rows"], len(recording.steps) + 1)
            for index in _telling(recording):
                lanes = it.lanes(index)
                mapped = sum(run.count for vma in recording.at(index).of(vm_area_struct) for run in vma.mapped())
                most["owners"] = max(most["owners"], sum(lane.height for lane in lanes))
                most["flow"] = max(most["flow"], call_flow.height(recording, recording.event(index)))
                most["layout"] = max(most["layout"], layout_height(mapped))
        return most

    # -- frames --------------------------------------------------------------------------------------
    def window(self, position: int, around: int = AROUND) -> dict[str, Any]:
        """``first``, ``frames`` and ``pictures`` around a position. See :meth:`_frame` for what a frame is."""
        first = max(position - around, 0)
        end = min(position + around + 1, len(self.timeline))
        numbers: dict[str, int] = {}
        frames = [[self._frame(side, at, numbers) for side in range(len(self.sides))] for at in range(first, end)]
        return {"first": first, "frames": frames, "pictures": list(numbers)}

    def whole(self) -> dict[str, Any]:
        """All frames in one window: for a page that has no kernel."""
        return self.window(0, len(self.timeline))

    def _frame(self, side: int, position: int, numbers: dict[str, int]) -> list[Any]:
        """Of one side: event, flow, owners, layout (numbers of pictures), log line or None, words, counters, step,
        touched, page.

        ``touched`` names the function (``fn:``), the page and the cells that the event is about, as in the pictures.
        """
        it, recording = self.sides[side], self.timeline.recordings[side]
        index = self.timeline.events[side][position]
        event = recording.event(index)
        picture, changed = it.owners(index)
        touched, page = self._touched(side, event, changed)
        pictures = (call_flow.call_flow(recording, event), picture, layout(recording, index, it.names))
        shown = [numbers.setdefault(one.svg(), len(numbers)) for one in pictures]
        line = self._line(side, position, event)
        counters = [str(number) for number in plot.numbers(recording.counters(index))]
        return [index, *shown, line, describe(recording, event), counters, event.step, touched, page]

    def _touched(self, side: int, event: Event, changed: list[str]) -> tuple[list[str], str]:
        """The keys of an event (its function, its changes, its page), and that page."""
        it, recording = self.sides[side], self.timeline.recordings[side]
        name, page = call_flow.lit(recording, event), ""
        if event.pfn is not None:
            h = next(h for h in recording.at(event.index).pools if h.size == event.size)
            page = it.names.token(h, event.pfn * BASE_PAGE_SIZE // event.size)
        return [*([f"fn:{name}"] if name else []), *map(showable, changed), *([page] if page else [])], page

    def _line(self, side: int, position: int, event: Event) -> str | None:
        """The log line of an event; on a timeline of two, only at the first position that stops there."""
        events = self.timeline.events[side]
        if position and events[position - 1] == event.index:
            return None
        line = flow.log_text(event, self.timeline.recordings[side].machine)
        return None if line is None else showable(line)

    # -- following -----------------------------------------------------------------------------------
    def follow(self, side: int, token: str, position: int, reach: int = 3000) -> int | None:
        """The last position up to ``position`` at which something was touched; else (or if there) the next one.

        Looks at most ``reach`` positions far in each direction; None if nothing is found.
        """
        it, events = self.sides[side], self.timeline.events[side]

        def touches(at: int) -> bool:
            index = events[at]
            changed = it.owners(index)[1] if it.recording.changes(index) and not token.startswith("fn:") else []
            return token in self._touched(side, it.recording.event(index), changed)[0]

        back = range(position, max(position - reach, -1), -1)
        on = range(position + 1, min(position + reach, len(self.timeline)))
        found = next(filter(touches, back), None)
        if found is None or found == position:
            found = next(filter(touches, on), found)
        return found


def _telling(recording: Recording) -> list[int]:
    """The events at which a recording may hold the most: those that change anything, of equal ones the first and the
    last; or the end of each step where they are many."""
    if len(recording.rows) > MANY_ROWS:
        return [step.last for step in recording.steps if step.last >= step.first]
    found = []
    for number, row in enumerate(recording.rows):
        if not row.events:
            continue
        points = sorted({point for point, _ in row.changes} | {len(row.points) - 1})
        first = recording.first_event(number)
        found += [first + unit * len(row.points) + point for unit in sorted({0, row.n - 1}) for point in points]
    return found


def describe(recording: Recording, event: Event) -> str:
    """An event in words: step, function, and what came out of it."""
    step = f"step {event.step + 1}, {recording.steps[event.step].op.op}" if event.step >= 0 else "before the first step"
    name = function_name(event.name, recording.machine.version)
    what = f" = {event.result}" if event.result else ""
    if why := event.detail.get("why"):
        what += f" ({why})"
    return f"{step}: {name}{what}"


# -- one still picture -------------------------------------------------------------------------------
def poster(film: Film, position: int, title: str, words: str = "") -> Picture:
    """One still picture of a position, with all views: for a notebook that is not run, and for GitHub."""
    sides = [_still(film, side, position) for side in range(len(film.sides))]
    events = [film.timeline.events[side][position] for side in range(len(film.sides))]
    if not words:
        recording = film.timeline.recordings[0]
        told = f"{describe(recording, recording.event(events[0]))}."
        numbers = f"{plot.caption(recording, events[0]).capitalize()}."
        between = " " if len(told) + len(numbers) < LINE else "\n"
        words = f"{told}{between}{numbers}"
    lines = words.split("\n")
    head = [text(0, 15, title, "hl-h"), *(text(0, 33 + 16 * i, line, "hl-t") for i, line in enumerate(lines))]
    top = Picture("".join(head), POSTER, 22 + 16 * len(lines), f"{title}. {' '.join(lines)}")
    return framed(below([top, beside(sides)]))


def _still(film: Film, side: int, position: int) -> Picture:
    """The views of one side: in two columns if it is alone, else in one."""
    it, timeline = film.sides[side], film.timeline
    recording, index = it.recording, timeline.events[side][position]
    event = recording.event(index)
    first = recording.steps[event.step].first if event.step >= 0 else 0
    lines = [line for _, line in flow.log_line_events(recording, max(first, index - LOG_BACK), index)][-5:]
    log = "".join(text(0, 12 + 15 * i, line, "hl-m") for i, line in enumerate(lines))
    width = POSTER if len(film.sides) == 1 else plot.WIDTH
    book = Picture(log, width, 15 * len(lines), "")
    chain = call_flow.call_flow(recording, event)
    right = [plot.plot(timeline, side, at=position), it.owners(index)[0], layout(recording, index, it.names)]
    if len(film.sides) == 1:
        return below([beside([chain, below(right)]), book])
    name = Picture(text(0, 12, film.titles[side], "hl-h"), plot.WIDTH, 16, film.titles[side])
    return below([name, *right[:2], chain])
