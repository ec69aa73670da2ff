"""What goes wrong is one line for the learner and an error on the console: so no test of this folder overlooks it."""

from __future__ import annotations

import pytest

from .conftest import Labs, Watched, all_is_well
from .lab import OnPage, all_here

pytestmark = pytest.mark.browser

BROKEN = """\
def broken(**values):
    return 1 / 0


lab._program = broken
"""


def message(lab: OnPage) -> tuple[str, str]:
    """Kind and text of the line above the views, once there is one."""
    lab.wait("root.querySelector('.hl-message').textContent")
    return lab.message.get_attribute("data-kind"), lab.message.inner_text()


def test_a_fault_in_the_kernel(watched_labs: Labs) -> None:
    """A program that raises: one line, what was shown stays, the console has an error, and the lab can go on."""
    lab = watched_labs("reservation")
    shown = lab.shown()
    watched_labs.run(BROKEN)
    lab.place("pages", 6)
    kind, text = message(lab)
    assert (kind, text) == ("fault", "This lab has a fault: ZeroDivisionError: division by zero")
    assert lab.message.evaluate("(node) => [...document.querySelectorAll('.hl-message:not(:empty)')].length") == 1
    assert lab.shown() == shown
    lab.check()
    lab.scrubber.press("ArrowLeft")  # what is shown can still be looked at
    lab.check(lab.lab._start() - 1)
    assert watched_labs.watched.errors == ["This lab has a fault: ZeroDivisionError: division by zero"]
    watched_labs.watched.errors.clear()

    watched_labs.run("lab._program = labs.reservation()._program")
    lab.move("pages", 7)
    lab.check()
    assert lab.message.inner_text() == ""


def test_a_fault_in_the_page(watched_labs: Labs) -> None:
    """Data that the script cannot show: one line, an error on the console, and the pictures stay."""
    lab = watched_labs("reservation")
    watched_labs.run(
        "head = {**lab.head, 'run': 10**9}\ndel head['sides']\n"
        "with lab.hold_sync():\n    lab.head, lab.window = head, {**lab.window, 'run': 10**9}",
    )
    kind, text = message(lab)
    assert kind == "fault"
    assert text.startswith("This lab has a fault: TypeError: ") and "\n" not in text
    assert all(lab.view(name).locator("svg").count() == 1 for name in ("flow", "owners", "layout"))
    assert lab.view("plot").locator(".scatterlayer .trace").count() > 0
    assert any("TypeError" in error for error in watched_labs.watched.errors)
    watched_labs.watched.errors.clear()


def test_a_fault_when_a_key_is_pressed(watched_labs: Labs) -> None:
    """A frame that cannot be drawn, when the learner gets there: one line, and an error on the console."""
    lab = watched_labs("reservation")
    all_here(lab)  # else a frame that is fetched later takes the place of the broken one
    at = lab.position() - 1
    watched_labs.run(
        f"window = lab.film.window({at}, 0)\nwindow['frames'][0][0][6] = None  # its numbers\n"
        "lab.window = {**window, 'run': lab.head['run']}",
    )
    lab.scrubber.press("ArrowLeft")
    kind, text = message(lab)
    assert kind == "fault" and text.startswith("This lab has a fault: TypeError: ") and "\n" not in text
    assert any("TypeError" in error for error in watched_labs.watched.errors)
    watched_labs.watched.errors.clear()


def test_what_is_refused(watched_labs: Labs) -> None:
    """A pool that the machine does not hold: one line that says so and what to do, no fault, and the lab can go on."""
    lab = watched_labs("layout")
    shown = lab.shown()
    watched_labs.run("lab.pool.max = 10**7\nlab.pool.value = 5_000_000")
    kind, text = message(lab)
    assert kind == "refused"
    assert text.startswith("a pool of 5,000,000 pages") and "choose a smaller pool" in text and "\n" not in text
    assert lab.shown() == shown
    lab.check()
    run = shown.split(":")[0]
    lab.place("pool", 10)  # it still wants the five million
    lab.wait_for_values(run)
    lab.move("pages", 7)
    lab.check()
    assert lab.message.inner_text() == ""
    assert not watched_labs.page.locator(".jp-OutputArea-output[data-mime-type*=error]").count()


def test_the_suite_goes_red(every_lab: Watched) -> None:
    """A test with such a lab fails, and names the fault, though it looks for none."""
    named = pytest.raises(AssertionError, match="This lab has a fault: ZeroDivisionError: division by zero")
    with named, all_is_well(every_lab) as watched_labs:
        lab = watched_labs("reservation")
        watched_labs.run(BROKEN)
        lab.place("pages", 6)
        message(lab)
        lab.check()
