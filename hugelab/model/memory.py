"""Contents of pages: the bytes that programs stored, by frame; a page without an entry is all zeros.

``hstate.memory`` maps frames to a tag ``((offset, byte), ...)``, so a million pages with the same byte are one run.
"""

from __future__ import annotations

from ..core.runs import Run
from ..linux.structs import hstate


def _change(h: hstate, frames: Run, start: int, end: int, tag: object) -> None:
    """Give new contents to the frames [start, end) of ``frames``, the frames of the current row."""
    back = frames.step < 0
    first = frames.value - (end - 1) if back else start - frames.value
    with h.state.units_of(first, first + end - start):
        h.memory.cut(start, end, backwards=back)
        if tag:
            h.memory.put(Run(start, end - start, tag=tag), backwards=back)


def store(h: hstate, frames: Run, offset: int, byte: int) -> None:
    """Store the low 8 bits of ``byte`` at the same offset (bytes) of every page."""
    byte %= 256
    low, high = frames.bounds
    held = h.memory.within(low, high)
    empty = h.memory.gaps(low, high) if byte else []
    for run in held:
        before = dict(run.tag)
        if before.get(offset, 0) != byte:
            _change(h, frames, run.start, run.end, tuple(sorted((before | {offset: byte}).items())))
    for start, end in empty:
        _change(h, frames, start, end, ((offset, byte),))


def load(h: hstate, frames: Run, offset: int) -> list[int]:
    """The byte at an offset of every page, in the order of the run."""
    low, high = frames.bounds
    found = [0] * (high - low)
    for run in h.memory.within(low, high):
        found[run.start - low : run.end - low] = [dict(run.tag).get(offset, 0)] * run.count
    return found if frames.step >= 0 else found[::-1]


def copy_huge_page(h: hstate, old: Run, new: Run) -> None:
    """Copy the contents of pages, one after another, to new pages, which are zero."""
    for run in h.memory.within(*old.bounds):
        ends = (new.value + (f - old.value) * (old.step or 1) * (new.step or 1) for f in (run.start, run.end - 1))
        first, last = sorted(ends)
        _change(h, new, first, last + 1, run.tag)


def clear(h: hstate, frames: Run) -> None:
    """Zero whole pages."""
    for run in h.memory.within(*frames.bounds):
        _change(h, frames, run.start, run.end, None)


def zero(h: hstate, frame: int, start: int, end: int) -> None:
    """Zero the bytes [start, end) of one page."""
    for run in h.memory.within(frame, frame + 1):
        kept = tuple((offset, byte) for offset, byte in run.tag if not start <= offset < end)
        if kept != run.tag:
            _change(h, Run(0, 1, frame), frame, frame + 1, kept)
