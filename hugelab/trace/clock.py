"""Times and durations: lines are in order, and a call takes as long as the calls in it."""

from __future__ import annotations

from .entry import Entry, Kind
from .verdict import Verdicts

# printk's clock is that of each CPU, so neighbours may be a little out of order; ring buffers are merged by time.
SLACK = 0.0005  # seconds
# kernel/trace/trace_output.c: what stands before a duration, and from how many microseconds on
MARKS = (("$", 1e6), ("@", 1e5), ("*", 1e4), ("#", 1e3), ("!", 100.0), ("+", 10.0))
MOST_DEEP = 256


def _mark(took: float) -> str:
    """What stands before a duration of so many microseconds."""
    if took <= 10:
        return ""
    return next(sign for sign, least in MARKS if took > least)


def _fits(took: float, mark: str) -> bool:
    """A mark that is not that of the number and still right: rounded at the edge, or before 4.x ("!" was the last)."""
    return (mark == "!" and took > 100) or any(abs(took - least) < 0.001 * least for _, least in MARKS)


class Clock:
    """Checks that time runs forward, line by line; the line that jumped is the one that its neighbours outvote."""

    def __init__(self, verdicts: Verdicts):
        self.verdicts = verdicts
        self._before: Entry | None = None
        self._last: Entry | None = None
        self._odd: Entry | None = None  # the line that fell back, until the next one has spoken
        self._calls: dict[object, list[float]] = {}  # task -> time spent in calls below, by depth

    def feed(self, entry: Entry) -> None:
        """Look at one line."""
        if "took" in entry.fields or entry.fields.get("leaf") is False:
            self._duration(entry)
        if entry.time is None or entry.kind in (Kind.NOTE, Kind.COUNTERS):
            return
        if self._odd is not None and self._settle(entry.time):
            self._last = entry
            return
        before, last = self._before, self._last
        if last is not None and last.time is not None and entry.time < last.time - SLACK:
            if before is None or before.time is None or before.time <= entry.time + SLACK:
                self._wrong(last, entry)
                self._last = entry
            else:
                self._odd = entry
            return
        self._before, self._last = last, entry

    def _settle(self, time: float) -> bool:
        """A line fell back: if the next goes on from there, a clock was set anew and nothing is wrong."""
        odd, self._odd = self._odd, None
        assert odd is not None and odd.time is not None and self._last is not None and self._last.time is not None
        if odd.time - SLACK <= time < self._last.time - SLACK:
            self._before = odd
            return True
        self._wrong(odd, self._last)
        return False

    def _wrong(self, odd: Entry, other: Entry) -> None:
        text = f"time {odd.time:.6f} does not fit between its neighbours (line {other.line}: {other.time:.6f})"
        self.verdicts.contradicts(odd.line, "clock", text)

    def restart(self) -> None:
        """Another part of the file, with a clock of its own."""
        self._before = self._last = self._odd = None

    def _duration(self, entry: Entry) -> None:
        took = entry.fields.get("took")
        if took is not None:
            mark = entry.fields["mark"]
            if mark != _mark(took) and not _fits(took, mark):
                wanted = _mark(took)
                text = (
                    f"{took} us has the mark {mark or 'of less than 10 us'!r}, its time asks for {wanted or 'none'!r}"
                )
                self.verdicts.contradicts(entry.line, "clock", text)
        calls = self._calls.setdefault(entry.pid if entry.pid is not None else entry.cpu, [])
        if entry.kind is Kind.CALL and entry.fields.get("leaf") is False:
            calls.append(0.0)
            if len(calls) > MOST_DEEP:
                del calls[0]
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
