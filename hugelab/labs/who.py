"""Lab of notebook 10: the holders of huge pages on a recorded machine, or on this one, and pages without a holder."""

from typing import Any

from ..core.state import Counters
from ..core.text import markup
from ..core.units import count, format_size
from ..course import seen
from ..live.errors import LiveUnavailable
from ..live.holders import who_holds
from ..live.inventory import FILES, PROCESSES, Inventory
from ..views.plots.charts import FREE, MISSING, RESERVED, USED, Part, bars, count_axis
from ..views.sheet import Sheet
from ..views.tables import Table
from .widget.controls import choice
from .widget.sheet_lab import SheetLab

HERE = "this machine"
EMPTY = Inventory({2 << 20: Counters(0, 0, 0, 0)})


class Who(SheetLab):
    """The inventory of a recorded machine, or of this one, read when the learner chooses it."""

    run_me = "Run this cell (Shift+Enter) for the live lab, and to look at your own machine."

    def __init__(self, title: str, controls: dict[str, Any]):
        self.why = ""  # this machine cannot be asked
        super().__init__(title, controls, self._sheet)

    def _sheet(self, machine: str) -> Sheet:
        if machine != HERE:
            return sheet_of(seen.inventory(), machine[0].upper() + machine[1:])
        try:
            found, self.why = who_holds(), ""
        except LiveUnavailable as error:
            found, self.why = EMPTY, str(error)
        return sheet_of(found, HERE.capitalize())

    def _about(self) -> str:
        if self.values["machine"] != HERE:
            return f"This was <b>recorded</b>. Choose <i>{HERE}</i> to look at yours: nothing is changed."
        if self.why:
            return f"This machine cannot be asked: {markup(self.why)}."
        return "This is <b>this machine</b>, as it was when you chose it."


def sheet_of(found: Inventory, name: str) -> Sheet:
    """An inventory as a sheet; of several pools the first one that has pages."""
    size = next((size for size, now in found.pools.items() if now.total), next(iter(found.pools)))
    now = found.pools[size]
    files, private, mounts = found.open_reservations(size)
    words = (
        f"{name}: {count(now.in_use, 'page')} of {format_size(size)} in use: {found.sentence(size)} {now.rsvd:,} of "
        f"the {now.free:,} free ones are reserved, so {now.available:,} are available. "
        f"{' '.join(found.remarks().split())}"
    ).rstrip()
    sums = [
        ("in use, by the counters", f"{now.in_use:,}", "total - free"),
        ("in files", f"{found.in_files(size):,}", "the page cache: rm, then close and munmap"),
        ("private pages", f"{found.in_private(size):,}", "of processes: munmap or exit"),
        ("not found", f"{found.not_found(size):,}", "somewhere that cannot be seen from here"),
        ("reserved, by the counters", f"{now.rsvd:,}", "among the free ones"),
        ("reserved for files, at most", f"{files:,}", "pages of their length that are not allocated"),
        ("reserved for private mappings, at most", f"{private:,}", "pages not touched"),
        ("reserved for mounts, at most", f"{mounts:,}", "min_size="),
    ]
    return Sheet(
        "who",
        words,
        [
            ("used", "in use", f"{now.in_use:,}"),
            ("found", "of them found", f"{found.in_files(size) + found.in_private(size):,}"),
            ("reserved", "reserved", f"{now.rsvd:,}"),
            ("available", "available", f"{now.available:,}"),
        ],
        [],
        [
            ("The counters, and the pages found", Table(("what", "pages", "where, or what gives it back"), sums)),
            ("Processes: pages mapped, and of them touched", Table(PROCESSES, found.process_rows(size))),
            ("Files of hugetlbfs", Table(FILES, found.file_rows(size))),
        ],
        "from hugelab.live.holders import who_holds\n\nprint(who_holds().text())",
        _figure(found, size),
    )


def _figure(found: Inventory, size: int) -> dict[str, Any]:
    """The pool by its counters; and below, one after another, the pages in use by what was found."""
    now, files, private = found.pools[size], found.in_files(size), found.in_private(size)
    rest = max(found.not_found(size), 0)
    parts = [
        Part("in use", USED, [now.in_use, files, private, None]),
        Part("reserved", RESERVED, [now.rsvd, None, None, None]),
        Part("available", FREE, [now.available, None, None, None]),
        Part("not found", MISSING, [None, None, None, rest]),
    ]
    rows = [("the counters", f"{now.in_use:,} + {now.rsvd:,} + {now.available:,}"), ("found in files", f"{files:,}")]
    rows += [("private pages found", f"{private:,}"), ("in use, not found", f"{rest:,}")]
    title, axis = f"The pool of {format_size(size)} pages", count_axis(max(now.total, files + private + rest))
    room, starts = (136, 180, len(rows)), [0, 0, files, files + private]
    return bars(title, rows, parts, axis, lambda n: count(n, "page"), room, starts)


def who(machine: str = "") -> Who:
    """Processes and files that hold huge pages, their sums beside the counters of the pool, and what is left over."""
    recorded = f"recorded on Linux {seen.kernel()}"
    return Who("Who holds the huge pages", {"machine": choice("machine", (recorded, HERE), machine or recorded)})
