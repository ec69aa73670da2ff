"""Two recordings of one program beside each other, as text and as HTML."""

from collections.abc import Sequence

from ..core.text import markup, showable
from ..record.beside import COUNTERS, Pair, Row
from ..record.recording import Recording
from .tables import Table, element

LEFT = "text-align:left"


class Beside(Pair):
    """The model's recording and a kernel's, as a table."""

    def __repr__(self) -> str:
        left, right = self.short
        header = ("step", left, *COUNTERS, f"| {right}", *COUNTERS, "")
        rows = []
        for row, mark in zip(self.rows, self.marks(), strict=True):
            rows.append((row.step, *row.ours, f"| {row.theirs[0]}", *row.theirs[1:], mark))
        head = showable(f"{left}: {self.names[0]}; {right}: {self.names[1]}")
        return f"{head}\n{Table(header, rows)!r}"

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
        rows = zip(range(len(self.rows)), self.rows, self.marks(), at, strict=False)
        body = element("tbody", *(_html_row(*row) for row in rows))
        caption = element("caption", element("b", markup(self.sentence)), style=LEFT)
        return element("table", caption, head, body, class_="hl-beside")


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
