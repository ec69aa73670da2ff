"""How a lab looks where its controls stand at an end (see test_labs.py): nothing overlaps, is cut off or is empty."""

from __future__ import annotations

from typing import Any

import pytest

from hugelab.labs import Lab
from hugelab.labs.controls import Slider, extremes
from hugelab.labs.panel import Panel
from tests.conftest import fully
from tools.pictures import PAINTED, views, wrong

from .conftest import Labs
from .lab import OnPage

pytestmark = pytest.mark.browser

MOST = 4 if fully() else 1  # settings of a lab that are looked at, beside its lowest


def ends(lab: Panel[Any]) -> list[dict[str, Any]]:
    """Values of the controls: all sliders at their highest, with some choices and alone; all at their lowest."""
    lowest = {key: c.values()[0] if isinstance(c, Slider) else c.value for key, c in lab.controls.items()}
    every = list(extremes(lab.controls))
    return [*every[:: -(-len(every) // MOST)], {**every[0], **lowest}]


def nothing_overlaps(lab: OnPage) -> None:
    """Nothing is wrong with how the lab looks now. (A pool of no pages has no area in its plot.)"""
    assert lab.lab is not None
    lab.page.evaluate(PAINTED)
    empty = isinstance(lab.lab, Lab) and not lab.lab.recording.counters(0).total
    found = set(wrong(lab.root)) - ({"plot: no area in it"} if empty else set())
    assert sorted(found) == [], f"{lab.lab.values}, {lab.page.viewport_size}"


def test_what_is_wrong_is_seen(watched_labs: Labs) -> None:
    """Texts over each other, a text out of its picture, labels over each other, an empty plot: each is named."""
    lab = watched_labs("holders")
    assert wrong(lab.root) == []
    for spoil, named in (
        (
            "svg = root.querySelector('.hl-owners svg'), svg.querySelectorAll('text')[1].setAttribute('y', 13)",
            "overlap",
        ),
        ("root.querySelector('.hl-layout text').setAttribute('x', 480)", "sticks out"),
        ("root.querySelector('.hl-control span').style.cssText = 'white-space: nowrap; width: 300px'", "overlap"),
        ("root.querySelectorAll('.hl-plot path').forEach((path) => path.remove())", "no area"),
        ("root.querySelector('.hl-flow svg').replaceChildren()", "empty"),
        ("root.querySelector('.hl-caption').style.cssText = 'width: 2000px'", "wide in a room"),
    ):
        lab = watched_labs("holders")
        lab.root.evaluate(f"(root) => {{ let svg; {spoil}; }}")
        assert any(named in line for line in wrong(lab.root)), named


def test_both_themes_and_widths_are_looked_at(watched_labs: Labs) -> None:
    """The pictures are taken of what they say: theme and width of the page change, and change back."""
    page = watched_labs.page
    watched_labs("start")
    before = page.viewport_size
    seen = [
        (theme, width, page.evaluate("() => [document.body.dataset.jpThemeLight, window.innerWidth]"))
        for theme, width in views(page)
    ]
    assert [(str(theme == "Light").lower(), width) for theme, width, _ in seen] == [tuple(found) for *_, found in seen]
    assert len(seen) == 4 and page.viewport_size == before
