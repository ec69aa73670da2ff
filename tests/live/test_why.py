"""``hugelab why`` against the running kernel: what it says of the counters as they are, and what the kernel then does.

Each state is made live by other processes; then requests are asked and run, one after another, each by a fresh process
that was forked before there was any mapping. The model, with the bugs of a real kernel, does every step first, so that
nothing is tried that would harm the counters.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

if sys.platform != "linux":
    pytest.skip("the live kernel is Linux", allow_module_level=True)

from hugelab import Scenario
from hugelab.linux.scenario import ANONYMOUS, Op
from hugelab.live.kernel import LiveKernel, boot_live
from hugelab.live.pool import BorrowedPool, borrow
from hugelab.model.kernel import Kernel, boot
from hugelab.why import KINDS, Cgroup, Found, Mount, Request, Verdict, remedy, why
from hugelab.why.here import here
from tests.conftest import fully
from tests.live.alone import alone
from tests.live.why import why_not_live

WHY_NOT = why_not_live()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "can")

PAGE = 2 << 20
STATES, REQUESTS = 150 if fully() else 60, 4  # requests in each state; one more meets rivals, or gets help
TOGETHER = 15  # states on one live kernel
LAZY = ("MAP_NORESERVE",)
ALL = 30  # pages: more than any pool here has


@pytest.fixture
def borrowed() -> Iterator[BorrowedPool]:
    """The machine's pool, for one test."""
    with alone(), borrow(yes=True, wait=300) as pool:
        yield pool


class Harmful(Exception):
    """The real kernel's counters would come to lasting harm."""


class Answer(NamedTuple):
    """Of the call that reserves, how many pages were touched, and the signal that ended it."""

    mapped: str
    touched: int
    signal: str


class Lab:
    """One live kernel for several states, one after another, and the model that does every step before it.

    P, the first process, never has a mapping: what it forks is fresh.
    """

    def __init__(self, pool: BorrowedPool):
        scenario = Scenario("why", nr=0)
        self.live: LiveKernel = boot_live(scenario, pool)
        self.model: Kernel = boot(scenario, self.live.machine)
        self.do("cg_mount", version=2)

    def do(self, op: str, proc: str = "P", **args: Any) -> tuple[str, Any]:
        """One operation. Raises Harmful."""
        return self.step(Op(op, args, proc))

    def step(self, op: Op) -> tuple[str, Any]:
        """One operation, in the model first. Raises Harmful."""
        ours = self.model.run(op)
        if self.model.dangers:
            raise Harmful(self.model.dangers[0])
        theirs = self.live.run(op)
        assert ours == theirs, f"{op}: the model itself is wrong"
        return theirs


class State:
    """What others hold, and what limits a request. ``number`` is in all its names."""

    def __init__(self, lab: Lab, number: int, nr: int, overcommit: int, budget: str = "", limits: str | None = None):
        """``budget``: the options of a mount; ``limits``: "max=5 rsvd.max=6", "" for a group without, None for none."""
        self.lab, self.number, self.do = lab, number, lab.do
        self.mount: str | None = None
        self.group: str | None = None
        self.processes = 0
        self.holders: list[tuple[str, str, int]] = []  # process, map, pages
        self.clean: list[Op] = []  # what must be done that nothing is left
        self.do("set_nr", n=nr)
        self.do("set_overcommit", n=overcommit)
        if budget and self.do("mount", mount=f"n{number}", options=budget)[0] == "ok":
            self.mount = f"n{number}"
            self.clean.append(Op("umount", {"mount": self.mount}))
        if limits is not None:
            self.group = f"why{number}"
            self.do("cg_mkdir", version=2, cg=self.group)
            for limit in limits.split():
                file, value = limit.split("=")
                self.do("cg_set", version=2, cg=self.group, file=f"hugetlb.2MB.{file}", value=int(value) * PAGE)
        self.out, self.inside = self.start(False), self.start()

    def start(self, inside: bool = True) -> str:
        """A process without any mapping; in the group, if there is one."""
        self.processes += 1
        name = f"p{self.number}_{self.processes}"
        self.do("fork", child=name)
        if inside and self.group:
            self.do("cg_attach", name, version=2, cg=self.group)
        return name

    def hold(
        self, proc: str, kind: str, pages: int, touched: int, flags: tuple[str, ...] = (), mount: str = "m"
    ) -> str:
        """A mapping of another process."""
        name = f"h{self.number}_{len(self.holders)}"
        if kind == "anonymous":
            came = self.do("mmap", proc, map=name, pages=pages, flags=["MAP_PRIVATE", *ANONYMOUS, *flags])
        else:
            self.create(proc, name, f"{mount}/{name}")
            came = self.do("mmap", proc, map=name, pages=pages, fd=name, flags=[f"MAP_{kind.upper()}", *flags])
        if came[0] == "ok":
            self.holders.append((proc, name, pages))
            self.do("touch", proc, map=name, count=touched)
        return name

    def create(self, proc: str, fd: str, path: str) -> None:
        """A new file, which goes with the state."""
        self.do("open", proc, fd=fd, path=path)
        self.clean.insert(0, Op("unlink", {"path": path}))

    def close(self) -> None:
        """Nothing is left: all pages are free again, and none is reserved."""
        for name in [f"p{self.number}_{i + 1}" for i in range(self.processes)]:
            if self.lab.live.crew.living(name):
                self.do("exit", name)
        for op in self.clean:
            self.lab.step(op)
        self.do("set_overcommit", n=0)
        self.do("set_nr", n=0)
        assert not any(self.lab.live.pool.counters()[0])

    # -- a request -------------------------------------------------------------------------------------
    def found(self) -> Found:
        """What ``hugelab why --mount ... --cgroup ...`` reads."""
        folder = self.lab.live.pool.folder
        mount = str(folder / self.mount) if self.mount else None
        return here(mount=mount, cgroup=str(folder / "cgroup2" / self.group) if self.group else None)

    def run(self, request: Request, between: Callable[[], None] | None = None, undo: bool = True) -> Answer:
        """What the kernel answers to a request of a fresh process; ``between`` happens before the touch."""
        proc = self.start()
        path = f"{self.mount or 'm'}/{proc}"
        answer = Answer("ok", 0, "")
        for op in request.steps(PAGE, PAGE):
            names = {"path": path} if "path" in op.args else {"shm": proc} if "shm" in op.args else {}
            if between and op.op == "touch":
                between()
            outcome, value = self.lab.step(Op(op.op, {**op.args, **names}, proc))
            if op.op == "touch":
                answer = Answer("ok", value["done"], "" if outcome == "ok" else outcome)
            elif outcome != "ok":
                assert op.op in ("mmap", "shmget")
                answer = Answer(outcome, 0, "")
                break
        ends = []
        if request.kind in ("shared", "private"):
            ends = [Op("unlink", {"path": path})]
        elif request.kind == "shm" and answer.mapped == "ok":
            ends = [Op("shmrm", {"shm": proc})]
        if undo:
            self.do("exit", proc)
            for op in ends:
                self.lab.step(op)
        else:
            self.clean[:0] = ends
        return answer

    def rivals(self) -> None:
        """Others take all that they may, in the same mount and group first.

        Processes outside the group end, and give back their pages; others outside reserve these for shared files, so
        that no process inside is charged for them; those inside use these reservations, and their own, then the rest.
        """
        if self.lab.live.crew.living(self.out):
            self.do("exit", self.out)
        for op in [op for op in self.clean if op.op == "unlink" and "/h" in op.args["path"]]:
            self.lab.step(op)
            self.clean.remove(op)
        for proc, name, pages in self.holders:
            if proc != self.out:
                self.do("touch", proc, map=name, count=pages)
        inside, out = self.start(), self.start(False)
        for mount in filter(None, (self.mount, "m")):
            self.reserve(out, inside, mount)
        for proc in (inside, out):
            if self.mount:
                self.create(proc, "f", f"{self.mount}/{proc}")
                self.do("mmap", proc, map="F", fd="f", pages=ALL, flags=["MAP_SHARED", *LAZY])
                self.do("touch", proc, map="F", count=ALL)
            self.do("mmap", proc, map="A", pages=ALL, flags=["MAP_PRIVATE", *ANONYMOUS, *LAZY])
            self.do("touch", proc, map="A", count=ALL)

    def reserve(self, out: str, inside: str, mount: str) -> None:
        """One process reserves as many pages as there are for a shared file, and another uses them."""
        path = f"{mount}/{out}_{mount}"
        self.create(out, "s", path)
        for pages in range(ALL, 0, -1):
            if self.do("mmap", out, map=f"S{mount}", fd="s", pages=pages)[0] == "ok":
                self.do("open", inside, fd="s", path=path)
                self.do("mmap", inside, map=f"S{mount}", fd="s", pages=pages)
                self.do("touch", inside, map=f"S{mount}", count=pages)
                return

    def help(self, found: Found, asked: Request) -> Request:
        """Do what is advised; the counters after each command are those that were foretold. What to ask then."""
        for number, one in enumerate(remedy(found, asked)):
            if match := re.fullmatch(r"sysctl -w vm.nr_hugepages=(\d+)", one.command):
                self.do("set_nr", n=int(match[1]))
            elif match := re.fullmatch(r"echo max > /sys/fs/cgroup/GROUP/(hugetlb\.2MB\.(?:rsvd\.)?max)", one.command):
                self.do("cg_set", version=2, cg=self.group, file=match[1], value="max")
            elif match := re.fullmatch(r"mount -t hugetlbfs -o (\S+) none /mnt/larger", one.command):
                self.mount = f"n{self.number}_{number}"
                self.do("mount", mount=self.mount, options=match[1])
                self.clean.append(Op("umount", {"mount": self.mount}))
            else:
                assert one.command == ""
                assert one.request == replace(asked, noreserve=False)
            now = self.found()
            assert replace(now, mount=None, cgroup=None) == replace(one.found, mount=None, cgroup=None), one
            asked = one.request
        return asked


# -- random states -----------------------------------------------------------------------------------
def make(draw: random.Random, lab: Lab, number: int) -> State:
    """A pool that others use, a mount with a budget and a cgroup, or without."""
    nr, more = draw.choice([1, 2, 3, 4, 5, 6, 8, 10, 12]), draw.choice([0, 0, 0, 1, 2, 3])
    kind = draw.choice(["", "", "", "size", "size", "min_size"])
    budget = f"{kind}={2 * draw.randint(1, nr + 2 * (kind == 'size'))}M" if kind else ""
    limits = None
    if draw.random() < 0.5:
        files = draw.choice([["max"], ["rsvd.max"], ["max", "rsvd.max"], ["max"], []])
        limits = " ".join(f"{file}={draw.randint(1, 9)}" for file in files)
    state = State(lab, number, nr, more, budget, limits)
    for _ in range(draw.choice([0, 1, 1, 2, 3])):
        pages = draw.randint(1, 5)
        mount = state.mount if kind == "size" and state.mount and draw.random() < 0.5 else "m"
        proc, lazy = draw.choice([state.out, state.inside]), draw.choice([(), (), LAZY])
        state.hold(proc, draw.choice(KINDS[:3]), pages, draw.randint(0, pages), lazy, mount)
    if draw.random() < 0.4:
        state.do("set_nr", n=draw.randint(0, 12))
    if draw.random() < 0.2:
        state.do("set_overcommit", n=draw.randint(0, 3))
    if draw.random() < 0.2:
        state.do("exit", state.out)
    return state


def request(draw: random.Random, found: Found) -> Request:
    """Near what is there, mostly."""
    near = max(found.available + draw.randint(-2, 3), 1)
    pages = draw.choice([near, near, draw.randint(1, 4), draw.randint(1, 14)])
    node = draw.choice([None, None, None, 0])
    lazy = draw.random() < 0.3
    return Request(min(pages, 14), draw.choice(KINDS), lazy, node, node is not None and draw.random() < 0.5)


# -- the tests ---------------------------------------------------------------------------------------
def label(verdict: Verdict) -> str:
    """Outcome and rule, for counting."""
    what = verdict.mapped if verdict.mapped != "ok" else verdict.signal or ("risk" if verdict.risk else "fine")
    rule = verdict.rule + (" rsvd" if "reservations" in verdict.because else "")
    return what if what == "fine" else f"{what} {rule}"


def answers(draw: random.Random, state: State, seen: Counter[str]) -> None:
    """Requests one after another, each compared."""
    for _ in range(REQUESTS):
        found = state.found()
        asked = request(draw, found)
        verdict = why(found, asked)
        keep = not (state.mount and found.mount and found.mount.held) and draw.random() < 0.3
        came = state.run(asked, undo=not keep)
        assert came == (verdict.mapped, verdict.touched, verdict.signal), f"{found} {asked} {verdict} {came}"
        seen[label(verdict)] += 1


def contested(draw: random.Random, state: State, seen: Counter[str]) -> None:
    """A request that passes, with rivals before the touch.

    Where why says that no touch can fail none does. Where it names a risk it is SIGBUS; but a process of the group that
    has used it up cannot use it up again, and of pages reserved twice it is not known which process gets them.
    """
    found = state.found()
    for _ in range(20):
        asked = request(draw, found)
        verdict = why(found, asked)
        if verdict.mapped == "ok" and not verdict.signal:
            break
    else:
        return
    came = state.run(asked, state.rivals, undo=False)
    said = f"{found} {asked} {verdict} {came}"
    if verdict.fine:
        assert came == ("ok", asked.pages, ""), said
    elif verdict.risk != "hugetlb_cgroup_charge_cgroup" and found.available >= 0:
        assert came.signal == "SIGBUS", said
    seen[f"rivals: {label(verdict)}: {came.signal or 'whole'}"] += 1


def helped(draw: random.Random, state: State, seen: Counter[str]) -> None:
    """A request that is refused, or could be: after what is advised it passes, and touches all."""
    found = state.found()
    for _ in range(20):
        asked = request(draw, found)
        verdict = why(found, asked)
        if not verdict.fine:
            break
    else:
        return
    better = state.help(found, asked)
    assert state.run(better, undo=False) == ("ok", better.pages, ""), f"{found} {asked} {verdict}"
    seen[f"helped: {label(verdict)}"] += 1


@contextmanager
def lab_of(pool: BorrowedPool) -> Iterator[Lab]:
    """A lab, which is cleaned up."""
    lab = Lab(pool)
    try:
        yield lab
    finally:
        lab.live.close()


@pytest.fixture
def lab(borrowed: BorrowedPool) -> Iterator[Lab]:
    """A lab for one test."""
    with lab_of(borrowed) as found:
        yield found


GROUP = "hugetlb_cgroup_charge_cgroup"
WANTED = {
    *("fine", "ENOMEM gather_surplus_pages", "ENOMEM hugepage_subpool_get_pages", f"ENOMEM {GROUP} rsvd"),
    *("SIGBUS dequeue_huge_page_vma", "SIGBUS hugepage_subpool_get_pages", f"SIGBUS {GROUP}", f"SIGBUS {GROUP} rsvd"),
    *("risk dequeue_huge_page_vma", "risk hugepage_subpool_get_pages", f"risk {GROUP}", f"risk {GROUP} rsvd"),
}


@pytest.mark.full
def test_the_kernel_does_what_why_says(borrowed: BorrowedPool, say: Callable[[str], None]) -> None:
    """Outcome, pages touched and signal of every request; rivals and help do what it says they do."""
    seen: Counter[str] = Counter()
    for first in range(0, STATES, TOGETHER):
        with lab_of(borrowed) as lab:
            for number in range(first, min(first + TOGETHER, STATES)):
                draw = random.Random(number)
                state = make(draw, lab, number)
                answers(draw, state, seen)
                (contested if number % 3 else helped)(draw, state, seen)
                state.close()
    asked = {name: seen[name] for name in sorted(WANTED)}
    rivals = {name.removeprefix("rivals: "): seen[name] for name in sorted(seen) if name.startswith("rivals")}
    help = sum(number for name, number in seen.items() if name.startswith("helped"))
    say(f"hugelab why: {sum(asked.values())} requests in {STATES} states: {_shown(asked)}")
    say(f"hugelab why, with rivals: {_shown(rivals)}; {help} helped")
    assert sum(asked.values()) >= 200
    assert not {name for name, number in asked.items() if number < STATES // 50}
    assert not {name for name in seen if name not in WANTED and not name.startswith(("rivals", "helped"))}
    assert rivals["fine: whole"] >= STATES // 15
    assert help >= STATES // 15
    failed = sum(number for name, number in rivals.items() if name.endswith("SIGBUS"))
    assert failed >= STATES // 10
    assert failed >= 0.7 * sum(number for name, number in rivals.items() if name.startswith("risk"))


def _shown(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())


# -- one by one --------------------------------------------------------------------------------------
def test_reservations_of_others_in_the_group_use_up_its_limit(lab: Lab) -> None:
    """No page is available that they could take; but pages reserved for them are charged at their touch."""
    state = State(lab, 0, nr=8, overcommit=0, limits="max=5")
    state.hold(state.inside, "anonymous", 5, 0)
    asked = Request(3, "anonymous")
    verdict = why(state.found(), asked)
    assert state.run(asked, state.rivals) == ("ok", 0, "SIGBUS")
    assert (verdict.mapped, verdict.signal, verdict.risk) == ("ok", "", GROUP)
    state.close()


def test_pages_that_others_give_back_use_up_the_limit_of_the_group(lab: Lab) -> None:
    """Nothing is available and nothing reserved for others; then a process ends, and the group takes its pages."""
    state = State(lab, 0, nr=6, overcommit=0, limits="max=3")
    state.hold(state.out, "anonymous", 4, 4)
    asked = Request(2, "anonymous")
    verdict = why(state.found(), asked)
    came = state.run(asked, state.rivals)
    assert (came.mapped, came.signal) == ("ok", "SIGBUS")
    assert (verdict.mapped, verdict.signal, verdict.risk) == ("ok", "", GROUP)
    state.close()


@pytest.mark.parametrize("kind", ["anonymous", "shared"])
def test_a_limit_that_nobody_can_reach_is_no_risk(lab: Lab, kind: str) -> None:
    """Of a pool of 6, a group of 6 pages."""
    state = State(lab, 0, nr=6, overcommit=0, limits="max=6 rsvd.max=6")
    asked = Request(2, kind)
    assert why(state.found(), asked).fine
    assert state.run(asked, state.rivals) == ("ok", 2, "")
    state.close()


def test_more_is_reserved_than_is_free(lab: Lab) -> None:
    """A kernel bug (reserved_page_leaves_the_pool) left it so; another (available_is_unsigned) gives anyone a page."""
    state = State(lab, 0, nr=0, overcommit=2, budget="min_size=4M")
    name = state.hold(state.out, "shared", 1, 1, mount="n0")
    state.do("ftruncate", state.out, fd=name, pages=0)
    state.do("set_overcommit", n=0)
    found = state.found()
    assert (found.free, found.rsvd) == (1, 2)
    asked = Request(1, "anonymous", noreserve=True)
    verdict = why(found, asked)
    came = state.run(asked)
    assert came == (verdict.mapped, verdict.touched, verdict.signal)
    assert why(state.found(), Request(1, "anonymous")).mapped == state.run(Request(1, "anonymous")).mapped
    state.close()


def test_a_mount_of_no_page_at_all(lab: Lab) -> None:
    """size= of less than a page is a limit of 0 pages, not none; without size= and min_size= there is no limit."""
    for number, (budget, mount) in enumerate((("size=1M", Mount(0)), ("mode=755", Mount()), ("nr_inodes=9", Mount()))):
        state = State(lab, number, nr=2, overcommit=0, budget=budget)
        found = state.found()
        assert found.mount == mount
        for asked in (Request(1), Request(1, noreserve=True)):
            verdict = why(found, asked)
            assert state.run(asked) == (verdict.mapped, verdict.touched, verdict.signal)
        state.close()


def test_reservations_of_a_mount(lab: Lab) -> None:
    """min_size= alone: what it holds is reserved for files of it; a file there is taken to have used it up."""
    state = State(lab, 0, nr=4, overcommit=0, budget="min_size=6M")
    assert state.found() == Found(4, 4, 3, mount=Mount(None, 0, 3))
    assert why(state.found(), Request(4)).fine
    assert why(state.found(), Request(2, "anonymous")).mapped == "ENOMEM"
    assert state.run(Request(4)) == ("ok", 4, "")
    state.hold(state.out, "shared", 1, 1, mount="n0")
    assert state.found().mount == Mount(None, 0, 0)
    state.close()


def test_a_group_in_a_group(lab: Lab) -> None:
    """The limit above counts, too, and what a neighbour has used of it."""
    state = State(lab, 0, nr=8, overcommit=0)
    for group in ("up", "up/a", "up/b"):
        state.do("cg_mkdir", version=2, cg=group)
    state.do("cg_set", version=2, cg="up", file="hugetlb.2MB.max", value=5 * PAGE)
    state.do("cg_attach", state.inside, version=2, cg="up/a")
    state.hold(state.inside, "anonymous", 2, 2)
    state.group = "up/b"
    assert state.found().cgroup == Cgroup(3, None)
    for file, pages, left in (("max", 4, Cgroup(3)), ("max", 2, Cgroup(2)), ("rsvd.max", 1, Cgroup(2, 1))):
        state.do("cg_set", version=2, cg=state.group, file=f"hugetlb.2MB.{file}", value=pages * PAGE)
        assert state.found().cgroup == left
    for asked in (Request(1), Request(2), Request(2, noreserve=True)):
        verdict = why(state.found(), asked)
        assert state.run(asked) == (verdict.mapped, verdict.touched, verdict.signal)
    state.close()
