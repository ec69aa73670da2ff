"""Programs of a parent, a child, and one private mapping."""

from ..linux.scenario import ANONYMOUS, Scenario

# What a process does after the fork: operation, process, and its arguments.
ACTS: dict[str, tuple[str, str, dict[str, object]]] = {
    "nothing": ("", "", {}),
    "child reads all": ("touch", "C", {"map": "A", "page": 0, "mode": "r"}),
    "child reads page 0": ("touch", "C", {"map": "A", "page": 0, "count": 1, "mode": "r"}),
    "child writes page 0": ("touch", "C", {"map": "A", "page": 0, "count": 1}),
    "child writes all": ("touch", "C", {"map": "A", "page": 0}),
    "child MADV_DONTNEED": ("madvise", "C", {"map": "A", "advice": "MADV_DONTNEED"}),
    "child exits": ("exit", "C", {}),
    "parent reads all": ("touch", "P", {"map": "A", "page": 0, "mode": "r"}),
    "parent writes page 0": ("touch", "P", {"map": "A", "page": 0, "count": 1}),
    "parent writes all": ("touch", "P", {"map": "A", "page": 0}),
    "parent MADV_DONTNEED": ("madvise", "P", {"map": "A", "advice": "MADV_DONTNEED"}),
}


def program(pool: int, pages: int, touched: int, first: str, second: str, third: str) -> Scenario:
    """A private mapping, touched in part; fork; then three acts. What an ended child would do is left out."""
    scenario = Scenario("family", nr=pool).then("mmap", map="A", pages=pages, flags=["MAP_PRIVATE", *ANONYMOUS])
    scenario = scenario.then("touch", map="A", page=0, count=touched).then("fork", child="C")
    ended = False
    for act in (first, second, third):
        op, proc, arguments = ACTS[act]
        if not op or (ended and proc == "C"):
            continue
        count = {"count": pages} if op == "touch" and "count" not in arguments else {}
        scenario = scenario.then(op, proc=proc, **arguments, **count)
        ended |= op == "exit"
    return scenario
