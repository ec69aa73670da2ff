"""The model in the state of the counters answers a request, alone and then with other processes that take all pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..core.units import count, format_size, size_name
from ..linux.errors import ScenarioError
from ..linux.machines import SIZE_2M, X86_64
from ..linux.scenario import ANONYMOUS, Op, Scenario
from ..linux.structs import hstate, hugepage_subpool, hugetlb_cgroup, super_block
from ..model import pool
from ..model.kernel import Kernel
from ..record.recording import Recording
from ..record.source import record
from .found import MOST, Cgroup, Found, Mount

KINDS = ("shared", "private", "anonymous", "shm")
GROUP = "cgroup2/found"
AT_MOST = 1 << 22  # pages of a request
NORESERVE_MOST = 1 << 14  # without a reservation each page may be a stretch of its own: more pages would take long


@dataclass(frozen=True)
class Request:
    """``pages`` to be mapped and each touched: of a new hugetlbfs file shared or private, anonymous, or System V.

    ``node``: the task is bound to it (numactl --membind); with ``mbind`` the mapping is, after mmap. Raises
    ScenarioError for an impossible request.
    """

    pages: int
    kind: str = "shared"
    noreserve: bool = False
    node: int | None = None
    mbind: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ScenarioError(f"{self.kind!r} is no kind of mapping: {', '.join(KINDS)}")
        most = NORESERVE_MOST if self.noreserve else AT_MOST
        if not 1 <= self.pages <= most:
            kind = " without reservation" if self.noreserve else ""
            raise ScenarioError(f"a request{kind} is of 1 to {most:,} pages, not {self.pages:,}")
        if self.mbind and self.node is None:
            raise ScenarioError("mbind needs a node")

    def steps(self, size: int, default: int) -> tuple[Op, ...]:
        """The program: the steps up to the mapping, and the touch. ``size`` and ``default`` size in bytes."""
        more: dict[str, Any] = {} if size == default else {"hsize": size_name(size)}
        large = [] if size == default else [f"HUGE_{format_size(size).replace(' ', '')}"]
        mask = None if self.node is None else 1 << self.node
        steps = []
        if mask is not None and not self.mbind:
            steps.append(Op("set_mempolicy", {"policy": "MPOL_BIND", "nodemask": mask}))
        if self.kind == "shm":
            flags = ["SHM_HUGETLB", "IPC_CREAT", *(["SHM_NORESERVE"] * self.noreserve), *(f"SHM_{n}" for n in large)]
            steps.append(Op("shmget", {"shm": "s", "pages": self.pages, "flags": flags, **more}))
            steps.append(Op("shmat", {"shm": "s", "map": "A"}))
        else:
            flags = ["MAP_SHARED" if self.kind == "shared" else "MAP_PRIVATE", *(["MAP_NORESERVE"] * self.noreserve)]
            where: dict[str, Any] = {"fd": "f"}
            if self.kind == "anonymous":
                flags, where = [*flags, *ANONYMOUS, *(f"MAP_{name}" for name in large)], {}
            else:
                steps.append(Op("open", {"fd": "f", "path": "m/new_file"}))
            steps.append(Op("mmap", {"map": "A", "pages": self.pages, "flags": flags, **where, **more}))
        if mask is not None and self.mbind:
            steps.append(Op("mbind", {"map": "A", "policy": "MPOL_BIND", "nodemask": mask}))
        return (*steps, Op("touch", {"map": "A", "page": 0, "count": self.pages, **more}))


@dataclass(frozen=True)
class Verdict:
    """The model's answer.

    ``mapped``: the outcome of the call that reserves (mmap or shmget), "ok" or an errno. ``touched``: the pages that a
    touch gets now, before ``signal`` ("" if it gets all). ``risk``: the rule that could refuse a touch after others
    took all pages that they may; "" if none can. ``rule``: the kernel function that decides, ``because``: its numbers.
    """

    mapped: str
    touched: int
    signal: str
    rule: str
    because: str
    risk: str

    @property
    def fine(self) -> bool:
        """Does it work now, whatever other processes do?"""
        return self.mapped == "ok" and not self.signal and not self.risk


def why(found: Found, request: Request) -> Verdict:
    """Would mmap pass, could a touch fail, and which rule decides? Raises ScenarioError for an unknown node."""
    nodes = max(len(found.nodes), 1)
    if request.node is not None and not 0 <= request.node < nodes:
        raise ScenarioError(f"there is no node {request.node}: the machine has {count(nodes, 'node')}, from 0")
    if (request.pages + 1) * found.size > X86_64.top:
        wanted = f"{count(request.pages, 'page')} of {format_size(found.size)}"
        raise ScenarioError(f"{wanted} are more than a process has addresses for: 128 TB")
    recording = _ask(found, request, rivals=False)
    mapping, touch = recording.steps[-2 - request.mbind], recording.steps[-1]
    if request.kind == "shm" and recording.steps[-3 - request.mbind].outcome != "ok":
        mapping = recording.steps[-3 - request.mbind]
    if mapping.outcome != "ok":
        rule, because = _refusal(recording)
        return Verdict(mapping.outcome, 0, "", rule, because, "")
    done: int = touch.value["done"]
    if touch.outcome != "ok":
        rule, because = _refusal(recording)
        return Verdict("ok", done, touch.outcome, rule, because, rule)
    contested = _ask(found, request, rivals=True)
    if contested.steps[-1].outcome != "ok":
        rule, because = _refusal(contested)
        return Verdict("ok", done, "", rule, because, rule)
    return Verdict("ok", done, "", "hugetlb_reserve_pages", "", "")


def _refusal(recording: Recording) -> tuple[str, str]:
    """The last rule that refused, and its numbers as text."""
    for row in reversed(recording.rows):
        for point in reversed(row.points):
            if "rule" in point.detail:
                return str(point.detail["rule"]), str(point.detail["why"])
    raise AssertionError("the model refuses, and no event says why")


def _ask(found: Found, request: Request, rivals: bool) -> Recording:
    """Run the request in the state of the counters; with ``rivals``, others take all they may before the touch."""
    kernel, default = as_found(found)
    if found.cgroup is not None:
        kernel.mm("P").cgroup = GROUP
    *first, last = request.steps(found.size, default)
    scenario = Scenario("why", mounts={}, steps=tuple(first))
    mapped = record(kernel, scenario)
    if rivals:
        others_take_all(kernel, found, request)
    touched = record(kernel, replace(scenario, steps=(last,)))
    return replace(touched, steps=[*mapped.steps, *touched.steps])


# -- the state of the counters -----------------------------------------------------------------------
def as_found(found: Found) -> tuple[Kernel, int]:
    """The model with that pool, mount ``m`` and cgroup, and its default page size.

    Pages in use have no holder in it. Pages of 1 GB and more count as gigantic: no surplus of them.
    """
    gigantic = found.size >= X86_64.sizes[1]
    sizes = (SIZE_2M, found.size) if gigantic and not found.default else (found.size,)
    nodes = found.nodes or ((found.total, found.free, found.surp),)
    buddy = X86_64.buddy_most if gigantic else found.size
    room = (MOST + found.overcommit + AT_MOST) * found.size * len(nodes)
    kernel = Kernel(replace(X86_64, sizes=sizes, nodes=len(nodes), memory=room, buddy_most=buddy), nr=0)
    h = kernel.size_to_hstate(found.size)
    kernel.state.row("")
    for node, (total, free, surp) in zip(h.nodes, nodes, strict=True):
        pool.set_max_huge_pages(kernel, h, total, node.nid)
        while node.free_huge_pages > free:
            pool.dequeue_huge_page_node(h, node, node.free_huge_pages - free)
        h.count(node, surplus=surp)
    h.resv_huge_pages, h.nr_overcommit_huge_pages = found.rsvd, found.overcommit
    _mount(kernel, h, found.mount or Mount(), found.mount is not None)
    if found.cgroup is not None:
        _group(kernel, h, found.cgroup)
    kernel.state.point("found")
    return kernel, sizes[0]


def _mount(kernel: Kernel, h: hstate, mount: Mount, limited: bool) -> None:
    spool = None
    if limited and (mount.size is not None or mount.held):
        size, least = (-1 if mount.size is None else mount.size), mount.held + mount.used if mount.held else -1
        spool = kernel.state.enter(hugepage_subpool(kernel.state, kernel.number("subpool"), h, size, least))
        spool.used_hpages, spool.rsv_hpages = mount.used, mount.held
    kernel.state.enter(super_block(kernel.state, "m", h, subpool=spool))


def _group(kernel: Kernel, h: hstate, limits: Cgroup) -> None:
    group = kernel.state.enter(hugetlb_cgroup(kernel.state, GROUP, 2, "found", None, kernel.machine.sizes))
    for counter in group.counters.values():
        kernel.state.enter(counter)
    group.counters[h.size, False].max = limits.left
    group.counters[h.size, True].max = limits.rsvd_left


# -- the worst case of other processes ---------------------------------------------------------------
def others_take_all(kernel: Kernel, found: Found, request: Request) -> None:
    """Other processes take all pages that they may: those reserved for them (on any node), and all available ones.

    They use the request's mount and cgroup first, and the node that it is bound to.
    """
    h = kernel.size_to_hstate(found.size)
    kernel.state.row("")
    obtainable = max(h.free_huge_pages - h.resv_huge_pages, 0) + pool.surplus_room(kernel, h)
    for spool in kernel.state.of(hugepage_subpool):
        obtainable += spool.rsv_hpages
        if spool.max_hpages != -1:
            spool.used_hpages += min(spool.max_hpages - spool.used_hpages, obtainable)
        spool.rsv_hpages = 0
    ours = 0 if request.noreserve else request.pages
    for group in kernel.state.of(hugetlb_cgroup):
        for rsvd in (False, True):
            counter = group.counters[h.size, rsvd]
            # Reserved pages are charged at the touch, and the group may take pages that processes outside free.
            most = h.nr_huge_pages + pool.surplus_room(kernel, h) - ours
            if counter.max is not None:
                counter.usage += min(counter.max - counter.usage, most)
    reserved = h.resv_huge_pages - min(ours, h.resv_huge_pages)
    _take(h, reserved + max(h.free_huge_pages - h.resv_huge_pages, 0), request.node)
    h.resv_huge_pages -= reserved
    h.nr_overcommit_huge_pages = min(h.nr_overcommit_huge_pages, h.surplus_huge_pages)
    kernel.state.point("others")


def _take(h: hstate, pages: int, first: int | None) -> None:
    """Take free pages, those of the node ``first`` before others."""
    for node in sorted(h.nodes, key=lambda node: node.nid != first):
        while pages and node.free_huge_pages:
            pages -= pool.dequeue_huge_page_node(h, node, min(pages, node.free_huge_pages)).count
