"""The command line: exit codes, one-line errors, JSON shapes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hugelab import LESSON, __version__, flow, lesson, load, run
from hugelab.__main__ import main
from tests.conftest import DATA

ROOT = Path(__file__).parents[1]
CASES = str(DATA / "scenarios.json")
LESSON_TXT = str(DATA / "lesson.txt")
COMMANDS = ("run", "check", "trace", "doctor")


def call(*args: str) -> int:
    """main(argv), whether it returns its exit code or leaves by SystemExit."""
    try:
        return main(list(args))
    except SystemExit as leave:
        assert isinstance(leave.code, int)
        return leave.code


def shell(command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """A real shell, with `hugelab` as a function."""
    setup = f'set -o pipefail; hugelab() {{ "{sys.executable}" -m hugelab "$@"; }}; '
    return subprocess.run(
        ["bash", "-c", setup + command], cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


# -- errors -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("zap",), "invalid choice: 'zap'"),
        (("run",), "the following arguments are required"),
        (("run", "nope"), "'nope' is neither a file nor a program hugelab knows (lesson)"),
        (("run", "lesson", "--pages", "x"), "'x' is not a whole number"),
        (("run", "lesson", "--pages", "-1"), "must be 0 or more, not -1"),
        (("run", "lesson", "--time", "-1"), "-1 s is not a time after boot"),
        (("run", "lesson", "--time", "soon"), "'soon' is not a number of seconds"),
        (("run", "lesson", "--pid", "0"), "must be 1 or more"),
        (("run", "lesson", "--machine", "vax"), "invalid choice: 'vax'"),
        (("run", "lesson", "--case", "x"), "--case chooses from a file"),
        (("run", "lesson", "--pool", "1_000_000"), "1,000,000 pages of 2 MB is more than the lesson machine holds"),
        (("run", CASES, "--pages", "5"), "--pages goes with the lesson, not with a file"),
        (("run", CASES, "--touch", "5"), "--touch goes with the lesson, not with a file"),
        (("run", CASES, "--private"), "--private goes with the lesson, not with a file"),
        (("run", CASES, "--case", "lesson_shared"), "near: "),
        (("run", LESSON_TXT), "not JSON"),
        (("run", str(DATA)), "Is a directory"),
        (("check", LESSON_TXT), "not JSON"),
        (("check", "/nonexistent"), "No such file or directory"),
        (("trace", "/nonexistent"), "No such file or directory"),
        (("trace", CASES), "no line in the lesson's format"),
        (("trace", str(DATA / "k310pae_fork_cow_dmesg.txt")), "line 53: PID 334 after PID 333"),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line_and_exit_code_2(
    args: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing on stdout, exactly one line on stderr, exit code 2."""
    assert call(*args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("hugelab")
    assert message in err


def test_a_case_that_cannot_be_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong step names file or case and step."""
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"name": "mine", "steps": [{"op": "touch", "map": "nobody"}]}))
    for command in ("run", "check"):
        assert call(command, str(path)) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "mine, step 1: no mapping is called 'nobody'" in err


# -- run ----------------------------------------------------------------------------------------------
def test_run_lesson_log(capsys: pytest.CaptureFixture[str]) -> None:
    """The table of steps with the kernel's lines under each step, all of them, in order."""
    assert call("run", "lesson", "--log") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line for line in out.splitlines() if line.startswith("[")] == list(flow.log(run(lesson(), LESSON)))
    rows = [line.split() for line in out.splitlines() if line[:3].strip().isdigit()]
    assert [row[1] for row in rows] == ["open", "mmap", "touch", "munmap", "close", "unlink"]
    assert all("ok" in row for row in rows)


def test_run_options_reach_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """--pid, --ino, --time, --machine, --extra, --pages, --pool, --touch, --private: each is seen in the output."""
    assert call("run", "lesson", "--log", "--extra", "--pid", "77", "--ino", "5", "--time", "1.5") == 0
    out = capsys.readouterr().out
    for text in ("PID 77 got", "inode 5", "[1.500000] ", "HUGETLB_EXTRA: hugetlbfs_evict_inode() - ino=5, nrpages=5"):
        assert text in out
    assert call("run", "lesson", "--machine", "x86-64", "--log") == 0
    assert "alloc_hugetlb_folio()" in capsys.readouterr().out
    args = ("--pages", "3", "--pool", "4", "--touch", "2", "--private", "--json")
    assert call("run", "lesson", *args) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == run(lesson(3, 4, True, 2), LESSON).to_json()


def test_run_json_is_the_language_of_expect(capsys: pytest.CaptureFixture[str]) -> None:
    """One object a case; a step has the keys that `expect` of the recorded file has."""
    assert call("run", CASES, "--json") == 0
    lines = capsys.readouterr().out.splitlines()
    cases = load(CASES)
    assert len(lines) == len(cases)
    for line, case in zip(lines, cases, strict=True):
        shown = json.loads(line)
        assert shown["name"] == case.name
        for step, op in zip(shown["steps"], case.steps, strict=False):
            if step["outcome"] != "unsupported":
                assert op.expect is not None
                assert step.keys() == op.expect.keys()


def test_run_one_case(capsys: pytest.CaptureFixture[str]) -> None:
    """--case chooses one; --pool changes its pool."""
    assert call("run", CASES, "--case", "shared_basic", "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["name"] == "shared_basic"
    assert call("run", CASES, "--case", "lesson_shared_file_no_unlink", "--pool", "23", "--json") == 0
    assert json.loads(capsys.readouterr().out)["steps"][0]["total"] == 23


# -- check --------------------------------------------------------------------------------------------
def test_check_the_recorded_file(capsys: pytest.CaptureFixture[str]) -> None:
    """No case differs: exit code 0 and the numbers."""
    assert call("check", CASES) == 0
    out = capsys.readouterr().out
    assert "115 cases" in out
    assert "0 cases with a difference" in out


def test_check_finds_a_doctored_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One wrong number: exit code 1, and case, step, key and both values are named."""
    data = json.loads(Path(CASES).read_text())
    case = next(case for case in data["scenarios"] if case["name"] == "lesson_shared_file_no_unlink")
    case["steps"][2]["expect"]["rsvd"] = 4
    path = tmp_path / "doctored.json"
    path.write_text(json.dumps(data))
    assert call("check", str(path)) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.endswith("lesson_shared_file_no_unlink: step 3: rsvd is 5, expected 4")
    assert "1 case with a difference" in last
    assert call("check", str(path), "--json") == 1
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(shown) == 115
    (wrong,) = [case for case in shown if case["difference"]]
    assert wrong["difference"] == {"step": 2, "what": "rsvd", "ours": 5, "theirs": 4}
    assert shown[0].keys() == {"name", "compared", "waiting", "difference"}


# -- trace --------------------------------------------------------------------------------------------
def test_trace_agrees_with_the_lesson(capsys: pytest.CaptureFixture[str]) -> None:
    """The lesson's text: exit code 0, each step with its lines, and what the log does not show."""
    assert call("trace", LESSON_TXT) == 0
    out = capsys.readouterr().out
    assert "the model agrees with every line (18 lines)" in out
    assert "4 faults not in the log" in out


def test_trace_names_the_first_wrong_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong count: exit code 1, the line's number, what the log says and what the model says."""
    text = (DATA / "k310pae_as_lesson_b.txt").read_text()
    wrong = text.replace("free_pages=8, resv_pages=3", "free_pages=8, resv_pages=4")
    number = next(n for n, line in enumerate(wrong.splitlines(), 1) if "resv_pages=4" in line and "pages=8" in line)
    path = tmp_path / "wrong.txt"
    path.write_text(wrong)
    assert call("trace", str(path)) == 1
    *_, first, theirs, ours = capsys.readouterr().out.splitlines()
    assert first == f"first disagreement: line {number}"
    assert theirs == "  log:   HUGETLB_TRACE: hstate - free_pages=8, resv_pages=4"
    assert ours == "  model: HUGETLB_TRACE: hstate - free_pages=8, resv_pages=3"
    assert call("trace", str(path), "--json") == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown["agrees"], shown["line"]) == (False, number)
    assert shown["steps"][-1].keys() == {"op", "lines", "agrees", "line", "model", "log", "note"}
    assert [step["agrees"] for step in shown["steps"]] == [True] * (len(shown["steps"]) - 1) + [False]


# -- doctor, help, version ----------------------------------------------------------------------------
def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 whatever is missing; text and JSON name the same findings."""
    assert call("doctor") == 0
    text = capsys.readouterr().out
    assert call("doctor", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown.keys() == {"checks", "free_disk_bytes"}
    assert "python" in shown["checks"]
    for name, check in shown["checks"].items():
        assert check.keys() == {"ok", "found", "needed_for", "fix"}
        assert f" {name}" in text
        assert check["found"] in text


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command's --help shows a line that can be typed."""
    assert call(command, "--help") == 0
    out = capsys.readouterr().out
    assert "examples:" in out
    assert f"  hugelab {command}" in out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """hugelab --help names the commands; --version the version."""
    assert call("--help") == 0
    out = capsys.readouterr().out
    assert all(f"    {command} " in out for command in COMMANDS)
    assert call("--version") == 0
    assert capsys.readouterr().out == f"hugelab {__version__}\n"


# -- real processes -----------------------------------------------------------------------------------
@pytest.mark.parametrize("extra", ["--log", "--json"])
def test_a_reader_that_leaves_early(extra: str) -> None:
    """`hugelab run FILE | head` ends quietly."""
    done = shell(f"hugelab run '{CASES}' {extra} | head -n 2")
    assert done.returncode == 0
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 2


def test_trace_reads_standard_input() -> None:
    """`dmesg | hugelab trace -`, with exit codes of a real process."""
    log = (DATA / "k310pae_partial_dmesg.txt").read_text()
    done = shell("hugelab trace -", log)
    assert (done.returncode, done.stderr) == (0, "")
    assert "agrees with every line (29 lines)" in done.stdout
    assert shell("hugelab trace -", log.replace("delta=-3", "delta=-2")).returncode == 1
    nothing = shell("hugelab trace -", "nothing here\n")
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)
