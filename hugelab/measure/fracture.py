"""Is a huge page huge for the processor, or does the host back it with small pages (fracture)?

In a virtual machine the TLB holds the smaller page size of guest and host. 256 lines, 4 KiB apart in one huge page,
need one TLB entry if the page is whole. If it is fractured, they need 256, more than the first level has, so their
loads take about twice as long as loads of 256 lines side by side.
"""

from __future__ import annotations

import time

from ..core.units import BASE_PAGE_SIZE, MIB
from .buffers import Buffer
from .code import Loops, loops
from .cycle import Cycle
from .noise import Spread, is_fractured
from .result import Fracture

LINES = 256  # 16 KiB of cache lines: in the first-level cache, spread or side by side
ROUNDS = 15
ROUND = 0.002  # seconds of loads
FIRST = 10_000  # loads that measure how many fit into a round


def probe(kind: str) -> Fracture:
    """Measure one page of this kind; takes 65 ms. Raises LiveUnavailable if there is none."""
    loop = loops()
    with Buffer(kind, 2 * MIB) as buffer:
        buffer.fill()
        spread = Cycle(LINES).write(buffer.address)
        packed = Cycle(LINES, packed=True).write(buffer.address + LINES * BASE_PAGE_SIZE)
        _loads(loop, spread, FIRST)
        loads = int(ROUND * 1e9 / _loads(loop, spread, FIRST))
        ratios = [_loads(loop, spread, loads) / _loads(loop, packed, loads) for _ in range(ROUNDS + 1)]
    ratio = Spread.of(ratios[1:])
    return Fracture(kind, ratio, is_fractured(ratio.median))


def _loads(loop: Loops, start: int, count: int) -> float:
    """Nanoseconds of one load."""
    begin = time.thread_time_ns()
    loop.chase(start, count)
    return max(time.thread_time_ns() - begin, 1) / count
