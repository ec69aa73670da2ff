"""Labs without a timeline in a real JupyterLab: wherever their controls stand, the page shows the model's numbers."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from xml.etree import ElementTree

import pytest

from hugelab import labs
from hugelab.labs.who import HERE
from hugelab.labs.widget.sheet_lab import SheetLab
from tests.conftest import fully
from tests.labs.views import offered
from tools.pictures import WIDTHS

from .axe import violations_of
from .conftest import VIEWPORT, Labs
from .lab import OnPage, pictured, plot_differs
from .test_pictures import ends, nothing_overlaps
from .test_take_along import SVG, download, pasted

pytestmark = pytest.mark.browser

READ = """
(root) => JSON.stringify({
  words: root.querySelector(".hl-caption").textContent,
  numbers: [...root.querySelectorAll(".hl-figures > span")].map(
    (pair) => [pair.lastChild.dataset.n, pair.firstChild.textContent, pair.lastChild.textContent]),
  plot: (({ data, layout } = {}) => data && { data, layout })(root.querySelector(".hl-chart .js-plotly-plot") ?? {}),
  pictures: [...root.querySelectorAll(".hl-diagram svg")].map(
    (svg) => ({ label: svg.getAttribute("aria-label"), text: svg.textContent })),
  tables: [...root.querySelectorAll(".hl-tables table")].map((table) => ({
    caption: table.caption.textContent,
    rows: [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent)),
  })),
  values: JSON.parse(root.dataset.values),
})
"""


def check(lab: OnPage) -> None:
    """Sentence, numbers, pictures and tables on the page are those of the sheet in this Python."""
    made: Any = lab.lab
    assert isinstance(made, SheetLab)
    if made.sheet.figure:
        lab.wait("root.querySelector('.hl-plot')?.dataset.drawn === root.dataset.shown.split(':')[0]")
    found = json.loads(lab.handle.evaluate(READ))
    assert plot_differs(found.pop("plot", None), json.loads(json.dumps(made.sheet.figure))) == ""
    assert found == {
        "words": made.sheet.words,
        "numbers": [list(number) for number in made.sheet.numbers],
        "pictures": [pictured(picture) for picture in made.sheet.pictures],
        "tables": [
            {"caption": caption, "rows": [[str(cell) for cell in row] for row in (table.header, *table.rows)]}
            for caption, table in made.sheet.tables
        ],
        "values": made.values,
    }


@pytest.mark.full
@pytest.mark.parametrize("name", labs.SHEETS)
def test_sheet(watched_labs: Labs, name: str) -> None:
    """Where all controls stand at an end: the model's numbers, nothing overlaps, wide or narrow; all can use it."""
    lab = watched_labs(name)
    assert lab.lab is not None
    check(lab)
    widths = list(WIDTHS)
    try:
        for values in ends(lab.lab):
            lab.move_all(values)
            if values.get("machine") != HERE:  # other tests use its pool: the next look finds something else
                check(lab)
            for width in widths if fully() else widths[:1]:
                lab.resize(width)
                nothing_overlaps(lab)
            widths.reverse()  # the next setting is looked at in this window first
    finally:
        lab.resize(VIEWPORT["width"])
    assert violations_of(lab) == []


def test_by_keyboard(watched_labs: Labs) -> None:
    """Arrow keys move the slider, which keeps the focus and says its size in words; what is below stays in place."""
    lab = watched_labs("reach")
    assert lab.lab is not None
    slider, stops = lab.control("buffer"), list(offered(lab.lab.controls["buffer"]))
    slider.focus()
    below = lab.view("along").bounding_box()
    for key, by in [("ArrowRight", 1)] * 3 + [("ArrowLeft", -1)] * 3:
        run = lab.shown().split(":")[0]
        lab.page.keyboard.press(key)
        value = stops[stops.index(lab.lab.values["buffer"]) + by]
        lab.lab.controls["buffer"].value = value
        lab.wait_for_values(run)
        check(lab)
        assert slider.evaluate("(node) => document.activeElement === node")
        assert lab.view("along").bounding_box() == below
    assert slider.get_attribute("aria-valuetext") == "10 MB of 64 GB"
    assert lab.typed("buffer").input_value() == "10 MB"


def test_take_along(watched_labs: Labs) -> None:
    """The code is that of what is shown, the picture holds plot and diagrams, the table is the sheet's; Reset goes
    back."""
    lab = watched_labs("reach")
    made: Any = lab.lab
    lab.move("buffer", 64 << 20)
    lab.take("Copy as Python").click()
    lab.wait("root.querySelector('.hl-said').textContent === 'Copied as Python.'")
    assert pasted(lab) == made.sheet.python
    assert lab.root.get_by_role("button", name="Copy as JSON").count() == 0
    name, saved = download(lab, "Save SVG")
    picture = ElementTree.fromstring(saved)
    assert name == "hugelab-reach.svg"
    assert len(picture.findall(f"{SVG}svg")) == len(made.sheet.pictures) + (made.sheet.figure is not None)
    lines = [node.text for node in picture.findall(f"{SVG}text")]
    assert " ".join(map(str, lines)) == made.sheet.words and len(lines) > 1, "in lines that fit the picture"
    name, saved = download(lab, "Save table (CSV)")
    assert name == "hugelab-reach.csv"
    assert list(csv.reader(io.StringIO(saved.decode())))[1] == [str(cell) for cell in made.sheet.tables[0][1].header]
    name, saved = download(lab, "Save PNG")
    assert name == "hugelab-reach.png" and saved.startswith(b"\x89PNG")
    run = lab.shown().split(":")[0]
    lab.take("Reset").click()
    made.buffer.value = made._first["buffer"]
    lab.wait_for_values(run)
    check(lab)


def test_measuring_asks_first(watched_labs: Labs) -> None:
    """The first click says what would change, and No has the keyboard; No changes nothing."""
    lab = watched_labs("measured")
    assert "recorded on" in lab.message.inner_text()
    lab.root.locator("[data-action=go]").click()
    lab.wait(r"/Run it\\?|No result/.test(root.querySelector('.hl-message').textContent)")
    if "Run it?" in lab.message.inner_text():
        assert lab.root.locator("[data-action=no]").evaluate("(node) => document.activeElement === node")
        lab.page.keyboard.press("Enter")
        lab.wait("root.querySelector('.hl-message').textContent.includes('nothing was changed')")
    check(lab)
