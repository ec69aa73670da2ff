"""Lab of notebook 06: the lesson's headline, 5 entries instead of 2560, on the processor of your choice."""

from __future__ import annotations

from ..draw import tlb
from ..tlb.machines import GEOMETRIES
from .controls import Choice, Slider
from .explore import STOPS
from .sheet import SheetLab


def entries(pages: int = 5, geometry: str = "lesson") -> SheetLab:
    """``pages`` of 2 MB: TLB entries and page faults, beside those of the same bytes in other page sizes."""
    return SheetLab(
        "TLB entries and page faults",
        {
            "pages": Slider("2 MB pages", pages, stops=STOPS[1:]),
            "geometry": Choice("processor", tuple(GEOMETRIES), geometry),
        },
        tlb.entries,
    )
