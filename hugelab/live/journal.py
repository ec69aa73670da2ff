"""A file with the changes of a borrower of the pool, so that any process can undo them after he was killed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..core.state import Counters
from ..core.units import count, format_size
from . import host
from .host import Process

RUN = Path("/run/hugelab")
LOCK, JOURNAL, MARK, MOUNTS = "lock", "journal.json", "mark", "mnt"
SETTLE = 3.0  # seconds to wait for the pages of a dying process or a lazy umount


@dataclass
class PoolBefore:
    """One pool before it was borrowed: configured pages by node, surplus pages allowed, and its counters."""

    size: int
    nr: list[int]
    overcommit: int
    counters: list[int]

    @classmethod
    def now(cls, size: int) -> PoolBefore:
        """The pool now."""
        return cls(size, host.persistent_by_node(size), host.read_overcommit(size), list(host.read_counters(size)))

    def differs(self, shared: bool) -> str:
        """The changes of the pool since, as text; "" if there are none. ``shared``: others may use it meanwhile."""
        found = []
        was, now = Counters(*self.counters), host.read_counters(self.size)
        if shared:
            before, after = sum(self.nr), now.total - now.surp
            if before != after:
                found.append(f"had {count(before, 'page')} and has {after:,}")
        elif was != now:
            found.append(f"was {was} and is {now} (total/free/reserved/surplus)")
        if self.overcommit != (overcommit := host.read_overcommit(self.size)):
            found.append(f"allowed {self.overcommit:,} surplus pages and allows {overcommit:,}")
        return f"the pool of {format_size(self.size)} {', '.join(found)}" if found else ""


@dataclass
class Journal:
    """The borrower, the pools before, and the changes of the machine since.

    ``over``: the borrower is done but could not put everything back. ``paths``: mount points; ``folders``: new folders
    elsewhere; ``switched``: files of cgroups that got +hugetlb; ``processes`` of scenarios: [pid, start, session];
    ``rewritten``: files with their old text.
    """

    boot: str
    pid: int
    start: int
    command: str
    time: int  # seconds since 1970
    shared: bool
    pools: list[PoolBefore]
    over: bool = False
    paths: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    switched: list[str] = field(default_factory=list)
    rewritten: dict[str, str] = field(default_factory=dict)
    processes: list[list[int]] = field(default_factory=list)

    @classmethod
    def begin(cls, shared: bool) -> Journal:
        """A journal of the machine now, borrowed by this process."""
        me = host.process(os.getpid())
        assert me is not None
        pools = [PoolBefore.now(size) for size in host.page_sizes()]
        return cls(host.boot_id(), me.pid, me.start, host.command_of(me.pid), int(time.time()), shared, pools)

    @classmethod
    def load(cls) -> Journal | None:
        """The journal in the file, of this boot or an earlier one; None if there is none, or only a part of one."""
        try:
            data: dict[str, Any] = json.loads((RUN / JOURNAL).read_text())
            return cls(**{**data, "pools": [PoolBefore(**pool) for pool in data["pools"]]})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def save(self) -> None:
        """Write the file atomically (rename), and to the disk. Raises OSError."""
        new = RUN / f"{JOURNAL}.new"
        with open(new, "w") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fchmod(file.fileno(), 0o644)  # every user's doctor may read it
            os.fsync(file.fileno())
        new.rename(RUN / JOURNAL)

    @staticmethod
    def remove() -> bool:
        """Remove the file; returns whether there was one."""
        with contextlib.suppress(FileNotFoundError):
            (RUN / JOURNAL).unlink()
            return True
        return False

    @property
    def void(self) -> bool:
        """Is it of an earlier boot, so that its changes are gone?"""
        return self.boot != host.boot_id()

    @property
    def abandoned(self) -> bool:
        """Has the borrower ended without putting the machine back?"""
        process = host.process(self.pid)
        return self.over or process is None or process.start != self.start

    # -- putting back ----------------------------------------------------------------------------------
    def put_back(self) -> list[str]:
        """Undo all changes; returns a line for each. ``differences`` has the changes that could not be undone."""
        # folders twice: control groups before the umount of their hierarchy, mount points after it
        said = [*self.kill(), *self.remove_segments(), *self.remove_folders()]
        said += [*self.switch_back(), *self.umount(), *self.remove_folders(), *self.write_back()]
        for pool in self.pools:
            said += _put_pool_back(pool)
        host.wait_until(lambda: not self.differences(), SETTLE)
        return said

    def differences(self) -> list[str]:
        """A line for each pool that differs from before, and for each mount of ours that is still there."""
        found = [text for pool in self.pools if (text := pool.differs(self.shared))]
        return found + [f"{mount.path} is still mounted" for mount in self._mounted()]

    def kill(self) -> list[str]:
        """Kill the remaining processes of scenarios and their sessions; after the borrower's death also the processes
        that inherited its mark (while it lives, it may have other children)."""
        left = self._left_processes()
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process.pid, signal.SIGKILL)
        host.wait_until(lambda: not any(host.process(process.pid) == process for process in left), SETTLE)
        return [f"killed process {process.pid}, left over by hugelab" for process in left]

    def _left_processes(self) -> list[Process]:
        known = {(pid, start) for pid, start, _ in self.processes}
        # The number of a session can be used again only after its last process, so a member that is not older than the
        # session's first process belongs to it.
        sessions = {session: start for pid, start, session in self.processes if pid == session}
        mark = None
        if self.abandoned:
            with contextlib.suppress(OSError):
                mark = (RUN / MARK).stat()
        found = []
        for process in host.processes():
            if process.pid in (os.getpid(), self.pid) or process.start < self.start:
                continue
            ours = (process.pid, process.start) in known or process.start >= sessions.get(process.session, 1 << 62)
            if ours or (mark is not None and host.holds(process.pid, mark)):
                found.append(process)
        return found

    def remove_segments(self) -> list[str]:
        """Remove the System V segments of scenarios' processes, which outlive their process."""
        made_by = {pid for pid, _, _ in self.processes}
        said = []
        for shmid, creator, changed in host.segments():
            if creator in made_by and changed >= self.time:
                with contextlib.suppress(OSError):
                    host.remove_segment(shmid)
                    said.append(f"removed the shared memory segment {shmid}")
        return said

    def _mounted(self) -> list[host.Mount]:
        ours = f"{RUN / MOUNTS}/"
        return [mount for mount in host.mounts() if mount.path in self.paths or mount.path.startswith(ours)]

    def umount(self) -> list[str]:
        """Unmount our mounts, the last first; lazily if they are busy."""
        said = []
        for mount in reversed(self._mounted()):
            with contextlib.suppress(OSError):
                umount(Path(mount.path))
                said.append(f"unmounted {mount.path}")
        return said

    def switch_back(self) -> list[str]:
        """Remove the hugetlb controller from children of cgroups that did not have it before."""
        said = []
        for file in reversed(self.switched):
            with contextlib.suppress(OSError):
                if "hugetlb" in Path(file).read_text().split():
                    Path(file).write_text("-hugetlb")
                    said.append(f"wrote -hugetlb to {file}")
        return said

    def write_back(self) -> list[str]:
        """Write the old text back to rewritten files."""
        said = []
        for file, before in self.rewritten.items():
            with contextlib.suppress(OSError):
                if (now := Path(file).read_text()) != before:
                    Path(file).write_text(before)
                    said.append(f"{file}: {now.strip()}, back to {before.strip()}")
        return said

    def remove_folders(self) -> list[str]:
        """Remove the new folders, the last first, and the empty mount points."""
        said = []
        for folder in reversed(self.folders):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
                said.append(f"removed {folder}")
        for path in sorted({*self.paths, *map(str, (RUN / MOUNTS).rglob("*"))}, key=len, reverse=True):
            with contextlib.suppress(OSError):
                os.rmdir(path)
        return said


def umount(path: Path) -> None:
    """Unmount, lazily if it is busy. Raises OSError."""
    try:
        host.umount(path)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        host.umount(path, lazy=True)


def _put_pool_back(pool: PoolBefore) -> list[str]:
    size, folder, said = format_size(pool.size), host.folder_of(pool.size), []
    with contextlib.suppress(OSError):  # `differences` reports a failure
        if (overcommit := host.read_overcommit(pool.size)) != pool.overcommit:
            host.write(folder / "nr_overcommit_hugepages", pool.overcommit)
            said.append(f"surplus pages of {size}: {overcommit:,} allowed, back to {pool.overcommit:,}")
        if (nr := host.persistent_by_node(pool.size)) != pool.nr:
            host.keep_surplus(pool.size)
            host.write_by_node(pool.size, pool.nr)
            said.append(f"pool of {size}: {count(sum(nr), 'page')}, back to {sum(pool.nr):,}")
    return said
