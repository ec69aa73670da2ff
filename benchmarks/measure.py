"""hugelab measure on this machine: faults, first touch, the verdicts of the probe, and how long it takes.

Its own ratios are measured side by side (hugelab/measure); this holds them against their bounds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from hugelab.core.units import GIB, MIB, format_size
from hugelab.measure import Measured, fractured

from .result import Result

VERDICTS = 20
COMMAND = [sys.executable, "-m", "hugelab", "measure", "--yes", "--json"]


def measure() -> list[Result]:
    """One whole run as a user starts it, then the probe again and again."""
    begin = time.monotonic()
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=True)
    found = [Result("hugelab measure, all of it", time.monotonic() - begin, "s", 60)]
    measured = Measured.from_json(json.loads(done.stdout))
    faults = {(one.size, one.kind): one.faults for one in measured.faults}
    touch = {(one.size, one.kind): one.gain.median for one in measured.touch}
    for size in (10 * MIB, GIB):
        ratio, name = faults[size, "4K"] / faults[size, "2M"], format_size(size)
        found += [
            Result(f"faults in {name}, 4 KB : 2 MB pages, at least", ratio, "times", 512, at_least=True),
            Result(f"faults in {name}, 4 KB : 2 MB pages, at most", ratio, "times", 512),
            *(
                Result(f"first touch of {name}, 4 KB / {kind}", touch[size, kind], "times", 3, at_least=True)
                for kind in ("THP", "2M")
            ),
        ]
    for load in measured.loads:
        if load.size in (10 * MIB, GIB) and load.kind != "4K":
            what = f"random loads in {format_size(load.size)}, 4K / {load.kind}: {load.verdict}"
            found.append(Result(what, load.gain.median, "times"))
    verdicts = [bool(fractured("THP")) for _ in range(VERDICTS)]
    same = max(verdicts.count(True), verdicts.count(False))
    found.append(Result(f"equal verdicts of {VERDICTS} fracture probes", same, "verdicts", VERDICTS, at_least=True))
    return found
