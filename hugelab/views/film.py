"""A recording, or two, as pictures that a browser flips through: what a lab and a self-contained page get.

The ``head`` is what belongs to the whole: plot, the table of steps, what a learner can take along. A ``window`` has
the frames of some positions of the timeline: what the views show there.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..core.text import showable
from ..core.units import BASE_PAGE_SIZE
from ..linux.names import function_name
from ..record import export, flow
from ..record.recording import Event, Recording
from ..record.refusal import first_refusal
from ..record.timeline import Timeline
from . import tables
from .diagrams import call_flow, owners
from .diagrams.layout import layout
from .diagrams.pages import Names
from .diagrams.svg import Picture
from .plots import pool

AROUND = 24  # frames on each side of a position that are sent at once


class Refused(NamedTuple):
    """The first step of a side that did not get what it asked for (from 0): where it was decided, and a sentence."""

    step: int
    position: int
    text: str


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
        self.refusals = [self._refusal(side) for side in range(len(self.sides))]

    def _refusal(self, side: int) -> Refused | None:
        found = first_refusal(self.timeline.recordings[side])
        if found is None:
            return None
        return Refused(found.step, self.timeline.position(max(found.event, 0), side), found.text)

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
            "python": "\n\n".join(export.as_python(recording) for recording in self.timeline.recordings),
            "around": AROUND,
        }

    def _side(self, side: int) -> dict[str, Any]:
        recording = self.timeline.recordings[side]
        return {
            "title": showable(self.titles[side]),
            "figure": pool.pool(self.timeline, side),
            "refusal": list(self.refusals[side] or ()) or None,
            "steps": tables.usage(
                recording,
                [self._end(side, step.last) for step in recording.steps],
                self._end(side, max(recording.booted, 0)),
                refused.step if (refused := self.refusals[side]) else -2,
            ),
            "csv": export.csv_of(recording),
        }

    def _end(self, side: int, last: int) -> int:
        """The position of a step's last event."""
        return self.timeline.position(last, side)

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
        counters = [str(number) for number in pool.numbers(recording.counters(index))]
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

        Looks at most ``reach`` positions far in each direction, and from the program never back into the boot; None if
        nothing is found.
        """
        it, events = self.sides[side], self.timeline.events[side]

        def touches(at: int) -> bool:
            index = events[at]
            changed = it.owners(index)[1] if it.recording.changes(index) and not token.startswith("fn:") else []
            return token in self._touched(side, it.recording.event(index), changed)[0]

        begin = self.timeline.marks[0].position if self.timeline.marks else 0
        back = range(position, max(position - reach, begin - 1 if position >= begin else -1), -1)
        on = range(position + 1, min(position + reach, len(self.timeline)))
        found = next(filter(touches, back), None)
        if found is None or found == position:
            found = next(filter(touches, on), found)
        return found


def describe(recording: Recording, event: Event) -> str:
    """An event in words: step, function, and what came out of it."""
    step = f"step {event.step + 1}, {recording.steps[event.step].op.op}" if event.step >= 0 else "before the first step"
    name = function_name(event.name, recording.machine.version)
    what = f" = {event.result}" if event.result else ""
    if why := event.detail.get("why"):
        what += f" ({why})"
    return f"{step}: {name}{what}"
