"""resv_map: which page indices are reserved (mm/hugetlb.c, the region_ functions)."""

from __future__ import annotations

from ..core.runs import Run
from ..linux.flags import VM_MAYSHARE
from ..linux.structs import hstate, resv_map, vm_area_struct
from .cgroup import hugetlb_cgroup_uncharge
from .core import Core


def region_chg(resv: resv_map, f: int, t: int) -> int:
    """The number of pages of [f, t) that the map lacks: the cost of adding them."""
    return t - f - resv.regions.held(f, t)


def region_add(resv: resv_map, f: int, t: int, cgroup: str | None = None) -> None:
    """Enter the pages [f, t) that the map lacks. Neighbouring regions become one.

    ``cgroup``, which was charged for the reservation of these pages, is stored in the region.
    """
    for start, end in resv.regions.gaps(f, t):
        resv.regions.put(Run(start, end - start, tag=cgroup))


def region_del(k: Core, h: hstate, resv: resv_map, f: int, t: int) -> int:
    """Remove the pages [f, t) (region_truncate until 4.3); returns how many the map had.

    The cgroup that was charged for their reservation is uncharged (hugetlb_cgroup_uncharge_file_region).
    """
    gone = resv.regions.cut(f, t)
    for run in gone:
        if run.tag is not None:
            hugetlb_cgroup_uncharge(k, run.tag, h, run.count, True)
    return sum(run.count for run in gone)


def region_count(resv: resv_map, f: int, t: int) -> int:
    """The number of pages of [f, t) that the map has."""
    return resv.regions.held(f, t)


def vma_resv_map(vma: vm_area_struct) -> resv_map | None:
    """The map that decides for a mapping: the inode's if shared, its own if private, None if it has none.

    VM_MAYSHARE, not VM_SHARED, means shared: a shared mapping of a read-only descriptor lacks the latter.
    """
    return vma.inode.resv_map if vma.vm_flags & VM_MAYSHARE else vma.resv_map


def needs_reservation(resv: resv_map | None, index: int, limit: int) -> tuple[bool, int]:
    """Does an allocation at an index lack a reservation (vma_needs_reservation), and up to which index (at most limit)?

    Shared: yes if the map has no entry. Private owner: yes if it has one. No map: always.
    """
    if resv is None:
        return True, limit
    entry, end = resv.regions.stretch(index, limit)
    return (entry is None) == resv.shared, end
