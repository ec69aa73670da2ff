"""The failure of a system call in the model."""

from __future__ import annotations

import errno


class SystemCallError(Exception):
    """A system call failed; ``name`` is the name of its errno, such as ENOMEM."""

    def __init__(self, name: str):
        super().__init__(name)
        self.name = name

    @property
    def number(self) -> int:
        """The errno, positive."""
        return int(getattr(errno, self.name))
