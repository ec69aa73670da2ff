"""The command line: ``hugelab run | check | trace | doctor``.

Exit codes: 0 done, 1 a difference was found, 2 bad input.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from . import __version__, flow
from .check import check_case
from .live import probe
from .model.kernel import run
from .model.machines import LESSON, MACHINES
from .recording import Recording, Step
from .scenario import NAMED, Scenario, ScenarioError, lesson, load
from .trace import lesson as lesson_log
from .units import count, format_size

DONE, DIFFERENT, BAD_INPUT = 0, 1, 2


class _Parser(argparse.ArgumentParser):
    """Errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _number(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            value = int(text.replace("_", "").replace(",", ""))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if value < least:
            raise argparse.ArgumentTypeError(f"must be {least} or more, not {value}")
        return value

    return parse


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"{text} s is not a time after boot")
    return value


def _parser() -> _Parser:
    parser = _Parser(prog="hugelab", description="How Linux allocates huge pages: a model of the kernel you can run.")
    parser.add_argument("--version", action="version", version=f"hugelab {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)

    def command(name: str, function: Callable[[argparse.Namespace], int], help: str, examples: str) -> _Parser:
        sub: _Parser = commands.add_parser(
            name,
            help=help,
            description=help,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(function=function)
        return sub

    sub = command(
        "run",
        _run,
        "run a program in the model, step by step",
        "  hugelab run lesson\n  hugelab run lesson --pages 3 --private\n  hugelab run lesson --log\n"
        "  hugelab run scenarios.json --case lesson_shared_file_no_unlink\n  hugelab run scenarios.json --json",
    )
    sub.add_argument("what", metavar="lesson|FILE", help="the lesson's program, or a file of cases")
    sub.add_argument("--pages", type=_number(0), metavar="N", help="lesson: pages to map (default 5)")
    sub.add_argument("--pool", type=_number(0), metavar="N", help="pages in the pool (default 10, or the file's)")
    sub.add_argument("--touch", type=_number(0), metavar="N", help="lesson: pages to write to (default: all)")
    sub.add_argument("--private", action="store_true", help="lesson: MAP_PRIVATE instead of MAP_SHARED")
    sub.add_argument("--log", action="store_true", help="with the kernel's log lines")
    sub.add_argument("--extra", action="store_true", help="with --log: also the lines at eviction")
    sub.add_argument("--case", metavar="NAME", help="only this case of the file")
    sub.add_argument("--machine", choices=sorted(MACHINES), help="lesson: lesson; a file: x86-64")
    sub.add_argument("--pid", type=_number(1), metavar="N", help="process number in the log (default 2385)")
    sub.add_argument("--ino", type=_number(1), metavar="N", help="first inode number in the log (default 16079)")
    sub.add_argument("--time", type=_seconds, metavar="S", default=384.353754, help="time of the first log line")
    sub.add_argument("--json", action="store_true", help="one JSON object a case")

    sub = command(
        "check",
        _check,
        "run files of cases and compare each step with what it expects",
        "  hugelab check scenarios.json",
    )
    sub.add_argument("files", metavar="FILE", nargs="+")
    sub.add_argument("--json", action="store_true", help="one JSON object a case")

    sub = command(
        "trace",
        _trace,
        "read a log in the lesson's format and say whether the model agrees",
        "  hugelab trace dmesg.txt\n  dmesg | hugelab trace -",
    )
    sub.add_argument("file", metavar="FILE", help="the log; - reads standard input")
    sub.add_argument("--json", action="store_true", help="one JSON object")

    sub = command(
        "doctor",
        _doctor,
        "say what this machine allows, and what would allow more",
        "  hugelab doctor\n  hugelab doctor --json",
    )
    sub.add_argument("--json", action="store_true", help="one JSON object")
    return parser


# -- run ---------------------------------------------------------------------------------------------
def _cases(args: argparse.Namespace) -> list[Scenario]:
    if args.what in NAMED:
        if args.case:
            raise ScenarioError("--case chooses from a file")
        pages, pool = (5 if args.pages is None else args.pages), (10 if args.pool is None else args.pool)
        return [lesson(pages, pool, args.private, args.touch)]
    for option in ("pages", "touch"):
        if getattr(args, option) is not None:
            raise ScenarioError(f"--{option} goes with the lesson, not with a file")
    if args.private:
        raise ScenarioError("--private goes with the lesson, not with a file")
    if not Path(args.what).exists():
        raise ScenarioError(f"{args.what!r} is neither a file nor a program hugelab knows ({', '.join(NAMED)})")
    cases = load(args.what)
    if args.case is not None:
        chosen = [case for case in cases if case.name == args.case]
        if not chosen:
            near = difflib.get_close_matches(args.case, [case.name for case in cases], 3)
            hint = f"; near: {', '.join(near)}" if near else ""
            raise ScenarioError(f"{args.what} has no case {args.case!r}{hint}")
        cases = chosen
    return [replace(case, nr=args.pool) for case in cases] if args.pool is not None else cases


def _run(args: argparse.Namespace) -> int:
    machine = MACHINES[args.machine] if args.machine else (LESSON if args.what in NAMED else MACHINES["x86-64"])
    if args.pid:
        machine = replace(machine, pid=args.pid)
    if args.ino:
        machine = replace(machine, first_ino=args.ino)
    code = DONE
    for case in _cases(args):
        try:
            recording = run(case, machine)
        except ScenarioError as error:
            code = _refused(error)
            continue
        if args.json:
            print(json.dumps(recording.to_json()))
        else:
            _print_recording(recording, args)
    return code


def _refused(error: ScenarioError) -> int:
    """One case cannot be run as written: say so, and go on with the others."""
    sys.stdout.flush()
    print(f"hugelab: {error}", file=sys.stderr)
    return BAD_INPUT


def _print_recording(recording: Recording, args: argparse.Namespace) -> None:
    scenario, machine = recording.scenario, recording.machine
    pool = f"{count(scenario.nr, 'page')} of {format_size(machine.sizes[0])}"
    print(f"{scenario.name}: a pool of {pool} on {machine.title}")
    width = min(max((len(str(step.op)) for step in recording.steps), default=4), 60)
    print(f"{'':3} {'step':<{width}}  {'outcome':<8} {'total':>6} {'free':>6} {'rsvd':>6} {'surp':>6} {'avail':>6}")
    lines = flow.log(recording, args.time, args.extra) if args.log else iter(())
    for step in recording.steps:
        print(_step_row(step, width))
        if args.log:
            for _ in flow.log_line_events(recording, step.first, step.last, args.extra):
                print(next(lines))
    print()


def _step_row(step: Step, width: int) -> str:
    now = next(iter(step.counters.values()))
    numbers = " ".join(f"{number:>6}" for number in (*now, now.available))
    row = f"{step.index + 1:>3} {step.op!s:<{width}}  {step.outcome:<8} {numbers}"
    if step.note:
        row += f"\n    {step.note}"
    elif step.value is not None:
        row += f"  {_short(step.value)}"
    return row


def _short(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    text = ", ".join(f"{key} {shown}" for key, shown in value.items())
    return text if len(text) <= 100 else f"{text[:97]}..."


# -- check -------------------------------------------------------------------------------------------
def _check(args: argparse.Namespace) -> int:
    files = [(name, load(name)) for name in args.files]
    different = refused = 0
    for name, cases in files:
        steps = waiting = partly = found = 0
        for case in cases:
            try:
                result = check_case(case)
            except ScenarioError as error:
                refused = _refused(error)
                continue
            steps += result.compared
            waiting += result.waiting
            partly += not result.complete
            found += result.difference is not None
            if args.json:
                print(
                    json.dumps(
                        {
                            "name": case.name,
                            "compared": result.compared,
                            "waiting": result.waiting,
                            "difference": result.difference and result.difference._asdict(),
                        }
                    )
                )
            elif result.difference:
                print(f"{name}: {case.name}: {result.difference}")
        different += found
        if not args.json:
            print(
                f"{name}: {count(len(cases), 'case')}, {count(steps, 'step')} compared, "
                f"{count(found, 'case')} with a difference; {count(partly, 'case')} with {count(waiting, 'step')}"
                " wait for operations that are not in the model yet"
            )
    return refused or (DIFFERENT if different else DONE)


# -- trace -------------------------------------------------------------------------------------------
def _trace(args: argparse.Namespace) -> int:
    text = sys.stdin.read() if args.file == "-" else Path(args.file).read_text(encoding="utf-8", errors="replace")
    verdicts = lesson_log.check(text)
    first = next((verdict for verdict in verdicts if not verdict.agrees), None)
    if args.json:
        steps = [
            {
                "op": verdict.op.to_json(),
                "lines": verdict.lines,
                "agrees": verdict.agrees,
                "line": verdict.line,
                "model": verdict.ours,
                "log": verdict.theirs,
                "note": verdict.note,
            }
            for verdict in verdicts
        ]
        print(
            json.dumps(
                {
                    "agrees": first is None,
                    "line": first.line if first else None,
                    "steps": steps,
                    "taken": lesson_log.taken_from(text),
                }
            )
        )
        return DIFFERENT if first else DONE
    for number, verdict in enumerate(verdicts, 1):
        state = "agrees" if verdict.agrees else f"differs at line {verdict.line}"
        shown = f"{count(verdict.lines, 'line')}, {state}" if verdict.lines else "not shown by the log"
        print(f"{number:>3} {verdict.op!s}: {shown}{f' ({verdict.note})' if verdict.note else ''}")
    print(lesson_log.taken_from(text))
    if first is None:
        print(f"the model agrees with every line ({sum(verdict.lines for verdict in verdicts)} lines)")
        return DONE
    print(f"first disagreement: line {first.line}")
    print(f"  log:   {first.theirs or '(no such line)'}")
    print(f"  model: {first.ours or '(prints no line here)'}")
    return DIFFERENT


# -- doctor ------------------------------------------------------------------------------------------
def _doctor(args: argparse.Namespace) -> int:
    findings = probe.probe()
    if args.json:
        print(json.dumps(probe.to_json(findings)))
    else:
        for finding in findings:
            print(f"{'ok     ' if finding.ok else 'missing'} {finding.name:<11} {finding.found}")
            if not finding.ok:
                print(f"        needed for {finding.needed_for}")
            if finding.fix:
                print(f"        {finding.fix}")
    return DONE


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    args = _parser().parse_args(argv)
    try:
        code: int = args.function(args)
        sys.stdout.flush()
        return code
    except ScenarioError as error:
        print(f"hugelab: {error}", file=sys.stderr)
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        print(f"hugelab: {error.filename}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("hugelab: stopped", file=sys.stderr)
        return 130
    return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
