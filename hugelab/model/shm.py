"""System V shared memory of huge pages (ipc/shm.c with SHM_HUGETLB)."""

from __future__ import annotations

from ..core.units import BASE_PAGE_SIZE
from ..linux.abi import FAILED, Area
from ..linux.errors import ScenarioError, Unsupported
from ..linux.flags import SHM, VM_EXEC, VM_READ, VM_WRITE, number
from ..linux.scenario import Op
from ..linux.structs import file, mm_struct, shmid_kernel, sysctl, vm_area_struct
from .core import Core, SystemCallError, operation
from .folio import hstate_inode
from .gup import populate_vma_page_range
from .hugetlbfs import hugetlbfs_get_inode, iput
from .mmap import calc_vm_flags, mlock_future_ok, new_mapping, put_all
from .vma import areas, do_munmap, huge_align, hugetlb_reserve_pages, unmapped_area


def segment(k: Core, name: str) -> shmid_kernel:
    """The segment of a name. Raises SystemCallError EINVAL if it was removed, ScenarioError for a name never used."""
    if name not in k.segments:
        raise ScenarioError(f"no shared memory is called {name!r}")
    found = k.segments[name]
    if found is None or found.key not in k.state.records:
        raise SystemCallError("EINVAL")
    return found


@operation("shmget")
def sys_shmget(k: Core, mm: mm_struct, op: Op) -> None:
    """shmget(2): makes a segment and reserves its pages.

    Raises SystemCallError EINVAL (size or page size), EPERM (without CAP_IPC_LOCK), ENOMEM.
    """
    k.segments.setdefault(op.args["shm"], None)
    flags = op.names("flags")
    if "SHM_HUGETLB" not in flags:
        raise Unsupported("shared memory of small pages")
    size = k.length_of(op)
    h = k.hstate_sizelog(number(SHM, flags))
    if size <= 0 or h is None:
        raise SystemCallError("EINVAL")
    length = huge_align(h, size)
    locked = not can_do_hugetlb_shm(k, mm) and user_shm_lock(k, mm, length)
    if length >= 1 << 63:
        raise SystemCallError("ENOMEM")
    node = hugetlbfs_get_inode(k, None, h, "SYSV", 0o600, mm.uid)
    node.s_private, node.i_nlink, node.i_size = True, 0, length
    if "SHM_NORESERVE" not in flags and not hugetlb_reserve_pages(k, mm, node, 0, length // h.size, None):
        iput(k, mm.proc, node)
        raise SystemCallError("ENOMEM")
    node.refs += 1
    made = k.state.enter(shmid_kernel(k.state, k.number("shm"), op.args["shm"], node, size, mm.uid, locked))
    k.segments[op.args["shm"]] = made
    k.state.point("newseg")


def can_do_hugetlb_shm(k: Core, mm: mm_struct) -> bool:
    """Is the process root or in vm.hugetlb_shm_group? setuid gives the group of the same number."""
    return mm.uid == 0 or any(mm.uid == held.hugetlb_shm_group for held in k.state.of(sysctl))


def user_shm_lock(k: Core, mm: mm_struct, length: int) -> bool:
    """Without CAP_IPC_LOCK, until 5.15: True if all locked segments of the user are within RLIMIT_MEMLOCK.

    The kernel logs a line once a boot. Raises SystemCallError EPERM.
    """
    mine = [one.shm_file for one in k.state.of(shmid_kernel) if one.locked and one.uid == mm.uid]
    most = mm.rlimit_memlock
    if most is not None and length + sum(node.i_size for node in mine) > most // BASE_PAGE_SIZE * BASE_PAGE_SIZE:
        raise SystemCallError("EPERM")
    if k.number("line about SHM_HUGETLB") == 1:
        word = "deprecated" if k.rules.shm_within_memlock else "obsolete"
        k.state.point("user_shm_lock", comm=mm.proc, pid=mm.pid, word=word)
    if not k.rules.shm_within_memlock:
        raise SystemCallError("EPERM")
    return True


@operation("shmat")
def sys_shmat(k: Core, mm: mm_struct, op: Op) -> None:
    """shmat(2): maps the whole segment, and reserves nothing. ``flags`` SHM_RDONLY, SHM_EXEC.

    Raises SystemCallError EINVAL (a removed segment), EACCES (another user's), ENOMEM (no free addresses).
    """
    k.maps.setdefault((mm.proc, op.args["map"]), FAILED)
    flags = op.names("flags")
    if "SHM_REMAP" in flags:
        raise Unsupported("shmat flag SHM_REMAP is not in the model")
    found = segment(k, op.args["shm"])
    if mm.uid not in (0, found.uid):
        raise SystemCallError("EACCES")  # the mode is 0600
    h, length = hstate_inode(found.shm_file), found.shm_file.i_size
    start = unmapped_area(k, mm, length, h.size)
    if "MCL_FUTURE" in mm.mlockall and not mlock_future_ok(mm, length):
        raise SystemCallError("EAGAIN")
    opened = file(k.state, 0, found.shm_file, readable=True, writable="SHM_RDONLY" not in flags)  # alloc_file_clone
    prot = VM_READ | VM_WRITE * opened.writable | VM_EXEC * ("SHM_EXEC" in flags)
    vm_flags = calc_vm_flags(k, set(), "MAP_SHARED", prot, opened, length)
    k.state.point("do_mmap_pgoff")
    vma = new_mapping(k, mm, op, opened, h, start, start + length, 0, vm_flags)
    k.maps[mm.proc, op.args["map"]] = Area(start, length, h.size)
    if "MCL_FUTURE" in mm.mlockall:
        populate_vma_page_range(k, vma, 0, vma.pages)


def attached(mm: mm_struct, addr: int) -> list[vm_area_struct]:
    """The VMAs of the segment that was attached at an address; [] if none was."""
    found = [vma for vma in areas(mm) if vma.inode.s_private and vma.vm_start - vma.vm_pgoff * vma.h.size == addr]
    return [vma for vma in found if vma.inode is found[0].inode]


@operation("shmdt")
def sys_shmdt(k: Core, mm: mm_struct, op: Op) -> None:
    """shmdt(2): unmaps the segment. Raises SystemCallError EINVAL if none is mapped there."""
    area = k.mapping(mm, op.args["map"])
    parts = attached(mm, area.addr)
    if area is FAILED or not parts:
        raise SystemCallError("EINVAL")
    for vma in parts:
        put_all(k, mm, do_munmap(k, mm, vma.vm_start, vma.vm_end))


@operation("shmrm")
def sys_shmrm(k: Core, mm: mm_struct | None, op: Op) -> None:
    """shmctl(IPC_RMID): the segment goes with its last mapping. Raises SystemCallError EINVAL."""
    found = segment(k, op.args["shm"])
    found.dest = True
    k.state.point("do_shm_rmid")
    iput(k, op.proc, found.shm_file)
