"""The side by side lab: every control over its range, the two clicks of a live run, and every way it is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from hugelab import Recording, labs, run
from hugelab.labs import live_run, recorded
from hugelab.labs.holders import program
from hugelab.labs.side_by_side import SideBySide
from hugelab.live.errors import LiveUnavailable
from hugelab.recording import compare
from tests.labs.dom import MODEL, read, side
from tests.labs.test_recorded import WHY_NOT
from tests.labs.test_sweep import values_of
from tests.live.alone import pool_alone

PLAN = "This changes the <pool> of this machine:\n  2M: 0 pages now"

__all__ = ["pool_alone"]


def built(**values: Any) -> SideBySide:
    lab = labs.side_by_side(**values)
    lab._build()
    return lab


def check(lab: SideBySide) -> None:
    """The table shows the model's numbers and the kernel's, and the verdict is that of the two recordings."""
    caption, rows = read(lab.sheet.value)
    model = run(program(**lab.values), MODEL)
    assert [row[0] for row in rows] == [str(step.op) for step in model.steps]
    assert [row[1:6] for row in rows] == side(model)
    assert [row[6:11] for row in rows] == side(lab.kernel)
    assert compare(model, lab.kernel) is None
    assert [row[11] for row in rows] == ["equal"] * len(rows)
    assert caption == f"Equal in all {len(rows)} steps."


@pytest.fixture
def possible(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine that can run programs, says PLAN, and answers as the model does; the list names what it ran."""
    ran: list[str] = []

    def answer(scenario: Any, say: Any) -> Recording:
        ran.append(str(scenario.steps[1]))
        say("process 7 has borrowed the huge page pool; waiting up to 10 s")
        return replace(run(scenario, MODEL), source="live")

    monkeypatch.setattr(live_run, "obstacle", lambda: "")
    monkeypatch.setattr(live_run, "plan", lambda: PLAN)
    monkeypatch.setattr(live_run, "version", lambda: "6.18.1")
    monkeypatch.setattr(live_run, "other_version", lambda: "")
    monkeypatch.setattr(live_run, "run_here", answer)
    return ran


# -- the table ---------------------------------------------------------------------------------------
def test_every_control_over_its_range() -> None:
    """Each control alone, from end to end: the table is the model's and the recorded kernel's."""
    lab = built()
    check(lab)
    for key, control in lab.controls.items():
        first = control.value
        for value in values_of(control):
            control.value = value
            check(lab)
            assert not lab.live
        control.value = first
        assert key in lab.values


def test_corners() -> None:
    """Both sliders at either end, with every mapping, end and pool."""
    lab = built()
    for pages in (0, recorded.MOST_PAGES):
        for touched in (0, recorded.MOST_PAGES):
            lab.controls["pages"].value, lab.controls["touched"].value = pages, touched
            for kind in lab.controls["kind"].options:
                for end in lab.controls["end"].options:
                    for pool in lab.controls["pool"].options:
                        lab.controls["kind"].value, lab.controls["end"].value = kind, end
                        lab.controls["pool"].value = pool
                        check(lab)


def test_ends_are_those_of_the_other_lab() -> None:
    """One list of ends for both labs of the notebook."""
    assert labs.side_by_side().controls["end"].options == labs.holders().controls["end"].options


def test_only_what_was_recorded_is_offered() -> None:
    """First values outside the controls' ranges are refused with the range."""
    for values in ({"pages": 7}, {"touched": -1}, {"pool": 5}, {"kind": "memfd"}, {"end": "reboot"}):
        with pytest.raises(ValueError, match=r"to 6|one of"):
            labs.side_by_side(**values)


def test_a_difference_is_shown(possible: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that answers otherwise: the row, the caption and the status say where and what."""

    def other(scenario: Any, say: Any) -> Recording:
        steps = list(run(scenario, MODEL).steps)
        steps[3] = replace(steps[3], outcome="EINVAL")
        return replace(run(scenario, MODEL), source="live", steps=steps)

    monkeypatch.setattr(live_run, "run_here", other)
    lab = built()
    lab.go.click()
    lab.yes.click()
    caption, rows = read(lab.sheet.value)
    says = "outcome is ok in the model, EINVAL in the kernel"
    assert rows[3][11] == "first difference: outcome"
    assert caption == f"The first difference is at step 4: {says}."
    assert says in lab.status.value
    assert lab.difference is not None and lab.difference.step == 3


# -- static first ------------------------------------------------------------------------------------
def test_shows_picture_first_then_the_live_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a saved notebook keeps: a PNG with the table as words, then the sentence about the controls."""
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("hugelab.labs.lab.display", lambda bundle, raw: shown.append(bundle))
    lab = labs.side_by_side()
    lab._ipython_display_()
    picture, live = shown
    assert picture["image/png"].startswith("iVBOR")
    assert f"kernel: recorded on Linux {recorded.kernel()}" in picture["text/plain"]
    assert "10     5     0     0     equal" in picture["text/plain"]
    assert live["text/plain"].startswith("Run this cell (Shift+Enter) for the live lab")
    assert "this machine's kernel" in live["text/plain"]
    box = lab.box
    lab._build()
    assert lab.box is box


@pytest.mark.parametrize("why", ["", "the kernel of this machine has no huge page pools"])
def test_what_is_saved_is_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    """Whether a live run is possible is said in the live lab alone."""
    monkeypatch.setattr(live_run, "obstacle", lambda: why)
    lab = built()
    assert repr(lab) == repr(labs.side_by_side())
    assert f"recorded on Linux {recorded.kernel()}" in lab.status.value
    assert ("It cannot run here" in lab.status.value) == bool(why)
    assert why in lab.status.value


# -- two clicks --------------------------------------------------------------------------------------
def test_first_click_says_what_it_would_change(possible: list[str]) -> None:
    """The plan, escaped, and the question; nothing runs, and the run button waits."""
    lab = built()
    assert lab.question.layout.display == "none"
    lab.go.click()
    assert "This changes the &lt;pool&gt; of this machine" in lab.status.value
    assert lab.question.layout.display == ""
    assert lab.go.disabled
    assert possible == []


def test_no_changes_nothing(possible: list[str]) -> None:
    """No: nothing ran, the column is as it was; a late Yes does nothing."""
    lab = built()
    lab.go.click()
    lab.no.click()
    lab.yes.click()
    assert possible == []
    assert "nothing was changed" in lab.status.value
    assert lab.question.layout.display == "none"
    assert not lab.go.disabled
    check(lab)


def test_yes_runs_it_once(possible: list[str]) -> None:
    """Yes: the program of the controls ran, once, and the column is this kernel's until a control moves."""
    said: list[str] = []
    lab = built(pages=3)
    lab.status.observe(lambda change: said.append(change.new), "value")
    lab.go.click()
    lab.yes.click()
    lab.yes.click()
    assert possible == ["mmap map=ptr fd=f pages=3 flags=MAP_SHARED"]
    assert "Running on this kernel ..." in said
    assert any("process 7 has borrowed" in text for text in said)
    assert "Ran on this kernel, Linux 6.18.1: " in lab.status.value
    assert "equal in all 6 steps" in lab.status.value
    assert lab.live
    assert "Linux 6.18.1, this kernel" in lab.sheet.value
    check(lab)
    lab.controls["pages"].value = 4
    assert not lab.live
    assert f"recorded on Linux {recorded.kernel()}" in lab.sheet.value
    check(lab)


def test_a_control_that_moves_withdraws_the_question(possible: list[str]) -> None:
    """The question was about another program."""
    lab = built()
    lab.go.click()
    lab.controls["touched"].value = 1
    assert lab.question.layout.display == "none"
    lab.yes.click()
    assert possible == []


def test_another_version_is_said(possible: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that the model does not follow: a difference may be the kernel's."""
    monkeypatch.setattr(live_run, "other_version", lambda: "the model follows Linux 6.18, this is 5.4.1")
    lab = built()
    lab.go.click()
    lab.yes.click()
    assert "the model follows Linux 6.18, this is 5.4.1" in lab.status.value


# -- refusals and faults -----------------------------------------------------------------------------
def refusals() -> list[Exception]:
    from hugelab.scenario import ScenarioError

    return [
        LiveUnavailable("changing the huge page pool needs root: sudo -i, then start it again"),
        LiveUnavailable("others use the pool of 2M: 3 in use and 0 reserved; process 7 (db) has them; end them first"),
        ScenarioError("a pool of 10 pages: this machine can give 3 of 2M now"),
    ]


@pytest.mark.parametrize("error", refusals(), ids=["not root", "others", "no memory"])
def test_refused_at_the_second_click(possible: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """One line with what would allow it; the recorded column stays, and it can be tried again."""

    def refuse(scenario: Any, say: Any) -> Recording:
        raise error

    monkeypatch.setattr(live_run, "run_here", refuse)
    lab = built()
    lab.go.click()
    lab.yes.click()
    assert f"No result from this kernel:</b> {error}" in lab.status.value
    assert f"stays as recorded on Linux {recorded.kernel()}" in lab.status.value
    assert "\n" not in lab.status.value and "Traceback" not in lab.status.value
    assert not lab.live and not lab.go.disabled and not lab.yes.disabled
    check(lab)


@pytest.mark.skipif(sys.platform != "linux", reason="the pool is Linux")
def test_pool_error_of_the_pool_itself(possible: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The real way through live_run: borrow raises PoolError, the learner reads its line."""
    from hugelab.live import pool

    def refuse(*_: Any, **__: Any) -> Any:
        raise pool.PoolError("process 7 (sleep) has borrowed the huge page pool; wait for its end, or: kill 7")

    monkeypatch.undo()
    monkeypatch.setattr(live_run, "obstacle", lambda: "")
    monkeypatch.setattr(pool, "borrow", refuse)
    monkeypatch.setattr(pool, "as_found", refuse)
    lab = built()
    lab.go.click()
    lab.yes.click()
    assert "process 7 (sleep) has borrowed the huge page pool; wait for its end, or: kill 7" in lab.status.value


@pytest.mark.skipif(sys.platform != "linux", reason="the pool is Linux")
def test_plan_of_root_and_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root reads what changes; who is not root reads that nothing does."""
    from hugelab.live import pool

    monkeypatch.setattr(live_run, "obstacle", lambda: "")
    monkeypatch.setattr(pool, "describe", lambda: PLAN)
    monkeypatch.setattr(pool, "need_root", lambda: None)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert live_run.plan() == PLAN

    def missing() -> None:
        raise pool.PoolError("/sys is read-only here, also for root: start the container with --privileged")

    monkeypatch.setattr(pool, "need_root", missing)
    lab = built()
    lab.go.click()
    assert "start the container with --privileged" in lab.status.value
    assert lab.question.layout.display == "none"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "the huge page pool stays as it is" in live_run.plan()


def test_not_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """On another system: said at once, at the first click no question, and no live module is needed."""
    monkeypatch.setattr("sys.platform", "darwin")
    lab = built()
    assert "that needs Linux" in lab.status.value
    lab.go.click()
    assert "No result from this kernel:</b> that needs Linux" in lab.status.value
    assert lab.question.layout.display == "none"
    with pytest.raises(LiveUnavailable, match="needs Linux"):
        live_run.run_here(lab.recording.scenario, print)
    check(lab)


def test_no_huge_pages_and_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without pools; a processor that the live runner has no code for."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(live_run, "pools", dict)
    assert live_run.obstacle() == "the kernel of this machine has no huge page pools"
    monkeypatch.setattr(live_run, "pools", lambda: {1 << 21: {}})
    monkeypatch.setattr(
        "hugelab.live.access.unavailable", lambda: "needs x86-64, this is s390x: --on model runs anywhere"
    )
    assert live_run.obstacle() == "needs x86-64, this is s390x"


def test_a_fault_is_shown_and_raised(possible: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the live run or in the model: one line for the learner, and it is raised, too."""

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(live_run, "run_here", broken)
    lab = built()
    lab.go.click()
    with pytest.raises(ZeroDivisionError):
        lab._clicked_yes(lab.yes)
    assert "This lab has a fault: ZeroDivisionError: a bug" in lab.status.value
    assert not lab.go.disabled and lab.question.layout.display == "none"
    monkeypatch.setattr(sys.modules["hugelab.labs.side_by_side"], "run", broken)
    with pytest.raises(ZeroDivisionError):
        lab.controls["pages"].value = 2
    assert "This lab has a fault: ZeroDivisionError: a bug" in lab.status.value


def test_interrupted(possible: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The notebook's Interrupt button during a run: said, and the buttons work again."""

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(live_run, "run_here", interrupted)
    lab = built()
    lab.go.click()
    with pytest.raises(KeyboardInterrupt):
        lab._clicked_yes(lab.yes)
    assert "Interrupted" in lab.status.value
    assert not lab.go.disabled


def test_labs_load_no_live_module() -> None:
    """Importing the labs and showing this one needs nothing that only Linux has."""
    code = (
        "import sys; sys.modules.update({'fcntl': None, 'hugelab.live.pool': None, 'hugelab.live.kernel': None}); "
        "from hugelab import labs; lab = labs.side_by_side(); sys.platform = 'win32'; lab._build(); "
        "print(lab.status.value)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "that needs Linux" in done.stdout


# -- the kernel of this machine ----------------------------------------------------------------------
@pytest.mark.xdist_group("pool")
@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "can")
@pytest.mark.parametrize("values", [{}, {"pool": 4, "kind": "shared file, MAP_NORESERVE", "pages": 6, "touched": 6}])
def test_live(pool_alone: None, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]) -> None:
    """The real two clicks, as root: what this kernel answered stands in the table, beside the same model."""
    monkeypatch.setattr(live_run, "PATIENCE", 600.0)
    lab = built(**values)
    lab.go.click()
    assert "This changes the huge page pools of this machine while it runs" in lab.status.value
    lab.yes.click()
    assert "Ran on this kernel" in lab.status.value, lab.status.value
    assert lab.live and lab.kernel.source == "live"
    if live_run.other_version():
        return
    check(lab)
    again = recorded.answer(**lab.values)
    assert again is not None and compare(lab.kernel, again) is None
