"""Lab of notebook 07: the pool grows and shrinks while it is used; surplus pages come and go."""

from ..course.mapping import KINDS, LATER, resized
from ..linux.machines import X86_64
from .widget.controls import choice, slider
from .widget.film_lab import FilmLab


def resize(
    pool: int = 10,
    overcommit: int = 0,
    pages: int = 6,
    touched: int = 4,
    number: int = 2,
    kind: str = "shared file",
    later: str = "give all back",
) -> FilmLab:
    """Map ``pages``, touch some, and set the pool to ``number`` of pages under use."""
    return FilmLab(
        "The pool changes under use",
        {
            "pool": slider("pool", pool),
            "overcommit": slider("nr_overcommit", overcommit, most=8),
            "pages": slider("pages", pages),
            "touched": slider("touched", touched),
            "number": slider("new nr_hugepages", number),
            "kind": choice("mapping", tuple(KINDS), kind),
            "later": choice("later", tuple(LATER), later),
        },
        resized,
        focus=lambda **values: "set_nr",
        machine=lambda **values: X86_64,
    )
