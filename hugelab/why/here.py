"""Reads the counters of this machine, its mounts and cgroups. Needs Linux; no root; changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.units import format_size
from ..linux.errors import ScenarioError
from ..live import host
from ..live.admin import statfs
from ..model.mount import memparse
from .found import MOST, Cgroup, Found, Mount, Node

CGROUPS = Path("/sys/fs/cgroup")
FILES = (("max", "current"), ("limit_in_bytes", "usage_in_bytes"))  # of cgroup v2, and of v1


def here(size: int | None = None, mount: str | None = None, cgroup: str | None = None) -> Found:
    """The pool of a page size in bytes (None: of the mount, else the default one), now.

    ``mount``: a folder on a hugetlbfs; ``cgroup``: the folder of a group, or its path below /sys/fs/cgroup. Raises
    ScenarioError for a pool, mount or group that does not exist.
    """
    sizes = host.page_sizes()
    if not sizes:
        raise ScenarioError("this kernel has no huge page pools; with --meminfo or --total you can ask about another")
    of_mount = host_mount(mount) if mount is not None else None
    size = size or (statfs(of_mount[0])["bsize"] if of_mount else sizes[0])
    if size not in sizes:
        known = ", ".join(format_size(one) for one in sizes)
        raise ScenarioError(f"this kernel has no pool of {format_size(size)} pages, but of {known}")
    limits = _cgroup(cgroup, size) if cgroup is not None else None
    if of_mount and size != (of := statfs(of_mount[0])["bsize"]):
        raise ScenarioError(f"{mount} is a mount of {format_size(of)} pages, not of {format_size(size)}")
    total, free, rsvd, surp = host.read_counters(size)
    more = min(host.read_overcommit(size), MOST)
    nodes = tuple(Node(*counts) for counts in _nodes(size))
    if sum(node.total for node in nodes) != total or sum(node.free for node in nodes) != free:
        nodes = ()  # one node, or the pool has moved between two files
    budget = _budget(*of_mount) if of_mount else None
    return Found(total, free, rsvd, surp, more, size, nodes, budget, limits, size == sizes[0])


def _nodes(size: int) -> list[tuple[int, int, int]]:
    """All, free and surplus pages of each node; [] on a machine with one node."""
    folders = [host.folder_of(size, node / "hugepages") for node in host.node_folders()]
    names = ("nr_hugepages", "free_hugepages", "surplus_hugepages")
    if len(folders) < 2 or not all(folder.is_dir() for folder in folders):
        return []
    counts = [[int((folder / name).read_text()) for name in names] for folder in folders]
    return [(total, free, surp) for total, free, surp in counts]


def host_mount(path: str) -> tuple[Path, str]:
    """The mount point above a path, and its options. Raises ScenarioError if that is no hugetlbfs."""
    whole = os.path.realpath(path)
    if not os.path.exists(whole):
        raise ScenarioError(f"{path} does not exist")
    above = [one for one in host.mounts() if os.path.commonpath([one.path, whole]) == one.path]
    found = max(above, key=lambda one: len(one.path))
    found = [one for one in above if one.path == found.path][-1]  # the last one lies on top
    if found.kind != "hugetlbfs":
        raise ScenarioError(f"{path} is on {found.kind}, not on hugetlbfs: mount -t hugetlbfs none {path}")
    return Path(found.path), found.options


def _budget(path: Path, options: str) -> Mount:
    """The budget of a mount: size=, its used pages, and the unused pages of min_size=.

    Without size= the kernel does not count a mount's pages: then min_size= counts as unused if the mount has no file,
    and as used up otherwise.
    """
    found = statfs(path)
    given = dict(option.partition("=")[::2] for option in options.split(","))
    least = memparse(given["min_size"])[0] // found["bsize"] if "min_size" in given else 0
    if "size" in given:
        used = found["blocks"] - found["bfree"]
        return Mount(found["blocks"], used, max(least - used, 0))
    return Mount(None, 0, least if not any(path.iterdir()) else 0)


def _cgroup(name: str, size: int) -> Cgroup:
    """The room of a group: the least of its own limits and of those of the groups above."""
    folder = Path(name) if name.startswith("/") else CGROUPS / name
    prefix = f"hugetlb.{format_size(size).replace(' ', '')}"
    files = next((pair for pair in FILES if (folder / f"{prefix}.{pair[0]}").exists()), None)
    if files is None:
        raise ScenarioError(f"{folder} is no cgroup with the hugetlb controller: there is no {prefix}.max in it")
    left: list[int | None] = []
    for kind in ("", ".rsvd"):
        rooms = []
        at = folder
        while (limit := at / f"{prefix}{kind}.{files[0]}").exists():
            text, used = limit.read_text().strip(), (at / f"{prefix}{kind}.{files[1]}").read_text()
            if text != "max":
                rooms.append((int(text) - int(used)) // size)
            at = at.parent
        left.append(min(rooms) if rooms and min(rooms) < MOST else None)
    return Cgroup(*left)
