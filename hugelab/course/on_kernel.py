"""The main programs of notebooks 07 to 09, by group, and what a real kernel answered to each.

``data/on_kernel.json`` is made by tools/record_on_kernel.py and, for two memory nodes, tools/record_nodes.py.
"""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from ..core.state import State
from ..linux.machines import NUMA, X86_64, Machine
from ..linux.rules import rules_of
from ..linux.scenario import ANONYMOUS, Scenario
from ..record.recording import Recording
from .family import program as family
from .mapping import resized
from .nodes import POLICIES
from .nodes import program as nodes
from .recorded import read_step
from .shortage import program as shortage

FILE = Path(__file__).parent / "data" / "on_kernel.json"
TWO_NODES = replace(NUMA, name="numa-6.1", rules=rules_of("6.1"), title="a server with two memory nodes, Linux 6.1")
SHARED = ["MAP_SHARED", *ANONYMOUS]


def _min_size() -> Scenario:
    """min_size= reserves pages at mount; the files of the mount use them, and give them back."""
    scenario = Scenario("min_size", nr=10).then("mount", mount="n", options="min_size=8M")
    scenario = scenario.then("open", fd="f", path="n/file").then("mmap", map="A", fd="f", pages=3)
    scenario = scenario.then("touch", map="A", page=0, count=3).then("mmap", map="B", pages=7, flags=SHARED)
    scenario = scenario.then("munmap", map="A").then("close", fd="f").then("unlink", path="n/file")
    return scenario.then("umount", mount="n")


def _sizes() -> Scenario:
    """A pool of 2 MB pages beside one of 1 GB: each call takes from its own."""
    scenario = Scenario("sizes", nr=4).then("set_nr", n=1, hsize="1G")
    scenario = scenario.then("mmap", map="A", pages=3, flags=SHARED).then("touch", map="A", page=0, count=3)
    large = ["MAP_SHARED", *ANONYMOUS, "MAP_HUGE_1GB"]
    scenario = scenario.then("mmap", map="B", pages=1, hsize="1G", flags=large)
    scenario = scenario.then("touch", map="B", page=0, count=1, hsize="1G")
    scenario = scenario.then("mmap", map="C", pages=1, hsize="1G", flags=large).then("munmap", map="B")
    return scenario.then("munmap", map="A").then("set_nr", n=0, hsize="1G")


def _demote() -> Scenario:
    """A free page of 1 GB becomes 512 of 2 MB; a reserved one does not."""
    large = ["MAP_SHARED", *ANONYMOUS, "MAP_HUGE_1GB"]
    scenario = Scenario("demote", nr=2).then("set_nr", n=2, hsize="1G")
    scenario = scenario.then("mmap", map="A", pages=1, hsize="1G", flags=large).then("demote", n=2)
    return scenario.then("munmap", map="A").then("demote", n=1).then("mmap", map="B", pages=1000, flags=SHARED)


GROUPS: dict[str, dict[str, Scenario]] = {
    "pressure": {
        "the pool is short": shortage("pages in the pool", "mmap, touch", 3, 5),
        "others reserved the rest": shortage("pages not reserved by others", "mmap, touch", 3, 5),
        "MAP_NORESERVE": shortage("pages in the pool", "MAP_NORESERVE, touch", 3, 5),
        "MAP_NORESERVE and MAP_POPULATE": shortage("pages in the pool", "MAP_NORESERVE and MAP_POPULATE", 3, 5),
        "read(2) into the page that is missing": shortage("pages in the pool", "MAP_NORESERVE, read(2) into it", 3, 5),
        "fallocate": shortage("pages in the pool", "fallocate", 3, 5),
        "size= of the mount": shortage("size= of the mount", "mmap, touch", 3, 5),
        "cgroup limit on pages": shortage("cgroup limit on pages (max)", "mmap, touch", 3, 5),
        "cgroup limit on reservations": shortage("cgroup limit on reservations (rsvd.max)", "mmap, touch", 3, 5),
        "min_size=": _min_size(),
        "surplus": resized(2, 4, 5, 3, 2, "shared file", "give all back"),
        "the pool shrinks under use": resized(10, 0, 6, 4, 2, "shared file", "give all back, then grow to 10"),
    },
    "fork": {
        "the owner takes the page": family(4, 4, 3, "child reads page 0", "parent writes all", "child reads page 0"),
        "the child finds no page": family(4, 4, 3, "child reads page 0", "child writes page 0", "nothing"),
        "the child touches what is not there yet": family(4, 4, 3, "child writes all", "parent reads all", "nothing"),
        "room for all: copies": family(10, 4, 3, "child writes all", "parent writes all", "child exits"),
        "the last one reuses": family(6, 4, 3, "child writes page 0", "parent writes page 0", "child exits"),
        "the child exits, the parent writes": family(4, 4, 4, "child exits", "parent writes all", "nothing"),
        "MADV_DONTNEED": family(6, 4, 3, "child MADV_DONTNEED", "parent MADV_DONTNEED", "parent reads all"),
    },
    "pools": {"2 MB beside 1 GB": _sizes(), "demotion": _demote()},
    "nodes": {policy: nodes(6, 2, 4, "shared", policy) for policy in POLICIES},
}


def machine(group: str) -> Machine:
    """The machine of the model that a group's programs run on."""
    return TWO_NODES if group == "nodes" else X86_64


# -- what was recorded -------------------------------------------------------------------------------
@cache
def _file() -> Any:
    return json.loads(FILE.read_text(encoding="utf-8"))


def version(group: str) -> str:
    """The version of the recorded kernel, such as 6.18.44."""
    return str(_file()[group]["kernel"])


def recorded(group: str, name: str) -> Recording:
    """The kernel's answers to a program. Raises KeyError for a program that was not recorded."""
    scenario, texts = GROUPS[group][name], _file()[group]["answers"][name]
    steps = [read_step(index, op, text) for index, (op, text) in enumerate(zip(scenario.steps, texts, strict=True))]
    where = replace(machine(group), name="recorded", title=f"Linux {version(group)}, recorded")
    return Recording(scenario, where, State(), "recorded", steps)
