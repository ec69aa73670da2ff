"""Kernel bugs, one by one: each has a smallest program in which it, and nothing else, makes the difference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hugelab import X86_64, Scenario, machine, run
from hugelab.linux.kernel_bugs import KERNEL_BUGS
from hugelab.model.kernel import dangers
from tests.invariants import assert_sound


def answers(scenario: Scenario, bugs: frozenset[str]) -> list[dict[str, Any]]:
    """Every step, on a kernel with some bugs."""
    return [step.to_json() for step in run(scenario, replace(X86_64, rules=replace(X86_64.rules, bugs=bugs))).steps]


@pytest.mark.parametrize("name", KERNEL_BUGS)
def test_the_program_shows_the_bug(name: str) -> None:
    """All bugs but this one give other answers than all, and only from the last step on: the program is a smallest.

    Where it does lasting harm, and only there, a live kernel is kept from the program.
    """
    bug, every = KERNEL_BUGS[name], X86_64.rules.bugs
    with_it, without = answers(bug.program, every), answers(bug.program, every - {name})
    assert with_it[:-1] == without[:-1]
    assert with_it[-1] != without[-1]
    assert bool(dangers(bug.program)) == bug.do_not_run
    assert_sound(run(bug.program, X86_64.as_intended()))


# The first release in which the whole program runs, where that is later: what MADV_DONTNEED gives back shows since 6.9.
SHOWS = {"partial_mremap_strips_reserve_map": "6.9"}


@pytest.mark.parametrize("name", [name for name, bug in KERNEL_BUGS.items() if bug.since != "0.0"])
def test_a_release_has_the_bugs_of_its_time(name: str) -> None:
    """The last step of its program: as intended just before the bug came, the bug's answer from its release on."""
    bug = KERNEL_BUGS[name]
    before, since = machine(before_(bug.since)), machine(SHOWS.get(name, bug.since))
    assert not before.rules.bug(name)
    assert since.rules.bug(name)

    def last(where: Any) -> Any:
        return run(bug.program, where).steps[-1].to_json()

    cured = replace(since, rules=replace(since.rules, bugs=since.rules.bugs - {name}))
    assert last(since) != last(cured)


def before_(release: str) -> str:
    """The release before one: 6.9 -> 6.8, 5.0 -> 4.20."""
    major, minor = map(int, release.split("."))
    return f"{major}.{minor - 1}" if minor else f"{major - 1}.{ {4: 19, 5: 20, 6: 19}[major] }"


def test_a_machine_has_the_bugs_of_its_release() -> None:
    """By default; as intended it has none, and its title says so. A name that is no bug is an error."""
    assert machine("6.18").rules.bugs == frozenset(KERNEL_BUGS)
    intended = machine("6.18").as_intended()
    assert not intended.rules.bugs
    assert intended.title.endswith("kernel bugs off: as its authors meant it")
    with pytest.raises(KeyError):
        replace(X86_64.rules, bugs=frozenset({"no_such_bug"})).bug("no_such_bug")


def test_a_step_that_the_model_lacks_does_not_hide_a_danger() -> None:
    """What came before it would have been run."""
    program = KERNEL_BUGS["min_size_given_back_twice"].program
    assert dangers(program.then("mmap", map="Z", pages=1, flags=["MAP_PRIVATE", "MAP_ANONYMOUS"]))


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
