"""Charts, read back as a reader does: every point and every bar is the number of the package, on the axis it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from math import log10
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugelab.core.units import format_size
from hugelab.measure.recorded import recorded
from hugelab.measure.result import PAGE
from hugelab.tlb import GEOMETRIES, curve
from hugelab.tlb.geometry import FULL, own
from hugelab.tlb.programs import PROGRAMS, program
from hugelab.tlb.reach import CHASE, HOSTS, PATTERNS, cost, needs
from hugelab.tlb.trace import lookups
from hugelab.views import tlb
from hugelab.views.measured import HUGE, NAMES, measured, nothing
from hugelab.views.plots import charts
from hugelab.views.plots.charts import FREE, MISSING, RESERVED, USED, Chart, Part
from hugelab.views.plots.figure import figure
from hugelab.views.tables import Table

MIB = 1 << 20
MACHINE = next(iter(recorded().values()))


def check(made: dict[str, Any] | None) -> dict[str, Any]:
    """Plain JSON without a colour, plotly takes it, every trace says its numbers; returns the figure."""
    assert made is not None
    json.dumps(made, allow_nan=False)
    assert not [key for key in keys(made) if "color" in key]
    assert len(figure(made).data) == len(made["data"]) and figure(made).layout.template.layout.colorway
    assert all(trace["hovertemplate"].endswith("<extra></extra>") for _, _, trace in traces(made))
    return made


def keys(made: Any) -> Iterator[str]:
    """All keys of it, at any depth."""
    if isinstance(made, (dict, list)):
        yield from made if isinstance(made, dict) else ()
        for value in made.values() if isinstance(made, dict) else made:
            yield from keys(value)


def traces(made: dict[str, Any]) -> list[tuple[str, int, dict[str, Any]]]:
    """Name, colour (its place in the colorway) and trace of what is drawn, without the words."""
    shown = [(i, trace) for i, trace in enumerate(made["data"]) if "x" in trace and trace.get("mode") != "text"]
    return [(trace["name"], i % charts.COLOURS, trace) for i, trace in shown]


def length(made: dict[str, Any], trace: dict[str, Any], at: int) -> float:
    """The length of a bar as a part of the width of its chart."""
    low, high = map(float, made["layout"]["xaxis"]["range"])
    begin, end = float(trace["base"][at]), float(trace["base"][at] + trace["x"][at])
    if made["layout"]["xaxis"].get("type") == "log":
        return (log10(end) - max(low, log10(begin) if begin else low)) / (high - low)
    return (end - begin) / (high - low)


# -- entries -----------------------------------------------------------------------------------------
def test_five_against_2560_is_seen() -> None:
    """On the linear axis a length is a number; on the other one it is not, but 1 is still seen."""
    made = check(tlb.entries(5, "lesson", "linear").figure)
    (_, _, needed), *_ = traces(made)
    assert needed["x"] == [2560, 5] and made["layout"]["xaxis"]["range"][0] == 0
    assert length(made, needed, 0) / length(made, needed, 1) == pytest.approx(512)
    assert length(made, needed, 0) == 1, "the longest one has all the room"
    made = check(tlb.entries(1, "Zen 4", "logarithmic").figure)
    (_, _, needed), *_ = traces(made)
    assert needed["x"] == [512, 1, 1] and 0.05 < length(made, needed, 1) < length(made, needed, 0) < 512 / 5


@pytest.mark.parametrize("scale", ["linear", "logarithmic"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_entries(geometry: str, scale: str) -> None:
    """The bars are needs(), each in its row with its number behind it; no bar is longer than the chart."""
    rooms = set()
    for pages in (1, 5, 33, 2560, 1 << 20):
        made = check(tlb.entries(pages, geometry, scale).figure)
        found = needs(GEOMETRIES[geometry], pages * 2 * MIB)
        expected = [[need.entries[0] for need in found], *([need.room[level] for need in found] for level in (0, 1))]
        assert [trace["x"] for _, _, trace in traces(made)] == expected
        assert {name: colour for name, colour, _ in traces(made)} == {
            "needed": USED, "room in L1": FREE, "room in L2": RESERVED,
        }  # fmt: skip
        names, words = made["layout"]["yaxis"]["ticktext"], made["data"][-1]["text"]
        for name, _, trace in traces(made):
            for row, number, said, need in zip(trace["y"], trace["x"], trace["customdata"], found, strict=True):
                assert names[row] == (f"{format_size(need.size)} pages" if name == "needed" else name)
                assert words[row].strip() == (f"{number:,}" if number else "none") and said == f"{number:,} entries"
        assert max(length(made, trace, i) for _, _, trace in traces(made) for i, n in enumerate(trace["x"]) if n) <= 1
        rooms.add(json.dumps([made["layout"]["height"], made["layout"]["margin"], made["layout"]["yaxis"]["range"]]))
    assert len(rooms) == 1


# -- lines -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("geometry", ["lesson", "Skylake", "Zen 2", "Cortex-A72"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_reach(pattern: str, geometry: str) -> None:
    """Every point is cost(); a page size has its colour and its dashes in both charts; the marker is at the buffer."""
    cpu = GEOMETRIES[geometry]
    for host in HOSTS:
        made = check(tlb.reach(10 * MIB, pattern, "2 MB", geometry, host).figure)
        assert [shape["x0"] for shape in made["layout"]["shapes"]] == [10 * MIB]
        lines = traces(made)
        assert [(name, trace["yaxis"]) for name, _, trace in lines] == [
            (format_size(size), axis) for axis in ("y", "y2") for size in cpu.sizes
        ]
        looks = {(name, colour, trace["line"]["dash"]) for name, colour, trace in lines}
        assert len(looks) == len({dash for *_, dash in looks}) == len({look[1] for look in looks}) == len(cpu.sizes)
        for size, (_, _, trace) in zip(cpu.sizes * 2, lines, strict=True):
            assert (trace["x"][0], trace["x"][-1], len(trace["x"])) == (64 << 10, 64 << 30, 81)
            for buffer, y, said in zip(trace["x"], trace["y"], trace["customdata"], strict=True):
                one = cost(cpu, size, buffer, pattern, HOSTS[host])
                assert y == 1000 * (one.walks if trace["yaxis"] == "y" else one.reads)
                assert said == format_size(buffer)
            axis = made["layout"]["yaxis" + trace["yaxis"][1:]]
            assert axis["range"][0] == 0 and max(trace["y"]) <= axis["range"][1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_tlb_size(name: str) -> None:
    """The line has the misses of every number of entries, also between its points; both levels are marked."""
    made = check(tlb.tlb_size(name, 32, "4", 512, "8").figure)
    assert [shape["x0"] for shape in made["layout"]["shapes"]] == [32, 512]
    one = program(name)
    for size, (_, _, trace) in zip((4096, 2 * MIB), traces(made), strict=True):
        found = curve(lookups(one.addresses, one.space(size), own(64, FULL, 0, FULL)).codes, 4096)
        points = list(zip(trace["x"], trace["y"], strict=True))
        assert (points[0][0], points[-1][0]) == (1, 4096)
        for (entries, misses), (then, later) in pairwise(points):
            assert then == entries + 1 or misses == later, "a line that is not level has a point at each number"
            assert {1000 * found[at] / len(one.addresses) for at in range(entries, then)} == {misses}
        assert points[-1][1] == 1000 * found[4096] / len(one.addresses)
    assert len(tlb.tlb_size(name, 32, "4", 0, "8").figure["layout"]["shapes"]) == 1  # type: ignore[index]


@pytest.mark.parametrize("pages", HUGE)
def test_measured(pages: str) -> None:
    """Times are those of the record, on doublings that reach around them; references are cost()."""
    made = check(measured(MACHINE, "Here", pages, "Zen 4").figure)
    times, reads = (traces(made)[i : i + 2] for i in (0, 2))
    fractured = next(probe.fractured for probe in MACHINE.fracture if probe.kind == HUGE[pages])
    host = 4096 if fractured else 2 * MIB
    for (name, _, time), (_, _, read), kind in zip(times, reads, ("4K", HUGE[pages]), strict=True):
        assert name == NAMES[kind] and time["x"] == read["x"]
        for size, ns, references in zip(time["x"], time["y"], read["y"], strict=True):
            load = MACHINE.find_load(size, kind)
            assert load is not None and ns == load.ns.median
            assert references == 1000 * cost(GEOMETRIES["Zen 4"], PAGE[kind], size, CHASE, host).reads
    axis = made["layout"]["yaxis"]
    values = [y for _, _, trace in times for y in trace["y"]]
    assert axis["type"] == "log" and axis["tickvals"][0] <= min(values) and max(values) <= axis["tickvals"][-1]
    assert all(high == 2 * low for low, high in pairwise(axis["tickvals"]))


def test_nothing_to_compare() -> None:
    """Two empty charts, as large as full ones."""
    empty, full = (
        check(sheet.figure)["layout"]
        for sheet in (
            nothing("Here", "4K", "no reason", Table(("buffer",), [])),
            measured(MACHINE, "Here", "2 MB (hugetlb)", "Zen 4"),
        )
    )
    assert (empty["height"], empty["margin"]) == (full["height"], full["margin"])


def test_marks_do_not_leave_the_chart() -> None:
    """The word of a mark near the right edge is on its left; two words stand under each other."""
    axis = charts.log_axis([1, 10, 100], str)
    made = charts.lines([Chart("A chart", {"a": [(1, 2.0)]}, {}, "b")], axis, str, [(5, "one"), (90, "two")])
    title, one, two = check(made)["layout"]["annotations"]
    assert (title["text"], one["xanchor"], two["xanchor"]) == ("A chart", "left", "right")
    assert one["x"] == log10(5) and two["yshift"] <= one["yshift"] - 12


# -- bars --------------------------------------------------------------------------------------------
def test_bars() -> None:
    """The parts of a row lie one after another, from where it starts; a part that a row lacks takes no room."""
    parts = [Part("a", MISSING, [1, None]), Part("b", FREE, [2, 3]), Part("c", RESERVED, [None, 4])]
    made = check(charts.bars("T", [("r", "x"), ("s", "y")], parts, charts.count_axis(14), str, (9, 8, 3), [0, 7]))
    drawn = {name: (trace["y"], trace["base"], trace["x"], colour) for name, colour, trace in traces(made)}
    assert drawn == {
        "a": ([0], [0], [1], MISSING),
        "b": ([0, 1], [1, 7], [2, 3], FREE),
        "c": ([1], [10], [4], RESERVED),
    }
    assert made["data"][-1]["x"] == [3, 14] and made["layout"]["barmode"] == "overlay"
    patterns = {name: trace["marker"]["pattern"]["shape"] for name, _, trace in traces(made)}
    assert len(set(patterns.values())) == 3
    room = made["layout"]["height"] - made["layout"]["margin"]["t"] - made["layout"]["margin"]["b"]
    assert room == 3 * charts.ROW and made["layout"]["yaxis"]["range"] == [2.5, -0.5]


@given(st.integers(3, 1 << 50))
def test_size_axis(most: int) -> None:
    """From 0, some round sizes that are equally far apart, none beyond the end."""
    axis = charts.size_axis(most)
    ticks = axis["tickvals"]
    assert axis["range"] == [0, most] and ticks[0] == 0 and 4 <= len(ticks) <= 7 and ticks[-1] <= most
    assert len({b - a for a, b in pairwise(ticks)}) == 1
    assert axis["ticktext"] == ["0", *map(format_size, ticks[1:])]


@pytest.mark.parametrize(("value", "said"), [(999.4, "999"), (999.5, "1,000"), (999.97, "1,000"), (0.1234, "0.123")])
def test_numbers_are_never_powers_of_ten(value: float, said: str) -> None:
    """Three digits, also just below 1,000."""
    assert tlb._number(value) == said
