"""The model against answers recorded on a running 6.18 kernel: every case, each run once, every question asked."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from hugelab import MACHINES, Scenario, load, run
from hugelab.model.kernel import check_case
from tests.conftest import DATA, some
from tests.invariants import assert_sound

FILES = {name: load(DATA / name) for name in ("scenarios.json", "semantics_6.18.json")}
CASES = FILES["scenarios.json"]
ALL = [pytest.param(case, id=f"{name.partition('_')[0]}-{case.name}") for name in FILES for case in FILES[name]]
# Its bug makes the file longer, and no step of the case looks at the size.
UNSEEN = {"memfd_seals"}


@pytest.mark.parametrize("case", ALL)
def test_case(case: Scenario) -> None:
    """Outcome, value and counters after every step, after all processes died and after umount are the kernel's.

    As intended, without kernel bugs, the invariants hold after every event; a case that is marked to show a bug
    answers otherwise then.
    """
    result = check_case(case)
    assert result.difference is None, str(result.difference)
    assert result.complete
    intended = MACHINES["x86-64"].as_intended()
    assert_sound(run(case, intended))
    if case.extra.get("kernel_quirk") and case.name not in UNSEEN:
        assert check_case(case, intended).difference is not None


@pytest.mark.full
@pytest.mark.parametrize("case", some(CASES), ids=lambda case: case.name)
def test_every_version_runs_every_case(case: Scenario) -> None:
    """What an older kernel lacks is refused with an errno; its invariants hold all the same."""
    for machine in MACHINES.values():
        if machine.rules.min_size or "min_size" not in json.dumps(case.to_json()):
            assert_sound(run(case, machine.as_intended()))


def test_how_much_of_the_recorded_file_is_covered(say: Callable[[str], None]) -> None:
    """All cases, all steps, and what is left at both ends."""
    results = [check_case(case) for case in CASES]
    compared = sum(result.compared for result in results)
    equal = sum(result.difference is None and result.complete for result in results)
    say(f"scenarios.json: {equal} of {len(CASES)} cases equal, {compared} steps compared")
    assert equal == len(CASES) == 115
    assert compared == sum(len(case.steps) for case in CASES) == 1204
    assert all({"after_kill_all_processes", "after_unlink_and_umount"} <= case.extra.keys() for case in CASES)


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
