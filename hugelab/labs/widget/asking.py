"""Labs that can do something on this machine: it takes two clicks, the first says what it will change."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets

from ...core.text import markup
from ...linux.errors import ScenarioError
from ...live.errors import LiveUnavailable
from .job import Job, Work
from .lab import Lab, T


class Asking(Lab[T]):
    """``GO`` and ``YES`` say what is written on the two buttons, and what on hovering over them."""

    GO: tuple[str, str]
    YES: tuple[str, str]

    def __init__(self, title: str, controls: Mapping[str, Any], *more: Any, **options: Any):
        super().__init__(title, controls, *more, **options)
        named = {"go": self.GO, "yes": self.YES, "no": ("No", "Changes nothing")}
        self._all = {name: ipywidgets.Button(description=text, tooltip=title) for name, (text, title) in named.items()}
        for name, button in self._all.items():
            button.on_click(partial(self._pressed, name))
        self._ask(False)

    def close(self) -> None:
        if self.comm is not None:
            self.buttons = self._all
        super().close()

    def _plan_text(self) -> str:
        """The changes that a run will make, in a few lines. Raises LiveUnavailable if it cannot run."""
        raise NotImplementedError

    def _live_work(self) -> Work[Any]:
        """Do it."""
        raise NotImplementedError

    def _take_live(self, result: Any) -> str:
        """Show a result. Returns the message about it, as HTML."""
        raise NotImplementedError

    def _stays(self) -> str:
        """The sentence that says what is shown where there is no result."""
        raise NotImplementedError

    def _keep(self, made: T, values: dict[str, Any] | None = None) -> None:
        self._asking = False
        super()._keep(made, values)

    def _show(self, position: int) -> None:
        super()._show(position)
        self._ask(False)

    def _ask(self, asking: bool, focus: str = "", running: bool = False) -> None:
        """Show the question, or the button that leads to it; ``focus`` is the button that gets the keyboard."""
        self._asking = asking
        self._all["go"].disabled = asking or running
        self.buttons = {name: self._all[name] for name in (("go", "yes", "no") if asking else ("go",))}
        if focus:
            self._all[focus].focus()

    def _pressed(self, name: str, button: Any = None) -> None:
        if self._elsewhere(self._pressed, name):
            return
        with self._told():
            if name == "go" and not self._asking and not (self._job and self._job.running):
                self._plan()
            elif name == "no" and self._asking:
                self._ask(False, "go")
                self._say(f"Not run; nothing was changed. {self._stays()}")
            elif name == "yes" and self._asking:
                self._run()

    def _run(self) -> None:
        self._ask(False, running=True)
        self._job = Job(self._live_work(), self._ran, self._progress, self._not_run)
        try:
            self._job.run()
        except KeyboardInterrupt:
            self._ask(False, "go")
            self._say(f"Interrupted; the pool is as it was. {self._stays()}")
            raise

    def _plan(self) -> None:
        try:
            text = self._plan_text()
        except LiveUnavailable as error:
            self._say(self._refused(error), "refused")
            return
        lines = "\n".join(map(markup, text.split("\n")))
        self._say(f"<pre>{lines}</pre><b>Run it?</b>")
        self._ask(True, "no")

    def _ran(self, result: Any) -> None:
        said = self._take_live(result)
        self._show(self.position)
        self._ask(False, "go")
        self._say(said)

    def _not_run(self, error: Exception) -> None:
        self._ask(False, "go")
        if isinstance(error, (LiveUnavailable, ScenarioError)):
            self._say(self._refused(error), "refused")
            return
        self._failed(error)

    def _cancelled(self) -> None:
        self._ask(False, "go")
        super()._cancelled()

    def _unchanged(self) -> str:
        return f"Cancelled; the pool is as it was. {self._stays()}"

    def _refused(self, error: Exception) -> str:
        return f"No result from this kernel: {markup(error)}. {self._stays()}"
