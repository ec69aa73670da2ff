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
from hugelab import LESSON, MACHINES, X86_64, Op, Scenario, flow, lesson, load, run
from hugelab.flow import CHAINS, LINES, NAMES_6_18, box_of, function_name, line_pattern, log, phase_of
from hugelab.model.kernel import CALLS, ENTRY
from hugelab.trace import lesson as trace
from tests.conftest import DATA

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
    program = trace.infer(trace.read(text))
    theirs = printed(DATA / name)
    assert len(theirs) >= 29
    assert ours(program.scenario, program.machine, extra=True) == theirs


def test_pages_and_pfns_of_the_recording_fit_one_mem_map() -> None:
    """page = mem_map + 32 x pfn on 3.10 PAE (GROUND_TRUTH 1): in the lesson and in every recording."""
    for path in sorted(DATA.glob("*.txt")):
        pairs = re.findall(r"page=(\w+), pfn=(\d+)", path.read_text())
        assert len({int(page, 16) - 32 * int(pfn) for page, pfn in pairs}) <= 1, path.name
        if path.name == "lesson.txt":
            assert {int(page, 16) - 32 * int(pfn) for page, pfn in pairs} == {LESSON.mem_map}


# -- other kernels ------------------------------------------------------------------------------------
def test_modern_names_in_the_log() -> None:
    """On 6.18 the same lines carry today's function names (SEMANTICS, modern names) and VM_MAYSHARE stays."""
    text = "\n".join(ours(lesson(), X86_64))
    assert "alloc_hugetlb_folio() SUCCESS" in text
    assert "free_huge_folio()" in text
    assert "alloc_huge_page" not in text
    assert "free_huge_page()" not in text
    assert "flags=0x1255" in text
    assert "flags=0x4400fb" in text


def test_pid_and_inode_are_the_machines() -> None:
    """Another process number and inode number give the same log but for these."""
    lines = ours(lesson(), replace(LESSON, pid=77, first_ino=5))
    assert [line.replace("PID 77", "PID 2385").replace("inode 5", "inode 16079") for line in lines] == ours(lesson())
    assert any("PID 77" in line for line in lines)


# -- the tables ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.name}.{line.moment}")
@given(data=st.data())
def test_line_and_pattern_are_inverse(line: flow.Line, data: st.DataObject) -> None:
    """What a line prints, its pattern reads back: the same fields, whatever their values."""
    specs = dict(re.findall(r"\{(\w+)(:[^}]*)?\}", line.text))
    fields: dict[str, Any] = {}
    for name in specs:
        if name == "fn":
            fields[name] = function_name(line.name, data.draw(st.sampled_from(["3.10", "6.18"])))
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
def test_each_line_is_read_as_itself(line: flow.Line) -> None:
    """No other shape claims a line: the reader finds the very function and moment that printed it."""
    fields = dict.fromkeys(re.findall(r"\{(\w+)", line.text), 7)
    text = line.text.format_map(fields | {"fn": function_name(line.name, "3.10"), "file": "test_file"})
    (found,) = trace.read(text)
    assert (found.name, found.moment, found.text) == (line.name, line.moment, text)


def _emitted() -> set[str]:
    """The names of all events that the model can make: first arguments of state.point(...), and the entries."""
    names = set(ENTRY.values()) | {f"sys_{op}" for op in CALLS if op not in ENTRY}
    for path in Path(next(iter(hugelab.model.__path__))).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "point":
                name = node.args[0]
                if isinstance(name, ast.Constant):
                    names.add(str(name.value))
                else:
                    assert isinstance(name, ast.Name) and name.id == "entry", ast.unparse(node)
    return names


def test_every_event_has_its_place_in_a_chain() -> None:
    """A name the model emits is a box of a chain (or lights one), or is the entry of something without a chain."""
    boxes = {call.name for chain in CHAINS.values() for call in chain}

    class _Named:
        def __init__(self, name: str):
            self.name = name

    without = {name for name in _emitted() if box_of(_Named(name)) not in boxes}  # type: ignore[arg-type]
    entries = {f"sys_{op}" for op in CALLS} | set(ENTRY.values()) | {"boot", "mount"}
    # The last steps of calls in which no huge page code runs.
    assert without - entries == {"exit_files", "fput", "vfs_unlink"}


def test_every_box_has_a_known_layer_and_depth() -> None:
    """A chain starts at depth 0 and goes down one call at a time."""
    for chain in CHAINS.values():
        assert chain[0].depth == 0
        assert all(b.depth <= a.depth + 1 for a, b in pairwise(chain))
    assert CHAINS.keys() == flow.PHASE_TITLES.keys()


def test_line_names_are_events_of_the_model() -> None:
    """No line waits for an event that nobody makes."""
    assert {line.name for line in LINES} <= _emitted()


def test_renamed_functions_are_the_models_or_a_chains() -> None:
    """NAMES_6_18 has no entry for a function that is never shown."""
    shown = _emitted() | {call.name for chain in CHAINS.values() for call in chain}
    assert set(NAMES_6_18) - shown <= {"sys_mmap_pgoff", "enqueue_huge_page", "hugetlb_vmtruncate"}
    assert function_name("free_huge_page", "3.10") == "free_huge_page"
    assert function_name("free_huge_page", "6.18") == "free_huge_folio"


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


def test_every_event_of_every_case_has_a_text_or_none_without_error() -> None:
    """log_text never fails, and extra lines are never printed without extra."""
    lines = 0
    for case in load(DATA / "scenarios.json"):
        recording = run(case)
        for event in recording:
            plain, extra = (flow.log_text(event, recording.machine, more) for more in (False, True))
            assert plain is None or (plain == extra and not plain.startswith("HUGETLB_EXTRA"))
            lines += extra is not None
    assert lines > 2000
