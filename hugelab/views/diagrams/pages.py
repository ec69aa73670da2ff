"""Names for pages: each frame of a pool has a letter and a colour, and keeps them wherever the page goes."""

import string
from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

from ...core.units import size_name
from ...linux.structs import hstate
from ...record.recording import Recording
from ..theme import PAGE_COLOURS


class _Stretch(NamedTuple):
    """Frames ``low .. high`` of a page size in the order they are named: from ``first`` on, up or down."""

    low: int
    high: int
    first: int
    number: int  # of ``first``


_low = itemgetter(0)


class Names:
    """The letters of a recording's pages: A is the first page that the pool hands out."""

    def __init__(self, recording: Recording):
        self._stretches: dict[int, list[_Stretch]] = {}
        self._others: dict[tuple[int, int], int] = {}
        self._next = 0
        for size, first, last in _in_order(recording):
            self._add(size, first, last)

    def _add(self, size: int, first: int, last: int) -> None:
        """Name the frames ``first .. last``, up or down, that have no name yet."""
        known, step = self._stretches.setdefault(size, []), 1 if last >= first else -1
        while (last - first) * step >= 0:
            i = bisect_right(known, first, key=_low)
            if i and first <= known[i - 1].high:
                first = known[i - 1].high + 1 if step > 0 else known[i - 1].low - 1
                continue
            end = last
            if step > 0 and i < len(known):
                end = min(last, known[i].low - 1)
            elif step < 0 and i:
                end = max(last, known[i - 1].high + 1)
            known.insert(i, _Stretch(min(first, end), max(first, end), first, self._next))
            self._next += abs(end - first) + 1
            first = end + step

    def _number(self, size: int, frame: int) -> int:
        known = self._stretches.get(size, [])
        i = bisect_right(known, frame, key=_low) - 1
        if i >= 0 and frame <= known[i].high:
            return known[i].number + abs(frame - known[i].first)
        if (size, frame) not in self._others:
            self._others[size, frame] = self._next
            self._next += 1
        return self._others[size, frame]

    def letter(self, h: hstate, frame: int) -> str:
        """A, B, ... Z, AA, AB ..."""
        letters, rest = "", self._number(h.size, frame)
        while rest >= 0:
            letters, rest = string.ascii_uppercase[rest % 26] + letters, rest // 26 - 1
        return letters

    def colour(self, h: hstate, frame: int) -> str:
        """The style of a page's cell."""
        return f"hl-p{self._number(h.size, frame) % len(PAGE_COLOURS)}"

    def token(self, h: hstate, frame: int) -> str:
        """The page's name in ``data-p`` of a picture: the same in every view."""
        return f"{size_name(h.size)}:{self.letter(h, frame)}"


def _in_order(recording: Recording) -> Iterator[tuple[int, int, int]]:
    """Page size, first and last frame: the free lists at the start, top first; then what events meet, step by step."""
    yield from _free(recording, recording.booted)
    ends = {recording.place(step.last)[0]: step.last for step in recording.steps if step.last >= step.first}
    for number, row in enumerate(recording.rows):
        if row.frame is not None:
            yield row.size, row.frame, row.frame + (row.n - 1) * row.frame_step
        if number in ends:
            yield from _free(recording, ends[number])


def _free(recording: Recording, index: int) -> Iterator[tuple[int, int, int]]:
    """The free lists after an event, in the order in which they are handed out."""
    for h in recording.at(index).pools:
        for run in (run for node in h.nodes for run in reversed(list(node.freelist))):
            yield h.size, run.at(run.end - 1), run.value
