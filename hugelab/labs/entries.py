"""Lab of notebook 06: the lesson's headline, 5 entries instead of 2560, on the processor of your choice."""

from ..draw import tlb
from ..tlb.machines import GEOMETRIES
from .controls import Choice, Slider
from .explore import STOPS
from .sheet import SheetLab

INTERESTING = (33, 2560)  # one page more than the first level of many a processor holds; the lesson's other number


def entries(pages: int = 5, geometry: str = "lesson") -> SheetLab:
    """``pages`` of 2 MB: TLB entries and page faults, beside those of the same bytes in other page sizes.

    Raises ValueError for less than 1 page.
    """
    if pages < 1:
        raise ValueError(f"2 MB pages: 1 or more, not {pages}")
    return SheetLab(
        "TLB entries and page faults",
        {
            "pages": Slider("2 MB pages", pages, stops=sorted({*STOPS[1:], *INTERESTING, pages})),
            "geometry": Choice("processor", tuple(GEOMETRIES), geometry),
        },
        tlb.entries,
    )
