"""Lab of notebook 09: pages of 2 MB beside pages of 1 GB, and which call takes from which pool."""

from ..core.units import MIB, count, format_size
from ..course.pools import CALLS as CALLS
from ..course.pools import DEFAULTS as DEFAULTS
from ..course.pools import LENGTHS as LENGTHS
from ..course.pools import picks as picks
from ..linux.machines import SIZE_1G, SIZE_2M
from ..views.plots.charts import RESERVED, USED, Part, bars, size_axis
from ..views.sheet import Sheet
from ..views.tables import Table
from .widget.controls import choice, stops
from .widget.sheet_lab import SheetLab


def sheet(length: int, default: str) -> Sheet:
    """``length`` bytes asked for by each call, with two pools on the machine."""
    size, rows, bound = DEFAULTS[default], [], []
    for call in CALLS:
        outcome, reserved = picks(call, length, size)
        said = ", ".join(f"{count(pages, 'page')} of {format_size(one)}" for one, pages in reserved.items())
        bound.append({one: one * pages for one, pages in reserved.items()})
        memory = sum(bound[-1].values())
        rows.append((call, outcome, said or "none", format_size(memory) if memory else "-"))
    refused = sum(row[1] != "ok" for row in rows)
    small, large = -(-length // SIZE_2M), -(-length // SIZE_1G)
    words = (
        f"{format_size(length)} is {count(small, 'page')} of 2 MB or {count(large, 'page')} of 1 GB. A call that names "
        f"no size gets the default one, {format_size(size)}; a file has the size of its mount. "
        f"Refused: {refused} of {len(CALLS)} calls."
    )
    parts = [Part("pages of 2 MB", USED, [one.get(SIZE_2M) for one in bound])]
    parts += [Part("pages of 1 GB", RESERVED, [one.get(SIZE_1G) for one in bound])]
    ends = [(call, outcome if said == "none" else said) for call, outcome, said, _ in rows]
    axis = size_axis(max(length, *(sum(one.values()) for one in bound)))
    return Sheet(
        "pools",
        words,
        [
            ("small", "pages of 2 MB", f"{small:,}"),
            ("large", "pages of 1 GB", f"{large:,}"),
            ("refused", "refused", f"{refused}"),
        ],
        [],
        [("Pages reserved by each call", Table(("call", "outcome", "reserved", "memory"), rows))],
        f"from hugelab.labs.pools import CALLS, picks\n\n{{call: picks(call, {length}, {size}) for call in CALLS}}",
        bars("Memory that each call reserves", ends, parts, axis, format_size, (310, 140, len(rows))),
    )


def pools(length: int = 10 * MIB, default: str = "2 MB") -> SheetLab:
    """``length`` bytes asked for by each call, on a machine with pages of 2 MB and of 1 GB."""
    return SheetLab(
        "Which pool?",
        {
            "length": stops("bytes", length, LENGTHS, also=True, name=format_size),
            "default": choice("default size", tuple(DEFAULTS), default),
        },
        sheet,
    )
