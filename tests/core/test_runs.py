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


def values(run: Run) -> list[int]:
    """The values of a run in key order."""
    return [run.at(key) for key in range(run.start, run.end)]


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
            assert values(gone) == [plain.pop() for _ in range(gone.count)]
        else:
            assert runs.stretch_down(move) == 0
            with pytest.raises(IndexError):
                runs.pop(move)
    assert [value for run in runs for value in values(run)] == plain


def test_neighbours_that_continue_are_joined() -> None:
    """Five faults in a row are one run; what does not continue stays apart."""
    runs = RunMap()
    for key in (0, 2, 1, 4, 3):
        runs.put(Run(key, 1, 100 + key))
    assert list(runs) == [Run(0, 5, 100, 1)]
    runs.put(Run(5, 1, 7))
    runs.put(Run(6, 1, 8, tag="x"))
    assert len(list(runs)) == 3


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
    """at, clip and bounds of a falling run."""
    run = Run(10, 4, 100, -1)
    assert values(run) == [100, 99, 98, 97]
    assert run.bounds == (97, 101)
    assert run.at(13) == 97
    assert run.clip(11, 99) == Run(11, 3, 99, -1)
    assert run.clip(0, 5).count <= 0
    assert values(Run(0, 3, 7)) == [7, 7, 7]
