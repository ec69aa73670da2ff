"""The lab that has its program run on this machine's kernel: two clicks, and the pool is as it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hugelab.course import recorded
from tests.course.test_recorded import WHY_NOT
from tests.live.alone import pool_alone

from .conftest import Labs
from .lab import OnPage

pytestmark = pytest.mark.browser

__all__ = ["pool_alone"]

live = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "can")


def button(lab: OnPage, name: str) -> Any:
    """One of the buttons go, yes, no."""
    return lab.root.locator(f"button[data-action={name}]")


def says(lab: OnPage, pattern: str, seconds: float = 20) -> str:
    """The line above the views, once it matches."""
    lab.wait("new RegExp(arg).test(root.querySelector('.hl-message').textContent)", pattern, seconds)
    text: str = lab.message.inner_text()
    return text


def focused(lab: OnPage, name: str) -> None:
    """Wait until a button has the focus."""
    lab.wait("document.activeElement === root.querySelector(`[data-action=${arg}]`)", name)


def ask(lab: OnPage) -> None:
    """The first click, by keyboard: it says what would be changed, and the focus is on No."""
    button(lab, "go").focus()
    lab.page.keyboard.press("Space")
    says(lab, r"Run it\?")
    focused(lab, "no")


def head(lab: OnPage) -> str:
    """The heading of the table."""
    text: str = lab.view("usages").locator("thead").inner_text()
    return text


def pools() -> dict[str, str]:
    """The pools of this machine, as its kernel tells them."""
    files = Path("/sys/kernel/mm/hugepages").glob("*/*")
    return {str(file): file.read_text() for file in files if file.name != "demote"}


def test_first_click_and_no(watched_labs: Labs, pool_alone: None) -> None:
    """The button says what it would change, or why it cannot; No, by keyboard, changes nothing."""
    lab = watched_labs("side_by_side")
    lab.check()
    assert lab.message.get_attribute("role") == "status"
    says(lab, f"recorded on Linux {recorded.kernel()}")
    lab.move("touched", 4)
    lab.check()
    before = pools()
    button(lab, "go").focus()
    lab.page.keyboard.press("Enter")
    if "Run it?" in says(lab, r"Run it\?|No result from this kernel"):
        focused(lab, "no")
        assert button(lab, "go").is_disabled() and button(lab, "yes").is_visible()
        lab.page.keyboard.press("Enter")
        says(lab, "nothing was changed")
        focused(lab, "go")
        assert not button(lab, "yes").is_visible()
        assert pools() == before
    lab.check()
    assert f"recorded on Linux {recorded.kernel()}" in head(lab)


def test_a_move_takes_the_question_back(watched_labs: Labs) -> None:
    """Who moves a control after the first click is not asked any more about another program."""
    lab = watched_labs("side_by_side")
    button(lab, "go").click()
    says(lab, r"Run it\?|No result from this kernel")
    lab.move("touched", 3)
    lab.check()
    lab.wait("!root.querySelector('[data-action=yes]')")
    assert button(lab, "go").is_enabled()
    says(lab, f"recorded on Linux {recorded.kernel()}")


@live
def test_the_live_kernel(watched_labs: Labs, pool_alone: None) -> None:
    """Two clicks by keyboard: this kernel's answers beside the model's, the pool as it was. A move ends it."""
    lab = watched_labs("side_by_side")
    lab.move("pool", 4)
    lab.check()
    before = pools()
    for _ in range(30):  # somebody else may have the pool for a while
        ask(lab)
        lab.page.keyboard.press("Shift+Tab")
        lab.page.keyboard.press("Space")
        text = says(lab, "Ran on this kernel|No result from this kernel", 60)
        if "has borrowed the huge page pool" not in text:
            break
    assert "Ran on this kernel" in text
    focused(lab, "go")
    assert "this kernel" in head(lab) and "recorded" not in head(lab)
    assert pools() == before
    if os.uname().release.startswith("6.18"):
        lab.check()
    lab.move("pool", 10)
    lab.check()
    assert f"recorded on Linux {recorded.kernel()}" in head(lab)


@live
def test_cancel_a_live_run(watched_labs: Labs, pool_alone: None) -> None:
    """The run can be stopped by keyboard: the recorded column stays, and the pool is as it was."""
    lab = watched_labs("side_by_side")
    before = pools()
    for _ in range(30):  # it may be through before the key is pressed
        ask(lab)
        # The page itself presses the button as soon as it is there: a run takes less than a second.
        lab.root.evaluate(
            """(root) => new MutationObserver((_, observer) => {
                const cancel = root.querySelector('.hl-busy button');
                if (cancel) { observer.disconnect(); cancel.focus(); root.cancelled = true; }
            }).observe(root.querySelector('.hl-busy'), { childList: true })"""
        )
        button(lab, "yes").press("Enter")
        lab.wait("root.cancelled")
        lab.page.keyboard.press("Enter")
        text = says(lab, "Cancelled|Ran on this kernel|No result from this kernel", 60)
        if "Cancelled" in text:
            break
    assert "Cancelled; the pool is as it was." in text
    focused(lab, "go")
    assert pools() == before
    assert f"recorded on Linux {recorded.kernel()}" in head(lab)
    lab.check()
    lab.move("touched", 2)
    lab.check()
