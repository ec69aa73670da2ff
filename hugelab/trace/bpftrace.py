"""What recipes/hugetlb.bt prints: ``nanoseconds comm pid event name=value ...``, an event a line."""

from __future__ import annotations

import re
from typing import Any

from . import kprobe, markers
from .entry import Entry, Kind, pairs

_LINE = re.compile(r"(?P<ns>\d+) (?P<comm>\S.*?) (?P<pid>\d+) (?P<event>[a-z_]+)(?P<rest>(?: \w+=\S+)*)\s*\Z")
_MARK = re.compile(r"(?P<ns>\d+) (?P<comm>\S.*?) (?P<pid>\d+) (?P<text>(?:PROG|STEP|RET|SNAP|PAGE|CHILD|PARENT)\b.*)\Z")
_NOISE = re.compile(r"bpftrace v\S+|Attach(?:ing|ed) \d+ probes?\.*|Lost (?P<lost>\d+) events?|@\w*(?:\[.*\])?: .*")
# An event is printed when its function comes back, if it says what came out.
RETURNS = frozenset(("alloc", "dequeue", "buddy_alloc"))


def read(text: str, line: int) -> Entry | None:
    """A line of the script's output or of bpftrace itself, or None."""
    mark = _MARK.match(text)
    if mark:
        return markers.read(mark["text"], line, **_where(mark))
    match = _LINE.match(text)
    if match:
        event = match["event"]
        back = event in RETURNS or event.endswith("_ret")
        kind = Kind.RETURN if back else Kind.CALL
        return Entry(line, kind, kprobe.named(event), event, pairs(match["rest"]), **_where(match))
    noise = _NOISE.fullmatch(text.strip())
    if noise is None:
        return None
    if noise["lost"]:
        return Entry(line, Kind.LOST, fields={"events": int(noise["lost"])})
    return Entry(line, Kind.NOTE)


def _where(match: re.Match[str]) -> dict[str, Any]:
    return {"time": int(match["ns"]) / 1e9, "pid": int(match["pid"]), "comm": match["comm"]}
