"""Lab of notebook 11: what the detective says of a log: of a recorded one, or of a file of your own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ipywidgets

from ..core.text import markup
from ..core.units import count
from ..course import logs
from ..trace.detective import examine
from ..trace.in_slices import read
from ..trace.read.source import LogError
from ..trace.report import PLAIN, Report
from ..trace.verdict import Says, Verdict
from ..views.diagrams.svg import Picture, box, text
from ..views.sheet import Sheet
from ..views.tables import Table
from .slips import verdict_table
from .widget.controls import choice
from .widget.incoming import Incoming
from .widget.job import Job, Progress
from .widget.sheet_lab import SheetLab

OWN = "your own file"
MOST = 200  # rows: a page with thousands is slow
MB = 1_000_000
LARGEST = 500 * MB  # of a file that the browser sends; the terminal has no limit
WIDTH, NAMES, TOP, ROW, BAR = 620, 130, 24, 24, 350  # pixels
STYLES = {
    "contradicts": "hl-marker",
    "slip": "hl-l-2",
    "undecidable": "hl-l-1",
    "agrees": "hl-l-0",
    "not read": "hl-line",
}


# -- a report as a sheet -----------------------------------------------------------------------------
def sheet_of(found: Report, python: str = "") -> Sheet:
    """Summary, verdicts and the lines that were not read; ``python`` makes the report anew."""
    shown = [verdict for verdict in found.verdicts if verdict.rule not in PLAIN or not verdict.agrees]
    notes = "".join(f" Note: {note}." for note in found.notes)
    program = f" Program: {', '.join(op.op for op in found.program.steps)}." if found.program else ""
    rest = len(shown) - MOST
    captions = f"Verdicts (the first {MOST:,} of {len(shown):,}; hugelab trace has all)" if rest > 0 else "Verdicts"
    tables = [(captions, verdict_table(shown[:MOST]))]
    if found.unread:
        rows = [(f"line {at}: {line[:100]}",) for at, line in found.unread_lines]
        first = f", the first {len(rows)} of {found.unread:,}" * (found.unread > len(rows))
        tables.append((f"Lines that were not understood{first}", Table(("line",), rows)))
    return Sheet(
        "log",
        f"{found.summary}. {found.sum[0].upper() + found.sum[1:]}.{program}{notes}",
        [(says, _plural(says), f"{found.counted[says]:,}") for says in STYLES if says in found.counted],
        [_picture(found, shown)],
        tables,
        python or f"from hugelab.trace.detective import examine\n\nprint(examine({found.name!r}).text())",
    )


def _plural(says: str) -> str:
    return {"slip": "slips", "contradicts": "contradictions"}.get(says, says)


def _picture(found: Report, shown: Sequence[Verdict]) -> Picture:
    """The place of each answer in the log: a stroke a line, from the first line on the left to the last."""
    at: dict[str, set[int]] = {says: set() for says in STYLES}
    for verdict in shown:
        at[verdict.says.value].add(verdict.line)
    at["not read"] = {line for line, _ in found.unread_lines}
    parts = [text(0, 12, f"Lines of the log, 1 to {found.lines:,}", "hl-h")]
    for number, (says, named) in enumerate(at.items()):
        y = TOP + ROW * number
        parts += [text(0, y + 13, says, "hl-t"), box(NAMES, y, BAR, 16, "hl-empty")]
        places = {round(BAR * (line - 1) / max(found.lines - 1, 1)) for line in named if line}
        path = "".join(f"M{NAMES + place} {y}v16" for place in sorted(places))
        if path:
            parts.append(f'<path d="{path}" class="{STYLES[says]}"/>')
        lines = len(named - {0})
        cut = says == "not read" and found.unread > lines  # the report keeps the first ones
        words = f"the first {lines} of {found.unread:,}" if cut else count(lines, "line")
        parts.append(text(NAMES + BAR + 8, y + 13, words, "hl-s"))
    told = "; ".join(f"{says}: {_named(named)}" for says, named in at.items())
    return Picture("".join(parts), WIDTH, TOP + ROW * len(at) + 4, f"Lines of the log: {told}")


def _named(named: set[int], most: int = 8) -> str:
    if not named:
        return "none"
    words = [str(line) if line else "the whole log" for line in sorted(named)]
    return ", ".join(words[:most]) + f" and {len(words) - most} more" * (len(words) > most)


def nothing(why: str) -> Sheet:
    """The sheet of a log that is not there."""
    empty = Report(OWN, "", "", 0, 0, 0, 0, 0, [], {says.value: 0 for says in Says})
    code = 'from hugelab.trace.detective import examine\n\nprint(examine("trace.txt").text())'
    return replace(sheet_of(empty), words=why, python=code)


# -- the lab -----------------------------------------------------------------------------------------
class LogFile(SheetLab):
    """One of the cases, or what was chosen with the button; ``report`` is what is shown (None: no file yet)."""

    run_me = "Run this cell (Shift+Enter) for the live lab, and to examine a log of your own."

    def __init__(self, title: str, controls: dict[str, Any], own: Report | None = None):
        self.own = own
        self._incoming = Incoming()
        super().__init__(title, controls, self._sheet)
        words = "A log, also compressed; it goes to the kernel of this notebook, and nowhere else"
        upload = ipywidgets.FileUpload(description="Examine a log of your own ...", tooltip=words)
        upload.observe(self._uploaded, "value")
        self.buttons = {"file": upload}

    @property
    def report(self) -> Report | None:
        """The detective's report on the log that is shown."""
        return self.own if self.shown["case"] == OWN else logs.report(self.shown["case"])

    def _sheet(self, case: str) -> Sheet:
        if case == OWN:
            return sheet_of(self.own) if self.own else nothing("No file was chosen yet.")
        return sheet_of(logs.report(case), f"from hugelab.labs.logs import report\n\nprint(report({case!r}).text())")

    def _about(self) -> str:
        if self.values["case"] != OWN:
            return "This log comes with the course. The button above takes one of yours, also compressed."
        begin = f"This is <b>{markup(self.own.name)}</b>. " if self.own else ""
        return f"{begin}A file goes to the kernel of this notebook, and nowhere else."

    def _uploaded(self, change: Any) -> None:
        """A file came in one message."""
        if self._elsewhere(self._uploaded, change) or not change["new"]:
            return
        file = change["new"][0]
        change["owner"].value = ()  # the same file can be chosen once more; and nobody keeps its bytes
        with self._told():
            self._read(str(file["name"]), bytes(file["content"]))

    def _told_of(self, message: dict[str, Any], buffers: Any) -> None:
        if "file" not in message:
            super()._told_of(message, buffers)
        elif "error" in message:
            self._refuse(f"{message['file']} cannot be read: {message['error']}")
        elif self._incoming.take(message, buffers):
            self._slice()

    def _slice(self) -> None:
        """One more part of a file is there."""
        name, done, size = self._incoming.name, len(self._incoming), self._incoming.size
        if self._job is not None and self._job.running:
            self._job.cancel()
        if size > LARGEST:
            self._refuse(f"{name} has {size / MB:,.0f} MB: in a terminal, hugelab trace reads it")
        elif not self._incoming.complete:
            self._progress(Progress(f"{name}: {done / MB:,.0f} of {size / MB:,.0f} MB", done / size))
            self.send({"want": done})
        else:
            self._read(name, self._incoming.give())

    def _read(self, name: str, data: bytes) -> None:
        """Examine what is there."""
        if self._job is not None and self._job.running:
            self._job.cancel()
        with self.hold_sync():
            self._progress(None)
            self._job = Job(read(name, data), self._found, self._progress, self._failed)
            self._job.run()

    def _refuse(self, why: str) -> None:
        self._incoming.drop()
        self._progress(None)
        self._say(f"{markup(why)}. What is shown is as it was.", "refused")

    def _cancelled(self) -> None:
        self._incoming.drop()
        self._progress(None)
        super()._cancelled()

    def _found(self, report: Report) -> None:
        self.own = report
        self._set({"case": OWN})
        self._made(self._sheet(**self.values))

    def _failed(self, error: Exception) -> None:
        if isinstance(error, LogError):
            self._refuse(str(error))
            return
        super()._failed(error)


def log_file(log: str = "", file: str = "") -> LogFile:
    """A case (see logs.CASES), or a file of yours by its name. Raises LogError for what is no log of huge pages."""
    own = examine(file) if file else None
    first = log or (OWN if file else next(iter(logs.CASES)))
    return LogFile("Log detective", {"case": choice("log", (*logs.CASES, OWN), first)}, own)
