"""What a miss costs: the page-table entries that a walk reads, native and under nested paging.

These are the references that the architecture asks for. Processors keep upper levels of the tables in caches of their
own (Intel SDM vol. 3A, 4.10), so most walks read less; the counts compare page sizes, they are no times.
"""

from __future__ import annotations

from typing import NamedTuple

from ..units import GIB, MIB, format_size

SIZE_4K, SIZE_2M, SIZE_1G = 4096, 2 * MIB, GIB


class Paging(NamedTuple):
    """A paging mode: for each page size (bytes) the entries that a walk reads from memory."""

    name: str
    levels: dict[int, int]
    source: str


PAGING = {
    mode.name: mode
    for mode in (
        Paging(
            "x86-64",
            {SIZE_4K: 4, SIZE_2M: 3, SIZE_1G: 2},
            "Intel SDM vol. 3A, 4.5, figures 4-8 to 4-10",
        ),
        Paging(
            "x86-64, 5 levels",
            {SIZE_4K: 5, SIZE_2M: 4, SIZE_1G: 3},
            "Linux Documentation/arch/x86/x86_64/5level-paging.rst: one more layer of translation",
        ),
        Paging(
            "x86 PAE",
            {SIZE_4K: 2, SIZE_2M: 1},
            "Intel SDM vol. 3A, 4.4.1: the third level, four entries, is in registers",
        ),
        Paging(
            "arm64, 4 KB granule, 48 bits",
            {SIZE_4K: 4, SIZE_2M: 3, SIZE_1G: 2},
            "Linux Documentation/arch/arm64/memory.rst and hugetlbpage.rst",
        ),
    )
}


def references(paging: str, size: int, host: int | None = None) -> int:
    """Memory references of one walk for a page of ``size`` bytes; ``host``: under nested paging, the host's page size.

    Nested, each of the guest's g entries and the page itself has an address that the host's h levels translate:
    (g + 1)(h + 1) - 1. Both are taken to use the same paging mode. Raises ValueError for a size that it lacks.
    """
    levels = PAGING[paging].levels
    for one in (size, *([host] if host is not None else [])):
        if one not in levels:
            known = ", ".join(map(format_size, levels))
            raise ValueError(f"{paging} has no pages of {format_size(one)}: {known}")
    guest = levels[size]
    return guest if host is None else (guest + 1) * (levels[host] + 1) - 1
