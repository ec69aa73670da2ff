"""Texts of /proc about programs on a real kernel, recorded after each step, from a file of the package.

The file is made by ``tools/record_seen.py``. Long rows of equal or consecutive numbers, as pagemap and kpageflags
are, are kept as runs, without loss.
"""

import json
import struct
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ..core.state import Counters
from ..linux.machines import X86_64, Machine
from ..linux.scenario import ANONYMOUS, Op, Scenario
from ..live import proc, views
from ..live.inventory import Inventory
from ..model.kernel import boot
from .mapping import let_go as program

FILE = Path(__file__).parent / "data" / "seen_6.18.json"
ALL = "munmap, close, unlink"
PRIVATE = ["MAP_PRIVATE", *ANONYMOUS]
SHARED = ["MAP_SHARED", *ANONYMOUS]


def _fork(flags: list[str]) -> Scenario:
    """A child that writes to what its parent has mapped, also to pages that were not touched yet."""
    scenario = Scenario("fork").then("mmap", map="A", pages=5, flags=flags)
    scenario = scenario.then("touch", map="A", page=0, count=3).then("fork", child="C")
    scenario = scenario.then("touch", map="A", page=2, count=2, proc="C").then("touch", map="A", page=2, count=1)
    return scenario.then("exit", proc="C")


PROGRAMS: dict[str, Scenario] = {
    "shared file": program(5, 10, 3, "shared file", ALL),
    "private file": program(5, 10, 3, "private file", ALL),
    "shared file, no unlink": program(5, 10, 3, "shared file", "munmap, close (no unlink)"),
    "anonymous, private": program(5, 10, 3, "anonymous, private", ALL),
    "fork, private": _fork(PRIVATE),
    "fork, shared": _fork(SHARED),
}


def _machine() -> Scenario:
    """Several holders of each kind: a file that was left behind, one without a name, a fork, reservations."""
    scenario = Scenario("machine", nr=20).then("open", fd="f", path="m/left_behind")
    scenario = scenario.then("mmap", map="L", fd="f", pages=4).then("touch", map="L", page=0, count=3)
    scenario = scenario.then("munmap", map="L").then("close", fd="f").then("open", fd="g", path="m/table")
    scenario = scenario.then("mmap", map="T", fd="g", pages=5).then("touch", map="T", page=0, count=4)
    scenario = scenario.then("unlink", path="m/table").then("close", fd="g")
    scenario = scenario.then("mmap", map="A", pages=3, flags=PRIVATE).then("touch", map="A", page=0, count=2)
    return scenario.then("fork", child="C").then("touch", map="A", page=0, count=1, proc="C")


MACHINE = _machine()


class Moment(NamedTuple):
    """The texts after a step.

    ``meminfo``: its lines about huge pages, ``node``: those of memory node 0 ({} on a kernel without NUMA);
    ``texts``: by process that was alive.
    """

    op: Op
    outcome: str
    counters: Counters
    meminfo: dict[str, int]
    node: dict[str, int]
    texts: dict[str, views.Texts]


# -- reading -----------------------------------------------------------------------------------------
@cache
def _file() -> Any:
    return json.loads(FILE.read_text(encoding="utf-8"))


def kernel() -> str:
    """The version of the recorded kernel, such as 6.18.44."""
    return str(_file()["kernel"])


def machine() -> Machine:
    """The model of the recorded kernel, with mappings at the same addresses."""
    return replace(X86_64, top=int(_file()["top"]))


@cache
def recorded() -> dict[str, list[Moment]]:
    """All programs, by name: a moment a step."""
    return {name: list(map(_moment, PROGRAMS[name].steps, said)) for name, said in _file()["programs"].items()}


def inventory() -> Inventory:
    """The holders of huge pages on the recorded machine, for the lab that also looks at yours."""
    return Inventory.from_json(_file()["inventory"])


def start(name: str) -> Counters:
    """The pool before the first step of a program."""
    nr = PROGRAMS[name].nr
    return Counters(nr, nr, 0, 0)


def _moment(op: Op, said: Any) -> Moment:
    texts = {}
    for name, files in said["texts"].items():
        pages = [{int(at): unpack(runs) for at, runs in files[kind].items()} for kind in ("pagemap", "kpageflags")]
        texts[name] = views.Texts(files["smaps"], files["numa_maps"], files["status"], *pages)
    pool, node = (proc.parse_meminfo(said[name]) if said[name] else {} for name in ("meminfo", "node"))
    return Moment(op, said["outcome"], Counters(*said["counters"]), pool, node, texts)


@cache
def model_views(name: str) -> list[dict[str, list[views.View]]]:
    """The model's mappings of the processes that are alive after each step of a program."""
    model, found = boot(PROGRAMS[name], machine()), []
    names = ["P"]
    for op in PROGRAMS[name].steps:
        model.run(op)
        names += [op.args["child"]] if op.op == "fork" else []
        names = [name for name in names if not (op.op == "exit" and op.proc == name)]
        found.append({name: views.of_model(model, name) for name in names})
    return found


# -- runs --------------------------------------------------------------------------------------------
def pack(data: bytes) -> list[list[int]]:
    """Entries of 8 bytes as runs: [first value, number of entries, difference between neighbours (0 or 1)]."""
    runs: list[list[int]] = []
    for value in struct.unpack(f"<{len(data) // 8}Q", data):
        last = runs[-1] if runs else [0, 0, 0]
        step = value - (last[0] + (last[1] - 1) * last[2])
        if last[1] and step in (0, 1) and (last[1] == 1 or step == last[2]):
            last[1], last[2] = last[1] + 1, step
        else:
            runs.append([value, 1, 0])
    return runs


def unpack(runs: Iterable[Iterable[int]]) -> bytes:
    """The bytes from which ``pack`` made these runs."""
    values = [first + i * step for first, count, step in runs for i in range(count)]
    return struct.pack(f"<{len(values)}Q", *values)
