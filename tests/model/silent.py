"""A state without a log, for walks through many states."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hugelab.core.state import Change, Row, State


class SilentState(State):
    """A state without a log: only what is needed to take back what was done. For walks through many states.

    ``len(rows)`` is a place to :meth:`rollback` to, as in a State.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows = _Silence(self.pending)

    def row(self, proc: str, n: int = 1, size: int = 0) -> Row:
        return self.rows[-1]

    def point(self, name: str, moment: str = "", **detail: Any) -> None:
        """Nothing is written down."""

    @contextmanager
    def units_of(self, first: int, end: int) -> Iterator[None]:
        """All changes belong to one unit."""
        yield

    def finish(self) -> None:
        """Nothing to finish."""

    def rollback(self, rows: int) -> None:
        pending = self.pending
        while len(pending) > rows:
            pending.pop().move(1, 1, 0)


class _Silence(list[Row]):
    """Stands for the rows: as many as there are changes, and whatever is written into the last one is forgotten."""

    def __init__(self, pending: list[Change]):
        super().__init__()
        self._pending, self._row = pending, Row((), "", 1, 0)

    def __len__(self) -> int:
        return len(self._pending)

    def __getitem__(self, index: Any) -> Any:
        return self._row
