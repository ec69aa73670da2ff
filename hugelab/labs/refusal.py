"""Lab of notebook 07: one way of asking, event by event, up to the rule that refuses."""

from ..course.shortage import LIMITS, WAYS, program
from ..linux.machines import X86_64
from .shortage import MOST
from .widget.controls import choice, slider
from .widget.film_lab import FilmLab


def refusal(
    limit: str = "cgroup limit on pages (max)", way: str = "mmap, touch", room: int = 3, pages: int = 5
) -> FilmLab:
    """``pages`` are wanted where the limit leaves ``room``, and asked for in one way."""
    return FilmLab(
        "Which rule refuses?",
        {
            "room": slider("pages left", room, 1, MOST),
            "pages": slider("pages wanted", pages, 1, MOST),
            "limit": choice("what is short", tuple(LIMITS), limit),
            "way": choice("way of asking", tuple(WAYS), way),
        },
        program,
        machine=lambda **values: X86_64,
    )
