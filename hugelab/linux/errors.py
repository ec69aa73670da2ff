"""Refusals of an operation before any kernel runs it."""

from __future__ import annotations

from ..core.text import showable


class ScenarioError(ValueError):
    """A scenario cannot be run as written; the message is one line, with the scenario's own text escaped."""

    def __init__(self, text: object):
        super().__init__(showable(str(text)))


class Unsupported(Exception):
    """The source does not know this operation, flag, field or page size."""
