"""The lesson's printk lines, in dmesg, /dev/kmsg, a syslog or a journal; linux.lines has their shapes."""

from __future__ import annotations

import re
from typing import Any

from ...linux.lines import LINES, line_pattern
from . import markers
from .entry import HEX, LONGEST_NUMBER, SAME, Entry, Kind, seconds

_PATTERNS = [(line, line_pattern(line)) for line in LINES]
# [<level>] [date [host kernel:]] [[time]] [host kernel:] [[ T123]] text: dmesg with its options, syslog, journalctl.
_PREFIX = re.compile(
    r"(?:<\d{1,3}>|[a-z0-9]{2,8} *:[a-z]{3,7} *: )?"
    r"(?:(?P<date>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?|"
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)"
    r" +(?P<host>\S{1,64} (?:kernel:|(?P<who>[\w./()@-]{1,64}\[\d+\]:)) ?)?)?"
    r"(?:\[(?:\s*(?P<time>\d{1,12}\.\d{1,9})(?: ?<\s*\+?\d+\.\d+>)?|"
    r"(?P<day>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})|"
    r"(?:[A-Z][a-z]{2} ?\d+ \d\d:\d\d|\s*\+\d+\.\d+))\](?: \S{1,64} kernel:)?)?"
    r"(?:\[\s*(?:T(?P<task>\d{1,10})|C\d+)\])?\s*(?P<text>.*)",
    re.ASCII,
)
_KMSG = re.compile(r"\d{1,4},\d+,(?P<us>\d{1,18}),[^;]{1,64};(?P<text>.*)", re.ASCII)
OURS = re.compile(r"HUGETLB_TRACE|HUGEPAGE_[A-Z]+|HUGETLBFS_[A-Z]+|HUGETLB_EXTRA")
# Parts of the lesson's lines, two or more in each: one that lost a part still shows the other.
_NEARLY = re.compile(
    r"HUGE[A-Z]{0,16}_|[A-Z]_(?:TRACE|INODE|CREATE|EXTRA|DEQUEUE|CLOSE)\b|"
    r"\w_\w{1,64}\(\) ?(?:START|SUCCESS|FAILED|- |from=)|"
    r"hstate|free_pages=|free_hugepages=|' in hugetlbfs|new inode, mode=0x|created inode \d|\bPID \d+ (?:got|closing)|"
    r"got page [0-9a-f]|closing hugepage|page=[0-9a-f]+, pfn=|vma=\[0x|, avoid_reserve="
)
_TEXT = ("file", "fn")


def read(text: str, line: int) -> Entry | None:
    """A kernel log line: one of the lesson's, a mark, or another part of the kernel; None if it is none of these.

    A line with one of the lesson's words and an unknown shape is None: it ought to be understood.
    """
    kmsg = _KMSG.match(text)
    match = kmsg or _PREFIX.match(text)
    if match is None or (kmsg is None and match.end("text") - match.start("text") == len(text)):
        return None
    said = match["text"]
    where: dict[str, Any] = {}
    if kmsg:
        time: float | None = int(kmsg["us"]) / 1e6
    else:
        date = match["day"] or match["date"]
        time = float(match["time"]) if match["time"] else seconds(date) if date else None
        if match["date"] and not match["host"] and (not said or match["date"][4:5] != "-"):
            return None  # a date alone
        if not match["date"] and "]" not in text[: match.start("text")]:
            return None  # "kern  :info  : " alone
        if match["task"]:
            where["pid"] = int(match["task"])
    if OURS.search(said):
        return shape(said, line, time, where)
    mark = markers.read(said, line, time=time, **where)
    if mark:
        return mark
    if not (match["who"] if kmsg is None else "") and (_nearly(said) or markers.broken(said)):
        return None
    return Entry(line, Kind.OTHER, fields={"text": said}, time=time, **where)


def shape(text: str, line: int, time: float | None, where: dict[str, Any] | None = None) -> Entry | None:
    """The line of the lesson's that stands in a text; ``fields["text"]`` is the whole of it."""
    for known, pattern in _PATTERNS:
        match = pattern.search(text)
        if match is None:
            continue
        groups = match.groupdict()
        if any(len(value) > LONGEST_NUMBER for name, value in groups.items() if name not in _TEXT):
            return None
        fields: dict[str, Any] = {SAME.get(name, name): _value(name, value) for name, value in groups.items()}
        fields["text"] = match[0]
        if where:
            at = {**where, "time": time, "pid": fields.get("pid", where.get("pid"))}
            return Entry(line, Kind.POINT, known.name, known.moment, fields, **at)
        return Entry(line, Kind.POINT, known.name, known.moment, fields, time, fields.get("pid"))
    return None


def _nearly(text: str) -> bool:
    """Whether a text is one of the lesson's lines with a part wrong or cut off."""
    if 0 < len(text) < 18:
        return any(line.text.startswith(text) for line in LINES)
    return _NEARLY.search(text) is not None


def _value(name: str, text: str) -> Any:
    if name in _TEXT:
        return text
    return int(text, 16) if name in HEX else int(text)
