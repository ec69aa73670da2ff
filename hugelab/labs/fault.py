"""Lab of notebook 03: one page fault after another."""

from ..course.mapping import ACCESS, KINDS, touched_pages
from .widget.controls import choice, slider
from .widget.film_lab import FilmLab


def fault(
    pages: int = 5, pool: int = 10, touched: int = 5, kind: str = "shared file", access: str = "write"
) -> FilmLab:
    """Map ``pages`` and touch the first ``touched``, one after another; these may be more than are mapped."""
    return FilmLab(
        "page fault: the reservation is used",
        {
            "pages": slider("pages", pages),
            "pool": slider("pool", pool),
            "touched": slider("touched", touched),
            "kind": choice("mapping", tuple(KINDS), kind),
            "access": choice("access", tuple(ACCESS), access),
        },
        touched_pages,
    )
