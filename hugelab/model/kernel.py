"""The simulated machine: boot it, run a Scenario on it, return a Recording."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..core.state import State
from ..core.units import format_size
from ..linux.abi import Fault
from ..linux.errors import ScenarioError, Unsupported
from ..linux.machines import X86_64, Machine, named
from ..linux.operations import ADMINISTRATOR, ANYBODY
from ..linux.scenario import ORDINARY, Op, Scenario
from ..linux.structs import mm_struct, shmid_kernel, super_block, sysctl
from ..record.check import CaseResult, check
from ..record.recording import Recording
from ..record.source import record
from . import admin, advise, fallocate, files, fork, memfd, mmap, mount, pool, process, remap, shm, smaps
from .core import Core, SystemCallError, operation
from .hugetlbfs import iput, kill_super
from .mount import hugetlbfs_fill_super

# Each of these registers its functions in ``operation``.
_REGISTERED = (admin, advise, fallocate, files, fork, memfd, mmap, mount, process, remap, shm, smaps)


class Kernel(Core):
    """A simulated machine that has booted with a pool of ``nr`` pages of the default size, and ``overcommit`` allowed.

    Raises ScenarioError if memory cannot hold the pool.
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
        self.state.enter(sysctl(self.state, "sysctl"))
        self.state.point("boot")

    def mount(self, name: str, options: str) -> None:
        """Mount a hugetlbfs under a name, while the machine boots. Raises SystemCallError, which ends that."""
        self.state.row("")
        hugetlbfs_fill_super(self, name, options)
        self.state.point("mount", mount=name, options=options)

    # -- running operations --------------------------------------------------------------------------
    def run(self, op: Op) -> tuple[str, Any]:
        """Do one operation; returns (outcome, value): "ok", an errno or signal name, and what the program sees.

        Raises Unsupported for an operation or flag that the model lacks and ScenarioError for an operation that no
        program can do; both leave the kernel unchanged.
        """
        if op.op not in operation:
            raise Unsupported(f"{op.op} is not in the model")
        op.numbers()  # every flag has a number
        entry = op.row.entry
        rows, maps, segments = len(self.state.rows), dict(self.maps), dict(self.segments)
        self.state.row(op.proc, 1, self.machine.sizes[0])
        try:
            mm = self._who(op)
            self.state.point(entry, "start", op=op)
            outcome, value = "ok", operation[op.op](self, mm, op)
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
        """The process that does an operation; None for the administrator, who does all operations that need no process
        and, for a program that has not begun or has ended, operations on paths."""
        if op.row.who == ADMINISTRATOR:
            return None
        found = self.state.records.get(f"mm/{op.proc}")
        if op.row.who == ANYBODY and not (isinstance(found, mm_struct) and found.alive):
            return None
        return self.mm(op.proc)

    def kill_all(self) -> None:
        """End every process."""
        for mm in self.state.of(mm_struct):
            if mm.alive:
                fork.do_exit(self, mm)

    def umount_all(self) -> None:
        """Unlink every file, unmount every mount and remove every shared memory segment."""
        for segment in self.state.of(shmid_kernel):
            segment.dest = True
            iput(self, "", segment.shm_file)
        for sb in self.state.of(super_block):
            if sb.key in self.state.records:
                kill_super(self, "", sb)


def boot(scenario: Scenario, machine: Machine | str | None = None) -> Kernel:
    """A kernel with the scenario's pool and mounts, ready for its first step.

    ``machine``: a machine, its name or a release; None is x86-64. Raises ScenarioError if pool or mounts do not fit.
    """
    machine = named(machine) if isinstance(machine, str) else machine or X86_64
    kernel = Kernel(machine, scenario.nr, scenario.overcommit)
    for name, options in scenario.mounts.items():
        try:
            kernel.mount(name, options)
        except SystemCallError as error:
            raise ScenarioError(f"mount {name} with {options!r}: {error.name}") from None
    return kernel


def dangers(scenario: Scenario, machine: Machine = X86_64) -> list[str]:
    """Texts that say how running and ending a scenario would harm a real kernel for good; [] if it would not.

    The model of that kernel, with its bugs, runs the scenario as far as it can.
    """
    try:
        kernel = boot(scenario, machine)
    except ScenarioError:
        return []
    with suppress(ScenarioError, Unsupported):
        for op in scenario.steps:
            kernel.run(op)
    kernel.kill_all()
    kernel.umount_all()
    return kernel.dangers


def run(scenario: Scenario, machine: Machine | str | None = None) -> Recording:
    """Run a scenario in the model. ``machine``: a machine, its name or a release; None is x86-64.

    An operation that the model lacks has outcome "unsupported" and ends the recording. Raises ScenarioError, with the
    step, for an operation that no program can do (a mapping that was never made).
    """
    return record(boot(scenario, machine), scenario)


def check_case(scenario: Scenario, machine: Machine | None = None) -> CaseResult:
    """Check a case on the model (x86-64 if ``machine`` is None).

    Raises ScenarioError for a case that cannot be run as written.
    """
    return check(boot(scenario, machine), scenario)
