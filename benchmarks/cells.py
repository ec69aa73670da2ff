"""What a lab's cell costs the kernel: from the request to its reply, each lab with its first values.

The kernel is a real one, so widgets open their comms and the display goes out; importing the labs is a cell before.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from hugelab import labs

from .result import Result

ROUNDS = 3
BOUND = 0.15  # seconds


def seconds(client: Any, code: str) -> float:
    """One cell. Raises RuntimeError if it fails."""
    begin = time.perf_counter()
    reply = client.execute_interactive(code, timeout=60, output_hook=lambda message: None)
    taken = time.perf_counter() - begin
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"{code}: {reply['content']['evalue']}")
    return taken


def measure() -> list[Result]:
    """Every lab in turns, a round after the other; the median of a lab's rounds, and the slowest of these."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel()
    try:
        seconds(client, "from hugelab import labs\nlabs.reservation()")  # its import, and the library
        names = [*labs.ALL, *labs.SHEETS]
        rounds = [{name: seconds(client, f"labs.{name}()") for name in names} for _ in range(ROUNDS)]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    taken = {name: median(one[name] for one in rounds) for name in names}
    slowest = max(taken, key=lambda name: taken[name])
    return [
        Result(f"a cell with a lab: median of {len(names)} labs", median(taken.values()), "s"),
        Result(f"a cell with a lab: the slowest, {slowest}", taken[slowest], "s", BOUND),
    ]
