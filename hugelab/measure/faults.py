"""Page faults, and the time of touching memory for the first time."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

from ..core.units import BASE_PAGE_SIZE, MIB
from .buffers import HUGETLB, Buffer
from .noise import Spread
from .result import Faults, Touch

MUCH = 256 * MIB  # less is free for so short a time that it stays


def first_touch(size: int, kinds: list[str], more: Callable[[int], bool]) -> tuple[list[Faults], list[Touch]]:
    """Map, touch and unmap ``size`` bytes of each kind, "4K" among them, in turn, while ``more`` (of rounds) says so.

    Much memory is used once right before, if it comes from the free memory: a guest gives what was free for two
    seconds back to its host (free page reporting), and to get it again costs more than the faults. Pages of the pools
    stay. The first round is left out.
    """
    rounds: list[dict[str, float]] = []
    least: dict[str, int] = {}
    quickest = "THP" if "THP" in kinds else "4K"
    _touch("4K", BASE_PAGE_SIZE)  # the first call of everything here has faults of its own
    while more(len(rounds) - 1):
        seconds = {}
        for kind in kinds:
            if size >= MUCH and kind not in HUGETLB:
                _touch(quickest, size)
            seconds[kind], faults = _touch(kind, size)
            # Whatever else this process does in between can only add faults.
            least[kind] = min(faults, least.get(kind, faults))
        rounds.append(seconds)
    del rounds[0]
    touched = [
        Touch(
            size,
            kind,
            Spread.of(times[kind] for times in rounds),
            Spread.of(times["4K"] / times[kind] for times in rounds),
            len(rounds),
        )
        for kind in kinds
    ]
    return [Faults(size, kind, least[kind]) for kind in kinds], touched


def _touch(kind: str, size: int) -> tuple[float, int]:
    """Seconds (of this thread alone, with the kernel's work for it) and page faults of one first touch."""
    with Buffer(kind, size) as buffer:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        begin = time.thread_time()
        buffer.fill()
        end = time.thread_time()
        after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    return end - begin, after - before
