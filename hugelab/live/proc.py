"""Parsers of the kernel's files about huge pages, for their text or bytes: no file is opened here.

Sizes and addresses are bytes; counts are pages, and their size is named. Every function raises ValueError, with one
line, for text that is no such file.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..core.units import BASE_PAGE_SIZE
from ..linux.flags import KPF
from ..linux.meminfo import read_line


# -- /proc/meminfo -----------------------------------------------------------------------------------
def parse_meminfo(text: str) -> dict[str, int]:
    """The lines of /proc/meminfo, or of a memory node's (``Node 0 HugePages_Total: 5``), by name.

    Lines with kB are bytes here, the others (``HugePages_``) are pages of the default size, ``Hugepagesize``.
    ``Hugetlb`` is the sum of the pools of all sizes. A node has no ``HugePages_Rsvd``: reservations belong to no node.
    """
    lines = [line for line in map(read_line, text.splitlines()) if line]
    if not lines:
        raise ValueError("this is no meminfo: no line looks like HugePages_Total: 10")
    return {line.name: line.value << (10 if line.kb else 0) for line in lines}


# -- /proc/PID/status --------------------------------------------------------------------------------
def parse_status(text: str) -> dict[str, int]:
    """The lines of /proc/PID/status that have kB, by name, in bytes: ``VmRSS``, ``HugetlbPages`` and others.

    VmRSS, which ``top`` shows as RES, counts no huge page of hugetlb; HugetlbPages counts these alone. A process
    without memory of its own (a kernel thread) has neither. Source: Documentation/filesystems/proc.rst.
    """
    if not re.search(r"^Name:", text, re.M):
        raise ValueError("this is no /proc/PID/status: it has no Name: line")
    return {name: int(value) << 10 for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.M)}


# -- /proc/PID/smaps ---------------------------------------------------------------------------------
_HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) ([-r][-w][-x][-ps]) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+)\s*(.*)")


class Area(NamedTuple):
    """One mapping (VMA) of /proc/PID/smaps. ``fields`` are its lines with kB, by name, in bytes."""

    start: int
    end: int
    perms: str  # rwxs or rwxp: s is MAP_SHARED
    offset: int
    device: str  # of the file, as major:minor in hexadecimal
    inode: int
    path: str  # "" for none; ends with " (deleted)" if the file has no name
    fields: Mapping[str, int]
    flags: tuple[str, ...]  # VmFlags: two letters each; ht is hugetlb, nr MAP_NORESERVE

    @property
    def hugetlb(self) -> bool:
        """Do its pages come from a huge page pool?"""
        return "ht" in self.flags

    @property
    def shared_mapping(self) -> bool:
        """Is it MAP_SHARED, so that writes reach the file?"""
        return self.perms[3] == "s"

    @property
    def page_size(self) -> int:
        """Bytes of one page (KernelPageSize)."""
        return self.fields["KernelPageSize"]

    @property
    def pages(self) -> int:
        """Its length in pages of its size, mapped or not."""
        return (self.end - self.start) // self.page_size

    @property
    def shared(self) -> int:
        """Its mapped pages that another mapping has, too (Shared_Hugetlb)."""
        return self.fields.get("Shared_Hugetlb", 0) // self.page_size

    @property
    def private(self) -> int:
        """Its mapped pages that no other mapping has (Private_Hugetlb), of a file or not."""
        return self.fields.get("Private_Hugetlb", 0) // self.page_size

    @property
    def mapped(self) -> int:
        """Pages in its page table: those that were touched."""
        return self.shared + self.private


def parse_smaps(text: str) -> list[Area]:
    """The mappings of a process, by address; [] for a process without memory.

    Rss and Pss of a hugetlb mapping are 0: its pages are in Shared_Hugetlb and Private_Hugetlb alone. Source:
    Documentation/filesystems/proc.rst, /proc/PID/smaps.
    """
    return [_area(block) for block in _blocks(text)]


def hugetlb_part(text: str) -> str:
    """The blocks of hugetlb mappings in a text of smaps."""
    return "\n".join("\n".join(block) for block in _blocks(text) if _area(block).hugetlb)


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in text.splitlines():
        if _HEAD.fullmatch(line):
            if block:
                yield block
            block = [line]
        elif block:
            block.append(line)
        elif line.strip():
            raise ValueError(f"this is no smaps: it begins with {line[:40]!r}, not with an address range")
    if block:
        yield block


def _area(block: list[str]) -> Area:
    match = _HEAD.fullmatch(block[0])
    assert match
    fields: dict[str, int] = {}
    flags: tuple[str, ...] = ()
    for line in block[1:]:
        name, _, rest = line.partition(":")
        words = rest.split()
        if name == "VmFlags":
            flags = tuple(words)
        elif words[1:] == ["kB"] and words[0].isdigit():
            fields[name] = int(words[0]) << 10
    if "KernelPageSize" not in fields:
        raise ValueError(f"this is no smaps: the mapping at {match[1]} has no KernelPageSize (is it /proc/PID/maps?)")
    start, end, offset = (int(match[number], 16) for number in (1, 2, 4))
    return Area(start, end, match[3], offset, match[5], int(match[6]), match[7], fields, flags)


# -- /proc/PID/pagemap -------------------------------------------------------------------------------
class Entry(NamedTuple):
    """The pagemap entry of 4 KB of a process."""

    present: bool  # bit 63
    file: bool  # bit 61: of a file, or shared; clear: an anonymous page, which is private
    exclusive: bool  # bit 56: no other page table has it (Linux 4.2)
    pfn: int  # bits 0 to 54: number of the 4 KB frame; 0 without CAP_SYS_ADMIN


def parse_pagemap(data: bytes) -> list[Entry]:
    """Entries of /proc/PID/pagemap: 8 bytes for each 4 KB of addresses, so 512 for a huge page of 2 MB.

    Source: Documentation/admin-guide/mm/pagemap.rst.
    """
    return [Entry(bool(v >> 63), bool(v >> 61 & 1), bool(v >> 56 & 1), v & ((1 << 55) - 1)) for v in _words(data)]


def huge_frames(entries: list[Entry], page_size: int) -> list[int | None]:
    """For each huge page of ``page_size`` bytes, the pfn of its first 4 KB; None for a page that is not mapped.

    Raises ValueError for entries that are no huge page: a part of one, or frames that are not consecutive or do not
    begin at a multiple of their number. pfn 0 (unknown) is kept.
    """
    each, found = page_size // BASE_PAGE_SIZE, list[int | None]()
    if len(entries) % each:
        raise ValueError(f"{len(entries)} entries are no whole number of pages with {each} each")
    for at in range(0, len(entries), each):
        page = entries[at : at + each]
        first = page[0].pfn
        if len({one.present for one in page}) > 1:
            raise ValueError(f"entries {at} to {at + each - 1}: a part of the huge page is mapped")
        in_a_row = not first or (first % each == 0 and [one.pfn for one in page] == list(range(first, first + each)))
        if page[0].present and not in_a_row:
            raise ValueError(f"entries {at} to {at + each - 1}: their frames are not one huge page from {first} on")
        found.append(first if page[0].present else None)
    return found


# -- /proc/kpageflags --------------------------------------------------------------------------------
def parse_kpageflags(data: bytes) -> list[tuple[str, ...]]:
    """The flags of frames, 8 bytes each, by name. Bits that the kernel does not document are left out.

    HUGE: of hugetlb (a transparent huge page is THP). The first 4 KB is COMPOUND_HEAD, the others COMPOUND_TAIL.
    Source: Documentation/admin-guide/mm/pagemap.rst.
    """
    return [tuple(name for bit, name in enumerate(KPF) if value >> bit & 1) for value in _words(data)]


def _words(data: bytes) -> tuple[int, ...]:
    if len(data) % 8:
        raise ValueError(f"{len(data)} bytes are no whole number of entries of 8 bytes")
    return struct.unpack(f"={len(data) // 8}Q", data)


# -- /proc/PID/numa_maps -----------------------------------------------------------------------------
class NumaMap(NamedTuple):
    """A line of /proc/PID/numa_maps. For a hugetlb mapping all counts are huge pages."""

    start: int
    policy: str
    file: str  # "" for none
    huge: bool
    anon: int  # pages of no file
    dirty: int  # pages that were, or may have been, written: the kernel maps a writable page as dirty
    mapmax: int  # the most page tables that have the same page
    nodes: Mapping[int, int]  # memory node -> pages on it: N0=5
    page_size: int  # kernelpagesize_kB, in bytes; 0 for a line without pages

    @property
    def mapped(self) -> int:
        """Mapped pages on all nodes."""
        return sum(self.nodes.values())


def parse_numa_maps(text: str) -> list[NumaMap]:
    """The mappings of a process with their memory nodes, by address.

    A mapping without a page has neither counts nor a page size. Source: Documentation/filesystems/proc.rst.
    """
    return [_numa_map(line) for line in text.splitlines() if line.strip()]


def _numa_map(line: str) -> NumaMap:
    words = line.split()
    if len(words) < 2 or not re.fullmatch(r"[0-9a-f]{8,16}", words[0]):
        raise ValueError(f"this is no line of numa_maps: {line[:60]!r}")
    policy, rest = words[1], words[2:]
    while rest and rest[0].startswith(("(many)", "interleave")):  # "prefer (many):0", "weighted interleave:0"
        policy = f"{policy} {rest.pop(0)}"
    pairs = dict(word.split("=", 1) for word in rest if "=" in word)
    nodes = {int(name[1:]): int(value) for name, value in pairs.items() if re.fullmatch(r"N\d+", name)}
    anon, dirty = (int(pairs.get(name, 0)) for name in ("anon", "dirty"))
    size = int(pairs.get("kernelpagesize_kB", 0)) << 10
    most = int(pairs.get("mapmax", 1 if nodes else 0))  # printed only if it is more than 1
    file = pairs.get("file", "")
    return NumaMap(int(words[0], 16), policy, file, "huge" in rest, anon, dirty, most, nodes, size)
