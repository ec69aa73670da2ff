"""The positions of a timeline: the events of one recording, or those of two laid beside each other.

A *position* is a whole number from 0; at each one, every side shows one of its events. A position also has a place
between 0 and 1, which the plot and the scrubber share: steps get the room that they need to be seen, so that the ten
events of an open are not lost beside a million page faults.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

from .recording import Recording, compare

SHOWN_UNITS = 20  # where not every event can be shown: of a stretch of equal ones this many, and the last
LEAST = 0.03  # of the whole: the room of a step with few events


class Mark(NamedTuple):
    """The position at which a step begins."""

    position: int
    step: int
    label: str


class Unlike(NamedTuple):
    """The first position at which two sides differ, and what differs there in words."""

    position: int
    words: str


@dataclass
class Timeline:
    """``events[side]`` has the event of each position: ``range(len(recording))`` for all of one recording."""

    recordings: tuple[Recording, ...]
    events: tuple[Sequence[int], ...]
    marks: list[Mark] = field(init=False)
    knots: list[tuple[int, float]] = field(init=False)  # position -> place, straight lines in between

    def __post_init__(self) -> None:
        self.marks = self._steps()
        self.knots = self._places()

    def __len__(self) -> int:
        """The number of positions."""
        return len(self.events[0])

    @cached_property
    def difference(self) -> Unlike | None:
        """The first difference of two recordings; None if there is none, or only one recording."""
        return first_difference(self) if len(self.recordings) == 2 else None

    def position(self, event: int, side: int = 0) -> int:
        """The first position at which a side has come to an event."""
        events = self.events[side]
        if isinstance(events, range):
            return min(max(event, 0), len(self) - 1)
        low = bisect_right(events, event - 1)
        return min(low, len(self) - 1)

    def place(self, position: int) -> float:
        """The place of a position, from 0 to 1."""
        i = min(max(bisect_right(self.knots, position, key=lambda knot: knot[0]), 1), len(self.knots) - 1)
        (p, a), (q, b) = self.knots[i - 1 : i + 1] if len(self.knots) > 1 else (self.knots[0], self.knots[0])
        return a + (b - a) * (position - p) / (q - p) if q != p else a

    def _steps(self) -> list[Mark]:
        """The position at which each step begins, on the first side that has it."""
        marks: list[Mark] = []
        for side, recording in enumerate(self.recordings):
            for step in recording.steps[len(marks) :]:
                if step.last >= step.first:
                    marks.append(Mark(self.position(step.first, side), step.index, step.op.op))
        return marks

    def _places(self) -> list[tuple[int, float]]:
        """Each stretch of equal events counts by what can be seen of it, each step has its least room."""
        ends = sorted({0, len(self) - 1, *(mark.position for mark in self.marks), *self._stretches()})
        weights = [min(b - a, SHOWN_UNITS * 12) for a, b in pairwise(ends)]
        starts = [mark.position for mark in self.marks] or [0]
        total = sum(weights) or 1
        of_step = [0.0] * len(starts)
        owner = [max(bisect_right(starts, a) - 1, 0) for a in ends[:-1]]
        for step, weight in zip(owner, weights, strict=True):
            of_step[step] += weight
        least = min(LEAST, 0.5 / len(starts)) * total
        grown = [max(weight, least) / weight if weight else 1.0 for weight in of_step]
        sizes = [weight * grown[step] for step, weight in zip(owner, weights, strict=True)]
        whole, at, knots = sum(sizes) or 1.0, 0.0, [(0, 0.0)]
        for end, size in zip(ends[1:], sizes, strict=True):
            at += size
            knots.append((end, at / whole))
        return knots

    def _stretches(self) -> list[int]:
        """Positions where the rows of a single recording begin."""
        if len(self.recordings) > 1 or not isinstance(self.events[0], range):
            return []
        recording = self.recordings[0]
        return [recording.first_event(number) for number in range(len(recording.rows))]


def of_one(recording: Recording) -> Timeline:
    """Every event of a recording."""
    return Timeline((recording,), (range(len(recording)),))


def shown_of_one(recording: Recording) -> Timeline:
    """The events of a recording that a page without a kernel can hold."""
    return Timeline((recording,), (shown_events(recording),))


def shown_events(recording: Recording) -> list[int]:
    """Of long stretches of equal events the first ones and the last, of everything else all."""
    shown = []
    for number, row in enumerate(recording.rows):
        points, first = len(row.points), recording.first_event(number)
        units = list(range(min(row.n, SHOWN_UNITS))) + ([row.n - 1] if row.n > SHOWN_UNITS else [])
        shown += [first + unit * points + point for unit in units for point in range(points)]
    return shown


# -- two recordings ----------------------------------------------------------------------------------
def of_two(left: Recording, right: Recording) -> Timeline:
    """Two recordings beside each other: step by step, and in each step equal events at one position."""
    pairs: list[tuple[int, int]] = []
    at = [0, 0]
    shown = [shown_events(recording) for recording in (left, right)]
    for index in range(-1, max(len(left.steps), len(right.steps))):  # -1: before the first step
        chosen = [_of_step(recording, events, index) for recording, events in zip((left, right), shown, strict=True)]
        keys = [[_key(r, event) for event in events] for r, events in zip((left, right), chosen, strict=True)]
        for _, a, b, c, d in SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes():
            for i in range(max(b - a, d - c)):
                if a + i < b:
                    at[0] = chosen[0][a + i]
                if c + i < d:
                    at[1] = chosen[1][c + i]
                pairs.append((at[0], at[1]))
    pairs = pairs or [(0, 0)]
    return Timeline((left, right), ([a for a, _ in pairs], [b for _, b in pairs]))


def _of_step(recording: Recording, events: list[int], index: int) -> list[int]:
    if index < 0:
        return [event for event in events if event <= recording.booted]
    if index >= len(recording.steps):
        return []
    step = recording.steps[index]
    return [event for event in events if step.first <= event <= step.last]


def _key(recording: Recording, index: int) -> tuple[Any, ...]:
    event = recording.event(index)
    return event.proc, event.name, event.moment


def first_difference(timeline: Timeline) -> Unlike | None:
    """The first difference of two recordings: in the kernel's events, in its counters, or in the program's outcomes."""
    left, right = timeline.recordings
    for position, (a, b) in enumerate(zip(*timeline.events, strict=True)):
        one, other = left.event(a), right.event(b)
        step = max(one.step, other.step)
        where = f"step {step + 1}" if step >= 0 else "before the first step"
        if (one.name, one.moment, one.step) != (other.name, other.moment, other.step):
            return Unlike(position, f"{where}: {one.name} | {other.name}")
        mine, theirs = left.counters(a), right.counters(b)
        for name, x, y in zip(("total", "free", "reserved", "surplus"), mine, theirs, strict=True):
            if x != y:
                return Unlike(position, f"{where}, {one.name}: {name} {x} | {y}")
    if found := compare(left, right):
        side = 0 if found.step < len(left.steps) else 1
        steps = timeline.recordings[side].steps
        position = timeline.position(steps[found.step].last, side) if found.step < len(steps) else len(timeline) - 1
        return Unlike(position, f"step {found.step + 1}: {found.what} {found.ours} | {found.theirs}")
    return None
