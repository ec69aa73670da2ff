"""The running kernel as a source for ``run`` and ``check``. Imports the live modules only when they are used."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from ..linux.scenario import Scenario
from ..live.errors import LiveUnavailable
from ..record.source import Source
from .common import say

if TYPE_CHECKING:
    from ..live.pool import Pool

T = TypeVar("T")


@contextmanager
def pool(yes: bool) -> Iterator[Pool]:
    """The pools of this machine: borrowed by root, after asking; for other users as they are.

    Raises LiveUnavailable with one line that says what is missing.
    """
    if sys.platform != "linux":
        raise LiveUnavailable(f"--on live needs Linux, this is {platform.system()}: --on model runs anywhere")
    from ..live.pool import as_found, borrow

    if os.geteuid() != 0:
        with as_found() as found:
            yield found
        return
    if not yes and not sys.stdin.isatty():
        raise LiveUnavailable("--on live changes the machine's huge page pool; no terminal to ask on: add --yes")
    with borrow(yes, ask) as borrowed:
        yield borrowed


def ask(text: str) -> bool:
    """Print what will change, and ask whether to go on."""
    say(*text.split("\n"), to=sys.stderr)
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def on_live(scenario: Scenario, pool: Pool, use: Callable[[Source], T]) -> T:
    """Boot the running kernel with a scenario, use it, and clean up after it. Raises LiveUnavailable."""
    from ..live.kernel import boot_live

    kernel = boot_live(scenario, pool)
    try:
        return use(kernel)
    finally:
        kernel.close()


def is_fatal(error: LiveUnavailable) -> bool:
    """No other case can run either: the pools are not ours, or could not be emptied."""
    if sys.platform != "linux":
        return True
    from ..live.pool import DoesNotFit, PoolError

    return isinstance(error, PoolError) and not isinstance(error, DoesNotFit)
