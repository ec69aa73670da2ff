"""A Recording is a value: no look moves another, no view changes anything, and what a look gives stays as it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import delitem, setitem
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugelab import LESSON, X86_64, Counters, Recording, Scenario, lesson, load, run
from hugelab.core.runs import Run, RunMap
from hugelab.core.state import Record
from hugelab.linux.names import function_name
from hugelab.linux.structs import inode, mm_struct, vm_area_struct
from hugelab.record import recording as recordings
from hugelab.record.invariants import broken, in_flight, unsound
from hugelab.record.refusal import first_refusal
from hugelab.record.timeline import of_one
from hugelab.views.film import Film
from hugelab.views.plots.pool import pool
from tests.conftest import DATA
from tests.invariants import dump
from tests.programs import scenarios
from tests.views.read import drawn

CASE = {case.name: case for case in load(DATA / "scenarios.json")}
UNDERFLOW = CASE["quirk_fork_parent_dontneed_while_child_maps"]


def fresh(recording: Recording, index: int) -> dict[str, Any]:
    """What a recording that nobody has looked at holds at an event."""
    return dump(run(recording.scenario, recording.machine).at(index))


# -- looks ----------------------------------------------------------------------------------------------
@given(scenarios(), st.data())
@settings(max_examples=40)
def test_no_look_moves_another(scenario: Any, data: st.DataObject) -> None:
    """Random events in random order, all Moments held: each is what a fresh look finds, and what it was at first."""
    recording = run(scenario)
    held = []
    for index in data.draw(st.lists(st.integers(-1, len(recording) - 1), min_size=1, max_size=3 * recordings.LAST)):
        moment = recording.at(index)
        held.append((moment, dump(moment)))
    for moment, first in held:
        recording._moments.clear()
        assert dump(moment) == first == fresh(recording, moment.index)


@pytest.mark.parametrize(
    "view",
    [
        lambda recording: Film(of_one(recording)).whole(),
        lambda recording: Film(of_one(recording)).head(),
        first_refusal,
        lambda recording: drawn(recording, 30),
        lambda recording: pool(of_one(recording)),
        unsound,
        lambda recording: recording.to_dataframe("event"),
    ],
    ids=["film", "head", "refusal", "owners", "plot", "rules", "table"],
)
def test_no_view_changes_anything(view: Callable[[Recording], Any]) -> None:
    """The lesson ends with 10/10/0/0, whatever was drawn of its middle; and a Moment of the middle stays."""
    recording = run(lesson())
    middle, before = recording.at(40), fresh(recording, 40)
    view(recording)
    assert recording.end.counters["2M"] == (10, 10, 0, 0)
    assert dump(middle) == before
    assert dump(recording.end) == fresh(recording, len(recording) - 1)


def test_two_threads_may_look_at_once() -> None:
    """Each gets the state of its own event."""
    recording = run(lesson(300, 300))
    indexes = [index * 7919 % len(recording) for index in range(400)]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            moments = list(pool.map(recording.at, indexes))
    finally:
        sys.setswitchinterval(switch)
    for index, moment in zip(indexes, moments, strict=True):
        assert (moment.index, moment.counters["2M"]) == (index, recording.counters(index))
        assert broken(moment, moving=moving(recording, index)) is None


def moving(recording: Recording, index: int) -> tuple[int, int] | None:
    """The page that the kernel has in its hands, as broken() wants it."""
    flying = in_flight(recording, index)
    return None if flying is None else (recording.event(index).size, flying)


def test_a_terabyte_is_as_quick_as_ten_pages() -> None:
    """A Moment holds as many records and runs for 524,288 pages as for ten."""

    def size(pages: int) -> list[tuple[str, int]]:
        recording = run(lesson(pages, pages), X86_64)
        touch = recording.steps[2]
        moment = recording.at((touch.first + touch.last) // 2)
        maps = [(record.key, value) for record in moment for value in vars(record).values()]
        return [(key, len(list(value))) for key, value in maps if isinstance(value, RunMap)]

    assert size(524_288) == size(10)


# -- what a Moment is ------------------------------------------------------------------------------------
def test_a_moment_knows_its_event_and_its_step() -> None:
    """Number, event, step from 0, and the counters under the names that a step has."""
    recording = run(lesson(), X86_64)
    for step in recording.steps:
        moment = recording.at(step.last)
        assert (moment.index, moment.event, moment.step) == (step.last, recording.event(step.last), step.index)
        assert moment.counters == step.counters
        assert list(moment.counters) == ["2M", "1G"]
    assert recording.end is recording.at(len(recording) - 1) is recording.seek(len(recording) - 1)
    assert recording.at(0).step == -1


def test_an_underflow_is_shown_as_sysfs_shows_it() -> None:
    """rsvd below zero reads 2**64 - 1, as in the step."""
    recording = run(UNDERFLOW)
    assert [recording.at(step.last).counters for step in recording.steps] == [step.counters for step in recording.steps]
    assert max(step.counters["2M"].rsvd for step in recording.steps) == 2**64 - 1


@pytest.mark.parametrize("index", [-2, 99, 10**9])
def test_no_moment_outside(index: int) -> None:
    """One clear line."""
    recording = run(lesson())
    assert len(recording) == 99
    with pytest.raises(IndexError, match=f"^no event {index}: the recording has 99, the first is 0$"):
        recording.at(index)


def test_records_refer_to_records_of_their_moment() -> None:
    """Never to those of another Moment; what a struct computes of others is that of its Moment."""
    recording = run(lesson(), LESSON)
    mapped, closed = recording.at(recording.steps[1].last), recording.at(recording.steps[4].last)
    for moment in (mapped, closed):
        (node,) = [node for node in moment.of(inode) if node.h]
        assert node.h is moment.pools[0] is moment.records["hstate/2M"]
        assert node.sb is moment.records[node.sb.key] and node.resv_map is moment.records[node.resv_map.key]
    (vma,) = mapped.of(vm_area_struct)
    assert vma.inode is mapped.records[vma.inode.key] and vma.mm is mapped.of(mm_struct)[0]
    assert (vma.inode.files, vma.inode.mappings) == (1, 1)
    assert closed.of(vm_area_struct) == [] and closed.records[vma.inode.key].files == 0  # type: ignore[attr-defined]
    assert set(mapped) == set(mapped.records.values())
    assert mapped.every(inode) == mapped.of(inode)


@pytest.mark.parametrize("name", CASE)
def test_no_way_leads_back_to_what_moves(name: str) -> None:
    """Whatever a record of a Moment refers to, however far, is of the same Moment and cannot be changed."""
    moment = run(CASE[name]).end
    seen: dict[int, Record] = {}
    ways = list(vars(moment).values())[-2:]  # records and pools
    while ways:
        value = ways.pop()
        assert not isinstance(value, dict | list)
        if isinstance(value, RunMap):
            assert isinstance(value._runs, tuple)
        elif isinstance(value, Record) and id(value) not in seen:
            seen[id(value)] = value
            assert value.state is moment._copy  # type: ignore[comparison-overlap]
            ways += [held for field, held in vars(value).items() if field != "_state"]
        elif isinstance(value, MappingProxyType):
            ways += value.values()
        elif isinstance(value, tuple):
            ways += value
    assert set(moment) <= set(seen.values())


def test_few_moments_are_kept() -> None:
    """A walk through a recording costs the memory of its last ones."""
    recording = run(lesson())
    for index in range(len(recording)):
        recording.at(index)
    assert list(recording._moments) == list(range(len(recording) - recordings.LAST, len(recording)))


# -- nothing can be changed --------------------------------------------------------------------------------
CHANGES: dict[str, tuple[type[Exception], Callable[[Any, Any], object]]] = {
    "set": (AttributeError, lambda moment, mm: setattr(moment.pools[0], "free_huge_pages", 3)),
    "set the same": (AttributeError, lambda moment, mm: setattr(mm, "pid", mm.pid)),
    "set a new one": (AttributeError, lambda moment, mm: setattr(mm, "other", 1)),
    "count": (AttributeError, lambda moment, mm: moment.pools[0].count(moment.pools[0].nodes[0], free=1)),
    "delete": (AttributeError, lambda moment, mm: delattr(mm, "pid")),
    "put": (TypeError, lambda moment, mm: moment.of(inode)[-1].i_pages.put(Run(99, 1, 1))),
    "cut": (TypeError, lambda moment, mm: mm.tables[2 << 20].cut(0, 1 << 60)),
    "pop": (TypeError, lambda moment, mm: moment.pools[0].nodes[0].freelist.pop()),
    "put quietly": (AttributeError, lambda moment, mm: moment.of(inode)[-1].i_pages.put_quietly(Run(99, 1, 1))),
    "cut quietly": (TypeError, lambda moment, mm: mm.tables[2 << 20].cut_quietly(next(iter(mm.tables[2 << 20])))),
    "dict": (TypeError, lambda moment, mm: setitem(mm.fds, "f", None)),
    "records": (TypeError, lambda moment, mm: delitem(moment.records, "mm/P")),
    "pools": (TypeError, lambda moment, mm: setitem(moment.pools, 0, None)),
    "moment": (AttributeError, lambda moment, mm: setattr(moment, "index", 3)),
    "delete of moment": (AttributeError, lambda moment, mm: delattr(moment, "index")),
}


@pytest.mark.parametrize("way", CHANGES)
def test_a_moment_cannot_be_changed(way: str) -> None:
    """Whoever tries is told so, and nothing has changed."""
    recording = run(lesson(), LESSON)
    moment = recording.at(recording.steps[2].last)
    error, change = CHANGES[way]
    with pytest.raises(error):
        change(moment, moment.of(mm_struct)[0])
    moment.counters.clear()  # a dict of its own
    assert dump(moment) == fresh(recording, moment.index)


def test_the_error_says_that_it_is_a_moment() -> None:
    """In one line."""
    moment = run(lesson(), LESSON).end
    for change in (
        lambda: setattr(moment.pools[0], "nr_huge_pages", 1),
        lambda: setattr(moment, "index", 1),
        lambda: moment.pools[0].nodes[0].freelist.push(1),
    ):
        with pytest.raises((AttributeError, TypeError), match=r"of a Moment cannot be changed$|^a Moment cannot"):
            change()


# -- data --------------------------------------------------------------------------------------------------
def test_table_of_steps() -> None:
    """A row a step and page size, in order; steps are numbered as people do."""
    recording = run(CASE["shared_two_processes"])
    table = recording.to_dataframe()
    assert list(table.columns) == ["step", "proc", "op", "outcome", "size", "total", "free", "rsvd", "surp"]
    wanted = [
        (step.index + 1, step.op.proc, step.op.op, step.outcome, size, *now)
        for step in recording.steps
        for size, now in step.counters.items()
    ]
    assert list(table.itertuples(index=False, name=None)) == wanted
    assert len({row[1] for row in wanted}) == 2
    assert {str(table[name].dtype) for name in Counters._fields} == {"uint64"}


def test_table_of_events() -> None:
    """A row an event, in order, with the names of the kernel at hand; an event without a place has NA."""
    recording = run(lesson(), X86_64)
    table = recording.to_dataframe(level="event")
    assert list(table.columns) == [
        *("step", "proc", "event", "moment", "addr", "page", "pfn", "size", "total", "free", "rsvd", "surp")
    ]
    rows = table.astype(object).where(table.notna(), None).itertuples(index=False, name=None)
    for row, event in zip(rows, recording, strict=True):
        name = function_name(event.name, recording.machine.version)
        place = (event.addr, event.page, event.pfn)
        assert row == (event.step + 1, event.proc, name, event.moment, *place, "2M", *event.counters)
    assert "alloc_hugetlb_folio" in set(table.event) and "alloc_huge_page" not in set(table.event)
    assert str(table.addr.dtype) == "UInt64"


def test_tables_are_exact() -> None:
    """An rsvd of 2**64 - 1 stays that, also beside events without an address."""
    recording = run(UNDERFLOW)
    for level in ("step", "event"):
        table = recording.to_dataframe(level)
        assert table.rsvd.max() == 2**64 - 1
        assert table.rsvd.dtype == "uint64"
    empty = run(Scenario("empty")).to_dataframe()
    assert (len(empty), empty.rsvd.dtype) == (0, "uint64")


def test_another_level_is_refused() -> None:
    """In one line."""
    with pytest.raises(ValueError, match=r"^level is \"step\" or \"event\", not 'row'$"):
        run(lesson()).to_dataframe("row")


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"^to_dataframe needs pandas: pip install hugelab\[lab\]$"):
        run(lesson()).to_dataframe()
