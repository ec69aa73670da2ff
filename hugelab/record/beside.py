"""Two recordings of one program beside each other, step by step: what each got, and where they differ."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

from ..core.units import count
from .recording import Difference, Recording, Step, compare_step

COUNTERS = ("total", "free", "rsvd", "surp")
NONE = "-"  # a side that ended before this step


class Row(NamedTuple):
    """A step and what each side got: outcome and counters of the default page size as texts."""

    step: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    difference: Difference | None


@dataclass(frozen=True, repr=False)
class Pair:
    """The model's recording and a kernel's. ``names`` are the headings of the two sides, ``short`` one word each."""

    model: Recording
    kernel: Recording
    names: tuple[str, str]
    short: tuple[str, str] = ("model", "kernel")

    @property
    def rows(self) -> list[Row]:
        """A row a step; a side that has no such step has none of its cells."""
        pairs = zip_longest(self.model.steps, self.kernel.steps)
        return [_row(index, ours, theirs) for index, (ours, theirs) in enumerate(pairs)]

    @property
    def difference(self) -> Difference | None:
        """The first one, in outcome, value or counters; None if every step is equal."""
        return next((row.difference for row in self.rows if row.difference), None)

    @property
    def verdict(self) -> str:
        """One line: equal in every step, or the first difference."""
        if (found := self.difference) is None:
            return f"equal in all {count(len(self.rows), 'step')}"
        return f"the first difference is at step {found.step + 1}: {self._says(found)}"

    @property
    def sentence(self) -> str:
        """The verdict with a capital and a full stop."""
        return f"{self.verdict[0].upper()}{self.verdict[1:]}."

    def _says(self, found: Difference) -> str:
        ours, theirs = ("nothing" if value is None else str(value) for value in (found.ours, found.theirs))
        return f"{found.what} is {ours} in the {self.short[0]}, {theirs} in the {self.short[1]}"

    def marks(self) -> list[str]:
        """For each row: equal, or what differs; the first difference is called so."""
        first, marks = self.difference, []
        for row in self.rows:
            if row.difference is None:
                marks.append("equal")
            else:
                begin = "first difference" if row.difference == first else "differs"
                shown = row.difference.what in ("outcome", *COUNTERS)  # the cells show the rest
                marks.append(f"{begin}: {row.difference.what if shown else self._says(row.difference)}")
        return marks


def _row(index: int, ours: Step | None, theirs: Step | None) -> Row:
    step = ours or theirs
    assert step is not None
    if ours is None or theirs is None:
        found: Difference | None = Difference(index, "step", ours and ours.outcome, theirs and theirs.outcome)
    else:
        found = compare_step(index, ours.to_json(), theirs.to_json())
    return Row(str(step.op), _cells(ours), _cells(theirs), found)


def _cells(step: Step | None) -> tuple[str, ...]:
    if step is None:
        return (NONE,) * (1 + len(COUNTERS))
    return (step.outcome, *map(str, next(iter(step.counters.values()))))
