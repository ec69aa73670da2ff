"""The administrator's operations on this machine: pool sizes, nodes, demotion, statfs, control groups.

All raise OSError with the kernel's errno, and ScenarioError for an operation that no administrator can do.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ..linux.errors import ScenarioError
from ..linux.meminfo import read as meminfo_of
from ..linux.scenario import Op
from . import host
from .pool import Pool
from .registry import by_runner

Function = TypeVar("Function", bound=Callable[..., Any])
SHM_GROUP = Path("/proc/sys/vm/hugetlb_shm_group")


def on_pool(name: str) -> Callable[[Function], Function]:
    """Registers the function below for an operation: function(pool, operation)."""

    def register(function: Function) -> Function:
        by_runner(name)(lambda kernel, op: function(kernel.pool, op))
        return function

    return register


def on_groups(name: str) -> Callable[[Function], Function]:
    """Registers the method below for an operation: method(groups, operation)."""

    def register(function: Function) -> Function:
        by_runner(name)(lambda kernel, op: function(kernel.groups, op))
        return function

    return register


# -- pools -------------------------------------------------------------------------------------------
def _size(pool: Pool, op: Op) -> int:
    return op.unit(pool.sizes[0])


@on_pool("set_nr")
def set_nr(pool: Pool, op: Op) -> None:
    """Write ``n`` to nr_hugepages of ``hsize``."""
    pool.set_nr(_size(pool, op), op.args["n"])


@on_pool("set_overcommit")
def set_overcommit(pool: Pool, op: Op) -> None:
    """Write ``n`` to nr_overcommit_hugepages of ``hsize``."""
    pool.set_overcommit(_size(pool, op), op.args["n"])


def _node(pool: Pool, op: Op) -> Path:
    """The folder of a pool in a ``node``."""
    return host.folder_of(_size(pool, op), host.NODES / f"node{op.args['node']}" / "hugepages")


@on_pool("set_nr_node")
def set_nr_node(pool: Pool, op: Op) -> None:
    """Write ``n`` to nr_hugepages of one node."""
    pool.check_room(op.unit(pool.sizes[0]), op.args["n"])
    host.write(_node(pool, op) / "nr_hugepages", op.args["n"])


@on_pool("node_counters")
def node_counters(pool: Pool, op: Op) -> dict[str, int]:
    """The files of one node, in pages. There is no resv_hugepages of a node."""
    folder = _node(pool, op)
    return {name: int((folder / name).read_text()) for name in ("nr_hugepages", "free_hugepages", "surplus_hugepages")}


@on_pool("demote")
def demote(pool: Pool, op: Op) -> None:
    """Write ``n`` to demote of the largest size (or of ``hsize``)."""
    size = _size(pool, op) if "hsize" in op.args else max(pool.sizes)
    host.write(host.folder_of(size) / "demote", op.args["n"])


@on_pool("meminfo")
def meminfo(pool: Pool, op: Op) -> dict[str, int]:
    """The lines of /proc/meminfo about huge pages: HugePages_ in pages, Hugepagesize and Hugetlb in kB."""
    found = meminfo_of(Path("/proc/meminfo").read_text())
    return {name: value for name, value in found.items() if name.startswith(("HugePages_", "Hugepagesize", "Hugetlb"))}


@on_pool("set_shm_group")
def set_shm_group(pool: Pool, op: Op) -> None:
    """Write ``gid`` to vm.hugetlb_shm_group; the old value is restored with the pool."""
    pool.rewrite(SHM_GROUP, op.args["gid"])


@on_pool("sync")
def sync(pool: Pool, op: Op) -> None:
    """Wait."""
    time.sleep(float(op.get("seconds")))


def statfs(path: Path) -> dict[str, int]:
    """statfs(2) in blocks of ``bsize`` bytes; -1 is no limit, as in the kernel."""
    found = os.statvfs(path)
    shown = {"blocks": found.f_blocks, "bfree": found.f_bfree, "bavail": found.f_bavail}
    counts = {**shown, "files": found.f_files, "ffree": found.f_ffree}
    return {"bsize": found.f_bsize, **{name: signed(n) for name, n in counts.items()}}


def signed(number: int) -> int:
    """A 64-bit number as a signed one: 2**64 - 1 is -1."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


# -- control groups ----------------------------------------------------------------------------------
class Groups:
    """The control groups that a scenario makes, in hierarchies mounted for it."""

    PATIENCE = 2.0  # seconds: an unmounted hierarchy gives the controller back a moment later

    def __init__(self, pool: Pool):
        self._pool = pool
        self._mounted: list[int] = []  # versions
        self._made: list[tuple[int, str]] = []
        self._enabled: list[Path] = []  # files to which we wrote +hugetlb
        self._others = 0  # groups of others in the hierarchy

    @on_groups("cg_mount")
    def mount(self, op: Op) -> None:
        """Mount the hugetlb controller (v1), or cgroup2."""
        version = op.args["version"]
        if version not in (1, 2):
            raise ScenarioError(f"cg_mount: version is 1 or 2, not {version!r}")
        kind, options = ("cgroup", "hugetlb") if version == 1 else ("cgroup2", "")
        self._free_controller()
        self._pool.mount(self._root(version), kind, "none", options)
        self._mounted.append(version)
        self._others = _hierarchy()[1]
        if version == 2:
            self._enable(self._root(2))

    def _free_controller(self) -> None:
        """Free the controller from an unmounted v1 hierarchy of a killed run, by mounting and unmounting it."""
        mounted = any(mount.kind == "cgroup" and "hugetlb" in mount.options.split(",") for mount in host.mounts())
        # A hierarchy that was unmounted properly goes by itself, a moment later.
        if mounted or host.wait_until(lambda: _hierarchy()[0] == 0, self.PATIENCE):
            return
        self._pool.mount(self._root(1), "cgroup", "none", "hugetlb")
        self._pool.umount(self._root(1))
        host.wait_until(lambda: _hierarchy()[0] == 0, self.PATIENCE)

    def _root(self, version: int) -> Path:
        return self._pool.folder / f"cgroup{version}"

    def _folder(self, op: Op) -> Path:
        """The folder of a group, which need not exist. Raises ScenarioError."""
        version, name = op.args["version"], op.args["cg"]
        if version not in self._mounted:
            raise ScenarioError(f"the cgroup hierarchy of version {version!r} is not mounted: cg_mount comes first")
        if not isinstance(name, str) or not name or any(part in ("", ".", "..") for part in name.split("/")):
            raise ScenarioError(f"{op.op}: {name!r} is no name of a cgroup")
        return self._root(version) / name

    def _group(self, op: Op) -> Path:
        """A group that this scenario made. Raises ScenarioError."""
        folder = self._folder(op)
        if (op.args["version"], op.args["cg"]) not in self._made:
            raise ScenarioError(f"there is no cgroup {op.args['cg']!r} of version {op.args['version']}")
        return folder

    def _file(self, op: Op, name: Any) -> Path:
        if not isinstance(name, str) or not re.fullmatch(r"hugetlb\.[\w.]+", name):
            raise ScenarioError(f"{op.op}: {name!r} is no hugetlb file of a cgroup")
        return self._group(op) / name

    def _enable(self, folder: Path) -> None:
        """Give the groups below a folder (v2) the hugetlb controller, if they lack it."""
        file = folder / "cgroup.subtree_control"
        if "hugetlb" not in file.read_text().split():
            host.wait_until(lambda: "hugetlb" in (folder / "cgroup.controllers").read_text().split(), self.PATIENCE)
            self._pool.switched(file)
            _write(file, "+hugetlb")
            self._enabled.append(file)

    @on_groups("cg_mkdir")
    def mkdir(self, op: Op) -> None:
        """Make a group; ``cg`` may be a path below another group."""
        folder = self._folder(op)
        if op.args["version"] == 2 and folder.parent != self._root(2) and folder.parent.is_dir():
            self._enable(folder.parent)
        self._pool.made(folder)
        folder.mkdir()
        self._made.append((op.args["version"], op.args["cg"]))

    @on_groups("cg_rmdir")
    def rmdir(self, op: Op) -> None:
        """Remove a group. EBUSY while it has processes or groups."""
        self._group(op).rmdir()
        self._made.remove((op.args["version"], op.args["cg"]))

    @on_groups("cg_set")
    def set(self, op: Op) -> None:
        """Write ``value`` to a file of a group."""
        _write(self._file(op, op.args["file"]), str(op.args["value"]))

    @on_groups("cg_get")
    def get(self, op: Op) -> dict[str, str]:
        """Read ``files`` of a group: file -> text."""
        if not isinstance(op.args["files"], list):
            raise ScenarioError("cg_get: files is a list of names")
        return {name: self._file(op, name).read_text().strip() for name in op.args["files"]}

    def attach(self, op: Op, pid: int) -> None:
        """Move a process into a group."""
        _write(self._group(op) / "cgroup.procs", str(pid))

    def close(self) -> None:
        """Remove the groups, whose processes are dead; the pool complains later about a group that stays."""
        for version, name in reversed(self._made):
            folder = self._root(version) / name

            def gone(folder: Path = folder) -> bool:
                with contextlib.suppress(OSError):
                    folder.rmdir()
                return not folder.exists()

            host.wait_until(gone, self.PATIENCE)
        # A v1 hierarchy that is unmounted while a removed group is still being taken apart stays for ever, and keeps
        # the controller from v2.
        host.wait_until(lambda: not self._mounted or _hierarchy()[1] <= self._others, self.PATIENCE)
        for file in reversed(self._enabled):
            with contextlib.suppress(OSError):
                _write(file, "-hugetlb")
        for version in reversed(self._mounted):
            with contextlib.suppress(OSError):
                self._pool.umount(self._root(version))
        self._mounted, self._made, self._enabled = [], [], []


def _hierarchy() -> tuple[int, int]:
    """The number of the hierarchy that has the hugetlb controller (0: v2, or none), and the number of its groups, with
    its root and removed groups that still exist (/proc/cgroups)."""
    for line in Path("/proc/cgroups").read_text().splitlines():
        name, hierarchy, groups, _ = line.split("\t")
        if name == "hugetlb":
            return int(hierarchy), int(groups)
    return 0, 1


def _write(path: Path, text: str) -> None:
    """Write to an existing file, in one system call."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
