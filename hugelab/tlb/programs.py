"""Small programs as traces of addresses, with the part that could lie in huge pages. The same on every run."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from ..core.units import GIB, MIB
from .trace import LINE, Area, Space, areas
from .walk import SIZE_4K

DATA, STACK = 1 * GIB, 3 * GIB  # addresses of the data and of the stack
STEPS = 6000  # accesses of a program, about


class Program(NamedTuple):
    """``addresses`` in bytes; the data is ``length`` bytes from DATA on."""

    addresses: tuple[int, ...]
    length: int

    def space(self, size: int) -> Space:
        """The data in pages of ``size``, all else in 4 KB pages."""
        return areas(Area(DATA, -(-self.length // size) * size, size)) if size != SIZE_4K else Space()


def _matrix() -> Program:
    """A matrix of 1,024 x 1,024 numbers of 8 bytes, read column by column: each step is a row further."""
    side = 1024
    found = [DATA + (row * side + column) * 8 for column in range(STEPS // side + 1) for row in range(side)]
    return Program(tuple(found[:STEPS]), side * side * 8)


def _search() -> Program:
    """Binary search in a sorted array of 64 MB: all searches begin in the middle, and end far apart."""
    draw, count = random.Random(1), 64 * MIB // 8
    found: list[int] = []
    while len(found) < STEPS:
        wanted, low, high = draw.randrange(count), 0, count
        while low < high:
            middle = (low + high) // 2
            found.append(DATA + middle * 8)
            low, high = (middle + 1, high) if middle < wanted else (low, middle)
    return Program(tuple(found), 64 * MIB)


def _list() -> Program:
    """A linked list of 3,000 nodes, anywhere in 32 MB; each node is handled by a function with two frames of stack."""
    draw = random.Random(2)
    nodes = [DATA + draw.randrange(32 * MIB // LINE) * LINE for _ in range(STEPS // 4)]
    found = [address for node in nodes * 2 for address in (node, STACK + draw.randrange(2) * SIZE_4K)]
    return Program(tuple(found[:STEPS]), 32 * MIB)


def _table() -> Program:
    """A hash table of 256 MB: eight of ten look-ups are for one of 200 keys; a log is written in order beside it."""
    draw, count = random.Random(3), 256 * MIB // LINE
    hot, found = [draw.randrange(count) for _ in range(200)], []
    for turn in range(STEPS // 2):
        slot = draw.choice(hot) if draw.random() < 0.8 else draw.randrange(count)
        found += [DATA + slot * LINE, STACK + turn * LINE]
    return Program(tuple(found), 256 * MIB)


def _loop() -> Program:
    """An array of 3 MB, a line of each 4 KB page, again and again."""
    pages = 3 * MIB // SIZE_4K
    return Program(tuple(DATA + turn % pages * SIZE_4K for turn in range(STEPS)), 3 * MIB)


_MADE: dict[str, Callable[[], Program]] = {
    "hash table and log": _table,
    "binary search": _search,
    "linked list and stack": _list,
    "matrix by columns": _matrix,
    "loop over an array": _loop,
}
PROGRAMS = tuple(_MADE)


@lru_cache(maxsize=len(_MADE))
def program(name: str) -> Program:
    """One of PROGRAMS."""
    return _MADE[name]()
