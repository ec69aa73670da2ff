"""Reading a log of a million lines: how long, and in how much memory.

The time bound is absolute because a user waits that long; beside it stands what only splitting the same lines costs, so
that another machine can be compared.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .result import Result

GRAPH = Path(__file__).parents[1] / "tests" / "trace" / "data" / "d61amd64_lesson_graph.txt"
LINES = 1_000_000
# Reads the file as `hugelab trace` does, and says how much memory that took.
READ = (
    "import resource, sys; from hugelab.trace.detective import examine; report = examine(sys.argv[1]); "
    "print(report.lines, report.unread, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
)


def lines() -> Iterator[str]:
    """The calls of a recorded lesson, again and again, a microsecond apart."""
    text = GRAPH.read_text().splitlines()
    body = [line for line in text if re.match(r"\s*\d+\.\d+ \|.*(?:\(\);|\{|\})", line) and "STEP" not in line]
    yield from (line for line in text if line.startswith("#"))
    for number in range(LINES):
        rest = body[number % len(body)].partition("|")[2]
        yield f"{100 + number // 1_000_000:5}.{number % 1_000_000:06} |{rest}"


def measure() -> Iterator[Result]:
    """Seconds, and MB of the whole process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.txt"
        with path.open("w") as out:
            out.writelines(f"{line}\n" for line in lines())
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=True)
        took = time.perf_counter() - begin
        begin = time.perf_counter()
        with path.open() as again:
            fields = sum(len(line.split()) for line in again)
        split = time.perf_counter() - begin
    read, unread, kilobytes = map(int, done.stdout.split())
    assert read > LINES
    assert unread == 0
    assert fields > LINES
    yield Result(f"{LINES:,} lines of function_graph", took, "s", 20)
    yield Result("the same, against splitting the lines", took / split, "times")
    yield Result("memory of the whole process", kilobytes / 1024, "MB", 300)
