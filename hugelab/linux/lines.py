"""Log lines of the kernel: the lesson's printk lines and one of every kernel. One shape serves to print and to read."""

from __future__ import annotations

import re
from string import Formatter
from typing import NamedTuple

from .names import all_names


class Line(NamedTuple):
    """A printk line: the event that prints it, and its text with fields in braces. ``extra``: not the lesson's."""

    name: str
    moment: str
    text: str
    extra: bool = False


# {fn} is the function's name in the kernel at hand; {page} a struct page pointer; free and resv are of the pool.
LINES = (
    Line("hugetlbfs_create", "", "HUGETLBFS_CREATE: Creating file '{file}' in hugetlbfs"),
    Line("hugetlbfs_get_inode", "start", "HUGETLBFS_INODE: Creating new inode, mode=0x{mode:x}"),
    Line("hugetlbfs_get_inode", "success", "HUGETLBFS_INODE: Successfully created inode {ino}"),
    Line("hugetlbfs_file_mmap", "start",
         "HUGETLB_TRACE: {fn}() START - file={file}, vma_size={vma_size}, vm_flags=0x{vm_flags:x}"),
    Line("hugetlb_reserve_pages", "start", "HUGETLB_TRACE: {fn}() from={f}, to={t}, needed={needed}"),
    Line("hugetlb_reserve_pages", "hstate",
         "HUGETLB_TRACE: hstate info - hugepage_size={hugepage_size}, free_hugepages={free}"),
    Line("hugetlb_acct_memory", "", "HUGETLB_TRACE: {fn}() - delta={delta}"),
    Line("hugetlbfs_file_mmap", "success", "HUGETLB_TRACE: {fn}() SUCCESS - vma=[0x{start:x}-0x{end:x}]"),
    Line("hugetlb_fault", "start", "HUGETLB_TRACE: {fn}() START - addr=0x{addr:x}, flags=0x{flags:x}"),
    Line("alloc_huge_page", "start", "HUGETLB_TRACE: {fn}() START - addr=0x{addr:x}, avoid_reserve={avoid_reserve}"),
    Line("alloc_huge_page", "hstate", "HUGETLB_TRACE: hstate - free_pages={free}, resv_pages={resv}"),
    Line("dequeue_huge_page_vma", "", "HUGEPAGE_DEQUEUE: PID {pid} got page {page:08x} from node {node} pool"),
    Line("alloc_huge_page", "success", "HUGETLB_TRACE: {fn}() SUCCESS - page={page:08x}, pfn={pfn}"),
    Line("vma_commit_reservation", "", "HUGETLB_TRACE: {fn}() - addr=0x{addr:x}"),
    Line("hugetlb_vm_op_close", "pid", "HUGEPAGE_VMA_CLOSE: PID {pid} closing hugepage VMA"),
    Line("hugetlb_vm_op_close", "vma",
         "HUGETLB_TRACE: vma_close() - vma=[0x{start:x}-0x{end:x}], flags=0x{vm_flags:x}"),
    Line("free_huge_page", "start", "HUGETLB_TRACE: {fn}() - page={page:08x}, pfn={pfn}"),
    Line("free_huge_page", "after", "HUGETLB_TRACE: after free - free_pages={free}"),
    Line("hugetlbfs_file_mmap", "failed", "HUGETLB_TRACE: {fn}() FAILED - ret={ret}"),
    Line("hugetlbfs_evict_inode", "", "HUGETLB_EXTRA: {fn}() - ino={ino}, nrpages={nrpages}", extra=True),
    Line("user_shm_lock", "", "{comm} ({pid}): Using mlock ulimits for SHM_HUGETLB is {word}"),
    Line("hugetlb_unreserve_pages", "",
         "HUGETLB_EXTRA: {fn}() - offset={offset}, freed={freed}, chg={chg}", extra=True),
)  # fmt: skip


def line_pattern(line: Line) -> re.Pattern[str]:
    """A pattern that matches a line of this shape from any release, with a group for each field."""
    pattern, seen = "", set[str]()
    for text, name, spec, _ in Formatter().parse(line.text):
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
