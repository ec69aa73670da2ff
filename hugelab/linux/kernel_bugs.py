"""Kernel bugs: real kernels do it, their authors did not mean it. A machine has the bugs of its release by default.

Each has its releases, an explanation, the recorded cases that show it, and the smallest program that does.

Not here, because no two runs agree: on Linux 6.18.44 the child of a fork sometimes lacks the entry of a private
1 GiB page and then reads zeros, and smaps calls such a page now shared, now private. Nor is mremap past a missing page
table (remap.skips_unevenly), which cannot be tried without losing pages. "mm/hugetlb: preserve mremap address delta
when skipping page tables" mends it (in the stable 7.2.9 and 6.12.112, not in 7.1).
"""

from __future__ import annotations

from typing import NamedTuple

from .scenario import ANONYMOUS, Scenario

PRIVATE = ["MAP_PRIVATE", *ANONYMOUS]
LAZY = ["MAP_PRIVATE", "MAP_NORESERVE", *ANONYMOUS]
FIXED = ["MAP_PRIVATE", "MAP_FIXED", *ANONYMOUS]
MOVE = ["MREMAP_MAYMOVE", "MREMAP_FIXED"]
OPEN = Scenario("", 2).open(fd="f", path="m/a")


class KernelBug(NamedTuple):
    """``about``: the fault and its function; ``recorded``: recorded cases; ``program``: the smallest that shows it.

    ``source``: the commit that introduced it and, after "; mended by", the commit that fixed it, or the files of the
    releases that were read. Releases are mainline; a stable tree may have the bug or its fix as a backport.
    """

    about: str
    recorded: str
    program: Scenario
    source: str
    since: str = "0.0"  # its first release; 0.0: older than all releases here
    until: str = ""  # the first release without it; "": no release mends it
    do_not_run: bool = False  # it does lasting harm to a live kernel


_SURPLUS = Scenario("", 0, 2, {"m": "min_size=4M"}).open(fd="f", path="m/a")
_GONE = _SURPLUS.mmap(map="A", fd="f", pages=1).touch(map="A").ftruncate(fd="f", pages=0)

KERNEL_BUGS = {
    "failed_map_fixed_leaves_a_hole": KernelBug(
        "MAP_FIXED removes the old mapping first; when it then fails (EINVAL for the offset, ENOMEM for the pages) the"
        " hole stays (mmap_region)",
        "quirk_failed_map_fixed_leaves_a_hole, map_fixed_enomem_over_mapping",
        Scenario("", 2).mmap(map="A", pages=1, flags=PRIVATE).mmap(map="B", pages=3, flags=FIXED, at={"map": "A"}),
        "mm/mmap.c of 3.10, mm/vma.c of 7.3: since 6.12 vms_abort_munmap_vmas undoes it for fewer causes",
    ),
    "private_map_of_readonly_fd_extends_file": KernelBug(
        "MAP_PRIVATE with PROT_WRITE on a descriptor opened O_RDONLY sets i_size (hugetlbfs_file_mmap)",
        "quirk_private_map_of_readonly_fd_extends_file",
        OPEN.open(fd="g", path="m/a", flags=["O_RDONLY"])
        .mmap(map="A", fd="g", pages=1, flags=["MAP_PRIVATE"])
        .fstat(fd="f"),
        "fs/hugetlbfs/inode.c of 3.10 and 7.3; in 6.19 and 7.0 it is in hugetlbfs_file_mmap_prepare",
    ),
    "seal_grow_does_not_stop_mmap": KernelBug(
        "F_SEAL_GROW stops ftruncate and fallocate, but a mapping past the end still makes the file longer"
        " (hugetlbfs_file_mmap)",
        "memfd_seals, quirk_seal_grow_does_not_stop_mmap",
        Scenario("", 2)
        .memfd(fd="f", flags=["MFD_HUGETLB", "MFD_ALLOW_SEALING"])
        .seal(fd="f", seals=["F_SEAL_GROW"])
        .mmap(map="A", fd="f", pages=1)
        .fstat(fd="f"),
        "47b9012ecdc7 shmem: add sealing support to hugetlb-backed memfd; with ff62a3421044 hugetlb: implement memfd"
        " sealing",
        since="4.16",
    ),
    "failed_allocation_leaks_quota": KernelBug(
        "a page that size= granted and the pool or the cgroup then refused stays counted as used until umount"
        " (alloc_hugetlb_folio, out_subpool_put)",
        "mount_size_pool_short_noreserve_then_statfs, quirk_size_quota_leaks_on_failed_fallocate",
        Scenario("", 0, mounts={"m": "size=4M"})
        .open(fd="f", path="m/a")
        .mmap(map="A", fd="f", pages=1, flags=["MAP_SHARED", "MAP_NORESERVE"])
        .touch(map="A")
        .statfs(mount="m"),
        "a833a693a490 mm: hugetlb: fix incorrect fallback for subpool",
        since="6.15",
    ),
    "restore_while_shared": KernelBug(
        "the owner of a private mapping unmaps a page that its child still maps: the map's entry is deleted at once, so"
        " the reservation is dropped, and comes back when the child unmaps the page; in between resv_huge_pages is too"
        " low (__unmap_hugepage_range)",
        "quirk_fork_parent_munmap_first_underflow, quirk_fork_parent_dontneed_while_child_maps, "
        "fork_parent_exits_first",
        Scenario("", 2).mmap(map="A", pages=1, flags=PRIVATE).touch(map="A").fork(child="C").munmap(map="A"),
        "df7a6d1f6405 mm/hugetlb: restore the reservation if needed; mended by 5120b1e048d4 hugetlb: only adjust"
        " reservation during unmapping if mapcount is 0 (7.2.y before 7.2.7 and 6.12.110 have that as a backport)",
        since="6.9",
        until="7.3",
    ),
    "surplus_blocks_restore": KernelBug(
        "a private page that MADV_DONTNEED frees does not give its reservation back while there is any surplus page"
        " (__unmap_hugepage_range, !surplus_huge_pages)",
        "madv_dontneed_with_surplus_loses_reservation",
        Scenario("", 0, 1)
        .mmap(map="A", pages=1, flags=PRIVATE)
        .touch(map="A")
        .madvise(map="A", advice="MADV_DONTNEED"),
        "df7a6d1f6405 mm/hugetlb: restore the reservation if needed",
        since="6.9",
    ),
    "partial_mremap_strips_reserve_map": KernelBug(
        "mremap of a part of a private mapping takes the reservation map from all of the old one"
        " (fixup_hugetlb_reservations comes before the split). Pages that the rest did not use stay reserved for ever",
        "mremap_move_partial_private, quirk_partial_mremap_loses_reservation",
        Scenario("", 2)
        .mmap(map="A", pages=2, flags=PRIVATE)
        .touch(map="A", count=2)
        .mremap(map="A", pages=1, new_pages=1, flags=MOVE, at={"map": "A", "page": -64}, **{"as": "B"})
        .madvise(map="A", page=1, pages=1, advice="MADV_DONTNEED"),
        "550a7d60bd5e mm, hugepages: add mremap() support for hugepage backed vma; since 6.15 (ee40c9920ac2 mm: fix"
        " copy_vma() error handling for hugetlb mappings) fixup_hugetlb_reservations does it",
        since="5.16",
    ),
    "min_size_given_back_twice": KernelBug(
        "with size= and min_size=, an mmap that the pool refuses puts pages back while used_hpages is still too high,"
        " so their reservation is dropped although the mount keeps it (hugetlb_reserve_pages, out_put_pages)",
        "quirk_min_size_with_size_reservation_given_back_twice",
        Scenario("", 2, mounts={"m": "size=8M,min_size=4M"}).open(fd="f", path="m/a").mmap(map="A", fd="f", pages=4),
        "a833a693a490 mm: hugetlb: fix incorrect fallback for subpool; mended by mm/hugetlb: fix subpool minimum"
        " reservation rollback (7.3.4 has that as a backport). Before 7.0 (1d3f9bb4c8af mm/hugetlb: restore failed"
        " global reservations to subpool) used_hpages stays too high for good",
        since="6.15",
        until="7.4",
        do_not_run=True,
    ),
    "reserved_page_leaves_the_pool": KernelBug(
        "a page that min_size= keeps reserved goes to the buddy allocator when it is freed while there is surplus; then"
        " more pages are reserved than are free (free_huge_folio)",
        "mount_min_size_takes_surplus, mount_min_size_shrink_pool, quirk_min_size_guarantee_lost_after_surplus",
        _GONE,
        "1c5ecae3a93f hugetlbfs: add minimum size accounting to subpools",
        since="4.1",
    ),
    "demote_takes_reserved_pages": KernelBug(
        "writing to demote looks once whether any page is free and not reserved, and then demotes as many as asked,"
        " reserved ones, too; with more reserved than free it goes on, and ends with EBUSY (demote_store, since 6.12)",
        "",
        Scenario("", 0)
        .set_nr(n=2, hsize="1G")
        .mmap(map="A", pages=1, hsize="1G", flags=[*PRIVATE, "MAP_HUGE_1GB"])
        .demote(n=2),
        "c0f398c3b2cf mm/hugetlb_vmemmap: batch HVO work when demoting (6.11.11 has it as a backport)",
        since="6.12",
    ),
    "available_is_unsigned": KernelBug(
        "with more pages reserved than free, free - rsvd wraps round, and a fault without a reservation takes a page"
        " (available_huge_pages)",
        "quirk_fork_underflow_lets_others_steal",
        _GONE.mmap(map="B", pages=1, flags=LAZY).touch(map="B"),
        "mm/hugetlb.c of 3.10 (free_huge_pages - resv_huge_pages == 0 in dequeue_huge_page_vma) and 7.3",
    ),
}
