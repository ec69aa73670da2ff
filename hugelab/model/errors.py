"""How a system call of the model ends badly."""

from __future__ import annotations

import errno


class SystemCallError(Exception):
    """A system call failed; ``name`` is what errno would be called, such as ENOMEM."""

    def __init__(self, name: str):
        super().__init__(name)
        self.name = name

    @property
    def number(self) -> int:
        """The errno, positive."""
        return int(getattr(errno, self.name))
