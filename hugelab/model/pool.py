"""hstate: the free list, its counters, surplus, and the size of the pool (mm/hugetlb.c)."""

from __future__ import annotations

from collections.abc import Callable

from ..runs import Run
from ..structs import hstate, hugepage_subpool
from .core import Core
from .memory import clear
from .subpool import hugepage_subpool_put_pages


# -- the free list -----------------------------------------------------------------------------------
def enqueue_huge_page(h: hstate, frames: Run) -> None:
    """Put pages on the free list, one after another; the last is handed out first."""
    h.freelist.push(frames.value, frames.count, frames.step)
    h.free_huge_pages += frames.count


def dequeue_huge_page_node(h: hstate, n: int) -> Run:
    """Take up to n pages off the free list that lie in one run (dequeue_hugetlb_folio_node_exact)."""
    frames = h.freelist.pop(n)
    h.free_huge_pages -= frames.count
    return frames


def turned(frames: Run) -> Run:
    """The same frames, last one first."""
    return Run(0, frames.count, frames.at(frames.end - 1), -frames.step)


# -- the buddy allocator -----------------------------------------------------------------------------
def alloc_fresh_huge_page(k: Core, h: hstate, n: int) -> Run | None:
    """Up to n frames in one run from the buddy allocator (alloc_fresh_hugetlb_folio); None when memory is out."""
    if h.buddy:
        return h.buddy.pop(n)
    try:
        frames = k.machine.frame_run(h.size, h.fresh, n)
    except IndexError:
        return None
    h.fresh += frames.count
    return frames


def update_and_free_page(h: hstate, frames: Run) -> None:
    """Pages leave the pool for the buddy allocator."""
    h.buddy.push(frames.value, frames.count, frames.step)
    h.nr_huge_pages -= frames.count


def remove_pool_huge_page(h: hstate, n: int) -> None:
    """Give n free pages, next in line first, back to the buddy allocator (free_pool_huge_page until 6.x)."""
    while n:
        frames = dequeue_huge_page_node(h, n)
        update_and_free_page(h, frames)
        n -= frames.count


# -- reservations ------------------------------------------------------------------------------------
def hugetlb_acct_memory(k: Core, h: hstate, delta: int) -> bool:
    """Promise ``delta`` more pages, or (negative) take promises back. False = ENOMEM, and nothing changed.

    All or nothing: what the free pages do not cover must come as surplus pages.
    """
    if delta > 0:
        promised = gather_surplus_pages(k, h, delta)
    else:
        promised = True
        return_unused_surplus_pages(h, -delta)
    k.state.point("hugetlb_acct_memory", delta=delta)
    return promised


def gather_surplus_pages(k: Core, h: hstate, delta: int) -> bool:
    """Reserve ``delta`` pages; if free pages are short, allocate the missing ones beyond the configured number.

    Each surplus page needs surplus < nr_overcommit_hugepages; a gigantic size never gets one.
    """
    needed = h.resv_huge_pages + delta - h.free_huge_pages
    if needed > 0:
        if needed > surplus_room(k, h):
            return False
        found: list[Run] = []
        while needed:
            frames = alloc_fresh_huge_page(k, h, needed)
            if frames is None:
                for frames in map(turned, reversed(found)):
                    h.buddy.push(frames.value, frames.count, frames.step)
                return False
            found.append(frames)
            needed -= frames.count
        for frames in map(turned, reversed(found)):  # the page allocated first ends on top
            enqueue_huge_page(h, frames)
            h.nr_huge_pages += frames.count
            h.surplus_huge_pages += frames.count
    h.resv_huge_pages += delta
    return True


def surplus_room(k: Core, h: hstate) -> int:
    """How many surplus pages may still be allocated (hstate_is_gigantic: none)."""
    if h.size > k.machine.sizes[0]:
        return 0
    return max(h.nr_overcommit_huge_pages - h.surplus_huge_pages, 0)


def alloc_surplus_huge_page(k: Core, h: hstate) -> Run | None:
    """One page beyond the configured number, straight to the caller (alloc_buddy_huge_page in 3.10)."""
    if not surplus_room(k, h):
        return None
    frames = alloc_fresh_huge_page(k, h, 1)
    if frames is not None:
        h.nr_huge_pages += 1
        h.surplus_huge_pages += 1
    return frames


def return_unused_surplus_pages(h: hstate, unused: int) -> None:
    """Drop ``unused`` promises; as many free pages as are surplus go back to the buddy allocator."""
    h.resv_huge_pages -= unused
    surplus = min(unused, h.surplus_huge_pages, h.free_huge_pages)
    remove_pool_huge_page(h, surplus)
    h.surplus_huge_pages -= surplus


# -- a page comes back -------------------------------------------------------------------------------
def free_huge_page(
    k: Core,
    h: hstate,
    spool: hugepage_subpool | None,
    proc: str,
    frames: Run,
    detach: Callable[[int, int], object],
    restore: Callable[[int, int], object] | None = None,
) -> None:
    """Pages nobody holds any more go back, one after another (free_huge_folio since 6.7).

    ``frames`` maps page indices to frames; ``detach(start, end)`` takes those pages off their last holder.
    ``restore(start, end)``, if given, puts their reservation back (restore_reserve). A page goes to the buddy
    allocator while there is surplus, else to the head of the free list.
    """
    while frames.count > 0:
        n = frames.count
        if h.surplus_huge_pages:
            n = min(n, h.surplus_huge_pages)
        if spool is not None:
            n = 1
        part = frames.clip(frames.start, frames.start + n)
        row = k.state.row(proc, n, h.size)
        row.page, row.frame, row.frame_step = part.start, part.value, part.step
        detach(part.start, part.end)
        k.state.point("free_huge_page", "start")
        if restore:
            restore(part.start, part.end)
            h.resv_huge_pages += n
        elif hugepage_subpool_put_pages(spool, n) == 0:
            h.resv_huge_pages += n
        clear(h, part)
        if h.surplus_huge_pages:
            h.surplus_huge_pages -= n
            update_and_free_page(h, part)
        else:
            enqueue_huge_page(h, part)
        k.state.point("free_huge_page", "after")
        frames = frames.clip(part.end, frames.end)


# -- the size of the pool ----------------------------------------------------------------------------
def set_max_huge_pages(k: Core, h: hstate, count: int) -> None:
    """Write ``count`` to nr_hugepages. A shortage of memory is no error: the pool is just smaller.

    Growing turns surplus pages into persistent ones first. Shrinking never takes a page that is used or
    promised: what cannot go now becomes surplus and goes when it is freed.
    """
    while h.surplus_huge_pages and count > h.persistent_huge_pages:
        h.surplus_huge_pages -= min(h.surplus_huge_pages, count - h.persistent_huge_pages)
    wanted, found = max(count - h.persistent_huge_pages, 0), list[Run]()
    while wanted and (frames := alloc_fresh_huge_page(k, h, wanted)):
        found.append(frames)
        wanted -= frames.count
    for frames in [turned(run) for run in reversed(found)] if k.rules.pool_in_order else found:
        enqueue_huge_page(h, frames)
        h.nr_huge_pages += frames.count
    spare = h.free_huge_pages
    if k.rules.shrink_spares_surplus and spare > h.persistent_huge_pages:
        spare = max(spare - h.surplus_huge_pages, 0)
    used = h.persistent_huge_pages if k.rules.shrink_spares_surplus else h.nr_huge_pages
    lowest = max(count, h.resv_huge_pages + used - spare)
    if lowest < h.persistent_huge_pages:
        remove_pool_huge_page(h, h.persistent_huge_pages - lowest)
    if count < h.persistent_huge_pages:
        h.surplus_huge_pages += h.persistent_huge_pages - count
