"""Random loads, each needing the result of the one before, in buffers of each kind of page.

One cache line a page is read, so most of the lines stay in a cache and what differs between the kinds is the TLB.
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
MOVED = 16 * MIB  # larger buffers are mapped once only: where they lie averages out in them
SPONGE = 256 * MIB  # bytes
FIRST = 20_000  # loads, or one whole cycle, that say how many fit into a round


class _Round(NamedTuple):
    ns: float
    misses: float | None


class _Chase:
    """A cycle in one buffer, and how far along it we are."""

    def __init__(self, cycle: Cycle, address: int, counter: Counter | None):
        self._at, self._counter, self._loop = cycle.write(address), counter, loops()
        self.count = cycle.count
        self.run()  # all of it is in the caches, as far as it fits
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
    """Measure ``size`` bytes of each kind, "4K" and the control among them, while ``more`` (of rounds) says so.

    ``most`` bytes of each kind can be had; a kind that has fewer than ``size`` is left out.

    The kinds take turns within a round and each is compared with 4 KB pages in the same round: what slows the machine
    down for a while slows all of them. It is the time of this thread alone: that another program has its turn is no
    matter.
    Nothing sleeps in between, so the processor's clock stays where it is. Where the buffers happen to lie in memory
    matters as much, so after some rounds there are new ones.
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
                if number > 0:  # the first round is not like the others
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
    """4K over this kind, in one round. What counts for huge pages is the faster one of the two buffers of 4 KB pages:
    one may have the worse place in memory."""
    small = each["4K"].ns if kind in ("4K", AGAIN) else min(each["4K"].ns, each[AGAIN].ns)
    return small / each[kind].ns


def _order(kinds: list[str], blocks: int) -> list[str]:
    """Who is filled first: not always the same kind."""
    return kinds[blocks % 2 :] + kinds[: blocks % 2]


def _places(size: int, most: dict[str, int], blocks: int) -> dict[str, int]:
    """Where in its buffer a kind is measured, in bytes: a pool gives the same pages again, so each time further on."""
    step = -(-size // (2 * MIB)) * 2 * MIB
    return {kind: blocks * step if blocks * step + size <= most.get(kind, 0) else 0 for kind in HUGETLB}


def _filled(size: int, kinds: list[str], places: dict[str, int], stack: ExitStack, notes: list[str]) -> dict[str, int]:
    """Buffers that the stack unmaps, with all their pages there: where each begins. Says so when THP did not come.

    The first free pages are scattered ones, which others left. Small pages that lie side by side are faster, so without
    care the first buffer would be the slow one. A sponge takes most of the scattered pages.
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
