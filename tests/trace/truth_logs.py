"""The answers of real kernels (data/truth_*.json) as logs of marks: 25 programs on two kernels, with or without PIDs.

The recorded logs themselves are of ten of these programs only; the detective must follow all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.conftest import DATA

KERNELS = ("k310pae", "d61amd64")


def names(kernel: str) -> list[str]:
    """The programs of a kernel."""
    return list(_truth(kernel)["scenarios"])


def _truth(kernel: str) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((DATA / f"truth_{kernel}.json").read_text())
    return truth


def log(kernel: str, name: str, pids: bool) -> list[str]:
    """The log of one program. ``pids``: as ftrace shows it, with a PID in every line; else as dmesg does."""
    truth = _truth(kernel)
    bits = 32 if kernel == "k310pae" else 64
    lines = [f"# kernel:   {truth['kernel']}", f"# cmdline:  {truth['cmdline']}"]
    time = 10.0
    for pid, mark in _marks(truth["scenarios"][name], name, bits):
        time += 0.001
        front = f"         hugelab-{pid}     [000] .....  {time:11.6f}: tracing_mark_write: "
        lines.append((front if pids else f"[{time:12.6f}] ") + mark)
    return lines


def _marks(case: dict[str, Any], name: str, bits: int) -> Iterator[tuple[int, str]]:
    main, child = 700, 701
    yield main, f"PROG hugelab {name} pid={main} bits={bits}"
    yield main, _snap(case["start"])
    numbers = {"main": 0, "child": 0}
    for step in case["steps"]:
        who = step["who"]
        pid = child if who == "child" else main
        numbers[who] += 1
        yield pid, f"STEP {numbers[who]} {step['do']}"
        late = []
        for answer in step["ret"]:
            if answer.startswith("PARENT"):
                late.append((main, f"PARENT pid={main}"))
            elif answer.startswith("CHILD exit"):
                late.append((child, answer))
            elif answer.startswith("child exit"):
                late.append((main, f"RET {answer}"))
            elif answer.startswith("CHILD"):
                late.append((child, f"CHILD pid={child}"))
                numbers["child"] = numbers["main"]
            elif answer.startswith("fork"):
                yield pid, f"RET fork = {child}"
            else:
                yield pid, f"RET {answer}"
        for va, pfn, node, flags in step["pages"]:
            yield pid, f"PAGE va={va} pfn={pfn} node={node} kflags={flags}"
        if step["do"].startswith("child maps"):
            numbers["child"] = numbers["main"]
            yield child, f"CHILD pid={child}"
        ends = [mark for mark in late if "exit" in mark[1]]
        yield from ends
        if step["after"]:
            yield main if ends else pid, _snap(step["after"])
        yield from (mark for mark in late if "exit" not in mark[1])


def _snap(counters: dict[str, Any]) -> str:
    nodes = "".join(f" n{i}={'/'.join(map(str, node))}" for i, node in enumerate(counters.get("nodes") or ()))
    return (
        f"SNAP total={counters['total']} free={counters['free']} rsvd={counters['rsvd']} surp={counters['surp']}{nodes}"
    )
