"""Times and durations: lines are in order, and a call takes as long as the calls in it."""

from __future__ import annotations

from collections import deque

from ..read.entry import Entry, Kind
from ..verdict import Verdicts

# Seconds. printk's clock is that of each CPU, so neighbours may be a little out of order; a recorder that names CPUs
# has put its buffers together by time, and prints whole microseconds.
SLACK, MERGED = 0.0001, 0.0000015
# kernel/trace/trace_output.c: what stands before a duration, and from how many microseconds on
MARKS = (("$", 1e6), ("@", 1e5), ("*", 1e4), ("#", 1e3), ("!", 100.0), ("+", 10.0))
MOST_DEEP = 256
MOST_TASKS = 1024


def _mark(took: float) -> str:
    """The sign that the kernel prints before a duration of so many microseconds."""
    if took <= 10:
        return ""
    return next(sign for sign, least in MARKS if took > least)


def _fits(took: float, mark: str) -> bool:
    """A mark that is not that of the number and still right: rounded at the edge, or before 4.x ("!" was the last)."""
    return (mark == "!" and took > 100) or any(abs(took - least) < 0.001 * least for _, least in MARKS)


class _Order:
    """Lines of one clock, in order: the one that jumped is the one that its neighbours outvote."""

    def __init__(self, verdicts: Verdicts, slack: float):
        self.verdicts = verdicts
        self.slack = slack
        self._before: tuple[float, int] | None = None  # time, line
        self._last: tuple[float, int] | None = None
        self._odd: tuple[float, int] | None = None  # the line that fell back, until the next one has spoken

    def feed(self, entry: Entry, time: float) -> None:
        """The next line."""
        now = (time, entry.line)
        if self._odd is not None and self._settle(time):
            self._last = now
            return
        before, last = self._before, self._last
        if last is not None and time < last[0] - self.slack:
            if before is None or before[0] <= time + self.slack:
                self._wrong(last, now)
                self._last = now
            else:
                self._odd = now
            return
        self._before, self._last = last, now

    def _settle(self, time: float) -> bool:
        """A line fell back: if the next goes on from there, a clock was set anew and nothing is wrong."""
        odd, self._odd = self._odd, None
        assert odd is not None and self._last is not None
        if odd[0] - self.slack <= time < self._last[0] - self.slack:
            self._before = odd
            return True
        self._wrong(odd, self._last)
        return False

    def finish(self) -> None:
        """No line comes any more."""
        if self._odd is not None and self._last is not None:
            self._wrong(self._odd, self._last)
        self._odd = None

    def _wrong(self, odd: tuple[float, int], other: tuple[float, int]) -> None:
        text = f"time {odd[0]:.6f} does not fit between its neighbours (line {other[1]}: {other[0]:.6f})"
        self.verdicts.contradicts(odd[1], "clock", text)


class Clock:
    """Checks that time runs forward, and that durations are possible."""

    def __init__(self, verdicts: Verdicts):
        self.verdicts = verdicts
        self._orders: dict[object, _Order] = {}  # by process, or "merged"
        self._marked = False  # some duration has a mark
        self._unmarked: tuple[int, float] | None = None  # the first that should have one, while none had
        self._calls: dict[object, deque[float]] = {}  # task -> time spent in calls below, by depth

    def feed(self, entry: Entry) -> None:
        """Look at one line."""
        if "took" in entry.fields or entry.fields.get("leaf") is False:
            self._duration(entry)
        if entry.time is None or entry.kind in (Kind.NOTE, Kind.COUNTERS):
            return
        # bpftrace empties the buffer of one CPU after the other, and does not say which
        key: object = entry.pid if entry.cpu is None else "merged"
        if key not in self._orders:
            if len(self._orders) >= MOST_TASKS:
                self._orders.clear()
            self._orders[key] = _Order(self.verdicts, SLACK if entry.cpu is None else MERGED)
        self._orders[key].feed(entry, entry.time)

    def switched(self) -> None:
        """Another task runs on a CPU, in a trace that does not name tasks: whose calls are open is not known."""
        for key in [key for key in self._calls if not isinstance(key, tuple)]:
            del self._calls[key]

    def finish(self) -> None:
        """The last line has no line after it, and only now it is known whether durations have marks."""
        self.restart()
        if self._marked and self._unmarked:
            line, took = self._unmarked
            self.verdicts.contradicts(line, "clock", f"{took} us without a mark: its time asks for {_mark(took)!r}")

    def lost(self) -> None:
        """Lines are missing: which calls are open is not known."""
        self._calls.clear()
        self.restart()

    def restart(self) -> None:
        """Another part of the file, with a clock of its own."""
        for order in self._orders.values():
            order.finish()
        self._orders.clear()

    def _duration(self, entry: Entry) -> None:
        took = entry.fields.get("took")
        if took is not None:
            mark = entry.fields["mark"]
            self._marked |= mark != ""
            wanted = _mark(took)
            if mark == "" and wanted and not self._marked and not _fits(took, mark):
                self._unmarked = self._unmarked or (entry.line, took)  # a trace without marks has none
            elif mark != wanted and not _fits(took, mark):
                has, asks = f"the mark {mark!r}" if mark else "no mark", repr(wanted) if wanted else "none"
                self.verdicts.contradicts(entry.line, "clock", f"{took} us has {has}, its time asks for {asks}")
        if len(self._calls) > MOST_TASKS:
            self._calls.clear()
        key = ("task", entry.pid) if entry.pid is not None else entry.cpu
        calls = self._calls.setdefault(key, deque(maxlen=MOST_DEEP))
        if entry.kind is Kind.CALL and entry.fields.get("leaf") is False:
            calls.append(0.0)
            return
        if took is None:
            return
        if entry.kind is Kind.RETURN:
            inside = calls.pop() if calls else 0.0
            if inside > took * 1.01 + 1:
                text = f"the call took {took} us, and the calls in it {inside:.3f} us"
                self.verdicts.contradicts(entry.line, "clock", text)
        if calls:
            calls[-1] += took
