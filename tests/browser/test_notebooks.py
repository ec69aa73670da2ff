"""The course in a real JupyterLab: each notebook runs, its labs live, everybody can use them, nothing overlaps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tools.pictures import take

from .axe import violations
from .conftest import NOTEBOOKS, ROOT, Watched, watch_jupyter
from .jupyter import Server, cell_errors, open_notebook, run_all, set_theme
from .lab import EXPLORER

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=NOTEBOOKS)
def notebook(request: pytest.FixtureRequest, browser: Any, server: Server) -> Iterator[tuple[str, Watched]]:
    """A notebook of the course, all its cells run."""
    with watch_jupyter(browser, server) as found:
        open_notebook(found.page, server, request.param)
        run_all(found.page)
        yield request.param, found


def test_run_all(notebook: tuple[str, Watched]) -> None:
    """No cell fails; each lab of the notebook is alive and has taken the place of its still picture."""
    name, watched = notebook
    page = watched.page
    saved = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))
    stills = sum("image/png" in out.get("data", {}) for cell in saved["cells"] for out in cell.get("outputs", []))
    assert stills > 0, "a notebook without a lab"
    page.wait_for_function(
        "(n) => document.querySelectorAll('[data-hl=explorer][data-shown]').length === n", arg=stills, timeout=60_000
    )
    page.wait_for_function("(n) => document.querySelectorAll('.hugelab-hidden img').length === n", arg=stills)
    assert cell_errors(page) == []
    assert not any(image.is_visible() for image in page.locator(".jp-RenderedImage img").all())
    watched.check()


def test_everybody_can_use_it(notebook: tuple[str, Watched]) -> None:
    """axe finds no serious violation in labs, predictions (answered) and the doctor's table, light and dark."""
    _, watched = notebook
    page = watched.page
    page.locator(f"{EXPLORER}[data-shown]").first.wait_for(state="attached", timeout=60_000)
    for question in page.locator(".widget-radio-box").all():
        question.locator("input").first.check()
    for theme in ("Light", "Dark"):
        set_theme(page, theme)
        assert violations(page, [".hugelab", ".jp-OutputArea-output:has(.jupyter-widgets)"]) == [], theme
    set_theme(page, "Light")
    watched.check()


def test_nothing_overlaps(notebook: tuple[str, Watched]) -> None:
    """In both themes, wide and narrow: no text runs out of its picture or into another, no plot is empty."""
    name, watched = notebook
    assert take(watched.page, name.removesuffix(".ipynb"), folder=None) == []
    watched.check()


def test_still_picture_before_running(watched: Watched, server: Server) -> None:
    """A fresh clone, not run: each lab shows its picture, and the sentence that says how to bring it alive."""
    page = watched.page
    page.goto(f"{server.url}/lab/tree/04_who_holds.ipynb?token={server.token}&reset")
    page.wait_for_selector(".jp-RenderedImage img", timeout=60_000)
    saved = (ROOT / "notebooks" / "04_who_holds.ipynb").read_text(encoding="utf-8")
    assert "application/vnd.jupyter.widget-view+json" not in saved
    width = page.evaluate("() => document.querySelector('.jp-RenderedImage img').naturalWidth")
    assert width > 600
    text = page.locator(".jp-Notebook").first.inner_text()
    assert re.search(r"Run this cell \(Shift\+Enter\) for the live lab", text)
    assert page.locator(EXPLORER).count() == 0
