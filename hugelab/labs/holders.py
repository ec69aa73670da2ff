"""Lab of notebook 04: who still holds the page, and when it comes back."""

from typing import Any

from ..linux.scenario import Scenario
from .controls import Choice, Slider
from .lab import Lab
from .reservation import KINDS, mapped

ENDS = {
    "munmap, close, unlink": ("munmap", "close", "unlink"),
    "unlink, close, munmap": ("unlink", "close", "munmap"),
    "unlink, munmap, close": ("unlink", "munmap", "close"),
    "munmap, close (no unlink)": ("munmap", "close"),
    "exit, then unlink": ("exit", "unlink"),
    "ftruncate to 2 pages, munmap, close": ("ftruncate", "munmap", "close"),
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "munmap": {"map": "ptr"},
    "close": {"fd": "f"},
    "unlink": {"path": "m/test_file"},
    "exit": {},
    "ftruncate": {"fd": "f", "pages": 2},
}


def program(pages: int, pool: int, touched: int, kind: str, end: str) -> Scenario:
    """Map, touch, and let go in the order ``end``."""
    scenario = mapped("holders", pages, pool, kind)
    scenario = scenario.then("touch", map="ptr", page=0, count=touched, mode="w")
    for op in ENDS[end]:
        scenario = scenario.then(op, **ARGUMENTS[op])
    return scenario


def holders(
    pages: int = 5, pool: int = 10, touched: int = 5, kind: str = "shared file", end: str = "munmap, close, unlink"
) -> Lab:
    """Map, touch, and let go in the order ``end``."""
    return Lab(
        "Who still holds the page?",
        {
            "pages": Slider("pages", pages),
            "pool": Slider("pool", pool),
            "touched": Slider("touched", touched),
            "kind": Choice("mapping", tuple(KINDS), kind),
            "end": Choice("the end", tuple(ENDS), end),
        },
        program,
        focus=lambda end, **values: ENDS[end][0],
    )
