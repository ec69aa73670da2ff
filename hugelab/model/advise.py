"""System calls on a range of addresses: madvise, mlock, mincore, msync (mm/madvise.c, mlock.c, mincore.c, msync.c).

Each goes through the range mapping by mapping; an error leaves the work on earlier mappings done.
"""

from __future__ import annotations

from typing import Any

from ..core.units import BASE_PAGE_SIZE
from ..linux import abi
from ..linux import flags as decode
from ..linux.abi import FAILED
from ..linux.flags import VM_DONTCOPY, VM_DONTDUMP, VM_HUGEPAGE, VM_MAYWRITE, VM_NOHUGEPAGE, VM_RAND_READ, VM_SEQ_READ
from ..linux.scenario import Op
from ..linux.structs import mm_struct, vm_area_struct
from .core import Core, SystemCallError, operation
from .fallocate import hugetlbfs_punch_hole
from .files import MAY_WRITE, inode_permission
from .gup import faultin_page_range, populate_vma_page_range
from .mmap import can_do_mlock, mlock_future_ok
from .vma import PTRS, areas, overlapping, page_align, tlb_finish_mmu, unmap_hugepage_range, vma_modify_flags

# Advice -> the bits of vm_flags that it sets and clears. No counter moves. Advice that is in no table changes nothing.
FLAGS = {
    "MADV_NORMAL": (0, VM_RAND_READ | VM_SEQ_READ),
    "MADV_RANDOM": (VM_RAND_READ, VM_SEQ_READ),
    "MADV_SEQUENTIAL": (VM_SEQ_READ, VM_RAND_READ),
    "MADV_DONTFORK": (VM_DONTCOPY, 0),
    "MADV_DOFORK": (0, VM_DONTCOPY),
    "MADV_DONTDUMP": (VM_DONTDUMP, 0),
    "MADV_DODUMP": (0, VM_DONTDUMP),
    "MADV_HUGEPAGE": (VM_HUGEPAGE, VM_NOHUGEPAGE),
    "MADV_NOHUGEPAGE": (VM_NOHUGEPAGE, VM_HUGEPAGE),
}
REFUSED = {"MADV_FREE", "MADV_COLD", "MADV_PAGEOUT", "MADV_WIPEONFORK", "MADV_COLLAPSE"}  # EINVAL for huge pages
ZAP = {"MADV_DONTNEED", "MADV_DONTNEED_LOCKED"}
POPULATE = {"MADV_POPULATE_READ": False, "MADV_POPULATE_WRITE": True}


def span(k: Core, mm: mm_struct, op: Op) -> tuple[int, int]:
    """Start and length, in bytes, of the part of a mapping that an operation names; the whole mapping by default."""
    whole = k.mapping(mm, op.args["map"])
    start, length = abi.span(op.args, k.unit(op), whole)
    return start, length % (1 << k.machine.word)


def page_range(k: Core, mm: mm_struct, op: Op, whole_pages: bool = True) -> tuple[int, int]:
    """The range [start, end) of an operation, in bytes, in whole base pages.

    Raises SystemCallError EINVAL for a start inside a page, or (not ``whole_pages``, mlock) rounds it down.
    """
    start, length = span(k, mm, op)
    if k.mapping(mm, op.args["map"]) is FAILED:
        raise SystemCallError("EINVAL")  # MAP_FAILED is the last address, not a page's
    if not whole_pages:
        length, start = length + start % BASE_PAGE_SIZE, start - start % BASE_PAGE_SIZE
    end = start + page_align(length)
    if start % BASE_PAGE_SIZE or end < start or end >= 1 << k.machine.word:
        raise SystemCallError("EINVAL")
    return start, end


def pieces(mm: mm_struct, start: int, end: int) -> tuple[list[tuple[vm_area_struct, int, int]], bool]:
    """The parts of VMAs in [start, end), and whether there is a hole between or beside them."""
    found = [(vma, max(start, vma.vm_start), min(end, vma.vm_end)) for vma in overlapping(mm, start, end)]
    return found, sum(last - first for _, first, last in found) < end - start


# -- madvise -----------------------------------------------------------------------------------------
@operation("madvise")
def sys_madvise(k: Core, mm: mm_struct, op: Op) -> None:
    """madvise(2). Raises SystemCallError; for a hole in the range, ENOMEM after all else is done."""
    advice = op.args["advice"]
    start, end = page_range(k, mm, op)
    if advice in POPULATE and not k.rules.populate_advice:
        raise SystemCallError("EINVAL")
    if start == end:
        return
    if advice in POPULATE:
        madvise_populate(k, mm, start, end, POPULATE[advice])
        return
    found, hole = pieces(mm, start, end)
    for vma, first, last in found:
        if advice in REFUSED:
            raise SystemCallError("EINVAL")
        if advice in ZAP:
            madvise_dontneed(k, vma, first, last)
        elif advice == "MADV_REMOVE":
            madvise_remove(k, vma, first, last)
        else:
            more, less = FLAGS.get(advice, (0, 0))
            vma_modify_flags(k, vma, first, last, (vma.vm_flags | more) & ~less)
    if hole:
        raise SystemCallError("ENOMEM")


def madvise_dontneed(k: Core, vma: vm_area_struct, start: int, end: int) -> None:
    """MADV_DONTNEED: private pages are freed and their reservation comes back; pages of a file are only unmapped.

    The length is rounded down to huge pages. Raises SystemCallError EINVAL for a start inside a huge page.
    """
    if start % vma.h.size or not k.rules.dontneed:
        raise SystemCallError("EINVAL")
    end -= end % vma.h.size
    if start < end:
        tlb_finish_mmu(k, unmap_hugepage_range(k, vma, start, end))


def madvise_remove(k: Core, vma: vm_area_struct, start: int, end: int) -> None:
    """MADV_REMOVE: a hole in the file. Raises SystemCallError EACCES where the mapping may not write the file."""
    both = decode.VM_SHARED | (VM_MAYWRITE if k.rules.madv_remove_wants_maywrite else decode.VM_WRITE)
    if not k.rules.fallocate:
        raise SystemCallError("EINVAL")
    if vma.vm_flags & both != both:
        raise SystemCallError("EACCES")
    offset = start - vma.vm_start + vma.vm_pgoff * vma.h.size
    hugetlbfs_punch_hole(k, vma.mm.proc, vma.inode, offset, end - start)


def madvise_populate(k: Core, mm: mm_struct, start: int, end: int, write: bool) -> None:
    """MADV_POPULATE_READ, _WRITE. Raises SystemCallError: ENOMEM a hole, EINVAL no right, EFAULT no page."""
    while start < end:
        found, _ = pieces(mm, start, end)
        if not found or found[0][1] > start:
            raise SystemCallError("ENOMEM")
        vma, first, last = found[0]
        if not vma.vm_flags & (decode.VM_WRITE if write else decode.VM_READ):
            raise SystemCallError("EINVAL")
        if not faultin_page_range(k, vma, vma.index(first), vma.index(last - 1) + 1, write):
            raise SystemCallError("EFAULT")
        start = last


# -- mlock, mincore, msync ---------------------------------------------------------------------------
@operation("mlock")
def sys_mlock(k: Core, mm: mm_struct, op: Op) -> None:
    """mlock(2) faults all pages in; VM_LOCKED is not set for huge pages.

    Raises SystemCallError ENOMEM (a hole, no page, or more than RLIMIT_MEMLOCK), EPERM (that limit is 0).
    """
    start, end = page_range(k, mm, op, whole_pages=False)
    can_do_mlock(mm)
    if not mlock_future_ok(mm, end - start):
        raise SystemCallError("ENOMEM")
    found, hole = pieces(mm, start, end)
    if hole:
        raise SystemCallError("ENOMEM")
    for vma, first, last in found:
        if not populate_vma_page_range(k, vma, vma.index(first), vma.index(last - 1) + 1):
            raise SystemCallError("ENOMEM")


@operation("mlockall")
def sys_mlockall(k: Core, mm: mm_struct, op: Op) -> None:
    """mlockall(2): MCL_CURRENT faults all mappings in, MCL_FUTURE later ones. Raises SystemCallError EINVAL, EPERM.

    A missing page is no error (mm_populate ignores it). MCL_ONFAULT changes nothing: huge pages never get VM_LOCKED.
    """
    flags = op.names("flags")
    if not flags or flags == {"MCL_ONFAULT"}:
        raise SystemCallError("EINVAL")
    can_do_mlock(mm)
    mm.mlockall = frozenset(flags) | (mm.mlockall & {"MCL_CURRENT"})
    if "MCL_CURRENT" in flags:
        mlock_future_ok(mm, 0)
        for vma in areas(mm):
            populate_vma_page_range(k, vma, vma.vm_pgoff, vma.vm_pgoff + vma.pages)


@operation("munlock")
def sys_munlock(k: Core, mm: mm_struct, op: Op) -> None:
    """munlock(2): nothing to do. Raises SystemCallError ENOMEM for a hole."""
    if pieces(mm, *page_range(k, mm, op, whole_pages=False))[1]:
        raise SystemCallError("ENOMEM")


@operation("msync")
def sys_msync(k: Core, mm: mm_struct, op: Op) -> None:
    """msync(2): nothing to do. ``flags`` default MS_SYNC. Raises SystemCallError ENOMEM for a hole, EINVAL."""
    flags = op.names("flags")
    if {"MS_ASYNC", "MS_SYNC"} <= flags:
        raise SystemCallError("EINVAL")
    if pieces(mm, *page_range(k, mm, op))[1]:
        raise SystemCallError("ENOMEM")


@operation("mincore")
def sys_mincore(k: Core, mm: mm_struct, op: Op) -> dict[str, Any]:
    """mincore(2): for each huge page 1 if the page table of the process has it. Raises SystemCallError ENOMEM.

    Where no page table exists (no page near was ever touched) it is 1 if the file has the page
    (mincore_unmapped_range).
    """
    start, end = page_range(k, mm, op)
    found, hole = pieces(mm, start, end)
    if hole:
        raise SystemCallError("ENOMEM")
    resident = []
    for vma, first, last in found:
        size = vma.h.size
        if not can_do_mincore(k, mm, vma):
            resident += [1] * ((last - 1) // size - first // size + 1)
            continue
        for key in range(first // size, (last - 1) // size + 1):
            there = vma.table if mm.pmds[size].find(key // PTRS) else vma.inode.i_pages
            resident.append(int(there.get(key if there is vma.table else vma.index(key * size)) is not None))
    return {"resident": resident}


def can_do_mincore(k: Core, mm: mm_struct, vma: vm_area_struct) -> bool:
    """May the process know which pages of the file are in memory? Since 5.2 only if it could write to the file."""
    if not k.rules.mincore_hides:
        return True
    try:
        if mm.uid != vma.inode.i_uid:
            inode_permission(mm, vma.inode, MAY_WRITE)
    except SystemCallError:
        return False
    return True
