"""Time for the parts of a measurement: each gets its share of the remaining time, and reports its progress."""

from __future__ import annotations

import time
from collections.abc import Callable

ROUNDS = 15  # rounds of each part, if there is time
FEWEST = 5  # rounds of each part, if there is none

Progress = Callable[[str, float], None]


class Budget:
    """``seconds`` for parts of these weights (about the seconds that each takes alone)."""

    def __init__(self, seconds: float, parts: dict[str, float], progress: Progress | None = None):
        self._begin = time.monotonic()
        self._end = self._begin + seconds
        self._parts, self._progress = dict(parts), progress or (lambda text, part: None)
        self._whole = sum(parts.values())
        self.cut = False

    @property
    def used(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begin

    def part(self, name: str, wanted: int = ROUNDS) -> Callable[[int], bool]:
        """Begin a part; returns a function of the number of counted rounds (-1 before the first): one round more?"""
        weight, left = self._parts.pop(name), sum(self._parts.values())
        now = time.monotonic()
        end = now + max(self._end - now, 0) * weight / (weight + left)

        def more(rounds: int) -> bool:
            done = self._whole - left - weight * (1 - max(rounds, 0) / wanted)
            self._progress(name, max(done, 0) / self._whole)
            if FEWEST <= rounds < wanted and time.monotonic() > end:
                self.cut = True
                return False
            return rounds < wanted

        return more

    def done(self) -> None:
        """Report that all parts are done."""
        self._progress("done", 1.0)
