"""The detective against recorded kernels: nothing false said of a true log, and a changed number found."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from hugelab.trace.detective import examine, examine_lines
from hugelab.trace.read.source import LogError
from hugelab.trace.report import Report
from hugelab.trace.verdict import MOST, RULES, Says
from tests.conftest import DATA, fully

from . import played, truth_logs
from .numbers import change
from .recordings import LESSON, RECORDINGS, lines

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    """What is said of each recording."""
    return {path.name: examine(path) for path in RECORDINGS}


@pytest.fixture(scope="module")
def lesson() -> Report:
    """What is said of the lesson."""
    return examine(LESSON)


# -- true logs ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [path.name for path in RECORDINGS])
def test_a_true_log_is_believed(reports: dict[str, Report], name: str) -> None:
    """Every line read, every SNAP compared, nothing contradicted, no slip: a kernel wrote it."""
    report = reports[name]
    assert report.unread == 0, report.unread_lines
    assert report.contradictions == []
    assert [verdict for verdict in report.verdicts if verdict.says is Says.SLIP] == []
    assert report.snaps_checked == report.snaps
    assert report.lines == len(lines(next(path for path in RECORDINGS if path.name == name)))
    assert report.events + report.snaps > 0
    assert report.format
    assert report.kernel.startswith({"k310pae": "3.10", "d61amd64": "6.1", "d73": "7.3"}[name.split("_")[0]])


def test_what_was_compared(reports: dict[str, Report], say: Callable[[str], None]) -> None:
    """The table: files, lines, events, SNAPs a format."""
    table: dict[str, Counter[str]] = {}
    for report in reports.values():
        row = table.setdefault(report.format, Counter())
        row.update(files=1, lines=report.lines, events=report.events, snaps=report.snaps, equal=report.snaps_checked)
    for form, row in sorted(table.items()):
        compared = f"SNAPs {row['equal']} of {row['snaps']}"
        say(f"{form}: files {row['files']}, lines {row['lines']}, events {row['events']}, {compared}")
    assert sum(row["files"] for row in table.values()) == len(RECORDINGS) == 29
    assert sum(row["snaps"] for row in table.values()) == sum(row["equal"] for row in table.values()) > 200


@pytest.mark.parametrize("pids", [True, False], ids=["ftrace", "dmesg"])
@pytest.mark.parametrize("kernel", truth_logs.KERNELS)
def test_every_program_that_was_ever_recorded(kernel: str, pids: bool) -> None:
    """25 programs: grow, shrink, surplus, fork, subpool, hole punch, SIGBUS and the rest, step by step."""
    for name in truth_logs.names(kernel):
        report = examine_lines(truth_logs.log(kernel, name, pids), name)
        assert report.unread == 0
        assert [v for v in report.verdicts if v.says is not Says.AGREES] == [], name
        assert report.snaps_checked == report.snaps > 2, name


def test_a_log_without_a_head(reports: dict[str, Report]) -> None:
    """The kernel's own lines alone: the version comes from names and flags, and nothing is contradicted."""
    for path in RECORDINGS:
        bare = [line for line in lines(path) if not line.startswith("#")]
        report = examine_lines(bare)
        assert report.contradictions == [], path.name
        assert report.snaps_checked == report.snaps, path.name
        if reports[path.name].kernel.startswith("3.10") and report.kernel:
            assert "32-bit" in report.kernel
    assert "64-bit" in examine_lines([x for x in lines(RECORDINGS[0]) if not x.startswith("#")]).kernel


def test_the_model_stands_behind_marks(reports: dict[str, Report]) -> None:
    """The program of a log with STEP marks, and its recording in the model."""
    report = reports["d61amd64_lesson_kprobe.txt"]
    assert report.program is not None
    assert [op.op for op in report.program.steps] == ["open", "mmap", "touch", "munmap", "close", "unlink"]
    assert report.recording is not None
    assert report.recording.steps[-1].counters["2M"] == (10, 10, 0, 0)


@pytest.mark.parametrize(
    ("name", "usual", "of_the_other", "text"),
    [
        ("d61amd64_lesson_kprobe.txt", "flags=0x255", "flags=0xa9", "numbered as up to 3.19, and this is the log of a"),
        ("k310pae_lesson_kprobe.txt", "flags=a9", "flags=55", "numbered as since 4.0, and this is the log of a"),
    ],
)
def test_fault_flags_are_numbered_as_the_head_says(name: str, usual: str, of_the_other: str, text: str) -> None:
    """4.0 renumbered FAULT_FLAG_: every fault with the flags of the other side of it is possible, but not there."""
    log = lines(DATA.parent / "trace/data" / name)
    swapped = [re.sub(rf"(fault: .*){usual}\b", rf"\g<1>{of_the_other}", line) for line in log]
    changed = [number for number, (old, new) in enumerate(zip(log, swapped, strict=True), 1) if old != new]
    assert len(changed) == 5
    found = examine_lines(swapped).contradictions
    assert [(one.line, one.rule) for one in found] == [(number, "flags") for number in changed]
    assert all(text in one.text for one in found)
    assert examine_lines([line for line in swapped if not line.startswith("# kernel:")]).contradictions == []


# -- the lesson ----------------------------------------------------------------------------------------------
def test_the_lessons_kernel_and_struct_page(lesson: Report) -> None:
    assert lesson.kernel == "3.9 to 3.11, 32-bit PAE"
    assert lesson.struct_page is not None
    assert (lesson.struct_page.stride, lesson.struct_page.base) == (32, 0xF6BFD000)
    assert lesson.contradictions == []


def test_the_lessons_slips(lesson: Report) -> None:
    """Each that a log can show: by its line, and what is true."""
    slips = {verdict.line: verdict for verdict in lesson.verdicts if verdict.says is Says.SLIP}
    text = lines(LESSON)
    wanted = {
        "physical page f7b7d000": ("struct page", "0x7c000000"),
        "Physical Page PFN": ("struct page", "struct page"),
        "free_huge_page() (for each page)": ("munmap", "hugetlbfs_evict_inode"),
        "Hugepage Core: hugetlb_unreserve_pages()": ("munmap", "hugetlbfs_evict_inode"),
        "[386.298546]": ("munmap", "10.8 ms"),
        "All reservations released": ("munmap", "inode"),
        "(20MB available)": ("available", "free - rsvd"),
    }
    for words, (rule, why) in wanted.items():
        line = next(n for n, row in enumerate(text, 1) if words in row)
        assert slips[line].rule == rule
        assert why in slips[line].text
    assert len(slips) == len(wanted)


def test_what_a_slip_is_not() -> None:
    """The same words about a private mapping are right: munmap does free its pages."""
    log = [line.replace("vm_flags=0xfb", "vm_flags=0x73").replace("0x44007b", "0x440073") for line in lines(LESSON)]
    assert not [v for v in examine_lines(log).verdicts if v.says is Says.SLIP and v.rule == "munmap" and v.line < 135]


# -- a changed number ------------------------------------------------------------------------------------------
CARRIES = [path for path in RECORDINGS if "dmesg" in path.name or "kprobe" in path.name]
CASES = 500 if fully() else 200


@pytest.mark.full
def test_a_changed_number_is_found(say: Callable[[str], None]) -> None:
    """Many logs with one number changed at random: at least 95 in 100 are contradictory, with the line named."""
    contradicted = named = 0
    missed = []
    for seed in range(CASES):
        changed = change(CARRIES, seed)
        found = examine_lines(changed.text).contradictions
        contradicted += bool(found)
        this = re.compile(rf"line {changed.line}\b")
        if any(verdict.line == changed.line or this.search(verdict.text) for verdict in found):
            named += 1
        else:
            missed.append(str(changed))
    say(f"one number changed in {CASES} logs: {contradicted} contradicted, {named} with the line named")
    assert named >= 0.95 * CASES, "\n".join(missed)


def test_a_changed_number_says_which_lines_disagree() -> None:
    """Both sides of a contradiction are in the text."""
    text = lines(DATA / "k310pae_lesson_dmesg.txt")
    at = next(n for n, line in enumerate(text) if "delta=5" in line)
    text[at] = text[at].replace("delta=5", "delta=4")
    found = [v for v in examine_lines(text).contradictions if v.line == at + 1]
    assert found
    assert found[0].rule in RULES


def test_a_lost_line_is_found() -> None:
    """Without the line that gave a page, the next counters do not follow."""
    text = lines(Path(__file__).parent / "data" / "d61amd64_lesson_kprobe.txt")
    without = [line for line in text if "free: " not in line or "free=7" not in line]
    assert len(without) == len(text) - 1
    assert examine_lines(without).contradictions


# -- the form of it ------------------------------------------------------------------------------------------
def test_json(lesson: Report) -> None:
    """The keys that a program may rely on."""
    found = json.loads(json.dumps(lesson.to_json()))
    assert {"format", "kernel", "lines", "unread", "events", "snaps_checked", "verdicts"} <= found.keys()
    assert found["struct_page"] == {"stride": 32, "base": "0xf6bfd000", "pairs": 5}
    for verdict in found["verdicts"]:
        assert {"line", "verdict", "rule", "text"} <= verdict.keys()
        assert verdict["verdict"] in ("agrees", "contradicts", "undecidable", "slip")
        assert 0 <= verdict["line"] <= found["lines"]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_leads_to_a_heading(rule: str) -> None:
    """A verdict's link is a notebook that there is, and a heading in it."""
    name, _, heading = RULES[rule].section.partition("#")
    cells = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]
    heads = [line for cell in cells if cell["cell_type"] == "markdown" for line in "".join(cell["source"]).splitlines()]
    assert f"## {heading}" in heads
    assert RULES[rule].text.endswith(".")
    assert RULES[rule].source


def test_very_many_verdicts_are_counted() -> None:
    """A log that is wrong in every line costs no more memory than one that is wrong in a thousand."""
    line = "[{:12.6f}] HUGETLB_TRACE: hugetlb_reserve_pages() from=0, to=5, needed=4"
    report = examine_lines(line.format(number / 1000) for number in range(3 * MOST))
    assert report.counted["contradicts"] >= 3 * MOST
    assert len(report.verdicts) <= 2 * MOST + 10


def test_a_number_that_no_machine_has() -> None:
    """Where no line has told how large the pool is, a number of twenty digits is still too large."""
    (verdict,) = examine_lines(
        ["[    3.861554] HUGETLB_TRACE: after free - free_pages=79999999999999999999"]
    ).contradictions
    assert (verdict.line, verdict.text) == (1, "free=79999999999999999999 are too many")


# -- what is no log ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"nothing here\n", "1 line, none of them of a huge page log"),
        (b"\x7fELF" + bytes(200), "binary"),
        (b"\x00\x01\x02" * 50, "binary"),
        ("# kernel: Linux 6.1\n".encode("utf-16"), "UTF-16"),
    ],
    ids=["empty", "prose", "elf", "nul", "utf16"],
)
def test_no_log(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "log"
    path.write_bytes(data)
    with pytest.raises(LogError, match=why):
        examine(path)


def test_odd_logs_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    """CR LF, a line that is not UTF-8, an end in the middle, two formats in one file: all is said, nothing is lost."""
    one, two = (DATA / "k310pae_lesson_dmesg.txt").read_bytes(), RECORDINGS[0].read_bytes()
    path = tmp_path / "log"
    path.write_bytes(one.replace(b"\n", b"\r\n"))
    assert examine(path).contradictions == []
    assert examine(path).notes == ["lines end in CR LF"]
    path.write_bytes(one + b"\xff\xfe caf\xe9\n" + two)
    both = examine(path)
    assert both.unread == 1
    assert "not UTF-8" in both.notes[0]
    assert both.format.count("printk") == both.format.count("kprobe") == 1
    assert both.contradictions == []  # each kernel is judged by itself
    assert both.kernel == "3.10.105-lesson-pae i686; 6.1.0-50-amd64 x86_64"
    assert both.snaps_checked == both.snaps
    path.write_bytes(one[:3000])
    assert "cut off" in examine(path).notes[0]
    assert examine(path).contradictions == []


@pytest.mark.full
@pytest.mark.parametrize("path", [LESSON, *RECORDINGS], ids=lambda path: path.name)
def test_a_log_may_end_anywhere(path: Path) -> None:
    """Cut after any line, a true log stays free of contradictions."""
    text = lines(path)
    for end in range(0, len(text), max(len(text) // (25 if fully() else 8), 1)):
        assert examine_lines(text[:end]).contradictions == [], end


def test_memory_does_not_grow_with_the_log() -> None:
    """Ten times the lines, the same memory: nothing of a line is kept that is only counted."""
    text = lines(Path(__file__).parent / "data" / "d61amd64_lesson_graph.txt")
    head = [line for line in text if line.startswith("#")]
    body = [line for line in text if "|" in line and "/*" not in line]

    def most(times: int) -> int:
        tracemalloc.start()
        examine_lines(line for part in (head, *([body] * times)) for line in part)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert most(200) < 1.5 * most(20) + 1_000_000


# -- logs that the model plays -----------------------------------------------------------------------------------
PLAYED = [("k310pae", "printk"), ("k310pae", "kprobe"), ("d61amd64", "kprobe")]


@pytest.mark.parametrize(("kernel", "form"), PLAYED, ids=["-".join(pair) for pair in PLAYED])
def test_every_program_with_the_lines_of_a_recorder(kernel: str, form: str) -> None:
    """25 programs as a recorder would have logged them: as true as the recorded ones, and believed."""
    for name in truth_logs.names(kernel):
        text = played.log(kernel, name, form)
        report = examine_lines(text, name)
        assert report.events > 0, name
        assert report.unread == 0, (name, report.unread_lines)
        assert report.contradictions == [], name
        assert report.snaps_checked == report.snaps


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[1] / "recipes" / "data").glob("*.txt")), ids=lambda p: p.name
)
def test_what_the_recipes_record_is_believed(path: Path) -> None:
    """Logs of recipes/ from kernels that the model was not made after: 6.12 and 7.3 among them."""
    report = examine(path)
    assert report.unread == 0, report.unread_lines
    assert report.contradictions == []
    assert report.events > 0


def test_snapshots_say_what_changed_and_not_why() -> None:
    """/proc/meminfo again and again: a change is undecidable, more free pages than pages is impossible."""
    shape = "HugePages_Total: {}\nHugePages_Free: {}\nHugePages_Rsvd: {}\nHugePages_Surp: 0\n"
    report = examine_lines(
        "".join(shape.format(10, free, rsvd) for free, rsvd in ((10, 0), (10, 5), (5, 0))).splitlines()
    )
    said = [(v.line, v.says, v.text.split(":")[0]) for v in report.verdicts if v.line]
    assert said == [
        (8, Says.UNDECIDABLE, "rsvd 0 -> 5 since line 4"),
        (12, Says.UNDECIDABLE, "free 10 -> 5, rsvd 5 -> 0 since line 8"),
    ]
    assert "3 snapshots" in report.verdicts[0].text
    wrong = examine_lines(shape.format(10, 11, 0).splitlines()).contradictions
    assert [(v.line, v.rule) for v in wrong] == [(2, "counters")]


def _true_logs() -> dict[str, list[str]]:
    text = (Path(__file__).parent / "true_logs.txt").read_text(encoding="utf-8")
    parts = (part.partition("\n") for part in text.split("=== ")[1:])
    return {name: body.splitlines() for name, _, body in parts}


@pytest.mark.parametrize("name", _true_logs())
def test_what_other_programs_do_is_no_contradiction(name: str) -> None:
    """Short logs by hand: threads, mremap, mlock, populate, 1 GB pages, lost events, a begin in the middle."""
    report = examine_lines(_true_logs()[name])
    assert report.contradictions == []
    assert report.lines > 0


def test_lost_events_are_said() -> None:
    """The recorder's own word for it ends every comparison across the gap."""
    text = lines(Path(__file__).parent / "data" / "d61amd64_lesson_kprobe.txt")
    at = next(n for n, line in enumerate(text) if "dequeue" in line)
    report = examine_lines([*text[:at], "CPU:0 [LOST 40 EVENTS]", *text[at + 40 :]])
    assert report.contradictions == []
    assert any(v.line == at + 1 and v.says is Says.UNDECIDABLE and "lost" in v.text for v in report.verdicts)


def test_all_logs_in_one_stream() -> None:
    """29 logs of three kernels, one after the other: each is judged by itself."""
    report = examine_lines(line for path in RECORDINGS for line in lines(path))
    assert report.contradictions == []
    assert report.unread == 0
    assert report.snaps_checked == report.snaps > 200
