"""Driving a kernel step by step: the same recording as all at once, with a chance to look and to stop between steps."""

from __future__ import annotations

import pytest

from hugelab import Scenario, ScenarioError, lesson, load
from hugelab.model.kernel import boot
from hugelab.record.recording import Recording
from hugelab.record.source import record, record_slowly
from tests.conftest import DATA

CASES = {case.name: case for case in load(DATA / "scenarios.json")}
PROGRAMS = [
    lesson(),
    lesson(0, 0),
    Scenario("nothing"),
    Scenario("unknown")
    .then("open", fd="f", path="m/a")
    .then("open", fd="g", path="m/a", flags=["O_MAGIC"])
    .then("close", fd="f"),
    CASES["two_forked_children_share_then_die"],
    CASES["quirk_fork_parent_munmap_first_underflow"],
]


def slowly(scenario: Scenario) -> tuple[list[int], Recording]:
    """What was yielded, and the recording."""
    seen = []
    work = record_slowly(boot(scenario), scenario)
    while True:
        try:
            seen.append(next(work))
        except StopIteration as end:
            return seen, end.value


@pytest.mark.parametrize("scenario", PROGRAMS, ids=lambda scenario: scenario.name)
def test_the_same_recording(scenario: Scenario) -> None:
    """Steps, events and counters are those of record; before each step it says how many are done."""
    seen, slow = slowly(scenario)
    quick = record(boot(scenario), scenario)
    assert slow.to_json() == quick.to_json()
    assert list(map(str, slow)) == list(map(str, quick))
    assert [(step.first, step.last, step.note) for step in slow.steps] == [
        (step.first, step.last, step.note) for step in quick.steps
    ]
    assert seen == list(range(len(quick.steps)))


def test_nothing_happens_before_it_is_asked_for() -> None:
    """Between two steps the kernel has done those that are done, and no more."""
    scenario = lesson()
    kernel = boot(scenario)
    work = record_slowly(kernel, scenario)
    assert kernel.state.pools[0].counters == (10, 10, 0, 0)
    assert [next(work) for _ in range(2)] == [0, 1]
    assert kernel.state.pools[0].counters == (10, 10, 0, 0), "open was done, mmap was not"
    assert next(work) == 2
    assert kernel.state.pools[0].counters == (10, 10, 5, 0)


def test_closed_midway() -> None:
    """It stops where it is: no further step is done, and the kernel can still be used."""
    scenario = lesson()
    kernel = boot(scenario)
    work = record_slowly(kernel, scenario)
    for _ in range(3):
        next(work)
    work.close()
    assert kernel.state.pools[0].counters == (10, 10, 5, 0)
    assert next(work, "over") == "over"
    kernel.kill_all()
    kernel.umount_all()
    assert kernel.state.pools[0].counters == (10, 10, 0, 0)


def test_what_no_program_can_do_names_the_step() -> None:
    """The steps before it were yielded, and the error says which one it is."""
    scenario = Scenario("wrong").then("open", fd="f", path="m/a").then("touch", map="nobody")
    seen = []
    with pytest.raises(ScenarioError, match=r"^wrong, step 2: "):
        for done in record_slowly(boot(scenario), scenario):
            seen.append(done)
    assert seen == [0, 1]
