"""The base of every lab: an ipywidgets widget of controls, and of what is made of their values.

The model and the pictures know no widget; this module only connects them.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import anywidget
import ipywidgets
import traitlets
from IPython.core.getipython import get_ipython
from IPython.display import display

from ...core.text import markup, showable
from ...linux.errors import ScenarioError
from ...record.source import finish
from ...views.page import STYLE, VIEWS
from . import controls as own
from .job import Job, Progress, Work
from .library import library

RUN_ME = "Run this cell (Shift+Enter) for the live lab."
_HERE = Path(__file__).parent
_runs = itertools.count(1)  # numbers what is shown, so that what belongs to the one before is not taken for it
_cells: dict[str, tuple[str, list[Lab[Any]]]] = {}  # notebook cell -> its last execution, and the labs made in it
T = TypeVar("T")


def _reference(widget: Any, _: Any = None) -> Any:
    """The way in which lab.js is told of another widget: see anywidget.WidgetTrait."""
    return f"anywidget:{widget.model_id}"


def _references(widgets: Mapping[str, Any], _: Any) -> dict[str, str]:
    return {name: _reference(widget) for name, widget in widgets.items()}


class Lab(anywidget.AnyWidget, Generic[T]):  # type: ignore[misc]
    """A lab of the course: ``lab.pages`` is the control of that name, ``lab.pages.value = 7`` moves it.

    Showing it needs a notebook; what it has made (``recording``, ``figure``) can be used in any Python. A kind of lab
    says how it makes a T of the controls' values (``_work``), keeps it (``_take``), puts it into the widget
    (``_fill``), and what it shows in words (``__repr__``).

    The browser moves the controls, sets ``position`` and ``tab``, and sends messages: ``want`` (a position whose frames
    are missing), ``follow`` (side, token, position), ``reset``, ``cancel``, ``ping``.
    """

    _esm = VIEWS + (_HERE / "lab.js").read_text(encoding="utf-8")
    _css = STYLE + (_HERE / "lab.css").read_text(encoding="utf-8")
    controls: Any = traitlets.Dict().tag(sync=True, to_json=_references)
    buttons: Any = traitlets.Dict().tag(sync=True, to_json=_references)  # what the lab can do besides
    progress: Any = anywidget.WidgetTrait().tag(sync=True)  # an IntProgress, once anything takes long
    library: Any = anywidget.WidgetTrait().tag(sync=True)
    head: Any = traitlets.Dict().tag(sync=True)
    window: Any = traitlets.Dict().tag(sync=True)
    position: Any = traitlets.Int(0).tag(sync=True)
    tab: Any = traitlets.Unicode("").tag(sync=True)  # which picture is open
    message: Any = traitlets.Dict().tag(sync=True)  # html, and kind: "", "refused" or "fault"
    words: Any = traitlets.Unicode("").tag(sync=True)  # of the output before it, which the live lab hides

    run_me = RUN_ME

    def __init__(self, title: str, controls: Mapping[str, Any]):
        self.title, self._quiet, self._filled = title, False, False
        self._job: Job[Any] | None = None
        self._thread = threading.current_thread()
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        self.controls = dict(controls)
        try:
            self._keep(finish(self._work(self.values)))
        except BaseException:
            for control in controls.values():
                own.take(control)
                own.leave(control)
            raise
        for name in controls:
            if hasattr(type(self), name) or name in vars(self):
                raise ValueError(f"a control cannot be called {name}: a lab has something else of that name")
        self._first = {name: control.value for name, control in controls.items()}
        super().__init__(library=library(), words=repr(self))
        for control in set(controls.values()):  # one widget may be two of them
            own.take(control)
            control.observe(self._moved, "value")
        _belongs(self)

    def __getattr__(self, name: str) -> Any:
        """A control or a button by its name."""
        if not name.startswith("_") and name in (known := {**self.buttons, **self.controls}):
            return known[name]
        raise AttributeError(f"{type(self).__name__} has no {name}; its controls: {', '.join(self.controls)}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self).get("_first", ()):
            raise AttributeError(f"lab.{name} is a control: lab.{name}.value = {value!r} moves it")
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.controls]

    @property
    def values(self) -> dict[str, Any]:
        """The values of the controls."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def figure(self) -> Any:
        """The plot as a ``plotly.graph_objects.Figure`` of its own; None for a lab without a plot.

        Raises ImportError where plotly is not installed.
        """
        made = self._figure()
        if made is None:
            return None
        from ...views.plots.figure import figure

        return figure(made)

    # -- of each kind (no ABC: a widget has a metaclass of its own) ------------------------------
    def _work(self, values: dict[str, Any]) -> Work[T]:
        """Make what the lab shows. May raise ScenarioError: then what was shown stays."""
        raise NotImplementedError

    def _take(self, made: T) -> None:
        """Take a result: the lab has it from now on."""
        raise NotImplementedError

    def _fill(self, run: int, position: int) -> None:
        """Put what the lab has into the widget, under this number; at a position, if it has a timeline."""
        raise NotImplementedError

    def _figure(self) -> dict[str, Any] | None:
        """The plot as plotly's dict."""
        return None

    def _start(self) -> int:
        """The position where a timeline starts."""
        return 0

    def _about(self) -> str:
        """The message about the lab as it stands, as HTML."""
        return ""

    def _keep(self, made: T, values: dict[str, Any] | None = None) -> None:
        """Take a result, made of these values: while a job works a control may move. None: of those of now."""
        self.shown = self.values if values is None else values
        self._take(made)

    # -- showing it ------------------------------------------------------------------------------
    def _ipython_display_(self) -> None:
        """The words first, which are all that a saved notebook keeps; then the live lab, which hides them."""
        self._need_filled()
        display({"text/plain": self.words}, raw=True)
        display({**self._repr_mimebundle_()[0], "text/plain": self.run_me}, raw=True)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self._need_filled()
        return super()._repr_mimebundle_(**kwargs)

    def _need_filled(self) -> None:
        """What is shown is sent when it is to be seen for the first time: many a lab only computes."""
        if not self._filled:
            self._filled = True
            self._show(self._start())

    def _show(self, position: int) -> None:
        """Show what the lab has."""
        with self.hold_sync(), self.hold_trait_notifications():  # in this order: one message
            self._fill(next(_runs), position)
            self.words = repr(self)
            self._say(self._about())

    def _say(self, html: str, kind: str = "") -> None:
        self.message = {"html": html, "kind": kind}

    def close(self) -> None:
        """Take the lab, and the controls that no other lab has, off the page and out of the kernel."""
        if self.comm is None:  # it is closed
            return
        if self._job is not None and self._job.running:
            self._job.cancel()
        for control in set(self.controls.values()):
            control.unobserve(self._moved, "value")
            own.leave(control)
        for widget in (*self.buttons.values(), *([self.progress] if self.progress else [])):
            own.shut(widget)
        self.layout.close()
        super().close()

    # -- what moves it ---------------------------------------------------------------------------
    def _handle_msg(self, msg: dict[str, Any]) -> None:
        """All messages are worked in the thread of the notebook's cells, one after the other.

        JupyterLab sends some of them to a thread of their own (a subshell), and a lab is not made for two.
        """
        if not self._elsewhere(super()._handle_msg, msg):
            super()._handle_msg(msg)

    def _elsewhere(self, function: Any, *arguments: Any) -> bool:
        """In another thread: have it done in the lab's."""
        if self._loop is None or threading.current_thread() is self._thread:
            return False
        self._loop.call_soon_threadsafe(function, *arguments)
        return True

    def _moved(self, change: Any, browser: bool = False) -> None:
        """A control was moved: from Python all is done when the assignment returns; from the browser it may wait."""
        browser = browser or bool(change["owner"]._property_lock)  # ipywidgets sets what the browser sent under it
        if self._quiet or self._elsewhere(self._moved, change, browser):
            return
        if self._filled:
            with self._told():
                self._renew(at_once=not browser)
        else:
            self._keep(finish(self._work(self.values)))

    def _set(self, values: Mapping[str, Any]) -> None:
        """Move controls without making anything of it."""
        self._quiet = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._quiet = False

    def _renew(self, at_once: bool = False) -> None:
        """Make anew what is shown; if that takes long, in slices, unless it has to be there at once."""
        with self.hold_sync():  # the progress of the work before gives way to that of this one, in one message
            if self._job is not None and self._job.running:
                self._job.cancel()
            values = self.values
            self._job = Job(self._work(values), partial(self._made, values=values), self._progress, self._failed)
            self._job.run(at_once)

    def _made(self, made: T, values: dict[str, Any] | None = None) -> None:
        self._keep(made, values)
        self._show(self._start())

    def _progress(self, progress: Progress | None) -> None:
        if progress is None:
            if self.progress is not None:
                self.progress.max = 0
            return
        if self.progress is None:
            self.progress = ipywidgets.IntProgress(0, -1, 0)
        self.progress.description = showable(progress.text)
        self.progress.max = 1000  # 0: nothing is going on
        self.progress.value = -1 if progress.part is None else round(1000 * progress.part)

    def _failed(self, error: Exception) -> None:
        with self._told():
            raise error

    def _unchanged(self) -> str:
        """The message after Cancel."""
        return "Cancelled; what is shown is as it was."

    def _cancelled(self) -> None:
        """Go back to the values of what is still shown."""
        if self._job is not None and self._job.running:
            self._job.cancel()
        self._set(self.shown)
        self._say(self._unchanged())

    def _handle_custom_msg(self, content: Any, buffers: Any) -> None:
        """The browser sent a message."""
        with self._told():
            self._told_of(content, buffers)
        super()._handle_custom_msg(content, buffers)

    def _told_of(self, message: dict[str, Any], buffers: Any) -> None:
        if "ping" in message:
            self.send({"pong": message["ping"]})
        elif "cancel" in message:
            self._cancelled()
        elif "reset" in message:
            self._set(self._first)
            self._renew()
        elif not self._filled:
            self._need_filled()
        elif message.get("run") == self.head["run"]:
            self._more(message)

    def _more(self, message: dict[str, Any]) -> None:
        """A view wants more of what is shown. Raises LookupError for one that has it all."""
        raise LookupError(f"there is no more to be had: {message}")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Input that is refused is one line, and what was shown stays. So is a fault, which is raised, too."""
        try:
            yield
        except ScenarioError as error:
            self._say(markup(error), "refused")
        except Exception as error:
            self._say(f"This lab has a fault: {markup(f'{type(error).__name__}: {error}')}", "fault")
            raise


def _belongs(lab: Lab[Any]) -> None:
    """A cell that is run again closes the labs that it made before: nothing shows them any more."""
    shell = get_ipython()
    parent = shell.get_parent() if shell is not None and hasattr(shell, "get_parent") else {}
    cell, run = parent.get("metadata", {}).get("cellId"), parent.get("header", {}).get("msg_id", "")
    if cell is None:
        return
    before, made = _cells.get(cell, (run, []))
    if before != run:
        for old in made:
            old.close()
        made = []
    _cells[cell] = run, [*made, lab]


def show(widget: Any, words: str) -> None:
    """Display a widget, with words for where there are none."""
    bundle = widget._repr_mimebundle_()
    if isinstance(bundle, tuple):  # with metadata, from newer anywidgets
        bundle = bundle[0]
    display({**bundle, "text/plain": words}, raw=True)
