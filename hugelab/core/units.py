"""Page sizes, bytes and addresses: parse what people type, print what they read.

Sizes are powers of 1024 throughout: the kernel's ``2MB`` and ``2048kB`` both mean 2 MiB.
"""

from __future__ import annotations

import re

BASE_PAGE_SHIFT = 12
BASE_PAGE_SIZE = 1 << BASE_PAGE_SHIFT  # bytes; the 4 KiB page that a pfn counts
MIB = 1 << 20
GIB = 1 << 30

_SUFFIX = {"": 1, "k": 1 << 10, "m": MIB, "g": GIB, "t": 1 << 40}
_SIZE = re.compile(r"^\s*(\d+)\s*([kmgt]?)(i?b)?\s*$", re.IGNORECASE)


def parse_size(text: str | int) -> int:
    """Bytes in ``"2M"``, ``"2 MiB"``, ``"2048kB"``, ``"1g"`` or a plain number. Raises ValueError for other text."""
    if isinstance(text, int):
        return text
    match = _SIZE.match(text)
    if not match:
        raise ValueError(f"{text!r} is not a size: write a number with k, M, G or T, such as 2M")
    return int(match[1]) * _SUFFIX[match[2].lower()]


def format_size(size: int) -> str:
    """The shortest exact name of a number of bytes: 2097152 -> ``"2 MB"``, 4096 -> ``"4 KB"``."""
    for shift, name in ((40, "TB"), (30, "GB"), (20, "MB"), (10, "KB")):
        if size and size % (1 << shift) == 0:
            return f"{size >> shift:,} {name}"
    return f"{size:,} bytes"


def size_name(size: int) -> str:
    """The name that the scenario vocabulary uses for a page size: 2097152 -> ``"2M"``."""
    return format_size(size).replace(" ", "").replace(",", "").removesuffix("B")


def address(value: int) -> str:
    """An address the way the kernel log prints it: ``0xb6a00000``."""
    return f"0x{value:x}"


def count(number: int, noun: str) -> str:
    """``1 page``, ``5 pages``, ``1,000,000 pages``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
