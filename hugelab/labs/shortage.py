"""Lab of notebook 07: one shortage of pages, and every way of asking for more pages than there are.

The programs ask for more pages of 2 MB than a limit leaves, each in another way, on the model or on a live kernel.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from ..core.units import count
from ..draw.sheet import Sheet
from ..draw.svg import Picture, box, text
from ..draw.tables import Table
from ..linux.machines import X86_64
from ..linux.names import function_name
from ..linux.scenario import ANONYMOUS, Scenario
from ..model.kernel import run
from ..record.recording import Recording, Step
from .controls import Choice, Slider
from .sheet import SheetLab

POOL = 16  # pages, where it is not the pool that is short
MIB2 = 2 << 20
GROUP = {"version": 2, "cg": "g"}


# -- what is short -----------------------------------------------------------------------------------
def _pool(room: int) -> Scenario:
    return Scenario("shortage", nr=room)


def _reserved(room: int) -> Scenario:
    """All pages are free; all but ``room`` of them are reserved for another mapping."""
    others = Scenario("shortage", nr=POOL).mmap(map="others", pages=POOL - room, flags=["MAP_SHARED", *ANONYMOUS])
    return others if room < POOL else Scenario("shortage", nr=POOL)


def _size(room: int) -> Scenario:
    return Scenario("shortage", nr=POOL, mounts={"m": f"size={room * MIB2 >> 10}K"})


def _cgroup(room: int, file: str) -> Scenario:
    scenario = Scenario("shortage", nr=POOL).then("cg_mount", version=2).then("cg_mkdir", **GROUP)
    return scenario.then("cg_set", **GROUP, file=file, value=str(room * MIB2)).then("cg_attach", **GROUP)


LIMITS: dict[str, Callable[[int], Scenario]] = {
    "pages in the pool": _pool,
    "pages not reserved by others": _reserved,
    "size= of the mount": _size,
    "cgroup limit on pages (max)": lambda room: _cgroup(room, "hugetlb.2MB.max"),
    "cgroup limit on reservations (rsvd.max)": lambda room: _cgroup(room, "hugetlb.2MB.rsvd.max"),
}
OLDER = {  # names that limits, and the programs of on_kernel, had before -> now
    "pages that others were not promised": "pages not reserved by others",
    "cgroup limit on promises (rsvd.max)": "cgroup limit on reservations (rsvd.max)",
    "others were promised the rest": "others reserved the rest",
    "cgroup limit on promises": "cgroup limit on reservations",
}


# -- ways of asking ----------------------------------------------------------------------------------
def _open(scenario: Scenario, pages: int, *flags: str) -> Scenario:
    opened = scenario.then("open", fd="f", path="m/file")
    return opened.then("mmap", map="A", fd="f", pages=pages, flags=["MAP_SHARED", *flags])


def _touch(scenario: Scenario, pages: int) -> Scenario:
    return scenario.then("touch", map="A", page=0, count=pages)


def _read(scenario: Scenario, pages: int) -> Scenario:
    scenario = _open(scenario, pages, "MAP_NORESERVE")
    for page in range(pages):
        scenario = scenario.then("kread", map="A", page=page)
    return scenario


def _min_size(scenario: Scenario, pages: int) -> Scenario:
    return scenario.then("mount", mount="n", options=f"min_size={pages * MIB2 >> 10}K")


WAYS: dict[str, Callable[[Scenario, int], Scenario]] = {
    "mmap, touch": lambda scenario, pages: _touch(_open(scenario, pages), pages),
    "shmget": lambda scenario, pages: scenario.then("shmget", shm="s", pages=pages),
    "mount with min_size=": _min_size,
    "fallocate": lambda scenario, pages: scenario.then("open", fd="f", path="m/file").fallocate(fd="f", pages=pages),
    "MAP_NORESERVE, touch": lambda scenario, pages: _touch(_open(scenario, pages, "MAP_NORESERVE"), pages),
    "MAP_NORESERVE, read(2) into it": _read,
    "MAP_NORESERVE, MADV_POPULATE_WRITE": lambda scenario, pages: _open(scenario, pages, "MAP_NORESERVE").then(
        "madvise", map="A", advice="MADV_POPULATE_WRITE"
    ),
    "MAP_NORESERVE, mlock": lambda scenario, pages: _open(scenario, pages, "MAP_NORESERVE").then("mlock", map="A"),
    "MAP_NORESERVE and MAP_POPULATE": lambda scenario, pages: _open(scenario, pages, "MAP_NORESERVE", "MAP_POPULATE"),
}


def program(limit: str, way: str, room: int, pages: int) -> Scenario:
    """Asks for ``pages`` where a limit leaves ``room``, both 1 to POOL. Raises KeyError for an unknown name."""
    return WAYS[way](LIMITS[OLDER.get(limit, limit)](room), pages)


# -- answers -----------------------------------------------------------------------------------------
class Answer(NamedTuple):
    """The first step that got fewer pages than it asked for: ``call`` and ``said`` (an errno, a signal, or "ok").

    At the end ``taken`` pages are in use and ``reserved`` more. ``rule`` refused, with the reason ``because``, or "".
    """

    call: str
    said: str
    taken: int
    reserved: int
    rule: str
    because: str

    @property
    def promised(self) -> int:
        """An older name of ``reserved``."""
        return self.reserved

    @property
    def silent(self) -> bool:
        """The program was not told that it got less."""
        return self.said == "ok" and self.rule != ""


def answer(recording: Recording) -> Answer:
    """The answer that a program of this module got."""
    asked = [step for step in recording.steps if step.op.op not in ("cg_mount", "cg_mkdir", "cg_set", "cg_attach")]
    before = recording.counters(max(recording.booted, 0))
    others = sum(step.op.args["pages"] for step in asked if step.op.get("map") == "others")
    step = next((step for step in asked if step.outcome != "ok"), asked[-1])
    now = recording.steps[-1].counters["2M"]
    rule, because = _refused(recording, step)
    return Answer(step.op.op, step.outcome, before.free - now.free, now.rsvd - before.rsvd - others, rule, because)


def _refused(recording: Recording, step: Step) -> tuple[str, str]:
    """The first rule that refused in a step, and its numbers."""
    for index in range(step.first, step.last + 1):
        detail = recording.event(index).detail
        if "rule" in detail:
            return str(detail["rule"]), str(detail["why"])
    return "", ""


# -- the sheet -----------------------------------------------------------------------------------------
WIDTH, NAMES, ROW, TOP = 620, 284, 24, 40  # pixels
STYLES = {"taken": "hl-a-used", "reserved": "hl-a-rsvd", "refused": "hl-empty"}


@lru_cache(maxsize=1024)
def answers(limit: str, room: int, pages: int) -> dict[str, Answer]:
    """Each way of asking for ``pages`` where a limit leaves ``room``, answered by the model of Linux 6.18."""
    return {way: answer(run(program(limit, way, room, pages), X86_64)) for way in WAYS}


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
        [_picture(found, pages)],
        [("Each way of asking: which call refuses, and what the program sees", table(limit, room, pages))],
        "from hugelab import X86_64, run\nfrom hugelab.labs.shortage import WAYS, answer, program\n\n"
        f'{{way: answer(run(program("{limit}", way, {room}, {pages}), X86_64)) for way in WAYS}}',
    )


def _picture(found: dict[str, Answer], pages: int) -> Picture:
    """A row of cells for each way: pages taken, only reserved, refused."""
    cell = min(18, (WIDTH - NAMES - 110) // pages)
    parts, x = [], NAMES
    for name, style in STYLES.items():
        parts += [box(x, 18, 12, 12, style), text(x + 17, 28, f"page {name}", "hl-s")]
        x += 112
    parts.append(text(0, 12, "What each way of asking gets", "hl-h"))
    for i, (way, one) in enumerate(found.items()):
        y = TOP + ROW * i
        parts.append(text(0, y + 14, way, "hl-t"))
        kinds = ["taken"] * one.taken + ["reserved"] * one.reserved
        for page, kind in enumerate((kinds + ["refused"] * pages)[:pages]):
            parts.append(box(NAMES + page * cell, y + 2, cell - 3, 16, STYLES[kind]))
        parts.append(text(NAMES + pages * cell + 6, y + 14, "ok, silently" if one.silent else one.said, "hl-t hl-b"))
    words = "; ".join(f"{way}: {one.taken} taken, {one.reserved} reserved, {one.said}" for way, one in found.items())
    return Picture("".join(parts), WIDTH, TOP + ROW * len(found) + 4, f"What each way of asking gets: {words}")


# -- the lab -------------------------------------------------------------------------------------------
MOST = 12  # pages: fewer than the pool has where it is not short


def shortage(limit: str = "pages in the pool", room: int = 3, pages: int = 5) -> SheetLab:
    """``pages`` are wanted where the limit leaves ``room``: which call refuses, and what the program gets."""
    return SheetLab(
        "One shortage, many answers",
        {
            "limit": Choice("what is short", tuple(LIMITS), OLDER.get(limit, limit)),
            "room": Slider("pages left", room, 1, MOST),
            "pages": Slider("pages wanted", pages, 1, MOST),
        },
        sheet,
    )
