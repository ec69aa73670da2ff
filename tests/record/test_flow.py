"""Call flow and log lines: the lesson's log, a recorded log of the lesson's program, and the tables themselves."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hugelab.model
from hugelab import LESSON, MACHINES, X86_64, Op, Recording, Scenario, ScenarioError, lesson, load, run
from hugelab.linux import chains
from hugelab.linux.chains import CHAINS, TITLES
from hugelab.linux.lines import LINES, Line, line_pattern
from hugelab.linux.machines import Machine
from hugelab.linux.names import NAMES, all_names, function_name, release
from hugelab.linux.operations import OPERATIONS
from hugelab.record import flow
from hugelab.record.flow import chain, log, passed, phase_of
from hugelab.trace.judge.lesson import infer
from hugelab.trace.read.printk import shape
from tests.conftest import DATA, fully, some
from tests.trace.recordings import printed as entries

VERSIONS = sorted({machine.version for machine in MACHINES.values()}, key=release)
LOG_LINE = re.compile(r"\[\s*\d+\.\d+\] ((?:HUGETLB|HUGEPAGE)\w*: .*)")


def printed(path: Path) -> list[str]:
    """The kernel's lines of a recorded text, without the time."""
    return [found[1].rstrip() for line in path.read_text().splitlines() if (found := LOG_LINE.search(line))]


def ours(scenario: Scenario, machine: Any = LESSON, extra: bool = False) -> list[str]:
    """The model's lines without the time."""
    return [line.split("] ", 1)[1] for line in log(run(scenario, machine), extra=extra)]


# -- the lesson ---------------------------------------------------------------------------------------
def test_lesson_log_is_the_lessons_own() -> None:
    """Every log line of the lesson, word for word, in order; and nothing of ours but what the lesson cut."""
    lines, theirs = ours(lesson()), printed(DATA / "lesson.txt")
    assert len(theirs) == 18
    at, found = 0, []
    for line in theirs:
        at = lines.index(line, at) + 1
        found.append(at - 1)
    cut = [line for number, line in enumerate(lines) if number not in found]
    # "This pattern repeats for all 5 pages": four more faults of six lines; then four more pages freed; and the
    # last line of an eviction, which a log that stops after the first page does not reach.
    expected = []
    table = ((0xB6C00000, 0xF7B89000, 509440), (0xB6E00000, 0xF7B85000, 508928))
    table += ((0xB7000000, 0xF7B91000, 510464), (0xB7200000, 0xF7B8D000, 509952))
    for number, (addr, page, pfn) in enumerate(table):
        expected += [
            f"HUGETLB_TRACE: hugetlb_fault() START - addr=0x{addr:x}, flags=0x29",
            f"HUGETLB_TRACE: alloc_huge_page() START - addr=0x{addr:x}, avoid_reserve=0",
            f"HUGETLB_TRACE: hstate - free_pages={9 - number}, resv_pages={4 - number}",
            f"HUGEPAGE_DEQUEUE: PID 2385 got page {page:x} from node 0 pool",
            f"HUGETLB_TRACE: alloc_huge_page() SUCCESS - page={page:x}, pfn={pfn}",
            f"HUGETLB_TRACE: vma_commit_reservation() - addr=0x{addr:x}",
        ]
    for number, (_addr, page, pfn) in enumerate(table):
        expected.append(f"HUGETLB_TRACE: free_huge_page() - page={page:x}, pfn={pfn}")
        expected.append(f"HUGETLB_TRACE: after free - free_pages={7 + number}")
    expected.append("HUGETLB_TRACE: hugetlb_acct_memory() - delta=0")
    assert cut == expected


def test_lessons_table_of_five_pages() -> None:
    """Virtual address, struct page, PFN and pool state of each page, from the lesson's table."""
    rows = re.findall(r"^\d (0x\w+) (\w+) (\d+) free=(\d), resv=(\d)$", (DATA / "lesson.txt").read_text(), re.M)
    assert len(rows) == 5
    events = [event for event in run(lesson(), LESSON) if event.name == "dequeue_huge_page_vma"]
    shown = []
    for event in events:
        assert event.addr is not None and event.pfn is not None
        page = LESSON.struct_page_of(event.pfn)
        now = event.counters
        shown.append((hex(event.addr), f"{page:x}", str(event.pfn), str(now.free), str(now.rsvd)))
    assert shown == rows


def test_first_line_has_the_lessons_time() -> None:
    """The default start time is that of the lesson's first line, later lines are later."""
    times = [float(re.match(r"\[(\d+\.\d+)\]", line)[1]) for line in log(run(lesson(), LESSON))]  # type: ignore[index]
    assert times[0] == 384.353754
    assert all(a < b for a, b in pairwise(times))


# -- recordings of real kernels -----------------------------------------------------------------------
def _renamed(lines: list[str]) -> list[str]:
    """Frames by order of appearance, PID and inode by name."""
    order: dict[str, str] = {}
    out = []
    for line in lines:
        for found in re.findall(r"(?:pfn=|page=|got page )(\w+)", line):
            # page= and pfn= of one frame come in the same order, so their numbers are the same
            kind = "pfn" if f"pfn={found}" in line else "page"
            order.setdefault(found, f"{kind}#{sum(name.startswith(kind) for name in order.values())}")
            line = line.replace(found, order[found])
        line = re.sub(r"PID \d+", "PID P", line)
        out.append(re.sub(r"(inode |ino=)\d+", r"\1I", line))
    return out


def test_lesson_as_recorded_on_linux_310() -> None:
    """The lesson's program on a 3.10 PAE kernel: same lines, order, addresses, flags, counters; other frames."""
    theirs = printed(DATA / "k310pae_as_lesson_b.txt")
    assert len(theirs) == 53
    assert _renamed(ours(lesson(), extra=True)) == _renamed(theirs)
    assert "page#4, pfn=pfn#4" in _renamed(theirs)[36]


def test_extra_lines_only_when_asked() -> None:
    """The lesson's kernel has no HUGETLB_EXTRA line; with extra there are two more, at eviction."""
    plain, extra = ours(lesson()), ours(lesson(), extra=True)
    assert [line for line in extra if not line.startswith("HUGETLB_EXTRA")] == plain
    assert [line.split("()")[0] for line in extra if line.startswith("HUGETLB_EXTRA")] == [
        "HUGETLB_EXTRA: hugetlbfs_evict_inode",
        "HUGETLB_EXTRA: hugetlb_unreserve_pages",
    ]


@pytest.mark.parametrize("name", sorted(p.name for p in DATA.glob("k310pae_*.txt") if "fork" not in p.name))
def test_whole_log_of_a_recording(name: str) -> None:
    """The program behind a recorded log, run in the model, prints that log: every line of it."""
    text = (DATA / name).read_text()
    program = infer(entries(text))
    theirs = printed(DATA / name)
    assert len(theirs) >= 29
    assert ours(program.scenario, program.machine, extra=True) == theirs


def test_pages_and_pfns_of_the_recording_fit_one_mem_map() -> None:
    """page = mem_map + 32 x pfn on 3.10 PAE (docs/lesson.md): in the lesson and in every recording."""
    for path in sorted(DATA.glob("*.txt")):
        pairs = re.findall(r"page=(\w+), pfn=(\d+)", path.read_text())
        assert len({int(page, 16) - 32 * int(pfn) for page, pfn in pairs}) <= 1, path.name
        if path.name == "lesson.txt":
            assert {int(page, 16) - 32 * int(pfn) for page, pfn in pairs} == {LESSON.mem_map}


# -- other kernels ------------------------------------------------------------------------------------
def test_modern_names_in_the_log() -> None:
    """On 6.18 the same lines carry today's function names (docs/lesson.md) and VM_MAYSHARE stays."""
    text = "\n".join(ours(lesson(), X86_64))
    assert "alloc_hugetlb_folio() SUCCESS" in text
    assert "free_huge_folio()" in text
    assert "alloc_huge_page" not in text
    assert "free_huge_page()" not in text
    assert "flags=0x1255" in text
    assert "flags=0x4400fb" in text


def test_names_in_the_log_of_each_version() -> None:
    """5.10 and 6.1 print what 3.10 prints, but for the flags: their functions had the same names still."""
    for version, flags, closed in (
        ("3.10", "0x29", "0x44007b"),
        ("5.10", "0x255", "0x44007b"),
        ("6.1", "0x255", "0x4400fb"),
    ):
        machine = next(machine for machine in MACHINES.values() if machine.version == version)
        text = "\n".join(ours(lesson(), machine))
        assert {"alloc_huge_page() SUCCESS", "free_huge_page()"} <= set(re.findall(r"\w+\(\)(?: SUCCESS)?", text))
        assert f"flags={flags}\n" in text
        assert f"flags={closed}\n" in text


def test_pid_and_inode_are_the_machines() -> None:
    """Another process number and inode number give the same log but for these."""
    lines = ours(lesson(), replace(LESSON, pid=77, first_ino=5))
    assert [line.replace("PID 77", "PID 2385").replace("inode 5", "inode 16079") for line in lines] == ours(lesson())
    assert any("PID 77" in line for line in lines)


# -- the tables ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.name}.{line.moment}")
@given(data=st.data())
def test_line_and_pattern_are_inverse(line: Line, data: st.DataObject) -> None:
    """What a line prints, its pattern reads back: the same fields, whatever their values."""
    specs = dict(re.findall(r"\{(\w+)(:[^}]*)?\}", line.text))
    fields: dict[str, Any] = {}
    for name in specs:
        if name == "fn":
            fields[name] = function_name(line.name, data.draw(st.sampled_from(VERSIONS)))
        elif name == "file":
            fields[name] = data.draw(st.from_regex(r"[a-z][a-z0-9_.]{0,20}", fullmatch=True))
        elif name in ("ret", "delta"):
            fields[name] = data.draw(st.integers(-(2**40), 2**40))
        else:
            fields[name] = data.draw(st.integers(0, 2**64 - 1))
    text = line.text.format_map(fields)
    match = line_pattern(line).search(f"[ 12.5] {text}")
    assert match is not None
    read = {name: int(value, 16) if specs[name] else value for name, value in match.groupdict().items()}
    assert match[0] == text
    assert read == {name: value if specs[name] else str(value) for name, value in fields.items()}


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.name}.{line.moment}")
def test_each_line_is_read_as_itself(line: Line) -> None:
    """No other shape claims a line: the reader finds the very function and moment that printed it."""
    fields = dict.fromkeys(re.findall(r"\{(\w+)", line.text), 7)
    text = line.text.format_map(fields | {"fn": function_name(line.name, "3.10"), "file": "test_file"})
    found = shape(text, 1, None)
    assert found is not None
    assert (found.name, found.moment, found.fields["text"]) == (line.name, line.moment, text)


def _emitted() -> set[str]:
    """The names of all events that the model can make: first arguments of state.point(...), and the entries."""
    names = {row.entry for row in OPERATIONS.values()}
    for path in Path(next(iter(hugelab.model.__path__))).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "point":
                name = node.args[0]
                if isinstance(name, ast.Constant):
                    names.add(str(name.value))
                else:
                    assert isinstance(name, ast.Name) and name.id == "entry", ast.unparse(node)
    return names


BOXES = {call.name for chain in CHAINS.values() for call in chain}


def test_every_event_has_its_place_in_a_chain() -> None:
    """A name the model emits is a box of a chain, or the way into an operation."""
    without = _emitted() - BOXES - {row.entry for row in OPERATIONS.values()}
    # The last steps of calls in which no huge page code runs, and what comes before the first step.
    assert without == {"vfs_unlink", "vfs_link", "vfs_rename", "copy_process", "boot", "mount"} - BOXES


def test_every_box_has_a_known_layer_and_depth() -> None:
    """A chain starts at depth 0, goes down one call at a time, names a function once, and has a title."""
    layers = {chains.USER, chains.SYSCALL, chains.VFS, chains.FS, chains.MM, chains.HUGE, chains.PROCESS, chains.IPC}
    for calls in CHAINS.values():
        assert calls[0].depth == 0
        assert all(b.depth <= a.depth + 1 for a, b in pairwise(calls))
        assert {call.layer for call in calls} <= layers
        assert len({call.name for call in calls}) == len(calls)
        for version in VERSIONS:
            assert "" not in {function_name(call.name, version) for call in calls}
    assert CHAINS.keys() == TITLES.keys()
    assert {row.chain for row in OPERATIONS.values()} - {""} <= CHAINS.keys()


def test_line_names_are_events_of_the_model() -> None:
    """No line waits for an event that nobody makes."""
    assert {line.name for line in LINES} <= _emitted()


# -- names by version ---------------------------------------------------------------------------------
# As recorded: 3.10 in k310pae_*_{func,graph,kprobe}.txt, 6.1 in d61amd64_*_{func,graph,kprobe}.txt.
RECORDED = {
    "hugetlbfs_create": "hugetlbfs_create",
    "hugetlbfs_mknod": "hugetlbfs_mknod",
    "hugetlbfs_get_inode": "hugetlbfs_get_inode",
    "sys_mmap_pgoff": "ksys_mmap_pgoff",
    "do_mmap_pgoff": "do_mmap",
    "hugetlbfs_file_mmap": "hugetlbfs_file_mmap",
    "hugetlb_reserve_pages": "hugetlb_reserve_pages",
    "region_chg": "region_chg",
    "region_add": "region_add",
    "hugetlb_acct_memory": "hugetlb_acct_memory",
    "handle_mm_fault": "handle_mm_fault",
    "hugetlb_fault": "hugetlb_fault",
    "hugetlb_cow": "hugetlb_wp",
    "alloc_huge_page": "alloc_huge_page",
    "dequeue_huge_page_node": "dequeue_huge_page_nodemask",
    "clear_huge_page": "clear_huge_page",
    "add_to_page_cache": "hugetlb_add_to_page_cache",
    "copy_hugetlb_page_range": "copy_hugetlb_page_range",
    "do_munmap": "do_mas_munmap",
    "__unmap_hugepage_range_final": "__unmap_hugepage_range_final",
    "__unmap_hugepage_range": "__unmap_hugepage_range",
    "hugetlb_vm_op_close": "hugetlb_vm_op_close",
    "sys_unlink": "__x64_sys_unlink",
    "hugetlbfs_evict_inode": "hugetlbfs_evict_inode",
    "truncate_hugepages": "remove_inode_hugepages",
    "free_huge_page": "free_huge_page",
    "enqueue_huge_page": "enqueue_huge_page",
    "hugetlb_unreserve_pages": "hugetlb_unreserve_pages",
}
# As in the sources of 5.10: mm/hugetlb.c, mm/mmap.c, mm/madvise.c, fs/hugetlbfs/inode.c, fs/open.c, kernel/fork.c.
IN_5_10 = RECORDED | {
    "hugetlb_cow": "hugetlb_cow",
    "add_to_page_cache": "huge_add_to_page_cache",
    "do_munmap": "__do_munmap",
    "do_page_fault": "exc_page_fault",
    "find_lock_page": "find_lock_page",
    "alloc_buddy_huge_page": "alloc_surplus_huge_page",
    "reset_vma_resv_huge_pages": "reset_vma_resv_huge_pages",
    "zap_page_range": "zap_page_range",
    "follow_hugetlb_page": "follow_hugetlb_page",
    "do_fallocate": "vfs_fallocate",
    "unmap_ref_private": "unmap_ref_private",
}


def test_names_of_6_1_and_5_10() -> None:
    """The recordings of 6.1 and the sources of 5.10 show these names."""
    assert {name: function_name(name, "6.1") for name in RECORDED} == RECORDED
    assert {name: function_name(name, "5.10") for name in IN_5_10} == IN_5_10


def test_names_of_3_10_are_the_names() -> None:
    """Everything goes by its 3.10 name, and those the recordings of 3.10 show are among them."""
    shown = _emitted() | BOXES | RECORDED.keys()
    later = {"fixup_hugetlb_reservations"}  # 3.10 moves no huge page mapping
    assert {name for name in shown - later if function_name(name, "3.10") != name} == set()


@pytest.mark.parametrize("name", NAMES)
def test_each_name_begins_with_a_release(name: str) -> None:
    """The releases rise, each brings another name, and each version has the latest one up to it."""
    changes = NAMES[name]
    assert [release(since) for since, _ in changes] == sorted({release(since) for since, _ in changes})
    assert release("3.10") < release(changes[0][0])
    assert all(a != b for a, b in pairwise([now for _, now in changes]))
    for since, now in changes:
        assert function_name(name, since) == now
        assert now in all_names(name)
    assert function_name(name, "9.0") == changes[-1][1]


def test_versions_are_numbers_not_text() -> None:
    """6.1 comes before 6.3 and 6.18 after it; what follows the second number does not count."""
    assert [function_name("alloc_huge_page", v) for v in ("6.1", "6.2.16", "6.3", "6.18", "6.18.44-cloud")] == [
        *["alloc_huge_page"] * 2,
        *["alloc_hugetlb_folio"] * 3,
    ]
    with pytest.raises(ValueError):
        function_name("alloc_huge_page", "six")


def test_system_calls_are_wrapped_since_4_17() -> None:
    """sys_x is __x64_sys_x, whatever x; some lead elsewhere."""
    assert function_name("sys_madvise", "4.16") == "sys_madvise"
    for version in ("4.17", "5.10", "6.1", "6.18"):
        assert function_name("sys_madvise", version) == "__x64_sys_madvise"
        assert function_name("sys_open", version) == "__x64_sys_openat"


def test_renamed_functions_are_the_models_or_a_chains() -> None:
    """NAMES has no entry for a function that is never shown, but for two that stand in recorded logs."""
    assert set(NAMES) - _emitted() - BOXES == {"sys_mmap_pgoff", "enqueue_huge_page"}


# -- phases -------------------------------------------------------------------------------------------
ANON = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB"]
FILE = Scenario("file", nr=4).open(fd="f", path="m/a")
MAPPED = FILE.mmap(map="A", fd="f", pages=2, flags=["MAP_SHARED"]).touch(map="A", count=2)
PRIVATE = Scenario("private", nr=4).mmap(map="A", pages=2, flags=ANON).touch(map="A", count=2)
FORKED = PRIVATE.fork(child="C")
HOLE = ["FALLOC_FL_PUNCH_HOLE", "FALLOC_FL_KEEP_SIZE"]
SEGMENT = Scenario("segment", nr=4).shmget(shm="s", pages=2)
# A program -> the first kernel in which its last step works, and the phases of that step, in order.
PROGRAMS: list[tuple[Scenario, str, list[str | None]]] = [
    (FILE, "3.10", ["open"]),
    (Scenario("memfd").memfd(fd="f"), "5.10", ["open"]),
    (MAPPED.open(fd="g", path="m/a", flags=["O_RDWR", "O_TRUNC"]), "3.10", ["open", "truncate", "open"]),
    (MAPPED.ftruncate(fd="f", pages=1), "3.10", ["truncate"]),
    (MAPPED.truncate(path="m/a", pages=1), "3.10", ["truncate"]),
    (MAPPED, "3.10", ["fault"]),
    (MAPPED.kread(map="A"), "3.10", ["fault"]),
    (FORKED, "3.10", ["fork"]),
    (FORKED.touch(map="A", proc="C"), "3.10", ["fault", "cow", "fault"]),
    (FORKED.exit(proc="C"), "3.10", ["exit"]),
    (FORKED.kill(proc="C"), "3.10", ["exit"]),
    (PRIVATE.exit(), "3.10", ["exit", "evict", "exit"]),
    (MAPPED.unlink(path="m/a").exit(), "3.10", ["exit", "evict", "exit"]),
    (PRIVATE.mmap(map="B", pages=1, flags=[*ANON, "MAP_POPULATE"]), "3.10", ["mmap", "populate", "mmap"]),
    (PRIVATE.mmap(map="B", pages=1, flags=ANON).mlock(map="B"), "3.10", ["populate"]),
    (PRIVATE.mprotect(map="A", prot=["PROT_READ"]), "3.10", ["mprotect"]),
    (MAPPED.mmap(map="B", fd="f", pages=2, flags=["MAP_PRIVATE"]).mlock(map="B"), "3.10", ["populate"]),
    (MAPPED.madvise(map="A", advice="MADV_DONTNEED"), "6.1", ["madvise"]),
    (PRIVATE.madvise(map="A", advice="MADV_DONTNEED"), "6.1", ["madvise"]),
    (MAPPED.madvise(map="A", advice="MADV_REMOVE"), "5.10", ["madvise", "hole", "madvise"]),
    (
        FILE.mmap(map="A", fd="f", pages=2).madvise(map="A", advice="MADV_POPULATE_WRITE"),
        "6.1",
        ["madvise", "populate", "madvise"],
    ),
    (FILE.fallocate(fd="f", pages=2), "5.10", ["fallocate"]),
    (MAPPED.fallocate(fd="f", pages=2, mode=HOLE), "5.10", ["hole"]),
    (PRIVATE.mremap(map="A", new_pages=1), "6.1", ["mremap"]),
    (
        PRIVATE.mmap(map="B", pages=2, flags=ANON).mremap(
            map="A", new_pages=2, flags=["MREMAP_MAYMOVE", "MREMAP_FIXED"], at={"map": "B"}
        ),
        "6.1",
        ["mremap", "evict", "mremap"],
    ),
    (PRIVATE.munmap(map="A"), "3.10", ["munmap", "evict", "munmap"]),
    (SEGMENT, "3.10", ["shmget"]),
    (SEGMENT.shmat(shm="s", map="A"), "3.10", ["shmat"]),
    (SEGMENT.shmat(shm="s", map="A").shmdt(map="A"), "3.10", ["munmap"]),
    (SEGMENT.shmrm(shm="s"), "3.10", ["shmrm", "evict", "shmrm"]),
    (Scenario("mount", nr=4).mount(mount="n", options="size=8M"), "3.10", ["mount"]),
    (Scenario("mount", nr=4).mount(mount="n", options="min_size=4M").umount(mount="n"), "5.10", ["umount"]),
    (MAPPED.exit().umount(mount="m"), "3.10", ["umount", "evict", "umount"]),
    (MAPPED.umount_lazy(mount="m").exit(), "3.10", ["exit", "evict", "umount", "exit"]),
    (FILE.set_nr(n=6), "3.10", ["resize"]),
    (FILE.set_nr_node(node=0, n=6), "3.10", ["resize"]),
    (FILE.set_nr(n=1, hsize="1G").demote(n=1), "6.1", ["demote"]),
    (FILE.close(fd="f"), "3.10", [None]),
    (MAPPED.munmap(map="A").unlink(path="m/a").close(fd="f"), "3.10", [None, "evict", None]),
    (MAPPED.munmap(map="A").close(fd="f").unlink(path="m/a"), "3.10", [None, "evict", None]),
    (FILE.link(path="m/a", new="m/b"), "3.10", [None]),
]


def _phases(recording: Recording, step: int) -> list[str | None]:
    """The phases of a step's events, each stretch of equal ones once."""
    events = recording.steps[step]
    phases = [phase_of(recording, recording.event(i)) for i in range(events.first, events.last + 1)]
    return [phase for phase, before in zip(phases, [object(), *phases], strict=False) if phase != before]


WORKS = [
    pytest.param(program, machine, expected, id=f"{number}-{program.steps[-1].op}-{machine.name}")
    for number, (program, since, expected) in enumerate(PROGRAMS)
    for machine in MACHINES.values()
    if release(machine.version) >= release(since)
]


@pytest.mark.parametrize(("program", "machine", "expected"), WORKS)
def test_phases_of_each_operation(program: Scenario, machine: Machine, expected: list[str | None]) -> None:
    """Every operation shows its own chain, or those of what happens on its way."""
    recording = run(program, machine)
    assert [step.outcome for step in recording.steps] == ["ok"] * len(program.steps)
    assert _phases(recording, len(recording.steps) - 1) == expected


def test_every_chain_is_shown_and_every_event_of_it_lights_a_box() -> None:
    """The programs above pass every phase, and light every box that the model knows an event of, but for some.

    Some events lie beside their phase's chain.
    """
    lit: dict[str, set[str]] = {phase: set() for phase in CHAINS}
    beside = set()
    owner_writes = replace(FORKED, nr=2).touch(map="A")
    killed = PRIVATE.munmap(map="A").touch(map="A", catch=False)
    surplus = Scenario("surplus", 0, 2).mmap(map="A", pages=1, flags=[*ANON, "MAP_NORESERVE"]).touch(map="A")
    cached = MAPPED.mmap(map="B", fd="f", pages=2).touch(map="B")
    user = Scenario("user", nr=4).setuid(uid=1000).shmget(shm="s", pages=2)
    more = [owner_writes, killed, replace(MAPPED.ftruncate(fd="f", pages=1), overcommit=3), lesson(touched=2), surplus]
    more += [lesson(private=True, touched=1), PRIVATE.munmap(map="A", page=0, pages=1), cached, user]
    lazy = Scenario("lazy", 0, 4).mmap(map="A", pages=2, flags=[*ANON, "MAP_NORESERVE"])
    more += [lazy.mlock(map="A"), lazy.touch(map="A").fork(child="C").touch(map="A", proc="C")]
    more += [Scenario("more", 0, 2).open(fd="f", path="m/a").fallocate(fd="f", pages=1)]
    more += [MAPPED.mmap(map="B", fd="f", pages=2).mlock(map="B")]
    part = {"flags": ["MREMAP_MAYMOVE", "MREMAP_FIXED"], "at": {"map": "A", "page": -64}}
    more.append(PRIVATE.mremap(map="A", pages=1, new_pages=1, **part))
    for scenario in [program for program, _, _ in PROGRAMS] + more:
        recording = run(scenario, X86_64)
        for event in recording:
            phase = phase_of(recording, event)
            if phase is not None:
                inside = event.name in {call.name for call in chain(recording, event)}
                lit[phase] |= {event.name} if inside else set()
                beside |= set() if inside else {(phase, event.name)}
    assert beside == {("fault", "user_access")}  # the kernel's own access finds a page that is there: kread
    emitted = _emitted() - {row.entry for row in OPERATIONS.values()}
    dark = {(phase, name) for phase, calls in CHAINS.items() for name in {c.name for c in calls} & emitted - lit[phase]}
    assert dark == {("hole", "truncate_hugepages")}  # the model says only which pages it frees


def test_boxes_that_were_passed() -> None:
    """A box is passed with the boxes it calls: the owner that takes the child's page, the exit of a child."""

    def shown(recording: Recording, event: Any) -> dict[str, bool]:
        names = [call.name for call in chain(recording, event)]
        return dict(zip(names, passed(recording, event), strict=True))

    recording = run(replace(FORKED, nr=2).touch(map="A"), X86_64)
    event = next(event for event in recording if event.name == "unmap_ref_private")
    assert phase_of(recording, event) == "cow"
    was = shown(recording, event)
    assert was["hugetlb_cow"] and was["alloc_huge_page"] and was["unmap_ref_private"]
    assert not was["dequeue_huge_page_vma"]
    recording = run(FORKED.exit(proc="C"), X86_64)
    was = shown(recording, recording.event(recording.steps[-1].first))
    assert [name for name, reached in was.items() if reached] == ["exit()", "sys_exit"]


def test_a_refused_page_lights_what_its_own_fault_reached() -> None:
    """Two pages are there, the third is refused: nothing behind the refusal is lit, though the others came by."""
    program = Scenario("short", nr=2).mmap(map="A", pages=3, flags=[*ANON, "MAP_NORESERVE"]).touch(map="A", count=3)
    recording = run(program, X86_64)
    refused = next(event for event in recording if event.result == "SIGBUS")
    names = [call.name for call in chain(recording, refused)]
    was = dict(zip(names, passed(recording, refused), strict=True))
    assert was["alloc_huge_page"] and was["hugetlb_no_page"]
    assert not (was["dequeue_huge_page_vma"] or was["clear_huge_page"] or was["vma_commit_reservation"])


def test_a_private_mapping_counts_in_no_shared_map() -> None:
    """region_chg and region_add are of shared mappings; a private one gets its own map, before the pool is asked."""
    for machine in MACHINES.values():
        names = [event.name for event in run(PRIVATE, machine) if event.step == 0]
        assert "region_chg" not in names and "region_add" not in names
        assert names.index("resv_map_alloc") < names.index("hugetlb_acct_memory")


def test_fork_takes_the_reservations_from_every_copy() -> None:
    """For each huge page mapping, shared ones too (they have none); the box is lit."""
    recording = run(MAPPED.fork(child="C"), X86_64)
    assert [event.name for event in recording].count("reset_vma_resv_huge_pages") == 1


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_phases_of_the_lesson_come_in_order(machine: Any) -> None:
    """open, mmap, fault, munmap, evict: the lesson's phases, each one stretch of events."""
    recording = run(lesson(), machine)
    phases = [phase_of(recording, event) for event in recording if event.step >= 0]
    seen = [phase for phase, before in zip(phases, [None, *phases], strict=False) if phase and phase != before]
    assert seen == ["open", "mmap", "fault", "munmap", "evict"]


def test_copy_on_write_is_a_phase_of_its_own() -> None:
    """A write to a private page that was read first goes through hugetlb_cow."""
    scenario = lesson(private=True, touched=0).then("stat", path="m/test_file")
    ops = [*scenario.steps[:2], Op("touch", {"map": "ptr", "mode": "r"}), Op("touch", {"map": "ptr", "mode": "w"})]
    recording = run(replace(scenario, steps=tuple(ops)), LESSON)
    phases = {phase_of(recording, event) for event in recording if event.step == 3 and event.name == "hugetlb_cow"}
    assert phases == {"cow"}


# -- every event --------------------------------------------------------------------------------------
@pytest.mark.full
@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_every_event_of_every_case_has_a_text_or_none_without_error(machine: Machine) -> None:
    """log_text never fails and leaves no field empty, and extra lines are never printed without extra."""
    lines = 0
    for case in some(load(DATA / "scenarios.json")):
        try:
            recording = run(case, machine)
        except ScenarioError:  # a pool or mount that this machine cannot have
            continue
        for event in recording:
            plain, extra = (flow.log_text(event, recording.machine, more) for more in (False, True))
            assert plain is None or (plain == extra and not plain.startswith("HUGETLB_EXTRA"))
            assert extra is None or "None" not in extra
            lines += extra is not None
            phase = phase_of(recording, event)
            assert len(passed(recording, event)) == len(chain(recording, event)) >= len(CHAINS[phase] if phase else ())
    assert lines > (2000 if fully() else 500)


def test_fallocate_prints_the_offset_in_the_file_for_an_address() -> None:
    """Nothing is mapped: hugetlbfs_fallocate gives alloc_huge_page the offset. 3.10 has no fallocate and no line."""
    scenario = FILE.fallocate(fd="f", page=1, pages=2)
    for machine in MACHINES.values():
        name = function_name("alloc_huge_page", machine.version)
        shown = [line for line in ours(scenario, machine) if "avoid_reserve" in line]
        expected = [f"HUGETLB_TRACE: {name}() START - addr=0x{at:x}, avoid_reserve=0" for at in (2 << 20, 4 << 20)]
        assert shown == ([] if machine is LESSON else expected)


def test_a_fault_that_begins_has_reached_nothing_else() -> None:
    """The first event of a fault lights the way down to hugetlb_fault; the last one of it the allocation, too."""
    recording = run(lesson())
    first, last = (next(e for e in recording if e.name == name) for name in ("hugetlb_fault", "hugetlb_no_page"))
    names = [call.name for call in chain(recording, first)]
    for event, reached in ((first, False), (last, True)):
        lit = {name for name, was in zip(names, passed(recording, event), strict=True) if was}
        assert "hugetlb_fault" in lit
        assert ("alloc_huge_page" in lit) is reached
