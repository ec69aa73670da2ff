"""Lab of notebook 07: one shortage, and every way of asking for the page that is not there."""

from __future__ import annotations

from ..draw.shortage import shortage as sheet
from ..shortage import LIMITS
from .controls import Choice, Slider
from .sheet import SheetLab

MOST = 12  # pages: fewer than the pool has where it is not short


def shortage(limit: str = "pages in the pool", room: int = 3, pages: int = 5) -> SheetLab:
    """``pages`` are wanted where the limit leaves ``room``: which call refuses, and what the program gets."""
    return SheetLab(
        "One shortage, many answers",
        {
            "limit": Choice("what is short", tuple(LIMITS), limit),
            "room": Slider("pages left", room, 1, MOST),
            "pages": Slider("pages wanted", pages, 1, MOST),
        },
        sheet,
    )
