"""Every kind of control: moved on the page and in Python, typed, linked, shared, beside other widgets; and labs that
come and go."""

from __future__ import annotations

from typing import Any

import pytest

from hugelab import labs

from .conftest import EVERY, VIEWPORT, Labs
from .lab import EXPLORER, OnPage

pytestmark = pytest.mark.browser

# A lab whose program has a control of each kind.
KINDS = """\
import ipywidgets

from hugelab import Scenario, labs


def mine(pages, part, pool, kind, way, unit, mode, again, twice, few, name):
    scenario = Scenario(f"mine {name} {part} {way} {unit}", nr=pool)
    for at in "AB"[: 1 + again] + "C" * twice:
        flags = [kind, "MAP_ANONYMOUS"]
        scenario = scenario.mmap(map=at, pages=pages, flags=flags).touch(map=at, page=0, count=few, mode=mode)
    return scenario


lab = labs.lab(
    mine,
    pages=(0, 16),
    part=(0.0, 1.0, 0.1),
    pool=ipywidgets.SelectionSlider(options=[2, 4, 8, 16], value=8),
    kind=["MAP_PRIVATE", "MAP_SHARED"],
    way=ipywidgets.Select(options=["here", "there"], value="here"),
    unit=ipywidgets.RadioButtons(options=["page", "byte"], value="page"),
    mode=ipywidgets.ToggleButtons(options=["r", "w"], value="w"),
    again=True,
    twice=ipywidgets.ToggleButton(False, description="once more"),
    few=ipywidgets.BoundedIntText(2, 0, 9),
    name="some words",
)
"""
VALUES = {  # control -> two values, neither of them its first
    "pages": (3, 16),
    "part": (0.2, 0.7),
    "pool": (2, 16),
    "kind": ("MAP_SHARED", "MAP_PRIVATE"),
    "way": ("there", "here"),
    "unit": ("byte", "page"),
    "mode": ("r", "w"),
    "again": (False, True),
    "twice": (True, False),
    "few": (1, 9),
    "name": ("other words", ""),
}


def made(code: str) -> Any:
    """``lab`` after the code, in this Python."""
    names: dict[str, Any] = {}
    exec(code, names)
    return names["lab"]


def message(lab: OnPage, text: str) -> None:
    """Wait until the line above the views says this."""
    lab.wait("root.querySelector('.hl-message').textContent === arg", text)


def test_each_kind_in_both_directions(watched_labs: Labs) -> None:
    """Moved on the page, Python has the value; set in Python, the page shows it; each time what comes of it."""
    lab = watched_labs.own(f"{KINDS}\nlab", made(KINDS))
    assert lab.lab is not None and list(lab.lab.controls) == list(VALUES)
    lab.check()
    for name, (here, there) in VALUES.items():
        lab.move(name, here)
        assert watched_labs.said(f"repr(lab.{name}.value)") == repr(here)
        lab.check()
        run = lab.shown().split(":")[0]
        watched_labs.run(f"lab.{name}.value = {there!r}")
        lab.keep({name: there})
        lab.wait_for_values(run)
        assert lab.reads(name) == there
        lab.check()


def test_a_number_that_is_typed(watched_labs: Labs) -> None:
    """Into the second field of a slider: what is in range is taken; for what is not a sentence says the range."""
    lab = watched_labs("start")
    assert lab.lab is not None
    field = lab.typed("pages")
    for text, value, said in (
        ("7", 7, ""),
        ("99", 16, "pages: 0 to 16."),
        ("3", 3, ""),
        ("-1", 0, "pages: 0 to 16."),
        ("2.4", 2, "pages: 0 to 16."),
        ("", 2, "pages: 0 to 16."),
    ):
        field.fill(text)
        field.press("Enter")
        lab.keep({"pages": value})
        lab.wait("root.dataset.values.startsWith(arg)", f'{{"pages":{value},')
        message(lab, said)
        assert field.input_value() == str(value) and lab.reads("pages") == value
        lab.check()
    lab.move("pool", 9)  # the sentence has done its work
    message(lab, "")


def test_a_name_that_is_typed(watched_labs: Labs) -> None:
    """Into the second field of a slider with names: the name, a number near one of them, or a sentence."""
    lab = watched_labs("reach")
    assert lab.lab is not None
    field, sentence = lab.typed("buffer"), "buffer: from 64 KB to 64 GB, such as 128 KB."
    sentence = sentence.replace("128 KB", list(dict(lab.lab.buffer.options))[1])
    for text, value, said in (
        ("4 GB", 4 << 30, ""),
        ("1024mb", 1 << 30, ""),
        ("many", 1 << 30, sentence),
        ("64 kb", 64 << 10, ""),
        ("900 TB", 64 << 30, ""),
        ("", 64 << 30, sentence),
    ):
        field.fill(text)
        field.press("Enter")
        lab.keep({"buffer": value})
        lab.wait("root.dataset.values.startsWith(arg)", f'{{"buffer":{value},')
        message(lab, said)
        assert lab.reads("buffer") == value
        assert (
            field.input_value()
            == dict(zip(dict(lab.lab.buffer.options).values(), dict(lab.lab.buffer.options), strict=True))[value]
        )


def test_beside_other_widgets(watched_labs: Labs) -> None:
    """In a box with the usual views of its own controls: all views of one agree, and the lab has room."""
    lab = watched_labs.own(
        "from ipywidgets import HBox, VBox\n\nlab = labs.holders()\nHBox([lab, VBox([lab.pages, lab.kind])])",
        labs.holders(),
    )
    lab.check()
    area = lab.page.locator(".jp-CodeCell").nth(len(EVERY) + 1)
    select, number = area.locator(".widget-dropdown select"), area.locator(".widget-slider .widget-readout")
    run = lab.shown().split(":")[0]
    select.select_option("private file")
    lab.keep({"kind": "private file"})
    lab.wait_for_values(run)
    assert lab.reads("kind") == "private file"
    lab.move("kind", "shared file")
    assert select.evaluate("(node) => node.selectedIndex") == 0
    lab.move("pages", 9)
    lab.page.wait_for_function("(node) => node.textContent === '9'", arg=number.element_handle())
    run = lab.shown().split(":")[0]
    number.fill("4")
    number.press("Enter")
    lab.keep({"pages": 4})
    lab.wait_for_values(run)
    assert lab.reads("pages") == 4
    lab.check()
    try:
        for width in (VIEWPORT["width"], 800):
            lab.page.set_viewport_size({**VIEWPORT, "width": width})
            lab.page.wait_for_timeout(300)
            ems, seen = lab.root.evaluate(
                """(root) => [root.clientWidth / parseFloat(getComputedStyle(root).fontSize),
                    root.querySelector('.hl-plot .main-svg').getBoundingClientRect().width]"""
            )
            assert ems >= 23.9 and seen > 200
            beside = area.locator(".widget-vbox").bounding_box()["width"]
            assert beside > (300 if width == VIEWPORT["width"] else 0)
    finally:
        lab.page.set_viewport_size(VIEWPORT)


def test_a_link_in_the_browser(watched_labs: Labs) -> None:
    """jslink ties a control to any other widget, both ways."""
    lab = watched_labs.own(
        "import ipywidgets\n\nlab = labs.holders()\nother = ipywidgets.IntText(5)\n"
        "link = ipywidgets.jslink((lab.pages, 'value'), (other, 'value'))\nipywidgets.VBox([lab, other])",
        labs.holders(),
    )
    other = lab.page.locator(".widget-text input").last
    lab.move("pages", 8)
    lab.page.wait_for_function("(node) => node.value === '8'", arg=other.element_handle())
    run = lab.shown().split(":")[0]
    other.fill("3")
    other.press("Enter")
    lab.keep({"pages": 3})
    lab.wait_for_values(run)
    assert lab.reads("pages") == 3
    assert watched_labs.said("lab.pages.value, other.value") == "3 3"
    lab.check()


def test_two_labs_share_a_control(watched_labs: Labs) -> None:
    """Moved in one of them, both follow; it works on when the one that made it is closed."""
    first = labs.start()
    one, two = watched_labs.own(
        "one = labs.start()\ntwo = labs.fault(pages=one.pages)\ndisplay(one, two)", first, labs.fault(pages=first.pages)
    )
    for lab, other, value in ((one, two, 7), (two, one, 12)):
        runs = [each.shown().split(":")[0] for each in (one, two)]
        lab.place("pages", value)
        first.pages.value = value
        for each, run in zip((one, two), runs, strict=True):
            each.wait_for_values(run)
            assert each.reads("pages") == value
            each.check()
        assert other.reads("pages") == value
    watched_labs.run("one.close()")
    two_alone = two.page.locator(".jp-CodeCell").nth(len(EVERY) + 1).locator(EXPLORER)
    two.page.wait_for_function(
        "(n) => document.querySelectorAll('.jp-CodeCell')[n].querySelectorAll('[data-hl]').length === 1",
        arg=len(EVERY) + 1,
    )
    again = OnPage(two.page, two_alone, two.lab)
    again.move("pages", 5)
    again.check()


def test_a_lab_that_is_closed_is_gone(watched_labs: Labs) -> None:
    """From the page; and a cell that is run again closes the lab of before, so that their number does not grow."""
    count = "len(__import__('ipywidgets').widgets.widget._instances)"
    seen = set()
    for _ in range(3):
        lab = watched_labs("side_by_side")
        lab.check()
        seen.add(watched_labs.said(count))
    assert len(seen) == 1
    watched_labs.run("lab.close()")
    lab.page.wait_for_function("() => document.querySelectorAll('.hugelab').length === 0")
    assert int(watched_labs.said(count)) < int(seen.pop())
