"""Processes: fork with copy on write, exit, kill (kernel/fork.c, kernel/exit.c, copy_hugetlb_page_range)."""

from __future__ import annotations

from ..linux.flags import VM_DONTCOPY, VM_MAYWRITE, VM_SHARED
from ..linux.scenario import Op
from ..linux.structs import mm_struct, vm_area_struct
from .core import Core, operation
from .files import fput
from .hugetlbfs import iput
from .vma import PTRS, areas, copy_page_tables, copy_vma, remove_vma, unmap_vmas


@operation("fork")
def sys_fork(k: Core, mm: mm_struct, op: Op) -> None:
    """fork(2): the child gets its own page tables; descriptors, files and pages are shared. No counter moves."""
    name = op.args["child"]
    inherited = {field: getattr(mm, field) for field in ("uid", "rlimit_memlock", "cgroup", "policy")}
    child = k.new_process(name, parent=mm.key, **inherited)
    for opened in mm.fds.values():
        opened.count += 1
    child.fds = mm.fds
    for vma in areas(mm):
        if not vma.vm_flags & VM_DONTCOPY:
            dup_vma(k, vma, child)
    for (proc, map_name), area in list(k.maps.items()):
        if proc == mm.proc:
            k.maps[name, map_name] = area
    k.state.point("copy_process", child=name)


def dup_vma(k: Core, vma: vm_area_struct, child: mm_struct) -> None:
    """dup_mmap for one VMA. A private VMA of the child owns no reservation (hugetlb_dup_vma_private).

    Page table entries are copied if there are private pages, which a fault could not find again. They become
    read-only on both sides.
    """
    k.state.row(vma.mm.proc, 1, vma.h.size)
    copy = copy_vma(k, vma, mm=child, resv_map=None, unmapped=False)
    k.state.point("dup_mmap")
    k.state.point("reset_vma_resv_huge_pages")
    if vma.anon_vma or k.rules.fork_copies_every_table:
        cow = vma.vm_flags & (VM_SHARED | VM_MAYWRITE) == VM_MAYWRITE
        for run in vma.mapped():
            writable, anonymous = run.tag
            if cow and writable:
                vma.table.cut(run.start, run.end)
                run = run._replace(tag=(False, anonymous))
                vma.table.put(run)
            copy.table.put(run)
        size, reach = vma.h.size, vma.h.size * PTRS
        theirs = vma.mm.pmds[size].within(vma.vm_start // reach, -(-vma.vm_end // reach))
        copy_page_tables(child.pmds[size], theirs)
        k.state.point("copy_hugetlb_page_range")


@operation("spawn")
def sys_execve(k: Core, mm: mm_struct | None, op: Op) -> None:
    """A process started by a shell: it shares no descriptor and no memory with the others."""
    k.new_process(op.args["child"])


@operation("exit")
def sys_exit(k: Core, mm: mm_struct, op: Op) -> dict[str, str]:
    """_exit(``code``), 0 by default, and the parent waits for it."""
    do_exit(k, mm)
    return {"status": f"exit {op.get('code') & 0xFF}"}


@operation("kill")
def sys_kill(k: Core, mm: mm_struct, op: Op) -> dict[str, str]:
    """kill(2) with a signal that ends the process, SIGKILL by default."""
    do_exit(k, mm)
    return {"status": op.get("signal")}


def do_exit(k: Core, mm: mm_struct) -> None:
    """End a process: remove all mappings (exit_mmap), then close the descriptors (exit_files)."""
    k.state.row(mm.proc)
    k.state.point("do_exit")
    parts = areas(mm)
    unmap_vmas(k, parts)
    for vma in parts:
        iput(k, mm.proc, remove_vma(k, vma))
    held, mm.fds = mm.fds, {}
    if held:
        k.state.row(mm.proc)
        k.state.point("exit_files")
    for opened in held.values():
        fput(k, mm.proc, opened)
    mm.alive = False
