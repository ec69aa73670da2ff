"""hugetlbfs: inodes and their page cache, truncate, punch hole, evict (fs/hugetlbfs/inode.c)."""

from __future__ import annotations

import stat

from ..core.runs import Run
from ..linux.structs import hstate, inode, resv_map, shmid_kernel, super_block
from . import memory
from .core import Core, SystemCallError
from .folio import free_huge_page, hstate_inode, subpool_inode
from .pool import hugetlb_acct_memory
from .reserve import region_del
from .subpool import hugepage_put_subpool, hugepage_subpool_put_pages

SECTOR = 512  # bytes; the unit of i_blocks


# -- inodes ------------------------------------------------------------------------------------------
def hugetlbfs_get_inode(k: Core, sb: super_block | None, h: hstate | None, name: str, mode: int, uid: int = 0) -> inode:
    """A new inode with an empty page cache and, for a file, an empty shared reservation map.

    Raises SystemCallError ENOSPC if nr_inodes= is used up.
    """
    if sb is not None and sb.free_inodes == 0:
        raise SystemCallError("ENOSPC")
    mode = mode if stat.S_IFMT(mode) else stat.S_IFREG | mode
    k.state.point("hugetlbfs_get_inode", "start", mode=mode)
    node = inode(k.state, k.take_ino(), name, h, sb=sb, i_mode=mode, i_uid=uid, i_gid=uid, resv_map=None)
    k.state.enter(node)
    if h is not None:
        node.resv_map = k.state.enter(resv_map(k.state, k.number("resv_map"), shared=True))
    if sb is not None and sb.free_inodes > 0:
        sb.free_inodes -= 1
    k.state.point("hugetlbfs_get_inode", "success", ino=node.i_ino)
    return node


def hugetlbfs_create(k: Core, sb: super_block, name: str, mode: int, uid: int = 0) -> inode:
    """A new file or directory on the mount. Raises SystemCallError ENOSPC if nr_inodes= is used up."""
    h = None if stat.S_ISDIR(mode) else sb.h
    if h is not None:
        k.state.point("hugetlbfs_create", file=name)
    node = hugetlbfs_get_inode(k, sb, h, name, mode, uid)
    sb.dentries = {**sb.dentries, name: node}
    return node


def iput(k: Core, proc: str, node: inode) -> None:
    """Called when an inode lost a holder: without names, descriptors and mappings it is evicted.

    The last mapping of a removed System V segment ends the segment (shm_destroy), the last user of a lazily unmounted
    file system ends that.
    """
    if node.s_private and node.refs == 1:
        for segment in k.state.of(shmid_kernel):
            if segment.shm_file is node and segment.dest:
                k.state.leave(segment)
                node.refs -= 1
    if node.refs == 0 and node.key in k.state.records:
        if node.i_nlink == 0:
            hugetlbfs_evict_inode(k, proc, node)
        if node.sb is not None and not node.sb.mounted and not in_use(node.sb):
            kill_super(k, proc, node.sb)


def hugetlbfs_evict_inode(k: Core, proc: str, node: inode) -> None:
    """End an inode: its pages go back to the pool, then its reservations are dropped."""
    if node.h is not None:
        k.state.row(proc, 1, node.h.size)
        k.state.point("iput")
        k.state.point("hugetlbfs_evict_inode", ino=node.i_ino, nrpages=len(node.i_pages))
        truncate_hugepages(k, proc, node, 0)
        k.state.leave(node.resv_map)
    if node.sb is not None and node.sb.free_inodes >= 0:
        node.sb.free_inodes += 1
    k.state.leave(node)
    k.state.point("clear_inode")


# -- super blocks ------------------------------------------------------------------------------------
def in_use(sb: super_block) -> bool:
    """Is a file of the mount open or mapped, so that umount is EBUSY?"""
    return any(node.sb is sb and node.refs for node in sb.state.of(inode))


def kill_super(k: Core, proc: str, sb: super_block) -> None:
    """End a mount: evict the files that still have names, and drop the pages that min_size= kept reserved."""
    k.state.leave(sb)
    for node in dict.fromkeys(sb.dentries.values()):
        node.i_nlink = 0
        hugetlbfs_evict_inode(k, proc, node)
    sb.dentries = {}
    k.state.row(proc, 1, sb.h.size if sb.h else 0)
    k.state.point("hugetlbfs_put_super")
    hugepage_put_subpool(k, sb.subpool)


# -- the page cache ----------------------------------------------------------------------------------
def hugetlb_add_to_page_cache(node: inode, index: int, frames: Run) -> None:
    """Add pages to the file's page cache (add_to_page_cache in 3.10)."""
    node.i_pages.put(Run(index, frames.count, frames.value, frames.step))
    node.i_blocks += frames.count * (hstate_inode(node).size // SECTOR)


def truncate_hugepages(k: Core, proc: str, node: inode, start: int) -> None:
    """Free the cached pages from index ``start`` on, then unreserve (remove_inode_hugepages since 4.3)."""
    h, freed = hstate_inode(node), 0
    k.state.point("truncate_hugepages")
    for run in node.i_pages.within(start, node.i_pages.end):
        free_huge_page(k, h, subpool_inode(node), proc, run, detach=node.i_pages.cut)
        freed += run.count
    hugetlb_unreserve_pages(k, proc, node, start, freed)


def hugetlb_unreserve_pages(k: Core, proc: str, node: inode, start: int, freed: int) -> None:
    """Delete the map's regions from ``start`` on; those without a page drop a reservation each."""
    h = hstate_inode(node)
    k.state.row(proc, 1, h.size)
    chg = region_del(k, h, node.resv_map, start, node.resv_map.regions.end)
    node.i_blocks -= freed * (h.size // SECTOR)
    k.state.point("hugetlb_unreserve_pages", offset=start, freed=freed, chg=chg)
    hugetlb_acct_memory(k, h, -hugepage_subpool_put_pages(k, subpool_inode(node), chg - freed))


def remove_inode_hugepages(k: Core, proc: str, node: inode, start: int, end: int) -> None:
    """Free the cached pages in [start, end), each with its region, so no reservation stays or comes back (a hole)."""
    h = hstate_inode(node)
    for run in node.i_pages.within(start, end):

        def detach(a: int, b: int) -> None:
            node.i_pages.cut(a, b)
            region_del(k, h, node.resv_map, a, b)
            node.i_blocks -= (b - a) * (h.size // SECTOR)

        free_huge_page(k, h, subpool_inode(node), proc, run, detach=detach)


def hugetlbfs_zero_partial_page(node: inode, start: int, end: int) -> None:
    """Zero the bytes [start, end) of the file, which lie in one page, if the file has that page."""
    h = hstate_inode(node)
    frame = node.i_pages.get(start // h.size)
    if frame is not None:
        memory.zero(h, frame, start % h.size, start % h.size + end - start)
