"""Reads /proc/meminfo, the meminfo of a memory node, and lines of either in any text.

Source: Documentation/filesystems/proc.rst, Documentation/admin-guide/mm/hugetlbpage.rst.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# The lines of the pool -> the names of its counters; they count pages of the default size, Hugepagesize.
COUNTERS = {"HugePages_Total": "total", "HugePages_Free": "free", "HugePages_Rsvd": "rsvd", "HugePages_Surp": "surp"}
# "grep -H" and a node's own meminfo put something before the name.
_LINE = re.compile(
    r"\s*(?:\S*meminfo:\s*)?(?:Node (?P<node>\d{1,5}) \s*)?"
    r"(?P<name>[A-Z]\w*(?:\(\w+\))?):\s+(?P<value>\d{1,20})(?P<unit> kB)?\s*\Z",
    re.ASCII,
)


class Line(NamedTuple):
    """One line: its ``node`` (None: the machine), its name, its number as printed, and whether that is in kB."""

    node: int | None
    name: str
    value: int
    kb: bool


def read_line(text: str) -> Line | None:
    """A line of a meminfo; None for any other text."""
    if not (match := _LINE.match(text)):
        return None
    return Line(int(match["node"]) if match["node"] else None, match["name"], int(match["value"]), bool(match["unit"]))


def read(text: str) -> dict[str, int]:
    """The numbers of a meminfo by name, as printed: kB where the kernel says kB, pages for HugePages_.

    ``Hugetlb`` is the sum of the pools of all sizes. A node has no ``HugePages_Rsvd``, as reservations belong to no
    node. Raises ValueError for a text without such lines.
    """
    lines = [line for line in map(read_line, text.splitlines()) if line]
    if not lines:
        raise ValueError("this is no meminfo: no line looks like HugePages_Total: 10")
    return {line.name: line.value for line in lines}
