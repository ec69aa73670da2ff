"""What the course costs: from Run All to a lab that answers, bytes on the wire, bytes in the repository.

Each notebook of the course is opened in a JupyterLab with a new kernel and a browser that has nothing cached. Counted
is all that the page receives, as it is sent: responses with their headers, and the frames of websockets.

A part alone: ``python -c "from benchmarks import wire; print(*wire.measure('saved'), sep='\\n')"``
"""

from __future__ import annotations

import shutil
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.browser.jupyter import Server, open_notebook, write_notebook

from .browser import INTERACT, laboratory, new_page, rest
from .result import Result

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COURSE = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(COURSE.glob("*.ipynb"))
ROUNDS = 5
EXECUTED = "02_mmap.ipynb"  # the one that is also saved with its widgets' state


class Wire:
    """Counts what a page receives."""

    def __init__(self, page: Page):
        self.bytes = 0
        session = page.context.new_cdp_session(page)
        session.on("Network.loadingFinished", self._response)
        session.on("Network.webSocketFrameReceived", self._frame)
        session.send("Network.enable")

    def _response(self, event: dict[str, Any]) -> None:
        self.bytes += int(event["encodedDataLength"])

    def _frame(self, event: dict[str, Any]) -> None:
        frame = event["response"]
        text = frame["payloadData"]
        binary = frame["opcode"] == 2  # then it is told in base64
        self.bytes += len(text) * 3 // 4 - text.count("=", -2) if binary else len(text.encode())

    def quiet(self, page: Page) -> int:
        """All bytes so far, once none has come for a second."""
        before = -1
        while before != self.bytes:
            before = self.bytes
            page.wait_for_timeout(1000)
        return self.bytes


class Visit(NamedTuple):
    """One notebook, opened and run: bytes of opening it, then seconds and bytes from Run All on."""

    name: str
    opened: int
    seconds: float
    received: int


def visit(browser: Browser, server: Server, name: str) -> Visit:
    """As somebody who has just started JupyterLab."""
    page = new_page(browser)
    wire = Wire(page)
    open_notebook(page, server, name)
    rest(page)
    opened = wire.quiet(page)
    seconds = page.evaluate("() => stopwatch.runAll()")["live"] / 1000
    rest(page)
    received = wire.quiet(page) - opened
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")  # the next visit has a new kernel
    page.context.close()
    return Visit(name, opened, seconds, received)


def course(rounds: int = 1) -> list[Result]:
    """Every notebook, in turns. The slowest and the largest of all visits count."""

    def fill(folder: Path) -> None:
        shutil.copytree(COURSE, folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__"))

    with laboratory(fill) as (browser, server):
        visits = [visit(browser, server, path.name) for _ in range(rounds) for path in NOTEBOOKS]
    slowest = max(visits, key=lambda found: found.seconds)
    largest = max(visits, key=lambda found: found.received)
    middle = median(found.seconds for found in visits)
    return [
        Result(f"Run All to a lab that answers: {slowest.name} ({slowest.received:,} bytes)", slowest.seconds, "s"),
        Result(f"Run All to a lab that answers: median of {len(visits)}", middle, "s"),
        Result(f"received from Run All on: {largest.name}", largest.received / 1e6, "MB", 6),
        Result("received before, opening JupyterLab", max(found.opened for found in visits) / 1e6, "MB"),
    ]


# -- beside interact -----------------------------------------------------------------------------------
SIX = ("start", "reservation", "fault", "holders", "layout", "family")
PLOT = ".js-plotly-plot .gtitle"


def fill(folder: Path) -> None:
    """A notebook with six labs, one with the first of them, and one with six figures of ``interact``."""
    folder.mkdir()
    labs = [f"from hugelab import labs\n\nlabs.{name}()" for name in SIX]
    write_notebook(folder / "six.ipynb", labs)
    write_notebook(folder / "one.ipynb", labs[:1])
    write_notebook(folder / "interact.ipynb", [INTERACT.rstrip()] * len(SIX))


def open_and_run(browser: Browser, server: Server, name: str) -> tuple[dict[str, float], float]:
    """Milliseconds from Run All, and the megabytes of the JavaScript heap once all is there."""
    page = new_page(browser)
    open_notebook(page, server, name)
    rest(page)
    if name == "interact.ipynb":
        times = {"plot": page.evaluate("(selector) => stopwatch.firstPlot(selector)", PLOT)}
    else:
        times = page.evaluate("() => stopwatch.runAll()")
    rest(page, 2000)
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    page.context.close()
    return times, heap


def beside() -> list[Result]:
    """Six labs and six figures of ``interact``, each notebook in a new page with an empty cache, in turns."""
    rounds = []
    with laboratory(fill) as (browser, server):
        for _ in range(ROUNDS):
            rounds.append({name: open_and_run(browser, server, f"{name}.ipynb") for name in ("six", "interact", "one")})
    theirs = [one["interact"][0]["plot"] for one in rounds]
    live = [one["six"][0]["live"] / other for one, other in zip(rounds, theirs, strict=True)]
    plot = [one["six"][0]["plot"] / other for one, other in zip(rounds, theirs, strict=True)]
    heap = [one["six"][1] - one["one"][1] for one in rounds]
    return [
        Result("Run All, six labs: the first one answers", median(one["six"][0]["live"] for one in rounds), "ms"),
        Result(
            "Run All, six times interact: its first plot", median(one["interact"][0]["plot"] for one in rounds), "ms"
        ),
        Result("the first lab answers / interact's first plot", median(live), "times", 0.4),
        Result("our first plot / interact's first plot", median(plot), "times", 0.95),
        Result("JavaScript heap of six labs - of one", median(heap), "MB", 20),
    ]


def with_state(name: str) -> int:
    """Bytes of a notebook that was executed and saved with the state of its widgets."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(COURSE / name, as_version=4)
    with TemporaryDirectory(prefix="hugelab-bench-") as folder:
        shutil.copytree(COURSE, folder, dirs_exist_ok=True)
        client = NotebookClient(
            notebook,
            timeout=300,
            store_widget_state=True,
            record_timing=False,
            extra_arguments=["--log-level=40"],  # errors alone
            resources={"metadata": {"path": folder}},
        )
        client.execute()
    if not notebook.metadata.get("widgets"):
        raise RuntimeError("no widget state was stored")
    return len(nbformat.writes(notebook).encode())


def saved() -> list[Result]:
    """Bytes of the notebooks as they are in the repository, without the widgets' state; and what it would add."""
    largest = max(NOTEBOOKS, key=lambda path: path.stat().st_size)
    found = [Result(f"saved notebook: {largest.name}", largest.stat().st_size / 1000, "KB", 300)]
    found.append(Result(f"saved notebook: {EXECUTED}", (COURSE / EXECUTED).stat().st_size / 1000, "KB"))
    try:
        found.append(Result(f"saved notebook: {EXECUTED} with widget state", with_state(EXECUTED) / 1000, "KB"))
    except Exception as error:  # nbclient does not know every message of a widget
        print(f"  not measured: {EXECUTED} with widget state: {type(error).__name__}: {error}")
    return found


PARTS = {"course": course, "beside": beside, "saved": saved}


def measure(*parts: str) -> list[Result]:
    """All parts, or those that are named."""
    return [result for part in parts or PARTS for result in PARTS[part]()]
