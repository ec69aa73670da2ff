"""Lab of notebook 00: the lesson's program, with the two sliders that every lab has."""

from ..linux.scenario import lesson
from .controls import Slider
from .lab import Lab


def start(pages: int = 5, pool: int = 10) -> Lab:
    """The lesson's program from open to unlink. ``pages`` mapped and written, of a pool of ``pool``."""
    return Lab(
        "The lesson's program",
        {"pages": Slider("pages", pages), "pool": Slider("pool", pool)},
        lambda pages, pool: lesson(pages, pool),
    )
