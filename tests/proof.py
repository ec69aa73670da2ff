"""``python -m tests.proof [--programs N] [--sample]``: what holds the model against real kernels, as numbers.

Recorded answers in the model and on the running kernel, random programs on both, all small worlds, mutants; and broken
logs through all that reads them. Exit 1 if anything differs. What this machine cannot do is said; with CI set in the
environment that is a failure. ``--sample`` is what CI has time for: the same parts, of each the same share every time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hugelab import Scenario, load
from hugelab.model.kernel import check_case
from hugelab.record.check import CaseResult, check
from tests.fuzz import logs
from tests.truth import MACHINES, Walk, scenarios

DATA = Path(__file__).parent / "data"
RECORDED = ("scenarios.json", "semantics_6.18.json", "random_6.18.json", "fuzz_6.18.json")
PROGRAMS = 300
SAMPLE = 5  # of so many mutants and random programs one is in the sample
STATES = 2000  # of each small world in the sample


def recorded() -> Iterator[tuple[str, list[Scenario]]]:
    """The files of recorded cases."""
    for name in RECORDED:
        if (DATA / name).exists():
            yield name, load(DATA / name)


def compared(where: str, name: str, results: list[CaseResult]) -> bool:
    """One line for a file; False if a case differs."""
    steps = sum(result.compared for result in results)
    bad = [result for result in results if result.difference or not result.complete]
    print(f"{where:<8} {name:<22} {len(results):>4} cases {steps:>6,} steps, {len(results) - len(bad)} cases equal")
    for result in bad:
        print(f"         {result.scenario.name}: {result.difference or result.recording.steps[-1].note}")
    return not bad


def in_the_model() -> bool:
    """Every recorded answer, of 6.18 and of two other kernels."""
    good = [compared("model", name, [check_case(case) for case in cases]) for name, cases in recorded()]
    for kernel, machine in MACHINES.items():
        walks = [Walk(steps, machine) for steps in scenarios(DATA / f"truth_{kernel}.json").values()]
        for walk in walks:
            walk.run()  # raises AssertionError where it differs
        steps = sum(walk.compared for walk in walks)
        name, n = f"truth_{kernel}.json", len(walks)
        print(f"{'model':<8} {name:<22} {n:>4} cases {steps:>6,} steps, {n} cases equal")
    return all(good)


def on_this_kernel() -> bool:
    """Every recorded answer again, from the running kernel."""
    from hugelab.live.kernel import boot_live
    from hugelab.live.pool import borrow
    from hugelab.live.version import refusal

    def answered(case: Scenario) -> CaseResult:
        kernel = boot_live(case, pool)
        try:
            return check(kernel, case)
        finally:
            kernel.close()

    good = True
    with borrow(yes=True, wait=600) as pool:
        for name, cases in recorded():
            for why in filter(None, map(refusal, cases)):
                print(f"         {why}")
            good &= compared("live", name, [answered(case) for case in cases if not refusal(case)])
    if not os.uname().release.startswith("6.18."):
        print(f"         recorded on 6.18, this is {os.uname().release}: differences may be the kernel's")
    return good


def random_programs(programs: int) -> bool:
    """Programs nobody wrote, on model and kernel."""
    from tests.fuzz.__main__ import fuzz

    return fuzz(programs=programs) == 0


def small_worlds(most: int | None = None) -> bool:
    """All of them, or the first states of each."""
    from tests.model.worlds import main

    return main(most) == 0


def mutants(every: int = 1) -> bool:
    """A test that could not fail would show here."""
    from tests.mutants import MUTANTS, main

    return main([mutant.belief for mutant in MUTANTS[::every]]) == 0


def full_counts() -> bool:
    """Tests of which `make test` runs a part: all examples of hypothesis, all engines of the TLB."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n2",
        "-pno:nbval",
        "--dist=loadscope",
        "--hypothesis-profile=full",
        "-m",
        "hypothesis or full",
    ]
    return subprocess.run([*command, str(DATA.parent)], cwd=DATA.parents[1]).returncode == 0


def broken_logs() -> bool:
    """A minute of broken recordings through the readers and the detective, other ones every day."""
    return logs.fuzz(seconds=60, seed=int(time.time()) // 86400 * 100_000) == 0


def some_broken_logs() -> bool:
    """A thousand, always the same."""
    return logs.fuzz(logs=1000) == 0


Part = tuple[str, Callable[[], bool]]


def parts(programs: int, live: bool, sample: bool) -> Iterator[Part]:
    """What is proved, by its title."""
    yield "recorded answers in the model", in_the_model
    if live:
        yield "the same on this kernel", on_this_kernel
        yield "random programs on both", lambda: random_programs(programs // SAMPLE if sample else programs)
    yield "small worlds", lambda: small_worlds(STATES if sample else None)
    yield "mutants", lambda: mutants(SAMPLE if sample else 1)
    if sample:
        yield "broken logs", some_broken_logs
    else:
        yield "all that `make test` runs in part", full_counts
        yield "broken logs", broken_logs


def main() -> int:
    parser = argparse.ArgumentParser(prog="proof", description=__doc__)
    parser.add_argument("--programs", type=int, default=PROGRAMS, help=f"random programs (default {PROGRAMS})")
    parser.add_argument("--sample", action="store_true", help="a part of everything, always the same: what CI runs")
    args = parser.parse_args()
    from tests.live.why import why_not_live

    missing, begin = why_not_live(), time.monotonic()
    failed = bool(missing and os.environ.get("CI"))
    for title, part in parts(args.programs, not missing, args.sample):
        start = time.monotonic()
        print(f"-- {title}", flush=True)
        good = part()
        failed |= not good
        print(f"   {'all equal' if good else 'DIFFERENT'}, {time.monotonic() - start:.0f} s\n", flush=True)
    if missing:
        print(f"not compared with this machine's kernel: {missing}")
    print(f"proof: {'failed' if failed else 'kept'}, {time.monotonic() - begin:.0f} s")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
