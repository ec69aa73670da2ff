"""Two levels of TLB over any look-ups: which of them miss the first level, and which have to walk.

One rule, three engines with equal results (``ENGINES``): *plain* is the rule itself, *numpy* and *numba* are there for
long traces and need ``pip install hugelab[fast]``.
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
    """Of one page size in one pass: accesses, those that miss the first level, those that miss both and walk."""

    accesses: int
    l1_misses: int
    walks: int


class Counts(NamedTuple):
    """Of one pass: a Count for each page size (bytes) of the program; ``host`` as in its Space."""

    of: dict[int, Count]
    host: int | None = None

    @property
    def total(self) -> Count:
        """All sizes together."""
        return Count(*map(sum, zip(*self.of.values(), strict=True)))

    def references(self, geometry: Geometry) -> int:
        """Memory references of all walks (walk.references)."""
        return sum(count.walks * references(geometry.paging, size, self.host) for size, count in self.of.items())


def simulate(
    addresses: Sequence[int], space: Space, geometry: Geometry, passes: int = 1, engine: str = "plain"
) -> list[Counts]:
    """The trace ``passes`` times, from an empty TLB on: a Counts for each pass.

    LRU in each set; an entry that was looked up in the first level alone is not renewed in the second. Raises
    ValueError for an engine that is not there, no address, or a page size that the geometry lacks.
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
