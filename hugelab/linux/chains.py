"""Call chains: for each phase of an operation the functions inside the kernel that it may go through, outermost first.

Functions go by their 3.10 names (``names`` has the later ones). A test compares the chains with the model's events in
both directions: each event has a box, and each box that has an event is lit by a program.
"""

from __future__ import annotations

from typing import NamedTuple

from .operations import ADMINISTRATOR, Operation


class Call(NamedTuple):
    """One box of a call flow: its layer, the function's 3.10 name, its depth in the chain, and what it does."""

    layer: str
    name: str
    depth: int
    what: str


USER, SYSCALL, VFS, FS, MM, HUGE = "user space", "system call", "VFS", "hugetlbfs", "mm", "hugetlb"
PROCESS, IPC = "process", "System V"

CHAINS: dict[str, tuple[Call, ...]] = {
    "open": (
        Call(VFS, "do_sys_open", 0, "looks the name up"),
        Call(FS, "hugetlbfs_create", 1, "only if the name is new"),
        Call(FS, "hugetlbfs_mknod", 2, "enters the name"),
        Call(FS, "hugetlbfs_get_inode", 3, "an inode with an empty page cache"),
        Call(VFS, "fd_install", 0, "a descriptor for it"),
    ),
    "mmap": (
        Call(MM, "do_mmap_pgoff", 0, "finds addresses, checks rights"),
        Call(MM, "mmap_region", 1, "makes the VMA"),
        Call(FS, "hugetlbfs_file_mmap", 2, "checks the offset, grows the file"),
        Call(FS, "hugetlbfs_get_inode", 3, "without a file: one without a name"),
        Call(HUGE, "hugetlb_reserve_pages", 3, "reserves the pages"),
        Call(HUGE, "region_chg", 4, "shared: counts what is not reserved yet"),
        Call(HUGE, "resv_map_alloc", 4, "private: a reservation map of its own"),
        Call(HUGE, "hugetlb_acct_memory", 4, "resv_huge_pages += delta, or ENOMEM"),
        Call(HUGE, "region_add", 4, "shared: enters them in the file's map"),
    ),
    "fault": (
        Call(USER, "user_access", 0, "a load or store"),
        Call(MM, "do_page_fault", 1, "the CPU found no entry"),
        Call(MM, "handle_mm_fault", 2, "finds the VMA"),
        Call(HUGE, "hugetlb_fault", 3, "a huge page VMA"),
        Call(HUGE, "hugetlb_no_page", 4, "page cache, else a new page"),
        Call(HUGE, "find_lock_page", 5, "shared: does the file have the page?"),
        Call(HUGE, "alloc_huge_page", 5, "takes a page, uses the reservation up"),
        Call(HUGE, "dequeue_huge_page_vma", 6, "a page that is available, or reserved"),
        Call(HUGE, "dequeue_huge_page_node", 7, "off the free list"),
        Call(HUGE, "alloc_buddy_huge_page", 6, "no page: one more, if allowed"),
        Call(HUGE, "vma_commit_reservation", 6, "adds the map's entry, if it is missing"),
        Call(MM, "clear_huge_page", 5, "2 MB of zeros: most of the time"),
        Call(FS, "add_to_page_cache", 5, "shared: the page is the file's now"),
    ),
    "cow": (
        Call(USER, "user_access", 0, "a store"),
        Call(MM, "do_page_fault", 1, "the entry is read-only"),
        Call(MM, "handle_mm_fault", 2, "finds the VMA"),
        Call(HUGE, "hugetlb_fault", 3, "a huge page VMA"),
        Call(HUGE, "hugetlb_cow", 4, "reuse the page, or copy it"),
        Call(HUGE, "alloc_huge_page", 5, "takes a page for the copy"),
        Call(HUGE, "dequeue_huge_page_vma", 6, "a page that is available, or reserved"),
        Call(HUGE, "dequeue_huge_page_node", 7, "off the free list"),
        Call(HUGE, "alloc_buddy_huge_page", 6, "no page: one more, if allowed"),
        Call(HUGE, "vma_commit_reservation", 6, "the reservation is used"),
        Call(MM, "copy_user_huge_page", 5, "2 MB copied: most of the time"),
        Call(HUGE, "unmap_ref_private", 5, "no page: the owner takes the child's"),
    ),
    "populate": (
        Call(MM, "__get_user_pages", 0, "the kernel asks, page by page"),
        Call(HUGE, "follow_hugetlb_page", 1, "no entry yet: a fault without a CPU"),
        Call(HUGE, "hugetlb_fault", 2, "a huge page VMA"),
        Call(HUGE, "hugetlb_no_page", 3, "page cache, else a new page"),
        Call(HUGE, "find_lock_page", 4, "shared: does the file have the page?"),
        Call(HUGE, "alloc_huge_page", 4, "takes a page, uses the reservation up"),
        Call(HUGE, "dequeue_huge_page_vma", 5, "a page that is available, or reserved"),
        Call(HUGE, "dequeue_huge_page_node", 6, "off the free list"),
        Call(HUGE, "alloc_buddy_huge_page", 5, "no page: one more, if allowed"),
        Call(HUGE, "vma_commit_reservation", 5, "adds the map's entry, if it is missing"),
        Call(MM, "clear_huge_page", 4, "2 MB of zeros: most of the time"),
        Call(FS, "add_to_page_cache", 4, "shared: the page is the file's now"),
        Call(HUGE, "hugetlb_cow", 3, "private: its own copy at once"),
        Call(MM, "copy_user_huge_page", 4, "2 MB copied"),
    ),
    "munmap": (
        Call(MM, "do_munmap", 0, "splits what sticks out"),
        Call(HUGE, "__unmap_hugepage_range_final", 1, "page table entries go"),
        Call(HUGE, "free_huge_page", 2, "private pages only"),
        Call(MM, "remove_vma", 1, "closes the VMA, lets go of the file"),
        Call(HUGE, "hugetlb_vm_op_close", 2, "private: drops reservations"),
        Call(HUGE, "hugetlb_acct_memory", 3, "private: what was not used"),
    ),
    "truncate": (
        Call(FS, "hugetlb_vmtruncate", 0, "moves the end of the file"),
        Call(HUGE, "__unmap_hugepage_range", 1, "page table entries past it go"),
        Call(FS, "truncate_hugepages", 1, "the page cache past it goes"),
        Call(HUGE, "free_huge_page", 2, "each page: to the head of the free list"),
        Call(HUGE, "hugetlb_unreserve_pages", 2, "deletes the map past it"),
        Call(HUGE, "hugetlb_acct_memory", 3, "drops reservations without a page"),
    ),
    "fork": (
        Call(PROCESS, "copy_process", 0, "a second process"),
        Call(MM, "dup_mmap", 1, "mapping by mapping"),
        Call(HUGE, "reset_vma_resv_huge_pages", 2, "private: the child owns no reservation"),
        Call(HUGE, "copy_hugetlb_page_range", 2, "same pages; private ones read-only now"),
    ),
    "exit": (
        Call(PROCESS, "do_exit", 0, "the process ends"),
        Call(MM, "exit_mmap", 1, "first its mappings, all together"),
        Call(HUGE, "__unmap_hugepage_range_final", 2, "page table entries go"),
        Call(HUGE, "free_huge_page", 3, "private pages only"),
        Call(MM, "remove_vma", 2, "closes each VMA, lets go of the file"),
        Call(HUGE, "hugetlb_vm_op_close", 3, "private: drops reservations"),
        Call(HUGE, "hugetlb_acct_memory", 4, "private: what was not used"),
        Call(PROCESS, "exit_files", 1, "then its descriptors"),
        Call(VFS, "fput", 2, "the last holder lets go of the file"),
    ),
    "mprotect": (
        Call(MM, "mprotect_fixup", 0, "splits what sticks out, at huge pages only"),
        Call(HUGE, "hugetlb_change_protection", 1, "new rights in the page table entries"),
    ),
    "mremap": (
        Call(MM, "move_vma", 0, "a VMA elsewhere, with the same reservations"),
        Call(HUGE, "move_hugetlb_page_tables", 1, "entries move, no page does"),
        Call(HUGE, "fixup_hugetlb_reservations", 1, "the old mapping owns no reservation"),
        Call(MM, "do_munmap", 0, "the old place; what is cut off or in the way"),
        Call(HUGE, "__unmap_hugepage_range_final", 1, "page table entries go"),
        Call(HUGE, "free_huge_page", 2, "private pages only"),
        Call(MM, "remove_vma", 1, "closes the VMA, lets go of the file"),
        Call(HUGE, "hugetlb_vm_op_close", 2, "nothing, if its reservations have moved"),
        Call(HUGE, "hugetlb_acct_memory", 3, "private: what was not used"),
    ),
    "madvise": (
        Call(MM, "zap_page_range", 0, "MADV_DONTNEED: the addresses stay"),
        Call(HUGE, "__unmap_hugepage_range", 1, "page table entries go"),
        Call(HUGE, "free_huge_page", 2, "private pages only; a reservation comes back"),
    ),
    "fallocate": (
        Call(VFS, "do_fallocate", 0, "checks the descriptor"),
        Call(FS, "hugetlbfs_fallocate", 1, "each page that the file does not have"),
        Call(HUGE, "alloc_huge_page", 2, "takes a page, uses a reservation up"),
        Call(HUGE, "dequeue_huge_page_vma", 3, "a page that is available, or reserved"),
        Call(HUGE, "dequeue_huge_page_node", 4, "off the free list"),
        Call(HUGE, "alloc_buddy_huge_page", 3, "no page: one more, if allowed"),
        Call(HUGE, "vma_commit_reservation", 3, "adds the map's entry, if it is missing"),
        Call(MM, "clear_huge_page", 2, "2 MB of zeros: most of the time"),
        Call(FS, "add_to_page_cache", 2, "the file's page; not mapped yet"),
    ),
    "hole": (
        Call(VFS, "do_fallocate", 0, "the size must stay: KEEP_SIZE"),
        Call(FS, "hugetlbfs_punch_hole", 1, "whole huge pages inside the range"),
        Call(HUGE, "__unmap_hugepage_range", 2, "entries go everywhere, private copies too"),
        Call(FS, "truncate_hugepages", 2, "the page cache between the edges goes"),
        Call(HUGE, "free_huge_page", 3, "each page, with its entry in the map"),
    ),
    "resize": (Call(HUGE, "set_max_huge_pages", 0, "surplus first, then buddy allocator"),),
    "demote": (Call(HUGE, "demote_pool_huge_page", 0, "free pages that are not reserved"),),
    "shmget": (
        Call(IPC, "newseg", 0, "a segment: a file without a name"),
        Call(FS, "hugetlbfs_get_inode", 1, "an inode with an empty page cache"),
        Call(HUGE, "user_shm_lock", 1, "without CAP_IPC_LOCK: RLIMIT_MEMLOCK"),
        Call(HUGE, "hugetlb_reserve_pages", 1, "reserves all its pages, before any mapping"),
        Call(HUGE, "region_chg", 2, "counts them"),
        Call(HUGE, "hugetlb_acct_memory", 2, "resv_huge_pages += delta, or ENOMEM"),
        Call(HUGE, "region_add", 2, "enters them in the file's map"),
    ),
    "shmat": (
        Call(IPC, "do_shmat", 0, "always the whole segment"),
        Call(MM, "do_mmap_pgoff", 1, "finds addresses"),
        Call(FS, "hugetlbfs_file_mmap", 2, "the segment is a file"),
        Call(HUGE, "hugetlb_reserve_pages", 3, "nothing new: shmget has reserved"),
    ),
    "shmrm": (Call(IPC, "do_shm_rmid", 0, "it goes with its last mapping"),),
    "mount": (
        Call(FS, "hugetlbfs_fill_super", 0, "reads the options"),
        Call(HUGE, "hugepage_new_subpool", 1, "size= and min_size=: a budget"),
        Call(HUGE, "hugetlb_acct_memory", 2, "min_size= is reserved at once, or ENOMEM"),
    ),
    "umount": (
        Call(VFS, "generic_shutdown_super", 0, "evicts every file, also one with a name"),
        Call(FS, "hugetlbfs_put_super", 1, "ends the mount's budget"),
        Call(HUGE, "hugetlb_acct_memory", 2, "drops what min_size= kept reserved"),
    ),
    "evict": (
        Call(VFS, "iput", 0, "the file has no holder any more"),
        Call(FS, "hugetlbfs_evict_inode", 1, "the end of the inode"),
        Call(FS, "truncate_hugepages", 2, "empties the page cache"),
        Call(HUGE, "free_huge_page", 3, "each page: to the head of the free list"),
        Call(HUGE, "hugetlb_unreserve_pages", 3, "deletes the map"),
        Call(HUGE, "hugetlb_acct_memory", 4, "drops reservations without a page"),
        Call(VFS, "clear_inode", 2, "the inode is gone"),
    ),
}

TITLES = {
    "open": "open: a file with no pages",
    "mmap": "mmap: a reservation",
    "fault": "page fault: the reservation is used",
    "cow": "write to a read-only page: reuse or copy",
    "munmap": "munmap: the addresses go",
    "evict": "eviction: the pages come back",
    "truncate": "ftruncate: the end of the file moves",
    "resize": "nr_hugepages: the pool grows or shrinks",
    "populate": "pages faulted in by the kernel",
    "fork": "fork: two processes, the same pages",
    "exit": "exit: mappings first, then descriptors",
    "mprotect": "mprotect: other rights",
    "mremap": "mremap: other addresses, the same pages",
    "madvise": "madvise: the pages go, the addresses stay",
    "fallocate": "fallocate: pages before any mapping",
    "hole": "a hole: pages and reservations leave the file",
    "demote": "demote: large pages become small ones",
    "shmget": "shmget: a reservation without a mapping",
    "shmat": "shmat: addresses for a segment",
    "shmrm": "shmctl: the segment is to go",
    "mount": "mount: a budget for the files",
    "umount": "umount: the files and the budget go",
}


# Function -> the first chain that has it: its event begins that phase, unless the current phase has the function, too.
_BEGINS: dict[str, str] = {}
for _phase, _chain in CHAINS.items():
    for _call in _chain:
        _BEGINS.setdefault(_call.name, _phase)
_BEGINS |= {"truncate_hugepages": "evict", "__unmap_hugepage_range": "munmap", "hugetlbfs_evict_inode": "evict"}
# Functions of many phases, which begin none.
_EVERYWHERE = frozenset(
    ("hugetlb_acct_memory", "free_huge_page", "alloc_huge_page", "hugetlbfs_get_inode", "fput", "fd_install")
)


def begins(name: str) -> str | None:
    """The phase that a function begins; None for a function of many phases or of no chain."""
    return None if name in _EVERYWHERE else _BEGINS.get(name)


def chain_of(phase: str, row: Operation | None) -> tuple[Call, ...]:
    """The chain of a phase, with the boxes of an operation around it: its call or command, and its kernel entry."""
    calls = CHAINS[phase]
    if row is None:
        return calls
    if phase in ("fault", "cow"):
        way_in = Call(SYSCALL, row.entry, 0, "it accesses memory")
        return calls if row.entry == calls[0].name else (way_in, *calls[1:])
    outer = [Call(USER, typed(row), 0, row.who)]
    if row.entry != "user_access":
        outer.append(Call(SYSCALL, row.entry, 1, "enters the kernel"))
    return (*outer, *(call._replace(depth=call.depth + len(outer)) for call in calls))


def typed(row: Operation) -> str:
    """The call or the command of an operation: ``munmap()``, ``echo N > nr_hugepages``."""
    if row.who == ADMINISTRATOR and row.entry.endswith("_store"):
        return f"echo N > {row.entry.removesuffix('_store')}"
    return row.entry if row.entry == "user_access" else f"{row.entry.removeprefix('sys_')}()"
