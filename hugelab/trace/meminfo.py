"""Snapshots of /proc/meminfo, one after the other, with or without a time before each.

Such a log has no event: it shows the pool at moments. A snapshot is whole with its HugePages_Surp line.
"""

from __future__ import annotations

import re
from datetime import datetime

from .entry import Entry, Kind

_LINE = re.compile(r"(?P<name>[A-Z]\w*(?:\(\w+\))?):\s+(?P<value>\d+)(?P<unit> kB)?\s*\Z")
_FIELDS = {"HugePages_Total": "nr", "HugePages_Free": "free", "HugePages_Rsvd": "resv", "HugePages_Surp": "surp"}
_TIME = re.compile(
    r"(?:[-=# ]*)(?P<time>\d{9,10}(?:\.\d+)?|"
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)[-= ]*\Z"
)
_DATE = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) .*\d\d:\d\d:\d\d.*\d{4}\Z")


class Snapshots:
    """Reads lines of /proc/meminfo and gives the counters when a snapshot is whole."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._time: float | None = None

    def read(self, text: str, line: int) -> Entry | None:
        """A line of a snapshot or a time between two, or None."""
        match = _LINE.match(text)
        if match is None:
            return self._moment(text.strip(), line)
        field = _FIELDS.get(match["name"])
        if field is None:
            return Entry(line, Kind.OTHER, match["name"])
        if field == "nr":
            self._seen = {}
        self._seen[field] = int(match["value"])
        if field != "surp" or len(self._seen) < 4:
            return Entry(line, Kind.NOTE, match["name"], fields={field: self._seen[field]})
        seen, self._seen = self._seen, {}
        return Entry(line, Kind.COUNTERS, "meminfo", "", seen, self._time)

    def _moment(self, text: str, line: int) -> Entry | None:
        found = _TIME.match(text)
        if found:
            value = found["time"].replace(",", ".")
            try:
                seconds = float(value) if ":" not in value else datetime.fromisoformat(value).timestamp()
            except ValueError:  # a month 13
                return None
            self._time = seconds
            return Entry(line, Kind.NOTE, time=self._time)
        return Entry(line, Kind.NOTE) if _DATE.match(text) else None
