"""resv_map: which page indices are promised, and what a region means (mm/hugetlb.c, the region_ functions).

Shared map (one for each inode): an entry means "reserved, or has its page already".
Private map (one for each mapping): an entry means "its reservation has been used".
"""

from __future__ import annotations

from ..decode import VM_MAYSHARE
from ..runs import Run
from ..structs import resv_map, vm_area_struct


def region_chg(resv: resv_map, f: int, t: int) -> int:
    """How many of the pages [f, t) are not in the map yet: what adding them would cost."""
    return t - f - resv.regions.held(f, t)


def region_add(resv: resv_map, f: int, t: int) -> int:
    """Enter the pages [f, t); returns how many were new. Neighbouring regions become one."""
    gaps = resv.regions.gaps(f, t)
    for start, end in gaps:
        resv.regions.put(Run(start, end - start))
    return sum(end - start for start, end in gaps)


def region_del(resv: resv_map, f: int, t: int) -> int:
    """Remove the pages [f, t) (region_truncate until 4.3); returns how many were there."""
    return sum(run.count for run in resv.regions.cut(f, t))


def region_count(resv: resv_map, f: int, t: int) -> int:
    """How many of the pages [f, t) are in the map."""
    return resv.regions.held(f, t)


def vma_resv_map(vma: vm_area_struct) -> resv_map | None:
    """The map that decides for a mapping: the inode's if shared, its own if private, None if it has none.

    VM_MAYSHARE decides what is shared, not VM_SHARED: a shared mapping of a read-only descriptor lacks the latter.
    """
    return vma.inode.resv_map if vma.vm_flags & VM_MAYSHARE else vma.resv_map


def vma_needs_reservation(vma: vm_area_struct, index: int, limit: int) -> tuple[bool, int]:
    """Must a fault at a file index find a page nobody promised it? And up to which index (at most limit) alike.

    Shared: yes where the map has no entry. Private owner: yes where it has one. No map: always.
    """
    resv = vma_resv_map(vma)
    if resv is None:
        return True, limit
    entry, end = resv.regions.stretch(index, limit)
    return (entry is None) == resv.shared, end


def vma_commit_reservation(vma: vm_area_struct, index: int, n: int) -> None:
    """The pages [index, index + n) are allocated: enter them (in a shared map a reservation is there already)."""
    resv = vma_resv_map(vma)
    if resv is not None:
        region_add(resv, index, index + n)
