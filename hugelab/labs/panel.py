"""The base of every lab: controls, and something that is made of their values and shown in one widget.

The model and the pictures know no widget; this module only connects them.
"""

import base64
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from IPython.display import display

from ..core.text import markup, showable
from ..linux.errors import ScenarioError
from ..record.source import finish
from .controls import Control
from .explorer import Explorer
from .job import Job, Progress, Work

RUN_ME = "Run this cell (Shift+Enter) for the live lab."
_runs = itertools.count(1)  # numbers what is shown, so that what belongs to the one before is not taken for it
T = TypeVar("T")


def show(widget: Any, words: str) -> None:
    """Display a widget, with words for where there are none."""
    bundle = widget._repr_mimebundle_()
    if isinstance(bundle, tuple):  # with metadata, from newer anywidgets
        bundle = bundle[0]
    display({**bundle, "text/plain": words}, raw=True)


class Panel(ABC, Generic[T]):
    """A lab of the course. Showing it needs JupyterLab; what it has made can be used in any Python.

    A kind of lab says how it makes a T of the controls' values (``_work``), keeps it (``_take``), puts it into the
    widget (``_fill``), and what it looks like without one (``_png``, ``__repr__``).
    """

    run_me = RUN_ME

    def __init__(self, title: str, controls: dict[str, Control]):
        self.title, self.controls = title, controls
        self.explorer: Any = None
        self._job: Job[Any] | None = None
        self._keep(finish(self._work(self.values)))
        for control in controls.values():
            control.changed = self._changed

    @property
    def values(self) -> dict[str, Any]:
        """The values of the controls."""
        return {name: control.value for name, control in self.controls.items()}

    @abstractmethod
    def _work(self, values: dict[str, Any]) -> Work[T]:
        """Make what the lab shows. May raise ScenarioError: then what was shown stays."""

    @abstractmethod
    def _take(self, made: T) -> None:
        """Take a result: the lab has it from now on."""

    def _keep(self, made: T) -> None:
        self.shown = self.values  # that it was made from
        self._take(made)

    @abstractmethod
    def _fill(self, run: int, position: int) -> None:
        """Put what the lab has into the widget, under this number; at a position, if it has a timeline."""

    def _start(self) -> int:
        """The position where a timeline starts."""
        return 0

    @abstractmethod
    def _png(self) -> bytes:
        """The still picture."""

    def _about(self) -> str:
        """The message about the lab as it stands, as HTML."""
        return ""

    # -- showing it ------------------------------------------------------------------------------
    def _ipython_display_(self) -> None:
        """The still picture first, so that it is there without a kernel; then the live lab, which hides it."""
        self._still()
        show(self.build(), self.run_me)

    def _still(self) -> None:
        """Show the still picture."""
        png = base64.b64encode(self._png()).decode("ascii")
        display({"image/png": png, "text/plain": repr(self)}, raw=True)

    def build(self) -> Any:
        """The widget; again and again the same one."""
        if self.explorer is None:
            self._first = {name: control.first for name, control in self.controls.items()}
            self.explorer = Explorer(
                controls=[control.spec(name) for name, control in self.controls.items()], values=self.values
            )
            self._show(self._start())
            self.explorer.observe(self._values_moved, "values")
            self.explorer.on_msg(self._told_of)
        return self.explorer

    def _show(self, position: int) -> None:
        """Show what the lab has."""
        with self.explorer.hold_sync(), self.explorer.hold_trait_notifications():  # in this order: one message
            self._fill(next(_runs), position)
            self.explorer.values = self.values
            self._say(self._about())

    def _say(self, html: str, kind: str = "") -> None:
        self.explorer.message = {"html": html, "kind": kind}

    # -- what the learner does -------------------------------------------------------------------
    def _values_moved(self, change: Any) -> None:
        """The browser moved a control."""
        with self._told():
            values = change["new"]
            if values == self.values:
                return
            try:
                if unknown := sorted(values.keys() - self.controls.keys()):
                    raise ValueError(f"there is no control {', '.join(unknown)}")
                for name, control in self.controls.items():
                    control.check(values.get(name))
            except ValueError as error:
                raise ScenarioError(str(error)) from None
            for name, control in self.controls.items():
                control.set_quietly(values[name])
            self._renew()

    def _changed(self) -> None:
        """A control was moved from Python."""
        if self.explorer is None:
            self._keep(finish(self._work(self.values)))
            return
        with self._told():
            self._renew()

    def _renew(self) -> None:
        """Make anew what is shown; if that takes long, in slices."""
        with self.explorer.hold_sync():  # the progress of the work before gives way to that of this one, in one message
            if self._job is not None and self._job.running:
                self._job.cancel()
            self._job = Job(self._work(self.values), self._made, self._progress, self._failed)
            self._job.run()

    def _made(self, made: T) -> None:
        self._keep(made)
        self._show(self._start())

    def _progress(self, progress: Progress | None) -> None:
        self.explorer.busy = {**progress._asdict(), "text": showable(progress.text)} if progress else {}

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
        for name, control in self.controls.items():
            control.set_quietly(self.shown[name])
        self.explorer.values = self.values
        self._say(self._unchanged())

    def _told_of(self, _: Any, message: dict[str, Any], buffers: Any) -> None:
        """The browser sent a message."""
        with self._told():
            if "cancel" in message:
                self._cancelled()
            elif "action" in message:
                self._act(str(message["action"]))
            elif message.get("run") == self.explorer.head["run"]:
                self._more(message)

    def _more(self, message: dict[str, Any]) -> None:
        """A view wants more of what is shown. Raises LookupError for one that has it all."""
        raise LookupError(f"there is no more to be had: {message}")

    def _act(self, name: str) -> None:
        """A button was pressed. Raises LookupError for one that the lab does not have."""
        raise LookupError(f"there is no button {name}")

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
