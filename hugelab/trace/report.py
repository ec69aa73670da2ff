"""The report on one log: as data, as JSON, as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..core.text import showable
from ..core.units import count
from ..linux.scenario import Scenario
from ..record.recording import Recording
from .judge.pages import Fit, describe
from .verdict import Says, Verdict

PLAIN = ("snap",)  # rules that agree in every step of a good log: counted, not listed


@dataclass
class Report:
    """The report on one log."""

    name: str
    format: str
    kernel: str
    lines: int
    unread: int
    events: int
    snaps: int
    snaps_checked: int
    verdicts: list[Verdict]
    counted: dict[str, int]  # verdicts of each kind, also those that were not kept
    struct_page: Fit | None = None
    program: Scenario | None = None
    recording: Recording | None = None
    unread_lines: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # about the file itself
    error: str = ""  # why it could not be read at all

    @property
    def contradictions(self) -> list[Verdict]:
        """The verdicts that say so."""
        return [verdict for verdict in self.verdicts if verdict.says is Says.CONTRADICTS]

    @property
    def summary(self) -> str:
        """The log's format, kernel and size, in one line."""
        known = [self.format or "no known format", f"Linux {self.kernel}" if self.kernel else "kernel not shown"]
        known += [count(self.lines, "line"), count(self.events, "event")]
        known += [f"{self.unread:,} not understood"] * bool(self.unread)
        known += [f"{self.snaps_checked} of {count(self.snaps, 'SNAP')} compared"] * bool(self.snaps)
        return f"{self.name}: {'; '.join(known)}"

    @property
    def sum(self) -> str:
        """The result, in one line."""
        parts = [f"{number:,} {says}" for says, number in self.counted.items() if number]
        first = self.contradictions[0] if self.contradictions else None
        if first is None:
            return f"nothing contradicts ({', '.join(parts) or 'nothing to compare'})"
        return f"first contradiction: line {first.line} ({', '.join(parts)})"

    def text(self, every: bool = False) -> str:
        """A head, a line a verdict, a sum. ``every``: also where a line only agrees with the model's counters."""
        lines = [self.summary, *(f"note: {note}" for note in self.notes)]
        if self.struct_page:
            fit = self.struct_page
            how = f"{fit.pairs} pairs of page and pfn" if fit.pairs else "as this kernel has it"
            lines.append(f"struct page: stride {fit.stride}, base {fit.base:#x} ({how})")
        if self.program:
            lines.append("program: " + ", ".join(op.op for op in self.program.steps))
        shown = [verdict for verdict in self.verdicts if every or verdict.rule not in PLAIN or not verdict.agrees]
        lines += [f"{_place(verdict)}  {verdict.says.value:<11}  {verdict.text}  [{verdict.rule}]" for verdict in shown]
        lines += [f"{f'line {line}':>10}  not read     {text[:100]}" for line, text in self.unread_lines]
        if self.unread > len(self.unread_lines):
            lines.append(f"{'':>10}  not read     {self.unread - len(self.unread_lines):,} more lines")
        dropped = sum(self.counted.values()) - len(self.verdicts)
        if dropped > 0:
            lines.append(f"{'':>10}  and {dropped:,} more verdicts like these")
        return "\n".join(map(showable, [*lines, self.sum]))

    def to_json(self) -> dict[str, Any]:
        """One object: format, kernel, lines, unread, events, snaps_checked, verdicts and what else is known."""
        return {
            "file": self.name,
            "format": self.format,
            "kernel": self.kernel,
            "lines": self.lines,
            "unread": self.unread,
            "unread_lines": [{"line": line, "text": text[:200]} for line, text in self.unread_lines],
            "events": self.events,
            "snaps": self.snaps,
            "snaps_checked": self.snaps_checked,
            "struct_page": describe(self.struct_page),
            "program": [op.to_json() for op in self.program.steps] if self.program else None,
            "counted": self.counted,
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
            "notes": self.notes,
            "error": self.error or None,
        }


def _place(verdict: Verdict) -> str:
    return f"{f'line {verdict.line}' if verdict.line else 'all':>10}"
