"""A Moment: the whole state of a kernel right after one event, as an immutable value."""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..core.runs import RunMap
from ..core.state import Counters, Record, Records, State
from ..core.units import size_name

if TYPE_CHECKING:
    from .recording import Event, Recording

_PLAIN = frozenset({int, str, bool, type(None), frozenset, State})  # needs no copy; the State is replaced by the Copy


class Copy(Records):
    """Read-only copies of all records of a State, which refer to each other only."""

    def __init__(self, state: State):
        self._known: dict[int, Record] = {}
        self.records = MappingProxyType({key: self._record(record) for key, record in state.records.items()})
        self.pools = tuple(map(self._record, state.pools))
        del self._known  # its ids may be reused

    @property
    def pending(self) -> Any:
        """The journal of a State, which a Copy lacks. Raises AttributeError."""
        raise AttributeError("a record of a Moment cannot be changed")

    def _record(self, record: Record) -> Record:
        if (known := self._known.get(id(record))) is not None:
            return known
        copy = self._known[id(record)] = object.__new__(type(record))
        values = copy.__dict__
        values.update(record.__dict__)
        for name, value in values.items():
            if (kind := type(value)) not in _PLAIN:
                values[name] = value.frozen() if kind is RunMap else self._value(value)
        values["_state"] = self
        return copy

    def _value(self, value: Any) -> Any:
        if isinstance(value, RunMap):
            return value.frozen()
        if isinstance(value, Record):
            return self._record(value)
        if isinstance(value, dict):
            return MappingProxyType({key: self._value(item) for key, item in value.items()})
        return tuple(map(self._value, value)) if type(value) is tuple else value


class Moment(Records):
    """A copy of the state right after an event; it costs records and runs, never pages.

    ``index`` is the event's number, -1 before the first. ``records`` (by key) and ``pools`` (struct hstate, default
    size first) are copies of the kernel's structs. A change raises AttributeError (an attribute) or TypeError (a dict
    or a RunMap).
    """

    index: int
    _recording: Recording
    _copy: Copy

    def __init__(self, recording: Recording, index: int, copy: Copy):
        self.__dict__.update(_recording=recording, index=index, _copy=copy, records=copy.records, pools=copy.pools)

    @cached_property
    def event(self) -> Event | None:
        """The event; None before the first."""
        return None if self.index < 0 else self._recording.event(self.index)

    @property
    def step(self) -> int:
        """The number of the event's step, from 0; -1 before the first step."""
        return self._recording.step_of(self.index)

    @property
    def counters(self) -> dict[str, Counters]:
        """The pools by size name (``"2M"``), in pages, as in a step's counters."""
        return {size_name(h.size): h.counters.shown for h in self.pools}

    def __setattr__(self, *change: object) -> None:
        raise AttributeError("a Moment cannot be changed")

    __delattr__ = __setattr__

    def __repr__(self) -> str:
        return f"<Moment after event {self.index}: {', '.join(f'{size} {now}' for size, now in self.counters.items())}>"
