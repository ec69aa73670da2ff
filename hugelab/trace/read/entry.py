"""The Entry that every reader makes of a line: the same words, whatever tool wrote it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from ...linux.names import function_name_310

# Takes a page off the free list: where a probe sits in the inner function, as in those of 4.13 and later, and not in
# the outer one.
DEQUEUE = frozenset(("dequeue_huge_page_node", "dequeue_huge_page_vma"))


class Kind(Enum):
    """The subject of a line."""

    CALL = "call"  # a function was entered (with what it was given, if the format shows it)
    RETURN = "return"  # a function came back (with what it gave, if the format shows it)
    POINT = "point"  # a place inside a function: a printk line, a tracepoint
    MARK = "mark"  # what the traced program wrote into the log: STEP, RET, SNAP, PAGE, PROG
    COUNTERS = "counters"  # the pool, as a program read it
    LOST = "lost"  # the recorder says that it lost events here
    NOTE = "note"  # about the recording itself: kernel, tracer, a column head, a blank line
    OTHER = "other"  # another part of the kernel or program: understood, and not about huge pages


EVENTS = (Kind.CALL, Kind.RETURN, Kind.POINT)


class Entry(NamedTuple):
    """One line of a log. ``line`` counts the lines of the file from 1; ``time`` in seconds, None where there is none.

    ``name`` is the function under its 3.10 name (or the mark's word), ``moment`` the place inside it for a POINT.
    ``pid`` is the thread's where a format tells threads apart.
    """

    line: int
    kind: Kind
    name: str = ""
    moment: str = ""
    fields: dict[str, Any] = {}  # never written to: lines that are alike share one
    time: float | None = None
    pid: int | None = None
    comm: str = ""
    cpu: int | None = None


# Numbers that tools print in base 16 with or without 0x; all others are decimal unless they begin with 0x.
HEX = frozenset(("addr", "address", "start", "end", "flags", "vm_flags", "page", "mode", "vmemmap", "flag", "prot"))
# One word for what the formats call differently.
SAME = {"nr": "total", "resv": "rsvd", "from": "f", "to": "t"}
SAME |= {"address": "addr", "vma_flags": "vm_flags", "folio": "page"}

_PAIR = re.compile(r"\b([A-Za-z_]\w*)=(?:\([A-Z]+\)\[)?(\"[^\"]*\"|[^\s,\]]+)")
_NUMBER = re.compile(r"-?(?:0x[0-9a-f]+|\d+)\Z", re.ASCII)
_BARE_HEX = re.compile(r"[0-9a-f]+\Z")
_WRAPPER = re.compile(r"__(?:arm64|riscv|s390x?|powerpc|loongarch|x32|ia32_compat|arm64_compat)_sys_|compat_sys_")
# Words of the kernel's huge page code, a probe's place, our counters.
_HUGE = re.compile(r"hugetlb|huge_page|(?<!k)hugepage|HUGE[A-Z]{1,16}_|\+0x[0-9a-f]+/0x|\b(?:free|resv|rsvd|surp|pfn)=")
LONGEST_NUMBER = 32  # digits: no kernel prints more, and int() of thousands is slow or refused


def number(name: str, text: str) -> Any:
    """A field's value: an int where it is one, by the rule for its name; else the text itself."""
    if name not in HEX and text.isdecimal() and text.isascii() and len(text) <= LONGEST_NUMBER:  # most of them
        return int(text)
    if len(text) > LONGEST_NUMBER:
        return text.strip('"')
    if _NUMBER.match(text) and (text.startswith(("0x", "-0x")) or name not in HEX or len(text) > 16):
        return int(text, 16 if "x" in text else 10)
    if _BARE_HEX.match(text) and (name in HEX or name == "ret"):
        return int(text, 16)
    return text.strip('"')


def where(time: float | None, pid: str | None, comm: str | None, cpu: str | None = None) -> dict[str, Any]:
    """The columns that every event has, as fields of an Entry."""
    return {"time": time, "pid": int(pid) if pid else None, "comm": comm or "", "cpu": int(cpu) if cpu else None}


def pairs(text: str) -> dict[str, Any]:
    """The ``name=value`` pairs in a text, under the names of SAME."""
    return {SAME.get(name, name): number(name, value) for name, value in _PAIR.findall(text)}


def is_error(page: int) -> bool:
    """ERR_PTR: a pointer among the last 4095 addresses is an error number."""
    return page >= (1 << 64) - 4095 or (1 << 32) - 4095 <= page < 1 << 32


@lru_cache(1 << 14)  # a kernel has more functions, a log does not: and a broken one shall not fill the memory
def canonical(symbol: str) -> str:
    """The 3.10 name of a kernel symbol as a tool prints it, without the compiler's suffixes: ``.part.0``, ``.cold``."""
    name = symbol.partition(".")[0]
    found: str = function_name_310.__wrapped__(_WRAPPER.sub("__x64_sys_", name, count=1) if "_sys_" in name else name)
    return found


def about_huge_pages(text: str) -> bool:
    """Whether a text has words of the huge page code: if no reader takes such an event, it is unread, not OTHER."""
    return _HUGE.search(text) is not None


_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_CLOCK = re.compile(r"(\d\d?):(\d\d):(\d\d(?:[.,]\d+)?)\Z", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\Z", re.ASCII)
_EPOCH = re.compile(r"[1-4]\d{9}(?:\.\d{1,9})?\Z", re.ASCII)
NO_YEAR = 1972  # a leap year: syslog's "Feb 29" is a day


@lru_cache(256)  # a second's lines show the same date
def seconds(text: str) -> float | None:
    """A date as date(1), syslog, dmesg -T or ISO 8601 write it, in seconds since 1970; None if it is none.

    A zone that is a name, or none, counts as UTC: the differences are what matters. A date without a year gets NO_YEAR.
    """
    if _EPOCH.match(text):
        return float(text)
    try:
        if _ISO.match(text):
            when = datetime.fromisoformat(text.replace(",", "."))
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        return _words(text)
    except ValueError:  # a month 13
        return None


def _words(text: str) -> float | None:
    month = day = None
    year, clock, later = NO_YEAR, None, 0
    for word in re.split(r"[\s,]+", text):
        found = _CLOCK.match(word)
        if found:
            clock = int(found[1]), int(found[2]), float(found[3].replace(",", "."))
        elif word in _MONTHS:
            month = _MONTHS[word]
        elif re.fullmatch(r"\d{4}", word):
            year = int(word)
        elif re.fullmatch(r"\d\d?", word):
            day = int(word)
        elif word == "PM" and clock and clock[0] < 12:
            later = 12 * 3600
        elif word == "AM" and clock and clock[0] == 12:
            later = -12 * 3600
    if month is None or day is None or clock is None:
        return None
    return datetime(year, month, day, clock[0], clock[1], tzinfo=UTC).timestamp() + clock[2] + later
