"""The model against answers recorded on a running 6.18 kernel (tests/data/scenarios.json)."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from hugelab import Scenario, load, run
from hugelab.check import check_case
from hugelab.model.kernel import CALLS
from tests.conftest import DATA
from tests.invariants import assert_sound

CASES = load(DATA / "scenarios.json")
COMPLETE = [case for case in CASES if check_case(case).complete]
PARTIAL = [case for case in CASES if not check_case(case).complete]


def _id(case: Scenario) -> str:
    return case.name


@pytest.mark.parametrize("case", COMPLETE, ids=_id)
def test_case_agrees_with_the_kernel(case: Scenario) -> None:
    """Outcome, value and counters after every step, then after all processes died, then after umount."""
    result = check_case(case)
    assert result.difference is None
    assert result.compared == len(case.steps)
    assert {"after_kill_all_processes", "after_unlink_and_umount"} <= case.extra.keys()


@pytest.mark.parametrize("case", PARTIAL, ids=_id)
def test_prefix_agrees_with_the_kernel(case: Scenario) -> None:
    """A case with an operation the model lacks: its steps up to there agree, and it ends there, nowhere else."""
    result = check_case(case)
    assert result.difference is None
    last = result.recording.steps[-1]
    assert last.outcome == "unsupported"
    assert last.note
    assert result.compared == len(result.recording.steps) - 1
    assert result.waiting == len(case.steps) - result.compared


@pytest.mark.parametrize("case", COMPLETE, ids=_id)
def test_every_event_leaves_a_sound_state(case: Scenario) -> None:
    """DESIGN 4: the invariants hold after every event of every case."""
    assert_sound(run(case))


def test_how_much_of_the_recorded_file_is_covered(say: Callable[[str], None]) -> None:
    """The numbers that may only grow: 48 whole cases, 770 steps compared."""
    results = [check_case(case) for case in CASES]
    complete = [result for result in results if result.complete]
    compared = sum(result.compared for result in results)
    waiting = sum(result.waiting for result in results)
    say(
        f"scenarios.json: {len(complete)} of {len(CASES)} cases whole, {compared} steps compared; "
        f"{len(CASES) - len(complete)} cases with {waiting} steps wait for a later operation"
    )
    assert len(complete) >= 48
    assert compared >= 770
    assert compared + waiting == sum(len(case.steps) for case in CASES)


def test_no_case_waits_for_an_operation_the_model_has_without_saying_what_is_missing() -> None:
    """A case made of known operations alone runs whole, or names the flag or field the model lacks."""
    for case in PARTIAL:
        if all(op.op in CALLS for op in case.steps):
            note = check_case(case).recording.steps[-1].note
            assert "not in the model" in note or "has no" in note or "signal that kills" in note, (case.name, note)


@pytest.mark.parametrize("key", ["after_kill_all_processes", "after_unlink_and_umount"])
def test_the_counters_after_the_end_are_compared_too(key: str) -> None:
    """A wrong final count is found: the two end states are not decoration."""
    case = COMPLETE[0]
    wrong = Scenario.from_json(json.loads(json.dumps({**case.to_json(), key: {**case.extra[key], "free": 3}})))
    difference = check_case(wrong).difference
    assert difference is not None
    assert difference.what == key
    assert difference.step == len(case.steps)


def test_a_wrong_count_in_any_step_is_found_there() -> None:
    """Each step of a case is compared: a counter that is one off is reported at its step."""
    case = next(case for case in COMPLETE if case.name == "lesson_shared_file_no_unlink")
    for number in range(len(case.steps)):
        doctored = case.to_json()
        doctored["steps"][number]["expect"]["rsvd"] += 1
        difference = check_case(Scenario.from_json(doctored)).difference
        assert difference is not None
        assert (difference.step, difference.what) == (number, "rsvd")
