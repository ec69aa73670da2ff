"""The course in a real JupyterLab: each notebook runs, its labs live, everybody can use them, nothing overlaps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.conftest import some
from tests.notebooks.compare import differences
from tools.pictures import PAINTED, WIDTHS, wrong

from .axe import violations
from .conftest import NOTEBOOKS, ROOT, VIEWPORT, Watched, watch_jupyter
from .jupyter import Server, another_notebook, cell_errors, open_notebook, outputs, run_all, set_theme
from .lab import EXPLORER

pytestmark = pytest.mark.browser


class Notebook(NamedTuple):
    """A notebook of the course, all its cells run; and what could be seen of it before."""

    name: str
    watched: Watched
    labs: int  # that it has
    stills: list[int]  # the widths of the pictures that were seen
    text: str

    @property
    def page(self) -> Any:
        """The page that it is on."""
        return self.watched.page


@pytest.fixture(scope="module")
def course(browser: Any, server: Server) -> Iterator[Watched]:
    """A page for one notebook of the course after the other."""
    with watch_jupyter(browser, server) as found:
        yield found


@pytest.fixture(scope="module", params=NOTEBOOKS)
def notebook(request: pytest.FixtureRequest, course: Watched, server: Server) -> Notebook:
    """A notebook of the course, all its cells run."""
    name, page = request.param, course.page
    if page.url == "about:blank":
        open_notebook(page, server, name)
    else:
        another_notebook(page, name)
    saved = json.loads((server.folder / name).read_text(encoding="utf-8"))
    count = sum("image/png" in out.get("data", {}) for cell in saved["cells"] for out in cell.get("outputs", []))
    page.wait_for_function("(n) => document.querySelectorAll('.jp-RenderedImage img').length === n", arg=count)
    images = page.locator(".jp-RenderedImage img").all()
    stills = [image.evaluate("(image) => image.naturalWidth") for image in images if image.is_visible()]
    text = page.locator(".jp-Notebook").first.inner_text()
    run_all(page)
    return Notebook(name, course, count, stills, text)


def test_still_pictures_before_running(notebook: Notebook) -> None:
    """A fresh clone, not run: each lab shows its picture, and the sentence that says how to bring it alive."""
    saved = (ROOT / "notebooks" / notebook.name).read_text(encoding="utf-8")
    assert "application/vnd.jupyter.widget" not in saved, "neither a view nor a state"
    assert len(notebook.stills) == notebook.labs > 0
    assert all(width > 600 for width in notebook.stills)
    assert len(re.findall(r"Run this cell \(Shift\+Enter\) for the live lab", notebook.text)) == notebook.labs


def test_run_all(notebook: Notebook, request: pytest.FixtureRequest) -> None:
    """No cell fails, and the outputs are those that are saved, as nbval compares them (pictures it does not); each lab
    of the notebook is alive and has taken the place of its still picture, and of the words in its place."""
    page = notebook.page
    page.wait_for_function(
        "(n) => document.querySelectorAll('[data-hl=explorer][data-shown]').length === n",
        arg=notebook.labs,
        timeout=60_000,
    )
    page.wait_for_function("(n) => document.querySelectorAll('.hugelab-hidden').length === n", arg=notebook.labs)
    assert cell_errors(page) == []
    assert differences(request.session, ROOT / "notebooks" / notebook.name, outputs(page)) == []
    assert not any(image.is_visible() for image in page.locator(".jp-RenderedImage img").all())
    assert not any(words.is_visible() for words in page.locator(".hugelab-hidden").all())
    notebook.watched.check()


@pytest.mark.full
def test_everybody_can_use_it(notebook: Notebook) -> None:
    """Dark and narrow: axe finds no serious violation in labs, predictions (answered) and the doctor's table (in `make
    test` of every third notebook); no text runs out of its picture or into another, no plot is empty. (Each lab light
    and wide: test_labs.py.)"""
    page = notebook.page
    page.locator(f"{EXPLORER}[data-shown]").first.wait_for(state="attached", timeout=60_000)
    for question in page.locator(".widget-radio-box").all():
        question.locator("input").first.check()
    widgets = [".hugelab", ".jp-OutputArea-output:has(.jupyter-widgets)"]
    if page.evaluate("() => document.body.dataset.jpThemeLight") == "true":  # the first notebook; then it stays dark
        assert violations(page, widgets) == []
        set_theme(page, "Dark")
        page.set_viewport_size({**VIEWPORT, "width": WIDTHS[-1]})
    page.evaluate(PAINTED)
    if notebook.name in some(NOTEBOOKS):
        assert violations(page, widgets) == []
    assert [wrong(lab) for lab in page.locator(EXPLORER).all()] == [[]] * notebook.labs
    notebook.watched.check()
