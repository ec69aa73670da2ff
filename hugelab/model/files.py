"""System calls on files: open, close, unlink, ftruncate, stat, fstat.

Each checks what the kernel checks, in its order, and raises SystemCallError with nothing changed.
"""

from __future__ import annotations

import stat
from typing import Any

from ..scenario import Op, ScenarioError
from ..source import Unsupported
from ..structs import file, inode, mm_struct, super_block
from ..units import BASE_PAGE_SIZE
from .abi import length_of, octal, open_flags
from .core import Core
from .errors import SystemCallError
from .hugetlbfs import hugetlbfs_create, hugetlbfs_get_inode, iput, truncate_hugepages
from .vma import hugetlb_vmtruncate


def lookup(k: Core, path: str) -> tuple[super_block, str, inode | None]:
    """The mount, the name and (if it exists) the file of a path MOUNT/NAME."""
    mount, _, name = path.partition("/")
    sb = k.state.records.get(f"mount/{mount}")
    if not isinstance(sb, super_block):
        names = ", ".join(s.name for s in k.state.of(super_block))
        raise ScenarioError(f"path {path!r} is not MOUNT/NAME with one of the mounts {names}")
    if name in (".", ".."):  # the root directory is its own parent here
        name = ""
    if len(name) > 255:
        raise SystemCallError("ENAMETOOLONG")
    if "/" in name:
        raise Unsupported("directories are not in the model yet")
    return sb, name, sb.dentries.get(name)


def descriptor(mm: mm_struct, fd: str) -> file:
    """The open file of a descriptor. Raises SystemCallError EBADF."""
    found = mm.fds.get(fd)
    if found is None:
        raise SystemCallError("EBADF")
    return found


def sys_open(k: Core, mm: mm_struct, op: Op) -> None:
    """open(2): ``flags`` default O_CREAT|O_RDWR, ``mode`` an octal string, default 0755."""
    flags = open_flags(op)
    mode = octal(op.get("mode", "0755")) & ~0o022
    sb, name, node = lookup(k, op.args["path"])
    writable = len(flags & {"O_WRONLY", "O_RDWR"}) == 1  # both: access mode 3, good for neither
    if "O_TMPFILE" in flags:
        if not writable or "O_CREAT" in flags:
            raise SystemCallError("EINVAL")
        if name:  # it takes a directory
            raise SystemCallError("ENOENT" if node is None else "ENOTDIR")
        if sb.free_inodes == 0:
            raise SystemCallError("ENOSPC")
        node = hugetlbfs_get_inode(k, sb, sb.h, "#tmpfile", mode)
        node.i_nlink = 0
        sb.free_inodes -= sb.free_inodes > 0
    elif not name:
        raise SystemCallError("EISDIR") if writable or "O_CREAT" in flags else Unsupported("opening a directory")
    elif node is None:
        if "O_CREAT" not in flags:
            raise SystemCallError("ENOENT")
        node = hugetlbfs_create(k, sb, name, mode)
    elif {"O_CREAT", "O_EXCL"} <= flags:
        raise SystemCallError("EEXIST")
    opened = k.state.enter(file(k.state, k.number("file"), node, "O_WRONLY" not in flags, writable))
    node.refs += 1
    old = mm.fds.get(op.args["fd"])
    mm.fds = {**mm.fds, op.args["fd"]: opened}
    if old is not None:  # the program forgot the number of the older one; it stays open
        mm.fds = {**mm.fds, f"{op.args['fd']}#{old.key}": old}
    k.state.point("fd_install")
    if "O_TRUNC" in flags:
        do_truncate(k, mm.proc, node, 0)


def sys_close(k: Core, mm: mm_struct, op: Op) -> None:
    """close(2)."""
    opened = descriptor(mm, op.args["fd"])
    mm.fds = {name: held for name, held in mm.fds.items() if name != op.args["fd"]}
    fput(k, mm.proc, opened)


def fput(k: Core, proc: str, opened: file) -> None:
    """One holder of an open file let go."""
    opened.count -= 1
    if opened.count == 0:
        k.state.leave(opened)
        opened.f_inode.refs -= 1
        k.state.point("fput")
        iput(k, proc, opened.f_inode)


def sys_unlink(k: Core, mm: mm_struct | None, op: Op) -> None:
    """unlink(2): the name goes; the file when nobody else holds it."""
    sb, name, node = lookup(k, op.args["path"])
    if not name:
        raise SystemCallError("EISDIR")
    if node is None:
        raise SystemCallError("ENOENT")
    sb.dentries = {entry: held for entry, held in sb.dentries.items() if entry != name}
    node.i_nlink -= 1
    k.state.point("vfs_unlink")
    iput(k, op.proc, node)


def sys_ftruncate(k: Core, mm: mm_struct, op: Op) -> None:
    """ftruncate(2): whole huge pages only."""
    length = (length_of(op, k.machine.sizes[0]) + (1 << 63)) % (1 << 64) - (1 << 63)  # loff_t
    if length < 0:
        raise SystemCallError("EINVAL")
    opened = descriptor(mm, op.args["fd"])
    node = opened.f_inode
    if not opened.writable:
        raise SystemCallError("EINVAL")
    if k.machine.word == 32 and length >= BASE_PAGE_SIZE << 31:  # s_maxbytes (MAX_LFS_FILESIZE)
        raise SystemCallError("EFBIG")
    if node.h is not None and length % node.h.size:
        raise SystemCallError("EINVAL")
    do_truncate(k, mm.proc, node, length)


def do_truncate(k: Core, proc: str, node: inode, length: int) -> None:
    """hugetlbfs_setattr: the end moves, and what lies past it goes, pages and promises.

    Also where the file does not get smaller: a read-only mapping may have reserved past the end.
    """
    node.i_size = length
    k.state.point("hugetlb_vmtruncate")
    if node.h is not None:
        start = length // node.h.size
        hugetlb_vmtruncate(k, proc, node, start)
        truncate_hugepages(k, proc, node, start)


def sys_stat(k: Core, mm: mm_struct | None, op: Op) -> dict[str, Any]:
    """stat(2): size in bytes, blocks of 512 bytes, nlink, mode, uid, gid."""
    sb, name, node = lookup(k, op.args["path"])
    if not name:
        mode = oct(stat.S_IFDIR | sb.mode)
        return {"size": 0, "blocks": 0, "nlink": 2, "mode": mode, "uid": sb.uid, "gid": sb.gid}
    if node is None:
        raise SystemCallError("ENOENT")
    shown = {"size": node.i_size, "blocks": node.i_blocks, "nlink": node.i_nlink}
    return {**shown, "mode": oct(node.i_mode), "uid": node.i_uid, "gid": node.i_gid}


def sys_fstat(k: Core, mm: mm_struct, op: Op) -> dict[str, Any]:
    """fstat(2): size in bytes, blocks of 512 bytes, nlink, blksize = the page size."""
    node = descriptor(mm, op.args["fd"]).f_inode
    blksize = node.h.size if node.h else 4096
    return {"size": node.i_size, "blocks": node.i_blocks, "nlink": node.i_nlink, "blksize": blksize}
