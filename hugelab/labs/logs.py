"""Notebook 11: what each format of a log carries."""

from ..course.logs import CARRIES, carried
from ..course.logs import CASES as CASES
from ..course.logs import LESSON as LESSON
from ..course.logs import programs as programs
from ..course.logs import report as report
from ..course.logs import text as text
from ..trace.verdict import Says
from ..views.tables import Table


def formats() -> Table:
    """Each case: its format, what its events carry, the SNAPs that were compared, what was left undecided."""
    rows = []
    for case in CASES:
        found, there = report(case), carried(case)
        marks = ["yes" if one.what in there else "-" for one in CARRIES]
        snaps = f"{found.snaps_checked} of {found.snaps}" if found.snaps else "-"
        rows.append((case, found.format, *marks, snaps, found.counted[Says.UNDECIDABLE.value]))
    names = [one.what for one in CARRIES]
    return Table(("log", "format", *names, "SNAPs compared", "undecided"), rows)
