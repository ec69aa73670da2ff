"""Every lab in a real JupyterLab: wherever its controls and its timeline stand, the page shows the model's numbers."""

from __future__ import annotations

from typing import Any

import pytest

from hugelab import labs
from hugelab.labs.controls import Control

from .conftest import Labs

pytestmark = pytest.mark.browser

STEPS = 12  # positions that are stepped through, there and back


def places(control: Control) -> list[Any]:
    """Both ends of a control and two places between; then back to where it was."""
    values = list(control.values())
    last = len(values) - 1
    chosen = [values[i] for i in sorted({0, last // 3, 2 * last // 3, last})]
    return [*(value for value in chosen if value != control.value), control.value]


@pytest.mark.parametrize("name", labs.ALL)
def test_every_control_gives_the_models_numbers(watched_labs: Labs, name: str) -> None:
    """Each control at both ends and between: pool, table, log, pictures are the model's, where the lab starts."""
    lab = watched_labs(name)
    assert lab.lab is not None
    assert lab.position() == lab.lab._start()
    lab.check()
    for key, control in lab.lab.controls.items():
        for value in places(control):
            lab.move(key, value)
            assert lab.position() == lab.lab._start()
            lab.check()


@pytest.mark.parametrize("name", labs.ALL)
def test_every_step_of_the_timeline_gives_the_models_numbers(watched_labs: Labs, name: str) -> None:
    """By the buttons and by the keys of the scrubber, there and back; to both ends; from step to step."""
    lab = watched_labs(name)
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
