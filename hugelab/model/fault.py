"""The page fault: hugetlb_fault, hugetlb_no_page, hugetlb_cow (hugetlb_wp since 6.0) (mm/hugetlb.c).

Everything here handles a *stretch*: as many pages from one index on as take the same way through the kernel, so
that a million faults in a row are one row of the log. The page after the stretch is simply the next call.
"""

from __future__ import annotations

from typing import NamedTuple

from ..decode import VM_EXEC, VM_MAYSHARE, VM_READ, VM_SHARED, VM_WRITE
from ..runs import Run
from ..structs import vm_area_struct
from .core import Core
from .hugetlbfs import hugetlb_add_to_page_cache, subpool_inode
from .memory import copy_huge_page
from .pool import alloc_surplus_huge_page, dequeue_huge_page_node, surplus_room
from .reserve import vma_commit_reservation, vma_needs_reservation
from .subpool import hugepage_subpool_forget, hugepage_subpool_get_pages, hugepage_subpool_put_pages

WRITABLE = True
ANONYMOUS, CACHED = True, False


class Stretch(NamedTuple):
    """``n`` pages went the same way; ``signal`` is what the program gets instead, if anything."""

    n: int
    signal: str | None = None


def access(k: Core, vma: vm_area_struct, index: int, limit: int, write: bool) -> Stretch:
    """The program reads or writes the pages [index, limit) of a mapping: the first stretch of them."""
    if not vma.vm_flags & (VM_WRITE if write else VM_READ | VM_WRITE | VM_EXEC):  # access_error
        return Stretch(0, "SIGSEGV")
    key = vma.addr(index) // vma.h.size
    entry, end = vma.table.stretch(key, key + limit - index)
    n = end - key
    if entry is None:
        return hugetlb_no_page(k, vma, index, n, write)
    writable, _anonymous = entry.tag
    if write and not writable:
        return hugetlb_cow(k, vma, index, entry.clip(key, end))
    row = k.state.row(vma.mm.proc, n, vma.h.size)
    row.addr, row.page = vma.addr(index), index
    _frames(k, entry.clip(key, end))
    k.state.point("user_access", "mapped")  # the CPU finds the entry: no fault
    return Stretch(n)


def _begin(k: Core, vma: vm_area_struct, index: int, n: int, write: bool) -> None:
    """The row of n faults, and its first point. FAULT_FLAG_WRITE is 1 in every version."""
    row = k.state.row(vma.mm.proc, n, vma.h.size)
    row.addr, row.page = vma.addr(index), index
    k.state.point("hugetlb_fault", "start", flags=k.machine.fault_flags | int(write))


def _frames(k: Core, frames: Run) -> None:
    row = k.state.rows[-1]
    row.frame, row.frame_step = frames.value, frames.step


def hugetlb_no_page(k: Core, vma: vm_area_struct, index: int, n: int, write: bool) -> Stretch:
    """Nothing is mapped there: map the page cache's page, else allocate one if the file reaches that far."""
    node, h = vma.inode, vma.h
    cached, end = node.i_pages.stretch(index, index + n)
    n = end - index
    shared = bool(vma.vm_flags & VM_MAYSHARE)
    if cached is not None:
        frames = cached.clip(index, end)
        if write and not shared:
            return hugetlb_cow(k, vma, index, frames, from_cache=True)
        _begin(k, vma, index, n, write)
        _frames(k, frames)
        k.state.point("find_lock_page")  # the page cache has it
        _map(vma, index, frames, bool(vma.vm_flags & VM_SHARED and vma.vm_flags & VM_WRITE), CACHED)
        k.state.point("hugetlb_no_page")
        return Stretch(n)
    reach = node.i_size // h.size
    if index >= reach:
        _begin(k, vma, index, 1, write)
        k.state.point("hugetlb_no_page", "sigbus", result="SIGBUS", why="beyond the end of the file")
        return Stretch(0, "SIGBUS")
    plan = _plan(k, vma, index, min(n, reach - index))
    _begin(k, vma, index, plan.n, write)
    frames = alloc_huge_page(k, vma, index, plan)
    if not frames.count:
        k.state.point("hugetlb_no_page", "sigbus", result="SIGBUS", why="no free page that nobody was promised")
        return Stretch(0, "SIGBUS")
    if shared:
        hugetlb_add_to_page_cache(node, index, frames)
        k.state.point("huge_add_to_page_cache")
    # A private page is mapped read-only on a read; on a write it is made writable in the same fault.
    writable = bool(vma.vm_flags & VM_WRITE) if shared else write
    _map(vma, index, frames, writable, CACHED if shared else ANONYMOUS)
    k.state.point("hugetlb_no_page")
    return Stretch(plan.n)


def hugetlb_cow(k: Core, vma: vm_area_struct, index: int, old: Run, from_cache: bool = False) -> Stretch:
    """A write to a page that is mapped read-only (or about to be, ``from_cache``).

    A private page that nobody else maps is reused; a page of the page cache is copied.
    """
    h, table = vma.h, vma.table
    key = vma.addr(index) // h.size
    if not from_cache and (old.tag[1] == ANONYMOUS or vma.vm_flags & VM_MAYSHARE):
        _begin(k, vma, index, old.count, write=True)
        _frames(k, old)
        table.cut(key, key + old.count)
        _map(vma, index, old, WRITABLE, old.tag[1])
        k.state.point("hugetlb_cow", "reuse")
        return Stretch(old.count)
    # The page to copy is the page cache's, so the owner's guarantee (outside_reserve) does not apply.
    plan = _plan(k, vma, index, old.count)
    _begin(k, vma, index, plan.n, write=True)
    frames = alloc_huge_page(k, vma, index, plan)
    if not frames.count:
        k.state.point("hugetlb_cow", "sigbus", result="SIGBUS", why="no free page for the copy")
        return Stretch(0, "SIGBUS")
    if not from_cache:
        table.cut(key, key + frames.count)
    copy_huge_page(h, old.clip(old.start, old.start + frames.count), frames)
    _map(vma, index, frames, WRITABLE, ANONYMOUS)
    k.state.point("hugetlb_cow", "copy")
    return Stretch(plan.n)


def _map(vma: vm_area_struct, index: int, frames: Run, writable: bool, anonymous: bool) -> None:
    """set_huge_pte_at for a stretch."""
    key = vma.addr(index) // vma.h.size
    vma.table.put(Run(key, frames.count, frames.value, frames.step, (writable, anonymous)))


class _Plan(NamedTuple):
    """How the next allocation will go: ``n`` pages alike, and where they come from."""

    n: int
    reserved: bool
    source: str  # "pool", "surplus" or "none"


def _plan(k: Core, vma: vm_area_struct, index: int, n: int) -> _Plan:
    """How many of the next n pages can be allocated the same way, and how."""
    h = vma.h
    unreserved, end = vma_needs_reservation(vma, index, index + n)
    n = end - index
    if unreserved and subpool_inode(vma.inode) is not None:
        n = 1  # each page may find the mount's budget changed
    available = h.free_huge_pages if not unreserved else h.free_huge_pages - h.resv_huge_pages
    if available < 0 < h.free_huge_pages and k.rules.slip("available_is_unsigned"):
        return _Plan(1, not unreserved, "pool")
    if available > 0:
        return _Plan(h.freelist.stretch_down(min(n, available)), not unreserved, "pool")
    return _Plan(1, not unreserved, "surplus" if surplus_room(k, h) else "none")


def alloc_huge_page(k: Core, vma: vm_area_struct, index: int, plan: _Plan) -> Run:
    """Allocate the planned pages (alloc_hugetlb_folio since 6.3); the run is empty when there are none.

    A page with a reservation uses it up; one without must leave enough free pages for all promises
    (dequeue_huge_page_vma), or come as surplus.
    """
    h, spool = vma.h, subpool_inode(vma.inode)
    nothing = Run(0, 0)
    k.state.point("alloc_huge_page", "start", avoid_reserve=0)
    promised = plan.reserved
    if not promised:
        needed = hugepage_subpool_get_pages(spool, plan.n)
        if needed is None:
            k.state.point("alloc_huge_page", "failed", result="ENOSPC", why="the mount's size= is used up")
            return nothing
        promised = needed == 0  # min_size= of the mount has reserved it
    k.state.point("alloc_huge_page", "hstate")
    if plan.source == "pool" or (promised and h.free_huge_pages):
        frames = dequeue_huge_page_node(h, plan.n)
        early = plan.n if promised and k.rules.dequeue_pays_promise else 0
        h.resv_huge_pages -= early
        _frames(k, frames)
        k.state.point("dequeue_huge_page_vma", node=0, pid=vma.mm.pid)
    else:
        early = 0
        fresh = alloc_surplus_huge_page(k, h)
        if fresh is None:
            if not plan.reserved and promised:
                h.resv_huge_pages -= hugepage_subpool_put_pages(spool, plan.n)
            elif not plan.reserved and not k.rules.slip("failed_allocation_leaks_quota"):
                hugepage_subpool_forget(spool, plan.n)
            why = "the pool is empty, and no surplus page is allowed"
            k.state.point("alloc_huge_page", "failed", result="ENOSPC", why=why)
            return nothing
        frames = fresh
        _frames(k, frames)
        k.state.point("alloc_buddy_huge_page")
    if promised:
        h.resv_huge_pages -= plan.n - early
    k.state.point("alloc_huge_page", "success")
    vma_commit_reservation(vma, index, plan.n)
    k.state.point("vma_commit_reservation")
    k.state.point("clear_huge_page")
    return frames
