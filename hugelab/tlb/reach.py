"""A buffer in pages of each size: the entries it needs, the misses of a pattern, and the reads of their walks."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .closed import Closed, Number, sequential, strided, uniform
from .geometry import Geometry
from .trace import LINE
from .walk import SIZE_2M, SIZE_4K, references

PTE = 8  # bytes of an entry of the page tables that a walk ends with (x86-64, PAE, arm64)

CHASE = "a random cycle through a line in each 4 KB"  # the pattern of hugelab measure
PATTERNS: dict[str, Callable[[Geometry, int, int], Closed]] = {
    "random": lambda geometry, size, length: uniform(geometry, size, length, max(length // LINE, 1)),
    "in order, each line": sequential,
    "in order, a line in each 4 KB": lambda geometry, size, length: _each(geometry, size, length, SIZE_4K),
    "in order, a line in each 2 MB": lambda geometry, size, length: _each(geometry, size, length, SIZE_2M),
    CHASE: lambda geometry, size, length: _chase(geometry, size, length),
}
HOSTS: dict[str, int | None] = {
    "no virtual machine": None,
    "host backs with 2 MB": SIZE_2M,
    "host backs with 4 KB: fractured": SIZE_4K,
}


def _each(geometry: Geometry, size: int, length: int, stride: int) -> Closed:
    return strided(geometry, size, max(length // stride, 1), stride)


def _chase(geometry: Geometry, size: int, length: int) -> Closed:
    """In 4 KB pages, each page comes once in a round, always in the same order: equal to reading in order. In larger
    pages, the lines of a page are scattered over the round: equal to random reads."""
    if size == SIZE_4K:
        return _each(geometry, size, length, SIZE_4K)
    return uniform(geometry, size, length, max(length // SIZE_4K, 1))


class Need(NamedTuple):
    """The needs of a buffer in pages of ``size`` bytes: ``pages``, each with a page fault at its first touch;
    ``entries`` of the first and of the second level, beside their ``room`` (0: none); ``tables``, bytes of page-table
    entries; ``waste``, unused bytes of the last page."""

    size: int
    pages: int
    entries: tuple[int, int]
    room: tuple[int, int]
    tables: int
    waste: int

    @property
    def level(self) -> int:
        """The first level (1 or 2) with room for all entries; 0 if neither has it."""
        return next((n for n in (1, 2) if self.entries[n - 1] <= self.room[n - 1]), 0)


def needs(geometry: Geometry, length: int) -> list[Need]:
    """The Need of each page size of the geometry; ``length`` in bytes. Raises ValueError for less than 1."""
    if length < 1:
        raise ValueError(f"a buffer has 1 byte or more, not {length}")
    found = []
    for size in geometry.sizes:
        places, pages = geometry.places(size), -(-length // size)
        entries = tuple(-(-length // place.piece) for place in places)
        room = tuple(place.entries for place in places)
        found.append(Need(size, pages, entries, room, pages * PTE, pages * size - length))  # type: ignore[arg-type]
    return found


class Cost(NamedTuple):
    """A pattern over a buffer in pages of ``size``: its misses, and the memory references of one walk."""

    size: int
    misses: Closed
    references: int

    @property
    def walks(self) -> Number:
        """Walks per access in a later pass."""
        return self.misses.walks[1].total / self.misses.accesses

    @property
    def reads(self) -> Number:
        """Memory references of walks per access in a later pass."""
        return self.walks * self.references


def cost(geometry: Geometry, size: int, length: int, pattern: str, host: int | None = None) -> Cost:
    """The cost of a pattern of PATTERNS; under a host with smaller pages the TLB holds pieces of that size."""
    seen = size if host is None else min(size, host)
    return Cost(size, PATTERNS[pattern](geometry, seen, length), references(geometry.paging, size, host))
