"""What keeps a scenario from running on this kernel."""

from __future__ import annotations


class LiveUnavailable(Exception):
    """This machine cannot do it as it is: one line that says what is missing and the command that would bring it."""
