"""Record this kernel's answers to every program of the side by side lab, for learners who cannot ask their own.

    sudo .venv/bin/python tools/record_side_by_side.py [--yes]

Needs root and Linux 6.18; borrows the huge page pool (up to ten pages of 2 MB) for about four minutes and puts it back.
Each program runs twice, and both runs must agree. Writes hugelab/course/data/side_by_side_6.18.json. Run it when the
programs change: tests/labs/test_recorded.py says so.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hugelab.cli.live import on_live
from hugelab.course import recorded
from hugelab.linux.scenario import Scenario
from hugelab.live.errors import LiveUnavailable
from hugelab.live.pool import Pool, borrow
from hugelab.live.version import version
from hugelab.record.recording import Recording, compare
from hugelab.record.source import record


def _ask(text: str) -> bool:
    return input(f"{text}\nGo on? [y/N] ").strip().lower() in ("y", "yes")


def _run(scenario: Scenario, pool: Pool) -> Recording:
    return on_live(scenario, pool, lambda kernel: record(kernel, scenario))


def _recordings(pool: Pool) -> Iterator[Recording]:
    for choice, scenario in recorded.programs():
        first, second = _run(scenario, pool), _run(scenario, pool)
        if difference := compare(first, second):
            raise SystemExit(f"{choice} answers differently the second time: {difference}")
        yield first


def main(yes: bool) -> int:
    """Record, write, say how long it took."""
    if version().split(".")[:2] != ["6", "18"]:
        return _fail(f"the file is about Linux 6.18, this is {version()}")
    start = time.monotonic()
    try:
        with borrow(yes, _ask, wait=1800) as pool:
            text = recorded.dump(recorded.pack(version(), _recordings(pool)))
    except LiveUnavailable as error:
        return _fail(str(error))
    recorded.FILE.write_text(text, encoding="utf-8")
    print(f"{recorded.FILE.name}: {len(text):,} bytes in {time.monotonic() - start:.0f} s")
    return 0


def _fail(text: str) -> int:
    print(text, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main("--yes" in sys.argv[1:]))
