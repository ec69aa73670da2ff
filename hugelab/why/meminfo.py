"""Reads the HugePages_ lines of /proc/meminfo, as people paste them."""

from __future__ import annotations

import re

from ..linux.errors import ScenarioError
from .found import Found

LINES = ("HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp")
SIZE = "Hugepagesize"
LONGEST = 1 << 20  # characters; a meminfo has two thousand
_LINE = re.compile(r"(HugePages_\w+|Hugepagesize)\s*:\s*(.*?)\s*$", re.IGNORECASE)


def from_meminfo(text: str, overcommit: int = 0) -> Found:
    """The default pool of a text with HugePages_ lines, among any other lines.

    ``overcommit`` is in /proc/sys/vm/nr_overcommit_hugepages, not in meminfo. Raises ScenarioError, with one line, for
    a text without these lines, with some of them, with two different sets, or with impossible numbers.
    """
    numbers: dict[str, int] = {}
    names = {name.lower(): name for name in (*LINES, SIZE)}
    for line in text[:LONGEST].splitlines():
        match = _LINE.search(line)
        if not match or match[1].lower() not in names:
            continue
        if re.search(r"\bNode\s+\d+\s+HugePages", line):
            raise ScenarioError("this is the meminfo of one node: it has no HugePages_Rsvd; paste /proc/meminfo")
        name = names[match[1].lower()]
        value = _number(name, match[2])
        if numbers.setdefault(name, value) != value:
            raise ScenarioError(
                f"{name} is there twice, as {numbers[name]:,} and as {value:,}: paste one /proc/meminfo"
            )
    if not numbers:
        raise ScenarioError("there is no HugePages_ line in it: paste what `grep -i huge /proc/meminfo` prints")
    if missing := [name for name in (*LINES, SIZE) if name not in numbers]:
        raise ScenarioError(f"{', '.join(missing)} is missing: paste all of what `grep -i huge /proc/meminfo` prints")
    total, free, rsvd, surp = (numbers[name] for name in LINES)
    return Found(total, free, rsvd, surp, overcommit, numbers[SIZE])


def _number(name: str, text: str) -> int:
    """A number of pages; of Hugepagesize, bytes. Raises ScenarioError."""
    match = re.fullmatch(r"(\d+)[\s\xa0]*kB" if name == SIZE else r"(\d+)", text, re.IGNORECASE | re.ASCII)
    if not match or len(match[1]) > 20:
        wanted = "a number of kB" if name == SIZE else "a whole number of pages"
        raise ScenarioError(f"{name} is {wanted}, not {text[:40]!r}")
    return int(match[1]) << (10 if name == SIZE else 0)
