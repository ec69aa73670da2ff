"""Lab of notebook 05: virtual address, struct page, pfn, physical address, on two machines."""

from ..linux.machines import MACHINES, Machine
from ..linux.scenario import Scenario, lesson
from .widget.controls import choice, slider
from .widget.film_lab import FilmLab


def _program(pages: int, pool: int, machine: str) -> Scenario:
    return lesson(pages, pool)


def _machine(pages: int, pool: int, machine: str) -> Machine:
    return MACHINES[machine]


def layout(pages: int = 5, pool: int = 10, machine: str = "lesson") -> FilmLab:
    """The lesson's program; ``machine`` decides the addresses and the order of the frames."""
    return FilmLab(
        "Structures and layout",
        {
            "pages": slider("pages", pages),
            "pool": slider("pool", pool),
            "machine": choice("machine", tuple(MACHINES), machine),
        },
        _program,
        machine=_machine,
    )
