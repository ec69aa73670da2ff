"""Each rule of the invariants finds what breaks it: a sound state, with one thing changed by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hugelab import Scenario
from hugelab.core.runs import Run
from hugelab.linux.structs import inode, mm_struct, resv_map
from hugelab.model.kernel import Kernel, boot
from hugelab.record.invariants import broken

# Ten pages: two in a file, which is mapped and has one more reserved; two private ones; six free.
PROGRAM = (
    Scenario("sound", 10)
    .open(fd="f", path="m/a")
    .mmap(map="A", fd="f", pages=3)
    .touch(map="A", count=2)
    .mmap(map="B", pages=2, flags=["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB"])
    .touch(map="B", count=2)
)


def sound() -> Kernel:
    """A kernel after the program."""
    kernel = boot(PROGRAM)
    assert [kernel.run(op)[0] for op in PROGRAM.steps] == ["ok"] * len(PROGRAM.steps)
    return kernel


def table(k: Kernel) -> Any:
    """The page table of the process."""
    return k.state.of(mm_struct)[0].tables[2 << 20]


def cached(k: Kernel) -> Run:
    """The pages of the file."""
    found: Run = next(iter(k.state.of(inode)[0].i_pages))
    return found


def entry(k: Kernel) -> Run:
    """The file's pages in the page table."""
    found: Run = next(run for run in table(k) if not run.tag[1])
    return found


def remap(k: Kernel, frame: int) -> None:
    """The first entry of the file shows another frame."""
    run = entry(k)
    table(k).cut(run.start, run.start + 1)
    table(k).put(Run(run.start, 1, frame, tag=run.tag))


def both(k: Kernel, name: str, by: int) -> None:
    """A counter of the pool and of its node moves."""
    for record in (k.state.pools[0], k.state.pools[0].nodes[0]):
        setattr(record, name, getattr(record, name) + by)


def free_twice(k: Kernel) -> None:
    """A page of the file is on the free list in place of a free one."""
    k.state.pools[0].nodes[0].freelist.pop()
    k.state.pools[0].nodes[0].freelist.push(cached(k).value)


BREAKS: dict[str, Callable[[Kernel], object]] = {
    "a counter is negative": lambda k: setattr(k.state.pools[0], "resv_huge_pages", -1),
    "more pages are reserved than are free": lambda k: setattr(k.state.pools[0], "resv_huge_pages", 7),
    "more surplus than pages": lambda k: both(k, "surplus_huge_pages", 11),
    "surplus_huge_pages of the nodes do not add up": lambda k: setattr(k.state.pools[0], "surplus_huge_pages", 1),
    "the free list of node 0 has 5 pages": lambda k: k.state.pools[0].nodes[0].freelist.pop(),
    "total is not free + the 4 pages that files and private mappings hold": lambda k: both(k, "nr_huge_pages", 1),
    "has two holders": free_twice,
    "maps and subpools reserve 0 pages": lambda k: k.state.of(resv_map)[0].regions.cut(2, 3),
    "maps a page that the file does not have": lambda k: setattr(k.state.records["vma/1"], "vm_pgoff", 5),
    ", the file has 2048": lambda k: remap(k, cached(k).value + 1),
    "an entry outside every mapping": lambda k: table(k).put(Run(1, 1, 1, tag=(True, False))),
}


def test_the_state_is_sound() -> None:
    """Before anything is changed."""
    assert broken(sound().state, settled=True) is None


@pytest.mark.parametrize("rule", BREAKS)
def test_each_rule_is_broken(rule: str) -> None:
    """In the words of that rule."""
    kernel = sound()
    BREAKS[rule](kernel)
    assert rule in (broken(kernel.state, settled=True) or "")
