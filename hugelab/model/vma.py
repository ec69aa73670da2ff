"""vm_area_struct: flags, addresses, mapping and unmapping (mm/mmap.c, fs/hugetlbfs/inode.c, mm/hugetlb.c)."""

from __future__ import annotations

from ..decode import VM_DONTEXPAND, VM_HUGETLB, VM_MAYSHARE, VM_NORESERVE, VM_WRITE
from ..structs import hstate, inode, mm_struct, resv_map, vm_area_struct
from ..units import BASE_PAGE_SIZE
from .core import Core
from .errors import SystemCallError
from .hugetlbfs import subpool_inode
from .pool import free_huge_page, hugetlb_acct_memory
from .reserve import region_add, region_chg, region_count, region_del
from .subpool import hugepage_subpool_forget, hugepage_subpool_get_pages, hugepage_subpool_put_pages

MMAP_MIN_ADDR = 0x10000


def areas(mm: mm_struct) -> list[vm_area_struct]:
    """The mappings of a process in address order."""
    mine = (vma for vma in mm.state.of(vm_area_struct) if vma.mm is mm)
    return sorted(mine, key=lambda vma: vma.vm_start)


def overlapping(mm: mm_struct, start: int, end: int) -> list[vm_area_struct]:
    """The mappings that reach into [start, end), in address order."""
    return [vma for vma in areas(mm) if vma.vm_start < end and vma.vm_end > start]


def unmapped_area(k: Core, mm: mm_struct, length: int, align: int) -> int:
    """Top down: the highest hole that fits with its alignment (vm_unmapped_area). Raises ENOMEM.

    The kernel asks for length + align - 4096 bytes, so a hole of exactly the length is passed over.
    """
    end = k.machine.top
    for vma in reversed(areas(mm)):
        if end - vma.vm_end >= length + align - BASE_PAGE_SIZE:
            return (end - length) // align * align
        end = min(end, vma.vm_start)
    start = (end - length) // align * align
    if start < MMAP_MIN_ADDR:
        raise SystemCallError("ENOMEM")
    return start


# -- mmap --------------------------------------------------------------------------------------------
def hugetlbfs_file_mmap(k: Core, vma: vm_area_struct, extends_file: bool) -> None:
    """Give a new VMA to hugetlbfs: check the offset, reserve, grow the file.

    Raises SystemCallError ENOMEM when the pages cannot be promised; nothing is changed then.
    """
    node, h = vma.inode, vma.h
    start = {"file": node.name, "vma_size": vma.vm_end - vma.vm_start, "vm_flags": vma.vm_flags}
    vma.vm_flags |= VM_HUGETLB | VM_DONTEXPAND
    k.state.point("hugetlbfs_file_mmap", "start", **start)
    if not hugetlb_reserve_pages(k, node, vma.vm_pgoff, vma.vm_pgoff + vma.pages, vma):
        k.state.point("hugetlbfs_file_mmap", "failed", ret=-12, result="ENOMEM")
        raise SystemCallError("ENOMEM")
    end = (vma.vm_pgoff + vma.pages) * h.size
    if vma.vm_flags & VM_WRITE and extends_file and node.i_size < end:
        node.i_size = end
    k.state.point("hugetlbfs_file_mmap", "success", start=vma.vm_start, end=vma.vm_end)


def hugetlb_reserve_pages(k: Core, node: inode, f: int, t: int, vma: vm_area_struct | None) -> bool:
    """Promise the pages [f, t) of a file to a mapping (``vma`` None: when the file is set up, NORESERVE).

    Shared: only what the inode's map does not hold yet. Private: the whole length, in a map of its own.
    False = ENOMEM.
    """
    h = node.h
    assert h is not None
    k.state.point("hugetlb_reserve_pages", "start", f=f, t=t, needed=t - f)
    k.state.point("hugetlb_reserve_pages", "hstate", hugepage_size=h.size)
    if vma is None or vma.vm_flags & VM_NORESERVE:
        return True
    shared = bool(vma.vm_flags & VM_MAYSHARE)
    chg = region_chg(node.resv_map, f, t) if shared else t - f
    k.state.point("region_chg", chg=chg)
    spool = subpool_inode(node)
    promise = hugepage_subpool_get_pages(spool, chg)
    if promise is None:
        return False
    if not hugetlb_acct_memory(k, h, promise):
        hugepage_subpool_put_pages(spool, chg - promise)
        hugepage_subpool_forget(spool, promise)
        return False
    if shared:
        region_add(node.resv_map, f, t)
        k.state.point("region_add", f=f, t=t)
    else:
        vma.resv_map = k.state.enter(resv_map(k.state, k.number("resv_map"), shared=False))
        k.state.point("resv_map_alloc", f=f, t=t)
    return True


# -- munmap ------------------------------------------------------------------------------------------
def do_munmap(k: Core, mm: mm_struct, start: int, end: int) -> list[inode]:
    """Unmap [start, end): split what sticks out, zap, close. The caller calls iput for the files it returns.

    Raises SystemCallError EINVAL, before anything is changed, when an edge cuts a huge page.
    """
    found = overlapping(mm, start, end)
    for vma in found:
        if any(vma.vm_start < edge < vma.vm_end and edge % vma.h.size for edge in (start, end)):
            raise SystemCallError("EINVAL")
    parts = []
    for vma in found:
        if vma.vm_start < start:
            vma = split_vma(k, vma, start)
        if vma.vm_end > end:
            split_vma(k, vma, end)
        parts.append(vma)
    k.state.point("do_munmap")
    for vma in parts:
        unmap_hugepage_range(k, vma, vma.vm_start, vma.vm_end, final=True)
    return [remove_vma(k, vma) for vma in parts]


def split_vma(k: Core, vma: vm_area_struct, addr: int) -> vm_area_struct:
    """Cut a VMA in two at an address; returns the upper part. Both share a private reservation map."""
    copied = ("mm", "vm_flags", "inode", "h", "resv_map", "name")
    upper = vm_area_struct(
        k.state,
        k.number("vma"),
        vm_start=addr,
        vm_end=vma.vm_end,
        vm_pgoff=vma.index(addr),
        **{field: getattr(vma, field) for field in copied},
    )
    k.state.enter(upper)
    vma.vm_end = addr
    vma.inode.refs += 1
    if vma.resv_map is not None:
        vma.resv_map.refs += 1
    return upper


def unmap_hugepage_range(k: Core, vma: vm_area_struct, start: int, end: int, final: bool = False) -> None:
    """Remove the page table entries in [start, end) (__unmap_hugepage_range).

    Pages of the page cache stay there. Private pages are freed; while their VMA lives and no surplus exists,
    6.10 and later give their reservation back with them. ``final``: the whole VMA goes.
    """
    h, table = vma.h, vma.table
    k.state.row(vma.mm.proc, 1, h.size)
    if final and k.rules.unmap_clears_mayshare:
        vma.vm_flags &= ~VM_MAYSHARE
    shift = vma.vm_start // h.size - vma.vm_pgoff  # page table key of file index 0
    resv = vma.resv_map
    restores = k.rules.zap_restores_reserve and h.surplus_huge_pages == 0 and resv is not None
    mapped = table.within(start // h.size, end // h.size)
    for run in mapped:
        if not run.tag[1]:  # the page cache keeps its pages
            table.cut(run.start, run.end)
    if final:
        k.state.point("__unmap_hugepage_range_final")
    else:
        k.state.point("__unmap_hugepage_range")
    for run in (run for run in mapped if run.tag[1]):
        frames = run._replace(start=run.start - shift, tag=None)
        free_huge_page(
            k,
            h,
            subpool_inode(vma.inode),
            vma.mm.proc,
            frames,
            detach=lambda a, b: table.cut(a + shift, b + shift),
            restore=(lambda a, b: region_del(resv, a, b)) if restores and resv is not None else None,
        )


def remove_vma(k: Core, vma: vm_area_struct) -> inode:
    """The VMA itself goes, with its hold on the file, which is returned: the caller calls iput for it."""
    k.state.row(vma.mm.proc, 1, vma.h.size)
    hugetlb_vm_op_close(k, vma)
    k.state.leave(vma)
    vma.inode.refs -= 1
    k.state.point("remove_vma")
    return vma.inode


def hugetlb_vm_op_close(k: Core, vma: vm_area_struct) -> None:
    """A mapping ends. Shared: nothing at all. Private: the reservations it did not use are dropped."""
    k.state.point("hugetlb_vm_op_close", "pid", pid=vma.mm.pid)
    k.state.point("hugetlb_vm_op_close", "vma", start=vma.vm_start, end=vma.vm_end, vm_flags=vma.vm_flags)
    resv = vma.resv_map
    if resv is None:
        return
    first, last = vma.vm_pgoff, vma.vm_pgoff + vma.pages
    unused = last - first - region_count(resv, first, last)
    resv.refs -= 1
    if resv.refs == 0:
        k.state.leave(resv)
    if unused:
        hugetlb_acct_memory(k, vma.h, -hugepage_subpool_put_pages(subpool_inode(vma.inode), unused))


def hugetlb_vmtruncate(k: Core, proc: str, node: inode, start: int) -> None:
    """Unmap a file's pages from index ``start`` on in every mapping, private copies too."""
    for vma in k.state.of(vm_area_struct):
        if vma.inode is node and vma.vm_pgoff + vma.pages > start:
            low = max(vma.vm_start, vma.addr(start))
            unmap_hugepage_range(k, vma, low, vma.vm_end)


def page_align(length: int) -> int:
    """A length rounded up to whole base pages, as the kernel does with bytes from a program."""
    return -(-length // BASE_PAGE_SIZE) * BASE_PAGE_SIZE


def huge_align(h: hstate, length: int) -> int:
    """A length rounded up to whole huge pages."""
    return -(-length // h.size) * h.size
