"""Differences between releases: each rule with its first release, the kernel's function and the source.

``rules_of("6.11")`` computes the rules of a release; ``rules.x`` asks for the rule named ``x``. Kernel bugs are in
kernel_bugs.py, dated in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from .kernel_bugs import KERNEL_BUGS, KernelBug
from .names import release

OLDEST, NEWEST = "3.10", "6.18"  # the dates of rules are known from OLDEST to NEWEST


class Rule(NamedTuple):
    """One decision of the kernel, which holds from the release ``since`` up to, not with, ``until`` ("": no end).

    ``function``: where the kernel decides (several names: before and after, or two functions that decide). ``source``:
    the commit that changed it, or the files of the two releases between which it changed. ``certain`` is False where
    no source tells the release. Releases are mainline; a stable tree may have a rule earlier, as a backport.
    """

    name: str
    about: str
    since: str
    function: str
    source: str
    until: str = ""
    certain: bool = True


_ROWS = (
    # -- reservations and faults ------------------------------------------------------------------
    Rule("zap_restores_reserve",
         "a private page that is unmapped while its mapping lives gives its reservation back; before, the map's entry"
         " stays used",
         "6.9", "__unmap_hugepage_range", "df7a6d1f6405 mm/hugetlb: restore the reservation if needed"),
    Rule("alloc_takes_reservation",
         "resv_huge_pages falls in alloc_hugetlb_folio, after dequeue_hugetlb_folio_vma has returned; before, inside"
         " the latter. Both hold hugetlb_lock: no other allocator sees a page less available",
         "6.14", "alloc_hugetlb_folio",
         "f931af2e41ab mm/hugetlb: unify restore reserve accounting for new allocations; in hugetlb_alloc_folio,"
         " which alloc_hugetlb_folio calls, in 7.3"),
    Rule("unmap_clears_mayshare", "VM_MAYSHARE is cleared while a mapping is torn down",
         "3.6", "__unmap_hugepage_range_final",
         "d833352a4338 mm: hugetlbfs: close race during teardown of hugetlbfs shared page tables; until 40549ba8f8e0"
         " hugetlb: use new vma_lock for pmd sharing synchronization", until="6.1"),
    Rule("fork_copies_every_table",
         "fork copies the page table of every huge page mapping; later only where there are private pages, as a fault"
         " brings the others back",
         OLDEST, "copy_page_range, vma_needs_copy",
         "bcd51a3c679d hugetlb: lazy page table copies in fork()", until="6.0"),
    # -- the pool ------------------------------------------------------------------------------------
    Rule("pool_in_order",
         "a grown pool hands its pages out in the order in which they were allocated; before, the last one comes first",
         "6.7", "prep_and_add_allocated_folios", "d67e32f26713 hugetlb: restructure pool allocations"),
    Rule("shrink_spares_surplus", "shrinking counts only persistent free pages as free",
         "6.15", "set_max_huge_pages",
         "aabf58bfaace mm/hugetlb: fix set_max_huge_pages() when there are surplus pages"),
    Rule("node_file_counts_surplus",
         "writing nr_hugepages of one node adds all pages of the other nodes, surplus ones too, and so makes more"
         " than was asked for",
         OLDEST, "__nr_hugepages_store_common, set_max_huge_pages",
         "b72b3c9c34c8 mm/hugetlb: fix nodes huge page allocation when there are surplus pages; set_max_huge_pages"
         " decides since 5.2", until="6.7"),
    Rule("surplus_obeys_mempolicy",
         "surplus pages for a reservation come only from the nodes that the task is bound to",
         "6.11", "gather_surplus_pages",
         "003af997c8a9 hugetlb: force allocating surplus hugepages on mempolicy allowed nodes"),
    Rule("gigantic_at_run_time",
         "pages of 1 GB can be allocated after boot, with nr_hugepages; before, writing it is EINVAL",
         "3.16", "nr_hugepages_store_common, hugetlb_sysctl_handler_common",
         "944d9fec8d7a hugetlb: add support for gigantic page allocation at runtime"),
    Rule("demote", "pages can be broken into pages of a smaller pool; before, there is no such file",
         "5.16", "demote_store", "79dfc695525f hugetlb: add demote hugetlb page sysfs interfaces"),
    # -- mounts and files -----------------------------------------------------------------------------
    Rule("min_size", "hugetlbfs knows min_size=; before, the mount is EINVAL",
         "4.1", "hugetlbfs_parse_options",
         "7ca02d0ae586 hugetlbfs: accept subpool min_size mount option and setup accordingly"),
    Rule("fallocate", "hugetlbfs knows fallocate and holes, and so MADV_REMOVE",
         "4.3", "hugetlbfs_fallocate, madvise_remove", "70c3547e36f5 hugetlbfs: add hugetlbfs_fallocate()"),
    Rule("hole_zeroes_partial_pages",
         "a hole also zeroes the parts of pages at its ends; before, it only frees whole pages",
         "5.19", "hugetlbfs_zero_partial_page",
         "68d32527d340 hugetlbfs: zero partial pages during fallocate hole punch"),
    Rule("tmpfile", "hugetlbfs knows O_TMPFILE",
         "5.5", "hugetlbfs_tmpfile",
         "hugetlbfs: add O_TMPFILE support; between 5.4 and 5.6, and most likely 5.5: fs/hugetlbfs/inode.c of both,"
         " and the queue of patches for 5.5", certain=False),
    Rule("splice_read_needed", "sendfile from hugetlbfs is EINVAL; before, the kernel reads the file instead",
         "5.10", "do_splice_to", "36e2c7421f02 fs: don't allow splice read/write without explicit ops"),
    Rule("execute_only_pkey", "on a CPU with protection keys, a mapping with PROT_EXEC alone cannot be read: SIGSEGV",
         "4.6", "execute_only_pkey, arch_vma_access_permitted",
         "the merge of mm-pkeys-for-linus, with patches of February 2016: between 4.4 and 4.9, most likely 4.6",
         certain=False),
    # -- mmap and its kin ------------------------------------------------------------------------------
    Rule("map_fixed_evicts_last",
         "a file whose last mapping MAP_FIXED replaces is evicted when mmap returns, after the new mapping has its"
         " reservation and is populated; before, the old mapping was gone first",
         "6.12", "vms_complete_munmap_vmas", "f8d112a4e657 mm/mmap: avoid zeroing vma tree in mmap_region()"),
    Rule("shared_validate", "mmap knows MAP_SHARED_VALIDATE, and so refuses MAP_SYNC",
         "4.15", "do_mmap",
         "1c9725974074 mm: introduce MAP_SHARED_VALIDATE, a mechanism to safely define new mmap flags"),
    Rule("fixed_noreplace", "mmap knows MAP_FIXED_NOREPLACE; before, the address is a hint",
         "4.17", "do_mmap", "a4ff8e8620d3 mm: introduce MAP_FIXED_NOREPLACE"),
    Rule("mremap", "a huge page mapping can be moved; before, only shortened",
         "5.16", "vma_to_resize, move_hugetlb_page_tables",
         "550a7d60bd5e mm, hugepages: add mremap() support for hugepage backed vma"),
    Rule("mremap_moves_many", "mremap with MREMAP_FIXED and no change of length moves all mappings of the range",
         "6.17", "remap_move", "d23cb648e365 mm/mremap: permit mremap() move of multiple VMAs"),
    Rule("dontneed", "MADV_DONTNEED works on huge pages; before, it is EINVAL",
         "5.18", "madvise_dontneed_free_valid_vma", "90e7e7f5ef3f mm: enable MADV_DONTNEED for hugetlb mappings"),
    Rule("populate_advice", "madvise knows MADV_POPULATE_READ and _WRITE",
         "5.14", "madvise_populate",
         "4ca9b3859dac mm/madvise: introduce MADV_POPULATE_(READ|WRITE) to prefault page tables"),
    Rule("madv_remove_wants_maywrite",
         "MADV_REMOVE asks whether the mapping could be made writable; before, whether it is",
         "6.7", "madvise_remove",
         "e8e17ee90eaf mm: drop the assumption that VM_SHARED always implies writable; 6.1.149 has it as a backport"),
    Rule("mincore_hides", "mincore tells a process that could not write to a file that all of it is in memory",
         "5.2", "can_do_mincore",
         "134fca9063ad mm/mincore.c: make mincore() more conservative; 4.4.302 and 4.15.18 have it as a backport"),
    # -- memfd and System V ----------------------------------------------------------------------------
    Rule("memfd_create", "there is memfd_create; before, it is ENOSYS",
         "3.17", "sys_memfd_create", "9183df25fe7b shm: add memfd_create() syscall"),
    Rule("memfd_hugetlb", "memfd_create knows MFD_HUGETLB; before, it is EINVAL",
         "4.14", "sys_memfd_create", "749df87bd7be mm/shmem: add hugetlbfs support to memfd_create()"),
    Rule("memfd_seals", "a memfd of huge pages can be sealed; before, MFD_ALLOW_SEALING is EINVAL",
         "4.16", "sys_memfd_create, memfd_add_seals",
         "47b9012ecdc7 shmem: add sealing support to hugetlb-backed memfd; with ff62a3421044 hugetlb: implement memfd"
         " sealing"),
    Rule("seal_future_write", "fcntl knows F_SEAL_FUTURE_WRITE",
         "5.1", "memfd_add_seals", "ab3948f58ff8 mm/memfd: add an F_SEAL_FUTURE_WRITE seal to memfd"),
    Rule("future_write_stops_mmap", "hugetlbfs obeys F_SEAL_FUTURE_WRITE: no new shared mapping may be writable",
         "5.13", "hugetlbfs_file_mmap",
         "22247efd822e mm/hugetlb: fix F_SEAL_FUTURE_WRITE; 5.12.y and 5.10.38 have it as a backport, and since 6.14"
         " do_mmap asks memfd_check_seals_mmap"),
    Rule("memfd_exec", "memfd_create knows MFD_EXEC and MFD_NOEXEC_SEAL, fcntl F_SEAL_EXEC",
         "6.3", "sys_memfd_create", "105ff5339f49 mm/memfd: add MFD_NOEXEC_SEAL and MFD_EXEC"),
    Rule("shm_within_memlock",
         "shmget(SHM_HUGETLB) without CAP_IPC_LOCK is granted within RLIMIT_MEMLOCK, with a line in the log that"
         " calls it deprecated; later it is EPERM, and the line calls it obsolete",
         OLDEST, "hugetlb_file_setup, user_shm_lock",
         "83c1fd763b32 mm,hugetlb: remove mlock ulimit for SHM_HUGETLB", until="5.16"),
    Rule("memlock_8m", "RLIMIT_MEMLOCK of a program that set none is 8 MiB; before, 64 KiB",
         "5.16", "MLOCK_LIMIT", "9dcc38e2813e Increase default MLOCK_LIMIT to 8 MiB"),
    # -- control groups, /proc, policies ------------------------------------------------------------------
    Rule("cgroup_rsvd", "a hugetlb cgroup counts and limits reservations, too",
         "5.7", "hugetlb_cgroup_charge_cgroup_rsvd",
         "cdc2fcfea79b hugetlb_cgroup: add hugetlb_cgroup reservation counter"),
    Rule("cgroup2_hugetlb", "cgroup2 has the hugetlb controller; before, it cannot be enabled",
         "5.6", "hugetlb_cgrp_subsys.dfl_cftypes", "faced7e0806c mm: hugetlb controller for cgroups v2"),
    Rule("numa_stat", "a hugetlb cgroup has a file numa_stat",
         "5.17", "hugetlb_cgroup_read_numa_stat", "f47761999052 hugetlb: add hugetlb.*.numa_stat file"),
    Rule("cgroup_name_is_a_line", "mkdir of a cgroup with a newline in its name is EINVAL", "3.17", "cgroup_mkdir",
         "cgroup: reject cgroup names with '\\n'; between 3.10 and 4.4, most likely 3.17", certain=False),
    Rule("hugetlb_usage", "/proc/PID/status has HugetlbPages, smaps has Shared_Hugetlb and Private_Hugetlb",
         "4.4", "hugetlb_report_usage, smaps_hugetlb_range",
         "5d317b2b6536 mm: hugetlb: proc: add HugetlbPages field to /proc/PID/status; 25ee01a2fca0 mm: hugetlb: proc:"
         " add hugetlb-related fields to /proc/PID/smaps"),
    Rule("meminfo_hugetlb", "/proc/meminfo has a line Hugetlb for the pools of all sizes",
         "4.16", "hugetlb_report_meminfo",
         "mm/hugetlb.c of 4.15 and 4.16: mm: show total hugetlb memory consumption in /proc/meminfo"),
    Rule("preferred_many", "there is MPOL_PREFERRED_MANY; before, it is EINVAL",
         "5.15", "sanitize_mpol_flags",
         "b27abaccf8e8 mm/mempolicy: add MPOL_PREFERRED_MANY for multiple preferred nodes"),
)  # fmt: skip
RULES = {rule.name: rule for rule in _ROWS}


@dataclass(frozen=True)
class Rules:
    """The decisions of one kernel: the names of the rules that hold and of the kernel bugs that are on."""

    version: str
    names: frozenset[str]
    bugs: frozenset[str]

    def __getattr__(self, name: str) -> bool:
        """Does the rule of this name hold? Raises AttributeError for a name that is not in RULES."""
        if name not in RULES:
            raise AttributeError(f"there is no rule {name!r}")
        return name in self.names

    def bug(self, name: str) -> bool:
        """Is the kernel bug of this name on? Raises KeyError for a name that is not in KERNEL_BUGS."""
        return name in self.bugs and bool(KERNEL_BUGS[name])

    @property
    def memlock(self) -> int:
        """RLIMIT_MEMLOCK of a program that set none, in bytes."""
        return 8 << 20 if self.memlock_8m else 64 << 10

    def as_intended(self) -> Rules:
        """The same release without its kernel bugs."""
        return replace(self, bugs=frozenset())


def _holds(dated: Rule | KernelBug, version: str) -> bool:
    """Does a release such as "6.11" have the rule or the bug?"""
    return release(dated.since) <= release(version) and not (dated.until and release(dated.until) <= release(version))


def rules_of(version: str) -> Rules:
    """The rules and kernel bugs of a release such as "6.11" or "6.11.3-generic"; after NEWEST, those known of it.

    Raises ValueError for a release before OLDEST, or for text that is no release.
    """
    if release(version) < release(OLDEST):
        raise ValueError(f"Linux {version} is older than {OLDEST}, the oldest release whose rules are known")
    names = frozenset(rule.name for rule in _ROWS if _holds(rule, version))
    bugs = frozenset(name for name, bug in KERNEL_BUGS.items() if _holds(bug, version))
    return Rules(version, names, bugs)
