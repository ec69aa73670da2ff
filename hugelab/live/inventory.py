"""The holders of the huge pages of this machine, processes and files, beside the counters of the pool.

The pool stores no owner. Owners are hugetlb mappings (/proc/PID/smaps and pagemap) and hugetlbfs files that have a
name, are open, or are mapped. A page in use is either in the page cache of a file, where it stays without any process,
or a private page of a mapping. Pages without a known holder are reported. Counts are pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from ..core.state import Counters
from ..core.text import showable
from ..core.units import count, format_size


class File(NamedTuple):
    """A hugetlbfs file. ``key``: device and inode; ``pages``: in its page cache; ``length``: of the file, in pages."""

    key: str
    name: str
    page_size: int  # bytes
    pages: int
    length: int
    linked: bool  # it has a name; else it goes with its last holder
    open_by: tuple[int, ...] = ()  # pids

    @property
    def empty(self) -> int:
        """Pages of its length that are not allocated: the most that can be reserved for it."""
        return max(self.length - self.pages, 0)


class Held(NamedTuple):
    """A hugetlb mapping of a process."""

    pid: int
    command: str
    page_size: int  # bytes
    length: int
    of_file: int  # mapped pages that are in a file's page cache, too
    private: tuple[int, ...]  # frames of the mapped pages that are not; 0 if the frame may not be known
    shared_mapping: bool
    noreserve: bool
    file: str  # the key of its file

    @property
    def mapped(self) -> int:
        """Pages in its page table."""
        return self.of_file + len(self.private)

    @property
    def untouched(self) -> int:
        """Pages that it has not touched."""
        return self.length - self.mapped


@dataclass(frozen=True)
class Inventory:
    """The pools and their holders. ``pools``: page size in bytes -> counters.

    ``hidden``: processes whose mappings may not be read. ``moved``: a counter changed while the rest was read.
    ``budgets``: reservations of mounts (min_size=) by page size, at most; ``segments``: System V segments that no
    process has attached, whose pages the kernel does not tell.
    """

    pools: Mapping[int, Counters]
    held: tuple[Held, ...] = ()
    files: tuple[File, ...] = ()
    hidden: int = 0
    moved: bool = False
    budgets: Mapping[int, int] = field(default_factory=dict)
    segments: int = 0

    # -- sums --------------------------------------------------------------------------------------
    def in_files(self, size: int) -> int:
        """Pages in the page cache of the files that were found."""
        return sum(file.pages for file in self.files if file.page_size == size)

    def in_private(self, size: int) -> int:
        """Private pages of all processes, each frame once; an entry with an unknown frame counts as a page."""
        frames = [frame for held in self.held if held.page_size == size for frame in held.private]
        return len({frame for frame in frames if frame}) + frames.count(0)

    def not_found(self, size: int) -> int:
        """Pages in use without a known holder; below 0 if pages were counted twice, or a counter moved."""
        return self.pools[size].in_use - self.in_files(size) - self.in_private(size)

    def open_reservations(self, size: int) -> tuple[int, int, int]:
        """The most pages that can be reserved for files, for private mappings, and for mounts (min_size=).

        The kernel does not tell the real numbers. A private mapping of a forked child has no reservation, but looks
        like its parent's; a file with private mappings only has none.
        """
        mapped = {held.file for held in self.held}
        shared = {held.file for held in self.held if held.shared_mapping and not held.noreserve}
        files = [file for file in self.files if file.page_size == size]
        to_files = sum(file.empty for file in files if file.key in shared or file.key not in mapped)
        private = [held for held in self.held if held.page_size == size and not held.shared_mapping]
        return to_files, sum(one.untouched for one in private if not one.noreserve), self.budgets.get(size, 0)

    open_promises = open_reservations  # an older name

    # -- words -------------------------------------------------------------------------------------
    def text(self) -> str:
        """The inventory for a terminal: pool, processes, files, sums, and pages without a known holder."""
        if not self.pools:
            return "This kernel has no huge page pools.\n"
        used = [size for size, now in self.pools.items() if now.total or any(h.page_size == size for h in self.held)]
        return "\n".join(self._size(size) for size in used or list(self.pools)[:1]) + self.remarks()

    def _size(self, size: int) -> str:
        now = self.pools[size]
        lines = [
            f"Pool of {format_size(size)} pages: {now.total:,} = {now.in_use:,} in use + {now.free:,} free; of the "
            f"free ones {now.rsvd:,} are reserved, so {now.available:,} are available; {now.surp:,} surplus.",
            *_aligned(PROCESSES, self.process_rows(size)),
            *_aligned(FILES, self.file_rows(size)),
            f"In use {now.in_use:,}: {self.sentence(size)}",
        ]
        if now.rsvd:
            files, private, mounts = self.open_reservations(size)
            lines.append(
                f"Reserved {now.rsvd:,}: at most {files:,} for files, {private:,} for private mappings, {mounts:,} for "
                "mounts with min_size=. The kernel does not say for which."
            )
        return "\n".join(lines) + "\n"

    def sentence(self, size: int) -> str:
        """The pages in use by kind of holder, and the number without a known holder."""
        files, private, rest = self.in_files(size), self.in_private(size), self.not_found(size)
        begin = f"{files:,} in files, {private:,} private pages of processes"
        if rest == 0:
            return f"{begin}; nothing is left over."
        if rest < 0:
            return f"{begin}: {-rest:,} more than are in use; a page was counted in two processes, or a counter moved."
        return f"{begin}; {count(rest, 'page')} not found: see the last lines."

    def process_rows(self, size: int) -> list[tuple[Any, ...]]:
        """A row a process: pid, command, and pages: mapped length, touched, of files, private."""
        rows: dict[int, list[Any]] = {}
        for held in self.held:
            if held.page_size == size:
                row = rows.setdefault(held.pid, [held.pid, held.command, 0, 0, 0, 0])
                counts = held.length, held.mapped, held.of_file, len(held.private)
                row[2:] = [old + new for old, new in zip(row[2:], counts, strict=True)]
        return [tuple(row) for row in sorted(rows.values(), key=lambda row: (-row[3], row[0]))]

    def file_rows(self, size: int) -> list[tuple[Any, ...]]:
        """A row a file: name, pages, length in pages, and its holders as text."""
        rows = []
        for file in self.files:
            if file.page_size != size or not (file.pages or file.linked):
                continue
            mapped = {held.pid for held in self.held if held.file == file.key}
            keeps = ["its name"] * file.linked
            keeps += [f"mapped by {_pids(mapped)}"] * bool(mapped)
            keeps += [f"open in {_pids(file.open_by)}"] * bool(file.open_by)
            rows.append((file.name, file.pages, file.length, ", ".join(keeps) or "no holder was found"))
        return sorted(rows, key=lambda row: (-row[1], row[0]))

    def remarks(self) -> str:
        """Lines that may explain pages without a known holder; "" if there are none."""
        said = []
        if self.moved:
            said.append("A counter changed while this was read: look again.")
        if any(self.not_found(size) > 0 for size in self.pools):
            if self.hidden:
                said.append(
                    f"Processes that may not be read: {self.hidden:,}. Root outside of a container may read all."
                )
            said.append(
                "Not found can be: files on mounts that are not seen here, pages that a device or a guest holds, "
                f"System V segments that no process has attached ({self.segments} of any kind here: ipcs -m)."
            )
        return "".join(f"{line}\n" for line in said)

    # -- JSON --------------------------------------------------------------------------------------
    def to_json(self) -> dict[str, Any]:
        """The inventory as JSON; page sizes are text."""
        shown = asdict(self)
        for name in ("pools", "budgets"):
            shown[name] = {str(size): value for size, value in shown[name].items()}
        return shown

    @classmethod
    def from_json(cls, shown: Mapping[str, Any]) -> Inventory:
        """The inventory of a ``to_json``."""
        held = tuple(Held(*[*one[:5], tuple(one[5]), *one[6:]]) for one in shown["held"])
        files = tuple(File(*[*one[:6], tuple(one[6])]) for one in shown["files"])
        pools = {int(size): Counters(*now) for size, now in shown["pools"].items()}
        budgets = {int(size): pages for size, pages in shown["budgets"].items()}
        return cls(pools, held, files, shown["hidden"], shown["moved"], budgets, shown["segments"])


PROCESSES = ("pid", "process", "maps", "touched", "of files", "private")
FILES = ("file", "pages", "length", "kept by")


def _pids(pids: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(set(pids))))


def _aligned(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    """A table as lines; [] without rows."""
    if not rows:
        return []
    lines = [[showable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
