"""One program on the kernel of this machine, for a lab: what would change, the run, and every refusal as one line.

Imports the live modules only when they are used, so that the labs work on any system.
"""

from __future__ import annotations

import contextlib
import io
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..cli.live import on_live, other_version, version
from ..live.errors import LiveUnavailable
from ..live.probe import pools
from ..recording import Recording
from ..scenario import Scenario
from ..source import record

if TYPE_CHECKING:
    from ..live.pool import Pool

PATIENCE = 10.0  # seconds to wait for somebody else who has borrowed the pool: the notebook waits, too

__all__ = ["PATIENCE", "obstacle", "other_version", "plan", "run_here", "version"]


def obstacle() -> str:
    """Why no program can run on the kernel of this machine; "" when nothing is known to be in the way."""
    if sys.platform != "linux":
        return f"that needs Linux, and this is {platform.system()}"
    if not pools():
        return "the kernel of this machine has no huge page pools"
    from ..live import access

    return access.unavailable().removesuffix(": --on model runs anywhere")


def plan() -> str:
    """What a run will change on this machine, in a few lines. Raises LiveUnavailable when it cannot be."""
    if why := obstacle():
        raise LiveUnavailable(why)
    from ..live.pool import describe, need_root

    if os.geteuid() == 0:
        need_root()
        return describe()
    return (
        "You are not root, so the huge page pool stays as it is, and the program runs only if the pool happens to\n"
        "fit: exactly its pages, all free, and a hugetlbfs that is yours. If something is missing, the command is said."
    )


def run_here(scenario: Scenario, say: Callable[[str], None]) -> Recording:
    """Run a program on this kernel; the pool is put back on every way out.

    ``say`` gets lines about the progress. Raises LiveUnavailable or ScenarioError: one line that says what is missing.
    """
    if why := obstacle():
        raise LiveUnavailable(why)
    with contextlib.redirect_stderr(_Lines(say)), _pool() as pool:
        return on_live(scenario, pool, lambda kernel: record(kernel, scenario))


@contextmanager
def _pool() -> Iterator[Pool]:
    """The pools: borrowed by root, for anybody else as they are. The learner was asked before."""
    from ..live.pool import as_found, borrow

    with borrow(yes=True, wait=PATIENCE) if os.geteuid() == 0 else as_found(PATIENCE) as pool:
        yield pool


class _Lines(io.TextIOBase):
    """A stream that hands on each line: the pool says there for whom it waits and what it put back."""

    def __init__(self, say: Callable[[str], None]):
        self._say = say

    def write(self, text: str) -> int:
        if line := text.strip().removeprefix("hugelab: "):
            self._say(line)
        return len(text)
