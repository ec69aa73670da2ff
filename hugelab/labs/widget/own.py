"""Build your own lab: ``lab(program, pages=(0, 16))`` in the manner of ``interact``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...linux.machines import X86_64, Machine
from ...linux.scenario import Scenario
from .controls import from_abbreviation
from .film_lab import FilmLab, need_steps


def lab(program: Callable[..., Scenario], on: Machine = X86_64, **controls: Any) -> FilmLab:
    """A lab of any function that returns a Scenario: its arguments become controls.

    A control is given as ``interact`` takes it: ``pages=(0, 16)`` is a slider, ``kind=["shared", "private"]`` a list to
    choose from, ``again=True`` a box to tick, a widget of ipywidgets itself. The function's own default is the first
    value; an argument with a default that is not named here becomes a control, too. The program runs ``on`` a machine.

    >>> from hugelab import Scenario, labs
    >>> def touched(pages=3, pool=10):
    ...     return Scenario("mine", nr=pool).mmap(map="A", pages=pages, flags=["MAP_PRIVATE", "MAP_ANONYMOUS"])
    >>> labs.lab(touched, pages=(0, 16), pool=(0, 12))  # doctest: +SKIP

    Raises ValueError for a control that cannot be made, ScenarioError for a program without a step, TypeError for a
    function that does not return a Scenario or needs an argument that has no control.
    """
    parameters = inspect.signature(program).parameters
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    if unknown := [name for name in controls if name not in parameters and not takes_any]:
        raise ValueError(f"{_name(program)} has no argument {', '.join(unknown)}")
    made = {}
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if name not in controls and parameter.default is parameter.empty:
            raise TypeError(f"{_name(program)} needs {name}: give it a control, such as {name}=(0, 16)")
        given = controls.get(name, parameter.default)
        made[name] = from_abbreviation(name, given, parameter.default)
        if isinstance(given, (tuple, list, dict)) and parameter.default not in (parameter.empty, made[name].value):
            raise ValueError(f"{name}={parameter.default!r}, the default of {_name(program)}, is none of its control's")
    made |= {name: from_abbreviation(name, given) for name, given in controls.items() if name not in made}

    def checked(**values: Any) -> Scenario:
        scenario = program(**values)
        if not isinstance(scenario, Scenario):
            raise TypeError(f"{_name(program)} has to return a Scenario, not {type(scenario).__name__}")
        need_steps(scenario)
        return scenario

    return FilmLab(_name(program), made, checked, machine=lambda **values: on)


def _name(program: Callable[..., Scenario]) -> str:
    return getattr(program, "__name__", "program").replace("_", " ").strip("<>")
