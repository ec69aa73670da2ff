"""Interval lists against a plain dict, and the stack that free lists are."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hugelab.core.runs import Run, RunMap

_keys = st.integers(0, 30)
_runs = st.builds(
    Run, _keys, st.integers(0, 8), st.integers(0, 40), st.sampled_from([-1, 0, 1]), st.sampled_from([None, "x"])
)


class AgainstADict(RuleBasedStateMachine):
    """Whatever is put and cut, a RunMap answers as a dict from key to (value, tag) does."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = RunMap()
        self.plain: dict[int, tuple[int, object]] = {}

    @rule(run=_runs)
    def put(self, run: Run) -> None:
        wanted = {key: (run.at(key), run.tag) for key in range(run.start, run.end)}
        if wanted.keys() & self.plain.keys():
            with pytest.raises(ValueError, match="overlaps"):
                self.runs.put(run)
        else:
            self.runs.put(run)
            self.plain |= wanted

    @rule(start=_keys, count=st.integers(0, 12), backwards=st.booleans())
    def cut(self, start: int, count: int, backwards: bool) -> None:
        gone = self.runs.cut(start, start + count, backwards)
        keys = [key for key in sorted(self.plain) if start <= key < start + count]
        got = [(key, run.at(key), run.tag) for run in sorted(gone) for key in range(run.start, run.end)]
        assert got == [(key, *self.plain.pop(key)) for key in keys]
        assert gone == sorted(gone, reverse=backwards)

    @rule(start=_keys, count=st.integers(0, 12))
    def ask(self, start: int, count: int) -> None:
        end = start + count
        inside = [key for key in range(start, end) if key in self.plain]
        assert self.runs.held(start, end) == len(inside)
        assert [key for run in self.runs.within(start, end) for key in range(run.start, run.end)] == inside
        missing = [key for low, high in self.runs.gaps(start, end) for key in range(low, high)]
        assert missing == [key for key in range(start, end) if key not in self.plain]
        assert self.runs.get(start) == (self.plain[start][0] if start in self.plain else None)

    @precondition(lambda self: True)
    @rule(key=_keys, room=st.integers(1, 12))
    def stretch(self, key: int, room: int) -> None:
        run, end = self.runs.stretch(key, key + room)
        assert key < end <= key + room
        assert all((k in self.plain) == (run is not None) for k in range(key, end))
        if run is None:
            assert end == key + room or end in self.plain
        else:
            assert all(run.at(k) == self.plain[k][0] for k in range(key, end))

    @invariant()
    def same(self) -> None:
        shown = {key: (run.at(key), run.tag) for run in self.runs for key in range(run.start, run.end)}
        assert shown == self.plain
        assert len(self.runs) == len(self.plain)
        assert bool(self.runs) == bool(self.plain)
        assert self.runs.end == max(self.plain, default=-1) + 1
        assert all(run.count > 0 for run in self.runs)
        assert all(a.end <= b.start for a, b in pairwise(self.runs))
        assert self.runs.runs == len(list(self.runs))


AgainstADict.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestAgainstADict = AgainstADict.TestCase


@given(
    st.lists(st.one_of(st.integers(1, 5), st.tuples(st.integers(0, 50), st.integers(1, 5), st.sampled_from([-1, 1]))))
)
def test_a_stack_of_runs_is_a_stack(moves: list[int | tuple[int, int, int]]) -> None:
    """push and pop against a plain list: the value pushed last is popped first, up to n of them in one run."""
    runs, plain = RunMap(), list[int]()
    for move in moves:
        if isinstance(move, tuple):
            value, count, step = move
            runs.push(value, count, step if count > 1 else 0)
            plain += [value + i * (step if count > 1 else 0) for i in range(count)]
        elif plain:
            ready = runs.stretch_down(move)
            gone = runs.pop(move)
            assert 1 <= gone.count <= move
            assert gone.count == ready
            assert gone.start == 0
            assert list(gone.values()) == [plain.pop() for _ in range(gone.count)]
        else:
            assert runs.stretch_down(move) == 0
            with pytest.raises(IndexError):
                runs.pop(move)
    assert [value for run in runs for value in run.values()] == plain


@given(st.lists(_runs, max_size=8))
def test_equal_however_they_are_cut(found: list[Run]) -> None:
    """Two maps with equal values at equal keys are equal, also if one was put key by key from the back."""
    whole, single = RunMap(), RunMap()
    for run in found:
        if not whole.held(run.start, run.end):
            whole.put(run)
    items = [(key, run.at(key), run.tag) for run in whole for key in range(run.start, run.end)]
    for key, value, tag in reversed(items):
        single.put(Run(key, 1, value, tag=tag))
    assert single == whole
    if items:
        key, value, tag = items[0]
        single.cut(key, key + 1)
        assert single != whole
        single.put(Run(key, 1, value + 1, tag=tag))
        assert single != whole


def test_one_that_rises_is_not_one_that_falls() -> None:
    """From the same first value; and it costs runs, not keys, to see that a terabyte of values is equal."""
    up, down, parts = RunMap(), RunMap(), RunMap()
    up.put(Run(0, 2, 5, 1))
    down.put(Run(0, 2, 5, -1))
    assert up != down
    up.put(Run(2, 1 << 60, 6, 0))
    parts.put(Run(1, (1 << 60) + 1, 6, 0))
    parts.put(Run(0, 1, 5))
    assert up._runs != parts._runs and up == parts


def test_neighbours_that_continue_are_joined() -> None:
    """Five faults in a row are one run; what does not continue stays apart."""
    runs = RunMap()
    for key in (0, 2, 1, 4, 3):
        runs.put(Run(key, 1, 100 + key))
    assert list(runs) == [Run(0, 5, 100, 1)]
    runs.put(Run(5, 1, 7))
    runs.put(Run(6, 1, 8, tag="x"))
    assert runs.runs == 3


def test_changes_are_told_in_order() -> None:
    """on_change hears every put and cut, and of a pop that it went backwards."""
    heard: list[tuple[bool, int, int, bool]] = []
    runs = RunMap(lambda _map, put, run, backwards: heard.append((put, run.start, run.count, backwards)))
    runs.push(5, 3, 1)
    runs.pop(2)
    runs.cut(0, 1)
    runs.put(Run(0, 0))
    assert heard == [(True, 0, 3, False), (False, 1, 2, True), (False, 0, 1, False)]


def test_run_reads_its_values() -> None:
    """at, clip and values of a falling run."""
    run = Run(10, 4, 100, -1)
    assert list(run.values()) == [100, 99, 98, 97]
    assert run.at(13) == 97
    assert run.clip(11, 99) == Run(11, 3, 99, -1)
    assert run.clip(0, 5).count <= 0
    assert list(Run(0, 3, 7).values()) == [7, 7, 7]
