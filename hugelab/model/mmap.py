"""The system calls mmap and munmap: the checks of ksys_mmap_pgoff, do_mmap, mmap_region, in the kernel's order."""

from __future__ import annotations

from typing import Any

from ..core.units import BASE_PAGE_SIZE
from ..linux.abi import FAILED, Area, place, sized, span
from ..linux.errors import Unsupported
from ..linux.flags import (
    F_SEAL_GROW,
    MAP,
    PROT,
    VM_MAYEXEC,
    VM_MAYREAD,
    VM_MAYSHARE,
    VM_MAYWRITE,
    VM_NORESERVE,
    VM_SHARED,
    VM_WRITE,
    number,
)
from ..linux.scenario import Op
from ..linux.structs import file, hstate, inode, mm_struct, vm_area_struct
from .core import Core, SystemCallError, operation
from .files import descriptor
from .gup import populate_vma_page_range
from .hugetlbfs import hugetlbfs_get_inode, iput
from .memfd import memfd_check_seals_mmap
from .vma import MMAP_MIN_ADDR, do_munmap, huge_align, hugetlbfs_file_mmap, overlapping, page_align, unmapped_area


@operation("mmap")
def sys_mmap(k: Core, mm: mm_struct, op: Op) -> dict[str, Any] | None:
    """mmap(2): finds file, length and address, checks the rights, then maps. Raises SystemCallError."""
    k.maps.setdefault((mm.proc, op.args["map"]), FAILED)
    flags, kind = map_type(op.names("flags"))
    prot, word = number(PROT, op.names("prot")), 1 << k.machine.word
    offset = k.length_of(op, "offset_pages", "offset_bytes") % (1 << 64)
    if offset % BASE_PAGE_SIZE or (k.machine.word == 32 and offset >> 44):  # mmap2 takes 32 bits of pages
        raise SystemCallError("EINVAL")
    anonymous = "MAP_ANONYMOUS" in flags
    if anonymous and "MAP_HUGETLB" not in flags:
        raise Unsupported("anonymous memory of small pages")
    opened = None if anonymous else descriptor(mm, op.get("fd"))
    node = opened.f_inode if opened else None
    h = node.h if node else k.hstate_sizelog(number(MAP, flags))
    if h is None:
        if "MAP_HUGETLB" in flags:
            raise SystemCallError("EINVAL")  # an ordinary file, or a page size that the machine lacks
        raise Unsupported("mappings of ordinary files")
    k.state.rows[-1].size = h.size  # the pool of this call's events
    length = huge_align(h, k.length_of(op) % word) % word
    if length == 0:
        raise SystemCallError("EINVAL")
    if length > k.machine.task_size:
        raise SystemCallError("ENOMEM")
    start = get_unmapped_area(k, mm, op, flags, h, length)
    if "MAP_LOCKED" in flags:
        can_do_mlock(mm)
    if ("MAP_LOCKED" in flags or "MCL_FUTURE" in mm.mlockall) and not mlock_future_ok(mm, length):
        raise SystemCallError("EAGAIN")
    vm_flags = calc_vm_flags(k, flags, kind, prot, opened, offset + length)
    if node:
        vm_flags = memfd_check_seals_mmap(k, node, vm_flags)
    return mmap_region(k, mm, op, opened, h, start, length, offset, vm_flags)


def map_type(flags: set[str]) -> tuple[set[str], str | None]:
    """The flags of an mmap without those of its type, and the type, such as MAP_SHARED; None for an invalid type."""
    types = {"MAP_SHARED", "MAP_PRIVATE", "MAP_SHARED_VALIDATE"}
    wanted = number(MAP, flags & types)
    return flags - types, next((name for name in types if MAP[name] == wanted), None)


def can_do_mlock(mm: mm_struct) -> None:
    """Raises SystemCallError EPERM if RLIMIT_MEMLOCK is 0, except for root."""
    if mm.uid and mm.rlimit_memlock == 0:
        raise SystemCallError("EPERM")


def mlock_future_ok(mm: mm_struct, length: int) -> bool:
    """May a mapping of this length be locked within RLIMIT_MEMLOCK? Root always may.

    Raises Unsupported after mlockall: then all memory of the program counts, and the model has only its huge pages.
    """
    if mm.uid and mm.rlimit_memlock is not None and mm.mlockall:
        raise Unsupported("locking within RLIMIT_MEMLOCK after mlockall: all memory of the program counts")
    return not mm.uid or mm.rlimit_memlock is None or length <= mm.rlimit_memlock


def calc_vm_flags(k: Core, flags: set[str], kind: str | None, prot: int, opened: file | None, end: int) -> int:
    """The vm_flags of a new mapping, after the checks of do_mmap. Raises SystemCallError."""
    if end >= 1 << 63:  # file_mmap_ok; an anonymous mapping has a file, too
        raise SystemCallError("EOVERFLOW")
    if kind is None or (kind == "MAP_SHARED_VALIDATE" and not k.rules.shared_validate):
        raise SystemCallError("EINVAL")
    if kind == "MAP_SHARED_VALIDATE" and flags & {"MAP_SYNC", "MAP_FIXED_NOREPLACE"}:  # not in LEGACY_MAP_MASK
        raise SystemCallError("ENOTSUP")
    if opened:
        shared_write = kind != "MAP_PRIVATE" and prot & VM_WRITE
        if (shared_write and not opened.writable) or not opened.readable:
            raise SystemCallError("EACCES")
    if "MAP_GROWSDOWN" in flags:
        raise SystemCallError("EINVAL")
    vm_flags = prot | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC
    if kind != "MAP_PRIVATE":
        vm_flags |= VM_SHARED | VM_MAYSHARE
        if opened and not opened.writable:
            vm_flags &= ~(VM_MAYWRITE | VM_SHARED)
    return vm_flags | (VM_NORESERVE if "MAP_NORESERVE" in flags else 0)


def mmap_region(
    k: Core, mm: mm_struct, op: Op, opened: file | None, h: hstate, start: int, length: int, offset: int, vm_flags: int
) -> dict[str, Any] | None:
    """Make the mapping; MAP_FIXED removes the mappings in its place first. Raises SystemCallError.

    A failure restores those mappings, unless the kernel bug failed_map_fixed_leaves_a_hole is on.
    """
    flags, end = op.names("flags"), start + length
    replaces = bool(overlapping(mm, start, end))
    hole = k.rules.bug("failed_map_fixed_leaves_a_hole")
    misaligned = offset % h.size != 0  # hugetlbfs_file_mmap refuses it, late
    if misaligned and not (replaces and hole):
        raise SystemCallError("EINVAL")
    mark = len(k.state.rows)
    if replaces:
        k.state.row(mm.proc, 1, h.size)
    dropped = do_munmap(k, mm, start, end) if replaces else []
    if not k.rules.map_fixed_evicts_last:
        put_all(k, mm, dropped)
        dropped = []
    if replaces:
        k.state.row(mm.proc, 1, h.size)
    try:
        if misaligned:
            raise SystemCallError("EINVAL")
        k.state.point("do_mmap_pgoff")
        vma = new_mapping(k, mm, op, opened, h, start, end, offset // h.size, vm_flags)
    except SystemCallError:
        if replaces and not hole:
            k.state.rollback(mark)
            k.state.row(mm.proc, 1, h.size)
        else:
            put_all(k, mm, dropped)
        raise
    k.maps[mm.proc, op.args["map"]] = Area(start, length, h.size)
    locked = "MAP_LOCKED" in flags or "MCL_FUTURE" in mm.mlockall
    if locked or ("MAP_POPULATE" in flags and "MAP_NONBLOCK" not in flags):
        populate_vma_page_range(k, vma, vma.vm_pgoff, vma.vm_pgoff + vma.pages)
    put_all(k, mm, dropped)
    return {"aligned": start % h.size == 0} if op.get("want_align") else None


def put_all(k: Core, mm: mm_struct, nodes: list[inode]) -> None:
    """iput for each."""
    for node in nodes:
        iput(k, mm.proc, node)


def new_mapping(
    k: Core, mm: mm_struct, op: Op, opened: file | None, h: hstate, start: int, end: int, pgoff: int, vm_flags: int
) -> vm_area_struct:
    """A VMA for a free range, with its pages reserved. Raises SystemCallError ENOMEM with no change left."""
    node = opened.f_inode if opened else hugetlb_file_setup(k, h, end - start)
    node.refs += 1
    fields = {"mm": mm, "vm_start": start, "vm_end": end, "vm_pgoff": pgoff, "vm_flags": vm_flags}
    fields["for_writing"] = bool(opened and opened.writable)
    vma = vm_area_struct(k.state, k.number("vma"), inode=node, h=h, name=op.args["map"], **fields)
    k.state.enter(vma)
    extends = opened is None or opened.writable or k.rules.bug("private_map_of_readonly_fd_extends_file")
    extends &= not node.seals & F_SEAL_GROW or k.rules.bug("seal_grow_does_not_stop_mmap")
    try:
        hugetlbfs_file_mmap(k, vma, extends)
    except SystemCallError:
        k.state.leave(vma)
        node.refs -= 1
        iput(k, mm.proc, node)
        raise
    return vma


def get_unmapped_area(k: Core, mm: mm_struct, op: Op, flags: set[str], h: hstate, length: int) -> int:
    """The address of a new mapping: MAP_FIXED's, else the hint's if that range is free, else top down."""
    hint = place(op.args, k.unit(op), k.mapping(mm, op.args["at"]["map"])) if op.get("at") else None
    fixed = flags & ({"MAP_FIXED", "MAP_FIXED_NOREPLACE"} if k.rules.fixed_noreplace else {"MAP_FIXED"})
    if fixed:
        hint = hint or 0
        if hint % h.size:
            raise SystemCallError("EINVAL")
        if hint < 0 or hint + length > k.machine.task_size:
            raise SystemCallError("ENOMEM")
        if "MAP_FIXED_NOREPLACE" in flags and overlapping(mm, hint, hint + length):
            raise SystemCallError("EEXIST")
        return hint
    if hint:
        hint = huge_align(h, hint // BASE_PAGE_SIZE * BASE_PAGE_SIZE)
        fits = MMAP_MIN_ADDR <= hint <= k.machine.task_size - length
        if fits and not overlapping(mm, hint, hint + length):
            return hint
    return unmapped_area(k, mm, length, h.size)


def hugetlb_file_setup(k: Core, h: hstate, length: int) -> inode:
    """The nameless file behind an anonymous mapping, on the kernel's internal mount."""
    node = hugetlbfs_get_inode(k, None, h, "anon_hugepage", 0o777)
    node.i_nlink, node.i_size = 0, length
    k.state.point("hugetlb_reserve_pages", "start", f=0, t=length // h.size, needed=length // h.size)
    k.state.point("hugetlb_reserve_pages", "hstate", hugepage_size=h.size)  # VM_NORESERVE: the mapping will ask
    return node


@operation("munmap")
def sys_munmap(k: Core, mm: mm_struct, op: Op) -> None:
    """munmap(2); the default is the whole mapping. Lengths are rounded up to 4 KiB, not to huge pages."""
    whole = k.mapping(mm, op.args["map"])
    if whole is FAILED:
        raise SystemCallError("EINVAL")  # MAP_FAILED is no address of a page
    start, length = span(op.args, k.unit(op), whole)
    length = page_align(length) if sized(op.args) else length
    if start % BASE_PAGE_SIZE or length <= 0 or start + length > k.machine.task_size:
        raise SystemCallError("EINVAL")
    put_all(k, mm, do_munmap(k, mm, start, start + length))
