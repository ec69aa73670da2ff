"""Every lab in a real JupyterLab: wherever its controls and its timeline stand, the page shows the model's numbers."""

from __future__ import annotations

from typing import Any

import pytest

from hugelab import labs
from tests.conftest import fully
from tests.labs.views import offered
from tools.pictures import WIDTHS

from .axe import violations_of
from .conftest import VIEWPORT, Labs
from .lab import OnPage
from .test_keyboard import by_keyboard_alone, tab_reaches_everything_in_order
from .test_pictures import ends, nothing_overlaps
from .test_take_along import program_and_table, reset
from .test_views import nothing_jumps

pytestmark = pytest.mark.browser

STEPS = 6  # positions that are stepped through, there and back
KINDS = ("start", "compare", "side_by_side")  # one program, two, one with a kernel's column
ASKED = KINDS if fully() else KINDS[:1]  # of which everything is asked


def places(control: Any) -> list[Any]:
    """Both ends of a control and two places between; then back to where it was."""
    values = list(offered(control))
    last = len(values) - 1
    chosen = [values[i] for i in sorted({0, last // 3, 2 * last // 3, last})]
    return [*(value for value in chosen if value != control.value), control.value]


@pytest.mark.full
@pytest.mark.parametrize("name", labs.ALL)
def test_lab(watched_labs: Labs, name: str) -> None:
    """All that is asked of every lab, in one visit: its cell is run once, and Reset leads back."""
    lab = watched_labs(name)
    assert lab.lab is not None and lab.position() == start(lab)
    lab.check()
    nothing_overlaps(lab)
    if name in ASKED and name != "compare":
        every_control_gives_the_models_numbers(lab)
    every_end_gives_the_models_numbers(lab)
    if fully() or name in ASKED:
        a_narrow_window_has_room(lab)
    key, control = next(iter(lab.lab.controls.items()))
    lab.move(key, next(value for value in offered(control) if value != lab.lab._first[key]))
    reset(lab)
    if name in ASKED:
        program_and_table(lab)
        reset(lab)
        tab_reaches_everything_in_order(lab)
        by_keyboard_alone(lab)
        every_step_of_the_timeline_gives_the_models_numbers(lab)
    else:
        the_timeline_works(lab)
    lab.open("owners")
    lab.view("owners").locator("[data-k]").first.focus()
    assert violations_of(lab) == []


def start(lab: OnPage) -> int:
    """Where the lab starts, of the model."""
    assert lab.lab is not None
    return lab.lab._start()


def every_control_gives_the_models_numbers(lab: OnPage) -> None:
    """Each control at both ends and between: pool, table, log, pictures are the model's, where the lab starts."""
    assert lab.lab is not None
    for key, control in lab.lab.controls.items():
        for value in places(control):
            lab.move(key, value)
            assert lab.position() == start(lab)
            lab.check()


def every_end_gives_the_models_numbers(lab: OnPage) -> None:
    """Where all controls stand at an end: the numbers are the model's, nothing overlaps, nothing jumps on the way."""
    assert lab.lab is not None
    with nothing_jumps(lab, VIEWPORT["width"]):
        for values in ends(lab.lab):
            lab.move_all(values)
            assert lab.position() == start(lab)
            lab.check()
            nothing_overlaps(lab)


def a_narrow_window_has_room(lab: OnPage) -> None:
    """Nothing overlaps and nothing jumps from the lowest end to the highest. (As it is at first: test_notebooks.py.)"""
    assert lab.lab is not None
    with nothing_jumps(lab, WIDTHS[-1]):
        nothing_overlaps(lab)
        lab.move_all(ends(lab.lab)[0])
        nothing_overlaps(lab)


def the_timeline_works(lab: OnPage) -> None:
    """A step on, a step back, to the end."""
    lab.button("first").click()
    for key, at in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", len(lab.film.timeline) - 1)):
        lab.scrubber.press(key)
        lab.check(at)


def every_step_of_the_timeline_gives_the_models_numbers(lab: OnPage) -> None:
    """Some steps by the buttons and by the keys of the scrubber, there and back; to both ends; from step to step."""
    timeline = lab.film.timeline
    last = len(timeline) - 1
    lab.button("first").click()
    lab.check(0)
    there = list(range(1, min(STEPS, last) + 1))
    back = [*reversed(there[:-1]), 0]
    for at in there:
        lab.button("step").click(force=True)
        lab.check(at)
    for at in back:
        lab.button("back").click(force=True)
        lab.check(at)
    lab.button("back").click(force=True)
    lab.check(0)  # there is nothing before
    lab.button("last").click()
    lab.check(last)
    lab.button("step").click(force=True)
    lab.check(last)  # and nothing behind

    lab.scrubber.focus()
    press = lab.page.keyboard.press
    press("Home")
    lab.check(0)
    for at in there:
        press("ArrowRight")
        lab.check(at)
    for at in back:
        press("ArrowLeft")
        lab.check(at)
    begins = [mark.position for mark in timeline.marks]
    for at in [*(begin for begin in begins if begin > 0), last]:
        press("PageDown")
        lab.check(at)
    for at in [begin for begin in reversed(begins) if 0 < begin < last] + [0]:
        press("PageUp")
        lab.check(at)
    press("End")
    lab.check(last)
