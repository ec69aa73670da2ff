"""perf: ``perf script`` with probe events, and ``perf trace`` with system calls and page faults.

tools/perf/Documentation/perf-script.txt, perf-trace.txt. perf trace numbers time from its own start, in milliseconds.
"""

from __future__ import annotations

import re
from typing import Any

from . import ftrace, kprobe
from .entry import Entry, Kind, about_huge_pages, canonical, number, where

# comm pid/tid [cpu] time: period event: what it says; -F leaves out what it is told to.
_SCRIPT = re.compile(
    r"\s*(?P<comm>[^\s\[\]][^\[\]]{0,31}?)(?:\s{1,24}(?:-?\d+/)?(?P<pid>-?\d{1,10}))?"
    r"\s{1,24}(?:\[(?P<cpu>\d{1,5})\]\s+)?(?P<time>\d{1,20}\.\d{1,12}):\s+"
    r"(?:(?P<record>PERF_RECORD_\w+)(?P<about>.*)|(?:\d+\s+)?(?P<event>\S{1,256}?):(?:\s+(?P<rest>.*))?\Z)",
    re.ASCII,
)
_PROBE_ON = re.compile(
    r"\s+\w+:(?P<event>\w+)\s+\(on (?P<symbol>[\w.$]+)(?P<back>%return)?(?:[+@:%][^()]*?)?(?: with [^()]*)?\)\s*\Z",
    re.ASCII,
)
_FRAME = re.compile(r"\s+[0-9a-f]{1,16} [^()]\S*(?: [^()]\S*)* \([^()]+\)(?: \([^()]+\))?\s*\Z")
_NOISE = re.compile(
    r"perf version \S+|'trace' not valid for [\w-]+ events\. Ignoring\.|\[ perf record: .*\]|Added new events?:|"
    r"You can now use it (?:in|on) all perf tools, such as:|\s*perf record -e .*|Removed event: .*|"
    r"Warning:|Processed \d+ events and lost \d+ chunks!|Check IO/CPU overload!|"
    # perf trace -s
    r"\s*Summary of events:|\s*\S.{0,31} \(\d+\), \d+ events?, \d+\.\d%|\s*syscall\s+calls\s.*|\s*\(msec\)[\s()%msec]*|"
    r"[\s-]{20,}|\s+\w+\s+\d+\s+(?:\d+\s+)?\d+\.\d+\s+\d+\.\d+\s+\d+\.\d+\s+\d+\.\d+\s+\d+\.\d+%"
)
_RECORD = re.compile(r"\s{0,64}(?P<record>PERF_RECORD_\w+)(?P<about>.*)", re.ASCII)
_LOST = re.compile(r"(?:LOST (?P<count>\d{1,18}) events!|.*\blost:?\s?(?P<said>\d{1,18}))\s*\Z")
# time (duration): comm/tid what: time is ? where the call began before perf did.
_TRACE = re.compile(
    r"\s*(?P<time>\?|\d{1,20}\.\d{1,12})(?P<took> \(\s{0,16}(?:\d+\.\d+ ms)?\s{0,16}\):)?"
    r"\s+(?:(?P<comm>\S.{0,31}?)/(?P<pid>\d{1,10})\s+)?"
    r"(?P<what>(?:\.\.\. \[continued\]: |\w+\(|m(?:aj|in)fault |\w+:\w+[(:]).*)",
    re.ASCII,
)
_CALL = re.compile(
    r"(?:\.\.\. \[continued\]: )?(?P<call>\w+)\((?P<args>.*?)\)?\)(?:\s*\.\.\.)?\s*(?:= (?P<ret>\S.*))?\Z", re.ASCII
)
_RET = re.compile(
    r"(?P<ret>-?\d{1,20}|0x[0-9a-f]{1,16}|\?)(?: (?P<error>E[A-Z0-9]+))?(?: \(.*\))?(?:\s.*)?\Z", re.ASCII
)
_FAULT = re.compile(r"(?P<kind>m(?:aj|in)fault) \[(?P<code>.{0,256}?)\] => (?P<data>\S.*) \((?P<map>\S{1,3})\)\s*\Z")
_EVENT = re.compile(r"(?P<group>\w+):(?P<event>\w+):?(?P<rest>\(.*)", re.ASCII)
_ARGUMENT = re.compile(r"\b(\w+): (\"[^\"]*\"|[^,]+)")


class Script:
    """perf script and perf trace. The lines of ``perf probe`` before it say which function an event stands on."""

    def __init__(self) -> None:
        self._functions: dict[str, str] = {}

    def read(self, text: str, line: int) -> Entry | None:
        """A line of perf script or of what perf says around it, or None."""
        match = _SCRIPT.match(text)
        if match:
            return self._sample(match, line)
        on = _PROBE_ON.match(text)
        if on:
            if len(self._functions) < 4096:
                self._functions[on["event"]] = on["symbol"]
            return Entry(line, Kind.NOTE, fields={"probe": on["symbol"]})
        bare = _RECORD.match(text)
        if bare:
            return _record(bare["record"], bare["about"], line, {})
        if text.startswith("LOST "):
            lost = _LOST.match(text)
            return Entry(line, Kind.LOST, fields={"events": int(lost["count"] or 0)}) if lost else None
        if _NOISE.fullmatch(text.rstrip()) or _FRAME.match(text):
            return Entry(line, Kind.NOTE)
        return None

    def _sample(self, match: re.Match[str], line: int) -> Entry | None:
        group, _, name = (match["event"] or "").partition(":")
        if match["pid"] is None and not name and (match["cpu"] is None or not match["record"]):
            return None  # "Figure 3.1: words": prose
        comm, pid = match["comm"], match["pid"]
        if pid is None and re.fullmatch(r"(?:\d+/)?\d{1,10}", comm, re.ASCII):  # -F without comm
            comm, pid = "", comm.rpartition("/")[2]
        at = where(float(match["time"]), pid, comm, match["cpu"])
        if match["record"]:
            return _record(match["record"], match["about"], line, at)
        rest = match["rest"] or ""
        sampled = _FRAME.match(f" {rest}") is not None  # what the task was doing, not what the event says
        if rest and not sampled and re.fullmatch(r"[A-Za-z_]\w*:[A-Za-z_]\w*", match["event"], re.ASCII):
            whole = f"{name}: {rest}"
            probe = kprobe.read(whole, line, at, self._functions)
            if probe:
                return probe
            if not group.startswith(("probe", "kprobe")):
                return ftrace.event(whole, line, at)
        if group.startswith(("probe", "kprobe")) or (not sampled and (rest.startswith("(") or about_huge_pages(rest))):
            return None
        return Entry(line, Kind.OTHER, match["event"], "", {"text": rest}, **at)

    def trace(self, text: str, line: int) -> Entry | None:
        """A line of perf trace: a system call, a page fault, a probe. ``time`` from its start, in seconds."""
        match = _TRACE.match(text)
        if match is None:
            return None
        at = where(None if match["time"] == "?" else float(match["time"]) / 1000, match["pid"], match["comm"])
        what = match["what"]
        fault = _FAULT.match(what)
        if fault:
            fields = {"text": what[len(fault["kind"]) :].strip(), **_location(fault["data"])}
            return Entry(line, Kind.POINT, "user_access", fault["kind"], fields, **at)
        event = _EVENT.match(what)
        if event:
            return self._event(event, line, at)
        call = _CALL.match(what) if match["took"] else None
        return _call(call, line, at) if call else None

    def _event(self, event: re.Match[str], line: int, where: dict[str, Any]) -> Entry | None:
        """ "probe:fault:(ffffffff813135c0) addr=0x1)"; since 5.x "probe:fault(__probe_ip: 1, addr: 2)"."""
        rest, name = event["rest"], event["event"]
        probe = kprobe.read(f"{name}: {rest}", line, where, self._functions)
        if probe is None and rest.endswith(")") and rest.count("(") < rest.count(")"):  # its own closing bracket
            probe = kprobe.read(f"{name}: {rest[:-1]}", line, where, self._functions)
        if probe:
            return probe
        if not rest.endswith(")"):
            return None
        fields = {key: number(key, value.strip()) for key, value in _ARGUMENT.findall(rest[1:-1])}
        if not event["group"].startswith(("probe", "kprobe")):
            return Entry(line, Kind.OTHER, name, "", {"text": rest}, **where)
        back = "__probe_ret_ip" in fields or name.endswith("__return")
        symbol = self._functions.get(name)
        kind = Kind.RETURN if back else Kind.CALL
        return Entry(line, kind, canonical(symbol) if symbol else kprobe.named(name), name, fields, **where)


def _record(record: str, about: str, line: int, where: dict[str, Any]) -> Entry:
    """Reads the lines of perf about the recording itself: losses, programs, their mappings."""
    if not record.startswith("PERF_RECORD_LOST"):
        return Entry(line, Kind.OTHER, record, "", {"text": about.strip()}, **where)
    lost = _LOST.match(about)
    return Entry(line, Kind.LOST, fields={"events": int(lost["said"] or 0) if lost else 0}, **where)


def _call(call: re.Match[str], line: int, where: dict[str, Any]) -> Entry | None:
    fields = {name: number(name, value.strip()) for name, value in _ARGUMENT.findall(call["args"])}
    if call["ret"] is not None:
        ret = _RET.match(call["ret"])
        if ret is None:
            return None
        if ret["ret"] != "?":  # exit_group never comes back
            fields["ret"] = number("ret", ret["ret"])
        if ret["error"]:
            fields["error"] = ret["error"]
    return Entry(line, Kind.POINT, canonical(f"__x64_sys_{call['call']}"), "syscall", fields, **where)


def _location(text: str) -> dict[str, Any]:
    """``/mnt/huge/file@0x200000`` -> file and offset; ``0x7f8549600000`` or ``heap+0x10`` -> as far as it says."""
    file, at, offset = text.rpartition("@")
    number_ = re.fullmatch(r"0x[0-9a-f]{1,16}", offset)
    if at:
        return {"file": file, "offset": int(offset, 16)} if number_ else {"file": file}
    return {"addr": int(offset, 16)} if number_ else {}
