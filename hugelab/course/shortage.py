"""One shortage of pages, and every way of asking for more pages than there are.

The programs ask for more pages of 2 MB than a limit leaves, each in another way, on the model or on a live kernel.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from ..linux.machines import X86_64
from ..linux.scenario import ANONYMOUS, Scenario
from ..model.kernel import run
from ..record.recording import Recording, Step

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


@lru_cache(maxsize=1024)
def answers(limit: str, room: int, pages: int) -> dict[str, Answer]:
    """Each way of asking for ``pages`` where a limit leaves ``room``, answered by the model of Linux 6.18."""
    return {way: answer(run(program(limit, way, room, pages), X86_64)) for way in WAYS}
