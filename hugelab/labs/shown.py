"""Lab of notebook 10: what /proc shows of a program's huge pages after each of its steps, beside the model's state.

The kernel's files were recorded: see seen.py.
"""

from string import ascii_uppercase

from ..core.state import Counters
from ..core.units import BASE_PAGE_SIZE, MIB, address
from ..course import seen
from ..live import proc, views
from ..views.diagrams.svg import Picture, box, text
from ..views.sheet import Sheet
from ..views.tables import Table
from .widget.controls import choice, slider
from .widget.sheet_lab import SheetLab

WIDTH, NAMES, CELL, ROW, TOP = 620, 236, 40, 40, 44  # pixels
MOST_ROWS = 2  # processes of the recorded programs
STYLES = {"free": "hl-empty", "private": "hl-a-used", "shared": "hl-a-rsvd"}


def smaps_table(area: proc.Area, model: views.View | None = None) -> Table:
    """The lines of smaps that matter for a hugetlb mapping: what is written there, in pages, and what it means.

    With ``model`` also the pages that the model has.
    """
    pages = {
        "Size": (area.pages, model and model.pages, "asked for: its length"),
        "KernelPageSize": (1, model and 1, "one page"),
        "Rss": (area.fields["Rss"] // area.page_size, model and 0, "always 0: huge pages are not in it, nor in top"),
        "Shared_Hugetlb": (area.shared, model and model.shared, "touched, and mapped by another process, too"),
        "Private_Hugetlb": (area.private, model and model.private, "touched, and mapped here alone"),
    }
    rows = [
        (name, f"{area.fields[name] >> 10:,} kB", counted, *([other] if model else []), meaning)
        for name, (counted, other, meaning) in pages.items()
    ]
    flags = " ".join(flag for flag in area.flags if flag in ("sh", "ht", "nr"))
    words = "sh: MAP_SHARED, ht: hugetlb, nr: MAP_NORESERVE"
    rows.append(("VmFlags (of them)", flags, "", *([""] if model else []), words))
    return Table(("smaps", "says", "pages", *(["in the model"] if model else []), "which is"), rows)


def pagemap_table(area: proc.Area, data: bytes, flags: dict[int, bytes]) -> Table:
    """The entries of pagemap by huge page, and the flags of its frames: all of them lie in a row, or this raises
    ValueError."""
    entries, each = proc.parse_pagemap(data), area.page_size // BASE_PAGE_SIZE
    rows = []
    for page, first in enumerate(proc.huge_frames(entries, area.page_size)):
        one = entries[page * each]
        if first is None:
            rows.append((page, f"{each} x not present", "", "", ""))
            continue
        kind = "file" if one.file else "anonymous"
        kind += ", only here" if one.exclusive else ", also elsewhere"
        names = [
            set(found) & {"HUGE", "COMPOUND_HEAD", "COMPOUND_TAIL"} for found in proc.parse_kpageflags(flags[first])
        ]
        head, tails = " ".join(sorted(names[0])), {" ".join(sorted(found)) for found in names[1:]}
        rows.append(
            (page, f"{each} x present: {first:,} to {first + each - 1:,}", kind, head, ", ".join(sorted(tails)))
        )
    return Table(("page", "pagemap: pfns", "bits 61, 56", "kpageflags, first", f"the {each - 1} others"), rows)


def numa_table(lines: list[proc.NumaMap]) -> Table:
    """The lines of numa_maps, taken apart."""
    rows = [
        (
            address(line.start), line.policy, "huge" if line.huge else "", line.anon, line.dirty, line.mapmax,
            ", ".join(f"N{node}={pages}" for node, pages in line.nodes.items()),
        )
        for line in lines
    ]  # fmt: skip
    return Table(("numa_maps", "policy", "", "anon", "dirty", "mapmax", "pages by node"), rows)


def sheet(program: str, after: int) -> Sheet:
    """The kernel's files after step ``after`` of a recorded program (0: before the first; at most its last)."""
    moments = seen.recorded()[program]
    after = min(after, len(moments))
    moment = moments[after - 1] if after else None
    texts = moment.texts if moment else {}
    found = {name: views.views(files) for name, files in texts.items()}
    model = seen.model_views(program)[after - 1] if after else {}
    wrong = views.difference(model, found)
    step = f"After step {after} of {len(moments)}, {moment.op}" if moment else "Before the first step"
    mapped = sum(view.mapped for view in found.get("P", []))
    status = proc.parse_status(texts["P"].status) if "P" in texts else {}
    words = (
        f"{step}, recorded on Linux {seen.kernel()}. Process P has {mapped} huge pages mapped. smaps, pagemap and "
        f"numa_maps agree with each other, and {'not with the model: ' + wrong if wrong else 'with the model'}."
    )
    pool = moment.counters if moment else seen.start(program)
    tables = [("The pool: /sys/kernel/mm/hugepages, and the same in /proc/meminfo", _pool_table(moment, pool))]
    for name, files in texts.items():
        lines = proc.parse_numa_maps(files.numa_maps)
        for area, view in zip(proc.parse_smaps(files.smaps), model.get(name, []), strict=False):
            tables.append((f"{name}: smaps of the mapping at {address(area.start)}", smaps_table(area, view)))
            entries = pagemap_table(area, files.pagemap[area.start], dict(files.kpageflags))
            tables.append((f"{name}: pagemap and kpageflags", entries))
        if lines:
            tables.append((f"{name}: numa_maps", numa_table(lines)))
    return Sheet(
        "shown",
        words,
        [
            ("mapped", "huge pages of P", f"{mapped}"),
            ("huge", "P: HugetlbPages", f"{status.get('HugetlbPages', 0) // MIB} MB"),
            ("rss", "P: VmRSS (RES in top)", f"{status.get('VmRSS', 0) // MIB} MB"),
            ("available", "available in the pool", f"{pool.available}"),
        ],
        [_picture(found)],
        tables,
        f"from hugelab.labs.shown import sheet\n\nsheet({program!r}, {after}).tables",
    )


def _pool_table(moment: seen.Moment | None, pool: Counters) -> Table:
    names = ("nr_hugepages", "free_hugepages", "resv_hugepages", "surplus_hugepages")
    lines = ("HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp")
    said = moment.meminfo if moment else dict(zip(lines, pool, strict=True))
    rows = [(name, value, line, said[line]) for name, value, line in zip(names, pool, lines, strict=True)]
    return Table(("sysfs", "pages", "meminfo", "pages"), rows)


def _picture(found: dict[str, list[views.View]]) -> Picture:
    """A row of cells for each mapping of each process: a letter is a frame."""
    letters: dict[int, str] = {}
    parts, x = [text(0, 12, "What the page tables have", "hl-h")], NAMES
    for name, style in (("mapped here alone", "private"), ("also elsewhere", "shared"), ("not mapped", "free")):
        parts += [box(x, 18, 12, 12, STYLES[style]), text(x + 17, 28, name, "hl-s")]
        x += 138
    rows = [(name, view) for name, mappings in found.items() for view in mappings]
    counts: dict[int, int] = {}
    for _, view in rows:
        for frame in view.frames:
            if frame is not None:
                counts[frame] = counts.get(frame, 0) + 1
    for number in range(MOST_ROWS):
        y = TOP + ROW * number
        if number >= len(rows):
            parts.append(text(0, y + 22, "" if rows else "nothing is mapped" * (number == 0), "hl-s"))
            continue
        name, view = rows[number]
        parts.append(text(0, y + 14, f"{name}: {'shared' if view.shared_mapping else 'private'} mapping", "hl-t"))
        parts.append(text(0, y + 30, address(view.start), "hl-s"))
        for page, frame in enumerate(view.frames):
            style = "free" if frame is None else "shared" if counts[frame] > 1 else "private"
            parts.append(box(NAMES + page * CELL, y, CELL - 4, ROW - 8, STYLES[style]))
            if frame is not None:
                letter = letters.setdefault(frame, ascii_uppercase[len(letters) % 26])
                parts.append(text(NAMES + page * CELL + 12, y + 21, letter, "hl-t hl-b"))
    said = "; ".join(f"{name}: {view.mapped} of {view.pages} pages, {view.shared} shared" for name, view in rows)
    return Picture("".join(parts), WIDTH, TOP + ROW * MOST_ROWS + 4, f"What the page tables have: {said or 'nothing'}")


def shown(program: str = "", after: int = 3) -> SheetLab:
    """The kernel's files after each step of a program, and whether the model agrees."""
    most = max(map(len, seen.recorded().values()))
    return SheetLab(
        "What the kernel shows",
        {
            "program": choice("program", tuple(seen.PROGRAMS), program or next(iter(seen.PROGRAMS))),
            "after": slider("after step", after, most=most),
        },
        sheet,
    )


def views_agree() -> Table:
    """Every recorded program: steps, mappings that were looked at, and whether the model has the same in all."""
    rows = []
    for program, moments in seen.recorded().items():
        looked, wrong = 0, ""
        for moment, model in zip(moments, seen.model_views(program), strict=True):
            found = {name: views.views(files) for name, files in moment.texts.items()}
            looked += sum(map(len, found.values()))
            wrong = wrong or views.difference(model, found)
        rows.append((program, len(moments), looked, wrong or "equal in all"))
    return Table(("program", "steps", "mappings looked at", f"the model and Linux {seen.kernel()}"), rows)
