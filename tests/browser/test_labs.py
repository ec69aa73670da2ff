"""The labs in a real JupyterLab: run a notebook, move a slider by keyboard, read the numbers off the page."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from hugelab import LESSON, labs, run, scenario
from hugelab.draw import figures
from hugelab.labs import recorded
from hugelab.labs.holders import program
from hugelab.labs.promise import _program
from tests.labs.dom import MODEL, side
from tests.labs.test_recorded import WHY_NOT
from tests.live.alone import pool_alone

from .conftest import ROOT, Server, Watched

pytestmark = pytest.mark.browser

__all__ = ["pool_alone"]

NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
ARTEFACTS = ROOT / "tests" / "artefacts"


def open_and_run(watched: Watched, server: Server, name: str) -> Any:
    """Open a notebook, run all its cells, wait until the kernel is idle."""
    page = watched.page
    page.goto(f"{server.url}/lab/tree/{name}?token={server.token}&reset")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'",
        timeout=60_000,
    )
    # Every cell stays in the page, so that what is not in view can be looked at, too.
    page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.content.notebookConfig = "
        "{...window.jupyterapp.shell.currentWidget.content.notebookConfig, windowingMode: 'none'} }"
    )
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status === 'idle'",
        timeout=120_000,
    )
    return page


def cell_errors(page: Any) -> list[str]:
    """What the cells of the open notebook say went wrong."""
    return page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets
            .flatMap((cell) => cell.model.outputs ? cell.model.outputs.toJSON() : [])
            .filter((output) => output.output_type === 'error').map((output) => output.ename + ': ' + output.evalue)"""
    )


def plot_title(page: Any) -> str:
    """The numbers above the pool plot."""
    return page.locator(".js-plotly-plot .gtitle").first.text_content()


def test_arrow_key_moves_plot_to_the_models_numbers(watched: Watched, server: Server) -> None:
    """Notebook 02, Run All, ArrowRight on the page slider: the numbers in the plot are the model's."""
    page = open_and_run(watched, server, "02_mmap.ipynb")
    page.wait_for_selector(".js-plotly-plot .gtitle", timeout=60_000)
    page.wait_for_selector(".hugelab .hl-owners svg", timeout=60_000)

    def expected(pages: int, event: int | None = None) -> str:
        recording = run(_program(pages=pages, pool=10, kind="shared file", second=0, offset=0), LESSON)
        return figures.caption(recording, labs.promise(pages=pages)._start() if event is None else event)

    assert plot_title(page) == expected(5)
    slider = page.locator(".widget-slider .noUi-handle, .jupyter-widgets .noUi-handle").first
    slider.scroll_into_view_if_needed()
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(text) => document.querySelector('.js-plotly-plot .gtitle')?.textContent === text",
        arg=expected(6),
        timeout=10_000,
    )
    assert "reserved 6" in plot_title(page)

    # The timeline by keyboard: the caption and the plot name the same event, with the model's numbers.
    timeline = page.locator(".hugelab input[type=range]").first
    timeline.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(text) => document.querySelector('.js-plotly-plot .gtitle')?.textContent === text",
        arg=expected(6, 1),
        timeout=10_000,
    )
    caption = page.locator(".hugelab .hl-caption").first.text_content()
    assert expected(6, 1).capitalize() in caption

    assert cell_errors(page) == []
    assert watched.outside == []
    assert watched.errors == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_run_all(watched: Watched, server: Server, name: str) -> None:
    """Every notebook runs without an error, its labs come alive and hide their still picture, light and dark."""
    page = open_and_run(watched, server, name)
    page.wait_for_selector(".hugelab .hl-owners svg", timeout=60_000)
    page.wait_for_selector(".js-plotly-plot .gtitle", timeout=60_000)
    page.wait_for_selector(".hugelab-hidden", state="attached", timeout=10_000)
    assert cell_errors(page) == []
    ARTEFACTS.mkdir(exist_ok=True)
    lab = page.locator(".jp-Cell:has(.hugelab)").first
    lab.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    lab.screenshot(path=str(ARTEFACTS / f"{name.removesuffix('.ipynb')}-light.png"))
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
    page.wait_for_timeout(700)
    fill = page.evaluate("() => getComputedStyle(document.querySelector('.hugelab .hl-h')).fill")
    assert fill == "rgb(236, 236, 236)", "the pictures follow the dark theme"
    lab.screenshot(path=str(ARTEFACTS / f"{name.removesuffix('.ipynb')}-dark.png"))
    assert watched.outside == []
    assert watched.errors == []


def test_still_picture_before_running(watched: Watched, server: Server) -> None:
    """A fresh clone, not run: each lab shows its picture, and the sentence that says how to bring it alive."""
    page = watched.page
    page.goto(f"{server.url}/lab/tree/04_who_holds.ipynb?token={server.token}&reset")
    page.wait_for_selector(".jp-RenderedImage img", timeout=60_000)
    notebook = json.loads((ROOT / "notebooks" / "04_who_holds.ipynb").read_text())
    saved = json.dumps(notebook)
    assert "application/vnd.jupyter.widget-view+json" not in saved
    width = page.evaluate("() => document.querySelector('.jp-RenderedImage img').naturalWidth")
    assert width > 600
    text = page.locator(".jp-Notebook").first.inner_text()
    assert re.search(r"Run this cell \(Shift\+Enter\) for the live lab", text)
    assert scenario.lesson().name == "lesson"


# -- model and kernel side by side -------------------------------------------------------------------
FIRST = {"pages": 5, "pool": 10, "touched": 5, "kind": "shared file", "end": "munmap, close, unlink"}


class SideBySide:
    """The lab in notebook 04, as a learner has it on the page."""

    def __init__(self, page: Any):
        self.page = page
        self.cell = page.locator(".jp-Cell:has(.hl-sheet)").first
        self.cell.locator(".hl-beside").wait_for(timeout=60_000)
        self.cell.scroll_into_view_if_needed()
        self.status = self.cell.locator(".hl-status")

    def rows(self) -> list[list[str]]:
        """The cells of the table's body, as they stand on the page."""
        return self.cell.locator(".hl-beside tbody").evaluate(
            "(body) => [...body.rows].map((row) => [...row.cells].map((cell) => cell.textContent))"
        )

    def check(self, **values: Any) -> None:
        """Both columns are the model's numbers; the page follows within ten seconds."""
        model = run(program(**{**FIRST, **values}), MODEL)
        for _ in range(100):
            rows = self.rows()
            if [row[1:6] for row in rows] == side(model):
                break
            self.page.wait_for_timeout(100)
        assert [row[0] for row in rows] == [str(step.op) for step in model.steps]
        assert [row[1:6] for row in rows] == side(model)
        assert [row[6:11] for row in rows] == side(model)
        assert [row[11] for row in rows] == ["equal"] * len(rows)

    def says(self, pattern: str, seconds: float = 20) -> str:
        """The status, once it matches."""
        text = ""
        for _ in range(int(10 * seconds)):
            text = self.status.inner_text()
            if re.search(pattern, text):
                return text
            self.page.wait_for_timeout(100)
        pytest.fail(f"the status does not say {pattern!r}: {text}")

    def button(self, name: str) -> Any:
        """A button by the name that assistive technology reads."""
        return self.cell.get_by_role("button", name=name, exact=True)

    def screenshots(self, name: str) -> None:
        """Light and dark, for people to look at."""
        ARTEFACTS.mkdir(exist_ok=True)
        for theme in ("Light", "Dark"):
            self.page.evaluate(
                "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", f"JupyterLab {theme}"
            )
            self.page.wait_for_function(
                f"() => document.body.dataset.jpThemeLight === '{str(theme == 'Light').lower()}'"
            )
            self.page.wait_for_timeout(700)
            self.cell.screenshot(path=str(ARTEFACTS / f"{name}-{theme.lower()}.png"))


def test_side_by_side_by_keyboard(watched: Watched, server: Server) -> None:
    """The slider moves both columns; the run button says what it would change, or why it cannot; No changes nothing."""
    page = open_and_run(watched, server, "04_who_holds.ipynb")
    lab = SideBySide(page)
    lab.check()
    assert lab.status.get_attribute("role") == "status"
    assert lab.cell.locator(".hugelab-hidden img").count() == 1, "the still picture has gone"
    lab.cell.locator(".noUi-handle").nth(1).focus()
    page.keyboard.press("ArrowLeft")
    lab.check(touched=4)
    lab.says(f"recorded on Linux {recorded.kernel()}")
    lab.button("Run on this kernel").focus()
    page.keyboard.press("Enter")
    text = lab.says(r"Run it\?|No result from this kernel")
    lab.screenshots("side-by-side-asks")
    if "Run it?" in text:
        page.wait_for_function("() => document.activeElement.textContent === 'No'", timeout=5_000)
        page.keyboard.press("Enter")
        lab.says("nothing was changed")
        page.wait_for_function("() => document.activeElement.textContent === 'Run on this kernel'", timeout=5_000)
        assert not lab.button("Yes, run it").is_visible()
    lab.check(touched=4)
    assert cell_errors(page) == []
    assert watched.outside == []
    assert watched.errors == []


@pytest.mark.xdist_group("pool")
@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "can")
def test_side_by_side_on_the_live_kernel(watched: Watched, server: Server, pool_alone: None) -> None:
    """The two clicks, by keyboard: what this kernel answered is on the page, equal to the model."""
    page = open_and_run(watched, server, "04_who_holds.ipynb")
    lab = SideBySide(page)
    lab.cell.locator("select").first.select_option("4 pages")
    lab.check(pool=4)
    for _ in range(60):  # somebody else may have the pool for a while
        lab.button("Run on this kernel").focus()
        page.keyboard.press("Space")
        lab.says(r"Run it\?")
        page.wait_for_function("() => document.activeElement.textContent === 'No'", timeout=5_000)
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Space")
        text = lab.says("Ran on this kernel|No result from this kernel", 60)
        if "has borrowed the huge page pool" not in text:
            break
    assert "Ran on this kernel" in text
    head = lab.cell.locator(".hl-beside thead").inner_text()
    assert "this kernel" in head and "recorded" not in head
    lab.screenshots("side-by-side-live")
    if "the model follows Linux" not in text:
        lab.check(pool=4)
    lab.cell.locator("select").first.select_option("10 pages")
    lab.check()
    assert f"recorded on Linux {recorded.kernel()}" in lab.cell.locator(".hl-beside thead").inner_text()
    assert cell_errors(page) == []
    assert watched.outside == []
    assert watched.errors == []
