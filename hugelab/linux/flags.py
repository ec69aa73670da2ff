"""Flags of system calls and log lines: tables of name -> number, and both ways of translating."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..core.units import BASE_PAGE_SHIFT
from .names import release

# include/linux/mm.h; these values are the same in 3.10 and 6.18.
VM_FLAGS = {
    "VM_READ": 0x1, "VM_WRITE": 0x2, "VM_EXEC": 0x4, "VM_SHARED": 0x8, "VM_MAYREAD": 0x10, "VM_MAYWRITE": 0x20,
    "VM_MAYEXEC": 0x40, "VM_MAYSHARE": 0x80, "VM_LOCKED": 0x2000, "VM_SEQ_READ": 0x8000, "VM_RAND_READ": 0x10000,
    "VM_DONTCOPY": 0x20000, "VM_DONTEXPAND": 0x40000, "VM_NORESERVE": 0x200000, "VM_HUGETLB": 0x400000,
    "VM_DONTDUMP": 0x4000000, "VM_HUGEPAGE": 0x20000000, "VM_NOHUGEPAGE": 0x40000000,
}  # fmt: skip
VM_READ, VM_WRITE, VM_EXEC, VM_SHARED, VM_MAYREAD, VM_MAYWRITE, VM_MAYEXEC, VM_MAYSHARE, *_rest = VM_FLAGS.values()
_locked, VM_SEQ_READ, VM_RAND_READ, VM_DONTCOPY, VM_DONTEXPAND, VM_NORESERVE, VM_HUGETLB, *_rest = _rest
VM_DONTDUMP, VM_HUGEPAGE, VM_NOHUGEPAGE = _rest
VM_ACCESS_FLAGS = VM_READ | VM_WRITE | VM_EXEC

# include/linux/mm.h (3.10, 5.10), mm_types.h (6.1, 6.18): renumbered in 4.0, extended later.
_SINCE_4_0 = {
    "FAULT_FLAG_WRITE": 0x0001, "FAULT_FLAG_MKWRITE": 0x0002, "FAULT_FLAG_ALLOW_RETRY": 0x0004,
    "FAULT_FLAG_RETRY_NOWAIT": 0x0008, "FAULT_FLAG_KILLABLE": 0x0010, "FAULT_FLAG_TRIED": 0x0020,
    "FAULT_FLAG_USER": 0x0040, "FAULT_FLAG_REMOTE": 0x0080, "FAULT_FLAG_INSTRUCTION": 0x0100,
    "FAULT_FLAG_INTERRUPTIBLE": 0x0200,
}  # fmt: skip
_SINCE_5_19 = _SINCE_4_0 | {"FAULT_FLAG_UNSHARE": 0x0400, "FAULT_FLAG_ORIG_PTE_VALID": 0x0800}
FAULT_FLAGS = {  # by the release that changed them
    "3.10": {
        "FAULT_FLAG_WRITE": 0x01, "FAULT_FLAG_NONLINEAR": 0x02, "FAULT_FLAG_MKWRITE": 0x04,
        "FAULT_FLAG_ALLOW_RETRY": 0x08, "FAULT_FLAG_RETRY_NOWAIT": 0x10, "FAULT_FLAG_KILLABLE": 0x20,
        "FAULT_FLAG_TRIED": 0x40, "FAULT_FLAG_USER": 0x80,
    },
    "4.0": _SINCE_4_0, "5.19": _SINCE_5_19, "6.4": _SINCE_5_19 | {"FAULT_FLAG_VMA_LOCK": 0x1000},
}  # fmt: skip

# include/uapi/linux/kernel-page-flags.h, in the order of the bits.
KPF = (
    *("LOCKED", "ERROR", "REFERENCED", "UPTODATE", "DIRTY", "LRU", "ACTIVE", "SLAB", "WRITEBACK", "RECLAIM", "BUDDY"),
    *("MMAP", "ANON", "SWAPCACHE", "SWAPBACKED", "COMPOUND_HEAD", "COMPOUND_TAIL", "HUGE", "UNEVICTABLE", "HWPOISON"),
    *("NOPAGE", "KSM", "THP", "OFFLINE", "ZERO_PAGE", "IDLE", "PGTABLE"),
)

# -- arguments of system calls (uapi headers of x86-64) ----------------------------------------------------
HUGE_SHIFT, HUGE_MASK = 26, 0x3F  # where MAP_, MFD_ and SHM_ flags hold log2 of a page size
HUGE_SIZES = {
    **{f"{size}KB": size << 10 for size in (16, 64, 512)},
    **{f"{size}MB": size << 20 for size in (1, 2, 8, 16, 32, 256, 512)},
    **{f"{size}GB": size << 30 for size in (1, 2, 16)},
}


def _huge(prefix: str) -> dict[str, int]:
    """MAP_HUGE_2MB and so on: log2 of the size, in bits 26 to 31."""
    return {f"{prefix}_HUGE_{name}": (size.bit_length() - 1) << HUGE_SHIFT for name, size in HUGE_SIZES.items()}


MAP = {
    "MAP_SHARED": 0x1, "MAP_PRIVATE": 0x2, "MAP_SHARED_VALIDATE": 0x3, "MAP_FIXED": 0x10, "MAP_ANONYMOUS": 0x20,
    "MAP_32BIT": 0x40, "MAP_GROWSDOWN": 0x100, "MAP_DENYWRITE": 0x800, "MAP_EXECUTABLE": 0x1000, "MAP_LOCKED": 0x2000,
    "MAP_NORESERVE": 0x4000, "MAP_POPULATE": 0x8000, "MAP_NONBLOCK": 0x10000, "MAP_STACK": 0x20000,
    "MAP_HUGETLB": 0x40000, "MAP_SYNC": 0x80000, "MAP_FIXED_NOREPLACE": 0x100000, **_huge("MAP"),
}  # fmt: skip
PROT = {"PROT_NONE": 0, "PROT_READ": VM_READ, "PROT_WRITE": VM_WRITE, "PROT_EXEC": VM_EXEC}  # the same bits
MREMAP = {"MREMAP_MAYMOVE": 1, "MREMAP_FIXED": 2, "MREMAP_DONTUNMAP": 4}
MCL = {"MCL_CURRENT": 1, "MCL_FUTURE": 2, "MCL_ONFAULT": 4}
MS = {"MS_ASYNC": 1, "MS_INVALIDATE": 2, "MS_SYNC": 4}
MADV = {
    "MADV_NORMAL": 0, "MADV_RANDOM": 1, "MADV_SEQUENTIAL": 2, "MADV_WILLNEED": 3, "MADV_DONTNEED": 4, "MADV_FREE": 8,
    "MADV_REMOVE": 9, "MADV_DONTFORK": 10, "MADV_DOFORK": 11, "MADV_MERGEABLE": 12, "MADV_UNMERGEABLE": 13,
    "MADV_HUGEPAGE": 14, "MADV_NOHUGEPAGE": 15, "MADV_DONTDUMP": 16, "MADV_DODUMP": 17, "MADV_WIPEONFORK": 18,
    "MADV_KEEPONFORK": 19, "MADV_COLD": 20, "MADV_PAGEOUT": 21, "MADV_POPULATE_READ": 22, "MADV_POPULATE_WRITE": 23,
    "MADV_DONTNEED_LOCKED": 24, "MADV_COLLAPSE": 25,
}  # fmt: skip
_ADVICE = ("NORMAL", "RANDOM", "SEQUENTIAL", "WILLNEED", "DONTNEED", "NOREUSE")
FADV = {prefix + name: n for prefix in ("", "POSIX_FADV_") for n, name in enumerate(_ADVICE)}
FALLOC = {
    "FALLOC_FL_KEEP_SIZE": 0x01, "FALLOC_FL_PUNCH_HOLE": 0x02, "FALLOC_FL_COLLAPSE_RANGE": 0x08,
    "FALLOC_FL_ZERO_RANGE": 0x10, "FALLOC_FL_INSERT_RANGE": 0x20, "FALLOC_FL_UNSHARE_RANGE": 0x40,
    "FALLOC_FL_WRITE_ZEROES": 0x80,
}  # fmt: skip
OPEN = {
    "O_RDONLY": 0, "O_WRONLY": 0o1, "O_RDWR": 0o2, "O_CREAT": 0o100, "O_EXCL": 0o200, "O_TRUNC": 0o1000,
    "O_APPEND": 0o2000, "O_NONBLOCK": 0o4000, "O_DSYNC": 0o10000, "O_DIRECT": 0o40000, "O_LARGEFILE": 0o100000,
    "O_DIRECTORY": 0o200000, "O_NOFOLLOW": 0o400000, "O_NOATIME": 0o1000000, "O_CLOEXEC": 0o2000000,
    "O_SYNC": 0o4010000, "O_PATH": 0o10000000, "O_TMPFILE": 0o20200000,
}  # fmt: skip
MFD = {
    "MFD_CLOEXEC": 1, "MFD_ALLOW_SEALING": 2, "MFD_HUGETLB": 4, "MFD_NOEXEC_SEAL": 8, "MFD_EXEC": 0x10, **_huge("MFD"),
}  # fmt: skip
SEALS = {
    "F_SEAL_SEAL": 0x01, "F_SEAL_SHRINK": 0x02, "F_SEAL_GROW": 0x04, "F_SEAL_WRITE": 0x08, "F_SEAL_FUTURE_WRITE": 0x10,
    "F_SEAL_EXEC": 0x20,
}  # fmt: skip
F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_EXEC = SEALS.values()
SHM = {
    "IPC_PRIVATE": 0, "IPC_CREAT": 0o1000, "IPC_EXCL": 0o2000, "SHM_HUGETLB": 0o4000, "SHM_NORESERVE": 0o10000,
    "SHM_R": 0o400, "SHM_W": 0o200, **_huge("SHM"),
}  # fmt: skip
SHMAT = {"SHM_RDONLY": 0o10000, "SHM_RND": 0o20000, "SHM_REMAP": 0o40000, "SHM_EXEC": 0o100000}
MPOL = {
    "MPOL_DEFAULT": 0, "MPOL_PREFERRED": 1, "MPOL_BIND": 2, "MPOL_INTERLEAVE": 3, "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5, "MPOL_WEIGHTED_INTERLEAVE": 6,
}  # fmt: skip
MPOL_MF = {"MPOL_MF_STRICT": 1, "MPOL_MF_MOVE": 2, "MPOL_MF_MOVE_ALL": 4}
_WHENCE = ("SET", "CUR", "END", "DATA", "HOLE")
WHENCE = {prefix + name: n for prefix in ("", "SEEK_") for n, name in enumerate(_WHENCE)}


# -- numbers as names ------------------------------------------------------------
def _names(value: int, table: dict[str, int]) -> list[str]:
    names = [name for name, bit in table.items() if value & bit]
    rest = value & ~sum(table.values())
    return names + ([f"0x{rest:x}"] if rest else [])


def vm_flags(value: int) -> list[str]:
    """The names of the bits of vm_flags, lowest first; bits without a name here as one hex number."""
    return _names(value, VM_FLAGS)


def fault_flag_bits(version: str) -> dict[str, int]:
    """The FAULT_FLAG_ names of a release such as "6.11", each with its bit. Raises ValueError for one before 3.10."""
    for since, table in reversed(FAULT_FLAGS.items()):
        if release(since) <= release(version):
            return table
    raise ValueError(f"the fault flags of Linux {version} are not known")


def fault_flags(value: int, version: str) -> list[str]:
    """The names of the bits of a fault's flags in a release such as "6.11"."""
    return _names(value, fault_flag_bits(version))


def file_mode(value: int) -> str:
    """A mode as ls shows it: 0x81ed -> ``-rwxr-xr-x``."""
    return stat.filemode(value)


class PageAddresses(NamedTuple):
    """The three numbers of one page: address of its struct page, pfn, physical address (bytes)."""

    struct_page: int
    pfn: int
    physical: int


def page_addresses(struct_page: int, mem_map: int, size: int) -> PageAddresses:
    """The page of a ``page=`` in the log, which is the address of its struct page.

    ``mem_map`` is the address of the struct page of pfn 0, ``size`` the bytes of one struct page. Raises ValueError
    for an address at which no struct page lies.
    """
    pfn, rest = divmod(struct_page - mem_map, size)
    if rest or pfn < 0:
        raise ValueError(f"{struct_page:#x} is not {mem_map:#x} plus a multiple of {size}")
    return PageAddresses(struct_page, pfn, pfn << BASE_PAGE_SHIFT)


# -- names as numbers --------------------------------------------------------------------------------
class UnknownName(ValueError):
    """A flag or mode is not in its table."""


def number(table: Mapping[str, int], names: Iterable[str]) -> int:
    """The names or-ed together. Raises UnknownName."""
    bits = 0
    for name in names:
        if name not in table:
            raise UnknownName(name)
        bits |= table[name]
    return bits
