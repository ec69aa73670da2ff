"""The pool plot, read back from plotly's dict: its traces, marks and words are the recording's counters."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings

from hugelab import LESSON, MACHINES, X86_64, Recording, Scenario, lesson, run
from hugelab.core.state import Counters
from hugelab.core.units import GIB, MIB, format_size
from hugelab.linux.names import function_name
from hugelab.record.refusal import first_refusal
from hugelab.record.timeline import Timeline, of_one, of_two, shown_of_one
from hugelab.views.plots import pool
from hugelab.views.theme import TEMPLATES
from tests.programs import scenarios
from tests.views.read import CASE, CASES

FOOT = 560 - pool.LEFT - pool.RIGHT  # pixels of a plot as wide as it is at most
# Where more is reserved than free, and where the reservation falls below zero.
SHORT, SLIPPED = "mount_min_size_takes_surplus", "quirk_fork_parent_munmap_first_underflow"


def traces(made: dict[str, Any], number: int = 0) -> dict[str, dict[str, Any]]:
    """Counter -> trace, of one pool of a plot."""
    mine = [trace for trace in made["data"] if trace["yaxis"] == f"y{number + 1 if number else ''}"]
    found = {trace["name"].partition(",")[0]: trace for trace in mine}
    assert len(found) == len(mine) == len(pool.NUMBERS)
    return found


def wanted(now: Counters) -> dict[str, int]:
    """What a plot says of a pool, in pages; a reservation of 2**64 - n is -n."""
    rsvd = (now.rsvd + 2**63) % 2**64 - 2**63
    used = {"total": now.total, "in use": now.total - now.free, "free": now.free, "surp": now.surp}
    return {**used, "rsvd": rsvd, "available": now.free - rsvd}


def check(timeline: Timeline, side: int = 0) -> dict[str, Any]:
    """Every number of a plot against the recording, at each of its points."""
    recording, events = timeline.recordings[side], timeline.events[side]
    made = pool.pool(timeline, side)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    positions = pool.points(timeline, side)
    places = [timeline.place(position) for position in positions]
    axis = made["layout"]["xaxis"]
    assert axis["tickvals"] == places and axis["range"] == [0, 1] and not axis["showticklabels"]
    for position, heading in zip(positions, axis["ticktext"], strict=True):
        event = recording.event(events[position])
        words = f"event {event.index}: {function_name(event.name, recording.machine.version)}"
        assert heading == (f"{words} = {event.result}" if event.result else words)
    sizes = pool.pools(recording)
    assert len(made["data"]) == len(sizes) * len(pool.NUMBERS)
    for number, size in enumerate(sizes):
        found = traces(made, number)
        true = [wanted(recording.counters(events[position], size)) for position in positions]
        for name, trace in found.items():
            assert trace["x"] == places
            assert trace["y"] == [pages[name] for pages in true], name
            assert trace["customdata"] == [pages[name] * size // MIB for pages in true], name
        stacked = [name for name in found if "stackgroup" in found[name]]
        assert stacked == ["available", "rsvd", "in use"], "from the axis up"
        assert len({found[name]["stackgroup"] for name in stacked}) == 1
        low, high = made["layout"][f"yaxis{number + 1 if number else ''}"]["range"]
        for pages in true:
            assert pages["available"] + pages["rsvd"] == pages["free"]
            assert pages["free"] + pages["in use"] == pages["total"], "the areas end at the lines of free and total"
            assert low <= min(pages.values()) and max(pages.values()) <= high
        labels(made, number, size)
    return made


def labels(made: dict[str, Any], number: int, size: int) -> None:
    """Evenly and few, from zero on; each says its pages, and what they are in bytes."""
    axis = made["layout"][f"yaxis{number + 1 if number else ''}"]
    ticks = axis["tickvals"]
    assert 0 in ticks and len({b - a for a, b in pairwise(ticks)}) <= 1 and 2 <= len(ticks) <= 7
    for pages, text in zip(ticks, axis["ticktext"], strict=True):
        said, _, room = text.replace("<br>= ", " = ").partition(" = ")
        assert int(said.replace(",", "")) == pages
        assert room == (format_size(pages * size) if pages else "")
        assert not pages or room.endswith((" MB", " GB", " TB"))


def notes(made: dict[str, Any], y: int) -> list[dict[str, Any]]:
    """The words below the plot (y 0), or at its upper edge (y 1)."""
    return [note for note in made["layout"]["annotations"] if note["yref"] == "paper" and note["y"] == y]


# -- every point is true -------------------------------------------------------------------------------
@given(scenarios())
@settings(max_examples=30)
def test_a_random_program(scenario: Scenario) -> None:
    """Whatever a program does: the plot says what the counters say, at every event."""
    recording = run(scenario)
    made = check(of_one(recording))
    assert len(made["data"][0]["x"]) == len(recording)
    check(shown_of_one(recording))


@given(scenarios(), scenarios())
@settings(max_examples=12)
def test_two_random_programs_beside_each_other(left: Scenario, right: Scenario) -> None:
    """Each side's plot is its own recording's, over the timeline that both share."""
    timeline = of_two(run(left), run(right))
    one, other = check(timeline, 0), check(timeline, 1)
    assert [shape["x0"] for shape in one["layout"]["shapes"]] == [shape["x0"] for shape in other["layout"]["shapes"]]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_recorded_case(case: Scenario) -> None:
    """The cases of the real kernel: with forks, surplus pages, mounts, and kernel bugs; every event is a point."""
    timeline = of_one(run(case))
    check(timeline)
    assert pool.points(timeline) == list(range(len(timeline)))


@pytest.mark.parametrize(("name", "least"), [(SHORT, -2), (SLIPPED, -2)])
def test_what_is_below_zero_stays_so(name: str, least: int) -> None:
    """More reserved than free, or a reservation that sysfs shows as 2**64 - 2: -2, in the plot and in words."""
    recording = run(CASE[name])
    found = traces(check(of_one(recording)))
    trace = found["available" if name == SHORT else "rsvd"]
    assert min(trace["y"]) == least and trace["customdata"][trace["y"].index(least)] == 2 * least
    assert f"{'available' if name == SHORT else 'rsvd'} -2" in pool.caption(recording, trace["y"].index(least))
    assert max(max(trace["y"]) for trace in found.values()) < 100


# -- many pages ----------------------------------------------------------------------------------------
def test_a_million_pages_are_few_points() -> None:
    """Some hundreds of twelve million events, each of them true; in between the pool goes in equal steps."""
    timeline = of_one(run(lesson(1_000_000, 1_000_000), X86_64))
    made = check(timeline)
    assert len(timeline) > 10_000_000
    assert len(made["data"][0]["x"]) < 1000 and len(json.dumps(made)) < 200_000
    assert made["layout"]["yaxis"]["ticktext"][1].startswith("262,144<br>= ")


@pytest.mark.parametrize("pages", [60, 1000, 1_000_000])
def test_the_points_of_a_ramp_lie_on_it(pages: int) -> None:
    """While pages are faulted in, the free ones fall in a straight line over the places; no point is beside it."""
    recording = run(lesson(pages, pages), X86_64)
    timeline, touch = of_one(recording), recording.steps[2]
    found = traces(pool.pool(timeline))["free"]
    begin, end = (timeline.place(at) for at in (touch.first, touch.last))
    inside = [(x, y) for x, y in zip(found["x"], found["y"], strict=True) if begin <= x <= end]
    ramp = [(x, y) for x, y in inside if 0 < y < pages]
    assert len(ramp) > 50
    (x0, y0), (x1, y1) = ramp[0], ramp[-1]
    for x, y in ramp:
        assert y == pytest.approx(y0 + (y1 - y0) * (x - x0) / (x1 - x0), abs=1.01)
    assert max(b - a for (a, _), (b, _) in pairwise(ramp)) < (end - begin) / 30, "no part of it is without points"


@pytest.mark.parametrize("pages", [40, 100, 5000])
def test_points_are_left_out_only_where_nothing_changes(pages: int) -> None:
    """Of a long recording: between two points of one stretch of equal events, or where both neighbours are equal."""
    recording = run(lesson(pages, pages), X86_64)
    timeline = of_one(recording)
    shown = pool.points(timeline)
    assert shown == sorted(set(shown)) and shown[0] == 0 and shown[-1] == len(timeline) - 1
    assert (len(shown) == len(timeline)) == (len(timeline) <= pool.ALL)
    for a, b in pairwise(shown):
        if recording.place(a)[0] == recording.place(b)[0] and recording.rows[recording.place(a)[0]].n > pool.UNITS:
            continue
        assert len({recording.counters(index) for index in range(a, b)}) == 1, (a, b)


# -- two pools -----------------------------------------------------------------------------------------
def test_each_page_size_with_pages_has_its_plot() -> None:
    """The default size always; 1 GB pages from the moment anybody has any, below it, with their own counters."""
    assert pool.pools(run(lesson())) == [X86_64.sizes[0]]
    recording = run(Scenario("giants").then("set_nr", n=3, hsize="1G").then("set_nr", n=1, hsize="1G"))
    assert pool.pools(recording) == list(X86_64.sizes)
    one, made = check(of_one(run(lesson()))), check(of_one(recording))
    layout = made["layout"]
    assert layout["height"] == one["layout"]["height"] + pool.MORE
    assert (layout["yaxis"]["title"]["text"], layout["yaxis2"]["title"]["text"]) == ("2 MB", "1 GB")
    assert one["layout"]["yaxis"]["title"]["text"] == "pages of 2 MB"
    (low, high), (below, top) = layout["yaxis"]["domain"], layout["yaxis2"]["domain"]
    assert 0 == below < top < low < high == 1
    giants = traces(made, 1)
    assert max(giants["total"]["y"]) == 3 and giants["total"]["customdata"][-1] == GIB // MIB
    assert [trace["name"] for trace in giants.values()] == [f"{name}, 1 GB" for name in traces(made)]
    assert {trace["showlegend"] for trace in giants.values()} == {False}
    assert all(giants[name]["legendgroup"] == trace["legendgroup"] for name, trace in traces(made).items())
    assert not {trace.get("stackgroup") for trace in giants.values()} & {"pool0"}


def test_demoted_pages_go_from_one_plot_to_the_other() -> None:
    """A page of 1 GB becomes 512 of 2 MB."""
    found = check(of_one(run(CASE["gigantic_demote"])))
    small, large = (traces(found, number)["total"]["y"] for number in (0, 1))
    assert 512 in [b - a for a, b in pairwise(small)] and -1 in [b - a for a, b in pairwise(large)]


# -- names ---------------------------------------------------------------------------------------------
def test_names_and_order_of_the_legend() -> None:
    """The names of the files in sysfs, and a learner's words; in the order of the numbers above the plot."""
    found = traces(pool.pool(of_one(run(lesson()))))
    ranked = sorted(found, key=lambda name: found[name]["legendrank"])
    assert ranked == ["total", "in use", "free", "rsvd", "available", "surp"] == list(pool.NUMBERS)
    for name, trace in found.items():
        assert trace["name"] == trace["legendgroup"] == name and trace["showlegend"]
        assert trace["hovertemplate"] == f"{name} %{{y:,}} = %{{customdata:,}} MB<extra></extra>"
        assert trace["line"]["shape"] == "hv", "a counter keeps its value until the next event"
    dashes = {trace["line"].get("dash") for trace in found.values() if "stackgroup" not in trace}
    assert len(dashes) == 3, "lines differ without their colours"
    patterns = {trace["fillpattern"]["shape"] for trace in found.values() if "stackgroup" in trace}
    assert len(patterns) == 3, "so do areas"


def test_captions_name_all_numbers() -> None:
    """In the order of the plot."""
    recording: Recording = run(lesson(), LESSON)
    assert pool.caption(recording, 20) == "event 20: total 10, in use 0, free 10, rsvd 5, available 5, surp 0"
    assert pool.numbers(Counters(9, 7, 2, 1)) == (9, 2, 7, 2, 5, 1)
    assert pool.numbers(Counters(4, 2, 2**64 - 2, 0)) == (4, 2, 2, -2, 4, 0)


@pytest.mark.parametrize(
    ("pages", "ticks"),
    [(0, [0, 1]), (1, [0, 1]), (5, [0, 2, 4]), (10, [0, 5, 10]), (49, [0, 20, 40]), (8000, [*range(0, 8193, 2048)])],
)
def test_axis_has_round_numbers(pages: int, ticks: list[int]) -> None:
    """1, 2 or 5 times a power of ten apart, from zero on; many pages so that they are round in GB, with a comma."""
    made = pool.pool(of_one(run(lesson(0, pages))))
    assert made["layout"]["yaxis"]["tickvals"] == ticks
    labels(made, 0, X86_64.sizes[0])
    last = {1: "1 = 2 MB", 4: "4 = 8 MB", 10: "10 = 20 MB", 40: "40 = 80 MB", 8192: "8,192<br>= 16 GB"}[ticks[-1]]
    assert made["layout"]["yaxis"]["ticktext"][-1] == last


def test_a_plot_of_one_event() -> None:
    """A program without a step that the model knows: the boot alone, one point, no mark, no error."""
    recording = run(Scenario("nothing", mounts={}).then("open", fd="f", path="m/a", flags=["O_MAGIC"]))
    assert len(recording) == 1
    made = check(of_one(recording))
    assert made["layout"]["shapes"] == [] and notes(made, 0) == notes(made, 1) == []


# -- marks ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("machine", MACHINES)
def test_marks_are_where_steps_begin(machine: str) -> None:
    """A dotted line at each step's first event; its number stands there, with its name where there is room."""
    recording = run(lesson(), machine)
    timeline = of_one(recording)
    made = pool.pool(timeline)
    places = [timeline.place(step.first) for step in recording.steps]
    shapes = made["layout"]["shapes"]
    assert [(shape["x0"], shape["x1"]) for shape in shapes] == [(place, place) for place in places]
    assert all((shape["y0"], shape["y1"], shape["yref"]) == (0, 1, "paper") for shape in shapes), "across all pools"
    named = notes(made, 0)
    assert [note["x"] for note in named] == places
    for note, step in zip(named, recording.steps, strict=True):
        assert note["text"] in (f"{step.index + 1}", f"{step.index + 1} {step.op.op}")
    assert "3 touch" in [note["text"] for note in named]


def test_names_of_steps_do_not_touch() -> None:
    """However many steps there are: names and numbers stand free of each other."""
    program = Scenario("many").then("open", fd="f", path="m/a")
    for _ in range(150):
        program = program.then("fstat", fd="f")
    named = notes(pool.pool(of_one(run(program))), 0)
    assert 10 < len(named) < 100
    for one, after in pairwise(named):
        assert 7.7 * len(one["text"]) <= FOOT * (after["x"] - one["x"])


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_refusal_is_marked_where_it_was_decided(case: Scenario) -> None:
    """At its event, in the colour of the template's "refused"; without one there is no mark."""
    timeline = of_one(run(case))
    marks, refused = notes(pool.pool(timeline), 1), first_refusal(timeline.recordings[0])
    assert [mark["text"] for mark in marks] == ["✗ refused"] * (refused is not None)
    if refused is not None:
        (mark,) = marks
        assert mark["x"] == timeline.place(refused.event) and mark["visible"]
        assert mark["xanchor"] == ("right" if mark["x"] > 0.5 else "left"), "it stays inside"
        for template in TEMPLATES.values():
            (style,) = template["layout"]["annotations"]
            assert style["name"] == mark["templateitemname"] and style["font"]["color"] and not style["visible"]


def test_of_two_each_side_has_its_own_mark() -> None:
    """The left one is refused, the right one is not."""
    timeline = of_two(run(lesson(5, 3), X86_64), run(lesson(5, 9), X86_64))
    left, right = (notes(pool.pool(timeline, side), 1) for side in (0, 1))
    assert len(left) == 1 and right == []
    refused = first_refusal(timeline.recordings[0])
    assert refused is not None and left[0]["x"] == timeline.place(timeline.position(refused.event, 0))


# -- plotly --------------------------------------------------------------------------------------------
def colours(value: Any, at: str = "") -> list[str]:
    """Everything in plain data that has a colour."""
    if isinstance(value, dict):
        return [found for name, one in value.items() for found in colours(one, name)]
    if isinstance(value, list):
        return [found for one in value for found in colours(one, at)]
    said = isinstance(value, str) and re.search(r"#[0-9a-f]{3,8}\b|\brgba?\(|\bhsla?\(", value, re.I)
    return [f"{at}: {value}"] if said or "color" in at else []


@pytest.mark.parametrize("name", [SHORT, SLIPPED, "gigantic_demote", "cgroup2_limits", "shared_two_processes"])
def test_plotly_takes_it(name: str) -> None:
    """As a Figure, with the course's templates; it has no colour of its own, so that both of them suit it."""
    pytest.importorskip("plotly")
    from hugelab.views.plots.figure import figure

    made = pool.pool(of_one(run(CASE[name])))
    assert colours(made) == [] and colours(TEMPLATES) != []
    drawn = figure(made)
    assert [list(trace.y) for trace in drawn.data] == [trace["y"] for trace in made["data"]]
    light = drawn.layout.template.layout.paper_bgcolor
    drawn.layout.template = "hugelab_dark"
    assert drawn.layout.template.layout.paper_bgcolor != light
    with pytest.raises(ValueError, match="nonsense"):
        figure({"data": [{"type": "scatter", "nonsense": 1}], "layout": {}})


def test_there_is_a_colour_for_each_trace() -> None:
    """In both templates, all of them different."""
    for template in TEMPLATES.values():
        way = template["layout"]["colorway"]
        assert len(way) == len(set(way)) == len(pool.TRACES)
