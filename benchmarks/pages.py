"""A million pages touched one by one: the time of each, and how the recording grows.

Beside it, in the same run, the textbook way: a dict as page cache, a list as free list, one object for each fault.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from statistics import median

from hugelab import X86_64, Op, Scenario
from hugelab.model.kernel import Kernel, boot
from tests.model.touching import Touching

from .result import Result

PAGES = 1_000_000
ROUNDS = 5


def mapped(pages: int) -> Kernel:
    """A kernel whose program has mapped ``pages`` of a pool of as many."""
    kernel = boot(Scenario("million", nr=pages), X86_64)
    kernel.run(Op("open", {"fd": "f", "path": "m/file"}))
    kernel.run(Op("mmap", {"map": "A", "fd": "f", "pages": pages}))
    return kernel


def touch_one_by_one(pages: int) -> Kernel:
    """Each page is a call of its own."""
    kernel = mapped(pages)
    with Touching(kernel, "A") as touch:
        for page in range(pages):
            touch(page)
    return kernel


class Event:
    """What the textbook version keeps of each fault."""

    __slots__ = ("addr", "free", "page", "pfn", "rsvd")

    def __init__(self, addr: int, page: int, pfn: int, free: int, rsvd: int):
        self.addr, self.page, self.pfn, self.free, self.rsvd = addr, page, pfn, free, rsvd


def textbook(pages: int) -> list[Event]:
    """The same faults, one object an event."""
    free_list, cache, table, resv = list(range(pages, 0, -1)), {}, {}, set(range(pages))
    free = rsvd = pages
    events = []

    def touch(page: int) -> None:
        nonlocal free, rsvd
        if page in cache or page not in resv:
            return
        frame = free_list.pop()
        free -= 1
        rsvd -= 1
        cache[page] = frame
        table[page] = (frame, True)
        events.append(Event(page << 21, page, frame << 9, free, rsvd))

    for page in range(pages):
        touch(page)
    return events


def seconds(function: Callable[[int], object]) -> float:
    """One run, with the garbage of earlier ones gone."""
    gc.collect()
    begin = time.perf_counter()
    kept = function(PAGES)
    taken = time.perf_counter() - begin
    del kept
    return taken


def memory(pages: int) -> int:
    """Bytes that the touching itself leaves behind."""
    kernel = mapped(pages)
    gc.collect()
    tracemalloc.start()
    with Touching(kernel, "A") as touch:
        for page in range(pages):
            touch(page)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return kept


def measure() -> list[Result]:
    """Rounds interleaved, medians; the first round only warms up."""
    ours, theirs = [], []
    for _ in range(ROUNDS + 1):
        ours.append(seconds(touch_one_by_one))
        theirs.append(seconds(textbook))
    page = median(ours[1:]) / PAGES * 1e6
    book = median(theirs[1:]) / PAGES * 1e6
    ratio = median(b / a for a, b in zip(ours[1:], theirs[1:], strict=True))
    rows = len(touch_one_by_one(PAGES).state.rows)
    small, large = memory(1_000), memory(PAGES)
    return [
        Result("one page of 1,000,000 touched one by one", page, "us", 1.0),
        Result("the same, one object an event", book, "us"),
        Result("one object an event / ours", ratio, "times", 1.0, at_least=True),
        Result("rows of the recording for 1,000,000 pages", rows, "rows", 20),
        Result("memory for 1,000,000 pages / for 1,000 pages", large / small, "times", 1.5),
    ]
