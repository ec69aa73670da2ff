"""What every reader makes of a line: an Entry, in the same words whatever tool wrote it."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, NamedTuple

from ..names import function_name_310


class Kind(Enum):
    """What a line is about."""

    CALL = "call"  # a function was entered (with what it was given, if the format shows it)
    RETURN = "return"  # a function came back (with what it gave, if the format shows it)
    POINT = "point"  # a place inside a function: a printk line, a tracepoint
    MARK = "mark"  # what the traced program wrote into the log: STEP, RET, SNAP, PAGE, PROG
    COUNTERS = "counters"  # the pool, read by somebody
    LOST = "lost"  # the recorder says that it lost events here
    NOTE = "note"  # about the recording itself: kernel, tracer, a column head, a blank line
    OTHER = "other"  # another part of the kernel or program: understood, and not about huge pages


EVENTS = (Kind.CALL, Kind.RETURN, Kind.POINT)


class Entry(NamedTuple):
    """One line of a log. ``line`` counts the lines of the file from 1; ``time`` in seconds, None where there is none.

    ``name`` is the function under its 3.10 name (or the mark's word), ``moment`` the place inside it for a POINT.
    """

    line: int
    kind: Kind
    name: str = ""
    moment: str = ""
    fields: dict[str, Any] = {}  # never written to
    time: float | None = None
    pid: int | None = None
    comm: str = ""
    cpu: int | None = None


# Numbers that tools print in base 16 with or without 0x; all others are decimal unless they begin with 0x.
HEX = frozenset(("addr", "address", "start", "end", "flags", "vm_flags", "page", "mode", "vmemmap", "flag", "prot"))
# One word for what the formats call differently.
SAME = {
    "from": "f",
    "rsvd": "resv",
    "to": "t",
    "address": "addr",
    "vma_flags": "vm_flags",
    "folio": "page",
    "total": "nr",
}

_PAIR = re.compile(r"([A-Za-z_]\w*)=(?:\([A-Z]+\)\[)?(\"[^\"]*\"|[^\s,\]]+)")
_NUMBER = re.compile(r"-?(?:0x[0-9a-f]+|\d+)\Z")
_BARE_HEX = re.compile(r"[0-9a-f]+\Z")


def number(name: str, text: str) -> Any:
    """A field's value: an int where it is one, by the rule for its name; else the text itself."""
    if _NUMBER.match(text) and (text.startswith(("0x", "-0x")) or name not in HEX):
        return int(text, 16 if "x" in text else 10)
    if _BARE_HEX.match(text) and (name in HEX or name == "ret"):
        return int(text, 16)
    return text.strip('"')


def pairs(text: str) -> dict[str, Any]:
    """The ``name=value`` pairs in a text, under the names of SAME."""
    return {SAME.get(name, name): number(name, value) for name, value in _PAIR.findall(text)}


def canonical(symbol: str) -> str:
    """The 3.10 name of a kernel symbol as a tool prints it, without the compiler's suffixes."""
    return function_name_310(symbol.partition(".")[0])
