"""The simulated machine: boot it, run a Scenario on it, return a Recording.

An operation that fails returns what a program would see and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..recording import Recording
from ..scenario import Op, Scenario, ScenarioError
from ..source import Unsupported, record
from ..structs import mm_struct, super_block
from ..units import format_size
from . import files, mmap, pool, process
from .abi import Fault, page_size
from .core import Core
from .errors import SystemCallError
from .hugetlbfs import hugetlbfs_fill_super, hugetlbfs_put_super
from .machines import MACHINES, X86_64, Machine

ORDINARY = "@"  # the mount name of the ordinary file system beside the hugetlbfs ones


class Kernel(Core):
    """A simulated machine that has booted with a pool.

    ``nr`` and ``overcommit`` are pages of the default size. Raises ScenarioError when memory cannot hold the pool.
    """

    name = "model"

    def __init__(self, machine: Machine = X86_64, nr: int = 10, overcommit: int = 0):
        super().__init__(machine)
        self.state.row("")
        for h in self.state.pools:
            self.state.enter(h)
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
            raise Unsupported(f"{op.op} is not in the model yet")
        function, known = CALLS[op.op]
        if unknown := op.args.keys() - set(known.split()) - {"hsize", "note"}:
            raise Unsupported(f"{op.op} has no {', '.join(sorted(unknown))}; it takes {known}")
        entry = ENTRY.get(op.op, f"sys_{op.op}")
        rows, maps = len(self.state.rows), dict(self.maps)
        self.state.row(op.proc, 1, self.machine.sizes[0])
        try:
            mm = None if op.op in BY_ANYBODY else self.mm(op.proc)
            self.state.point(entry, "start", op=str(op))
            outcome, value = "ok", function(self, mm, op)
        except SystemCallError as error:
            outcome, value = error.name, None
        except (ScenarioError, Unsupported):
            self.state.rollback(rows)
            self.maps = maps
            raise
        if isinstance(value, Fault):
            outcome, value = value
        self.state.row(op.proc, 1, self.machine.sizes[0])
        self.state.point(entry, "return", result=outcome, value=value)
        return outcome, value

    def kill_all(self) -> None:
        """Every process ends."""
        for mm in self.state.of(mm_struct):
            if mm.alive:
                process.do_exit(self, mm)

    def umount_all(self) -> None:
        """Every file is unlinked and every mount unmounted."""
        for sb in self.state.of(super_block):
            hugetlbfs_put_super(self, sb)


def set_nr(k: Core, mm: None, op: Op) -> None:
    """Write ``n`` to nr_hugepages of ``hsize`` (nr_hugepages_store)."""
    try:
        h = k.size_to_hstate(page_size(op, k.machine.sizes[0]))
    except KeyError:
        raise SystemCallError("ENOENT") from None
    if op.args["n"] < 0:
        raise SystemCallError("EINVAL")
    k.state.rows[-1].size = h.size
    pool.set_max_huge_pages(k, h, op.args["n"])
    k.state.point("set_max_huge_pages")


# Operation -> its function and the arguments it takes.
CALLS: dict[str, tuple[Callable[..., Any], str]] = {
    "open": (files.sys_open, "fd path flags mode"),
    "close": (files.sys_close, "fd"),
    "unlink": (files.sys_unlink, "path"),
    "ftruncate": (files.sys_ftruncate, "fd pages bytes"),
    "stat": (files.sys_stat, "path"),
    "fstat": (files.sys_fstat, "fd"),
    "mmap": (mmap.sys_mmap, "map fd pages bytes offset_pages offset_bytes flags prot at want_align"),
    "munmap": (mmap.sys_munmap, "map page pages off_bytes bytes"),
    "touch": (process.touch, "map page count mode byte off_bytes catch"),
    "exit": (process.sys_exit, ""),
    "set_nr": (set_nr, "n"),
}
BY_ANYBODY = {"set_nr", "stat", "unlink"}  # a shell could do it: needs no process of the program

# What a learner reads as the first and last event of an operation that is no system call.
ENTRY = {"touch": "user_access", "set_nr": "nr_hugepages_store"}


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


def run(scenario: Scenario, machine: Machine | str | None = None) -> Recording:
    """Run a scenario in the model.

    An operation that the model does not know has outcome "unsupported" and ends the recording. Raises
    ScenarioError, with the step, for what no program can do (a name that was never given to anything).
    """
    return record(boot(scenario, machine), scenario)
