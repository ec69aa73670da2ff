"""A lab of any function: its arguments become controls, its defaults the first values."""

from __future__ import annotations

from functools import partial
from typing import Any

import ipywidgets
import pytest

from hugelab import MACHINES, Scenario, ScenarioError, labs, run
from hugelab.linux.machines import LESSON, X86_64
from tests.labs.views import browse, check_code, check_figure, check_views, displayed, offered, send

KINDS = {"private": "MAP_PRIVATE", "shared": "MAP_SHARED"}


def touched(pages: int = 3, pool: int = 10, kind: str = "private", again: bool = False) -> Scenario:
    """Map and touch, perhaps twice."""
    scenario = Scenario("mine", nr=pool)
    for name in "AB"[: 1 + again]:
        scenario = scenario.mmap(map=name, pages=pages, flags=[KINDS[kind], "MAP_ANONYMOUS"]).touch(
            map=name, page=0, count=pages
        )
    return scenario


# -- controls ----------------------------------------------------------------------------------------
def test_every_way_to_give_a_control() -> None:
    """A range, names, something to tick, and what is not named: its default is the first value of each."""
    lab = displayed(labs.lab(touched, pages=(0, 16), kind=list(KINDS), again=True))
    assert lab.values == {"pages": 3, "pool": 10, "kind": "private", "again": True}
    assert list(lab.controls) == ["pages", "pool", "kind", "again"], "in the order of the arguments"
    assert offered(lab.pages) == range(17) and offered(lab.kind) == tuple(KINDS)
    assert isinstance(lab.again, ipywidgets.Checkbox) and isinstance(lab.pool, ipywidgets.IntSlider)
    assert lab.title == "touched"
    check_views(lab)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ((0, 16), 3),
        ((0, 16, 3), 3),
        ([1, 3, 5], 3),
        ({"few": 3, "many": 9}, 3),
        ([("few", 3), ("many", 9)], 3),
        (4, 4),
        (partial(ipywidgets.BoundedIntText, 5, 0, 9), 5),
        (partial(ipywidgets.IntSlider, 6, 0, 9), 6),
    ],
    ids=["range", "steps", "list", "dict", "pairs", "number", "field", "slider"],
)
def test_a_number(given: Any, value: int) -> None:
    """Any of these; a number, and a widget, bring their own first value."""
    lab = labs.lab(touched, pages=given() if callable(given) else given)
    assert lab.values["pages"] == value
    assert lab.recording.to_json() == run(touched(value), X86_64).to_json()


def test_defaults_are_first_values() -> None:
    """Each of its kind, without a word about them."""
    lab = labs.lab(touched)
    assert lab.values == {"pages": 3, "pool": 10, "kind": "private", "again": False}
    assert lab.recording.to_json() == run(touched(), X86_64).to_json()
    assert labs.lab(touched, kind=list(reversed(KINDS))).values["kind"] == "private"


def test_values_that_move_run_the_program_anew() -> None:
    """With what was chosen, from the browser and from Python; Reset brings the defaults back."""
    lab = displayed(labs.lab(touched, pages=(0, 16), pool=(0, 12), kind=list(KINDS)))
    values: dict[str, Any] = {"pages": 7, "pool": 12, "kind": "shared", "again": True}
    for number, name in enumerate(values):
        if number % 2:
            lab.controls[name].value = values[name]
        else:
            browse(lab.controls[name], values[name])
        assert lab.recording.to_json() == run(touched(**lab.values), X86_64).to_json()
        check_views(lab)
    assert lab.values == values
    check_figure(lab)
    check_code(lab)
    send(lab, reset=True)
    assert lab.recording.to_json() == run(touched(), X86_64).to_json()
    check_views(lab)


def test_an_argument_of_any_name() -> None:
    """A function that takes any has a control for each that is given."""

    def some(first: int = 2, **others: Any) -> Scenario:
        return touched(first + others["second"])

    lab = labs.lab(some, second=(0, 4))
    assert list(lab.controls) == ["first", "second"]
    lab.second.value = 4
    assert lab.recording.to_json() == run(touched(6), X86_64).to_json()


def test_a_widget_is_shared_and_stays_open() -> None:
    """With another lab, or for two arguments of one."""
    other = labs.start()
    lab = labs.lab(touched, pages=other.pages)
    other.pages.value = 7
    assert lab.values["pages"] == 7 and lab.recording.steps[0].op.get("pages") == 7
    lab.close()
    assert other.pages.comm is not None
    own = ipywidgets.IntSlider(4, 0, 9)
    lab = labs.lab(touched, pages=own, pool=own)
    own.value = 6
    assert lab.values["pages"] == lab.values["pool"] == 6 and lab.recording.scenario.nr == 6
    lab.close()
    assert own.comm is not None
    own.close()


# -- where it runs -----------------------------------------------------------------------------------
def test_the_machine() -> None:
    """The newest kernel, or any that is given, before and after a move."""
    assert labs.lab(touched).recording.machine == X86_64
    for machine in (LESSON, MACHINES["numa"]):
        lab = labs.lab(touched, on=machine, pages=(0, 16))
        lab.pages.value = 5
        assert lab.recording.machine == machine
        assert lab.recording.to_json() == run(touched(5), machine).to_json()


@pytest.mark.parametrize(
    ("program", "title"),
    [(touched, "touched"), (lambda pages=3: touched(pages), "lambda"), (partial(touched, pool=4), "program")],
    ids=["function", "lambda", "partial"],
)
def test_titles(program: Any, title: str) -> None:
    """The name of the function, where it has one; the sentence begins with it."""
    lab = labs.lab(program)
    assert lab.title == title and repr(lab).startswith(f"{title}. Event ")


# -- refused -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "wrong", [[], {}, (), (1,), (5, 1), ..., None, ipywidgets.fixed(3)], ids=lambda one: repr(one)[:20]
)
def test_what_cannot_be_a_control(wrong: Any) -> None:
    """ValueError with the name of the argument."""
    with pytest.raises(ValueError, match=r"^pages: "):
        labs.lab(touched, pages=wrong)


def test_a_widget_without_a_value() -> None:
    """Said in words, not by an attribute that is missing."""
    with pytest.raises(ValueError, match=r"^pages: a Button has no value$"):
        labs.lab(touched, pages=ipywidgets.Button())


def test_arguments_that_do_not_fit() -> None:
    """One that the function does not have; one that it needs; one that a lab has something else for."""
    with pytest.raises(ValueError, match=r"^touched has no argument page, size$"):
        labs.lab(touched, page=(0, 16), size=3)

    def needs(pages: int) -> Scenario:
        return touched(pages)

    with pytest.raises(TypeError, match=r"^needs needs pages: give it a control, such as pages=\(0, 16\)$"):
        labs.lab(needs)
    assert labs.lab(needs, pages=(0, 16)).values == {"pages": 8}
    for name in ("layout", "title"):
        with pytest.raises(ValueError, match=f"^a control cannot be called {name}: "):
            labs.lab(lambda **values: touched(), **{name: (0, 3)})


def test_what_is_no_program() -> None:
    """Something else than a Scenario; a Scenario without a step; what the model refuses."""
    with pytest.raises(TypeError, match=r"^lambda has to return a Scenario, not int$"):
        labs.lab(lambda pages=3: pages)  # type: ignore[arg-type,return-value]
    with pytest.raises(ScenarioError, match=r"^empty: a program without a step has nothing to show$"):
        labs.lab(lambda pages=3: Scenario("empty"))
    with pytest.raises(ScenarioError, match="step 1"):
        labs.lab(lambda pages=3: Scenario("wrong").touch(map="nobody"))


def test_a_value_with_which_there_is_no_program() -> None:
    """One line in the lab, and what was shown stays; what is no program at all is a fault, and is raised."""

    def own(pages: int = 3) -> Any:
        if pages == 9:
            raise ScenarioError("no <nine>")
        return Scenario("empty") if pages == 0 else 5 if pages == 8 else touched(pages)

    lab = displayed(labs.lab(own, pages=(0, 16)))
    before = lab.recording
    for pages, says in ((9, "no &lt;nine&gt;"), (0, "empty: a program without a step has nothing to show")):
        lab.pages.value = pages
        assert lab.message == {"html": says, "kind": "refused"} and lab.recording is before
    with pytest.raises(TypeError, match="own has to return a Scenario, not int"):
        lab.pages.value = 8
    assert lab.message["kind"] == "fault" and lab.recording is before
    lab.pages.value = 4
    check_views(lab)
