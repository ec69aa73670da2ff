"""What would help: after it the answer is yes, and each command does in the model what was foretold."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugelab import Op, ScenarioError
from hugelab.core.units import size_name
from hugelab.model.kernel import Kernel
from hugelab.why import Cgroup, Found, Mount, Node, Remedy, Request, remedy, why
from hugelab.why.found import MOST
from hugelab.why.verdict import as_found

from .strategies import asked
from .test_verdict import TWO, counters

LIMIT = re.compile(r"echo max > /sys/fs/cgroup/GROUP/hugetlb\.(\w+)\.(rsvd\.)?max")
LARGER = re.compile(r"mount -t hugetlbfs -o pagesize=(\d+)K,size=(\d+)K none /mnt/larger")
ALL = re.compile(
    r"(?:sysctl -w vm\.nr_hugepages=|echo )(\d+)(?: > /sys/kernel/mm/hugepages/hugepages-\d+kB/nr_hugepages)?"
)
NODE = re.compile(r"echo (\d+) > /sys/devices/system/node/node(\d+)/hugepages/hugepages-(\d+)kB/nr_hugepages")


@given(asked())
def test_after_it_the_request_passes_and_no_touch_can_fail(question: tuple[Found, Request]) -> None:
    """Nothing for what is fine. Bound to a node: it passes, but others may still use up the node."""
    found, request = question
    help = remedy(found, request)
    before = why(found, request)
    assert not (before.fine and help)
    after = why(*help[-1][1:]) if help else before
    last = help[-1].request if help else request
    bound = last.node is not None and after.risk == "dequeue_huge_page_vma"
    assert after.fine or (bound and (after.mapped, after.signal) == ("ok", "")), help
    assert last.pages == request.pages and last.kind == request.kind
    assert len({one.command for one in help}) == len(help), "nothing twice"


@given(asked())
def test_each_command_does_what_was_foretold(question: tuple[Found, Request]) -> None:
    """The state in the model, then the command's number written there: the counters of the remedy."""
    found, request = question
    for one in remedy(found, request):
        follow(found, request, one)
        found, request = one.found, one.request


def follow(found: Found, request: Request, one: Remedy) -> None:
    kernel, default = as_found(found)
    changed = {"hsize": size_name(found.size)} if found.size != default else {}
    short = f"{size_name(found.size)}B"
    if not one.command:
        assert (one.found, one.request) == (found, replace(request, noreserve=False))
        assert request.noreserve
    elif match := NODE.fullmatch(one.command):
        number, node, kilobytes = (int(text) for text in match.groups())
        assert (node, kilobytes << 10) == (request.node, found.size)
        kernel.run(Op("set_nr_node", {"node": node, "n": number, **changed}))
        assert pool(kernel, found, nodes=True) == replace(one.found, mount=None, cgroup=None, default=True)
    elif match := LIMIT.fullmatch(one.command):
        assert match[1] == short
        assert one.found.cgroup is not None
        assert (one.found.cgroup.rsvd_left if match[2] else one.found.cgroup.left) is None
        assert replace(one.found, cgroup=found.cgroup) == found
    elif match := LARGER.fullmatch(one.command):
        assert int(match[1]) << 10 == found.size
        assert found.mount is not None and one.found.mount is not None
        room = (int(match[2]) << 10) // found.size
        assert room >= request.pages
        assert one.found.mount.size == room
    else:
        match = ALL.fullmatch(one.command)
        assert match, one.command
        assert ("sysctl" in one.command) == found.default
        kernel.run(Op("set_nr", {"n": int(match[1]), **changed}))
        wanted = replace(one.found, mount=None, cgroup=None, default=True, nodes=())
        assert pool(kernel, found, nodes=False) == wanted
        assert one.found.surp == 0


def pool(kernel: Kernel, found: Found, nodes: bool) -> Found:
    return counters(kernel, found.size, nodes and bool(found.nodes))


# -- one by one --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("found", "request_", "commands"),
    [
        (Found(10, 10), Request(10), []),
        (Found(10, 10, 7), Request(5), ["sysctl -w vm.nr_hugepages=12"]),
        (Found(10, 8, 8, 2, 2), Request(1), ["sysctl -w vm.nr_hugepages=11"]),
        (Found(0, 0, overcommit=4), Request(5, noreserve=True), ["sysctl -w vm.nr_hugepages=5", ""]),
        (Found(10, 10), Request(5, noreserve=True), [""]),
        (
            Found(1, 1, size=1 << 30, default=False),
            Request(3),
            ["echo 3 > /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"],
        ),
        (
            TWO,
            Request(3, node=1),
            ["echo 3 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"],
        ),
        (
            Found(10, 10, mount=Mount(4, 2)),
            Request(3),
            ["mount -t hugetlbfs -o pagesize=2048K,size=10240K none /mnt/larger"],
        ),
        (Found(10, 10, mount=Mount(4, 2)), Request(3, "anonymous"), []),
        (Found(10, 10, cgroup=Cgroup(None, 4)), Request(5), ["echo max > /sys/fs/cgroup/GROUP/hugetlb.2MB.rsvd.max"]),
        (Found(10, 10, cgroup=Cgroup(4)), Request(5), ["echo max > /sys/fs/cgroup/GROUP/hugetlb.2MB.max"]),
        (
            Found(4, 4, cgroup=Cgroup(4, 4)),
            Request(5),
            [
                "echo max > /sys/fs/cgroup/GROUP/hugetlb.2MB.rsvd.max",
                "sysctl -w vm.nr_hugepages=5",
                "echo max > /sys/fs/cgroup/GROUP/hugetlb.2MB.max",
            ],
        ),
        (Found(10, 10, 3, mount=Mount(None, 0, 3)), Request(10), []),
        (Found(10, 10, 3, mount=Mount(None, 0, 3)), Request(12), ["sysctl -w vm.nr_hugepages=12"]),
        (Found(10, 10, 3, mount=Mount(None, 0, 3)), Request(12, "shm"), ["sysctl -w vm.nr_hugepages=15"]),
    ],
)
def test_the_commands(found: Found, request_: Request, commands: list[str]) -> None:
    """ "" is a change of the program: map without NORESERVE."""
    assert sorted(one.command for one in remedy(found, request_)) == sorted(commands)


@pytest.mark.parametrize("kind", ["shared", "private"])
def test_without_a_reservation_on_a_mount_with_size(kind: str) -> None:
    """A larger mount that others can fill up, too, does not help; a reservation does."""
    help = remedy(Found(2, 2, mount=Mount(2)), Request(2, kind, noreserve=True))
    assert [one.command for one in help] == [""]


@pytest.mark.parametrize("noreserve", [False, True])
@pytest.mark.parametrize("request_", [Request(2), Request(2, "anonymous"), Request(1, "shm"), Request(6)])
def test_more_is_reserved_than_is_free(request_: Request, noreserve: bool) -> None:
    """A kernel bug leaves that: the pool is raised until there is a page for each reservation."""
    found = Found(5, 3, 10, 0, 1, mount=Mount(None, 0, 9))
    help = remedy(found, replace(request_, noreserve=noreserve))
    assert why(*help[-1][1:]).fine


@pytest.mark.parametrize("found", [Found(MOST, 0), Found(5, 5, mount=Mount(MOST, MOST - 1)), Found(MOST, 0, 0, MOST)])
def test_help_for_the_largest_pool(found: Found) -> None:
    """What would help, or one line: nobody has such a pool."""
    try:
        assert remedy(found, Request(5))
    except ScenarioError as error:
        assert len(str(error).splitlines()) == 1


@given(st.integers(0, 5), st.integers(0, 5), st.integers(1, 9), st.booleans())
def test_a_node_is_helped_until_it_passes(near: int, far: int, pages: int, mbind: bool) -> None:
    """The node gets what it lacks; the other one keeps what it has."""
    found = Found(near + far, near + far, nodes=(Node(near, near), Node(far, far)))
    help = remedy(found, Request(pages, node=1, mbind=mbind))
    after = help[-1].found if help else found
    assert after.nodes == (Node(near, near), Node(max(pages, far), max(pages, far)))
    verdict = why(after, Request(pages, node=1, mbind=mbind))
    assert (verdict.mapped, verdict.touched, verdict.signal) == ("ok", pages, "")
