"""Call chains: for each phase of an operation the functions that it may go through, outermost first.

Functions go by their 3.10 names (``names`` has the later ones). A test compares the chains with the model's events in
both directions: each event has a box, and each box that has an event is lit by a program.
"""

from __future__ import annotations

from typing import NamedTuple

from .operations import ADMINISTRATOR
from .scenario import Op


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
        Call(USER, "open()", 0, "the program"),
        Call(SYSCALL, "sys_open", 1, "enters the kernel"),
        Call(VFS, "do_sys_open", 2, "looks the name up"),
        Call(FS, "hugetlbfs_create", 3, "only if the name is new"),
        Call(FS, "hugetlbfs_mknod", 4, "enters the name"),
        Call(FS, "hugetlbfs_get_inode", 5, "an inode with an empty page cache"),
        Call(VFS, "fd_install", 2, "a descriptor for it"),
    ),
    "mmap": (
        Call(USER, "mmap()", 0, "the program"),
        Call(SYSCALL, "sys_mmap", 1, "rounds the length up to huge pages"),
        Call(MM, "do_mmap_pgoff", 2, "finds addresses, checks rights"),
        Call(MM, "mmap_region", 3, "makes the VMA"),
        Call(FS, "hugetlbfs_file_mmap", 4, "checks the offset, grows the file"),
        Call(FS, "hugetlbfs_get_inode", 5, "without a file: one without a name"),
        Call(HUGE, "hugetlb_reserve_pages", 5, "reserves the pages"),
        Call(HUGE, "region_chg", 6, "shared: counts what is not reserved yet"),
        Call(HUGE, "resv_map_alloc", 6, "private: a reservation map of its own"),
        Call(HUGE, "hugetlb_acct_memory", 6, "resv_huge_pages += delta, or ENOMEM"),
        Call(HUGE, "region_add", 6, "shared: enters them in the file's map"),
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
        Call(HUGE, "alloc_buddy_huge_page", 6, "no page: one beyond the pool, if allowed"),
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
        Call(HUGE, "alloc_buddy_huge_page", 6, "no page: one beyond the pool, if allowed"),
        Call(HUGE, "vma_commit_reservation", 6, "the reservation is used"),
        Call(MM, "copy_user_huge_page", 5, "2 MB copied: most of the time"),
        Call(HUGE, "unmap_ref_private", 5, "no page: the owner takes the child's"),
    ),
    "populate": (
        Call(USER, "mlock()", 0, "or MAP_POPULATE, MADV_POPULATE"),
        Call(SYSCALL, "sys_mlock", 1, "enters the kernel"),
        Call(MM, "__get_user_pages", 2, "the kernel asks, page by page"),
        Call(HUGE, "follow_hugetlb_page", 3, "no entry yet: a fault without a CPU"),
        Call(HUGE, "hugetlb_fault", 4, "a huge page VMA"),
        Call(HUGE, "hugetlb_no_page", 5, "page cache, else a new page"),
        Call(HUGE, "find_lock_page", 6, "shared: does the file have the page?"),
        Call(HUGE, "alloc_huge_page", 6, "takes a page, uses the reservation up"),
        Call(HUGE, "dequeue_huge_page_vma", 7, "a page that is available, or reserved"),
        Call(HUGE, "dequeue_huge_page_node", 8, "off the free list"),
        Call(HUGE, "alloc_buddy_huge_page", 7, "no page: one beyond the pool, if allowed"),
        Call(HUGE, "vma_commit_reservation", 7, "adds the map's entry, if it is missing"),
        Call(MM, "clear_huge_page", 6, "2 MB of zeros: most of the time"),
        Call(FS, "add_to_page_cache", 6, "shared: the page is the file's now"),
        Call(HUGE, "hugetlb_cow", 5, "private: its own copy at once"),
        Call(MM, "copy_user_huge_page", 6, "2 MB copied"),
    ),
    "munmap": (
        Call(USER, "munmap()", 0, "the program"),
        Call(SYSCALL, "sys_munmap", 1, "enters the kernel"),
        Call(MM, "do_munmap", 2, "splits what sticks out"),
        Call(HUGE, "__unmap_hugepage_range_final", 3, "page table entries go"),
        Call(HUGE, "free_huge_page", 4, "private pages only"),
        Call(MM, "remove_vma", 3, "closes the VMA, lets go of the file"),
        Call(HUGE, "hugetlb_vm_op_close", 4, "private: drops reservations"),
        Call(HUGE, "hugetlb_acct_memory", 5, "private: what was not used"),
    ),
    "truncate": (
        Call(USER, "ftruncate()", 0, "the program"),
        Call(SYSCALL, "sys_ftruncate", 1, "whole huge pages only"),
        Call(FS, "hugetlb_vmtruncate", 2, "moves the end of the file"),
        Call(HUGE, "__unmap_hugepage_range", 3, "page table entries past it go"),
        Call(FS, "truncate_hugepages", 3, "the page cache past it goes"),
        Call(HUGE, "free_huge_page", 4, "each page: to the head of the free list"),
        Call(HUGE, "hugetlb_unreserve_pages", 4, "deletes the map past it"),
        Call(HUGE, "hugetlb_acct_memory", 5, "drops reservations without a page"),
    ),
    "fork": (
        Call(USER, "fork()", 0, "the parent"),
        Call(SYSCALL, "sys_fork", 1, "enters the kernel"),
        Call(PROCESS, "copy_process", 2, "a second process"),
        Call(MM, "dup_mmap", 3, "mapping by mapping"),
        Call(HUGE, "reset_vma_resv_huge_pages", 4, "private: the child owns no reservation"),
        Call(HUGE, "copy_hugetlb_page_range", 4, "same pages; private ones read-only now"),
    ),
    "exit": (
        Call(USER, "exit()", 0, "or a signal that kills"),
        Call(SYSCALL, "sys_exit", 1, "enters the kernel"),
        Call(PROCESS, "do_exit", 2, "the process ends"),
        Call(MM, "exit_mmap", 3, "first its mappings, all together"),
        Call(HUGE, "__unmap_hugepage_range_final", 4, "page table entries go"),
        Call(HUGE, "free_huge_page", 5, "private pages only"),
        Call(MM, "remove_vma", 4, "closes each VMA, lets go of the file"),
        Call(HUGE, "hugetlb_vm_op_close", 5, "private: drops reservations"),
        Call(HUGE, "hugetlb_acct_memory", 6, "private: what was not used"),
        Call(PROCESS, "exit_files", 3, "then its descriptors"),
        Call(VFS, "fput", 4, "the last holder lets go of the file"),
    ),
    "mprotect": (
        Call(USER, "mprotect()", 0, "the program"),
        Call(SYSCALL, "sys_mprotect", 1, "checks the rights"),
        Call(MM, "mprotect_fixup", 2, "splits what sticks out, at huge pages only"),
        Call(HUGE, "hugetlb_change_protection", 3, "new rights in the page table entries"),
    ),
    "mremap": (
        Call(USER, "mremap()", 0, "the program"),
        Call(SYSCALL, "sys_mremap", 1, "moves and shrinks; never grows"),
        Call(MM, "move_vma", 2, "a VMA elsewhere, with the same reservations"),
        Call(HUGE, "move_hugetlb_page_tables", 3, "entries move, no page does"),
        Call(HUGE, "fixup_hugetlb_reservations", 3, "the old mapping owns no reservation"),
        Call(MM, "do_munmap", 2, "the old place; what is cut off or in the way"),
        Call(HUGE, "__unmap_hugepage_range_final", 3, "page table entries go"),
        Call(HUGE, "free_huge_page", 4, "private pages only"),
        Call(MM, "remove_vma", 3, "closes the VMA, lets go of the file"),
        Call(HUGE, "hugetlb_vm_op_close", 4, "nothing, if its reservations have moved"),
        Call(HUGE, "hugetlb_acct_memory", 5, "private: what was not used"),
    ),
    "madvise": (
        Call(USER, "madvise()", 0, "the program"),
        Call(SYSCALL, "sys_madvise", 1, "mapping by mapping"),
        Call(MM, "zap_page_range", 2, "MADV_DONTNEED: the addresses stay"),
        Call(HUGE, "__unmap_hugepage_range", 3, "page table entries go"),
        Call(HUGE, "free_huge_page", 4, "private pages only; a reservation comes back"),
    ),
    "fallocate": (
        Call(USER, "fallocate()", 0, "the program"),
        Call(SYSCALL, "sys_fallocate", 1, "enters the kernel"),
        Call(VFS, "do_fallocate", 2, "checks the descriptor"),
        Call(FS, "hugetlbfs_fallocate", 3, "each page that the file does not have"),
        Call(HUGE, "alloc_huge_page", 4, "takes a page, uses a reservation up"),
        Call(HUGE, "dequeue_huge_page_vma", 5, "a page that is available, or reserved"),
        Call(HUGE, "dequeue_huge_page_node", 6, "off the free list"),
        Call(HUGE, "alloc_buddy_huge_page", 5, "no page: one beyond the pool, if allowed"),
        Call(HUGE, "vma_commit_reservation", 5, "adds the map's entry, if it is missing"),
        Call(MM, "clear_huge_page", 4, "2 MB of zeros: most of the time"),
        Call(FS, "add_to_page_cache", 4, "the file's page; nobody maps it yet"),
    ),
    "hole": (
        Call(USER, "fallocate()", 0, "PUNCH_HOLE, or madvise(MADV_REMOVE)"),
        Call(SYSCALL, "sys_fallocate", 1, "enters the kernel"),
        Call(VFS, "do_fallocate", 2, "the size must stay: KEEP_SIZE"),
        Call(FS, "hugetlbfs_punch_hole", 3, "whole huge pages inside the range"),
        Call(HUGE, "__unmap_hugepage_range", 4, "entries go everywhere, private copies too"),
        Call(FS, "truncate_hugepages", 4, "the page cache between the edges goes"),
        Call(HUGE, "free_huge_page", 5, "each page, with its entry in the map"),
    ),
    "resize": (
        Call(USER, "echo N > nr_hugepages", 0, "the administrator"),
        Call(SYSCALL, "nr_hugepages_store", 1, "reads the number"),
        Call(HUGE, "set_max_huge_pages", 2, "surplus first, then buddy allocator"),
    ),
    "demote": (
        Call(USER, "echo N > demote", 0, "the administrator"),
        Call(SYSCALL, "demote_store", 1, "reads the number"),
        Call(HUGE, "demote_pool_huge_page", 2, "free pages that nobody has reserved"),
    ),
    "shmget": (
        Call(USER, "shmget()", 0, "the program"),
        Call(SYSCALL, "sys_shmget", 1, "enters the kernel"),
        Call(IPC, "newseg", 2, "a segment: a file without a name"),
        Call(FS, "hugetlbfs_get_inode", 3, "an inode with an empty page cache"),
        Call(HUGE, "user_shm_lock", 3, "without CAP_IPC_LOCK: RLIMIT_MEMLOCK"),
        Call(HUGE, "hugetlb_reserve_pages", 3, "reserves all its pages, before any mapping"),
        Call(HUGE, "region_chg", 4, "counts them"),
        Call(HUGE, "hugetlb_acct_memory", 4, "resv_huge_pages += delta, or ENOMEM"),
        Call(HUGE, "region_add", 4, "enters them in the file's map"),
    ),
    "shmat": (
        Call(USER, "shmat()", 0, "the program"),
        Call(SYSCALL, "sys_shmat", 1, "enters the kernel"),
        Call(IPC, "do_shmat", 2, "always the whole segment"),
        Call(MM, "do_mmap_pgoff", 3, "finds addresses"),
        Call(FS, "hugetlbfs_file_mmap", 4, "the segment is a file"),
        Call(HUGE, "hugetlb_reserve_pages", 5, "nothing new: shmget has reserved"),
    ),
    "shmrm": (
        Call(USER, "shmctl(IPC_RMID)", 0, "the program or the administrator"),
        Call(SYSCALL, "sys_shmctl", 1, "enters the kernel"),
        Call(IPC, "do_shm_rmid", 2, "it goes with its last mapping"),
    ),
    "mount": (
        Call(USER, "mount()", 0, "the administrator"),
        Call(SYSCALL, "sys_mount", 1, "enters the kernel"),
        Call(FS, "hugetlbfs_fill_super", 2, "reads the options"),
        Call(HUGE, "hugepage_new_subpool", 3, "size= and min_size=: a budget"),
        Call(HUGE, "hugetlb_acct_memory", 4, "min_size= is reserved at once, or ENOMEM"),
    ),
    "umount": (
        Call(USER, "umount()", 0, "the administrator"),
        Call(SYSCALL, "sys_umount", 1, "EBUSY while a file is open or mapped"),
        Call(VFS, "generic_shutdown_super", 2, "evicts every file, also one with a name"),
        Call(FS, "hugetlbfs_put_super", 3, "ends the mount's budget"),
        Call(HUGE, "hugetlb_acct_memory", 4, "drops what min_size= kept reserved"),
    ),
    "evict": (
        Call(VFS, "iput", 0, "nobody holds the file any more"),
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
    "fallocate": "fallocate: pages before anybody maps them",
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


def chain_of(phase: str, op: Op | None) -> tuple[Call, ...]:
    """The chain of a phase whose first boxes are the call of this operation and its kernel entry."""
    calls = CHAINS[phase]
    if op is None:
        return calls
    entry = op.row.entry
    if phase in ("fault", "cow"):
        outer = calls[0] if entry == calls[0].name else Call(SYSCALL, entry, 0, "the kernel accesses the memory")
        return (outer, *calls[1:])
    return tuple(
        call._replace(name=typed(op))
        if call.layer == USER
        else call._replace(name=entry)
        if call.layer == SYSCALL
        else call
        for call in calls
    )


def typed(op: Op) -> str:
    """The call or the command of an operation: ``munmap()``, ``echo N > nr_hugepages``."""
    entry = op.row.entry
    if op.row.who == ADMINISTRATOR and entry.endswith("_store"):
        return f"echo N > {entry.removesuffix('_store')}"
    return "an access" if entry == "user_access" else f"{entry.removeprefix('sys_')}()"
