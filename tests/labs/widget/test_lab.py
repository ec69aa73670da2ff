"""A lab as a widget of ipywidgets: what moves it, from where and in which thread, and what is left when it closes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances

from hugelab import Scenario, ScenarioError, labs, lesson
from hugelab.labs.widget import lab as module
from hugelab.labs.widget.film_lab import FilmLab
from hugelab.labs.widget.library import library
from tests.labs.views import busy, check_figure, check_views, displayed, send

BUNDLE = "application/vnd.jupyter.widget-view+json"


def built(**values: Any) -> FilmLab:
    return displayed(labs.start(**values))


def pages(lab: FilmLab) -> int:
    """How many pages the program that the lab has maps."""
    return int(lab.recording.steps[1].op.get("pages"))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], threading.Thread]]:
    """Of which values a recording was made, and in which thread."""
    found: list[tuple[dict[str, Any], threading.Thread]] = []
    work = FilmLab._work

    def noted(lab: FilmLab, values: dict[str, Any]) -> Any:
        found.append((values, threading.current_thread()))
        return (yield from work(lab, values))

    monkeypatch.setattr(FilmLab, "_work", noted)
    return found


# -- from Python -------------------------------------------------------------------------------------
@pytest.mark.parametrize("loop", [False, True], ids=["alone", "beside a loop"])
@pytest.mark.parametrize("seen", [False, True], ids=["never displayed", "displayed"])
def test_a_control_that_moves_has_made_everything_when_it_returns(slow: None, seen: bool, loop: bool) -> None:
    """However long it takes: recording, plot and what is shown."""
    lab = built() if seen else labs.start()

    def move() -> None:
        lab.pages.value = 7
        assert pages(lab) == 7 and lab.shown == lab.values == {"pages": 7, "pool": 10}
        check_figure(lab)
        if seen:
            check_views(lab)
        else:
            assert lab.head == {}

    async def main() -> None:
        move()

    if loop:
        asyncio.run(main())
    else:
        move()


def test_an_observer_sees_what_was_made() -> None:
    """It is told after the lab, once a move, wherever the move comes from."""
    lab, told = built(), []
    lab.pages.observe(lambda change: told.append((change["new"], pages(lab))), "value")
    lab.pages.value = 7
    lab.pages.set_state({"value": 8})
    lab.pages.value = 8
    assert told == [(7, 7), (8, 8)]
    heads: list[int] = []
    lab.observe(lambda change: heads.append(change["new"]["values"]["pages"]), "head")
    lab.pages.value = 9
    assert heads == [9]


def test_a_move_takes_the_place_of_one_that_still_works(slow: None) -> None:
    """The browser moved a control, and a cell moves it on: the work before is stopped, this one is done."""

    async def main() -> None:
        lab = built()
        lab.pages.set_state({"value": 9})
        before = lab._job
        assert before is not None and before.running and pages(lab) == 5
        lab.pages.value = 7
        assert not before.running and pages(lab) == 7
        check_views(lab)

    asyncio.run(main())


def test_names() -> None:
    """Controls and buttons are attributes; what is none says what there is."""
    lab = labs.side_by_side()
    assert lab.pages is lab.controls["pages"] and lab.go is lab.buttons["go"]
    assert {"pages", "touched", "pool", "kind", "end", "recording"} <= set(dir(lab))
    with pytest.raises(AttributeError) as refused:
        lab.page  # noqa: B018
    assert str(refused.value) == "SideBySide has no page; its controls: pages, touched, pool, kind, end"
    assert not hasattr(lab, "_nothing") and not hasattr(lab, "yes")


NAMES = ["layout", "log", "keys", "comm", "head", "controls", "values", "figure", "recording", "close", "position"]


@pytest.mark.parametrize("name", [*NAMES, "title", "film", "recordings", "shown", "focus"])
def test_a_control_that_would_hide_something(name: str) -> None:
    """One line with its name, also for what only this kind of lab has."""
    program = labs.start()._program
    with pytest.raises(ValueError, match=f"^a control cannot be called {name}: "):
        FilmLab("mine", {name: ipywidgets.IntSlider(3)}, lambda **values: program(3, 10))


# -- refused -----------------------------------------------------------------------------------------
def test_refused_values_are_said_and_what_was_shown_stays() -> None:
    """In a lab that is displayed; the next move is as any other."""
    lab = displayed(labs.layout())
    before, head = lab.recording, lab.head
    lab.pool.max = 10_000
    lab.pool.value = 5_000
    assert lab.message["kind"] == "refused" and "more than the lesson machine holds" in lab.message["html"]
    assert lab.recording is before and lab.head is head and lab.shown["pool"] == 10
    lab.pool.value = 9
    check_views(lab)


def test_refused_values_are_raised_in_a_lab_that_is_not_displayed() -> None:
    """Nobody would read a message; what it has made stays."""
    lab = labs.layout()
    before = lab.recording
    lab.pool.max = 10_000
    with pytest.raises(ScenarioError, match="more than the lesson machine holds"):
        lab.pool.value = 5_000
    assert lab.recording is before and lab.shown["pool"] == 10
    lab.pool.value = 9
    assert lab.recording is not before and lab.shown == lab.values


# -- from the browser --------------------------------------------------------------------------------
def test_reset_is_one_renewal(made: list[Any]) -> None:
    """All controls at once, as they were at first; and it can be taken again."""
    lab = built(pages=3, pool=8)
    lab.pages.value, lab.pool.value = 7, 12
    for _ in range(2):
        run, before = lab.head["run"], len(made)
        send(lab, reset=True)
        assert lab.values == {"pages": 3, "pool": 8}
        assert [values for values, _ in made[before:]] == [{"pages": 3, "pool": 8}]
        assert lab.head["run"] == run + 1
        check_views(lab)


def test_cancel_stops_the_work(slow: None) -> None:
    """The controls go back to what is shown."""

    async def main() -> None:
        lab = built()
        head = lab.head
        lab.pages.set_state({"value": 9})
        await asyncio.sleep(0.01)
        assert busy(lab)["text"].startswith("step ")
        send(lab, cancel=True)
        assert busy(lab) == {} and lab.values == lab.shown == {"pages": 5, "pool": 10}
        assert lab.message["html"] == "Cancelled; what is shown is as it was." and lab.head is head
        await asyncio.sleep(0.05)
        assert pages(lab) == 5

    asyncio.run(main())


def test_work_whose_part_is_not_known() -> None:
    """A bar without a value: ipywidgets has none, so it is -1, which the model must not make 0."""
    lab = labs.start()
    lab._progress(module.Progress("waiting", None))
    assert lab.progress.value == -1 and busy(lab) == {"text": "waiting", "part": None}
    lab._progress(module.Progress("working", 0.5))
    assert busy(lab) == {"text": "working", "part": 0.5}
    lab._progress(None)
    assert busy(lab) == {}


def test_the_kernel_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ping gets its pong, and changes nothing; also before anything is shown."""
    lab, sent = labs.start(), []
    monkeypatch.setattr(lab, "send", sent.append)
    lab._handle_custom_msg({"ping": 1}, [])
    assert sent == [{"pong": 1}] and lab.head == {}
    displayed(lab)
    head, window = lab.head, lab.window
    lab._handle_custom_msg({"ping": 2}, [])
    assert sent[1:] == [{"pong": 2}] and lab.head is head and lab.window is window


def test_a_listener_of_ipywidgets_hears_the_messages() -> None:
    """on_msg goes on working."""
    lab, heard = built(), []
    lab.on_msg(lambda widget, content, buffers: heard.append(content))
    send(lab, want=0)
    assert heard == [{"run": lab.head["run"], "want": 0}]


# -- in another thread -------------------------------------------------------------------------------
def elsewhere(action: Callable[[], Any]) -> None:
    """Have it done in another thread, as JupyterLab does with what a subshell gets."""
    thread = threading.Thread(target=action)
    thread.start()
    thread.join()


def test_another_thread_leaves_the_work_to_the_labs(made: list[Any]) -> None:
    """A control and a message of the browser: nothing is made until the lab's thread has its turn."""

    async def main() -> None:
        lab = built()
        before = len(made)
        elsewhere(lambda: lab.pages.set_state({"value": 7}))
        assert lab.values["pages"] == 7 and len(made) == before and pages(lab) == 5
        await asyncio.sleep(0)
        assert made[before:] == [({"pages": 7, "pool": 10}, threading.current_thread())]
        check_views(lab)
        window = lab.window
        data = {"method": "custom", "content": {"want": 0, "run": lab.head["run"]}}
        elsewhere(lambda: lab._handle_msg({"content": {"data": data}, "buffers": []}))
        assert lab.window is window
        await asyncio.sleep(0)
        assert lab.window["first"] == 0

    asyncio.run(main())


def test_what_comes_in_another_thread_can_still_be_stopped(slow: None) -> None:
    """It is the browser's: it goes on in slices, and does not keep the lab's thread."""

    async def main() -> None:
        lab = built()
        elsewhere(lambda: lab.pages.set_state({"value": 7}))
        await asyncio.sleep(0)
        assert lab._job is not None and lab._job.running and pages(lab) == 5
        send(lab, cancel=True)
        assert lab.values["pages"] == 5
        elsewhere(lambda: lab.pages.set_state({"value": 8}))
        await asyncio.sleep(0)
        while lab._job.running:
            await asyncio.sleep(0.001)
        assert pages(lab) == 8
        check_views(lab)

    asyncio.run(main())


def test_a_button_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pressed in the lab's."""
    from hugelab.live import apart

    threads: list[threading.Thread] = []

    def plan() -> str:
        threads.append(threading.current_thread())
        return "This changes nothing."

    monkeypatch.setattr(apart, "obstacle", lambda: "")
    monkeypatch.setattr(apart, "plan", plan)

    async def main() -> None:
        lab = displayed(labs.side_by_side())
        elsewhere(lab.go.click)
        assert threads == [] and list(lab.buttons) == ["go"]
        await asyncio.sleep(0)
        assert threads == [threading.current_thread()] and list(lab.buttons) == ["go", "yes", "no"]

    asyncio.run(main())


# -- several labs, and other widgets -----------------------------------------------------------------
def test_two_labs_share_a_control() -> None:
    """Both follow it; the last one closes it."""
    other = built()
    lab = displayed(labs.reservation(pages=other.pages))
    assert lab.pages is other.pages
    other.pages.value = 7
    assert pages(lab) == pages(other) == 7
    lab.pages.set_state({"value": 8})
    assert pages(lab) == pages(other) == 8
    for one in (lab, other):
        check_views(one)
    lab.close()
    lab.close()
    assert other.pages.comm is not None
    other.pages.value = 3
    assert (pages(lab), pages(other)) == (8, 3)
    check_views(other)
    other.close()
    assert other.pages.comm is None


def test_reset_of_a_shared_control_moves_the_other_lab() -> None:
    """It is one control."""
    other = built(pages=4)
    lab = displayed(labs.reservation(pages=other.pages))
    lab.pages.value = 9
    send(lab, reset=True)
    assert pages(lab) == pages(other) == 4
    for one in (lab, other):
        check_views(one)


def test_a_lab_that_cannot_be_made_leaves_a_shared_control() -> None:
    """It never had it."""
    other = built(pages=12)
    for _ in range(2):
        with pytest.raises(ScenarioError, match="no recorded run"):
            labs.side_by_side(pages=other.pages)
    other.pages.value = 3
    assert other.pages.comm is not None
    check_views(other)


def test_a_widget_of_your_own_stays_open() -> None:
    """The lab follows it, has its first value, and leaves it when it is closed; the same in two labs."""
    own = ipywidgets.BoundedIntText(4, 0, 16)
    lab, other = displayed(labs.start(pages=own)), labs.start(pages=own)
    assert pages(lab) == pages(other) == 4
    own.value = 6
    assert pages(lab) == pages(other) == 6
    for one in (lab, other):
        one.close()
        own.value += 1
        assert pages(one) == 6 + (one is other)
    assert own.comm is not None and own.layout.comm is not None
    own.close()


def test_in_a_box() -> None:
    """Boxes do not ask a lab for anything; the lab's script does, and gets what there is."""
    lab, other = labs.start(), labs.entries()
    box = ipywidgets.HBox([lab, other])
    assert BUNDLE in box._repr_mimebundle_()
    assert box.get_state("children") == {"children": [f"IPY_MODEL_{one.model_id}" for one in (lab, other)]}
    assert lab.head == {} and other.head == {}
    lab.pages.value = 7
    for one in (lab, other):
        one._handle_custom_msg({"want": 0}, [])
        assert one.head["values"] == one.values and one.window["run"] == one.head["run"]
    check_views(lab)
    run = lab.head["run"]
    lab._handle_custom_msg({"want": 0}, [])  # of a second view, which crossed with the answer
    assert lab.head["run"] == run
    box.close()


def test_the_page_finds_controls_buttons_and_library() -> None:
    """Each by the name of its model."""
    lab = displayed(labs.side_by_side())
    state = lab.get_state()
    assert state["controls"] == {name: f"anywidget:{one.model_id}" for name, one in lab.controls.items()}
    assert state["buttons"] == {"go": f"anywidget:{lab.go.model_id}"}
    assert state["library"] == f"anywidget:{library().model_id}" and state["progress"] is None
    assert lab._repr_mimebundle_()[0][BUNDLE]["model_id"] == lab.model_id


def test_linked_in_the_kernel() -> None:
    """ipywidgets.link: the control that follows makes its lab anew, also when the browser moved the first."""
    lab, other = built(), built(pages=3)
    link = ipywidgets.link((lab.pages, "value"), (other.pages, "value"))
    assert pages(other) == 5
    lab.pages.set_state({"value": 7})
    assert pages(lab) == pages(other) == 7
    other.pages.value = 8
    assert pages(lab) == pages(other) == 8
    for one in (lab, other):
        check_views(one)
    link.unlink()
    lab.pages.value = 2
    assert (pages(lab), pages(other)) == (2, 8)


def test_linked_in_the_browser() -> None:
    """ipywidgets.jslink: the two models are found; what the browser then sends of the second one is a move."""
    lab, other = built(), built(pages=3)
    link = ipywidgets.jslink((lab.pages, "value"), (other.pages, "value"))
    assert link.get_state(["source", "target"]) == {
        "source": [f"IPY_MODEL_{lab.pages.model_id}", "value"],
        "target": [f"IPY_MODEL_{other.pages.model_id}", "value"],
    }
    for one in (lab, other):
        one.pages.set_state({"value": 9})
        check_views(one)
    link.unlink()
    link.close()


# -- closed ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*labs.ALL, *labs.SHEETS])
def test_nothing_is_left_of_a_lab_that_is_closed(name: str) -> None:
    """Neither of its controls, buttons and progress, nor what ipywidgets made for them."""
    library()
    before = set(_instances)
    lab = displayed({**labs.ALL, **labs.SHEETS}[name]())
    lab._progress(module.Progress("working", 0.5))
    assert set(_instances) - before
    lab.close()
    assert {type(_instances[key]).__name__ for key in set(_instances) - before} == set()
    assert lab.comm is None and library().comm is not None
    lab.close()


def test_closed_while_it_asks() -> None:
    """All three buttons go."""
    library()
    before = set(_instances)
    lab = displayed(labs.side_by_side())
    lab._ask(True)
    lab.close()
    assert set(_instances) - before == set()


def test_a_closed_lab_does_not_follow(made: list[Any]) -> None:
    """What it has made can still be used."""
    lab = built()
    before = len(made)
    lab.close()
    lab.pages.value = 9
    assert len(made) == before and pages(lab) == 5
    assert "in use 5" in repr(lab)
    check_figure(lab)


def test_closing_stops_the_work(slow: None) -> None:
    """Nothing comes of it."""

    async def main() -> None:
        lab = built()
        lab.pages.set_state({"value": 9})
        job = lab._job
        assert job is not None and job.running
        lab.close()
        assert not job.running
        await asyncio.sleep(0.05)
        assert pages(lab) == 5

    asyncio.run(main())


# -- a cell that is run again ------------------------------------------------------------------------
class Shell:
    """IPython, at the execution ``run`` of the cell ``cell``."""

    cell: str | None = "cell 1"
    run = "run 1"

    def get_parent(self) -> dict[str, Any]:
        metadata = {} if self.cell is None else {"cellId": self.cell}
        return {"header": {"msg_id": self.run}, "metadata": metadata}


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    found = Shell()
    monkeypatch.setattr(module, "get_ipython", lambda: found)
    monkeypatch.setattr(module, "_cells", {})
    return found


def is_open(*several: Any) -> list[bool]:
    return [lab.comm is not None for lab in several]


def test_a_cell_that_is_run_again_closes_its_labs(shell: Shell) -> None:
    """All that it made, whichever kind comes now; those of the same execution stay, and those of other cells."""
    first, second = labs.start(), labs.entries()
    assert is_open(first, second) == [True, True]
    shell.cell, shell.run = "cell 2", "run 2"
    other = labs.start()
    assert is_open(first, second, other) == [True, True, True]
    shell.cell, shell.run = "cell 1", "run 3"
    third = labs.reach()
    assert is_open(first, second, third, other) == [False, False, True, True]
    fourth = labs.start()
    shell.run = "run 4"
    last = labs.start()
    assert is_open(third, fourth, last, other) == [False, False, True, True]
    assert first.pages.comm is None


def test_a_cell_that_shares_a_control_with_another(shell: Shell) -> None:
    """The control stays while a lab has it."""
    first = labs.start()
    shell.cell, shell.run = "cell 2", "run 2"
    other = displayed(labs.reservation(pages=first.pages))
    shell.cell, shell.run = "cell 1", "run 3"
    labs.start()
    assert is_open(first, other, other.pages) == [False, True, True]
    other.pages.value = 7
    check_views(other)
    shell.cell, shell.run = "cell 2", "run 4"
    labs.start()
    assert is_open(other, other.pages) == [False, False]


def test_a_lab_that_you_closed_is_not_closed_twice(shell: Shell) -> None:
    """Its cell can be run again."""
    first = labs.start()
    other = labs.reservation(pages=first.pages)
    first.close()
    shell.run = "run 2"
    labs.start()
    assert is_open(first, other, other.pages) == [False, False, False]


@pytest.mark.parametrize("none", ["no cell", "no parent", "no IPython"])
def test_without_cells_nothing_is_closed(shell: Shell, none: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A console, a terminal, a script."""
    shell.cell = None
    if none != "no cell":
        monkeypatch.setattr(module, "get_ipython", lambda: None if none == "no IPython" else object())
    first = labs.start()
    shell.run = "run 2"
    labs.start()
    assert is_open(first) == [True] and module._cells == {}


def test_a_refused_value_is_not_taken_for_what_is_shown() -> None:
    """What comes without a job of its own (a file, a live run) is made of the values of now."""

    def program(pages: int = 3) -> Scenario:
        if pages == 9:
            raise ScenarioError("nine are too many")
        return lesson(pages)

    lab = displayed(labs.lab(program, pages=(0, 16)))
    lab.pages.value = 9
    assert lab.message["kind"] == "refused" and lab.shown == {"pages": 3}
    lab._set({"pages": 4})
    lab._made(lab.recordings)
    assert lab.shown == lab.head["values"] == {"pages": 4}
