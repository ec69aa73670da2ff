"""fallocate(2): pages before any touch, and holes (hugetlbfs_fallocate, hugetlbfs_punch_hole)."""

from __future__ import annotations

from ..linux.abi import sized
from ..linux.errors import Unsupported
from ..linux.flags import F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_WRITE, VM_HUGETLB, VM_MAYSHARE, VM_SHARED
from ..linux.scenario import Op
from ..linux.structs import inode, mm_struct, vm_area_struct
from .core import Core, SystemCallError, operation
from .files import descriptor, loff_t
from .folio import alloc_huge_page, hstate_inode, plan
from .hugetlbfs import hugetlb_add_to_page_cache, hugetlbfs_zero_partial_page, remove_inode_hugepages
from .vma import hugetlb_vmdelete_list

KEEP_SIZE, PUNCH_HOLE = "FALLOC_FL_KEEP_SIZE", "FALLOC_FL_PUNCH_HOLE"


@operation("fallocate")
def sys_fallocate(k: Core, mm: mm_struct, op: Op) -> None:
    """fallocate(2): ``mode`` empty or KEEP_SIZE allocates, PUNCH_HOLE with KEEP_SIZE frees. Raises SystemCallError."""
    mode = op.names("mode")
    opened = descriptor(mm, op.args["fd"])
    offset = loff_t(k.length_of(op, "page", "off_bytes"))
    node = opened.f_inode
    length = loff_t(k.length_of(op)) if sized(op.args) else node.i_size - offset
    if offset < 0 or length <= 0:
        raise SystemCallError("EINVAL")
    if not k.rules.fallocate or mode - {KEEP_SIZE, PUNCH_HOLE} or mode == {PUNCH_HOLE}:
        raise SystemCallError("ENOTSUP")
    if not opened.writable:
        raise SystemCallError("EBADF")
    if offset + length >= 1 << 63:
        raise SystemCallError("EFBIG")
    if node.h is None:
        raise Unsupported("fallocate of an ordinary file")
    if PUNCH_HOLE in mode:
        hugetlbfs_punch_hole(k, mm.proc, node, offset, length)
    else:
        hugetlbfs_fallocate(k, mm, node, offset, length, KEEP_SIZE in mode)


def hugetlbfs_fallocate(k: Core, mm: mm_struct, node: inode, offset: int, length: int, keep_size: bool) -> None:
    """Allocate every page that [offset, offset + length) (bytes) touches and the file does not have yet.

    A page that the file has reserved uses up the reservation. Raises SystemCallError ENOSPC (the file keeps the pages
    allocated so far), EPERM.
    """
    h, end = hstate_inode(node), offset + length
    if node.seals & F_SEAL_GROW and end > node.i_size:
        raise SystemCallError("EPERM")
    shared = VM_HUGETLB | VM_MAYSHARE | VM_SHARED
    pseudo_vma = vm_area_struct(
        k.state, 0, mm=mm, vm_start=0, vm_end=1 << 63, vm_pgoff=0, vm_flags=shared, inode=node, h=h, name=""
    )
    index, last = offset // h.size, -(-end // h.size)
    while index < last:
        cached, stop = node.i_pages.stretch(index, last)
        if cached is None:
            p = plan(k, pseudo_vma, index, stop - index)
            row = k.state.row(mm.proc, p.n, h.size)
            row.page = index
            k.state.point("hugetlbfs_fallocate", "page")
            frames = alloc_huge_page(k, pseudo_vma, index, p)
            if not frames.count:
                raise SystemCallError("ENOSPC")
            k.state.point("clear_huge_page")
            hugetlb_add_to_page_cache(node, index, frames)
            k.state.point("add_to_page_cache")
            stop = index + p.n
        index = stop
    k.state.row(mm.proc, 1, h.size)
    if not keep_size and end > node.i_size:
        node.i_size = end
    k.state.point("hugetlbfs_fallocate")


def hugetlbfs_punch_hole(k: Core, proc: str, node: inode, offset: int, length: int) -> None:
    """Free the whole pages inside [offset, offset + length) (bytes), with their map entries, and zero partial pages.

    No reservation comes back for them; reservations of pages that were never allocated stay. Private copies of these
    pages are unmapped too. Raises SystemCallError EPERM (sealed).
    """
    h, end = hstate_inode(node), offset + length
    if node.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE):
        raise SystemCallError("EPERM")
    start, stop = -(-offset // h.size) * h.size, end // h.size * h.size
    zeroes = k.rules.hole_zeroes_partial_pages
    k.state.row(proc, 1, h.size)
    k.state.point("hugetlbfs_punch_hole", "start")
    if zeroes and offset < start:
        hugetlbfs_zero_partial_page(node, offset, min(end, start))
    if start < stop:
        hugetlb_vmdelete_list(k, node, start // h.size, stop // h.size)
    if zeroes and stop < end and start < end:
        hugetlbfs_zero_partial_page(node, stop, end)
    k.state.row(proc, 1, h.size)
    k.state.point("hugetlbfs_punch_hole")
    if start < stop:
        remove_inode_hugepages(k, proc, node, start // h.size, stop // h.size)
