"""The fault flags that an access to huge pages may have, and the vm_flags of a mapping of them.

The names of the bits are those of ``linux.flags``; 4.0 renumbered FAULT_FLAG_, so each rule knows two numberings.
"""

from __future__ import annotations

from typing import NamedTuple

from ...linux.flags import VM_FLAGS, VM_MAYREAD, VM_MAYSHARE, VM_SHARED, fault_flag_bits

UNSHARE = fault_flag_bits("6.18")["FAULT_FLAG_UNSHARE"]


class Numbering(NamedTuple):
    """The bits of the fault flags that matter here, in one numbering; 0 for one that it does not have."""

    write: int
    mkwrite: int
    allow_retry: int
    retry_nowait: int
    killable: int
    tried: int
    user: int
    remote: int
    instruction: int
    interruptible: int
    vma_lock: int
    known: int  # all bits that have a name

    @property
    def by_program(self) -> int:
        """The flags of the first try of a program's own access; without ``user``, which kernels before 3.12 lack."""
        return self.allow_retry | self.killable


def _numbering(version: str) -> Numbering:
    table = fault_flag_bits(version)
    bits = [table.get(f"FAULT_FLAG_{name.upper()}", 0) for name in Numbering._fields[:-1]]
    return Numbering._make([*bits, sum(table.values())])


OLD, NEW = _numbering("3.10"), _numbering("6.18")
NONLINEAR = fault_flag_bits("3.10")["FAULT_FLAG_NONLINEAR"]


def never(flags: int, release: tuple[int, int] | None = None) -> str:
    """Why no access to a huge page has these fault flags; "" if one may.

    ``release``: of the kernel, if the log tells it, and so which numbering it has. Single bits are not judged by it:
    distributions give older releases flags of later ones.
    """
    if release is None:
        return _never(flags, OLD, NEW)
    numbering, other, since = (OLD, NEW, "since 4.0") if release < (4, 0) else (NEW, OLD, "up to 3.19")
    why = _never(flags, numbering)
    if why and not _never(flags, other):
        return f"numbered as {since}, and this is the log of a Linux {release[0]}.{release[1]}"
    return why


def _never(flags: int, *numberings: Numbering) -> str:
    if not flags & ~(NEW.write | NEW.remote | UNSHARE):  # ptrace and its kin
        return ""
    if flags & ~NEW.known or flags & (NONLINEAR | NEW.mkwrite):  # the same bit: for pages of other files
        return "no access to a huge page has these flags"
    if OLD in numberings and flags & OLD.by_program == OLD.by_program:
        if flags & ~OLD.known:
            return "there is no such flag before 4.0"
        if not flags & OLD.mkwrite and not (flags & OLD.retry_nowait and flags & OLD.user):
            return ""
    if NEW in numberings and flags & NEW.by_program == NEW.by_program:
        program = flags & NEW.user
        if not (flags & NEW.retry_nowait if program else flags & (NEW.instruction | NEW.vma_lock)):
            return ""
    accessed = NEW.user | NEW.remote
    if not flags & (NEW.retry_nowait | NEW.killable | NEW.tried | accessed) or (
        flags & NEW.tried and not flags & accessed
    ):
        return ""  # the kernel's own access, or one of it that is tried again
    again = NEW.killable | NEW.tried | NEW.user
    if flags & again == again and not flags & (NEW.retry_nowait | NEW.instruction):
        return ""  # tried again, and not a third time: 4.0 to 5.5
    return "not the flags of an access by a program"


def same_access(flags: int, usual: int) -> bool:
    """May an access have other flags than usual because it is tried again, or because it is the kernel's own?"""
    of = NEW if usual & NEW.killable else OLD
    again = usual | of.tried
    if not usual & of.user and flags & of.user:  # most pages were populated by the kernel, this one was touched
        wanted = of.allow_retry | usual & ~of.tried
        return flags & wanted == wanted
    if flags in (again, again & ~of.vma_lock, usual & ~of.vma_lock, again & ~of.allow_retry):
        return True
    return bool(usual & of.user) and not flags & of.user and not flags & ~(again | NEW.remote | UNSHARE)


# -- vm_flags ------------------------------------------------------------------------------------------------
VM_LOCKED, VM_DONTCOPY, VM_DONTDUMP = VM_FLAGS["VM_LOCKED"], VM_FLAGS["VM_DONTCOPY"], VM_FLAGS["VM_DONTDUMP"]
VM_SOFTDIRTY, VM_WIPEONFORK = 0x8000000, 0x2000000  # include/linux/mm.h; SOFTDIRTY on every new mapping, where there
ACCESS = VM_FLAGS["VM_READ"] | VM_FLAGS["VM_WRITE"] | VM_FLAGS["VM_EXEC"]
_OF_HUGETLBFS = VM_FLAGS["VM_HUGETLB"] | VM_FLAGS["VM_DONTEXPAND"] | VM_SOFTDIRTY
# What the kernel itself, mlock or madvise may add or take while a mapping lives.
CHANGES = _OF_HUGETLBFS | VM_MAYSHARE | VM_LOCKED | VM_DONTCOPY | VM_DONTDUMP | VM_WIPEONFORK
_OF_MMAP = 0xFF | VM_LOCKED | VM_FLAGS["VM_NORESERVE"] | VM_DONTDUMP | VM_FLAGS["VM_NOHUGEPAGE"]


def of_new_mapping(vm_flags: int) -> bool:
    """May mmap of a hugetlbfs file begin with these? (do_mmap, hugetlbfs_file_mmap)"""
    plain = vm_flags & ~_OF_HUGETLBFS
    shared = vm_flags & VM_SHARED and not vm_flags & VM_MAYSHARE
    return bool(plain & VM_MAYREAD) and not plain & ~_OF_MMAP and not shared
