"""``python -m tests.fuzz [SECONDS] [--programs N] [--seed N]``: random programs on model and kernel.

What differs is shrunk, printed, and kept in tests/data/fuzz_6.18.json with the kernel's answers: a regression test from
then on. Exit 1 if there was any.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from hugelab import Scenario
from hugelab.live.kernel import boot_live
from hugelab.live.pool import Pool, borrow
from hugelab.record.source import record

from .machine import Different, Programs

FOUND = Path(__file__).parents[1] / "data" / "fuzz_6.18.json"
FORMAT = "as scenarios.json; smallest programs in which model and kernel once differed; expect is what the kernel did"
BATCH = 100  # programs between two looks at the clock
STEPS = 25  # of a program at most
LINE = 1000  # programs between two lines of a log that is no terminal
TURN = 0.3  # seconds: others who wait for the pool get it between two batches


def fuzz(seconds: float = 1e9, programs: int = 10**9, seed: int = 1) -> int:
    """Run until the time or the number of programs is over; returns how many batches had a difference."""
    begin, found, seen = time.monotonic(), 0, Programs.seen
    seen.clear()
    shows, said = sys.stderr.isatty(), 0
    while time.monotonic() - begin < seconds and seen["programs"] < programs:
        time.sleep(TURN)
        with borrow(yes=True, wait=600) as pool:  # given back after each batch: others may be waiting
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # hypothesis takes SystemExit for a failed test
            Programs.boot_other = staticmethod(lambda scenario, pool=pool: boot_live(scenario, pool))
            found += not batch(seed, min(BATCH, programs - seen["programs"]), pool)
        seed += 1
        if shows or seen["programs"] // LINE > said:
            said = seen["programs"] // LINE
            print(f"\r{_line(found, begin)}", end="" if shows else "\n", file=sys.stderr, flush=True)
    print(f"{chr(13) if shows else ''}fuzz: {_line(found, begin)}", flush=True)
    return found


def _line(found: int, begin: float) -> str:
    seen, spent = Programs.seen, time.monotonic() - begin
    return f"{seen['programs']:,} programs, {seen['steps']:,} steps, {found} different, {spent:.0f} s"


def batch(seed: int, programs: int, pool: Pool) -> bool:
    """A few programs; False when one differed (it is kept)."""
    plan = settings(
        max_examples=programs,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seeded(seed)(Programs), settings=plan)
    except Different as error:
        keep(str(error), pool)
        return False
    except Flaky as error:  # the machine answered otherwise the second time: say so, and go on
        first = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error
        print(f"\nnot the same again: {first}", file=sys.stderr)
        return False
    return True


def keep(text: str, pool: Pool) -> None:
    """Print what the two said, and add the program to the file with the kernel's answers."""
    print(f"\n{text}\n", file=sys.stderr, flush=True)
    *said, program = text.splitlines()
    data = json.loads(FOUND.read_text()) if FOUND.exists() else {"format": FORMAT, "scenarios": []}
    name = f"fuzz_{len(data['scenarios']) + 1}_{json.loads(program)['steps'][-1]['op']}"
    case = answered(json.loads(program) | {"name": name, "about": " | ".join(said)}, pool)
    write([*data["scenarios"], case])


def answered(case: dict[str, Any], pool: Pool) -> dict[str, Any]:
    """The case with what this kernel answers."""
    scenario = Scenario.from_json({key: value for key, value in case.items() if key != "kernel"})
    kernel = boot_live(scenario, pool)
    try:
        ends = {"initial": kernel.state.counters()[0]._asdict()}
        steps = record(kernel, scenario).to_json()["steps"]
        for key, end in (("after_kill_all_processes", kernel.kill_all), ("after_unlink_and_umount", kernel.umount_all)):
            end()
            ends[key] = kernel.state.counters()[0]._asdict()
    finally:
        kernel.close()
    plain = [{key: value for key, value in step.items() if key != "expect"} for step in case["steps"]]
    answers = [step | {"expect": answer} for step, answer in zip(plain, steps, strict=True)]
    return case | ends | {"steps": answers, "kernel": os.uname().release}


def write(cases: list[dict[str, Any]]) -> None:
    """The file, a step a line."""
    lines = []
    for case in cases:
        head = json.dumps({key: value for key, value in case.items() if key != "steps"})
        steps = ",\n   ".join(json.dumps(step) for step in case["steps"])
        lines.append(f'  {head[:-1]}, "steps": [\n   {steps}]}}')
    FOUND.write_text(f'{{"format": {json.dumps(FORMAT)},\n "scenarios": [\n' + ",\n".join(lines) + "\n]}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=60.0)
    parser.add_argument("--programs", type=int, default=10**9, help="stop after so many programs, too")
    parser.add_argument("--seed", type=int, default=None, help="begin with this seed (default: the time)")
    args = parser.parse_args()
    return 1 if fuzz(args.seconds, args.programs, args.seed or int(time.time())) else 0


if __name__ == "__main__":
    sys.exit(main())
