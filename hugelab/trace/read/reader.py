"""Lines of a log -> Entries. The format is found line by line: a log may hold several, one after the other or mixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from . import bpftrace, ftrace, graph, headers, markers, meminfo, perf, printk
from .entry import EVENTS, Entry, Kind

Read = Callable[[str, int], Entry | None]
SHOWN = 20  # lines that were not understood, word for word


class Reader:
    """Reads lines one by one, and counts what it read. The line that is not understood is counted and kept."""

    def __init__(self) -> None:
        script, snapshots = perf.Script(), meminfo.Snapshots()
        self._readers: list[tuple[str, Read]] = [
            *(("kernel log", printk.read), ("ftrace", ftrace.read), ("graph", graph.read), ("bpftrace", bpftrace.read)),
            *(("perf script", script.read), ("perf trace", script.trace), ("meminfo", snapshots.read)),
            *(("marks", markers.read), ("", headers.read)),
        ]
        self._braces = graph.Braces()
        self._trace_cmd = False
        self.lines = self.events = self.unread = self.other = 0
        self.shown: list[tuple[int, str]] = []  # the first lines that were not understood
        self.formats: Counter[str] = Counter()

    def read(self, text: str, line: int) -> Entry | None:
        """The line's Entry, or None if no reader understands it. ``line`` counts from 1."""
        self.lines += 1
        if not text or text[0] == "#":
            entry, name = headers.read(text, line), ""
        else:
            entry, name = self._any(text, line)
        if entry is None:
            self.unread += 1
            if len(self.shown) < SHOWN:
                self.shown.append((line, text))
            return None
        kind = entry.kind
        if name == "graph" or (name == "ftrace" and not entry.moment):
            entry = self._braces.name(entry)
        if kind in EVENTS or kind is Kind.COUNTERS:
            self.events += 1
            self.formats[_format(name, entry)] += 1
        elif kind is Kind.MARK:
            self.formats["marks"] += 1
        elif kind is Kind.OTHER:
            self.other += 1
            self.formats["other"] += 1
        if not self._trace_cmd:
            head = kind is Kind.NOTE and text.startswith(("cpus=", "# trace-cmd"))
            self._trace_cmd = head or (name == "ftrace" and ": funcgraph_e" in text)
        return entry

    def _any(self, text: str, line: int) -> tuple[Entry | None, str]:
        readers = self._readers
        for at, (name, read) in enumerate(readers):
            entry = read(text, line)
            if entry is not None:
                if at:  # what fitted last is tried first
                    readers.insert(0, readers.pop(at))
                return entry, name
        if printk.OURS.search(text):  # one of the lesson's lines behind unknown columns (a console, grep)
            return printk.shape(text, line, None), "kernel log"
        return None, ""

    def understood(self, line: int) -> None:
        """The line that was read last no longer counts as not understood."""
        self.unread -= 1
        if self.shown and self.shown[-1][0] == line:
            self.shown.pop()

    @property
    def format(self) -> str:
        """The log's formats, in words; "" for a log without an event or mark."""
        found = [name for name, _ in self.formats.most_common() if name not in ("marks", "other")]
        if not found and self.formats:
            return "marks of the program" if self.formats["marks"] else "kernel log without a huge page line"
        if {"function_graph", "kprobe events"} <= set(found):
            found = ["function_graph with kprobe comments", *(set(found) - {"function_graph", "kprobe events"})]
        return ", ".join(found) + (" (trace-cmd report)" if self._trace_cmd and found and "ftrace" not in found else "")


def _format(name: str, entry: Entry) -> str:
    if name == "kernel log":
        return "printk"
    if entry.kind is Kind.POINT and entry.moment == "tracepoint":
        return "hugetlbfs tracepoints"
    if name in ("ftrace", "graph"):
        if entry.moment:
            return "kprobe events"
        return "ftrace function" if "caller" in entry.fields else "function_graph"
    return name


def entries(lines: Iterable[str], reader: Reader | None = None) -> Iterator[Entry]:
    """The Entries of lines, in order; what is not understood is counted by ``reader``."""
    reader = reader or Reader()
    for number, text in enumerate(lines, 1):
        entry = reader.read(text.rstrip("\r\n"), number)
        if entry is not None:
            yield entry
