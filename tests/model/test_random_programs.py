"""Minimal programs that random testing against a running Linux 6.18 found, with that kernel's answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from hugelab import Scenario, load
from hugelab.model.kernel import check_case

DATA = Path(__file__).parents[1] / "data"
CASES = [case for name in ("random_6.18.json", "fuzz_6.18.json") for case in load(DATA / name)]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_answers_of_a_running_kernel(case: Scenario) -> None:
    """Outcome, counters and values of every step, and what is left after everybody has gone."""
    result = check_case(case)
    assert result.complete
    assert result.difference is None, str(result.difference)
