"""One shortage, many answers, as a sheet: each way of asking, the pages that it got, and what it was told."""

from __future__ import annotations

from functools import lru_cache

from ..core.units import count
from ..linux.machines import X86_64
from ..linux.names import function_name
from ..model.kernel import run
from ..shortage import WAYS, Answer, answer, program
from .sheet import Sheet
from .svg import Picture, box, text
from .tables import Table

WIDTH, NAMES, ROW, TOP = 620, 284, 24, 40  # pixels
STYLES = {"taken": "hl-a-used", "promised": "hl-a-rsvd", "refused": "hl-empty"}


@lru_cache(maxsize=1024)
def answers(limit: str, room: int, pages: int) -> dict[str, Answer]:
    """Each way of asking for ``pages`` where a limit leaves ``room``, answered by the model of Linux 6.18."""
    return {way: answer(run(program(limit, way, room, pages), X86_64)) for way in WAYS}


def table(limit: str, room: int, pages: int) -> Table:
    """The answers, a row a way."""
    header = ("way of asking", "refused by", "the program sees", "pages taken", "promised", "rule of Linux 6.18")
    rows = []
    for way, found in answers(limit, room, pages).items():
        rule = function_name(found.rule, X86_64.version) if found.rule else "nothing refuses"
        call = "nothing" if found.said == "ok" else found.call.replace("kread", "read(2)")
        said = "success, and too few pages" if found.silent else found.said
        rows.append((way, call, said, found.taken, found.promised, rule))
    return Table(header, rows)


def shortage(limit: str, room: int, pages: int) -> Sheet:
    """``pages`` asked for where a limit leaves ``room``: all ways beside each other."""
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
        [_picture(found, pages)],
        [("Each way of asking: which call refuses, and what the program sees", table(limit, room, pages))],
        "from hugelab import X86_64, run\nfrom hugelab.shortage import WAYS, answer, program\n\n"
        f'{{way: answer(run(program("{limit}", way, {room}, {pages}), X86_64)) for way in WAYS}}',
    )


def _picture(found: dict[str, Answer], pages: int) -> Picture:
    """A row of cells for each way: pages taken, only promised, refused."""
    cell = min(18, (WIDTH - NAMES - 110) // pages)
    parts, x = [], NAMES
    for name, style in STYLES.items():
        parts += [box(x, 18, 12, 12, style), text(x + 17, 28, f"page {name}", "hl-s")]
        x += 112
    parts.append(text(0, 12, "What each way of asking gets", "hl-h"))
    for i, (way, one) in enumerate(found.items()):
        y = TOP + ROW * i
        parts.append(text(0, y + 14, way, "hl-t"))
        kinds = ["taken"] * one.taken + ["promised"] * one.promised
        for page, kind in enumerate((kinds + ["refused"] * pages)[:pages]):
            parts.append(box(NAMES + page * cell, y + 2, cell - 3, 16, STYLES[kind]))
        parts.append(text(NAMES + pages * cell + 6, y + 14, "ok, silently" if one.silent else one.said, "hl-t hl-b"))
    words = "; ".join(f"{way}: {one.taken} taken, {one.promised} promised, {one.said}" for way, one in found.items())
    return Picture("".join(parts), WIDTH, TOP + ROW * len(found) + 4, f"What each way of asking gets: {words}")
