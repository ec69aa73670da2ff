"""The engine in numpy, without a loop over look-ups: a look-up hits if its stack distance in its set is below the ways.

Sorted by set, look-ups keep their order, so all distances of a level are counted at once. It is fastest for traces with
many repeats of a page, and it counts the distances for all TLB sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from . import trace
from .geometry import Geometry
from .trace import Lookups, Space

Ints = np.ndarray[Any, np.dtype[Any]]


def fresh(addresses: Ints, shift: int) -> Ints:
    """Addresses shifted down, without repeats."""
    codes = (addresses >> np.uint64(shift)).astype(np.int64)
    other = np.empty(len(codes), dtype=bool)
    other[:1] = True
    np.not_equal(codes[1:], codes[:-1], out=other[1:])
    return codes[other]


def lookups(
    addresses: Sequence[int], space: Space, geometry: Geometry, fresh: Callable[[Ints, int], Ints] = fresh
) -> Lookups:
    """trace.lookups, with the codes as an array of int64."""
    try:
        at = _array(addresses)
    except (OverflowError, TypeError):
        trace.check(addresses)
        raise
    if not len(at):
        trace.check(addresses)
    sizes, seen = space.sizes, tuple(map(space.seen, space.sizes))
    pieces = trace.units(geometry, seen)
    shifts = np.array([piece.bit_length() - 1 for piece in pieces], dtype=np.uint64)
    if len(sizes) == 1:
        return Lookups(fresh(at, int(shifts[0])), sizes, seen, pieces, (len(at),))  # type: ignore[arg-type]
    bounds, numbers = trace.edges(space)
    bounds = [bound for bound in bounds if bound < trace.TOP]  # no address is above
    here = np.array(numbers)[np.searchsorted(np.array(bounds, dtype=np.uint64), at, side="right")]
    codes = (at >> shifts[here]) * np.uint64(len(sizes)) + here.astype(np.uint64)
    accesses = tuple(np.bincount(here, minlength=len(sizes)).tolist())
    return Lookups(fresh(codes, 0), sizes, seen, pieces, accesses)  # type: ignore[arg-type]


def _array(addresses: Sequence[int]) -> Ints:
    """Addresses as an array of uint64. Raises OverflowError for a number that is none."""
    if isinstance(addresses, range) and len(addresses) and min(addresses) >= 0 and max(addresses) < 1 << 63:
        return np.arange(addresses.start, addresses.stop, addresses.step).astype(np.uint64)
    if isinstance(addresses, np.ndarray) and addresses.dtype.kind == "i" and len(addresses) and addresses.min() < 0:
        raise OverflowError  # numpy would wrap it around
    return np.asarray(addresses, dtype=np.uint64)


def misses(asked: Lookups, geometry: Geometry, passes: int) -> Iterator[tuple[list[int], list[int]]]:
    """For each pass: misses of the first level, and walks, of each page size."""
    codes = np.tile(np.asarray(asked.codes), passes)
    of_pass = np.repeat(np.arange(passes), len(asked.codes))
    count, missing = len(asked.sizes), []
    for level in (0, 1):
        miss = ~_hits(codes, asked, geometry, level)
        codes, of_pass = codes[miss], of_pass[miss]
        missing.append(np.bincount(of_pass * count + codes % count, minlength=passes * count).reshape(passes, count))
    yield from zip(*(one.tolist() for one in missing), strict=True)


def _hits(codes: Ints, asked: Lookups, geometry: Geometry, level: int) -> Ints:
    """For each look-up: does it hit the level?"""
    places = [geometry.places(size)[level] for size in asked.seen]
    parts = np.array([place.piece // unit for place, unit in zip(places, asked.units, strict=True)])
    base, sets, ways = (np.array(numbers) for numbers in zip(*(place[1:] for place in places), strict=True))
    number = codes % len(places)
    piece = codes // len(places) // parts[number]
    nowhere = len(geometry.ways(level))  # a set that does not exist, for sizes that the level does not hold
    home = np.where(ways > 0, base, nowhere)[number] + piece % sets[number]
    order = np.argsort(home, kind="stable")
    most = max(int(ways.max()), 1)
    hits = np.empty(len(codes), dtype=bool)
    hits[order] = distances((piece * len(places) + number)[order], most) < ways[number][order]
    return hits


def distances(keys: Ints, most: int) -> Ints:
    """The stack distance of each look-up; ``most`` or more for the first look-up of a page.

    It is the number of look-ups since the last one of the same page, less the repeats among them: look-ups whose page
    was also looked up since then. The repeats are the inversions of the times of previous look-ups.
    """
    n = len(keys)
    order = np.argsort(keys, kind="stable")
    again = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    now, before = order[again + 1], order[again]  # a look-up, and the previous one of the same page
    found = np.full(n, max(most, n))
    if not len(now):
        return found
    in_time = np.argsort(now, kind="stable")
    now, before = now[in_time], before[in_time]
    rank = np.empty(n, dtype=np.int32)
    rank[np.sort(before)] = np.arange(len(before), dtype=np.int32)
    between = now - before - 1
    found[now] = between - inversions(rank[before])
    return found


def inversions(ranks: Ints) -> Ints:
    """For each of the different numbers 0 to n - 1: how many numbers in front of it are larger.

    Bit by bit from the highest: in a group of numbers that agree in the higher bits, a number with a 0 bit counts the
    numbers with a 1 bit in front of it; then the group is divided by this bit, in order.
    """
    n = len(ranks)
    bits = max(n - 1, 1).bit_length()
    value = np.concatenate([ranks, np.arange(n, 1 << bits, dtype=np.int32)]).astype(np.int32)  # regular groups
    larger = np.zeros(1 << bits, dtype=np.int32)
    for bit in reversed(range(bits)):
        rows = value.reshape(-1, 2 << bit)
        ones = (rows >> bit & 1).astype(bool)
        larger = larger.reshape(rows.shape)
        zeros = ~ones
        half = (-1, 1 << bit)
        in_front = np.cumsum(ones, axis=1, dtype=np.int32)
        low = (larger[zeros] + in_front[zeros]).reshape(half)
        value = np.stack([rows[zeros].reshape(half), rows[ones].reshape(half)], axis=1).ravel()
        larger = np.stack([low, larger[ones].reshape(half)], axis=1).ravel()
    return larger[ranks]  # by value now


def distance_counts(codes: Sequence[int], most: int) -> list[int]:
    """The number of look-ups with distance 0, 1 ... most - 1."""
    found = distances(np.asarray(codes), most)
    counted: list[int] = np.bincount(found[found < most], minlength=most).tolist()
    return counted
