"""What pages hold: the bytes a program stored, by frame; a page without an entry is all zeros.

``hstate.memory`` maps frames to a tag ``((offset, byte), ...)``, so a million pages with the same byte are one run.
"""

from __future__ import annotations

from ..runs import Run
from ..structs import hstate


def _ends(frames: Run) -> tuple[int, int]:
    """The frames a run covers as a range, whichever way it goes."""
    first, last = frames.value, frames.at(frames.end - 1)
    return min(first, last), max(first, last) + 1


def store(h: hstate, frames: Run, offset: int, byte: int) -> None:
    """Store one byte at the same offset (bytes) of every page."""
    low, high = _ends(frames)
    for run in h.memory.within(low, high):
        held = dict(run.tag)
        if held.get(offset, 0) != byte:
            h.memory.cut(run.start, run.end)
            tag = tuple(sorted((held | {offset: byte}).items()))
            h.memory.put(run._replace(tag=tag))
    if byte:
        for start, end in h.memory.gaps(low, high):
            h.memory.put(Run(start, end - start, tag=((offset, byte),)))


def load(h: hstate, frames: Run, offset: int) -> list[int]:
    """The byte at an offset of every page, in the order of the run."""
    low, high = _ends(frames)
    found = [0] * (high - low)
    for run in h.memory.within(low, high):
        found[run.start - low : run.end - low] = [dict(run.tag).get(offset, 0)] * run.count
    return found if frames.step >= 0 else found[::-1]


def copy_huge_page(h: hstate, old: Run, new: Run) -> None:
    """Copy the contents of pages, one after another, to new ones (which are zero)."""
    low, high = _ends(old)
    for run in h.memory.within(low, high):
        first, last = ((f - old.value) * (old.step or 1) for f in (run.start, run.end - 1))
        targets = sorted(new.value + i * new.step for i in (first, last))
        h.memory.put(Run(targets[0], targets[1] - targets[0] + 1, tag=run.tag))


def clear(h: hstate, frames: Run) -> None:
    """The contents are gone."""
    h.memory.cut(*_ends(frames))
