"""Reads the output of recipes/hugetlb.bt: ``nanoseconds comm pid event name=value ...``, an event a line."""

from __future__ import annotations

import re
from typing import Any

from . import kprobe, markers
from .entry import Entry, Kind, pairs

_HEAD = r"(?P<ns>\d{6,20}) (?P<comm>\S.{0,31}?) (?P<pid>\d{1,10}) "
_LINE = re.compile(_HEAD + r"(?P<event>[a-z_]+)(?P<rest>(?: \w+=\S+)*)\s*\Z", re.ASCII)
_MARK = re.compile(_HEAD + r"(?P<text>(?:PROG|STEP|RET|SNAP|PAGE|CHILD|PARENT)\b.*)\Z", re.ASCII)
_NOISE = re.compile(
    r"bpftrace v\S+|Attach(?:ing|ed) \d+ probes?\.*|(?:WARNING: )?Lost (?P<lost>\d{1,18}) events?|"
    r"(?:\S+: )?WARNING: .*|Tracing .*Ctrl-C.*|"
    # maps, printed at the end: a value, a histogram, a stack
    r"@\w*(?:\[.*\])?:.*|@\w*\[|\[[-\d(].{0,40}[\])]\s+\d+ \|[@ ]*\||\]: .+"
)
# An event is printed when its function comes back, if it says what came out.
RETURNS = frozenset(("alloc", "dequeue", "buddy_alloc"))


def read(text: str, line: int) -> Entry | None:
    """A line of the script's output or of bpftrace itself, or None."""
    if text[:6].isdigit():
        mark = _MARK.match(text)
        if mark:
            return markers.read(mark["text"], line, **_where(mark))
        match = _LINE.match(text)
        if match is None or not _known(match["event"]):
            return None
        event = match["event"]
        kind = Kind.RETURN if event in RETURNS or event.endswith("_ret") else Kind.CALL
        return Entry(line, kind, kprobe.named(event), event, pairs(match["rest"]), **_where(match))
    noise = _NOISE.fullmatch(text.strip())
    if noise is None:
        return None
    if noise["lost"]:
        return Entry(line, Kind.LOST, fields={"events": int(noise["lost"])})
    return Entry(line, Kind.NOTE)


def _known(event: str) -> bool:
    """The script's own events, and functions that a user added to it."""
    word = event.removesuffix("_ret")
    return word in kprobe.EVENTS or word.startswith(("region_", "huge")) or "huge" in kprobe.named(word)


def _where(match: re.Match[str]) -> dict[str, Any]:
    return {"time": int(match["ns"]) / 1e9, "pid": int(match["pid"]), "comm": match["comm"]}
