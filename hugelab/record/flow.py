"""Phase -> layers -> kernel functions, by kernel version; and the log lines that the lesson's kernel prints there.

Two tables: CHAINS (who calls whom in each phase) and LINES (the printk lines). The model names its events by 3.10
functions; what is shown has the name of the kernel version at hand (``names``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..linux.names import all_names
from ..linux.names import function_name as function_name  # part of what views use here
from ..linux.scenario import Op
from .recording import Event, Recording

if TYPE_CHECKING:
    from ..linux.machines import Machine


class Call(NamedTuple):
    """One box of a call flow: its layer, the 3.10 name of the function, how deep it is called."""

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
    ),
    "mmap": (
        Call(USER, "mmap()", 0, "the program"),
        Call(SYSCALL, "sys_mmap", 1, "rounds the length up to huge pages"),
        Call(MM, "do_mmap_pgoff", 2, "finds addresses, checks rights"),
        Call(MM, "mmap_region", 3, "makes the VMA"),
        Call(FS, "hugetlbfs_file_mmap", 4, "checks the offset, grows the file"),
        Call(HUGE, "hugetlb_reserve_pages", 5, "promises the pages"),
        Call(HUGE, "region_chg", 6, "counts what is not promised yet"),
        Call(HUGE, "hugetlb_acct_memory", 6, "resv_huge_pages += delta, or ENOMEM"),
        Call(HUGE, "region_add", 6, "enters the promise in the map"),
    ),
    "fault": (
        Call(USER, "user_access", 0, "a load or store"),
        Call(MM, "do_page_fault", 1, "the CPU found no entry"),
        Call(MM, "handle_mm_fault", 2, "finds the VMA"),
        Call(HUGE, "hugetlb_fault", 3, "a huge page VMA"),
        Call(HUGE, "hugetlb_no_page", 4, "page cache, else a new page"),
        Call(HUGE, "alloc_huge_page", 5, "takes a page, pays the promise"),
        Call(HUGE, "dequeue_huge_page_vma", 6, "off the free list"),
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
        Call(HUGE, "dequeue_huge_page_vma", 6, "off the free list"),
        Call(HUGE, "vma_commit_reservation", 6, "the reservation is used"),
        Call(MM, "copy_user_huge_page", 5, "2 MB copied: most of the time"),
        Call(HUGE, "unmap_ref_private", 5, "no page: the owner takes the child's"),
    ),
    "populate": (
        Call(USER, "mlock()", 0, "or MAP_POPULATE, MADV_POPULATE"),
        Call(MM, "__get_user_pages", 1, "the kernel asks, page by page"),
        Call(HUGE, "follow_hugetlb_page", 2, "no entry yet: a fault without a CPU"),
        Call(HUGE, "hugetlb_fault", 3, "a huge page VMA"),
        Call(HUGE, "hugetlb_no_page", 4, "page cache, else a new page"),
        Call(HUGE, "alloc_huge_page", 5, "takes a page, pays the promise"),
        Call(HUGE, "dequeue_huge_page_vma", 6, "off the free list"),
        Call(HUGE, "vma_commit_reservation", 6, "adds the map's entry, if it is missing"),
        Call(MM, "clear_huge_page", 5, "2 MB of zeros: most of the time"),
        Call(FS, "add_to_page_cache", 5, "shared: the page is the file's now"),
        Call(HUGE, "hugetlb_cow", 4, "private: its own copy at once"),
        Call(MM, "copy_user_huge_page", 5, "2 MB copied"),
    ),
    "munmap": (
        Call(USER, "munmap()", 0, "the program"),
        Call(SYSCALL, "sys_munmap", 1, "enters the kernel"),
        Call(MM, "do_munmap", 2, "splits what sticks out"),
        Call(HUGE, "__unmap_hugepage_range_final", 3, "page table entries go"),
        Call(HUGE, "free_huge_page", 4, "private pages only"),
        Call(MM, "remove_vma", 3, "closes the VMA, lets go of the file"),
        Call(HUGE, "hugetlb_vm_op_close", 4, "shared: nothing; private: drops promises"),
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
        Call(HUGE, "hugetlb_acct_memory", 5, "drops promises without a page"),
    ),
    "fork": (
        Call(USER, "fork()", 0, "the parent"),
        Call(SYSCALL, "sys_fork", 1, "enters the kernel"),
        Call(PROCESS, "copy_process", 2, "a second process"),
        Call(MM, "dup_mmap", 3, "mapping by mapping"),
        Call(HUGE, "reset_vma_resv_huge_pages", 4, "private: the child owns no promise"),
        Call(HUGE, "copy_hugetlb_page_range", 4, "same pages; private ones read-only now"),
    ),
    "exit": (
        Call(USER, "exit()", 0, "or a signal that kills"),
        Call(PROCESS, "do_exit", 1, "the process ends"),
        Call(MM, "exit_mmap", 2, "first its mappings, all together"),
        Call(HUGE, "__unmap_hugepage_range_final", 3, "page table entries go"),
        Call(HUGE, "free_huge_page", 4, "private pages only"),
        Call(MM, "remove_vma", 3, "closes each VMA, lets go of the file"),
        Call(HUGE, "hugetlb_vm_op_close", 4, "shared: nothing; private: drops promises"),
        Call(HUGE, "hugetlb_acct_memory", 5, "private: what was not used"),
        Call(PROCESS, "exit_files", 2, "then its descriptors"),
        Call(VFS, "fput", 3, "the last holder lets go of the file"),
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
        Call(MM, "move_vma", 2, "a VMA elsewhere, with the same promises"),
        Call(HUGE, "move_hugetlb_page_tables", 3, "entries move, no page does"),
        Call(MM, "do_munmap", 2, "the old place; what is cut off or in the way"),
        Call(HUGE, "__unmap_hugepage_range_final", 3, "page table entries go"),
        Call(HUGE, "free_huge_page", 4, "private pages only"),
        Call(MM, "remove_vma", 3, "closes the VMA, lets go of the file"),
        Call(HUGE, "hugetlb_vm_op_close", 4, "nothing, if its promises have moved"),
        Call(HUGE, "hugetlb_acct_memory", 5, "private: what was not used"),
    ),
    "madvise": (
        Call(USER, "madvise()", 0, "the program"),
        Call(SYSCALL, "sys_madvise", 1, "mapping by mapping"),
        Call(MM, "zap_page_range", 2, "MADV_DONTNEED: the addresses stay"),
        Call(HUGE, "__unmap_hugepage_range", 3, "page table entries go"),
        Call(HUGE, "free_huge_page", 4, "private pages only; a promise comes back"),
    ),
    "fallocate": (
        Call(USER, "fallocate()", 0, "the program"),
        Call(VFS, "do_fallocate", 1, "checks the descriptor"),
        Call(FS, "hugetlbfs_fallocate", 2, "each page that the file does not have"),
        Call(HUGE, "alloc_huge_page", 3, "takes a page, pays a promise if there is one"),
        Call(HUGE, "dequeue_huge_page_vma", 4, "off the free list"),
        Call(HUGE, "vma_commit_reservation", 4, "adds the map's entry, if it is missing"),
        Call(MM, "clear_huge_page", 3, "2 MB of zeros: most of the time"),
        Call(FS, "add_to_page_cache", 3, "the file's page; nobody maps it yet"),
    ),
    "hole": (
        Call(USER, "fallocate(PUNCH_HOLE)", 0, "or madvise(MADV_REMOVE)"),
        Call(VFS, "do_fallocate", 1, "the size must stay: KEEP_SIZE"),
        Call(FS, "hugetlbfs_punch_hole", 2, "whole huge pages inside the range"),
        Call(HUGE, "__unmap_hugepage_range", 3, "entries go everywhere, private copies too"),
        Call(FS, "truncate_hugepages", 3, "the page cache between the edges goes"),
        Call(HUGE, "free_huge_page", 4, "each page, with its entry in the map"),
    ),
    "resize": (
        Call(USER, "echo N > nr_hugepages", 0, "the administrator"),
        Call(SYSCALL, "nr_hugepages_store", 1, "reads the number"),
        Call(HUGE, "set_max_huge_pages", 2, "surplus first, then buddy allocator"),
    ),
    "demote": (
        Call(USER, "echo N > demote", 0, "the administrator"),
        Call(SYSCALL, "demote_store", 1, "reads the number"),
        Call(HUGE, "demote_pool_huge_page", 2, "free pages that nobody was promised"),
    ),
    "shmget": (
        Call(USER, "shmget()", 0, "the program"),
        Call(SYSCALL, "sys_shmget", 1, "enters the kernel"),
        Call(IPC, "newseg", 2, "a segment: a file without a name"),
        Call(FS, "hugetlbfs_get_inode", 3, "an inode with an empty page cache"),
        Call(HUGE, "hugetlb_reserve_pages", 3, "promises all its pages, before any mapping"),
        Call(HUGE, "region_chg", 4, "counts them"),
        Call(HUGE, "hugetlb_acct_memory", 4, "resv_huge_pages += delta, or ENOMEM"),
        Call(HUGE, "region_add", 4, "enters the promise in the map"),
    ),
    "shmat": (
        Call(USER, "shmat()", 0, "the program"),
        Call(SYSCALL, "sys_shmat", 1, "enters the kernel"),
        Call(IPC, "do_shmat", 2, "always the whole segment"),
        Call(MM, "do_mmap_pgoff", 3, "finds addresses"),
        Call(FS, "hugetlbfs_file_mmap", 4, "the segment is a file"),
        Call(HUGE, "hugetlb_reserve_pages", 5, "nothing new: shmget has promised"),
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
        Call(HUGE, "hugetlb_acct_memory", 4, "min_size= is promised at once, or ENOMEM"),
    ),
    "umount": (
        Call(USER, "umount()", 0, "the administrator"),
        Call(SYSCALL, "sys_umount", 1, "EBUSY while a file is open or mapped"),
        Call(VFS, "generic_shutdown_super", 2, "evicts every file, also one with a name"),
        Call(FS, "hugetlbfs_put_super", 3, "ends the mount's budget"),
        Call(HUGE, "hugetlb_acct_memory", 4, "drops what min_size= kept promised"),
    ),
    "evict": (
        Call(VFS, "iput", 0, "nobody holds the file any more"),
        Call(FS, "hugetlbfs_evict_inode", 1, "the end of the inode"),
        Call(FS, "truncate_hugepages", 2, "empties the page cache"),
        Call(HUGE, "free_huge_page", 3, "each page: to the head of the free list"),
        Call(HUGE, "hugetlb_unreserve_pages", 3, "deletes the map"),
        Call(HUGE, "hugetlb_acct_memory", 4, "drops promises without a page"),
    ),
}

PHASE_TITLES = {
    "open": "open: a file with no pages",
    "mmap": "mmap: a promise",
    "fault": "page fault: the promise is paid",
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
    "hole": "a hole: pages and promises leave the file",
    "demote": "demote: large pages become small ones",
    "shmget": "shmget: a promise without a mapping",
    "shmat": "shmat: addresses for a segment",
    "shmrm": "shmctl: the segment is to go",
    "mount": "mount: a budget for the files",
    "umount": "umount: the files and the budget go",
}

# Functions that begin a phase or stand for one; the events after them belong to it, too.
_PHASE_OF = {
    "sys_open": "open",
    "fd_install": "open",
    "hugetlbfs_create": "open",
    "sys_mmap": "mmap",
    "do_mmap_pgoff": "mmap",
    "hugetlbfs_file_mmap": "mmap",
    "hugetlb_reserve_pages": "mmap",
    "region_chg": "mmap",
    "region_add": "mmap",
    "resv_map_alloc": "mmap",
    "user_access": "fault",
    "hugetlb_fault": "fault",
    "hugetlb_no_page": "fault",
    "find_lock_page": "fault",
    "add_to_page_cache": "fault",
    "hugetlb_cow": "cow",
    "sys_munmap": "munmap",
    "do_munmap": "munmap",
    "__unmap_hugepage_range_final": "munmap",
    "remove_vma": "munmap",
    "hugetlb_vm_op_close": "munmap",
    "sys_shmdt": "munmap",
    "sys_memfd_create": "open",
    "sys_read": "fault",
    "sys_mlock": "populate",
    "sys_truncate": "truncate",
    "sys_ftruncate": "truncate",
    "hugetlb_vmtruncate": "truncate",
    "nr_hugepages_store": "resize",
    "demote_store": "demote",
    "sys_fork": "fork",
    "sys_exit": "exit",
    "sys_kill": "exit",
    "exit_files": "exit",
    "sys_mprotect": "mprotect",
    "sys_mremap": "mremap",
    "move_hugetlb_page_tables": "mremap",
    "sys_madvise": "madvise",
    "sys_fallocate": "fallocate",
    "hugetlbfs_punch_hole": "hole",
    "sys_shmget": "shmget",
    "sys_shmat": "shmat",
    "sys_shmctl": "shmrm",
    "sys_mount": "mount",
    "sys_umount": "umount",
    "hugetlbfs_put_super": "umount",
    "iput": "evict",
    "truncate_hugepages": "evict",
    "clear_inode": "evict",
    "hugetlbfs_evict_inode": "evict",
    "hugetlb_unreserve_pages": "evict",
}

# Which box is lit for an event that has none of its own.
_BOX_OF = {
    "resv_map_alloc": "region_add",
    "find_lock_page": "hugetlb_no_page",
    "alloc_buddy_huge_page": "alloc_huge_page",
    "clear_inode": "hugetlbfs_evict_inode",
    "fd_install": "sys_open",
    "sys_memfd_create": "sys_open",
    "sys_read": "user_access",
    "sys_mlock": "mlock()",
    "sys_truncate": "sys_ftruncate",
    "sys_exit": "do_exit",
    "sys_kill": "do_exit",
    "fixup_hugetlb_reservations": "move_vma",
    "sys_fallocate": "do_fallocate",
    "sys_shmdt": "sys_munmap",
}

# Operations that pass functions of another phase on their way: what of it is in this chain belongs to this chain.
_PHASE_OF_STEP = {
    "open": "truncate",  # O_TRUNC
    "truncate": "truncate",
    "ftruncate": "truncate",
    "touch": "exit",  # a signal that nobody catches
    "exit": "exit",
    "kill": "exit",
    "mremap": "mremap",
    "fallocate": "fallocate",
    "shmget": "shmget",
    "shmat": "shmat",
}
_POPULATES = {"mmap", "mlock", "madvise"}  # their faults come from the kernel itself


def phase_of(recording: Recording, event: Event) -> str | None:
    """The chain that an event belongs to: that of the nearest function up to it in its step that stands for one.

    None where no huge page code runs (a name that goes, a descriptor that is closed).
    """
    op = recording.steps[event.step].op if event.step >= 0 else None
    names = {point.name for point in recording.rows[event.row].points}
    if "hugetlb_fault" in names:
        if op and op.op in _POPULATES:
            return "populate"
        return "cow" if "hugetlb_cow" in names else "fault"
    first = max(recording.steps[event.step].first, 0) if event.step >= 0 else 0
    for number in range(event.row, recording.place(first)[0] - 1, -1):
        points = recording.rows[number].points
        if number == event.row:
            points = points[: recording.place(event.index)[2] + 1]
        for point in reversed(points):
            if point.name in _PHASE_OF:
                own = _own_chain(op) if op else None
                lit = _BOX_OF.get(point.name, point.name)
                return own if own and any(call.name == lit for call in CHAINS[own]) else _PHASE_OF[point.name]
    return None


def _own_chain(op: Op) -> str | None:
    if op.op == "fallocate" and "PUNCH_HOLE" in str(op.get("mode")):
        return "hole"
    return _PHASE_OF_STEP.get(op.op)


def passed(recording: Recording, event: Event, chain: tuple[Call, ...]) -> list[bool]:
    """For each box of a chain: has the event's step been in it, or in one that it calls, so far?"""
    first = recording.place(recording.steps[event.step].first)[0] if event.step >= 0 else 0
    names = {point.name for row in recording.rows[first : event.row] for point in row.points}
    row, unit, point = recording.place(event.index)
    points = recording.rows[row].points
    names |= {entry.name for entry in (points if unit else points[: point + 1])}
    seen = {_BOX_OF.get(name, name) for name in names}
    found: list[bool] = []
    for i, call in enumerate(chain):
        below = chain[i + 1 :]
        inner = next((j for j, other in enumerate(below) if other.depth <= call.depth), len(below))
        found.append(call.name in seen or any(other.name in seen for other in below[:inner]))
    return found


def box_of(event: Event) -> str:
    """The 3.10 name of the box that an event lights."""
    return _BOX_OF.get(event.name, event.name)


# -- log lines ---------------------------------------------------------------------------------------
class Line(NamedTuple):
    """A printk line: where it is printed, and its text with fields in braces. ``extra``: not the lesson's."""

    name: str
    moment: str
    text: str
    extra: bool = False


# {fn} is the function's name in the kernel at hand; {page} a struct page pointer; free and resv are of the pool.
LINES = (
    Line("hugetlbfs_create", "", "HUGETLBFS_CREATE: Creating file '{file}' in hugetlbfs"),
    Line("hugetlbfs_get_inode", "start", "HUGETLBFS_INODE: Creating new inode, mode=0x{mode:x}"),
    Line("hugetlbfs_get_inode", "success", "HUGETLBFS_INODE: Successfully created inode {ino}"),
    Line(
        "hugetlbfs_file_mmap",
        "start",
        "HUGETLB_TRACE: {fn}() START - file={file}, vma_size={vma_size}, vm_flags=0x{vm_flags:x}",
    ),
    Line("hugetlb_reserve_pages", "start", "HUGETLB_TRACE: {fn}() from={f}, to={t}, needed={needed}"),
    Line(
        "hugetlb_reserve_pages",
        "hstate",
        "HUGETLB_TRACE: hstate info - hugepage_size={hugepage_size}, free_hugepages={free}",
    ),
    Line("hugetlb_acct_memory", "", "HUGETLB_TRACE: {fn}() - delta={delta}"),
    Line("hugetlbfs_file_mmap", "success", "HUGETLB_TRACE: {fn}() SUCCESS - vma=[0x{start:x}-0x{end:x}]"),
    Line("hugetlb_fault", "start", "HUGETLB_TRACE: {fn}() START - addr=0x{addr:x}, flags=0x{flags:x}"),
    Line("alloc_huge_page", "start", "HUGETLB_TRACE: {fn}() START - addr=0x{addr:x}, avoid_reserve={avoid_reserve}"),
    Line("alloc_huge_page", "hstate", "HUGETLB_TRACE: hstate - free_pages={free}, resv_pages={resv}"),
    Line("dequeue_huge_page_vma", "", "HUGEPAGE_DEQUEUE: PID {pid} got page {page:08x} from node {node} pool"),
    Line("alloc_huge_page", "success", "HUGETLB_TRACE: {fn}() SUCCESS - page={page:08x}, pfn={pfn}"),
    Line("vma_commit_reservation", "", "HUGETLB_TRACE: {fn}() - addr=0x{addr:x}"),
    Line("hugetlb_vm_op_close", "pid", "HUGEPAGE_VMA_CLOSE: PID {pid} closing hugepage VMA"),
    Line(
        "hugetlb_vm_op_close", "vma", "HUGETLB_TRACE: vma_close() - vma=[0x{start:x}-0x{end:x}], flags=0x{vm_flags:x}"
    ),
    Line("free_huge_page", "start", "HUGETLB_TRACE: {fn}() - page={page:08x}, pfn={pfn}"),
    Line("free_huge_page", "after", "HUGETLB_TRACE: after free - free_pages={free}"),
    Line("hugetlbfs_file_mmap", "failed", "HUGETLB_TRACE: {fn}() FAILED - ret={ret}"),
    Line("hugetlbfs_evict_inode", "", "HUGETLB_EXTRA: {fn}() - ino={ino}, nrpages={nrpages}", extra=True),
    Line(
        "hugetlb_unreserve_pages",
        "",
        "HUGETLB_EXTRA: {fn}() - offset={offset}, freed={freed}, chg={chg}",
        extra=True,
    ),
)
_LINE_AT = {(line.name, line.moment): line for line in LINES}


def log_text(event: Event, machine: Machine, extra: bool = False) -> str | None:
    """The line that the lesson's kernel prints at an event, without the time; None where it prints none.

    ``extra`` adds the two shapes that are not the lesson's kernel's own (eviction, unreserve).
    """
    line = _LINE_AT.get((event.name, event.moment))
    if line is None or (line.extra and not extra):
        return None
    page = machine.struct_page_of(event.pfn) if event.pfn is not None else None
    addr = event.addr
    if addr is None and event.page is not None:  # fallocate has no address: it passes the offset in the file
        addr = event.page * event.size
    fields = {
        **event.detail,
        "fn": function_name(event.name, machine.version),
        "addr": addr,
        "pfn": event.pfn,
        "page": page,
        "free": event.counters.free,
        "resv": event.counters.rsvd,
    }
    return line.text.format_map(fields)


def log_line_events(recording: Recording, first: int, last: int, extra: bool = False) -> Iterator[tuple[int, str]]:
    """The events ``first .. last`` that print a line, with its text."""
    for index in range(first, last + 1):
        event = recording.event(index)
        text = log_text(event, recording.machine, extra)
        if text is not None:
            yield index, text


def log(recording: Recording, start: float = 384.353754, extra: bool = False) -> Iterator[str]:
    """The whole kernel log, a line at a time, with times: ``start`` in seconds, and 2 us more each line.

    The default start is the lesson's; real distances between lines are what they are on a machine.
    """
    microseconds = round(start * 1_000_000)
    for _, text in log_line_events(recording, 0, len(recording) - 1, extra):
        yield f"[{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}] {text}"
        microseconds += 2


def line_pattern(line: Line) -> re.Pattern[str]:
    """A pattern that matches a line of this shape, whatever kernel wrote it, with a group for each field."""
    parts = re.split(r"\{(\w+)(:[^}]*)?\}", line.text)
    pattern, seen = "", set[str]()
    for text, name, spec in zip(parts[::3], [*parts[1::3], None], [*parts[2::3], None], strict=True):
        pattern += re.escape(text)
        if name is None:
            break
        value = "[0-9a-f]+" if spec else ("[^',]*" if name == "file" else r"-?\d+")
        if name == "fn":
            value = "|".join(map(re.escape, all_names(line.name)))
        pattern += f"(?P<{name}>{value})" if name not in seen else f"(?:{value})"
        pattern += "" if name in ("fn", "file") else r"(?!\w)"
        seen.add(name)
    return re.compile(pattern)
