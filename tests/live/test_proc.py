"""The readers of /proc files on texts: every number with its unit, one line for what is no such file. Any machine."""

from __future__ import annotations

import struct

import pytest

from hugelab.linux.flags import KPF
from hugelab.live import proc

PAGE = 2 << 20
MEMINFO = """MemTotal:        4022456 kB
HugePages_Total:      10
HugePages_Free:        7
HugePages_Rsvd:        2
HugePages_Surp:        0
Hugepagesize:       2048 kB
Hugetlb:           20480 kB
DirectMap4k:       79728 kB
"""
NODE = "Node 0 MemTotal:       4022456 kB\nNode 0 Active(anon):  12 kB\nNode 0 HugePages_Total:     5\n"
STATUS = "Name:\tpython\nUmask:\t0022\nVmRSS:\t   10240 kB\nHugetlbPages:\t    6144 kB\nThreads:\t1\n"
SMAPS = """55d0c0000000-55d0c0002000 r--p 00000000 fe:00 1234                       /usr/bin/a program
Size:                  8 kB
KernelPageSize:        4 kB
MMUPageSize:           4 kB
Rss:                   8 kB
Pss:                   8 kB
VmFlags: rd mr mw me
23ffff600000-240000000000 rw-s 00200000 00:2f 4711                       /mnt/m/my file (deleted)
Size:              10240 kB
KernelPageSize:     2048 kB
MMUPageSize:        2048 kB
Rss:                   0 kB
Pss:                   0 kB
Shared_Hugetlb:     2048 kB
Private_Hugetlb:    4096 kB
THPeligible:           0
VmFlags: rd wr sh mr mw me ms de ht
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
Size:                  4 kB
KernelPageSize:        4 kB
Rss:                   0 kB
VmFlags: ex
"""


# -- meminfo, status ---------------------------------------------------------------------------------
def test_meminfo() -> None:
    """HugePages_ are pages, lines with kB are bytes."""
    found = proc.parse_meminfo(MEMINFO)
    assert [found[f"HugePages_{name}"] for name in ("Total", "Free", "Rsvd", "Surp")] == [10, 7, 2, 0]
    assert (found["Hugepagesize"], found["Hugetlb"], found["MemTotal"]) == (PAGE, 10 * PAGE, 4022456 << 10)


def test_meminfo_of_a_node() -> None:
    """The same names, and no reservations: they are of no node."""
    found = proc.parse_meminfo(NODE)
    assert found == {"MemTotal": 4022456 << 10, "Active(anon)": 12 << 10, "HugePages_Total": 5}


def test_status() -> None:
    """Bytes; lines without kB are left out."""
    assert proc.parse_status(STATUS) == {"VmRSS": 10 << 20, "HugetlbPages": 3 * PAGE}


# -- smaps -------------------------------------------------------------------------------------------
def test_smaps() -> None:
    """Names with blanks, sizes in bytes, pages of the mapping's own size."""
    program, huge, last = proc.parse_smaps(SMAPS)
    assert (program.path, program.hugetlb, program.page_size, program.pages) == ("/usr/bin/a program", False, 4096, 2)
    assert (program.mapped, program.shared_mapping) == (0, False)
    assert (huge.start, huge.end, huge.offset) == (0x23FFFF600000, 0x240000000000, PAGE)
    assert (huge.device, huge.inode, huge.path) == ("00:2f", 4711, "/mnt/m/my file (deleted)")
    assert huge.hugetlb and huge.shared_mapping and huge.page_size == PAGE
    assert (huge.pages, huge.shared, huge.private, huge.mapped) == (5, 1, 2, 3)
    assert huge.fields["Rss"] == 0 and "THPeligible" not in huge.fields
    assert (last.path, last.start) == ("[vsyscall]", 0xFFFFFFFFFF600000)


def test_only_what_is_about_huge_pages() -> None:
    """The part reads the same as the whole."""
    part = proc.hugetlb_part(SMAPS)
    assert proc.parse_smaps(part) == [area for area in proc.parse_smaps(SMAPS) if area.hugetlb]
    assert proc.hugetlb_part("") == "" and proc.parse_smaps("") == []


# -- pagemap, kpageflags -----------------------------------------------------------------------------
FILE, EXCLUSIVE, PRESENT = 1 << 61, 1 << 56, 1 << 63


def entries(*pages: int | None, bits: int = PRESENT) -> bytes:
    """A huge page for each pfn; None: not present."""
    words = [0 if pfn is None else bits | (pfn + i) for pfn in pages for i in range(512)]
    return struct.pack(f"={len(words)}Q", *words)


def test_pagemap() -> None:
    """The bits, and the pfn without them."""
    one, nothing = proc.parse_pagemap(struct.pack("=2Q", PRESENT | FILE | EXCLUSIVE | 1 << 55 | 0x12345, 1 << 62))
    assert one == proc.Entry(True, True, True, 0x12345)
    assert nothing == proc.Entry(False, False, False, 0)


def test_huge_frames() -> None:
    """512 entries a page; what is not there is None; a pfn that may not be known stays 0."""
    assert proc.huge_frames(proc.parse_pagemap(entries(1024, None, 512)), PAGE) == [1024, None, 512]
    hidden = struct.pack("=512Q", *[PRESENT] * 512)
    assert proc.huge_frames(proc.parse_pagemap(hidden), PAGE) == [0]
    assert proc.huge_frames([], PAGE) == []


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (entries(1024)[:-8], "no whole number of pages"),
        (entries(1024)[:-8] + bytes(8), "a part of the huge page"),
        (entries(1025), "not one huge page"),
        (entries(1024)[:-8] + entries(1024)[:8], "not one huge page"),
    ],
)
def test_what_is_no_huge_page(data: bytes, says: str) -> None:
    """Too few entries, a part of one, not aligned, not in a row."""
    with pytest.raises(ValueError, match=says):
        proc.huge_frames(proc.parse_pagemap(data), PAGE)


def test_kpageflags() -> None:
    """By name; bits that nobody documents are left out."""
    data = struct.pack("=3Q", 1 << 15 | 1 << 17 | 1 << 40, 1 << 16 | 1 << 17, 1 << 22)
    assert proc.parse_kpageflags(data) == [("COMPOUND_HEAD", "HUGE"), ("COMPOUND_TAIL", "HUGE"), ("THP",)]
    assert (KPF.index("HUGE"), KPF.index("PGTABLE")) == (17, 26)


# -- numa_maps ---------------------------------------------------------------------------------------
def test_numa_maps() -> None:
    """Counts are huge pages; a mapping without a page has neither counts nor a size; two-word policies."""
    shared, empty, private, two = proc.parse_numa_maps(
        "23ffff600000 default file=/mnt/m/my\\040file huge dirty=3 mapmax=2 N0=1 N1=2 kernelpagesize_kB=2048\n"
        "23ffff000000 bind=static:0-1 file=/anon_hugepage\\040(deleted) huge\n"
        "00400000 prefer (many):0 huge anon=2 dirty=2 N0=2 kernelpagesize_kB=2048\n\n"
        "7f0000000000 weighted interleave:0-1 stack anon=1 N0=1 kernelpagesize_kB=4\n"
    )
    assert (shared.huge, shared.mapped, shared.dirty, shared.anon, shared.mapmax) == (True, 3, 3, 0, 2)
    assert shared.nodes == {0: 1, 1: 2} and shared.page_size == PAGE and shared.file == "/mnt/m/my\\040file"
    assert empty == proc.NumaMap(
        0x23FFFF000000, "bind=static:0-1", "/anon_hugepage\\040(deleted)", True, 0, 0, 0, {}, 0
    )
    assert (private.policy, private.anon, private.mapmax, private.start) == ("prefer (many):0", 2, 1, 0x400000)
    assert (two.policy, two.huge, two.page_size) == ("weighted interleave:0-1", False, 4096)


# -- what is no such file ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "text"),
    [
        (proc.parse_meminfo, "nothing of the kind"),
        (proc.parse_meminfo, ""),
        (proc.parse_status, MEMINFO),
        (proc.parse_smaps, "Size: 8 kB\n"),
        (proc.parse_smaps, SMAPS.splitlines()[0]),
        (proc.parse_numa_maps, SMAPS),
        (proc.parse_pagemap, bytes(7)),
        (proc.parse_kpageflags, bytes(9)),
    ],
)
def test_one_line_for_what_it_is_not(call: object, text: object) -> None:
    """ValueError."""
    with pytest.raises(ValueError) as error:
        call(text)  # type: ignore[operator]
    assert "\n" not in str(error.value) and str(error.value)
