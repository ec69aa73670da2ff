"""The operations of a scenario's processes, which are real ones: each is the system call of its name.

Runs inside these processes (see child.py), so it imports little. A function gets the arguments of the operation with
defaults filled in and real paths; ``unit`` is the size in bytes of the pages that ``pages`` and ``page`` count. It
returns the value of the operation (or None), or raises OSError with the kernel's errno.
"""

from __future__ import annotations

import errno
import fcntl
import os
import resource
from typing import Any

from ..linux.abi import BASE_PAGE, FAILED, Area, Fault, highest_gap, huge_size, length_of, octal, place, sized, span
from ..linux.errors import ScenarioError, Unsupported
from ..linux.flags import MAP, MREMAP
from .native import syscalls
from .native.access import Toucher
from .registry import in_process

Args = dict[str, Any]
SCENARIO, UNSUPPORTED = "scenario", "unsupported"


WORD = 1 << 64
TASK_SIZE = (1 << 47) - 4096  # the first address that a process cannot have
# The range for mappings without an address, filled top down: far from Python's own memory, so that an access past the
# end of a mapping finds no memory, and Python maps nothing into a hole that munmap leaves.
ARENA = (4 << 40, 36 << 40)
BEYOND = 37 << 40  # up to here a scenario may map by itself: MAP_FIXED at the last page of the topmost mapping


class Program:
    """The names of file descriptors and mappings of a process; fork copies it. ``size``: default huge page in bytes."""

    def __init__(self, size: int):
        self.size = size
        self.fds: dict[str, int] = {}
        self.maps: dict[str, Area] = {}
        self.toucher = Toucher()
        self.zero = os.open("/dev/zero", os.O_RDWR | os.O_CLOEXEC)
        self.sent: list[int] = []  # descriptors that go to the runner with the answer
        self.note: Any = None  # for the runner, beside the value of the operation

    # -- names -------------------------------------------------------------------------------------
    def fd(self, a: Args) -> int:
        """The descriptor of a name; -1, which the kernel refuses with EBADF, for a name that is not open."""
        return self.fds.get(a.get("fd") or "", -1)

    def area(self, name: str) -> Area:
        """The result of the mmap of a name. Raises ScenarioError for a name never used."""
        if name not in self.maps:
            raise ScenarioError(f"no mapping is called {name!r} in this process")
        return self.maps[name]

    def span(self, a: Args) -> tuple[int, int]:
        """Start and length, in bytes, of the part of a mapping that an operation names; by default the whole."""
        return self.mine(*span(a, a["unit"], self.area(a["map"])))

    def hint(self, a: Args) -> int | None:
        """The address that ``at`` names; None without ``at``."""
        return place(a, a["unit"], self.area(a["at"]["map"])) if a.get("at") else None

    # -- addresses ---------------------------------------------------------------------------------
    def mine(self, start: int, length: int) -> tuple[int, int]:
        """The same range. Raises ScenarioError for memory of Python itself, without which no scenario runs."""
        end = start + max(length, 1)
        known = any(area.addr <= start and end <= area.addr + area.length for area in self.maps.values())
        outside = start < 0 or start >= TASK_SIZE or end > TASK_SIZE  # the kernel refuses that itself
        if known or outside or (ARENA[0] <= start and end <= BEYOND):
            return start, length
        for low, high in regions():
            if low < end and start < high and not (ARENA[0] <= low < BEYOND):
                raise ScenarioError(f"0x{start:x} to 0x{end:x} is memory of the program that runs the scenario")
        return start, length

    def room(self, length: int, size: int) -> int:
        """The address that the kernel would choose if the arena were the whole address space; 0 if there is no room."""
        taken = (region for region in regions() if ARENA[0] <= region[0] < ARENA[1])
        return highest_gap(taken, *ARENA, -(-length // size) * size, size) or 0


def regions() -> list[tuple[int, int]]:
    """The mappings of this process, by address: [start, end) in bytes."""
    with open("/proc/self/maps", "rb") as file:
        ranges = [line.split(b" ", 1)[0].split(b"-") for line in file]
    return [(int(low, 16), int(high, 16)) for low, high in ranges]


# -- paths -------------------------------------------------------------------------------------------
@in_process("unlink")
def unlink(p: Program, a: Args) -> None:
    os.unlink(a["path"])


@in_process("link")
def link(p: Program, a: Args) -> None:
    os.link(a["path"], a["new"])


@in_process("rename")
def rename(p: Program, a: Args) -> None:
    os.rename(a["path"], a["new"])


@in_process("mkdir")
def mkdir(p: Program, a: Args) -> None:
    os.mkdir(a["path"], octal(a["mode"]))


@in_process("symlink")
def symlink(p: Program, a: Args) -> None:
    os.symlink(a["target"], a["path"])


@in_process("truncate")
def truncate(p: Program, a: Args) -> None:
    path = os.fsencode(a["path"])
    if b"\0" in path:  # ctypes would cut it short
        raise ValueError("embedded null byte")
    syscalls.truncate(path, length_of(a, a["unit"]))


@in_process("stat")
def stat(p: Program, a: Args) -> dict[str, Any]:
    """size in bytes, blocks of 512 bytes, nlink, mode (octal text), uid, gid."""
    found = os.lstat(a["path"])
    shown = {"size": found.st_size, "blocks": found.st_blocks, "nlink": found.st_nlink}
    return {**shown, "mode": oct(found.st_mode), "uid": found.st_uid, "gid": found.st_gid}


# -- descriptors -------------------------------------------------------------------------------------
@in_process("open")
def open_(p: Program, a: Args) -> None:
    """An older descriptor of that name stays open, but the program lost its number."""
    p.fds[a["fd"]] = os.open(a["path"], a["flags"], octal(a["mode"]))


@in_process("close")
def close(p: Program, a: Args) -> None:
    os.close(p.fd(a))
    del p.fds[a["fd"]]


@in_process("sendfd")
def sendfd(p: Program, a: Args) -> None:
    """child.serve sends the descriptor to the runner, which passes it on."""
    if (fd := p.fd(a)) < 0:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    p.sent.append(fd)


@in_process("recvfd")
def recvfd(p: Program, a: Args) -> None:
    """Name the open ``descriptor`` that another process sent."""
    p.fds[a["fd"]] = a["descriptor"]


@in_process("memfd")
def memfd(p: Program, a: Args) -> None:
    p.fds[a["fd"]] = os.memfd_create("hugelab", a["flags"])


@in_process("seal")
def seal(p: Program, a: Args) -> None:
    fcntl.fcntl(p.fd(a), syscalls.F_ADD_SEALS, a["seals"])


@in_process("ftruncate")
def ftruncate(p: Program, a: Args) -> None:
    syscalls.ftruncate(p.fd(a), length_of(a, a["unit"]))


@in_process("fstat")
def fstat(p: Program, a: Args) -> dict[str, int]:
    found = os.fstat(p.fd(a))
    shown = {"size": found.st_size, "blocks": found.st_blocks, "nlink": found.st_nlink}
    return {**shown, "blksize": found.st_blksize}


@in_process("fallocate")
def fallocate(p: Program, a: Args) -> None:
    """The default length reaches from the offset to the end of the file."""
    fd, mode = p.fd(a), a["mode"]
    offset = length_of(a, a["unit"], "page", "off_bytes")
    length = length_of(a, a["unit"]) if sized(a) else os.fstat(fd).st_size - offset
    syscalls.fallocate(fd, mode, offset, length)


@in_process("fadvise")
def fadvise(p: Program, a: Args) -> None:
    os.posix_fadvise(p.fd(a), length_of(a, a["unit"], "page", "off_bytes"), length_of(a, a["unit"]), a["advice"])


@in_process("readahead")
def readahead(p: Program, a: Args) -> None:
    syscalls.readahead(p.fd(a), length_of(a, a["unit"], "page", "off_bytes"), length_of(a, a["unit"]))


@in_process("fsync")
def fsync(p: Program, a: Args) -> None:
    if (fd := p.fd(a)) < 0:  # Python would refuse -1 by itself
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    os.fsync(fd)


@in_process("pread")
def pread(p: Program, a: Args) -> dict[str, Any]:
    """n bytes read, the first one in hex."""
    data = os.pread(p.fd(a), a["bytes"], length_of(a, a["unit"], "page", "off_bytes"))
    return {"n": len(data), "first": data[:1].hex()}


@in_process("pwrite")
def pwrite(p: Program, a: Args) -> dict[str, int]:
    return {"n": os.pwrite(p.fd(a), b"H" * a["bytes"], length_of(a, a["unit"], "page", "off_bytes"))}


@in_process("sendfile")
def sendfile(p: Program, a: Args) -> dict[str, int]:
    """To /dev/zero, which accepts all data."""
    return {"n": os.sendfile(p.zero, p.fd(a), length_of(a, a["unit"], "page", "off_bytes"), a["bytes"])}


@in_process("lseek")
def lseek(p: Program, a: Args) -> dict[str, int]:
    return {"n": os.lseek(p.fd(a), length_of(a, a["unit"], "page", "off_bytes"), a["whence"])}


# -- mappings ----------------------------------------------------------------------------------------
@in_process("mmap")
def mmap(p: Program, a: Args) -> dict[str, bool] | None:
    """If mmap fails, the name keeps its older mapping; without one it stands for MAP_FAILED."""
    p.maps.setdefault(a["map"], FAILED)
    flags = a["flags"]
    fd, size = p.fd(a), page_size_of(p, flags, p.fd(a))
    length, hint = length_of(a, a["unit"]) % WORD, p.hint(a)
    fixed = flags & (MAP["MAP_FIXED"] | MAP["MAP_FIXED_NOREPLACE"])
    if fixed:
        p.mine(hint or 0, length)
    elif hint is None and not a.get("want_align") and 0 < length < ARENA[1] - ARENA[0]:
        hint = p.room(length, size)
    start = syscalls.mmap(
        hint or 0, length, a["prot"], flags, fd, length_of(a, a["unit"], "offset_pages", "offset_bytes")
    )
    p.maps[a["map"]] = Area(start, -(-length // size) * size, size)
    p.note = p.maps[a["map"]]
    return {"aligned": start % size == 0} if a.get("want_align") else None


def page_size_of(p: Program, flags: int, fd: int) -> int:
    """The page size in bytes of a mapping with these flags and this file."""
    if flags & MAP["MAP_ANONYMOUS"] or fd == -1:
        return huge_size(flags) or p.size if flags & MAP["MAP_HUGETLB"] else BASE_PAGE
    return max(os.fstat(fd).st_blksize, BASE_PAGE)


@in_process("munmap")
def munmap(p: Program, a: Args) -> None:
    syscalls.munmap(*p.span(a))


@in_process("mremap")
def mremap(p: Program, a: Args) -> dict[str, bool]:
    """``as`` names the result; then the old name keeps the old address."""
    start, length = p.span(a)
    new, target = length_of(a, a["unit"], "new_pages", "new_bytes"), p.hint(a) or 0
    name: str = a["as"] or a["map"]
    p.maps.setdefault(name, FAILED)
    if a["flags"] & MREMAP["MREMAP_FIXED"]:
        p.mine(target, new)
    moved = syscalls.mremap(start, length, new, a["flags"], target)
    size = p.area(a["map"]).size
    p.maps[name] = p.note = Area(moved, -(-new // size) * size, size)
    return {"moved": moved != start}


@in_process("mprotect")
def mprotect(p: Program, a: Args) -> None:
    syscalls.mprotect(*p.span(a), a["prot"])


@in_process("madvise")
def madvise(p: Program, a: Args) -> None:
    syscalls.madvise(*p.span(a), a["advice"])


@in_process("mlock")
def mlock(p: Program, a: Args) -> None:
    syscalls.mlock(*p.span(a))


@in_process("mlockall")
def mlockall(p: Program, a: Args) -> None:
    syscalls.mlockall(a["flags"])


@in_process("munlock")
def munlock(p: Program, a: Args) -> None:
    syscalls.munlock(*p.span(a))


@in_process("msync")
def msync(p: Program, a: Args) -> None:
    syscalls.msync(*p.span(a), a["flags"])


@in_process("mincore")
def mincore(p: Program, a: Args) -> dict[str, list[int]]:
    """One 0 or 1 for each huge page."""
    return {"resident": syscalls.mincore(*p.span(a), p.area(a["map"]).size or p.size)}


@in_process("mbind")
def mbind(p: Program, a: Args) -> None:
    syscalls.mbind(*p.span(a), a["policy"], a["nodemask"], a["flags"])


@in_process("set_mempolicy")
def set_mempolicy(p: Program, a: Args) -> None:
    syscalls.set_mempolicy(a["policy"], a["nodemask"])


@in_process("smaps")
def smaps(p: Program, a: Args) -> dict[str, Any]:
    """Fields of the VMA at the start of a mapping, in kB; VmFlags as a list."""
    addr, shown = p.area(a["map"]).addr, {}
    names = ("Size", "KernelPageSize", "MMUPageSize", "Rss", "Pss", "Shared_Hugetlb", "Private_Hugetlb")
    here = False
    with open("/proc/self/smaps") as file:
        for line in file:
            head, *rest = line.split()
            if not head.endswith(":"):
                low, high = (int(text, 16) for text in head.split("-"))
                here = low <= addr < high
            elif here and head[:-1] in names:
                shown[head[:-1]] = int(rest[0])
            elif here and head == "VmFlags:":
                return {**shown, "VmFlags": rest}
    raise FileNotFoundError(2, "no such mapping")


# -- access ------------------------------------------------------------------------------------------
@in_process("touch")
def touch(p: Program, a: Args) -> Fault | dict[str, Any]:
    """value: ``done`` pages, ``bytes`` read, ``si_code`` of the signal. ``catch`` false: the signal is deadly."""
    area, count, mode = p.area(a["map"]), a["count"], a["mode"]
    if mode not in ("r", "w"):
        raise ScenarioError(f"touch: mode is r or w, not {mode!r}")
    catch = a["catch"] is not False
    if area is FAILED and catch:
        # The result of an access at address -1, which is not tried: its page 1 would be at a valid address.
        return Fault("SIGSEGV", {"done": 0, "si_code": 1}) if count else {"done": 0}
    address, unit = area.addr, a["unit"]
    if area is not FAILED:
        address += a["page"] * unit + a["off_bytes"]
        p.mine(address, 1)  # enough: the first access without memory is the last
        p.note = (address, count, unit)
    came = p.toucher.touch(address, count, unit, mode == "w", a["byte"] & 0xFF, catch)
    value: dict[str, Any] = {"done": came.done}
    if came.signal is None:
        return {**value, "bytes": list(came.read)} if mode == "r" else value
    return Fault(came.signal, {**value, "si_code": came.si_code})


@in_process("kread")
def kread(p: Program, a: Args) -> dict[str, int]:
    """read(2) of one zero byte into a page: the kernel writes there, or fails with EFAULT."""
    area = p.area(a["map"])
    addr = area.addr
    if area is not FAILED:
        addr += a["page"] * a["unit"] + a["off_bytes"]
        p.mine(addr, 1)
    return {"n": syscalls.read(p.zero, addr, 1)}


# -- System V shared memory --------------------------------------------------------------------------
@in_process("shmget")
def shmget(p: Program, a: Args) -> None:
    """The note is the segment's number."""
    p.note = syscalls.shmget(syscalls.IPC_PRIVATE, length_of(a, a["unit"]), a["flags"] | 0o600)


@in_process("shmat")
def shmat(p: Program, a: Args) -> None:
    """The runner adds ``shmid`` (-1 after a failed shmget), ``length`` and page ``size`` in bytes."""
    p.maps.setdefault(a["map"], FAILED)
    length, size = -(-a["length"] // a["size"]) * a["size"], a["size"]
    hint = p.room(length, size) if length else 0
    p.maps[a["map"]] = p.note = Area(syscalls.shmat(a["shmid"], hint, a["flags"]), length, size)


@in_process("shmdt")
def shmdt(p: Program, a: Args) -> None:
    area = p.area(a["map"])
    syscalls.shmdt(*p.mine(area.addr, area.length)[:1])


# -- the process -------------------------------------------------------------------------------------
@in_process("setuid")
def setuid(p: Program, a: Args) -> None:
    """Gives up group 0, too, whose members may make segments of huge pages (hugetlb_shm_group)."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(a["uid"])
    os.setuid(a["uid"])


@in_process("setrlimit_memlock")
def setrlimit_memlock(p: Program, a: Args) -> None:
    """Bytes; a negative number is no limit."""
    limit = a["bytes"] if a["bytes"] >= 0 else resource.RLIM_INFINITY
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
    except ValueError as error:  # Python raises it for EPERM and EINVAL
        raise PermissionError(1, str(error)) from None


@in_process("hugetlb_usage")
def hugetlb_usage(p: Program, a: Args) -> dict[str, int]:
    """HugetlbPages of /proc/self/status; {} on a kernel without that line."""
    with open("/proc/self/status") as file:
        found = [int(line.split()[1]) for line in file if line.startswith("HugetlbPages:")]
    return {"kB": found[0]} if found else {}


def call(p: Program, name: str, a: Args) -> tuple[str, Any, Any]:
    """Do an operation: (outcome, value, note for the runner).

    Raises nothing: a refusal is (SCENARIO or UNSUPPORTED, text, None).
    """
    p.note = None
    try:
        value = in_process[name](p, a)
    except OSError as error:
        return syscalls.errno_name(error.errno or 0), None, None
    except ScenarioError as error:
        return SCENARIO, str(error), None
    except Unsupported as error:
        return UNSUPPORTED, str(error), None
    except (ValueError, OverflowError, TypeError, MemoryError) as error:
        # an argument that no system call can take: a NUL in a path, a length of more than 64 bits
        return SCENARIO, f"{name}: {error or 'out of memory'}", None
    if isinstance(value, Fault):
        return value.outcome, value.value, tuple(p.note) if p.note else None
    return "ok", value, tuple(p.note) if isinstance(p.note, tuple) else p.note
