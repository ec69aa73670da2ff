"""How an operation is refused before any kernel sees it."""

from __future__ import annotations


class ScenarioError(ValueError):
    """A scenario that cannot be run as written: one line that says where and why."""


class Unsupported(Exception):
    """This source does not know the operation, flag or field, or this page size."""
