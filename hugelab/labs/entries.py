"""Lab of notebook 06: the lesson's headline, 5 entries instead of 2560, on the processor of your choice."""

from ..tlb.machines import GEOMETRIES
from ..views import tlb
from .explore import STOPS
from .widget.controls import buttons, choice, stops
from .widget.sheet_lab import SheetLab

INTERESTING = (33, 2560)  # one page more than the first level of many a processor holds; the lesson's other number


def entries(pages: int = 5, geometry: str = "lesson", scale: str = "linear") -> SheetLab:
    """``pages`` of 2 MB: TLB entries and page faults, beside those of the same bytes in other page sizes.

    The chart is linear, where a length is a number, or logarithmic. Raises ValueError for less than 1 page.
    """
    if pages < 1:
        raise ValueError(f"2 MB pages: 1 or more, not {pages}")
    return SheetLab(
        "TLB entries and page faults",
        {
            "pages": stops("2 MB pages", pages, {*STOPS[1:], *INTERESTING}, also=True),
            "geometry": choice("processor", tuple(GEOMETRIES), geometry),
            "scale": buttons("scale", ("linear", "logarithmic"), scale),
        },
        tlb.entries,
    )
