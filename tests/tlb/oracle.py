"""pycachesim as a TLB: its lines are the pages. Importing this needs pycachesim."""

from __future__ import annotations

import cachesim

from hugelab.tlb import Geometry


def theirs(geometry: Geometry, size: int) -> tuple[object, object, object]:
    """pycachesim's two levels, and the simulator of both."""
    first, second = geometry.places(size)
    l2 = cachesim.Cache("L2", second.sets, second.ways, size, "LRU")
    l1 = cachesim.Cache("L1", first.sets, first.ways, size, "LRU", load_from=l2, store_to=l2)
    memory = cachesim.MainMemory()
    memory.load_to(l2)
    memory.store_from(l2)
    return cachesim.CacheSimulator(l1, memory), l1, l2


def misses(cache: object) -> int:
    """What a level of pycachesim has counted."""
    return int(cache.stats()["MISS_count"])  # type: ignore[attr-defined]
