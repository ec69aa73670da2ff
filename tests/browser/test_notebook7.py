"""The labs in Notebook 7, which is another front end on the same server."""

from __future__ import annotations

from typing import Any

import pytest

from hugelab import labs

from .conftest import watch_jupyter
from .jupyter import Server, write_notebook

pytestmark = pytest.mark.browser

NAME = "seven.ipynb"
LAB = "[data-hl=explorer][data-shown]"


def test_a_lab_in_notebook_7(browser: Any, server: Server) -> None:
    """A lab comes alive, its plot is drawn, a control moves it, and Python moves the control."""
    write_notebook(server.folder / NAME, ["from hugelab import labs\n\nlab = labs.fault()\nlab", "lab.pages.value = 3"])
    with watch_jupyter(browser, server) as watched:
        page = watched.page
        page.goto(f"{server.url}/notebooks/{NAME}?token={server.token}")
        page.locator(".jp-Cell .cm-content").first.click(timeout=60_000)
        page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
        page.keyboard.press("Shift+Enter")
        lab = page.locator(LAB)
        lab.wait_for(timeout=60_000)
        lab.locator(".hl-plot[data-drawn]").wait_for(timeout=30_000)
        same = labs.fault()
        pages = lab.locator("input[type=range][name=pages]")
        for move in (lambda: pages.fill("16"), lambda: page.keyboard.press("Shift+Enter")):
            before = lab.get_attribute("data-shown")
            if same.pages.value != 5:  # the second cell
                page.locator(".jp-Cell .cm-content").nth(1).click()
            move()
            page.wait_for_function(
                "([lab, before]) => lab.dataset.shown !== before", arg=[lab.element_handle(), before], timeout=20_000
            )
            same.pages.value = int(pages.input_value())
            free = lab.locator("[data-n=free]").inner_text()
            assert free == str(same.recording.counters(same.event).free)
        assert pages.input_value() == "3"
        # Notebook 7 looks for the settings of an extension that is JupyterLab's alone, and complains.
        assert [error for error in watched.errors if "/static/notebook/" not in error] == []
        assert watched.outside == []
