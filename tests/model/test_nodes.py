"""Memory nodes, policies, demotion, and one pool beside another (docs/semantics.md; partly from source alone)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hugelab import Scenario, run
from hugelab.linux.machines import MACHINES, NUMA, SIZE_1G
from hugelab.linux.rules import rules_of
from hugelab.model.kernel import Kernel, boot
from hugelab.record.invariants import unsound
from tests.invariants import assert_sound

PRIVATE = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB"]
TWO = Scenario("nodes", 6)


def nodes(kernel: Kernel) -> list[tuple[int, int, int]]:
    """(nr, free, surplus) of each node."""
    h = kernel.state.pools[0]
    return [(node.nr_huge_pages, node.free_huge_pages, node.surplus_huge_pages) for node in h.nodes]


def after(scenario: Scenario, machine: Any = NUMA) -> tuple[list[str], list[tuple[int, int, int]]]:
    """Outcomes of a program, and the nodes after it; the invariants hold all along."""
    kernel = boot(scenario, machine)
    outcomes = [kernel.run(op)[0] for op in scenario.steps]
    assert_sound(run(scenario, machine))
    return outcomes, nodes(kernel)


@pytest.mark.parametrize(("n", "wanted"), [(0, (0, 0)), (1, (1, 0)), (5, (3, 2)), (6, (3, 3)), (1001, (501, 500))])
def test_a_pool_grows_round_robin(n: int, wanted: tuple[int, int]) -> None:
    """alloc_pool_huge_folio: nodes in turn, beginning with the first."""
    assert [nr for nr, *_ in nodes(boot(Scenario("x", n), NUMA))] == list(wanted)


def test_whose_turn_it_is_is_remembered() -> None:
    """Three and then one more: the fourth page is the second node's; shrinking takes in turn, too."""
    assert after(Scenario("x", 3).set_nr(n=4))[1] == [(2, 2, 0), (2, 2, 0)]
    assert after(Scenario("x", 4).set_nr(n=3))[1] == [(1, 1, 0), (2, 2, 0)]
    assert after(Scenario("x", 4).set_nr(n=3).set_nr(n=1))[1] in ([(1, 1, 0), (0, 0, 0)], [(0, 0, 0), (1, 1, 0)])


def test_one_nodes_size() -> None:
    """The per-node file changes that node and the total; the other keeps its pages."""
    outcomes, found = after(TWO.set_nr_node(node=1, n=7).node_counters(node=1).set_nr_node(node=2, n=1))
    assert outcomes == ["ok", "ok", "ENOENT"]
    assert found == [(3, 3, 0), (7, 7, 0)]
    kernel = boot(TWO, NUMA)
    kernel.run(TWO.set_nr_node(node=1, n=1).steps[0])
    assert kernel.run(TWO.node_counters(node=1).steps[0])[1] == {
        "nr_hugepages": 1,
        "free_hugepages": 1,
        "surplus_hugepages": 0,
    }


def test_a_fault_takes_the_local_node_first_and_then_any() -> None:
    """The default policy."""
    program = TWO.mmap(map="A", pages=5, flags=PRIVATE)
    assert after(program.touch(map="A", count=2))[1] == [(3, 1, 0), (3, 3, 0)]
    assert after(program.touch(map="A", count=5))[1] == [(3, 0, 0), (3, 1, 0)]
    assert after(program.touch(map="A", count=5).munmap(map="A"))[1] == [(3, 3, 0), (3, 3, 0)]


def test_bind_passes_at_mmap_and_dies_at_touch() -> None:
    """A reservation has no node: six pages are reserved, and only three can be had where the mapping is bound."""
    program = TWO.mmap(map="A", pages=5, flags=PRIVATE).mbind(map="A", policy="MPOL_BIND", nodemask=2)
    outcomes, found = after(program.touch(map="A", count=5))
    assert outcomes == ["ok", "ok", "SIGBUS"]
    assert found == [(3, 3, 0), (3, 0, 0)]


def test_a_bound_task_is_refused_at_mmap() -> None:
    """allowed_mems_nr(): the task's own policy counts when pages are reserved."""
    program = TWO.set_mempolicy(policy="MPOL_BIND", nodemask=2)
    outcomes, _ = after(program.mmap(map="A", pages=4, flags=PRIVATE).mmap(map="A", pages=3, flags=PRIVATE))
    assert outcomes == ["ok", "ENOMEM", "ok"]


@pytest.mark.parametrize(
    ("policy", "mask", "wanted"),
    [
        ("MPOL_BIND", 1, [(3, 1, 0), (3, 3, 0)]),
        ("MPOL_BIND", 3, [(3, 1, 0), (3, 3, 0)]),
        ("MPOL_PREFERRED", 2, [(3, 3, 0), (3, 1, 0)]),
        ("MPOL_PREFERRED_MANY", 2, [(3, 3, 0), (3, 1, 0)]),
        ("MPOL_INTERLEAVE", 3, [(3, 2, 0), (3, 2, 0)]),
        ("MPOL_INTERLEAVE", 2, [(3, 3, 0), (3, 1, 0)]),
        ("MPOL_DEFAULT", 0, [(3, 1, 0), (3, 3, 0)]),
    ],
)
def test_where_two_pages_come_from(policy: str, mask: int, wanted: list[tuple[int, int, int]]) -> None:
    """huge_node(), for the mapping and for the task."""
    mapped = TWO.mmap(map="A", pages=2, flags=PRIVATE)
    assert after(mapped.mbind(map="A", policy=policy, nodemask=mask).touch(map="A", count=2))[1] == wanted
    task = TWO.set_mempolicy(policy=policy, nodemask=mask).mmap(map="A", pages=2, flags=PRIVATE)
    assert after(task.touch(map="A", count=2))[1] == wanted


@pytest.mark.parametrize("policy", ["MPOL_PREFERRED", "MPOL_INTERLEAVE"])
def test_these_fall_back_on_the_other_node(policy: str) -> None:
    """Only MPOL_BIND is strict."""
    program = TWO.mmap(map="A", pages=6, flags=PRIVATE).mbind(map="A", policy=policy, nodemask=2)
    outcomes, found = after(program.touch(map="A", count=6))
    assert outcomes[-1] == "ok"
    assert found == [(3, 0, 0), (3, 0, 0)]


@pytest.mark.parametrize(
    ("policy", "mask"), [("MPOL_BIND", 0), ("MPOL_BIND", 4), ("MPOL_DEFAULT", 1), ("MPOL_INTERLEAVE", 0)]
)
def test_nodes_that_are_not_there(policy: str, mask: int) -> None:
    """EINVAL, and nothing has changed."""
    outcomes, _ = after(TWO.mmap(map="A", pages=2, flags=PRIVATE).mbind(map="A", policy=policy, nodemask=mask))
    assert outcomes == ["ok", "EINVAL"]


def test_surplus_comes_from_where_the_page_is_wanted_and_goes_when_freed() -> None:
    """Bound to a node that is empty: with overcommit the page is surplus there."""
    program = (
        Scenario("x", 2, 2)
        .mmap(map="A", pages=2, flags=PRIVATE)
        .mbind(map="A", policy="MPOL_BIND", nodemask=2)
        .touch(map="A", count=2)
    )
    assert after(program)[1] == [(1, 1, 0), (2, 0, 1)]
    assert after(program.munmap(map="A"))[1] == [(1, 1, 0), (1, 1, 0)]


def test_demotion_feeds_the_smaller_pool_on_the_same_node() -> None:
    """One page of 1 GB is 512 of 2 MB; reserved pages stay."""
    program = Scenario("x", 2).set_nr(n=2, hsize="1G").demote(n=1)
    assert after(program)[1] == [(513, 513, 0), (1, 1, 0)]
    big = ["MAP_SHARED", "MAP_ANONYMOUS", "MAP_HUGETLB", "MAP_HUGE_1GB"]
    kept = Scenario("x", 0).set_nr(n=1, hsize="1G").mmap(map="A", pages=1, hsize="1G", flags=big).demote(n=1)
    kernel = boot(kept, NUMA)
    assert [kernel.run(op)[0] for op in kept.steps] == ["ok", "ok", "ok"]
    assert kernel.size_to_hstate(SIZE_1G).nr_huge_pages == 1


@pytest.mark.parametrize("machine", [machine for machine in MACHINES.values() if len(machine.sizes) > 1])
def test_two_sizes_do_not_touch_each_other(machine: Any) -> None:
    """A page of 1 GB lives and dies; the pool of 2 MB pages does not move, and the other way round."""
    flags = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB", "MAP_HUGE_1GB"]
    program = (
        Scenario("x", 3)
        .set_nr(n=2, hsize="1G")
        .mmap(map="A", pages=1, hsize="1G", flags=flags)
        .touch(map="A", hsize="1G")
        .mmap(map="B", pages=2, flags=PRIVATE)
        .touch(map="B")
        .munmap(map="A")
    )
    recording = run(program, machine)
    assert unsound(recording) is None
    shown = [(str(step.counters["2M"]), str(step.counters["1G"])) for step in recording.steps]
    assert shown == [
        ("3/3/0/0", "2/2/0/0"),
        ("3/3/0/0", "2/2/1/0"),
        ("3/3/0/0", "2/1/0/0"),
        ("3/3/2/0", "2/1/0/0"),
        ("3/2/1/0", "2/1/0/0"),
        ("3/2/1/0", "2/2/0/0"),
    ]


def test_surplus_for_a_bound_task_comes_from_its_nodes() -> None:
    """gather_surplus_pages() looks at the policy since 6.11; before, it took the local node's and refused."""
    program = Scenario("x", 0, 4).set_mempolicy(policy="MPOL_BIND", nodemask=2).mmap(map="A", pages=2, flags=PRIVATE)
    outcomes, found = after(program)
    assert outcomes == ["ok", "ok"]
    assert found == [(0, 0, 0), (2, 2, 2)]
    old = replace(NUMA, rules=rules_of("6.1"))
    assert after(program, old)[0] == ["ok", "ENOMEM"]


def test_a_turn_taken_by_one_node_counts() -> None:
    """After one node's pool was set by itself, that node is next (next_node_allowed within its mask)."""
    assert after(Scenario("x", 0).set_nr_node(node=1, n=4).set_nr(n=5))[1] == [(0, 0, 0), (5, 5, 0)]
