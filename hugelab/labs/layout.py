"""Lab of notebook 05: virtual address, struct page, pfn, physical address, on two machines."""

from ..linux.machines import MACHINES, Machine
from ..linux.scenario import Scenario, lesson
from .controls import Choice, Slider
from .lab import Lab


def _program(pages: int, pool: int, machine: str) -> Scenario:
    return lesson(pages, pool)


def _machine(pages: int, pool: int, machine: str) -> Machine:
    return MACHINES[machine]


def layout(pages: int = 5, pool: int = 10, machine: str = "lesson") -> Lab:
    """The lesson's program; ``machine`` decides the addresses and the order of the frames."""
    return Lab(
        "Structures and layout",
        {
            "pages": Slider("pages", pages),
            "pool": Slider("pool", pool),
            "machine": Choice("machine", tuple(MACHINES), machine),
        },
        _program,
        machine=_machine,
    )
