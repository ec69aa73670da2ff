"""hugetlbfs: mounts, inodes and their page cache, truncate and evict (fs/hugetlbfs/inode.c)."""

from __future__ import annotations

import re
import stat

from ..runs import Run
from ..structs import hstate, hugepage_subpool, inode, resv_map, super_block
from .core import Core
from .errors import SystemCallError
from .pool import free_huge_page, hugetlb_acct_memory
from .reserve import region_del
from .subpool import hugepage_subpool_put_pages

SECTOR = 512  # bytes; the unit of i_blocks


# -- mount -------------------------------------------------------------------------------------------
def hugetlbfs_fill_super(k: Core, name: str, options: str) -> super_block:
    """Mount with ``size=, min_size=, nr_inodes=, mode=, uid=, gid=, pagesize=``.

    Raises SystemCallError: EINVAL for an option it does not know or cannot read, ENOMEM when the pool
    cannot reserve min_size=.
    """
    given = dict(part.partition("=")[::2] for part in options.split(",") if part)
    unknown = given.keys() - {"size", "min_size", "nr_inodes", "mode", "uid", "gid", "pagesize"}
    if unknown or ("min_size" in given and not k.rules.min_size):
        raise SystemCallError("EINVAL")
    try:
        h = k.size_to_hstate(memparse(given["pagesize"])[0]) if "pagesize" in given else k.state.pools[0]
        sizes = {option: _pages(h, given[option]) for option in ("size", "min_size") if option in given}
        numbers = {option: _id(given[option]) for option in ("uid", "gid") if option in given}
        mode = int(given.get("mode", "755"), 8) & 0o1777
        inodes = memparse(given["nr_inodes"])[0] if "nr_inodes" in given else -1
    except (ValueError, KeyError):
        raise SystemCallError("EINVAL") from None
    if inodes == 0:  # not even the root directory
        raise SystemCallError("ENOMEM")
    most, least = sizes.get("size", -1), sizes.get("min_size", -1)
    if most != -1 and least > most:
        raise SystemCallError("EINVAL")
    spool = None
    if most != -1 or least != -1:
        spool = hugepage_subpool(k.state, name, most, least)
        if least > 0:
            if not hugetlb_acct_memory(k, h, least):
                raise SystemCallError("ENOMEM")
            spool.rsv_hpages = least
        k.state.enter(spool)
    root = inodes - 1 if inodes != -1 else -1
    sb = super_block(k.state, name, h, subpool=spool, max_inodes=inodes, free_inodes=root, mode=mode, **numbers)
    return k.state.enter(sb)


def _pages(h: hstate, text: str) -> int:
    """A size option in pages, rounded down; ``50%`` is of the configured pool at this moment."""
    value, rest = memparse(text)
    if rest.startswith("%"):
        return value * h.persistent_huge_pages // 100
    return value // h.size


def memparse(text: str) -> tuple[int, str]:
    """A number as the kernel reads it (lib/cmdline.c): 0x and 0 prefixes, one of k m g t p e; what follows is left.

    Raises ValueError when there is no digit first.
    """
    match = re.match(r"(0[xX][0-9a-fA-F]+|\d+)([kmgtpe]?)(.*)", text, re.DOTALL | re.IGNORECASE)
    if not match:
        raise ValueError(text)
    number, suffix, rest = match.groups()
    power = "kmgtpe".find(suffix.lower()) + 1 if suffix else 0
    return _c_number(number) << 10 * power, rest


def _c_number(digits: str) -> int:
    """A number in C: 0x is hexadecimal, a leading 0 octal."""
    if digits.lower().startswith("0x"):
        return int(digits, 16)
    return int(digits, 8 if digits.startswith("0") else 10)


def _id(text: str) -> int:
    """A user or group; -1 is nobody."""
    value = _c_number(text)
    if not 0 <= value < 0xFFFFFFFF:
        raise ValueError(text)
    return value


def hugetlbfs_put_super(k: Core, sb: super_block) -> None:
    """Unmount: files that were never unlinked go now, and what min_size= kept reserved."""
    for node in sb.dentries.values():
        node.i_nlink = 0
        iput(k, "", node)
    spool = sb.subpool
    if spool is not None and sb.h is not None:
        if spool.rsv_hpages:
            hugetlb_acct_memory(k, sb.h, -spool.rsv_hpages)
        k.state.leave(spool)
    k.state.leave(sb)


# -- inodes ------------------------------------------------------------------------------------------
def hugetlbfs_get_inode(k: Core, sb: super_block | None, h: hstate | None, name: str, mode: int) -> inode:
    """A new inode with an empty page cache and an empty shared reservation map."""
    k.state.point("hugetlbfs_get_inode", "start", mode=stat.S_IFREG | mode)
    node = inode(k.state, k.take_ino(), name, h, sb=sb, i_mode=stat.S_IFREG | mode, i_uid=0, i_gid=0, resv_map=None)
    k.state.enter(node)
    if h is not None:
        node.resv_map = k.state.enter(resv_map(k.state, k.number("resv_map"), shared=True))
    k.state.point("hugetlbfs_get_inode", "success", ino=node.i_ino)
    return node


def hugetlbfs_create(k: Core, sb: super_block, name: str, mode: int) -> inode:
    """A new name in the root directory. Raises SystemCallError ENOSPC when nr_inodes= is used up."""
    if sb.free_inodes == 0:
        raise SystemCallError("ENOSPC")
    if sb.h is not None:
        k.state.point("hugetlbfs_create", file=name)
    node = hugetlbfs_get_inode(k, sb, sb.h, name, mode)
    if sb.free_inodes > 0:
        sb.free_inodes -= 1
    sb.dentries = {**sb.dentries, name: node}
    return node


def iput(k: Core, proc: str, node: inode) -> None:
    """A holder let go: without names, descriptors and mappings the inode is evicted."""
    if node.i_nlink == 0 and node.refs == 0 and node.key in k.state.records:
        hugetlbfs_evict_inode(k, proc, node)


def hugetlbfs_evict_inode(k: Core, proc: str, node: inode) -> None:
    """The end of an inode: its pages go back to the pool, then what it still had reserved."""
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


# -- the page cache ----------------------------------------------------------------------------------
def subpool_inode(node: inode) -> hugepage_subpool | None:
    """The budget that pays for this inode's pages."""
    return node.sb.subpool if node.sb else None


def hugetlb_add_to_page_cache(node: inode, index: int, frames: Run) -> None:
    """Pages become the file's (huge_add_to_page_cache in 3.10)."""
    node.i_pages.put(Run(index, frames.count, frames.value, frames.step))
    node.i_blocks += frames.count * (_hstate(node).size // SECTOR)


def truncate_hugepages(k: Core, proc: str, node: inode, start: int) -> None:
    """Free the cached pages from index ``start`` on, then unreserve (remove_inode_hugepages since 4.3)."""
    h, freed = _hstate(node), 0
    k.state.point("truncate_hugepages")
    for run in node.i_pages.within(start, node.i_pages.end):
        free_huge_page(k, h, subpool_inode(node), proc, run, detach=node.i_pages.cut)
        freed += run.count
    hugetlb_unreserve_pages(k, proc, node, start, freed)


def hugetlb_unreserve_pages(k: Core, proc: str, node: inode, start: int, freed: int) -> None:
    """Delete the map's regions from ``start`` on; those without a page were promises, now dropped."""
    h = _hstate(node)
    k.state.row(proc, 1, h.size)
    chg = region_del(node.resv_map, start, node.resv_map.regions.end)
    node.i_blocks -= freed * (h.size // SECTOR)
    k.state.point("hugetlb_unreserve_pages", offset=start, freed=freed, chg=chg)
    hugetlb_acct_memory(k, h, -hugepage_subpool_put_pages(subpool_inode(node), chg - freed))


def _hstate(node: inode) -> hstate:
    assert node.h is not None, "an ordinary file has no huge pages"
    return node.h
