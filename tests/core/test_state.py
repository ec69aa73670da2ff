"""The journal: undo, redo, shorten and roll back of records and runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugelab.core.runs import Run, RunMap
from hugelab.core.state import Counters, Record, State


class Box(Record):
    """A record with a number, a name and a map."""

    number: int
    name: str
    runs: RunMap

    def __init__(self, state: State, key: str):
        super().__init__(state, key, number=0, name="", runs=state.runs())


def _machine() -> tuple[State, Box]:
    state = State()
    state.row("P")
    box = state.enter(Box(state, "box"))
    state.point("born")
    return state, box


def _look(state: State) -> dict[str, tuple[int, str, list[tuple[int, int]]]]:
    found = {}
    for key, box in state.records.items():
        assert isinstance(box, Box)
        items = [(key, run.at(key)) for run in box.runs for key in range(run.start, run.end)]
        found[key] = (box.number, box.name, items)
    return found


def test_a_row_of_many_moves_by_equal_parts() -> None:
    """Four equal units move a number by a quarter of the change each, and put a quarter of the keys each."""
    state, box = _machine()
    state.row("P", 4)
    box.number += 8
    box.runs.put(Run(0, 4, 10, 1))
    state.point("work")
    state.finish()
    for unit in (0, 3, 1, 4, 2):
        state.goto(1, unit, 0) if unit < 4 else state.goto(2, 0, 0)
        assert (box.number, len(box.runs)) == (2 * unit, unit)
        assert [run.value for run in box.runs] == ([10] if unit else [])


def test_a_row_that_pops_goes_from_the_top() -> None:
    """Three units of a stack of four: each takes the highest that is left."""
    state, box = _machine()
    box.runs.push(10, 4, 1)
    state.point("pushed")
    state.row("P", 3)
    box.runs.pop(3)
    state.point("work")
    state.finish()
    for unit in (2, 0, 1):
        state.goto(1, unit, 0)
        assert _look(state) == {"box": (0, "", [(key, 10 + key) for key in range(4 - unit)])}


def test_shorten_takes_back_what_was_not_reached() -> None:
    """A row made three units long keeps three units of every change."""
    state, box = _machine()
    state.row("P", 5)
    box.number = 10
    box.runs.put(Run(0, 5, 1, 1))
    state.point("work")
    state.shorten(3)
    assert _look(state) == {"box": (6, "", [(0, 1), (1, 2), (2, 3)])}
    assert state.rows[-1].events == 3
    state.finish()
    state.goto(0, 0, 0)
    assert state.records == {}
    state.goto(2, 0, 0)
    assert _look(state) == {"box": (6, "", [(0, 1), (1, 2), (2, 3)])}


def test_rollback_forgets_a_call() -> None:
    """After rollback neither records, values nor rows of the call are left."""
    state, box = _machine()
    before = _look(state)
    state.row("P")
    box.name, box.number = "changed", 5
    state.point("one")
    other = state.enter(Box(state, "other"))
    state.row("P")
    other.runs.put(Run(3, 2))
    state.point("two")
    state.leave(box)
    state.rollback(1)
    assert _look(state) == before
    assert len(state.rows) == 1
    assert not state.pending


def test_setting_an_equal_value_is_no_change() -> None:
    """Only what changes is journaled."""
    state, box = _machine()
    box.number = 0
    assert not state.pending
    box.number = 1
    assert len(state.pending) == 1


_moves = st.lists(
    st.one_of(
        st.tuples(st.just("number"), st.integers(-3, 3)),
        st.tuples(st.just("name"), st.integers(0, 2)),
        st.tuples(st.just("push"), st.integers(1, 3)),
        st.tuples(st.just("pop"), st.integers(1, 3)),
        st.tuples(st.just("cut"), st.integers(0, 5)),
        st.tuples(st.just("enter"), st.integers(0, 2)),
        st.tuples(st.just("leave"), st.integers(0, 2)),
        st.tuples(st.just("point"), st.just(0)),
        st.tuples(st.just("row"), st.just(0)),
    ),
    max_size=30,
)


def _do(state: State, box: Box, move: str, n: int) -> None:
    if move == "number":
        box.number += n
    elif move == "name":
        box.name = "abc"[n]
    elif move == "push":
        box.runs.push(10 * n, n, 1 if n > 1 else 0)
    elif move == "pop" and box.runs:
        box.runs.pop(n)
    elif move == "cut":
        box.runs.cut(n, n + 2)
    elif move == "enter" and f"more{n}" not in state.records:
        state.enter(Box(state, f"more{n}"))
    elif move == "leave" and f"more{n}" in state.records:
        state.leave(state.records[f"more{n}"])
    elif move == "row":
        state.row("P")
        state.point("begin")


@given(_moves, st.data())
def test_every_point_can_be_visited_again(moves: list[tuple[str, int]], data: st.DataObject) -> None:
    """What the state was after each point, it is again whenever one goes there, from anywhere."""
    state, box = _machine()
    seen = {(0, 1): _look(state)}
    for move, n in moves:
        _do(state, box, move, n)
        if move == "row":
            seen[(len(state.rows) - 1, 1)] = _look(state)
        if move == "point":
            state.point("more")
            seen[(len(state.rows) - 1, len(state.rows[-1].points))] = _look(state)
    state.point("end")
    seen[(len(state.rows) - 1, len(state.rows[-1].points))] = _look(state)
    state.finish()
    last = {row: max(points for r, points in seen if r == row) for row, _ in seen}
    for row, points in data.draw(st.lists(st.sampled_from(sorted(seen)), max_size=12)):
        if points == last[row]:  # changes after the last point of a row belong to it
            continue
        state.goto(row, 0, points)
        assert _look(state) == seen[row, points]
    state.goto(len(state.rows), 0, 0)
    assert _look(state) == seen[max(seen)]


def test_counters_read_as_in_the_course() -> None:
    """total/free/rsvd/surp, and what follows from them."""
    counters = Counters(12, 7, 5, 2)
    assert str(counters) == "12/7/5/2"
    assert (counters.available, counters.in_use) == (2, 5)


def test_records_come_in_the_order_they_were_made() -> None:
    """State.of sorts by birth, also when a record left and came back by time travel."""
    state, _box = _machine()
    for name in ("z", "a", "m"):
        state.row("P")
        state.enter(Box(state, name))
        state.point("more")
    state.finish()
    state.goto(1, 0, 0)
    state.goto(4, 0, 0)
    assert [box.key for box in state.of(Box)] == ["box", "z", "a", "m"]
    assert {record.key for record in state} == {"box", "z", "a", "m"}
    with pytest.raises(KeyError):
        state.records["nobody"]
