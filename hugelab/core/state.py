"""The kernel's structs as records whose every change is journaled.

A :class:`State` holds the records (hstate, inode, resv_map, vm_area_struct, mm_struct ...) that a source fills in, and
a list of :class:`Row`: events with the changes they made. Each change can be undone, so the state can be moved to any
event, forwards or back, and a failed system call leaves no trace.

One row stands for ``n`` equal units one after another (n page faults, n pages freed): it keeps the first unit and how
far each number moves from unit to unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple, TypeVar

from .runs import Run, RunMap


class Counters(NamedTuple):
    """The pool of one page size, in pages, as sysfs shows it.

    total: nr_hugepages (with surplus), free: free_hugepages, rsvd: resv_hugepages, surp: surplus_hugepages.
    """

    total: int
    free: int
    rsvd: int
    surp: int

    @property
    def shown(self) -> Counters:
        """As sysfs prints them: unsigned. A kernel bug can take rsvd below zero; it shows as 2**64-1."""
        return self if self.rsvd >= 0 else self._replace(rsvd=self.rsvd % (1 << 64))

    @property
    def signed(self) -> Counters:
        """With an rsvd that sysfs prints as 2**64 - n as -n."""
        return self if self.rsvd < 1 << 63 else self._replace(rsvd=self.rsvd - (1 << 64))

    @property
    def available(self) -> int:
        """Free pages that are not reserved: free - rsvd. Below zero if more pages are reserved than free."""
        return self.free - self.signed.rsvd

    @property
    def oddity(self) -> str:
        """A sentence on counters that are hard to read; "" for others."""
        if self.signed.rsvd < 0:
            return f"rsvd is {-self.signed.rsvd:,} below zero, a kernel bug: sysfs shows {self.shown.rsvd}"
        if self.available < 0:
            return f"{-self.available:,} more reserved than free"
        return ""

    @property
    def in_use(self) -> int:
        """Pages taken out of the pool: total - free."""
        return self.total - self.free

    def __str__(self) -> str:
        return "/".join(map(str, self.signed))


class Record:
    """A kernel struct. Plain attributes; setting one is journaled. ``key`` is its name in the state.

    A class declares its attributes, with the value that they begin with; a RunMap begins empty.
    """

    key: str
    _state: State
    _made: int
    _first: ClassVar[dict[str, Any]] = {}
    _maps: ClassVar[list[str]] = []

    def __init_subclass__(cls) -> None:
        cls._first = {name: getattr(cls, name) for name in cls.__annotations__ if hasattr(cls, name)}
        cls._maps = [name for name, kind in cls.__annotations__.items() if kind == "RunMap"]

    def __init__(self, state: State, key: str, **attributes: Any):
        state.made += 1
        self.__dict__.update(self._first, _state=state, _made=state.made, key=key)
        for name in self._maps:
            self.__dict__[name] = state.runs()
        self.__dict__.update(attributes)

    @property
    def state(self) -> State:
        """The State that holds the record; for a record of a Moment, the copied records of that Moment."""
        return self._state

    def __setattr__(self, name: str, value: Any) -> None:
        pending, old = self._state.pending, self.__dict__.get(name)  # a Moment refuses here, before anything is set
        if old != value:
            self.__dict__[name] = value
            pending.append(_Set(self, name, old, value))

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{name} of {self!r} cannot be deleted")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key}>"


class _Set:
    """An attribute went from ``old`` to ``new``; in a row of n units, a number goes an n-th of the way in each unit."""

    __slots__ = ("name", "new", "old", "record")

    def __init__(self, record: Record, name: str, old: Any, new: Any):
        self.record, self.name, self.old, self.new = record, name, old, new

    def move(self, n: int, begin: int, end: int) -> None:
        slots = self.record.__dict__
        if type(self.old) is int and type(self.new) is int:
            slots[self.name] += (self.new - self.old) * end // n - (self.new - self.old) * begin // n
        elif begin == 0 or end == 0:
            slots[self.name] = self.new if end else self.old


class _Runs:
    """A run was put into a map, or cut from it: an equal share of its keys in each unit of the row, or of ``units``."""

    __slots__ = ("backwards", "map", "put", "run", "units")

    def __init__(self, runs: RunMap, put: bool, run: Run, backwards: bool, units: tuple[int, int] | None):
        self.map, self.put, self.run, self.backwards, self.units = runs, put, run, backwards, units

    def move(self, n: int, begin: int, end: int) -> None:
        part = self._part(n, min(begin, end), max(begin, end))
        if part.count > 0:
            if self.put == (end > begin):
                self.map.put_quietly(part)
            else:
                self.map.cut_quietly(part)

    def _part(self, n: int, begin: int, end: int) -> Run:
        """The part of the run that the units [begin, end) of n put or cut."""
        run = self.run
        if self.units is not None:
            first, last = self.units
            begin, end = (min(max(unit, first), last) - first for unit in (begin, end))
            n = last - first
        low, high = run.count * begin // n, run.count * end // n
        if self.backwards:
            return run.clip(run.end - high, run.end - low)
        return run.clip(run.start + low, run.start + high)


class _Appear:
    """A record entered the state, or left it."""

    __slots__ = ("enters", "record")

    def __init__(self, record: Record, enters: bool):
        self.record, self.enters = record, enters

    def move(self, n: int, begin: int, end: int) -> None:
        if begin and end:
            return
        if self.enters == (end > begin):
            self.record._state.records[self.record.key] = self.record
        else:
            del self.record._state.records[self.record.key]


# ``move(n, begin, end)`` of a change in a row of n units: ``begin`` units are done, then ``end``.
Change = _Set | _Runs | _Appear


class Point(NamedTuple):
    """A place in the kernel that a row passes: ``name``, the function by its 3.10 name; ``moment``, which of its log
    lines (start, success ...); ``detail``, the fields of that line beside address, page and pfn."""

    name: str
    moment: str
    detail: dict[str, Any]


class Row:
    """``n`` equal passages through ``points``, and what each point changed."""

    __slots__ = ("addr", "before", "changes", "frame", "frame_step", "n", "page", "points", "proc", "size")

    def __init__(self, before: tuple[tuple[int, ...], ...], proc: str, n: int, size: int):
        self.before = before  # the pools when the row begins, one for each page size of the machine
        self.proc = proc
        self.n = n
        self.size = size  # page size in bytes
        self.addr: int | None = None  # virtual address of the first unit; the next is `size` higher
        self.page: int | None = None  # page index in the file or mapping; the next is one higher
        self.frame: int | None = None  # physical address / size; the next is `frame_step` on
        self.frame_step = 0
        self.points: list[Point] = []
        self.changes: list[tuple[int, Change]] = []  # (index of the point that shows it, change)

    @property
    def events(self) -> int:
        """The number of events: units times points."""
        return self.n * len(self.points)


R = TypeVar("R", bound=Record)


class Records:
    """Records by key, for reading: the common part of State and Moment."""

    records: Mapping[str, Record]
    pools: Sequence[Any]  # the hstates, default size first

    def of(self, kind: type[R]) -> list[R]:
        """All records of a class and its subclasses, in the order in which they were made."""
        found = [record for record in self.records.values() if isinstance(record, kind)]
        return sorted(found, key=lambda record: record._made)

    def every(self, kind: type[R]) -> list[R]:
        """All records of exactly this class, in no particular order: faster than ``of``."""
        return [record for record in self.records.values() if type(record) is kind]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records.values())


class State(Records):
    """All records by key, and the rows of the events that changed them."""

    records: dict[str, Record]
    pools: list[Any]

    def __init__(self) -> None:
        self.records = {}
        self.pending: list[Change] = []  # changes since the last point
        self.rows: list[Row] = []
        self.pools = []
        self.made = 0  # records so far, to keep their order
        self.units: tuple[int, int] | None = None  # which units of the row the next changes of runs belong to
        self._row = self._unit = self._points = 0  # the place in time: rows, units, points that are done

    # -- counters --------------------------------------------------------------------------------
    def counters(self) -> tuple[Counters, ...]:
        """The pools now, default size first."""
        return tuple(h.counters for h in self.pools)

    def counter_changes(self, row: Row) -> list[tuple[int, ...]]:
        """A row's changes of pools: (point, index of the pool, index of the counter, pages over all units)."""
        names = ("nr_huge_pages", "free_huge_pages", "resv_huge_pages", "surplus_huge_pages")
        pools = {id(h): i for i, h in enumerate(self.pools)}
        return [
            (at, pools[id(change.record)], names.index(change.name), change.new - change.old)
            for at, change in row.changes
            if isinstance(change, _Set) and id(change.record) in pools and change.name in names
        ]

    # -- called by a source ----------------------------------------------------------------------
    def enter(self, record: R) -> R:
        """Add a record."""
        self.records[record.key] = record
        self.pending.append(_Appear(record, True))
        return record

    def leave(self, record: Record) -> None:
        """Remove a record."""
        del self.records[record.key]
        self.pending.append(_Appear(record, False))

    def runs(self) -> RunMap:
        """An empty RunMap whose changes are journaled here."""
        return RunMap(self._journal)

    def _journal(self, runs: RunMap, put: bool, run: Run, backwards: bool) -> None:
        self.pending.append(_Runs(runs, put, run, backwards, self.units))

    @contextmanager
    def units_of(self, first: int, end: int) -> Iterator[None]:
        """Changes of runs made inside belong to the units [first, end) of the row."""
        self.units = first, end
        try:
            yield
        finally:
            self.units = None

    def row(self, proc: str, n: int = 1, size: int = 0) -> Row:
        """Begin a row; changes made since the last point belong to that point."""
        if self.pending:
            self._settle()
        before = [(h.nr_huge_pages, h.free_huge_pages, h.resv_huge_pages, h.surplus_huge_pages) for h in self.pools]
        row = Row(tuple(before), proc, n, size)
        self.rows.append(row)
        return row

    def point(self, name: str, moment: str = "", **detail: Any) -> None:
        """The current row passes a point, which gets the changes since the last point."""
        self.rows[-1].points.append(Point(name, moment, detail))
        if self.pending:
            self._settle()

    def _settle(self) -> None:
        """The last point gets the pending changes."""
        row = self.rows[-1]
        at = len(row.points) - 1
        row.changes += [(at, change) for change in self.pending]
        self.pending.clear()

    def finish(self) -> None:
        """End the log: the last point gets the pending changes."""
        if self.pending:
            self._settle()
        self._row, self._unit, self._points = len(self.rows), 0, 0

    def rollback(self, rows: int) -> None:
        """Undo and drop the pending changes and all rows from number ``rows`` on (a call that failed)."""
        for change in reversed(self.pending):
            n = self.rows[-1].n
            change.move(n, n, 0)
        self.pending.clear()
        for row in reversed(self.rows[rows:]):
            for _, change in reversed(row.changes):
                change.move(row.n, row.n, 0)
        del self.rows[rows:]

    # -- moving in time --------------------------------------------------------------------------
    def goto(self, row: int, unit: int, points: int) -> None:
        """Move to the time when ``unit`` units of a row are done, and ``points`` points of the next unit."""
        while self._row > row:
            if self._unit or self._points:
                self._move(self._row, 0, 0)
            else:
                self._row -= 1
                self._unit = self.rows[self._row].n
                self._move(self._row, 0, 0)
        while self._row < row:
            self._move(self._row, self.rows[self._row].n, 0)
            self._row, self._unit, self._points = self._row + 1, 0, 0
        if unit or points or self._unit or self._points:
            self._move(row, unit, points)

    def _move(self, row: int, unit: int, points: int) -> None:
        """The same inside the current row: undo or redo the changes in between."""
        n, changes = self.rows[row].n, self.rows[row].changes
        back = (unit, points) < (self._unit, self._points)
        for point, change in reversed(changes) if back else changes:
            begin, end = self._unit + (point < self._points), unit + (point < points)
            if begin != end:
                change.move(n, begin, end)
        self._unit, self._points = unit, points
