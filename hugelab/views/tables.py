"""Tables, computed from a Recording: text in a terminal, HTML in a notebook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.state import Counters
from ..core.text import markup, showable
from ..core.units import MIB, address
from ..linux.chains import chain_of
from ..linux.names import function_name
from ..linux.operations import OPERATIONS
from ..record import flow
from ..record.recording import Recording
from .diagrams.svg import box


def element(name: str, *content: str, **attributes: object) -> str:
    """An element of HTML around markup. An attribute that is "" is left out; class_ is class, data_go is data-go."""
    told = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value != ""}
    given = "".join(f' {name}="{value}"' for name, value in told.items())
    return f"<{name}{given}>{''.join(content)}</{name}>"


@dataclass(frozen=True)
class Table:
    """Rows under a header. Shows itself as aligned text, and as HTML where that is understood."""

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def __repr__(self) -> str:
        lines = [[showable(cell) for cell in row] for row in (self.header, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def html(self, caption: str, style: str = "", says: Sequence[str] = ()) -> str:
        """For a page with our style sheet, where ``style`` is a class: the first cell names its row.

        ``says`` is for each row what its data-says is.
        """
        head = "".join(element("th", markup(name), scope="col") for name in self.header)
        body = "".join(
            element("tr", element("th", markup(row[0]), scope="row"), *_cells(row[1:]), data_says=said)
            for row, said in zip(self.rows, says or [""] * len(self.rows), strict=True)
        )
        parts = element("caption", markup(caption)), element("thead", element("tr", head)), element("tbody", body)
        return element("table", *parts, class_=style)

    def _repr_html_(self) -> str:
        left = "text-align:left;padding:1px 12px 1px 0"
        head = element("thead", element("tr", *_cells(self.header, "th", left)))
        return element("table", head, element("tbody", *(element("tr", *_cells(row, "td", left)) for row in self.rows)))


def _cells(row: Sequence[Any], name: str = "td", style: str = "") -> list[str]:
    return [element(name, markup(cell), style=style) for cell in row]


def steps(recording: Recording) -> Table:
    """The steps of the program and their outcomes: one row a step, counters in pages."""
    header = ("step", "outcome", "total", "free", "rsvd", "surp", "available")
    rows = []
    for step in recording.steps:
        now = next(iter(step.counters.values()))
        rows.append((str(step.op), step.outcome, *now.signed, now.available))
    return Table(header, rows)


def allocations(recording: Recording) -> Table:
    """The lesson's allocation sequence: one row a page that was taken, with the pool after it."""
    header = ("page", "virtual address", "struct page", "pfn", "pool after")
    rows: list[tuple[Any, ...]] = []
    for event in recording:
        if (event.name, event.moment) == ("alloc_huge_page", "success") and event.pfn is not None:
            page = f"{recording.machine.struct_page_of(event.pfn):08x}"
            now = event.counters
            where = address(event.addr or 0)
            rows.append((len(rows) + 1, where, page, event.pfn, f"free={now.free}, resv={now.rsvd}"))
    return Table(header, rows)


def memory_usage(recording: Recording) -> Table:
    """The lesson's memory usage, after each step: pages and MB free, and what is really available."""
    header = ("after", "free pages", "reserved", "available", "free MB", "available MB")
    mib = recording.machine.sizes[0] // MIB
    rows = []
    for step in recording.steps:
        now = next(iter(step.counters.values()))
        rows.append((step.op.op, now.free, now.signed.rsvd, now.available, now.free * mib, now.available * mib))
    return Table(header, rows)


def comes_back(recordings: Mapping[str, Recording]) -> Table:
    """When the pages come back: for each recording, the first operation after which the whole pool is available."""
    rows = []
    for name, recording in recordings.items():
        taken, back = False, "not at all"
        for step in recording.steps:
            now = next(iter(step.counters.values()))
            taken = taken or now.available < now.total
            if taken and now.available == now.total:
                back = step.op.op
                break
        now = recording.counters(len(recording) - 1)
        rows.append((name, back, str(now)))
    return Table(("program", "the pages come back at", "total/free/rsvd/surp at the end"), rows)


# -- what a lab shows beside its pictures -----------------------------------------------------------
BAR = 120  # pixels
FINE = ("ok", "unsupported")  # outcomes that are not marked as refused


def usage(recording: Recording, positions: Sequence[int], before: int, refused: int = -2) -> str:
    """The steps as HTML, each with the memory usage after it as a bar. A button in each row goes to its position.

    ``before``: the position of the last event before the first step; ``refused``: the step that is marked as refused.
    """
    mib = recording.machine.sizes[0] // MIB
    at = max(recording.booted, 0)
    rows = [_usage_row("before", "", recording.counters(at), mib, before, -1)] if len(recording) else []
    for step, position in zip(recording.steps, positions, strict=True):
        now = next(iter(step.counters.values()))
        row = (f"{step.index + 1} {step.op}", step.outcome, now, mib, position, step.index, step.note)
        rows.append(_usage_row(*row, refused=step.index == refused or step.outcome not in FINE))
    names = ("step", "outcome", "total", "free", "rsvd", "surp", "available", "memory: available, reserved, in use")
    head = element("thead", element("tr", *(element("th", name, scope="col") for name in names)))
    return element("table", head, element("tbody", *rows), class_="hl-steps")


def _usage_row(
    name: str, outcome: str, now: Counters, mib: int, position: int, step: int, note: str = "", refused: bool = False
) -> str:
    button = element("button", markup(name), type="button", data_go=position)
    words = now.oddity or f"{now.available * mib:,} MB available"
    bar = element("td", _bar(now), element("span", words), class_="hl-usage")
    said = f"✗ {outcome}" if refused else outcome
    cells = element("td", markup(said), title=markup(note)), *_cells((*now.signed, now.available)), bar
    return element(
        "tr",
        element("th", button, scope="row"),
        *cells,
        data_step=step,
        data_go=position,
        class_="hl-refused" * refused,
    )


def _bar(now: Counters) -> str:
    """The pool as one bar: available, reserved, in use. The numbers stand beside it."""
    if not now.total or now.oddity:
        return ""
    parts, x = [], 0.0
    for pages, style in ((now.available, "hl-a-free"), (now.rsvd, "hl-a-rsvd"), (now.in_use, "hl-a-used")):
        width = BAR * pages / now.total
        if pages:
            parts.append(box(round(x, 1), 1, round(width, 1), 10, style))
        x += width
    return f'<svg viewBox="0 0 {BAR} 12" width="{BAR}" height="12" aria-hidden="true">{"".join(parts)}</svg>'


def calls(phase: str) -> Table:
    """A phase's chain of functions, in 3.10 and in 6.18."""
    header = ("layer", "Linux 3.10", "Linux 6.18", "what it does")
    rows = []
    row = next((row for row in OPERATIONS.values() if row.chain == phase), None)
    for call in chain_of(phase, row):
        indent = "\u00a0\u00a0" * call.depth  # HTML would drop plain spaces
        rows.append((call.layer, f"{indent}{call.name}", function_name(call.name, "6.18"), call.what))
    return Table(header, rows)


def log(recording: Recording, first: int = 0, last: int | None = None) -> str:
    """The kernel log between two steps (from 0, both included), as text without times."""
    chosen = recording.steps[first : None if last is None else last + 1]
    if not chosen:
        return ""
    lines = flow.log_line_events(recording, chosen[0].first, chosen[-1].last)
    return "\n".join(showable(line) for _, line in lines)
