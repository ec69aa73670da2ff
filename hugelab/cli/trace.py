"""``hugelab trace``: what a log says, line by line, and whether it can be true."""

import argparse
import json
from pathlib import Path

from ..core.units import count
from ..trace.detective import examine
from ..trace.read.source import LogError, Source
from ..trace.record import record
from ..trace.report import PLAIN, Report
from ..trace.verdict import Says
from .common import BAD_INPUT, DIFFERENT, DONE, AddCommand, Progress, complain, say, write_page


def add(command: AddCommand) -> None:
    """The arguments of ``hugelab trace``."""
    sub = command(
        "trace",
        run,
        "read logs (dmesg, ftrace, trace-cmd, perf, bpftrace, meminfo) and say what in them cannot be true",
        "  hugelab trace dmesg.txt\n  hugelab trace trace.txt.gz other.txt --json\n  dmesg | hugelab trace -\n"
        "  hugelab trace trace.txt --html trace.html",
    )
    sub.add_argument("files", metavar="FILE", nargs="+", help="logs, also compressed; - reads standard input")
    sub.add_argument("--json", action="store_true", help="one JSON object a file, each on a line")
    sub.add_argument("--html", metavar="FILE", type=Path, help="write one page: timeline and verdicts, for a browser")
    sub.add_argument("--all", action="store_true", help="list every verdict, also where log and model agree")


def run(args: argparse.Namespace) -> int:
    """Read each log and tell; returns the exit code: 1 if something contradicts, 2 if a log cannot be read."""
    if args.html and len(args.files) > 1:
        return complain(f"a page shows one log, not {len(args.files)}")
    if args.html and args.json:
        return complain("--html goes without --json")
    worst = DONE
    for number, name in enumerate(args.files):
        try:
            report = _examine(name)
        except LogError as error:
            worst = BAD_INPUT
            if args.json:
                say(json.dumps(_unreadable(name, error)))
            else:
                complain(error)
            continue
        if args.json:
            say(json.dumps(report.to_json()))
        elif args.html:
            write_page(args.html, page_of(report))
            say(f"{args.html}: {count(len(report.verdicts), 'verdict')}; open it in a browser")
        else:
            say(*[""] * bool(number), *report.text(args.all).split("\n"))
        worst = max(worst, DIFFERENT if report.contradictions else DONE)
    return worst


def _examine(name: str) -> Report:
    """Read one file to its end, with progress on the terminal. Raises LogError."""
    progress = Progress()

    def show(done: int, size: int | None, lines: int) -> None:
        of = f" of {size >> 20:,}" if size else ""
        progress.say(f"{name}: {done >> 20:,}{of} MiB, {count(lines, 'line')}")

    try:
        return examine(name, show)
    finally:
        progress.clear()


def _unreadable(name: str, error: LogError) -> dict[str, object]:
    """The same keys as a report has."""
    empty = Report(name, "", "", 0, 0, 0, 0, 0, [], dict.fromkeys((says.value for says in Says), 0), error=str(error))
    return empty.to_json()


def page_of(report: Report) -> str:
    """The report as one HTML page: the program's timeline in the model, if there is one, and the verdicts."""
    from ..views.findings import findings  # drawing costs a start that the other commands need not wait for
    from ..views.page import TooLong, page, plain_page

    title = f"hugelab trace {Path(report.name).name}"
    found = [verdict.to_json() for verdict in report.verdicts if verdict.rule not in PLAIN or not verdict.agrees]
    below = findings(f"{report.summary}: {report.sum}", found, report.unread_lines)
    shown = report.recording
    if shown is None and Path(report.name).is_file():  # no program is known: what the lines themselves say
        shown = record(Source().lines(report.name))
    if shown is not None:
        try:
            return page((shown,), title, below=below)
        except TooLong as error:
            below = f"<p>No timeline: {error}.</p>{below}"
    return plain_page(title, below)
