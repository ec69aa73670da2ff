"""Finds the holders of huge pages on this machine, see inventory.py. Needs Linux; reads only."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..core.state import Counters
from ..core.units import BASE_PAGE_SIZE, parse_size
from . import proc, views
from .errors import LiveUnavailable
from .inventory import File, Held, Inventory
from .probe import pools

BLOCK = 512  # bytes of a block in st_blocks, also on hugetlbfs


class Mounted(NamedTuple):
    """Files of hugetlbfs by key, and the reservations of mounts (min_size=) by page size, in pages."""

    files: dict[str, File]
    budgets: dict[int, int]


def key_of(found: os.stat_result) -> str:
    """Device and inode of a file, as in smaps."""
    return f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x} {found.st_ino}"


def file_of(found: os.stat_result, name: str, open_by: tuple[int, ...] = ()) -> File:
    """A file of hugetlbfs: st_blksize is the page size, st_blocks counts the pages of its page cache."""
    size = found.st_blksize
    length = -(-found.st_size // size)
    return File(key_of(found), name, size, found.st_blocks * BLOCK // size, length, found.st_nlink > 0, open_by)


def who_holds() -> Inventory:
    """An inventory of all readable processes and files: for root those of this container, else the user's own.

    Raises LiveUnavailable on other systems than Linux.
    """
    if sys.platform != "linux":
        raise LiveUnavailable("the holders of huge pages can be listed on Linux only")
    before = _counters()
    if not before:
        raise LiveUnavailable("this kernel has no huge page pools")
    files, budgets = _mounted()
    held, hidden = [], 0
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            held += list(_mappings(pid, files))
            _descriptors(pid, files, set(before))
        except LiveUnavailable as error:
            hidden += "no process" not in str(error)
        except PermissionError:
            hidden += 1
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    moved = before != _counters()
    return Inventory(before, tuple(held), tuple(files.values()), hidden, moved, budgets, _segments())


def _counters() -> dict[int, Counters]:
    """Page size in bytes -> counters, the smallest size first."""
    return {size: Counters(*now.values()) for size, now in sorted(pools().items())}


def _mounted() -> Mounted:
    """All files with a name, on all hugetlbfs mounts that this process sees."""
    from . import host

    files: dict[str, File] = {}
    budgets: dict[int, int] = {}
    seen = set()
    for mount in host.mounts():
        if mount.kind != "hugetlbfs":
            continue
        try:
            size, device = os.statvfs(mount.path).f_bsize, os.stat(mount.path).st_dev
        except OSError:
            continue
        if device in seen:
            continue
        seen.add(device)
        if match := re.search(r"min_size=(\w+)", mount.options):
            budgets[size] = budgets.get(size, 0) + parse_size(match[1]) // size
        for folder, _, names in os.walk(mount.path):
            for name in names:
                _add(files, Path(folder) / name)
    return Mounted(files, budgets)


def _add(files: dict[str, File], path: Path) -> None:
    try:
        found = os.lstat(path)
    except OSError:
        return
    if stat.S_ISREG(found.st_mode):
        files.setdefault(key_of(found), file_of(found, str(path)))


def _mappings(pid: int, files: dict[str, File]) -> Iterator[Held]:
    """The hugetlb mappings of a process; their files are added to ``files``."""
    from . import host

    for area in proc.parse_smaps(views.of_process(pid, "smaps")):
        if not area.hugetlb:
            continue
        key = f"{area.device} {area.inode}"
        entries = [] if area.shared_mapping else _entries(pid, area)
        private = tuple(one.pfn * BASE_PAGE_SIZE // area.page_size for one in entries if not one.file)
        of_file = area.mapped if area.shared_mapping else sum(one.file for one in entries)
        if key not in files:
            files[key] = _mapped_file(pid, area, of_file)
        kind = area.shared_mapping, "nr" in area.flags
        yield Held(pid, host.command_of(pid), area.page_size, area.pages, of_file, private, *kind, key)


def _entries(pid: int, area: proc.Area) -> list[proc.Entry]:
    """The first pagemap entry of each mapped huge page; its other entries follow from it."""
    found: list[proc.Entry] = []
    for at in range(area.start, area.end, area.page_size):
        if len(found) == area.mapped:  # a mapping can be terabytes long, and nearly empty
            break
        found += [one for one in proc.parse_pagemap(views.pagemap(pid, at, at + BASE_PAGE_SIZE)) if one.present]
    return found


def _mapped_file(pid: int, area: proc.Area, of_file: int) -> File:
    """The file of a mapping, perhaps without a name. Root sees all its pages, others the pages mapped here."""
    try:
        found = os.stat(f"/proc/{pid}/map_files/{area.start:x}-{area.end:x}")
    except OSError:
        key = f"{area.device} {area.inode}"
        return File(key, area.path, area.page_size, of_file, area.pages, not area.path.endswith(" (deleted)"))
    return file_of(found, area.path)


def _descriptors(pid: int, files: dict[str, File], sizes: set[int]) -> None:
    """Add the open files of a process to ``files``, with this process as holder."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        link = f"/proc/{pid}/fd/{name}"
        try:
            found = os.stat(link)
            if not stat.S_ISREG(found.st_mode) or found.st_blksize not in sizes:
                continue
            if os.statvfs(link).f_bsize != found.st_blksize:  # a tmpfs with transparent huge pages
                continue
            target = os.readlink(link)
        except OSError:
            continue
        file = files.get(key_of(found)) or file_of(found, target)
        files[file.key] = file._replace(open_by=tuple(sorted({*file.open_by, pid})))


def _segments() -> int:
    """The number of System V segments that no process has attached."""
    try:
        head, *lines = Path("/proc/sysvipc/shm").read_text().splitlines()
    except (OSError, ValueError):
        return 0
    column = head.split().index("nattch")
    return sum(line.split()[column] == "0" for line in lines)
