"""Allocating and freeing huge pages (mm/hugetlb.c), stretch by stretch: all pages that take the same way at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..core.runs import Run
from ..linux.structs import hstate, hstate_node, hugepage_subpool, inode, resv_map, vm_area_struct
from .cgroup import (
    chargeable,
    hugetlb_cgroup_charge_cgroup,
    hugetlb_cgroup_commit_charge,
    hugetlb_cgroup_uncharge,
    hugetlb_cgroup_uncharge_folio,
    over_limit,
)
from .core import Core
from .memory import clear
from .mempolicy import huge_node, policy_of
from .pool import (
    alloc_surplus_huge_page,
    dequeue_huge_page_node,
    enqueue_huge_page,
    hugetlb_acct_memory,
    node_of,
    refusal,
    shortage,
    update_and_free_page,
)
from .reserve import needs_reservation, region_add, region_del, vma_resv_map
from .subpool import hugepage_subpool_forget, hugepage_subpool_get_pages, hugepage_subpool_put_pages, over_size

NOTHING = Run(0, 0)


def subpool_inode(node: inode) -> hugepage_subpool | None:
    """The budget of the mount of this inode, if it has one."""
    return node.sb.subpool if node.sb else None


def hstate_inode(node: inode) -> hstate:
    """The pool of a hugetlbfs file."""
    assert node.h is not None, "an ordinary file has no huge pages"
    return node.h


# -- allocation --------------------------------------------------------------------------------------
class Plan(NamedTuple):
    """The next allocation: ``n`` pages that are allocated alike."""

    n: int
    map_chg: bool  # the map has no reservation for them
    cow_from_owner: bool  # the map is neither read nor changed


def plan(k: Core, vma: vm_area_struct, index: int, n: int, cow_from_owner: bool = False) -> Plan:
    """The plan for as many of the next n pages as can be allocated alike. Changes nothing."""
    h = vma.h
    map_chg, end = (True, index + n) if cow_from_owner else needs_reservation(vma_resv_map(vma), index, index + n)
    n = end - index
    policy = policy_of(vma)
    if (map_chg and subpool_inode(vma.inode)) or (policy and policy.mode == "MPOL_INTERLEAVE"):
        return Plan(1, map_chg, cow_from_owner)  # each page may see another budget or node
    n = min(n, chargeable(k, vma.mm, h, map_chg))
    if map_chg:
        n = min(n, h.free_huge_pages - h.resv_huge_pages)
    node = _node(vma, index)
    return Plan(node.freelist.stretch_down(n) if node and n > 0 else 1, map_chg, cow_from_owner)


def _node(vma: vm_area_struct, index: int) -> hstate_node | None:
    """The node that gives the next free page (dequeue_hugetlb_folio_nodemask)."""
    return next((node for node in huge_node(vma, index) if node.freelist), None)


def alloc_huge_page(k: Core, vma: vm_area_struct, index: int, p: Plan) -> Run:
    """Allocate the planned pages (alloc_hugetlb_folio since 6.3); returns their frames, an empty run on failure.

    A page with a reservation uses it up; any other page needs a grant of the mount's budget and of the cgroup, and
    must leave enough free pages for all reservations, or come as surplus. On failure all grants are given back.
    """
    h, n, spool = vma.h, p.n, subpool_inode(vma.inode)
    k.state.point("alloc_huge_page", "start", avoid_reserve=int(p.cow_from_owner))
    gbl_chg = hugepage_subpool_get_pages(spool, n) if p.map_chg else 0
    if gbl_chg is None:
        return _refused(k, *over_size(spool, n))
    refused = None
    if p.map_chg and not hugetlb_cgroup_charge_cgroup(k, vma.mm, h, n, rsvd=True):
        refused = over_limit(rsvd=True)
    elif not hugetlb_cgroup_charge_cgroup(k, vma.mm, h, n, rsvd=False):
        refused = over_limit(rsvd=False)
        if p.map_chg:
            hugetlb_cgroup_uncharge(k, vma.mm.cgroup, h, n, rsvd=True)
    if refused is None:
        k.state.point("alloc_huge_page", "hstate")
        frames = _take(k, vma, index, n, reserved=not gbl_chg)
        if frames:
            return _taken(k, vma, index, p, frames)
        refused = "dequeue_huge_page_vma", _none(k, vma, index, reserved=not gbl_chg)
        hugetlb_cgroup_uncharge(k, vma.mm.cgroup, h, n, rsvd=False)
        if p.map_chg:
            hugetlb_cgroup_uncharge(k, vma.mm.cgroup, h, n, rsvd=True)
    if p.map_chg and not gbl_chg:
        hugetlb_acct_memory(k, h, -hugepage_subpool_put_pages(k, spool, n))
    elif p.map_chg and not k.rules.bug("failed_allocation_leaks_quota"):
        hugepage_subpool_forget(spool, n)
    elif p.map_chg and spool and spool.max_hpages != -1 and spool.min_hpages > 0:
        k.danger("quota of a mount with size= and min_size= is lost: the pages it keeps reserved are never given back")
    return _refused(k, *refused)


def _refused(k: Core, rule: str, why: str) -> Run:
    k.state.point("alloc_huge_page", "failed", **refusal(rule, why, "ENOSPC"))
    return NOTHING


def _none(k: Core, vma: vm_area_struct, index: int, reserved: bool) -> str:
    """The reason why there is no page for an index: none is available, or none on the nodes that may give it."""
    h, nodes = vma.h, huge_node(vma, index)
    free = sum(node.free_huge_pages for node in nodes)
    if len(nodes) < len(h.nodes) and (reserved or h.free_huge_pages > h.resv_huge_pages) and not free:
        return f"no page is free on node {', '.join(str(node.nid) for node in nodes)}, where the policy wants it"
    return shortage(k, h, 1)


def _take(k: Core, vma: vm_area_struct, index: int, n: int, reserved: bool) -> Run | None:
    """Take pages off the free list (dequeue_hugetlb_folio_vma), or one surplus page; ``reserved``: use up reservations.

    The page leaves the list first, then resv_huge_pages falls, both under hugetlb_lock; the function of the second
    step depends on the release.
    """
    h = vma.h
    available = h.free_huge_pages - h.resv_huge_pages
    if available < 0 and not k.rules.bug("available_is_unsigned"):
        available = 0
    node = _node(vma, index) if reserved or available else None
    paid = 0
    if node is not None:
        frames = dequeue_huge_page_node(h, node, n)
        row_frames(k, frames)
        k.state.point("dequeue_huge_page_node", node=node.nid)
        paid = n if reserved and not k.rules.alloc_takes_reservation else 0
        h.resv_huge_pages -= paid
        k.state.point("dequeue_huge_page_vma", node=node.nid, pid=vma.mm.pid)
    else:
        surplus = alloc_surplus_huge_page(k, h, huge_node(vma, index))
        if surplus is None:
            return None
        frames = surplus
        row_frames(k, frames)
        k.state.point("alloc_buddy_huge_page")
    if reserved:
        h.resv_huge_pages -= n - paid
    return frames


def _taken(k: Core, vma: vm_area_struct, index: int, p: Plan, frames: Run) -> Run:
    """Enter allocated pages in the cgroup and in the reservation map."""
    group = vma.mm.cgroup
    hugetlb_cgroup_commit_charge(vma.h, frames, group, group if p.map_chg else None)
    k.state.point("alloc_huge_page", "success")
    resv = vma_resv_map(vma)
    if resv is not None and not p.cow_from_owner:
        region_add(resv, index, index + p.n)
    k.state.point("vma_commit_reservation")
    return frames


def row_frames(k: Core, frames: Run) -> None:
    """Name these frames in the current row."""
    row = k.state.rows[-1]
    row.frame, row.frame_step = frames.value, frames.step


# -- freeing -----------------------------------------------------------------------------------------
def free_huge_page(
    k: Core,
    h: hstate,
    spool: hugepage_subpool | None,
    proc: str,
    frames: Run,
    detach: Callable[[int, int], object],
    restore: resv_map | None = None,
) -> None:
    """Free pages without a holder, one after another (free_huge_folio since 6.6).

    ``frames`` maps page indices to frames; ``detach(start, end)`` takes those pages from their last holder.
    Their reservation comes back in the map ``restore`` first, if it is given. A page goes to the buddy allocator while
    its node has surplus (and the page is not reserved again), else to the head of its free list.
    """
    while frames.count > 0:
        n = frames.count
        if spool is not None or len(h.nodes) > 1 or h.cgroup or h.restore:
            n = 1
        node = node_of(k, h, frames.value)
        if node.surplus_huge_pages:
            n = 1 if restore else min(n, node.surplus_huge_pages)
        part = frames.clip(frames.start, frames.start + n)
        row = k.state.row(proc, n, h.size)
        row.page, row.frame, row.frame_step = part.start, part.value, part.step
        detach(part.start, part.end)
        k.state.point("free_huge_page", "start")
        gives_back = node.surplus_huge_pages > 0
        restored = bool(h.restore.cut(part.value, part.value + 1)) if h.restore else False
        if restore:
            region_del(k, h, restore, part.start, part.end)
        if restore or restored or hugepage_subpool_put_pages(k, spool, n) == 0:
            h.resv_huge_pages += n
        if h.cgroup:
            hugetlb_cgroup_uncharge_folio(k, h, part.value)
        clear(h, part)
        if gives_back and h.resv_huge_pages > h.free_huge_pages and not k.rules.bug("reserved_page_leaves_the_pool"):
            gives_back = False  # it is reserved again
        if gives_back:
            h.count(node, surplus=-n)
            update_and_free_page(h, node, part)
        else:
            enqueue_huge_page(h, node, part)
        k.state.point("free_huge_page", "after")
        frames = frames.clip(part.end, frames.end)
