"""``hugelab trace``: does the model agree with a kernel log?"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..trace import lesson as lesson_log
from ..units import count
from .common import DIFFERENT, DONE, AddCommand


def add(command: AddCommand) -> None:
    """The arguments of ``hugelab trace``."""
    sub = command(
        "trace",
        run,
        "read a log in the lesson's format and say whether the model agrees",
        "  hugelab trace dmesg.txt\n  dmesg | hugelab trace -",
    )
    sub.add_argument("file", metavar="FILE", help="the log; - reads standard input")
    sub.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Read a log and compare; returns the exit code."""
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
