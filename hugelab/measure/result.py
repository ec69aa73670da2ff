"""What was measured, as values: to JSON and back. Needs no Linux.

Sizes are bytes; a ``gain`` is the time with 4 KB pages over the time with this kind, more than 1 is faster. (For loads
it is the faster one of two buffers of 4 KB pages; for the control itself, the first one.)
"""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any, TypeVar

from ..core.units import BASE_PAGE_SIZE, GIB, MIB, format_size
from .noise import Spread

PAGE = {"4K": BASE_PAGE_SIZE, "THP": 2 * MIB, "2M": 2 * MIB, "1G": GIB}  # bytes
KINDS = tuple(PAGE)
NAMES = {"4K": "4 KB pages", "THP": "transparent huge pages", "2M": "2 MB pages of hugetlb", "1G": "1 GB pages"}
BUDGET = 45.0  # seconds that a measurement may take
FORMAT = 1
T = TypeVar("T")


@dataclass(frozen=True)
class Machine:
    """Where it was measured. ``kernel`` are the numbers of its version, ``thp`` the setting, ``memory`` bytes."""

    cpu: str
    kernel: str
    hypervisor: bool
    thp: str
    memory: int


@dataclass(frozen=True)
class Faults:
    """Page faults of touching every 4 KiB of ``size`` bytes once (ru_minflt)."""

    size: int
    kind: str
    faults: int


@dataclass(frozen=True)
class Touch:
    """Seconds of touching every 4 KiB of ``size`` bytes for the first time."""

    size: int
    kind: str
    seconds: Spread
    gain: Spread
    rounds: int


@dataclass(frozen=True)
class Load:
    """Nanoseconds of one random load in ``size`` bytes; ``misses`` of the TLB a load, None without a counter.

    ``verdict`` is "gain", "none" or "loss" (noise.verdict); "none" for 4K and for the control.
    """

    size: int
    kind: str
    ns: Spread
    gain: Spread
    verdict: str
    misses: float | None
    rounds: int


@dataclass(frozen=True)
class Fracture:
    """Time of loads 4 KiB apart in one huge page over loads side by side; true when the host's pages are small."""

    kind: str
    ratio: Spread
    fractured: bool

    def __bool__(self) -> bool:
        return self.fractured


@dataclass(frozen=True)
class Counters:
    """The event, whether it is counted here, why not ("" if it is), and what it means."""

    event: str
    available: bool
    why: str
    meaning: str


@dataclass(frozen=True)
class Measured:
    """Everything that was measured on one machine.

    ``name`` is "" for this machine; ``notes`` say what was left out and why, ``cut`` that the time was not enough for
    all rounds, ``seconds`` how long it took.
    """

    machine: Machine
    faults: tuple[Faults, ...]
    touch: tuple[Touch, ...]
    loads: tuple[Load, ...]
    fracture: tuple[Fracture, ...]
    counters: Counters
    notes: tuple[str, ...]
    cut: bool
    seconds: float
    name: str = ""

    def to_json(self) -> dict[str, Any]:
        """For json.dumps; ``from_json`` gives the same Measured back."""
        return {"format": FORMAT, **typing.cast("dict[str, Any]", _plain(self))}

    @classmethod
    def from_json(cls, data: object) -> Measured:
        """Raises ValueError with one line that says what is wrong."""
        if not isinstance(data, dict) or "format" not in data:
            raise ValueError("this is not a result of hugelab measure")
        if data["format"] != FORMAT:
            raise ValueError(f"this result has format {data['format']!r}, this hugelab reads {FORMAT}")
        return _made(cls, {key: value for key, value in data.items() if key != "format"}, "the result")

    def find_load(self, size: int, kind: str) -> Load | None:
        """The loads of one size and kind."""
        return next((load for load in self.loads if (load.size, load.kind) == (size, kind)), None)


def check(sizes: tuple[int, ...]) -> None:
    """Raises ValueError with one line for a size, in bytes, that cannot be measured."""
    for size in sizes:
        if size <= 0 or size % BASE_PAGE_SIZE:
            raise ValueError(f"a size is a positive multiple of 4 KB, not {format_size(size)}")


# -- JSON --------------------------------------------------------------------------------------------
def _plain(value: object) -> object:
    """Dataclasses as objects, tuples as lists, all else as it is."""
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _made(cls: type[T], data: object, where: str) -> T:
    """The dataclass from its object."""
    if not isinstance(data, dict):
        raise ValueError(f"{where} is not an object")
    hints = typing.get_type_hints(cls)
    if unknown := sorted(set(data) - set(hints)):
        raise ValueError(f"{where} has an unknown field {unknown[0]!r}")
    values = {}
    for name, hint in hints.items():
        if name not in data:
            raise ValueError(f"{where} has no field {name!r}")
        values[name] = _value(hint, data[name], name)
    return cls(**values)


def _value(hint: Any, data: object, where: str) -> object:
    """A value of the type that the field has."""
    if typing.get_origin(hint) is tuple:
        if not isinstance(data, list):
            raise ValueError(f"{where} is not a list")
        return tuple(_value(typing.get_args(hint)[0], item, where) for item in data)
    if isinstance(hint, types.UnionType):
        return None if data is None else _value(typing.get_args(hint)[0], data, where)
    if dataclasses.is_dataclass(hint):
        return _made(typing.cast("type[Any]", hint), data, where)
    if hint is float and type(data) is int:
        return float(data)
    if type(data) is not hint:
        raise ValueError(f"{where} is {data!r}, which is not a {hint.__name__}")
    return data
