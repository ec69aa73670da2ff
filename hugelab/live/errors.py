"""The error for a machine that cannot run a scenario."""

from __future__ import annotations


class LiveUnavailable(Exception):
    """This machine lacks something; the message is one line, with the command that would add it."""
