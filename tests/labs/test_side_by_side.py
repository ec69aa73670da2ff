"""The side by side lab: every control over its range, the two clicks of a live run, and every way it is refused."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from hugelab import Recording, ScenarioError, labs, run
from hugelab.course import recorded
from hugelab.labs.holders import program
from hugelab.labs.side_by_side import SideBySide
from hugelab.labs.widget import job as jobs
from hugelab.labs.widget.job import Progress, Work
from hugelab.live import apart
from hugelab.live.errors import LiveUnavailable
from hugelab.record.recording import compare
from hugelab.record.source import finish
from tests.conftest import some
from tests.course.test_recorded import WHY_NOT
from tests.labs.dom import MODEL, positions, read, side
from tests.labs.views import busy, check_views, displayed, go, move, offered, send
from tests.live.alone import pool_alone

PLAN = "This changes the <pool> of this machine:\n  2M: 0 pages now"

__all__ = ["pool_alone"]


def built(**values: Any) -> SideBySide:
    return displayed(labs.side_by_side(**values))


def table(lab: SideBySide) -> str:
    """The HTML of the two recordings beside each other."""
    return str(lab.head["sides"][0]["steps"])


def says(lab: SideBySide) -> str:
    """What stands under the controls."""
    return str(lab.message["html"])


def buttons(lab: SideBySide) -> dict[str, bool]:
    """The buttons that are there, and whether they can be pressed."""
    return {name: not button.disabled for name, button in lab.buttons.items()}


def press(lab: SideBySide, *names: str) -> None:
    """Click buttons as the browser does, also one that is not there any more: its click may be on its way."""
    for name in names:
        lab._all[name]._handle_custom_msg({"event": "click"}, [])


ASKS = {"go": False, "yes": True, "no": True}
WAITS = {"go": True}


def check(lab: SideBySide) -> None:
    """The table shows the model's numbers and the kernel's, and the verdict is that of the two recordings."""
    caption, rows = read(table(lab))
    model = run(program(**lab.values), MODEL)
    assert [row[0] for row in rows] == [str(step.op) for step in model.steps]
    assert [row[1:6] for row in rows] == side(model)
    assert [row[6:11] for row in rows] == side(lab.kernel)
    assert compare(model, lab.kernel) is None
    assert [row[11] for row in rows] == ["equal"] * len(rows)
    assert caption == f"Equal in all {len(rows)} steps."
    assert positions(table(lab)) == [step.last for step in model.steps]
    assert lab.recording.to_json() == model.to_json()


@pytest.fixture
def possible(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine that can run programs, says PLAN, and answers as the model does; the list names what it ran."""
    ran: list[str] = []

    def answer(scenario: Any) -> Work[Recording]:
        ran.append(str(scenario.steps[1]))
        yield Progress("process 7 has borrowed the huge page pool; waiting up to 10 s ...", None)
        return replace(run(scenario, MODEL), source="live")

    monkeypatch.setattr(apart, "obstacle", lambda: "")
    monkeypatch.setattr(apart, "plan", lambda: PLAN)
    monkeypatch.setattr(apart, "version", lambda: "6.18.1")
    monkeypatch.setattr(apart, "other_version", lambda: "")
    monkeypatch.setattr(apart, "run_here", answer)
    return ran


# -- the table ---------------------------------------------------------------------------------------
def test_every_control_over_its_range() -> None:
    """Each control alone, from end to end: the table is the model's and the recorded kernel's."""
    lab = built()
    check(lab)
    for control in lab.controls.values():
        first = control.value
        for value in offered(control):
            control.value = value
            check(lab)
            assert not lab.live
        control.value = first


@pytest.mark.full
def test_corners() -> None:
    """Both sliders at either end, with every mapping, end and pool."""
    lab, ends = built(), (0, recorded.MOST_PAGES)
    values = {name: offered(control) for name, control in lab.controls.items()} | {"pages": ends, "touched": ends}
    for corner in some([*product(*values.values())]):
        move(lab, **dict(zip(values, corner, strict=True)))
        check(lab)


def test_ends_are_those_of_the_other_lab() -> None:
    """One list of ends for both labs of the notebook."""
    assert offered(labs.side_by_side().end) == offered(labs.holders().end)


def test_only_what_was_recorded_is_offered() -> None:
    """First values outside the controls' ranges are refused with the range."""
    for values in ({"pages": 7}, {"touched": -1}, {"pool": 5}, {"kind": "memfd"}, {"end": "reboot"}):
        with pytest.raises(ValueError, match=r"to 6|one of"):
            labs.side_by_side(**values)


def test_what_was_not_recorded_is_refused() -> None:
    """Should a control ever offer more: one line, not another program's answer."""
    lab = built()
    lab.pool.options = [4, 5, 10]
    lab.pool.value = 5
    assert lab.message["kind"] == "refused"
    assert says(lab).startswith("there is no recorded run of ")


def test_rows_take_the_timeline_to_their_step() -> None:
    """The button of a step goes to its last event, where the numbers of the row are those of the event."""
    lab = built()
    _, rows = read(table(lab))
    for position, row in zip(positions(table(lab)), rows, strict=True):
        go(lab, position)
        now = lab.recording.counters(lab.event)
        assert [str(number) for number in now] == row[2:6]


def test_a_difference_is_shown(possible: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that answers otherwise: the row, the caption and the message say where and what."""

    def other(scenario: Any) -> Work[Recording]:
        yield Progress("running", None)
        steps = list(run(scenario, MODEL).steps)
        steps[3] = replace(steps[3], outcome="EINVAL")
        return replace(run(scenario, MODEL), source="live", steps=steps)

    monkeypatch.setattr(apart, "run_here", other)
    lab = built()
    press(lab, "go", "yes")
    caption, rows = read(table(lab))
    what = "outcome is ok in the model, EINVAL in the kernel"
    assert rows[3][11] == "first difference: outcome"
    assert caption == f"The first difference is at step 4: {what}."
    assert what in says(lab)
    assert lab.difference is not None and lab.difference.step == 3


# -- static first ------------------------------------------------------------------------------------
def test_shows_words_first_then_the_live_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a saved notebook keeps: the table as words, then the sentence about the controls."""
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("hugelab.labs.widget.lab.display", lambda bundle, raw: shown.append(bundle))
    lab = labs.side_by_side()
    lab._ipython_display_()
    words, live = shown
    assert list(words) == ["text/plain"]
    assert f"kernel: recorded on Linux {recorded.kernel()}" in words["text/plain"]
    assert "10     5     0     0     equal" in words["text/plain"]
    assert live["text/plain"].startswith("Run this cell (Shift+Enter) for the live lab")
    assert "this machine's kernel" in live["text/plain"]
    check(lab)


@pytest.mark.parametrize("why", ["", "the kernel of this machine has no huge page pools"])
def test_what_is_saved_is_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    """Whether a live run is possible is said in the live lab alone."""
    monkeypatch.setattr(apart, "obstacle", lambda: why)
    lab = built()
    assert repr(lab) == repr(labs.side_by_side())
    assert f"recorded on Linux {recorded.kernel()}" in says(lab)
    assert ("It cannot run here" in says(lab)) == bool(why)
    assert why in says(lab)


# -- two clicks --------------------------------------------------------------------------------------
def test_first_click_says_what_it_would_change(possible: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan, escaped, and the question; nothing runs, the run button waits, and No has the keyboard."""
    lab = built()
    focused: list[str] = []
    for name, button in lab._all.items():
        monkeypatch.setattr(button, "focus", partial(focused.append, name))
    assert buttons(lab) == WAITS
    press(lab, "go")
    assert "This changes the &lt;pool&gt; of this machine" in says(lab)
    assert buttons(lab) == ASKS
    assert focused == ["no"]
    assert possible == []


@pytest.mark.parametrize("after", [["no"], ["no", "yes"], ["no", "no"]], ids=" ".join)
def test_no_changes_nothing(possible: list[str], after: list[str]) -> None:
    """No: nothing ran, the column is as it was; a late Yes does nothing."""
    lab = built()
    press(lab, "go")
    press(lab, *after)
    assert possible == []
    assert "nothing was changed" in says(lab)
    assert buttons(lab) == WAITS
    check(lab)


def test_yes_without_the_question_does_nothing(possible: list[str]) -> None:
    """Its button is not there."""
    lab = built()
    assert "yes" not in lab.buttons
    with pytest.raises(AttributeError, match="has no yes"):
        lab.yes.click()
    press(lab, "yes", "no")
    assert possible == []
    check_views(lab)


def test_yes_runs_it_once(possible: list[str]) -> None:
    """Yes: the program of the controls ran, once, and the column is this kernel's until a control moves."""
    lab = built(pages=3)
    press(lab, "go", "yes", "yes")
    assert possible == ["mmap map=ptr fd=f pages=3 flags=MAP_SHARED"]
    assert "Ran on this kernel, Linux 6.18.1: " in says(lab)
    assert "equal in all 6 steps" in says(lab)
    assert lab.live and buttons(lab) == WAITS and busy(lab) == {}
    assert "Linux 6.18.1, this kernel" in table(lab)
    check(lab)
    lab.pages.value = 4
    assert not lab.live
    assert f"recorded on Linux {recorded.kernel()}" in table(lab)
    check(lab)


def test_the_timeline_stays_where_it_is(possible: list[str]) -> None:
    """Who looks at munmap and has the program run still looks at munmap."""
    lab = built()
    position = lab.recording.steps[3].last
    go(lab, position)
    press(lab, "go", "yes")
    assert lab.live and lab.position == position


def test_a_control_that_moves_withdraws_the_question(possible: list[str]) -> None:
    """The question was about another program."""
    lab = built()
    press(lab, "go")
    lab.touched.value = 1
    assert buttons(lab) == WAITS
    press(lab, "yes")
    assert possible == []


def test_another_version_is_said(possible: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that the model does not follow: a difference may be the kernel's."""
    monkeypatch.setattr(apart, "other_version", lambda: "the model follows Linux 6.18, this is 5.4.1")
    lab = built()
    press(lab, "go", "yes")
    assert "the model follows Linux 6.18, this is 5.4.1" in says(lab)


# -- while it runs -----------------------------------------------------------------------------------
class Slow:
    """A run that takes as long as it is let: ``go_on`` lets it end, ``stopped`` says that it was closed."""

    def __init__(self) -> None:
        self.begun = 0
        self.go_on = self.stopped = False

    def __call__(self, scenario: Any) -> Work[Recording]:
        self.begun += 1
        try:
            while not self.go_on:
                time.sleep(0.001)
                yield Progress("waiting for the pool ...", None)
        except GeneratorExit:
            self.stopped = True
            raise
        return replace(run(scenario, MODEL), source="live")


@pytest.fixture
def slow(possible: list[str], monkeypatch: pytest.MonkeyPatch) -> Slow:
    """The machine of ``possible``, but its run takes long."""
    made = Slow()
    monkeypatch.setattr(apart, "run_here", made)
    monkeypatch.setattr(jobs, "AT_ONCE", 0.01)
    monkeypatch.setattr(jobs, "SLICE", 0.005)
    return made


async def begun(slow: Slow) -> SideBySide:
    """A lab whose run is under way, beside an event loop."""
    lab = built()
    press(lab, "go", "yes")
    assert slow.begun and lab._job is not None and lab._job.running
    await asyncio.sleep(0.01)
    return lab


async def ended(lab: SideBySide) -> None:
    while lab._job is not None and lab._job.running:
        await asyncio.sleep(0.001)


def test_the_page_says_that_it_runs(slow: Slow) -> None:
    """What is going on, no part of it known; the run button waits, the timeline does not; then the answer."""

    async def main() -> None:
        lab = await begun(slow)
        assert busy(lab) == {"text": "waiting for the pool ...", "part": None}
        assert buttons(lab) == {"go": False}
        send(lab, want=0)
        assert lab.window["first"] == 0
        for name in ("go", "yes", "no"):
            press(lab, name)
            assert buttons(lab) == {"go": False}
        slow.go_on = True
        await ended(lab)
        assert slow.begun == 1, "no second run beside it"
        assert lab.live and busy(lab) == {} and buttons(lab) == WAITS
        check(lab)

    asyncio.run(main())


def test_cancelled(slow: Slow) -> None:
    """The run is stopped, the recorded column stays, and it can be tried again."""

    async def main() -> None:
        lab = await begun(slow)
        send(lab, cancel=True)
        assert slow.stopped and busy(lab) == {}
        assert says(lab).startswith("Cancelled; the pool is as it was. The kernel's column stays as recorded")
        assert buttons(lab) == WAITS
        check(lab)
        slow.go_on = True
        press(lab, "go", "yes")
        await ended(lab)
        assert lab.live

    asyncio.run(main())


def test_a_control_that_moves_stops_the_run(slow: Slow) -> None:
    """Its answer would be another program's."""

    async def main() -> None:
        lab = await begun(slow)
        lab.pages.set_state({"value": 2})
        assert slow.stopped
        slow.go_on = True
        await asyncio.sleep(0.02)
        assert not lab.live and buttons(lab) == WAITS and busy(lab) == {}
        check(lab)

    asyncio.run(main())


# -- refusals and faults -----------------------------------------------------------------------------
def refusals() -> list[Exception]:
    return [
        LiveUnavailable("changing the huge page pool needs root: sudo -i, then start it again"),
        LiveUnavailable("others use the pool of 2M: 3 in use and 0 reserved; process 7 (db) has them; end them first"),
        ScenarioError("a pool of 10 pages: this machine can give 3 of 2M now"),
    ]


@pytest.mark.parametrize("error", refusals(), ids=["not root", "others", "no memory"])
def test_refused_at_the_second_click(possible: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """One line with what would allow it; the recorded column stays, and it can be tried again."""

    def refuse(scenario: Any) -> Work[Recording]:
        yield Progress("running", None)
        raise error

    monkeypatch.setattr(apart, "run_here", refuse)
    lab = built()
    press(lab, "go", "yes")
    assert says(lab).startswith(f"No result from this kernel: {error}. ")
    assert lab.message["kind"] == "refused"
    assert f"stays as recorded on Linux {recorded.kernel()}" in says(lab)
    assert "\n" not in says(lab) and "Traceback" not in says(lab)
    assert not lab.live and buttons(lab) == WAITS
    check(lab)


def test_refused_after_a_run_here(possible: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The column stays that of the last run."""
    lab = built()
    press(lab, "go", "yes")
    kernel = lab.kernel

    def refuse(scenario: Any) -> Work[Recording]:
        yield Progress("running", None)
        raise LiveUnavailable("no")

    monkeypatch.setattr(apart, "run_here", refuse)
    press(lab, "go", "yes")
    assert lab.kernel is kernel and lab.live
    assert says(lab).endswith("The kernel's column stays that of the last run here.")


@pytest.mark.skipif(sys.platform != "linux", reason="the pool is Linux")
def test_plan_of_root_and_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root reads what changes; who is not root reads that nothing does."""
    from hugelab.live import pool

    monkeypatch.setattr(apart, "obstacle", lambda: "")
    monkeypatch.setattr(pool, "describe", lambda: PLAN)
    monkeypatch.setattr(pool, "need_root", lambda: None)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert apart.plan() == PLAN

    def missing() -> None:
        raise pool.PoolError("/sys is read-only here, also for root: start the container with --privileged")

    monkeypatch.setattr(pool, "need_root", missing)
    lab = built()
    press(lab, "go")
    assert "start the container with --privileged" in says(lab)
    assert lab.message["kind"] == "refused"
    assert buttons(lab) == WAITS
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "the huge page pool stays as it is" in apart.plan()


def test_not_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """On another system: said at once, at the first click no question, and no live module is needed."""
    monkeypatch.setattr("sys.platform", "darwin")
    lab = built()
    assert "that needs Linux" in says(lab)
    press(lab, "go")
    assert "No result from this kernel: that needs Linux" in says(lab)
    assert buttons(lab) == WAITS
    with pytest.raises(LiveUnavailable, match="needs Linux"):
        finish(apart.run_here(lab.recording.scenario))
    check(lab)


def test_no_huge_pages_and_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without pools; a processor that the live runner has no code for."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(apart, "pools", dict)
    assert apart.obstacle() == "the kernel of this machine has no huge page pools"
    monkeypatch.setattr(apart, "pools", lambda: {1 << 21: {}})
    monkeypatch.setattr(
        "hugelab.live.native.access.unavailable", lambda: "needs x86-64, this is s390x: --on model runs anywhere"
    )
    assert apart.obstacle() == "needs x86-64, this is s390x"


def test_a_fault_is_shown_and_raised(possible: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the live run or in the model: one line for the learner, and it is raised, too."""

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(apart, "run_here", broken)
    lab = built()
    press(lab, "go", "yes")  # ipywidgets says what a button raises, and goes on
    assert "This lab has a fault: ZeroDivisionError: a bug" in says(lab)
    assert lab.message["kind"] == "fault"
    assert buttons(lab) == WAITS and busy(lab) == {}
    press(lab, "go")
    with pytest.raises(ZeroDivisionError):
        lab._pressed("yes")
    monkeypatch.setattr(sys.modules["hugelab.labs.side_by_side"], "run_slowly", broken)
    with pytest.raises(ZeroDivisionError):
        lab.pages.value = 2
    assert "This lab has a fault: ZeroDivisionError: a bug" in says(lab)


def test_interrupted(possible: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The notebook's Interrupt button during a run: said, and the buttons work again."""

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(apart, "run_here", interrupted)
    lab = built()
    press(lab, "go")
    with pytest.raises(KeyboardInterrupt):
        press(lab, "yes")
    assert says(lab).startswith("Interrupted; the pool is as it was. ")
    assert buttons(lab) == WAITS and busy(lab) == {}


def test_labs_load_no_live_module() -> None:
    """Importing the labs and showing this one needs nothing that only Linux has."""
    code = (
        "import sys; sys.modules.update({'fcntl': None, 'hugelab.live.pool': None, 'hugelab.live.kernel': None}); "
        "from hugelab import labs; lab = labs.side_by_side(); sys.platform = 'win32'; lab._repr_mimebundle_(); "
        "print(lab.message['html'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "that needs Linux" in done.stdout


# -- the process that runs it ------------------------------------------------------------------------
ANSWER = "import sys; print(open({answer!r}).read())"
COMPLAINS = "import sys; print('hugelab: first', file=sys.stderr); print({says!r}, file=sys.stderr); sys.exit({exit})"
# Says so, and waits to be told to stop; then it puts back what it borrowed, which takes a moment.
HANGS = """
import os, pathlib, signal, sys, time
def stop(*_):
    time.sleep(0.2)
    pathlib.Path({mark!r}).write_text(os.path.dirname(sys.argv[1]))
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
pathlib.Path({mark!r} + ".pid").write_text(str(os.getpid()))
print("hugelab: others use the pool; waiting", file=sys.stderr, flush=True)
{more}
time.sleep(60)
"""


class Program:
    """What runs instead of ``hugelab run``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path):
        self.folder, self.files = folder, [""]
        self.mark = folder / "put back"
        monkeypatch.setattr(apart, "obstacle", lambda: "")
        monkeypatch.setattr(apart, "plan", lambda: PLAN)
        monkeypatch.setattr(apart, "command", self._command)

    def does(self, code: str, **names: Any) -> None:
        self._code = code.format(**names)

    def hangs(self, more: str = "") -> None:
        self.does(HANGS, mark=str(self.mark), more=more)

    def _command(self, file: str) -> list[str]:
        self.files.append(file)
        return [sys.executable, "-c", self._code, file]

    @property
    def gone(self) -> bool:
        """The folder of the last program is not there any more."""
        return bool(self.files[-1]) and not Path(self.files[-1]).parent.exists()

    @property
    def pid(self) -> int:
        return int(Path(f"{self.mark}.pid").read_text())


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Program]:
    made = Program(monkeypatch, tmp_path)
    yield made
    with suppress(OSError, ValueError):
        os.kill(made.pid, signal.SIGKILL)  # whatever a test that failed has left


@pytest.fixture
def answering(child: Program, tmp_path: Path) -> Program:
    """A program that answers as the model does."""
    answer = tmp_path / "answer"
    answer.write_text(json.dumps(run(program(5, 10, 5, "shared file", "munmap, close, unlink"), MODEL).to_json()))
    child.does(ANSWER, answer=str(answer))
    return child


def running(child: Program) -> Work[Recording]:
    """A run of a program that hangs, so far that the program says so."""
    work = apart.run_here(program(5, 10, 5, "shared file", "munmap, close, unlink"))
    for progress in work:
        assert progress.part is None
        if progress.text == "others use the pool; waiting ...":
            return work
    raise AssertionError("it ended")


def test_the_process_answers(answering: Program) -> None:
    """Steps with outcome, value and counters; it got the program in a file, which is gone."""
    lab = built()
    kernel = finish(apart.run_here(lab.recording.scenario))
    assert compare(kernel, lab.recording) is None
    assert kernel.source == "live" and len(kernel) == 0
    assert [step.value for step in kernel.steps] == [step.value for step in lab.recording.steps]
    assert answering.gone
    press(lab, "go", "yes")
    assert lab.live and "equal in all 6 steps" in says(lab)


def test_the_process_gets_the_program(child: Program, tmp_path: Path) -> None:
    """As a case of a file: what the command line takes."""
    copy = tmp_path / "copy"
    child.does("import shutil, sys; shutil.copy(sys.argv[1], {copy!r}); sys.exit(9)", copy=str(copy))
    scenario = labs.side_by_side().recording.scenario
    with pytest.raises(LiveUnavailable, match="exit code 9"):
        finish(apart.run_here(scenario))
    assert json.loads(copy.read_text()) == scenario.to_json()


def test_the_command_is_that_of_the_command_line() -> None:
    """This Python, this package; the learner was asked, so nobody is asked again."""
    assert apart.command("x.json")[:3] == [sys.executable, "-m", "hugelab"]
    done = subprocess.run([*apart.command("nowhere.json")], capture_output=True, text=True)
    assert done.returncode == 2
    assert "nowhere.json" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("last", "code", "says_"),
    [
        ("hugelab: others use the pool of 2M: end <them> first", 2, "others use the pool of 2M: end <them> first"),
        ("hugelab: stopped", 130, "stopped"),
        ("", 3, "hugelab: first"),
    ],
)
def test_the_process_complains(child: Program, last: str, code: int, says_: str) -> None:
    """Its last line is the reason, as one line in the lab."""
    child.does(COMPLAINS, says=last, exit=code)
    expected = says_.removeprefix("hugelab: ")
    with pytest.raises(LiveUnavailable) as refused:
        finish(apart.run_here(labs.side_by_side().recording.scenario))
    assert str(refused.value) == expected
    assert child.gone
    lab = built()
    press(lab, "go", "yes")
    assert f"No result from this kernel: {expected.replace('<', '&lt;').replace('>', '&gt;')}." in says(lab)
    assert buttons(lab) == WAITS
    check(lab)


@pytest.mark.parametrize(
    ("code", "says_"),
    [
        ("import sys; sys.exit(4)", "exit code 4"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "code -9"),
    ],
)
def test_the_process_ends_without_a_word(child: Program, code: str, says_: str) -> None:
    """Then its exit code is the reason."""
    child.does(code)
    with pytest.raises(LiveUnavailable, match=says_):
        finish(apart.run_here(labs.side_by_side().recording.scenario))


def test_an_answer_that_is_none_is_a_fault(child: Program) -> None:
    """It ended well and said something else: our bug, not the machine's."""
    child.does("print('fine')")
    lab = built()
    press(lab, "go")
    with pytest.raises(ValueError):
        lab._pressed("yes")
    assert lab.message["kind"] == "fault"
    assert child.gone and buttons(lab) == WAITS


def test_what_the_process_says_is_shown(child: Program) -> None:
    """The last line, while it runs: what it waits for."""
    child.does(
        "import sys, time\nfor text in ('hugelab: waiting', '', 'now it runs'):\n"
        "    print(text, file=sys.stderr, flush=True); time.sleep(0.2)\nsys.exit(2)"
    )
    said = []
    with pytest.raises(LiveUnavailable, match="now it runs"):
        for progress in apart.run_here(labs.side_by_side().recording.scenario):
            said.append(progress.text)
    assert list(dict.fromkeys(said))[-2:] == ["waiting ...", "now it runs ..."]
    assert said[0] == "Running on this kernel ..."


@pytest.mark.parametrize("ignored", [False, True], ids=["", "a kernel that ignores SIGINT"])
def test_a_stopped_process_puts_everything_back(child: Program, ignored: bool) -> None:
    """Closing the run tells the process, and waits until it has ended; its folder is gone only then."""
    child.hangs()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if ignored else None
    try:
        work = running(child)
    finally:
        if ignored:
            signal.signal(signal.SIGINT, before)
    assert Path(child.files[-1]).exists() and not child.mark.exists()
    work.close()
    assert child.mark.read_text() == str(Path(child.files[-1]).parent)
    assert child.gone
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_cancel_stops_the_process(child: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way, from the button to the process."""
    monkeypatch.setattr(jobs, "AT_ONCE", 0.01)
    child.hangs()

    async def main() -> None:
        lab = built()
        press(lab, "go", "yes")
        while busy(lab) != {"text": "others use the pool; waiting ...", "part": None}:
            await asyncio.sleep(0.01)
        send(lab, cancel=True)
        assert child.mark.exists() and child.gone
        assert says(lab).startswith("Cancelled; the pool is as it was.")

    asyncio.run(asyncio.wait_for(main(), 20))


def test_an_interrupt_stops_the_process(child: Program) -> None:
    """Where no event loop runs: the interrupt comes while the process is waited for."""
    child.hangs()
    lab = built()
    press(lab, "go")
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt() -> None:
        while not Path(f"{child.mark}.pid").exists():
            time.sleep(0.01)
        time.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    other = threading.Thread(target=interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            other.start()
            press(lab, "yes")
            time.sleep(10)
    finally:
        other.join()
        signal.signal(signal.SIGINT, handler)
    assert child.mark.exists() and child.gone
    assert says(lab).startswith("Interrupted; ")


def test_a_process_that_does_not_end(child: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for so long and no longer; then it is a fault, and the page does not go on waiting."""
    monkeypatch.setattr(apart, "PATIENCE", 0.2)
    child.hangs("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('hugelab: deaf', file=sys.stderr, flush=True)")
    work = apart.run_here(labs.side_by_side().recording.scenario)
    assert any(progress.text == "deaf ..." for progress in work)
    with pytest.raises(subprocess.TimeoutExpired):
        work.close()
    assert child.gone


# -- the kernel of this machine ----------------------------------------------------------------------
@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "can")
@pytest.mark.parametrize("values", [{}, {"pool": 4, "kind": "shared file, MAP_NORESERVE", "pages": 6, "touched": 6}])
def test_live(pool_alone: None, values: dict[str, Any]) -> None:
    """The real two clicks, as root: what this kernel answered stands in the table, beside the same model."""
    lab = built(**values)
    press(lab, "go")
    assert "This changes the huge page pools of this machine while it runs" in says(lab)
    press(lab, "yes")
    assert "Ran on this kernel" in says(lab), says(lab)
    assert lab.live and lab.kernel.source == "live"
    if apart.other_version():
        return
    check(lab)
    again = recorded.answer(**lab.values)
    assert again is not None and compare(lab.kernel, again) is None
