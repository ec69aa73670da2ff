"""A lab without a timeline: controls -> sheet."""

from collections.abc import Callable
from typing import Any

from ..core.text import showable
from ..draw.sheet import Sheet
from .controls import Control
from .job import Progress, Work
from .panel import Panel


class SheetLab(Panel[Sheet]):
    """``make(**values)`` makes a Sheet of the controls' values; the lab's ``sheet`` can be used in any Python."""

    def __init__(self, title: str, controls: dict[str, Control], make: Callable[..., Sheet]):
        self._make = make
        super().__init__(title, controls)

    def _work(self, values: dict[str, Any]) -> Work[Sheet]:
        yield Progress("computing", None)
        return self._make(**values)

    def _take(self, made: Sheet) -> None:
        self.sheet = made

    def _fill(self, run: int, position: int) -> None:
        self.explorer.head = {**self.sheet.head(), "run": run, "values": self.shown, "first": self._first}
        self.explorer.window = {"run": run}

    def __repr__(self) -> str:
        return showable(f"{self.title}. {self.sheet.words}")

    def _png(self) -> bytes:
        return self.sheet.poster(self.title).png()
