"""The controls of a lab: models of ipywidgets. The lab shows each as a native input (lab.js); they work elsewhere, too.

Each function takes a first value; or a widget, which is then the control: so two labs share one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter
from typing import Any
from weakref import WeakKeyDictionary

import ipywidgets
from ipywidgets.widgets.interaction import interactive

MOST_PAGES = 16  # what most sliders allow: more than the pool of ten, and still one picture
_labs: WeakKeyDictionary[Any, int] = WeakKeyDictionary()  # controls that were made here -> labs that have them


def slider(label: str, value: Any, least: int = 0, most: int = MOST_PAGES, help: str = "") -> Any:
    """A whole number from ``least`` to ``most``, in the unit of the label. Raises ValueError for any other value."""
    if isinstance(value, ipywidgets.Widget):
        return value
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{label}: {least} to {most}, not {value!r}")
    return _made(ipywidgets.IntSlider(value, least, most, description=label, tooltip=help))


def stops(
    label: str,
    value: Any,
    numbers: Iterable[int],
    name: Callable[[int], str] = "{:,}".format,
    help: str = "",
    also: bool = False,
) -> Any:
    """One of some numbers, which grow; ``name`` says what a number is called. ``also``: a first value between the least
    and the most is one of them, too. Raises ValueError for any other value."""
    if isinstance(value, ipywidgets.Widget):
        return value
    offered = sorted(numbers)
    if also and type(value) is int and offered[0] <= value <= offered[-1]:
        offered = sorted({*offered, value})
    if type(value) is not int or value not in offered:
        raise ValueError(f"{label}: one of {', '.join(map(str, offered))}, not {value!r}")
    options = [(name(number), number) for number in offered]
    return _made(ipywidgets.SelectionSlider(options=options, value=value, description=label, tooltip=help))


def choice(label: str, options: Iterable[str], value: Any, help: str = "") -> Any:
    """One of several names. Raises ValueError for any other value."""
    return _selection(ipywidgets.Dropdown, label, tuple(options), value, help)


def buttons(label: str, options: Iterable[str], value: Any, help: str = "") -> Any:
    """One of a few short names, all to be seen. Raises ValueError for any other value."""
    return _selection(ipywidgets.ToggleButtons, label, tuple(options), value, help)


def _selection(kind: Any, label: str, options: tuple[str, ...], value: Any, help: str) -> Any:
    if isinstance(value, ipywidgets.Widget):
        return value
    if value not in options:
        raise ValueError(f"{label}: one of {', '.join(options)}, not {value!r}")
    return _made(kind(options=options, value=value, description=label, tooltip=help))


def from_abbreviation(name: str, given: Any, first: Any = Parameter.empty) -> Any:
    """A control as ``interact`` makes one: ``(0, 16)``, a list, a dict, True, a number or text; or a widget itself.

    ``first`` is the value at first, if the abbreviation leaves it open. Raises ValueError for what is none of them.
    """
    if isinstance(given, ipywidgets.Widget):
        if not hasattr(given, "value"):
            raise ValueError(f"{name}: a {type(given).__name__} has no value")
        return given
    if (isinstance(given, Mapping) and not given) or (isinstance(given, (list, tuple)) and not given):
        raise ValueError(f"{name}: there is nothing to choose from")
    try:
        made = interactive.widget_from_abbrev(given, first)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from None
    if made is None or isinstance(made, ipywidgets.fixed):
        raise ValueError(
            f"{name}: (least, most), a list, a dict, True or False, a number, text or a widget, not {given!r}"
        )
    made.description = name.replace("_", " ")
    return _made(made)


# -- whose they are ------------------------------------------------------------------------------------
def _made(control: Any) -> Any:
    _labs[control] = 0
    return control


def take(control: Any) -> None:
    """One more lab has the control."""
    if control in _labs:
        _labs[control] += 1


def leave(control: Any) -> None:
    """A lab that had the control is closed. With its last lab it closes, too, unless somebody else made it."""
    if control not in _labs:
        return
    _labs[control] -= 1
    if _labs[control] <= 0:
        shut(control)


def shut(widget: Any) -> None:
    """Close a widget, with what ipywidgets made for it."""
    for part in (widget.layout, widget.style, widget):
        part.close()
