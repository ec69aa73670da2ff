"""/proc/PID/smaps of a mapping (fs/proc/task_mmu.c)."""

from __future__ import annotations

from typing import Any

from ..linux.abi import FAILED
from ..linux.flags import VM_FLAGS
from ..linux.scenario import Op
from ..linux.structs import mm_struct, vm_area_struct
from .core import Core, SystemCallError, operation
from .vma import vma_lookup

# The two letters of each of VM_FLAGS (show_smap_vma_flags).
LETTERS = ("rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "lo", "sr", "rr", "dc", "de", "nr", "ht", "dd", "hg", "nh")


@operation("smaps")
def smaps(k: Core, mm: mm_struct, op: Op) -> dict[str, Any]:
    """The fields of the VMA at the start of a mapping, in kB; huge pages are not in Rss and Pss.

    Raises SystemCallError ENOENT if there is no VMA.
    """
    area = k.mapping(mm, op.args["map"])
    vma = vma_lookup(mm, area.addr)
    if area is FAILED or vma is None:
        raise SystemCallError("ENOENT")
    size = vma.h.size // 1024
    shown = {"Size": vma.pages * size, "KernelPageSize": size, "MMUPageSize": size, "Rss": 0, "Pss": 0}
    if k.rules.hugetlb_usage:
        entries = [
            (run.at(key), vma.index(key * vma.h.size)) for run in vma.mapped() for key in range(run.start, run.end)
        ]
        shared = sum(mapcount(k, vma, frame, index) > 1 for frame, index in entries)
        shown |= {"Shared_Hugetlb": shared * size, "Private_Hugetlb": (len(entries) - shared) * size}
    named = zip(VM_FLAGS.values(), LETTERS, strict=True)
    return {**shown, "VmFlags": [letters for bit, letters in named if vma.vm_flags & bit]}


def mapcount(k: Core, vma: vm_area_struct, frame: int, index: int) -> int:
    """The number of page table entries that map a page at a file index (folio_mapcount)."""
    return sum(
        other.table.get(other.addr(index) // other.h.size) == frame
        for other in k.state.of(vm_area_struct)
        if other.inode is vma.inode and other.vm_pgoff <= index < other.vm_pgoff + other.pages
    )
