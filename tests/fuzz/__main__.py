"""``python -m tests.fuzz [SECONDS] [--seed N]``: random programs on model and kernel until the time is over.

What differs is shrunk and kept in tests/data/found.json as a case to look at. Exit 1 if there was any.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from hugelab.live.kernel import boot_live
from hugelab.live.pool import borrow

from .machine import Different, Programs

FOUND = Path(__file__).parents[1] / "data" / "found.json"
BATCH = 100  # programs between two looks at the clock


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=60.0)
    parser.add_argument("--seed", type=int, default=None, help="begin with this seed (default: the time)")
    parser.add_argument("--programs", type=int, default=None, help="stop after so many programs instead")
    args = parser.parse_args()
    seed, begin, found = args.seed or int(time.time()), time.monotonic(), 0
    shows = sys.stderr.isatty()
    with borrow(yes=True, wait=600) as pool:
        Programs.boot_other = lambda scenario: boot_live(scenario, pool)
        while (time.monotonic() - begin < args.seconds) if args.programs is None else (Programs.seen["programs"] < args.programs):
            found += not batch(seed)
            seed += 1
            spent = time.monotonic() - begin
            line = f"{Programs.seen['programs']:,} programs, {Programs.seen['steps']:,} steps, {spent:.0f} s, {found} different"
            print(f"\r{line}" if shows else line, end="" if shows else "\n", flush=True, file=sys.stderr)
    print(f"fuzz: {Programs.seen['programs']:,} programs, {Programs.seen['steps']:,} steps, {found} different, {spent:.0f} s")
    return 1 if found else 0


def batch(seed: int) -> bool:
    """A few programs; False when one differed (it is kept)."""
    plan = settings(
        max_examples=BATCH,
        stateful_step_count=25,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    import random

    random.seed(seed)
    try:
        run_state_machine_as_test(Programs, settings=plan)
    except Different as error:
        keep(str(error))
        return False
    except Flaky as error:  # the machine answered otherwise the second time: say so, and go on
        print(f"\nnot the same again: {error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error}", file=sys.stderr)
        return False
    return True


def keep(text: str) -> None:
    """Add the program of a difference to the file, with what the two said."""
    *said, program = text.splitlines()
    cases = json.loads(FOUND.read_text())["scenarios"] if FOUND.exists() else []
    case = json.loads(program) | {"name": f"found_{len(cases) + 1}", "about": " | ".join(said)}
    FOUND.write_text(json.dumps({"scenarios": [*cases, case]}, indent=1) + "\n")
    print(f"\n{text}\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
