"""The whole measurement: room, fracture probes, first touch, loads."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

from ..core.units import GIB, MIB, format_size
from ..live.pool import Pool, PoolError, as_found, borrow
from . import counter, fracture
from .budget import FEWEST, ROUNDS, Budget, Progress
from .code import loops
from .counter import Counter, NoCounter
from .faults import first_touch
from .loads import random_loads
from .machine import this_machine
from .result import BUDGET, KINDS, Counters, Faults, Fracture, Load, Measured, Touch, check
from .room import Room

SIZES = (256 << 10, MIB, 4 * MIB, 10 * MIB, 32 * MIB, 128 * MIB, 512 * MIB, GIB)  # bytes
TOUCHED = (10 * MIB, GIB)
PROBES = "fracture probes"


@contextmanager
def pages(ask: Callable[[str], bool], leave: bool = False) -> Iterator[tuple[Pool | None, str]]:
    """The pools for ``measure``: borrowed by root, after asking; unchanged for other users.

    Without pools (``leave``, or others use them) the pool is None, with the reason; all else can be measured. Raises
    PoolError at the end if a change cannot be undone.
    """
    with ExitStack() as stack:
        pool, why = None, "the pools are left alone, as was asked"
        if not leave:
            try:
                pool, why = stack.enter_context(borrow(ask=ask) if os.geteuid() == 0 else as_found(wait=5)), ""
            except PoolError as error:
                why = without_folders(str(error))
        yield pool, why


def measure(
    sizes: tuple[int, ...] | None = None,
    budget: float = BUDGET,
    pool: Pool | None = None,
    why: str = "",
    progress: Progress | None = None,
) -> Measured:
    """Measure the gain of huge pages on this machine.

    ``sizes``: bytes of the buffers for loads, all of which must fit (None: the defaults that fit); ``budget``: seconds;
    ``pool`` and ``why``: from ``pages``; ``progress(name of the part, part that is done from 0 to 1)`` is called.
    Raises LiveUnavailable if no part can be measured.
    """
    check(sizes or SIZES)
    loops()
    wanted = sorted({*(sizes or SIZES), TOUCHED[0]})
    room = Room(tuple(wanted), pool, why, fit=bool(sizes))
    loaded = [size for size in room.sizes if size in (sizes or SIZES)]
    touched = [size for size in TOUCHED if size <= room.most["4K"]]
    time = Budget(budget, _parts(len(room.most), touched, loaded), progress)
    notes = list(room.notes)
    time.part(PROBES)(0)
    room.warm()
    fractures = [fracture.probe(kind) for kind in ("THP", "2M", "1G") if kind in room.most]
    faults: list[Faults] = []
    touches: list[Touch] = []
    for size in touched:
        kinds = [kind for kind in KINDS if _is_touched(kind, size, room)]
        few, times = first_touch(size, kinds, time.part(_touch(size), _rounds(size)))
        faults, touches = faults + few, touches + times
    loads, counters = _loads(loaded, room, time, notes)
    time.done()
    notes += _doubts(fractures)
    return Measured(
        this_machine(),
        tuple(faults),
        tuple(touches),
        tuple(loads),
        tuple(fractures),
        counters,
        tuple(notes),
        time.cut,
        round(time.used, 1),
    )


def without_folders(text: str) -> str:
    """A message without the folders in its paths, as results are for other people, too."""
    return re.sub(r"(?<![^\s(])/(?:[^\s/]+/)+(?=[^\s/])", "", text)


def _touch(size: int) -> str:
    return f"first touch of {format_size(size)}"


def _rounds(size: int) -> int:
    """The rounds of first touch: few if each takes a second or more."""
    return ROUNDS if size < GIB else FEWEST


def _load(size: int) -> str:
    return f"random loads in {format_size(size)}"


def _parts(kinds: int, touched: list[int], loaded: list[int]) -> dict[str, float]:
    """The parts and their weights in seconds, as measured on one machine."""
    parts = {PROBES: 0.5}
    parts |= {_touch(size): 0.3 + 1.5 * _rounds(size) * size / GIB for size in touched}
    parts |= {_load(size): 0.4 * kinds + 3 * size / GIB for size in loaded}
    return parts


def _is_touched(kind: str, size: int, room: Room) -> bool:
    """Is first touch of this size measured? Not with 1 GiB pages for less, as the kernel clears the whole page."""
    return kind == "4K" or (size <= room.most.get(kind, 0) and (kind != "1G" or size >= GIB))


def _loads(sizes: list[int], room: Room, time: Budget, notes: list[str]) -> tuple[list[Load], Counters]:
    """Measure the loads of all sizes, with a counter if there is one."""
    found: list[Load] = []
    with ExitStack() as stack:
        try:
            counted, why = stack.enter_context(closing(Counter())), ""
        except NoCounter as error:
            counted, why = None, str(error)
        for size in sizes:
            found += random_loads(size, room.most, counted, time.part(_load(size)), notes)
    return found, Counters(counter.EVENT, not why, why, counter.MEANING)


def _doubts(fractures: list[Fracture]) -> list[str]:
    """A note if the probes of the kinds do not agree."""
    if len({bool(found) for found in fractures}) < 2:
        return []
    return ["the fracture probes differ: the host backs some of the memory with small pages"]
