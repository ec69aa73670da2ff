"""Measures the gain of huge pages on this machine: faults, first touch, random loads, and the host's page size.

Results can be read and shown on any system; measuring needs Linux on x86-64.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..live.errors import LiveUnavailable
from .result import BUDGET, Fracture, Measured, check
from .words import sentences, table

if TYPE_CHECKING:
    from ..live.pool import Pool
    from .budget import Progress

__all__ = ["BUDGET", "Fracture", "Measured", "check", "fractured", "measure", "sentences", "table"]


def measure(
    sizes: tuple[int, ...] | None = None,
    budget: float = BUDGET,
    pool: Pool | None = None,
    why: str = "",
    progress: Progress | None = None,
) -> Measured:
    """``session.measure``: buffers of ``sizes`` (bytes) in ``budget`` seconds; ``why``: the reason for no pool."""
    _need_linux()
    from . import session

    return session.measure(sizes, budget, pool, why, progress)


def fractured(kind: str) -> Fracture:
    """``fracture.probe``: is a page of this kind ("THP", "2M", "1G") backed by small pages of the host?"""
    _need_linux()
    from . import fracture

    return fracture.probe(kind)


def _need_linux() -> None:
    if sys.platform != "linux":
        raise LiveUnavailable(f"measuring needs Linux on x86-64, this is {sys.platform}")
