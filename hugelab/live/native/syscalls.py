"""The system calls that Python's os and mmap modules lack.

Addresses, lengths and offsets are bytes; any integer is taken modulo 2**64, as a C program would pass it. Every call
raises OSError with the kernel's errno. Linux on x86-64.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from mmap import mmap as anonymous_mmap

from ...core.text import nameable
from ...linux.flags import MAP

_libc = ctypes.CDLL(None, use_errno=True)
_int, _long, _size, _text, _pointer = ctypes.c_int, ctypes.c_long, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p


def errno_name(number: int) -> str:
    """The name of an errno, such as ``ENOMEM``; 95 is ENOTSUP, as in the recorded answers, not EOPNOTSUPP."""
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


# Calls that return an address or a length of 64 bits.
_WIDE = {"mmap", "mremap", "shmat", "readahead", "read", "syscall"}

mmap = _call("mmap", _size, _size, _int, _int, _int, _long)  # addr, length, prot, flags, fd, offset -> address
munmap = _call("munmap", _size, _size)
mremap = _call("mremap", _size, _size, _size, _int, _size)  # addr, old, new, flags, new address -> address
mprotect = _call("mprotect", _size, _size, _int)
madvise = _call("madvise", _size, _size, _int)
mlock = _call("mlock", _size, _size)
munlock = _call("munlock", _size, _size)
mlockall = _call("mlockall", _int)
msync = _call("msync", _size, _size, _int)
read = _call("read", _int, _size, _size)  # into any address; EFAULT if the kernel may not write there
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
IPC_RMID, IPC_PRIVATE, F_ADD_SEALS = 0, 0, 1033
PR_SET_CHILD_SUBREAPER = 36
SYS_MBIND, SYS_SET_MEMPOLICY, SYS_PERF_EVENT_OPEN = 237, 238, 298  # x86-64; libc has no function for them
MAXNODE = 65  # bits of a node mask of one word, plus one: the kernel takes one off


def mincore(address: int, length: int, step: int) -> list[int]:
    """For every ``step`` bytes: 1 if their first 4 KiB are in memory."""
    # One byte for each 4 KiB, in memory that is allocated only when the kernel writes to it: a range may be huge, and
    # an impossible range is refused before any write.
    pages = max(min((length + 4095) // 4096, 1 << 35), 1)
    with anonymous_mmap(-1, pages, flags=MAP["MAP_PRIVATE"] | MAP["MAP_ANONYMOUS"] | MAP["MAP_NORESERVE"]) as found:
        view = ctypes.c_ubyte.from_buffer(found)
        try:
            _mincore(address, length, ctypes.addressof(view))
        finally:
            del view  # or the mapping could not be closed
        return [byte & 1 for byte in found[:: max(step // 4096, 1)]] if length else []


def shm_remove(shmid: int) -> None:
    """shmctl(IPC_RMID): the segment goes when the last process has detached it."""
    _shmctl(shmid, IPC_RMID, None)


def remount(path: str, options: str) -> None:
    """mount(2) with MS_REMOUNT. Options with a NUL are EINVAL, as unknown options."""
    if not nameable(options):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    _mount(b"none", os.fsencode(path), None, MS_REMOUNT, os.fsencode(options))


def become_subreaper() -> None:
    """Make orphaned descendants children of this process, so that it can wait for them."""
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
