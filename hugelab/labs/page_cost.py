"""Lab of notebook 09: what the metadata of huge pages costs, on the architecture of your choice."""

from __future__ import annotations

from ..core.units import GIB, format_size
from ..draw.sizes import page_cost as sheet
from ..linux.architectures import NAMED
from .controls import Choice, Slider
from .sheet import SheetLab


def page_cost(memory: int = 1024 * GIB, architecture: str = "x86-64") -> SheetLab:
    """``memory`` bytes of huge pages: their struct pages, and what HVO gives back."""
    stops = sorted({*(GIB << i for i in range(13)), memory})
    return SheetLab(
        "What a huge page's metadata costs",
        {
            "memory": Slider("memory", memory, stops=stops, name=format_size),
            "architecture": Choice("architecture", tuple(NAMED), architecture),
        },
        sheet,
    )
