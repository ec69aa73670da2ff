"""``hugelab check``: hold files of recorded answers against the model or the running kernel."""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.units import count
from ..linux.errors import ScenarioError
from ..linux.machines import X86_64, Machine, named
from ..linux.scenario import Scenario, load
from ..live.errors import LiveUnavailable
from ..live.version import numbers, refusal, version
from ..model.kernel import check_case
from ..record.check import CaseResult, check
from . import live
from .common import DIFFERENT, DONE, STOPPED, AddCommand, Progress, add_machine, complain, machine_of, say

Check = Callable[[Scenario, Machine], CaseResult]


def add(command: AddCommand) -> None:
    """The arguments of ``hugelab check``."""
    sub = command(
        "check",
        run,
        "run files of cases and compare each step with what it expects",
        "  hugelab check scenarios.json\n  sudo hugelab check scenarios.json --on live --yes",
    )
    sub.add_argument("files", metavar="FILE", nargs="+")
    sub.add_argument("--json", action="store_true", help="one JSON object a case")
    add_machine(sub, "the kernel that the file was recorded on, else x86-64")
    sub.add_argument("--on", choices=("model", "live"), default="model", help="the model (default), or this kernel")
    sub.add_argument("--yes", action="store_true", help="live: change the huge page pool without asking")


def run(args: argparse.Namespace) -> int:
    """Check every case of every file; returns the exit code."""
    files = [_file_of(name, args) for name in args.files]
    progress = Progress(sum(len(file.cases) for file in files))
    try:
        with _checker(args) as one:
            return max(_file(file, one, args, progress) for file in files)
    except (KeyboardInterrupt, SystemExit) as stop:  # by now the pools are as they were
        complain(f"stopped after {progress.done:,} of {count(progress.total, 'case')}")
        return stop.code if isinstance(stop, SystemExit) and isinstance(stop.code, int) else STOPPED
    finally:
        progress.clear()


@contextmanager
def _checker(args: argparse.Namespace) -> Iterator[Check]:
    """Yields the function that checks a case: in the model, or on the running kernel, whose pools it borrows."""
    if args.on == "model":
        yield check_case
        return
    with live.pool(args.yes) as pool:
        yield lambda case, machine: live.on_live(case, pool, lambda kernel: check(kernel, case))


@dataclass
class _File:
    """A file of cases, and what has been found in it. ``recorded``: on which kernel, "" if it does not say."""

    name: str
    cases: list[Scenario]
    recorded: str
    machine: Machine
    steps: int = 0
    waiting: int = 0
    partly: int = 0
    different: int = 0
    skipped: int = 0
    refused: int = 0


def _file_of(name: str, args: argparse.Namespace) -> _File:
    """A file with the machine to check it on: that of the kernel it was recorded on, if it says so."""
    cases, recorded = load(name), recorded_on(name)
    return _File(name, cases, recorded, machine_of(args, named(recorded) if recorded else X86_64))


def recorded_on(path: str) -> str:
    """The version of the kernel that a file was recorded on ("6.18.44"), "" if it does not say."""
    data = json.loads(Path(path).read_text(encoding="utf-8", errors="replace"))
    machine = data.get("machine") if isinstance(data, dict) else None
    kernel = machine.get("kernel") if isinstance(machine, dict) else None
    return numbers(kernel) if isinstance(kernel, str) else ""


def _file(file: _File, one: Check, args: argparse.Namespace, progress: Progress) -> int:
    on_live = args.on == "live"
    for case in file.cases:
        progress.show(case.name)
        if on_live and (why := refusal(case)):
            file.skipped += 1
            progress.clear()
            complain(why)
        else:
            _case(file, case, one, args, progress)
        progress.done += 1
    progress.clear()
    if not args.json:
        say(_summary(file, on_live))
    return file.refused or (DIFFERENT if file.different else DONE)


def _case(file: _File, case: Scenario, one: Check, args: argparse.Namespace, progress: Progress) -> None:
    try:
        result = one(case, file.machine)
    except (ScenarioError, LiveUnavailable) as error:
        if isinstance(error, LiveUnavailable) and live.is_fatal(error):
            raise
        progress.clear()
        file.refused = complain(error if isinstance(error, ScenarioError) else f"{case.name}: {error}")
        return
    file.steps += result.compared
    file.waiting += result.waiting
    file.partly += not result.complete
    file.different += result.difference is not None
    if args.json:
        progress.clear()
        say(json.dumps(_to_json(result, file.recorded if args.on == "live" else None)))
    elif result.difference:
        progress.clear()
        say(f"{file.name}: {case.name}: {result.difference}{_other_kernel(file.recorded, args.on == 'live')}")


def _other_kernel(recorded: str, on_live: bool) -> str:
    """Says that a difference may come from the kernel's version."""
    if not on_live or not recorded or recorded == version():
        return ""
    return f" (recorded on {recorded}, this is {version()})"


def _to_json(result: CaseResult, recorded: str | None) -> dict[str, Any]:
    """``recorded`` is None for the model."""
    out = {
        "name": result.scenario.name,
        "compared": result.compared,
        "waiting": result.waiting,
        "difference": result.difference and result.difference._asdict(),
    }
    return out if recorded is None else {**out, "recorded_on": recorded, "kernel": version()}


def _summary(file: _File, on_live: bool) -> str:
    said = (
        f"{file.name}: {count(len(file.cases), 'case')}, {count(file.steps, 'step')} compared, "
        f"{count(file.different, 'case')} with a difference"
    )
    if not on_live:
        wait = f"{count(file.partly, 'case')} with {count(file.waiting, 'step')}"
        return f"{said}; {wait} wait for operations that are not in the model yet"
    if file.partly:
        said += f"; {count(file.partly, 'case')} with {count(file.waiting, 'step')} the live kernel does not run yet"
    return said + (f"; {count(file.skipped, 'case')} not to be run" if file.skipped else "")
