"""How an operation is refused before any kernel sees it."""

from __future__ import annotations

from ..core.text import showable


class ScenarioError(ValueError):
    """A scenario that cannot be run as written: one line that says where and why, with nothing raw of the scenario."""

    def __init__(self, text: object):
        super().__init__(showable(str(text)))


class Unsupported(Exception):
    """This source does not know the operation, flag or field, or this page size."""
