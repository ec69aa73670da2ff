"""Recordings: the steps, events and counters of a run, with the whole state at any event.

A source (the model, a log) writes rows into a :class:`~hugelab.core.state.State`; a :class:`Recording` reads them. One
row can stand for a million equal events; an :class:`Event` and a :class:`Moment` are made on demand.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.state import Counters, Row, State
from ..core.units import BASE_PAGE_SIZE, size_name
from ..linux.names import function_name
from ..linux.scenario import Op, Scenario
from .moment import Copy, Moment

if TYPE_CHECKING:
    import pandas

    from ..linux.machines import Machine

__all__ = ["Counters", "Difference", "Event", "Moment", "Recording", "Step", "compare"]

LAST = 8  # Moments that are kept, as the views of a frame and of the next frame ask for the same
_COUNTS = dict.fromkeys(Counters._fields, "uint64")  # sysfs shows unsigned longs, and an rsvd of 2**64 - 1 is one
_PLACES = dict.fromkeys(("addr", "page", "pfn"), "UInt64")  # an event may have none


class Event(NamedTuple):
    """One place in the kernel that one process passed.

    ``name`` is the kernel function by its 3.10 name, ``moment`` which of its log lines, ``detail`` the other fields of
    that line. ``addr`` in bytes, ``page`` index in the file, ``pfn`` in 4 KiB pages, each None if the event has none.
    ``counters`` are those of the pool of ``size`` (bytes) right after the event.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index
    step: int
    row: int
    unit: int
    proc: str
    name: str
    moment: str
    addr: int | None
    page: int | None
    pfn: int | None
    size: int
    counters: Counters
    detail: dict[str, Any]

    @property
    def result(self) -> Any:
        """The result of an event that ends a call: an errno or signal name, or a number; else None."""
        return self.detail.get("result")


@dataclass
class Step:
    """One operation and its outcome.

    ``outcome`` is ``"ok"``, an errno name, a signal name or ``"unsupported"`` (``note`` has the reason); ``counters``
    are the pools after it, by size name (``"2M"``); ``first`` and ``last`` are the numbers of its events.
    """

    index: int
    op: Op
    outcome: str
    value: Any
    counters: dict[str, Counters]
    first: int
    last: int
    note: str = ""

    def to_json(self, also_1g: bool = False) -> dict[str, Any]:
        """The step with the keys of ``expect`` in scenarios.json."""
        default = next(iter(self.counters.values()))
        out: dict[str, Any] = {"outcome": self.outcome}
        if self.value is not None:
            out["value"] = self.value
        out.update(default._asdict())
        if also_1g and "1G" in self.counters:
            out["1G"] = self.counters["1G"]._asdict()
        return out


class Difference(NamedTuple):
    """The first difference of two recordings: step (from 0), name of the value, and the two values."""

    step: int
    what: str
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        return f"step {self.step + 1}: {self.what} is {_show(self.ours)}, expected {_show(self.theirs)}"


def _show(value: Any) -> str:
    return "nothing" if value is None else str(value)


@dataclass(repr=False)
class Recording:
    """One run of a scenario: steps, events, and the state at each event.

    ``source`` names its source ("model", "live", "log"). A Recording is a value: reading changes neither it nor results
    of earlier reads, in any thread.
    """

    scenario: Scenario
    machine: Machine
    _state: State  # moved to the event that is read
    source: str = "model"
    steps: list[Step] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)  # events up to and with each row
    _deltas: dict[int, list[tuple[int, ...]]] = field(default_factory=dict)
    _moments: dict[int, Moment] = field(default_factory=dict, compare=False)
    _lock: Lock = field(default_factory=Lock, compare=False)

    def __post_init__(self) -> None:
        self._ends[:] = accumulate(row.events for row in self._state.rows)

    def __len__(self) -> int:
        """The number of events."""
        return self._ends[-1] if self._ends else 0

    def __repr__(self) -> str:
        what = f"{len(self.steps)} steps, {len(self):,} events in {len(self.rows)} rows"
        return f"<Recording of {self.scenario.name} on {self.machine.name}, by {self.source}: {what}>"

    def __iter__(self) -> Iterator[Event]:
        return (self.event(i) for i in range(len(self)))

    @property
    def rows(self) -> list[Row]:
        """The runs of equal events, which are the cost of the recording in memory."""
        return self._state.rows

    # -- events --------------------------------------------------------------------------------------
    def place(self, index: int) -> tuple[int, int, int]:
        """Row, unit and point of an event. Raises IndexError outside 0 .. len-1."""
        if not 0 <= index < len(self):
            raise IndexError(f"no event {index}: the recording has {len(self):,}, the first is 0")
        row = bisect_right(self._ends, index)
        return row, *divmod(index - self.first_event(row), len(self.rows[row].points))

    def event(self, index: int) -> Event:
        """An event by number, from 0."""
        number, unit, point = self.place(index)
        row = self._state.rows[number]
        name, moment, detail = row.points[point]
        addr = None if row.addr is None else row.addr + unit * row.size
        page = None if row.page is None else row.page + unit
        pfn = None if row.frame is None else (row.frame + unit * row.frame_step) * (row.size // BASE_PAGE_SIZE)
        now, step = self._counters(number, unit, point, self._pool(row.size)), self.step_of(index)
        return Event(index, step, number, unit, row.proc, name, moment, addr, page, pfn, row.size, now, detail)

    __getitem__ = event

    def first_event(self, row: int) -> int:
        """The number of a row's first event."""
        return self._ends[row - 1] if row else 0

    def step_of(self, index: int) -> int:
        """The number of an event's step, from 0; -1 for events before the first step."""
        return bisect_right(self.steps, index, key=lambda step: step.first) - 1

    @property
    def booted(self) -> int:
        """The last event before the first step, when pools and mounts exist; -1 if there is none."""
        return self.steps[0].first - 1 if self.steps else len(self) - 1

    # -- counters ------------------------------------------------------------------------------------
    def _pool(self, size: int) -> int:
        return self.machine.sizes.index(size) if size in self.machine.sizes else 0

    def counters(self, index: int, size: int | None = None) -> Counters:
        """The pool of a page size (bytes; the default size if None) right after an event."""
        return self._counters(*self.place(index), self._pool(size or self.machine.sizes[0]))

    def _counters(self, number: int, unit: int, point: int, pool: int) -> Counters:
        row = self._state.rows[number]
        changes = self._changes(number)
        now = list(row.before[pool])
        for at, which, counter, delta in changes:
            if which == pool:
                now[counter] += delta * (unit + (at <= point)) // row.n
        return Counters(*now).shown

    def _changes(self, number: int) -> list[tuple[int, ...]]:
        """A row's changes of pools: (point, index of the pool, index of the counter, pages over all units)."""
        if number not in self._deltas:
            self._deltas[number] = self._state.counter_changes(self._state.rows[number])
        return self._deltas[number]

    # -- time travel ---------------------------------------------------------------------------------
    def at(self, index: int) -> Moment:
        """The whole state right after an event (-1: before the first), as an immutable value.

        Costs runs and records, never pages. Raises IndexError if there is no such event.
        """
        with self._lock:
            if index not in self._moments:
                self._moments[index] = Moment(self, index, self._like(index) or Copy(self._seek(index)))
                if len(self._moments) > LAST:
                    del self._moments[next(iter(self._moments))]
            return self._moments[index]

    seek = at  # its name in older notebooks

    @property
    def end(self) -> Moment:
        """The whole state after the last event."""
        return self.at(len(self) - 1)

    def changes(self, index: int) -> bool:
        """Does an event change the state?"""
        row, _, point = self.place(index)
        return any(at == point for at, _ in self.rows[row].changes)

    def _like(self, index: int) -> Copy | None:
        """The records of the kept Moment before or after this one, if no event between them changes the state."""
        for near, event in ((index - 1, index), (index + 1, index + 1)):
            if near in self._moments and event >= 0 and not self.changes(event):
                return self._moments[near]._copy
        return None

    @contextmanager
    def _standing(self, index: int) -> Iterator[State]:
        """The State itself, at an event for the time of the ``with`` block: read it there, do not keep it."""
        with self._lock:
            yield self._seek(index)

    def _seek(self, index: int) -> State:
        """Move the state to an event."""
        row = unit = points = 0
        if index != -1:
            row, unit, point = self.place(index)
            points = point + 1
            if points == len(self.rows[row].points):
                unit, points = unit + 1, 0
            if unit == self.rows[row].n:
                row, unit = row + 1, 0
        self._state.goto(row, unit, points)
        return self._state

    # -- data ----------------------------------------------------------------------------------------
    def to_dataframe(self, level: str = "step") -> pandas.DataFrame:
        """The recording as a table for your own plots, in order; counters in pages, unsigned as in sysfs.

        ``"step"``: a row for each step and page size; columns step (from 1, as ``hugelab run`` prints it), proc, op,
        outcome, size (``"2M"``), total, free, rsvd, surp. ``"event"``: a row for each event, also of a million equal
        ones; columns step (0 before the first), proc, event (the function by its name in this release), moment, addr
        (bytes), page (index in the file), pfn (in 4 KiB pages), size, total, free, rsvd, surp. Raises ValueError for
        another level, ImportError if pandas is missing.
        """
        if level not in ("step", "event"):
            raise ValueError(f'level is "step" or "event", not {level!r}')
        try:
            import pandas
        except ImportError:
            raise ImportError("to_dataframe needs pandas: pip install hugelab[lab]") from None
        columns: list[str]
        if level == "step":
            columns, types = ["step", "proc", "op", "outcome", "size", *_COUNTS], _COUNTS
            rows = [
                (step.index + 1, step.op.proc, step.op.op, step.outcome, size, *now)
                for step in self.steps
                for size, now in step.counters.items()
            ]
        else:
            columns, types = ["step", "proc", "event", "moment", *_PLACES, "size", *_COUNTS], _PLACES | _COUNTS
            rows = [self._line(event) for event in self]
        return pandas.DataFrame(rows, columns=columns, dtype=object).astype(types).infer_objects()

    def _line(self, event: Event) -> tuple[Any, ...]:
        """An event as a row of a table."""
        name, size = function_name(event.name, self.machine.version), self.machine.sizes[self._pool(event.size)]
        place = event.addr, event.page, event.pfn
        return event.step + 1, event.proc, name, event.moment, *place, size_name(size), *event.counters

    # -- JSON ----------------------------------------------------------------------------------------
    def to_json(self) -> dict[str, Any]:
        """One case of ``hugelab run --json``: the name and the steps with the keys of ``expect``."""
        also_1g = self.scenario.also_1g
        return {"name": self.scenario.name, "steps": [step.to_json(also_1g) for step in self.steps]}


def compare(ours: Recording, theirs: Recording) -> Difference | None:
    """The first step at which two recordings differ in outcome, value or counters, or None.

    Only common parts are compared: a log holds no values, a machine without 1 GiB pages no counters of them.
    """
    values = "log" not in (ours.source, theirs.source)
    for index, (a, b) in enumerate(zip(ours.steps, theirs.steps, strict=False)):
        if a.outcome != b.outcome:
            return Difference(index, "outcome", a.outcome, b.outcome)
        if values and a.value != b.value:
            return Difference(index, "value", a.value, b.value)
        for size in (size for size in a.counters if size in b.counters):
            for name, mine, other in zip(Counters._fields, a.counters[size], b.counters[size], strict=True):
                if mine != other:
                    return Difference(index, f"{name} of {size}", mine, other)
    if len(ours.steps) != len(theirs.steps):
        at = min(len(ours.steps), len(theirs.steps))
        return Difference(at, "number of steps", len(ours.steps), len(theirs.steps))
    return None


def compare_step(index: int, ours: dict[str, Any], theirs: dict[str, Any]) -> Difference | None:
    """The first difference of a step from a recorded one, with the keys of ``expect``.

    A value with several fields is compared in the recorded fields only, as newer values may have more.
    """
    for key in ("outcome", "value", "total", "free", "rsvd", "surp", "1G"):
        mine, other = ours.get(key), theirs.get(key)
        if key == "value" and isinstance(mine, dict) and isinstance(other, dict):
            mine = {name: value for name, value in mine.items() if name in other}
        if mine != other:
            return Difference(index, key, mine, other)
    return None
