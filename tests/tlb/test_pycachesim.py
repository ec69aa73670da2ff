"""Counts beside those of a cache simulator that others wrote: pycachesim, whose lines are our pages."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from hugelab.core.units import MIB
from hugelab.tlb import GEOMETRIES, Array, Geometry, Space, simulate
from tests.conftest import fully

from .common import INSTALLED

pytest.importorskip("cachesim", reason="pycachesim is not installed: pip install pycachesim")

from .oracle import misses, theirs

OWN = Geometry("own", "8 sets of 3, then 32 of 5", (Array(24, 3, (4096,)),), (Array(160, 5, (4096,)),))
MACHINES = [(OWN, 4096)]
MACHINES += [(GEOMETRIES[name], 4096) for name in ("Ivy Bridge", "Skylake", "Ice Lake", "Zen 4")]
MACHINES += [(GEOMETRIES[name], 2 * MIB) for name in ("Skylake", "Neoverse N1")]

COUNT = 6000  # accesses of a trace: a multiple of what the second levels hold


def randomly(seed: int) -> random.Random:
    """The same numbers each time."""
    return random.Random(seed)


def zipf(pages: int) -> list[int]:
    """The page in rank n is accessed 1/n as often as the first."""
    draw, weights = randomly(3), [1 / n for n in range(1, pages + 1)]
    return draw.choices(draw.sample(range(pages), pages), weights, k=COUNT)


def linked_list(pages: int) -> list[int]:
    """Nodes that are linked in random order, run through again and again."""
    order = list(range(pages))
    randomly(4).shuffle(order)
    return [order[i % pages] for i in range(COUNT)]


def stack(pages: int) -> list[int]:
    """Calls and returns: the top moves by one, up or down."""
    draw, top, found = randomly(5), pages // 2, []
    for _ in range(COUNT):
        top = min(max(top + draw.choice((-1, 1)), 0), pages - 1)
        found.append(top)
    return found


def tree(pages: int) -> list[int]:
    """Searches in a tree: from the root to a leaf that is chosen at random."""
    draw, found = randomly(6), list[int]()
    while len(found) < COUNT:
        node = 1
        while node <= pages:
            found.append(node - 1)
            node = 2 * node + draw.randrange(2)
    return found


def hot_and_cold(pages: int) -> list[int]:
    """Nine of ten accesses to a tenth of the pages."""
    draw = randomly(7)
    return [draw.randrange(pages // 10 + 1) if draw.random() < 0.9 else draw.randrange(pages) for _ in range(COUNT)]


def phases(pages: int) -> list[int]:
    """A working set that moves on after each 500 accesses."""
    draw = randomly(8)
    return [i // 500 * pages // 8 + draw.randrange(pages // 4 + 1) for i in range(COUNT)]


def columns(pages: int) -> list[int]:
    """A matrix by columns, each of its rows as long as 5 pages and a half."""
    rows = pages // 5
    return [int(i % rows * 5.5) + i // rows for i in range(COUNT)]


# From so many pages (about the second level's entries) to the numbers of the pages, one after the other.
TRACES: dict[str, Callable[[int], list[int]]] = {
    "sequential": lambda pages: [i // 4 % (2 * pages) for i in range(COUNT)],
    "backwards": lambda pages: [(COUNT - i) % (pages + 3) for i in range(COUNT)],
    "stride of 2 pages": lambda pages: [2 * i % (4 * pages) for i in range(COUNT)],
    "stride of 7 pages": lambda pages: [7 * i % (7 * (pages + 2)) for i in range(COUNT)],
    "stride of 64 pages": lambda pages: [64 * i % (64 * 40) for i in range(COUNT)],
    "stride of 4096 pages": lambda _pages: [4096 * (i % 13) for i in range(COUNT)],
    "loop that just fits": lambda pages: [i % pages for i in range(COUNT)],
    "loop that just does not fit": lambda pages: [i % (pages + 1) for i in range(COUNT)],
    "uniform": lambda pages: randomly(1).choices(range(2 * pages), k=COUNT),
    "uniform in a small buffer": lambda pages: randomly(2).choices(range(pages // 2), k=COUNT),
    "hot and cold": hot_and_cold,
    "matrix by columns": columns,
    "linked list": linked_list,
    "zigzag": lambda pages: [min(i % (2 * pages), 2 * pages - i % (2 * pages)) for i in range(COUNT)],
    "stack": stack,
    "five streams": lambda pages: [i % 5 * 10 * pages + i // 5 for i in range(COUNT)],
    "Zipf": lambda pages: zipf(2 * pages),
    "tree": tree,
    "moving working set": phases,
}


@pytest.mark.full
@pytest.mark.parametrize("engine", INSTALLED if fully() else ["plain"])  # test_engines.py holds the others against it
@pytest.mark.parametrize(("geometry", "size"), MACHINES, ids=[f"{g.name} {s >> 10}K" for g, s in MACHINES])
@pytest.mark.parametrize("trace", TRACES)
def test_as_pycachesim(trace: str, geometry: Geometry, size: int, engine: str) -> None:
    """L1 misses and walks are its misses of the two levels, in the first pass and in the second."""
    pages = TRACES[trace](geometry.places(size)[1].entries)
    assert len(pages) >= COUNT
    addresses = [page * size + page * 64 % size for page in pages]
    simulator, l1, l2 = theirs(geometry, size)
    before = (0, 0)
    for counts in simulate(addresses, Space(size=size), geometry, 2, engine):
        simulator.load(addresses)  # type: ignore[attr-defined]
        now = misses(l1), misses(l2)
        count = counts.of[size]
        assert (count.l1_misses, count.walks) == (now[0] - before[0], now[1] - before[1])
        assert count.accesses == len(addresses)
        before = now
