"""Tables, computed from a Recording: text in a terminal, HTML in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from .. import flow
from ..recording import Recording
from ..units import MIB, address


@dataclass(frozen=True)
class Table:
    """Rows under a header. Shows itself as aligned text, and as HTML where that is understood."""

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def __repr__(self) -> str:
        lines = [[str(cell) for cell in row] for row in (self.header, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def _repr_html_(self) -> str:
        def row(cells: Sequence[Any], tag: str) -> str:
            return (
                "<tr>"
                + "".join(
                    f'<{tag} style="text-align:left;padding:1px 12px 1px 0">{escape(str(c))}</{tag}>' for c in cells
                )
                + "</tr>"
            )

        body = "".join(row(cells, "td") for cells in self.rows)
        return f"<table><thead>{row(self.header, 'th')}</thead><tbody>{body}</tbody></table>"


def steps(recording: Recording) -> Table:
    """What the program did and what it got: one row a step, counters in pages."""
    header = ("step", "outcome", "total", "free", "rsvd", "surp", "available")
    rows = []
    for step in recording.steps:
        now = next(iter(step.counters.values()))
        rows.append((str(step.op), step.outcome, *now, now.available))
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
        rows.append((step.op.op, now.free, now.rsvd, now.available, now.free * mib, now.available * mib))
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


def calls(phase: str) -> Table:
    """A phase's chain of functions, in 3.10 and in 6.18."""
    header = ("layer", "Linux 3.10", "Linux 6.18", "what it does")
    rows = []
    for call in flow.CHAINS[phase]:
        indent = "  " * call.depth
        rows.append((call.layer, f"{indent}{call.name}", flow.function_name(call.name, "6.18"), call.what))
    return Table(header, rows)


def log(recording: Recording, first: int = 0, last: int | None = None) -> str:
    """The kernel log between two steps (from 0, both included), as text without times."""
    chosen = recording.steps[first : None if last is None else last + 1]
    if not chosen:
        return ""
    lines = flow.log_line_events(recording, chosen[0].first, chosen[-1].last)
    return "\n".join(line for _, line in lines)
