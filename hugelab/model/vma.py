"""vm_area_struct: addresses, mapping and unmapping (mm/mmap.c, fs/hugetlbfs/inode.c, mm/hugetlb.c)."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..core.runs import Run, RunMap
from ..core.units import BASE_PAGE_SIZE
from ..linux.abi import highest_gap
from ..linux.flags import VM_DONTEXPAND, VM_HUGETLB, VM_MAYSHARE, VM_NORESERVE, VM_WRITE
from ..linux.structs import hstate, hugepage_subpool, inode, mm_struct, resv_map, vm_area_struct
from .cgroup import hugetlb_cgroup_charge_cgroup, hugetlb_cgroup_uncharge, over_limit
from .core import Core, SystemCallError
from .folio import free_huge_page, hstate_inode, subpool_inode
from .pool import hugetlb_acct_memory, refusal
from .reserve import region_add, region_chg, region_count, region_del
from .subpool import hugepage_subpool_forget, hugepage_subpool_get_pages, hugepage_subpool_put_pages, over_size

MMAP_MIN_ADDR = 0x10000


def areas(mm: mm_struct) -> list[vm_area_struct]:
    """The mappings of a process in address order."""
    mine = [vma for vma in mm.state.every(vm_area_struct) if vma.mm is mm]
    return sorted(mine, key=lambda vma: vma.vm_start)


def vma_lookup(mm: mm_struct, addr: int) -> vm_area_struct | None:
    """The VMA that contains an address, if any."""
    return next((vma for vma in areas(mm) if vma.vm_start <= addr < vma.vm_end), None)


def overlapping(mm: mm_struct, start: int, end: int) -> list[vm_area_struct]:
    """The mappings that reach into [start, end), in address order."""
    return [vma for vma in areas(mm) if vma.vm_start < end and vma.vm_end > start]


def unmapped_area(k: Core, mm: mm_struct, length: int, align: int) -> int:
    """The highest address of a gap that fits (vm_unmapped_area). Raises SystemCallError ENOMEM."""
    taken = ((vma.vm_start, vma.vm_end) for vma in areas(mm))
    start = highest_gap(taken, MMAP_MIN_ADDR, k.machine.top, length, align)
    if start is None:
        raise SystemCallError("ENOMEM")
    return start


# -- mmap --------------------------------------------------------------------------------------------
def hugetlbfs_file_mmap(k: Core, vma: vm_area_struct, extends_file: bool) -> None:
    """Reserve the pages of a new VMA and grow its file. Raises SystemCallError ENOMEM, without any change."""
    node, h = vma.inode, vma.h
    start = {"file": node.name, "vma_size": vma.vm_end - vma.vm_start, "vm_flags": vma.vm_flags}
    vma.vm_flags |= VM_HUGETLB | VM_DONTEXPAND
    k.state.point("hugetlbfs_file_mmap", "start", **start)
    if not hugetlb_reserve_pages(k, vma.mm, node, vma.vm_pgoff, vma.vm_pgoff + vma.pages, vma):
        k.state.point("hugetlbfs_file_mmap", "failed", ret=-12, result="ENOMEM")
        raise SystemCallError("ENOMEM")
    end = (vma.vm_pgoff + vma.pages) * h.size
    if vma.vm_flags & VM_WRITE and extends_file and node.i_size < end:
        node.i_size = end
    k.state.point("hugetlbfs_file_mmap", "success", start=vma.vm_start, end=vma.vm_end)


def hugetlb_reserve_pages(k: Core, mm: mm_struct, node: inode, f: int, t: int, vma: vm_area_struct | None) -> bool:
    """Reserve the pages [f, t) of a file for a mapping (``vma`` None: for a System V segment). False = ENOMEM.

    Shared: only pages that the inode's map lacks. Private: the whole length, in a new map. The cgroup of the process is
    charged, then the mount's budget, then the pool.
    """
    h, spool = hstate_inode(node), subpool_inode(node)
    k.state.point("hugetlb_reserve_pages", "start", f=f, t=t, needed=t - f)
    k.state.point("hugetlb_reserve_pages", "hstate", hugepage_size=h.size)
    if vma is not None and (vma.vm_flags & VM_NORESERVE or node.s_private):
        return True
    shared = vma is None or bool(vma.vm_flags & VM_MAYSHARE)
    if vma is None or shared:
        chg = region_chg(node.resv_map, f, t)
        k.state.point("region_chg", chg=chg)
    else:
        chg = t - f
        vma.resv_map = k.state.enter(resv_map(k.state, k.number("resv_map"), shared=False))
        k.state.point("resv_map_alloc", f=f, t=t)
    if not hugetlb_cgroup_charge_cgroup(k, mm, h, chg, rsvd=True):
        k.state.point("hugetlb_reserve_pages", "refused", **refusal(*over_limit(rsvd=True)))
        return _unreserved(k, vma)
    delta = hugepage_subpool_get_pages(spool, chg)
    if delta is None or not hugetlb_acct_memory(k, h, delta, mm):
        if delta is not None:
            _put_pages_back(k, spool, chg, delta)
        else:
            k.state.point("hugetlb_reserve_pages", "refused", **refusal(*over_size(spool, chg)))
        hugetlb_cgroup_uncharge(k, mm.cgroup, h, chg, rsvd=True)
        return _unreserved(k, vma)
    if vma is None or shared:
        region_add(node.resv_map, f, t, mm.cgroup)
        k.state.point("region_add", f=f, t=t)
    elif vma.resv_map is not None:
        vma.resv_map.cgroup = mm.cgroup
    return True


def _unreserved(k: Core, vma: vm_area_struct | None) -> bool:
    """Remove the new map of a private mapping after a refusal (out_err). Returns False."""
    if vma is not None and vma.resv_map is not None:
        k.state.leave(vma.resv_map)
        vma.resv_map = None
    return False


def _put_pages_back(k: Core, spool: hugepage_subpool | None, chg: int, refused: int) -> None:
    """The mount granted ``chg`` pages, the pool refused to reserve ``refused`` of them (out_put_pages)."""
    if k.rules.bug("min_size_given_back_twice") and spool is not None and chg > refused:
        if spool.max_hpages != -1 and spool.used_hpages - (chg - refused) >= spool.min_hpages:
            k.danger("min_size= with size=: the pages that the mount keeps reserved are given back twice")
        hugetlb_acct_memory(k, spool.h, -hugepage_subpool_put_pages(k, spool, chg - refused))
        hugepage_subpool_forget(spool, refused)
    else:
        hugepage_subpool_forget(spool, refused)
        hugepage_subpool_put_pages(k, spool, chg - refused)


# -- munmap ------------------------------------------------------------------------------------------
def do_munmap(k: Core, mm: mm_struct, start: int, end: int) -> list[inode]:
    """Unmap [start, end): split VMAs at the edges, zap and remove them. The caller calls iput for the returned files.

    Raises SystemCallError EINVAL, before any change, if an edge cuts a huge page.
    """
    found = overlapping(mm, start, end)
    for vma in found:
        check_split(vma, start, end)
    parts = [carve(k, vma, start, end) for vma in found]
    k.state.point("do_munmap")
    unmap_vmas(k, parts)
    nodes = [remove_vma(k, vma) for vma in parts]
    free_pgtables(mm, parts)
    return nodes


def check_split(vma: vm_area_struct, *edges: int) -> None:
    """Raises SystemCallError EINVAL for a split of a VMA inside a huge page (hugetlb_vm_op_split)."""
    if any(vma.vm_start < addr < vma.vm_end and addr % vma.h.size for addr in edges):
        raise SystemCallError("EINVAL")


def carve(k: Core, vma: vm_area_struct, start: int, end: int) -> vm_area_struct:
    """Split a VMA at the edges of [start, end); returns the part inside. Raises as check_split, before any change."""
    check_split(vma, start, end)
    if vma.vm_start < start:
        vma = split_vma(k, vma, start)
    if vma.vm_end > end:
        split_vma(k, vma, end)
    return vma


def vma_modify_flags(k: Core, vma: vm_area_struct, start: int, end: int, vm_flags: int) -> vm_area_struct:
    """Give the part [start, end) of a VMA other flags; returns that part, now a VMA of its own.

    Raises SystemCallError EINVAL if an edge cuts a huge page.
    """
    if vm_flags == vma.vm_flags:
        return vma
    part = carve(k, vma, start, end)
    part.vm_flags = vm_flags
    return part


def copy_vma(k: Core, vma: vm_area_struct, **changed: Any) -> vm_area_struct:
    """Another VMA of the same file; it counts as holder of the file and of the private map (hugetlb_vm_op_open)."""
    fields = {name: getattr(vma, name) for name in vm_area_struct.__annotations__} | changed
    new = k.state.enter(vm_area_struct(k.state, k.number("vma"), **fields))
    new.inode.refs += 1
    if new.resv_map is not None:
        new.resv_map.refs += 1
    return new


def split_vma(k: Core, vma: vm_area_struct, addr: int) -> vm_area_struct:
    """Cut a VMA in two at an address; returns the upper part. Both share a private reservation map."""
    upper = copy_vma(k, vma, vm_start=addr, vm_pgoff=vma.index(addr))
    vma.vm_end = addr
    return upper


class Zapped(NamedTuple):
    """Private pages to be unmapped that no other mapping has: tlb_finish_mmu frees them at the end of the range
    (mmu_gather)."""

    vma: vm_area_struct
    run: Run  # page table entries
    restore: resv_map | None  # where their reservation comes back


def unmap_vmas(k: Core, parts: list[vm_area_struct]) -> None:
    """Remove the page table entries of whole VMAs, and free their private pages."""
    zapped = []
    for vma in parts:
        zapped += unmap_hugepage_range(k, vma, vma.vm_start, vma.vm_end, final=True)
    tlb_finish_mmu(k, zapped)


def unmap_hugepage_range(k: Core, vma: vm_area_struct, start: int, end: int, final: bool = False) -> list[Zapped]:
    """Remove the page table entries in [start, end) (__unmap_hugepage_range); returns the pages to free.

    Pages of the page cache, and private pages that another VMA maps, are only unmapped. Since 6.9 the reservations of
    the owner's private pages come back. ``final``: the whole VMA goes.
    """
    h, table = vma.h, vma.table
    k.state.row(vma.mm.proc, 1, h.size)
    if final and k.rules.unmap_clears_mayshare:
        vma.vm_flags &= ~VM_MAYSHARE
    restore = vma.resv_map if k.rules.zap_restores_reserve else None
    if h.surplus_huge_pages and k.rules.bug("surplus_blocks_restore"):
        restore = None
    found = []
    for run in table.within(start // h.size, end // h.size):
        if not run.tag[1]:  # the page cache keeps its pages
            table.cut(run.start, run.end)
            continue
        for part, shared in by_sharing(vma, run):
            if not shared:
                found.append(Zapped(vma, part, restore))
                continue
            table.cut(part.start, part.end)
            if restore is not None and k.rules.bug("restore_while_shared"):
                region_del(k, h, restore, vma.index(part.start * h.size), vma.index(part.end * h.size))
                for low, high in h.restore.gaps(*part.bounds):
                    h.restore.put(Run(low, high - low))
    if final:
        k.state.point("__unmap_hugepage_range_final")
    else:
        k.state.point("__unmap_hugepage_range")
    return found


def tlb_finish_mmu(k: Core, zapped: list[Zapped]) -> None:
    """Unmap and free private pages."""
    for vma, run, restore in zapped:
        shift = vma.vm_start // vma.h.size - vma.vm_pgoff  # page table key of file index 0

        def detach(a: int, b: int, table: RunMap = vma.table, shift: int = shift) -> None:
            table.cut(a + shift, b + shift)

        frames = run._replace(start=run.start - shift, tag=None)
        free_huge_page(k, vma.h, subpool_inode(vma.inode), vma.mm.proc, frames, detach, restore)


def by_sharing(vma: vm_area_struct, run: Run) -> list[tuple[Run, bool]]:
    """Cut a run of page table entries of private pages into stretches: (run, does another VMA map these pages?).

    After a fork both sides have entries for one page, at the same file index (page_mapcount > 1).
    """
    others = private_vmas(vma)
    if not others:
        return [(run, False)]
    found: list[tuple[Run, bool]] = []
    key = run.start
    while key < run.end:
        index, end, shared = vma.index(key * vma.h.size), run.end, False
        for other in others:
            inside = max(other.vm_pgoff, index), min(other.vm_pgoff + other.pages, index + end - key)
            if inside[0] >= inside[1]:
                continue
            if inside[0] > index:
                end = key + inside[0] - index
                continue
            mine = other.addr(index) // vma.h.size
            entry, last = other.table.stretch(mine, mine + inside[1] - index)
            end = key + last - mine
            if entry is not None and entry.tag[1]:
                shared |= entry.at(mine) == run.at(key)
                if entry.step != run.step:  # the next page may differ
                    end = key + 1
        found.append((run.clip(key, end), shared))
        key = end
    return found


def private_vmas(vma: vm_area_struct) -> list[vm_area_struct]:
    """The other private mappings of its file."""
    return [
        other
        for other in vma.state.of(vm_area_struct)
        if other.inode is vma.inode and other is not vma and not other.vm_flags & VM_MAYSHARE
    ]


PTRS = 512  # entries of one page table


def huge_pte_alloc(vma: vm_area_struct, addr: int, n: int = 1) -> None:
    """Make the page tables for n pages from an address on, if they do not exist; all with the first page."""
    size, tables = vma.h.size, vma.mm.pmds[vma.h.size]
    first, end = addr // (size * PTRS), (addr + (n - 1) * size) // (size * PTRS) + 1
    held = tables.find(first)
    if held is None or held.end < end:
        with vma.mm.state.units_of(0, 1):
            copy_page_tables(tables, [Run(first, end - first)])


def copy_page_tables(tables: RunMap, wanted: list[Run]) -> None:
    """Make the page tables of ``wanted`` that do not exist."""
    for run in wanted:
        for start, end in tables.gaps(run.start, run.end):
            tables.put(Run(start, end - start))


def free_pgtables(mm: mm_struct, gone: list[vm_area_struct]) -> None:
    """Free the page tables of removed VMAs that no other VMA can use."""
    for size, tables in mm.pmds.items():
        reach = size * PTRS
        for vma in gone:
            first, end = vma.vm_start // reach, -(-vma.vm_end // reach)
            first += bool(overlapping(mm, first * reach, vma.vm_start))
            end -= bool(overlapping(mm, vma.vm_end, end * reach))
            if first < end:
                tables.cut(first, end)


def remove_vma(k: Core, vma: vm_area_struct) -> inode:
    """Remove a VMA; returns its file, for which the caller calls iput."""
    k.state.row(vma.mm.proc, 1, vma.h.size)
    hugetlb_vm_op_close(k, vma)
    k.state.leave(vma)
    vma.inode.refs -= 1
    k.state.point("remove_vma")
    return vma.inode


def hugetlb_vm_op_close(k: Core, vma: vm_area_struct) -> None:
    """A VMA is closed. Shared: no change. Private: the unused reservations are dropped."""
    k.state.point("hugetlb_vm_op_close", "pid", pid=vma.mm.pid)
    k.state.point("hugetlb_vm_op_close", "vma", start=vma.vm_start, end=vma.vm_end, vm_flags=vma.vm_flags)
    resv = vma.resv_map
    if resv is None:
        return
    first, last = vma.vm_pgoff, vma.vm_pgoff + vma.pages
    unused = last - first - region_count(resv, first, last)
    if resv.cgroup:
        hugetlb_cgroup_uncharge(k, resv.cgroup, vma.h, last - first, rsvd=True)
    resv.refs -= 1
    if resv.refs == 0:
        k.state.leave(resv)
    if unused:
        hugetlb_acct_memory(k, vma.h, -hugepage_subpool_put_pages(k, subpool_inode(vma.inode), unused))


def hugetlb_vmdelete_list(k: Core, node: inode, start: int, end: int | None = None) -> None:
    """Unmap a file's pages from index ``start`` on (up to ``end``) in every mapping, private copies too."""
    for vma in k.state.of(vm_area_struct):
        last = vma.vm_pgoff + vma.pages if end is None else min(end, vma.vm_pgoff + vma.pages)
        first = max(start, vma.vm_pgoff)
        if vma.inode is node and first < last:
            tlb_finish_mmu(k, unmap_hugepage_range(k, vma, vma.addr(first), vma.addr(last)))


def page_align(length: int) -> int:
    """A length in bytes, rounded up to base pages."""
    return -(-length // BASE_PAGE_SIZE) * BASE_PAGE_SIZE


def huge_align(h: hstate, length: int) -> int:
    """A length in bytes, rounded up to huge pages."""
    return -(-length // h.size) * h.size
