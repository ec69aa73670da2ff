"""Interval lists: the one data structure under page caches, page tables, region lists and free lists.

A :class:`Run` says that the keys ``start .. start+count-1`` hold ``value, value+step, value+2*step ...``;
a :class:`RunMap` is a sorted list of runs that do not overlap. Five pages of a million cost the same
as a million pages of a million, as long as they lie side by side.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple

_start = itemgetter(0)


class Run(NamedTuple):
    """``count`` keys from ``start`` on; the key ``start + i`` holds ``value + i * step``."""

    start: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which no run needs
    value: int = 0
    step: int = 0
    tag: Any = None

    @property
    def end(self) -> int:
        """The first key after the run."""
        return self.start + self.count

    def at(self, key: int) -> int:
        """The value at a key of the run."""
        return self.value + (key - self.start) * self.step

    def clip(self, start: int, end: int) -> Run:
        """The part of the run inside ``[start, end)``; count is 0 or less when there is none."""
        start = max(start, self.start)
        return Run(start, min(end, self.end) - start, self.at(start), self.step, self.tag)

    @property
    def bounds(self) -> tuple[int, int]:
        """The least value, and the greatest + 1."""
        ends = self.value, self.at(self.end - 1)
        return min(ends), max(ends) + 1

    def _join(self, after: Run) -> Run | None:
        """This run and the run ``after`` it as one; None where their values or tags do not continue."""
        if self.tag != after.tag:
            return None
        step = after.value - self.at(self.end - 1)
        if step not in (-1, 0, 1):
            return None
        if (self.count > 1 and self.step != step) or (after.count > 1 and after.step != step):
            return None
        return Run(self.start, self.count + after.count, self.value, step, self.tag)


class RunMap:
    """A map from whole numbers to whole numbers, kept as runs.

    ``on_change(map, put, run, backwards)`` is called for every change, so that a State can journal it; ``backwards``:
    the change went from the run's last key to its first (a stack that is popped).
    """

    __slots__ = ("_frozen", "_runs", "on_change")

    def __init__(self, on_change: Callable[[RunMap, bool, Run, bool], None] | None = None):
        self._runs: list[Run] = []
        self._frozen: RunMap | None = None  # a read-only copy of the current runs, if there is one
        self.on_change = on_change

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __len__(self) -> int:
        """The number of keys."""
        return sum(run.count for run in self._runs)

    def __bool__(self) -> bool:
        return bool(self._runs)

    def __repr__(self) -> str:
        return f"RunMap({self._runs})"

    def frozen(self) -> RunMap:
        """A read-only copy: its methods that change a map raise TypeError."""
        if self._frozen is None:
            self._frozen = RunMap(_refuse)
            self._frozen._runs = tuple(self._runs)  # type: ignore[assignment]  # a tuple: put_quietly fails, too
        return self._frozen

    @property
    def end(self) -> int:
        """The last key + 1; 0 when empty."""
        return self._runs[-1].end if self._runs else 0

    def find(self, key: int) -> Run | None:
        """The run that holds a key, or None."""
        i = bisect_right(self._runs, key, key=_start) - 1
        if i >= 0 and key < self._runs[i].end:
            return self._runs[i]
        return None

    def get(self, key: int) -> int | None:
        """The value at a key, or None."""
        run = self.find(key)
        return None if run is None else run.at(key)

    def stretch(self, key: int, limit: int) -> tuple[Run | None, int]:
        """The run that holds ``key`` (None: no run does), and the first key, at most ``limit``, where that changes."""
        i = bisect_right(self._runs, key, key=_start) - 1
        if i >= 0 and key < self._runs[i].end:
            return self._runs[i], min(self._runs[i].end, limit)
        nearest = self._runs[i + 1].start if i + 1 < len(self._runs) else limit
        return None, min(nearest, limit)

    def within(self, start: int, end: int) -> list[Run]:
        """The runs inside ``[start, end)``, cut to it, in key order."""
        i = max(bisect_right(self._runs, start, key=_start) - 1, 0)
        found = []
        while i < len(self._runs) and self._runs[i].start < end:
            if self._runs[i].end > start:
                found.append(self._runs[i].clip(start, end))
            i += 1
        return found

    def held(self, start: int, end: int) -> int:
        """The number of keys inside ``[start, end)``."""
        return sum(run.count for run in self.within(start, end))

    def gaps(self, start: int, end: int) -> list[tuple[int, int]]:
        """The stretches ``(start, end)`` inside ``[start, end)`` that no run holds."""
        found = []
        for run in self.within(start, end):
            if run.start > start:
                found.append((start, run.start))
            start = run.end
        if start < end:
            found.append((start, end))
        return found

    def put(self, run: Run, backwards: bool = False) -> None:
        """Add a run; joins its neighbours where it can. Raises ValueError if a key is taken."""
        if run.count <= 0:
            return
        if self.held(run.start, run.end):
            raise ValueError(f"{run} overlaps a run of the map")
        if self.on_change:
            self.on_change(self, True, run, backwards)
        self.put_quietly(run)

    def cut(self, start: int, end: int, backwards: bool = False) -> list[Run]:
        """Remove the keys ``[start, end)``; returns the removed runs in the order of removal."""
        gone = self.within(start, end)
        for run in reversed(gone) if backwards else gone:
            if self.on_change:
                self.on_change(self, False, run, backwards)
            self.cut_quietly(run)
        return gone[::-1] if backwards else gone

    def put_quietly(self, run: Run) -> None:
        """``put`` of a run that fits, without calling ``on_change``: for undo and redo."""
        runs, self._frozen = self._runs, None
        i = bisect_right(runs, run.start, key=_start)
        if i < len(runs) and runs[i].start == run.end and (joined := run._join(runs[i])):
            run = joined
            del runs[i]
        if i and runs[i - 1].end == run.start and (joined := runs[i - 1]._join(run)):
            runs[i - 1] = joined
        else:
            runs.insert(i, run)

    def cut_quietly(self, gone: Run) -> None:
        """``cut`` of keys inside one run, without calling ``on_change``."""
        i = bisect_right(self._runs, gone.start, key=_start) - 1
        run = self._runs[i]
        self._frozen = None
        left, right = run.clip(run.start, gone.start), run.clip(gone.end, run.end)
        self._runs[i : i + 1] = [part for part in (left, right) if part.count > 0]

    def push(self, value: int, count: int = 1, step: int = 0) -> None:
        """Push values on the map as on a stack; the last value is the top."""
        self.put(Run(self.end, count, value, step))

    def stretch_down(self, most: int) -> int:
        """The number of values that ``pop(most)`` would return."""
        return min(self._runs[-1].count, most) if self._runs else 0

    def pop(self, most: int = 1) -> Run:
        """Pop up to ``most`` values in one run, top value first, with keys from 0. Raises IndexError if empty."""
        top = self._runs[-1]
        (gone,) = self.cut(max(top.start, top.end - most), top.end, backwards=True)
        return Run(0, gone.count, gone.at(gone.end - 1), -gone.step)


def _refuse(*change: object) -> None:
    raise TypeError("a run map of a Moment cannot be changed")
