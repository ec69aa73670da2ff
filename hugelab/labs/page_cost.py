"""Lab of notebook 09: what the metadata of huge pages costs, on the architecture of your choice."""

from ..core.units import GIB, count, format_size
from ..draw.sheet import Sheet
from ..draw.svg import Picture, box, text
from ..draw.tables import Table
from ..linux.architectures import NAMED, STRUCT_PAGE, Architecture, Size, metadata
from .controls import Choice, Slider
from .sheet import SheetLab

MOST_BOXES = 16
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
        [_boxes(arch)],
        [
            (
                f"{architecture}: base pages of {format_size(arch.base)}. Source: {arch.source}",
                Table(header, [_row(arch, kind, memory) for kind in arch.sizes]),
            )
        ],
        f"from hugelab.linux.architectures import metadata\n\nmetadata({size}, {arch.base})",
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


def _boxes(arch: Architecture) -> Picture:
    """The base pages that hold the struct pages of one huge page: what HVO keeps of them, and what it frees."""
    parts = [text(0, 12, "Where the struct pages of one huge page lie", "hl-h")]
    parts += [box(0, 20, 12, 12, "hl-a-used"), text(17, 30, "kept by HVO", "hl-s")]
    parts += [box(112, 20, 12, 12, "hl-empty"), text(129, 30, "given back", "hl-s")]
    said = []
    for i, kind in enumerate(arch.sizes):
        y, one = 42 + 26 * i, metadata(kind.size, arch.base)
        whole, kept = max(one.whole // arch.base, 1), max(one.kept // arch.base, 1)
        parts.append(text(0, y + 14, f"a page of {format_size(kind.size)}", "hl-t"))
        for number in range(min(whole, MOST_BOXES)):
            parts.append(box(130 + 20 * number, y + 2, 16, 16, "hl-a-used" if number < kept else "hl-empty"))
        if one.whole < arch.base:
            words = f"a part of one page of {format_size(arch.base)}"
        else:
            words = f"{'... ' * (whole > MOST_BOXES)}{kept:,} of {count(whole, 'page')} of {format_size(arch.base)}"
        parts.append(text(134 + 20 * min(whole, MOST_BOXES), y + 14, words, "hl-s"))
        said.append(f"{format_size(kind.size)}: {words}")
    return Picture("".join(parts), 620, 46 + 26 * MOST_SIZES, "; ".join(said))


def page_cost(memory: int = 1024 * GIB, architecture: str = "x86-64") -> SheetLab:
    """``memory`` bytes of huge pages: their struct pages, and what HVO gives back."""
    stops = sorted({*(GIB << i for i in range(13)), memory})
    return SheetLab(
        "What a huge page's metadata costs",
        {
            "memory": Slider("memory", memory, stops=stops, name=format_size),
            "architecture": Choice("architecture", tuple(NAMED), architecture),
        },
        sheet,
    )
