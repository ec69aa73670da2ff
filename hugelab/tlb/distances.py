"""Stack distances: the misses of every TLB size in one pass (Mattson and others, 1970).

The distance of a look-up is the number of other pages looked up since the last look-up of its page. A fully associative
TLB with LRU hits exactly the look-ups whose distance is smaller than its number of entries.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from importlib.util import find_spec

MOST = 4096  # entries


def curve(codes: Sequence[int], most: int = MOST, engine: str = "") -> list[int]:
    """Misses of these look-ups, from an empty TLB on, with 0, 1 ... ``most`` entries: ``most + 1`` numbers.

    ``engine``: "plain" or "numpy"; "" is numpy if it is installed. Raises ValueError for another engine, or ``most``
    below 0.
    """
    engine = engine or ("numpy" if find_spec("numpy") else "plain")
    if engine not in ("plain", "numpy") or most < 0:
        raise ValueError(f"curve: {most} entries by {engine!r}: 0 or more, by plain or numpy")
    if engine == "numpy":
        from .vector import distance_counts

        counts = distance_counts(codes, most)
    else:
        counts = _counts(codes, most)
    misses = [len(codes)]
    for hits in counts:
        misses.append(misses[-1] - hits)
    return misses


def _counts(codes: Sequence[int], most: int) -> list[int]:
    """The number of look-ups with distance 0, 1 ... most - 1."""
    counts = [0] * most
    if not most:
        return counts
    last: dict[int, int] = {}  # page -> when it was looked up last
    times: list[int] = []  # the last times of the most recent pages, in order
    for now, code in enumerate(codes):
        before = last.get(code, -1)
        if times and before >= times[0]:
            at = bisect_left(times, before)
            counts[len(times) - at - 1] += 1
            del times[at]
        elif len(times) == most:
            del times[0]
        times.append(now)
        last[code] = now
    return counts
