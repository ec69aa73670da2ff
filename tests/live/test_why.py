"""``hugelab why`` against the running kernel: what it says of the counters as they are, and what the kernel then does.

Each state is made live by other processes; then requests are asked and run, one after another, each by a fresh process
that was forked before there was any mapping. The model, with the slips of a real kernel, does every step first, so that
nothing is tried that would harm the counters.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

if sys.platform != "linux":
    pytest.skip("the live kernel is Linux", allow_module_level=True)

from hugelab import Scenario, ScenarioError
from hugelab.live.kernel import LiveKernel, boot_live
from hugelab.live.pool import BorrowedPool, borrow
from hugelab.model.kernel import Kernel, boot
from hugelab.scenario import ANONYMOUS, Op
from hugelab.why import KINDS, Found, Request, Verdict, remedy, why
from hugelab.why.here import here
from tests.live.alone import alone
from tests.live.why import why_not_live

WHY_NOT = why_not_live()
pytestmark = [pytest.mark.xdist_group("pool"), pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "can")]

PAGE = 2 << 20
STATES, REQUESTS = 56, 5  # requests in each state; the last one meets rivals
LAZY = ["MAP_NORESERVE"]
ALL = 30  # pages: more than any pool here has


@pytest.fixture
def borrowed() -> Iterator[BorrowedPool]:
    """The machine's pool, for one test."""
    with alone(), borrow(yes=True, wait=300) as pool:
        yield pool


class Harmful(Exception):
    """The real kernel's counters would come to lasting harm."""


class Answer(NamedTuple):
    """Of the call that promises, how many pages were touched, and the signal that ended it."""

    mapped: str
    touched: int
    signal: str


class Lab:
    """One live kernel for several states after another, and the model that does every step before it."""

    def __init__(self, pool: BorrowedPool):
        scenario = Scenario("why", nr=0)
        self.live: LiveKernel = boot_live(scenario, pool)
        self.model: Kernel = boot(scenario, self.live.machine.with_slips())
        self.do("fork", child="START")  # P has no mapping, ever: what it forks is fresh
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

    def hold(self, proc: str, kind: str, pages: int, touched: int, flags: list[str] = [], mount: str = "m") -> str:
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
        """Nothing is left: all pages are free again, and none is promised."""
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
        mapped, answer = "ok", Answer("ok", 0, "")
        for op in request.steps(PAGE, PAGE):
            names = {"path": path} if "path" in op.args else {"shm": proc} if "shm" in op.args else {}
            if between and op.op == "touch":
                between()
            outcome, value = self.lab.step(Op(op.op, {**op.args, **names}, proc))
            if op.op == "touch":
                answer = Answer("ok", value["done"], "" if outcome == "ok" else outcome)
            elif outcome != "ok":
                assert op.op in ("mmap", "shmget")
                mapped, answer = outcome, Answer(outcome, 0, "")
                break
        ends = []
        if request.kind in ("shared", "private"):
            ends = [Op("unlink", {"path": path})]
        elif request.kind == "shm" and mapped == "ok":
            ends = [Op("shmrm", {"shm": proc})]
        if undo:
            self.do("exit", proc)
            for op in ends:
                self.lab.step(op)
        else:
            self.clean[:0] = ends
        return answer

    def rivals(self) -> None:
        """Others take all that they may: what they were promised, what nobody was, in the same mount and group first."""
        for proc, name, pages in self.holders:
            if self.lab.live.crew.living(proc):
                self.do("touch", proc, map=name, count=pages)
        for proc in (self.start(), self.start(False)):
            if self.mount:
                self.create(proc, "f", f"{self.mount}/{proc}")
                self.do("mmap", proc, map="F", fd="f", pages=ALL, flags=["MAP_SHARED", *LAZY])
                self.do("touch", proc, map="F", count=ALL)
            self.do("mmap", proc, map="A", pages=ALL, flags=["MAP_PRIVATE", *ANONYMOUS, *LAZY])
            self.do("touch", proc, map="A", count=ALL)

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
        proc, lazy = draw.choice([state.out, state.inside]), draw.choice([[], [], LAZY])
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
    rule = verdict.rule + (" rsvd" if "promises" in verdict.because else "")
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
    """A request that passes, with rivals before the touch: SIGBUS where why says that there is a risk, else all."""
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
    assert (came.mapped, came.signal) == ("ok", "SIGBUS" if verdict.risk else ""), said
    assert came.touched == asked.pages or verdict.risk
    seen[f"rivals: {label(verdict)}"] += 1


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


def whole(draw: random.Random, lab: Lab, number: int, seen: Counter[str]) -> None:
    """One state, from the beginning to the end."""
    state = make(draw, lab, number)
    answers(draw, state, seen)
    (contested if number % 3 else helped)(draw, state, seen)
    state.close()


def test_the_kernel_does_what_why_says(borrowed: BorrowedPool, say: Callable[[str], None]) -> None:
    """Outcome, pages touched and signal of every request; SIGBUS if others come first exactly where it says so."""
    seen: Counter[str] = Counter()
    for first in range(0, STATES, 10):
        lab = Lab(borrowed)
        try:
            for number in range(first, min(first + 10, STATES)):
                whole(random.Random(number), lab, number, seen)
        finally:
            lab.live.close()
    say("\n".join(f"{k}: {v}" for k, v in sorted(seen.items())))
