"""The system calls that Python's os and mmap modules lack, and the numbers behind the names of a scenario.

Addresses, lengths and offsets are bytes; any integer is taken modulo 2**64, as a C program would pass it. Every call
raises OSError with the kernel's errno and changes nothing of its own then. Linux on x86-64.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterable, Mapping
from mmap import mmap as anonymous_mmap

from ...core.text import nameable

_libc = ctypes.CDLL(None, use_errno=True)
_int, _long, _size, _text, _pointer = ctypes.c_int, ctypes.c_long, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p


def errno_name(number: int) -> str:
    """``ENOMEM``; 95 is ENOTSUP, the name that the recorded answers use for it (it is EOPNOTSUPP, too)."""
    return "ENOTSUP" if number == 95 else errno.errorcode.get(number, str(number))


# -- the calls ---------------------------------------------------------------------------------------
def _call(name: str, *types: type) -> Callable[..., int]:
    """A function of libc that returns -1 and sets errno when it fails."""
    function = getattr(_libc, name)
    # c_long also for int: the ABI leaves the upper half of such a result undefined, so those are narrowed.
    function.argtypes, function.restype = types, _long if name in _WIDE else _int

    def call(*values: object) -> int:
        result: int = function(*values)
        if result == -1:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result

    return call


# Those that return an address or a length, so that 64 bits count.
_WIDE = {"mmap", "mremap", "shmat", "readahead", "read", "syscall"}

mmap = _call("mmap", _size, _size, _int, _int, _int, _long)  # addr, length, prot, flags, fd, offset -> address
munmap = _call("munmap", _size, _size)
mremap = _call("mremap", _size, _size, _size, _int, _size)  # addr, old, new, flags, new address -> address
mprotect = _call("mprotect", _size, _size, _int)
madvise = _call("madvise", _size, _size, _int)
mlock = _call("mlock", _size, _size)
munlock = _call("munlock", _size, _size)
msync = _call("msync", _size, _size, _int)
read = _call("read", _int, _size, _size)  # into any address: EFAULT where the kernel may not write
fallocate = _call("fallocate", _int, _int, _long, _long)  # fd, mode, offset, length
readahead = _call("readahead", _int, _long, _size)
truncate = _call("truncate", _text, _long)
ftruncate = _call("ftruncate", _int, _long)
shmget = _call("shmget", _int, _size, _int)  # key, size, flags -> id
shmat = _call("shmat", _int, _size, _int)  # id, address (0: anywhere), flags -> address
shmdt = _call("shmdt", _size)
_mincore = _call("mincore", _size, _size, _pointer)
_shmctl = _call("shmctl", _int, _int, _pointer)
_mount = _call("mount", _text, _text, _text, ctypes.c_ulong, _text)
_prctl = _call("prctl", _int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)
_syscall = _call("syscall", _long, _size, _size, _size, _size, _size, _size)

MS_REMOUNT = 32
IPC_RMID, IPC_PRIVATE = 0, 0
PR_SET_CHILD_SUBREAPER = 36
SYS_MBIND, SYS_SET_MEMPOLICY, SYS_PERF_EVENT_OPEN = 237, 238, 298  # x86-64; libc has no function for them
MAXNODE = 65  # bits of a node mask of one word, plus one: the kernel takes one off


def mincore(address: int, length: int, step: int) -> list[int]:
    """For every ``step`` bytes: 1 if their first 4 KiB are in memory."""
    # One byte for each 4 KiB, in memory that is not there before the kernel writes to it: a range may be huge, and
    # one that no process can have is refused before anything is written.
    pages = max(min((length + 4095) // 4096, 1 << 35), 1)
    with anonymous_mmap(-1, pages, flags=MAP["MAP_PRIVATE"] | MAP["MAP_ANONYMOUS"] | MAP["MAP_NORESERVE"]) as found:
        view = ctypes.c_ubyte.from_buffer(found)
        try:
            _mincore(address, length, ctypes.addressof(view))
        finally:
            del view  # or the mapping could not be closed
        return [byte & 1 for byte in found[:: max(step // 4096, 1)]] if length else []


def shm_remove(shmid: int) -> None:
    """shmctl(IPC_RMID): gone when the last process has detached it."""
    _shmctl(shmid, IPC_RMID, None)


def remount(path: str, options: str) -> None:
    """mount(2) with MS_REMOUNT. Options that a NUL would cut short are EINVAL, as those of an unknown name."""
    if not nameable(options):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    _mount(b"none", os.fsencode(path), None, MS_REMOUNT, os.fsencode(options))


def become_subreaper() -> None:
    """Orphans below this process become its children, so that it can wait for them."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def mbind(address: int, length: int, policy: int, nodes: int, flags: int) -> None:
    """mbind(2); bit n of ``nodes`` is node n."""
    mask = ctypes.c_ulong(nodes)
    _syscall(SYS_MBIND, address, length, policy, ctypes.addressof(mask), MAXNODE, flags)


def set_mempolicy(policy: int, nodes: int) -> None:
    """set_mempolicy(2) of the calling thread."""
    mask = ctypes.c_ulong(nodes)
    _syscall(SYS_SET_MEMPOLICY, policy, ctypes.addressof(mask), MAXNODE, 0, 0, 0)


def perf_event_open(attr: bytes, flags: int) -> int:
    """perf_event_open(2) for the calling thread on any CPU, in no group: a descriptor."""
    here = ctypes.create_string_buffer(attr, len(attr))
    return _syscall(SYS_PERF_EVENT_OPEN, ctypes.addressof(here), 0, -1, -1, flags, 0)


# -- the names ---------------------------------------------------------------------------------------
class UnknownName(ValueError):
    """A flag or mode that is not in the tables."""


def number(table: Mapping[str, int], names: Iterable[str], prefix: str = "") -> int:
    """The names or-ed together; ``prefix`` may be left out. Raises UnknownName."""
    bits = 0
    for name in names:
        found = table.get(name, table.get(prefix + name))
        if found is None:
            raise UnknownName(name)
        bits |= found
    return bits


def _huge(prefix: str) -> dict[str, int]:
    """MAP_HUGE_2MB and so on: log2 of the size, in bits 26 to 31."""
    sizes = {
        **{f"{size}KB": size << 10 for size in (16, 64, 512)},
        **{f"{size}MB": size << 20 for size in (1, 2, 8, 16, 32, 256, 512)},
        **{f"{size}GB": size << 30 for size in (1, 2, 16)},
    }
    return {f"{prefix}_HUGE_{name}": (size.bit_length() - 1) << HUGE_SHIFT for name, size in sizes.items()}


HUGE_SHIFT, HUGE_MASK = 26, 0x3F

MAP = {
    "MAP_SHARED": 0x1,
    "MAP_PRIVATE": 0x2,
    "MAP_SHARED_VALIDATE": 0x3,
    "MAP_FIXED": 0x10,
    "MAP_ANONYMOUS": 0x20,
    "MAP_32BIT": 0x40,
    "MAP_GROWSDOWN": 0x100,
    "MAP_DENYWRITE": 0x800,
    "MAP_EXECUTABLE": 0x1000,
    "MAP_LOCKED": 0x2000,
    "MAP_NORESERVE": 0x4000,
    "MAP_POPULATE": 0x8000,
    "MAP_NONBLOCK": 0x10000,
    "MAP_STACK": 0x20000,
    "MAP_HUGETLB": 0x40000,
    "MAP_SYNC": 0x80000,
    "MAP_FIXED_NOREPLACE": 0x100000,
    **_huge("MAP"),
}
PROT = {"PROT_NONE": 0, "PROT_READ": 1, "PROT_WRITE": 2, "PROT_EXEC": 4}
MREMAP = {"MREMAP_MAYMOVE": 1, "MREMAP_FIXED": 2, "MREMAP_DONTUNMAP": 4}
MS = {"MS_ASYNC": 1, "MS_INVALIDATE": 2, "MS_SYNC": 4}
MADV = {
    "MADV_NORMAL": 0,
    "MADV_RANDOM": 1,
    "MADV_SEQUENTIAL": 2,
    "MADV_WILLNEED": 3,
    "MADV_DONTNEED": 4,
    "MADV_FREE": 8,
    "MADV_REMOVE": 9,
    "MADV_DONTFORK": 10,
    "MADV_DOFORK": 11,
    "MADV_MERGEABLE": 12,
    "MADV_UNMERGEABLE": 13,
    "MADV_HUGEPAGE": 14,
    "MADV_NOHUGEPAGE": 15,
    "MADV_DONTDUMP": 16,
    "MADV_DODUMP": 17,
    "MADV_WIPEONFORK": 18,
    "MADV_KEEPONFORK": 19,
    "MADV_COLD": 20,
    "MADV_PAGEOUT": 21,
    "MADV_POPULATE_READ": 22,
    "MADV_POPULATE_WRITE": 23,
    "MADV_DONTNEED_LOCKED": 24,
    "MADV_COLLAPSE": 25,
}
FADV = {"NORMAL": 0, "RANDOM": 1, "SEQUENTIAL": 2, "WILLNEED": 3, "DONTNEED": 4, "NOREUSE": 5}
FALLOC = {
    "FALLOC_FL_KEEP_SIZE": 0x01,
    "FALLOC_FL_PUNCH_HOLE": 0x02,
    "FALLOC_FL_COLLAPSE_RANGE": 0x08,
    "FALLOC_FL_ZERO_RANGE": 0x10,
    "FALLOC_FL_INSERT_RANGE": 0x20,
    "FALLOC_FL_UNSHARE_RANGE": 0x40,
    "FALLOC_FL_WRITE_ZEROES": 0x80,
}
OPEN = {
    name: getattr(os, name)
    for name in (
        *("O_RDONLY", "O_WRONLY", "O_RDWR", "O_CREAT", "O_EXCL", "O_TRUNC", "O_TMPFILE", "O_CLOEXEC", "O_APPEND"),
        *("O_NOFOLLOW", "O_DIRECTORY", "O_DIRECT", "O_SYNC", "O_DSYNC", "O_NOATIME", "O_PATH", "O_NONBLOCK"),
    )
} | {"O_LARGEFILE": 0x8000}
MFD = {
    "MFD_CLOEXEC": 1,
    "MFD_ALLOW_SEALING": 2,
    "MFD_HUGETLB": 4,
    "MFD_NOEXEC_SEAL": 8,
    "MFD_EXEC": 0x10,
    **_huge("MFD"),
}
SEALS = {
    name: 1 << bit
    for bit, name in enumerate(
        ("F_SEAL_SEAL", "F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE", "F_SEAL_FUTURE_WRITE", "F_SEAL_EXEC")
    )
}
F_ADD_SEALS = 1033
SHM = {
    "IPC_PRIVATE": 0,
    "IPC_CREAT": 0o1000,
    "IPC_EXCL": 0o2000,
    "SHM_HUGETLB": 0o4000,
    "SHM_NORESERVE": 0o10000,
    "SHM_R": 0o400,
    "SHM_W": 0o200,
    **_huge("SHM"),
}
SHMAT = {"SHM_RDONLY": 0o10000, "SHM_RND": 0o20000, "SHM_REMAP": 0o40000, "SHM_EXEC": 0o100000}
MPOL = {
    "MPOL_DEFAULT": 0,
    "MPOL_PREFERRED": 1,
    "MPOL_BIND": 2,
    "MPOL_INTERLEAVE": 3,
    "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5,
    "MPOL_WEIGHTED_INTERLEAVE": 6,
}
MPOL_MF = {"MPOL_MF_STRICT": 1, "MPOL_MF_MOVE": 2, "MPOL_MF_MOVE_ALL": 4}
WHENCE = {f"SEEK_{name}": n for n, name in enumerate(("SET", "CUR", "END", "DATA", "HOLE"))}
