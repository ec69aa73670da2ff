"""What a traced program writes into the log itself: PROG, STEP, RET, SNAP, PAGE and who it is after a fork."""

from __future__ import annotations

import re
from typing import Any

from .entry import Entry, Kind, pairs

_MARK = re.compile(r"(?:(?P<word>PROG|STEP|RET|SNAP|PAGE|CHILD|PARENT)\b ?)(?P<rest>.*)", re.DOTALL)
_NODE = re.compile(r"\bn(\d+)=(\d+)/(\d+)/(\d+)")


def read(text: str, line: int, **where: Any) -> Entry | None:
    """A mark, or None if the text is none. ``where`` is what the line's own format adds (time, pid, ...)."""
    match = _MARK.match(text)
    if match is None:
        return None
    word, rest = match["word"], match["rest"].rstrip()
    fields: dict[str, Any] = {"text": rest}
    if word == "STEP":
        number, _, what = rest.partition(" ")
        if not number.isdigit():
            return None
        fields = {"number": int(number), "text": what}
    elif word in ("SNAP", "PAGE", "PROG"):
        fields |= pairs(_NODE.sub("", rest))
        if word == "SNAP":
            if not {"nr", "free", "resv", "surp"} <= fields.keys():
                return None
            fields["nodes"] = {int(n): (int(a), int(b), int(c)) for n, a, b, c in _NODE.findall(rest)}
        if word == "PAGE" and not {"va", "pfn"} <= fields.keys():
            return None
    return Entry(line, Kind.MARK, word, "", fields, **where)
