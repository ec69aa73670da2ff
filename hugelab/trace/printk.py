"""The lesson's printk lines, in dmesg, /dev/kmsg, a syslog or a journal; flow.LINES is their one table."""

from __future__ import annotations

import re
from typing import Any

from .. import flow
from . import markers
from .entry import HEX, Entry, Kind

_PATTERNS = [(line, flow.line_pattern(line)) for line in flow.LINES]
_TIME = re.compile(r"(?:<\d+>)?\[\s*(?P<time>\d+\.\d+)\](?:\[\s*[CT]\d+\])?\s*(?P<text>.*)")
_SYSLOG = re.compile(r"\S.*\bkernel: ?(?P<text>.*)")
_OURS = re.compile(r"HUGETLB_TRACE|HUGEPAGE_[A-Z]+|HUGETLBFS_[A-Z]+|HUGETLB_EXTRA")
_TEXT = ("file", "fn")


def read(text: str, line: int) -> Entry | None:
    """A kernel log line: one of the lesson's, a mark, or another part of the kernel; None if it is none of these.

    A line with one of the lesson's words and an unknown shape is None: it ought to be understood.
    """
    stamp = _TIME.search(text)
    time = float(stamp["time"]) if stamp else None
    if _OURS.search(text):
        return shape(text, line, time)
    if stamp is None:
        syslog = _SYSLOG.match(text)
        return Entry(line, Kind.OTHER, fields={"text": syslog["text"]}) if syslog else None
    mark = markers.read(stamp["text"], line, time=time)
    return mark or Entry(line, Kind.OTHER, fields={"text": stamp["text"]}, time=time)


def shape(text: str, line: int, time: float | None) -> Entry | None:
    """The line of the lesson's that stands in a text; ``fields["text"]`` is the whole of it."""
    for known, pattern in _PATTERNS:
        match = pattern.search(text)
        if match:
            fields: dict[str, Any] = {name: _value(name, value) for name, value in match.groupdict().items()}
            fields["text"] = match[0]
            return Entry(line, Kind.POINT, known.name, known.moment, fields, time, fields.get("pid"))
    return None


def _value(name: str, text: str) -> Any:
    if name in _TEXT:
        return text
    return int(text, 16) if name in HEX else int(text)
