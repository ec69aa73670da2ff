"""The mappings that a log shows: made, faulted in, closed."""

from __future__ import annotations

from dataclasses import dataclass

from ...linux.flags import VM_SHARED
from ...linux.machines import SIZE_2M
from .flags import ACCESS, CHANGES

MOST = 4096  # mappings that are remembered


@dataclass
class Area:
    """One mapping: addresses in bytes, ``pgoff`` its first page in the file, in huge pages."""

    start: int
    end: int
    line: int
    flags: int | None = None
    pgoff: int = 0
    pid: int | None = None
    unit: int = SIZE_2M  # bytes of one of its pages

    @property
    def pages(self) -> int:
        """Its length in huge pages."""
        return (self.end - self.start) // self.unit

    @property
    def shared(self) -> bool:
        """MAP_SHARED, as far as its flags are known."""
        return bool((self.flags or 0) & VM_SHARED)

    def index(self, addr: int) -> int:
        """The page of the file (or of the mapping) at an address."""
        return (addr - self.start) // self.unit + self.pgoff

    def same_flags(self, flags: int, marked: bool) -> bool:
        """May a line of this mapping show these vm_flags? Without marks there may have been an mprotect."""
        return self.flags is None or (self.flags ^ flags) & ~(CHANGES if marked else CHANGES | ACCESS) == 0


class Areas:
    """All mappings that a log has shown so far; a child of fork has its parent's addresses."""

    def __init__(self) -> None:
        self.known: list[Area] = []
        self.gone: list[Area] = []
        self.forgot = False

    def add(self, area: Area) -> None:
        """A new mapping; the oldest is forgotten where there are very many."""
        self.known = [
            old for old in self.known if old.pid != area.pid or old.end <= area.start or old.start >= area.end
        ]
        self.known.append(area)
        if len(self.known) > MOST:
            del self.known[0]
            self.forgot = True

    def at(self, addr: int, pid: int | None = None) -> Area | None:
        """The mapping at an address: of this process, else of another, else one that was closed.

        A child has its parent's mappings, and has them still when the parent has closed them.
        """
        found = [area for area in (*self.gone, *self.known) if area.start <= addr < area.end]
        best = [area for area in found if area.pid == pid] or found
        return best[-1] if best else None

    def of(self, pid: int | None) -> bool:
        """Has the log shown a mapping of this process?"""
        return any(area.pid == pid for areas in (self.known, self.gone) for area in areas)

    def moved(self, start: int, end: int) -> bool:
        """May this be an older mapping that mremap has moved here?"""
        return any(area.end - area.start == end - start for area in self.gone)

    def close(self, start: int, end: int, pid: int | None = None) -> Area | None:
        """The mapping that an unmapped range belongs to, or None."""
        area = self.at(start, pid)
        if area is None or end > area.end:
            return None
        if area in self.known and (start, end) == (area.start, area.end):
            self.known.remove(area)
            self.gone = [*self.gone[-MOST:], area]
        return area
