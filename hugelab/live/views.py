"""Views of a process's huge pages, from this kernel's files and from the model's state, and their comparison.

Reads only. Needs Linux; other users' processes need root, and so does every pfn (CAP_SYS_ADMIN). Functions that read
raise LiveUnavailable, with one line that names the file that is missing or may not be read.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..core.units import BASE_PAGE_SIZE, address, size_name
from ..linux.structs import mm_struct
from ..model.core import Core
from ..model.smaps import mapcount
from ..model.vma import areas
from . import proc
from .errors import LiveUnavailable

SYSFS = Path("/sys/kernel/mm/hugepages")
NODES = Path("/sys/devices/system/node")
ENTRY = 8  # bytes of pagemap and of kpageflags for 4 KB
LONGEST = 64 << 20  # bytes of pagemap, the most that is read at once: 16,384 huge pages of 2 MB
WHY_MISSING = {
    "numa_maps": "the kernel was built without CONFIG_NUMA",
    "smaps": "the kernel was built without CONFIG_PROC_PAGE_MONITOR",
    "pagemap": "the kernel was built without CONFIG_PROC_PAGE_MONITOR",
    "kpageflags": "the kernel was built without CONFIG_PROC_PAGE_MONITOR, or a container hides it",
}


# -- files -------------------------------------------------------------------------------------------
def read(path: Path, offset: int = 0, length: int | None = None) -> bytes:
    """``length`` bytes of a file of /proc from ``offset`` on; the whole file by default. Raises LiveUnavailable."""
    try:
        with path.open("rb", buffering=0) as file:
            if length is None:
                return file.read()
            file.seek(offset)
            parts = []
            while length > 0 and (part := file.read(length)):
                parts.append(part)
                length -= len(part)
            return b"".join(parts)
    except OSError as error:
        raise LiveUnavailable(_why(path, error)) from None


def _why(path: Path, error: OSError) -> str:
    if sys.platform != "linux":
        return f"{path} needs Linux"
    folder = path.parent
    if error.errno == errno.ESRCH or (folder.parent == Path("/proc") and not folder.exists()):
        return f"there is no process {folder.name} (any more)"
    if isinstance(error, FileNotFoundError):
        return f"{path} is not there: {WHY_MISSING.get(path.name, 'this kernel does not have it')}"
    if isinstance(error, PermissionError):
        what = "it belongs to another user: try it with sudo" if os.geteuid() else "not even by root, in this container"
        return f"{path} may not be read: {what}"
    return f"{path} cannot be read: {error.strerror}"


def of_process(pid: int | str, name: str) -> str:
    """A text file of a process (``"self"``: of this one), such as smaps. Raises LiveUnavailable."""
    return read(Path("/proc") / str(pid) / name).decode(errors="surrogateescape")


def meminfo(node: int | None = None) -> dict[str, int]:
    """/proc/meminfo, or the meminfo of one memory node; units as in parse_meminfo. Raises LiveUnavailable."""
    path = Path("/proc/meminfo") if node is None else NODES / f"node{node}" / "meminfo"
    return proc.parse_meminfo(read(path).decode())


def smaps(pid: int | str = "self") -> list[proc.Area]:
    """All mappings of a process. Raises LiveUnavailable."""
    return proc.parse_smaps(of_process(pid, "smaps"))


def numa_maps(pid: int | str = "self") -> list[proc.NumaMap]:
    """All mappings of a process with their memory nodes. Raises LiveUnavailable."""
    return proc.parse_numa_maps(of_process(pid, "numa_maps"))


def pagemap(pid: int | str, start: int, end: int) -> bytes:
    """The entries of the addresses [start, end), in bytes: see parse_pagemap. Raises LiveUnavailable."""
    at, length = (number // BASE_PAGE_SIZE * ENTRY for number in (start, end - start))
    if length > LONGEST:
        raise LiveUnavailable(f"{end - start:,} bytes at {address(start)} are too many to read the pagemap of at once")
    return read(Path("/proc") / str(pid) / "pagemap", at, length)


def kpageflags(pfn: int, count: int) -> bytes:
    """The flags of ``count`` frames of 4 KB from ``pfn`` on: see parse_kpageflags. Raises LiveUnavailable."""
    return read(Path("/proc/kpageflags"), pfn * ENTRY, count * ENTRY)


def pool_files(size: int, node: int | None = None) -> dict[str, int]:
    """Every file of a pool in sysfs (of one memory node, if ``node`` is given), by name, in pages; ``size`` in bytes.

    Raises LiveUnavailable. Source: Documentation/admin-guide/mm/hugetlbpage.rst.
    """
    folder = (SYSFS if node is None else NODES / f"node{node}" / "hugepages") / f"hugepages-{size >> 10}kB"
    if not folder.is_dir():
        raise LiveUnavailable(f"{folder} is not there: this kernel has no pool of {size_name(size)} pages")
    found = {}
    for file in sorted(folder.glob("*_hugepages*")):
        text = read(file).decode().strip()
        if text.isdigit():
            found[file.name] = int(text)
    return found


# -- the files of one process ------------------------------------------------------------------------
class Texts(NamedTuple):
    """The files of one process, reduced to its hugetlb mappings.

    ``pagemap``: start of a mapping -> its entries; ``kpageflags``: pfn of a huge page -> the flags of its frames, {}
    without CAP_SYS_ADMIN.
    """

    smaps: str
    numa_maps: str  # "" on a kernel without NUMA
    status: str
    pagemap: Mapping[int, bytes]
    kpageflags: Mapping[int, bytes]


def look(pid: int | str = "self") -> Texts:
    """Read the files of a process, which runs on meanwhile. Raises LiveUnavailable."""
    text = proc.hugetlb_part(of_process(pid, "smaps"))
    found = proc.parse_smaps(text)
    entries = {area.start: pagemap(pid, area.start, area.end) for area in found}
    flags = {}
    for area in found:
        for pfn in proc.huge_frames(proc.parse_pagemap(entries[area.start]), area.page_size):
            if pfn:
                flags[pfn] = kpageflags(pfn, area.page_size // BASE_PAGE_SIZE)
    try:
        lines = of_process(pid, "numa_maps").splitlines()
    except LiveUnavailable:
        lines = []
    starts = {area.start for area in found}
    numa = "\n".join(line for line in lines if int(line.split()[0], 16) in starts)
    status = "\n".join(
        line for line in of_process(pid, "status").splitlines() if line.startswith(("Name:", "VmRSS:", "HugetlbPages:"))
    )
    return Texts(text, numa, status, entries, flags)


# -- views -------------------------------------------------------------------------------------------
class View(NamedTuple):
    """One hugetlb mapping of one process, of a kernel or of the model. Counts are its huge pages."""

    start: int  # bytes
    pages: int  # its length
    page_size: int  # bytes
    shared_mapping: bool
    shared: int  # mapped pages that another mapping has, too; some kernels count 1 GB pages of a single mapping here
    private: int  # mapped pages that no other mapping has
    anon: int  # mapped pages that are not of the file
    frames: tuple[int | None, ...]  # by page: physical address / page size; None for a page that is not mapped

    @property
    def mapped(self) -> int:
        """Mapped pages."""
        return self.shared + self.private


def views(texts: Texts) -> list[View]:
    """The hugetlb mappings in the files of a process, by address.

    Raises ValueError if the files contradict each other, because a mapping changed while they were read.
    """
    numa = {line.start: line for line in proc.parse_numa_maps(texts.numa_maps)}
    found = []
    for area in proc.parse_smaps(texts.smaps):
        entries = proc.parse_pagemap(texts.pagemap[area.start])
        each = area.page_size // BASE_PAGE_SIZE
        firsts = proc.huge_frames(entries, area.page_size)
        anon = sum(one.present and not one.file for one in entries[::each])
        there = sum(first is not None for first in firsts)
        said = {"smaps": area.mapped, "pagemap": there}
        if line := numa.get(area.start):
            said["numa_maps"] = line.mapped
            if line.anon != anon:
                raise ValueError(f"{address(area.start)}: {anon} anonymous pages in pagemap, numa_maps: {line.anon}")
        if len(set(said.values())) > 1:
            raise ValueError(f"{address(area.start)}: pages mapped: {said}")
        frames = tuple(None if first is None else first // each for first in firsts)
        kind = area.page_size, area.shared_mapping
        found.append(View(area.start, area.pages, *kind, area.shared, area.private, anon, frames))
    return found


def of_model(kernel: Core, name: str) -> list[View]:
    """The hugetlb mappings of a process of the model now, by address; [] for a process that does not exist."""
    mm = kernel.state.records.get(f"mm/{name}")
    if not isinstance(mm, mm_struct) or not mm.alive:
        return []
    found = []
    for vma in areas(mm):
        frames: dict[int, int] = {}
        anon = shared = 0
        for run in vma.mapped():
            for key in range(run.start, run.end):
                frames[key - vma.vm_start // vma.h.size] = run.at(key)
                shared += mapcount(kernel, vma, run.at(key), vma.index(key * vma.h.size)) > 1
                anon += bool(run.tag[1])
        places = tuple(map(frames.get, range(vma.pages)))
        counts = shared, len(frames) - shared, anon
        found.append(View(vma.vm_start, vma.pages, vma.h.size, vma.shared, *counts, places))
    return found


def difference(ours: Mapping[str, list[View]], theirs: Mapping[str, list[View]]) -> str:
    """The first difference between two views of the same processes, as one line; "" if there is none.

    All must be equal but the numbers of frames: the same pages must be mapped, and two pages, of any processes, must
    share a frame in both views or in neither. Frames of 0 are unknown and are not compared.
    """
    if ours.keys() != theirs.keys():
        return f"processes: {sorted(ours)} and {sorted(theirs)}"
    there: dict[int, int] = {}
    back: dict[int, int] = {}
    for name, mine in ours.items():
        if len(mine) != len(theirs[name]):
            return f"{name}: {len(mine)} and {len(theirs[name])} mappings"
        for one, other in zip(mine, theirs[name], strict=True):
            if one[:-1] != other[:-1]:
                return f"{name}: {one[:-1]} and {other[:-1]}"
            for page, (a, b) in enumerate(zip(one.frames, other.frames, strict=True)):
                if (a is None) != (b is None):
                    return f"{name}, page {page} of {address(one.start)}: mapped in one alone"
                if a is None or b is None or 0 in (a, b):
                    continue
                if there.setdefault(a, b) != b or back.setdefault(b, a) != a:
                    return f"{name}, page {page} of {address(one.start)}: not the same page as in the other"
    return ""
