"""The model with two memory nodes against what Linux 6.1 and 6.12 answered in QEMU (tools/record_nodes.py)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hugelab import Scenario, load
from hugelab.course.nodes import FLAGS, POLICIES
from hugelab.linux.errors import Unsupported
from hugelab.linux.machines import NUMA
from hugelab.linux.rules import rules_of
from hugelab.model.kernel import boot
from tests.conftest import DATA

MACHINES = {"6.1": replace(NUMA, rules=rules_of("6.1")), "6.12": replace(NUMA, rules=rules_of("6.12"))}
CASES = [(version, case) for version in MACHINES for case in load(DATA / f"nodes_{version}.json")]
LAB = load(DATA / "lab_nodes_6.1.json")  # programs of the lab of notebook 09


@pytest.mark.parametrize(("version", "case"), CASES, ids=[f"{version}-{case.name}" for version, case in CASES])
def test_answers_of_two_nodes(version: str, case: Scenario) -> None:
    """Outcome, value, the pool and each node after every step; it ends where the model says that it does not know."""
    kernel = boot(case, MACHINES[version])
    h = kernel.state.pools[0]
    known = 0
    for op in case.steps:
        try:
            outcome, value = kernel.run(op)
        except Unsupported as error:
            assert "moving pages" in str(error)
            break
        now: dict[str, Any] = {"outcome": outcome, **h.counters.shown._asdict()}
        now["nodes"] = [[n.nr_huge_pages, n.free_huge_pages, n.surplus_huge_pages] for n in h.nodes]
        expect = dict(op.expect or {})
        if "value" in expect:
            expect["value"] = {key: one for key, one in expect["value"].items() if key in ("done", "si_code")}
            now["value"] = {key: one for key, one in (value or {}).items() if key in expect["value"]}
        assert now == {key: expect[key] for key in now}, f"{case.name}: {op}"
        known += 1
    assert known


@pytest.mark.parametrize("number", range(len(LAB)))
def test_programs_of_the_lab(number: int) -> None:
    """Each policy and kind of mapping, with pages enough and too few on either node."""
    test_answers_of_two_nodes("6.1", LAB[number])


def test_both_kernels_were_asked() -> None:
    """The files say which kernels they are of, and have more than a hundred cases each."""
    for version in MACHINES:
        found = json.loads((DATA / f"nodes_{version}.json").read_text())
        assert found["kernel"].startswith(f"{version}.")
        assert len(found["scenarios"]) > 40
    policies, kinds = len(POLICIES), len(FLAGS)
    assert len({str([step.to_json() for step in case.steps]) for case in LAB}) == policies * kinds * 8
