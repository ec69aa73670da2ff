"""What a benchmark gives: a number, its unit, and the bound it must keep."""

from __future__ import annotations

from typing import NamedTuple


class Result(NamedTuple):
    """``value`` must be at most (or, with ``at_least``, at least) ``bound``; without a bound it is only shown."""

    what: str
    value: float
    unit: str
    bound: float | None = None
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Is the bound kept?"""
        if self.bound is None:
            return True
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        if self.bound is None:
            rule = ""
        else:
            rule = f"{'at least' if self.at_least else 'at most'} {self.bound:g}   {'kept' if self.kept else 'MISSED'}"
        return f"  {self.what:<62} {self.value:>10.3f} {self.unit:<12} {rule}".rstrip()
