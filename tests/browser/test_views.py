"""The views of a lab belong together: one place on the timeline, nothing that jumps, one theme, however many pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hugelab import labs

from .conftest import VIEWPORT, Labs
from .jupyter import set_theme
from .lab import OnPage, all_here, log_lines, show
from .test_pictures import ends

pytestmark = pytest.mark.browser

MANY = 1 << 20


# -- linked views -------------------------------------------------------------------------------------
def end_of(lab: OnPage, op: str) -> int:
    """The position of the last event of the first step with an operation."""
    step = next(step for step in lab.film.timeline.recordings[0].steps if step.op.op == op)
    return lab.film.timeline.position(step.last)


@pytest.mark.parametrize("name", ["holders", "compare", "side_by_side"])
def test_a_row_of_the_table_leads_to_its_step(watched_labs: Labs, name: str) -> None:
    """The button of each step takes all views to the step's last event."""
    lab = watched_labs(name)
    for side, recording in enumerate(lab.film.timeline.recordings):
        for step in recording.steps:
            lab.open("steps")
            row = lab.view("usages").nth(side).locator(f"tr[data-step='{step.index}']")
            row.locator("button").click()
            lab.check(lab.film.timeline.position(step.last, side))
            assert row.get_attribute("aria-current") == "step"
        first = recording.steps[0]
        lab.view("usages").nth(side).locator(f"tr[data-step='{first.index}'] td").nth(1).click()  # the row itself
        lab.check(lab.film.timeline.position(first.last, side))


@pytest.mark.parametrize("name", ["holders", "compare"])
def test_a_line_of_the_log_leads_to_its_event(watched_labs: Labs, name: str) -> None:
    """Clicking a line of the log takes all views to the event that prints it."""
    lab = watched_labs(name)
    all_here(lab)
    lab.open("log")
    for side in range(len(lab.film.sides)):
        lines = log_lines(lab.film, side, 0, len(lab.film.timeline))
        for at, text in [lines[0], lines[len(lines) // 2], lines[-1]]:
            lab.view("log").nth(side).locator(f"[data-go='{at}']").click()
            found = lab.check(at)
            assert found["sides"][side]["line"] == text


def test_the_pool_plot_leads_to_a_place(watched_labs: Labs) -> None:
    """Clicking the plot in the middle of a step takes all views into that step, and its marker under the pointer."""
    lab = watched_labs("holders")
    timeline = lab.film.timeline
    starts = [timeline.place(mark.position) for mark in timeline.marks] + [1.0]
    for step in (2, 1, 3, 5, 0):
        place = (starts[step] + starts[step + 1]) / 2
        area = lab.view("plot").locator(".nsewdrag")
        box = area.bounding_box()
        where = {"x": place * box["width"], "y": box["height"] / 2}
        area.hover(position=where, force=True)
        lab.page.wait_for_timeout(400)  # plotly takes what comes sooner for a double click
        area.click(position=where, force=True)
        nearest = min(range(len(timeline)), key=lambda at: abs(timeline.place(at) - place))
        reached = [at for at in range(len(timeline)) if abs(timeline.place(at) - place) < 0.006]
        lab.wait("arg.some((at) => root.dataset.shown.endsWith(`:${at}`))", [nearest, *reached])
        found = lab.check()
        assert found["sides"][0]["row"] == step + 1


@pytest.mark.parametrize("local", [True, False], ids=["page", "kernel"])
def test_a_function_leads_to_the_event_that_is_in_it(watched_labs: Labs, local: bool) -> None:
    """Clicking a box of the call flow goes to the last event in that function, from there to the next one.

    With few events the page finds them alone, with many it asks the kernel; the answers are equal.
    """
    lab = watched_labs("holders" if local else "explore")
    if local:
        all_here(lab)
    at = end_of(lab, "mmap") + 14
    lab.open("steps")
    lab.view("usages").locator("tr[data-step='1'] button").click()
    lab.scrubber.focus()
    for _ in range(14):
        lab.page.keyboard.press("ArrowRight")
    lab.check(at)
    lab.open("flow")
    for function in ("alloc_huge_page", "alloc_huge_page", "user_access", "hugetlb_fault", "hugetlb_no_page"):
        lab.view("flow").locator(f"[data-k='fn:{function}']").click()
        next_at = lab.film.follow(0, f"fn:{function}", at)
        assert next_at is not None and next_at != at
        lab.check(next_at)
        at = next_at


@pytest.mark.parametrize("local", [True, False], ids=["page", "kernel"])
def test_a_page_leads_to_what_happened_to_it_and_is_marked(watched_labs: Labs, local: bool) -> None:
    """Clicking a page goes to the last event that touched it; it is marked in every view that shows it; Esc unmarks."""
    lab = watched_labs("holders" if local else "explore")
    lab.move("pages", 8)
    lab.move("touched", 8)
    if local:
        all_here(lab)
    lab.open("steps")
    lab.view("usages").locator("tr[data-step='2'] button").click()
    at = end_of(lab, "touch")
    lab.check(at)
    view = "owners" if local else "layout"  # where many pages are one bar, the layout still has them singly
    page = lab.view(view).locator("[data-p='2M:C']").first
    lab.open(view)
    page.click()
    found = lab.film.follow(0, "2M:C", at)
    assert found is not None and found < at
    lab.check(found)
    lab.open("steps")
    lab.view("usages").locator("tr[data-step='2'] button").click()
    lab.check(at)
    marked = lab.root.evaluate(
        """(root) => [...root.querySelectorAll('.hl-sel')].map((node) =>
            [[...node.closest('.hl-pane').classList].at(-1), node.dataset.p])"""
    )
    shown = lab.root.locator("[data-p='2M:C']").count()
    assert {page for _, page in marked} == {"2M:C"} and len(marked) == shown
    assert {view for view, _ in marked} >= {"hl-owners", "hl-layout", *(["hl-log"] if local else [])}
    stroke = lab.view("layout").locator(".hl-sel > rect").first.evaluate("(rect) => getComputedStyle(rect).strokeWidth")
    assert stroke == "4px"
    lab.open("layout")
    lab.view("layout").press("Escape")
    assert lab.root.locator(".hl-sel").count() == 0


# -- nothing jumps ------------------------------------------------------------------------------------
@contextmanager
def nothing_jumps(lab: OnPage, width: int) -> Iterator[None]:
    """While controls move inside, in a window of this width: no view moves, the notebook does not scroll, no frame
    lacks a view. (That the room is the same at every value is in tests/labs/test_sweep.py.)"""
    lab.resize(width)
    try:
        assert lab.lab is not None
        control = lab.control(next(iter(lab.lab.controls)))
        control.scroll_into_view_if_needed()
        control.focus()
        with lab.watched() as seen:
            yield
        assert seen["frames"] > 4
        assert seen["empty"] == []
        assert {view: places for view, places in seen["places"].items() if len(places) > 1} == {}
        assert len(seen["scrolls"]) == 1
    finally:
        lab.resize(VIEWPORT["width"])


# -- theme --------------------------------------------------------------------------------------------
def test_the_theme_changes_without_a_reload(watched_labs: Labs) -> None:
    """JupyterLab Dark and back to Light: pictures and texts of the labs follow, what they say stays."""
    page = watched_labs.page
    shown = [watched_labs(name) for name in ("holders", "compare", "side_by_side")]
    page.evaluate("() => { window.same = true; }")

    def colours() -> list[list[str]]:
        return [
            lab.root.evaluate(
                """(root) => [getComputedStyle(root.querySelector('svg .hl-h')).fill, getComputedStyle(root).color,
                    getComputedStyle(root.querySelector('button')).backgroundColor]"""
            )
            for lab in shown
        ]

    said = [lab.shown() for lab in shown]
    light = colours()
    assert light[0][0] == "rgb(26, 26, 26)"
    set_theme(page, "Dark")
    try:
        dark = colours()
        assert [lab.shown() for lab in shown] == said
        for lab in shown:
            lab.check()
    finally:
        set_theme(page, "Light")
    assert dark[0][0] == "rgb(236, 236, 236)"
    assert all(a != b for one, other in zip(light, dark, strict=True) for a, b in zip(one, other, strict=True))
    assert colours() == light
    assert page.evaluate("() => window.same")


# -- a million pages ----------------------------------------------------------------------------------
def test_a_million_pages(watched_labs: Labs) -> None:
    """The timeline goes to the middle of a million faults, steps there, follows a function, and comes back.

    The numbers are the model's everywhere; no view is ever empty; the page stays small.
    """
    page = watched_labs.page
    lab = watched_labs("explore", pages=MANY, pool=MANY, touched=MANY)
    timeline = lab.film.timeline
    assert len(timeline) > 10_000_000
    lab.check()

    def small() -> None:
        assert lab.root.evaluate("(root) => root.querySelectorAll('*').length") < 3000

    with lab.watched() as seen:
        lab.scrubber.fill("500")
        lab.wait("!root.hasAttribute('data-waiting') && !root.dataset.shown.endsWith(':' + arg)", lab.lab._start())
        at = lab.position()
        assert timeline.place(at) == pytest.approx(0.5, abs=0.01)
        lab.check(at)
        lab.scrubber.focus()
        for by, key in ((1, "ArrowRight"), (-1, "ArrowLeft")):
            for _ in range(40):  # farther than what comes at once
                page.keyboard.press(key)
                at += by
                lab.wait_for(at)
                if at % 5 == 0:
                    lab.check(at)
        small()
        boxes = [
            (box, lab.film.follow(0, box.get_attribute("data-k"), at))
            for box in lab.view("flow").locator("[data-k]").all()
        ]
        box, next_at = next((box, there) for box, there in reversed(boxes) if there not in (None, at))
        lab.open("flow")
        box.click()
        lab.check(next_at)
        for key, there in (("Home", 0), ("End", len(timeline) - 1), ("PageUp", timeline.marks[-1].position)):
            lab.scrubber.press(key)
            lab.check(there)
        lab.scrubber.fill("500")  # what was here before is still here
        lab.wait("arg.some((at) => root.dataset.shown.endsWith(`:${at}`))", [at + by for by in range(-30, 31)])
        lab.check()
        small()
    assert seen["empty"] == []
    assert {view: places for view, places in seen["places"].items() if len(places) > 1} == {}


# -- what is refused ----------------------------------------------------------------------------------
def test_a_refused_step_is_seen_everywhere(watched_labs: Labs) -> None:
    """16 pages of a pool of 10: a sentence, a red box in the call flow, a red row in the steps, a mark in the plot; and
    the timeline is where it was decided. Its sentence leads back there. With 10 pages there is nothing of it."""
    lab = watched_labs("fault", pages=16)
    refused = lab.film.refusals[0]
    assert refused is not None and refused.step == 1 and lab.position() == refused.position
    lab.check()
    sentence = lab.root.locator(".hl-refusal button")
    assert sentence.inner_text() == f"✗ {refused.text}." and "16 pages wanted, 10 available" in refused.text
    red = sentence.evaluate("(node) => getComputedStyle(node).color")
    assert red == "rgb(176, 0, 32)"

    box = lab.view("flow").locator("rect.hl-bad")
    assert box.count() == 1 and box.evaluate("(node) => getComputedStyle(node).stroke") == red
    assert "hugetlb_acct_memory" in box.locator("xpath=..").text_content()
    flow, seen = lab.view("flow").bounding_box(), box.bounding_box()
    assert flow["y"] <= seen["y"] and seen["y"] + seen["height"] <= flow["y"] + flow["height"], "in view"
    lab.open("steps")
    rows = lab.view("usages").locator("tr.hl-refused")
    assert [row.get_attribute("data-step") for row in rows.all()] == ["1", "2"], "and then nothing is mapped"
    assert [row.locator("td").first.inner_text() for row in rows.all()] == ["✗ ENOMEM", "✗ SIGSEGV"]
    assert rows.locator("td").first.evaluate("(node) => getComputedStyle(node).color") == red
    mark = lab.view("plot").locator(".annotation-text", has_text="✗ refused")
    assert mark.evaluate("(node) => node.style.fill") == red

    lab.scrubber.press("Home")
    lab.check(0)
    sentence.click()
    lab.check(refused.position)
    lab.move("pages", 10)
    lab.check()
    assert sentence.count() == rows.count() == box.count() == mark.count() == 0


# -- it fits ------------------------------------------------------------------------------------------
# Of a lab: where its parts begin and end on the page; above it ends the cell's input, below it the notebook's window.
ROOM = """
(root) => {
  const box = (node) => node.getBoundingClientRect();
  const cell = root.closest(".jp-Cell");
  cell.scrollIntoView({ block: "start" });
  const parts = [".hl-controls", ".hl-plot .main-svg", ".hl-notes", ".hl-timeline", ".hl-tabs", ".hl-pane"];
  const seen = parts.flatMap((one) => [...root.querySelectorAll(one)]).filter((node) => node.getClientRects().length);
  return {
    above: Math.max(box(cell.querySelector(".jp-InputArea")).bottom, box(root.closest(".jp-WindowedPanel-outer")).top),
    below: box(root.closest(".jp-WindowedPanel-outer")).bottom,
    tops: seen.map((node) => box(node).top),
    bottoms: seen.map((node) => box(node).bottom),
    plot: box(root.querySelector(".hl-plot .main-svg")).height,
  };
}
"""


@pytest.mark.parametrize("name", ["open_file", "reservation", "fault", "holders"])
def test_a_lab_fits_the_window(watched_labs: Labs, name: str) -> None:
    """1280 x 800, JupyterLab as it starts: controls, plot, timeline and one picture are in view together, below the
    cell's own line; and nothing of it moves while the controls and the timeline do."""
    page = watched_labs.page
    page.set_viewport_size({"width": 1280, "height": 800})
    try:
        watched_labs.run("from hugelab import labs")
        lab = show(page, list(labs.ALL).index(name), f"labs.{name}()", labs.ALL[name]())
        lab.check()
        found = lab.root.evaluate(ROOM)
        assert len(found["tops"]) > 5 and found["plot"] > 150
        assert min(found["tops"]) >= found["above"] and max(found["bottoms"]) <= found["below"], found
        with lab.watched() as seen:
            for values in ends(lab.lab):
                lab.move_all(values)
            lab.scrubber.press("Home")
            for at in range(min(20, len(lab.film.timeline))):
                lab.wait_for(at)
                lab.scrubber.press("ArrowRight")
        assert seen["empty"] == []
        assert {view: places for view, places in seen["places"].items() if len(places) > 1} == {}
    finally:
        page.set_viewport_size(VIEWPORT)
