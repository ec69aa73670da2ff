"""The engine in plain Python: the entries of a set in order, the oldest first.

A set with few ways is a list (faster to change), other sets are an OrderedDict (faster to search).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

from .geometry import Geometry
from .trace import Lookups, lookups

FEW = 8  # ways of a set that is a list

__all__ = ["lookups", "misses"]


def misses(asked: Lookups, geometry: Geometry, passes: int) -> Iterator[tuple[list[int], list[int]]]:
    """For each pass: misses of the first level, and walks, of each page size."""
    levels = [_Level(asked, geometry, level) for level in (0, 1)]
    for _ in range(passes):
        codes, found = asked.codes, []
        for level in levels:  # misses of the first level go to the second; no entry goes back
            codes = level.misses(codes)
            found.append(_of_size(codes, len(asked.sizes)))
        yield found[0], found[1]


def _of_size(codes: Sequence[int], sizes: int) -> list[int]:
    """The number of codes of each page size."""
    if sizes == 1:
        return [len(codes)]
    numbers = [code % sizes for code in codes]
    return [numbers.count(number) for number in range(sizes)]


class _Level:
    """The sets of one level."""

    def __init__(self, asked: Lookups, geometry: Geometry, level: int):
        # An empty way holds an entry that is never looked up, so that every new entry replaces one.
        ways = geometry.ways(level)
        self._few = max(ways, default=0) <= FEW
        made: Callable[[range], Any] = list if self._few else OrderedDict[int, None].fromkeys
        sets = [made(range(-number, 0)) for number in ways]
        places = [geometry.places(size)[level] for size in asked.seen]
        self._parts = [place.piece // unit for place, unit in zip(places, asked.units, strict=True)]
        self._own = [sets[p.base : p.base + p.sets] if p.ways else [made(range(0))] for p in places]

    def misses(self, codes: Sequence[int]) -> list[int]:
        """Look the codes up, one after the other; returns those that missed, which are entries now."""
        look_up = _in_lists if self._few else _in_dicts
        return look_up(codes, *self._homes(codes))

    def _homes(self, codes: Sequence[int]) -> tuple[Iterable[int], Iterable[Any]]:
        """The key of each look-up, and its set."""
        if self._parts == [1]:  # the usual case, and much faster
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


def _in_lists(codes: Sequence[int], keys: Iterable[int], homes: Iterable[list[int]]) -> list[int]:
    missing = []
    for code, key, home in zip(codes, keys, homes, strict=False):
        if key not in home:
            missing.append(code)
            home.append(key)
            del home[0]  # the oldest
        elif key != home[-1]:
            home.remove(key)
            home.append(key)
    return missing


def _in_dicts(codes: Sequence[int], keys: Iterable[int], homes: Iterable[OrderedDict[int, None]]) -> list[int]:
    missing = []
    for code, key, home in zip(codes, keys, homes, strict=False):
        if key in home:
            home.move_to_end(key)
        else:
            missing.append(code)
            home[key] = None
            home.popitem(False)  # the oldest
    return missing
