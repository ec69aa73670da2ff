"""The running kernel as a source: the operations of a scenario are real system calls of real processes.

The processes of a scenario are children (see crew.py and child.py). This process does the administrator's operations
itself, through the borrowed pool, which undoes them at the end. A SIGBUS is a result, not an error.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..core.state import State
from ..core.units import BASE_PAGE_SIZE, size_name
from ..linux.abi import huge_size, length_of
from ..linux.errors import ScenarioError, Unsupported
from ..linux.flags import SHM
from ..linux.machines import Machine, machine
from ..linux.operations import ANYBODY
from ..linux.rules import NEWEST
from ..linux.scenario import ORDINARY, Op, Scenario
from ..linux.structs import hstate
from . import admin
from .admin import Groups
from .calls import ARENA
from .crew import Crew
from .native import syscalls
from .pool import BorrowedPool, Pool
from .registry import by_runner, in_process
from .version import protection_keys, refusal

# Signals that end any process that does not catch them.
DEADLY = {
    *("SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1"),
    *("SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGIO"),
    *("SIGPWR", "SIGSYS", "SIGSTKFLT"),
}


class Answer(NamedTuple):
    """The result of an operation whose outcome is not always "ok"."""

    outcome: str
    value: Any = None
    note: Any = None


def running() -> Machine:
    """A machine with the rules and bugs of the running kernel; on other systems, with those of NEWEST."""
    version = os.uname().release if sys.platform == "linux" else NEWEST
    title = f"this machine, Linux {version}"
    return replace(machine(version), name="live", title=title, protection_keys=protection_keys())


class LiveKernel:
    """The kernel of this machine, with a scenario's pool and mounts; made by ``boot_live``.

    Only the scenario may use the pools meanwhile. ``pages``: record the pfns of the pages of each touch.
    """

    name = "live"

    def __init__(self, pool: Pool, pages: bool = False):
        self.pool, self._pages = pool, pages
        # top: a model with this machine places its mappings at the same addresses
        self.machine = replace(running(), sizes=pool.sizes, nodes=pool.nodes, top=ARENA[1])
        self.state = State()
        self.state.pools = [hstate(self.state, size, pool.nodes) for size in pool.sizes]
        self.mounts: list[str] = []  # names of mounts; of two equal names, the last lies above
        self.groups = Groups(pool)
        self._plain: Path | None = None  # the folder of ordinary files
        self._segments: dict[str, tuple[int, int, int]] = {}  # name -> shmid (-1: shmget failed), length, page size
        self._closed = False
        self.crew = Crew(pool.sizes[0], pool.started)
        self.state.row("")
        for h in self.state.pools:
            self.state.enter(h)
        self._observe("boot")

    # -- counters ----------------------------------------------------------------------------------
    def _observe(self, name: str, moment: str = "", **detail: Any) -> None:
        """Record the pools now as a point of the current row."""
        for h, now in zip(self.state.pools, self.pool.counters(), strict=True):
            counts = {"nr_huge_pages": now.total, "free_huge_pages": now.free, "surplus_huge_pages": now.surp}
            for record in (h, *h.nodes) if len(h.nodes) == 1 else (h,):
                for attribute, value in counts.items():
                    setattr(record, attribute, value)
            h.resv_huge_pages = admin.signed(now.rsvd)  # below 0 by a kernel bug, sysfs shows 2**64 - n
        self.state.point(name, moment, **detail)

    # -- running operations ------------------------------------------------------------------------
    def run(self, op: Op) -> tuple[str, Any]:
        """Do one operation; returns (outcome, value).

        Raises Unsupported for an operation that this source lacks and ScenarioError for one that no program can do,
        both without any change; LiveUnavailable if the machine cannot go on.
        """
        note = None
        try:
            if op.op in by_runner:
                outcome, value = "ok", by_runner[op.op](self, op)
                if isinstance(value, Answer):
                    outcome, value, note = value
            else:
                outcome, value, note = self._in_process(op)
        except OSError as error:
            outcome, value = syscalls.errno_name(error.errno or 0), None
        detail = {"op": op, "result": outcome, "value": value}
        row = self.state.row(op.proc, 1, self.machine.sizes[0])
        if op.op == "touch" and note:
            row.addr = note[0]
            if self._pages and (member := self.crew.living(op.proc)):
                detail["pages"] = pfns(member.pid, *note)
        self._observe(op.row.entry, "return", **detail)
        return outcome, value

    def _in_process(self, op: Op, **more: Any) -> tuple[str, Any, Any]:
        """Do an operation in its process, or else in the keeper; returns (outcome, value, note)."""
        if op.op not in in_process:
            raise Unsupported(f"{op.op} is not known to the live kernel")
        args = op.numbers() | {"unit": op.unit(self.machine.sizes[0])} | more
        for name in ("path", "new"):
            if name in args:
                args[name] = self.resolve(args[name])
        if op.op == "symlink" and op.args["path"].partition("/")[0] == ORDINARY:
            # it could lead out of our folder, and root would follow it
            raise Unsupported("a symlink beside the hugetlbfs mounts")
        member = self.crew.living(op.proc)
        if op.row.who != ANYBODY:
            member = self.crew.member(op.proc)
        return self.crew.call(member, op.op, args)

    # -- processes ---------------------------------------------------------------------------------
    @by_runner("fork")
    def _fork(self, op: Op) -> Answer:
        return Answer(self.crew.fork(self.crew.member(op.proc), op.args["child"]))

    @by_runner("spawn")
    def _spawn(self, op: Op) -> Answer:
        return Answer(self.crew.spawn(op.args["child"]))

    @by_runner("sendfd")
    def _sendfd(self, op: Op) -> Answer:
        sender, receiver = self.crew.member(op.proc), self.crew.member(op.args["to"])
        return Answer(self.crew.send(sender, receiver, op.args["fd"], op.get("as") or op.args["fd"]))

    @by_runner("exit")
    def _exit(self, op: Op) -> dict[str, str]:
        return {"status": self.crew.exit(self.crew.member(op.proc), op.get("code"))}

    @by_runner("kill")
    def _kill(self, op: Op) -> dict[str, str]:
        return {"status": self.crew.kill(self.crew.member(op.proc), _deadly(op.get("signal")))}

    @by_runner("cg_attach")
    def _attach(self, op: Op) -> None:
        self.groups.attach(op, self.crew.member(op.proc).pid)

    # -- mounts and paths --------------------------------------------------------------------------
    @by_runner("mount")
    def _mount_op(self, op: Op) -> None:
        self._mount(op.args["mount"], op.get("options"))

    @by_runner("umount", "umount_lazy")
    def _umount(self, op: Op) -> None:
        if not isinstance(self.pool, BorrowedPool):
            raise Unsupported("umount of a file system that was mounted for us")
        self.pool.umount(self._mounted(op.args["mount"]), lazy=op.op == "umount_lazy")
        self._forget(op.args["mount"])

    @by_runner("remount")
    def _remount(self, op: Op) -> None:
        syscalls.remount(str(self._mounted(op.args["mount"])), op.get("options"))

    @by_runner("statfs")
    def _statfs(self, op: Op) -> dict[str, int]:
        return admin.statfs(self._mounted(op.args["mount"]))

    def mount(self, name: str, options: str = "") -> None:
        """Mount a hugetlbfs under a name. Raises OSError as mount(2) does."""
        self.state.row("")
        self._mount(name, options)
        self._observe("mount", mount=name, options=options)

    def _mount(self, name: str, options: str) -> None:
        if name in ("", ".", "..", ORDINARY) or "/" in name or name.startswith("cgroup"):
            raise ScenarioError(f"a mount cannot be called {name!r}")
        self.pool.mount(self.pool.folder / name, "hugetlbfs", "none", options)
        self.mounts.append(name)

    def _mounted(self, name: str) -> Path:
        """The path of a mount. Raises ScenarioError if there is none of that name."""
        if name not in self.mounts:
            names = ", ".join((ORDINARY, *self.mounts))
            raise ScenarioError(f"no file system is mounted as {name!r}; there are {names}")
        return self.pool.folder / name

    def _forget(self, name: str) -> None:
        """Drop the last mount of a name."""
        del self.mounts[len(self.mounts) - 1 - self.mounts[::-1].index(name)]

    def resolve(self, path: str) -> str:
        """The real path of MOUNT/NAME. A mount's root is its own parent, so ``..`` leads to no other folder.

        Raises ScenarioError for an unknown mount.
        """
        mount, _, rest = path.partition("/")
        parts: list[str] = []
        depth = 0
        for part in rest.split("/"):
            if part == ".." and depth == 0:
                continue
            depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
            parts.append(part)
        root = self._ordinary() if mount == ORDINARY else self._mounted(mount)
        return os.path.join(root, "/".join(parts).lstrip("/"))

    def _ordinary(self) -> Path:
        """The folder of ordinary files, a tmpfs, so that it goes with its mount after any crash."""
        if self._plain is None:
            if isinstance(self.pool, BorrowedPool):
                self._plain = self.pool.folder / ORDINARY
                self.pool.mount(self._plain, "tmpfs", "none", "mode=755,size=64m")
            else:
                self._plain = Path(tempfile.mkdtemp(prefix="hugelab-"))
        return self._plain

    # -- System V shared memory --------------------------------------------------------------------
    @by_runner("shmget")
    def _shmget(self, op: Op) -> Answer:
        self._segments.setdefault(op.args["shm"], (-1, 0, self.machine.sizes[0]))
        outcome, value, shmid = self._in_process(op)
        if outcome == "ok":
            args, default = op.numbers(), self.machine.sizes[0]
            size = huge_size(args["flags"]) or default if args["flags"] & SHM["SHM_HUGETLB"] else BASE_PAGE_SIZE
            self._segments[op.args["shm"]] = (shmid, length_of(args, op.unit(default)), size)
        return Answer(outcome, value)

    @by_runner("shmat")
    def _shmat(self, op: Op) -> Answer:
        shmid, length, size = self._segment(op)
        return Answer(*self._in_process(op, shmid=shmid, length=length, size=size))

    @by_runner("shmrm")
    def _shmrm(self, op: Op) -> None:
        syscalls.shm_remove(self._segment(op)[0])

    def _segment(self, op: Op) -> tuple[int, int, int]:
        """Number, length and page size of a segment. Raises ScenarioError for a name never used."""
        if op.args["shm"] not in self._segments:
            raise ScenarioError(f"no shared memory is called {op.args['shm']!r}")
        return self._segments[op.args["shm"]]

    # -- the end -----------------------------------------------------------------------------------
    def kill_all(self) -> None:
        """End every process of the scenario."""
        self.state.row("")
        self.crew.kill_all()
        self._observe("do_exit")

    def umount_all(self) -> None:
        """Unlink every file, unmount every mount and remove every shared memory segment."""
        self.state.row("")
        self._remove_segments()
        while self.mounts:
            path = self._mounted(self.mounts[-1])
            _unlink_all(path)
            try:
                self.pool.umount(path)
            except OSError:  # a process still uses it
                self.pool.umount(path, lazy=True)
            self.mounts.pop()
        self._observe("umount")

    def close(self) -> None:
        """End every process, remove mounts, groups and segments of the scenario, and empty the pools. Raises
        LiveUnavailable if a pool is not empty then."""
        if self._closed:
            return
        self._closed = True
        self.crew.close()
        self._remove_segments()
        self.groups.close()
        if self._plain is not None and self._plain.parent != self.pool.folder:
            shutil.rmtree(self._plain, ignore_errors=True)
        if not isinstance(self.pool, BorrowedPool):  # a mount that stays must be empty again
            for name in self.mounts:
                _unlink_all(self._mounted(name))
        self.pool.reset()

    def _remove_segments(self) -> None:
        for shmid, _, _ in self._segments.values():
            with contextlib.suppress(OSError):  # removed by shmrm
                syscalls.shm_remove(shmid)

    def __enter__(self) -> LiveKernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unlink_all(folder: Path) -> None:
    """Empty a folder."""
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _deadly(name: Any) -> int:
    """A signal's number. Raises ScenarioError for one that does not end a process."""
    if name not in DEADLY:
        raise ScenarioError(f"kill: {name!r} is no signal that ends a process")
    return int(signal.Signals[name])


def boot_live(scenario: Scenario, pool: Pool, pages: bool = False) -> LiveKernel:
    """This machine's kernel with the scenario's pool and mounts, ready for its first step.

    Raises ScenarioError if pool or mounts do not fit, or the case would damage the kernel's counters;
    LiveUnavailable if this machine cannot run any scenario.
    """
    if why := refusal(scenario):
        raise ScenarioError(why)
    pool.reset()
    kernel = None
    try:
        _set_pool(pool, scenario)
        kernel = LiveKernel(pool, pages)
        for name, options in scenario.mounts.items():
            try:
                kernel.mount(name, options)
            except OSError as error:
                said = syscalls.errno_name(error.errno or 0)
                raise ScenarioError(f"mount {name} with {options!r}: {said}") from None
    except BaseException:
        if kernel is None:
            pool.reset()
        else:
            kernel.close()
        raise
    return kernel


def _set_pool(pool: Pool, scenario: Scenario) -> None:
    """Set the default pool to the size that a scenario begins with. Raises ScenarioError if memory lacks the pages."""
    size = pool.sizes[0]
    try:
        pool.set_overcommit(size, scenario.overcommit)
        pool.set_nr(size, scenario.nr)
    except OSError as error:
        raise ScenarioError(f"the pool of {size_name(size)} pages cannot be set: {error.strerror}") from None
    if (total := pool.counters()[0].total) < scenario.nr:
        raise ScenarioError(
            f"a pool of {scenario.nr:,} pages: this machine can give {total:,} of {size_name(size)} now"
        )


def pfns(pid: int, address: int, pages: int, size: int) -> dict[int, int]:
    """The pfns of the present pages of a process: index (from ``address``, in steps of ``size`` bytes) -> pfn.

    {} without root, as the kernel shows 0, or if the process has ended.
    """
    try:
        file = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        return dict(_present(file, address, pages, size))
    finally:
        os.close(file)


def _present(file: int, address: int, pages: int, size: int) -> Iterator[tuple[int, int]]:
    for index in range(pages):
        entry = os.pread(file, 8, (address + index * size) // BASE_PAGE_SIZE * 8)
        value = int.from_bytes(entry, "little")
        if value >> 63 and (pfn := value & ((1 << 55) - 1)):  # bit 63: present; bits 0 to 54: pfn
            yield index, pfn
