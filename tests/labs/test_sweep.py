"""Every control of every lab over its whole range: no error, and every view shows the model's numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hugelab import Recording, labs
from hugelab.labs.controls import Choice, Slider
from hugelab.labs.lab import BrokenRule, Lab
from hugelab.labs.panel import RUN_ME
from hugelab.labs.shortage import LIMITS, OLDER, answers
from hugelab.record.source import record_slowly
from tests.conftest import fully
from tests.labs.views import check_code, check_views, check_window, go, send, shown

NAMES = list(labs.ALL)


def built(name: str, **values: Any) -> Lab:
    """A lab that is shown."""
    lab: Lab = labs.ALL[name](**values)
    lab.build()
    return lab


# -- controls ----------------------------------------------------------------------------------------
@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_every_control_over_its_range(name: str) -> None:
    """Each control alone, over all its values, from the lab's first values on, moved from the browser and from Python
    in turn. No value is refused, and nothing else on the page moves: there is room for every setting from the first.
    In `make test` it is every third value, and the last.
    """
    lab = shown(name)
    check_views(lab)
    room = dict(lab.explorer.head["heights"])
    for key, control in lab.controls.items():
        first = control.value
        values = list(control.values())
        for number, value in enumerate(values if fully() else [*values[::3], values[-1]]):
            run, old = lab.explorer.head["run"], control.value
            if number % 2:
                control.value = value
            else:
                lab.explorer.values = {**lab.values, key: value}
            assert lab.values[key] == value
            assert lab.explorer.head["run"] == run + (value != old), "made once"
            assert lab.explorer.head["heights"] == room, (key, value)
            check_views(lab)
        control.value = first
    assert len({json.dumps(lab.controls[key].spec(key)) for key in lab.controls}) == len(lab.controls)


@pytest.mark.parametrize("name", NAMES)
def test_corners(name: str) -> None:
    """All sliders at their lowest, with every choice, then at their highest (whose choices made the room)."""
    lab = shown(name)
    sliders = [control for control in lab.controls.values() if isinstance(control, Slider)]
    choices = [control for control in lab.controls.values() if isinstance(control, Choice)]
    for end in (0, -1):
        for slider in sliders:
            slider.value = slider.values()[end]
        check_views(lab)
        for choice in choices if end == 0 else []:
            first = choice.value
            for option in choice.options:
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
        window = lab.explorer.window
        frame = window["frames"][position - window["first"]]
        assert frame[0][0] == lab.event == lab.film.timeline.events[0][position]
        assert frame[0][6][2] == str(lab.recording.counters(lab.event).free)
    check_window(lab)


@pytest.mark.parametrize("name", NAMES)
def test_a_lab_starts_inside_the_step_in_focus(name: str) -> None:
    """Before anybody moved anything; the same place without a widget."""
    lab: Lab = labs.ALL[name]()
    unseen = lab.event
    lab.build()
    assert lab.event == unseen
    assert lab.explorer.position == lab._start()
    step = lab.recording.steps[lab.recording.step_of(unseen)]
    if name != "compare":
        assert step.op.op == lab.focus(**lab.values)
        assert step.first < unseen < step.last


PLACES = ["boot", "the start of a step", "inside a step", "the last event in the kernel", "the return"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("browser", [False, True], ids=["from Python", "from the browser"])
def test_the_place_is_kept_when_a_control_moves(place: str, browser: bool) -> None:
    """Who looks at the end of munmap still looks at it with more pages, and with none."""
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
    few = 3 if place in ("inside a step", "the last event in the kernel") else 0  # munmap of nothing has only its ends
    for pages in (9, few, 5):
        if browser:
            lab.explorer.values = {**lab.values, "pages": pages}
        else:
            lab.controls["pages"].value = pages
        assert lab.event == at(lab.recording.steps[3])
        check_views(lab)


def test_the_place_of_the_lab_is_left_to_the_lab() -> None:
    """Who has not moved the timeline sees the end of the step in focus, however many events come before."""
    lab = built("holders")
    for end in labs.ENDS:
        lab.controls["end"].value = end
        assert lab.explorer.position == lab._start()
        assert lab.recording.steps[lab.recording.step_of(lab.event)].op.op == labs.ENDS[end][0]


def test_a_step_that_is_gone_leads_to_the_start() -> None:
    """The seventh step of a program that has only six now."""
    lab = built("holders", end="munmap, close, unlink")
    go(lab, len(lab.film.timeline) - 1)
    lab.controls["end"].value = "exit, then unlink"
    assert lab.explorer.position == lab._start()
    check_views(lab)


# -- from the browser --------------------------------------------------------------------------------


def wrong() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"pages": 17, "pool": 10}, "pages: 0 to 16, not 17"
    yield {"pages": -1, "pool": 10}, "pages: 0 to 16, not -1"
    yield {"pages": "5", "pool": 10}, "pages: 0 to 16, not &#x27;5&#x27;"
    yield {"pages": 5.5, "pool": 10}, "pages: 0 to 16, not 5.5"
    yield {"pages": True, "pool": 10}, "pages: 0 to 16, not True"
    yield {"pages": [5], "pool": 10}, "pages: 0 to 16, not [5]"
    yield {"pages": 4}, "pool: 0 to 16, not None"
    yield {}, "pages: 0 to 16, not None"
    yield {"pages": 4, "pool": 10, "<b>": 1}, "there is no control &lt;b&gt;"


@pytest.mark.parametrize(("values", "says"), list(wrong()), ids=[says for _, says in wrong()])
def test_wrong_values_are_one_line_and_change_nothing(values: dict[str, Any], says: str) -> None:
    """Out of range, of another kind, missing, unknown: the controls and what is shown stay."""
    lab = built("start")
    head, window, recording = lab.explorer.head, lab.explorer.window, lab.recording
    lab.explorer.values = values
    assert lab.explorer.message == {"html": says, "kind": "refused"}
    assert lab.values == {"pages": 5, "pool": 10}
    assert lab.recording is recording
    assert lab.explorer.head is head and lab.explorer.window is window
    lab.explorer.values = {"pages": 6, "pool": 10}
    check_views(lab)


def test_a_wrong_choice_is_refused() -> None:
    """The line names what there is."""
    lab = built("open_file")
    lab.explorer.values = {**lab.values, "again": "again"}
    assert lab.explorer.message["kind"] == "refused"
    assert "then file1 again: one of create, open an existing file" in lab.explorer.message["html"]
    assert lab.values["again"] == "open an existing file"


@pytest.mark.parametrize("position", [0, 300, 742, 10**6, -5])
def test_frames_that_are_wanted_come(position: int) -> None:
    """Around the position that was asked for, or the nearest one; the position itself is the browser's."""
    lab = built("explore")
    shown = lab.explorer.position
    send(lab, want=position)
    window = lab.explorer.window
    nearest = min(max(position, 0), len(lab.film.timeline) - 1)
    assert window["first"] <= nearest < window["first"] + len(window["frames"])
    assert lab.explorer.position == shown
    lab.explorer.position = nearest
    check_window(lab)


def test_a_question_about_what_was_shown_before_is_ignored() -> None:
    """It crossed with a control that moved."""
    lab = built("start")
    old = lab.explorer.head["run"]
    lab.controls["pages"].value = 6
    window, message = lab.explorer.window, lab.explorer.message
    for stale in ({"want": 0, "run": old}, {"follow": [0, "2M:A", 5], "run": old}, {"want": 0}):
        lab._told_of(None, stale, [])
        assert lab.explorer.window is window and lab.explorer.message is message


def test_following_a_page_moves_the_timeline() -> None:
    """To where it is touched, with the frames around it."""
    lab = built("explore")
    go(lab, 742)
    send(lab, follow=[0, "2M:A", 742])
    found = lab.explorer.position
    assert found < 742
    frame = lab.explorer.window["frames"][found - lab.explorer.window["first"]][0]
    assert "2M:A" in frame[8]
    check_window(lab)


def test_following_what_nothing_touches_says_so() -> None:
    """And nothing moves."""
    lab = built("start")
    position, window = lab.explorer.position, lab.explorer.window
    send(lab, follow=[0, "2M:ZZZ", position])
    assert lab.explorer.message == {"html": "Nothing happens to it in the events around this one.", "kind": ""}
    assert (lab.explorer.position, lab.explorer.window) == (position, window)


def test_following_on_the_other_side() -> None:
    """Of two recordings, where that side touched it."""
    lab = shown("compare")
    lab.controls["left_kind"].value = "private file"
    end = len(lab.film.timeline) - 1
    send(lab, follow=[0, "fn:add_to_page_cache", end])
    assert "Nothing happens" in lab.explorer.message["html"]
    send(lab, follow=[1, "fn:add_to_page_cache", end])
    right = lab.recordings[1].event(lab.film.timeline.events[1][lab.explorer.position])
    assert right.name == "add_to_page_cache"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"follow": [7, "2M:A", 3]}, IndexError),
        ({"follow": "2M"}, ValueError),
        ({"want": "everything"}, ValueError),
        ({"hello": 1}, KeyError),
        ({"action": "go"}, LookupError),
    ],
    ids=str,
)
def test_messages_that_nobody_sends_are_faults(message: dict[str, Any], error: type[Exception]) -> None:
    """Not swallowed: one line on the page, and raised; the lab goes on."""
    lab = built("start")
    with pytest.raises(error):
        send(lab, **message)
    assert lab.explorer.message["kind"] == "fault"
    assert f"This lab has a fault: {error.__name__}" in lab.explorer.message["html"]
    lab.controls["pages"].value = 6
    check_views(lab)


def test_cancel_without_work_leaves_everything() -> None:
    """The work was done before the message came."""
    lab = built("start")
    before = lab.values, lab.explorer.head, lab.explorer.window
    send(lab, cancel=True)
    assert lab.explorer.message["html"] == "Cancelled; what is shown is as it was."
    assert before == (lab.values, lab.explorer.head, lab.explorer.window)


# -- refusals and faults -----------------------------------------------------------------------------
@pytest.mark.parametrize("browser", [False, True], ids=["from Python", "from the browser"])
def test_refused_input_is_one_line_and_changes_nothing(browser: bool) -> None:
    """A pool that the machine cannot hold: one line in the lab, the recording and the pictures stay."""
    lab = built("layout")
    pool = lab.controls["pool"]
    assert isinstance(pool, Slider)
    pool.stops = range(10_001)
    before, head, window = lab.recording, lab.explorer.head, lab.explorer.window

    def move(value: int) -> None:
        if browser:
            lab.explorer.values = {**lab.values, "pool": value}
        else:
            pool.value = value

    move(5_000)
    assert "more than the lesson machine holds" in lab.explorer.message["html"]
    assert "\n" not in lab.explorer.message["html"] and "<" not in lab.explorer.message["html"]
    assert lab.explorer.message["kind"] == "refused"
    assert lab.recording is before
    assert lab.explorer.head is head and lab.explorer.window is window
    send(lab, cancel=True)
    assert lab.values == lab.shown == lab.explorer.values
    move(9)
    check_views(lab)


def test_a_fault_in_a_lab_is_shown_and_raised() -> None:
    """An error in an observer is not swallowed: the learner reads one line, and a test goes red."""
    lab = built("start")

    def broken(**values: Any) -> Any:
        raise ZeroDivisionError("a <bug>")

    lab._program = broken
    with pytest.raises(ZeroDivisionError):
        lab.controls["pages"].value = 3
    says = "This lab has a fault: ZeroDivisionError: a &lt;bug&gt;"
    assert lab.explorer.message == {"html": says, "kind": "fault"}
    with pytest.raises(ZeroDivisionError):
        lab.explorer.values = {**lab.values, "pages": 4}
    assert lab.explorer.busy == {}


def test_a_fault_in_a_picture_is_shown_and_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the recording is made, and drawing it fails."""
    lab = built("start")

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("hugelab.draw.film.layout", broken)
    with pytest.raises(ZeroDivisionError):
        lab.controls["pages"].value = 3
    assert lab.explorer.message["kind"] == "fault"


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

    monkeypatch.setattr("hugelab.labs.lab.record_slowly", doctored)
    with pytest.raises(BrokenRule):
        lab.controls["pages"].value = 3
    assert "This lab has a fault: BrokenRule: the model broke one of its rules: event" in lab.explorer.message["html"]
    assert "more pages are reserved than are free" in lab.explorer.message["html"]
    assert lab.recording is before
    with pytest.raises(BrokenRule, match="more pages are reserved"):
        labs.start()


# -- what is saved and sent --------------------------------------------------------------------------
def test_shows_picture_first_then_the_live_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a saved notebook keeps: a PNG with words, then the sentence that says how to bring the lab alive."""
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("hugelab.labs.panel.display", lambda bundle, raw: shown.append(bundle))
    lab = labs.holders()
    lab._ipython_display_()
    picture, live = shown
    assert picture["image/png"].startswith("iVBOR")
    assert "page cache 5" in picture["text/plain"]
    assert live["text/plain"] == RUN_ME
    assert "application/vnd.jupyter.widget-view+json" in live
    explorer = lab.explorer
    lab._ipython_display_()
    assert lab.explorer is explorer, "shown twice, it is one lab"


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


def test_a_lab_without_a_widget_follows_its_controls() -> None:
    """In any Python: a control that moves makes a new recording."""
    lab = labs.start()
    lab.controls["pages"].value = 7
    assert lab.recording.steps[1].op.get("pages") == 7
    assert lab.explorer is None


@pytest.mark.parametrize("pages", [64, 4096, 1_048_576])
def test_what_is_sent_of_a_long_run_is_small(pages: int) -> None:
    """A million faults: a window below 400 KB wherever it is, a head below 60 KB, all of it JSON."""
    lab = built("explore", pages=pages, pool=pages, touched=pages)
    assert len(lab.recording) > 10 * pages
    assert len(json.dumps(lab.explorer.head, allow_nan=False)) < 60_000
    for part in range(11):
        go(lab, (len(lab.film.timeline) - 1) * part // 10)
        assert len(json.dumps(lab.explorer.window, allow_nan=False)) < 400_000
        check_window(lab)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_sent_is_json(name: str) -> None:
    """Nothing is lost on the way to the browser: no NaN, no tuple that comes back as a list."""
    lab = shown(name)
    for trait in ("controls", "values", "head", "window", "message", "busy", "actions"):
        value = getattr(lab.explorer, trait)
        assert json.loads(json.dumps(value, allow_nan=False)) == value, trait


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
