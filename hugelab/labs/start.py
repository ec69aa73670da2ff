"""Lab of notebook 00: the lesson's program, with the two sliders that every lab has."""

from ..scenario import lesson
from .lab import Lab, slider


def start(pages: int = 5, pool: int = 10) -> Lab:
    """The lesson's program from open to unlink. ``pages`` mapped and written, of a pool of ``pool``."""
    return Lab(
        "The lesson's program",
        {"pages": slider("pages", pages), "pool": slider("pool", pool)},
        lambda pages, pool: lesson(pages, pool),
        focus=lambda **values: "touch",
    )
