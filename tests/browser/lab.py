"""A lab on a page beside the same lab in this Python: what the page shows must be what the model says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import ipywidgets
import pytest
from playwright.sync_api import TimeoutError

from hugelab.core.text import showable
from hugelab.core.units import MIB
from hugelab.labs import Lab
from hugelab.labs.side_by_side import SideBySide
from hugelab.record import flow
from hugelab.record.recording import Recording
from hugelab.record.refusal import first_refusal
from hugelab.record.source import finish
from hugelab.views.diagrams.call_flow import call_flow
from hugelab.views.diagrams.layout import layout
from hugelab.views.diagrams.svg import Picture
from hugelab.views.film import Film, describe
from hugelab.views.plots.pool import numbers, pool
from tests.labs.dom import side as beside
from tests.labs.views import offered
from tools.pictures import PAINTED

from .jupyter import run_cell

EXPLORER = "[data-hl=explorer]"
NUMBERS = ("total", "in use", "free", "rsvd", "available", "surp")  # data-n, in the order of pool.numbers
WATCH = Path(__file__).with_name("watch.js").read_text(encoding="utf-8")

# Everything that a lab shows, in one go (as one text: that is quicker than thousands of values). Of a plot what plotly
# has, unless that is known from ``run``; and where on it the cursor stands: from 0 (left) to 1.
READ = """
([root, run]) => {
  const box = (node) => node.getBoundingClientRect();
  const plotted = (plot) => {
    const { data, layout } = plot.querySelector(".js-plotly-plot") ?? {};
    return root.dataset.shown.startsWith(`${run}:`) ? null : { data, layout };
  };
  const cursor = (plot) => {
    if (!plot.querySelector(".nsewdrag")) return null;
    const areas = [...plot.querySelectorAll(".nsewdrag")].map(box), own = box(plot.querySelector(".hl-cursor"));
    const [top, bottom] = [Math.min(...areas.map((a) => a.top)), Math.max(...areas.map((a) => a.bottom))];
    return [((own.left + own.right) / 2 - areas[0].left) / areas[0].width, own.top - top, own.bottom - bottom];
  };
  const texts = (nodes) => [...nodes].map((node) => node.textContent);
  const picture = (svg) => svg && { label: svg.getAttribute("aria-label"), text: svg.textContent };
  const pools = root.querySelectorAll(".hl-pool");
  const note = (log, begin) => texts(log.querySelectorAll(".hl-note")).find((text) => text.startsWith(begin));
  return JSON.stringify({
    values: root.dataset.values,
    shown: root.dataset.shown,
    caption: texts(root.querySelector(".hl-caption").children),
    slider: Number(root.querySelector(".hl-timeline input").value),
    refusals: texts(root.querySelectorAll(".hl-refusal button")),
    sides: [...root.querySelectorAll(".hl-side")].map((side, i) => {
      const log = side.querySelector(".hl-log"), rows = [...side.querySelectorAll(".hl-usages tbody tr")];
      const selected = log.querySelector("[aria-selected=true]");
      return {
        title: side.querySelector(".hl-title").textContent,
        numbers: [...pools[i].querySelectorAll("[data-n]")].map((node) => [node.dataset.n, node.textContent]),
        plot: plotted(pools[i]),
        cursor: cursor(pools[i]),
        flow: picture(side.querySelector(".hl-flow svg")),
        owners: picture(side.querySelector(".hl-owners svg")),
        layout: picture(side.querySelector(".hl-layout svg")),
        before: note(log, "... before"),
        after: note(log, "... after"),
        lines: [...log.querySelectorAll("[data-go]")].map(
          (line) => [Number(line.dataset.go), line.textContent, line.classList.contains("hl-later")]),
        line: selected && selected.textContent,
        rows: rows.map((row) => texts(row.cells)),
        row: rows.findIndex((row) => row.getAttribute("aria-current") === "step"),
      };
    }),
  });
}
"""


# -- what the model says -------------------------------------------------------------------------------
def pictured(picture: Picture) -> dict[str, str]:
    """The title of a picture and all its texts, as the page has them."""
    return {"label": showable(picture.title), "text": "".join(ElementTree.fromstring(picture.svg()).itertext())}


def table(recording: Recording) -> list[list[str]]:
    """The table of steps: name, outcome, counters after it."""
    mib = recording.machine.sizes[0] // MIB
    before = recording.counters(max(recording.booted, 0))
    rows = [("before", "", before)]
    first = first_refusal(recording)
    for step in recording.steps:
        refused = step.outcome not in ("ok", "unsupported") or (first is not None and first.step == step.index)
        name, outcome = f"{step.index + 1} {showable(step.op)}", "✗ " * refused + step.outcome
        rows.append((name, outcome, next(iter(step.counters.values()))))
    return [
        [name, outcome, *map(str, (*now, now.available)), f"{now.available * mib:,} MB available"]
        for name, outcome, now in rows
    ]


def compared(lab: SideBySide) -> list[list[str]]:
    """The table of the lab that has a kernel's column; what was recorded is equal everywhere."""
    sides = zip(lab.recording.steps, beside(lab.recording), beside(lab.kernel), strict=True)
    return [[str(step.op), *ours, *theirs, "equal"] for step, ours, theirs in sides]


def log_lines(film: Film, side: int, first: int, end: int) -> list[tuple[int, str]]:
    """The kernel log of some positions: where, and what; an event at which a timeline of two waits prints once."""
    recording, events = film.timeline.recordings[side], film.timeline.events[side]
    found = []
    for at in range(first, end):
        if at and events[at - 1] == events[at]:
            continue
        if text := flow.log_text(recording.event(events[at]), recording.machine):
            found.append((at, showable(text)))
    return found


def plot_differs(page: Any, model: Any, where: str = "") -> str:
    """Where the page's figure is not the model's, "" nowhere. Plotly may know more than it was told."""
    if isinstance(model, dict) and isinstance(page, dict):
        found = (plot_differs(page.get(key), value, f"{where}.{key}") for key, value in model.items())
    elif isinstance(model, list) and isinstance(page, list) and len(page) == len(model):
        found = (plot_differs(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(page, model, strict=True)))
    else:
        return "" if page == model else f"{where}: {page!r:.200}, not {model!r:.200}"
    return next(filter(None, found), "")


class OnPage:
    """A lab on a page: ``root`` is its explorer, ``film`` what the model says it must show.

    ``lab`` is the same lab in this Python (None for a page that has only a film), ``tables`` the rows of the table of
    steps on each side.
    """

    def __init__(self, page: Any, root: Any, lab: Lab | None = None, film: Film | None = None):
        self.page, self.root, self.lab = page, root, lab
        self._film = film
        self._plotted = ""  # the run whose plot was compared
        self.handle = root.element_handle()

    # -- the model --------------------------------------------------------------------------------------
    @property
    def film(self) -> Film:
        """What is shown now, of the model in this Python."""
        if self._film is not None:
            return self._film
        assert self.lab is not None
        return self.lab.film

    def tables(self) -> list[list[list[str]]]:
        """The rows of the table of steps, for each side."""
        if isinstance(self.lab, SideBySide):
            return [compared(self.lab)]
        return [table(recording) for recording in self.film.timeline.recordings]

    def expected(self, position: int, ends: Sequence[tuple[int, int]]) -> dict[str, Any]:
        """What the page must show at a position, where of the log it has the positions ``ends`` (for each side)."""
        film = self.film
        titles = [f"{title}: " if len(film.sides) > 1 else "" for title in film.titles]
        sides = ("left: ", "right: ") if len(film.sides) > 1 else ("",)
        refusals = [f"✗ {side}{one.text}." for side, one in zip(sides, film.refusals, strict=True) if one]
        caption, found = [], []
        for i, (side, title, (first, end)) in enumerate(zip(film.sides, titles, ends, strict=True)):
            recording, event = side.recording, film.timeline.events[i][position]
            caption.append(f"{title}event {event} · {describe(recording, recording.event(event))}")
            lines = log_lines(film, i, first, end)
            step = recording.step_of(event)
            found.append(
                {
                    "title": showable(film.titles[i]),
                    "numbers": [[n, str(v)] for n, v in zip(NUMBERS, numbers(recording.counters(event)), strict=True)],
                    "flow": pictured(call_flow(recording, recording.event(event))),
                    "owners": pictured(side.owners(event)[0]),
                    "layout": pictured(layout(recording, event, side.names)),
                    "lines": [[where, text, where > position] for where, text in lines],
                    "line": next((text for where, text in reversed(lines) if where <= position), None),
                    "rows": self.tables()[i],
                    "row": step if isinstance(self.lab, SideBySide) else step + 1,
                }
            )
        return {"caption": caption, "refusals": refusals, "sides": found}

    # -- the page ---------------------------------------------------------------------------------------
    def read(self, plots: bool = True) -> dict[str, Any]:
        """Everything that the page shows; of its plots only what was not compared before."""
        self.wait(
            "!root.hasAttribute('data-waiting') && (root.dataset.whole ?? root.dataset.shown) === root.dataset.shown"
            " && (!arg || [...root.querySelectorAll('.hl-plot')].every("
            "(plot) => plot.dataset.drawn === root.dataset.shown.split(':')[0]))",
            plots,
        )
        found: dict[str, Any] = json.loads(self.page.evaluate(READ, [self.handle, self._plotted]))
        return found

    def position(self) -> int:
        """The position that the page shows."""
        return int(self.root.get_attribute("data-shown").split(":")[1])

    def shown(self) -> str:
        """Which film, and where in it: changes with everything that is shown anew."""
        text: str = self.root.get_attribute("data-shown")
        return text

    def wait(self, condition: str, arg: Any = None, seconds: float = 20) -> None:
        """Until a JavaScript expression of ``root`` and ``arg`` holds. Fails with what there is instead."""
        try:
            self.page.wait_for_function(
                f"([root, arg]) => {condition}", arg=[self.handle, arg], timeout=seconds * 1000, polling=20
            )
        except TimeoutError as error:
            there = self.root.evaluate(
                """(root) => [root.dataset.shown, root.dataset.values, root.querySelector('.hl-message')?.textContent,
                    document.activeElement.outerHTML.slice(0, 200)].join('; ')"""
            )
            raise AssertionError(f"not within {seconds} s: {condition} for {arg!r}; there is: {there}") from error

    def wait_for(self, position: int) -> None:
        """Until a position is shown."""
        self.wait("root.dataset.shown.endsWith(':' + arg)", position)

    def check(self, position: int | None = None, plots: bool = True) -> dict[str, Any]:
        """Everything on the page is what the model says of the position that it shows (or, given, of this one).

        Without ``plots``, that there is none.
        """
        if position is not None:
            self.wait_for(position)
        found = self.read(plots)
        at, length = int(found["shown"].split(":")[1]), len(self.film.timeline)
        place = self.film.timeline.place(at)
        ends = []
        for side in found["sides"]:
            before, after = (int(_number(side.pop(key, None))) for key in ("before", "after"))
            assert before <= at < length - after, "the log is not that of the place"
            ends.append((before, length - after))
        expected = self.expected(at, ends)
        assert found["caption"] == expected["caption"]
        assert found["refusals"] == expected["refusals"], found["refusals"]
        assert found["slider"] == pytest.approx(1000 * place, abs=0.1)
        assert len(found["sides"]) == len(expected["sides"])
        for i, (here, model) in enumerate(zip(found["sides"], expected["sides"], strict=True)):
            if plots:
                assert here["cursor"] == pytest.approx([place, 0, 0], abs=0.6), "the cursor's extent"
                assert here["cursor"][0] == pytest.approx(place, abs=0.003), "the cursor's place"
            else:
                assert here["cursor"] is None
            if plots and here["plot"]:
                figure = json.loads(json.dumps(pool(self.film.timeline, i)))
                assert not (wrong := plot_differs(here["plot"], figure)), wrong
            for key, value in model.items():
                assert here[key] == value, f"{key} at position {at} of {length}, {found['values']}"
        self._plotted = found["shown"].split(":")[0]
        if self.lab is not None:
            assert json.loads(found["values"]) == self.lab.values
        return found

    def resize(self, width: int) -> None:
        """Make the window so wide, and wait until the lab has come to it: JupyterLab takes its time."""
        self.page.set_viewport_size({**self.page.viewport_size, "width": width})
        self.wait("root.clientWidth > 0.4 * arg && root.clientWidth < 0.9 * arg", width)
        self.page.evaluate(PAINTED)

    # -- what a learner does ------------------------------------------------------------------------------
    def control(self, name: str) -> Any:
        """The input of a control, or the first of several."""
        return self.root.locator(f".hl-control [name={name}], .hl-control [data-name={name}]").first

    def typed(self, name: str) -> Any:
        """The field into which the value of a slider is typed."""
        return self.root.locator(f".hl-control [name={name}-typed]")

    def place(self, name: str, value: Any) -> None:
        """Move a control on the page; the lab in this Python stays."""
        assert self.lab is not None
        control, field = self.lab.controls[name], self.control(name)
        if isinstance(control, (ipywidgets.IntSlider, ipywidgets.FloatSlider)):
            field.fill(str(value))
        elif not hasattr(control, "options") and not isinstance(value, bool):
            field.fill(str(value))
            field.press("Enter")
        elif isinstance(control, ipywidgets.SelectionSlider):
            field.fill(str(offered(control).index(value)))
        elif isinstance(control, (ipywidgets.Checkbox, ipywidgets.ToggleButton)):
            field.set_checked(value)
        elif isinstance(control, (ipywidgets.ToggleButtons, ipywidgets.RadioButtons)):
            self.root.locator(f".hl-control [data-name={name}]").nth(offered(control).index(value)).check()
        else:
            field.select_option(index=offered(control).index(value))

    def reads(self, name: str) -> Any:
        """The value that a control shows, as the options of its model have it."""
        assert self.lab is not None
        control, field = self.lab.controls[name], self.control(name)
        if not hasattr(control, "options") and not isinstance(control.value, bool):
            return type(control.value)(field.input_value())
        if isinstance(control, (ipywidgets.Checkbox, ipywidgets.ToggleButton)):
            return field.is_checked()
        if isinstance(control, (ipywidgets.ToggleButtons, ipywidgets.RadioButtons)):
            fields = self.root.locator(f".hl-control [data-name={name}]").all()
            return offered(control)[[one.is_checked() for one in fields].index(True)]
        if isinstance(control, ipywidgets.SelectionSlider):
            return offered(control)[int(field.input_value())]
        return offered(control)[field.evaluate("(select) => select.selectedIndex")]

    def move(self, name: str, value: Any) -> None:
        """Move a control on the page and in this Python; wait until the page shows what comes of it."""
        assert self.lab is not None
        if value == self.lab.controls[name].value:
            return
        run = self.shown().split(":")[0]
        self.place(name, value)
        self.lab.controls[name].value = value
        self.wait_for_values(run)

    def move_all(self, values: dict[str, Any]) -> None:
        """As ``move`` for several controls; what comes of all of them is waited for, not what lies between."""
        assert self.lab is not None
        changed = {name: value for name, value in values.items() if value != self.lab.controls[name].value}
        run = self.shown().split(":")[0]
        for name, value in changed.items():
            self.place(name, value)
        if changed:
            self.keep(changed)
            self.wait_for_values(run)

    def keep(self, values: dict[str, Any]) -> None:
        """Set controls in this Python, and make anew what the lab has."""
        assert self.lab is not None
        self.lab._set(values)
        self.lab._keep(finish(self.lab._work(self.lab.values)))

    def wait_for_values(self, run: str) -> None:
        """Until the page shows what comes of the controls' values in this Python, in another run than ``run``."""
        assert self.lab is not None
        values = json.dumps(self.lab.values, separators=(",", ":"), ensure_ascii=False)
        self.wait(
            "root.dataset.values === arg[0] && root.dataset.shown.split(':')[0] !== arg[1]"
            " && !root.hasAttribute('data-waiting')",
            [values, run],
        )

    @contextmanager
    def watched(self) -> Iterator[dict[str, Any]]:
        """Looks at the lab at every frame inside (watch.js); afterwards in the dictionary: what was seen."""
        seen: dict[str, Any] = {}
        self.root.evaluate(WATCH)
        yield seen
        self.wait("root.seen.frames > arg", self.root.evaluate("(root) => root.seen.frames") + 1)
        seen.update(self.root.evaluate("(root) => { root.seen.on = false; return root.seen; }"))

    def button(self, do: str) -> Any:
        """A button of the timeline: first, back, play, step, last."""
        return self.root.locator(f".hl-timeline [data-do={do}]")

    @property
    def scrubber(self) -> Any:
        """The slider of the timeline."""
        return self.root.locator(".hl-timeline input[type=range]")

    @property
    def message(self) -> Any:
        """The line above the views."""
        return self.root.locator(".hl-message")

    def view(self, name: str) -> Any:
        """A view by the last part of its class name: flow, owners, layout, log, usages, plot."""
        return self.root.locator(f".hl-{name}")

    def tab(self, name: str) -> Any:
        """The tab of a picture: flow, owners, layout, log, steps."""
        return self.root.locator(f".hl-tabs [data-tab={name}]")

    def open(self, name: str) -> None:
        """Bring a picture to the front, where it is not in view already."""
        if self.tab(name).is_visible():
            self.tab(name).click()

    def take(self, label: str) -> Any:
        """A button of the row below, by its text."""
        return self.root.locator(".hl-along").get_by_role("button", name=label, exact=True)


def _number(text: str | None) -> float:
    """The last number in a text, 0 if none: how many events a note of the log leaves out, where a cursor is."""
    found = re.findall(r"\d[\d,.]*", text or "")
    return float(found[-1].replace(",", "")) if found else 0


def all_here(lab: OnPage) -> None:
    """Wait until the page has every frame, so that it needs the kernel for nothing."""
    lab.wait("![...root.querySelectorAll('.hl-note')].some((note) => note.textContent.startsWith('...'))")


def show(page: Any, cell: int, code: str, *labs: Any) -> Any:
    """Run code in a cell of the open notebook (from 0), and wait for the lab that it shows; or for several."""
    area = page.locator(".jp-CodeCell").nth(cell)
    for old in area.locator(EXPLORER).all():
        old.evaluate("(root) => root.removeAttribute('data-shown')")
    run_cell(page, cell, code)
    shown = [area.locator(f"{EXPLORER}[data-shown]:not([data-waiting])").nth(i) for i in range(len(labs))]
    for root in shown:
        root.wait_for(state="attached", timeout=60_000)
    # Then the lab moves up, once. (In a box there are no words before it.)
    page.wait_for_function(
        """([cell, n]) => {
            const area = document.querySelectorAll('.jp-CodeCell')[cell];
            return area.querySelector('.widget-box') || area.querySelectorAll('.hugelab-hidden').length === n;
        }""",
        arg=[cell, len(labs)],
        timeout=60_000,
    )
    found = [OnPage(page, root, lab) for root, lab in zip(shown, labs, strict=True)]
    return found[0] if len(found) == 1 else found
