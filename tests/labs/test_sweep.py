"""Every control of every lab over its whole range: no error, and every view shows the model's numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import ipywidgets
import pytest
from traitlets import TraitError

from hugelab import Recording, labs
from hugelab.course.shortage import LIMITS, OLDER, answers
from hugelab.labs.widget.film_lab import BrokenRule, FilmLab
from hugelab.labs.widget.lab import RUN_ME
from hugelab.record.source import record_slowly
from tests.conftest import fully
from tests.labs.views import (
    browse,
    busy,
    check_code,
    check_figure,
    check_views,
    check_window,
    displayed,
    go,
    offered,
    send,
    shown,
)

NAMES = list(labs.ALL)


def built(name: str, **values: Any) -> FilmLab:
    """A lab that is shown."""
    lab: FilmLab = displayed(labs.ALL[name](**values))
    return lab


def sample(values: Sequence[Any]) -> Sequence[Any]:
    """All of a control's values; in `make test` every third value, and the last."""
    return values if fully() else [*values[::3], values[-1]]


# -- controls ----------------------------------------------------------------------------------------
@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_every_control_over_its_range(name: str) -> None:
    """Each control alone, over all its values, from the lab's first values on, moved from the browser and from Python
    in turn. No value is refused, and each is made once.
    """
    lab = shown(name)
    check_views(lab)
    for key, control in lab.controls.items():
        first = control.value
        for number, value in enumerate(sample(offered(control))):
            run, old = lab.head["run"], control.value
            if number % 2:
                control.value = value
            else:
                browse(control, value)
            assert lab.values[key] == value
            assert lab.head["run"] == run + (value != old), "made once"
            check_views(lab)
            check_figure(lab)
        control.value = first
    specs = [(one.description, one.tooltip, str(offered(one))) for one in lab.controls.values()]
    assert len(set(specs)) == len(specs)


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_every_control_of_a_lab_that_is_never_displayed(name: str) -> None:
    """Recording, plot and words follow the controls in any Python; nothing is put into the widget for it."""
    lab: FilmLab = labs.ALL[name]()
    for key, control in lab.controls.items():
        first = control.value
        for value in sample(offered(control))[:: 1 if fully() else 2]:
            before = lab.recording
            moved = control.value != value
            control.value = value
            assert lab.shown == lab.values and lab.values[key] == value
            assert (lab.recording is not before) == moved
            check_figure(lab)
            assert lab.film.timeline.recordings == tuple(lab.recordings)
        control.value = first
    assert lab.head == {} and lab.window == {} and lab.progress is None
    assert repr(lab) == repr(labs.ALL[name]())


@pytest.mark.parametrize("name", NAMES)
def test_corners(name: str) -> None:
    """All sliders at their lowest, with every choice, then at their highest."""
    lab = shown(name)
    kinds = (ipywidgets.IntSlider, ipywidgets.SelectionSlider)
    sliders = [control for control in lab.controls.values() if isinstance(control, kinds)]
    choices = [control for control in lab.controls.values() if not isinstance(control, kinds)]
    for end in (0, -1):
        for slider in sliders:
            slider.value = offered(slider)[end]
        check_views(lab)
        for choice in choices if end == 0 else []:
            first = choice.value
            for option in offered(choice):
                choice.value = option
                check_views(lab)
            choice.value = first
    check_code(lab)


# -- the timeline ------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_timeline_forwards_and_back(name: str) -> None:
    """At every position, in both directions, there is a frame, and it is that of the lab's event."""
    lab = shown(name)
    length = len(lab.film.timeline)
    for position in [*range(length), *reversed(range(length))]:
        go(lab, position)
        window = lab.window
        frame = window["frames"][position - window["first"]]
        assert frame[0][0] == lab.event == lab.film.timeline.events[0][position]
        assert frame[0][6][2] == str(lab.recording.counters(lab.event).free)
    check_window(lab)


@pytest.mark.parametrize("name", NAMES)
def test_a_lab_starts_inside_the_step_in_focus(name: str) -> None:
    """Before anybody moved anything; the same place without a widget. Where a step is refused, it starts there."""
    lab: FilmLab = labs.ALL[name]()
    unseen = lab.event
    displayed(lab)
    assert lab.event == unseen
    assert lab.position == lab._start()
    if name == "compare":
        return
    step = lab.recording.steps[lab.recording.step_of(unseen)]
    if refused := lab.film.refusals[0]:
        assert (step.index, lab.position) == (refused.step, refused.position)
        assert name == "on_kernel" or refused.text in repr(lab)
        return
    assert step.op.op == lab.focus(**lab.values)
    assert step.first < unseen < step.last


def test_a_timeline_starts_where_a_step_is_refused() -> None:
    """Whatever is in focus; and it goes there, wherever the learner stood, when a control makes it so."""
    lab = built("start", pages=12)
    step = lab.recording.steps[lab.recording.step_of(lab.event)]
    assert step.op.op == "mmap" and step.outcome == "ENOMEM"
    assert "rule" in lab.recording.event(lab.event).detail
    assert repr(lab).splitlines()[1].startswith("mmap refused: ENOMEM. ")
    lab.pages.value = 5
    assert lab.recording.steps[lab.recording.step_of(lab.event)].op.op == "touch"
    go(lab, lab.recording.steps[3].last)
    lab.pages.value = 13
    assert lab.position == lab._start()
    check_views(lab)


PLACES = ["boot", "the start of a step", "inside a step", "the last event in the kernel", "the return"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("browser", [False, True], ids=["from Python", "from the browser"])
def test_the_place_is_kept_when_a_control_moves(place: str, browser: bool) -> None:
    """Who looks at the end of munmap still looks at it with more pages, and with fewer."""
    lab = built("start")

    def at(step: Any) -> int:
        return {
            "boot": 0,
            "the start of a step": step.first,
            "inside a step": step.first + 3,
            "the last event in the kernel": step.last - 1,
            "the return": step.last,
        }[place]

    go(lab, at(lab.recording.steps[3]))
    for pages in (9, 1, 5):
        if browser:
            lab.pages.set_state({"value": pages})
        else:
            lab.pages.value = pages
        assert lab.event == at(lab.recording.steps[3])
        check_views(lab)


def test_the_place_of_the_lab_is_left_to_the_lab() -> None:
    """Who has not moved the timeline sees the end of the step in focus, however many events come before."""
    lab = built("holders")
    for end in labs.ENDS:
        lab.end.value = end
        assert lab.position == lab._start()
        assert lab.recording.steps[lab.recording.step_of(lab.event)].op.op == labs.ENDS[end][0]


def test_a_step_that_is_gone_leads_to_the_start() -> None:
    """The seventh step of a program that has only six now."""
    lab = built("holders", end="munmap, close, unlink")
    go(lab, len(lab.film.timeline) - 1)
    lab.end.value = "exit, then unlink"
    assert lab.position == lab._start()
    check_views(lab)


# -- from the browser --------------------------------------------------------------------------------
@pytest.mark.parametrize("value", ["five", [5], None, {"a": 1}], ids=str)
def test_wrong_values_change_nothing(value: Any) -> None:
    """Of another kind than the control's: what is shown stays, and the next value is taken."""
    lab = built("start")
    head, window, recording = lab.head, lab.window, lab.recording
    for attempt in (lambda: lab.pages.set_state({"value": value}), lambda: setattr(lab.pages, "value", value)):
        with pytest.raises(TraitError):
            attempt()
    assert lab.values == {"pages": 5, "pool": 10}
    assert lab.recording is recording and lab.head is head and lab.window is window
    lab.pages.set_state({"value": 6})
    check_views(lab)


@pytest.mark.parametrize(("value", "least_or_most"), [(17, 16), (-1, 0), (10**9, 16)])
def test_values_out_of_range_are_the_nearest_ones(value: int, least_or_most: int) -> None:
    """Also from the browser, whose inputs do not send any."""
    lab = built("start")
    lab.pages.value = value
    assert lab.values == lab.shown == {"pages": least_or_most, "pool": 10}
    check_views(lab)
    lab.pages.value = 5
    lab.pages.set_state({"value": value})
    assert lab.values == lab.shown == {"pages": least_or_most, "pool": 10}
    check_views(lab)


def test_a_wrong_choice_is_refused() -> None:
    """A name that is not offered, and a number of the browser's that has none."""
    lab = built("open_file")
    head = lab.head
    for attempt in (lambda: setattr(lab.again, "value", "again"), lambda: lab.again.set_state({"index": 99})):
        with pytest.raises(TraitError):
            attempt()
    assert lab.values == lab.shown and lab.head is head
    assert lab.values["again"] == "open an existing file"
    check_views(lab)


@pytest.mark.parametrize("position", [0, 300, 742, 10**6, -5])
def test_frames_that_are_wanted_come(position: int) -> None:
    """Around the position that was asked for, or the nearest one; the position itself is the browser's."""
    lab = built("explore")
    shown = lab.position
    send(lab, want=position)
    window = lab.window
    nearest = min(max(position, 0), len(lab.film.timeline) - 1)
    assert window["first"] <= nearest < window["first"] + len(window["frames"])
    assert lab.position == shown
    lab.position = nearest
    check_window(lab)


def test_a_question_about_what_was_shown_before_is_ignored() -> None:
    """It crossed with a control that moved."""
    lab = built("start")
    old = lab.head["run"]
    lab.pages.value = 6
    window, message = lab.window, lab.message
    for stale in ({"want": 0, "run": old}, {"follow": [0, "2M:A", 5], "run": old}, {"want": 0}):
        lab._handle_custom_msg(stale, [])
        assert lab.window is window and lab.message is message


def test_following_a_page_moves_the_timeline() -> None:
    """To where it is touched, with the frames around it."""
    lab = built("explore")
    go(lab, 742)
    send(lab, follow=[0, "2M:A", 742])
    found = lab.position
    assert found < 742
    frame = lab.window["frames"][found - lab.window["first"]][0]
    assert "2M:A" in frame[8]
    check_window(lab)


def test_following_what_nothing_touches_says_so() -> None:
    """And nothing moves."""
    lab = built("start")
    position, window = lab.position, lab.window
    send(lab, follow=[0, "2M:ZZZ", position])
    assert lab.message == {"html": "Nothing happens to it in the events around this one.", "kind": ""}
    assert (lab.position, lab.window) == (position, window)


def test_following_on_the_other_side() -> None:
    """Of two recordings, where that side touched it."""
    lab = shown("compare")
    lab.left_kind.value = "private file"
    end = len(lab.film.timeline) - 1
    send(lab, follow=[0, "fn:add_to_page_cache", end])
    assert "Nothing happens" in lab.message["html"]
    send(lab, follow=[1, "fn:add_to_page_cache", end])
    right = lab.recordings[1].event(lab.film.timeline.events[1][lab.position])
    assert right.name == "add_to_page_cache"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"follow": [7, "2M:A", 3]}, IndexError),
        ({"follow": "2M"}, ValueError),
        ({"want": "everything"}, ValueError),
        ({"hello": 1}, KeyError),
    ],
    ids=str,
)
def test_messages_that_nobody_sends_are_faults(message: dict[str, Any], error: type[Exception]) -> None:
    """Not swallowed: one line on the page, and raised; the lab goes on."""
    lab = built("start")
    with pytest.raises(error):
        send(lab, **message)
    assert lab.message["kind"] == "fault"
    assert f"This lab has a fault: {error.__name__}" in lab.message["html"]
    lab.pages.value = 6
    check_views(lab)


def test_cancel_without_work_leaves_everything() -> None:
    """The work was done before the message came."""
    lab = built("start")
    before = lab.values, lab.head, lab.window
    send(lab, cancel=True)
    assert lab.message["html"] == "Cancelled; what is shown is as it was."
    assert before == (lab.values, lab.head, lab.window)


# -- refusals and faults -----------------------------------------------------------------------------
@pytest.mark.parametrize("browser", [False, True], ids=["from Python", "from the browser"])
def test_refused_input_is_one_line_and_changes_nothing(browser: bool) -> None:
    """A pool that the machine cannot hold: one line in the lab, the recording and the pictures stay."""
    lab = built("layout")
    lab.pool.max = 10_000
    before, head, window = lab.recording, lab.head, lab.window

    def move(value: int) -> None:
        if browser:
            lab.pool.set_state({"value": value})
        else:
            lab.pool.value = value

    move(5_000)
    assert "more than the lesson machine holds" in lab.message["html"]
    assert "\n" not in lab.message["html"] and "<" not in lab.message["html"]
    assert lab.message["kind"] == "refused"
    assert lab.recording is before
    assert lab.head is head and lab.window is window
    send(lab, cancel=True)
    assert lab.values == lab.shown == lab.head["values"]
    move(9)
    check_views(lab)


def test_a_fault_in_a_lab_is_shown_and_raised() -> None:
    """An error in an observer is not swallowed: the learner reads one line, and a test goes red."""
    lab = built("start")

    def broken(**values: Any) -> Any:
        raise ZeroDivisionError("a <bug>")

    lab._program = broken
    with pytest.raises(ZeroDivisionError):
        lab.pages.value = 3
    says = "This lab has a fault: ZeroDivisionError: a &lt;bug&gt;"
    assert lab.message == {"html": says, "kind": "fault"}
    with pytest.raises(ZeroDivisionError):
        lab.pages.set_state({"value": 4})
    assert busy(lab) == {}


def test_a_fault_in_a_picture_is_shown_and_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the recording is made, and drawing it fails."""
    lab = built("start")

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("hugelab.views.film.layout", broken)
    with pytest.raises(ZeroDivisionError):
        lab.pages.value = 3
    assert lab.message["kind"] == "fault"


def test_a_broken_rule_is_shown_and_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that cannot be: the model's fault, one line for the learner, raised; what was shown stays."""
    lab = built("start")
    before = lab.recording

    def doctored(*arguments: Any) -> Any:
        recording: Recording = yield from record_slowly(*arguments)
        for h in recording._state.pools:
            h.resv_huge_pages = h.free_huge_pages + 1
        recording._state.finish()
        return recording

    monkeypatch.setattr("hugelab.labs.widget.film_lab.record_slowly", doctored)
    with pytest.raises(BrokenRule):
        lab.pages.value = 3
    assert "This lab has a fault: BrokenRule: the model broke one of its rules: event" in lab.message["html"]
    assert "more pages are reserved than are free" in lab.message["html"]
    assert lab.recording is before
    with pytest.raises(BrokenRule, match="more pages are reserved"):
        labs.start()


# -- what is saved and sent --------------------------------------------------------------------------
def test_shows_words_first_then_the_live_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a saved notebook keeps: a sentence, then the one that says how to bring the lab alive."""
    displays: list[dict[str, Any]] = []
    monkeypatch.setattr("hugelab.labs.widget.lab.display", lambda bundle, raw: displays.append(bundle))
    lab = labs.holders()
    for _ in range(2):  # shown twice, it is one lab
        lab._ipython_display_()
        words, live = displays[-2:]
        assert words == {"text/plain": lab.words} and "in use 5, free 5, rsvd 0" in words["text/plain"]
        assert live["text/plain"] == RUN_ME
        assert live["application/vnd.jupyter.widget-view+json"]["model_id"] == lab.model_id
        check_views(lab)
    run = lab.head["run"]
    lab._ipython_display_()
    assert lab.head["run"] == run


def test_the_words_are_those_of_what_is_displayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a lab whose controls moved before: the live lab looks for its own words, to hide them."""
    displays: list[dict[str, Any]] = []
    monkeypatch.setattr("hugelab.labs.widget.lab.display", lambda bundle, raw: displays.append(bundle))
    for lab in (labs.start(), labs.entries()):
        first = next(iter(lab.controls.values()))
        first.value = offered(first)[-1]
        said = repr(lab)
        lab._ipython_display_()
        assert displays[-2] == {"text/plain": said} and lab.words == said


@pytest.mark.parametrize("name", NAMES)
def test_sentence_of_a_lab_has_no_address_of_an_object(name: str) -> None:
    """The text of a lab is the same in every run, so that nbval can compare it."""
    make = labs.ALL[name]
    assert repr(make()) == repr(make())
    assert " at 0x" not in repr(make())
    assert "\n\n" not in repr(make())


def test_names_before_a_renaming_go_on_working() -> None:
    """The lab of notebook 02 was called promise, and so was its module; so were limits and programs of notebook 07."""
    from hugelab.labs.promise import KINDS, mapped, promise

    for old, now in OLDER.items():
        if now in LIMITS:
            assert labs.shortage(old).values == labs.shortage(now).values
            assert all(one.reserved == one.promised for one in answers(old, 3, 5).values())
        else:
            assert labs.on_kernel("pressure", old).values == labs.on_kernel("pressure", now).values
    assert labs.promise is promise is labs.reservation and KINDS is labs.KINDS
    assert mapped("a", 5, 10, "shared file").nr == 10
    assert repr(labs.promise(7)) == repr(labs.reservation(7))


@pytest.mark.parametrize("pages", [64, 4096, 1_048_576])
def test_what_is_sent_of_a_long_run_is_small(pages: int) -> None:
    """A million faults: a window below 400 KB wherever it is, a head below 160 KB, all of it JSON."""
    lab = built("explore", pages=pages, pool=pages, touched=pages)
    assert len(lab.recording) > 10 * pages
    assert len(json.dumps(lab.head, allow_nan=False)) < 160_000
    for part in range(11):
        go(lab, (len(lab.film.timeline) - 1) * part // 10)
        assert len(json.dumps(lab.window, allow_nan=False)) < 400_000
        check_window(lab)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_sent_is_json(name: str) -> None:
    """Nothing is lost on the way to the browser: no NaN, no tuple that comes back as a list."""
    lab = shown(name)
    state = lab.get_state()
    for trait in [
        "controls",
        "buttons",
        "progress",
        "library",
        "head",
        "window",
        "position",
        "message",
        "tab",
        "words",
    ]:
        assert json.loads(json.dumps(state[trait], allow_nan=False)) == state[trait], trait


# -- the other two -----------------------------------------------------------------------------------
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
