"""Work that takes long: the page says how far it is, stays alive, and can stop it."""

from __future__ import annotations

import pytest

from .conftest import Labs
from .lab import OnPage
from .test_keyboard import begin, focus, tab_to

pytestmark = pytest.mark.browser

SLOW = """\
import time

from hugelab.labs.widget.job import Progress

quick = lab._work


def slow(values):
    for part in range(60):
        yield Progress(f"part {part + 1} of 60", part / 60)
        time.sleep(0.05)
    return (yield from quick(values))


lab._work = slow
"""


@pytest.fixture
def lab(watched_labs: Labs) -> OnPage:
    """A lab that takes three seconds for whatever one asks of it."""
    lab = watched_labs("reservation")
    watched_labs.run(SLOW)
    return lab


def busy(lab: OnPage) -> None:
    """Wait until the page says that something is going on, and how far it is."""
    lab.wait(r"/^part \d+ of 60$/.test(root.querySelector('.hl-busy span')?.textContent)")
    assert lab.root.get_by_role("progressbar").count() == 1
    assert 0 <= lab.root.locator("progress").evaluate("(bar) => bar.position") < 1


def rest(lab: OnPage) -> None:
    """Wait until nothing is going on."""
    lab.wait("!root.querySelector('.hl-busy').firstChild")


def test_cancel_by_keyboard(lab: OnPage) -> None:
    """The bar goes on while one tabs to Cancel; then what was shown stays, and the controls say so."""
    shown, at = lab.shown(), lab.position()
    lab.place("pages", 9)
    busy(lab)
    lab.button("back").press("Enter")  # the page is alive
    lab.wait_for(at - 1)
    lab.button("step").press("Enter")
    lab.wait_for(at)
    begin(lab)
    tab_to(lab, "Cancel")
    now = lab.root.locator("progress").evaluate("(bar) => bar.position")
    lab.wait("root.querySelector('progress').position > arg + 0.05", now)
    found = focus(lab)
    assert found and found["name"] == "Cancel", "the button stays while the bar goes on"
    lab.page.keyboard.press("Enter")
    rest(lab)
    lab.wait("root.querySelector('.hl-message').textContent.startsWith('Cancelled')")
    assert focus(lab) is not None, "the keyboard stays in the lab"
    assert lab.control("pages").input_value() == "5"
    lab.page.wait_for_timeout(500)  # nothing comes late
    assert lab.shown() == shown
    lab.check()


def test_another_move_starts_anew(lab: OnPage) -> None:
    """A control moved during the work: that is what comes, and only that."""
    runs = lab.root.evaluate_handle(
        """(root) => { const runs = [root.dataset.values];
            const observer = new MutationObserver(() => runs.push(root.dataset.values));
            observer.observe(root, { attributeFilter: ['data-values'] });
            return runs; }"""
    )
    lab.place("pages", 9)
    busy(lab)
    lab.wait("root.querySelector('progress').position > 0.3")
    lab.place("pages", 7)
    lab.wait("root.querySelector('progress')?.position < 0.3")
    assert lab.lab is not None
    run = lab.shown().split(":")[0]
    lab.lab.controls["pages"].value = 7
    lab.wait_for_values(run)
    rest(lab)
    lab.check()
    assert '"pages":9' not in "".join(runs.json_value())
