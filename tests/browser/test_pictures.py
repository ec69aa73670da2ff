"""How a lab looks where its controls stand at an end (see test_labs.py): nothing overlaps, is cut off or is empty."""

from __future__ import annotations

from typing import Any

import ipywidgets
import pytest

from hugelab.labs import Lab
from tests.conftest import fully
from tests.labs.views import offered
from tools.pictures import PAINTED, views, wrong

from .conftest import Labs
from .lab import OnPage

pytestmark = pytest.mark.browser

MOST = 4 if fully() else 1  # settings of a lab that are looked at, beside its lowest
SLIDERS = (ipywidgets.IntSlider, ipywidgets.FloatSlider, ipywidgets.SelectionSlider)


def ends(lab: Lab[Any]) -> list[dict[str, Any]]:
    """Values of the controls: all sliders at their highest, with some choices and alone; all at their lowest."""
    sliders = {key: offered(control) for key, control in lab.controls.items() if isinstance(control, SLIDERS)}
    first = lab.values
    highest = {**first, **{key: values[-1] for key, values in sliders.items()}}
    every = [highest]
    for key, control in lab.controls.items():
        choices = [{**highest, key: value} for value in offered(control)]
        every += [{**first, key: sliders[key][-1]}] if key in sliders else choices
    return [*every[:: -(-len(every) // MOST)], {**highest, **{key: values[0] for key, values in sliders.items()}}]


def nothing_overlaps(lab: OnPage) -> None:
    """Nothing is wrong with how the lab looks now."""
    assert lab.lab is not None
    lab.page.evaluate(PAINTED)
    assert wrong(lab.root) == [], f"{lab.lab.values}, {lab.page.viewport_size}"


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
        ("root.querySelectorAll('.hl-plot .legendtext')[1].style.transform = 'translate(-75px)'", "legendtext"),
        ("root.querySelector('.hl-plot .annotation').setAttribute('transform', 'translate(-300)')", "annotation-text"),
        ("root.querySelector('.hl-plot .main-svg').style.width = '100px'", "plot: 100 wide in a room"),
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
