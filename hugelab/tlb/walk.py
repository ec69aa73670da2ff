"""The cost of a TLB miss: the page-table entries that a walk reads, native and under nested paging.

These are the references by the architecture. Processors cache upper levels of the tables (Intel SDM vol. 3A, 4.10), so
a walk may read less; the counts compare page sizes, and are no times.

Nested: "up to twenty-four sequential memory accesses" (Stojkovic and others, ASPLOS 2022, abstract) for 4 KB pages in
guest and host, as by the formula here. The TLB holds the smaller size of guest and host: "With
virtualization and nested pagetables the TLB can be mapped of larger size only if both KVM and the Linux guest are using
hugepages" (Linux Documentation/admin-guide/mm/transhuge.rst).
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.units import GIB, MIB, format_size

SIZE_4K, SIZE_2M, SIZE_1G = 4096, 2 * MIB, GIB


class Paging(NamedTuple):
    """A paging mode: for each page size (bytes) the entries that a walk reads from memory.

    ``host`` is the mode of a host that translates the addresses of such a guest.
    """

    name: str
    levels: dict[int, int]
    source: str
    host: str


PAGING = {
    mode.name: mode
    for mode in (
        Paging(
            "x86-64",
            {SIZE_4K: 4, SIZE_2M: 3, SIZE_1G: 2},
            "Intel SDM vol. 3A, 4.5, figures 4-8 to 4-10",
            "x86-64",
        ),
        Paging(
            "x86-64, 5 levels",
            {SIZE_4K: 5, SIZE_2M: 4, SIZE_1G: 3},
            "Linux Documentation/arch/x86/x86_64/5level-paging.rst: one more layer of translation",
            "x86-64, 5 levels",
        ),
        Paging(
            "x86 PAE",
            {SIZE_4K: 2, SIZE_2M: 1},
            "Intel SDM vol. 3A, 4.4.1: the third level, four entries, is in registers",
            "x86-64",
        ),
        Paging(
            "arm64, 4 KB granule, 48 bits",
            {SIZE_4K: 4, SIZE_2M: 3, SIZE_1G: 2},
            "Linux Documentation/arch/arm64/memory.rst and hugetlbpage.rst",
            "arm64, 4 KB granule, 48 bits",
        ),
    )
}


def references(paging: str, size: int, host: int | None = None) -> int:
    """Memory references of one walk for a page of ``size`` bytes; ``host``: under nested paging, the host's page size.

    Nested, each of the guest's g entries and the page itself has an address that the host's h levels translate:
    (g + 1)(h + 1) - 1. Raises ValueError for a size that the mode lacks.
    """
    guest = _levels(paging, size)
    return guest if host is None else (guest + 1) * (_levels(PAGING[paging].host, host) + 1) - 1


def _levels(paging: str, size: int) -> int:
    try:
        return PAGING[paging].levels[size]
    except KeyError:
        known = ", ".join(map(format_size, PAGING[paging].levels))
        raise ValueError(f"{paging} has no pages of {format_size(size)}: {known}") from None
