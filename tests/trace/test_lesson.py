"""Reading logs in the lesson's format: the program behind the lines, and the model's verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from hugelab import LESSON, MACHINES, ScenarioError, lesson, run
from hugelab.linux.machines import Machine
from hugelab.record import flow
from hugelab.trace.detective import examine_lines
from hugelab.trace.judge.lesson import Verdict, infer, judge
from tests.conftest import DATA
from tests.trace.mutants import Mutant, deletions, numbers, swaps
from tests.trace.recordings import judged, printed

LOGS = sorted(path for path in DATA.glob("*.txt") if "fork" not in path.name)
RECORDED = [path for path in LOGS if path.name != "lesson.txt"]
WHOLE = {  # the log -> lines of known shape
    "k310pae_as_lesson_b.txt": 53,
    "k310pae_close_last_dmesg.txt": 53,
    "k310pae_exhaust_dmesg.txt": 45,
    "k310pae_lesson_dmesg.txt": 53,
    "k310pae_lesson_dmesg_pure.txt": 53,
    "k310pae_nounlink_dmesg.txt": 62,
    "k310pae_partial_dmesg.txt": 29,
    "k310pae_private_dmesg.txt": 39,
    "lesson.txt": 18,
}


def _name(path: Path) -> str:
    return path.name


def first_disagreement(text: str) -> Verdict | None:
    """The verdict that does not agree, if any."""
    return next((verdict for verdict in judged(text) if not verdict.agrees), None)


# -- logs that are right ------------------------------------------------------------------------------
@pytest.mark.parametrize("path", LOGS, ids=_name)
def test_model_agrees_with_every_line(path: Path) -> None:
    """The lesson's own log and all single-process recordings of 3.10: each line is explained."""
    text = path.read_text()
    verdicts = judged(text)
    assert all(verdict.agrees for verdict in verdicts)
    assert sum(verdict.lines for verdict in verdicts) == len(printed(text)) == WHOLE[path.name]


@pytest.mark.parametrize("path", RECORDED, ids=_name)
def test_program_behind_a_recording_is_the_recorded_one(path: Path) -> None:
    """The steps that were found are those that the recorder's own STEP lines name (a memset is one touch a page)."""
    text = path.read_text()
    verbs = []
    for line in text.splitlines():
        if " STEP " in f" {line}":
            words = line.split("STEP ", 1)[1].split(" ", 1)[1]
            verbs.append(words.split("(")[0].split(" ")[0])
    found = []
    for step in infer(printed(text)).steps:
        op = {"touch": "memset" if "memset" in verbs else "touch"}.get(step.op.op, step.op.op)
        if not (found and op == "memset" == found[-1]):
            found.append(op)
    wanted = ["touch" if verb in ("write", "read") else verb for verb in verbs if verb not in ("end", "file")]
    if "nounlink" in path.name:  # the second round touches two pages of the cache; open of a known name prints nothing
        assert sorted({*found}) == sorted({*wanted} - {"touch"} | {"memset"})
    elif "close_last" in path.name:  # which of unlink and close was last cannot be seen
        assert [op for op in found if op not in ("close", "unlink")] == [
            op for op in wanted if op not in ("close", "unlink")
        ]
    else:
        assert found == wanted


def test_lesson_log_explained() -> None:
    """What the lesson's log does not show is said: cut faults, and the close and unlink that free the pages."""
    program = infer(printed((DATA / "lesson.txt").read_text()))
    assert [step.op.op for step in program.steps] == ["open", "mmap", *["touch"] * 5, "munmap", "close", "unlink"]
    assert program.pool == 10
    assert [step.note for step in program.steps[3:7]] == ["4 faults not in the log (line 132 counts them)"] * 4
    assert program.steps[8].note == "not in the log"
    assert "10.8 ms later" in program.steps[9].note
    assert "munmap of a shared file frees nothing" in program.steps[9].note


def test_a_log_of_the_model_is_read_back() -> None:
    """The model's own log, of every lesson that can be made, gives a program that the model agrees with."""
    for pages, pool, private in ((1, 1, False), (5, 10, False), (5, 10, True), (3, 7, False), (10, 10, True)):
        for extra in (True,) if private else (False, True):
            ours = run(lesson(pages, pool, private), LESSON)
            text = "\n".join(flow.log(ours, extra=extra))
            assert first_disagreement(text) is None, (pages, pool, private, extra)
            touched = [step for step in infer(printed(text)).steps if step.op.op == "touch"]
            assert len(touched) == pages


# -- logs that are wrong ------------------------------------------------------------------------------
def _stands_for_itself(log: str, mutant: Mutant) -> bool:
    """Changes that make another possible log: what the program chose, or a line that explains itself alone."""
    before = log.splitlines()[mutant.line - 1]
    if "changed" in mutant.what:
        if "mode=" in before:
            return True  # a file may be made with any mode
        if "vm_flags=0x73" in before and log.splitlines()[mutant.line + 3].endswith("FAILED - ret=-12"):
            return True  # a mapping that failed may have been asked for with any protection
        # in the lesson one fault and one inode number are shown, so there is no second one to contradict
        return WHOLE["lesson.txt"] == len(printed(log)) and ("inode 16079" in before or "flags=0x29" in before)
    # a fault that finds its page in the cache prints one line: without it, the page was just not touched;
    # two such faults may come in either order
    return _minor_fault(log, mutant.line) and (mutant.what.startswith("without") or _minor_fault(log, mutant.line, 1))


def _what(log: str, mutant: Mutant) -> str:
    """ "first count" for the first "after free" line of a block: it decides how many faults were cut from the log."""
    known = printed(log)
    at = next(i for i, line in enumerate(known) if line.line == mutant.line)
    first = known[at].moment == "after" and known[max(at - 2, 0)].moment != "after"
    return "first count" if first and "changed" in mutant.what else ""


def _minor_fault(log: str, number: int, skip: int = 0) -> bool:
    """The line of known shape at a number (or ``skip`` such lines on) is a fault that allocates nothing."""
    known = printed(log)
    at = next(i for i, line in enumerate(known) if line.line == number) + skip
    return known[at].name == "hugetlb_fault" and known[at + 1].name != "alloc_huge_page"


@pytest.mark.parametrize("change", [numbers, deletions, swaps], ids=lambda change: change.__name__)
@pytest.mark.parametrize("path", LOGS, ids=_name)
def test_every_wrong_log_is_found(path: Path, change: object) -> None:
    """One wrong number, missing line or swapped pair anywhere in a log is a disagreement, or no program at all.

    The line named is the changed one, or the one after it (what is missing, what came too early); or, where that
    line is the first to state a fact of the machine (inode number, pool, fault flags, protection), the later line
    that contradicts it; or the line just before it, where the two state the same frame; or, where the first count
    after a free says that faults were cut from the log, the eviction that counts them too.
    """
    log = path.read_text()
    tried = missed = 0
    for mutant in change(log):  # type: ignore[operator]
        tried += 1
        try:
            found = first_disagreement(mutant.text)
        except ScenarioError as error:
            text = str(error)
            assert "\n" not in text
            if "first count" in _what(log, mutant):  # names a step of the inferred program, no line
                continue
            assert text.startswith("line "), (mutant.line, mutant.what, text)
            continue
        if found is None:
            assert _stands_for_itself(log, mutant), f"missed: line {mutant.line}, {mutant.what}"
            missed += 1
            continue
        assert found.line is not None
        line = log.splitlines()[mutant.line - 1]
        if found.line < mutant.line:
            if _what(log, mutant) == "first count":  # then the pages counted at eviction are too few
                continue
            assert "alloc_huge_page() SUCCESS" in line, (found.line, mutant.line, mutant.what)
            assert found.line == mutant.line - 1
        elif found.line > mutant.line + 1:
            facts = ("inode ", "hstate info", "hugetlb_fault() START", "vm_flags=", "FAILED")
            assert any(fact in line for fact in facts), (found.line, mutant.line, mutant.what)
    assert tried >= 17
    assert missed <= 3


def test_a_wrong_number_is_shown_with_what_the_model_says() -> None:
    """A verdict carries the line's number and both lines: what the log has and what the model would print."""
    log = (DATA / "k310pae_as_lesson_b.txt").read_text()
    right, wrong = "HUGETLB_TRACE: after free - free_pages=8", "HUGETLB_TRACE: after free - free_pages=7"
    found = first_disagreement(log.replace(right, wrong))
    assert found is not None
    assert found.line == next(line.line for line in printed(log) if line.fields["text"] == right)
    assert (found.theirs, found.ours) == (wrong, right)


def test_a_log_may_stop_anywhere() -> None:
    """Every beginning of a recorded log that ends after a whole step agrees; so does one cut in its last step."""
    log = (DATA / "k310pae_as_lesson_b.txt").read_text()
    known = [line.fields["text"] for line in printed(log)]
    for keep in (3, 8, 14, 20, 26, 32, 38, 40, 42):
        assert first_disagreement("\n".join(known[:keep])) is None, keep


# -- what is no log -----------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["", "hello", "[ 1.0] usb 1-1: new device\n", "HUGETLB_TRACE: nonsense() - 5"])
def test_no_line_of_known_shape(text: str) -> None:
    """Nothing to read: no program is looked for, and nothing is said of one."""
    report = examine_lines(text.splitlines())
    assert (report.events, report.program, report.contradictions) == (0, None, [])


def test_several_processes_are_refused_with_their_numbers() -> None:
    """The recording of fork has two PIDs; the model runs one process so far."""
    with pytest.raises(ScenarioError, match="line 53: PID 334 after PID 333"):
        judged((DATA / "k310pae_fork_cow_dmesg.txt").read_text())


# -- the program in the model -------------------------------------------------------------------------
@pytest.mark.parametrize("path", RECORDED, ids=_name)
def test_counters_after_the_program_that_was_found(path: Path) -> None:
    """The lines show no total and few counters: the program behind them leaves the pool that the last SNAP shows."""
    text = path.read_text()
    snaps = [line.split("SNAP ")[1] for line in text.splitlines() if "SNAP " in line]
    last = dict(pair.split("=") for pair in snaps[-1].split()) if snaps else {"total": "10", "free": "10", "rsvd": "0"}
    _, _, recording = judge(printed(text))
    now = recording.counters(len(recording) - 1)
    assert (now.total, now.free, now.rsvd) == (int(last["total"]), int(last["free"]), int(last["rsvd"]))


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("touched", [0, 2, 5])
@pytest.mark.parametrize("private", [False, True])
def test_agrees_with_the_models_own_log(machine: Machine, extra: bool, touched: int, private: bool) -> None:
    """What the model prints, read back, is what the model prints: for every form of the lesson."""
    text = "\n".join(flow.log(run(lesson(private=private, touched=touched), machine), extra=extra))
    assert [str(verdict.line) for verdict in judged(text) if not verdict.agrees] == []


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_version_is_taken_from_the_log(machine: Machine) -> None:
    """Names, width of an address and vm_flags at the close tell the version; a private mapping's flags do not."""
    shared, private = (
        infer(printed("\n".join(flow.log(run(lesson(private=private), machine))))).machine for private in (False, True)
    )
    assert shared.version == machine.version
    assert private.version == {"5.10": "6.1"}.get(machine.version, machine.version)


def test_version_of_a_log_that_says_little() -> None:
    """A log without an address is taken for the lesson's, one with a far address for that of the newest kernel."""
    line = "HUGETLB_TRACE: hugetlb_reserve_pages() from=0, to=5, needed=5\n"
    mapped = "HUGETLB_TRACE: hugetlbfs_file_mmap() {}\n"
    begun = mapped.format("START - file=f, vma_size=10485760, vm_flags=0xfb")
    assert infer(printed(begun + line)).machine.name == "lesson"
    far = mapped.format("SUCCESS - vma=[0x7ffff6a00000-0x7ffff7400000]")
    assert infer(printed(begun + line + far)).machine.name == "x86-64"
