"""Borrow the machine's huge page pools: announce the changes, make them, undo them, also after a crash.

``borrow`` changes the pools and needs root; ``as_found`` changes nothing. Counts are pages, sizes bytes.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shlex
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..core.state import Counters
from ..core.text import nameable, showable
from ..core.units import count, format_size, parse_size
from ..linux.errors import ScenarioError, Unsupported
from . import host, journal
from .guard import PoolError, Signals, lock
from .journal import JOURNAL, LOCK, MARK, MOUNTS, SETTLE, Journal

RESTORE = "hugelab doctor --restore"
LEGEND = "(total/free/reserved/surplus)"

__all__ = ["BorrowedPool", "DoesNotFit", "FoundPool", "Pool", "PoolError", "as_found", "borrow", "describe"]
__all__ += ["left_behind", "leftover", "restore"]


SPARE = 0.8  # the part of the available memory that a pool may take


class DoesNotFit(PoolError):
    """The pools do not fit this scenario; another one may run."""


class Pool(ABC):
    """The pools of this machine, for a live kernel.

    ``sizes``: page sizes in bytes, default first; ``nodes``: number of memory nodes; ``folder``: private, for mount
    points.
    """

    def __init__(self, folder: Path):
        self.sizes = host.page_sizes()
        self.nodes = len(host.node_folders()) or 1
        self.folder = folder
        self._files = [
            tuple(os.open(host.folder_of(size) / name, os.O_RDONLY | os.O_CLOEXEC) for name in host.COUNTERS)
            for size in self.sizes
        ]

    def counters(self) -> tuple[Counters, ...]:
        """The pools now, in the order of ``sizes``."""
        return tuple(Counters(*(int(os.pread(file, 32, 0)) for file in files)) for files in self._files)

    @abstractmethod
    def set_nr(self, size: int, n: int) -> None:
        """Configure ``n`` pages; the kernel may give fewer. Raises OSError on refusal."""

    @abstractmethod
    def set_overcommit(self, size: int, n: int) -> None:
        """Allow ``n`` surplus pages. Raises OSError on refusal."""

    @abstractmethod
    def mount(self, path: Path, kind: str, source: str, options: str) -> None:
        """Make the folder ``path`` and mount a file system of this kind there. Raises OSError on refusal."""

    @abstractmethod
    def umount(self, path: Path, lazy: bool = False) -> None:
        """Unmount ``path``. Raises OSError on refusal."""

    @abstractmethod
    def started(self, pid: int) -> None:
        """Note a process of a scenario, which must not outlive the pool."""

    @abstractmethod
    def made(self, folder: Path) -> None:
        """Note a future folder outside ``self.folder`` (a control group), which must not outlive the pool."""

    @abstractmethod
    def switched(self, file: Path) -> None:
        """Note that a cgroup's children will get the hugetlb controller, which must be removed again."""

    @abstractmethod
    def rewrite(self, file: Path, number: int) -> None:
        """Write a number to a file, until the end of the pool. Raises OSError, Unsupported."""

    @abstractmethod
    def check_room(self, size: int, n: int) -> None:
        """Raises DoesNotFit if a pool of ``n`` pages would leave the machine too little memory."""

    @abstractmethod
    def reset(self) -> None:
        """Prepare the pools for the next scenario. Raises PoolError with the obstacle."""

    def close(self) -> None:
        """Close the descriptors."""
        while self._files:
            for file in self._files.pop():
                os.close(file)


class BorrowedPool(Pool):
    """Pools that this process may change until it gives them back; made by ``borrow``."""

    def __init__(self, book: Journal):
        super().__init__(journal.RUN / MOUNTS)
        self.owner = os.getpid()
        self._journal = book
        before = self.counters()
        self._others = before if book.shared else tuple(Counters(0, 0, 0, 0) for _ in before)
        self._mark = os.open(journal.RUN / MARK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def set_nr(self, size: int, n: int) -> None:
        self.check_room(size, n)
        host.write(host.folder_of(size) / "nr_hugepages", n)

    def check_room(self, size: int, n: int) -> None:
        more = (n - host.read_counters(size).total) * size
        if more > SPARE * host.available_memory():
            raise DoesNotFit(f"{count(n, 'page')} of {format_size(size)} are more than {SPARE:.0%} of the free memory")

    def set_overcommit(self, size: int, n: int) -> None:
        host.write(host.folder_of(size) / "nr_overcommit_hugepages", n)

    def mount(self, path: Path, kind: str, source: str, options: str) -> None:
        _check_name(path)
        if str(path) not in self._journal.paths:
            self._journal.paths.append(str(path))
            self._journal.save()
        path.mkdir(parents=True, exist_ok=True)
        host.mount(path, kind, source, options)

    def umount(self, path: Path, lazy: bool = False) -> None:
        host.umount(path, lazy)

    def started(self, pid: int) -> None:
        if process := host.process(pid):
            self._journal.processes.append(list(process))
            self._journal.save()

    def made(self, folder: Path) -> None:
        _check_name(folder)
        self._journal.folders.append(str(folder))
        self._journal.save()

    def switched(self, file: Path) -> None:
        if str(file) not in self._journal.switched:
            self._journal.switched.append(str(file))
            self._journal.save()

    def rewrite(self, file: Path, number: int) -> None:
        self._journal.rewritten.setdefault(str(file), file.read_text())
        self._journal.save()
        host.write(file, number)

    def reset(self) -> None:
        """Unmount everything, empty every pool, allow no surplus; processes of scenarios must be gone."""
        book = self._journal
        book.remove_segments()
        book.umount()
        book.remove_folders()
        book.write_back()
        if book.processes or book.folders:
            alive = [process for process in book.processes if host.process(process[0])]
            book.processes, book.folders = alive, []
        for size in self.sizes:
            if host.read_overcommit(size):  # pages of 1 GB have no surplus: writing even 0 is EINVAL
                self.set_overcommit(size, 0)
            host.keep_surplus(size)
            self.set_nr(size, 0)
        if not host.wait_until(self._is_empty, SETTLE):
            both = zip(self.sizes, self.counters(), strict=True)
            left = ", ".join(f"{format_size(size)} has {now}" for size, now in both if any(now))
            raise PoolError(f"the pools are not empty: {left} {LEGEND}{_users()}")

    def _is_empty(self) -> bool:
        """Do the pools hold no more than the pages that others had at the time of borrowing?"""
        both = zip(self.counters(), self._others, strict=True)
        return all(now.in_use <= other.in_use and now.rsvd <= other.rsvd for now, other in both) and (
            self._journal.shared or not any(now.total for now in self.counters())
        )

    def give_back(self) -> None:
        """Undo all changes of the machine. Raises PoolError with the differences and the command that helps."""
        if os.getpid() != self.owner or not self._files:
            return
        put_back(self._journal)
        os.close(self._mark)
        self.close()


def put_back(book: Journal) -> list[str]:
    """Undo the changes in a journal, and remove it. Raises PoolError, and keeps it, if the machine still differs."""
    said = book.put_back()
    if wrong := book.differences():
        book.over = True
        book.save()
        raise PoolError(f"{'; '.join(wrong)}{_users()}; then: {_again(RESTORE)}")
    book.remove()
    return said


def _users() -> str:
    """The processes that have huge pages mapped, as the end of a message."""
    users = host.users_of_huge_pages()
    return "".join(f"; process {pid} ({host.command_of(pid)}) has huge pages mapped" for pid in users)


# -- the command to type ---------------------------------------------------------------------------------
def _again(command: str = "") -> str:
    """The current command line (or another command of hugelab), with sudo."""
    words = [sys.executable, "-m", *command.split()]
    if not command:
        if "hugelab" not in sys.argv[0]:  # not our command line, but a notebook or the user's program
            return "sudo -i, then start it again"
        words = [sys.executable, *sys.orig_argv[1:]]
    return shlex.join(words if os.geteuid() == 0 else ["sudo", *words])


def _command_for(size: int, n: int, file: str = "nr_hugepages") -> str:
    """The shell command that sets a number of a pool."""
    if size == host.page_sizes()[0]:
        return f"sudo sysctl -w vm.{file}={n}"
    return f"echo {n} | sudo tee {host.folder_of(size) / file}"


# -- rights --------------------------------------------------------------------------------------------
def _need_hugetlb() -> None:
    if not host.SYSFS.is_dir():
        raise PoolError(f"this kernel has no huge page pools: there is no {host.SYSFS}")


def need_root() -> None:
    """Raises PoolError with the first missing right."""
    _need_hugetlb()
    if os.geteuid() != 0:
        raise PoolError(f"changing the huge page pool needs root: {_again()}")
    if not os.access(host.folder_of(host.page_sizes()[0]) / "nr_hugepages", os.W_OK):
        raise PoolError("/sys is read-only here, also for root: start the container with --privileged")
    if not host.has_capability(host.CAP_SYS_ADMIN):
        raise PoolError("mounting hugetlbfs needs CAP_SYS_ADMIN: start the container with --cap-add SYS_ADMIN")


def _refuse_if_used() -> None:
    """Raises PoolError if other processes use the pools."""
    for size in host.page_sizes():
        now = host.read_counters(size)
        if now.in_use or now.rsvd:
            used = f"{now.in_use:,} in use and {now.rsvd:,} reserved"
            raise PoolError(f"others use the pool of {format_size(size)}: {used}{_users()}; end them first")
    for mount in host.mounts():
        if mount.kind == "hugetlbfs" and any(os.scandir(mount.path)):
            raise PoolError(f"others use huge pages: there are files in {mount.path}; remove them first")


def describe() -> str:
    """The changes that borrowing makes, in a few lines."""
    lines = ["This changes the huge page pools of this machine while it runs:"]
    for size in host.page_sizes():
        before = journal.PoolBefore.now(size)
        pages = f"{count(sum(before.nr), 'page')} now, {before.overcommit:,} surplus allowed"
        lines.append(f"  {format_size(size)}: {pages}; set to what each scenario needs, then put back")
    lines.append(f"  hugetlbfs is mounted under {journal.RUN / MOUNTS}, and unmounted at the end")
    return "\n".join(lines)


# -- borrowing -----------------------------------------------------------------------------------------------
@contextmanager
def borrow(
    yes: bool = False, ask: Callable[[str], bool] | None = None, others: bool = False, wait: float = 60.0
) -> Iterator[BorrowedPool]:
    """The pools of this machine, for changes inside the with block, which are undone on every way out of it.

    ``ask`` gets a text and returns whether the user agrees; with ``yes`` it is not called. ``others``: borrow also if
    others use the pools. ``wait``: seconds to wait for another borrower. Raises PoolError.
    """
    need_root()
    if not yes and ask is None:
        raise PoolError(
            "this changes the huge page pool of the machine: say yes with --yes, in Python borrow(yes=True)"
        )
    _folder(journal.RUN)
    with Signals.caught(), lock(journal.RUN / LOCK, wait):
        _finish_what_was_left()
        if not others:
            _refuse_if_used()
        if not yes and ask is not None and not ask(describe()):
            raise PoolError("not agreed: nothing was changed")
        _folder(journal.RUN / MOUNTS)
        book = Journal.begin(others)
        pool = BorrowedPool(book)
        try:
            book.save()
            atexit.register(pool.give_back)  # in case a signal hits the few instructions outside this try
            yield pool
        finally:
            Signals.holding = True  # before any call, as Python handles signals at calls
            try:
                pool.give_back()
                atexit.unregister(pool.give_back)
            finally:
                Signals.release()


def _folder(path: Path) -> None:
    """Make a folder that all users may read: doctor reads the journal, a scenario may give up root."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)


def _finish_what_was_left() -> None:
    """Undo the changes of a killed borrower. We hold the lock, so there is no other borrower now."""
    book = Journal.load()
    if book is None or book.void:
        Journal.remove()
        return
    with Signals.held():
        said = put_back(book)
    done = showable("; ".join(said) or "nothing")
    print(f"hugelab: put back after process {book.pid}: {done}", file=sys.stderr)


class Left(NamedTuple):
    """The changes that a killed run left on the machine, and the command that undoes them."""

    what: str
    command: str


def left_behind() -> Left | None:
    """The changes that a killed run left; None if there are none."""
    book = Journal.load()
    if book is None or book.void or not book.abandoned:
        return None
    what = "; ".join(book.differences()) or "its journal"
    return Left(f"process {book.pid} ({book.command}) ended without putting back: {what}", _again(RESTORE))


def leftover() -> str | None:
    """``left_behind`` as one line."""
    left = left_behind()
    return f"{left.what}. Put it back: {left.command}" if left else None


def restore() -> list[str]:
    """Undo the changes of a killed run; returns a line for each, [] if there are none. Raises PoolError."""
    if not (journal.RUN / JOURNAL).exists():
        return []
    if os.geteuid() != 0:
        raise PoolError(f"putting the huge page pool back needs root: {_again(RESTORE)}")
    book = Journal.load()
    alive = book is not None and not book.void and not book.abandoned
    with Signals.caught(), lock(journal.RUN / LOCK, 0 if alive else 1):
        book = Journal.load()  # read again under the lock
        if book is None or book.void:
            why = "that cannot be read" if book is None else "of an earlier boot"
            return [f"removed a journal {why}"] if Journal.remove() else []
        with Signals.held():
            return put_back(book)


# -- without changes ---------------------------------------------------------------------------------------
class FoundPool(Pool):
    """The pools without any change: a scenario runs if they fit by chance. Made by ``as_found``."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self._before = self.counters()

    def set_nr(self, size: int, n: int) -> None:
        """Raises DoesNotFit with the command unless the pool has exactly ``n`` pages, all of them free."""
        now = self.counters()[self.sizes.index(size)]
        if now.total != n:
            need = f"this scenario needs a pool of {count(n, 'page')} of {format_size(size)}"
            raise DoesNotFit(f"{need}, there are {now.total:,}: {_command_for(size, n)}")
        if now.free != n or now.rsvd:
            raise DoesNotFit(f"others use the pool of {format_size(size)}: {now} {LEGEND}{_users()}")

    def set_overcommit(self, size: int, n: int) -> None:
        """Raises DoesNotFit with the command unless exactly ``n`` surplus pages are allowed."""
        if (now := host.read_overcommit(size)) != n:
            need = f"this scenario needs {count(n, 'surplus page')} of {format_size(size)} allowed"
            raise DoesNotFit(f"{need}, there are {now:,}: {_command_for(size, n, 'nr_overcommit_hugepages')}")

    def mount(self, path: Path, kind: str, source: str, options: str) -> None:
        """Raises DoesNotFit with the command unless such a file system is mounted there already, empty."""
        _check_name(path)
        path.mkdir(parents=True, exist_ok=True)
        here = [mount for mount in host.mounts() if mount.path == str(path) and mount.kind == kind]
        if not here or _sizes_in(here[-1].options) != _sizes_in(options):
            words = ["sudo", "mount", "-t", kind, "-o", _with_owner(options), source, str(path)]
            raise DoesNotFit(f"this scenario needs a mount: {shlex.join(words)}")
        if any(os.scandir(path)):
            raise DoesNotFit(f"there are files in {path}: remove them first")

    def umount(self, path: Path, lazy: bool = False) -> None:
        """Nothing to do: the mount was there before."""

    def started(self, pid: int) -> None:
        """Nothing to note."""

    def made(self, folder: Path) -> None:
        """Nothing to note."""

    def switched(self, file: Path) -> None:
        """Nothing to note."""

    def rewrite(self, file: Path, number: int) -> None:
        """Raises Unsupported."""
        raise Unsupported(f"writing {file} without borrowing the pool")

    def check_room(self, size: int, n: int) -> None:
        """Nothing to check: the pool does not grow."""

    def reset(self) -> None:
        """Raises PoolError unless the pools have their first counters again."""
        if not host.wait_until(lambda: self.counters() == self._before, SETTLE):
            raise PoolError(f"the pools are not as they were found: {self.counters()} for {self._before}{_users()}")


def _check_name(path: Path) -> None:
    """Raises ScenarioError for a name that no folder can have, before it comes into the journal."""
    if not nameable(str(path)):
        raise ScenarioError(f"nothing can be called {path.name!r}")


def _sizes_in(options: str) -> dict[str, int | str]:
    """The mount options that limit pages and files, as numbers."""
    pairs = (option.partition("=") for option in options.split(","))
    found: dict[str, int | str] = {}
    for name, _, value in pairs:
        if name in ("size", "min_size", "nr_inodes", "pagesize"):
            found[name] = parse_size(value) if value[-1:] not in ("%", "") else value
    found.setdefault("pagesize", host.page_sizes()[0])
    return found


def _with_owner(options: str) -> str:
    return ",".join(filter(None, (options, f"uid={os.getuid()},gid={os.getgid()}")))


@contextmanager
def as_found(wait: float = 60.0) -> Iterator[FoundPool]:
    """The pools without any change, for users without root. Raises PoolError."""
    _need_hugetlb()
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or f"{tempfile.gettempdir()}/hugelab-{os.getuid()}") / "hugelab"
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    if folder.parent.stat().st_uid != os.getuid():
        raise PoolError(f"{folder.parent} belongs to another user: set XDG_RUNTIME_DIR to a folder of yours")
    folder.mkdir(mode=0o700, exist_ok=True)
    borrowed = journal.RUN / LOCK  # root's borrowers use this lock, too
    with contextlib.ExitStack() as stack:
        stack.enter_context(Signals.caught())
        stack.enter_context(lock(borrowed if borrowed.exists() else folder / LOCK, wait))
        pool = FoundPool(folder)
        try:
            yield pool
        finally:
            pool.close()
