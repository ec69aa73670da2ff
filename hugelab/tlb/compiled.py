"""The engine in numba; the first call compiles for some seconds.

A set with few ways is searched; a set with many is a ring, and a hash table finds the entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numba
import numpy as np

from . import vector
from .geometry import Geometry
from .trace import Lookups, Space
from .vector import Ints

__all__ = ["lookups", "misses"]

FEW = 8  # ways that are searched
SPREAD = 0x4F1BBCDCBFA53E0B  # odd, so that different keys have different products


def lookups(addresses: Sequence[int], space: Space, geometry: Geometry) -> Lookups:
    """trace.lookups, with the codes as an array of int64."""
    return vector.lookups(addresses, space, geometry, fresh=_fresh)


@numba.njit(cache=True)
def _fresh(addresses: Ints, shift: int) -> Any:
    """vector.fresh in one loop."""
    found = np.empty(len(addresses), dtype=np.int64)
    count, last = 0, np.int64(-1)
    for address in addresses:
        code = np.int64(address >> shift)
        if code != last:
            found[count] = last = code
            count += 1
    return found[:count]


def misses(asked: Lookups, geometry: Geometry, passes: int) -> Iterator[tuple[list[int], list[int]]]:
    """For each pass: misses of the first level, and walks, of each page size."""
    levels = [_level(asked, geometry, level) for level in (0, 1)]
    count = len(asked.sizes)
    for _ in range(passes):
        codes = np.asarray(asked.codes)
        found: list[list[int]] = []
        for look_up, state in levels:  # misses of the first level go to the second; no entry goes back
            missing = codes if found else np.empty_like(codes)  # the misses of the first level are overwritten
            codes = missing[: look_up(codes, missing, *state)]
            found.append(np.bincount(codes % count, minlength=count).tolist())
        yield found[0], found[1]


def _level(asked: Lookups, geometry: Geometry, level: int) -> tuple[Callable[..., int], tuple[Ints, ...]]:
    """The function that looks up in a level, and its state. ``where``: for each page size the shift from units to
    pieces, the first set, the number of sets, and their ways."""
    places = [geometry.places(size)[level] for size in asked.seen]
    shifts = [(place.piece // unit).bit_length() - 1 for place, unit in zip(places, asked.units, strict=True)]
    where = np.array([(shift, place.base, place.sets, place.ways) for shift, place in zip(shifts, places, strict=True)])
    ways = np.array(geometry.ways(level), dtype=np.int64)
    if not len(ways) or ways.max() <= FEW:
        keys = np.full((max(len(ways), 1), FEW), -1)
        return _few, (where, keys, np.zeros_like(keys))
    return _many, (where, *_rings(ways))


@numba.njit(inline="always")
def _set(piece: int, sets: int) -> int:
    """piece % sets, without a division if sets is a power of two, as usual."""
    return piece & (sets - 1) if sets & (sets - 1) == 0 else piece % sets


# -- few ways: each entry has a key, and the time when it was looked up last -------------------------------
@numba.njit(cache=True)
def _few(codes: Ints, missing: Ints, where: Ints, keys: Ints, times: Ints) -> int:
    """Look the codes up, one after the other. Stores those that missed in ``missing``; returns their number.

    Every way is compared, also after a match: the matching way is unpredictable, and a wrong branch prediction costs
    more than the other compares.
    """
    # The set of a look-up is computed here and again in _many, not in a function, so that with one page size the row of
    # ``where`` is read once.
    count, found, number = len(where), 0, 0
    shift, base, sets, ways = where[0]
    now = times.max()
    for code in codes:
        unit = code
        if count > 1:
            number, unit = code % count, code // count
            shift, base, sets, ways = where[number]
        piece = unit >> shift
        key, home = piece * count + number, base + _set(piece, sets)
        now += 1
        at = -1
        for way in range(ways):
            if keys[home, way] == key:
                at = way
        if at < 0:
            missing[found] = code
            found += 1
            if ways == 0:
                continue
            oldest = times[home, 0]
            for way in range(ways):
                oldest = min(oldest, times[home, way])
            for way in range(ways):
                if times[home, way] == oldest:
                    at = way
            keys[home, at] = key
        times[home, at] = now
    return found


# -- many ways: the entries of a set in a ring, and one hash table ----------------------------------------
def _rings(ways: Ints) -> tuple[Ints, ...]:
    """An entry is a number. It has a key (or -1), and neighbours in its set: the next newer and the next older entry.

    ``newest``: an entry of each set; its neighbour on the newer side is the oldest, as the set is a ring. ``table``:
    entries (or -1), each at the hash of its key or behind it.
    """
    ends = np.cumsum(ways)
    begins, entries = ends - ways, int(ways.sum())
    newer, older = np.arange(entries) - 1, np.arange(entries) + 1  # in each set the first is the newest
    newer[begins], older[ends - 1] = ends - 1, begins
    return begins, np.full(entries, -1), newer, older, np.full(4 << entries.bit_length(), -1)


@numba.njit(cache=True)
def _many(
    codes: Ints, missing: Ints, where: Ints, newest: Ints, keys: Ints, newer: Ints, older: Ints, table: Ints
) -> int:
    """The same as _few, for sets with many ways."""
    count, found, number, mask = len(where), 0, 0, len(table) - 1
    shift, base, sets, ways = where[0]
    for code in codes:
        unit = code
        if count > 1:
            number, unit = code % count, code // count
            shift, base, sets, ways = where[number]
        piece = unit >> shift
        key, home = piece * count + number, base + _set(piece, sets)
        if ways == 0:
            missing[found] = code
            found += 1
            continue
        at = _hash(key, mask)
        while table[at] >= 0 and keys[table[at]] != key:
            at = (at + 1) & mask
        entry, head = table[at], newest[home]
        if entry == head:
            continue
        if entry >= 0:  # out of the ring, and in again as the newest
            a, b = newer[entry], older[entry]
            newer[b], older[a] = a, b
            a = newer[head]
            newer[entry], older[entry], older[a], newer[head] = a, head, entry, entry
            newest[home] = entry
            continue
        missing[found] = code
        found += 1
        entry = newer[head]  # the oldest becomes the newest: the ring turns by one
        if keys[entry] >= 0:
            _forget(keys, table, entry)
            at = _hash(key, mask)
            while table[at] >= 0:
                at = (at + 1) & mask
        keys[entry], table[at], newest[home] = key, entry, entry
    return found


@numba.njit(inline="always")
def _hash(key: int, mask: int) -> int:
    return ((key * SPREAD) >> 24) & mask


@numba.njit(inline="always")
def _forget(keys: Ints, table: Ints, entry: int) -> None:
    """Take an entry from the table, and close the gap, so that entries behind it are still found."""
    mask = len(table) - 1
    gap = _hash(keys[entry], mask)
    while table[gap] != entry:
        gap = (gap + 1) & mask
    at = (gap + 1) & mask
    while table[at] >= 0:
        if (at - _hash(keys[table[at]], mask)) & mask >= (at - gap) & mask:  # it may stand in the gap
            table[gap] = table[at]
            gap = at
        at = (at + 1) & mask
    table[gap] = -1
