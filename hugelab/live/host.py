"""Reads and writes of the running kernel: its pools, mounts and processes. No decisions.

Counts are huge pages, sizes bytes. All functions raise OSError with the kernel's errno unless another error is named.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..core.state import Counters
from ..core.text import nameable
from ..linux import meminfo

SYSFS = Path("/sys/kernel/mm/hugepages")
NODES = Path("/sys/devices/system/node")
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8
IPC_RMID = 0
CAP_SYS_ADMIN = 21
COUNTERS = ("nr_hugepages", "free_hugepages", "resv_hugepages", "surplus_hugepages")  # in the order of Counters

_libc = ctypes.CDLL(None, use_errno=True)


# -- pools -------------------------------------------------------------------------------------------
def folder_of(size: int, root: Path | None = None) -> Path:
    """The folder of a page size's pool in sysfs."""
    return (root or SYSFS) / f"hugepages-{size >> 10}kB"


def page_sizes() -> tuple[int, ...]:
    """The page sizes in bytes of the kernel's pools, default size first; () without hugetlb."""
    names = [path.name for path in SYSFS.glob("hugepages-*kB")]
    sizes = sorted(int(name.removeprefix("hugepages-").removesuffix("kB")) << 10 for name in names)
    default = meminfo.read(Path("/proc/meminfo").read_text()).get("Hugepagesize", 0) << 10
    return tuple(sorted(sizes, key=lambda size: (size != default, size)))


def node_folders() -> list[Path]:
    """The folders of the memory nodes, by number. [] on a kernel without NUMA."""
    return sorted(NODES.glob("node[0-9]*"), key=lambda path: int(path.name.removeprefix("node")))


def read_counters(size: int) -> Counters:
    """The four counters of one pool."""
    folder = folder_of(size)
    return Counters(*(int((folder / name).read_text()) for name in COUNTERS))


def available_memory() -> int:
    """MemAvailable of /proc/meminfo, in bytes."""
    return meminfo.read(Path("/proc/meminfo").read_text()).get("MemAvailable", 0) << 10


def read_overcommit(size: int) -> int:
    """The number of surplus pages that are allowed."""
    return int((folder_of(size) / "nr_overcommit_hugepages").read_text())


def persistent_by_node(size: int) -> list[int]:
    """The configured pages (without surplus) of each memory node; one number on a machine without nodes."""
    folders = [folder_of(size, node / "hugepages") for node in node_folders()]
    folders = [folder for folder in folders if folder.is_dir()] or [folder_of(size)]
    names = ("nr_hugepages", "surplus_hugepages")
    counts = [[int((folder / name).read_text()) for name in names] for folder in folders]
    return [total - surplus for total, surplus in counts]


def write(path: Path, value: int) -> None:
    """Write a number to a file of sysfs, in one system call and without creating anything."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, b"%d" % value)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(descriptor)


def keep_surplus(size: int) -> None:
    """Turn surplus pages into configured pages, which can be given up; on several nodes free surplus pages can stay."""
    now = read_counters(size)
    if now.surp:
        write(folder_of(size) / "nr_hugepages", now.total)


def write_by_node(size: int, counts: list[int]) -> None:
    """Set the configured pages of each node (``persistent_by_node``)."""
    folders = [folder_of(size, node / "hugepages") for node in node_folders()]
    if len(counts) == 1 or len(folders) != len(counts):
        write(folder_of(size) / "nr_hugepages", sum(counts))
        return
    for folder, count in zip(folders, counts, strict=True):
        write(folder / "nr_hugepages", count)


# -- mounts ------------------------------------------------------------------------------------------
class Mount(NamedTuple):
    """A line of /proc/self/mountinfo; ``options`` of the super block."""

    path: str
    kind: str
    options: str


def mounts() -> list[Mount]:
    """All mounts, in the order of mounting."""
    found = []
    lines = os.fsdecode(Path("/proc/self/mountinfo").read_bytes()).split("\n")  # a name may have any other control
    for line in filter(None, lines):
        left, _, right = line.partition(" - ")
        path = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), left.split(" ")[4])
        kind, _source, options = right.split(" ", 2)
        found.append(Mount(path, kind, options))
    return found


def mount(path: Path, kind: str, source: str, options: str) -> None:
    """mount(2) on an existing folder. Options with a NUL are EINVAL, as unknown options."""
    if not nameable(options):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
    arguments = (os.fsencode(text) for text in (source, path, kind))
    if _libc.mount(*arguments, ctypes.c_ulong(0), os.fsencode(options)):
        _fail(path)


def umount(path: Path, lazy: bool = False) -> None:
    """umount2(2); lazy: paths end now, the file system goes with its last user."""
    if _libc.umount2(os.fsencode(path), UMOUNT_NOFOLLOW | (MNT_DETACH if lazy else 0)):
        _fail(path)


def _fail(path: Path) -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), str(path))


# -- processes ---------------------------------------------------------------------------------------
class Process(NamedTuple):
    """A process, told from a later one with the same pid by its start (clock ticks after boot)."""

    pid: int
    start: int
    session: int


def boot_id() -> str:
    """The name of this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def process(pid: int) -> Process | None:
    """The living process with a pid; None if there is none, or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else Process(pid, int(fields[19]), int(fields[3]))


def processes() -> Iterator[Process]:
    """All processes that are alive."""
    for name in os.listdir("/proc"):
        if name.isdigit() and (found := process(int(name))):
            yield found


def holds(pid: int, file: os.stat_result) -> bool:
    """Does the process have this file open?"""
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    for name in names:
        try:
            open_file = os.stat(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if os.path.samestat(open_file, file):
            return True
    return False


def command_of(pid: int) -> str:
    """The command line of a process, shortened; "?" if it has ended."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "?"
    line = " ".join(line.split())
    return line if 0 < len(line) <= 60 else f"{line[:57]}..." if line else "?"


def users_of_huge_pages() -> list[int]:
    """The pids of the processes that have huge pages mapped (HugetlbPages of /proc/PID/status)."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            match = re.search(r"^HugetlbPages:\s*([1-9]\d*)", Path(f"/proc/{name}/status").read_text(), re.M)
        except OSError:
            continue
        if match:
            found.append(int(name))
    return sorted(found)


def lock_holder(path: Path) -> int | None:
    """The pid of the process that holds a flock on a file (/proc/locks); None if there is no visible one."""
    try:
        inode = path.stat().st_ino
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == str(inode):
            return int(fields[4])
    return None


def has_capability(number: int) -> bool:
    """Does this process have a capability? Root in a container may lack it."""
    match = re.search(r"^CapEff:\s*([0-9a-f]+)", Path("/proc/self/status").read_text(), re.M)
    return bool(match and int(match[1], 16) >> number & 1)


# -- System V shared memory --------------------------------------------------------------------------
def segments() -> list[tuple[int, int, int]]:
    """System V segments: (shmid, creator's pid, time of the last change in seconds since 1970)."""
    try:
        head, *lines = Path("/proc/sysvipc/shm").read_text().splitlines()
    except (OSError, ValueError):
        return []
    names = head.split()
    rows = [dict(zip(names, line.split(), strict=False)) for line in lines]
    return [(int(row["shmid"]), int(row["cpid"]), int(row["ctime"])) for row in rows]


def remove_segment(shmid: int) -> None:
    """shmctl(IPC_RMID): the segment goes when the last process has detached it."""
    if _libc.shmctl(shmid, IPC_RMID, None):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"shmid {shmid}")


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    """Poll ``done``, first often, then every 50 ms; False if it is still false after ``seconds``."""
    end, pause = time.monotonic() + seconds, 0.0005
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
    return True
