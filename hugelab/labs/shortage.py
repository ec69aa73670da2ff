"""Lab of notebook 07: one shortage of pages, and every way of asking for more pages than there are.

The programs ask for more pages of 2 MB than a limit leaves, each in another way, on the model or on a live kernel.
"""

from typing import Any

from ..core.units import count
from ..course.shortage import LIMITS as LIMITS
from ..course.shortage import OLDER as OLDER
from ..course.shortage import WAYS as WAYS
from ..course.shortage import Answer as Answer
from ..course.shortage import answer as answer
from ..course.shortage import answers as answers
from ..course.shortage import program as program
from ..linux.machines import X86_64
from ..linux.names import function_name
from ..views.plots.charts import MISSING, RESERVED, USED, Part, bars, count_axis
from ..views.sheet import Sheet
from ..views.tables import Table
from .widget.controls import choice, slider
from .widget.sheet_lab import SheetLab


# -- the sheet -----------------------------------------------------------------------------------------
def table(limit: str, room: int, pages: int) -> Table:
    """The answers: a row for each way of asking."""
    header = ("way of asking", "refused by", "the program sees", "pages taken", "reserved", "rule of Linux 6.18")
    rows = []
    for way, found in answers(limit, room, pages).items():
        rule = function_name(found.rule, X86_64.version) if found.rule else "nothing refuses"
        call = "nothing" if found.said == "ok" else found.call.replace("kread", "read(2)")
        said = "success, and too few pages" if found.silent else found.said
        rows.append((way, call, said, found.taken, found.reserved, rule))
    return Table(header, rows)


def sheet(limit: str, room: int, pages: int) -> Sheet:
    """All ways of asking for ``pages``, side by side, where a limit leaves ``room``."""
    found = answers(limit, room, pages)
    said = sorted({one.said for one in found.values() if one.said != "ok"})
    silent = sum(one.silent for one in found.values())
    fine = sum(one.said == "ok" and not one.silent for one in found.values())
    words = (
        f"{count(pages, 'page')} wanted, and what is short ({limit}) leaves {room:,}. Of {len(found)} ways of asking "
        f"refused: {len(found) - silent - fine}" + (f" ({', '.join(said)})" if said else "") + ", "
        f"too few and not told: {silent}, all they asked for: {fine}."
    )
    return Sheet(
        "shortage",
        words,
        [
            ("refused", "ways refused", f"{len(found) - silent - fine}"),
            ("silent", "too few, not said", f"{silent}"),
            ("fine", "all they asked for", f"{fine}"),
        ],
        [],
        [("Each way of asking: which call refuses, and what the program sees", table(limit, room, pages))],
        "from hugelab import X86_64, run\nfrom hugelab.labs.shortage import WAYS, answer, program\n\n"
        f'{{way: answer(run(program("{limit}", way, {room}, {pages}), X86_64)) for way in WAYS}}',
        _figure(found, pages),
    )


def _figure(found: dict[str, Answer], pages: int) -> dict[str, Any]:
    """A bar for each way: pages taken, only reserved, refused."""
    parts = [
        Part("taken", USED, [one.taken for one in found.values()]),
        Part("reserved", RESERVED, [one.reserved for one in found.values()]),
        Part("refused", MISSING, [pages - one.taken - one.reserved for one in found.values()]),
    ]
    rows = [(way, "ok, silently" if one.silent else one.said) for way, one in found.items()]
    title, room = "What each way of asking gets, in pages", (284, 92, len(rows))
    return bars(title, rows, parts, count_axis(pages), lambda n: count(n, "page"), room)


# -- the lab -------------------------------------------------------------------------------------------
MOST = 12  # pages: fewer than the pool has where it is not short


def shortage(limit: str = "pages in the pool", room: int = 3, pages: int = 5) -> SheetLab:
    """``pages`` are wanted where the limit leaves ``room``: which call refuses, and what the program gets."""
    return SheetLab(
        "One shortage, many answers",
        {
            "limit": choice("what is short", tuple(LIMITS), OLDER.get(limit, limit)),
            "room": slider("pages left", room, 1, MOST),
            "pages": slider("pages wanted", pages, 1, MOST),
        },
        sheet,
    )
