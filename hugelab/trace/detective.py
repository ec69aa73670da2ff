"""Reads a log to its end and says what is wrong with it, line by line; see verdict.RULES for what it goes by."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import BinaryIO

from ..core.units import count
from ..linux.errors import ScenarioError
from ..linux.machines import SIZE_2M
from ..linux.scenario import Scenario
from ..record.recording import Recording
from .judge import lesson
from .judge.books import MAKES, Books
from .judge.calls import Calls
from .judge.claims import Claims
from .judge.clock import Clock
from .judge.pages import VMEMMAP, Fit, Pages, undecided
from .judge.versions import Versions
from .judge.walk import Walk
from .judge.who import Who
from .read.entry import Entry, Kind
from .read.reader import Reader
from .read.source import LogError, Source
from .report import Report
from .verdict import Says, Verdicts

NOT_PRINTED = ("syscall", "tracepoint", "majfault", "minfault")
_PASSAGES = (Kind.CALL, Kind.RETURN)
_GRAPH = frozenset(("leaf", "took", "mark", "caller"))  # fields that no rule but the clock's looks at
MOST_HELD = 50_000  # lines that wait for the kernel's version
MOST_PRINTED = 20_000  # lines of the lesson's kind among which a program is looked for


class Detective:
    """Feed it lines; ask for the report."""

    def __init__(self) -> None:
        self.reader = Reader()
        self.verdicts = Verdicts()
        self._program: Scenario | None = None  # the first that was found, as are these
        self._recording: Recording | None = None
        self._where: Fit | None = None
        self._kernels: list[str] = []
        self._snaps = self._matched = 0
        self._checked: set[int] = set()  # lines of SNAPs
        self._begin()

    def _begin(self) -> None:
        """One log of the file: nothing that was seen in another says anything about it."""
        self._events = False  # something has happened in it
        self.versions = Versions()
        self.pages = Pages(self.verdicts)
        self.calls = Calls(self.verdicts, self.pages)
        self.books = Books(Verdicts())  # of its own: see report
        self.clock = Clock(self.verdicts)
        self.who = Who(self.verdicts)
        self.claims = Claims(self.verdicts, self.pages)
        self.walk = Walk(self.verdicts, self.versions.machine)
        self._held: list[Entry] | None = []

    def feed(self, text: str, line: int) -> None:
        """One line, without its end."""
        entry = self.reader.read(text, line)
        if entry is None:
            if self.claims.read(text, line):
                self.reader.understood(line)
            return
        kind = entry.kind
        if kind in (Kind.NOTE, Kind.OTHER):
            self._note(entry, text)
            return
        self._events = True
        if not entry.moment and kind in _PASSAGES and entry.fields.keys() <= _GRAPH:
            self._passage(entry, text)
            return
        self.versions.feed(entry, text)
        self.clock.feed(entry)
        if kind is Kind.LOST:
            self._lost(entry)
        if self._held is None:
            self._walk(entry)
        else:
            self._held.append(entry)
            if self.versions.header or len(self._held) > MOST_HELD:
                self._let_go()
        self.books.feed(entry)
        self.calls.feed(entry)
        self.pages.feed(entry)
        self.who.feed(entry)
        self.claims.feed(entry)

    def _note(self, entry: Entry, text: str) -> None:
        """A line about the recording, or of another part of the kernel."""
        fields = entry.fields
        if "kernel" in fields and self._events:  # a head after events is that of another log
            self._end()
            self._begin()
        if text.startswith("#"):  # another part of the file begins, with a clock of its own
            self.clock.restart()
        elif entry.kind is Kind.OTHER and " => " in text:
            self.clock.switched()
        if "pool" in fields and fields["size"] != SIZE_2M and fields["pool"].get("total"):
            self.books.one_pool = False
        if fields:
            self.versions.feed(entry, text)
            self.calls.release = self.versions.told

    def _lost(self, entry: Entry) -> None:
        """The recorder lost events: whatever was remembered may have changed since."""
        text = "the recorder lost events here: nothing after it is compared with what was before"
        self.verdicts.add(entry.line, Says.UNDECIDABLE, "complete", text)
        self.calls.lost()
        self.pages.lost()
        self.clock.lost()
        self.who.nameless = True

    def _passage(self, entry: Entry, text: str) -> None:
        """A call of which only the name is known: most lines of most logs, so they must cost little."""
        self.clock.feed(entry)
        if entry.name not in self.versions.names:
            self.versions.feed(entry, text)
        if entry.name in MAKES:
            self.books.feed(entry)
        if entry.pid is not None and not self.who.knows(entry.pid):
            self.who.feed(entry)

    def _let_go(self) -> None:
        """Only names and flags may tell the kernel's version, so a log without a head waits for as many as it can."""
        held, self._held = self._held, None
        for entry in held or ():
            self._walk(entry)

    def _walk(self, entry: Entry) -> None:
        if entry.kind is Kind.MARK and entry.name == "PROG" and self.walk.begun:
            self._end_program()  # the program was run once more
            self.walk = Walk(self.verdicts, self.versions.machine)
        self.walk.feed(entry)

    def _end_program(self) -> None:
        walk = self.walk
        walk.finish()
        program, recording = walk.program, walk.recording()  # counts what matched
        self._snaps, self._matched = self._snaps + walk.snaps, self._matched + walk.matched
        self._checked |= walk.checked
        if self._program is None:
            self._program, self._recording = program, recording

    def _end(self) -> None:
        """One log of the file is over: what only all its lines together tell."""
        self._let_go()
        self._end_program()
        explained = None
        if self.walk.before or self._program is None:  # lines that no mark explains
            explained, played = self._behind(self.walk.before)
            if self._program is None:
                self._program, self._recording = explained, played
        self.books.finish()
        self._checked |= self.books.snaps
        if explained is None or not self.books.only_printed:
            # else the program behind the lines has judged each word of them, and knows of faults that were cut
            self.verdicts.take(self.books.verdicts)
        self.calls.finish()
        self.clock.finish()
        self.pages.one_node = self.versions.words == 32
        self.who.finish()
        self.claims.finish()
        where = self.pages.finish(self._known())
        undecided(self.verdicts, self.pages, where)
        self._where = self._where or where
        self._kernels += [self.versions.kernel] if self.versions.kernel else []
        self._what_is_missing()

    def report(self, name: str = "") -> Report:
        """Everything that was found. Call it once, at the end."""
        self._end()
        if self._matched:
            text = f"{self._matched:,} fields of lines inside steps are what the model has there"
            self.verdicts.agrees(0, "program", text)
        read, counted = self.reader, {says.value: self.verdicts.of(says) for says in Says}
        what = (name, read.format, "; ".join(dict.fromkeys(self._kernels)), read.lines, read.unread, read.events)
        found = (self._snaps, len(self._checked), self.verdicts.in_order(), counted)
        return Report(*what, *found, self._where, self._program, self._recording, read.shown)

    def _what_is_missing(self) -> None:
        """Notes on a kernel that does not name itself, and on facts that the log's format never carries."""
        if not self.versions.header and self.versions.kernel:
            for sign in self.versions.seen.values():
                self.verdicts.agrees(sign.line, "version", f"{sign.says}: {sign.why}")
        if self.reader.events and not self.books.seen and not self._checked:
            text = f"{self.reader.format} does not show the pool's counters"
            self.verdicts.add(0, Says.UNDECIDABLE, "complete", text)

    def _known(self) -> Fit | None:
        """The struct page of a kernel of this version, where the log's own pairs do not tell."""
        if not self.versions.words:
            return None
        machine = self.versions.machine()
        return Fit(machine.struct_page, VMEMMAP if "nokaslr" in self.versions.cmdline else 0, 0)

    def _behind(self, lines: list[Entry]) -> tuple[Scenario | None, Recording | None]:
        """The program behind the lesson's lines, and whether a kernel would print just these."""
        lines = [line for line in lines if line.kind is Kind.POINT and line.moment not in NOT_PRINTED]
        if not lines:
            return None, None
        if len(lines) > MOST_PRINTED:
            text = f"more than {MOST_PRINTED:,} lines: no program was looked for behind them"
            self.verdicts.add(lines[MOST_PRINTED].line, Says.UNDECIDABLE, "complete", text)
            return None, None
        try:
            program, steps, recording = lesson.judge(lines)
        except ScenarioError as error:
            self.verdicts.add(lines[0].line, Says.UNDECIDABLE, "program", f"no program was found: {error}")
            return None, None
        agreed = sum(step.lines for step in steps if step.agrees)
        if agreed:
            done = ", ".join(step.op.op for step in steps if step.lines)
            self.verdicts.agrees(lines[0].line, "program", f"{agreed} lines are what a kernel prints for {done}")
        for step in steps:
            grown = sum(line.fields.get("free", 0) > program.pool for line in lines) > 1
            if step.line is not None and (grown or not _same_shape(step.ours, step.theirs)):
                text = f"no program was found that prints this: {step.theirs or 'no line'}; for the one that was"
                text += f" looked for, a kernel prints {step.ours or 'no line here'}"
                self.verdicts.add(step.line, Says.UNDECIDABLE, "program", text)
            elif step.line is not None:
                text = f"log: {step.theirs or 'no such line'}; a kernel prints: {step.ours or 'no line here'}"
                text += f" (the pool of {program.pool} is that of line {program.pool_line})"
                pool = program.pool_line if _free(step.ours) != _free(step.theirs) else 0
                self.verdicts.contradicts(step.line, "program", text, pool if pool != step.line else 0)
        hidden = [step for step in steps if step.note and not step.lines]
        for name, note in dict.fromkeys((step.op.op, step.note) for step in hidden):
            self.verdicts.add(lines[-1].line, Says.UNDECIDABLE, "program", f"{name}: {note}")
        return program.scenario, recording


def _free(text: str | None) -> str:
    """The free pages that a printk line shows; "" if none."""
    found = re.search(r"free_\w+=(\d+)", text or "")
    return found[1] if found else ""


def _same_shape(ours: str | None, theirs: str | None) -> bool:
    """Are two printk lines the same but for their numbers? If not, another program printed them."""
    if ours is None or theirs is None:
        return False
    numbers = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8}\b|-?\d+")
    return numbers.sub("#", ours) == numbers.sub("#", theirs)


def examine(
    where: str | os.PathLike[str] | BinaryIO, progress: Callable[[int, int | None, int], None] | None = None
) -> Report:
    """Read a log (a file's name, ``"-"``, an open binary stream) to its end and say what was found.

    ``progress`` is called about every MiB with the bytes read, the bytes there are (None: unknown), the lines read.
    Raises LogError for what is no log of huge pages, with one line that says why.
    """
    source, detective = Source(), Detective()

    def show(done: int, size: int | None) -> None:
        if progress:
            progress(done, size, detective.reader.lines)

    for number, text in enumerate(source.lines(where, show), 1):
        detective.feed(text, number)
    name = "standard input" if where == "-" else os.fspath(where) if isinstance(where, (str, os.PathLike)) else "log"
    return conclude(detective, source, name)


def conclude(detective: Detective, source: Source, name: str) -> Report:
    """The report of a log that was read to its end. Raises LogError if it is no log of huge pages."""
    report = detective.report(name)
    report.notes = source.notes
    if not report.events and not report.snaps and not report.program and not detective.walk.begun:
        raise LogError(f"{name}: {count(report.lines, 'line')}, none of them of a huge page log")
    return report


def examine_lines(lines: Iterable[str], name: str = "log") -> Report:
    """The same for lines that are in memory, with or without their ends. Never raises LogError."""
    detective = Detective()
    for number, text in enumerate(lines, 1):
        detective.feed(text.rstrip("\r\n"), number)
    return detective.report(name)
