"""The answers of the TLB model, as sheets: entries, reach, and the misses of a program with every TLB size."""

from functools import lru_cache

from ..core.units import GIB, MIB, count, format_size
from ..tlb.distances import curve
from ..tlb.geometry import FULL, Array, Geometry, own
from ..tlb.machines import GEOMETRIES
from ..tlb.programs import program
from ..tlb.reach import HOSTS, Cost, Need, cost, needs
from ..tlb.simulate import Counts, simulate
from ..tlb.trace import lookups
from ..tlb.walk import PAGING, SIZE_2M, SIZE_4K
from .bars import Bar, bars
from .chart import Axis, Line, chart, corners, upwards
from .sheet import Sheet
from .tables import Table

SMALLEST, LARGEST = 64 << 10, 64 * GIB  # bytes of a buffer on the axis
SIZE_TICKS = [(64 << 10 << i, format_size(64 << 10 << i)) for i in range(0, 21, 2)]
STYLES = {SIZE_4K: 0, SIZE_2M: 1, GIB: 2}
TLB_MOST = 4096


# -- entries -------------------------------------------------------------------------------------------------
def entries(pages: int, geometry: str) -> Sheet:
    """``pages`` of 2 MB, and the same bytes in the other sizes: TLB entries and page faults side by side."""
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
        [bars("TLB entries needed, and there", [_bar(row) for row in rows], max(small.pages, 4096))],
        [(f"{cpu.title}. Source: {cpu.source}. {' '.join(cpu.notes)}", table)],
        "from hugelab.tlb import GEOMETRIES\nfrom hugelab.tlb.reach import needs\n\n"
        f'needs(GEOMETRIES["{geometry}"], {length})',
    )


def _bar(row: Need) -> Bar:
    return Bar(f"{format_size(row.size)} pages", row.entries[0], row.room)


# -- reach ---------------------------------------------------------------------------------------------------
HUGE = {"2 MB": SIZE_2M, "1 GB": GIB}


def reach(buffer: int, pattern: str, pages: str, geometry: str, host: str) -> Sheet:
    """A buffer of so many bytes under a pattern: walks and what they read, against the size of the buffer.

    ``pages`` are the huge pages that the sentence and the numbers compare with 4 KB pages; the pictures have all.
    """
    cpu = GEOMETRIES[geometry]
    here = [cost(cpu, size, buffer, pattern, HOSTS[host]) for size in cpu.sizes]
    walks, reads = _curves(geometry, pattern, host)
    of = {one.size: (_number(1000 * one.walks), _number(1000 * one.reads)) for one in here}
    small, huge = of[SIZE_4K], of.get(HUGE[pages], ("-", "-"))
    x = Axis("buffer", SMALLEST, LARGEST, SIZE_TICKS, logarithmic=True)
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
        [
            chart("Walks of 1,000 accesses", walks, x, upwards(walks), buffer),
            chart("Memory references of these walks", reads, x, upwards(reads), buffer),
        ],
        [(f"{cpu.title}. {' '.join(cpu.notes)}", _costs(cpu, here, HOSTS[host]))],
        "from hugelab.tlb import GEOMETRIES\nfrom hugelab.tlb.reach import cost\n\n"
        f'cost(GEOMETRIES["{geometry}"], {HUGE[pages] if HUGE[pages] in of else SIZE_4K}, {buffer}, "{pattern}", '
        f"{HOSTS[host]})",
    )


@lru_cache(maxsize=64)
def _curves(geometry: str, pattern: str, host: str) -> tuple[list[Line], list[Line]]:
    """Walks, and their references, of 1,000 accesses, for each page size."""
    cpu, walks, reads = GEOMETRIES[geometry], [], []
    buffers = [round(SMALLEST * 2 ** (step / 4)) >> 12 << 12 for step in range(81)]
    for size in cpu.sizes:
        found = [(buffer, cost(cpu, size, buffer, pattern, HOSTS[host])) for buffer in buffers]
        walks.append(Line(f"{format_size(size)}", STYLES[size], [(b, 1000 * one.walks) for b, one in found]))
        reads.append(Line(f"{format_size(size)}", STYLES[size], [(b, 1000 * one.reads) for b, one in found]))
    return walks, reads


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
    if abs(value - round(value)) < 1e-6 or value >= 1000:
        return f"{round(value):,}"
    return f"{value:.3g}"


# -- every size --------------------------------------------------------------------------------------------
def tlb_size(name: str, l1: int, l1_ways: str, l2: int, l2_ways: str) -> Sheet:
    """A program with its data in 4 KB pages and in 2 MB pages: misses of every TLB size, and of this one."""
    cpu = own(l1, l1_ways, l2, l2_ways)
    found = {size: _simulated(name, size, l1, l1_ways, l2, l2_ways) for size in (SIZE_4K, SIZE_2M)}
    small, huge = (found[size][1].total for size in (SIZE_4K, SIZE_2M))
    total = small.accesses
    lines = [Line(f"data in {format_size(size)}", STYLES[size], _misses(name, size)) for size in (SIZE_4K, SIZE_2M)]
    x = Axis(
        "entries of a fully associative TLB",
        1,
        TLB_MOST,
        [(1 << i, f"{1 << i:,}") for i in range(13)],
        logarithmic=True,
    )
    words = (
        f"{name.capitalize()}, {total:,} accesses, the second time: {small.walks:,} walk with the data in "
        f"4 KB pages, {huge.walks:,} with the data in 2 MB pages and the rest in 4 KB pages."
    )
    rows = [row for size, passes in found.items() for row in _counted(size, passes)]
    form = f"Simulated: first level {_form(cpu.l1[0])}, second level {_form(cpu.l2[0]) if cpu.l2 else 'none'}"
    behind = [(l2, "second level")] if l2 else []  # what is in the first level is in the second, too
    return Sheet(
        "tlb-size",
        words,
        [("small", "walks, 4 KB", f"{small.walks:,}"), ("huge", "walks, 2 MB", f"{huge.walks:,}")],
        [chart("Misses of 1,000 accesses, first pass", lines, x, upwards(lines), l1, behind)],
        [(form, Table(("data in", "pass", "pages of", "accesses", "L1 misses", "walks"), rows))],
        "from hugelab.tlb import simulate\nfrom hugelab.tlb.geometry import own\n"
        "from hugelab.tlb.programs import program\n\n"
        f'one = program("{name}")\n'
        f'simulate(one.addresses, one.space({SIZE_2M}), own({l1}, "{l1_ways}", {l2}, "{l2_ways}"), passes=2)',
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
    return [(i + 1, 1000 * found[i + 1] / len(one.addresses)) for i in corners(found[1:])]


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
