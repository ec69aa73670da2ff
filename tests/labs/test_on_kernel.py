"""The main programs of notebooks 07 to 09 beside the recorded kernels, and the lab that shows them."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from hugelab import labs, run
from hugelab.course import on_kernel as course
from hugelab.labs.on_kernel import GROUPS, kernels, machine, recorded
from hugelab.labs.shortage import WAYS, answer, program
from hugelab.record.recording import compare
from tests.labs.views import displayed

MODULE = importlib.import_module("hugelab.labs.on_kernel")  # the name in the package is the lab's
ALL = [(group, name) for group, programs in GROUPS.items() for name in programs]


@pytest.mark.parametrize(("group", "name"), ALL, ids=[f"{group}-{name}" for group, name in ALL])
def test_model_and_recorded_kernel(group: str, name: str) -> None:
    """Equal in outcome, value and counters after every step; as many steps as the program has."""
    kernel = recorded(group, name)
    assert len(kernel.steps) == len(GROUPS[group][name].steps)
    assert compare(run(GROUPS[group][name], machine(group)), kernel) is None


def test_the_table_says_so() -> None:
    """A row a program, and a difference would be named."""
    for group, programs in GROUPS.items():
        table = kernels(group)
        assert [row[0] for row in table.rows] == list(programs)
        assert {row[2] for row in table.rows} == {"equal in all"}


def test_a_difference_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program in its place: the step is said."""
    other = {**GROUPS["fork"], "MADV_DONTNEED": GROUPS["fork"]["the last one reuses"]}
    monkeypatch.setitem(GROUPS, "fork", other)
    answers = course._file()["fork"]["answers"]
    monkeypatch.setitem(answers, "MADV_DONTNEED", [*answers["the last one reuses"][:-1], "ok 6/6/0/0"])
    assert kernels("fork").rows[-1][2] == "differ at 6"


@pytest.mark.parametrize("group", GROUPS)
def test_lab(group: str) -> None:
    """Each program can be chosen; the table is that of model and recorded kernel."""
    lab = displayed(labs.on_kernel(group))
    for name in GROUPS[group]:
        lab.program.value = name
        assert lab.difference is None and not lab.live
        assert lab.recording.scenario == GROUPS[group][name]
        assert "equal in all" in repr(lab)


def test_refused() -> None:
    """A group that is not there, and one node where two are needed: one line."""
    with pytest.raises(ValueError, match="pressure, fork, pools, nodes"):
        labs.on_kernel("numa")


def test_nodes_need_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine with one node the button says so, and nothing is run."""
    monkeypatch.setattr(MODULE, "nodes_here", lambda: 1)
    lab = displayed(labs.on_kernel("nodes"))
    assert "one memory node" in lab.message["html"]
    lab.go.click()
    assert lab.message["kind"] == "refused" and "one memory node" in lab.message["html"]
    monkeypatch.setattr(MODULE, "nodes_here", lambda: 2)
    assert "one memory node" not in labs.on_kernel("nodes")._about()


def test_one_shortage_eight_answers() -> None:
    """What the semantics say of a pool that is short: who hears what, and who hears nothing."""
    said: dict[str, Any] = {
        way: answer(run(program("pages in the pool", way, 3, 5), machine("pressure"))) for way in WAYS
    }
    assert [one.said for one in said.values()] == [
        *("ENOMEM", "ENOMEM", "ENOMEM", "ENOSPC", "SIGBUS", "EFAULT", "EFAULT", "ENOMEM", "ok"),
    ]
    assert [way for way, one in said.items() if one.silent] == ["MAP_NORESERVE and MAP_POPULATE"]
    assert [one.taken for one in said.values()] == [0, 0, 0, 3, 3, 3, 3, 3, 3]
