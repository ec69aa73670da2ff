"""The function_graph tracer: with or without times, tasks, arguments, return values and names at the closing brace.

Documentation/trace/ftrace.rst, "function graph tracer". A closing brace without a name (3.10) is given the name of the
call that it closes: a Reader remembers the open calls of each task.
"""

from __future__ import annotations

import re
from typing import Any

from . import kprobe, markers
from .entry import Entry, Kind, canonical, pairs

_LINE = re.compile(
    r"\s*(?:(?P<time>\d+\.\d+)\s+\|\s+)?"
    r"(?:(?P<cpu>\d+)\)\s*)?"
    r"(?:(?P<comm>\S[^|]*?)-(?P<pid>\d+)\s+(?:\|\s+)?)?"
    r"(?:[\w.#]{4,5}\s+)?"
    r"(?:(?P<mark>[+!#*@$])?\s*(?P<took>\d+\.\d+) us\s+)?"
    r"\|(?P<code>  .*)"
)
_COLUMNS = re.compile(r"(?:(?P<mark>[+!#*@$])?\s*(?P<took>\d+\.\d+) us\s+)?\|(?P<code>  .*)")
_CALL = re.compile(r"(?P<name>[\w.$]+)(?: \[\w+\])?\((?P<args>.*)\)(?P<end>;| \{)(?P<tail>.*)")
_CLOSE = re.compile(r"\}(?: /\* (?P<tail>.*?) \*/)?\s*\Z")
_RETVAL = re.compile(r"(?:ret ?=|=)\s*(?P<ret>-?(?:0x)?[0-9a-f]+)")
_SWITCH = re.compile(r"\s*(?:-{10,}|\d+\)\s+\S.*-\d+\s+=>\s+.*-\d+)\s*\Z")
_IRQ = re.compile(r"\s*(?:\d+\.\d+ \|\s+)?\d+\)[^|]*(?:={5,}>|<={5,})\s*\|?.*\Z")
DEEPEST = 256  # calls; the kernel's own stack has no more


def columns(text: str, line: int, where: dict[str, Any]) -> Entry | None:
    """``+ 23.664 us | func();`` as trace-cmd writes it behind its own columns."""
    match = _COLUMNS.match(text)
    return _code(match, line, where) if match else None


def read(text: str, line: int) -> Entry | None:
    """A line of the function_graph tracer, or None."""
    match = _LINE.match(text)
    if match is None:
        if _SWITCH.match(text) or _IRQ.match(text):
            return Entry(line, Kind.OTHER, fields={"text": text.strip()})
        return None
    time, cpu, pid = match["time"], match["cpu"], match["pid"]
    if time is None and cpu is None and match["took"] is None:
        return None
    where: dict[str, Any] = {
        "time": float(time) if time else None,
        "pid": int(pid) if pid else None,
        "comm": match["comm"] or "",
        "cpu": int(cpu) if cpu else None,
    }
    return _code(match, line, where)


def _code(match: re.Match[str], line: int, where: dict[str, Any]) -> Entry | None:
    code = match["code"].strip()
    took = match["took"]
    fields: dict[str, Any] = {"took": float(took), "mark": match["mark"] or ""} if took else {}
    call = _CALL.match(code)
    if call:
        if call["args"]:
            fields |= pairs(call["args"])
        fields["leaf"] = call["end"] == ";"
        if call["tail"]:
            fields |= _returned(call["tail"])
        return Entry(line, Kind.CALL, canonical(call["name"]), "", fields, **where)
    if code.startswith("/*"):
        return _comment(code.removeprefix("/*").removesuffix("*/").strip(), line, where)
    close = _CLOSE.match(code)
    if close:
        tail = close["tail"] or ""
        name = re.match(r"(?!ret\b)[\w.$]+", tail)
        fields |= _returned(tail)
        return Entry(line, Kind.RETURN, canonical(name[0]) if name else "", "", fields, **where)
    return None


def _returned(tail: str) -> dict[str, Any]:
    found = _RETVAL.search(tail)
    if found is None:
        return {}
    text = found["ret"]
    return {"returned": int(text, 16 if "x" in text or re.search("[a-f]", text) else 10)}


def _comment(text: str, line: int, where: dict[str, Any]) -> Entry | None:
    found = markers.read(text, line, **where) or kprobe.read(text, line, where)
    return found or Entry(line, Kind.OTHER, fields={"text": text}, **where)


class Braces:
    """Gives a bare ``}`` the name of the call that it closes."""

    def __init__(self) -> None:
        self._open: dict[Any, list[str]] = {}

    def name(self, entry: Entry) -> Entry:
        """The same entry, with a name if its log has shown it."""
        if entry.kind is Kind.CALL:
            if not entry.fields.get("leaf", True):
                calls = self._open.setdefault(entry.pid if entry.pid is not None else entry.cpu, [])
                calls.append(entry.name)
                if len(calls) > DEEPEST:
                    del calls[0]
            return entry
        if entry.kind is not Kind.RETURN or entry.moment:
            return entry
        calls = self._open.get(entry.pid if entry.pid is not None else entry.cpu, [])
        last = calls.pop() if calls else ""
        return entry._replace(name=last) if not entry.name and last else entry
