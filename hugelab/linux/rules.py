"""Every decision that differs by kernel version: named, with its source. The kernel's slips stand in slips.py."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .kernel_bugs import SLIPS
from .names import release


@dataclass(frozen=True)
class Rules:
    """What one kernel version decides. ``slips`` names the slips that are switched on."""

    version: str

    zap_restores_reserve: bool
    """A private page unmapped while its VMA lives gives its reservation back (since 6.10, __unmap_hugepage_range).
    Without it the map entry stays "used"."""

    dequeue_pays_promise: bool
    """resv_huge_pages falls together with free_huge_pages in what a log shows as the dequeue (seen on 3.10); on 6.1 and
    later it has not fallen yet when dequeue_huge_page_nodemask returns, but has when alloc_huge_page does."""

    unmap_clears_mayshare: bool
    """VM_MAYSHARE is cleared while a VMA is torn down (__unmap_hugepage_range_final, 3.6 to 6.0)."""

    pool_in_order: bool
    """A grown pool hands its pages out in the order they were allocated (batched add, 6.7 and later); before,
    the page allocated last comes first."""

    shrink_spares_surplus: bool
    """Shrinking counts only persistent free pages as free (set_max_huge_pages, 6.17)."""

    node_file_counts_surplus: bool
    """Writing nr_hugepages of one node adds all pages of the other nodes to the number, surplus ones too, and so makes
    more than was asked for (set_max_huge_pages; seen on 6.1, not on 6.12)."""

    min_size: bool
    """hugetlbfs knows the mount option min_size= (4.1)."""

    map_fixed_evicts_last: bool
    """A file whose last mapping MAP_FIXED replaces is evicted when mmap returns, after the new mapping has
    its reservation and is populated (vms_complete_munmap_vmas, 6.12); before, the old mapping was gone first."""

    shared_validate: bool
    """mmap knows MAP_SHARED_VALIDATE and so refuses MAP_SYNC (4.15)."""

    fallocate: bool
    """hugetlbfs knows fallocate and holes, and so MADV_REMOVE (4.3)."""

    hole_zeroes_partial_pages: bool
    """A hole also zeroes the parts of pages at its ends (6.1); before, it only frees whole pages."""

    madv_remove_wants_maywrite: bool
    """MADV_REMOVE asks whether the mapping could be made writable (6.7); before, whether it is."""

    fork_copies_every_table: bool
    """fork copies the page table of every huge page mapping, also where a fault would bring it back
    (vma_needs_copy, 6.0 and later: only where there are private pages)."""

    memfd: bool
    """memfd_create knows MFD_HUGETLB (4.14; its seals 4.16)."""

    cgroup_rsvd: bool
    """A hugetlb cgroup counts and limits promises, too (5.7)."""

    populate_advice: bool
    """madvise knows MADV_POPULATE_READ and _WRITE (5.14)."""

    mremap: bool
    """A huge page mapping can be moved (5.16); before, mremap only shortens it."""

    mremap_moves_many: bool
    """mremap with MREMAP_FIXED and no change of length moves all mappings in the range (6.17)."""

    dontneed: bool
    """MADV_DONTNEED works on huge pages (5.18); before, it is EINVAL."""

    surplus_obeys_mempolicy: bool
    """Surplus pages for a promise come only from the nodes that the task is bound to (gather_surplus_pages, 6.11)."""

    memlock: int
    """RLIMIT_MEMLOCK of a program that set none, in bytes (MLOCK_LIMIT: 64 KiB, since 5.16 8 MiB)."""

    demote: bool
    """Pages can be broken into pages of a smaller pool (5.16)."""

    slips: frozenset[str] = frozenset()

    def with_slips(self) -> Rules:
        """The same kernel with all its slips: those that its version has."""
        mine = (name for name, slip in SLIPS.items() if release(slip.since) <= release(self.version))
        return replace(self, slips=frozenset(mine))

    def slip(self, name: str) -> bool:
        """Is this slip switched on? Raises KeyError for a name that is not in SLIPS."""
        return name in self.slips and bool(SLIPS[name])


V3_10 = Rules(
    "3.10",
    zap_restores_reserve=False,
    dequeue_pays_promise=True,
    unmap_clears_mayshare=True,
    pool_in_order=False,
    shrink_spares_surplus=False,
    node_file_counts_surplus=True,
    min_size=False,
    map_fixed_evicts_last=False,
    shared_validate=False,
    fallocate=False,
    hole_zeroes_partial_pages=False,
    madv_remove_wants_maywrite=False,
    fork_copies_every_table=True,
    memfd=False,
    cgroup_rsvd=False,
    populate_advice=False,
    mremap=False,
    mremap_moves_many=False,
    dontneed=False,
    demote=False,
    surplus_obeys_mempolicy=False,
    memlock=64 << 10,
)
V5_10 = replace(
    V3_10, version="5.10", min_size=True, shared_validate=True, fallocate=True, memfd=True, cgroup_rsvd=True
)
V6_1 = replace(
    V5_10,
    version="6.1",
    dequeue_pays_promise=False,
    unmap_clears_mayshare=False,
    fork_copies_every_table=False,
    hole_zeroes_partial_pages=True,
    populate_advice=True,
    mremap=True,
    dontneed=True,
    demote=True,
    memlock=8 << 20,
)
V6_12 = replace(
    V6_1,
    version="6.12",
    zap_restores_reserve=True,
    pool_in_order=True,
    node_file_counts_surplus=False,
    map_fixed_evicts_last=True,
    madv_remove_wants_maywrite=True,
    surplus_obeys_mempolicy=True,
)
V6_18 = replace(V6_12, version="6.18", shrink_spares_surplus=True, mremap_moves_many=True)
