"""What a simulated process can do: each operation of a scenario as the system call it stands for.

Runs inside the child processes (see child.py), so it imports little. Paths are real ones here, ``unit`` is the page
size that ``pages`` and ``page`` count, in bytes. A function returns the value of the operation (None for none), or
raises OSError with the kernel's answer.
"""

from __future__ import annotations

import errno
import fcntl
import os
import resource
from collections.abc import Callable
from typing import Any, NamedTuple

from .native import syscalls
from .native.access import Toucher

Args = dict[str, Any]
SCENARIO, UNSUPPORTED = "scenario", "unsupported"


class Refused(Exception):
    """Not run: what no program can do (kind SCENARIO), or what this source does not know (UNSUPPORTED)."""

    def __init__(self, kind: str, text: str):
        super().__init__(text)
        self.kind = kind


class Signalled(NamedTuple):
    """An access that ended with a signal, and what the handler saw."""

    outcome: str
    value: dict[str, Any]


class Area(NamedTuple):
    """What a program knows of a mapping: address and length in bytes, and its page size."""

    addr: int
    length: int
    size: int


FAILED = Area(-1, 0, 0)  # MAP_FAILED
WORD = 1 << 64
TASK_SIZE = (1 << 47) - 4096  # the first address that a process cannot have
# Where mappings go, top down, unless the scenario says where: far from Python's own memory, so that an access past
# the end of a mapping meets nothing, and nothing of Python's moves into the hole that munmap leaves.
ARENA = (4 << 40, 36 << 40)
BEYOND = 37 << 40  # up to here a scenario may map by itself: MAP_FIXED at the last page of the topmost mapping


class Program:
    """A process of a scenario: what its file descriptors and mappings are called. fork copies it.

    ``size`` is the default huge page size, in bytes.
    """

    def __init__(self, size: int):
        self.size = size
        self.fds: dict[str, int] = {}
        self.maps: dict[str, Area] = {}
        self.toucher = Toucher()
        self.zero = os.open("/dev/zero", os.O_RDWR | os.O_CLOEXEC)
        self.note: Any = None  # for the runner, beside the value of the operation

    # -- names -------------------------------------------------------------------------------------
    def fd(self, a: Args) -> int:
        """The descriptor of a name; -1, which the kernel answers with EBADF, when it is not open."""
        return self.fds.get(a.get("fd") or "", -1)

    def area(self, name: str) -> Area:
        """What mmap returned under a name. Raises Refused for a name never used."""
        if name not in self.maps:
            raise Refused(SCENARIO, f"no mapping is called {name!r} in this process")
        return self.maps[name]

    def span(self, a: Args) -> tuple[int, int]:
        """Start and length of the part of a map that an operation names; the whole map by default."""
        whole = self.area(a["map"])
        offset = length_of(a, "page", "off_bytes")
        sized = "pages" in a or "bytes" in a
        return self.mine(whole.addr + offset, length_of(a) if sized else whole.length - offset)

    def hint(self, a: Args) -> int | None:
        """The address that ``at`` stands for; None without one."""
        if not (at := a.get("at")):
            return None
        return self.area(at["map"]).addr + int(at.get("page", 0)) * int(a["unit"]) + int(at.get("bytes", 0))

    # -- addresses ---------------------------------------------------------------------------------
    def mine(self, start: int, length: int) -> tuple[int, int]:
        """The same range. Raises Refused if it is Python's own memory: the scenario would destroy what runs it."""
        end = start + max(length, 1)
        known = any(area.addr <= start and end <= area.addr + area.length for area in self.maps.values())
        outside = start < 0 or start >= TASK_SIZE or end > TASK_SIZE  # the kernel refuses that itself
        if known or outside or (ARENA[0] <= start and end <= BEYOND):
            return start, length
        for low, high in regions():
            if low < end and start < high and not (ARENA[0] <= low < BEYOND):
                raise Refused(SCENARIO, f"0x{start:x} to 0x{end:x} is memory of the program that runs the scenario")
        return start, length

    def room(self, length: int, size: int) -> int:
        """The address that the kernel would choose in the arena, were it the whole address space; 0 without room.

        That is the top of the highest gap that fits, aligned down; a gap fits if it does wherever it begins
        (vm_unmapped_area), so that one page does not go into a hole of one page.
        """
        length, top = -(-length // size) * size, ARENA[1]
        taken = [region for region in regions() if ARENA[0] <= region[0] < ARENA[1]]
        for low, high in [*reversed(taken), (ARENA[0], ARENA[0])]:
            if top - high >= length + size - 4096:
                return (top - length) // size * size
            top = low
        return 0


def regions() -> list[tuple[int, int]]:
    """The mappings of this process, by address: [start, end) in bytes."""
    with open("/proc/self/maps", "rb") as file:
        ranges = [line.split(b" ", 1)[0].split(b"-") for line in file]
    return [(int(low, 16), int(high, 16)) for low, high in ranges]


def length_of(a: Args, pages: str = "pages", length: str = "bytes") -> int:
    """A length or offset in bytes; 0 if it is not given."""
    return int(a[length]) if length in a else int(a.get(pages, 0)) * int(a["unit"])


def flags_of(a: Args, field: str, table: dict[str, int], default: list[str], prefix: str = "") -> int:
    """A list of names as a number. Raises Refused."""
    names = a.get(field, default)
    names = [names] if isinstance(names, str) else names
    try:
        return syscalls.number(table, names, prefix)
    except syscalls.UnknownName as error:
        raise Refused(UNSUPPORTED, f"{field}: the live kernel does not know {error}") from None
    except TypeError:
        raise Refused(SCENARIO, f"{field} is a list of names") from None


def mode_of(a: Args, default: str) -> int:
    """A file mode: octal text, or a number."""
    mode = a.get("mode", default)
    try:
        return mode if isinstance(mode, int) else int(mode, 8)
    except (TypeError, ValueError):
        raise Refused(SCENARIO, f"mode is octal text such as 0755, not {mode!r}") from None


# -- paths -------------------------------------------------------------------------------------------
def unlink(p: Program, a: Args) -> None:
    os.unlink(a["path"])


def link(p: Program, a: Args) -> None:
    os.link(a["path"], a["new"])


def rename(p: Program, a: Args) -> None:
    os.rename(a["path"], a["new"])


def mkdir(p: Program, a: Args) -> None:
    os.mkdir(a["path"], mode_of(a, "0755"))


def symlink(p: Program, a: Args) -> None:
    os.symlink(a["target"], a["path"])


def truncate(p: Program, a: Args) -> None:
    path = os.fsencode(a["path"])
    if b"\0" in path:  # ctypes would cut it short
        raise ValueError("embedded null byte")
    syscalls.truncate(path, length_of(a))


def stat(p: Program, a: Args) -> dict[str, Any]:
    """size in bytes, blocks of 512 bytes, nlink, mode (octal text), uid, gid."""
    found = os.lstat(a["path"])
    shown = {"size": found.st_size, "blocks": found.st_blocks, "nlink": found.st_nlink}
    return {**shown, "mode": oct(found.st_mode), "uid": found.st_uid, "gid": found.st_gid}


# -- descriptors -------------------------------------------------------------------------------------
def open_(p: Program, a: Args) -> None:
    """A descriptor that had the name stays open: the program only forgot its number."""
    flags = flags_of(a, "flags", syscalls.OPEN, ["O_CREAT", "O_RDWR"])
    p.fds[a["fd"]] = os.open(a["path"], flags, mode_of(a, "0755"))


def close(p: Program, a: Args) -> None:
    os.close(p.fd(a))
    del p.fds[a["fd"]]


def memfd(p: Program, a: Args) -> None:
    p.fds[a["fd"]] = os.memfd_create("hugelab", flags_of(a, "flags", syscalls.MFD, ["MFD_HUGETLB"]))


def seal(p: Program, a: Args) -> None:
    fcntl.fcntl(p.fd(a), syscalls.F_ADD_SEALS, flags_of(a, "seals", syscalls.SEALS, []))


def ftruncate(p: Program, a: Args) -> None:
    syscalls.ftruncate(p.fd(a), length_of(a))


def fstat(p: Program, a: Args) -> dict[str, int]:
    found = os.fstat(p.fd(a))
    shown = {"size": found.st_size, "blocks": found.st_blocks, "nlink": found.st_nlink}
    return {**shown, "blksize": found.st_blksize}


def fallocate(p: Program, a: Args) -> None:
    """The default length is what the file has from the offset on."""
    fd, mode = p.fd(a), flags_of(a, "mode", syscalls.FALLOC, [])
    offset = length_of(a, "page", "off_bytes")
    if "pages" in a or "bytes" in a:
        length = length_of(a)
    else:
        length = os.fstat(fd).st_size - offset
    syscalls.fallocate(fd, mode, offset, length)


def fadvise(p: Program, a: Args) -> None:
    advice = flags_of(a, "advice", syscalls.FADV, ["WILLNEED"], "POSIX_FADV_")
    os.posix_fadvise(p.fd(a), length_of(a, "page", "off_bytes"), length_of(a), advice)


def readahead(p: Program, a: Args) -> None:
    syscalls.readahead(p.fd(a), length_of(a, "page", "off_bytes"), length_of(a))


def fsync(p: Program, a: Args) -> None:
    if (fd := p.fd(a)) < 0:  # Python would not even ask
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    os.fsync(fd)


def pread(p: Program, a: Args) -> dict[str, Any]:
    """n bytes read, the first one in hex."""
    data = os.pread(p.fd(a), a.get("bytes", 1), length_of(a, "page", "off_bytes"))
    return {"n": len(data), "first": data[:1].hex()}


def pwrite(p: Program, a: Args) -> dict[str, int]:
    return {"n": os.pwrite(p.fd(a), b"H" * a.get("bytes", 1), length_of(a, "page", "off_bytes"))}


def sendfile(p: Program, a: Args) -> dict[str, int]:
    """To /dev/zero, which takes everything."""
    return {"n": os.sendfile(p.zero, p.fd(a), length_of(a, "page", "off_bytes"), a.get("bytes", 1))}


def lseek(p: Program, a: Args) -> dict[str, int]:
    whence = flags_of(a, "whence", syscalls.WHENCE, ["SEEK_SET"], "SEEK_")
    return {"n": os.lseek(p.fd(a), length_of(a, "page", "off_bytes"), whence)}


# -- mappings ----------------------------------------------------------------------------------------
def mmap(p: Program, a: Args) -> dict[str, bool] | None:
    """An mmap that fails leaves what the name meant before; MAP_FAILED if nothing."""
    p.maps.setdefault(a["map"], FAILED)
    flags = flags_of(a, "flags", syscalls.MAP, ["MAP_SHARED"], "MAP_")
    prot = flags_of(a, "prot", syscalls.PROT, ["PROT_READ", "PROT_WRITE"], "PROT_")
    fd, size = p.fd(a), page_size_of(p, flags, p.fd(a))
    length, hint = length_of(a) % WORD, p.hint(a)
    fixed = flags & (syscalls.MAP["MAP_FIXED"] | syscalls.MAP["MAP_FIXED_NOREPLACE"])
    if fixed:
        p.mine(hint or 0, length)
    elif hint is None and not a.get("want_align") and 0 < length < ARENA[1] - ARENA[0]:
        hint = p.room(length, size)
    start = syscalls.mmap(hint or 0, length, prot, flags, fd, length_of(a, "offset_pages", "offset_bytes"))
    p.maps[a["map"]] = Area(start, -(-length // size) * size, size)
    p.note = p.maps[a["map"]]
    return {"aligned": start % size == 0} if a.get("want_align") else None


def page_size_of(p: Program, flags: int, fd: int) -> int:
    """The page size of a mapping to be, in bytes."""
    if flags & syscalls.MAP["MAP_ANONYMOUS"] or fd == -1:
        shift = flags >> syscalls.HUGE_SHIFT & syscalls.HUGE_MASK
        return 4096 if not flags & syscalls.MAP["MAP_HUGETLB"] else 1 << shift if shift else p.size
    return max(os.fstat(fd).st_blksize, 4096)


def munmap(p: Program, a: Args) -> None:
    syscalls.munmap(*p.span(a))


def mremap(p: Program, a: Args) -> dict[str, bool]:
    """``as`` is the name of the result; the name it had before is not changed then."""
    flags = flags_of(a, "flags", syscalls.MREMAP, ["MREMAP_MAYMOVE"], "MREMAP_")
    start, length = p.span(a)
    new, target = length_of(a, "new_pages", "new_bytes"), p.hint(a) or 0
    name: str = a["as"] if "as" in a else a["map"]
    p.maps.setdefault(name, FAILED)
    if flags & syscalls.MREMAP["MREMAP_FIXED"]:
        p.mine(target, new)
    moved = syscalls.mremap(start, length, new, flags, target)
    size = p.area(a["map"]).size
    p.maps[name] = p.note = Area(moved, -(-new // size) * size, size)
    return {"moved": moved != start}


def mprotect(p: Program, a: Args) -> None:
    syscalls.mprotect(*p.span(a), flags_of(a, "prot", syscalls.PROT, [], "PROT_"))


def madvise(p: Program, a: Args) -> None:
    syscalls.madvise(*p.span(a), flags_of(a, "advice", syscalls.MADV, [], "MADV_"))


def mlock(p: Program, a: Args) -> None:
    syscalls.mlock(*p.span(a))


def munlock(p: Program, a: Args) -> None:
    syscalls.munlock(*p.span(a))


def msync(p: Program, a: Args) -> None:
    syscalls.msync(*p.span(a), flags_of(a, "flags", syscalls.MS, ["MS_SYNC"], "MS_"))


def mincore(p: Program, a: Args) -> dict[str, list[int]]:
    """One 0 or 1 for each huge page."""
    return {"resident": syscalls.mincore(*p.span(a), p.area(a["map"]).size or p.size)}


def mbind(p: Program, a: Args) -> None:
    flags = flags_of(a, "flags", syscalls.MPOL_MF, [], "MPOL_MF_")
    syscalls.mbind(*p.span(a), flags_of(a, "policy", syscalls.MPOL, [], "MPOL_"), nodes_of(a), flags)


def set_mempolicy(p: Program, a: Args) -> None:
    syscalls.set_mempolicy(flags_of(a, "policy", syscalls.MPOL, [], "MPOL_"), nodes_of(a))


def nodes_of(a: Args) -> int:
    """``nodemask``: bit n is node n."""
    mask = a.get("nodemask", 0)
    if not isinstance(mask, int):
        raise Refused(SCENARIO, f"nodemask is a number, bit n for node n, not {mask!r}")
    return mask


def smaps(p: Program, a: Args) -> dict[str, Any]:
    """Some fields of the VMA at the start of a map, in kB; VmFlags as a list."""
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
                return {**{name: shown[name] for name in names}, "VmFlags": rest}
    raise FileNotFoundError(2, "no such mapping")


# -- access ------------------------------------------------------------------------------------------
def touch(p: Program, a: Args) -> Signalled | dict[str, Any]:
    """value: ``done`` pages, ``bytes`` read, ``si_code`` of the signal. ``catch`` false: the signal is deadly."""
    area, count, mode = p.area(a["map"]), a.get("count", 1), a.get("mode", "w")
    if mode not in ("r", "w"):
        raise Refused(SCENARIO, f"touch: mode is r or w, not {mode!r}")
    catch = a.get("catch", True)
    if area is FAILED and catch:
        # what an access near address -1 would be; not tried, as page 1 of it would be somewhere else
        return Signalled("SIGSEGV", {"done": 0, "si_code": 1}) if count else {"done": 0}
    address, unit = area.addr, a["unit"]
    if area is not FAILED:
        address += a.get("page", 0) * unit + a.get("off_bytes", 0)
        p.mine(address, 1)  # the first access that meets nothing is the last
        p.note = (address, count, unit)
    came = p.toucher.touch(address, count, unit, mode == "w", a.get("byte", ord("H")) & 0xFF, catch)
    value: dict[str, Any] = {"done": came.done}
    if came.signal is None:
        return {**value, "bytes": list(came.read)} if mode == "r" else value
    return Signalled(came.signal, {**value, "si_code": came.si_code})


def kread(p: Program, a: Args) -> dict[str, int]:
    """read(2) of one zero byte into a page: the kernel writes there, and answers EFAULT where it cannot."""
    area = p.area(a["map"])
    addr = area.addr
    if area is not FAILED:
        addr += a.get("page", 0) * a["unit"] + a.get("off_bytes", 0)
        p.mine(addr, 1)
    return {"n": syscalls.read(p.zero, addr, 1)}


# -- System V shared memory --------------------------------------------------------------------------
def shmget(p: Program, a: Args) -> None:
    """The note is the segment's number."""
    flags = flags_of(a, "flags", syscalls.SHM, ["SHM_HUGETLB", "IPC_CREAT"], "SHM_")
    p.note = syscalls.shmget(syscalls.IPC_PRIVATE, length_of(a), flags | 0o600)


def shmat(p: Program, a: Args) -> None:
    """``shmid``, ``length`` and ``size`` of its pages in bytes come from the runner; -1 for one that failed."""
    p.maps.setdefault(a["map"], FAILED)
    flags = flags_of(a, "flags", syscalls.SHMAT, [], "SHM_")
    length, size = -(-a["length"] // a["size"]) * a["size"], a["size"]
    hint = p.room(length, size) if length else 0
    p.maps[a["map"]] = p.note = Area(syscalls.shmat(a["shmid"], hint, flags), length, size)


def shmdt(p: Program, a: Args) -> None:
    area = p.area(a["map"])
    syscalls.shmdt(*p.mine(area.addr, area.length)[:1])


# -- the process -------------------------------------------------------------------------------------
def setuid(p: Program, a: Args) -> None:
    """Root's group goes, too: whoever is in group 0 may make segments of huge pages (hugetlb_shm_group)."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(a["uid"])
    os.setuid(a["uid"])


def setrlimit_memlock(p: Program, a: Args) -> None:
    """Bytes; a negative number is no limit."""
    limit = a["bytes"] if a["bytes"] >= 0 else resource.RLIM_INFINITY
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
    except ValueError as error:  # Python's word for EPERM and EINVAL
        raise PermissionError(1, str(error)) from None


def hugetlb_usage(p: Program, a: Args) -> dict[str, int]:
    """HugetlbPages of /proc/self/status."""
    with open("/proc/self/status") as file:
        return {"kB": next(int(line.split()[1]) for line in file if line.startswith("HugetlbPages:"))}


_FUNCTIONS: tuple[Callable[[Program, Args], Any], ...] = (
    *(unlink, link, rename, mkdir, symlink, truncate, stat),
    *(open_, close, memfd, seal, ftruncate, fstat, fallocate, fadvise, readahead, fsync),
    *(pread, pwrite, sendfile, lseek),
    *(mmap, munmap, mremap, mprotect, madvise, mlock, munlock, msync, mincore, mbind, set_mempolicy, smaps),
    *(touch, kread, shmget, shmat, shmdt, setuid, setrlimit_memlock, hugetlb_usage),
)
CALLS = {function.__name__.rstrip("_"): function for function in _FUNCTIONS}


def call(p: Program, name: str, a: Args) -> tuple[str, Any, Any]:
    """Do an operation: (outcome, value, note for the runner). Raises nothing: a Refused is (kind, text, None)."""
    p.note = None
    try:
        value = CALLS[name](p, a)
    except OSError as error:
        return syscalls.errno_name(error.errno or 0), None, None
    except Refused as error:
        return error.kind, str(error), None
    except (ValueError, OverflowError, TypeError, MemoryError) as error:
        # an argument that no system call can be given: a NUL in a path, a length of more than 64 bits
        return SCENARIO, f"{name}: {error or 'out of memory'}", None
    if isinstance(value, Signalled):
        return value.outcome, value.value, tuple(p.note) if p.note else None
    return "ok", value, tuple(p.note) if isinstance(p.note, tuple) else p.note
