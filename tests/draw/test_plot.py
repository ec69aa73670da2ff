"""The pool plot, read back from what is drawn: its areas, lines, marks and names are the recording's counters."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings

from hugelab import LESSON, MACHINES, X86_64, Recording, Scenario, lesson, run
from hugelab.core.state import Counters
from hugelab.core.units import GIB
from hugelab.draw import plot
from hugelab.draw.svg import Picture
from hugelab.draw.timeline import Timeline, of_one, of_two, shown_of_one
from tests.draw.read import CASES, SVG, Edge, corners, edges, items, lines, numbers, paths, tree
from tests.programs import scenarios

SLIPPED = "quirk_fork_parent_munmap_first_underflow"  # rsvd falls below zero there


def axis(picture: Picture) -> dict[int, float]:
    """The numbers on the axis, with their heights."""
    found = {}
    for node in tree(picture).iter(f"{SVG}text"):
        if "hl-end" in node.attrib["class"]:
            pages = int((node.text or "").replace("k", "000").replace("M", "000000"))
            found[pages] = float(node.attrib["y"]) - 4
    return found


def check(timeline: Timeline, side: int = 0, size: int | None = None) -> None:
    """Every area and line, at every position at which they can be told apart; nothing is outside of the picture."""
    recording, events = timeline.recordings[side], timeline.events[side]
    picture = plot.plot(timeline, side, size)
    inside(picture)
    ways, scale = paths(picture), axis(picture)
    highest = max(scale)
    unit = (scale[0] - scale[highest]) / highest  # pixels a page, as a reader finds it
    near = max(0.1, 0.1 / unit)  # pages: what is drawn is rounded to a tenth of a pixel
    line = {name: Edge(corners(ways[f"hl-l-{name}"])) for name in ("avail", "free", "total")}
    area = {name: edges(ways[f"hl-a-{name}"]) for name in ("free", "rsvd", "used")}
    limit = Edge(corners(ways["hl-l-limit"])) if "hl-l-limit" in ways else None
    xs = [x_of(timeline, position) for position in range(len(timeline))]
    surplus = False
    for position, x in enumerate(xs):
        now = recording.counters(events[position], size)
        surplus |= now.surp > 0
        if position + 1 < len(xs) and xs[position + 1] == x:
            continue  # the line goes straight up or down here
        expected = {"avail": min(max(now.available, 0), now.free), "free": now.free, "total": now.total}
        height = {name: edge.after(x) for name, edge in line.items()}
        for name, pages in expected.items():
            assert pages_at(height[name], scale[0], unit) == pytest.approx(pages, abs=near), (position, name)
        heights = [scale[0], height["avail"], height["free"], height["total"]]
        for (low, high), name in zip(pairwise(heights), ("free", "rsvd", "used"), strict=True):
            assert [edge.after(x) for edge in area[name]] == pytest.approx([high, low]), (position, name)
        if limit:
            left = now.total - now.surp
            assert pages_at(limit.after(x), scale[0], unit) == pytest.approx(left, abs=near), position
    assert (limit is not None) == surplus


def x_of(timeline: Timeline, position: int) -> float:
    """Where a position is drawn."""
    return round(plot.LEFT + timeline.place(position) * (plot.WIDTH - plot.LEFT - plot.RIGHT), 1)


def pages_at(y: float, zero: float, unit: float) -> float:
    """The pages at a height."""
    return (zero - y) / unit


def inside(picture: Picture) -> None:
    """No number is NaN or infinite, and nothing lies outside of the view box."""
    for node in tree(picture).iter():
        for x, y in numbers(node) if node.tag != f"{SVG}svg" else ():
            assert -1 <= x <= picture.width + 1 and -1 <= y <= picture.height + 1, node.attrib
        if node.tag == f"{SVG}text" and "hl-end" not in node.attrib["class"] and "hl-mid" not in node.attrib["class"]:
            assert float(node.attrib["x"]) + 5.5 * len(node.text or "") <= picture.width + 1, node.text
    assert not re.search(r"nan|inf(?!o)|None", picture.body)


@given(scenarios())
@settings(max_examples=30)
def test_a_random_program(scenario: Scenario) -> None:
    """Whatever a program does: the plot says what the counters say, and its caption, too."""
    recording = run(scenario)
    check(of_one(recording))
    check(shown_of_one(recording))
    now = recording.counters(len(recording) - 1)
    assert plot.numbers(now) == (now.total, now.total - now.free, now.free, now.rsvd, now.free - now.rsvd, now.surp)
    assert plot.caption(recording, 0).startswith("event 0: total ")


@given(scenarios(), scenarios())
@settings(max_examples=12)
def test_two_random_programs_beside_each_other(left: Scenario, right: Scenario) -> None:
    """Each side's plot is its own recording's, over the timeline that both share."""
    timeline = of_two(run(left), run(right))
    check(timeline, 0)
    check(timeline, 1)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_recorded_case(case: Scenario) -> None:
    """The cases of the real kernel: with forks, surplus pages, mounts, and kernel bugs."""
    timeline = of_one(run(case))
    for size in plot.pools(timeline.recordings[0]):
        check(timeline, 0, size)


def test_a_reservation_below_zero_stays_in_the_picture() -> None:
    """sysfs shows 2**64 - 2 reserved pages: the words say -2, and every free page is available."""
    case = next(case for case in CASES if case.name == SLIPPED)
    recording = run(case)
    index = next(i for i in range(len(recording)) if recording.counters(i).rsvd > 1 << 60)
    inside(plot.plot(of_one(recording)))
    assert "reserved -2" in plot.caption(recording, index)


@pytest.mark.parametrize(("pages", "ramps"), [(64, False), (65, True)])
def test_many_equal_units_are_a_ramp(pages: int, ramps: bool) -> None:
    """Up to 64 page faults are steps; more are one straight line that never is a page off."""
    timeline = of_one(run(lesson(pages, pages)))
    assert bool(plot.series(timeline).ramps) == ramps
    way = paths(plot.plot(timeline))["hl-l-free"]
    assert ("L" in way) == ramps
    if not ramps:
        check(timeline)
        return
    scale, line = axis(plot.plot(timeline)), Edge(corners(way))
    unit = (scale[0] - scale[max(scale)]) / max(scale)
    for position in range(len(timeline)):
        free = timeline.recordings[0].counters(position).free
        assert pages_at(line.after(x_of(timeline, position)), scale[0], unit) == pytest.approx(free, abs=1.5)


def test_a_million_pages_are_few_points() -> None:
    """The plot is as long as the rows of the recording, and right at both ends and in the middle."""
    recording = run(lesson(1_000_000, 1_000_000), X86_64)
    timeline = of_one(recording)
    picture = plot.plot(timeline)
    inside(picture)
    assert len(picture.body) < 20_000
    scale, line = axis(picture), Edge(corners(paths(picture)["hl-l-free"]))
    assert set(scale) == {0, 200_000, 400_000, 600_000, 800_000, 1_000_000}
    unit = (scale[0] - scale[1_000_000]) / 1_000_000
    touch = recording.steps[2]
    for position in (0, touch.first + 9, (touch.first + touch.last) // 2, touch.last - 9, len(recording) - 1):
        shown = pages_at(line.after(x_of(timeline, position)), scale[0], unit)
        assert shown == pytest.approx(recording.counters(position).free, abs=8000), position


def test_each_page_size_with_pages_has_its_plot() -> None:
    """The default size always; 1 GB pages from the moment anybody has any, and with their own counters."""
    assert plot.pools(run(lesson())) == [X86_64.sizes[0]]
    recording = run(Scenario("giants").then("set_nr", n=3, hsize="1G").then("set_nr", n=1, hsize="1G"))
    assert plot.pools(recording) == list(X86_64.sizes)
    check(of_one(recording), 0, GIB)
    picture = plot.plot(of_one(recording), size=GIB)
    assert lines(picture)[0] == "pool of 1 GB pages"
    assert max(axis(picture)) == 3
    assert picture.title == "pool plot of 1 GB pages: free 0 at first, 1 at the end"
    assert lines(plot.plot(of_one(recording)))[0] == "pool of 2 MB pages"


def test_surplus_has_a_line_of_its_own() -> None:
    """Pages above the configured limit: a dotted line at the limit, only where there are any."""
    program = Scenario("surplus", nr=2, overcommit=3).then("open", fd="f", path="m/a")
    program = program.then("mmap", map="A", fd="f", pages=4, flags=["MAP_SHARED"])
    assert "hl-l-limit" in paths(plot.plot(of_one(run(program))))
    check(of_one(run(program)))
    assert "hl-l-limit" not in paths(plot.plot(of_one(run(lesson()))))


@pytest.mark.parametrize("machine", MACHINES)
def test_marks_are_where_steps_begin(machine: str) -> None:
    """A dotted line at each step's first event; its number stands there, with its name where there is room."""
    recording = run(lesson(), machine)
    timeline = of_one(recording)
    picture = plot.plot(timeline)
    marks = [node.attrib["d"] for node in tree(picture).iter(f"{SVG}path") if node.attrib["class"] == "hl-phase"]
    assert [corners(d)[0][0] for d in marks] == [x_of(timeline, step.first) for step in recording.steps]
    named = [text for text in lines(picture) if re.fullmatch(r"\d( \w+)?", text)][-len(recording.steps) :]
    assert [text.split()[0] for text in named] == [str(step.index + 1) for step in recording.steps]
    assert "3 touch" in named
    assert all(
        text in (str(s.index + 1), f"{s.index + 1} {s.op.op}") for text, s in zip(named, recording.steps, strict=True)
    )


def test_names_of_steps_do_not_touch() -> None:
    """However many steps there are: names and numbers stand free of each other, and inside."""
    program = Scenario("many").then("open", fd="f", path="m/a")
    for _ in range(150):
        program = program.then("fstat", fd="f")
    picture = plot.plot(of_one(run(program)))
    inside(picture)
    under = plot.HEIGHT - plot.BOTTOM + 15
    named = [node for node in tree(picture).iter(f"{SVG}text") if float(node.attrib["y"]) == under]
    assert len(named) > 10
    for one, after in pairwise(named):
        assert float(one.attrib["x"]) + 6 * len(one.text or "") <= float(after.attrib["x"])


def test_the_marker_is_at_the_event() -> None:
    """There is one marker, moved to the position that is asked for; without one it is at the first."""
    timeline = of_one(run(lesson()))
    for position in (0, 17, len(timeline) - 1):
        (marker,) = (
            node
            for node in tree(plot.plot(timeline, at=position)).iter(f"{SVG}path")
            if node.get("class") == "hl-marker"
        )
        assert marker.attrib["d"].startswith("M0 ")
        assert marker.attrib["transform"] == f"translate({x_of(timeline, position):g} 0)"
    assert plot.plot(timeline) == plot.plot(timeline, at=0)


@pytest.mark.parametrize(
    ("pool", "numbers_on_it"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (5, [0, 1, 2, 3, 4, 5]),
        (6, [0, 2, 4, 6]),
        (10, [0, 2, 4, 6, 8, 10]),
        (49, [0, 10, 20, 30, 40]),
    ],
)
def test_axis_has_round_numbers(pool: int, numbers_on_it: list[int]) -> None:
    """1, 2 or 5 times a power of ten apart, from zero on, evenly."""
    scale = axis(plot.plot(of_one(run(lesson(0, pool)))))
    assert list(scale) == numbers_on_it
    heights = list(scale.values())
    gaps = [one - other for one, other in pairwise(heights)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps), abs=0.2)


def test_large_numbers_on_the_axis_are_short() -> None:
    """Thousands and millions have a letter."""
    assert {"200k", "1M"} <= set(lines(plot.plot(of_one(run(lesson(0, 1_000_000))))))
    assert "2k" in lines(plot.plot(of_one(run(lesson(0, 10_000)))))


def test_areas_have_names_where_there_is_room() -> None:
    """The names stand inside their areas; an area that is nowhere has none."""
    picture = plot.plot(of_one(run(lesson(5, 10), LESSON)))
    assert {"available", "in use"} <= set(lines(picture))
    assert "in use" not in lines(plot.plot(of_one(run(lesson(5, 10, touched=0), LESSON))))
    for node in tree(picture).iter(f"{SVG}text"):
        if node.text in ("available", "in use", "reserved"):
            upper, lower = edges(paths(picture)[{"available": "hl-a-free", "in use": "hl-a-used"}[node.text]])
            x, y = float(node.attrib["x"]), float(node.attrib["y"])
            assert upper.after(x) < y < lower.after(x), node.text


def test_a_plot_of_one_event() -> None:
    """A program without a step that the model knows: the boot alone, one point, no error."""
    recording = run(Scenario("nothing", mounts={}).then("open", fd="f", path="m/a", flags=["O_MAGIC"]))
    assert len(recording) == 1
    inside(plot.plot(of_one(recording)))
    assert items(plot.plot(of_one(recording))) == []


def test_captions_name_all_numbers() -> None:
    """In the order of the plot."""
    recording: Recording = run(lesson(), LESSON)
    assert plot.caption(recording, 20) == "event 20: total 10, in use 0, free 10, reserved 5, available 5, surplus 0"
    assert plot.numbers(Counters(9, 7, 2, 1)) == (9, 2, 7, 2, 5, 1)
