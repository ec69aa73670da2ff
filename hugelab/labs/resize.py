"""Lab of notebook 07: the pool grows and shrinks while it is used; surplus pages come and go."""

from ..linux.machines import X86_64
from ..linux.scenario import Scenario
from .controls import Choice, Slider
from .holders import ARGUMENTS
from .lab import Lab
from .reservation import KINDS

LATER = {
    "give all back": ("munmap", "close", "unlink"),
    "give all back, then grow to 10": ("munmap", "close", "unlink", "grow"),
    "grow to 10, then give all back": ("grow", "munmap", "close", "unlink"),
}


def program(pool: int, overcommit: int, pages: int, touched: int, number: int, kind: str, later: str) -> Scenario:
    """Map and touch, write ``number`` to nr_hugepages, then go on."""
    scenario = Scenario("resize", nr=pool, overcommit=overcommit).then("open", fd="f", path="m/test_file")
    scenario = scenario.then("mmap", map="ptr", fd="f", pages=pages, flags=KINDS[kind])
    scenario = scenario.then("touch", map="ptr", page=0, count=touched).then("set_nr", n=number)
    for op in LATER[later]:
        scenario = scenario.then("set_nr", n=10) if op == "grow" else scenario.then(op, **ARGUMENTS[op])
    return scenario


def resize(
    pool: int = 10,
    overcommit: int = 0,
    pages: int = 6,
    touched: int = 4,
    number: int = 2,
    kind: str = "shared file",
    later: str = "give all back",
) -> Lab:
    """Map ``pages``, touch some, and set the pool to ``number`` of pages under use."""
    return Lab(
        "The pool changes under use",
        {
            "pool": Slider("pool", pool),
            "overcommit": Slider("nr_overcommit", overcommit, most=8),
            "pages": Slider("pages", pages),
            "touched": Slider("touched", touched),
            "number": Slider("new nr_hugepages", number),
            "kind": Choice("mapping", tuple(KINDS), kind),
            "later": Choice("later", tuple(LATER), later),
        },
        program,
        focus=lambda **values: "set_nr",
        machine=lambda **values: X86_64,
    )
