"""``hugelab run``: run programs in the model, on the running kernel, or in both side by side."""

from __future__ import annotations

import argparse
import difflib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.text import showable
from ..core.units import count, format_size
from ..linux.errors import ScenarioError
from ..linux.machines import AS_INTENDED, LESSON, X86_64, Machine
from ..linux.scenario import NAMED, Scenario, lesson, load
from ..live.errors import LiveUnavailable
from ..live.version import other_version, refusal, version
from ..model.kernel import boot
from ..record import flow
from ..record.recording import Difference, Recording, Step, compare
from ..record.source import record
from . import live
from .common import (
    DIFFERENT,
    DONE,
    AddCommand,
    add_machine,
    complain,
    machine_of,
    say,
    seconds,
    whole_number,
    write_page,
)

if TYPE_CHECKING:
    from ..live.pool import Pool

COLUMNS = " ".join(f"{name:>6}" for name in ("total", "free", "rsvd", "surp", "avail"))


def add(command: AddCommand) -> None:
    """The arguments of ``hugelab run``."""
    sub = command(
        "run",
        run,
        "run a program step by step, in the model or on this machine's kernel",
        "  hugelab run lesson\n  hugelab run lesson --pages 3 --private\n  hugelab run lesson --log\n"
        "  hugelab run scenarios.json --case lesson_shared_file_no_unlink\n  hugelab run scenarios.json --json\n"
        "  hugelab run lesson --html lesson.html\n"
        "  sudo hugelab run lesson --on live\n  sudo hugelab run lesson --on both --yes",
    )
    sub.add_argument("what", metavar="lesson|FILE", help="the lesson's program, or a file of cases")
    sub.add_argument("--pages", type=whole_number(0), metavar="N", help="lesson: pages to map (default 5)")
    sub.add_argument("--pool", type=whole_number(0), metavar="N", help="pages in the pool (default 10, or the file's)")
    sub.add_argument("--touch", type=whole_number(0), metavar="N", help="lesson: pages to write to (default: all)")
    sub.add_argument("--private", action="store_true", help="lesson: MAP_PRIVATE instead of MAP_SHARED")
    sub.add_argument("--log", action="store_true", help="with the kernel's log lines")
    sub.add_argument("--extra", action="store_true", help="with --log: also the lines at eviction")
    sub.add_argument("--case", metavar="NAME", help="only this case of the file")
    sub.add_argument("--pid", type=whole_number(1), metavar="N", help="process number in the log (default 2385)")
    sub.add_argument("--ino", type=whole_number(1), metavar="N", help="first inode number in the log (default 16079)")
    sub.add_argument(
        "--time",
        type=seconds(1e9, "a time after boot"),
        metavar="S",
        default=384.353754,
        help="time of the first log line",
    )
    sub.add_argument("--json", action="store_true", help="one JSON object a case")
    sub.add_argument(
        "--html", metavar="FILE", type=Path, help="write one page with timeline and pictures, for a browser"
    )
    add_machine(sub, "lesson for the lesson, x86-64 for a file")
    sub.add_argument(
        "--on", choices=("model", "live", "both"), default="model", help="model (default), this kernel, or both"
    )
    sub.add_argument("--yes", action="store_true", help="live: change the huge page pool without asking")


def run(args: argparse.Namespace) -> int:
    """Run every case; returns the exit code."""
    cases = _cases(args)
    if args.on == "model":
        machine = _machine(args)
        if args.html:
            return _page(cases, machine, args)
        return _each(cases, lambda case: _show(record(boot(case, machine), case), args))
    for option in ("log", "extra", "machine", "pid", "ino", "html"):
        if getattr(args, option):
            raise ScenarioError(f"--{option} is about the model: it goes with --on model")
    if args.on == "live" and args.kernel_bugs == "off":
        raise ScenarioError("--kernel-bugs is about the model: it goes with --on model or both")
    if len(cases) == 1 and (why := refusal(cases[0])):
        raise LiveUnavailable(why)
    with live.pool(args.yes) as pool:
        one = _live if args.on == "live" else _both
        return _each(cases, lambda case: one(case, pool, args))


def _each(cases: list[Scenario], one: Callable[[Scenario], int]) -> int:
    """Run each case; one that cannot be run is one line, and the others go on."""
    codes = [DONE]
    for case in cases:
        try:
            codes.append(one(case))
        except ScenarioError as error:
            codes.append(complain(error))
        except LiveUnavailable as error:
            if len(cases) == 1 or live.is_fatal(error):
                raise
            codes.append(complain(f"{case.name}: {error}"))
    return max(codes)


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


def _machine(args: argparse.Namespace) -> Machine:
    machine = machine_of(args, LESSON if args.what in NAMED else X86_64)
    if args.pid:
        machine = replace(machine, pid=args.pid)
    if args.ino:
        machine = replace(machine, first_ino=args.ino)
    return machine


# -- one source --------------------------------------------------------------------------------------
def _live(case: Scenario, pool: Pool, args: argparse.Namespace) -> int:
    if why := refusal(case):
        return complain(why)
    return _show(live.on_live(case, pool, lambda kernel: record(kernel, case)), args)


def _page(cases: list[Scenario], machine: Machine, args: argparse.Namespace) -> int:
    """A page of one case. An existing page is replaced at once or not at all; any other file stays."""
    from ..views.page import TooLong, page  # drawing costs a start that the other commands need not wait for

    if len(cases) > 1:
        raise ScenarioError(f"a page shows one case, and {args.what} has {len(cases)}: choose one with --case")
    if args.json or args.log:
        raise ScenarioError("--html goes without --json and --log: the page has steps and log")
    target: Path = args.html
    recording = record(boot(cases[0], machine), cases[0])
    try:
        text = page((recording,), _title(recording, machine.title))
    except TooLong as error:
        raise ScenarioError(f"{cases[0].name}: {error}") from None
    write_page(target, text)
    say(f"{target}: {len(recording):,} events, {len(text) // 1024:,} KB; open it in a browser")
    return DONE


def _show(recording: Recording, args: argparse.Namespace) -> int:
    if args.json:
        say(json.dumps(recording.to_json()))
    else:
        _print_recording(recording, args)
    return DONE


def _print_recording(recording: Recording, args: argparse.Namespace) -> None:
    say(_title(recording, recording.machine.title))
    width = _width(recording)
    say(f"{'':3} {'step':<{width}}  {'outcome':<8} {COLUMNS}")
    lines = flow.log(recording, args.time, args.extra) if args.log else iter(())
    for step in recording.steps:
        say(*_step_rows(step, width))
        if args.log:
            for _ in flow.log_line_events(recording, step.first, step.last, args.extra):
                say(next(lines))
    say("")


def _title(recording: Recording, where: str) -> str:
    scenario = recording.scenario
    pool = f"{count(scenario.nr, 'page')} of {format_size(recording.machine.sizes[0])}"
    return f"{scenario.name}: a pool of {pool} on {where}"


def _width(recording: Recording) -> int:
    return min(max((len(showable(step.op)) for step in recording.steps), default=4), 60)


def _numbers(step: Step) -> str:
    now = next(iter(step.counters.values()))
    odd = f"  {now.oddity}" if now.oddity else ""
    return " ".join(f"{number:>6}" for number in (*now.signed, now.available)) + odd


def _step_rows(step: Step, width: int) -> list[str]:
    row = _without_value(step, width)
    if step.note:
        return [row, f"    {step.note}"]
    return [row if step.value is None else f"{row}  {_short(step.value)}"]


def _short(value: Any) -> str:
    if not isinstance(value, dict):
        return "nothing" if value is None else str(value)
    text = ", ".join(f"{key} {shown}" for key, shown in value.items())
    return text if len(text) <= 100 else f"{text[:97]}..."


# -- side by side ------------------------------------------------------------------------------------
def _both(case: Scenario, pool: Pool, args: argparse.Namespace) -> int:
    """The model of the running kernel beside it: up to the first difference."""
    if why := refusal(case):
        return complain(why)
    kernel = live.on_live(case, pool, lambda booted: record(booted, case))
    model = record(boot(case, kernel.machine if args.kernel_bugs != "off" else kernel.machine.as_intended()), case)
    known = min(len([step for step in ours.steps if not step.note]) for ours in (model, kernel))
    difference = compare(_first(model, known), _first(kernel, known))
    if args.json:
        found = difference and {"step": difference.step, "what": difference.what}
        both = {"model": model.to_json()["steps"], "live": kernel.to_json()["steps"]}
        say(json.dumps({"name": case.name, **both, "difference": found}))
    else:
        _print_both(model, kernel, known, difference)
    return DIFFERENT if difference else DONE


def _first(recording: Recording, steps: int) -> Recording:
    return replace(recording, steps=recording.steps[:steps])


def _print_both(model: Recording, kernel: Recording, known: int, difference: Difference | None) -> None:
    off = "" if model.machine.rules.bugs else f", {AS_INTENDED}"
    say(_title(model, f"the model of Linux {model.machine.version}{off} | Linux {version()}, running here"))
    if note := other_version():
        say(note)
    width = _width(model)
    say(f"{'':3} {'step':<{width}}  {'model':<8} {COLUMNS} | {'live':<8} {COLUMNS}")
    for ours, theirs in list(zip(model.steps, kernel.steps, strict=False))[:known]:
        row = f"{_without_value(ours, width)} | {theirs.outcome:<8} {_numbers(theirs)}"
        if difference and difference.step == ours.index:
            ours_is, theirs_is = _short(difference.ours), _short(difference.theirs)
            say(f"{row}  <-- {difference.what}: {ours_is} in the model, {theirs_is} on this kernel", "")
            return
        say(row)
    for name, recording in (("the model", model), ("the live kernel", kernel)):
        if (stopped := recording.steps[-1:]) and stopped[0].note:
            say(f"{'':3} {name} stops at step {stopped[0].index + 1}: {stopped[0].note}")
    say(f"{'':3} no difference in {count(known, 'step')}", "")


def _without_value(step: Step, width: int) -> str:
    return f"{step.index + 1:>3} {showable(step.op):<{width}}  {step.outcome:<8} {_numbers(step)}"
