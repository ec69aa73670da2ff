"""The labs of notebook 11: cases, a file of one's own, one number changed, the program behind a log."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from hugelab import labs, run
from hugelab.__main__ import main
from hugelab.course import logs
from hugelab.course.logs import CARRIES, COUNTERS, carried
from hugelab.course.slips import OURS, found, lines, numbers, with_change
from hugelab.labs.log_file import LARGEST, MOST, OWN, LogFile
from hugelab.labs.log_program import _machine, log_program
from hugelab.labs.slips import STEPS, WITH, WITHOUT, not_seen
from hugelab.trace.detective import examine, examine_lines
from hugelab.trace.read.source import LogError
from hugelab.trace.verdict import RULES, Says
from tests.labs.views import busy, displayed

ROOT = Path(__file__).parents[2]
SLICE = 1 << 20
BPFTRACE = logs.text("6.1, bpftrace").encode()


# -- the cases ---------------------------------------------------------------------------------------
def test_cases_are_those_that_were_recorded() -> None:
    """Each file is a case; those that the tests have, too, are equal; all of them are small."""
    assert sorted(path.name for path in logs.FOLDER.iterdir()) == sorted(logs.CASES.values())
    for name in logs.CASES.values():
        other = ROOT / "tests" / "data" / name
        assert not other.exists() or other.read_bytes() == (logs.FOLDER / name).read_bytes()
    assert sum(path.stat().st_size for path in logs.FOLDER.iterdir()) < 120_000


@pytest.mark.parametrize("case", logs.CASES)
def test_nothing_contradicts_in_what_was_recorded(case: str) -> None:
    """And each of them is a log whose kernel is known."""
    found = logs.report(case)
    assert found.contradictions == [] and found.kernel and found.events
    assert found.snaps_checked == found.snaps


def test_what_is_carried() -> None:
    """Arguments of a function are no counters, even where they are called resv; a tracepoint carries nothing of it."""
    assert carried("7.3, tracepoints alone") == []
    assert COUNTERS not in carried("7.3, function graph")
    assert COUNTERS not in carried("6.1, perf probe")
    assert carried(logs.LESSON) == [one.what for one in CARRIES]
    assert [row[0] for row in labs.formats().rows] == list(logs.CASES)


@pytest.mark.parametrize("case", logs.programs())
def test_the_model_plays_the_program_behind_a_log(case: str) -> None:
    """Outcomes and counters after each step are those that the detective has compared with the log."""
    theirs: Any = logs.report(case).recording
    ours = log_program(case).recording
    assert [(s.op, s.outcome, s.counters) for s in ours.steps] == [(s.op, s.outcome, s.counters) for s in theirs.steps]
    assert len(run(ours.scenario, _machine(case))) == len(ours)


# -- one number changed ------------------------------------------------------------------------------
def test_every_number_of_the_kernels_lines() -> None:
    """None is left out; each is written back as it was."""
    for line in {number.line for number in numbers()}:
        text = lines()[line - 1]
        for number in (one for one in numbers() if one.line == line):
            assert text[number.start : number.end] == number.text == number.plus(0)
            text = text[: number.start] + "_" * len(number.text) + text[number.end :]
        assert not re.search(r"(?<![A-Za-z_])\d", text)
    assert len({str(number) for number in numbers()}) == len(numbers())


@pytest.mark.parametrize("by", STEPS)
def test_a_change_changes_one_line(by: int) -> None:
    """And no number becomes negative."""
    for number in numbers():
        other = [at for at, (a, b) in enumerate(zip(lines(), with_change(number, by), strict=True), 1) if a != b]
        assert other == [number.line] * (number.plus(by) != number.text)
        assert not number.plus(by).startswith("-")


def test_what_is_told_once_is_not_seen() -> None:
    """An inode number, and a time that stays in order; everything else is noticed."""
    for prose in (True, False):
        unseen = {row[0] for row in not_seen(1, prose).rows if row[2] < row[1]}
        assert {"time", "inode"} <= unseen <= {"time", "inode", "free_pages"}
    assert not_seen(1).rows[0][:3] == ("time", 18, 0)


def test_without_the_prose_only_the_kernels_lines_are_left() -> None:
    """With the same numbers; and a claim of the author is no evidence then."""
    left = lines(prose=False)
    assert len(left) == len(lines()) and all(not line or OURS.match(line) for line in left)
    last = next(number for number in numbers() if (number.line, number.name) == (132, "free_pages"))
    assert {verdict.line for verdict in found(last, 1)} == {132}
    assert labs.slips(str(last), 1, WITH).sheet.words != labs.slips(str(last), 1, WITHOUT).sheet.words


def test_the_sheet_names_the_line() -> None:
    """The changed line first, with its rule; of no change nothing is said; of what is told once it says so."""
    sheet = labs.slips().sheet
    assert "names the same line" in sheet.words and RULES["mapping"].text in sheet.words
    assert "Nothing was changed" in labs.slips(by=0).sheet.words
    assert "no number here is below 0" in labs.slips("line 54: from 0", -8).sheet.words
    assert "does not notice it" in labs.slips("line 28: inode 16079").sheet.words


# -- a file of one's own -----------------------------------------------------------------------------
def shown(**values: Any) -> LogFile:
    return displayed(labs.log_file(**values))


def send(lab: LogFile, name: str, data: bytes) -> None:
    """What the browser does with a large file: the first slice, then each one that is asked for."""
    wanted = [0]
    lab.send = lambda message: wanted.append(message["want"])
    while wanted:
        start = wanted.pop()
        part = memoryview(data[start : start + SLICE])
        lab._handle_custom_msg({"file": name, "size": len(data), "from": start}, [part])


def choose(lab: LogFile, name: str, data: bytes) -> None:
    """What the browser does with any other file: the model of the button gets it."""
    kind = {"name": name, "type": "text/plain", "size": len(data), "last_modified": 1_700_000_000_000}
    lab.file.set_state({"value": [{**kind, "content": memoryview(data)}]})


WAYS = pytest.mark.parametrize("give", [send, choose], ids=["in slices", "in one message"])


@WAYS
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["as it is", "gzip"])
def test_a_file_of_your_own(pack: Any, give: Any) -> None:
    """It is examined as any other, also compressed; and once more."""
    lab = shown()
    for _ in range(2):
        give(lab, "mine.txt", pack(BPFTRACE))
        assert lab.values == lab.head["values"] == {"case": OWN}
        assert lab.report is not None and lab.report.verdicts == logs.report("6.1, bpftrace").verdicts
        assert lab.sheet.words.startswith("mine.txt: bpftrace; Linux 6.1")
        message = lab.message
        assert "mine.txt" in message["html"] and "nowhere else" in message["html"] and message["kind"] == ""
        lab.case.value = logs.LESSON
        assert lab.sheet.words.startswith("lesson.txt")


@WAYS
@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", "is empty"), (bytes(2000), "is binary"), (b"hello\nworld\n", "none of them of a huge page log")],
    ids=["empty", "binary", "no log"],
)
def test_a_file_that_is_no_log(data: bytes, says: str, give: Any) -> None:
    """One line says why, and what was shown stays."""
    lab = shown()
    sheet = lab.sheet
    give(lab, "an <odd>.bin", data)
    message = lab.message
    assert message["kind"] == "refused" and says in message["html"] and "\n" not in message["html"]
    assert "&lt;odd&gt;.bin" in message["html"]
    assert lab.sheet is sheet and lab.values == {"case": logs.LESSON}


def test_several_megabytes_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress comes while it is read, and it can be stopped."""
    line = b"         hugelab-484     [000] .....    37.306725: hugetlbfs_create <-path_openat\n"
    data = line * (5_000_000 // len(line))
    lab = shown()
    said: list[dict[str, Any]] = []
    say = lab._progress
    monkeypatch.setattr(lab, "_progress", lambda progress: (say(progress), said.append(busy(lab))))

    async def read(cancel: bool) -> None:
        send(lab, "large.txt", data)
        job = lab._job
        assert job is not None
        while job.running:
            await asyncio.sleep(0.01)
            if cancel and any(said):
                lab._cancelled()

    asyncio.run(read(cancel=True))
    assert "Cancelled" in lab.message["html"] and lab.values == {"case": logs.LESSON}
    asyncio.run(read(cancel=False))
    assert lab.report is not None and lab.report.lines == len(data) // len(line)
    assert any(0 < (one.get("part") or 0) <= 1 and "large.txt: " in one["text"] for one in said)
    assert busy(lab) == {} and lab.values == {"case": OWN}


def slices(lab: LogFile, *parts: tuple[str, int, int, int]) -> list[dict[str, int]]:
    """Slices with this name, size of the file, beginning, length. Returns what the kernel answered."""
    answers: list[dict[str, int]] = []
    lab.send = answers.append  # type: ignore[method-assign]
    for name, size, start, length in parts:
        lab._handle_custom_msg({"file": name, "size": size, "from": start}, [memoryview(bytes(length))])
    return answers


def test_a_file_that_comes_in_slices_can_be_stopped() -> None:
    """The page says how far it is; after Cancel no slice is asked for, and one that comes is not taken."""
    lab = shown()
    size = 5 * SLICE
    assert slices(lab, ("a", size, 0, SLICE)) == [{"want": SLICE}]
    assert busy(lab) == {"text": "a: 1 of 5 MB", "part": 0.2}
    lab._cancelled()
    assert busy(lab) == {} and "Cancelled" in lab.message["html"]
    assert slices(lab, ("a", size, SLICE, SLICE), ("a", size, 2 * SLICE, SLICE)) == []
    assert busy(lab) == {} and lab.values == {"case": logs.LESSON}


def test_another_file_takes_the_place_of_the_first() -> None:
    """What still comes of the first one is left out."""
    lab = shown()
    size = 3 * SLICE
    wanted = slices(lab, ("a", size, 0, SLICE), ("b", size, 0, SLICE), ("a", size, SLICE, SLICE))
    assert wanted == [{"want": SLICE}] * 2
    assert busy(lab)["text"].startswith("b: ")


def test_a_file_that_is_too_large_or_gone() -> None:
    """One line each, and nothing more is asked for."""
    lab = shown()
    assert slices(lab, ("a", LARGEST + 1, 0, SLICE)) == []
    assert "has 500 MB" in lab.message["html"] and lab.message["kind"] == "refused"
    slices(lab, ("a", 3 * SLICE, 0, SLICE))
    lab._handle_custom_msg({"file": "a", "error": "NotFoundError"}, [])
    assert "cannot be read: NotFoundError" in lab.message["html"] and busy(lab) == {}


def test_very_many_verdicts() -> None:
    """The table has the first ones and says how many there are."""
    event = "[{0}.000000] HUGETLB_TRACE: hugetlb_reserve_pages() from=0, to=5, needed=6"
    lab = shown()
    send(lab, "many.txt", "\n".join(event.format(at) for at in range(3 * MOST)).encode())
    caption, table = lab.sheet.tables[0]
    assert len(table.rows) == MOST and f"first {MOST}" in caption
    assert len(json.dumps(lab.head)) < 200_000


def test_a_file_by_its_name(tmp_path: Path) -> None:
    """For one that is too large for Jupyter; an error is the reader's."""
    path = tmp_path / "trace.txt"
    path.write_bytes(BPFTRACE)
    lab = labs.log_file(file=str(path))
    assert lab.values == {"case": OWN}
    assert lab.report is not None and lab.report.verdicts == examine(path).verdicts
    with pytest.raises(LogError, match="there is no file"):
        labs.log_file(file=str(tmp_path / "none"))


@pytest.mark.parametrize("case", logs.CASES)
def test_the_code_that_can_be_copied(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It runs anywhere, and says the same."""
    exec(labs.log_file(case).sheet.python, {})
    assert capsys.readouterr().out.rstrip() == logs.report(case).text()
    space: dict[str, Any] = {}
    *begin, last = labs.slips().sheet.python.splitlines()
    exec("\n".join(begin), space)
    assert len(eval(last, space)) == len(labs.slips().sheet.tables[0][1].rows)


def test_no_file_yet() -> None:
    """It says so; the pictures keep their place."""
    lab = shown()
    height = lab.sheet.pictures[0].height
    lab.case.value = OWN
    assert "No file was chosen yet" in lab.sheet.words and lab.report is None
    assert lab.sheet.pictures[0].height == height


# -- the notebook ------------------------------------------------------------------------------------
def markdown(name: str) -> str:
    cells = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def test_every_rule_is_taught_where_it_says() -> None:
    """The notebook is there, and the heading in it."""
    for rule in RULES.values():
        name, _, heading = rule.section.partition("#")
        assert re.search(rf"^## {heading}$", markdown(name), re.M), rule.section


def test_links_to_sections_lead_to_headings() -> None:
    """The links of notebook 11."""
    links = re.findall(r"\]\((\w+\.ipynb)#(\w+)\)", markdown("11_log_detective.ipynb"))
    assert links
    for name, heading in links:
        assert re.search(rf"^## {heading}$", markdown(name), re.M), (name, heading)


def test_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The three commands read a log, and the exit codes are those of the text."""
    commands = re.findall(r"^    hugelab (trace .*)$", markdown("11_log_detective.ipynb"), re.M)
    assert len(commands) == 3
    monkeypatch.chdir(tmp_path)
    Path("trace.txt").write_bytes(BPFTRACE)
    for command in commands:
        assert main(command.split()) == 0
    out = capsys.readouterr().out
    assert '"verdicts"' in out and "nothing contradicts" in out and Path("trace.html").stat().st_size > 10_000
    number = next(one for one in numbers() if one.name == "vma end")
    Path("trace.txt").write_text("\n".join(with_change(number, 1)))
    assert main(["trace", "trace.txt"]) == 1
    Path("trace.txt").write_text("hello\n")
    assert main(["trace", "trace.txt"]) == 2
    assert any(verdict.says is Says.CONTRADICTS for verdict in examine_lines(with_change(number, 1)).verdicts)
