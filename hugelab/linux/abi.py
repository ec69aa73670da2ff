"""What a program gives to system calls and gets back, the same for the model and the running kernel.

Both read the arguments of an operation here; light, because a scenario's processes import it. ``args`` are those of an
operation, its defaults filled in; ``unit`` is the size in bytes of the pages that it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .errors import ScenarioError
from .flags import HUGE_MASK, HUGE_SHIFT

BUS_ADRERR, SEGV_MAPERR, SEGV_ACCERR, SI_KERNEL = 2, 1, 2, 128  # si_code
BASE_PAGE = 4096


class Area(NamedTuple):
    """What a program knows of a mapping: address and length in bytes, and the page size."""

    addr: int
    length: int
    size: int


FAILED = Area(-1, 0, 0)  # MAP_FAILED


class Fault(NamedTuple):
    """An access that ended with a signal: its name, and what the handler could see."""

    outcome: str
    value: dict[str, Any]


def length_of(args: Mapping[str, Any], unit: int, pages: str = "pages", length: str = "bytes") -> int:
    """A length or offset in bytes, given as bytes or as pages; 0 if not given."""
    return int(args[length]) if args.get(length) is not None else int(args.get(pages) or 0) * unit


def sized(args: Mapping[str, Any]) -> bool:
    """Does the operation give a length?"""
    return args.get("pages") is not None or args.get("bytes") is not None


def span(args: Mapping[str, Any], unit: int, whole: Area) -> tuple[int, int]:
    """Start and length in bytes of the part of a mapping that an operation names; all of it by default."""
    offset = length_of(args, unit, "page", "off_bytes")
    return whole.addr + offset, length_of(args, unit) if sized(args) else whole.length - offset


def place(args: Mapping[str, Any], unit: int, base: Area) -> int:
    """The address that ``at`` stands for, when ``base`` is the mapping that it names."""
    at = args["at"]
    return base.addr + int(at.get("page", 0)) * unit + int(at.get("bytes", 0))


def octal(text: Any) -> int:
    """A file mode: octal text such as "0755", or a number. Raises ScenarioError."""
    try:
        return text if isinstance(text, int) else int(text, 8)
    except (TypeError, ValueError):
        raise ScenarioError(f"mode is octal text such as 0755, not {text!r}") from None


def huge_size(flags: int) -> int:
    """The page size in bytes that HUGE_ flags ask for, 0 without. Two of them are or-ed into a third."""
    shift = flags >> HUGE_SHIFT & HUGE_MASK
    return 1 << shift if shift else 0


def highest_gap(taken: Iterable[tuple[int, int]], bottom: int, top: int, length: int, align: int) -> int | None:
    """Top down, the address of the highest gap between ``taken`` ranges (vm_unmapped_area); None where none fits.

    The kernel asks for length + align - 4096 bytes wherever the gap begins, so a gap of exactly the length is passed
    over; only the gap at the bottom is taken as it is.
    """
    for low, high in sorted(taken, reverse=True):
        if top - high >= length + align - BASE_PAGE:
            break
        top = min(top, low)
    start = (top - length) // align * align
    return start if start >= bottom else None
