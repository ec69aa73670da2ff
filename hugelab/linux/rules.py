"""What differs from release to release: each rule with the release it holds from, the kernel's function and its source.

``rules_of("6.11")`` computes what a release decides; nothing here is a snapshot. A rule named ``x`` is asked for as
``rules.x``. What real kernels do and nobody meant stands in kernel_bugs.py, dated in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from .kernel_bugs import KERNEL_BUGS
from .names import release

OLDEST, NEWEST = "3.10", "6.18"  # the releases between which the dates are known


class Rule(NamedTuple):
    """One decision of the kernel. It holds from the release ``since`` on, and no more from ``until`` on ("": still).

    ``function`` is where the kernel decides, ``source`` the commit or the release note. Not ``certain``: the source
    does not tell the release; ``source`` says between which two recorded or read releases it lies.
    """

    name: str
    about: str
    since: str
    function: str
    source: str
    until: str = ""
    certain: bool = True

    def holds(self, version: str) -> bool:
        """Does it hold in this release?"""
        return release(self.since) <= release(version) and not (self.until and release(self.until) <= release(version))


_ROWS = (
    # -- reservations and faults ------------------------------------------------------------------
    Rule(
        "zap_restores_reserve",
        "a private page that is unmapped while its mapping lives gives its reservation back; before, the map's entry"
        " stays used",
        "6.9",
        "__unmap_hugepage_range",
        "mm/hugetlb: restore the reservation if needed (df7a6d1f6405)",
    ),
    Rule(
        "alloc_takes_reservation",
        "resv_huge_pages falls in alloc_hugetlb_folio, after dequeue_hugetlb_folio_vma has returned; before, inside the"
        " latter. Both hold hugetlb_lock: no other allocator sees a page less available",
        "6.15",
        "alloc_hugetlb_folio",
        "mm/hugetlb: simplify vma_has_reserves() and its series",
    ),
    Rule(
        "unmap_clears_mayshare",
        "VM_MAYSHARE is cleared while a mapping is torn down",
        "3.6",
        "__unmap_hugepage_range_final",
        "mm: hugetlbfs: close race during teardown of hugetlbfs shared page tables; undone by the vma_lock of 6.1",
        until="6.1",
    ),
    Rule(
        "fork_copies_every_table",
        "fork copies the page table of every huge page mapping; later only where there are private pages, as a fault"
        " brings the others back",
        OLDEST,
        "copy_page_range, vma_needs_copy",
        "hugetlb: do not update address_space_operations... vma_needs_copy since 6.0",
        until="6.0",
    ),
    # -- the pool ------------------------------------------------------------------------------------
    Rule(
        "pool_in_order",
        "a grown pool hands its pages out in the order in which they were allocated; before, the last one comes first",
        "6.7",
        "prep_and_add_allocated_folios",
        "hugetlb: restructure pool allocations",
    ),
    Rule(
        "shrink_spares_surplus",
        "shrinking counts only persistent free pages as free",
        "6.17",
        "set_max_huge_pages",
        "mm/hugetlb: fix set_max_huge_pages() when there are surplus pages",
    ),
    Rule(
        "node_file_counts_surplus",
        "writing nr_hugepages of one node adds all pages of the other nodes, surplus ones too, and so makes more than"
        " was asked for",
        OLDEST,
        "set_max_huge_pages",
        "recorded on 6.1; gone on 6.12",
        until="6.12",
        certain=False,
    ),
    Rule(
        "surplus_obeys_mempolicy",
        "surplus pages for a reservation come only from the nodes that the task is bound to",
        "6.11",
        "gather_surplus_pages",
        "hugetlb: force allocating surplus hugepages on mempolicy allowed nodes",
    ),
    Rule(
        "gigantic_at_run_time",
        "pages of 1 GB can be allocated after boot, with nr_hugepages; before, writing it is EINVAL",
        "3.16",
        "alloc_fresh_gigantic_page",
        "hugetlb: add support for gigantic page allocation at runtime (944d9fec8d7a)",
    ),
    Rule("demote", "pages can be broken into pages of a smaller pool", "5.16", "demote_store", "hugetlb: add demote"),
    # -- mounts and files -----------------------------------------------------------------------------
    Rule("min_size", "hugetlbfs knows min_size=", "4.1", "hugetlbfs_parse_options", "hugetlbfs: add minimum size"),
    Rule(
        "fallocate",
        "hugetlbfs knows fallocate and holes, and so MADV_REMOVE",
        "4.3",
        "hugetlbfs_fallocate",
        "hugetlbfs: add hugetlbfs_fallocate()",
    ),
    Rule(
        "hole_zeroes_partial_pages",
        "a hole also zeroes the parts of pages at its ends; before, it only frees whole pages",
        "6.1",
        "hugetlbfs_zero_partial_page",
        "hugetlbfs: zero partial pages during fallocate hole punch",
    ),
    Rule("tmpfile", "hugetlbfs knows O_TMPFILE", "5.6", "hugetlbfs_tmpfile", "hugetlbfs: add O_TMPFILE support"),
    # -- mmap and its kin ------------------------------------------------------------------------------
    Rule(
        "map_fixed_evicts_last",
        "a file whose last mapping MAP_FIXED replaces is evicted when mmap returns, after the new mapping has its"
        " reservation and is populated; before, the old mapping was gone first",
        "6.12",
        "vms_complete_munmap_vmas",
        "mm/mmap: avoid zeroing vma tree in mmap_region()",
    ),
    Rule(
        "shared_validate",
        "mmap knows MAP_SHARED_VALIDATE, and so refuses MAP_SYNC",
        "4.15",
        "do_mmap",
        "mm: introduce MAP_SHARED_VALIDATE",
    ),
    Rule(
        "fixed_noreplace",
        "mmap knows MAP_FIXED_NOREPLACE; before, the address is a hint",
        "4.17",
        "do_mmap",
        "mm: introduce MAP_FIXED_NOREPLACE",
    ),
    Rule(
        "mremap",
        "a huge page mapping can be moved; before, only shortened",
        "5.16",
        "move_vma",
        "mm, hugepages: add mremap() support for hugepage backed vma",
    ),
    Rule(
        "mremap_moves_many",
        "mremap with MREMAP_FIXED and no change of length moves all mappings of the range",
        "6.17",
        "remap_move",
        "mm/mremap: permit mremap() move of multiple VMAs",
    ),
    Rule(
        "dontneed",
        "MADV_DONTNEED works on huge pages; before, it is EINVAL",
        "5.18",
        "madvise_dontneed_free_valid_vma",
        "mm: enable MADV_DONTNEED for hugetlb mappings",
    ),
    Rule(
        "populate_advice",
        "madvise knows MADV_POPULATE_READ and _WRITE",
        "5.14",
        "madvise_populate",
        "mm/madvise: introduce MADV_POPULATE_(READ|WRITE)",
    ),
    Rule(
        "madv_remove_wants_maywrite",
        "MADV_REMOVE asks whether the mapping could be made writable; before, whether it is",
        "6.7",
        "madvise_remove",
        "mm: add vma_is_shared_maywrite()",
    ),
    Rule(
        "mincore_hides",
        "mincore tells whoever could not write to a file that all of it is in memory",
        "5.2",
        "can_do_mincore",
        "mm/mincore.c: make mincore() more conservative",
    ),
    # -- memfd and System V ----------------------------------------------------------------------------
    Rule(
        "memfd_create",
        "there is memfd_create; before, ENOSYS",
        "3.17",
        "sys_memfd_create",
        "shm: add memfd_create() syscall",
    ),
    Rule(
        "memfd_hugetlb",
        "memfd_create knows MFD_HUGETLB; before, EINVAL",
        "4.14",
        "sys_memfd_create",
        "mm/shmem: add hugetlbfs support to memfd_create()",
    ),
    Rule(
        "memfd_seals",
        "a memfd of huge pages can be sealed; before, MFD_ALLOW_SEALING is EINVAL",
        "4.16",
        "memfd_add_seals",
        "memfd: add sealing to hugetlb-backed memory",
    ),
    Rule(
        "seal_future_write",
        "fcntl knows F_SEAL_FUTURE_WRITE",
        "5.1",
        "memfd_add_seals",
        "mm/memfd: add an F_SEAL_FUTURE_WRITE seal to memfd",
    ),
    Rule(
        "memfd_exec",
        "memfd_create knows MFD_EXEC and MFD_NOEXEC_SEAL, fcntl F_SEAL_EXEC",
        "6.3",
        "sys_memfd_create",
        "mm/memfd: add MFD_NOEXEC_SEAL and MFD_EXEC",
    ),
    Rule(
        "shm_within_memlock",
        "shmget(SHM_HUGETLB) without CAP_IPC_LOCK is granted within RLIMIT_MEMLOCK, with a line in the log",
        OLDEST,
        "hugetlb_file_setup, user_shm_lock",
        "hugetlbfs: remove the deprecated user_shm_lock path",
        until="5.16",
        certain=False,
    ),
    Rule(
        "memlock_8m",
        "RLIMIT_MEMLOCK of a program that set none is 8 MiB; before, 64 KiB",
        "5.16",
        "MLOCK_LIMIT",
        "Increase default MLOCK_LIMIT to 8 MiB",
    ),
    # -- control groups, /proc, policies ------------------------------------------------------------------
    Rule(
        "cgroup_rsvd",
        "a hugetlb cgroup counts and limits reservations, too",
        "5.7",
        "hugetlb_cgroup_charge_cgroup_rsvd",
        "hugetlb_cgroup: add reservation accounting",
    ),
    Rule(
        "cgroup2_hugetlb",
        "cgroup2 has the hugetlb controller",
        "5.6",
        "hugetlb_cgroup_css_alloc",
        "mm: hugetlb controller for cgroups v2",
    ),
    Rule(
        "numa_stat",
        "a hugetlb cgroup has hugetlb.SIZE.numa_stat",
        "5.17",
        "hugetlb_cgroup_read_numa_stat",
        "hugetlb: add hugetlb.*.numa_stat file",
    ),
    Rule(
        "hugetlb_usage",
        "/proc/PID/status has HugetlbPages, smaps Shared_Hugetlb and Private_Hugetlb",
        "4.4",
        "hugetlb_report_usage",
        "mm: hugetlb: proc: add HugetlbPages field to /proc/PID/status",
    ),
    Rule(
        "meminfo_hugetlb",
        "/proc/meminfo has a line Hugetlb: for the pools of all sizes",
        "4.16",
        "hugetlb_report_meminfo",
        "mm: show total hugetlb memory consumption in /proc/meminfo",
    ),
    Rule(
        "preferred_many",
        "there is MPOL_PREFERRED_MANY",
        "5.15",
        "do_set_mempolicy",
        "mm/mempolicy: add MPOL_PREFERRED_MANY for multiple preferred nodes",
    ),
)
RULES = {rule.name: rule for rule in _ROWS}


@dataclass(frozen=True)
class Rules:
    """What one kernel decides: the names of the rules and of the kernel bugs that are in force."""

    version: str
    names: frozenset[str]
    bugs: frozenset[str]

    def __getattr__(self, name: str) -> bool:
        """Is the rule of this name in force? Raises AttributeError for a name that is not in RULES."""
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

    def turned(self, name: str) -> Rules:
        """The same kernel with one rule the other way: what a belief, or a mutant, changes. Raises KeyError."""
        return replace(self, names=self.names ^ {RULES[name].name})

    def as_intended(self) -> Rules:
        """The same release without its kernel bugs: the design that its authors meant."""
        return replace(self, bugs=frozenset())


def rules_of(version: str) -> Rules:
    """The rules and kernel bugs of a release such as "6.11" or "6.11.3-generic".

    A release later than NEWEST has the newest that are known. Raises ValueError for one before OLDEST, or for text
    that is no release.
    """
    if release(version) < release(OLDEST):
        raise ValueError(f"Linux {version} is older than {OLDEST}, the oldest release whose rules are known")
    names = frozenset(rule.name for rule in _ROWS if rule.holds(version))
    bugs = frozenset(name for name, bug in KERNEL_BUGS.items() if bug.holds(version))
    return Rules(version, names, bugs)
