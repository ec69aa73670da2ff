"""The engine in plain Python: an OrderedDict for each set, its oldest entry first. Runs wherever Python does."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

from .geometry import Geometry
from .trace import Lookups, lookups

Set = OrderedDict[int, None]

__all__ = ["lookups", "misses"]


def misses(asked: Lookups, geometry: Geometry, passes: int) -> Iterator[tuple[list[int], list[int]]]:
    """For each pass: misses of the first level, and walks, of each page size."""
    levels = [_Level(asked, geometry, level) for level in (0, 1)]
    for _ in range(passes):
        codes, found = asked.codes, []
        for level in levels:  # what misses the first level asks the second; nothing goes back
            codes = level.misses(codes)
            found.append(_of_size(codes, len(asked.sizes)))
        yield found[0], found[1]


def _of_size(codes: Sequence[int], sizes: int) -> list[int]:
    """How many of them are of each page size."""
    if sizes == 1:
        return [len(codes)]
    numbers = [code % sizes for code in codes]
    return [numbers.count(number) for number in range(sizes)]


class _Level:
    """The sets of one level."""

    def __init__(self, asked: Lookups, geometry: Geometry, level: int):
        # An empty way holds an entry that nobody asks for, so that whatever comes in drives one out.
        sets = [Set.fromkeys(range(-ways, 0)) for ways in geometry.ways(level + 1)]
        places = [geometry.places(size)[level] for size in asked.sizes]
        self._parts = [place.piece // unit for place, unit in zip(places, asked.units, strict=True)]
        self._own = [sets[p.base : p.base + p.sets] if p.ways else [Set()] for p in places]

    def misses(self, codes: Sequence[int]) -> list[int]:
        """Look them up, one after the other. Those that were not there, and now are."""
        missing = []
        for code, key, home in zip(codes, *self._homes(codes), strict=False):
            if key in home:
                home.move_to_end(key)
            else:
                missing.append(code)
                home[key] = None
                home.popitem(False)  # the oldest
        return missing

    def _homes(self, codes: Sequence[int]) -> tuple[Iterable[int], Iterable[Set]]:
        """What each look-up asks for, and the set that may have it."""
        if self._parts == [1]:  # most traces, and much quicker
            (own,) = self._own
            among = len(own)
            return codes, (repeat(own[0]) if among == 1 else [own[code % among] for code in codes])
        count = len(self._parts)
        keys, homes = [], []
        for code in codes:
            number = code % count
            piece = code // count // self._parts[number]
            keys.append(piece * count + number)
            homes.append(self._own[number][piece % len(self._own[number])])
        return keys, homes
