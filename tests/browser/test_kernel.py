"""A lab whose kernel is gone or busy says so, and what needs none works on; many labs, on a slow machine, out of view,
without plotly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hugelab import labs
from tests.conftest import in_proof, some

from .conftest import Labs, watch_jupyter
from .jupyter import IDLE, Server, open_notebook, run_all, run_cell, write_notebook
from .lab import EXPLORER, OnPage, all_here, show

pytestmark = pytest.mark.browser

GONE = "The kernel of this notebook was restarted or shut down: run this cell again (Shift+Enter)."
SILENT = "The kernel of this notebook does not answer."
SLOWER = 8  # times
CODE = "from hugelab import labs\n\nlab = labs.{0}()\nlab"


@contextmanager
def notebook(browser: Any, server: Server, *cells: str, **options: Any) -> Iterator[Any]:
    """The page of a notebook of its own, not run; at the end nothing went wrong on it."""
    write_notebook(server.folder / "kernel.ipynb", cells)
    with watch_jupyter(browser, server, **options) as found:
        open_notebook(found.page, server, "kernel.ipynb")
        yield found.page
    found.check()


def wait_for_labs(page: Any, number: int) -> None:
    """Until so many labs are on the page."""
    shown = f"(n) => document.querySelectorAll('{EXPLORER}[data-shown]').length === n"
    page.wait_for_function(shown, arg=number, timeout=60_000)


def does(page: Any, what: str) -> None:
    """Have JupyterLab do something with the kernel; nothing is waited for."""
    page.evaluate(f"() => {{ window.jupyterapp.shell.currentWidget.context.sessionContext.{what}; }}")


def says(lab: OnPage, text: str, seconds: float) -> None:
    """Wait until the line above the views begins so."""
    lab.wait("root.querySelector('.hl-message').textContent.startsWith(arg)", text, seconds)


def timeline_works(lab: OnPage) -> None:
    """All of it, without a kernel."""
    lab.scrubber.press("Home")
    for at in range(3):
        lab.check(at)
        lab.scrubber.press("ArrowRight")
    for name in ("layout", "log", "steps", "owners"):
        lab.open(name)
        assert lab.root.get_attribute("data-tab") == name
    lab.view("plot").scroll_into_view_if_needed()
    lab.root.locator("[data-trace=free]").click()
    lab.wait("root.querySelector('[data-trace=free]').getAttribute('aria-pressed') === 'false'")
    lab.root.locator("[data-trace=free]").click()
    lab.scrubber.press("End")
    lab.check(len(lab.film.timeline) - 1)


def test_the_kernel_is_gone(browser: Any, server: Server) -> None:
    """Restarted, or shut down: said within two seconds, without a move; the timeline works on; a control that is moved
    says it again; the cell, run again, has a lab that is alive."""
    code = CODE.format("reservation")
    with notebook(browser, server, code) as page:
        for what in ("session.kernel.restart()", "shutdown()"):
            lab = show(page, 0, code, labs.reservation())
            lab.move("pages", 7)
            lab.check()
            all_here(lab)
            does(page, what)
            says(lab, GONE, 2)
            assert lab.message.get_attribute("data-kind") == "refused"
            timeline_works(lab)
            lab.control("pages").fill("9")
            lab.page.wait_for_timeout(300)
            says(lab, GONE, 1)
            if what == "shutdown()":
                does(page, "changeKernel({ name: 'python3' })")
            page.wait_for_function(IDLE, timeout=30_000)
        again = show(page, 0, code, labs.reservation())
        again.move("pages", 7)
        again.check()
        assert again.message.inner_text() == ""


def test_the_kernel_is_busy(watched_labs: Labs) -> None:
    """With another cell: the lab says so after two seconds; once it answers, that is taken back, and the move made."""
    lab = watched_labs("reservation")
    lab.page.evaluate(
        """([number, code]) => {
            const notebook = window.jupyterapp.shell.currentWidget.content;
            notebook.widgets[number].model.sharedModel.setSource(code);
            notebook.activeCellIndex = number;
            window.jupyterapp.commands.execute('notebook:run-cell'); // it is not waited for
        }""",
        [len(labs.ALL) + len(labs.SHEETS), "import time\n\ntime.sleep(6)"],
    )
    lab.page.wait_for_function(IDLE.replace("=== 'idle'", "=== 'busy'"))
    run, shown = lab.shown().split(":")[0], lab.shown()
    lab.place("pages", 9)
    lab.page.wait_for_timeout(1500)
    assert lab.message.inner_text() == ""
    says(lab, SILENT, 2)
    assert lab.shown() == shown
    lab.keep({"pages": 9})
    lab.wait_for_values(run)
    lab.wait("root.querySelector('.hl-message').textContent === ''")
    lab.check()


@pytest.mark.full
@in_proof
def test_the_open_picture_is_kept(browser: Any, server: Server) -> None:
    """Over moves of controls; and over a reload of the page, while the kernel lives."""
    names = some(("log", "layout", "steps"))
    with notebook(browser, server, *(CODE.format("holders") for _ in names)) as page:
        for number, name in enumerate(names):
            lab = show(page, number, CODE.format("holders"), labs.holders())
            lab.open(name)
            lab.move("pages", 7)
            lab.scrubber.press("ArrowLeft")
            at = lab.position()
            assert lab.root.get_attribute("data-tab") == name
            lab.check(at)
        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
        page.reload()
        wait_for_labs(page, len(names))
        for number, name in enumerate(names):
            again = OnPage(page, page.locator(EXPLORER).nth(number), lab.lab)
            assert again.root.get_attribute("data-tab") == name
            again.check(at)
            again.control("pages").scroll_into_view_if_needed()
        again.move("pages", 4)
        again.check()


MOVES = [("holders", "touched"), ("start", "pages"), ("side_by_side", "pages"), ("fault", "pool"), ("layout", "pages")]
MOVES += [("reservation", "pages")]


@pytest.mark.full
@in_proof
def test_many_labs_on_a_slow_machine(browser: Any, server: Server) -> None:
    """With a processor eight times slower, Run All: each of six labs (in `make test`, three) comes up, and answers a
    change from Python."""
    moves = dict(some(MOVES, 2))
    cells = [f"from hugelab import labs\n\nlab{i} = labs.{name}()\nlab{i}" for i, name in enumerate(moves)]
    with notebook(browser, server, *cells, "") as page:
        client = page.context.new_cdp_session(page)
        client.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        run_all(page)
        wait_for_labs(page, len(moves))
        shown = [OnPage(page, page.locator(EXPLORER).nth(i), labs.ALL[name]()) for i, name in enumerate(moves)]
        runs = [one.shown().split(":")[0] for one in shown]
        run_cell(page, len(moves), "\n".join(f"lab{i}.{key}.value = 3" for i, key in enumerate(moves.values())))
        for one, key, run in zip(shown, moves.values(), runs, strict=True):
            one.keep({key: 3})
            one.wait_for_values(run)
        client.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        for one in shown:
            one.check()


@pytest.fixture
def as_it_comes(server: Server) -> Iterator[None]:
    """JupyterLab's own way with cells that are out of view."""
    file = server.settings / "lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings"
    before = file.read_text()
    file.write_text(json.dumps({}))
    try:
        yield
    finally:
        file.write_text(before)


@pytest.mark.full
@in_proof
def test_labs_out_of_view_come_back(browser: Any, server: Server, as_it_comes: None) -> None:
    """In JupyterLab's default mode: with the numbers of now, and as wide as there is room now."""
    cells = [f"from hugelab import labs\n\nlab{i} = labs.holders()\nlab{i}" for i in range(6)]
    with notebook(browser, server, *cells, "") as page:
        run_all(page)
        wait_for_labs(page, 6)

        def to(number: int) -> None:
            page.evaluate("(n) => window.jupyterapp.shell.currentWidget.content.scrollToItem(n, 'start')", number)

        shown = [OnPage(page, page.locator(EXPLORER).nth(i), labs.holders()) for i in range(6)]
        to(5)
        mode = "() => window.jupyterapp.shell.currentWidget.content.notebookConfig.windowingMode"
        assert page.evaluate(mode) == "contentVisibility"
        shown[5].wait("root.querySelector('.hl-plot').dataset.drawn === root.dataset.shown.split(':')[0]")
        page.set_viewport_size({"width": 1100, "height": 900})
        run_cell(page, 6, "for lab in (lab0, lab1, lab2):\n    lab.pages.value = 9")
        for number in (0, 4, 2):
            to(number)
            one = shown[number]
            if number < 3:
                one.keep({"pages": 9})
            one.wait_for_values("")
            one.check()
            one.wait(
                "root.querySelector('.main-svg').getBoundingClientRect().width"
                " === root.querySelector('.hl-plot').getBoundingClientRect().width"
            )
            assert one.root.evaluate("(root) => root.clientWidth") < 700
            one.scrubber.press("Home")
            one.check(0)


WITHOUT = """\
from functools import cache

from hugelab import labs
from hugelab.labs.widget import lab as module
from hugelab.labs.widget.library import Library

module.library = cache(lambda: Library({0}))
"""


BROKEN = [  # what the library is, and what is said of it
    ("missing='FileNotFoundError: the package plotly is not installed'", "the package plotly is not installed"),
    ("script=b'no gzip at all'", "TypeError"),
    ("script=__import__('gzip').compress(b'1 +')", "SyntaxError"),
    ("script=__import__('gzip').compress(b'export default 1;')", "plotly.js is not what it should be"),
]


@pytest.mark.full
@pytest.mark.parametrize(("given", "why"), some(BROKEN, 4))
def test_without_plotly(browser: Any, server: Server, given: str, why: str) -> None:
    """The lab says so where the plot would be; numbers, pictures and the timeline are there."""
    with notebook(browser, server, WITHOUT.format(given), "") as page:
        run_cell(page, 0)
        lab = show(page, 1, CODE.format("holders"), labs.holders())
        said = lab.root.locator(".hl-noplot")
        lab.wait("root.querySelector('.hl-noplot').textContent.startsWith('There is no plot')")
        assert why in said.inner_text()
        lab.move("pages", 7)
        lab.check(plots=False)
        lab.scrubber.press("Home")
        for at in range(3):
            lab.check(at, plots=False)
            lab.scrubber.press("ArrowRight")
        for name in ("layout", "log", "steps", "owners"):
            lab.open(name)
        assert lab.message.inner_text() == ""
