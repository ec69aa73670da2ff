"""memfd_create(2) with MFD_HUGETLB, and the seals of such a file (mm/memfd.c)."""

from __future__ import annotations

from ..linux.errors import Unsupported
from ..linux.flags import (
    F_SEAL_EXEC,
    F_SEAL_FUTURE_WRITE,
    F_SEAL_GROW,
    F_SEAL_SEAL,
    F_SEAL_SHRINK,
    F_SEAL_WRITE,
    MFD,
    SEALS,
    VM_MAYWRITE,
    VM_SHARED,
    VM_WRITE,
    number,
)
from ..linux.scenario import Op
from ..linux.structs import inode, mm_struct, vm_area_struct
from .core import Core, SystemCallError, operation
from .files import descriptor, fd_install
from .hugetlbfs import hugetlbfs_get_inode


@operation("memfd")
def sys_memfd_create(k: Core, mm: mm_struct, op: Op) -> None:
    """memfd_create(2): a file without name, size or reservation. Raises SystemCallError ENOSYS, EINVAL, ENODEV."""
    if not k.rules.memfd_create:
        raise SystemCallError("ENOSYS")
    flags = op.names("flags")
    if "MFD_HUGETLB" not in flags:
        if any(flag.startswith("MFD_HUGE_") for flag in flags):
            raise SystemCallError("EINVAL")
        raise Unsupported("a memfd of small pages")
    executable = flags & {"MFD_EXEC", "MFD_NOEXEC_SEAL"}
    if len(executable) > (1 if k.rules.memfd_exec else 0) or not k.rules.memfd_hugetlb:
        raise SystemCallError("EINVAL")
    if "MFD_ALLOW_SEALING" in flags and not k.rules.memfd_seals:
        raise SystemCallError("EINVAL")
    h = k.hstate_sizelog(number(MFD, flags))
    if h is None:
        raise SystemCallError("ENODEV")
    node = hugetlbfs_get_inode(k, None, h, "memfd", 0o666 if "MFD_NOEXEC_SEAL" in flags else 0o777, mm.uid)
    node.i_nlink = 0
    if "MFD_NOEXEC_SEAL" in flags:
        node.seals = F_SEAL_EXEC
    elif "MFD_ALLOW_SEALING" in flags:
        node.seals = 0
    fd_install(k, mm, op.args["fd"], node, readable=True, writable=True)


@operation("seal")
def memfd_add_seals(k: Core, mm: mm_struct, op: Op) -> None:
    """fcntl(F_ADD_SEALS). Raises SystemCallError EINVAL (unknown seal), EPERM (sealed, or no memfd), EBUSY (mapped
    writable)."""
    wanted = number(SEALS, op.names("seals"))
    opened = descriptor(mm, op.args["fd"])
    node = opened.f_inode
    unknown = F_SEAL_EXEC * (not k.rules.memfd_exec) | F_SEAL_FUTURE_WRITE * (not k.rules.seal_future_write)
    if not k.rules.memfd_seals or wanted & unknown:
        raise SystemCallError("EINVAL")
    if not opened.writable or node.seals & F_SEAL_SEAL:
        raise SystemCallError("EPERM")
    if wanted & F_SEAL_WRITE and not node.seals & F_SEAL_WRITE and mapped_writable(k, node):
        raise SystemCallError("EBUSY")
    if wanted & F_SEAL_EXEC and node.i_mode & 0o111:
        wanted |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE
    node.seals |= wanted


def mapped_writable(k: Core, node: inode) -> bool:
    """Is there a shared mapping of the file that is, or can be made, writable (mapping_deny_writable)?"""
    both = VM_SHARED | VM_MAYWRITE
    return any(vma.inode is node and vma.vm_flags & both == both for vma in k.state.of(vm_area_struct))


def memfd_check_seals_mmap(k: Core, node: inode, vm_flags: int) -> int:
    """The vm_flags of a mapping of a file with seals: a write seal forbids shared mappings to be or become writable.

    Raises SystemCallError EPERM.
    """
    obeyed = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE if k.rules.future_write_stops_mmap else F_SEAL_WRITE
    if node.seals & obeyed and vm_flags & VM_SHARED:
        if vm_flags & VM_WRITE:
            raise SystemCallError("EPERM")
        vm_flags &= ~VM_MAYWRITE
    return vm_flags
