"""The logs of notebook 11: the lesson's page and recordings of real kernels."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..trace.detective import examine_lines
from ..trace.read.entry import EVENTS, Kind
from ..trace.read.reader import entries
from ..trace.report import Report

FOLDER = Path(__file__).parent / "data" / "recordings"
LESSON = "the lesson's page"
CASES = {
    LESSON: "lesson.txt",
    "3.10, fork and copy on write": "k310pae_fork_cow_dmesg.txt",
    "3.10, mmap is refused": "k310pae_exhaust_dmesg.txt",
    "6.1, kprobes": "d61amd64_lesson_kprobe.txt",
    "6.1, bpftrace": "d61amd64_tool_bpftrace.txt",
    "6.1, perf probe": "d61amd64_tool_perfprobe.txt",
    "7.3, function graph": "d73_lesson_graphargs.txt",
    "7.3, tracepoints alone": "d73_kaslr_recipe_tracepoint.txt",
}


def text(case: str) -> str:
    """The log of a case. Raises KeyError for none of them."""
    return (FOLDER / CASES[case]).read_text(encoding="utf-8")


@cache
def report(case: str) -> Report:
    """The detective's report on a case."""
    return examine_lines(text(case).splitlines(), CASES[case])


def programs() -> tuple[str, ...]:
    """The cases behind which the detective finds a program."""
    return tuple(case for case in CASES if report(case).program is not None)


# -- what each format carries ---------------------------------------------------------------------------
class Carries(NamedTuple):
    """Something that a log may carry, and the fields of which at least one must be there."""

    what: str
    fields: frozenset[str]


COUNTERS = "counters"
CARRIES = (
    Carries(COUNTERS, frozenset(("free", "rsvd"))),
    Carries("struct page", frozenset(("page",))),
    Carries("pfn", frozenset(("pfn",))),
    Carries("address", frozenset(("addr",))),
    Carries("reservation", frozenset(("f", "t"))),
)


def carried(case: str) -> list[str]:
    """The kinds of numbers in the events of a case (marks and meminfo are no events), in the order of CARRIES."""
    seen: dict[str, set[str]] = {one.what: set() for one in CARRIES}
    for entry in entries(text(case).splitlines()):
        if entry.kind not in EVENTS:
            continue
        arguments = entry.kind is not Kind.POINT and not entry.moment  # there "resv" is a pointer, no counter
        for what, fields in CARRIES:
            if not (arguments and what == COUNTERS):
                seen[what] |= {name for name in fields if isinstance(entry.fields.get(name), int)}
    return [what for what, names in seen.items() if names]
