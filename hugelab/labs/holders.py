"""Lab of notebook 04: who still holds the page, and when it comes back."""

from ..course.mapping import ENDS as ENDS
from ..course.mapping import KINDS as KINDS
from ..course.mapping import let_go as program
from .widget.controls import choice, slider
from .widget.film_lab import FilmLab


def holders(
    pages: int = 5, pool: int = 10, touched: int = 5, kind: str = "shared file", end: str = "munmap, close, unlink"
) -> FilmLab:
    """Map, touch, and let go in the order ``end``."""
    return FilmLab(
        "Who still holds the page?",
        {
            "pages": slider("pages", pages),
            "pool": slider("pool", pool),
            "touched": slider("touched", touched),
            "kind": choice("mapping", tuple(KINDS), kind),
            "end": choice("the end", tuple(ENDS), end),
        },
        program,
        focus=lambda end, **values: ENDS[end][0],
    )
