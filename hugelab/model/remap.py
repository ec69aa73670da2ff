"""Changes of mappings: mprotect, mremap and mbind (mm/mprotect.c, mm/mremap.c, mm/mempolicy.c)."""

from __future__ import annotations

from typing import Any

from ..core.runs import Run
from ..core.units import BASE_PAGE_SIZE
from ..linux.abi import FAILED, Area, place
from ..linux.errors import ScenarioError, Unsupported
from ..linux.flags import PROT, VM_ACCESS_FLAGS, VM_SHARED, VM_WRITE, number
from ..linux.scenario import Op
from ..linux.structs import Policy, mm_struct, vm_area_struct
from .advise import page_range, pieces, span
from .core import Core, SystemCallError, operation
from .mmap import put_all
from .reserve import region_count
from .vma import (
    PTRS,
    areas,
    carve,
    copy_vma,
    do_munmap,
    free_pgtables,
    huge_align,
    huge_pte_alloc,
    overlapping,
    page_align,
    remove_vma,
    vma_lookup,
    vma_modify_flags,
)


# -- mprotect ----------------------------------------------------------------------------------------
@operation("mprotect")
def sys_mprotect(k: Core, mm: mm_struct, op: Op) -> None:
    """mprotect(2). Raises SystemCallError EINVAL (an edge inside a huge page), EACCES (not allowed), ENOMEM (a hole).

    An error leaves the mappings before it changed.
    """
    prot = number(PROT, op.names("prot"))
    start, end = page_range(k, mm, op)
    found, _ = pieces(mm, start, end)
    for vma, first, last in found:
        if first > start:
            break
        if prot & ~(vma.vm_flags >> 4) & VM_ACCESS_FLAGS:
            raise SystemCallError("EACCES")
        if vma.vm_flags & VM_ACCESS_FLAGS != prot:
            part = vma_modify_flags(k, vma, first, last, vma.vm_flags & ~VM_ACCESS_FLAGS | prot)
            hugetlb_change_protection(k, part)
        start = last
    if start < end:
        raise SystemCallError("ENOMEM")


def hugetlb_change_protection(k: Core, vma: vm_area_struct) -> None:
    """Give page table entries the rights of the mapping: writable only if it is shared and writable.

    A private page becomes writable again in its next fault.
    """
    writable = bool(vma.vm_flags & VM_SHARED and vma.vm_flags & VM_WRITE)
    for run in vma.mapped():
        if run.tag[0] != writable:
            vma.table.cut(run.start, run.end)
            vma.table.put(run._replace(tag=(writable, run.tag[1])))
    k.state.point("hugetlb_change_protection")


# -- mremap ------------------------------------------------------------------------------------------
@operation("mremap")
def sys_mremap(k: Core, mm: mm_struct, op: Op) -> dict[str, Any]:
    """mremap(2): shrinks in place, moves with MREMAP_FIXED, never grows; ``as`` names the result.

    Returns whether the address ``moved``. Raises SystemCallError.
    """
    name = op.get("as") or op.args["map"]
    flags = op.names("flags")
    k.maps.setdefault((mm.proc, name), FAILED)
    addr, length = span(k, mm, op)
    new_length = k.length_of(op, "new_pages", "new_bytes") % (1 << k.machine.word)
    if k.mapping(mm, op.args["map"]) is FAILED or addr % BASE_PAGE_SIZE:
        raise SystemCallError("EINVAL")
    target = place(op.args, k.unit(op), k.mapping(mm, op.args["at"]["map"])) if op.get("at") else 0
    moved = mremap(k, mm, addr, page_align(length), page_align(new_length), flags, target)
    size = k.mapping(mm, op.args["map"]).size
    k.maps[mm.proc, name] = Area(moved, -(-new_length // size) * size, size)
    return {"moved": moved != addr}


def mremap(k: Core, mm: mm_struct, addr: int, old: int, new: int, flags: set[str], target: int) -> int:
    """The address of the mapping afterwards; ``old`` and ``new`` are lengths in bytes. Raises SystemCallError."""
    check_mremap_params(k, addr, old, new, flags, target)
    if "MREMAP_FIXED" in flags and old == new and "MREMAP_DONTUNMAP" not in flags and k.rules.mremap_moves_many:
        return remap_move(k, mm, addr, old, target)
    vma = vma_lookup(mm, addr)
    if vma is None:
        raise SystemCallError("EFAULT")
    if k.rules.mremap or "MREMAP_FIXED" in flags or new > old:  # before, no check of the VMA for shrinking
        old, new = align_hugetlb(k, vma, addr, old, new, target)
        if "MREMAP_DONTUNMAP" in flags:
            raise SystemCallError("EINVAL")  # VM_DONTEXPAND
        if "MREMAP_FIXED" in flags:
            return mremap_to(k, mm, addr, old, new, target)
    if new < old:
        put_all(k, mm, do_munmap(k, mm, addr + new, addr + old))
    return addr


def check_mremap_params(k: Core, addr: int, old: int, new: int, flags: set[str], target: int) -> None:
    """The checks before any mapping is looked up. Raises SystemCallError EINVAL."""
    if not new or new > k.machine.task_size:
        raise SystemCallError("EINVAL")
    if not flags & {"MREMAP_FIXED", "MREMAP_DONTUNMAP"}:
        return
    if target % BASE_PAGE_SIZE or not 0 <= target <= k.machine.task_size - new or "MREMAP_MAYMOVE" not in flags:
        raise SystemCallError("EINVAL")
    if "MREMAP_DONTUNMAP" in flags and old != new:
        raise SystemCallError("EINVAL")
    if addr + old > target and target + new > addr:
        raise SystemCallError("EINVAL")


def align_hugetlb(k: Core, vma: vm_area_struct, addr: int, old: int, new: int, target: int) -> tuple[int, int]:
    """Both lengths rounded up to huge pages. Raises SystemCallError EINVAL (an address inside a page, or growing)."""
    old, new = huge_align(vma.h, old), huge_align(vma.h, new)
    if not k.rules.mremap or addr % vma.h.size or target % vma.h.size or new > old:
        raise SystemCallError("EINVAL")
    return old, new


def remap_move(k: Core, mm: mm_struct, addr: int, length: int, target: int) -> int:
    """Move all mappings of a range, and keep the gaps between them (6.17)."""
    end, reached, last_end, moved = addr + length, target, addr, None
    for vma in overlapping(mm, addr, end):
        first, last = max(addr, vma.vm_start), min(end, vma.vm_end)
        if moved is None and first > addr:
            raise SystemCallError("EFAULT")
        goal = reached + (0 if moved is None else vma.vm_start - last_end)
        last_end = vma.vm_end
        size, _ = align_hugetlb(k, vma, first, last - first, last - first, goal)
        if first + size > vma.vm_end:
            raise SystemCallError("EFAULT")
        at = mremap_to(k, mm, first, size, size, goal)
        moved, reached = at if moved is None else moved, at + size
    if moved is None:
        raise SystemCallError("EFAULT")
    return moved


def mremap_to(k: Core, mm: mm_struct, addr: int, old: int, new: int, target: int) -> int:
    """Move one mapping: unmap the target range, then the tail that the mapping is shortened by, then move the rest."""
    vma = vma_lookup(mm, addr)
    if vma is None or addr + new > vma.vm_end:
        raise SystemCallError("EFAULT")
    put_all(k, mm, do_munmap(k, mm, target, target + new))
    if vma_lookup(mm, addr) is None:
        raise SystemCallError("EFAULT")
    if new < old:
        put_all(k, mm, do_munmap(k, mm, addr + new, addr + old))
    move_vma(k, mm, addr, new, target)
    return target


def move_vma(k: Core, mm: mm_struct, addr: int, length: int, target: int) -> None:
    """Move page table entries and reservations to the new addresses."""
    vma = vma_lookup(mm, addr)
    assert vma is not None
    partial = vma.vm_end - vma.vm_start != length
    strips = partial and vma.resv_map is not None and k.rules.bug("partial_mremap_strips_reserve_map")
    old = carve(k, vma, addr, addr + length)
    if skips_unevenly(old, target):
        k.danger("mremap past missing page tables: the pages behind them are put at a wrong address")
    k.state.row(mm.proc, 1, old.h.size)
    new = copy_vma(k, old, vm_start=target, vm_end=target + length)
    shift = (target - addr) // old.h.size
    for run in old.mapped():
        old.table.cut(run.start, run.end)
        new.table.put(Run(run.start + shift, run.count, run.value, run.step, run.tag))
        huge_pte_alloc(new, (run.start + shift) * new.h.size, run.count)
    k.state.point("move_hugetlb_page_tables")
    if strips:
        fixup_hugetlb_reservations(k, new)
    if old.resv_map is not None:
        old.resv_map.refs -= 1
        old.resv_map = None
    k.state.point("do_munmap")
    remove_vma(k, old)
    free_pgtables(mm, [old])


def skips_unevenly(old: vm_area_struct, target: int) -> bool:
    """Would move_hugetlb_page_tables put pages at a wrong address (seen on 6.18)? The model moves them as intended.

    Where a page table (1 GiB of 2 MiB pages) is missing, it skips to the end of that table at the old and at the new
    address. Unless both addresses have the same place in their tables, the pages behind it are lost.
    """
    reach = old.h.size * PTRS
    missing = False
    for one in range(old.vm_start // reach, (old.vm_end - 1) // reach + 1):
        if old.mm.pmds[old.h.size].find(one) is None:
            missing = True
        elif missing and old.table.held(max(one * PTRS, old.vm_start // old.h.size), (one + 1) * PTRS):
            return (target - old.vm_start) % reach != 0
    return False


def fixup_hugetlb_reservations(k: Core, new: vm_area_struct) -> None:
    """The kernel bug: the map is taken from the whole old VMA before the split, so the remaining parts have none.

    Pages that they did not use stay reserved for ever.
    """
    for vma in areas(new.mm):
        if vma is not new and vma.resv_map is new.resv_map and vma.resv_map is not None:
            if region_count(vma.resv_map, vma.vm_pgoff, vma.vm_pgoff + vma.pages) < vma.pages:
                k.danger("mremap of a part of a private mapping: the reservations left behind are never given back")
            vma.resv_map.refs -= 1
            vma.resv_map = None
    k.state.point("fixup_hugetlb_reservations")


# -- policies ----------------------------------------------------------------------------------------
def policy(k: Core, op: Op) -> Policy | None:
    """The policy of ``policy`` and ``nodemask`` (bits). Raises SystemCallError EINVAL for nodes that do not exist."""
    mode, mask = op.args["policy"], op.get("nodemask")
    if mode == "MPOL_PREFERRED_MANY" and not k.rules.preferred_many:
        raise SystemCallError("EINVAL")
    if mode == "MPOL_WEIGHTED_INTERLEAVE":
        raise Unsupported(f"policy {mode} is not in the model")
    if mask < 0:
        raise ScenarioError(f"{op.op}: nodemask is a number whose bits are nodes, not {mask!r}")
    nodes = tuple(nid for nid in range(k.machine.nodes) if mask >> nid & 1)
    if mode in ("MPOL_DEFAULT", "MPOL_LOCAL"):
        if mask:
            raise SystemCallError("EINVAL")
        return None if mode == "MPOL_DEFAULT" else Policy(mode, ())
    if not nodes and (mask or mode != "MPOL_PREFERRED"):
        raise SystemCallError("EINVAL")
    return Policy(mode, nodes) if nodes else Policy("MPOL_LOCAL", ())


@operation("mbind")
def sys_mbind(k: Core, mm: mm_struct, op: Op) -> None:
    """mbind(2): the policy for pages of a range not yet allocated. Raises SystemCallError EINVAL, EFAULT, EPERM."""
    if mm.uid and "MPOL_MF_MOVE_ALL" in op.names("flags"):
        raise SystemCallError("EPERM")
    start, end = page_range(k, mm, op)
    chosen = policy(k, op)
    if moving := [flag for flag in op.names("flags") if k.machine.nodes > 1 and flag.startswith("MPOL_MF_")]:
        raise Unsupported(f"{', '.join(moving)}: moving pages from node to node is not in the model")
    if start == end:
        return
    found, hole = pieces(mm, start, end)
    if not found or (hole and op.args["policy"] != "MPOL_DEFAULT"):
        raise SystemCallError("EFAULT")
    for vma, first, last in found:
        if vma.policy != chosen:
            carve(k, vma, first, last).policy = chosen


@operation("set_mempolicy")
def sys_set_mempolicy(k: Core, mm: mm_struct, op: Op) -> None:
    """set_mempolicy(2): the policy of a process. MPOL_BIND also limits its reservations."""
    mm.policy = policy(k, op)
