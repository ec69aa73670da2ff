"""Reads a log that is in memory, in slices: whoever waits for it sees how far it is, and can stop."""

import io

from ..core.units import count
from ..record.source import Progress, Work
from .detective import Detective, conclude
from .read.source import Source
from .report import Report

EVERY = 2000  # lines between two looks at the clock


class _Named(io.BytesIO):
    """Bytes that know which file they were."""

    def __init__(self, name: str, data: bytes):
        super().__init__(data)
        self.name = name


def read(name: str, data: bytes) -> Work[Report]:
    """As ``examine``, in slices. Raises LogError for what is no log of huge pages."""
    source, detective = Source(), Detective()
    for number, line in enumerate(source.lines(_Named(name, data)), 1):
        detective.feed(line, number)
        if number % EVERY == 0:
            yield Progress(f"{name}: {count(number, 'line')}", min(source.bytes_read / len(data), 1.0))
    yield Progress(f"{name}: summing up", None)
    return conclude(detective, source, name)
