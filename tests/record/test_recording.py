"""A Recording: events, counters at each of them, and time travel to any of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugelab import LESSON, MACHINES, X86_64, Counters, Op, Scenario, compare, lesson, load, run
from hugelab.core.units import size_name
from hugelab.linux.machines import Machine
from hugelab.model.kernel import boot, check_case
from hugelab.record.recording import Difference, Recording, compare_step
from hugelab.record.source import record
from tests.conftest import DATA, some
from tests.invariants import dump
from tests.programs import scenarios

COMPLETE = [case for case in load(DATA / "scenarios.json") if check_case(case).complete]
LESSONS = [
    lesson(pages, pool, private, touched, unlink)
    for pages, pool, private, touched, unlink in (
        (5, 10, False, None, True),
        (5, 10, True, None, True),
        (5, 10, False, 2, False),
        (1, 1, False, None, True),
        (11, 10, False, None, True),
        (30, 40, True, 7, True),
    )
]
ALL = [(case, X86_64) for case in COMPLETE] + [(case, machine) for case in LESSONS for machine in MACHINES.values()]
SOME = some(ALL)
MILLION = 1_000_000


def _dumps(recording: Recording) -> list[object]:
    """The whole state before the first event and after each, walking forwards."""
    return [dump(recording.at(index)) for index in range(-1, len(recording))]


# -- at -----------------------------------------------------------------------------------------------
@pytest.mark.full
@pytest.mark.parametrize(("case", "machine"), SOME, ids=[f"{case.name}-{machine.name}" for case, machine in SOME])
def test_state_is_the_same_from_whichever_side(case: Scenario, machine: Machine) -> None:
    """At every event: counters as the event says, and the same whole state forwards, backwards and by a jump."""
    recording = run(case, machine)
    forwards = _dumps(recording)
    size = machine.sizes[0]
    for index in reversed(range(-1, len(recording))):
        state = recording.at(index)
        assert dump(state) == forwards[index + 1], f"backwards to event {index}"
        if index >= 0:
            assert state.counters[size_name(size)] == recording.counters(index, size), index
            assert recording.event(index).counters == recording.counters(index, recording.event(index).size or size)
    for index in (len(recording) - 1, 0, len(recording) // 2, -1, len(recording) // 3, len(recording) - 1):
        assert dump(recording.at(index)) == forwards[index + 1], f"jump to event {index}"


@given(scenarios(), st.data())
@settings(max_examples=60)
def test_any_jump_in_any_program(scenario: Scenario, data: st.DataObject) -> None:
    """Random programs, random jumps: what a jump finds is what a walk found."""
    recording = run(scenario)
    walked = _dumps(recording)
    for index in data.draw(st.lists(st.integers(-1, len(recording) - 1), min_size=1, max_size=20)):
        state = recording.at(index)
        assert dump(state) == walked[index + 1]
        if index >= 0:
            assert state.counters["2M"] == recording.counters(index)


@pytest.mark.parametrize("case", LESSONS, ids=range(len(LESSONS)))
def test_last_event_is_the_state_after_the_run(case: Scenario) -> None:
    """Seeking to the last event, from anywhere, gives the state that the run left."""
    kernel = boot(case, LESSON)
    recording = record(kernel, case)
    left = dump(kernel.state)
    recording._seek(-1)
    assert dump(recording._seek(len(recording) - 1)) == left
    recording._seek(len(recording) // 2)
    assert dump(recording.end) == left


def test_before_the_first_event_there_is_nothing() -> None:
    """at(-1) is before the machine has booted: no event, no record at all, no page in any pool."""
    before = run(lesson(), X86_64).at(-1)
    assert (before.index, before.step, before.event, before.records) == (-1, -1, None, {})
    assert before.counters == {"2M": (0, 0, 0, 0), "1G": (0, 0, 0, 0)}


@pytest.fixture(scope="module")
def million() -> Recording:
    """The lesson's program with a million pages, which is a few rows."""
    return run(lesson(MILLION, MILLION), X86_64)


def test_a_million_pages_are_a_few_rows(million: Recording) -> None:
    """A row a run: a million faults and a million frees are millions of events in a handful of rows."""
    assert len(million) > 10 * MILLION
    assert len(million.rows) < 30


@given(data=st.data())
@settings(max_examples=40)
def test_events_of_a_million_pages(million: Recording, data: st.DataObject) -> None:
    """Sampled events of it: the state has the event's counters, and is the same reached from either end."""
    index = data.draw(st.integers(0, len(million) - 1))
    million._seek(data.draw(st.sampled_from([-1, len(million) - 1])))
    state = million.at(index)
    assert state.counters["2M"] == million.counters(index)
    first = dump(state)
    million._seek(data.draw(st.integers(-1, len(million) - 1)))
    assert dump(million._seek(index)) == first


def test_a_fault_in_the_middle_of_a_million(million: Recording) -> None:
    """The 500,000th fault stands where a single one would: address, page, pfn and counters move by one each."""
    first = next(event for event in million if event.name == "dequeue_huge_page_vma")
    points = len(million.rows[first.row].points)
    event = million.event(first.index + 499_999 * points)
    assert first.addr is not None and first.pfn is not None
    assert (event.name, event.page) == ("dequeue_huge_page_vma", 499_999)
    assert event.addr == first.addr + 499_999 * (2 << 20)
    assert event.pfn == first.pfn + 499_999 * 512
    assert event.counters == Counters(MILLION, MILLION - 500_000, MILLION - 499_999, 0)  # 6.18 pays a moment later


@pytest.mark.parametrize(("machine", "rsvd"), [(LESSON, 4), (X86_64, 5)], ids=["3.10", "6.18"])
def test_when_a_reservation_is_used(machine: Machine, rsvd: int) -> None:
    """At the dequeue free is 9, and resv 4 in 3.10, still 5 later; both have moved when alloc ends."""
    events = [event for event in run(lesson(), machine) if event.page == 0]
    at = {(event.name, event.moment): event.counters for event in reversed(events)}
    assert at["dequeue_huge_page_vma", ""] == Counters(10, 9, rsvd, 0)
    assert at["alloc_huge_page", "success"] == Counters(10, 9, 4, 0)


# -- events -------------------------------------------------------------------------------------------
def test_lesson_counters_step_by_step() -> None:
    """10/10/0/0, mmap 10/10/5/0, faults 10/5/0/0, munmap and close the same, unlink 10/10/0/0."""
    steps = run(lesson(), LESSON).steps
    shown = [(step.op.op, str(step.counters["2M"])) for step in steps]
    assert shown == [
        ("open", "10/10/0/0"),
        ("mmap", "10/10/5/0"),
        ("touch", "10/5/0/0"),
        ("munmap", "10/5/0/0"),
        ("close", "10/5/0/0"),
        ("unlink", "10/10/0/0"),
    ]


def test_available_is_free_minus_reserved() -> None:
    """After the lesson's mmap 10 pages are free but only 5 are available (docs/lesson.md)."""
    counters = run(lesson(), LESSON).steps[1].counters["2M"]
    assert (counters.free, counters.available, counters.in_use) == (10, 5, 0)


def test_steps_divide_the_events() -> None:
    """Steps follow one another without gap or overlap, from the first event after boot and mount to the last."""
    for case, machine in ALL:
        recording = run(case, machine)
        at = recording.steps[0].first
        for step in recording.steps:
            assert step.first == at
            assert step.last >= step.first
            assert recording.step_of(step.first) == recording.step_of(step.last) == step.index
            at = step.last + 1
        assert at == len(recording)
        assert recording.step_of(0) == -1


def test_each_step_begins_and_ends_at_its_system_call() -> None:
    """The first event of a step enters the kernel, the last returns the step's outcome."""
    for step in (recording := run(lesson(), LESSON)).steps:
        first, last = recording.event(step.first), recording.event(step.last)
        assert (first.name, first.moment, last.moment) == (last.name, "start", "return")
        assert last.result == step.outcome == "ok"


@pytest.mark.parametrize("index", [-1, -2, 10**9])
def test_no_such_event(index: int) -> None:
    """Outside 0 .. len-1 there is no event, and counters of none."""
    recording = run(lesson(), LESSON)
    with pytest.raises(IndexError):
        recording.event(index)
    with pytest.raises(IndexError):
        recording.counters(index)


def test_iteration_gives_every_event_once() -> None:
    """Iterating and indexing agree."""
    recording = run(lesson(), LESSON)
    events = list(recording)
    assert [event.index for event in events] == list(range(len(recording)))
    assert events[7] == recording.event(7)


# -- compare ------------------------------------------------------------------------------------------
def test_equal_recordings_do_not_differ() -> None:
    """The model is the same every time."""
    assert compare(run(lesson(), LESSON), run(lesson(), LESSON)) is None


def test_compare_finds_the_first_step_that_differs() -> None:
    """A private lesson differs from the shared one first where munmap frees: the fourth step."""
    found = compare(run(lesson(private=True), LESSON), run(lesson(), LESSON))
    assert found == Difference(3, "free of 2M", 10, 5)
    assert str(found) == "step 4: free of 2M is 10, expected 5"


def test_compare_looks_at_what_both_know() -> None:
    """A machine with 1 GiB pages and one without, a log that holds no values: only what both have is compared."""
    assert compare(run(lesson(), LESSON), run(lesson(), X86_64)) is None
    of_model, from_log = run(lesson(), LESSON), run(lesson(), LESSON)
    from_log.steps = [replace(step, value=None) for step in from_log.steps]
    assert compare(of_model, from_log) == Difference(2, "value", of_model.steps[2].value, None)
    assert compare(of_model, replace(from_log, source="log")) is None


def test_compare_finds_a_missing_step() -> None:
    """One recording that ends earlier differs there."""
    found = compare(run(lesson(unlink=False), LESSON), run(lesson(), LESSON))
    assert found == Difference(5, "number of steps", 5, 6)


@pytest.mark.parametrize("key", ["outcome", "value", "total", "free", "rsvd", "surp", "1G"])
def test_compare_step_looks_at_every_key(key: str) -> None:
    """Each key of expect counts, also one that only one side has."""
    ours = {"outcome": "ok", "value": 1, "total": 1, "free": 1, "rsvd": 1, "surp": 1, "1G": {"total": 0}}
    assert compare_step(0, ours, dict(ours)) is None
    assert compare_step(2, ours, ours | {key: "x"}) == Difference(2, key, ours[key], "x")
    found = compare_step(2, ours, {k: v for k, v in ours.items() if k != key})
    assert found == Difference(2, key, ours[key], None)
    assert "expected nothing" in str(found)


# -- JSON ---------------------------------------------------------------------------------------------
def test_json_has_the_keys_of_expect() -> None:
    """`run --json` speaks the language of scenarios.json: the same keys for each step, the 1G pool if it is watched."""
    for case in COMPLETE:
        out = json.loads(json.dumps(run(case).to_json()))
        assert out["name"] == case.name
        for shown, op in zip(out["steps"], case.steps, strict=True):
            assert op.expect is not None
            assert shown.keys() == op.expect.keys(), op


def test_unsupported_operation_ends_the_recording() -> None:
    """An operation the model lacks has no outcome of the kernel, says why, and nothing after it is run."""
    scenario = replace(
        lesson(),
        steps=(*lesson().steps[:2], Op("madvise", {"map": "ptr", "advice": "MADV_HWPOISON"}), *lesson().steps[2:]),
    )
    recording = run(scenario, LESSON)
    assert [step.outcome for step in recording.steps] == ["ok", "ok", "unsupported"]
    assert "MADV_HWPOISON" in recording.steps[-1].note
    assert recording.steps[-1].counters["2M"] == (10, 10, 5, 0)
