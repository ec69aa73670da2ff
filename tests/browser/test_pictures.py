"""How the labs look where their controls stand at an end: nothing overlaps, is cut off or is empty."""

from __future__ import annotations

from typing import Any

import pytest

from hugelab import labs
from hugelab.labs.controls import Slider, extremes
from tools.pictures import PAINTED, WIDTHS, views, wrong

from .conftest import VIEWPORT, Labs

pytestmark = pytest.mark.browser

MOST = 9  # settings of a lab that are looked at


@pytest.mark.parametrize("name", labs.ALL)
def test_nothing_overlaps_at_the_ends(watched_labs: Labs, name: str) -> None:
    """Every control at its highest, alone and with all others, and everything at nothing; wide and narrow."""
    page = watched_labs.page
    lab = watched_labs(name)
    assert lab.lab is not None
    sliders = [key for key, control in lab.lab.controls.items() if isinstance(control, Slider)]
    nothing: dict[str, Any] = {**lab.lab.values, **{key: lab.lab.controls[key].values()[0] for key in sliders}}
    try:
        every = list(extremes(lab.lab.controls))
        for values in [*every[:: -(-len(every) // MOST)], nothing]:
            lab.move_all(values)
            empty = ["plot: no area in it"] if not lab.lab.recording.counters(0).total else []
            for width in WIDTHS:
                page.set_viewport_size({**VIEWPORT, "width": width})
                page.evaluate(PAINTED)
                assert 0.4 < lab.root.evaluate("(root) => root.clientWidth") / width < 0.9
                assert sorted(set(wrong(lab.root)) - set(empty)) == [], f"{values}, {width} pixels"
    finally:
        page.set_viewport_size(VIEWPORT)


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
