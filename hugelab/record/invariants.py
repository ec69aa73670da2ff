"""Invariants of a state, at a cost of runs, not pages. A kernel bug breaks them.

:func:`broken` checks one state. All rules but one hold after every *event*. The exception, ``rsvd`` equals the
reservations in maps and subpools, can fail between two events of one operation (hugetlb_acct_memory comes before
region_add, for example), so it is checked only with ``settled=True``: at the last event of a step.

During a fault, between the event that takes a page off the free list and the event that gives it to a file or a page
table, only a local variable of the kernel holds the page; the same between the two lines of a free. :func:`in_flight`
returns that frame; no other frame may lack a holder.
"""

from __future__ import annotations

from itertools import pairwise

from ..core.runs import Run, RunMap
from ..core.state import Records
from ..linux.structs import hstate, hugepage_subpool, inode, mm_struct, vm_area_struct
from .recording import Recording

_TAKES = {"dequeue_huge_page_node", "alloc_buddy_huge_page"}
_GIVES = {"add_to_page_cache", "hugetlb_no_page", "hugetlb_cow"}


def in_flight(recording: Recording, index: int) -> int | None:
    """The frame that only a local variable of the kernel holds right after an event; None if there is none."""
    event = recording.event(index)
    if event.pfn is None:
        return None
    frame = event.pfn * 4096 // event.size
    if event.name == "free_huge_page":
        return frame if event.moment == "start" else None
    row, _unit, point = recording.place(index)
    names = [passed.name for passed in recording.rows[row].points[: point + 1]]
    taken = any(name in _TAKES for name in names)
    return frame if taken and not any(name in _GIVES for name in names) else None


def broken(state: Records, settled: bool = False, moving: tuple[int, int] | None = None) -> str | None:
    """The first rule that a State or a Moment breaks, in words; None if it breaks none.

    ``settled``: see the module; ``moving``: page size (bytes) and frame of the page in flight.
    """
    for h in state.every(hstate):
        flying = moving[1] if moving and moving[0] == h.size else None
        found = _counters(h, flying is not None) or _owners(state, h, flying) or (settled and _reservations(state, h))
        if found:
            return f"{h.key} {h.counters}: {found}"
    return _tables(state)


def unsound(recording: Recording, every_event: bool = True) -> str | None:
    """The first event (of all, or of the last ones of steps) that breaks a rule, with the rule, in words; else None."""
    lasts = [step.last for step in recording.steps]
    settled = set(lasts)
    for index in range(len(recording)) if every_event else lasts:
        flying = in_flight(recording, index)
        moving = None if flying is None else (recording.event(index).size, flying)
        with recording._standing(index) as state:  # no Moment: a copy costs more than the rules do
            problem = broken(state, index in settled, moving)
        if problem:
            return f"event {index} ({recording.event(index).name}): {problem}"
    return None


def _counters(h: hstate, flying: bool) -> str | None:
    """Impossible counters; with a page in flight, a 6.x kernel has not used up its reservation yet."""
    if min(h.nr_huge_pages, h.free_huge_pages, h.resv_huge_pages, h.surplus_huge_pages) < 0:
        return "a counter is negative"
    if h.resv_huge_pages > h.free_huge_pages + flying:
        return "more pages are reserved than are free"
    if h.surplus_huge_pages > h.nr_huge_pages:
        return "more surplus than pages"
    for name in ("nr_huge_pages", "free_huge_pages", "surplus_huge_pages"):
        if sum(getattr(node, name) for node in h.nodes) != getattr(h, name):
            return f"{name} of the nodes do not add up"
    for node in h.nodes:
        if len(node.freelist) != node.free_huge_pages:
            return f"the free list of node {node.nid} has {len(node.freelist)} pages"
    return None


def _owners(state: Records, h: hstate, flying: int | None) -> str | None:
    """Each frame has one holder: a free list, a page cache, private page table entries, or the buddy allocator."""
    held = [] if flying is None else [(flying, flying + 1)]
    for node in state.every(inode):
        if node.h is h:
            held += (run.bounds for run in node.i_pages)
    held += _union([run.bounds for mm in state.every(mm_struct) for run in mm.tables[h.size] if run.tag[1]])
    count = sum(high - low for low, high in held)
    if h.nr_huge_pages != h.free_huge_pages + count:
        return f"total is not free + the {count} pages that files and private mappings hold"
    for part in h.nodes:
        held += (run.bounds for run in (*part.freelist, *part.buddy))
    for (_, end), (start, _) in pairwise(sorted(held)):
        if start < end:
            return f"frame {start} has two holders"
    return None


def _union(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The union of the ranges: after a fork two processes map one private page."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return found


def _reservations(state: Records, h: hstate) -> str | None:
    reserved = sum(node.reserved for node in state.every(inode) if node.h is h)
    for vma in state.every(vm_area_struct):
        if vma.h is h and vma.resv_map is not None:
            reserved += vma.pages - vma.resv_map.regions.held(vma.vm_pgoff, vma.vm_pgoff + vma.pages)
    reserved += sum(spool.rsv_hpages for spool in state.every(hugepage_subpool) if spool.h is h)
    if reserved != h.resv_huge_pages:
        return f"maps and subpools reserve {reserved} pages"
    return None


def _tables(state: Records) -> str | None:
    """Every page table entry lies in a mapping; an entry that is not private maps the page of the page cache."""
    found: dict[int, int] = {}
    for vma in state.every(vm_area_struct):
        for run in vma.mapped():
            found[id(vma.table)] = found.get(id(vma.table), 0) + run.count
            if not run.tag[1] and (problem := _cached(vma, run)):
                return f"{vma.mm.key}: {problem}"
    for mm in state.every(mm_struct):
        for table in mm.tables.values():
            if found.get(id(table), 0) != len(table):
                return f"{mm.key}: an entry outside every mapping"
    return None


def _cached(vma: vm_area_struct, run: Run) -> str | None:
    pages: RunMap = vma.inode.i_pages
    key = run.start
    while key < run.end:
        index = vma.index(key * vma.h.size)
        cached, end = pages.stretch(index, index + run.end - key)
        if cached is None:
            return f"{key * vma.h.size:#x} maps a page that the file does not have"
        if cached.at(index) != run.at(key) or (end - index > 1 and cached.step != run.step):
            return f"{key * vma.h.size:#x} maps frame {run.at(key)}, the file has {cached.at(index)}"
        key += end - index
    return None
