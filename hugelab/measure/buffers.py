"""Private memory of one kind of page, which is always unmapped at the end.

Kinds: "4K" never becomes huge; "THP" are transparent huge pages of 2 MiB; "2M" and "1G" come from hugetlb pools. Sizes
are bytes.
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
# MAP_PRIVATE, as MADV_HUGEPAGE has no effect on a shared mapping, such as that of Python's mmap.
PRIVATE = MAP["MAP_PRIVATE"] | MAP["MAP_ANONYMOUS"]


def pages(kind: str, size: int) -> int:
    """The number of pages of this kind that ``size`` bytes need."""
    return -(-size // PAGE[kind])


class Buffer:
    """``size`` bytes of one kind, rounded up to whole pages (``length`` bytes), as a context manager.

    ``address`` is a multiple of 2 MiB. Raises LiveUnavailable if the kernel does not give the pages.
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
        """Map the memory, as entering does. With an ExitStack, push the buffer first, then call this."""
        # At a Ctrl-C the mapping must either not exist or be known to unmap().
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
        # 2 MiB more, so that it can begin at a multiple of 2 MiB, as a huge page must.
        start = self._mmap(self.length + 2 * MIB, PRIVATE)
        self.address = -(-start // (2 * MIB)) * 2 * MIB
        advice = "MADV_HUGEPAGE" if self.kind == "THP" else "MADV_NOHUGEPAGE"
        with contextlib.suppress(OSError):  # a kernel without THP; huge() returns the result
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
        """Unmap the memory, unless that was done."""
        with Signals.held():
            if self._mapped:
                syscalls.munmap(*self._mapped)
                self._mapped = None

    def fill(self) -> None:
        """Touch every 4 KiB of the ``size`` bytes."""
        loops().touch(self.address, self.size // BASE_PAGE_SIZE, BASE_PAGE_SIZE)

    def huge(self) -> int:
        """Its bytes in transparent huge pages now (AnonHugePages of /proc/self/smaps)."""
        found, inside = 0, False
        for line in Path("/proc/self/smaps").read_text(errors="replace").splitlines():
            if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
                inside = int(match[1], 16) < self.address + self.length and int(match[2], 16) > self.address
            elif inside and line.startswith("AnonHugePages:"):
                found += int(line.split()[1]) << 10
        return min(found, self.length)
