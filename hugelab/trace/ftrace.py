"""Text of tracefs (trace, trace_pipe) and of trace-cmd report: functions, kprobe events, hugetlbfs tracepoints.

Documentation/trace/ftrace.rst, kprobetrace.rst. Lines of the function_graph tracer itself: graph.py; trace-cmd puts the
same columns behind ``funcgraph_entry:``.
"""

from __future__ import annotations

import re
from typing import Any

from . import graph, kprobe, markers
from .entry import Entry, Kind, canonical

# comm-pid [cpu] flags time: event; comm may hold anything, 3.10 has four flags, trace-cmd and old tools none.
_LINE = re.compile(
    r"\s*(?P<comm>.*\S)-(?P<pid>\d+)\s+(?:\(\s*[\d-]+\)\s+)?\[(?P<cpu>\d+)\]\s+"
    r"(?:[\w.#]{4,8}\s+)?(?P<time>\d+\.\d+):\s+(?P<body>\S.*)"
)
_LOST = re.compile(r"CPU:\d+ \[LOST (\d+) EVENTS\]")
_LOST_BY_TRACE_CMD = re.compile(r"(?:CPU:?\s*\d+ )?\[(\d+)? ?EVENTS DROPPED\]", re.IGNORECASE)
_FUNCTION = re.compile(r"(?:function:\s+)?(?P<name>[\w.$]+) <--? ?(?P<caller>[\w.$]+)(?:\+0x[0-9a-f/x]+)?\s*\Z")
_TRACEPOINT = re.compile(r"(?P<event>hugetlbfs_\w+): (?P<rest>dev \d+,\d+ .*)")
_WORDS = re.compile(r"(\w+) (\S+)")


def read(text: str, line: int) -> Entry | None:
    """A line of the text formats of tracefs, or None."""
    match = _LINE.match(text)
    if match is None:
        lost = _LOST.match(text.strip()) or _LOST_BY_TRACE_CMD.match(text.strip())
        return Entry(line, Kind.LOST, fields={"events": int(lost[1] or 0)}) if lost else None
    where: dict[str, Any] = {
        "time": float(match["time"]),
        "pid": int(match["pid"]),
        "comm": match["comm"],
        "cpu": int(match["cpu"]),
    }
    return event(match["body"], line, where)


def event(body: str, line: int, where: dict[str, Any]) -> Entry | None:
    """What stands behind the columns."""
    word, colon, rest = body.partition(":")
    rest = rest.strip()
    if colon and word == "print":
        word, colon, rest = rest.partition(":")
        rest = rest.strip()
        if not colon:
            return None
        return markers.read(rest, line, **where) or Entry(line, Kind.OTHER, fields={"text": rest}, **where)
    if colon and word == "tracing_mark_write":
        return markers.read(rest, line, **where) or Entry(line, Kind.OTHER, fields={"text": rest}, **where)
    if colon and word in ("funcgraph_entry", "funcgraph_exit"):
        return graph.columns(rest, line, where)
    function = _FUNCTION.match(body)
    if function:
        return Entry(line, Kind.CALL, canonical(function["name"]), "", {"caller": function["caller"]}, **where)
    tracepoint = _TRACEPOINT.match(body)
    if tracepoint:
        return Entry(line, Kind.POINT, tracepoint["event"], "tracepoint", _words(tracepoint["rest"]), **where)
    probe = kprobe.read(body, line, where)
    if probe:
        return probe
    if colon and re.fullmatch(r"\w+", word):  # another event that somebody switched on
        return Entry(line, Kind.OTHER, word, "", {"text": rest}, **where)
    return None


def _words(text: str) -> dict[str, Any]:
    """``ino 1004 mode 0100755`` as fields; a mode is octal."""
    found: dict[str, Any] = {}
    for name, value in _WORDS.findall(text):
        if name == "mode":
            found[name] = int(value, 8)
        elif re.fullmatch(r"-?\d+", value):
            found[name] = int(value)
        elif value.startswith("0x"):
            found[name] = int(value, 16)
        else:
            found[name] = value
    return found
