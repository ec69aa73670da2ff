"""The main programs of notebooks 07 to 09 and every command that they show, on this machine's kernel."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("the live kernel is Linux", allow_module_level=True)

from hugelab import Op, Scenario
from hugelab.course.on_kernel import GROUPS, machine
from hugelab.labs.shortage import LIMITS, WAYS, program
from hugelab.linux.architectures import metadata
from hugelab.linux.machines import SIZE_1G, SIZE_2M, X86_64
from hugelab.linux.shell import CGROUPS, COMMANDS, MOUNTS, command
from hugelab.live import host
from hugelab.live.kernel import LiveKernel, boot_live
from hugelab.live.pool import BorrowedPool, borrow
from hugelab.model.kernel import run
from hugelab.record.recording import compare
from hugelab.record.source import record
from tests.conftest import fully
from tests.live.alone import alone
from tests.live.why import why_not_live

WHY_NOT = why_not_live()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "can")
ANONYMOUS = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB"]
HERE = [(group, name) for group, programs in GROUPS.items() if group != "nodes" for name in programs]


@pytest.fixture(scope="module")
def pool() -> Iterator[BorrowedPool]:
    """The machine's pools, for all tests of this file."""
    with alone(), borrow(yes=True, wait=300) as borrowed:
        yield borrowed


# -- programs ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("group", "name"), HERE, ids=[f"{group}-{name}" for group, name in HERE])
def test_main_programs(group: str, name: str, pool: BorrowedPool) -> None:
    """Outcome, value and the counters of both page sizes after every step are the model's."""
    scenario = GROUPS[group][name]
    with boot_live(scenario, pool) as kernel:
        live = record(kernel, scenario)
    model = run(scenario, machine(group))
    assert compare(model, live) is None
    for ours, theirs in zip(model.steps, live.steps, strict=True):
        assert ours.counters == {size: theirs.counters[size] for size in ours.counters}


@pytest.mark.full
@pytest.mark.parametrize("limit", LIMITS)
def test_one_shortage_many_answers(limit: str, pool: BorrowedPool) -> None:
    """Each way of asking, for more than there is and as much; in `make proof` for others, too."""
    for way in WAYS:
        for room, pages in ((3, 5), (4, 4), (1, 3), (6, 2))[: 4 if fully() else 2]:
            scenario = program(limit, way, room, pages)
            with boot_live(scenario, pool) as kernel:
                live = record(kernel, scenario)
            assert compare(run(scenario, X86_64), live) is None, (limit, way, room, pages)


# -- commands ----------------------------------------------------------------------------------------
GROUP = {"version": 2, "cg": "g"}
BEGIN = Scenario("commands", nr=6)
MAPPED = BEGIN.then("mmap", map="A", pages=4, flags=ANONYMOUS).then("touch", map="A", page=0, count=2)
IN_GROUP = BEGIN.then("cg_mount", version=2).then("cg_mkdir", **GROUP)
LIMIT = {**GROUP, "file": "hugetlb.2MB.max", "value": "4M"}
WANT = Op("mmap", {"map": "B", "pages": 4, "flags": ANONYMOUS})
TOUCH = Op("touch", {"map": "B", "page": 0, "count": 4})

# A beginning, the operation that is also done by its command, and what the program does then.
CASES: dict[str, tuple[Scenario, Op, tuple[Op, ...]]] = {
    "set_nr": (MAPPED, Op("set_nr", {"n": 3}), (WANT,)),
    "set_nr of 1 GB": (BEGIN, Op("set_nr", {"n": 1, "hsize": "1G"}), ()),
    "set_overcommit": (MAPPED, Op("set_overcommit", {"n": 3}), (WANT, TOUCH)),
    "set_nr_node": (MAPPED, Op("set_nr_node", {"node": 0, "n": 9}), (WANT, TOUCH)),
    "node_counters": (MAPPED, Op("node_counters", {"node": 0}), ()),
    "demote": (BEGIN.then("set_nr", n=1, hsize="1G"), Op("demote", {"n": 1}), (WANT,)),
    "meminfo": (MAPPED, Op("meminfo"), ()),
    "mount": (BEGIN, Op("mount", {"mount": "n", "options": "size=8M,min_size=4M"}), (WANT,)),
    "remount": (MAPPED, Op("remount", {"mount": "m", "options": "size=2M"}), (WANT,)),
    "umount": (BEGIN, Op("umount", {"mount": "m"}), (WANT,)),
    "umount_lazy": (BEGIN, Op("umount_lazy", {"mount": "m"}), (WANT,)),
    "statfs": (BEGIN, Op("statfs", {"mount": "m"}), ()),
    "unlink": (
        BEGIN.then("open", fd="f", path="m/x").then("fallocate", fd="f", pages=3).then("close", fd="f"),
        Op("unlink", {"path": "m/x"}),
        (WANT,),
    ),
    "cg_mkdir": (BEGIN.then("cg_mount", version=2), Op("cg_mkdir", GROUP), ()),
    "cg_set": (IN_GROUP.then("cg_attach", **GROUP), Op("cg_set", LIMIT), (WANT, TOUCH)),
    "cg_attach": (IN_GROUP.then("cg_set", **LIMIT), Op("cg_attach", GROUP), (WANT, TOUCH)),
    "cg_get": (IN_GROUP, Op("cg_get", {**GROUP, "files": ["hugetlb.2MB.max", "hugetlb.2MB.rsvd.max"]}), ()),
    "cg_rmdir": (IN_GROUP, Op("cg_rmdir", GROUP), ()),
    "kill": (MAPPED.then("fork", child="C"), Op("kill", proc="C"), (WANT, TOUCH)),
}


def do_in_shell(kernel: LiveKernel, op: Op) -> None:
    """Run the command of an operation, where the mounts, groups and processes of this kernel are."""
    places = {f"{CGROUPS}/": f"{kernel.pool.folder}/cgroup2/", f"{MOUNTS}/": f"{kernel.pool.folder}/"}
    line = re.sub("|".join(places), lambda match: places[match[0]], command(op))
    if "PID" in line:
        line = line.replace("PID", str(kernel.crew.member(op.proc).pid))
    subprocess.run(["bash", "-c", line], check=True, capture_output=True)
    if op.op == "mount":  # so that it is unmounted at the end
        kernel.mounts.append(op.args["mount"])
    if op.op.startswith("umount"):
        kernel.mounts.remove(op.args["mount"])


def after(pool: BorrowedPool, case: str, do: Callable[[LiveKernel, Op], Any]) -> list[Any]:
    """Counters right after the operation, and outcome and counters of each step after it."""
    begin, op, then = CASES[case]
    with boot_live(begin, pool) as kernel:
        for step in begin.steps:
            assert kernel.run(step)[0] == "ok", step
        do(kernel, op)
        if op.op == "kill":
            host.wait_until(lambda: not host.process(kernel.crew.members["C"].pid), 2)
        found: list[Any] = [pool.counters()]
        for step in then:
            found.append((kernel.run(step), pool.counters()))
        if op.op == "cg_mkdir" and do is do_in_shell:
            (kernel.pool.folder / "cgroup2" / "g").rmdir()
        return found


@pytest.mark.parametrize("case", CASES)
def test_a_command_does_what_the_operation_does(case: str, pool: BorrowedPool) -> None:
    """The line that the course shows, typed into a shell: the same counters, and the program gets the same after it."""
    by_operation = after(pool, case, lambda kernel, op: kernel.run(op))
    assert after(pool, case, do_in_shell) == by_operation


def test_every_command_of_the_course_is_tried() -> None:
    """But for numactl, which is not installed everywhere."""
    assert {op.op for _, op, _ in CASES.values()} == COMMANDS.keys() - {"set_mempolicy"}


# -- metadata ----------------------------------------------------------------------------------------
def metadata_pages() -> int:
    """Base pages that hold struct pages (nr_memmap_boot_pages, nr_memmap_pages)."""
    lines = Path("/proc/vmstat").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("nr_memmap_"))


@pytest.mark.parametrize(("size", "pages"), [(SIZE_2M, 64), (SIZE_1G, 1)])
def test_what_hvo_gives_back(size: int, pages: int, pool: BorrowedPool) -> None:
    """7 base pages of each 2 MB page, 4095 of each 1 GB page, as the formula says."""
    switch = Path("/proc/sys/vm/hugetlb_optimize_vmemmap")
    if not switch.exists() or not metadata_pages():
        pytest.skip("this kernel cannot free the metadata of huge pages, or does not count it")
    before = switch.read_text()
    try:
        switch.write_text("1")
        start = metadata_pages()
        pool.set_nr(size, pages)
        got = host.read_counters(size).total
        assert got
        assert start - metadata_pages() == got * metadata(size, 4096).freed // 4096
        pool.set_nr(size, 0)
        assert metadata_pages() == start
    finally:
        pool.set_nr(size, 0)
        switch.write_text(before)
