"""A simulator of two levels of TLB: the misses of the first level, and the walks, of any trace.

Three engines with equal results (``ENGINES``): *plain* is the definition, *numpy* and *numba* are for long traces and
need ``pip install hugelab[fast]``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import NamedTuple

from .geometry import Geometry
from .trace import Space
from .walk import references

ENGINES = {"plain": "plain", "numpy": "vector", "numba": "compiled"}


class Count(NamedTuple):
    """The numbers of one page size in one pass: accesses, misses of the first level, misses of both levels (walks)."""

    accesses: int
    l1_misses: int
    walks: int


class Counts(NamedTuple):
    """The numbers of one pass: a Count for each page size (bytes) of the program; ``host`` as in its Space."""

    of: dict[int, Count]
    host: int | None = None

    @property
    def total(self) -> Count:
        """The sum over all page sizes."""
        return Count(*map(sum, zip(*self.of.values(), strict=True)))

    def references(self, geometry: Geometry) -> int:
        """Memory references of all walks (walk.references)."""
        return sum(count.walks * references(geometry.paging, size, self.host) for size, count in self.of.items())


def simulate(
    addresses: Sequence[int], space: Space, geometry: Geometry, passes: int = 1, engine: str = "plain"
) -> list[Counts]:
    """Run the trace ``passes`` times, from an empty TLB on; returns a Counts for each pass.

    LRU in each set; a hit in the first level does not renew the entry in the second. Raises ValueError for an engine
    that is not installed, an empty trace, or a page size that the geometry lacks.
    """
    if passes < 1:
        raise ValueError(f"a trace is run once or more often, not {passes} times")
    if engine not in ENGINES:
        raise ValueError(f"there is no engine {engine!r}: {', '.join(ENGINES)}")
    if engine not in engines():
        raise ValueError(f"the engine {engine} is not installed: pip install 'hugelab[fast]'")
    module = importlib.import_module(f".{ENGINES[engine]}", __package__)
    asked = module.lookups(addresses, space, geometry)
    misses: Iterator[tuple[Sequence[int], Sequence[int]]] = module.misses(asked, geometry, passes)
    found = []
    for first, second in misses:
        of = zip(asked.accesses, first, second, strict=True)
        counted = {size: Count(*map(int, of_size)) for size, of_size in zip(asked.sizes, of, strict=True)}
        found.append(Counts(counted, space.host))
    return found


def engines() -> list[str]:
    """The engines that are installed, slowest first."""
    return [name for name in ENGINES if name == "plain" or find_spec(name)]
