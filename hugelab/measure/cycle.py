"""One cycle of pointers through all lines of a buffer, in random order, so that no load can be predicted.

A line is a cache line of 64 bytes; its first 8 bytes are the address of the next line.
"""

from __future__ import annotations

import ctypes
import random
from array import array

from ..core.units import BASE_PAGE_SIZE as PAGE

LINE = 64  # bytes
LINES = PAGE // LINE  # lines in a page
WORD = 8  # bytes


def place(line: int, packed: bool = False) -> int:
    """The offset of a line in the buffer, in bytes.

    With one line a page, the offset in the page differs in each of 64 pages, as lines at the same offset would share a
    set of the cache and evict each other. ``packed``: one line after the other.
    """
    return line * LINE if packed else line * PAGE + line % LINES * LINE


class Cycle:
    """A cycle through ``count`` lines, one a page or ``packed``, which can be written to any number of buffers."""

    def __init__(self, count: int, packed: bool = False, seed: int = 1):
        order = list(range(count))
        random.Random(seed).shuffle(order)
        places = [place(line, packed) for line in order]
        following = [0] * count
        for line, after in zip(order, places[1:] + places[:1], strict=True):
            following[line] = after
        self.count, self.packed, self.start = count, packed, places[0]
        self.following = following  # by line: the place of the next line

    def write(self, address: int) -> int:
        """Write the cycle to the buffer at ``address``; returns the address of its first line."""
        pointers = array("Q", [address + place for place in self.following])
        words = self.count * (LINE if self.packed else PAGE) // WORD
        memory = memoryview((ctypes.c_uint64 * words).from_address(address)).cast("B").cast("Q")
        if self.packed:
            memory[:: LINE // WORD] = memoryview(pointers)
        else:
            # Lines with the same offset in their page have equal distances: one slice for each offset.
            for k in range(min(LINES, self.count)):
                memory[place(k) // WORD :: LINES * PAGE // WORD] = memoryview(pointers[k::LINES])
        return address + self.start
