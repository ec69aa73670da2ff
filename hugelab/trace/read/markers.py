"""Reads the marks that a traced program writes into the log: PROG, STEP, RET, SNAP, PAGE, and its name after a fork."""

from __future__ import annotations

import re
from typing import Any

from ...core.state import Counters
from .entry import LONGEST_NUMBER, Entry, Kind, pairs

_MARK = re.compile(r"(?P<word>PROG|STEP|RET|SNAP|PAGE|CHILD|PARENT)\b ?(?P<rest>.*)", re.DOTALL)
_NODE = re.compile(r"\bn(\d{1,4})=(\d{1,18})/(\d{1,18})/(\d{1,18})", re.ASCII)
_COUNTS = re.compile(
    r"\b(?:free=\d+ (?:rsvd|resv)=|(?:rsvd|resv)=\d+ surp=|total=\d+ free=|va=0x[0-9a-f]+ pfn=|pfn=\d+ node=|"
    r"pid=\d+ bits=\d|RET \w+ = |STEP \d+ [a-z])"
)

_WORDS = ("PROG", "STEP", "RET", "SNAP", "PAGE", "CHILD", "PARENT")
# A mark with one wrong letter, or with one too many before it.
_ALMOST = re.compile(
    r".?(?:(?:STEP|.TEP|S.EP|ST.P|STE.).?\d+ \w|RET \w|(?:.ET|R.T|RE.) \w+ = |RET.\w+ = |(?:SNAP|PAGE|PROG) \w)",
    re.ASCII,
)


def read(text: str, line: int, **where: Any) -> Entry | None:
    """A mark, or None if the text is none. ``where`` is what the line's own format adds (time, pid, ...)."""
    match = _MARK.match(text)
    if match is None:
        return None
    word, rest = match["word"], match["rest"].rstrip()
    fields: dict[str, Any] = {"text": rest}
    if word == "STEP":
        number, _, what = rest.partition(" ")
        if not (number.isascii() and number.isdigit()) or len(number) > LONGEST_NUMBER:
            return None
        fields = {"number": int(number), "text": what}
    elif word in ("SNAP", "PAGE", "PROG"):
        fields |= pairs(_NODE.sub("", rest))
        needed = {"SNAP": Counters._fields, "PAGE": ("va", "pfn")}.get(word, ())
        if not all(isinstance(fields.get(name), int) for name in needed):
            return None
        if word == "SNAP":
            fields["nodes"] = {int(n): (int(a), int(b), int(c)) for n, a, b, c in _NODE.findall(rest)}
    return Entry(line, Kind.MARK, word, "", fields, **where)


def broken(text: str) -> bool:
    """Whether a text that read() does not take has a mark's counters or almost its word: it was a mark once."""
    cut = text.strip()
    return any(word.startswith(cut) for word in _WORDS if cut) or any(
        pattern(text) is not None for pattern in (_MARK.match, _ALMOST.match, _COUNTS.search)
    )
