"""The simulated machine: boot it, run a Scenario on it, return a Recording.

An operation that fails returns what a program would see and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..core.state import State
from ..core.units import format_size
from ..linux.abi import Fault
from ..linux.machines import MACHINES, X86_64, Machine
from ..linux.scenario import Op, Scenario, ScenarioError
from ..linux.structs import mm_struct, shmid_kernel, super_block
from ..record.recording import Recording
from ..record.source import Unsupported, record
from . import admin, advise, fallocate, files, fork, memfd, mmap, mount, pool, process, remap, shm, smaps
from .core import Core
from .errors import SystemCallError
from .hugetlbfs import iput, kill_super
from .mount import hugetlbfs_fill_super

ORDINARY = "@"  # the mount name of the ordinary file system beside the hugetlbfs ones


class Kernel(Core):
    """A simulated machine that has booted with a pool.

    ``nr`` and ``overcommit`` are pages of the default size. Raises ScenarioError when memory cannot hold the pool.
    """

    name = "model"

    def __init__(self, machine: Machine = X86_64, nr: int = 10, overcommit: int = 0, state: State | None = None):
        super().__init__(machine, state)
        self.state.row("")
        for h in self.state.pools:
            self.state.enter(h)
            for node in h.nodes:
                self.state.enter(node)
        h = self.size_to_hstate(machine.sizes[0])
        h.nr_overcommit_huge_pages = overcommit
        pool.set_max_huge_pages(self, h, nr)
        if h.nr_huge_pages < nr:
            raise ScenarioError(
                f"a pool of {nr:,} pages of {format_size(h.size)} is more than the {machine.name} machine holds:"
                f" {h.nr_huge_pages:,} pages at most; choose a smaller pool or a larger machine"
            )
        self.state.enter(super_block(self.state, ORDINARY, None))
        self.state.point("boot")

    def mount(self, name: str, options: str = "") -> super_block:
        """Mount a hugetlbfs under a name. Raises SystemCallError."""
        rows = len(self.state.rows)
        self.state.row("")
        try:
            sb = hugetlbfs_fill_super(self, name, options)
        except SystemCallError:
            self.state.rollback(rows)
            raise
        self.state.point("mount", mount=name, options=options)
        return sb

    # -- running operations --------------------------------------------------------------------------
    def run(self, op: Op) -> tuple[str, Any]:
        """Do one operation: (outcome, value).

        Raises Unsupported for what the model does not know and ScenarioError for what no program can do; both leave
        the kernel as it was.
        """
        if op.op not in CALLS:
            raise Unsupported(f"{op.op} is not in the model")
        function, known = CALLS[op.op]
        if unknown := op.args.keys() - set(known.split()) - {"hsize", "note"}:
            raise Unsupported(f"{op.op} has no {', '.join(sorted(unknown))}; it takes {known}")
        entry = ENTRY.get(op.op, f"sys_{op.op}")
        rows, maps, segments = len(self.state.rows), dict(self.maps), dict(self.segments)
        self.state.row(op.proc, 1, self.machine.sizes[0])
        try:
            mm = self._who(op)
            self.state.point(entry, "start", op=op)
            outcome, value = "ok", function(self, mm, op)
        except SystemCallError as error:
            outcome, value = error.name, None
        except (ScenarioError, Unsupported):
            self.state.rollback(rows)
            self.maps, self.segments = maps, segments
            raise
        if isinstance(value, Fault):
            outcome, value = value
        self.state.row(op.proc, 1, self.machine.sizes[0])
        self.state.point(entry, "return", result=outcome, value=value)
        return outcome, value

    def _who(self, op: Op) -> mm_struct | None:
        """The process that does an operation; None for the administrator.

        He does what needs no process, and works on paths for a program that has not begun or has ended.
        """
        if op.op in BY_ADMINISTRATOR:
            return None
        found = self.state.records.get(f"mm/{op.proc}")
        if op.op in BY_ANYBODY and not (isinstance(found, mm_struct) and found.alive):
            return None
        return self.mm(op.proc)

    def kill_all(self) -> None:
        """Every process ends."""
        for mm in self.state.of(mm_struct):
            if mm.alive:
                fork.do_exit(self, mm)

    def umount_all(self) -> None:
        """Every file is unlinked, every mount unmounted and every shared memory segment removed."""
        for segment in self.state.of(shmid_kernel):
            segment.dest = True
            iput(self, "", segment.shm_file)
        for sb in self.state.of(super_block):
            if sb.key in self.state.records:
                kill_super(self, "", sb)


# Operation -> its function and the arguments it takes.
RANGE = "map page pages off_bytes bytes"
CALLS: dict[str, tuple[Callable[..., Any], str]] = {
    "open": (files.sys_open, "fd path flags mode"),
    "close": (files.sys_close, "fd"),
    "memfd": (memfd.sys_memfd_create, "fd flags"),
    "seal": (memfd.memfd_add_seals, "fd seals"),
    "unlink": (files.sys_unlink, "path"),
    "link": (files.sys_link, "path new"),
    "rename": (files.sys_rename, "path new"),
    "mkdir": (files.sys_mkdir, "path mode"),
    "symlink": (files.sys_symlink, "path target"),
    "truncate": (files.sys_truncate, "path pages bytes"),
    "ftruncate": (files.sys_ftruncate, "fd pages bytes"),
    "stat": (files.sys_stat, "path"),
    "fstat": (files.sys_fstat, "fd"),
    "pread": (files.sys_pread, "fd page off_bytes bytes"),
    "pwrite": (files.sys_pwrite, "fd page off_bytes bytes"),
    "sendfile": (files.sys_sendfile, "fd page off_bytes bytes"),
    "lseek": (files.sys_lseek, "fd page off_bytes bytes whence"),
    "fsync": (files.sys_fsync, "fd"),
    "fadvise": (files.sys_fadvise, "fd page pages off_bytes bytes advice"),
    "readahead": (files.sys_readahead, "fd page pages off_bytes bytes"),
    "fallocate": (fallocate.sys_fallocate, "fd page pages off_bytes bytes mode"),
    "mmap": (mmap.sys_mmap, "map fd pages bytes offset_pages offset_bytes flags prot at want_align"),
    "munmap": (mmap.sys_munmap, RANGE),
    "mremap": (remap.sys_mremap, f"{RANGE} new_pages new_bytes flags at as"),
    "mprotect": (remap.sys_mprotect, f"{RANGE} prot"),
    "madvise": (advise.sys_madvise, f"{RANGE} advice"),
    "mlock": (advise.sys_mlock, RANGE),
    "munlock": (advise.sys_munlock, RANGE),
    "msync": (advise.sys_msync, f"{RANGE} flags"),
    "mincore": (advise.sys_mincore, RANGE),
    "mbind": (remap.sys_mbind, f"{RANGE} policy nodemask flags"),
    "set_mempolicy": (remap.sys_set_mempolicy, "policy nodemask"),
    "smaps": (smaps.smaps, "map"),
    "touch": (process.touch, "map page count mode byte off_bytes catch"),
    "kread": (process.kread, "map page off_bytes"),
    "fork": (fork.sys_fork, "child"),
    "exit": (fork.sys_exit, "code"),
    "kill": (fork.sys_kill, "signal"),
    "setuid": (admin.sys_setuid, "uid"),
    "setrlimit_memlock": (admin.setrlimit_memlock, "bytes"),
    "hugetlb_usage": (admin.hugetlb_usage, ""),
    "shmget": (shm.sys_shmget, "shm pages bytes flags"),
    "shmat": (shm.sys_shmat, "shm map flags"),
    "shmdt": (shm.sys_shmdt, "map"),
    "shmrm": (shm.sys_shmrm, "shm"),
    "mount": (mount.sys_mount, "mount options"),
    "remount": (mount.sys_remount, "mount options"),
    "umount": (mount.sys_umount, "mount"),
    "umount_lazy": (mount.sys_umount_lazy, "mount"),
    "statfs": (mount.sys_statfs, "mount"),
    "set_nr": (admin.nr_hugepages_store, "n"),
    "set_overcommit": (admin.nr_overcommit_hugepages_store, "n"),
    "set_nr_node": (admin.nr_hugepages_store_node, "node n"),
    "node_counters": (admin.node_counters, "node"),
    "demote": (admin.demote_store, "n"),
    "meminfo": (admin.meminfo, ""),
    "sync": (admin.nothing, "seconds"),
    "cg_mount": (admin.cg_mount, "version"),
    "cg_mkdir": (admin.cg_mkdir, "version cg"),
    "cg_rmdir": (admin.cg_rmdir, "version cg"),
    "cg_set": (admin.cg_set, "version cg file value"),
    "cg_get": (admin.cg_get, "version cg files"),
    "cg_attach": (admin.cg_attach, "version cg"),
}
BY_ANYBODY = {"stat", "unlink", "link", "rename", "mkdir", "symlink", "truncate"}  # a shell could do it
BY_ADMINISTRATOR = {
    *("set_nr", "set_overcommit", "set_nr_node", "node_counters", "demote", "meminfo", "sync", "shmrm"),
    *("mount", "remount", "umount", "umount_lazy", "statfs"),
    *("cg_mount", "cg_mkdir", "cg_rmdir", "cg_set", "cg_get"),
}

# What a learner reads as the first and last event of an operation that is no system call.
ENTRY = {
    "touch": "user_access",
    "kread": "sys_read",
    "pread": "sys_pread64",
    "pwrite": "sys_pwrite64",
    "sendfile": "sys_sendfile64",
    "fadvise": "sys_fadvise64",
    "sync": "sys_nanosleep",
    "setrlimit_memlock": "sys_setrlimit",
    "shmrm": "sys_shmctl",
    "umount_lazy": "sys_umount",
    "remount": "do_remount",
    "smaps": "show_smap",
    "hugetlb_usage": "hugetlb_report_usage",
    "meminfo": "hugetlb_report_meminfo",
    "node_counters": "nr_hugepages_show",
    "cg_mount": "cgroup_mount",
    "cg_mkdir": "hugetlb_cgroup_css_alloc",
    "cg_rmdir": "hugetlb_cgroup_css_offline",
    "cg_set": "hugetlb_cgroup_write",
    "cg_get": "hugetlb_cgroup_read_u64",
    "cg_attach": "cgroup_procs_write",
    "memfd": "sys_memfd_create",
    "seal": "sys_fcntl",
    "set_nr": "nr_hugepages_store",
    "set_nr_node": "nr_hugepages_store",
    "set_overcommit": "nr_overcommit_hugepages_store",
    "demote": "demote_store",
}


def boot(scenario: Scenario, machine: Machine | str | None = None) -> Kernel:
    """A kernel with the scenario's pool and mounts, ready for its first step.

    ``machine`` (or its name in MACHINES) is x86-64 if None; a case that records a slip of the kernel gets the slips.
    Raises ScenarioError when pool or mounts cannot be had.
    """
    if isinstance(machine, str):
        if machine not in MACHINES:
            raise ScenarioError(f"there is no machine {machine!r}; known: {', '.join(MACHINES)}")
        machine = MACHINES[machine]
    machine = machine or X86_64
    if scenario.kernel_quirk:
        machine = machine.with_slips()
    kernel = Kernel(machine, scenario.nr, scenario.overcommit)
    for name, options in scenario.mounts.items():
        try:
            kernel.mount(name, options)
        except SystemCallError as error:
            raise ScenarioError(f"mount {name} with {options!r}: {error.name}") from None
    return kernel


def dangers(scenario: Scenario) -> list[str]:
    """How a real kernel would come to lasting harm if it ran a scenario, and then ended everything; [] if it would not.

    The model with all slips tells, as far as it can run the scenario.
    """
    try:
        kernel = boot(scenario, X86_64.with_slips())
    except ScenarioError:
        return []
    with suppress(ScenarioError, Unsupported):
        for op in scenario.steps:
            kernel.run(op)
    kernel.kill_all()
    kernel.umount_all()
    return kernel.dangers


def run(scenario: Scenario, machine: Machine | str | None = None) -> Recording:
    """Run a scenario in the model.

    An operation that the model does not know has outcome "unsupported" and ends the recording. Raises
    ScenarioError, with the step, for what no program can do (a name that was never given to anything).
    """
    return record(boot(scenario, machine), scenario)
