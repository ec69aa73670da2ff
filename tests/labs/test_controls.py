"""Controls as data: what they offer, what they refuse and in which words, and whom they tell."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugelab.labs.controls import MOST_PAGES, Choice, Control, Slider, extremes

ANYTHING = st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none(), st.lists(st.integers()))
STOPS = (0, 1, 2, 10, 1000)


def controls() -> list[Control]:
    return [Slider("pages", 5), Slider("pool", 10, stops=STOPS), Choice("kind", ("a", "b"), "a")]


def offers(control: Control, value: Any) -> bool:
    """Is a value one of those of the control, also in its type? (True is no number of pages.)"""
    return any(type(value) is type(one) and value == one for one in control.values())


@given(st.sampled_from(range(3)), ANYTHING | st.sampled_from([0, 5, 10, 16, 17, "a", "b", "A", True]))
def test_a_value_is_offered_or_refused(which: int, value: Any) -> None:
    """Whatever comes: taken, and told once; or refused in one line that names the control, and nothing changes."""
    control = controls()[which]
    told: list[Any] = []
    control.changed = lambda: told.append(control.value)
    before = control.value
    if offers(control, value):
        control.value = value
        assert control.value == value
        assert told == [value] * (value != before)
        return
    for attempt in (lambda: setattr(control, "value", value), lambda: control.set_quietly(value)):
        with pytest.raises(ValueError, match=f"^{control.label}: ") as refused:
            attempt()
        assert "\n" not in str(refused.value).replace(repr(value), "")
    assert control.value == before and told == []


def test_the_same_value_again_is_not_told() -> None:
    """A browser that repeats itself costs nothing."""
    control, told = Slider("pages", 5), []
    control.changed = lambda: told.append(control.value)
    control.value = 5
    control.value = 6
    control.value = 6
    assert told == [6]


def test_set_quietly_tells_nobody() -> None:
    """But it checks."""
    control = Choice("kind", ("a", "b"), "a")
    control.changed = lambda: pytest.fail("told")
    control.set_quietly("b")
    assert control.value == "b"
    assert control.first == "a"
    with pytest.raises(ValueError, match=r"^kind: one of a, b, not 'c'$"):
        control.set_quietly("c")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Slider("pages", 17), "pages: 0 to 16, not 17"),
        (lambda: Slider("pages", -1), "pages: 0 to 16, not -1"),
        (lambda: Slider("pages", 3, least=4, most=8), "pages: 4 to 8, not 3"),
        (lambda: Slider("pages", True), "pages: 0 to 16, not True"),
        (lambda: Slider("pages", 5.0), "pages: 0 to 16, not 5.0"),  # type: ignore[arg-type]
        (lambda: Choice("mapping", ("x", "y"), "z"), "mapping: one of x, y, not 'z'"),
        (lambda: Choice("mapping", ("x", "y"), None), "mapping: one of x, y, not None"),  # type: ignore[arg-type]
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_first_value_that_is_not_offered(make: Any, says: str) -> None:
    """Refused when the control is made, with what it offers."""
    with pytest.raises(ValueError) as refused:
        make()
    assert str(refused.value) == says


def test_stops_are_named() -> None:
    """A slider that has no even range says all its numbers."""
    with pytest.raises(ValueError, match=r"^pool: one of .*0, 1, 2, 10, 1000.*, not 7$"):
        Slider("pool", 7, stops=STOPS)
    slider = Slider("pool", 10, stops=STOPS)
    assert list(slider.values()) == list(STOPS)
    assert list(Slider("pages", 5).values()) == list(range(MOST_PAGES + 1))
    assert list(Slider("pages", 5, least=4, most=6).values()) == [4, 5, 6]


def test_what_the_browser_gets() -> None:
    """Everything that it needs to show a control, as JSON."""
    slider = Slider("pages", 5, most=6, help="how many")
    assert slider.spec("p") == {
        "name": "p",
        "label": "pages",
        "help": "how many",
        "values": [0, 1, 2, 3, 4, 5, 6],
        "kind": "slider",
    }
    choice = Choice("kind", ("a", "b"), "b")
    assert choice.spec("k") == {"name": "k", "label": "kind", "help": "", "values": ["a", "b"], "kind": "choice"}
    for control in controls():
        assert json.loads(json.dumps(control.spec("x"))) == control.spec("x")


def test_a_control_of_its_own_kind_says_what_it_offers() -> None:
    """The base class offers nothing, so there is none of it."""
    with pytest.raises(TypeError, match="abstract"):
        Control("nothing", 1)


@st.composite
def panels(draw: st.DrawFn) -> dict[str, Control]:
    """Some controls, at any of their values."""
    found: dict[str, Control] = {}
    for i in range(draw(st.integers(1, 5))):
        if draw(st.booleans()):
            most = draw(st.integers(0, 9))
            found[f"s{i}"] = Slider(f"s{i}", draw(st.integers(0, most)), most=most)
        else:
            options = tuple("abcdef"[: draw(st.integers(1, 6))])
            found[f"c{i}"] = Choice(f"c{i}", options, draw(st.sampled_from(options)))
    return found


@given(panels())
def test_extremes(panel: dict[str, Control]) -> None:
    """Complete settings that the controls offer; with all sliders at their highest and every choice; none is moved."""
    before = {name: control.value for name, control in panel.items()}
    found = list(extremes(panel))
    for values in found:
        assert values.keys() == panel.keys()
        for name, control in panel.items():
            control.check(values[name])
    highest = {name: c.values()[-1] if isinstance(c, Slider) else c.value for name, c in panel.items()}
    assert highest in found
    for name, control in panel.items():
        if isinstance(control, Choice):
            assert all({**highest, name: option} in found for option in control.options)
        else:
            assert {**before, name: control.values()[-1]} in found
    assert {name: control.value for name, control in panel.items()} == before
    assert len(found) == 1 + sum(len(c.options) if isinstance(c, Choice) else 1 for c in panel.values())
