"""A lab without a timeline: controls -> sheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...core.text import showable
from ...views.sheet import Sheet
from .job import Progress, Work
from .lab import Lab


class SheetLab(Lab[Sheet]):
    """``make(**values)`` makes a Sheet of the controls' values; the lab's ``sheet`` can be used in any Python."""

    def __init__(self, title: str, controls: Mapping[str, Any], make: Callable[..., Sheet]):
        self._make = make
        super().__init__(title, controls)

    def _work(self, values: dict[str, Any]) -> Work[Sheet]:
        yield Progress("computing", None)
        return self._make(**values)

    def _take(self, made: Sheet) -> None:
        self.sheet = made

    def _figure(self) -> dict[str, Any] | None:
        return self.sheet.figure

    def _fill(self, run: int, position: int) -> None:
        self.head = {**self.sheet.head(), "run": run, "values": self.shown}
        self.window = {"run": run}

    def __repr__(self) -> str:
        return showable(f"{self.title}. {self.sheet.words}")
