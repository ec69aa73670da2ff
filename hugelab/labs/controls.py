"""The controls of a lab, as data: what can be chosen, and what is chosen. The browser shows them; see explorer.js."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

MOST_PAGES = 16  # what most sliders allow: more than the pool of ten, and still one picture


class Control(ABC):
    """A named value. Setting ``value`` checks it, then tells ``changed``.

    Raises ValueError for a value that it does not offer, and stays as it was.
    """

    def __init__(self, label: str, value: Any, help: str = ""):
        self.label, self.help = label, help
        self.check(value)
        self._value = self.first = value
        self.changed: Callable[[], None] = lambda: None

    @property
    def value(self) -> Any:
        """The chosen value."""
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self.check(value)
        if value != self._value:
            self._value = value
            self.changed()

    def set_quietly(self, value: Any) -> None:
        """Sets ``value`` without a call of ``changed``."""
        self.check(value)
        self._value = value

    @abstractmethod
    def check(self, value: Any) -> None:
        """Raises ValueError for a value that is not among :meth:`values`."""

    @abstractmethod
    def values(self) -> Sequence[Any]:
        """Everything that can be chosen, in order."""

    def spec(self, name: str) -> dict[str, Any]:
        """The control as data for the browser."""
        return {"name": name, "label": self.label, "help": self.help, "values": list(self.values())}


class Slider(Control):
    """A whole number from ``least`` to ``most``, or one of the growing numbers ``stops``. Units: those of the label.

    ``name`` says what a number is called, where it is not shown as it is.
    """

    def __init__(
        self,
        label: str,
        value: int,
        least: int = 0,
        most: int = MOST_PAGES,
        stops: Sequence[int] = (),
        help: str = "",
        name: Callable[[int], str] | None = None,
    ):
        self._name = name
        self.stops = tuple(stops) or range(least, most + 1)
        super().__init__(label, value, help)

    def check(self, value: Any) -> None:
        if type(value) is not int or value not in self.stops:
            known = (
                f"{self.stops[0]} to {self.stops[-1]}"
                if isinstance(self.stops, range)
                else f"one of {', '.join(map(str, self.stops))}"
            )
            raise ValueError(f"{self.label}: {known}, not {value!r}")

    def values(self) -> Sequence[int]:
        return self.stops

    def spec(self, name: str) -> dict[str, Any]:
        texts = {"texts": [self._name(value) for value in self.stops]} if self._name else {}
        return {**super().spec(name), "kind": "slider", **texts}


class Choice(Control):
    """One of several names."""

    def __init__(self, label: str, options: Sequence[str], value: str, help: str = ""):
        self.options = tuple(options)
        super().__init__(label, value, help)

    def check(self, value: Any) -> None:
        if value not in self.options:
            raise ValueError(f"{self.label}: one of {', '.join(self.options)}, not {value!r}")

    def values(self) -> Sequence[str]:
        return self.options

    def spec(self, name: str) -> dict[str, Any]:
        return {**super().spec(name), "kind": "choice"}


def extremes(controls: dict[str, Control]) -> Iterator[dict[str, Any]]:
    """Settings that need the most room: all sliders as high as they go, with each choice; and each one alone."""
    first = {name: control.value for name, control in controls.items()}
    highest = {name: c.values()[-1] if isinstance(c, Slider) else c.value for name, c in controls.items()}
    yield highest
    for name, control in controls.items():
        if isinstance(control, Choice):
            yield from ({**highest, name: option} for option in control.options)
        else:
            yield {**first, name: control.values()[-1]}
