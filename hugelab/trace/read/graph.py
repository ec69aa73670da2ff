"""The function_graph tracer: with or without times, tasks, arguments, return values and names at the closing brace.

Documentation/trace/ftrace.rst, "function graph tracer". A closing brace without a name (3.10) is given the name of the
call that it closes: a Reader remembers the open calls of each task.
"""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache
from typing import Any

from . import kprobe, markers, printk
from .entry import Entry, Kind, about_huge_pages, canonical, pairs

_TOOK = r"(?:(?P<mark>[+!#*@$])?\s{0,16}(?P<took>\d{1,20}(?:\.\d{1,12})?) us\s*)?"
# Runs of blanks have bounds: a line of nothing else would be tried in as many ways as it is long, squared.
# time |  cpu)  comm-pid  |  flags |  + took us  |  code: each but the code may be switched off.
_LINE = re.compile(
    r"\s{0,64}(?:(?P<time>\d{1,20}\.\d{1,12})\s{1,16}\|\s{1,16})?"
    r"(?:(?P<cpu>\d{1,5})\)\s{0,32})?"
    r"(?:(?P<comm>[^\s|][^|]{0,31}?)-(?P<pid>\d{1,10})\s{1,32}(?:\|\s{1,32})?)?"
    r"(?:[\w.#?]{4,8}\s{1,32}(?:\|\s{1,32})?)?" + _TOOK + r"\|(?P<code>  .*)",
    re.ASCII,
)
_COLUMNS = re.compile(_TOOK + r"\|(?P<code>  .*)", re.ASCII)
_NO_BAR = re.compile(
    r"\s*(?:(?P<time>\d{1,20}\.\d{1,12})\s+\|\s+)?(?P<cpu>\d{1,5})\)  (?P<code>.*)", re.ASCII
)  # nofuncgraph-duration
_TAIL = r"\s*(?:(?:/\*(?P<tail>.*)\*/|\((?P<ret>ret ?=[^()]*)\))\s*)?\Z"
_CALL = re.compile(r"(?P<name>[A-Za-z_][\w.$]*)(?: \[\w+\])?\((?P<args>.*?)\)(?P<end>;| \{)" + _TAIL, re.ASCII)
_CLOSE = re.compile(r"\}" + _TAIL, re.ASCII)
_CLOSES = re.compile(r"\s*(?!ret\b)[A-Za-z_][\w.$]*", re.ASCII)
_CALLER = re.compile(r"<-\s*(?P<caller>[\w.$]+)", re.ASCII)
_RETVAL = re.compile(r"(?:\bret ?|(?<!\S))=\s*(?P<ret>-?(?:0x)?[0-9a-f]{1,16}|true|false)\b")
# What stands between the lines of two tasks or around an interrupt, with the options for it.
_BETWEEN = re.compile(
    r"\s*(?:-{10,}|(?:\| ?)?\d+\)\s{1,20}\S[^|=]{0,31}-\d+\s{1,20}=>\s{1,20}\S[^|=]{0,31}-\d+|\(Overruns: \d+\)|"
    r"(?:\d+\.\d+ \|\s{1,8})?(?:\d+\)\s{1,20})?(?:\S[^|]{0,31}-\d+\s{1,20}\|\s{1,20})?(?:[\w.#?]{4,8}\s{1,8}\|\s{1,8})?"
    r"(?:={5,}>|<={5,})\s*\|?)\s*\Z",
    re.ASCII,
)
DEEPEST = 256  # calls; the kernel's own stack has no more
MOST_TASKS = 4096  # with calls open at the same time

Parsed = tuple[Kind, str, dict[str, Any]]


def columns(text: str, line: int, where: dict[str, Any]) -> Entry | None:
    """``+ 23.664 us | func();`` as trace-cmd writes it behind its own columns."""
    match = _COLUMNS.match(text)
    if match is None:
        return None
    at = (where["time"], where["pid"], where["comm"], where["cpu"])
    return _entry(line, match["code"].strip(), match["took"], match["mark"], at)


def read(text: str, line: int) -> Entry | None:
    """A line of the function_graph tracer, or None."""
    match = _LINE.match(text)
    if match is None:
        return _unusual(text, line)
    time, cpu, comm, pid, mark, took, code = match.groups()
    at = (float(time) if time else None, int(pid) if pid else None, comm or "", int(cpu) if cpu else None)
    found = _entry(line, code.strip(), took, mark, at)
    if found is None:
        return _unusual(text, line)
    if not (time or cpu or pid or took) and (found.kind is Kind.OTHER or not text.startswith(" " * 8)):
        return None  # a bar and two words are no trace yet
    return found


def _unusual(text: str, line: int) -> Entry | None:
    if len(text) < 160 and _BETWEEN.match(text):
        return Entry(line, Kind.OTHER, fields={"text": text.strip()})
    bare = _NO_BAR.match(text)
    parsed = _parsed(bare["code"].strip()) if bare else None
    if bare is None or parsed is None:
        return None
    return Entry(line, *parsed[:2], "", parsed[2], float(bare["time"]) if bare["time"] else None, cpu=int(bare["cpu"]))


def _entry(
    line: int, code: str, took: str | None, mark: str | None, at: tuple[float | None, int | None, str, int | None]
) -> Entry | None:
    parsed = _parsed(code)
    if parsed is None:
        if not code.startswith("/*") or not code.endswith("*/"):
            return None
        time, pid, comm, cpu = at
        return _comment(code[2:-2].strip(), line, {"time": time, "pid": pid, "comm": comm, "cpu": cpu})
    kind, name, fields = parsed
    if took:
        fields = {**fields, "took": float(took), "mark": mark or ""}
    return Entry(line, kind, name, "", fields, *at)


@lru_cache(4096)  # a trace says the same few things again and again
def _parsed(code: str) -> Parsed | None:
    call = _CALL.match(code)
    if call:
        fields = pairs(call["args"]) if call["args"] else {}
        fields["leaf"] = call["end"] == ";"
        fields |= _returned(call["tail"] or call["ret"])
        return Kind.CALL, canonical(call["name"]), fields
    close = _CLOSE.match(code)
    if close is None:
        return None
    name = _CLOSES.match(close["tail"] or "")
    return Kind.RETURN, canonical(name[0].strip()) if name else "", _returned(close["tail"] or close["ret"])


def _returned(tail: str | None) -> dict[str, Any]:
    """Reads the comment behind a call or its end: the returned value and the caller (funcgraph-retval, -retaddr)."""
    if not tail:
        return {}
    found, caller = _RETVAL.search(tail), _CALLER.search(tail)
    fields: dict[str, Any] = {"caller": caller["caller"]} if caller else {}
    if found:
        text = {"true": "1", "false": "0"}.get(
            found["ret"], found["ret"]
        )  # by the function's type, where that is known
        fields["returned"] = int(text, 16 if "x" in text or re.search("[a-f]", text) else 10)
    return fields


def _comment(text: str, line: int, where: dict[str, Any]) -> Entry | None:
    """A mark, a kprobe event, or another event or text that was written into the trace."""
    found = markers.read(text, line, **where) or kprobe.read(text, line, where)
    if found:
        return found
    if printk.OURS.search(text):
        return printk.shape(text, line, where["time"], where)
    if re.match(r"\w+:\s*(?:\(|\Z)", text) or about_huge_pages(text) or markers.broken(text):
        return None
    return Entry(line, Kind.OTHER, fields={"text": text}, **where)


class Braces:
    """Gives a bare ``}`` the name of the call that it closes."""

    def __init__(self) -> None:
        self._open: dict[Any, deque[str]] = {}

    def name(self, entry: Entry) -> Entry:
        """The same entry, with a name if its log has shown it."""
        key = entry.cpu if entry.pid is None else entry.pid
        if entry.kind is Kind.CALL and not entry.fields.get("leaf", True):
            if key not in self._open and len(self._open) >= MOST_TASKS:
                self._open.clear()
            self._open.setdefault(key, deque(maxlen=DEEPEST)).append(entry.name)
        elif entry.kind is Kind.RETURN and not entry.moment and key in self._open:
            calls = self._open[key]
            last = calls.pop()
            if not calls:
                del self._open[key]
            return entry if entry.name else entry._replace(name=last)
        return entry
