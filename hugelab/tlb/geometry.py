"""The structure of a TLB: arrays of entries, the page sizes that each holds, and the set of each page.

Sizes are bytes. Data TLBs only: for loads and stores of a program, not its instructions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ..core.units import format_size
from .walk import SIZE_2M, SIZE_4K

LEAST = 64  # bytes of a page


@dataclass(frozen=True)
class Array:
    """Entries in sets of ``ways``; a page may lie in any way of one set. As many ways as entries: fully associative.

    ``sizes``: page sizes that an entry may map. A page of a size in ``pieces`` is held in pieces: (page size, piece
    size). Raises ValueError for impossible numbers.
    """

    entries: int
    ways: int
    sizes: tuple[int, ...]
    pieces: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.entries < 1:
            raise ValueError(f"a TLB array has 1 entry or more, not {self.entries}")
        if self.ways < 1 or self.entries % self.ways:
            raise ValueError(f"{self.entries} entries cannot be divided into sets of {self.ways} ways")
        for size in (*self.sizes, *(piece for _, piece in self.pieces)):
            if size < LEAST or size & (size - 1):
                raise ValueError(f"{size} bytes are no page size: a power of two from {LEAST} on is one")

    @property
    def sets(self) -> int:
        """The number of sets."""
        return self.entries // self.ways

    def piece(self, size: int) -> int | None:
        """The bytes that an entry for a page of this size maps; None if the array holds no such page."""
        return size if size in self.sizes else dict(self.pieces).get(size)


class Place(NamedTuple):
    """The place of pages of one size in one level: pieces of ``piece`` bytes, each in the set
    ``base + number of the piece % sets``, which has ``ways`` ways; 0 ways: the level holds no such page."""

    piece: int
    base: int
    sets: int
    ways: int

    @property
    def entries(self) -> int:
        """The number of pieces that fit."""
        return self.sets * self.ways


@dataclass(frozen=True)
class Geometry:
    """The data TLBs of a processor: two levels of arrays. ``paging`` names how it walks (walk.PAGING).

    Arrays of one level that hold the same size are alternatives: the number of a page decides in which array it lies,
    so they must have the same form. ``source``: the source of the numbers, ``notes``: unknown or assumed numbers.
    """

    name: str
    title: str
    l1: tuple[Array, ...]
    l2: tuple[Array, ...] = ()
    paging: str = "x86-64"
    source: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.l1:
            raise ValueError(f"{self.name}: a TLB has a first level")
        assert self._places  # refuses arrays of different form

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The page sizes that the first level holds, smallest first."""
        found = {size for array in self.l1 for size in (*array.sizes, *dict(array.pieces))}
        return tuple(sorted(found))

    def places(self, size: int) -> tuple[Place, Place]:
        """The places of pages of a size, in the first and the second level. Raises ValueError for a size it lacks."""
        try:
            return self._places[size]
        except KeyError:
            known = ", ".join(map(format_size, self.sizes))
            raise ValueError(f"{self.title} has no pages of {format_size(size)}: {known}") from None

    @cached_property
    def _places(self) -> dict[int, tuple[Place, Place]]:
        return {size: (self._place(self.l1, size), self._place(self.l2, size)) for size in self.sizes}

    def ways(self, level: int) -> list[int]:
        """The ways of each set of a level (0 or 1), all its arrays one after the other, as counted by Place.base."""
        return [array.ways for array in (self.l1, self.l2)[level] for _ in range(array.sets)]

    def _place(self, arrays: tuple[Array, ...], size: int) -> Place:
        at = [number for number, array in enumerate(arrays) if array.piece(size)]
        if not at:
            return Place(size, 0, 1, 0)
        first = arrays[at[0]]
        alike = {(arrays[number].sets, arrays[number].ways, arrays[number].piece(size)) for number in at}
        if len(alike) > 1 or at != list(range(at[0], at[0] + len(at))):
            raise ValueError(
                f"{self.name}: arrays that share pages of {format_size(size)} are of one form, side by side"
            )
        base = sum(array.sets for array in arrays[: at[0]])
        return Place(first.piece(size) or size, base, first.sets * len(at), first.ways)

    def reach(self, size: int) -> tuple[int, int]:
        """Bytes that the first and the second level map with pages of a size."""
        first, second = self.places(size)
        return first.entries * first.piece, second.entries * second.piece


FULL = "full"


def own(l1: int, l1_ways: str, l2: int, l2_ways: str) -> Geometry:
    """A custom geometry: two levels that 4 KB and 2 MB pages share; no second level with 0 entries.

    ``l1_ways`` and ``l2_ways`` are numbers, or FULL for fully associative. Raises ValueError as Array does.
    """

    def array(entries: int, ways: str) -> Array:
        return Array(entries, entries if ways == FULL else int(ways), (SIZE_4K, SIZE_2M))

    return Geometry("own", "a TLB of your own", (array(l1, l1_ways),), (array(l2, l2_ways),) if l2 else ())
