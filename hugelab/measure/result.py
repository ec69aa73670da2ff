"""Results of a measurement as values, to JSON and back. Needs no Linux.

Sizes are bytes; a ``gain`` is the time with 4 KB pages over the time with this kind: more than 1 is faster. (For loads,
the time of the faster of two buffers of 4 KB pages; for the control, of the first.)
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
    """The measured machine. ``kernel``: numbers of its version; ``thp``: the setting; ``memory``: bytes."""

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
    """Time of loads 4 KiB apart in one huge page over that of loads side by side; true if the host has small pages."""

    kind: str
    ratio: Spread
    fractured: bool

    def __bool__(self) -> bool:
        return self.fractured


@dataclass(frozen=True)
class Counters:
    """The event, whether it can be counted here, the reason if not, and its meaning."""

    event: str
    available: bool
    why: str
    meaning: str


@dataclass(frozen=True)
class Measured:
    """All results of one machine.

    ``name``: "" for this machine; ``notes``: parts that were left out, with the reason; ``cut``: the time was not
    enough for all rounds; ``seconds``: duration.
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
        """The results for json.dumps; ``from_json`` is the inverse."""
        return {"format": FORMAT, **typing.cast("dict[str, Any]", _plain(self))}

    @classmethod
    def from_json(cls, data: object) -> Measured:
        """The results of a ``to_json``. Raises ValueError with one line for other data."""
        if not isinstance(data, dict) or "format" not in data:
            raise ValueError("this is not a result of hugelab measure")
        if data["format"] != FORMAT:
            raise ValueError(f"this result has format {data['format']!r}, this hugelab reads {FORMAT}")
        return _made(cls, {key: value for key, value in data.items() if key != "format"}, "the result")

    def find_load(self, size: int, kind: str) -> Load | None:
        """The loads of one size (bytes) and kind; None if they were not measured."""
        return next((load for load in self.loads if (load.size, load.kind) == (size, kind)), None)


def check(sizes: tuple[int, ...]) -> None:
    """Raises ValueError with one line for a size, in bytes, that cannot be measured."""
    for size in sizes:
        if size <= 0 or size % BASE_PAGE_SIZE:
            raise ValueError(f"a size is a positive multiple of 4 KB, not {format_size(size)}")


# -- JSON --------------------------------------------------------------------------------------------
def _plain(value: object) -> object:
    """Dataclasses as objects, tuples as lists, other values unchanged."""
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _made(cls: type[T], data: object, where: str) -> T:
    """The dataclass of an object. Raises ValueError."""
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
    """The value as the type of its field. Raises ValueError."""
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
