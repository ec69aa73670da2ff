"""Text of tracefs (trace, trace_pipe) and of trace-cmd report: functions, kprobe events, hugetlbfs tracepoints.

Documentation/trace/ftrace.rst, kprobetrace.rst. Lines of the function_graph tracer itself: graph.py; trace-cmd puts the
same columns behind ``funcgraph_entry:``.
"""

from __future__ import annotations

import re
from typing import Any

from . import graph, kprobe, markers, printk
from .entry import Entry, Kind, about_huge_pages, canonical, pairs, where

# comm-pid (tgid) [cpu] flags time: event; comm may hold anything, 3.10 has four flags, trace-cmd and old tools none.
# With latency-format the CPU stands before the flags and the time is "12us+". A clock that counts (trace_clock) has
# no point: such a time is not in seconds.
_LINE = re.compile(
    r"\s*(?P<comm>\S.{0,31}?)-(?P<pid>\d{1,10})\s+(?:\(\s*[\d-]+\)\s+)?"
    r"(?:\[(?P<cpu>\d{1,5})\]\s+(?:[\w.#?]{4,8}\s+)?|(?P<at>\d{1,5})[\w.#?]{4,7}\s+)"
    r"(?P<time>\d{1,20}(?:\.\d{1,12})?)(?P<us>us[ +!#*@$]?)?:\s+(?P<body>\S.*)",
    re.ASCII,
)
_LOST = re.compile(r"CPU:\d+ \[LOST (?:(\d{1,18}) )?EVENTS\]", re.ASCII)
_LOST_BY_TRACE_CMD = re.compile(r"(?:CPU:?\s*\d+ )?\[(\d{1,18})? ?EVENTS DROPPED\]", re.IGNORECASE | re.ASCII)
_STACK = re.compile(r"\s*=> {1,2}(?:[\w.$+/]+|\[?<[0-9a-f]+>\]?)(?: \[\w+\])?(?: \(?<?[0-9a-f]+>?\)?)?\s*\Z", re.ASCII)
_OFFSET = r"(?:\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?)?(?: \[\w+\])?(?: <[0-9a-f]+>)?"
_FUNCTION = re.compile(
    r"(?P<name>[A-Za-z_][\w.$]*)" + _OFFSET + r"(?:\((?P<args>.*)\))? <--? ?(?P<caller>[\w.$]+)" + _OFFSET + r"\s*\Z",
    re.ASCII,
)
_TRACEPOINT = re.compile(r"(?P<event>hugetlbfs_\w+): (?P<rest>dev \d+,\d+ .*)")
_WORDS = re.compile(r"\b(\w+) (\S+)")
# System calls have their own form: "sys_mmap(addr: 0, len: a00000)", "sys_mmap -> 0x7f..."; numbers without 0x are hex.
_SYSCALL = re.compile(r"(?:sys_enter_)?(?P<name>sys_\w+)\((?P<args>.*)\)\s*\Z", re.ASCII)
_RESULT = re.compile(r"(?P<name>sys_\w+) -> (?P<ret>0x[0-9a-f]{1,16}|-?\d{1,20})\s*\Z", re.ASCII)
_ARGUMENT = re.compile(r"\b(\w+): (\"[^\"]*\"|[^,\s]+)")
_PRINTS = ("print", "bprint", "bputs")


def read(text: str, line: int) -> Entry | None:
    """A line of the text formats of tracefs, or None."""
    match = _LINE.match(text)
    if match is None:
        return _between(text, line)
    time = float(match["time"]) / 1e6 if match["us"] else float(match["time"]) if "." in match["time"] else None
    return event(match["body"], line, where(time, match["pid"], match["comm"], match["cpu"] or match["at"]))


def _between(text: str, line: int) -> Entry | None:
    """Reads a line between two events: a loss, or the stack of the last event."""
    bare = text.strip()
    if "EVENTS" in bare.upper():
        lost = _LOST.fullmatch(bare) or _LOST_BY_TRACE_CMD.fullmatch(bare)
        return Entry(line, Kind.LOST, fields={"events": int(lost[1] or 0)}) if lost else None
    if bare.startswith("=>") and _STACK.match(text):
        return Entry(line, Kind.OTHER, "stack", fields={"text": bare})
    return None


def event(body: str, line: int, where: dict[str, Any]) -> Entry | None:
    """Reads the text behind the columns."""
    word, colon, rest = body.partition(":")
    if not colon or "(" in word or " " in word:
        return _plain(body, line, where)
    rest = rest.strip()
    if word in ("funcgraph_entry", "funcgraph_exit"):
        return graph.columns(rest, line, where)
    if word == "function":  # trace-cmd
        return _plain(rest, line, where)
    if word in _PRINTS:
        word, colon, rest = rest.partition(":")
        return _written(rest.strip(), line, where) if colon else None
    if word == "tracing_mark_write":
        return _written(rest, line, where)
    tracepoint = _TRACEPOINT.match(body)
    if tracepoint:
        return Entry(line, Kind.POINT, tracepoint["event"], "tracepoint", _words(tracepoint["rest"]), **where)
    probe = kprobe.read(body, line, where)
    if probe:
        return probe
    if word.startswith(("sys_enter_", "sys_exit_")):
        return _syscall(word, rest, line, where)
    if re.fullmatch(r"\w+", word, re.ASCII) and word not in kprobe.EVENTS:  # another event that was switched on
        return _other(word, rest, line, where)
    return None


def _plain(body: str, line: int, where: dict[str, Any]) -> Entry | None:
    """An event without a name of its own: a function, a system call, a stack's head."""
    function = _FUNCTION.match(body)
    if function:
        fields: dict[str, Any] = pairs(function["args"]) if function["args"] else {}
        fields["caller"] = function["caller"]
        return Entry(line, Kind.CALL, canonical(function["name"]), "", fields, **where)
    call = _SYSCALL.match(body)
    if call:
        return Entry(line, Kind.CALL, _entry_of(call["name"]), "syscall", arguments(call["args"]), **where)
    back = _RESULT.match(body)
    if back:
        return Entry(line, Kind.RETURN, _entry_of(back["name"]), "syscall", {"ret": int(back["ret"], 0)}, **where)
    if re.fullmatch(r"<(?:user )?stack trace ?>", body.strip()):
        return Entry(line, Kind.OTHER, "stack", fields={"text": body}, **where)
    return None


def _entry_of(name: str) -> str:
    """sys_openat, as tools call it, by the name that 3.10 has for it."""
    return canonical(f"__x64_{name}")


def _syscall(word: str, rest: str, line: int, where: dict[str, Any]) -> Entry | None:
    """perf's and trace-cmd's form: "sys_enter_mmap: addr: 0x00000000, len: 0x00a00000", "sys_exit_mmap: 0x7f..."."""
    if word.startswith("sys_enter_"):
        name = _entry_of("sys_" + word.removeprefix("sys_enter_"))
        return Entry(line, Kind.CALL, name, "syscall", arguments(rest), **where)
    name = _entry_of("sys_" + word.removeprefix("sys_exit_"))
    ret = re.fullmatch(r"(?:ret=)?(-?\d{1,20}|0x[0-9a-f]{1,16})", rest, re.ASCII)
    return Entry(line, Kind.RETURN, name, "syscall", {"ret": int(ret[1], 0)}, **where) if ret else None


def arguments(text: str) -> dict[str, Any]:
    """``addr: 0, len: a00000`` as fields; numbers are in base 16 with or without 0x."""
    found: dict[str, Any] = {}
    for name, value in _ARGUMENT.findall(text):
        found[name] = int(value, 16) if re.fullmatch(r"(?:0x)?[0-9a-f]{1,16}", value) else value.strip('"')
    return found


def _written(text: str, line: int, where: dict[str, Any]) -> Entry | None:
    """Reads a line that a program or a trace_printk wrote: a mark, a line of the lesson, or other text."""
    mark = markers.read(text, line, **where)
    if mark:
        return mark
    if printk.OURS.search(text):
        return printk.shape(text, line, where["time"], where)
    return None if markers.broken(text) else Entry(line, Kind.OTHER, fields={"text": text}, **where)


def _other(word: str, rest: str, line: int, where: dict[str, Any]) -> Entry | None:
    if printk.OURS.search(rest):  # the event printk:console, or trace_printk
        return printk.shape(rest, line, where["time"], where)
    # An event says something; only a probe's text begins with a place, and only a function's is "name <-caller".
    if not rest or rest.startswith(("(", "tracing_mark_write:")) or "|  " in rest:
        return None
    if _FUNCTION.match(rest) or re.search(r"huge(?!lab)|getlb", word):
        return None
    if about_huge_pages(rest) or markers.broken(rest):
        return None
    return Entry(line, Kind.OTHER, word, "", {"text": rest}, **where)


def _words(text: str) -> dict[str, Any]:
    """``ino 1004 mode 0100755`` as fields; a mode is octal."""
    found: dict[str, Any] = {}
    for name, value in _WORDS.findall(text):
        if name == "mode" and re.fullmatch(r"[0-7]{1,12}", value):
            found[name] = int(value, 8)
        elif re.fullmatch(r"-?\d{1,20}", value, re.ASCII):
            found[name] = int(value)
        elif re.fullmatch(r"0x[0-9a-f]{1,16}", value):
            found[name] = int(value, 16)
        else:
            found[name] = value
    return found
