"""Own programs after the rules of docs/semantics.md, with what a running Linux 6.18 answered: model and invariants."""

from __future__ import annotations

import pytest

from hugelab import Scenario, load
from hugelab.model.kernel import run
from hugelab.record.check import check_case
from tests.conftest import DATA
from tests.invariants import assert_sound

CASES = load(DATA / "semantics_6.18.json")


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_answers_of_a_running_kernel(case: Scenario) -> None:
    """Outcome, counters and values of every step, and what is left after everybody has gone."""
    result = check_case(case)
    assert result.complete
    assert result.difference is None, str(result.difference)


@pytest.mark.parametrize("case", [case for case in CASES if not case.kernel_quirk], ids=lambda case: case.name)
def test_the_design_is_sound(case: Scenario) -> None:
    """What needs no slip keeps every invariant, event by event."""
    assert_sound(run(case))
