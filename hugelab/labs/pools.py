"""Lab of notebook 09: pages of 2 MB beside pages of 1 GB, and which call takes from which pool."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

from ..core.units import GIB, MIB, count, format_size
from ..draw.sheet import Sheet
from ..draw.svg import Picture, box, text
from ..draw.tables import Table
from ..linux.machines import SIZE_1G, SIZE_2M, X86_64, Machine
from ..linux.scenario import ANONYMOUS, Scenario
from ..model.kernel import run
from .controls import Choice, Slider
from .sheet import SheetLab

LENGTHS = (1, MIB, 2 * MIB, 10 * MIB, 512 * MIB, GIB, GIB + 1, 2 * GIB, 4 * GIB, 5 * GIB)
PRIVATE = ["MAP_PRIVATE", *ANONYMOUS]
POOLS = {SIZE_2M: 2048, SIZE_1G: 4}  # pages
DEFAULTS = {"2 MB": SIZE_2M, "1 GB (default_hugepagesz=1G)": SIZE_1G}


# -- which call takes from which pool ----------------------------------------------------------------------
def _mmap(*flags: str) -> Any:
    return lambda program, length: program.mmap(map="A", bytes=length, flags=[*PRIVATE, *flags])


def _file(mount: str) -> Any:
    return lambda program, length: program.open(fd="f", path=f"{mount}/file").mmap(map="A", fd="f", bytes=length)


def _shmget(*flags: str) -> Any:
    return lambda program, length: program.shmget(shm="s", bytes=length, flags=["SHM_HUGETLB", "IPC_CREAT", *flags])


def _memfd(*flags: str) -> Any:
    made = ["MFD_HUGETLB", *flags]
    return lambda program, length: program.memfd(fd="f", flags=made).mmap(map="A", fd="f", bytes=length)


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
    """Two pools, mounts of both, and a call that asks for ``length`` bytes. The last step reserves pages."""
    begin = Scenario("pools", nr=POOLS[default], mounts={"m": ""})
    other = SIZE_1G if default == SIZE_2M else SIZE_2M
    begin = begin.then("set_nr", n=POOLS[other], hsize="1G" if other == SIZE_1G else "2M")
    begin = begin.then("mount", mount="small", options="pagesize=2M")
    begin = begin.then("mount", mount="large", options="pagesize=1G")
    made: Scenario = CALLS[call](begin, length)
    return made


@lru_cache(maxsize=512)
def picks(call: str, length: int, default: int) -> tuple[str, dict[int, int]]:
    """The outcome of a call, and the number of reserved pages of each size."""
    recording = run(program(call, length, default), machine(default))
    reserved = {h.size: h.resv_huge_pages for h in recording.end.pools}
    failed = next((step.outcome for step in recording.steps if step.outcome != "ok"), "ok")
    return failed, {size: pages for size, pages in reserved.items() if pages}


def sheet(length: int, default: str) -> Sheet:
    """``length`` bytes asked for by each call, with two pools on the machine."""
    size, rows, refused = DEFAULTS[default], [], 0
    parts = [text(0, 12, "Which pool reserves the pages", "hl-h")]
    for i, call in enumerate(CALLS):
        outcome, reserved = picks(call, length, size)
        refused += outcome != "ok"
        said = ", ".join(f"{count(pages, 'page')} of {format_size(one)}" for one, pages in reserved.items())
        bound = sum(one * pages for one, pages in reserved.items())
        rows.append((call, outcome, said or "none", format_size(bound) if bound else "-"))
        y = 20 + 24 * i
        parts += [text(0, y + 14, call, "hl-t")]
        for one, pages in reserved.items():
            style = "hl-a-used" if one == SIZE_2M else "hl-a-rsvd"
            parts.append(box(310, y + 2, 40 if one == SIZE_2M else 80, 16, style))
            parts.append(text(396, y + 14, f"{format_size(one)}: {count(pages, 'page')}", "hl-t hl-b"))
        if not reserved:
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
        [("Pages reserved by each call", Table(("call", "outcome", "reserved", "memory"), rows))],
        f"from hugelab.labs.pools import CALLS, picks\n\n{{call: picks(call, {length}, {size}) for call in CALLS}}",
    )


def pools(length: int = 10 * MIB, default: str = "2 MB") -> SheetLab:
    """``length`` bytes asked for by each call, on a machine with pages of 2 MB and of 1 GB."""
    return SheetLab(
        "Which pool?",
        {
            "length": Slider("bytes", length, stops=sorted({*LENGTHS, length}), name=format_size),
            "default": Choice("default size", tuple(DEFAULTS), default),
        },
        sheet,
    )
