"""Record what kernels answer to the main programs of notebooks 07 to 09, for learners who cannot ask their own.

    sudo .venv/bin/python tools/record_on_kernel.py [--yes]
    .venv/bin/python tools/record_on_kernel.py --cases cases.json
    .venv/bin/python tools/record_nodes.py --kernel VMLINUZ cases.json answers.json
    .venv/bin/python tools/record_on_kernel.py --nodes answers.json

The first needs root and Linux 6.18, borrows the huge page pools for half a minute and puts them back. The others are
for the programs that need two memory nodes. Writes hugelab/course/data/on_kernel.json; what it does not record stays.
Each program runs twice, and both runs must agree.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from hugelab.cli.live import on_live
from hugelab.core.state import Counters
from hugelab.course.on_kernel import FILE, GROUPS
from hugelab.course.recorded import write_step
from hugelab.linux.scenario import Op, Scenario, load
from hugelab.live.errors import LiveUnavailable
from hugelab.live.pool import Pool, borrow
from hugelab.live.version import version
from hugelab.record.recording import Recording, Step, compare
from hugelab.record.source import record

NODES = "nodes"


def _ask(text: str) -> bool:
    return input(f"{text}\nGo on? [y/N] ").strip().lower() in ("y", "yes")


def _run(scenario: Scenario, pool: Pool) -> Recording:
    return on_live(scenario, pool, lambda kernel: record(kernel, scenario))


def _twice(scenario: Scenario, pool: Pool) -> list[str]:
    first, second = _run(scenario, pool), _run(scenario, pool)
    if difference := compare(first, second):
        raise SystemExit(f"{scenario.name} answers differently the second time: {difference}")
    return [write_step(step) for step in first.steps]


def here(yes: bool) -> dict[str, Any]:
    """The answers of the running kernel to every group but that of the nodes."""
    with borrow(yes, _ask, wait=1800) as pool:
        return {
            group: {"kernel": version(), "answers": {name: _twice(one, pool) for name, one in programs.items()}}
            for group, programs in GROUPS.items()
            if group != NODES
        }


def of_nodes(path: Path) -> dict[str, Any]:
    """The answers in a file of record_nodes.py; its cases have the names of the programs."""
    kernel = json.loads(path.read_text(encoding="utf-8"))["kernel"].partition("-")[0]
    answers = {case.name: [_answer(op) for op in case.steps] for case in load(path)}
    return {NODES: {"kernel": kernel, "answers": answers}}


def _answer(op: Op) -> str:
    expect = op.expect or {}
    now = Counters(*(expect[name] for name in ("total", "free", "rsvd", "surp")))
    return write_step(Step(0, op, expect["outcome"], expect.get("value"), {"2M": now}, 0, -1))


def main() -> int:
    """Record, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yes", action="store_true", help="change the pool without asking")
    parser.add_argument("--cases", type=Path, help="only write the programs for two nodes to this file")
    parser.add_argument("--nodes", type=Path, help="take their answers from this file of record_nodes.py")
    asked = parser.parse_args()
    if asked.cases:
        cases = [{**one.to_json(), "name": name} for name, one in GROUPS[NODES].items()]
        asked.cases.write_text(json.dumps({"scenarios": cases}), encoding="utf-8")
        return 0
    found = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    try:
        found |= of_nodes(asked.nodes) if asked.nodes else here(asked.yes)
    except LiveUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
