"""A buffer in pages of each size: the entries it needs, the misses of a pattern over it, and what their walks read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .closed import Closed, Number, sequential, strided, uniform
from .geometry import Geometry
from .trace import LINE
from .walk import SIZE_2M, SIZE_4K, references

PTE = 8  # bytes of an entry of the page tables that a walk ends with (x86-64, PAE, arm64)

PATTERNS: dict[str, Callable[[Geometry, int, int], Closed]] = {
    "random": lambda geometry, size, length: uniform(geometry, size, length, max(length // LINE, 1)),
    "in order, each line": sequential,
    "in order, a line in each 4 KB": lambda geometry, size, length: _each(geometry, size, length, SIZE_4K),
    "in order, a line in each 2 MB": lambda geometry, size, length: _each(geometry, size, length, SIZE_2M),
}
HOSTS: dict[str, int | None] = {
    "no virtual machine": None,
    "host backs with 2 MB": SIZE_2M,
    "host backs with 4 KB: fractured": SIZE_4K,
}

CHASE = "a random cycle through a line in each 4 KB"  # what hugelab measure does
PATTERNS[CHASE] = lambda geometry, size, length: _chase(geometry, size, length)


def _each(geometry: Geometry, size: int, length: int, stride: int) -> Closed:
    return strided(geometry, size, max(length // stride, 1), stride)


def _chase(geometry: Geometry, size: int, length: int) -> Closed:
    """In 4 KB pages each page comes once in a round, always in the same order: as in order. In a larger page come many
    lines, scattered over the round: as random."""
    if size == SIZE_4K:
        return _each(geometry, size, length, SIZE_4K)
    return uniform(geometry, size, length, max(length // SIZE_4K, 1))


class Need(NamedTuple):
    """What a buffer needs in pages of ``size`` bytes: so many pages, each with an entry and, at its first touch, a page
    fault; the room of both levels for such entries; bytes of the page-table entries."""

    size: int
    pages: int
    l1: int
    l2: int
    tables: int


def needs(geometry: Geometry, length: int) -> list[Need]:
    """For each page size of the geometry. ``length`` in bytes; the last page may be filled in part."""
    found = []
    for size in geometry.sizes:
        first, second = geometry.places(size)
        pages = -(-length // size)
        found.append(
            Need(size, pages, first.entries * first.piece // size, second.entries * second.piece // size, pages * PTE)
        )
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
    """``pattern`` is one of PATTERNS. Under a host with smaller pages the TLB holds pieces of those."""
    seen = size if host is None else min(size, host)
    return Cost(size, PATTERNS[pattern](geometry, seen, length), references(geometry.paging, size, host))
