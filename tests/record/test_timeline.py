"""Positions, places and steps of a timeline; two recordings laid beside each other; where they first differ."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugelab import LESSON, MACHINES, X86_64, Op, Recording, Scenario, lesson, run
from hugelab.record.recording import compare
from hugelab.record.timeline import (
    LEAST,
    SHOWN_UNITS,
    Mark,
    Timeline,
    Unlike,
    first_difference,
    of_one,
    of_two,
    shown_events,
    shown_of_one,
)
from tests.conftest import examples
from tests.programs import scenarios
from tests.views.read import CASES

Pair = tuple[Recording, Recording]


class Two(NamedTuple):
    """Two programs, and the machine of the second one."""

    left: Scenario
    right: Scenario
    machine: str

    def run(self) -> Pair:
        return run(self.left), run(self.right, self.machine)


@st.composite
def twos(draw: st.DrawFn) -> Two:
    """Programs that have much in common: the same on two machines, or with a step more, less or other."""
    scenario = draw(scenarios(st.just("")))
    steps = list(scenario.steps)
    at = draw(st.integers(5, len(steps) - (steps[-1].op == "exit")))
    other = scenario
    match draw(st.sampled_from(["machine", "less", "more", "pool", "touch"])):
        case "less":
            other = replace(scenario, steps=tuple(steps[:at]))
        case "more":
            other = scenario.then("stat", path="m/a").then("set_nr", n=draw(st.integers(0, 9)))
        case "pool":
            other = replace(scenario, nr=draw(st.integers(0, 12)))
        case "touch":
            touch = Op("touch", {"map": "A", "page": 0, "count": draw(st.integers(1, 7)), "mode": "w"})
            other = replace(scenario, steps=(*steps[:at], touch, *steps[at:]))
    return Two(scenario, other, draw(st.sampled_from(list(MACHINES))))


def check(timeline: Timeline) -> None:
    """Places grow from 0 to 1, every step can be seen, and events and positions name each other."""
    places = [timeline.place(position) for position in range(len(timeline))]
    assert places[0] == 0
    assert len(places) == 1 or places[-1] == pytest.approx(1)
    assert all(one < after for one, after in pairwise(places)), "each position has its own place"
    positions = [mark.position for mark in timeline.marks]
    assert positions == sorted(positions)
    assert [mark.step for mark in timeline.marks] == list(range(len(timeline.marks)))
    least = min(LEAST, 0.5 / max(len(positions), 1)) / 1.5
    for begin, end in pairwise([0, *positions[1:], len(timeline) - 1]):  # the boot is in the room of the first step
        assert timeline.place(end) - timeline.place(begin) >= least - 1e-9 or begin == end
    for side, events in enumerate(timeline.events):
        for event in range(len(timeline.recordings[side])):
            first = next((at for at, shown in enumerate(events) if shown >= event), len(timeline) - 1)
            assert timeline.position(event, side) == first
    knots = dict(timeline.knots)
    assert all(timeline.place(position) == pytest.approx(place) for position, place in knots.items())


# -- one recording -----------------------------------------------------------------------------------
@given(scenarios())
@settings(max_examples=40)
def test_every_event_of_one(scenario: Scenario) -> None:
    """All of them, in order; the marks are the steps."""
    recording = run(scenario)
    timeline = of_one(recording)
    assert list(timeline.events[0]) == list(range(len(recording)))
    assert timeline.marks == [Mark(step.first, step.index, step.op.op) for step in recording.steps]
    check(timeline)
    check(shown_of_one(recording))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_recorded_cases(case: Scenario) -> None:
    """Long programs, too: each step keeps its room."""
    recording = run(case)
    check(of_one(recording))
    assert shown_events(recording) == list(range(len(recording))), "none of them has a long stretch"


def test_steps_with_few_events_are_seen_beside_a_million_faults() -> None:
    """The ten events of an open get their least room, and the faults do not get everything."""
    timeline = of_one(run(lesson(1_000_000, 1_000_000), X86_64))
    places = [*(timeline.place(mark.position) for mark in timeline.marks), 1.0]
    rooms = dict(zip((mark.label for mark in timeline.marks), (b - a for a, b in pairwise(places)), strict=True))
    assert len(timeline) > 10_000_000
    assert min(rooms.values()) > LEAST / 1.5
    assert min(rooms["touch"], rooms["unlink"]) > 0.3, "two events a page each way"
    assert len(timeline.knots) < 200


@pytest.mark.parametrize("pages", [SHOWN_UNITS, SHOWN_UNITS + 1, SHOWN_UNITS + 2, 500])
def test_of_a_long_stretch_the_first_and_the_last(pages: int) -> None:
    """20 page faults with all their events, and the last one; everything else completely."""
    recording = run(lesson(pages, pages), X86_64)
    shown = shown_events(recording)
    assert shown == sorted(set(shown))
    assert shown[-1] == len(recording) - 1
    events = [recording.event(index) for index in shown]
    faults = [event.unit for event in events if (event.name, event.moment) == ("hugetlb_fault", "start")]
    assert faults == [*range(min(pages, SHOWN_UNITS)), *([pages - 1] if pages > SHOWN_UNITS else [])]
    hidden = set(range(len(recording))) - set(shown)
    assert bool(hidden) == (pages > SHOWN_UNITS + 1)
    assert all(SHOWN_UNITS <= recording.event(i).unit < pages - 1 for i in hidden)
    check(shown_of_one(recording))


def test_a_timeline_of_one_event() -> None:
    """One position, at place 0."""
    recording = run(Scenario("nothing", mounts={}).then("open", fd="f", path="m/a", flags=["O_MAGIC"]))
    timeline = of_one(recording)
    assert len(timeline) == 1
    assert timeline.place(0) == 0
    assert timeline.marks == []
    assert timeline.position(0) == timeline.position(9) == 0
    check(timeline)


def test_positions_outside_are_the_nearest() -> None:
    """What lies before the first event or behind the last."""
    timeline = of_one(run(lesson()))
    assert timeline.position(-5) == 0
    assert timeline.position(10**9) == len(timeline) - 1
    shown = shown_of_one(run(lesson()))
    assert shown.position(10**9) == len(shown) - 1


# -- two recordings ----------------------------------------------------------------------------------
@given(twos())
@examples(60)
def test_two_have_all_their_events_in_order(two: Two) -> None:
    """Each side goes forwards only and leaves nothing out; at each position at least one of them moves."""
    pair = two.run()
    timeline = of_two(*pair)
    for recording, events in zip(pair, timeline.events, strict=True):
        assert list(dict.fromkeys(events)) == shown_events(recording)
    moves = list(zip(*timeline.events, strict=True))
    assert all(a <= c and b <= d and (a, b) != (c, d) for (a, b), (c, d) in pairwise(moves))
    check(timeline)


@given(twos())
@settings(max_examples=40)
def test_steps_of_two_stay_together(two: Two) -> None:
    """While both have a step of a number, neither goes on to the next one alone."""
    pair = two.run()
    timeline = of_two(*pair)
    both = min(len(recording.steps) for recording in pair)
    for a, b in zip(*timeline.events, strict=True):
        mine, theirs = pair[0].step_of(a), pair[1].step_of(b)
        assert mine == theirs or max(mine, theirs) >= both or min(mine, theirs) == max(mine, theirs) - 1
        if mine < theirs:
            assert a == pair[0].steps[mine].last if mine >= 0 else a == pair[0].booted
        elif theirs < mine:
            assert b == pair[1].steps[theirs].last if theirs >= 0 else b == pair[1].booted


@given(scenarios())
@settings(max_examples=30)
def test_equal_recordings_lie_side_by_side(scenario: Scenario) -> None:
    """Each event beside itself, and no difference."""
    timeline = of_two(run(scenario), run(scenario))
    assert list(timeline.events[0]) == list(timeline.events[1]) == list(range(len(timeline.recordings[0])))
    assert first_difference(timeline) is None


def test_a_page_fault_more_is_beside_nothing() -> None:
    """Four faults beside five: equal events at one position, and the other side waits where it has none."""
    left, right = run(lesson(5, touched=4), LESSON), run(lesson(5, touched=5), LESSON)
    timeline = of_two(left, right)
    same = [(a, b) for a, b in zip(*timeline.events, strict=True) if left.event(a)[4:7] == right.event(b)[4:7]]
    assert len(same) >= len(left)
    begins = {mark.label: mark.position for mark in timeline.marks}
    for label in ("mmap", "touch", "munmap", "close", "unlink"):
        a, b = (events[begins[label]] for events in timeline.events)
        assert left.event(a).moment == right.event(b).moment == "start", label


# -- the first difference ----------------------------------------------------------------------------
def alone(left: Recording, right: Recording) -> Unlike:
    found = first_difference(of_two(left, right))
    assert found is not None
    return found


def with_steps(recording: Recording, step: int, **fields: Any) -> Recording:
    """The recording with other fields of one step."""
    steps = list(recording.steps)
    steps[step] = replace(steps[step], **fields)
    return replace(recording, steps=steps)


@given(twos())
@examples(100)
def test_first_difference_agrees_with_the_steps(two: Two) -> None:
    """What compare finds in a step is found at or before its end; where nothing is found, the steps are equal."""
    pair = two.run()
    timeline = of_two(*pair)
    found, difference = first_difference(timeline), compare(*pair)
    if found is None:
        assert difference is None
        keys = [[(event.step, event.name, event.moment, event.counters) for event in recording] for recording in pair]
        assert keys[0] == keys[1], "the kernel did the same"
        return
    assert 0 <= found.position < len(timeline)
    a, b = (events[found.position] for events in timeline.events)
    if found.position:
        before = [events[found.position - 1] for events in timeline.events]
        assert [pair[0].counters(before[0])] == [pair[1].counters(before[1])], "not the first"
    if difference is not None:
        ends = [recording.steps[difference.step].last for recording in pair if difference.step < len(recording.steps)]
        assert a <= ends[0] or b <= ends[-1]
        last = max(timeline.position(end, side) for side, end in enumerate(ends)) if len(ends) == 2 else len(timeline)
        assert found.position <= last


def test_another_function_is_a_difference() -> None:
    """The kernels go other ways in one step: both functions are named."""
    private, shared = run(lesson(private=True), LESSON), run(lesson(), LESSON)
    found = alone(private, shared)
    assert found.words.startswith("step 2: ")
    mine, theirs = found.words.removeprefix("step 2: ").split(" | ")
    a, b = (events[found.position] for events in of_two(private, shared).events)
    assert (mine, theirs) == (private.event(a).name, shared.event(b).name)


def test_counters_are_a_difference() -> None:
    """6.18 takes the reservation with the page, 3.10 when it commits: the function, the number and both values."""
    found = alone(run(lesson(), X86_64), run(lesson(), LESSON))
    assert found.words == "step 3, dequeue_huge_page_vma: reserved 5 | 4"


@pytest.mark.parametrize("pools", [(10, 9), (0, 4)])
def test_pools_of_other_sizes_differ_from_the_start(pools: tuple[int, int]) -> None:
    """Already before the first step."""
    found = alone(*(run(Scenario("pool", nr=nr).then("open", fd="f", path="m/a")) for nr in pools))
    assert found.words == f"before the first step, boot: total {pools[0]} | {pools[1]}"
    assert found.position == 0


def test_what_the_program_gets_is_a_difference() -> None:
    """Outcome or value alone: found at the end of the step."""
    left = run(lesson(), LESSON)
    for fields, words in (({"outcome": "EIO"}, "outcome ok | EIO"), ({"value": 7}, "value None | 7")):
        right = with_steps(run(lesson(), LESSON), 3, **fields)
        found = alone(left, right)
        assert found.words == f"step 4: {words}"
        assert of_two(left, right).events[0][found.position] == left.steps[3].last


def test_a_program_that_ends_early() -> None:
    """The steps that one side does not have: the difference is where it ends, whichever side it is."""
    whole, short = run(lesson(), LESSON), run(lesson(unlink=False), LESSON)
    for pair in ((whole, short), (short, whole)):
        timeline = of_two(*pair)
        found = first_difference(timeline)
        assert found is not None and found.words.startswith("step 6: ")
        assert timeline.marks[5].position == found.position
