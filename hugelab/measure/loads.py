"""Random loads, each of which needs the result of the last, in buffers of each kind of page.

One cache line a page is read, so most lines stay in a cache, and the difference between the kinds is the TLB.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from ..core.units import BASE_PAGE_SIZE, MIB, format_size
from .buffers import HUGETLB, Buffer
from .code import UNROLLED, loops
from .counter import Counter, between
from .cycle import Cycle
from .noise import AGAIN, Spread, verdict
from .result import KINDS, Load

ROUND = 0.020  # seconds of loads of one kind in a round
BLOCK = 5  # rounds in the same buffers
MOVED = 16 * MIB  # larger buffers are mapped only once, as their place in memory averages out
SPONGE = 256 * MIB  # bytes
FIRST = 20_000  # loads, or one whole cycle, that measure how many fit into a round


class _Round(NamedTuple):
    ns: float
    misses: float | None


class _Chase:
    """A cycle in one buffer, and the current place in it."""

    def __init__(self, cycle: Cycle, address: int, counter: Counter | None):
        self._at, self._counter, self._loop = cycle.write(address), counter, loops()
        self.count = cycle.count
        self.run()  # fills the caches
        self.count = max(cycle.count, FIRST)
        self.count = max(int(ROUND * 1e9 / self.run().ns), UNROLLED)

    def run(self) -> _Round:
        """``count`` loads, from where the last run ended."""
        loads = -(-self.count // UNROLLED) * UNROLLED
        before = self._counter.read() if self._counter else None
        begin = time.thread_time_ns()
        self._at = self._loop.chase(self._at, loads)
        ns = max(time.thread_time_ns() - begin, 1) / loads
        events = between(before, self._counter.read()) if self._counter and before else None
        return _Round(ns, None if events is None else events / loads)


def random_loads(
    size: int, most: dict[str, int], counter: Counter | None, more: Callable[[int], bool], notes: list[str]
) -> list[Load]:
    """Measure ``size`` bytes of each kind, "4K" and the control among them, while ``more(rounds)`` is true.

    ``most``: available bytes of each kind; a kind with fewer than ``size`` is left out.

    The kinds take turns within a round, and each is compared with 4 KB pages of the same round, as a slow phase of the
    machine slows all of them. Times are those of this thread, without other programs, and no call sleeps, so the clock
    of the processor stays constant. The place of a buffer in memory matters as much, so after some rounds there are new
    buffers.
    """
    kinds = [kind for kind in (KINDS[0], AGAIN, *KINDS[1:]) if size <= most.get(kind, 0)]
    cycle = Cycle(size // BASE_PAGE_SIZE)
    rounds: list[dict[str, _Round]] = []
    blocks = 0
    while more(len(rounds)):
        with ExitStack() as stack:
            starts = _filled(size, _order(kinds, blocks), _places(size, most, blocks), stack, notes)
            chases = {kind: _Chase(cycle, starts[kind], counter) for kind in kinds}
            for number in range(BLOCK + 1 if size <= MOVED else sys.maxsize):
                if number > 1 and not more(len(rounds)):
                    break
                this = {kind: chase.run() for kind, chase in chases.items()}
                if number > 0:  # the first round is slower
                    rounds.append(this)
        blocks += 1
    gains = {kind: Spread.of(_gain(each, kind) for each in rounds) for kind in kinds}
    found = []
    for kind, gain in gains.items():
        misses = [each[kind].misses for each in rounds]
        known = [miss for miss in misses if miss is not None]
        found.append(
            Load(
                size,
                kind,
                Spread.of(each[kind].ns for each in rounds),
                gain,
                "none" if kind in ("4K", AGAIN) else verdict(gain, gains[AGAIN]),
                Spread.of(known).median if known else None,
                len(rounds),
            )
        )
    return found


def _gain(each: dict[str, _Round], kind: str) -> float:
    """The time of 4K over the time of this kind, in one round; for huge pages, of the faster of the two buffers of 4 KB
    pages, as the other may have a bad place in memory."""
    small = each["4K"].ns if kind in ("4K", AGAIN) else min(each["4K"].ns, each[AGAIN].ns)
    return small / each[kind].ns


def _order(kinds: list[str], blocks: int) -> list[str]:
    """The kinds in the order of filling, which alternates."""
    return kinds[blocks % 2 :] + kinds[: blocks % 2]


def _places(size: int, most: dict[str, int], blocks: int) -> dict[str, int]:
    """Kind -> the offset in its buffer, in bytes: a pool gives the same pages again, so each block moves on."""
    step = -(-size // (2 * MIB)) * 2 * MIB
    return {kind: blocks * step if blocks * step + size <= most.get(kind, 0) else 0 for kind in HUGETLB}


def _filled(size: int, kinds: list[str], places: dict[str, int], stack: ExitStack, notes: list[str]) -> dict[str, int]:
    """Map and fill a buffer of each kind, which the stack unmaps; returns their addresses. Notes a lack of THP.

    The first free pages are scattered, as other programs left them, and small pages side by side are faster. So that
    the first buffer is not the slow one, a sponge takes most of the scattered pages.
    """
    starts = {}
    with Buffer("4K", SPONGE) as sponge:
        sponge.fill()
        for kind in kinds:
            place = places.get(kind, 0)
            buffer = Buffer(kind, place + size)
            stack.push(buffer)
            buffer.map()
            buffer.fill()
            starts[kind] = buffer.address + place
            if kind == "THP" and (huge := buffer.huge()) < size // (2 * MIB) * 2 * MIB:
                note = f"random loads in {format_size(size)}: only {format_size(huge)} became transparent huge pages"
                if note not in notes:
                    notes.append(note)
    return starts
