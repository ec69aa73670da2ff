"""Mounts of hugetlbfs: their options, statfs, unmount (fs/hugetlbfs/inode.c)."""

from __future__ import annotations

import re

from ..core.text import nameable
from ..core.units import BASE_PAGE_SIZE
from ..linux.errors import ScenarioError
from ..linux.scenario import Op
from ..linux.structs import file, hstate, inode, mm_struct, super_block, vm_area_struct
from .core import Core
from .errors import SystemCallError
from .hugetlbfs import in_use, kill_super
from .registry import operation
from .subpool import hugepage_new_subpool

# Options that every file system takes (vfs_parse_sb_flag).
SB_FLAGS = {"ro", "rw", "sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand"}


# -- mount -------------------------------------------------------------------------------------------
def hugetlbfs_fill_super(k: Core, name: str, options: str) -> super_block:
    """Mount with ``size=, min_size=, nr_inodes=, mode=, uid=, gid=, pagesize=``.

    Raises SystemCallError EINVAL (unknown or unreadable option), ENOMEM (the pool cannot reserve min_size=);
    ScenarioError for a name that no folder can have.
    """
    if not nameable(name):
        raise ScenarioError(f"nothing can be called {name!r}")
    h, most, least, inodes, owner = hugetlbfs_parse_params(k, options)
    if inodes == 0:  # no room for the root directory
        raise SystemCallError("ENOMEM")
    if most != -1 and least > most:
        raise SystemCallError("EINVAL")
    spool = None
    if most != -1 or least != -1:
        spool = hugepage_new_subpool(k, h, most, least)
        if spool is None:
            raise SystemCallError("ENOMEM")
    root = inodes - 1 if inodes != -1 else -1
    sb = super_block(k.state, name, h, subpool=spool, max_inodes=inodes, free_inodes=root, **owner)
    sb.readonly = readonly(options)
    return k.state.enter(sb)


def readonly(options: str) -> bool:
    """Do the options mount read-only? The last of ro and rw decides."""
    chosen = [part for part in options.split(",") if part in ("ro", "rw")]
    return bool(chosen) and chosen[-1] == "ro"


def hugetlbfs_parse_params(k: Core, options: str) -> tuple[hstate, int, int, int, dict[str, int]]:
    """Options as numbers: pool, size= and min_size= in pages, nr_inodes= (-1: not given), mode, uid and gid.

    Raises SystemCallError EINVAL.
    """
    given = dict(part.partition("=")[::2] for part in options.split(",") if part and part not in SB_FLAGS)
    unknown = given.keys() - {"size", "min_size", "nr_inodes", "mode", "uid", "gid", "pagesize"}
    if unknown or not nameable(options) or ("min_size" in given and not k.rules.min_size):
        raise SystemCallError("EINVAL")
    try:
        h = k.size_to_hstate(memparse(given["pagesize"])[0]) if "pagesize" in given else k.state.pools[0]
        most, least = (_pages(h, given[option]) if option in given else -1 for option in ("size", "min_size"))
        owner: dict[str, int] = {option: _id(given[option]) for option in ("uid", "gid") if option in given}
        owner["mode"] = int(given.get("mode", "755"), 8) & 0o1777
        inodes = memparse(given["nr_inodes"])[0] if "nr_inodes" in given else -1
    except (ValueError, KeyError):
        raise SystemCallError("EINVAL") from None
    return h, most, least, inodes, owner


def _pages(h: hstate, text: str) -> int:
    """A size option in pages, rounded down; ``50%`` is half of the configured pool now."""
    value, rest = memparse(text)
    if rest.startswith("%"):
        return value * h.persistent_huge_pages // 100
    return value // h.size


def memparse(text: str) -> tuple[int, str]:
    """A number with prefix 0x or 0 and suffix k m g t p e, and the rest of the text (lib/cmdline.c).

    ``memparse("2M%")`` is (2097152, "%"). Raises ValueError for text that does not begin with a digit.
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
    """A user or group. Raises ValueError for -1, which is no user."""
    value = _c_number(text)
    if not 0 <= value < 0xFFFFFFFF:
        raise ValueError(text)
    return value


# -- system calls ------------------------------------------------------------------------------------
def find_mount(k: Core, name: str) -> super_block:
    """The topmost mounted file system of a name. Raises ScenarioError if there is none."""
    for sb in reversed(k.state.of(super_block)):
        if sb.name == name and sb.mounted:
            return sb
    names = ", ".join(sb.name for sb in k.state.of(super_block) if sb.mounted)
    raise ScenarioError(f"no file system is mounted as {name!r}; there are {names}")


@operation("mount")
def sys_mount(k: Core, mm: mm_struct | None, op: Op) -> None:
    """mount -t hugetlbfs -o ``options``."""
    hugetlbfs_fill_super(k, op.args["mount"], op.get("options"))


@operation("remount")
def sys_remount(k: Core, mm: mm_struct | None, op: Op) -> None:
    """mount -o remount: options are checked, and all but ro and rw ignored (hugetlbfs has no reconfigure).

    Raises SystemCallError EINVAL (an option), EBUSY (ro while a file is open for writing).
    """
    sb = find_mount(k, op.args["mount"])
    hugetlbfs_parse_params(k, op.get("options"))
    wanted = readonly(op.get("options"))
    if wanted and not sb.readonly and written(sb):
        raise SystemCallError("EBUSY")
    sb.readonly = wanted


def written(sb: super_block) -> bool:
    """Is a file of the mount open or mapped for writing, or in use without a name (sb_prepare_remount_readonly)?"""
    state = sb.state
    return (
        any(opened.f_inode.sb is sb and opened.writable for opened in state.every(file))
        or any(vma.inode.sb is sb and vma.for_writing for vma in state.every(vm_area_struct))
        or any(node.sb is sb and node.i_nlink == 0 for node in state.every(inode))
    )


@operation("umount")
def sys_umount(k: Core, mm: mm_struct | None, op: Op) -> None:
    """umount2(0); files that still have names are evicted. Raises SystemCallError EBUSY (a file is open or mapped)."""
    sb = find_mount(k, op.args["mount"])
    if in_use(sb):
        raise SystemCallError("EBUSY")
    kill_super(k, op.proc, sb)


@operation("umount_lazy")
def sys_umount_lazy(k: Core, mm: mm_struct | None, op: Op) -> None:
    """umount2(MNT_DETACH): paths end now; the file system itself goes with its last user."""
    sb = find_mount(k, op.args["mount"])
    sb.mounted = False
    if not in_use(sb):
        kill_super(k, op.proc, sb)


@operation("statfs")
def sys_statfs(k: Core, mm: mm_struct | None, op: Op) -> dict[str, int]:
    """statfs(2), in pages; -1 is no limit. Without size= and min_size= all numbers but bsize are 0."""
    sb = find_mount(k, op.args["mount"])
    spool = sb.subpool
    size = sb.h.size if sb.h else BASE_PAGE_SIZE
    if spool is None:
        return {"bsize": size, "blocks": 0, "bfree": 0, "bavail": 0, "files": 0, "ffree": 0}
    free = spool.max_hpages - spool.used_hpages
    shown = {"blocks": spool.max_hpages, "bfree": free, "bavail": free, "files": sb.max_inodes, "ffree": sb.free_inodes}
    return {"bsize": size, **shown}
