"""Snapshots of /proc/meminfo, one after the other, with or without a time before each.

Such a log has no event: it shows the pool at moments. A snapshot is whole with its HugePages_Surp line.
"""

from __future__ import annotations

import re

from ...linux.meminfo import COUNTERS, read_line
from .entry import Entry, Kind, seconds

_TIME = re.compile(r"[-=# ]*(?P<time>\d{4}.*?|\d{10}\S*|[A-Z][a-z]{2},? .*?)[-= ]*\Z", re.ASCII)
_CLOCK = re.compile(r"(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d(?:\.\d+)?)\Z|(?P<up>\d{1,12}\.\d\d) \d+\.\d\d\Z", re.ASCII)
_BETWEEN = re.compile(r"(?:-{2,}|={2,}|\*{2,}|Every \d+\.\d+s: .*meminfo.*)\Z")
LONGEST = 100  # characters of a line with a time


class Snapshots:
    """Reads lines of /proc/meminfo and gives the counters when a snapshot is whole."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._lines: dict[str, int] = {}
        self._time: float | None = None

    def read(self, text: str, line: int) -> Entry | None:
        """A line of a snapshot or a time between two, or None."""
        found = read_line(text)
        if found is None:
            return self._moment(text.strip(), line) if len(text) <= LONGEST else None
        name, value = found.name, found.value
        field = COUNTERS.get(name)
        if (field is None) != found.kb:
            return None
        if field is None:
            if name == "Hugepagesize":
                return Entry(line, Kind.NOTE, name, fields={"size": value << 10})
            return Entry(line, Kind.OTHER, name)
        if found.node is not None:
            return Entry(line, Kind.NOTE, name, fields={"node": found.node, field: value})
        if field == "total":
            self._seen = {}
        self._seen[field] = value
        self._lines[field] = line
        if field != "surp" or len(self._seen) < 4:
            return Entry(line, Kind.NOTE, name, fields={field: value})
        seen, self._seen = self._seen, {}
        return Entry(line, Kind.COUNTERS, "meminfo", "", seen | {"lines": dict(self._lines)}, self._time)

    def _moment(self, text: str, line: int) -> Entry | None:
        if _BETWEEN.match(text):
            return Entry(line, Kind.NOTE)
        clock = _CLOCK.match(text)
        if clock:  # date +%T, or /proc/uptime
            up = clock["up"]
            time = float(up) if up else int(clock["h"]) * 3600 + int(clock["m"]) * 60 + float(clock["s"])
        else:
            found = _TIME.match(text)
            moment = seconds(found["time"]) if found else None
            if moment is None:
                return None
            time = moment
        self._time = time
        return Entry(line, Kind.NOTE, time=time)
