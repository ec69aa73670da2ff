"""What every lab is: controls -> Scenario -> Recording -> player and plot.

The model and the pictures know no widget; this module only connects them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go
from IPython.display import display

from ..draw import figures, tables
from ..draw.film import film, poster, poster_png
from ..invariants import unsound
from ..model.kernel import run
from ..model.machines import LESSON, Machine
from ..recording import Recording
from ..scenario import Scenario, ScenarioError
from .player import Player

RUN_ME = "Run this cell (Shift+Enter) for the live lab."
MOST_PAGES = 16  # what the sliders allow: more than the pool of ten, and still one picture


def slider(label: str, value: int, least: int = 0, most: int = MOST_PAGES) -> widgets.IntSlider:
    """A slider for a number of pages. Arrow keys move it. Raises ValueError for a first value outside its range."""
    if not least <= value <= most:
        raise ValueError(f"{label}: {least} to {most}, not {value}")
    return widgets.IntSlider(
        value=value,
        min=least,
        max=most,
        description=label,
        tooltip=f"{label}: {least} to {most}",
        style={"description_width": "initial"},
        layout={"width": "260px"},
    )


def choice(label: str, options: list[str] | tuple[str, ...], value: str) -> widgets.Dropdown:
    """A choice between named kinds. Raises ValueError for a first value that is none of them."""
    if value not in options:
        raise ValueError(f"{label.rstrip(':')}: one of {', '.join(options)}, not {value!r}")
    return widgets.Dropdown(
        options=list(options),
        value=value,
        description=label,
        tooltip=label,
        style={"description_width": "initial"},
        layout={"width": "260px"},
    )


class BrokenRule(Exception):
    """A recording of the model breaks a rule that holds in every state: a fault of ours, never of the learner's."""


def sound(recording: Recording) -> Recording:
    """The same recording. Raises BrokenRule if a step left a state that cannot be (hugelab/invariants.py)."""
    if problem := unsound(recording, every_event=False):
        raise BrokenRule(f"the model broke one of its rules: {problem}")
    return recording


class Panel:
    """Controls, and what is shown of them: a still picture first, then the live widgets, made when they are shown.

    A kind of panel says what ``_png``, ``_make``, ``_renew`` and its ``repr`` are. ``status`` has a ``value``, HTML.
    """

    run_me = RUN_ME
    status: Any

    def __init__(self, title: str, controls: dict[str, widgets.Widget]):
        self.title, self.controls = title, controls
        self.box: Any = None

    @property
    def values(self) -> dict[str, Any]:
        """The values of the controls."""
        return {name: control.value for name, control in self.controls.items()}

    def _png(self) -> bytes:
        """The still picture."""
        raise NotImplementedError

    def _make(self) -> widgets.Widget:
        """The live widgets, once."""
        raise NotImplementedError

    def _renew(self) -> None:
        """A control moved: run and show anew."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        """The still picture first, so that it is there without a kernel; then the live lab, which hides it."""
        png = base64.b64encode(self._png()).decode("ascii")
        display({"image/png": png, "text/plain": repr(self)}, raw=True)
        self._build()
        bundle = self.box._repr_mimebundle_()
        bundle["text/plain"] = self.run_me
        display(bundle, raw=True)

    def _build(self) -> None:
        """Make the widgets; again and again shows the same ones."""
        if self.box is None:
            self.box = self._make()
            for control in self.controls.values():
                control.observe(self._changed, "value")

    def _changed(self, change: Any) -> None:
        with self._told():
            self._renew()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Input that is refused is one line, and what was shown stays. So is a fault, which is raised, too."""
        try:
            yield
        except ScenarioError as error:
            self.status.value = f"<b>{escape(str(error))}</b>"
        except Exception as error:
            self.status.value = f"<b>This lab has a fault: {escape(f'{type(error).__name__}: {error}')}</b>"
            raise


class Lab(Panel):
    """A lab of the course. Showing it needs JupyterLab; its ``recording`` can be used in any Python.

    ``program(**values)`` makes a Scenario of the controls' values (it may raise ScenarioError); ``machine(**values)``
    chooses where it runs; ``focus(**values)`` is the operation at the end of which the timeline starts.
    """

    def __init__(
        self,
        title: str,
        controls: dict[str, widgets.Widget],
        program: Callable[..., Scenario],
        focus: Callable[..., str],
        machine: Callable[..., Machine] = lambda **values: LESSON,
    ):
        super().__init__(title, controls)
        self.focus, self._program, self._machine = focus, program, machine
        self.recording: Recording = self._run()
        self.status = widgets.HTML()
        self.player = Player()
        self.figure: Any = None

    # -- model -----------------------------------------------------------------------------------
    def _run(self) -> Recording:
        return sound(run(self._program(**self.values), self._machine(**self.values)))

    @property
    def event(self) -> int:
        """The number of the event that the timeline shows."""
        frames = self.player.film.get("frames")
        return int(frames[min(self.player.position, len(frames) - 1)][0]) if frames else self._start()

    def _start(self) -> int:
        """The last event inside the kernel of the step in focus (the one after it is the return)."""
        focus = self.focus(**self.values)
        step = next(step for step in self.recording.steps if step.op.op == focus)
        return step.last - 1 if step.last - step.first > 1 else step.last

    # -- showing it ------------------------------------------------------------------------------
    def __repr__(self) -> str:
        return f"{self.title}: {poster(self.recording, self._start(), self.title).title}"

    def _png(self) -> bytes:
        return poster_png(self.recording, self._start(), self.title)

    def _make(self) -> widgets.Widget:
        self.figure = go.FigureWidget(figures.pool(self.recording, self._start()))
        self._show()
        self.player.observe(self._moved, ["position", "dark", "width"])
        knobs = widgets.VBox(list(self.controls.values()))
        top = widgets.HBox([knobs, self.status], layout={"flex_flow": "row wrap", "grid_gap": "12px"})
        return widgets.VBox([top, self.figure, self.player])

    def _renew(self) -> None:
        self.recording = self._run()
        self._show()

    def _show(self) -> None:
        """Give the whole recording to the views, at the event where the lab starts."""
        reel = film(self.recording)
        start = self._start()
        position = next(i for i, frame in enumerate(reel["frames"]) if frame[0] >= start)
        with self.player.hold_trait_notifications(), self.player.hold_sync():
            self.player.film = reel
            self.player.position = position
        data = figures.pool(self.recording, start, self.player.dark)
        with self.figure.batch_update():
            for trace, new in zip(self.figure.data, data["data"], strict=True):
                trace.x, trace.y = new["x"], new["y"]
            self.figure.layout.update(data["layout"])
        self.status.value = f'<div style="line-height:1.5">{tables.steps(self.recording)._repr_html_()}</div>'

    def _moved(self, change: Any) -> None:
        """The timeline moved, or the page's theme or width changed: the plot follows."""
        with self._told(), self.figure.batch_update():
            if change["name"] == "width":
                self.figure.layout.width = self.player.width
            elif change["name"] == "dark":
                data = figures.pool(self.recording, self.event, self.player.dark)
                for trace, new in zip(self.figure.data, data["data"], strict=True):
                    trace.update({key: new[key] for key in ("line", "fillpattern") if key in new})
                self.figure.layout.update(data["layout"])
            else:
                self.figure.layout.update(figures.marker(self.recording, self.event, self.player.dark))
