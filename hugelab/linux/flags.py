"""What the numbers in a log line mean: VM_ flags, fault flags, file modes, struct page pointers."""

from __future__ import annotations

import stat
from typing import NamedTuple

from ..core.units import BASE_PAGE_SHIFT

# include/linux/mm.h; these values are the same in 3.10 and 6.18.
VM_FLAGS = {
    "VM_READ": 0x1,
    "VM_WRITE": 0x2,
    "VM_EXEC": 0x4,
    "VM_SHARED": 0x8,
    "VM_MAYREAD": 0x10,
    "VM_MAYWRITE": 0x20,
    "VM_MAYEXEC": 0x40,
    "VM_MAYSHARE": 0x80,
    "VM_LOCKED": 0x2000,
    "VM_SEQ_READ": 0x8000,
    "VM_RAND_READ": 0x10000,
    "VM_DONTCOPY": 0x20000,
    "VM_DONTEXPAND": 0x40000,
    "VM_NORESERVE": 0x200000,
    "VM_HUGETLB": 0x400000,
    "VM_DONTDUMP": 0x4000000,
    "VM_HUGEPAGE": 0x20000000,
    "VM_NOHUGEPAGE": 0x40000000,
}
VM_READ, VM_WRITE, VM_EXEC, VM_SHARED, VM_MAYREAD, VM_MAYWRITE, VM_MAYEXEC, VM_MAYSHARE, *_rest = VM_FLAGS.values()
_locked, VM_SEQ_READ, VM_RAND_READ, VM_DONTCOPY, VM_DONTEXPAND, VM_NORESERVE, VM_HUGETLB, *_rest = _rest
VM_DONTDUMP, VM_HUGEPAGE, VM_NOHUGEPAGE = _rest

# include/linux/mm.h (3.10, 5.10), mm_types.h (6.1, 6.18): renumbered after 3.10, then grown, so a decoder needs the
# version.
_SINCE_4_0 = {
    "FAULT_FLAG_WRITE": 0x0001,
    "FAULT_FLAG_MKWRITE": 0x0002,
    "FAULT_FLAG_ALLOW_RETRY": 0x0004,
    "FAULT_FLAG_RETRY_NOWAIT": 0x0008,
    "FAULT_FLAG_KILLABLE": 0x0010,
    "FAULT_FLAG_TRIED": 0x0020,
    "FAULT_FLAG_USER": 0x0040,
    "FAULT_FLAG_REMOTE": 0x0080,
    "FAULT_FLAG_INSTRUCTION": 0x0100,
    "FAULT_FLAG_INTERRUPTIBLE": 0x0200,
}
_SINCE_5_19 = _SINCE_4_0 | {"FAULT_FLAG_UNSHARE": 0x0400, "FAULT_FLAG_ORIG_PTE_VALID": 0x0800}
FAULT_FLAGS = {
    "3.10": {
        "FAULT_FLAG_WRITE": 0x01,
        "FAULT_FLAG_NONLINEAR": 0x02,
        "FAULT_FLAG_MKWRITE": 0x04,
        "FAULT_FLAG_ALLOW_RETRY": 0x08,
        "FAULT_FLAG_RETRY_NOWAIT": 0x10,
        "FAULT_FLAG_KILLABLE": 0x20,
        "FAULT_FLAG_TRIED": 0x40,
        "FAULT_FLAG_USER": 0x80,
    },
    "5.10": _SINCE_4_0,
    "6.1": _SINCE_5_19,
    "6.18": _SINCE_5_19 | {"FAULT_FLAG_VMA_LOCK": 0x1000},
}


# include/uapi/linux/kernel-page-flags.h, in the order of the bits.
KPF = (
    *("LOCKED", "ERROR", "REFERENCED", "UPTODATE", "DIRTY", "LRU", "ACTIVE", "SLAB", "WRITEBACK", "RECLAIM", "BUDDY"),
    *("MMAP", "ANON", "SWAPCACHE", "SWAPBACKED", "COMPOUND_HEAD", "COMPOUND_TAIL", "HUGE", "UNEVICTABLE", "HWPOISON"),
    *("NOPAGE", "KSM", "THP", "OFFLINE", "ZERO_PAGE", "IDLE", "PGTABLE"),
)


def _names(value: int, table: dict[str, int]) -> list[str]:
    names = [name for name, bit in table.items() if value & bit]
    rest = value & ~sum(table.values())
    return names + ([f"0x{rest:x}"] if rest else [])


def vm_flags(value: int) -> list[str]:
    """The names of the bits of vm_flags, lowest first; what has no name here is given in hex."""
    return _names(value, VM_FLAGS)


def fault_flags(value: int, version: str) -> list[str]:
    """The names of the bits of a fault's flags. ``version`` is a key of FAULT_FLAGS; raises KeyError otherwise."""
    return _names(value, FAULT_FLAGS[version])


def file_mode(value: int) -> str:
    """A mode as ls shows it: 0x81ed -> ``-rwxr-xr-x``."""
    return stat.filemode(value)


class PageAddresses(NamedTuple):
    """The three numbers of one page: address of its struct page, pfn, physical address (bytes)."""

    struct_page: int
    pfn: int
    physical: int


def page_addresses(struct_page: int, mem_map: int, size: int) -> PageAddresses:
    """From a ``page=`` of the log to the page it stands for.

    ``mem_map`` is the address of the struct page of pfn 0, ``size`` the bytes of one struct page. Raises ValueError
    when no struct page can lie at that address.
    """
    pfn, rest = divmod(struct_page - mem_map, size)
    if rest or pfn < 0:
        raise ValueError(f"{struct_page:#x} is not {mem_map:#x} plus a multiple of {size}")
    return PageAddresses(struct_page, pfn, pfn << BASE_PAGE_SHIFT)
