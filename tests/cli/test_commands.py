"""The command line: exit codes, one-line errors, JSON shapes."""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import io
import json
import os
import platform
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hugelab import LESSON, Op, Scenario, __version__, lesson, load, run
from hugelab.__main__ import main
from hugelab.cli import common, live
from hugelab.linux.errors import Unsupported
from hugelab.linux.machines import X86_64
from hugelab.live.errors import LiveUnavailable
from hugelab.live.version import version
from hugelab.model.kernel import Kernel, boot
from hugelab.record import flow
from tests.conftest import DATA
from tests.live.alone import pool_alone

__all__ = ["pool_alone"]  # a fixture

ROOT = Path(__file__).parents[2]
CASES = str(DATA / "scenarios.json")
LESSON_TXT = str(DATA / "lesson.txt")
COMMANDS = ("run", "ops", "check", "trace", "measure", "doctor", "why")


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


# -- a page ------------------------------------------------------------------------------------------
def test_page_of_the_lesson(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One file with all events and the steps; written again it replaces the one before."""
    file = tmp_path / "lesson.html"
    assert call("run", "lesson", "--html", str(file)) == 0
    assert capsys.readouterr().out.startswith(f"{file}: 99 events, ")
    text = file.read_text()
    assert text.startswith("<!DOCTYPE html>")
    film = json.loads(text.split('id="film">')[1].split("</script>")[0])
    assert len(film["window"]["frames"]) == film["head"]["length"] == len(run(lesson(), LESSON))
    assert call("run", "lesson", "--html", str(file), "--pages", "3") == 0
    assert len(file.read_text()) < len(text)
    assert [path.name for path in tmp_path.iterdir()] == ["lesson.html"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((CASES,), "a page shows one case, and "),
        (("lesson", "--json"), "--html goes without --json and --log"),
        (("lesson", "--on", "live"), "--html is about the model"),
    ],
)
def test_page_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: tuple[str, ...], message: str
) -> None:
    """One line, and no file."""
    assert call("run", *args, "--html", str(tmp_path / "x.html")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not list(tmp_path.iterdir())


def test_page_overwrites_no_other_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is no page stays; a folder and a missing folder are said in one line that names the target."""
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    for target, message in (
        (notes, "exists and is no HTML page"),
        (tmp_path, "Is a directory"),
        (tmp_path / "no" / "x.html", "No such file or directory"),
    ):
        assert call("run", "lesson", "--html", str(target)) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line and line.startswith(f"hugelab: {target}")
    assert notes.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [notes]


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
        (("run", "lesson", "--machine", "vax"), "there is no machine 'vax'; known: lesson, x86-64"),
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
        (("trace", "/nonexistent"), "there is no file /nonexistent"),
        (("trace", CASES), "none of them of a huge page log"),
        (("trace", LESSON_TXT, LESSON_TXT, "--html", "x.html"), "a page shows one log, not 2"),
        (("trace", LESSON_TXT, "--html", "x.html", "--json"), "--html goes without --json"),
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
    """The lesson's text: exit code 0, the kernel, the slips, what the log does not show."""
    assert call("trace", LESSON_TXT) == 0
    out = capsys.readouterr().out
    assert "printk; Linux 3.9 to 3.11, 32-bit PAE; 205 lines; 18 events" in out
    assert "struct page: stride 32, base 0xf6bfd000 (5 pairs of page and pfn)" in out
    assert "18 lines are what a kernel prints" in out
    assert "4 faults not in the log" in out
    assert out.count("  slip  ") == 7
    assert out.splitlines()[-1].startswith("nothing contradicts")


def test_trace_names_the_wrong_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong count: exit code 1, the line's number, what the log says and what the model says."""
    text = (DATA / "k310pae_as_lesson_b.txt").read_text()
    wrong = text.replace("free_pages=8, resv_pages=3", "free_pages=8, resv_pages=4")
    number = next(n for n, line in enumerate(wrong.splitlines(), 1) if "resv_pages=4" in line and "pages=8" in line)
    path = tmp_path / "wrong.txt"
    path.write_text(wrong)
    assert call("trace", str(path)) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith(f"first contradiction: line {number} ")
    assert "log: HUGETLB_TRACE: hstate - free_pages=8, resv_pages=4; a kernel prints: " in out
    assert call("trace", str(path), "--json") == 1
    shown = json.loads(capsys.readouterr().out)
    assert {v["line"] for v in shown["verdicts"] if v["verdict"] == "contradicts"} == {number}


def test_trace_of_several_files_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object a file, in order, with the same keys; the exit code is that of the worst."""
    packed = tmp_path / "log.gz"
    packed.write_bytes(gzip.compress((DATA / "k310pae_lesson_dmesg.txt").read_bytes()))
    assert call("trace", LESSON_TXT, "/nonexistent", str(packed), "--json") == 2
    lesson, missing, third = map(json.loads, capsys.readouterr().out.splitlines())
    assert lesson.keys() == missing.keys() == third.keys()
    assert "there is no file" in missing["error"]
    assert (third["format"], third["unread"], third["snaps_checked"], third["error"]) == ("printk", 0, 8, None)


def test_trace_lists_what_it_could_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line of no format is shown with its number; with --all each SNAP that agrees is, too."""
    path = tmp_path / "log"
    path.write_text((DATA / "k310pae_partial_dmesg.txt").read_text() + "and so on\n")
    assert call("trace", str(path), "--all") == 0
    out = capsys.readouterr().out
    assert "; 1 not understood; " in out
    assert "not read     and so on" in out
    assert out.count("as in the model  [snap]") == 8


def test_trace_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One HTML file: timeline and verdicts; without a program the log's own; another file is not overwritten."""
    page = tmp_path / "page.html"
    assert call("trace", LESSON_TXT, "--html", str(page)) == 0
    text = page.read_text()
    assert 'id="film"' in text
    assert text.count('data-says="slip"') == 7
    assert not re.search(r"(src|href)=|https?://(?!www.w3.org)", text)
    assert call("trace", str(ROOT / "tests/trace/data/d73_kaslr_recipe_tracepoint.txt"), "--html", str(page)) == 0
    assert "hugetlbfs_evict_inode" in page.read_text()  # what the log says, as no program is known
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    assert call("trace", LESSON_TXT, "--html", str(other)) == 2
    assert other.read_text() == "mine"
    capsys.readouterr()


# -- the live kernel, played by the model ---------------------------------------------------------------
class Played(Kernel):
    """A live kernel that answers like the model, except where ``odd`` says otherwise."""

    odd: dict[str, Any] = {}  # operation -> outcome, or an exception
    closed = 0

    def run(self, op: Op) -> tuple[str, Any]:
        outcome, value = super().run(op)
        odd = self.odd.get(op.op, outcome)
        if isinstance(odd, BaseException):
            raise odd
        return odd, value

    def close(self) -> None:
        """Count how often it is cleaned up."""
        Played.closed += 1


Play = Callable[..., None]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """play(release, **odd): `--on live` runs in the model, on a machine that says it runs this release of Linux."""

    def boot_live(scenario: Scenario, pool: object) -> Kernel:
        if scenario.extra.get("unfit"):
            raise LiveUnavailable("there is no second memory node")
        kernel = boot(scenario, X86_64)
        kernel.__class__ = Played
        return kernel

    @contextlib.contextmanager
    def pool(yes: bool) -> Iterator[None]:
        yield

    def start(release: str = "6.18.44-test", **odd: Any) -> None:
        monkeypatch.setattr(platform, "release", lambda: release)
        monkeypatch.setattr(live, "pool", pool)
        monkeypatch.setattr(Played, "odd", odd)
        monkeypatch.setattr(Played, "closed", 0)
        module = types.ModuleType("hugelab.live.kernel")
        module.boot_live = boot_live  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "hugelab.live.kernel", module)

    return start


def cases_file(path: Path, *cases: dict[str, Any], kernel: str = "6.18.44-fc") -> str:
    """A file of cases that was recorded on a kernel."""
    path.write_text(json.dumps({"machine": {"kernel": kernel}, "scenarios": cases}))
    return str(path)


def answered(name: str, **more: Any) -> dict[str, Any]:
    """The lesson as a case with right answers."""
    case = lesson().to_json() | {"name": name} | more
    for step, answer in zip(case["steps"], run(lesson(), X86_64).to_json()["steps"], strict=True):
        step["expect"] = answer
    return case


def test_run_on_live(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    """The same table and the same JSON, from another source; cleaned up after each case."""
    assert call("run", "lesson", "--machine", "x86-64") == 0
    model = capsys.readouterr().out
    play()
    assert call("run", "lesson", "--on", "live") == 0
    assert capsys.readouterr().out == model
    assert call("run", "lesson", "--on", "live", "--json") == 0
    assert json.loads(capsys.readouterr().out) == run(lesson(), X86_64).to_json()
    assert Played.closed == 2


def test_run_on_both_agrees(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    """Side by side: step, then outcome and counters of each; exit code 0."""
    play()
    assert call("run", "lesson", "--on", "both") == 0
    title, head, *rows, said, empty = capsys.readouterr().out.splitlines()
    assert (said.strip(), empty) == ("no difference in 6 steps", "")
    assert title.endswith("the model of Linux 6.18 | Linux 6.18.44, running here")
    assert head.split("|")[0].split()[:2] == ["step", "model"]
    assert head.split("|")[1].split() == ["live", "total", "free", "rsvd", "surp", "avail"]
    assert [row[:3].strip() for row in rows] == ["1", "2", "3", "4", "5", "6"]
    for row in rows:
        ours, theirs = row.split(" | ")
        assert ours.split()[-6:] == theirs.split()


def test_run_on_both_stops_at_the_first_difference(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    """Marked, exit code 1, and nothing after it; in JSON all steps and where they part."""
    play(touch="SIGBUS", munmap="EINVAL")
    assert call("run", "lesson", "--on", "both") == 1
    *_, last, empty = capsys.readouterr().out.splitlines()
    assert last.startswith("  3 touch")
    assert last.endswith("<-- outcome: ok in the model, SIGBUS on this kernel")
    assert empty == ""
    assert call("run", "lesson", "--on", "both", "--json") == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["difference"] == {"step": 2, "what": "outcome"}
    assert [len(shown[source]) for source in ("model", "live")] == [6, 6]


def test_run_on_both_when_one_does_not_know_a_step(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    """Compared is what both know; who stops, and why, is said; no difference."""
    play(munmap=Unsupported("munmap is not for today"))
    assert call("run", "lesson", "--on", "both") == 0
    *_, row, stop, said, empty = capsys.readouterr().out.splitlines()
    assert row.startswith("  3 touch")
    assert (stop.strip(), empty) == ("the live kernel stops at step 4: munmap is not for today", "")
    assert said.strip() == "no difference in 3 steps"


def test_another_kernel_is_said(play: Play, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A kernel newer than the newest rules, or a file that another one recorded: a difference may come from there."""
    play("7.3.4-amd64", touch="SIGBUS")
    assert call("run", "lesson", "--on", "both") == 1
    assert "the model knows the rules up to Linux 6.18, this is 7.3.4: a difference may" in capsys.readouterr().out
    play("6.1.0-33-amd64", touch="SIGBUS")
    assert call("run", "lesson", "--on", "both") == 1
    assert "knows the rules" not in capsys.readouterr().out
    file = cases_file(tmp_path / "cases.json", answered("one"))
    assert call("check", file, "--on", "live") == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.endswith("one: step 3: outcome is SIGBUS, expected ok (recorded on 6.18.44, this is 6.1.0)")
    assert last.endswith("1 case, 3 steps compared, 1 case with a difference")
    assert call("check", file, "--on", "live", "--json") == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown["recorded_on"], shown["kernel"]) == ("6.18.44", "6.1.0")
    play("6.18.44-other", touch="SIGBUS")
    assert call("check", file, "--on", "live") == 1
    assert "recorded on" not in capsys.readouterr().out


def test_check_on_live_goes_on(play: Play, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A case that must not run, and one that this machine cannot run, are a line each; the others are compared."""
    play()
    cases = answered("one"), answered("two", do_not_run=True), answered("three", unfit=True), answered("four")
    file = cases_file(tmp_path / "cases.json", *cases)
    assert call("check", file, "--on", "live") == 2
    out, err = capsys.readouterr()
    assert out.endswith("4 cases, 12 steps compared, 0 cases with a difference; 1 case not to be run\n")
    assert err.splitlines() == [
        "hugelab: two is not run on the live kernel: it damages the kernel's counters until the next boot",
        "hugelab: three: there is no second memory node",
    ]
    assert call("check", cases_file(tmp_path / "fit.json", *cases[:2]), "--on", "live") == 0
    assert call("run", file, "--case", "two", "--on", "live") == 2
    assert capsys.readouterr().err.endswith(
        "two is not run on the live kernel: it damages the kernel's counters until the next boot\n"
    )


def test_ctrl_c_says_how_far_it_got(play: Play, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 130, one line; SIGTERM keeps its own code. The kernel is cleaned up."""
    file = cases_file(tmp_path / "cases.json", answered("one"), answered("two"))
    for stop, code in ((KeyboardInterrupt(), 130), (SystemExit(143), 143)):
        play(touch=stop)
        assert call("check", file, "--on", "live") == code
        out, err = capsys.readouterr()
        assert (out, err) == ("", "hugelab: stopped after 0 of 2 cases\n")
        assert Played.closed == 1


def test_progress_is_for_people_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, after a second, on one line that is cleared; nowhere else."""
    now = [0.0]
    monkeypatch.setattr(common.time, "monotonic", lambda: now[0])
    for terminal in (True, False):
        err = io.StringIO()
        monkeypatch.setattr(err, "isatty", lambda answer=terminal: answer)
        monkeypatch.setattr(sys, "stderr", err)
        now[0] = 0.0
        progress = common.Progress(3)
        for second in (0.5, 1.0, 1.05, 1.2):
            now[0] = second
            progress.show(f"at {second}")
            progress.done += 1
        progress.clear()
        lines = err.getvalue().split("\r\033[K")
        assert lines == (["", "2 of 3: at 1.0", "4 of 3: at 1.2", ""] if terminal else [""])


@pytest.mark.parametrize("option", ["--log", "--machine=x86-64", "--pid=5"])
def test_options_of_the_model_are_refused_on_live(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a running kernel decides itself cannot be asked of it."""
    assert call("run", "lesson", "--on", "live", option) == 2
    name = option.partition("=")[0]
    assert capsys.readouterr().err == f"hugelab: {name} is about the model: it goes with --on model\n"


def test_live_needs_linux(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Elsewhere: one line, and the model still runs."""
    monkeypatch.setattr(sys, "platform", "darwin")
    for command in (("run", "lesson"), ("check", CASES)):
        assert call(*command, "--on", "live", "--yes") == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "--on live needs Linux" in err


# -- the real one ---------------------------------------------------------------------------------------
ROOT_ON_LINUX = sys.platform == "linux" and os.geteuid() == 0 and os.access("/sys/kernel/mm/hugepages", os.W_OK)
on_real_pool = pytest.mark.skipif(not ROOT_ON_LINUX, reason="needs root and a huge page pool that can be changed")
on_real_kernel = pytest.mark.skipif(
    not ROOT_ON_LINUX or importlib.util.find_spec("hugelab.live.kernel") is None,
    reason="needs the live kernel, as root",
)


@on_real_pool
@pytest.mark.usefixtures("pool_alone")
@pytest.mark.xdist_group("pool")
def test_nobody_to_ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal: add --yes. On one: asked, and "no" changes nothing."""
    assert shell("hugelab run lesson --on live").stderr == (
        "hugelab: --on live changes the machine's huge page pool; no terminal to ask on: add --yes\n"
    )
    answer = io.StringIO("n\n")
    monkeypatch.setattr(answer, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", answer)
    assert call("check", CASES, "--on", "live") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "This changes the huge page pools of this machine" in err
    assert err.endswith("Go on? [y/N] hugelab: not agreed: nothing was changed\n")


@on_real_kernel
@pytest.mark.usefixtures("pool_alone")
@pytest.mark.xdist_group("pool")
def test_the_lesson_on_this_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    """Model and kernel agree on every step of the lesson."""
    assert call("run", "lesson", "--on", "both", "--yes") == 0
    assert "<--" not in capsys.readouterr().out


@on_real_kernel
@pytest.mark.usefixtures("pool_alone")
@pytest.mark.xdist_group("pool")
def test_an_unprivileged_user_gets_one_line() -> None:
    """The pool does not fit: the command that would make it fit, and exit code 2."""
    code = (  # all is imported first: nobody may not be able to read root's Python
        "import os, sys, hugelab.live.kernel; from hugelab.__main__ import main; "
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); "
        "sys.exit(main(['run', 'lesson', '--on', 'live', '--yes']))"
    )
    environment = {**os.environ, "XDG_RUNTIME_DIR": "", "TMPDIR": "/tmp"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "hugelab: this scenario needs a pool of 10 pages of 2 MB, there are 0: sudo sysctl -w vm.nr_hugepages=10\n"
    )


@on_real_kernel
@pytest.mark.usefixtures("pool_alone")
@pytest.mark.xdist_group("pool")
def test_recorded_answers_on_this_kernel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was recorded on 6.18 holds on a running 6.18; another version may differ, and says so. (Here every fifth
    case; all of them: test_kernel.py, and `make proof`.)"""
    cases, file = json.loads(Path(CASES).read_text()), tmp_path / "cases.json"
    file.write_text(json.dumps(cases | {"scenarios": cases["scenarios"][::5]}))
    code = call("check", str(file), "--on", "live", "--yes")
    out = capsys.readouterr().out
    if version().startswith("6.18."):
        assert code == 0, out
    assert "23 cases" in out


def test_kernel_bugs_can_be_switched_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On, as on the recorded kernel, unless they are switched off; the old option, and its third word, still work."""
    name = "quirk_fork_parent_munmap_first_underflow"
    case = next(case for case in load(DATA / "scenarios.json") if case.name == name)
    for marked in (True, False):
        file = tmp_path / f"{marked}.json"
        file.write_text(json.dumps(case.to_json() | {"kernel_quirk": marked}))
        found = {word: call("check", str(file), "--slips", word) for word in ("case", "on", "off")}
        assert found == {"case": 0, "on": 0, "off": 1}
        assert [call("check", str(file), *more) for more in ([], ["--kernel-bugs", "off"])] == [0, 1]
    shown = {}
    for word in ("on", "off"):
        capsys.readouterr()
        assert call("run", str(file), "--kernel-bugs", word, "--json") == 0
        shown[word] = json.loads(capsys.readouterr().out)["steps"][3]["rsvd"]
    assert shown == {"on": 2**64 - 2, "off": 0}
    assert call("run", str(file), "--kernel-bugs", "off") == 0
    assert "kernel bugs off: as its authors meant it" in capsys.readouterr().out


# -- doctor, help, version ----------------------------------------------------------------------------
@pytest.mark.usefixtures("pool_alone")
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


@pytest.mark.skipif(sys.platform != "linux", reason="the live kernel is Linux")
def test_doctor_says_what_was_left(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What a killed run left, and the command; as text and as JSON. --restore says each thing it put back."""
    from hugelab.live import pool

    monkeypatch.setattr(pool, "left_behind", lambda: pool.Left("process 7 left 10 pages", "hugelab doctor --restore"))
    assert call("doctor") == 0
    assert "missing left over   process 7 left 10 pages\n" in (out := capsys.readouterr().out)
    assert out.endswith("        hugelab doctor --restore\n")
    assert call("doctor", "--json") == 0
    check = json.loads(capsys.readouterr().out)["checks"]["left over"]
    assert (check["ok"], check["found"], check["fix"]) == (False, "process 7 left 10 pages", "hugelab doctor --restore")
    for said in (["unmounted /x", "2 MB: 10 back to 0"], []):
        monkeypatch.setattr(pool, "restore", lambda answer=said: answer)
        assert call("doctor", "--restore") == 0
        assert capsys.readouterr().out.splitlines() == (said or ["there is nothing to put back"])
        assert call("doctor", "--restore", "--json") == 0
        assert json.loads(capsys.readouterr().out) == {"restored": said}


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
    assert "29 lines are what a kernel prints" not in done.stdout  # the marks tell the program: nothing is guessed
    assert "9 of 9 SNAPs compared" in done.stdout
    assert shell("hugelab trace -", log.replace("delta=-3", "delta=-2")).returncode == 1
    nothing = shell("hugelab trace -", "nothing here\n")
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)
