"""A real kernel's answers to every program that the side by side lab offers, from a file of the package.

The file is made by ``tools/record_side_by_side.py``. Equal answers are in it once: ``cases`` holds, by mapping, end,
pool, pages and touched, a number in ``answers``, and an answer one text a step: outcome, total/free/rsvd/surp and,
where there is one, the value as JSON.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from ..core.state import Counters, State
from ..linux.machines import X86_64
from ..linux.scenario import Op, Scenario
from ..record.recording import Recording, Step
from .mapping import ENDS, KINDS
from .mapping import let_go as program

FILE = Path(__file__).parent / "data" / "side_by_side_6.18.json"
POOLS = (10, 4)  # one that is enough for every program, one that is not
MOST_PAGES = 6  # of the two sliders


def choices() -> Iterator[dict[str, Any]]:
    """Every combination of values that the lab's controls can have."""
    pages = range(MOST_PAGES + 1)
    names = ("kind", "end", "pool", "pages", "touched")
    for values in product(KINDS, ENDS, POOLS, pages, pages):
        yield dict(zip(names, values, strict=True))


def fingerprint() -> str:
    """Changes when any of the programs does: then what was recorded belongs to others."""
    programs = [program(**choice).to_json() for choice in choices()]
    return hashlib.sha256(json.dumps(programs).encode()).hexdigest()[:16]


# -- reading -----------------------------------------------------------------------------------------
@cache
def _file() -> Any:
    return json.loads(FILE.read_text(encoding="utf-8"))


def kernel() -> str:
    """The version that was recorded, such as 6.18.44."""
    return str(_file()["kernel"])


def answer(pages: int, pool: int, touched: int, kind: str, end: str) -> Recording | None:
    """The kernel's answers to one program, or None if it was not asked."""
    try:
        number = _file()["cases"][kind][end][str(pool)][pages][touched]
    except LookupError:
        return None
    scenario = program(pages, pool, touched, kind, end)
    texts = _file()["answers"][number]
    steps = [read_step(index, op, text) for index, (op, text) in enumerate(zip(scenario.steps, texts, strict=True))]
    machine = replace(X86_64, name="recorded", title=f"Linux {kernel()}, recorded")
    return Recording(scenario, machine, State(), "recorded", steps)


def read_step(index: int, op: Op, text: str) -> Step:
    """A step in the words of the file."""
    outcome, counters, *value = text.split(" ", 2)
    now = Counters(*map(int, counters.split("/")))
    return Step(index, op, outcome, json.loads(value[0]) if value else None, {"2M": now}, 0, -1)


# -- writing -----------------------------------------------------------------------------------------
def pack(version: str, recordings: Iterable[Recording]) -> dict[str, Any]:
    """The file's content: the recordings of ``choices()``, in that order."""
    numbers: dict[tuple[str, ...], int] = {}
    cases: dict[str, Any] = {}
    for choice, recording in zip(choices(), recordings, strict=True):
        found = tuple(write_step(step) for step in recording.steps)
        pools = cases.setdefault(choice["kind"], {}).setdefault(choice["end"], {})
        table = pools.setdefault(str(choice["pool"]), [])
        if choice["touched"] == 0:
            table.append([])
        table[choice["pages"]].append(numbers.setdefault(found, len(numbers)))
    about = "what a real kernel answered to each program of labs.side_by_side: see hugelab/course/recorded.py"
    return {
        "about": about,
        "kernel": version,
        "programs": fingerprint(),
        "answers": [list(answer) for answer in numbers],
        "cases": cases,
    }


def write_step(step: Step) -> str:
    """The words of the file for a step: outcome, total/free/rsvd/surp of the first pool, the value as JSON."""
    now = next(iter(step.counters.values()))
    value = "" if step.value is None else f" {json.dumps(step.value)}"
    return f"{step.outcome} {now}{value}"


def dump(content: dict[str, Any]) -> str:
    """The file's text: a line an answer, a line the touched values of one pages value."""
    lines = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return lines.replace("],[", "],\n[").replace('},"', '},\n"').replace('","cases"', '",\n"cases"') + "\n"


def programs() -> Iterator[tuple[dict[str, Any], Scenario]]:
    """Every choice with its program."""
    for choice in choices():
        yield choice, program(**choice)
