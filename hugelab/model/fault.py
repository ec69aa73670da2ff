"""The page fault: hugetlb_fault, hugetlb_no_page, hugetlb_cow (hugetlb_wp since 5.19) (mm/hugetlb.c).

Each function handles a *stretch*: all pages from one index on that take the same way through the kernel, so that a
million equal faults are one row of the log. The page after the stretch is the next call.
"""

from __future__ import annotations

from typing import NamedTuple

from ..core.runs import Run
from ..linux.flags import VM_ACCESS_FLAGS, VM_EXEC, VM_MAYSHARE, VM_SHARED, VM_WRITE
from ..linux.structs import vm_area_struct
from .core import Core
from .folio import alloc_huge_page, plan, row_frames
from .hugetlbfs import hugetlb_add_to_page_cache
from .memory import copy_huge_page
from .pool import refusal
from .vma import by_sharing, huge_pte_alloc, private_vmas

WRITABLE = True
ANONYMOUS, CACHED = True, False


class Stretch(NamedTuple):
    """``n`` pages were accessed alike; ``signal`` is the signal that ended the access, if any."""

    n: int
    signal: str | None = None


def access(k: Core, vma: vm_area_struct, index: int, limit: int, write: bool) -> Stretch:
    """The program reads or writes the pages [index, limit) of a mapping; returns their first stretch."""
    rights = vma.vm_flags & VM_ACCESS_FLAGS
    execute_only = rights == VM_EXEC and k.machine.protection_keys and k.rules.execute_only_pkey
    if not rights & (VM_WRITE if write else VM_ACCESS_FLAGS) or execute_only:  # access_error
        return Stretch(0, "SIGSEGV")
    key = vma.addr(index) // vma.h.size
    entry, end = vma.table.stretch(key, key + limit - index)
    n = end - key
    if entry is None:
        return hugetlb_no_page(k, vma, index, n, write)
    if write and not entry.tag[0]:  # not writable
        return hugetlb_cow(k, vma, index, entry.clip(key, end))
    row = k.state.row(vma.mm.proc, n, vma.h.size)
    row.addr, row.page = vma.addr(index), index
    row_frames(k, entry.clip(key, end))
    k.state.point("user_access", "mapped")  # the CPU finds the entry: no fault
    return Stretch(n)


def _begin(k: Core, vma: vm_area_struct, index: int, n: int, write: bool) -> None:
    """Begin the row of n faults with its first point. FAULT_FLAG_WRITE is 1 in every release."""
    row = k.state.row(vma.mm.proc, n, vma.h.size)
    row.addr, row.page = vma.addr(index), index
    huge_pte_alloc(vma, row.addr, n)
    k.state.point("hugetlb_fault", "start", flags=k.machine.fault_flags | int(write))


def hugetlb_no_page(k: Core, vma: vm_area_struct, index: int, n: int, write: bool) -> Stretch:
    """No entry in the page table: map the page of the page cache, else allocate one, up to the end of the file."""
    node, h = vma.inode, vma.h
    if vma.unmapped:
        return _sigbus(k, vma, index, write, "the owner of the mapping took a page away (inadequate hugepage pool)")
    cached, end = node.i_pages.stretch(index, index + n)
    n = end - index
    shared = bool(vma.vm_flags & VM_MAYSHARE)
    if cached is not None:
        frames = cached.clip(index, end)
        if write and not shared:
            return hugetlb_cow(k, vma, index, frames, mapped=False)
        _begin(k, vma, index, n, write)
        row_frames(k, frames)
        k.state.point("find_lock_page")  # the page cache has it
        _map(vma, index, frames, bool(vma.vm_flags & VM_SHARED and vma.vm_flags & VM_WRITE), CACHED)
        k.state.point("hugetlb_no_page")
        return Stretch(n)
    reach = node.i_size // h.size
    if index >= reach:
        return _sigbus(k, vma, index, write, "beyond the end of the file")
    vma.anon_vma |= not shared
    p = plan(k, vma, index, min(n, reach - index))
    _begin(k, vma, index, p.n, write)
    frames = alloc_huge_page(k, vma, index, p)
    if not frames.count:
        k.state.point("hugetlb_no_page", "sigbus", result="SIGBUS", why="alloc_huge_page got no page")
        return Stretch(0, "SIGBUS")
    k.state.point("clear_huge_page")
    if shared:
        hugetlb_add_to_page_cache(node, index, frames)
        k.state.point("add_to_page_cache")
    # A private page is mapped read-only on a read; on a write it is made writable in the same fault.
    writable = bool(vma.vm_flags & VM_WRITE) if shared else write
    _map(vma, index, frames, writable, CACHED if shared else ANONYMOUS)
    k.state.point("hugetlb_no_page")
    return Stretch(p.n)


def _sigbus(k: Core, vma: vm_area_struct, index: int, write: bool, why: str) -> Stretch:
    _begin(k, vma, index, 1, write)
    k.state.point("hugetlb_no_page", "sigbus", **refusal("hugetlb_no_page", why, "SIGBUS"))
    return Stretch(0, "SIGBUS")


def hugetlb_cow(k: Core, vma: vm_area_struct, index: int, old: Run, mapped: bool = True) -> Stretch:
    """A write to a page that is mapped read-only (or, not ``mapped``, is in the page cache).

    A private page without another mapping is reused; a page of the page cache, or of a forked process, too, is copied.
    The owner's write cannot fail for want of a page: it takes the page from its children.
    """
    table, key = vma.table, vma.addr(index) // vma.h.size
    anonymous, shared = mapped and old.tag[1], False
    if anonymous:
        part, shared = by_sharing(vma, old._replace(start=key))[0]
        old = part._replace(start=old.start)
    if mapped and not shared and (anonymous or vma.vm_flags & VM_MAYSHARE):
        return _reuse(k, vma, index, old)
    from_owner = vma.resv_map is not None and shared
    p = plan(k, vma, index, old.count, from_owner)
    _begin(k, vma, index, p.n, write=True)
    frames = alloc_huge_page(k, vma, index, p)
    if not frames.count:
        if from_owner:
            unmap_ref_private(k, vma, index, old.value)
            return _reuse(k, vma, index, old.clip(old.start, old.start + 1), again=True)
        if not mapped:  # the page cache's page was mapped first, read-only, and stays
            row_frames(k, old)
            _map(vma, index, old.clip(old.start, old.start + 1), False, CACHED)
        k.state.point("hugetlb_cow", "sigbus", result="SIGBUS", why="no free page for the copy")
        return Stretch(0, "SIGBUS")
    vma.anon_vma = True
    if mapped:
        table.cut(key, key + frames.count)
    copy_huge_page(vma.h, old.clip(old.start, old.start + frames.count), frames)
    k.state.point("copy_user_huge_page")
    _map(vma, index, frames, WRITABLE, ANONYMOUS)
    k.state.point("hugetlb_cow", "copy")
    return Stretch(p.n)


def _reuse(k: Core, vma: vm_area_struct, index: int, old: Run, again: bool = False) -> Stretch:
    """Make the entries writable. ``again``: in a fault that has begun (retry_avoidcopy)."""
    key = vma.addr(index) // vma.h.size
    if not again:
        _begin(k, vma, index, old.count, write=True)
    row_frames(k, old)
    vma.table.cut(key, key + old.count)
    _map(vma, index, old, WRITABLE, old.tag[1])
    k.state.point("hugetlb_cow", "reuse")
    return Stretch(old.count)


def unmap_ref_private(k: Core, owner: vm_area_struct, index: int, frame: int) -> None:
    """No page for the owner's copy: other private mappings of the page, which own no reservations, lose it.

    Such a mapping gets SIGBUS from then on (HPAGE_RESV_UNMAPPED).
    """
    for vma in private_vmas(owner):
        key = vma.addr(index) // vma.h.size
        entry = vma.table.find(key) if vma.vm_pgoff <= index < vma.vm_pgoff + vma.pages else None
        if entry is None or entry.at(key) != frame:
            continue
        if vma.resv_map is not None or vma.addr(index) != owner.addr(index):
            k.danger("unmap_ref_private looks at the owner's address and passes over this mapping: an endless fault")
        vma.table.cut(key, key + 1)
        vma.unmapped = True
    k.state.point("unmap_ref_private")


def _map(vma: vm_area_struct, index: int, frames: Run, writable: bool, anonymous: bool) -> None:
    """set_huge_pte_at for a stretch."""
    key = vma.addr(index) // vma.h.size
    vma.table.put(Run(key, frames.count, frames.value, frames.step, (writable, anonymous)))
