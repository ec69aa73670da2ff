"""More than one page size, as sheets: which call takes from which pool, and what a page's metadata costs."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from ..core.units import count, format_size
from ..linux.architectures import NAMED, STRUCT_PAGE, Architecture, Size, metadata
from ..linux.machines import SIZE_1G, SIZE_2M, X86_64, Machine
from ..linux.scenario import Scenario
from ..model.kernel import run
from .sheet import Sheet
from .svg import Picture, box, text
from .tables import Table

ANONYMOUS = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB"]
POOLS = {SIZE_2M: 2048, SIZE_1G: 4}  # pages
DEFAULTS = {"2 MB": SIZE_2M, "1 GB (default_hugepagesz=1G)": SIZE_1G}


# -- which call takes from which pool ----------------------------------------------------------------------
def _mmap(*flags: str) -> Any:
    return lambda program, length: program.mmap(map="A", bytes=length, flags=[*ANONYMOUS, *flags])


def _file(mount: str) -> Any:
    return lambda program, length: program.open(fd="f", path=f"{mount}/file").mmap(map="A", fd="f", bytes=length)


def _shmget(*flags: str) -> Any:
    return lambda program, length: program.shmget(shm="s", bytes=length, flags=["SHM_HUGETLB", "IPC_CREAT", *flags])


def _memfd(*flags: str) -> Any:
    return lambda program, length: program.memfd(fd="f", flags=["MFD_HUGETLB", *flags]).mmap(
        map="A", fd="f", bytes=length
    )


CALLS = {
    "mmap, MAP_HUGETLB": _mmap(),
    "mmap, MAP_HUGETLB | MAP_HUGE_2MB": _mmap("MAP_HUGE_2MB"),
    "mmap, MAP_HUGETLB | MAP_HUGE_1GB": _mmap("MAP_HUGE_1GB"),
    "mmap, MAP_HUGETLB | MAP_HUGE_16MB": _mmap("MAP_HUGE_16MB"),
    "file, mount without pagesize=": _file("m"),
    "file, mount with pagesize=2M": _file("small"),
    "file, mount with pagesize=1G": _file("large"),
    "shmget, SHM_HUGETLB": _shmget(),
    "shmget, SHM_HUGETLB | SHM_HUGE_1GB": _shmget("SHM_HUGE_1GB"),
    "memfd_create, MFD_HUGETLB": _memfd(),
    "memfd_create, MFD_HUGETLB | MFD_HUGE_1GB": _memfd("MFD_HUGE_1GB"),
}


def machine(default: int) -> Machine:
    """The 64-bit x86 server, booted with this default size."""
    return X86_64 if default == SIZE_2M else replace(X86_64, name="x86-64-1G", sizes=(SIZE_1G, SIZE_2M))


def program(call: str, length: int, default: int) -> Scenario:
    """Two pools, mounts of both, and a call that asks for ``length`` bytes. The last step is the call that promises."""
    begin = Scenario("pools", nr=POOLS[default], mounts={"m": ""})
    other = SIZE_1G if default == SIZE_2M else SIZE_2M
    begin = begin.then("set_nr", n=POOLS[other], hsize="1G" if other == SIZE_1G else "2M")
    begin = begin.then("mount", mount="small", options="pagesize=2M").then(
        "mount", mount="large", options="pagesize=1G"
    )
    made: Scenario = CALLS[call](begin, length)
    return made


@lru_cache(maxsize=512)
def picks(call: str, length: int, default: int) -> tuple[str, dict[int, int]]:
    """What a call comes to: its outcome, and the pages promised by size."""
    recording = run(program(call, length, default), machine(default))
    promised = {h.size: h.resv_huge_pages for h in recording.end.pools}
    failed = next((step.outcome for step in recording.steps if step.outcome != "ok"), "ok")
    return failed, {size: pages for size, pages in promised.items() if pages}


def pools(length: int, default: str) -> Sheet:
    """``length`` bytes asked for by each call, with two pools on the machine."""
    size, rows, refused = DEFAULTS[default], [], 0
    parts = [text(0, 12, "Which pool promises", "hl-h")]
    for i, call in enumerate(CALLS):
        outcome, promised = picks(call, length, size)
        refused += outcome != "ok"
        said = ", ".join(f"{count(pages, 'page')} of {format_size(one)}" for one, pages in promised.items())
        bound = sum(one * pages for one, pages in promised.items())
        rows.append((call, outcome, said or "none", format_size(bound) if bound else "-"))
        y = 20 + 24 * i
        parts += [text(0, y + 14, call, "hl-t")]
        for one, pages in promised.items():
            style = "hl-a-used" if one == SIZE_2M else "hl-a-rsvd"
            parts.append(box(310, y + 2, 40 if one == SIZE_2M else 80, 16, style))
            parts.append(text(396, y + 14, f"{format_size(one)}: {count(pages, 'page')}", "hl-t hl-b"))
        if not promised:
            parts.append(text(310, y + 14, outcome, "hl-t hl-b"))
    picture = Picture("".join(parts), 620, 20 + 24 * len(CALLS), "; ".join(f"{row[0]}: {row[2]}" for row in rows))
    small, large = -(-length // SIZE_2M), -(-length // SIZE_1G)
    words = (
        f"{format_size(length)} is {count(small, 'page')} of 2 MB or {count(large, 'page')} of 1 GB. A call that names "
        f"no size gets the default one, {format_size(size)}; a file has the size of its mount. "
        f"Refused: {refused} of {len(CALLS)} calls."
    )
    return Sheet(
        "pools",
        words,
        [
            ("small", "pages of 2 MB", f"{small:,}"),
            ("large", "pages of 1 GB", f"{large:,}"),
            ("refused", "refused", f"{refused}"),
        ],
        [picture],
        [("Each call: what it promises", Table(("call", "outcome", "promised", "memory"), rows))],
        f"from hugelab.draw.sizes import CALLS, picks\n\n{{call: picks(call, {length}, {size}) for call in CALLS}}",
    )


# -- what a page's metadata costs --------------------------------------------------------------------------
MOST_BOXES = 16
MOST_SIZES = max(len(one.sizes) for one in NAMED.values())  # room for them all, so that nothing below moves


def page_cost(memory: int, architecture: str) -> Sheet:
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
        f"from hugelab.architectures import metadata\n\nmetadata({size}, {arch.base})",
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
