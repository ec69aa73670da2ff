"""Two recordings of one program beside each other, step by step: as text, as HTML, as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

from ..core.text import markup, showable
from ..core.units import count
from ..record.recording import Difference, Recording, Step, compare_step
from .svg import Picture, box, framed, line, text
from .tables import Table, element

COUNTERS = ("total", "free", "rsvd", "surp")
LEFT = "text-align:left"
NONE = "-"  # a side that ended before this step
CHARACTER = 6.7  # pixels of one in the picture's monospaced font


class Row(NamedTuple):
    """A step and what each side got: outcome and counters of the default page size as texts."""

    step: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    difference: Difference | None


@dataclass(frozen=True, repr=False)
class Beside:
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
    def _sentence(self) -> str:
        return f"{self.verdict[0].upper()}{self.verdict[1:]}."

    def _says(self, found: Difference) -> str:
        ours, theirs = ("nothing" if value is None else str(value) for value in (found.ours, found.theirs))
        return f"{found.what} is {ours} in the {self.short[0]}, {theirs} in the {self.short[1]}"

    def _marks(self) -> list[str]:
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

    # -- text ----------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        left, right = self.short
        header = ("step", left, *COUNTERS, f"| {right}", *COUNTERS, "")
        rows = []
        for row, mark in zip(self.rows, self._marks(), strict=True):
            rows.append((row.step, *row.ours, f"| {row.theirs[0]}", *row.theirs[1:], mark))
        head = showable(f"{left}: {self.names[0]}; {right}: {self.names[1]}")
        return f"{head}\n{Table(header, rows)!r}"

    # -- HTML ----------------------------------------------------------------------------------------
    def _repr_html_(self) -> str:
        return self.html()

    def html(self, positions: Sequence[int] = ()) -> str:
        """The table; with ``positions``, one a row, each step is a button that takes a timeline there."""
        wide: dict[str, object] = {"colspan": 5, "scope": "colgroup", "class_": "hl-edge", "style": LEFT}
        groups = [element("th", markup(name), **wide) for name in self.names]
        side = element("th", "outcome", scope="col", class_="hl-edge", style=LEFT)
        side += "".join(element("th", name, scope="col", style=LEFT) for name in COUNTERS)
        step = element("th", "step", rowspan=2, scope="col", style=LEFT)
        compared = element("th", "compared", rowspan=2, scope="col", class_="hl-edge", style=LEFT)
        head = element("thead", element("tr", step, *groups, compared), element("tr", side * 2))
        at: list[int | str] = [*positions, *[""] * len(self.rows)]
        rows = zip(range(len(self.rows)), self.rows, self._marks(), at, strict=False)
        body = element("tbody", *(_html_row(*row) for row in rows))
        caption = element("caption", element("b", markup(self._sentence)), style=LEFT)
        return element("table", caption, head, body, class_="hl-beside")

    # -- picture -------------------------------------------------------------------------------------
    def poster(self, title: str) -> Picture:
        """The table as a picture, for a notebook that is not run."""
        rows, marks = self.rows, self._marks()
        steps = 2 + max((len(row.step) for row in rows), default=4)
        columns, at = [0.0], steps * CHARACTER
        for _ in range(2):
            for characters in (10, 6, 5, 5, 6):
                columns.append(at)
                at += characters * CHARACTER
        columns.append(at)
        width = at + max(map(len, ("compared", *marks))) * CHARACTER
        body = [text(0, 14, title, "hl-h"), text(0, 34, self._sentence, "hl-t")]
        body += [text(columns[1], 60, self.names[0], "hl-t hl-b"), text(columns[6], 60, self.names[1], "hl-t hl-b")]
        header = ("step", *("outcome", *COUNTERS) * 2, "compared")
        body += [text(x, 78, name, "hl-s") for x, name in zip(columns, header, strict=True)]
        body.append(line(0, 84, width, 84))
        for number, (row, mark) in enumerate(zip(rows, marks, strict=True)):
            y = 102 + 20 * number
            if row.difference:
                body.append(box(-4, y - 14, width + 8, 19, "hl-lit"))
            for x, cell in zip(columns, (row.step, *row.ours, *row.theirs, mark), strict=True):
                body.append(text(x, y, cell, "hl-m"))
        bottom = 108 + 20 * (len(rows) - 1)
        body.append(line(columns[6] - 8, 46, columns[6] - 8, bottom))
        return framed(Picture("".join(body), max(width, 560), bottom + 2, f"{title}: {self.verdict}"))


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


def _marked(html: str, on: bool) -> str:
    return f"<b>{html}</b>" if on else html


def _html_row(index: int, row: Row, mark: str, position: int | str) -> str:
    """The step, both sides, the mark; bold where they differ. Aligned also where no style sheet of ours is."""
    name = markup(row.step)
    if position != "":
        name = element("button", name, type="button", data_go=position)
    cells = [element("th", name, scope="row", style=f"{LEFT};font-weight:normal")]
    for side, others in ((row.ours, row.theirs), (row.theirs, row.ours)):
        for edge, cell, other in zip(("hl-edge", "", "", "", ""), side, others, strict=True):
            style = f"{edge} {'hl-other' * (cell != other)}".strip()
            cells.append(element("td", _marked(markup(cell), cell != other), class_=style, style=LEFT))
    differs = row.difference is not None
    cells.append(element("td", _marked(markup(mark), differs), class_="hl-edge hl-mark", style=LEFT))
    return element("tr", *cells, data_step=index, data_go=position, class_="hl-different" * differs)


def beside(
    model: Recording,
    kernel: Recording,
    names: tuple[str, str] | None = None,
    short: tuple[str, str] = ("model", "kernel"),
) -> Beside:
    """Two recordings of one program beside each other."""
    return Beside(model, kernel, names or (model.machine.title, kernel.machine.title), short)
