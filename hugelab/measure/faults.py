"""Page faults, and the time of the first touch of memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

from ..core.units import BASE_PAGE_SIZE, MIB
from .buffers import HUGETLB, Buffer
from .noise import Spread
from .result import Faults, Touch

MUCH = 256 * MIB  # less memory is free too shortly to go back to the host


def first_touch(size: int, kinds: list[str], more: Callable[[int], bool]) -> tuple[list[Faults], list[Touch]]:
    """Map, touch and unmap ``size`` bytes of each kind, "4K" among them, in turn, while ``more(rounds)`` is true.

    A large size that comes from the free memory is touched once right before: a guest returns memory that was free for
    two seconds to its host (free page reporting), and getting it again costs more than the faults. Pages of the pools
    stay. The first round is left out.
    """
    rounds: list[dict[str, float]] = []
    least: dict[str, int] = {}
    quickest = "THP" if "THP" in kinds else "4K"
    _touch("4K", BASE_PAGE_SIZE)  # the first calls of all functions here have faults of their own
    while more(len(rounds) - 1):
        seconds = {}
        for kind in kinds:
            if size >= MUCH and kind not in HUGETLB:
                _touch(quickest, size)
            seconds[kind], faults = _touch(kind, size)
            # Other work of this process can only add faults.
            least[kind] = min(faults, least.get(kind, faults))
        rounds.append(seconds)
    del rounds[0]
    seconds_of = {kind: Spread.of(times[kind] for times in rounds) for kind in kinds}
    gains = {kind: Spread.of(times["4K"] / times[kind] for times in rounds) for kind in kinds}
    touched = [Touch(size, kind, seconds_of[kind], gains[kind], len(rounds)) for kind in kinds]
    return [Faults(size, kind, least[kind]) for kind in kinds], touched


def _touch(kind: str, size: int) -> tuple[float, int]:
    """Seconds (of this thread only, with the kernel's work for it) and page faults of one first touch."""
    with Buffer(kind, size) as buffer:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        begin = time.thread_time()
        buffer.fill()
        end = time.thread_time()
        after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    return end - begin, after - before
