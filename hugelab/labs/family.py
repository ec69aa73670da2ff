"""Lab of notebook 08: parent and child, one private mapping, and who gets the page that is missing."""

from ..course.family import ACTS as ACTS
from ..course.family import program as program
from ..linux.machines import X86_64
from .widget.controls import choice, slider
from .widget.film_lab import FilmLab


def family(
    pool: int = 6,
    pages: int = 4,
    touched: int = 3,
    first: str = "child reads page 0",
    second: str = "child writes page 0",
    third: str = "parent writes all",
) -> FilmLab:
    """Map ``pages`` private, touch the first ones, fork, and let both act."""
    acts = tuple(ACTS)
    return FilmLab(
        "Private, forked, copied on write",
        {
            "pool": slider("pool", pool, most=12),
            "pages": slider("pages", pages, 1, 8),
            "touched": slider("touched before fork", touched, most=8),
            "first": choice("first", acts, first),
            "second": choice("then", acts, second),
            "third": choice("and then", acts, third),
        },
        program,
        focus=lambda **values: "fork",
        machine=lambda **values: X86_64,
    )
