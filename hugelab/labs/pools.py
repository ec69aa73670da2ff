"""Lab of notebook 09: pages of 2 MB beside pages of 1 GB, and which call takes from which pool."""

from __future__ import annotations

from ..core.units import GIB, MIB, format_size
from ..draw.sizes import DEFAULTS
from ..draw.sizes import pools as sheet
from .controls import Choice, Slider
from .sheet import SheetLab

LENGTHS = (1, MIB, 2 * MIB, 10 * MIB, 512 * MIB, GIB, GIB + 1, 2 * GIB, 4 * GIB, 5 * GIB)


def pools(length: int = 10 * MIB, default: str = "2 MB") -> SheetLab:
    """``length`` bytes asked for by each call, on a machine with pages of 2 MB and of 1 GB."""
    return SheetLab(
        "Which pool?",
        {
            "length": Slider("bytes", length, stops=sorted({*LENGTHS, length}), name=format_size),
            "default": Choice("default size", tuple(DEFAULTS), default),
        },
        sheet,
    )
