"""Lab of notebook 00: the lesson's program, with the two sliders that every lab has."""

from ..linux.scenario import lesson
from .widget.controls import slider
from .widget.film_lab import FilmLab


def start(pages: int = 5, pool: int = 10) -> FilmLab:
    """The lesson's program from open to unlink. ``pages`` mapped and written, of a pool of ``pool``."""
    return FilmLab(
        "The lesson's program",
        {"pages": slider("pages", pages), "pool": slider("pool", pool)},
        lambda pages, pool: lesson(pages, pool),
    )
