"""Lab of notebook 09: what the metadata of huge pages costs, on the architecture of your choice."""

from typing import Any

from ..core.units import GIB, count, format_size
from ..linux.architectures import NAMED, STRUCT_PAGE, Architecture, Size, metadata
from ..views.plots.charts import FREE, USED, Part, bars, size_axis
from ..views.sheet import Sheet
from ..views.tables import Table
from .widget.controls import choice, stops
from .widget.sheet_lab import SheetLab

MOST_SIZES = max(len(one.sizes) for one in NAMED.values())  # room for them all, so that nothing below moves


def sheet(memory: int, architecture: str) -> Sheet:
    """``memory`` bytes of huge pages: their struct pages, and what HVO gives back."""
    arch = NAMED[architecture]
    size = next(one.size for one in arch.sizes if one.default)
    one, pages = metadata(size, arch.base), memory // size
    words = (
        f"{format_size(memory)} in {count(pages, 'page')} of {format_size(size)}: each has {size // arch.base:,} "
        f"struct pages of {STRUCT_PAGE} bytes, {format_size(one.whole)}; together {format_size(pages * one.whole)}, "
        f"as for any other memory. "
    )
    if one.freed:
        words += f"HVO gives {format_size(one.freed)} of each back, {format_size(pages * one.freed)} in all."
    else:
        words += f"They do not fill more than one page of {format_size(arch.base)}: HVO has nothing to give back."
    header = ("page size", "struct pages", "of a page", "HVO frees", "pages", "metadata", "with HVO", "remarks")
    return Sheet(
        "page-cost",
        words,
        [
            ("whole", "metadata", format_size(pages * one.whole)),
            ("hvo", "with HVO", format_size(pages * one.kept)),
        ],
        [],
        [
            (
                f"{architecture}: base pages of {format_size(arch.base)}. Source: {arch.source}",
                Table(header, [_row(arch, kind, memory) for kind in arch.sizes]),
            )
        ],
        f"from hugelab.linux.architectures import metadata\n\nmetadata({size}, {arch.base})",
        _figure(arch, memory),
    )


def _row(arch: Architecture, kind: Size, memory: int) -> tuple[str, ...]:
    one, pages = metadata(kind.size, arch.base), memory // kind.size
    remarks = ["default"] * kind.default + ["gigantic"] * kind.gigantic + [kind.note] * bool(kind.note)
    return (
        format_size(kind.size),
        f"{kind.size // arch.base:,}",
        format_size(one.whole),
        format_size(one.freed) if one.freed else "nothing",
        f"{pages:,}",
        format_size(pages * one.whole) if pages else "-",
        format_size(pages * one.kept) if pages else "-",
        ", ".join(remarks),
    )


def _figure(arch: Architecture, memory: int) -> dict[str, Any]:
    """The metadata of so many bytes in pages of each size: what HVO keeps of it, and what it gives back."""
    rows, kept, freed = [], [], []
    for kind in arch.sizes:
        one, pages = metadata(kind.size, arch.base), memory // kind.size
        kept.append(pages * one.kept)
        freed.append(pages * one.freed)
        said = f"{format_size(kept[-1])} of {format_size(pages * one.whole)} kept" if pages else "larger than that"
        rows.append((f"pages of {format_size(kind.size)}", said))
    parts = [Part("kept by HVO", USED, kept), Part("given back", FREE, freed)]
    axis = size_axis(memory // arch.base * STRUCT_PAGE)
    return bars("Metadata of the huge pages", rows, parts, axis, format_size, (116, 160, MOST_SIZES))


def page_cost(memory: int = 1024 * GIB, architecture: str = "x86-64") -> SheetLab:
    """``memory`` bytes of huge pages: their struct pages, and what HVO gives back."""
    return SheetLab(
        "What a huge page's metadata costs",
        {
            "memory": stops("memory", memory, [GIB << i for i in range(13)], also=True, name=format_size),
            "architecture": choice("architecture", tuple(NAMED), architecture),
        },
        sheet,
    )
