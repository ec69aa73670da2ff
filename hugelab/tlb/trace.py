"""Traces of a program's addresses, in areas with pages of one size each, and the TLB look-ups that they cause.

Addresses and sizes are bytes. A repeated look-up of the same page always hits and does not change a TLB with LRU, so
repeats are counted and left out.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ..core.units import format_size
from .geometry import Geometry
from .walk import SIZE_4K

LINE = 64  # bytes of a cache line
TOP = 1 << 64  # the end of all addresses


class Area(NamedTuple):
    """Addresses from ``start`` on, ``length`` bytes, in pages of ``size``."""

    start: int
    length: int
    size: int


class Space(NamedTuple):
    """The areas of a process, lowest first, and the page size of all other memory. Made by ``areas``.

    ``host``: in a virtual machine, the page size of the host's memory. The TLB holds the smaller size.
    """

    areas: tuple[Area, ...] = ()
    size: int = SIZE_4K
    host: int | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """All page sizes in it, smallest first."""
        return tuple(sorted({self.size, *(area.size for area in self.areas)}))

    def seen(self, size: int) -> int:
        """The page size that the TLB holds for pages of a size."""
        return size if self.host is None else min(size, self.host)


def areas(*given: Area, size: int = SIZE_4K, host: int | None = None) -> Space:
    """A Space of these areas. Raises ValueError for areas that overlap, or do not begin and end with a page."""
    found = sorted(given)
    for area in found:
        if area.size < 1 or area.length <= 0 or area.start % area.size or area.length % area.size:
            raise ValueError(f"{area}: begins and ends with a page of {format_size(area.size)}")
        if area.start < 0 or area.start + area.length > TOP:
            raise ValueError(f"{area}: an address is a number from 0 to 2**64 - 1")
    for one, other in pairwise(found):
        if one.start + one.length > other.start:
            raise ValueError(f"{one} and {other} overlap")
    return Space(tuple(found), size, host)


class Lookups(NamedTuple):
    """The look-ups of a TLB, without repeats.

    ``codes[i] % len(sizes)`` is the number of the page size, ``codes[i] // len(sizes)`` the address in units of
    ``units[number]`` bytes, the smallest piece that a level holds of that size. ``seen``: the sizes that the TLB holds,
    ``accesses``: the accesses to each size, with repeats.
    """

    codes: Sequence[int]
    sizes: tuple[int, ...]
    seen: tuple[int, ...]
    units: tuple[int, ...]
    accesses: tuple[int, ...]


def units(geometry: Geometry, sizes: Iterable[int]) -> tuple[int, ...]:
    """For each page size the smallest piece that a level holds. Raises ValueError for a size that it lacks."""
    return tuple(min(place.piece for place in geometry.places(size)) for size in sizes)


def lookups(addresses: Sequence[int], space: Space, geometry: Geometry) -> Lookups:
    """The look-ups of addresses. Raises ValueError for a page size that the geometry lacks, or without addresses."""
    check(addresses)
    sizes, seen = space.sizes, tuple(map(space.seen, space.sizes))
    pieces = units(geometry, seen)
    last = -1
    if len(sizes) == 1:
        shift = pieces[0].bit_length() - 1
        fresh = [last := code for address in addresses if (code := address >> shift) != last]
        return Lookups(fresh, sizes, seen, pieces, (len(addresses),))
    codes, accesses = _mixed(addresses, space, pieces)
    return Lookups([last := code for code in codes if code != last], sizes, seen, pieces, accesses)


def _mixed(addresses: Sequence[int], space: Space, pieces: tuple[int, ...]) -> tuple[list[int], tuple[int, ...]]:
    """The codes and accesses with several page sizes: each address is looked up in the areas."""
    bounds, numbers = edges(space)
    shifts = [piece.bit_length() - 1 for piece in pieces]
    here = [numbers[at] for at in map(bisect_right, (bounds for _ in addresses), addresses)]
    count = len(shifts)
    codes = [(address >> shifts[n]) * count + n for address, n in zip(addresses, here, strict=True)]
    return codes, tuple(map(here.count, range(count)))


def edges(space: Space) -> tuple[list[int], list[int]]:
    """The addresses where the page size changes; the number of the size before the first and from each of them on."""
    sizes = space.sizes
    bounds: list[int] = []
    numbers = [sizes.index(space.size)]
    for area in space.areas:
        bounds += [area.start, area.start + area.length]
        numbers += [sizes.index(area.size), sizes.index(space.size)]
    return bounds, numbers


def check(addresses: Sequence[int]) -> None:
    """Raises ValueError for an empty trace, or a number that is no 64-bit address."""
    if not len(addresses):
        raise ValueError("a trace has one address or more")
    if min(addresses) < 0 or max(addresses) >= TOP:
        raise ValueError("an address is a number from 0 to 2**64 - 1")


# -- patterns ------------------------------------------------------------------------------------------
def sequential(length: int, step: int = LINE, start: int = 0) -> range:
    """One address each ``step`` bytes (a cache line), from the start of a buffer to its end."""
    return range(start, start + length, step)


def strided(count: int, stride: int, start: int = 0) -> range:
    """``count`` addresses, ``stride`` bytes apart."""
    return range(start, start + count * stride, stride)


def uniform(length: int, count: int, seed: int = 1, start: int = 0) -> list[int]:
    """The addresses of ``count`` random cache lines of a buffer, uniform and independent."""
    draw, lines = random.Random(seed).random, length // LINE
    return [start + int(draw() * lines) * LINE for _ in range(count)]


# -- files -----------------------------------------------------------------------------------------------
_LACKEY = re.compile(r"\s*[ISLM]\s+([0-9a-fA-F]+),\d+\s*")


def read_trace(path: str | Path, instructions: bool = False) -> list[int]:
    """The addresses in a text file: one a line, decimal or 0x...; or the output of ``valgrind --tool=lackey
    --trace-mem=yes`` (``I`` lines only with ``instructions``). ``#`` begins a comment, ``==`` a message of valgrind.

    Raises ValueError with the line's number for other lines, and for a file without addresses; OSError.
    """
    found = []
    with open(path, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip()
            if not text or text.startswith("=="):
                continue
            try:
                match = _LACKEY.fullmatch(text)
                if match and text[0] == "I" and not instructions:
                    continue
                found.append(int(match[1], 16) if match else int(text, 0))
            except ValueError:
                raise ValueError(f"line {number}: {text[:40]!r} is no address: write 4096 or 0x1000") from None
            if not 0 <= found[-1] < TOP:
                raise ValueError(f"line {number}: {text[:40]} is no address: it has 64 bits")
    if not found:
        raise ValueError("there is no address in it")
    return found
