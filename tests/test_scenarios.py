"""The model against answers recorded on a running 6.18 kernel (tests/data/scenarios.json)."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from hugelab import Scenario, load, run
from hugelab.linux.machines import MACHINES
from hugelab.record.check import check_case
from tests.conftest import DATA
from tests.invariants import assert_sound

CASES = load(DATA / "scenarios.json")
QUIRKS = [case for case in CASES if case.kernel_quirk]
SIX = [machine for machine in MACHINES.values() if machine.version == "6.18"]


def _id(case: Scenario) -> str:
    return case.name


def design(case: Scenario) -> Scenario:
    """The case on a kernel without slips."""
    return Scenario(case.name, case.nr, case.overcommit, case.mounts, case.steps)


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_case_agrees_with_the_kernel(case: Scenario) -> None:
    """Outcome, value and counters after every step, then after all processes died, then after umount."""
    result = check_case(case)
    assert result.difference is None
    assert result.compared == len(case.steps)
    assert {"after_kill_all_processes", "after_unlink_and_umount"} <= case.extra.keys()


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_every_event_leaves_a_sound_state(case: Scenario) -> None:
    """The invariants hold after every event of every case, with the design's rules."""
    assert_sound(run(design(case)))


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_every_version_runs_every_case(case: Scenario) -> None:
    """What an older kernel lacks is refused with an errno; its invariants hold all the same."""
    for machine in MACHINES.values():
        if machine.rules.min_size or "min_size" not in json.dumps(case.to_json()):
            assert_sound(run(design(case), machine))


@pytest.mark.parametrize("case", QUIRKS, ids=_id)
def test_a_quirk_is_not_the_design(case: Scenario) -> None:
    """Without its slips the model answers otherwise than the record of a case that is marked so; else why mark it?"""
    if case.name == "memfd_seals":  # its slip makes the file longer, and no step of the case looks at the size
        return
    assert check_case(design(case)).difference is not None


def test_how_much_of_the_recorded_file_is_covered(say: Callable[[str], None]) -> None:
    """All cases, all steps."""
    results = [check_case(case) for case in CASES]
    compared = sum(result.compared for result in results)
    equal = sum(result.difference is None and result.complete for result in results)
    say(f"scenarios.json: {equal} of {len(CASES)} cases equal, {compared} steps compared")
    assert equal == len(CASES) == 115
    assert compared == sum(len(case.steps) for case in CASES) == 1204


@pytest.mark.parametrize("key", ["after_kill_all_processes", "after_unlink_and_umount"])
def test_the_counters_after_the_end_are_compared_too(key: str) -> None:
    """A wrong final count is found: the two end states are not decoration."""
    case = CASES[0]
    wrong = Scenario.from_json(json.loads(json.dumps({**case.to_json(), key: {**case.extra[key], "free": 3}})))
    difference = check_case(wrong).difference
    assert difference is not None
    assert difference.what == key
    assert difference.step == len(case.steps)


def test_a_wrong_count_in_any_step_is_found_there() -> None:
    """Each step of a case is compared: a counter that is one off is reported at its step."""
    case = next(case for case in CASES if case.name == "lesson_shared_file_no_unlink")
    for number in range(len(case.steps)):
        doctored = case.to_json()
        doctored["steps"][number]["expect"]["rsvd"] += 1
        difference = check_case(Scenario.from_json(doctored)).difference
        assert difference is not None
        assert (difference.step, difference.what) == (number, "rsvd")
