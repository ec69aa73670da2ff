"""Huge page sizes of the architectures and the cost of a page's metadata, each with its source.

Sizes in bytes. Sources are files of Linux 6.1 unless another release is named. A size is *gigantic* where the buddy
allocator in its default configuration cannot give it; such a pool has no surplus pages (up to 6.18).
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.units import GIB, MIB

KIB = 1024
STRUCT_PAGE = 64  # bytes; Documentation/mm/vmemmap_dedup.rst: "in most cases", x86-64 and arm64 among them


class Size(NamedTuple):
    """A size that the architecture offers to hugetlb."""

    size: int
    default: bool = False
    gigantic: bool = False
    note: str = ""  # the condition under which it exists


class Architecture(NamedTuple):
    """An architecture with one base page size."""

    name: str
    base: int
    sizes: tuple[Size, ...]
    source: str


_ARM64 = "arch/arm64/mm/hugetlbpage.c; Documentation/arm64/hugetlbpage.rst"
_PPC64 = "arch/powerpc/include/asm/book3s/64/hugetlb.h, check_and_get_huge_psize"
ARCHITECTURES = (
    Architecture("x86-64", 4 * KIB,
        (Size(2 * MIB, default=True), Size(GIB, gigantic=True, note="if the CPU has them (pdpe1gb)")),
        "arch/x86/mm/hugetlbpage.c, arch_hugetlb_valid_size"),
    Architecture("x86-32, PAE", 4 * KIB, (Size(2 * MIB, default=True),), "arch/x86/include/asm/page_types.h"),
    Architecture("x86-32", 4 * KIB, (Size(4 * MIB, default=True),), "arch/x86/include/asm/page_types.h"),
    Architecture("arm64, 4 KB", 4 * KIB,
        (Size(64 * KIB, note="16 entries side by side"), Size(2 * MIB, default=True),
         Size(32 * MIB, gigantic=True, note="16 entries side by side"), Size(GIB, gigantic=True)), _ARM64),
    Architecture("arm64, 16 KB", 16 * KIB,
        (Size(2 * MIB, note="128 entries side by side"), Size(32 * MIB, default=True),
         Size(GIB, gigantic=True, note="32 entries side by side")), _ARM64),
    Architecture("arm64, 64 KB", 64 * KIB,
        (Size(2 * MIB, note="32 entries side by side"), Size(512 * MIB, default=True),
         Size(16 * GIB, gigantic=True, note="32 entries side by side")), _ARM64),
    Architecture("ppc64, radix", 64 * KIB, (Size(2 * MIB, default=True), Size(GIB, gigantic=True)), _PPC64),
    Architecture("ppc64, hash", 64 * KIB,
        (Size(16 * MIB, default=True), Size(16 * GIB, gigantic=True, note="if the firmware has them")), _PPC64),
    Architecture("s390x", 4 * KIB,
        (Size(MIB, default=True), Size(2 * GIB, gigantic=True, note="with hugepagesz=2G")),
        "arch/s390/mm/hugetlbpage.c, arch_hugetlb_valid_size"),
    Architecture("riscv64", 4 * KIB,
        (Size(64 * KIB, note="with Svnapot, since 6.4"), Size(2 * MIB, default=True), Size(GIB, gigantic=True)),
        "arch/riscv/mm/hugetlbpage.c (6.12)"),
    Architecture("loongarch64", 16 * KIB, (Size(32 * MIB, default=True),), "arch/loongarch/include/asm/page.h"),
)  # fmt: skip
NAMED = {one.name: one for one in ARCHITECTURES}


class Metadata(NamedTuple):
    """The struct pages of one huge page, in bytes: ``whole`` without HVO, ``kept`` with it."""

    whole: int
    kept: int

    @property
    def freed(self) -> int:
        """The bytes that HVO frees."""
        return self.whole - self.kept


def metadata(size: int, base: int, reserved: int = 1) -> Metadata:
    """The struct pages of a huge page of ``size`` made of pages of ``base`` bytes.

    HVO (hugetlb_vmemmap_optimize_folio) keeps ``reserved`` base pages of them, 1 since 5.18 and 2 from 5.14 on, and
    frees the others, if there are any.
    """
    whole = size // base * STRUCT_PAGE
    return Metadata(whole, min(whole, reserved * base))
