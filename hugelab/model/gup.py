"""Pages that the kernel faults in for a program: populate and mlock (mm/gup.c, mm/mlock.c)."""

from __future__ import annotations

from ..linux.flags import VM_ACCESS_FLAGS, VM_SHARED, VM_WRITE
from ..linux.structs import vm_area_struct
from . import fault
from .core import Core


def populate_vma_page_range(k: Core, vma: vm_area_struct, index: int, end: int) -> bool:
    """MAP_POPULATE and mlock: fault in the pages [index, end) of a VMA; False if a page is not to be had.

    Writable private mappings get their own copies at once, all others are read. A mapping without any right is
    skipped, one without VM_READ is not (FOLL_FORCE).
    """
    write = vma.vm_flags & (VM_WRITE | VM_SHARED) == VM_WRITE
    return bool(vma.vm_flags & VM_ACCESS_FLAGS) and faultin_page_range(k, vma, index, end, write)


def faultin_page_range(k: Core, vma: vm_area_struct, index: int, end: int, write: bool) -> bool:
    """Fault in the pages [index, end) for reading or writing; False if a page is not to be had.

    get_user_pages stops at such a page and returns the number of pages before it; the next call tries it again.
    """
    begun = index
    while index < end:
        done, signal = fault.access(k, vma, index, end, write)
        index += done
        if signal and index == begun:
            return False
        if signal:
            begun = index
    return True
