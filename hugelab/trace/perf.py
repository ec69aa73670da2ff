"""perf: ``perf script`` with probe events, and ``perf trace`` with system calls and page faults.

tools/perf/Documentation/perf-script.txt, perf-trace.txt. perf trace numbers time from its own start, in milliseconds.
"""

from __future__ import annotations

import re
from typing import Any

from . import kprobe
from .entry import Entry, Kind, canonical, number
from .ftrace import event as ftrace_event

_SCRIPT = re.compile(
    r"\s*(?P<comm>\S.*?)\s+(?P<pid>\d+)(?:/\d+)?\s+(?:\[(?P<cpu>\d+)\]\s+)?(?P<time>\d+\.\d+):\s+"
    r"(?:\d+\s+)?(?P<group>\w+):(?P<event>\w+):\s*(?P<rest>.*)"
)
_PROBE_ON = re.compile(
    r"\s+\w+:(?P<event>\w+)\s+\(on (?P<symbol>[\w.$]+)(?P<back>%return)?(?:[+@:%].*?)?(?: with .*)?\)\s*\Z"
)
_FRAME = re.compile(r"\s+[0-9a-f]{6,16} .+ \(.+\)\s*\Z")
_NOISE = re.compile(
    r"perf version \S+|'trace' not valid for [\w-]+ events\. Ignoring\.|\[ perf record: .*\]|Added new events?:|"
    r"You can now use it in all perf tools, such as:|\s*perf record -e .*|Removed event: .*|\s*\? *\(.*\): .*"
)
_TRACE = re.compile(
    r"\s*(?P<time>\d+\.\d+) \(\s*(?:(?P<took>\d+\.\d+) ms)?\s*\): (?:(?P<comm>\S.*?)/(?P<pid>\d+) )?"
    r"(?:\.\.\. \[continued\]: )?(?P<call>\w+)\((?P<args>.*?)\)(?:\s+\.\.\.)?\s*(?:= (?P<ret>.*))?\Z"
)
_FAULT = re.compile(
    r"\s*(?P<time>\d+\.\d+) \(\s*(?:\d+\.\d+ ms)?\s*\): (?P<comm>\S.*?)/(?P<pid>\d+) "
    r"(?P<kind>m(?:aj|in)fault)\s*(?P<rest>.*)"
)
_ARGUMENT = re.compile(r"(\w+): ([^,]+)")


class Script:
    """perf script. The lines of ``perf probe`` before it say which function an event stands on."""

    def __init__(self) -> None:
        self._functions: dict[str, str] = {}

    def read(self, text: str, line: int) -> Entry | None:
        """A line of perf script or of what perf says around it, or None."""
        match = _SCRIPT.match(text)
        if match:
            where: dict[str, Any] = {
                "time": float(match["time"]),
                "pid": int(match["pid"]),
                "comm": match["comm"],
                "cpu": int(match["cpu"]) if match["cpu"] else None,
            }
            whole = f"{match['event']}: {match['rest']}"
            found = kprobe.read(whole, line, where, self._functions) or ftrace_event(whole, line, where)
            return found or Entry(line, Kind.OTHER, match["event"], "", {"text": match["rest"]}, **where)
        on = _PROBE_ON.match(text)
        if on:
            self._functions[on["event"]] = on["symbol"]
            return Entry(line, Kind.NOTE, fields={"probe": on["symbol"]})
        if _NOISE.fullmatch(text.rstrip()) or _FRAME.match(text):
            return Entry(line, Kind.NOTE)
        return None


def trace(text: str, line: int) -> Entry | None:
    """A line of perf trace: a system call with its result, or a page fault. ``time`` from its start, in seconds."""
    fault = _FAULT.match(text)
    match = fault or _TRACE.match(text)
    if match is None:
        return None
    where: dict[str, Any] = {
        "time": float(match["time"]) / 1000,
        "pid": int(match["pid"]) if match["pid"] else None,
        "comm": match["comm"] or "",
    }
    if fault:
        return Entry(line, Kind.POINT, "user_access", match["kind"], {"text": match["rest"]}, **where)
    fields = {name: number(name, value.strip()) for name, value in _ARGUMENT.findall(match["args"])}
    if match["ret"] is not None:
        ret = match["ret"].split(" ")[0]
        fields["ret"] = number("ret", ret)
    return Entry(line, Kind.POINT, canonical(f"sys_{match['call']}"), "syscall", fields, **where)
