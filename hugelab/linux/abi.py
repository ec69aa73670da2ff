"""Arguments and results of system calls, read in one place for the model and for the live kernel.

Imports little, because every process of a live scenario imports it. ``args`` are an operation's arguments with
defaults filled in; ``unit`` is its page size in bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .errors import ScenarioError
from .flags import HUGE_MASK, HUGE_SHIFT

BUS_ADRERR, SEGV_MAPERR, SEGV_ACCERR, SI_KERNEL = 2, 1, 2, 128  # si_code
BASE_PAGE = 4096


class Area(NamedTuple):
    """A mapping as its program knows it: address, length and page size in bytes."""

    addr: int
    length: int
    size: int


FAILED = Area(-1, 0, 0)  # MAP_FAILED


class Fault(NamedTuple):
    """An access that ended with a signal: the signal's name, and the values that its handler saw."""

    outcome: str
    value: dict[str, Any]


def length_of(args: Mapping[str, Any], unit: int, pages: str = "pages", length: str = "bytes") -> int:
    """A length or offset in bytes, given as bytes or as pages; 0 if not given."""
    return int(args[length]) if args.get(length) is not None else int(args.get(pages) or 0) * unit


def sized(args: Mapping[str, Any]) -> bool:
    """Does the operation give a length?"""
    return args.get("pages") is not None or args.get("bytes") is not None


def span(args: Mapping[str, Any], unit: int, whole: Area) -> tuple[int, int]:
    """Start and length, in bytes, of the part of a mapping that an operation names; the whole mapping by default."""
    offset = length_of(args, unit, "page", "off_bytes")
    return whole.addr + offset, length_of(args, unit) if sized(args) else whole.length - offset


def place(args: Mapping[str, Any], unit: int, base: Area) -> int:
    """The address that the argument ``at`` names; ``base`` is the mapping in it."""
    at = args["at"]
    return base.addr + int(at.get("page", 0)) * unit + int(at.get("bytes", 0))


def octal(text: Any) -> int:
    """A file mode: octal text such as "0755", or a number. Raises ScenarioError."""
    try:
        return text if isinstance(text, int) else int(text, 8)
    except (TypeError, ValueError):
        raise ScenarioError(f"mode is octal text such as 0755, not {text!r}") from None


def huge_size(flags: int) -> int:
    """The page size in bytes in the MAP_HUGE_, MFD_HUGE_ or SHM_HUGE_ bits of flags; 0 without such bits."""
    shift = flags >> HUGE_SHIFT & HUGE_MASK
    return 1 << shift if shift else 0


def highest_gap(taken: Iterable[tuple[int, int]], bottom: int, top: int, length: int, align: int) -> int | None:
    """The highest address in a gap between ``taken`` ranges that fits (vm_unmapped_area, top down); None: no gap fits.

    The kernel asks for length + align - 4096 bytes, so it passes over a gap of exactly the length; only the gap at the
    bottom may have that length.
    """
    for low, high in sorted(taken, reverse=True):
        if top - high >= length + align - BASE_PAGE:
            break
        top = min(top, low)
    start = (top - length) // align * align
    return start if start >= bottom else None
