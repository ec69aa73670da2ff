"""Labs without a mouse: what Tab reaches, in which order, that one sees where one is, and what the keys do.

(The two that test_labs.py asks of every lab are functions here.)
"""

from __future__ import annotations

from typing import Any

import pytest

from hugelab import labs
from hugelab.labs.side_by_side import SideBySide
from tests.labs.views import offered

from .conftest import Labs
from .lab import NUMBERS, OnPage, all_here, log_lines
from .test_pictures import SLIDERS

pytestmark = pytest.mark.browser

# What has the focus: a short name for it, how it is marked, and how much of it one sees through.
FOCUS = """
(root) => {
  const node = document.activeElement;
  if (!root.contains(node)) return null;
  const style = getComputedStyle(node), { name, dataset } = node;
  const view = [...node.classList].find((word) => /^hl-(flow|owners|layout|log|steps-pane)$/.test(word));
  let opaque = 1;
  for (let at = node; at; at = at.parentElement) opaque *= getComputedStyle(at).opacity;
  return {
    name: dataset.name || name || dataset.do || dataset.action || (dataset.trace && `line ${dataset.trace}`)
      || (dataset.tab && `tab ${dataset.tab}`) || (node.matches(".modebar-btn") && `plot: ${node.ariaLabel}`)
      || view || (node.matches(".hl-refusal *") && "refusal") || (dataset.go && `row ${node.textContent}`)
      || (node.type === "range" ? "scrubber" : node.textContent),
    outline: style.outlineStyle, width: parseFloat(style.outlineWidth), opaque,
  };
}
"""
TIMELINE = ["first", "back", "play", "step", "last", "scrubber"]
PLOT = ["Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes", "Save PNG", "Save SVG"]
ALONG = ["Reset", "Copy as JSON", "Copy as Python", "Save SVG", "Save PNG", "Save table (CSV)"]


def focus(lab: OnPage) -> dict[str, Any] | None:
    """What of the lab has the focus, if anything; and it can be seen."""
    found: dict[str, Any] | None = lab.root.evaluate(FOCUS)
    if found:
        if found["name"].startswith("plot: "):  # they come out of nothing
            lab.wait("getComputedStyle(document.activeElement.closest('.modebar')).opacity === '1'")
        else:
            assert found["opaque"] == 1, found
        assert found["outline"] != "none" and found["width"] >= 2, found
    return found


def tab_to(lab: OnPage, name: str, most: int = 60) -> None:
    """Press Tab until something has the focus."""
    for _ in range(most):
        found = focus(lab)
        if found and found["name"] == name:
            return
        lab.page.keyboard.press("Tab")
    pytest.fail(f"Tab does not reach {name}")


def begin(lab: OnPage) -> None:
    """Put the keyboard on the first control."""
    assert lab.lab is not None
    lab.control(next(iter(lab.lab.controls))).focus()
    lab.page.keyboard.press("Shift+Tab")
    tab_to(lab, next(iter(lab.lab.controls)))


def stops(lab: OnPage) -> list[str]:
    """What Tab must reach, in the order in which it is seen."""
    assert lab.lab is not None
    names = []
    for name, control in lab.lab.controls.items():
        names += [name, f"{name}-typed"] if isinstance(control, SLIDERS) else [name]
    pool = [*(f"line {name}" for name in NUMBERS), *(f"plot: {name}" for name in PLOT)]
    two = len(lab.film.sides) > 1
    names += ["go"] if isinstance(lab.lab, SideBySide) else []
    names += [] if two else pool
    names += [*TIMELINE, *(["Go to it"] if two else []), "tab owners"]
    names += [*pool, "hl-owners"] * 2 if two else ["hl-flow", "hl-owners"]
    return [*names, *ALONG]


def open_by_keyboard(lab: OnPage, name: str) -> None:
    """Go to the tabs, and with the arrow keys to one of them."""
    tab_to(lab, f"tab {lab.root.get_attribute('data-tab')}")
    lab.page.keyboard.press("Home")
    for _ in range(5):
        if lab.root.get_attribute("data-tab") == name:
            break
        lab.page.keyboard.press("ArrowRight")
    found = focus(lab)
    assert found and found["name"] == f"tab {name}"
    assert lab.tab(name).get_attribute("aria-selected") == "true"


def tab_reaches_everything_in_order(lab: OnPage) -> None:
    """From the first control to the last button, once each, and every stop is marked; and back with Shift."""
    expected = stops(lab)
    begin(lab)
    found = []
    while now := focus(lab):
        found.append(now["name"])
        lab.page.keyboard.press("Tab")
        assert len(found) <= len(expected) + 1, found
    assert found == expected
    lab.take(expected[-1]).focus()
    found = []
    while len(found) < len(expected) and (now := focus(lab)):
        found.append(now["name"])
        lab.page.keyboard.press("Shift+Tab")
    assert found == expected[::-1]


def by_keyboard_alone(lab: OnPage) -> None:
    """Move the first control, step the timeline by button and scrubber, go to a step: the numbers are the model's."""
    model, press = lab.lab, lab.page.keyboard.press
    assert model is not None
    control = next(iter(model.controls.values()))
    begin(lab)
    values = list(offered(control))
    slides = isinstance(control, SLIDERS)
    on, back = ("ArrowRight", "ArrowLeft") if slides else ("ArrowDown", "ArrowUp")
    for arrow, by in ((on, 1), (back, -1), ("ArrowUp" if slides else on, 1)):
        run = lab.shown().split(":")[0]
        press(arrow)
        control.value = values[values.index(control.value) + by]
        lab.wait_for_values(run)
        lab.check()
    at = lab.position()
    tab_to(lab, "back")
    press("Enter")
    lab.check(at - 1)
    press("Space")
    lab.check(at - 2)
    tab_to(lab, "step")
    press("Enter")
    lab.check(at - 1)
    tab_to(lab, "scrubber")
    press("ArrowLeft")
    lab.check(at - 2)
    press("ArrowUp")
    lab.check(at - 1)
    first = lab.film.timeline.recordings[0].steps[0]
    open_by_keyboard(lab, "steps")
    tab_to(lab, f"row {lab.tables()[0][first.index if isinstance(model, SideBySide) else first.index + 1][0]}")
    press("Enter")
    lab.check(lab.film.timeline.position(first.last))
    tab_to(lab, "Reset")
    run = lab.shown().split(":")[0]
    press("Enter")
    control.value = next(iter(model._first.values()))
    lab.wait_for_values(run)
    lab.check()


def test_arrows_move_a_choice(watched_labs: Labs) -> None:
    """The list of mappings is a list of the browser's own: arrows choose."""
    lab = watched_labs("holders")
    assert lab.lab is not None
    begin(lab)
    tab_to(lab, "kind")
    run = lab.shown().split(":")[0]
    lab.page.keyboard.press("ArrowDown")
    lab.lab.controls["kind"].value = list(labs.KINDS)[1]
    lab.wait_for_values(run)
    lab.check()


@pytest.mark.parametrize("view", ["flow", "owners", "layout"])
def test_inside_a_picture(watched_labs: Labs, view: str) -> None:
    """Arrows go from item to item, Home and End to the ends, Enter follows, Esc goes back; all of it can be seen."""
    lab = watched_labs("fault")
    all_items = lab.view(view).locator("[data-k], [data-p]")
    press = lab.page.keyboard.press
    begin(lab)
    if view != "flow":  # that one stands beside each other
        open_by_keyboard(lab, view)
    tab_to(lab, f"hl-{view}")

    def item() -> int:
        index: int = lab.view(view).evaluate(
            "(node) => [...node.querySelectorAll('[data-k], [data-p]')].indexOf(document.activeElement)"
        )
        if index >= 0:
            focus(lab)
            assert lab.page.evaluate("() => document.activeElement.getAttribute('aria-label')")
        return index

    last = all_items.count() - 1
    assert item() == -1 and last > 2
    for key, expected in (
        ("ArrowRight", 0),
        ("ArrowDown", 1),
        ("ArrowLeft", 0),
        ("ArrowUp", 0),
        ("End", last),
        ("Home", 0),
    ):
        press(key)
        assert item() == expected
    tokens = [one.get_attribute("data-p") or one.get_attribute("data-k") for one in all_items.all()]
    found = [lab.film.follow(0, token, lab.position()) for token in tokens]
    chosen = next(i for i, there in enumerate(found) if i and there is not None)
    for _ in range(chosen):
        press("ArrowRight")
    assert item() == chosen
    is_page = bool(all_items.nth(chosen).get_attribute("data-p"))
    press("Enter")
    lab.check(found[chosen])
    assert (lab.root.locator(".hl-sel").count() > 0) == is_page
    press("Escape")
    assert lab.root.locator(".hl-sel").count() == 0
    now = focus(lab)
    assert now and now["name"] == f"hl-{view}"
    press("Tab")  # no item is a stop of its own: Tab goes on to what comes next
    now = focus(lab)
    assert now and now["name"] == ("hl-owners" if view == "flow" else "Reset")


def test_the_log_by_arrows(watched_labs: Labs) -> None:
    """Up and Down go from line to line, and all views with them."""
    lab = watched_labs("holders")
    all_here(lab)  # an arrow goes no further than to the lines that are here
    begin(lab)
    open_by_keyboard(lab, "log")
    tab_to(lab, "hl-log")
    lines = log_lines(lab.film, 0, 0, len(lab.film.timeline))
    at = max(i for i, (where, _) in enumerate(lines) if where <= lab.position())
    for key, by in (("ArrowUp", -1), ("ArrowUp", -1), ("ArrowDown", 1)):
        lab.page.keyboard.press(key)
        at += by
        assert lab.check(lines[at][0])["sides"][0]["line"] == lines[at][1]
        active = lab.view("log").evaluate(
            "(log) => document.getElementById(log.getAttribute('aria-activedescendant')).textContent"
        )
        assert active == lines[at][1]


def test_play_starts_and_stops(watched_labs: Labs) -> None:
    """Space on Play: the timeline goes on by itself; Space again, and it stays; at the end it stops by itself."""
    lab = watched_labs("reservation")
    press = lab.page.keyboard.press
    last = len(lab.film.timeline) - 1
    lab.scrubber.press("Home")
    lab.check(0)
    begin(lab)
    tab_to(lab, "play")
    press("Space")
    assert lab.button("play").get_attribute("aria-label") == "Pause"
    lab.wait_for(2)
    press("Space")
    assert lab.button("play").get_attribute("aria-label") == "Play"
    at = lab.position()
    lab.page.wait_for_timeout(800)
    lab.check(at)
    lab.scrubber.press("End")
    lab.scrubber.press("ArrowLeft")
    lab.wait_for(last - 1)
    lab.button("play").press("Enter")
    lab.wait("root.querySelector('[data-do=play]').getAttribute('aria-label') === 'Play'")
    lab.check(last)
    lab.button("play").press("Enter")  # from the end it begins anew
    lab.wait_for(1)
    lab.button("play").press("Enter")
    lab.check()


def test_no_key_reaches_the_notebook(watched_labs: Labs) -> None:
    """Letters that cut or insert cells, and arrows that leave a cell, do nothing to it while a lab has the focus."""
    lab = watched_labs("holders")
    page = lab.page

    def notebook() -> list[object]:
        found: list[object] = page.evaluate(
            """() => { const { content } = window.jupyterapp.shell.currentWidget;
                return [content.activeCellIndex, ...content.widgets.map((cell) => cell.model.type)]; }"""
        )
        return found

    before = notebook()
    begin(lab)
    names = [
        "pages",
        "pages-typed",
        "kind",
        "line free",
        "plot: Zoom",
        "plot: Save SVG",
        "play",
        "scrubber",
        "tab owners",
    ]
    for name in [*names, "hl-owners", "hl-log", "row before", "Copy as JSON"]:
        if tab := {"hl-owners": "owners", "hl-log": "log", "row before": "steps"}.get(name):
            begin(lab)
            open_by_keyboard(lab, tab)
        tab_to(lab, name)
        for key in "xabmryvz":
            page.keyboard.press(key)
        for key in ("ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"):
            page.keyboard.press(key)
        now = focus(lab)
        assert now is not None and (now["name"] == name or name == "hl-owners")
        assert notebook() == before, name
