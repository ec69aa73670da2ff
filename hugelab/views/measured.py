"""Measured numbers of a machine, beside the TLB model's expectation for its processor."""

from typing import Any

from ..core.units import format_size
from ..measure import Measured
from ..measure.noise import Spread
from ..measure.result import PAGE, Load
from ..tlb.machines import GEOMETRIES
from ..tlb.reach import CHASE, Cost, cost
from ..tlb.walk import SIZE_1G, SIZE_2M, SIZE_4K
from .plots.charts import Chart, Lines, doublings, lines, log_axis, upwards
from .sheet import Sheet
from .tables import Table

NAMES = {"4K": "4 KB", "THP": "THP", "2M": "2 MB", "1G": "1 GB"}
MEASURE = 'import subprocess, sys\n\nsubprocess.run([sys.executable, "-m", "hugelab", "measure"])'
HUGE = {"2 MB (hugetlb)": "2M", "transparent (THP)": "THP", "1 GB (hugetlb)": "1G"}


def measured(found: Measured, where: str, pages: str, geometry: str) -> Sheet:
    """Huge pages of a kind (HUGE) against 4 KB pages. ``where`` says which machine it is."""
    cpu, kind = GEOMETRIES[geometry], HUGE[pages]
    fractured = is_fractured(found, kind)
    host = _host_page(found, fractured)
    sizes = [load.size for load in found.loads if load.kind == "4K" and found.find_load(load.size, kind)]
    if PAGE[kind] not in cpu.sizes:
        return nothing(where, kind, f"{cpu.title} has none", _touch(found))
    if not sizes:
        return nothing(where, kind, "; ".join(found.notes) or "they were not measured", _touch(found))
    rows: list[list[str]] = []
    predicted: dict[str, list[tuple[int, Cost]]] = {name: [] for name in ("4K", kind)}
    counted = found.counters.available
    for size in sizes:
        small, huge = (_load(found, size, name) for name in ("4K", kind))
        for name in predicted:
            predicted[name].append((size, cost(cpu, PAGE[name], size, CHASE, host)))
        row = [format_size(size), f"{small.ns.median:.2f}", f"{huge.ns.median:.2f}", _spread(huge.gain), huge.verdict]
        row += [f"{1000 * costs[-1][1].walks:.0f}" for costs in predicted.values()]
        row += [_misses(load) for load in (small, huge)] * counted
        rows.append(row)
    names = f"{NAMES[kind]} pages"
    times = {NAMES[name]: [(size, _load(found, size, name).ns.median) for size in sizes] for name in predicted}
    reads = {NAMES[name]: [(size, 1000 * one.reads) for size, one in costs] for name, costs in predicted.items()}
    walk = {name: costs[0][1].references for name, costs in predicted.items()}
    header = ["buffer", "ns, 4 KB", f"ns, {NAMES[kind]}", "times faster", "verdict"]
    header += [f"{what}, {NAMES[name]}" for what in ("walks", "counted")[: 1 + counted] for name in ("4K", kind)]
    machine = f"{found.machine.cpu}, Linux {found.machine.kernel}"
    largest = _load(found, max(sizes), kind)
    return Sheet(
        "measured",
        f"{where}: random loads in {format_size(max(sizes))} are {largest.gain.median:.2f} times as fast with {names} "
        f"as with 4 KB pages; verdict: {largest.verdict}. {_about(fractured)}",
        [
            ("gain", "times faster", f"{largest.gain.median:.2f}"),
            ("small", "ns, 4 KB", f"{_load(found, max(sizes), '4K').ns.median:.1f}"),
            ("huge", f"ns, {NAMES[kind]}", f"{largest.ns.median:.1f}"),
        ],
        [],
        [
            (
                f"Measured: {machine}. Expected: walks of 1,000 loads on {cpu.title}; a walk reads {walk['4K']} "
                f"entries with 4 KB pages, {walk[kind]} with {names}.",
                Table(header, rows),
            ),
            ("First touch of every 4 KB", _touch(found)),
        ],
        _python(found),
        _figure(sizes, times, reads, doublings(times)),
    )


def _figure(sizes: list[int], times: Lines, reads: Lines, scale: dict[str, Any]) -> dict[str, Any]:
    """Times on this scale, and references of walks, against the size of the buffer."""
    charts = [
        Chart("Measured: nanoseconds of a random load", times, scale, "ns", "lines+markers"),
        Chart("Expected: what the walks of 1,000 loads read", reads, upwards(reads), "references", "lines+markers"),
    ]
    return lines(charts, log_axis(sizes, format_size, "buffer"), format_size)


def _load(found: Measured, size: int, kind: str) -> Load:
    load = found.find_load(size, kind)
    assert load is not None
    return load


def is_fractured(found: Measured, kind: str) -> bool | None:
    """Does the host back huge pages of this kind with small ones? None: that was not probed."""
    return next((probe.fractured for probe in found.fracture if probe.kind == kind), None)


def _host_page(found: Measured, fractured: bool | None) -> int | None:
    """The page size of the host that the model takes, in bytes; None: there is no host."""
    if fractured:
        return SIZE_4K
    return SIZE_2M if found.machine.hypervisor else None


def _about(fractured: bool | None) -> str:
    if fractured is None:
        return "Whether these pages are fractured was not probed; the model takes them as whole."
    if fractured:
        return "They are fractured here, so the model expects as many walks with them, only shorter ones."
    return "They are whole here."


def _spread(gain: Spread) -> str:
    return f"{gain.median:.2f} ({gain.low:.2f} to {gain.high:.2f})"


def _python(found: Measured) -> str:
    """The code that gives these numbers again: from the record, or by measuring."""
    if not found.name:
        return MEASURE
    return (
        "from hugelab.measure import table\nfrom hugelab.measure.recorded import recorded\n\n"
        f"print(table(recorded()[{found.name!r}]))"
    )


def _misses(load: Load) -> str:
    """The counter's value for 1,000 loads."""
    return "?" if load.misses is None else f"{1000 * load.misses:.0f}"


def _touch(found: Measured) -> Table:
    faults = {(one.size, one.kind): one.faults for one in found.faults}
    rows = []
    for one in found.touch:
        gain = "" if one.kind == "4K" else _spread(one.gain)
        what = f"{format_size(one.size)}, {NAMES[one.kind]}"
        rows.append((what, f"{faults[one.size, one.kind]:,}", f"{1000 * one.seconds.median:.2f}", gain))
    return Table(("buffer", "faults", "ms", "times faster"), rows)


def nothing(where: str, kind: str, why: str, touched: Table) -> Sheet:
    """There is no measurement of this kind of page, or no such page on this processor."""
    return Sheet(
        "measured",
        f"{where}: nothing to compare for {NAMES[kind]} pages: {why}.",
        [("gain", "times faster", "-"), ("small", "ns, 4 KB", "-"), ("huge", f"ns, {NAMES[kind]}", "-")],
        [],
        [("First touch of every 4 KB", touched)],
        MEASURE,
        _figure([SIZE_4K, SIZE_1G], {}, {}, {}),
    )
