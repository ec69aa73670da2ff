"""Controls: what they offer, what they refuse and in which words, and who closes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ipywidgets.widgets.widget import _instances
from traitlets import TraitError

from hugelab.labs.widget import controls
from hugelab.labs.widget.controls import MOST_PAGES, buttons, choice, from_abbreviation, slider, stops
from tests.labs.views import browse, offered

ANYTHING = st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none(), st.lists(st.integers()))
STOPS = (0, 1, 2, 10, 1000)
MAKE: list[Callable[[Any], Any]] = [
    lambda value: slider("pages", value),
    lambda value: stops("pool", value, STOPS),
    lambda value: choice("kind", ("a", "b"), value),
    lambda value: buttons("end", ("a", "b"), value),
]
FIRST = [5, 10, "a", "b"]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """What a test makes is closed."""
    before = set(_instances)
    yield
    for key in set(_instances) - before:
        if key in _instances:
            _instances[key].close()


# -- first values ------------------------------------------------------------------------------------
@given(st.sampled_from(range(len(MAKE))), ANYTHING | st.sampled_from([0, 5, 10, 16, 17, "a", "b", "A", True]))
def test_a_first_value_is_offered_or_refused(which: int, value: Any) -> None:
    """Whatever is given: it is the control's; or ValueError, in one line that names the control."""
    values = offered(MAKE[which](FIRST[which]))
    if any(type(value) is type(one) and value == one for one in values):  # True is no number of pages
        assert MAKE[which](value).value == value
        return
    with pytest.raises(ValueError, match=f"^{('pages', 'pool', 'kind', 'end')[which]}: ") as refused:
        MAKE[which](value)
    assert "\n" not in str(refused.value).replace(repr(value), "")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: slider("pages", 17), "pages: 0 to 16, not 17"),
        (lambda: slider("pages", -1), "pages: 0 to 16, not -1"),
        (lambda: slider("pages", 3, least=4, most=8), "pages: 4 to 8, not 3"),
        (lambda: slider("pages", True), "pages: 0 to 16, not True"),
        (lambda: slider("pages", 5.0), "pages: 0 to 16, not 5.0"),
        (lambda: stops("pool", 7, STOPS), "pool: one of 0, 1, 2, 10, 1000, not 7"),
        (lambda: stops("pool", 1001, STOPS, also=True), "pool: one of 0, 1, 2, 10, 1000, not 1001"),
        (lambda: stops("pool", True, STOPS), "pool: one of 0, 1, 2, 10, 1000, not True"),
        (lambda: choice("mapping", ("x", "y"), "z"), "mapping: one of x, y, not 'z'"),
        (lambda: choice("mapping", ("x", "y"), None), "mapping: one of x, y, not None"),
        (lambda: buttons("mapping", ("x", "y"), "X"), "mapping: one of x, y, not 'X'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_first_value_that_is_not_offered(make: Any, says: str) -> None:
    """Refused when the control is made, with what it offers; and no widget is made."""
    before = set(_instances)
    with pytest.raises(ValueError) as refused:
        make()
    assert str(refused.value) == says
    assert set(_instances) == before


# -- what they offer ---------------------------------------------------------------------------------
def test_kinds_and_words() -> None:
    """A model of ipywidgets each, whose description and tooltip are what the page shows."""
    made = [
        slider("pages", 5, help="how many"),
        stops("pool", 10, STOPS, help="how many"),
        choice("kind", ("a", "b"), "b", help="how many"),
        buttons("end", ("a", "b"), "b", help="how many"),
    ]
    kinds = [ipywidgets.IntSlider, ipywidgets.SelectionSlider, ipywidgets.Dropdown, ipywidgets.ToggleButtons]
    assert [type(one) for one in made] == kinds
    assert [one.description for one in made] == ["pages", "pool", "kind", "end"]
    assert {one.tooltip for one in made} == {"how many"}
    assert [one.value for one in made] == [5, 10, "b", "b"]


def test_ranges_and_stops() -> None:
    """Whole numbers, all of them; stops grow, and have names."""
    assert list(offered(slider("pages", 5))) == list(range(MOST_PAGES + 1))
    assert list(offered(slider("pages", 5, least=4, most=6))) == [4, 5, 6]
    assert slider("pages", 5).step == 1
    one = stops("pool", 10, reversed(STOPS))
    assert offered(one) == STOPS and one.label == "10"
    assert [name for name, _ in one.options] == ["0", "1", "2", "10", "1,000"]
    assert stops("pool", 1, STOPS, name="{} pages".format).label == "1 pages"
    assert offered(stops("pool", 7, STOPS, also=True)) == (0, 1, 2, 7, 10, 1000)
    assert offered(stops("pool", 10, STOPS, also=True)) == STOPS


def test_later_values() -> None:
    """A slider takes the nearest one; a selection refuses what it does not have, and stays; both from the browser."""
    pages = slider("pages", 5)
    for wrong, nearest in ((17, 16), (-1, 0)):
        pages.value = wrong
        assert pages.value == nearest
        pages.value = 5
        pages.set_state({"value": wrong})
        assert pages.value == nearest
    for one, wrong in ((stops("pool", 10, STOPS), 7), (choice("kind", ("a", "b"), "a"), "c")):
        before = one.value
        with pytest.raises(TraitError):
            one.value = wrong
        with pytest.raises(TraitError):
            one.set_state({"index": 99})
        assert one.value == before


@pytest.mark.parametrize("which", range(len(MAKE)))
def test_a_move_is_told_once(which: int) -> None:
    """And the same value again is not: a browser that repeats itself costs nothing."""
    told: list[Any] = []
    one = MAKE[which](FIRST[which])
    one.observe(lambda change: told.append(change["new"]), "value")
    other = offered(one)[0] if offered(one)[0] != one.value else offered(one)[1]
    one.value = one.value
    browse(one, one.value)
    assert told == []
    browse(one, other)
    browse(one, other)
    one.value = other
    assert told == [other] and one.value == other


# -- abbreviations -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given_", "first", "kind", "value"),
    [
        ((0, 16), 3, ipywidgets.IntSlider, 3),
        ((0, 16, 2), 4, ipywidgets.IntSlider, 4),
        ((0.0, 1.0), 0.5, ipywidgets.FloatSlider, 0.5),
        (["a", "b"], "b", ipywidgets.Dropdown, "b"),
        ({"one": 1, "two": 2}, 2, ipywidgets.Dropdown, 2),
        ([("one", 1), ("two", 2)], 2, ipywidgets.Dropdown, 2),
        (True, True, ipywidgets.Checkbox, True),
        (3, 3, ipywidgets.IntSlider, 3),
        (0.5, 0.5, ipywidgets.FloatSlider, 0.5),
        ("text", "text", ipywidgets.Text, "text"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_abbreviations(given_: Any, first: Any, kind: type, value: Any) -> None:
    """As interact takes them; the name is what the page shows."""
    one = from_abbreviation("how_many", given_, first)
    assert type(one) is kind and one.value == value
    assert one.description == "how many"


def test_a_widget_is_the_control_itself() -> None:
    """In all of them; it keeps its own words and values."""
    own = ipywidgets.BoundedIntText(7, 0, 9, description="mine")
    for made in (
        slider("pages", own),
        stops("pages", own, STOPS),
        choice("pages", ("a",), own),
        buttons("pages", ("a",), own),
        from_abbreviation("pages", own),
    ):
        assert made is own
    assert own.description == "mine" and own.value == 7


@pytest.mark.parametrize("wrong", [[], (), {}, (1,), (1, 2, 3, 4), ("a", "b"), (5, 1), ..., None], ids=str)
def test_what_is_no_abbreviation(wrong: Any) -> None:
    """ValueError with the name, whatever ipywidgets says of it."""
    with pytest.raises(ValueError, match=r"^pages: "):
        from_abbreviation("pages", wrong)


# -- whose they are ----------------------------------------------------------------------------------
def test_the_last_lab_closes_a_control() -> None:
    """With its layout and its style; a widget that somebody else made is left alone."""
    before = set(_instances)
    one, own = slider("pages", 5), ipywidgets.IntSlider(5)
    for _ in range(2):
        controls.take(one)
        controls.take(own)
    controls.leave(one)
    controls.leave(own)
    assert one.comm is not None
    controls.leave(one)
    controls.leave(own)
    assert one.comm is None and own.comm is not None
    assert {type(_instances[key]) for key in set(_instances) - before} == {type(own), type(own.layout), type(own.style)}
    assert len(set(_instances) - before) == 3
