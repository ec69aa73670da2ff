"""From a key press to what it asked for, painted: our explorer in a real JupyterLab, beside what people use otherwise.

One notebook, one browser, one kernel. Beside ours: ``ipywidgets.interact`` with a function that draws the same pool
with plotly, and a plotly ``FigureWidget`` that is told of the new values. The times are taken inside the page
(stopwatch.js), from the keydown event until the frame that shows the new value has been painted. No press is left out
but the first five.

A part alone: ``python -c "from benchmarks import browser; print(*browser.measure('burst'), sep='\\n')"``
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from tests.browser.jupyter import CHROMIUM, HOW, IDLE, Server, browse, open_notebook, run_all, serve, write_notebook

from .result import Result

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAME = "beside.ipynb"
STOPWATCH = Path(__file__).with_name("stopwatch.js")
VIEWPORT = {"width": 1440, "height": 1500}
WARM_UP, ROUNDS, PRESSES = 5, 5, 10  # presses to warm up; then rounds, and presses of each contestant in a round
BURSTS, BURST = 10, 30
STEPS = 100

OURS = """\
from hugelab import labs

labs.reservation()
"""
SHEET = """\
from hugelab import labs

labs.reach()
"""
ALONE = """\
from hugelab import LESSON, Scenario, run
from hugelab.labs.widget import controls
from hugelab.labs.widget.sheet_lab import SheetLab
from hugelab.views.plots.pool import pool
from hugelab.views.sheet import Sheet
from hugelab.record.timeline import of_one


def plot(pages):
    scenario = Scenario("reservation", nr=10).open(fd="f", path="m/file").mmap(map="ptr", fd="f", pages=pages)
    return Sheet("plot", "", [], [], [], "", pool(of_one(run(scenario, LESSON))))


SheetLab("The plot alone", {"pages": controls.slider("pages", 5)}, plot)
"""
INTERACT = """\
import plotly.graph_objects as go
from ipywidgets import IntSlider, interact

from hugelab import LESSON, Scenario, run


def plot(pages):
    scenario = Scenario("reservation", nr=10).open(fd="f", path="m/file").mmap(map="ptr", fd="f", pages=pages)
    recording = run(scenario, LESSON)
    counters = [recording.counters(i) for i in range(len(recording))]
    figure = go.Figure()
    for name in ("in_use", "rsvd", "available"):
        figure.add_scatter(y=[getattr(now, name) for now in counters], name=name, stackgroup="pool", line_shape="hv")
    figure.update_layout(title=f"pages {pages}", height=260)
    figure.show()


interact(plot, pages=IntSlider(5, 0, 16));
"""
WIDGET = """\
import plotly.graph_objects as go
from ipywidgets import IntSlider, VBox

from hugelab import LESSON, Scenario, run

NAMES = ("in_use", "rsvd", "available")
slider = IntSlider(5, 0, 16)
figure = go.FigureWidget([go.Scatter(name=name, stackgroup="pool", line_shape="hv") for name in NAMES])


def moved(change):
    pages = slider.value
    scenario = Scenario("reservation", nr=10).open(fd="f", path="m/file").mmap(map="ptr", fd="f", pages=pages)
    recording = run(scenario, LESSON)
    counters = [recording.counters(i) for i in range(len(recording))]
    with figure.batch_update():
        for trace, name in zip(figure.data, NAMES, strict=True):
            trace.y = [getattr(now, name) for now in counters]
        figure.layout.title.text = f"pages {pages}"


figure.update_layout(height=260)
moved(None)
slider.observe(moved, "value")
VBox([slider, figure])
"""


class Contestant(NamedTuple):
    """A cell of the notebook: its code, what takes the keys in it, and how one sees the answer (stopwatch.js)."""

    name: str
    cell: int
    code: str
    control: str
    shows: str


PAGES = Contestant("ours", 0, OURS, 'input[type=range][name="pages"]', "pages")
PLOT = Contestant("interact with plotly", 1, INTERACT, ".noUi-handle", "title")
FIGURE = Contestant("FigureWidget, batch_update", 2, WIDGET, ".noUi-handle", "title")
REACH = Contestant("ours, without a timeline", 3, SHEET, 'input[type=range][name="buffer"]', "stop")
CHART = Contestant("our plot alone", 4, ALONE, 'input[type=range][name="pages"]', "pages")
CONTESTANTS = (PAGES, PLOT, FIGURE, REACH, CHART)
TIMELINE = PAGES._replace(control=".hl-timeline input[type=range]", shows="event")
NOTHING = PAGES._replace(name="a range input of the browser", control="#empty", shows="empty")
READY = {
    "pages": "[data-hl=explorer][data-shown]:has([data-drawn])",
    "stop": "[data-hl=explorer][data-shown]:has([data-drawn])",
    "title": ".js-plotly-plot .gtitle",
}


class Saw:
    """Presses that go up through a range, down again, and so on."""

    def __init__(self, value: int, least: int, most: int):
        self.value, self.least, self.most, self.by = int(value), int(least), int(most), 1

    def press(self) -> str:
        """The next key; ``value`` is then what it leads to."""
        if not self.least <= self.value + self.by <= self.most:
            self.by = -self.by
        self.value += self.by
        return "ArrowRight" if self.by > 0 else "ArrowLeft"


# -- a JupyterLab to measure in -----------------------------------------------------------------------
@contextmanager
def laboratory(fill: Callable[[Path], object]) -> Iterator[tuple[Browser, Server]]:
    """A browser, and a JupyterLab on a new folder that ``fill`` puts notebooks into."""
    if CHROMIUM is None:
        raise RuntimeError(HOW)
    with TemporaryDirectory(prefix="hugelab-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name) / "course"
        fill(folder)
        with serve(folder, Path(name)) as server, browse(CHROMIUM) as browser:
            yield browser, server


def new_page(browser: Browser) -> Page:
    """A page with a cache of its own, and the stopwatch on it."""
    context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
    context.add_init_script(path=STOPWATCH)
    return context.new_page()


def rest(page: Page, ms: float = 100) -> None:
    """Until the kernel is idle, and a moment more: the next press starts from a page that has nothing else to do."""
    page.wait_for_function(IDLE, timeout=60_000)
    page.wait_for_timeout(ms)


def fill(folder: Path) -> None:
    """The notebook with the contestants, each in its own cell."""
    folder.mkdir()
    write_notebook(folder / NAME, [contestant.code.rstrip() for contestant in CONTESTANTS])


@contextmanager
def contest() -> Iterator[Page]:
    """The notebook, run, with all contestants on it."""
    with laboratory(fill) as (browser, server):
        page = new_page(browser)
        open_notebook(page, server, NAME)
        run_all(page)
        for who in CONTESTANTS:
            page.locator(".jp-Notebook .jp-Cell").nth(who.cell).locator(READY[who.shows]).first.wait_for(timeout=60_000)
        rest(page, 1000)
        yield page


def focus(page: Page, who: Contestant) -> Saw:
    """Put the keyboard on a contestant's control; the presses go through its range."""
    return Saw(*page.evaluate("([cell, control]) => stopwatch.focus(cell, control)", [who.cell, who.control]))


def press(page: Page, who: Contestant, key: str, awaited: object) -> float:
    """Milliseconds from the keydown to the paint of what is awaited."""
    page.evaluate("(what) => stopwatch.arm(...what)", [who.cell, who.shows, awaited])
    page.keyboard.press(key)
    return float(page.evaluate("() => stopwatch.taken"))


def p95(times: list[float]) -> float:
    """What 95 of 100 do not exceed."""
    return quantiles(times, n=20, method="inclusive")[-1]


# -- the parts ----------------------------------------------------------------------------------------
def keys(page: Page) -> list[Result]:
    """One press at a time, on each contestant in turns."""
    times: dict[str, list[float]] = {who.name: [] for who in CONTESTANTS}
    saws = {who.name: focus(page, who) for who in CONTESTANTS}
    unsaid = 0
    page.evaluate("(cell) => stopwatch.guard(cell)", PAGES.cell)
    for turn in range(ROUNDS + 1):
        for who in CONTESTANTS:
            focus(page, who)
            rest(page)
            saw = saws[who.name]
            for _ in range(PRESSES if turn else WARM_UP):
                key = saw.press()
                taken = press(page, who, key, saw.value)
                rest(page)
                if turn:
                    times[who.name].append(taken)
                if who is PAGES:
                    unsaid += page.evaluate("() => stopwatch.unsaid") > 0
    found = []
    for name, taken_by in times.items():
        found.append(Result(f"key press to paint, {name}: median", median(taken_by), "ms"))
        found.append(Result(f"key press to paint, {name}: 95 of 100", p95(taken_by), "ms"))
    for ours, theirs, bound in ((PAGES, PLOT, 0.6), (CHART, PLOT, 0.5), (REACH, PLOT, 0.6), (PAGES, FIGURE, 1.0)):
        what = f"key press to paint, {ours.name} / {theirs.name}"
        found.append(Result(what, ratio(times[ours.name], times[theirs.name]), "times", bound))
    return [*found, Result("presses after which a view changed once more, unsaid", unsaid, "presses", 0)]


def ratio(ours: list[float], theirs: list[float]) -> float:
    """The median, over the rounds, of what a round's median press takes against another's."""
    rounds = range(0, len(ours), PRESSES)
    return median(median(ours[at : at + PRESSES]) / median(theirs[at : at + PRESSES]) for at in rounds)


def burst(page: Page) -> list[Result]:
    """Presses as fast as the browser takes them: how soon is the last one answered, and is there always a picture?"""
    times, frames, empty = [], 0, 0
    saw = focus(page, PAGES)
    rest(page)
    for _ in range(BURSTS):
        burst_keys = [saw.press() for _ in range(BURST)]
        page.evaluate("(cell) => stopwatch.watch(cell)", PAGES.cell)
        for key in burst_keys:
            page.keyboard.press(key)
        rest(page)
        found = page.evaluate("(value) => stopwatch.settle(value)", saw.value)
        times.append(found["taken"])
        frames += found["frames"]
        empty += found["empty"]
    return [
        Result(f"{BURST} presses at once: the last one to paint, median", median(times), "ms", 300),
        Result(f"{BURST} presses at once: the last one to paint, slowest", max(times), "ms"),
        Result(f"frames without a plot, of {frames}", empty, "frames", 0),
    ]


@contextmanager
def frozen(page: Page) -> Iterator[None]:
    """The page's kernel is stopped: more than asleep, for a sleeping one has other threads (JupyterLab's subshells)."""
    pid = page.evaluate(
        """async () => {
            const { kernel } = window.jupyterapp.shell.currentWidget.context.sessionContext.session;
            const ask = kernel.requestExecute({ code: "import os", user_expressions: { pid: "os.getpid()" } });
            return Number((await ask.done).content.user_expressions.pid.data["text/plain"]);
        }"""
    )
    rest(page)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        rest(page)


def timeline(page: Page) -> list[Result]:
    """One step of the timeline, while the kernel cannot help, from the first event to the last and back, and again;
    beside it, in turns, a key on a range input of which nothing comes."""
    focus(page, TIMELINE)
    places = []
    for key in ("", "End", "Home"):
        if key:
            page.keyboard.press(key)
        rest(page)
        places.append(page.evaluate("(cell) => stopwatch.at(cell)", TIMELINE.cell))
    start, last, first = places
    page.evaluate("(cell) => stopwatch.empty(cell)", NOTHING.cell)
    saws = {TIMELINE: Saw(first, first, last), NOTHING: Saw(0, 0, last - first)}
    times: dict[Contestant, list[float]] = {TIMELINE: [], NOTHING: []}
    with frozen(page):
        for _ in range(STEPS // PRESSES):
            for who, saw in saws.items():
                focus(page, who)
                for _ in range(PRESSES):
                    page.wait_for_timeout(50)
                    times[who].append(press(page, who, saw.press(), saw.value))
        focus(page, TIMELINE)
        while saws[TIMELINE].value != start:  # back to where it was
            press(page, TIMELINE, saws[TIMELINE].press(), saws[TIMELINE].value)
    ours, frame = times[TIMELINE], median(page.evaluate("(many) => stopwatch.frames(many)", STEPS))
    return [
        Result("one step of the timeline, kernel stopped: median", median(ours), "ms"),
        Result("a key on a range input of which nothing comes: median", median(times[NOTHING]), "ms"),
        Result("an empty step, from frame to frame: median", frame, "ms"),
        Result("one step of the timeline / an empty step: median", median(ours) / frame, "times", 1.25),
        Result("one step of the timeline / an empty step: 95 of 100", p95(ours) / frame, "times", 2),
    ]


PARTS = {"keys": keys, "burst": burst, "timeline": timeline}


def measure(*parts: str) -> list[Result]:
    """All parts, or those that are named, one after the other on one page."""
    with contest() as page:
        return [result for part in parts or PARTS for result in PARTS[part](page)]
