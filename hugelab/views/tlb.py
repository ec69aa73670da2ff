"""The answers of the TLB model, as sheets: entries, reach, and the misses of a program with every TLB size."""

from functools import lru_cache
from math import log10
from typing import Any

from ..core.units import GIB, MIB, count, format_size
from ..tlb.distances import curve
from ..tlb.geometry import FULL, Array, Geometry, own
from ..tlb.machines import GEOMETRIES
from ..tlb.programs import program
from ..tlb.reach import HOSTS, Cost, Need, cost, needs
from ..tlb.simulate import Counts, simulate
from ..tlb.trace import lookups
from ..tlb.walk import PAGING, SIZE_2M, SIZE_4K
from .plots.charts import FREE, RESERVED, USED, Chart, Part, bars, count_axis, lines, log_axis, upwards
from .sheet import Sheet
from .tables import Table

SMALLEST = 64 << 10  # bytes of a buffer on the axis, of 20 doublings
TLB_MOST = 4096


# -- entries -------------------------------------------------------------------------------------------------
def entries(pages: int, geometry: str, scale: str) -> Sheet:
    """``pages`` of 2 MB, and the same bytes in the other sizes: TLB entries and page faults side by side.

    The chart's ``scale`` is linear, or logarithmic.
    """
    cpu, length = GEOMETRIES[geometry], pages * SIZE_2M
    rows = needs(cpu, length)
    small, huge = (next(row for row in rows if row.size == size) for size in (SIZE_4K, SIZE_2M))
    words = (
        f"{format_size(length)}: {count(huge.pages, 'page')} of 2 MB or {small.pages:,} of 4 KB, each with a page "
        f"fault at its first touch. That is {huge.entries[0]:,} or {small.entries[0]:,} TLB entries; {cpu.title} has "
        f"{huge.room[0]:,} and {small.room[0]:,} in the first level, {huge.room[1]:,} and {small.room[1]:,} in the "
        f"second."
    )
    table = _by_size(
        "pages of",
        [row.size for row in rows],
        {
            "pages, and faults at the first touch": [f"{row.pages:,}" for row in rows],
            "TLB entries": [f"{row.entries[0]:,}" for row in rows],
            "room in L1": [f"{row.room[0]:,}" for row in rows],
            "room in L2": [f"{row.room[1]:,}" for row in rows],
            "they fit": [("no", "in L1", "in L2")[row.level] for row in rows],
            "references of a walk": [str(PAGING[cpu.paging].levels[row.size]) for row in rows],
            "page-table entries": [format_size(row.tables) for row in rows],
        },
    )
    return Sheet(
        "entries",
        words,
        [("small", "4 KB entries", f"{small.entries[0]:,}"), ("huge", "2 MB entries", f"{huge.entries[0]:,}")],
        [],
        [(f"{cpu.title}. Source: {cpu.source}. {' '.join(cpu.notes)}", table)],
        "from hugelab.tlb import GEOMETRIES\nfrom hugelab.tlb.reach import needs\n\n"
        f'needs(GEOMETRIES["{geometry}"], {length})',
        _entries(rows, scale),
    )


def _entries(rows: list[Need], scale: str) -> dict[str, Any]:
    """Three bars for each page size: the entries that it needs, and the room for them in both levels."""
    bar = {"": USED, "room in L1": FREE, "room in L2": RESERVED}
    names = [name or f"{format_size(row.size)} pages" for row in rows for name in bar]
    numbers = [number for row in rows for number in (row.entries[0], *row.room)]
    parts = [
        Part(name or "needed", colour, [number if i % 3 == place else None for i, number in enumerate(numbers)])
        for place, (name, colour) in enumerate(bar.items())
    ]
    most = max(numbers)
    axis = count_axis(most)
    if scale == "logarithmic":  # 1 begins at a half, so that it is seen
        ticks = log_axis([10**i for i in range(0, 10, 1 if most < 10**5 else 2)], "{:,}".format)
        axis = {**ticks, "range": [log10(0.5), log10(most)]}
    told = [(name, f"{number:,}" if number else "none") for name, number in zip(names, numbers, strict=True)]
    return bars("TLB entries needed, and there", told, parts, axis, "{:,} entries".format, (92, 92, 9))


# -- reach ---------------------------------------------------------------------------------------------------
HUGE = {"2 MB": SIZE_2M, "1 GB": GIB}


def reach(buffer: int, pattern: str, pages: str, geometry: str, host: str) -> Sheet:
    """A buffer of so many bytes under a pattern: walks and what they read, against the size of the buffer.

    ``pages`` are the huge pages that the sentence and the numbers compare with 4 KB pages; the pictures have all.
    """
    cpu = GEOMETRIES[geometry]
    here = [cost(cpu, size, buffer, pattern, HOSTS[host]) for size in cpu.sizes]
    axis = log_axis([SMALLEST << i for i in range(0, 21, 2)], format_size, "buffer")
    of = {one.size: (_number(1000 * one.walks), _number(1000 * one.reads)) for one in here}
    small, huge = of[SIZE_4K], of.get(HUGE[pages], ("-", "-"))
    words = (
        f"{format_size(buffer)}, {pattern}, on {cpu.title}, {host}: of 1,000 accesses "
        f"{small[0]} walk with 4 KB pages and {huge[0]} with {pages} pages, once the TLB is warm."
        + (f" (It has no {pages} pages here.)" if HUGE[pages] not in of else "")
    )
    return Sheet(
        "reach",
        words,
        [
            ("small", "walks of 1,000 with 4 KB", small[0]),
            ("huge", f"with {pages}", huge[0]),
            ("small-reads", "what they read with 4 KB", small[1]),
            ("huge-reads", f"with {pages}", huge[1]),
        ],
        [],
        [(f"{cpu.title}. {' '.join(cpu.notes)}", _costs(cpu, here, HOSTS[host]))],
        "from hugelab.tlb import GEOMETRIES\nfrom hugelab.tlb.reach import cost\n\n"
        f'cost(GEOMETRIES["{geometry}"], {HUGE[pages] if HUGE[pages] in of else SIZE_4K}, {buffer}, "{pattern}", '
        f"{HOSTS[host]})",
        lines(_charts(geometry, pattern, host), axis, format_size, [(buffer, format_size(buffer))]),
    )


@lru_cache(maxsize=64)
def _charts(geometry: str, pattern: str, host: str) -> list[Chart]:
    """Walks, and their references, of 1,000 accesses, for each page size."""
    cpu, walks, reads = GEOMETRIES[geometry], {}, {}
    buffers = [round(SMALLEST * 2 ** (step / 4)) >> 12 << 12 for step in range(81)]
    for size in cpu.sizes:
        found = [(buffer, cost(cpu, size, buffer, pattern, HOSTS[host])) for buffer in buffers]
        walks[format_size(size)] = [(buffer, 1000 * one.walks) for buffer, one in found]
        reads[format_size(size)] = [(buffer, 1000 * one.reads) for buffer, one in found]
    return [
        Chart("Walks of 1,000 accesses", walks, upwards(walks), "walks"),
        Chart("Memory references of these walks", reads, upwards(reads), "references"),
    ]


def _costs(cpu: Geometry, here: list[Cost], host: int | None) -> Table:
    """The misses in both passes, what a walk costs, and the reach."""
    seen = [cpu.reach(one.size if host is None else min(one.size, host)) for one in here]
    first, later = ([one.misses.walks[number] for one in here] for number in (0, 1))
    return _by_size(
        "pages of",
        [one.size for one in here],
        {
            "first pass, from an empty TLB: L1 misses": [_number(one.misses.l1[0].total) for one in here],
            "first pass: walks": [_number(misses.total) for misses in first],
            "later pass: L1 misses": [_number(one.misses.l1[1].total) for one in here],
            "later pass: walks": [_number(misses.total) for misses in later],
            "of these for capacity": [_number(misses.capacity) for misses in later],
            "of these for conflicts": [_number(misses.conflict) for misses in later],
            "references of a walk": [str(one.references) for one in here],
            "reach of L1": [format_size(reach) for reach, _ in seen],
            "reach of L2": [format_size(reach) if reach else "none" for _, reach in seen],
        },
    )


def _by_size(name: str, sizes: list[int], rows: dict[str, list[str]]) -> Table:
    """A column for each page size."""
    return Table((name, *map(format_size, sizes)), [(what, *cells) for what, cells in rows.items()])


def _number(value: float) -> str:
    """Whole where it is, else three digits."""
    if abs(value - round(value)) < 1e-6 or value >= 999.5:
        return f"{round(value):,}"
    return f"{value:.3g}"


# -- every size --------------------------------------------------------------------------------------------
def tlb_size(name: str, l1: int, l1_ways: str, l2: int, l2_ways: str) -> Sheet:
    """A program with its data in 4 KB pages and in 2 MB pages: misses of every TLB size, and of this one."""
    cpu = own(l1, l1_ways, l2, l2_ways)
    found = {size: _simulated(name, size, l1, l1_ways, l2, l2_ways) for size in (SIZE_4K, SIZE_2M)}
    small, huge = (found[size][1].total for size in (SIZE_4K, SIZE_2M))
    total = small.accesses
    misses = {f"data in {format_size(size)}": _misses(name, size) for size in (SIZE_4K, SIZE_2M)}
    axis = log_axis([1 << i for i in range(13)], "{:,}".format, "entries of a fully associative TLB")
    charts = [Chart("Misses of 1,000 accesses, first pass", misses, upwards(misses), "misses")]
    words = (
        f"{name.capitalize()}, {total:,} accesses, the second time: {small.walks:,} walk with the data in "
        f"4 KB pages, {huge.walks:,} with the data in 2 MB pages and the rest in 4 KB pages."
    )
    rows = [row for size, passes in found.items() for row in _counted(size, passes)]
    form = f"Simulated: first level {_form(cpu.l1[0])}, second level {_form(cpu.l2[0]) if cpu.l2 else 'none'}"
    marks = [(l1, "first level"), (l2, "second level")][: 1 + bool(l2)]  # what is in the first is in the second, too
    return Sheet(
        "tlb-size",
        words,
        [("small", "walks, 4 KB", f"{small.walks:,}"), ("huge", "walks, 2 MB", f"{huge.walks:,}")],
        [],
        [(form, Table(("data in", "pass", "pages of", "accesses", "L1 misses", "walks"), rows))],
        "from hugelab.tlb import simulate\nfrom hugelab.tlb.geometry import own\n"
        "from hugelab.tlb.programs import program\n\n"
        f'one = program("{name}")\n'
        f'simulate(one.addresses, one.space({SIZE_2M}), own({l1}, "{l1_ways}", {l2}, "{l2_ways}"), passes=2)',
        lines(charts, axis, "{:,} entries".format, marks),
    )


@lru_cache(maxsize=256)
def _simulated(name: str, size: int, l1: int, l1_ways: str, l2: int, l2_ways: str) -> list[Counts]:
    one = program(name)
    return simulate(one.addresses, one.space(size), own(l1, l1_ways, l2, l2_ways), passes=2)


@lru_cache(maxsize=32)
def _misses(name: str, size: int) -> list[tuple[float, float]]:
    """Misses of 1,000 accesses with 1 to TLB_MOST entries; of equal ones the first and the last."""
    one = program(name)
    found = curve(lookups(one.addresses, one.space(size), own(64, FULL, 0, FULL)).codes, TLB_MOST, engine="plain")
    at = [i for i in range(1, TLB_MOST + 1) if i in (1, TLB_MOST) or not found[i - 1] == found[i] == found[i + 1]]
    return [(i, 1000 * found[i] / len(one.addresses)) for i in at]


def _counted(size: int, passes: list[Counts]) -> list[tuple[str, ...]]:
    rows = []
    for number, counts in enumerate(passes, 1):
        for page in (SIZE_4K, SIZE_2M):
            if page in counts.of:
                numbers = (f"{n:,}" for n in counts.of[page])
                rows.append((format_size(size), str(number), format_size(page), *numbers))
    return rows


def _form(array: Array) -> str:
    ways = "fully associative" if array.sets == 1 else f"{array.ways} ways"
    return f"{array.entries:,} entries, {ways}"


def buffers() -> list[int]:
    """The sizes of a buffer that a slider has: doublings, and the lesson's 10 MB. Bytes."""
    return sorted({*(SMALLEST << i for i in range(21)), 10 * MIB})
