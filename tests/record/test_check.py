"""check_case: recorded answers against the model, and what counts as compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hugelab import LESSON, Op, Scenario, ScenarioError, lesson, run
from hugelab.model.kernel import check_case
from hugelab.record.recording import Difference


def expected(scenario: Scenario = lesson()) -> dict[str, Any]:  # noqa: B008  # a Scenario never changes
    """A case as JSON, with the model's own answers as expect."""
    case = scenario.to_json()
    for step, answer in zip(case["steps"], run(scenario, LESSON).to_json()["steps"], strict=True):
        step["expect"] = answer
    return case


def verdict(case: dict[str, Any]) -> Difference | None:
    """The first difference of a case."""
    return check_case(Scenario.from_json(case), LESSON).difference


def test_right_answers_agree() -> None:
    """The model agrees with itself; every step is compared."""
    result = check_case(Scenario.from_json(expected()), LESSON)
    assert (result.difference, result.compared, result.waiting, result.complete) == (None, 6, 0, True)


@pytest.mark.parametrize("step", range(6))
@pytest.mark.parametrize("key", ["outcome", "total", "free", "rsvd", "surp", "value"])
def test_each_wrong_answer_is_found_where_it_is(step: int, key: str) -> None:
    """Step and key of the first wrong answer, also if later ones are wrong too."""
    case = expected()
    for later in case["steps"][step:]:
        later["expect"][key] = "EIO" if key == "outcome" else 99
    found = verdict(case)
    assert found is not None
    assert (found.step, found.what) == (step, key)
    assert str(found).startswith(f"step {step + 1}: {key} is ")


def test_a_missing_value_is_a_difference() -> None:
    """A value that only one side has counts."""
    case = expected()
    del case["steps"][2]["expect"]["value"]
    assert verdict(case) == Difference(2, "value", {"done": 5}, None)


def test_steps_without_expect_are_run_and_not_compared() -> None:
    """A case may say only what matters."""
    case = expected()
    for step in case["steps"][:-1]:
        del step["expect"]
    result = check_case(Scenario.from_json(case), LESSON)
    assert (result.compared, result.difference) == (1, None)
    case["steps"][-1]["expect"]["free"] = 9
    assert verdict(case) == Difference(5, "free", 10, 9)


def test_initial_counters_are_compared() -> None:
    """`initial` is what the pool is before the first step."""
    case = expected() | {"initial": {"total": 10, "free": 10, "rsvd": 0, "surp": 0}}
    assert verdict(case) is None
    case["initial"]["free"] = 9
    found = verdict(case)
    assert found is not None
    assert (found.step, found.what) == (-1, "before the first step")


@pytest.mark.parametrize(
    ("end", "free"), [("after_kill_all_processes", 5), ("after_unlink_and_umount", 10)], ids=["killed", "unmounted"]
)
def test_counters_after_everybody_has_gone(end: str, free: int) -> None:
    """A linked file keeps its pages when its process dies; unlink and umount free them (scenarios.json, format)."""
    case = expected(lesson(unlink=False)) | {end: {"total": 10, "free": free, "rsvd": 0, "surp": 0}}
    assert verdict(case) is None
    case[end]["free"] = free - 1
    found = verdict(case)
    assert found is not None
    assert (found.step, found.what) == (5, end)


def test_an_unknown_operation_waits() -> None:
    """The steps before it are compared, it and the ones after it wait, the end is not looked at."""
    case = expected() | {"after_kill_all_processes": {"free": 99}}
    case["steps"].insert(3, {"op": "madvise", "map": "ptr", "advice": "MADV_HWPOISON", "expect": {"outcome": "ok"}})
    result = check_case(Scenario.from_json(case), LESSON)
    assert (result.difference, result.compared, result.waiting, result.complete) == (None, 3, 4, False)


def test_a_case_that_cannot_be_run() -> None:
    """A name that was never given to anything: an error with case and step, no verdict."""
    bad = replace(lesson(), steps=(*lesson().steps, Op("touch", {"map": "nobody"})))
    with pytest.raises(ScenarioError, match="lesson, step 7: no mapping is called 'nobody'"):
        check_case(bad, LESSON)
