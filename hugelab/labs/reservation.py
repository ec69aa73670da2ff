"""Lab of notebook 02: mmap reserves pages, and allocates none."""

from ..course.mapping import KINDS as KINDS
from ..course.mapping import mapped as mapped
from ..course.mapping import reserved as reserved
from .widget.controls import choice, slider
from .widget.film_lab import FilmLab


def reservation(pages: int = 5, pool: int = 10, kind: str = "shared file", second: int = 0, offset: int = 0) -> FilmLab:
    """Map ``pages``, then (if ``second`` is not 0) ``second`` pages of the same file from page ``offset`` on."""
    return FilmLab(
        "mmap: a reservation",
        {
            "pages": slider("pages", pages),
            "pool": slider("pool", pool),
            "kind": choice("mapping", tuple(KINDS), kind),
            "second": slider("second mapping", second),
            "offset": slider("its first page", offset, most=8),
        },
        reserved,
        focus=lambda **values: "mmap",
    )


promise = reservation  # an older name
