"""The TLB model: its engines against a simulator as a book shows it, and against pycachesim; what closed forms cost.

The textbook version stands here: an object for each entry, and each access is translated to an address in memory. Both
sides run the same trace of 4 KB pages, in rounds that alternate; the median of the ratios counts, of the worst trace.
All of them have to count the same.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable
from itertools import product
from statistics import median
from typing import TypeVar

import numpy as np

from hugelab.core.units import GIB, MIB
from hugelab.tlb import GEOMETRIES, Geometry, Space, curve, sequential, simulate, strided, uniform, vector
from tests.tlb.oracle import misses, theirs

from .kernel import seconds
from .result import Result

PAGE = 4096
MACHINES = [GEOMETRIES[name] for name in ("Skylake", "Ice Lake", "Zen 4")]
ACCESSES = 1_000_000
SHORT = 80_000  # of them, where neither side is compiled
ROUNDS = 5
LONG_ROUNDS = 3  # of whole traces, a second each on the textbook's side
LINES = "in order, each line"
CALLS = 2000  # of a closed form in a round


# -- as a book shows it ----------------------------------------------------------------------------------
class Entry:
    """A translation: page to frame."""

    def __init__(self, page: int, frame: int):
        self.page = page
        self.frame = frame


class Tlb:
    """Sets of entries, in each the one that was used longest ago first."""

    def __init__(self, sets: int, ways: int):
        self.sets: list[OrderedDict[int, Entry]] = [OrderedDict() for _ in range(sets)]
        self.ways = ways
        self.hits = self.misses = 0

    def look_up(self, page: int) -> Entry | None:
        """The entry, if it is there."""
        entries = self.sets[page % len(self.sets)]
        entry = entries.get(page)
        if entry is None:
            self.misses += 1
            return None
        self.hits += 1
        entries.move_to_end(page)
        return entry

    def insert(self, entry: Entry) -> None:
        """It is there from now on; the oldest goes if there is no room."""
        entries = self.sets[entry.page % len(self.sets)]
        if len(entries) >= self.ways:
            entries.popitem(last=False)
        entries[entry.page] = entry


class Mmu:
    """Two levels of TLB, and a page table behind them that gives each page a frame when it is first accessed."""

    def __init__(self, geometry: Geometry):
        first, second = geometry.places(PAGE)
        self.l1 = Tlb(first.sets, first.ways)
        self.l2 = Tlb(second.sets, second.ways)
        self.table: dict[int, int] = {}

    def translate(self, address: int) -> int:
        """The physical address."""
        page, offset = divmod(address, PAGE)
        entry = self.l1.look_up(page)
        if entry is None:
            entry = self.l2.look_up(page)
            if entry is None:
                entry = Entry(page, self.table.setdefault(page, len(self.table)))
                self.l2.insert(entry)
            self.l1.insert(entry)
        return entry.frame * PAGE + offset


# -- one run of each side: L1 misses and walks -----------------------------------------------------------
Found = tuple[int, int]
T = TypeVar("T")


def textbook(geometry: Geometry, trace: list[int]) -> Found:
    """One address after the other."""
    mmu = Mmu(geometry)
    for address in trace:
        mmu.translate(address)
    assert mmu.l1.hits + mmu.l1.misses == len(trace)
    return mmu.l1.misses, mmu.l2.misses


def engine(name: str, geometry: Geometry, trace: list[int] | vector.Ints) -> Found:
    """An engine of the model."""
    (counts,) = simulate(trace, Space(), geometry, engine=name)  # type: ignore[arg-type]
    return counts.total.l1_misses, counts.total.walks


def pycachesim(geometry: Geometry, trace: list[int], one_by_one: bool = True) -> Found:
    """pycachesim, whose lines are the pages."""
    simulator, l1, l2 = theirs(geometry, PAGE)
    if one_by_one:
        for address in trace:
            simulator.load(address)
    else:
        simulator.load(trace)
    return misses(l1), misses(l2)


def all_sizes(trace: list[int]) -> list[int]:
    """Misses of a fully associative TLB of each size, from the addresses on."""
    return curve(vector.lookups(trace, Space(), MACHINES[0]).codes)


# -- traces ----------------------------------------------------------------------------------------------
def traces() -> dict[str, list[int]]:
    """Each of ACCESSES addresses."""
    draw, number = random.Random(1), range(ACCESSES)
    order = draw.sample(range(2500), 2500)  # more than the first level holds, and the second of some
    hot = [draw.randrange(GIB // PAGE) * PAGE for _ in range(50)]
    return {
        LINES: [i * 64 for i in number],
        "in order, each page": [i * PAGE % (64 * MIB) for i in number],
        "four streams": [i % 4 * GIB + i // 4 * 64 for i in number],
        "random": [draw.randrange(GIB // 64) * 64 for _ in number],
        "hot and cold": [
            hot[draw.randrange(50)] if draw.random() < 0.9 else draw.randrange(GIB // 64) * 64 for _ in number
        ],
        "a linked list": [order[i % len(order)] * PAGE for i in number],
    }


class Times:
    """Seconds of each side in each round, by name."""

    def __init__(self) -> None:
        self.of: dict[str, list[float]] = {}

    def run(self, name: str, side: Callable[[], T]) -> T:
        """Run a side once. What it found."""
        found: list[T] = []
        self.of.setdefault(name, []).append(seconds(lambda: found.append(side())))
        return found[0]

    def run_alike(self, **sides: Callable[[], T]) -> T:
        """Run one side after the other. What they found, all the same."""
        found = [self.run(name, side) for name, side in sides.items()]
        assert all(one == found[0] for one in found), found
        return found[0]

    def ratio(self, upper: str, lower: str) -> float:
        """The median of the rounds' ratios."""
        return median(one / other for one, other in zip(self.of[upper], self.of[lower], strict=True))


Ratios = dict[str, float]  # by what was run


def worst(what: str, ratios: Ratios, bound: float | None = None, at_least: bool = True) -> Result:
    """The trace with the least (or the largest) ratio."""
    name = (min if at_least else max)(ratios, key=ratios.__getitem__)
    return Result(f"{what}: {name}", ratios[name], "times", bound, at_least)


# -- what is measured ------------------------------------------------------------------------------------
def run_short(geometry: Geometry, trace: list[int]) -> Times:
    """The sides that are not compiled, and pycachesim."""
    times = Times()
    for _ in range(ROUNDS):
        times.run_alike(
            textbook=lambda: textbook(geometry, trace),
            plain=lambda: engine("plain", geometry, trace),
            pycachesim=lambda: pycachesim(geometry, trace),
            numpy=lambda: engine("numpy", geometry, trace),
        )
    return times


def short(found: dict[str, list[int]]) -> list[Result]:
    """The begin of each trace, where neither side is compiled."""
    times = {(name, g.name): run_short(g, trace[:SHORT]) for name, trace in found.items() for g in MACHINES}

    def ratios(upper: str, lower: str) -> Ratios:
        return {", ".join(case): of_case.ratio(upper, lower) for case, of_case in times.items()}

    lines = {case: value for case, value in ratios("textbook", "plain").items() if case.startswith(LINES)}
    return [
        worst("textbook / plain", ratios("textbook", "plain"), 1.2),
        worst("textbook / plain", lines, 4.0),
        worst("pycachesim / plain", ratios("pycachesim", "plain"), 2.0),
        worst("plain / numpy, least", ratios("plain", "numpy")),
        worst("plain / numpy, most", ratios("plain", "numpy"), at_least=False),
    ]


def run_long(trace: list[int]) -> dict[str, Times]:
    """The curve; and on each machine the textbook, and what is compiled."""
    array, curves = np.array(trace, dtype=np.uint64), Times()
    times = {geometry.name: Times() for geometry in MACHINES}
    for _ in range(LONG_ROUNDS):
        misses = curves.run("curve", lambda: all_sizes(trace))
        for geometry in MACHINES:
            l1, _walks = run_compiled(times[geometry.name], geometry, trace, array)
            if geometry.l1[0].sets == 1:  # fully associative: one of the curve's sizes
                assert misses[geometry.l1[0].entries] == l1
    for of_machine in times.values():
        of_machine.of |= curves.of
    return times


def run_compiled(times: Times, geometry: Geometry, trace: list[int], array: vector.Ints) -> Found:
    """One round."""
    return times.run_alike(
        textbook=lambda: textbook(geometry, trace),
        plain=lambda: engine("plain", geometry, trace),
        numba=lambda: engine("numba", geometry, array),
        at_once=lambda: pycachesim(geometry, trace, one_by_one=False),
    )


def long(found: dict[str, list[int]]) -> list[Result]:
    """Whole traces: what is compiled, and the curve of all sizes."""
    times = {f"{name}, {machine}": of for name, trace in found.items() for machine, of in run_long(trace).items()}
    million = median(one for of_case in times.values() for one in of_case.of["numba"])

    def ratios(upper: str, lower: str) -> Ratios:
        return {case: of_case.ratio(upper, lower) for case, of_case in times.items()}

    return [
        worst("textbook / numba", ratios("textbook", "numba"), 25.0),
        Result("numba: a million accesses, median of all", million * 1e3, "ms"),
        worst("pycachesim, a list at once / numba", ratios("at_once", "numba")),
        worst("pycachesim, a list at once / plain", ratios("at_once", "plain")),
        worst("curve, 1 to 4096 entries / plain", ratios("curve", "plain"), 2.5, at_least=False),
    ]


FORMS: dict[str, Callable[[Geometry, int], object]] = {
    "sequential": lambda geometry, length: sequential(geometry, PAGE, length),
    "strided": lambda geometry, length: strided(geometry, PAGE, length // (3 * PAGE), 3 * PAGE),
    "uniform": lambda geometry, length: uniform(geometry, PAGE, length, ACCESSES),
}


def microseconds(form: str, geometry: Geometry, length: int) -> float:
    """Of one call."""

    def calls() -> None:
        for _ in range(CALLS):
            FORMS[form](geometry, length)

    return median(seconds(calls) for _ in range(ROUNDS)) / CALLS * 1e6


def closed_forms() -> Result:
    """The slowest of the forms, machines and buffers."""
    cases = product(FORMS, MACHINES, (100 << 10, 3 * MIB + 64, GIB))
    found = {(form, geometry.name, length): microseconds(form, geometry, length) for form, geometry, length in cases}
    form, machine, length = max(found, key=found.__getitem__)
    return Result(f"closed form: {form}, {machine}, {length >> 10} KB", found[form, machine, length], "us", 20.0)


def measure() -> list[Result]:
    """Compiled first; then rounds that alternate."""
    found = traces()
    for geometry in MACHINES:
        engine("numba", geometry, np.array(found[LINES][:1000], dtype=np.uint64))
    return [*short(found), *long(found), closed_forms()]
