"""Lab of notebook 03: one page fault after another."""

from ..linux.scenario import Scenario
from .controls import Choice, Slider
from .lab import Lab
from .reservation import KINDS, mapped

ACCESS = {"write": ["w"], "read": ["r"], "read, then write": ["r", "w"]}


def _program(pages: int, pool: int, touched: int, kind: str, access: str) -> Scenario:
    scenario = mapped("fault", pages, pool, kind)
    for mode in ACCESS[access]:
        scenario = scenario.then("touch", map="ptr", page=0, count=touched, mode=mode)
    return scenario


def fault(pages: int = 5, pool: int = 10, touched: int = 5, kind: str = "shared file", access: str = "write") -> Lab:
    """Map ``pages`` and touch the first ``touched``, one after another; these may be more than are mapped."""
    return Lab(
        "page fault: the reservation is used",
        {
            "pages": Slider("pages", pages),
            "pool": Slider("pool", pool),
            "touched": Slider("touched", touched),
            "kind": Choice("mapping", tuple(KINDS), kind),
            "access": Choice("access", tuple(ACCESS), access),
        },
        _program,
    )
