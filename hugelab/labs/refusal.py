"""Lab of notebook 07: one way of asking, event by event, up to the rule that refuses."""

from ..linux.machines import X86_64
from ..record.recording import Recording
from .controls import Choice, Slider
from .lab import Lab
from .shortage import LIMITS, MOST, WAYS, program


class RefusalLab(Lab):
    """The timeline starts where something is refused."""

    def _start(self) -> int:
        return self.film.timeline.position(refused(self.recording))


def refused(recording: Recording) -> int:
    """The first event at which a rule refuses; the last one if none does."""
    found = (event.index for event in recording if "rule" in event.detail)
    return next(found, len(recording) - 1)


def refusal(
    limit: str = "cgroup limit on pages (max)", way: str = "mmap, touch", room: int = 3, pages: int = 5
) -> RefusalLab:
    """``pages`` are wanted where the limit leaves ``room``, and asked for in one way."""
    return RefusalLab(
        "Which rule refuses?",
        {
            "room": Slider("pages left", room, 1, MOST),
            "pages": Slider("pages wanted", pages, 1, MOST),
            "limit": Choice("what is short", tuple(LIMITS), limit),
            "way": Choice("way of asking", tuple(WAYS), way),
        },
        program,
        machine=lambda **values: X86_64,
    )
