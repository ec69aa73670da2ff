"""Memory of one kind of page: mapped privately, and always unmapped.

The kinds: "4K" never becomes huge; "THP" are transparent huge pages of 2 MiB; "2M" and "1G" come from the pools of
hugetlb. Sizes are bytes.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from ..core.units import BASE_PAGE_SIZE, MIB, count, format_size
from ..linux.flags import MADV, MAP, PROT
from ..live.errors import LiveUnavailable
from ..live.guard import Signals
from ..live.native import syscalls
from .code import loops
from .noise import AGAIN
from .result import KINDS
from .result import PAGE as KIND_PAGE

PAGE = {**KIND_PAGE, AGAIN: BASE_PAGE_SIZE}  # bytes
HUGETLB = {"2M": "MAP_HUGE_2MB", "1G": "MAP_HUGE_1GB"}
PROTECTION = PROT["PROT_READ"] | PROT["PROT_WRITE"]
# MAP_PRIVATE: to a shared mapping, which is what Python's mmap makes, MADV_HUGEPAGE does nothing.
PRIVATE = MAP["MAP_PRIVATE"] | MAP["MAP_ANONYMOUS"]


def pages(kind: str, size: int) -> int:
    """Pages of this kind that ``size`` bytes need."""
    return -(-size // PAGE[kind])


class Buffer:
    """``size`` bytes of one kind, as a context manager; rounded up to whole pages, ``length`` bytes.

    ``address`` is a multiple of 2 MiB. Raises LiveUnavailable when the kernel does not give the pages.
    """

    def __init__(self, kind: str, size: int):
        if kind not in PAGE:
            raise ValueError(f"{kind!r} is not a kind of page: {', '.join(KINDS)}")
        self.kind, self.size = kind, size
        self.length = pages(kind, size) * PAGE[kind]
        self.address = 0
        self._mapped: tuple[int, int] | None = None

    def __enter__(self) -> Buffer:
        self.map()
        return self

    def map(self) -> None:
        """What entering does. An ExitStack is given the buffer first, and this is called then."""
        # A Ctrl-C must find the mapping either not made or written down.
        try:
            with Signals.held():
                self._map()
        except BaseException:
            self.unmap()
            raise

    def _map(self) -> None:
        if self.kind in HUGETLB:
            flags = PRIVATE | MAP["MAP_HUGETLB"] | MAP[HUGETLB[self.kind]]
            self.address = self._mmap(self.length, flags)
            return
        # More than is needed, to begin at a boundary of 2 MiB: a huge page fits nowhere else.
        start = self._mmap(self.length + 2 * MIB, PRIVATE)
        self.address = -(-start // (2 * MIB)) * 2 * MIB
        advice = "MADV_HUGEPAGE" if self.kind == "THP" else "MADV_NOHUGEPAGE"
        with contextlib.suppress(OSError):  # a kernel without THP: nothing to forbid, and huge() says what came
            syscalls.madvise(self.address, self.length, MADV[advice])

    def _mmap(self, length: int, flags: int) -> int:
        try:
            address = syscalls.mmap(0, length, PROTECTION, flags, -1, 0)
        except OSError as error:
            need = f"{count(pages(self.kind, self.size), 'page')} of {format_size(PAGE[self.kind])}"
            pool = ": the pool has too few free ones" if self.kind in HUGETLB else ""
            raise LiveUnavailable(f"the kernel does not give {need} ({error.strerror}){pool}") from None
        self._mapped = address, length
        return address

    def __exit__(self, *_: object) -> None:
        self.unmap()

    def unmap(self) -> None:
        """Give it back; nothing if that was done."""
        with Signals.held():
            if self._mapped:
                syscalls.munmap(*self._mapped)
                self._mapped = None

    def fill(self) -> None:
        """Touch every 4 KiB of the ``size`` bytes."""
        loops().touch(self.address, self.size // BASE_PAGE_SIZE, BASE_PAGE_SIZE)

    def huge(self) -> int:
        """Bytes of it that are in transparent huge pages now (AnonHugePages of /proc/self/smaps)."""
        found, inside = 0, False
        for line in Path("/proc/self/smaps").read_text(errors="replace").splitlines():
            if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
                inside = int(match[1], 16) < self.address + self.length and int(match[2], 16) > self.address
            elif inside and line.startswith("AnonHugePages:"):
                found += int(line.split()[1]) << 10
        return min(found, self.length)
