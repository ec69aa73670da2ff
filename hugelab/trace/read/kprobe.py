"""kprobe events, as every tool prints them: ``NAME: (function+0x0/0x20) a=1`` and ``NAME: (caller <- function) ret=1``.

Documentation/trace/kprobetrace.rst. 3.10 prints hexadecimal fields without 0x: entry.HEX says which those are.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from .entry import Entry, Kind, canonical, pairs

# ...: (place) and then name=value to the line's end: whatever else stands there was not written by a probe.
_PROBE = re.compile(
    r"(?P<event>\w+):\s{1,64}\((?P<at>[^()]*)\)(?P<rest>(?:\s+[\w.]+=(?:\"[^\"]*\"|\{[^{}]*\}|\([^()]*\)|[^\s\"{()]*))*)\s*\Z",
    re.ASCII,
)
_AT = re.compile(
    r"[\w.$+:-]+(?: \[\w+\])?(?: <- [\w.$+:-]+(?: \[\w+\])?)?\Z|(?:[\w.$]+\+)?0x[0-9a-f]+/0x[0-9a-f]+", re.ASCII
)
_PLACE = re.compile(r"(?P<symbol>[\w.$]+)\+0x(?P<offset>[0-9a-f]{1,16})/0x(?P<size>[0-9a-f]{1,16})", re.ASCII)
_BARE = re.compile(r"(?:0x)?[0-9a-f]{6,16}\Z")

# What our recipes and bpftrace script call their events; everybody else's are read by the function they stand on.
EVENTS = {
    "create": "hugetlbfs_create", "get_inode": "hugetlbfs_get_inode", "mmap": "hugetlbfs_file_mmap",
    "reserve": "hugetlb_reserve_pages", "unreserve": "hugetlb_unreserve_pages", "acct": "hugetlb_acct_memory",
    "fault": "hugetlb_fault", "cow": "hugetlb_cow", "alloc": "alloc_huge_page", "dequeue": "dequeue_huge_page_vma",
    "buddy_alloc": "alloc_buddy_huge_page", "commit": "vma_commit_reservation", "free": "free_huge_page",
    "vma_close": "hugetlb_vm_op_close", "close": "hugetlb_vm_op_close", "evict": "hugetlbfs_evict_inode",
    "set_max": "set_max_huge_pages",
}  # fmt: skip


def named(event: str) -> str:
    """The function behind an event that only its name tells: ``hl_alloc__return`` -> alloc_huge_page."""
    word = re.sub(r"__return\Z|_ret\Z|__entry\Z|__exit\Z|_\d+\Z", "", event)
    for short in (word, re.sub(r"\A[a-z]{1,3}_", "", word)):
        if short in EVENTS:
            return EVENTS[short]
    return canonical(word)


def read(text: str, line: int, where: dict[str, Any], functions: dict[str, str] | None = None) -> Entry | None:
    """A kprobe event, or None.

    Where a tool prints bare addresses, ``functions`` (event -> symbol) says which function it was; else the event's
    own name does.
    """
    probe = _PROBE.match(text)
    stands = _stands(probe["at"]) if probe else None
    if probe is None or stands is None:
        return None
    kind, symbol, at = stands
    event, fields = probe["event"], pairs(probe["rest"])
    if not symbol:
        symbol = (functions or {}).get(event) or named(event)
    elif at:
        fields["at"] = at
    return Entry(line, kind, canonical(symbol), event, fields, **where)


@lru_cache(4096)  # probes are few
def _stands(text: str) -> tuple[Kind, str, tuple[str, int, int] | None] | None:
    """The place of a probe: entry or return, the function ("" for a bare address), and the place as printed."""
    if not _AT.match(text):
        return None
    place, arrow, back = text.partition(" <- ")
    kind = Kind.RETURN if arrow else Kind.CALL
    symbol = re.split(r"[+ ]", back if arrow else place, maxsplit=1)[0]
    if _BARE.match(symbol):
        return kind, "", None
    symbol = symbol.rpartition(":")[2]  # perf: "module:name"
    found = _PLACE.match(place)
    at = (found["symbol"], int(found["offset"], 16), int(found["size"], 16)) if found else None
    return (kind, symbol, at) if canonical(symbol) else None
