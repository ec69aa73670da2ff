"""The model against the running kernel: the life cycle of N pages, from Scenario to Recording, interleaved.

A life cycle is the lesson's program: open, mmap, write to each page, munmap, close, unlink, on a pool of N pages that
was empty before. Both sides do all of it: pool, mount, program, clean-up; that hangs on how fast this machine
starts processes, and is only shown. Bounded is the time of the operations alone, with a process that has started and a
pool that is there: there a system call has to beat Python.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from hugelab import X86_64, Op, Scenario, lesson
from hugelab.live.kernel import boot_live
from hugelab.live.pool import Pool, borrow
from hugelab.model.kernel import boot
from hugelab.record.source import Source, record

from .result import Result

SIZES = {5: 4.0, 64: 16.0, 512: 110.0}  # pages -> how many times the model's time the operations take at least
ROUNDS = 15
TIMES = 10  # the model runs in a round, and the median counts: one run is too short to be measured alone


def seconds(function: Callable[[], object]) -> float:
    """The time of one call."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def on_model(scenario: Scenario) -> None:
    """All of it in the model."""
    kernel = boot(scenario, X86_64)
    record(kernel, scenario)
    kernel.kill_all()
    kernel.umount_all()


def on_kernel(scenario: Scenario, pool: Pool) -> None:
    """All of it on the running kernel."""
    kernel = boot_live(scenario, pool)
    try:
        record(kernel, scenario)
    finally:
        kernel.close()


def operations(kernel: Source, scenario: Scenario) -> float:
    """The time of the operations alone; the process exists before."""
    kernel.run(Op("hugetlb_usage"))
    return sum(seconds(lambda op=op: kernel.run(op)) for op in scenario.steps)  # type: ignore[misc]


def measure() -> list[Result]:
    """Rounds interleaved, median of the ratios; the first round only warms up."""
    found = []
    with borrow(yes=True, wait=600) as pool:
        for pages, bound in SIZES.items():
            scenario = lesson(pages, pages)
            whole, ops, model, kernel = [], [], [], []
            for _ in range(ROUNDS + 1):
                kernel.append(seconds(lambda s=scenario: on_kernel(s, pool)))  # type: ignore[misc]
                model.append(median(seconds(lambda s=scenario: on_model(s)) for _ in range(TIMES)))  # type: ignore[misc]
                live = boot_live(scenario, pool)
                try:
                    ops.append(operations(live, scenario) / operations(boot(scenario, X86_64), scenario))
                finally:
                    live.close()
                whole.append(kernel[-1] / model[-1])
            what = f"life cycle of {pages} pages"
            found += [
                Result(f"{what}: model", median(model[1:]) * 1e6, "us"),
                Result(f"{what}: kernel", median(kernel[1:]) * 1e6, "us"),
                Result(f"{what}: kernel / model", median(whole[1:]), "times"),
                Result(f"{what}: operations alone", median(ops[1:]), "times", bound, at_least=True),
            ]
    return found
