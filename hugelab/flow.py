"""Phase -> layers -> kernel functions, by kernel version; and the log lines that the lesson's kernel prints there.

Three tables: NAMES (what a function of 3.10 is called later), CHAINS (who calls whom in each phase) and LINES (the
printk lines). The model names its events by 3.10 functions; everything that is shown goes through here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .recording import Event, Recording

if TYPE_CHECKING:
    from .model.machines import Machine

# What the functions of 3.10 are called in 6.18, where that differs (SEMANTICS: symbols of a running 6.18 kernel).
# "" = it is gone, or inlined into its caller.
NAMES_6_18 = {
    "sys_open": "__x64_sys_openat",
    "do_sys_open": "do_sys_openat2",
    "sys_mmap": "__x64_sys_mmap",
    "sys_mmap_pgoff": "ksys_mmap_pgoff",
    "do_mmap_pgoff": "do_mmap",
    "do_page_fault": "exc_page_fault",
    "hugetlb_cow": "hugetlb_wp",
    "alloc_huge_page": "alloc_hugetlb_folio",
    "dequeue_huge_page_vma": "dequeue_hugetlb_folio_nodemask",
    "alloc_buddy_huge_page": "alloc_surplus_hugetlb_folio",
    "clear_huge_page": "folio_zero_user",
    "huge_add_to_page_cache": "hugetlb_add_to_page_cache",
    "find_lock_page": "filemap_lock_hugetlb_folio",
    "sys_munmap": "__x64_sys_munmap",
    "do_munmap": "do_vmi_munmap",
    "__unmap_hugepage_range_final": "__unmap_hugepage_range",
    "truncate_hugepages": "remove_inode_hugepages",
    "free_huge_page": "free_huge_folio",
    "enqueue_huge_page": "enqueue_hugetlb_folio",
    "sys_close": "__x64_sys_close",
    "sys_unlink": "__x64_sys_unlink",
    "sys_ftruncate": "__x64_sys_ftruncate",
    "sys_exit": "__x64_sys_exit_group",
    "sys_stat": "__x64_sys_newstat",
    "sys_fstat": "__x64_sys_newfstat",
    "hugetlb_vmtruncate": "hugetlb_vmdelete_list",
}


def function_name(name: str, version: str) -> str:
    """What a 3.10 function is called in a kernel version ("3.10" or later)."""
    return name if version == "3.10" else NAMES_6_18.get(name, name)


class Call(NamedTuple):
    """One box of a call flow: its layer, the 3.10 name of the function, how deep it is called."""

    layer: str
    name: str
    depth: int
    what: str


USER, SYSCALL, VFS, FS, MM, HUGE = "user space", "system call", "VFS", "hugetlbfs", "mm", "hugetlb"

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
        Call(FS, "huge_add_to_page_cache", 5, "shared: the page is the file's now"),
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
    "resize": (
        Call(USER, "echo N > nr_hugepages", 0, "the administrator"),
        Call(SYSCALL, "nr_hugepages_store", 1, "reads the number"),
        Call(HUGE, "set_max_huge_pages", 2, "surplus first, then buddy allocator"),
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
}

# Functions that several phases share, or that stand for a whole phase.
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
    "huge_add_to_page_cache": "fault",
    "hugetlb_cow": "cow",
    "sys_munmap": "munmap",
    "do_munmap": "munmap",
    "__unmap_hugepage_range_final": "munmap",
    "remove_vma": "munmap",
    "hugetlb_vm_op_close": "munmap",
    "sys_exit": "munmap",
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
    "sys_exit": "sys_munmap",
    "clear_inode": "hugetlbfs_evict_inode",
    "fd_install": "sys_open",
}

# Operations whose whole chain is one of its own, whatever functions it shares with others.
_PHASE_OF_STEP = {"ftruncate": "truncate", "set_nr": "resize"}


def phase_of(recording: Recording, event: Event) -> str | None:
    """The chain that an event belongs to: its operation's own, or that of the nearest event up to it in its step.

    None where no huge page code runs (a name that goes, a descriptor that is closed).
    """
    own = _PHASE_OF_STEP.get(recording.steps[event.step].op.op) if event.step >= 0 else None
    if own is not None:
        return own
    row = recording.state.rows[event.row]
    names = {point.name for point in row.points}
    if "hugetlb_fault" in names:
        return "cow" if "hugetlb_cow" in names else "fault"
    first = max(recording.steps[event.step].first, 0) if event.step >= 0 else 0
    for number in range(event.row, recording.place(first)[0] - 1, -1):
        points = recording.state.rows[number].points
        if number == event.row:
            at = recording.place(event.index)[2]
            points = points[: at + 1]
        for point in reversed(points):
            if point.name in _PHASE_OF:
                return _PHASE_OF[point.name]
    return None


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
    fields = {
        **event.detail,
        "fn": function_name(event.name, machine.version),
        "addr": event.addr,
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
            value = "|".join({re.escape(function_name(line.name, v)) for v in ("3.10", "6.18")})
        pattern += f"(?P<{name}>{value})" if name not in seen else f"(?:{value})"
        pattern += "" if name in ("fn", "file") else r"(?!\w)"
        seen.add(name)
    return re.compile(pattern)
