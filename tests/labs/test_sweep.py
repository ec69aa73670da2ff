"""Every control of every lab over its whole range: no error, and every view shows the model's numbers."""

from __future__ import annotations

import time
from typing import Any

import pytest

from hugelab import Recording, ScenarioError, labs, run
from hugelab.draw import figures
from hugelab.draw.film import film
from hugelab.labs.lab import RUN_ME, BrokenRule, Lab, sound


def values_of(control: Any) -> list[Any]:
    """Every value a control can take."""
    return list(control.options) if hasattr(control, "options") else list(range(control.min, control.max + 1))


def check_views(lab: Lab) -> None:
    """Player, plot and status agree with the lab's recording."""
    frames, recording = lab.player.film["frames"], lab.recording
    assert 0 <= lab.player.position < len(frames)
    assert lab.figure.layout.title.text == figures.caption(recording, lab.event)
    expected = figures.series(recording)
    assert list(lab.figure.data[0].x) == expected.events
    for trace, column in zip(lab.figure.data, expected.columns().values(), strict=True):
        assert list(trace.y) == column
    for step in recording.steps:
        assert step.outcome in lab.status.value
    pictures = lab.player.film["pictures"]
    assert all(0 <= number < len(pictures) for frame in frames for number in frame[1:4])
    assert all(-1 <= frame[4] < len(lab.player.film["log"]) for frame in frames)


@pytest.mark.parametrize("name", labs.ALL)
def test_every_control_over_its_range(name: str) -> None:
    """Each control alone, from end to end, starting from the lab's first values."""
    lab = labs.ALL[name]()
    lab._build()
    check_views(lab)
    for key, control in lab.controls.items():
        first = control.value
        for value in values_of(control):
            control.value = value
            assert lab.values[key] == value
            check_views(lab)
        control.value = first


@pytest.mark.parametrize("name", labs.ALL)
def test_corners(name: str) -> None:
    """All sliders at their lowest, then at their highest, with every choice."""
    lab = labs.ALL[name]()
    lab._build()
    sliders = [control for control in lab.controls.values() if hasattr(control, "min")]
    choices = [control for control in lab.controls.values() if hasattr(control, "options")]
    for end in ("min", "max"):
        for slider in sliders:
            slider.value = getattr(slider, end)
        for choice in choices:
            for option in choice.options:
                choice.value = option
                check_views(lab)


@pytest.mark.parametrize("name", labs.ALL)
def test_timeline_forwards_and_back(name: str) -> None:
    """At every frame, in both directions, the plot's marker and numbers are the recording's."""
    lab = labs.ALL[name]()
    lab._build()
    frames = lab.player.film["frames"]
    for position in [*range(len(frames)), *reversed(range(len(frames)))]:
        lab.player.position = position
        assert lab.event == frames[position][0]
        assert lab.figure.layout.title.text == figures.caption(lab.recording, lab.event)
        assert lab.figure.layout.shapes[0].x0 == lab.event
        assert figures.caption(lab.recording, lab.event).capitalize() in frames[position][5]


def test_theme_switch_changes_colours_alone() -> None:
    """Dark and back: the numbers stay, the colours are the first ones again."""
    lab = labs.promise()
    lab._build()
    light = lab.figure.data[0].line.color
    lab.player.dark = True
    assert lab.figure.data[0].line.color != light
    check_views(lab)
    lab.player.dark = False
    assert lab.figure.data[0].line.color == light


def test_refused_input_is_one_line_and_changes_nothing() -> None:
    """A pool that the machine cannot hold: one line in the lab, the recording and the pictures stay."""
    lab = labs.layout()
    lab._build()
    before, reel = lab.recording, lab.player.film
    lab.controls["pool"].max = 10_000
    lab.controls["pool"].value = 5_000
    assert "more than the lesson machine holds" in lab.status.value
    assert "<br" not in lab.status.value
    assert lab.recording is before
    assert lab.player.film is reel
    lab.controls["pool"].value = 10
    check_views(lab)


def test_a_fault_in_a_lab_is_shown_and_raised() -> None:
    """An error in an observer is not swallowed: the learner reads one line, and a test goes red."""
    lab = labs.start()
    lab._build()

    def broken(**values: Any) -> Any:
        raise ZeroDivisionError("a bug")

    lab._program = broken
    with pytest.raises(ZeroDivisionError):
        lab.controls["pages"].value = 3
    assert "This lab has a fault: ZeroDivisionError: a bug" in lab.status.value


def test_a_broken_rule_is_shown_and_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that cannot be: the model's fault, one line for the learner, raised; what was shown stays."""
    lab = labs.start()
    lab._build()
    before = lab.recording

    def doctored(*arguments: Any) -> Recording:
        recording = run(*arguments)
        for h in recording.state.pools:
            h.resv_huge_pages = h.free_huge_pages + 1
        recording.state.finish()
        return recording

    monkeypatch.setattr("hugelab.labs.lab.run", doctored)
    with pytest.raises(BrokenRule):
        lab.controls["pages"].value = 3
    assert "This lab has a fault: BrokenRule: the model broke one of its rules: event" in lab.status.value
    assert "more pages are promised than are free" in lab.status.value
    assert lab.recording is before
    with pytest.raises(BrokenRule, match="more pages are promised"):
        labs.start()


def test_rules_cost_little() -> None:
    """They are asked after every run of every lab: below 5 ms for the largest program of each."""
    for make in labs.ALL.values():
        lab = make()
        for control in lab.controls.values():
            if hasattr(control, "max"):
                control.value = control.max
        recording = lab._run()
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            sound(recording)
            times.append(1000 * (time.perf_counter() - begin))
        assert min(times) < 5, f"{lab.title}: {min(times):.1f} ms"


def test_shows_picture_first_then_the_live_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a saved notebook keeps: a PNG with words, then the sentence that says how to bring the lab alive."""
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("hugelab.labs.lab.display", lambda bundle, raw: shown.append(bundle))
    labs.holders()._ipython_display_()
    picture, live = shown
    assert picture["image/png"].startswith("iVBOR")
    assert "5 pages in its page cache" in picture["text/plain"]
    assert live["text/plain"] == RUN_ME
    assert "application/vnd.jupyter.widget-view+json" in live


def test_sentence_of_a_lab_has_no_address_of_an_object() -> None:
    """The text of a lab is the same in every run, so that nbval can compare it."""
    for make in labs.ALL.values():
        assert repr(make()) == repr(make())
        assert " at 0x" not in repr(make())


def test_film_of_a_long_run_stays_short() -> None:
    """A million faults: the frames are those of the first units and the last one."""
    from hugelab import X86_64, lesson, run

    recording: Recording = run(lesson(1_000_000, 1_000_000), X86_64)
    reel = film(recording)
    assert reel["events"] == len(recording) > 10_000_000
    assert len(reel["frames"]) < 500
    assert reel["frames"][-1][0] == len(recording) - 1


def test_prediction_answers_every_choice() -> None:
    """Each option of a question gives a verdict; one that the model does not give is refused at once."""
    question = labs.predict("How many?", [10, 5], 5, "because")
    question.choice.value = "5"
    assert "Yes" in question.feedback.value
    question.choice.value = "10"
    assert "the model gives 5" in question.feedback.value
    question.choice.value = None
    assert question.feedback.value == ""
    with pytest.raises(ValueError, match="not among"):
        labs.predict("How many?", [10, 4], 5, "because")


def test_doctor_lists_every_finding() -> None:
    """The doctor's table has a row for each finding, and its saved text names no machine."""
    doctor = labs.doctor()
    for finding in doctor.findings:
        assert finding.name in doctor.table.value
    assert "machine allows" in repr(doctor)


def test_scenario_error_is_the_only_refusal() -> None:
    """No value of any control makes a lab raise ScenarioError: the controls offer only what can be run."""
    for make in labs.ALL.values():
        lab = make()
        for key, control in lab.controls.items():
            for value in values_of(control):
                try:
                    lab._program(**{**lab.values, key: value})
                except ScenarioError as error:
                    pytest.fail(f"{lab.title}: {key} = {value}: {error}")
