"""The kernel's slips, one by one: each has a smallest program in which it, and nothing else, makes the difference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hugelab import MACHINES, X86_64, Scenario, run
from hugelab.linux.kernel_bugs import SLIPS
from hugelab.model.kernel import dangers
from tests.invariants import assert_sound

ALL = X86_64.with_slips()


def answers(scenario: Scenario, slips: frozenset[str]) -> list[dict[str, Any]]:
    """Every step, on a kernel with some slips."""
    machine = replace(X86_64, rules=replace(X86_64.rules, slips=slips))
    return [step.to_json() for step in run(scenario, machine).steps]


@pytest.mark.parametrize("name", SLIPS)
def test_the_program_shows_the_slip(name: str) -> None:
    """All slips but this one give other answers than all, and only from the last step on: the program is a smallest."""
    program, every = SLIPS[name].program, frozenset(SLIPS)
    with_it, without = answers(program, every), answers(program, every - {name})
    assert with_it[:-1] == without[:-1]
    assert with_it[-1] != without[-1]


@pytest.mark.parametrize("name", SLIPS)
def test_the_design_is_sound_where_the_slip_is_not(name: str) -> None:
    """Without slips the invariants hold after every event."""
    assert_sound(run(SLIPS[name].program))


@pytest.mark.parametrize("name", SLIPS)
def test_only_what_harms_is_kept_from_live_kernels(name: str) -> None:
    """The model knows which programs do lasting harm."""
    assert bool(dangers(SLIPS[name].program)) == SLIPS[name].do_not_run


def test_an_unknown_slip_is_an_error() -> None:
    """A name that is switched on must be known."""
    machine = replace(X86_64, rules=replace(X86_64.rules, slips=frozenset({"no_such_slip"})))
    with pytest.raises(KeyError):
        machine.rules.slip("no_such_slip")


def test_a_step_that_the_model_lacks_does_not_hide_a_danger() -> None:
    """What came before it would have been run."""
    program = SLIPS["min_size_given_back_twice"].program
    assert dangers(program.then("mmap", map="Z", pages=1, flags=["MAP_PRIVATE", "MAP_ANONYMOUS"]))


@pytest.mark.parametrize(
    ("machine", "has", "lacks"),
    [("lesson", "available_is_unsigned", "restore_while_shared"), ("x86-64", "restore_while_shared", "no_such")],
)
def test_an_older_kernel_has_fewer_slips(machine: str, has: str, lacks: str) -> None:
    """Those that came with code it does not have are not its own."""
    slips = MACHINES[machine].with_slips().rules.slips
    assert has in slips and lacks not in slips


@pytest.mark.parametrize(("touched", "far", "harms"), [(600, -1500, True), (600, -1536, False), (0, -1500, False)])
def test_a_move_past_a_missing_page_table_is_a_danger(touched: int, far: int, harms: bool) -> None:
    """1,024 pages of which only one in the second GB was touched, moved by no multiple of 1 GB. The design moves it."""
    flags = ["MAP_PRIVATE", "MAP_NORESERVE", "MAP_ANONYMOUS", "MAP_HUGETLB"]
    fixed = ["MREMAP_MAYMOVE", "MREMAP_FIXED"]
    program = Scenario("x", 2).mmap(map="A", pages=1024, flags=flags).touch(map="A", page=touched, byte=7)
    program = program.mremap(map="A", new_pages=1024, flags=fixed, at={"map": "A", "page": far})
    assert bool(dangers(program)) == harms
    read = run(program.touch(map="A", page=touched, mode="r")).steps[-1]
    assert read.value == {"done": 1, "bytes": [7]}
