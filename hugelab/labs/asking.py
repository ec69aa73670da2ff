"""Labs that can do something on this machine: it takes two clicks, the first says what it will change."""

from abc import abstractmethod
from typing import Any

from ..core.text import markup
from ..linux.errors import ScenarioError
from ..live.errors import LiveUnavailable
from .job import Job, Work
from .panel import Panel, T

NO = {"name": "no", "label": "No", "title": "Changes nothing"}


class Asking(Panel[T]):
    """``go`` and ``yes`` are the two buttons."""

    go: dict[str, str]
    yes: dict[str, str]

    @abstractmethod
    def _plan_text(self) -> str:
        """The changes that a run will make, in a few lines. Raises LiveUnavailable if it cannot run."""

    @abstractmethod
    def _live_work(self) -> Work[Any]:
        """Do it."""

    @abstractmethod
    def _take_live(self, result: Any) -> str:
        """Show a result. Returns the message about it, as HTML."""

    @abstractmethod
    def _stays(self) -> str:
        """The sentence that says what is shown where there is no result."""

    def _keep(self, made: T) -> None:
        self._asking = False
        super()._keep(made)

    def _show(self, position: int) -> None:
        super()._show(position)
        self._ask(False)

    def _ask(self, asking: bool, focus: str = "", running: bool = False) -> None:
        """Show the question, or the button that leads to it; ``focus`` is the button that gets the keyboard."""
        self._asking = asking
        shown = [
            {**self.go, "enabled": not (asking or running)},
            *([{**self.yes, "enabled": True}, {**NO, "enabled": True}] * asking),
        ]
        self.explorer.actions = [{**action, "focus": action["name"] == focus} for action in shown]

    def _act(self, name: str) -> None:
        if name == "go" and not self._asking and not (self._job and self._job.running):
            self._plan()
        elif name == "no" and self._asking:
            self._ask(False, "go")
            self._say(f"Not run; nothing was changed. {self._stays()}")
        elif name == "yes" and self._asking:
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
        self._show(self.explorer.position)
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
