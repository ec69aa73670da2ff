"""``hugelab trace``: what a log says, line by line, and whether it can be true."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..trace.detective import Detective, Report
from ..trace.source import LogError, Source
from ..trace.verdict import Says, Verdict
from ..units import count
from .common import BAD_INPUT, DIFFERENT, DONE, AddCommand, Progress, complain, write_page

_PLAIN = ("snap",)  # rules that agree in every line of a good log: counted, not listed


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
            report = examine(name)
        except LogError as error:
            worst = BAD_INPUT
            if args.json:
                print(json.dumps(_unreadable(name, error)))
            else:
                complain(error)
            continue
        if args.json:
            print(json.dumps(report.to_json()))
        elif args.html:
            write_page(args.html, page_of(report))
            print(f"{args.html}: {count(len(report.verdicts), 'verdict')}; open it in a browser")
        else:
            print("\n" * bool(number) + text_of(report, args.all))
        worst = max(worst, DIFFERENT if report.contradictions else DONE)
    return worst


def examine(name: str) -> Report:
    """Read one file to its end, with progress on the terminal. Raises LogError."""
    source, detective, progress = Source(), Detective(), Progress()

    def show(done: int, size: int | None) -> None:
        of = f" of {size >> 20:,}" if size else ""
        progress.say(f"{name}: {done >> 20:,}{of} MiB, {count(detective.reader.lines, 'line')}")

    try:
        for number, line in enumerate(source.lines(name, show), 1):
            detective.feed(line, number)
    finally:
        progress.clear()
    report = detective.report("standard input" if name == "-" else name)
    report.notes = source.notes
    if not report.events and not report.snaps:
        raise LogError(f"{report.name}: {count(report.lines, 'line')}, none of them of a huge page log")
    return report


def _unreadable(name: str, error: LogError) -> dict[str, object]:
    """The same keys as a report has."""
    empty = Report(name, "", "", 0, 0, 0, 0, 0, [], dict.fromkeys((says.value for says in Says), 0), error=str(error))
    return empty.to_json()


def text_of(report: Report, every: bool = False) -> str:
    """A report as text: a head, a line a verdict, a sum."""
    lines = [summary(report)]
    lines += [f"note: {note}" for note in report.notes]
    if report.struct_page:
        fit = report.struct_page
        how = f"{fit.pairs} pairs of page and pfn" if fit.pairs else "as this kernel has it"
        lines.append(f"struct page: stride {fit.stride}, base {fit.base:#x} ({how})")
    if report.program:
        lines.append("program: " + ", ".join(op.op for op in report.program.steps))
    shown = [verdict for verdict in report.verdicts if every or _listed(verdict)]
    lines += [f"{_place(verdict)}  {verdict.says.value:<11}  {verdict.text}  [{verdict.rule}]" for verdict in shown]
    lines += [f"{f'line {line}':>10}  not read     {text[:100]}" for line, text in report.unread_lines]
    if report.unread > len(report.unread_lines):
        lines.append(f"{'':>10}  not read     {report.unread - len(report.unread_lines):,} more lines")
    lines.append(_sum(report))
    return "\n".join(lines)


def summary(report: Report) -> str:
    """What the log is, in one line."""
    known = [report.format or "no known format", f"Linux {report.kernel}" if report.kernel else "kernel not shown"]
    known += [count(report.lines, "line"), count(report.events, "event")]
    if report.unread:
        known.append(f"{report.unread:,} not understood")
    if report.snaps:
        known.append(f"{report.snaps_checked} of {count(report.snaps, 'SNAP')} compared")
    return f"{report.name}: {'; '.join(known)}"


def _listed(verdict: Verdict) -> bool:
    return verdict.says is not Says.AGREES or verdict.rule not in _PLAIN


def _place(verdict: Verdict) -> str:
    return f"{f'line {verdict.line}' if verdict.line else 'all':>10}"


def _sum(report: Report) -> str:
    parts = [f"{number:,} {says}" for says, number in report.counted.items() if number]
    first = report.contradictions[0] if report.contradictions else None
    if first is None:
        return f"nothing contradicts ({', '.join(parts) or 'nothing to compare'})"
    return f"first contradiction: line {first.line} ({', '.join(parts)})"


def page_of(report: Report) -> str:
    """The report as one HTML page: the program's timeline in the model, if there is one, and the verdicts."""
    from ..draw.findings import findings  # drawing costs a start that the other commands need not wait for
    from ..draw.page import TooLong, page, plain_page

    title = f"hugelab trace {Path(report.name).name}"
    found = [verdict.to_json() for verdict in report.verdicts]
    below = findings(f"{summary(report)}: {_sum(report)}", found, report.unread_lines)
    if report.recording is not None:
        try:
            return page((report.recording,), title, below=below)
        except TooLong as error:
            below = f"<p>No timeline: {error}.</p>{below}"
    return plain_page(title, below)
