"""System calls on files: names, descriptors, size, contents (fs/open.c, fs/namei.c, fs/hugetlbfs/inode.c).

Each checks what the kernel checks, in its order, and raises SystemCallError with nothing changed.
"""

from __future__ import annotations

import stat
from typing import Any

from ..core.runs import Run
from ..core.text import nameable
from ..core.units import BASE_PAGE_SIZE
from ..linux.abi import octal
from ..linux.errors import ScenarioError, Unsupported
from ..linux.flags import F_SEAL_GROW, F_SEAL_SHRINK
from ..linux.scenario import Op
from ..linux.structs import file, inode, mm_struct, super_block
from . import memory
from .core import Core, SystemCallError, operation
from .hugetlbfs import hugetlbfs_create, hugetlbfs_get_inode, iput, truncate_hugepages
from .mount import find_mount
from .vma import hugetlb_vmdelete_list

UMASK = 0o022
NAME_MAX = 255  # bytes of a name (include/uapi/linux/limits.h)
MAY_READ, MAY_WRITE, MAY_EXEC = 4, 2, 1


# -- names -------------------------------------------------------------------------------------------
def lookup(k: Core, path: str) -> tuple[super_block, str, inode | None]:
    """The mount, the path below its root and (if it exists) the file of a path MOUNT/NAME.

    Raises SystemCallError ENOENT, ENOTDIR (no such directory), ENAMETOOLONG; ScenarioError for text that is no path.
    """
    sb = mount_of(k, path)
    parts: list[str] = []
    for part in path.split("/")[1:]:
        if len(part.encode("utf-8", "surrogateescape")) > NAME_MAX:
            raise SystemCallError("ENAMETOOLONG")
        if part == "..":  # the root directory is its own parent here
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    for depth in range(1, len(parts)):
        folder = sb.dentries.get("/".join(parts[:depth]))
        if folder is None:
            raise SystemCallError("ENOENT")
        if not stat.S_ISDIR(folder.i_mode):
            raise SystemCallError("ENOTDIR")
    name = "/".join(parts)
    return sb, name, sb.dentries.get(name)


def mount_of(k: Core, path: str) -> super_block:
    """The mount of a path. Raises ScenarioError for one that no mount has, or for text that is no path."""
    check_path(path)
    return find_mount(k, path.partition("/")[0])


def check_path(path: str) -> None:
    """Raises ScenarioError for a path that no program can pass to a system call, such as one with a NUL."""
    if not nameable(path):
        raise ScenarioError(f"{path!r} can be no path")


def inode_permission(mm: mm_struct | None, owner: inode | super_block, want: int) -> None:
    """Check the ``want`` bits MAY_READ, MAY_WRITE, MAY_EXEC; root passes. Raises SystemCallError EACCES, EROFS."""
    sb = owner if isinstance(owner, super_block) else owner.sb
    if want & MAY_WRITE and sb is not None and sb.readonly:
        raise SystemCallError("EROFS")
    if mm is None or mm.uid == 0:
        return
    # setuid gives the group of the same number
    shift = 6 if mm.uid == owner.i_uid else 3 if mm.uid == owner.i_gid else 0
    if (owner.i_mode >> shift) & want != want:
        raise SystemCallError("EACCES")


def directory(sb: super_block, name: str) -> inode | super_block:
    """The directory that a name is in."""
    parent = name.rpartition("/")[0]
    return sb.dentries[parent] if parent else sb


def is_directory(name: str, node: inode | None) -> bool:
    """Is it the root, or a directory below it?"""
    return not name or (node is not None and stat.S_ISDIR(node.i_mode))


@operation("unlink")
def sys_unlink(k: Core, mm: mm_struct | None, op: Op) -> None:
    """unlink(2): removes the name; the file goes with its last holder."""
    sb, name, node = lookup(k, op.args["path"])
    if name and node is None:
        raise SystemCallError("ENOENT")
    if is_directory(name, node) or node is None:
        raise SystemCallError("EISDIR")
    _may_delete(mm, sb, name, node)
    sb.dentries = {entry: held for entry, held in sb.dentries.items() if entry != name}
    node.i_nlink -= 1
    k.state.point("vfs_unlink")
    iput(k, op.proc, node)


def _may_delete(mm: mm_struct | None, sb: super_block, name: str, node: inode) -> None:
    folder = directory(sb, name)
    inode_permission(mm, folder, MAY_WRITE | MAY_EXEC)
    if mm is not None and folder.i_mode & stat.S_ISVTX and mm.uid not in (0, folder.i_uid, node.i_uid):
        raise SystemCallError("EPERM")


@operation("link")
def sys_link(k: Core, mm: mm_struct | None, op: Op) -> None:
    """link(2): a second name."""
    mount_of(k, op.args["new"])
    sb, name, node = lookup(k, op.args["path"])
    if name and node is None:
        raise SystemCallError("ENOENT")
    other, new, taken = lookup(k, op.args["new"])
    if taken is not None or not new:
        raise SystemCallError("EEXIST")
    if other is not sb:
        raise SystemCallError("EXDEV")
    if is_directory(name, node) or node is None:
        raise SystemCallError("EPERM")
    if mm is not None and mm.uid not in (0, node.i_uid):  # fs.protected_hardlinks
        try:
            inode_permission(mm, node, MAY_READ | MAY_WRITE)
        except SystemCallError:
            raise SystemCallError("EPERM") from None
    inode_permission(mm, directory(sb, new), MAY_WRITE | MAY_EXEC)
    sb.dentries = {**sb.dentries, new: node}
    node.i_nlink += 1
    k.state.point("vfs_link")


@operation("rename")
def sys_rename(k: Core, mm: mm_struct | None, op: Op) -> None:
    """rename(2): a file that had the new name loses it."""
    mount_of(k, op.args["new"])
    sb, name, node = lookup(k, op.args["path"])
    other, new, old = lookup(k, op.args["new"])
    if bool(name) != bool(new) or (name and other is not sb):  # the name of a mount is outside of it
        raise SystemCallError("EXDEV")
    if name and node is None:
        raise SystemCallError("ENOENT")
    if name and new.startswith(f"{name}/"):
        raise SystemCallError("EINVAL")
    if new and name.startswith(f"{new}/"):
        raise SystemCallError("ENOTEMPTY")
    if old is node and other is sb:
        return
    if node is None:  # a mount, and another; the directory that they are in is root's
        raise SystemCallError("EACCES" if mm is not None and mm.uid else "EBUSY")
    _may_rename(mm, sb, (name, node), (new, old))

    def moved(entry: str) -> str:
        return new + entry[len(name) :] if entry == name or entry.startswith(f"{name}/") else entry

    sb.dentries = {moved(entry): held for entry, held in sb.dentries.items() if entry != new}
    k.state.point("vfs_rename")
    if old is not None:
        old.i_nlink -= 2 if stat.S_ISDIR(old.i_mode) else 1
        iput(k, op.proc, old)


def _may_rename(mm: mm_struct | None, sb: super_block, this: tuple[str, inode], that: tuple[str, inode | None]) -> None:
    (name, node), (new, old) = this, that
    _may_delete(mm, sb, name, node)
    inode_permission(mm, directory(sb, new), MAY_WRITE | MAY_EXEC)
    if old is not None:
        _may_delete(mm, sb, new, old)
        if stat.S_ISDIR(node.i_mode) != stat.S_ISDIR(old.i_mode):
            raise SystemCallError("EISDIR" if stat.S_ISDIR(old.i_mode) else "ENOTDIR")
    if stat.S_ISDIR(node.i_mode) and directory(sb, name) is not directory(sb, new):
        inode_permission(mm, node, MAY_WRITE)
    if any(entry.startswith(f"{new}/") for entry in sb.dentries):
        raise SystemCallError("ENOTEMPTY")


@operation("mkdir")
def sys_mkdir(k: Core, mm: mm_struct | None, op: Op) -> None:
    """mkdir(2): a directory counts in nr_inodes= and takes no page."""
    sb, name, node = lookup(k, op.args["path"])
    if node is not None or not name:
        raise SystemCallError("EEXIST")
    inode_permission(mm, directory(sb, name), MAY_WRITE | MAY_EXEC)
    mode = stat.S_IFDIR | octal(op.get("mode")) & 0o1777 & ~UMASK
    made = hugetlbfs_create(k, sb, name, mode, mm.uid if mm else 0)
    made.i_nlink = 2
    folder = directory(sb, name)
    if isinstance(folder, inode):
        folder.i_nlink += 1


@operation("symlink")
def sys_symlink(k: Core, mm: mm_struct | None, op: Op) -> None:
    """symlink(2) always fails on hugetlbfs: its pages cannot hold a target that is no whole huge page."""
    check_path(op.args["target"])
    sb, name, node = lookup(k, op.args["path"])
    if node is not None or not name:
        raise SystemCallError("EEXIST")
    inode_permission(mm, directory(sb, name), MAY_WRITE | MAY_EXEC)
    if sb.free_inodes == 0:
        raise SystemCallError("ENOSPC")
    raise SystemCallError("EINVAL")


# -- descriptors -------------------------------------------------------------------------------------
def descriptor(mm: mm_struct, fd: str | None, path_only: bool = False) -> file:
    """The open file of a descriptor. Raises SystemCallError EBADF, unless ``path_only`` also for a file with O_PATH."""
    found = mm.fds.get(fd or "")
    if found is None or (found.path_only and not path_only):
        raise SystemCallError("EBADF")
    return found


@operation("open")
def sys_open(k: Core, mm: mm_struct, op: Op) -> None:
    """open(2). Raises SystemCallError; with O_DIRECT, EINVAL after the file was made."""
    flags = op.names("flags")
    mode = octal(op.get("mode")) & 0o7777 & ~UMASK
    sb, name, node = lookup(k, op.args["path"])
    readable = "O_WRONLY" not in flags
    writable = len(flags & {"O_WRONLY", "O_RDWR"}) == 1  # both: access mode 3, no right at all
    if "O_PATH" in flags:
        node, readable, writable = open_path(name, node, flags), False, False
        flags = {"O_PATH"}
    elif "O_TMPFILE" in flags:
        node = hugetlbfs_tmpfile(k, mm, sb, name, node, mode, writable and "O_CREAT" not in flags)
    elif is_directory(name, node):
        if {"O_CREAT", "O_EXCL"} <= flags:
            raise SystemCallError("EEXIST")
        raise SystemCallError("EISDIR") if writable or "O_CREAT" in flags else Unsupported("opening a directory")
    elif {"O_CREAT", "O_DIRECTORY"} <= flags:
        raise Unsupported("O_CREAT with O_DIRECTORY, which releases answer differently")
    elif node is None:
        if "O_CREAT" not in flags:
            raise SystemCallError("ENOENT")
        inode_permission(mm, directory(sb, name), MAY_WRITE | MAY_EXEC)
        node = hugetlbfs_create(k, sb, name, mode, mm.uid)
    else:
        may_open(mm, node, flags, MAY_READ * readable | MAY_WRITE * (writable or "O_TRUNC" in flags))
    if "O_DIRECT" in flags and node.h is not None:  # no direct_IO: FMODE_CAN_ODIRECT is not set
        raise SystemCallError("EINVAL")
    fd_install(k, mm, op.args["fd"], node, readable, writable, "O_PATH" in flags)
    if "O_TRUNC" in flags:
        do_truncate(k, mm.proc, node, 0)


def may_open(mm: mm_struct, node: inode, flags: set[str], want: int) -> None:
    """Check the opening of an existing file. Raises SystemCallError EEXIST, ENOTDIR, EACCES, EROFS, EPERM."""
    if {"O_CREAT", "O_EXCL"} <= flags:
        raise SystemCallError("EEXIST")
    if "O_DIRECTORY" in flags:
        raise SystemCallError("ENOTDIR")
    inode_permission(mm, node, want)
    if "O_NOATIME" in flags and mm.uid not in (0, node.i_uid):
        raise SystemCallError("EPERM")


def open_path(name: str, node: inode | None, flags: set[str]) -> inode:
    """O_PATH: the file that a descriptor names without opening it. Raises SystemCallError ENOENT, ENOTDIR."""
    if is_directory(name, node):
        raise Unsupported("opening a directory")
    if node is None:
        raise SystemCallError("ENOENT")
    if "O_DIRECTORY" in flags:
        raise SystemCallError("ENOTDIR")
    return node


def hugetlbfs_tmpfile(
    k: Core, mm: mm_struct, sb: super_block, name: str, node: inode | None, mode: int, allowed: bool
) -> inode:
    """O_TMPFILE: a file without a name in a directory. Raises SystemCallError EINVAL, ENOTSUP, ENOENT, ENOTDIR."""
    if not allowed:  # for writing, and without O_CREAT
        raise SystemCallError("EINVAL")
    if not k.rules.tmpfile:
        raise SystemCallError("ENOTSUP")
    if not is_directory(name, node):
        raise SystemCallError("ENOENT" if node is None else "ENOTDIR")
    inode_permission(mm, node or sb, MAY_WRITE | MAY_EXEC)
    made = hugetlbfs_get_inode(k, sb, sb.h, "#tmpfile", mode, mm.uid)
    made.i_nlink = 0
    return made


def fd_install(
    k: Core, mm: mm_struct, fd: str, node: inode, readable: bool, writable: bool, path_only: bool = False
) -> None:
    """Give the process a descriptor of a new open file."""
    opened = k.state.enter(file(k.state, k.number("file"), node, readable, writable, path_only))
    node.refs += 1
    name_fd(mm, fd, opened)
    k.state.point("fd_install")


def name_fd(mm: mm_struct, fd: str, opened: file) -> None:
    """Name a descriptor of a process; an older descriptor of that name stays open, but the program lost its number."""
    old = mm.fds.get(fd)
    mm.fds = {**mm.fds, fd: opened}
    if old is not None:
        mm.fds = {**mm.fds, f"{fd}#{old.key}#{len(mm.fds)}": old}


@operation("sendfd")
def sys_sendmsg(k: Core, mm: mm_struct, op: Op) -> None:
    """sendmsg(2) with SCM_RIGHTS: process ``to`` gets a descriptor of the same open file.

    Raises SystemCallError EBADF, ScenarioError for a process that does not exist.
    """
    receiver = k.mm(op.args["to"])
    opened = descriptor(mm, op.args["fd"], path_only=True)
    opened.count += 1
    name_fd(receiver, op.get("as") or op.args["fd"], opened)
    k.state.point("fd_install")


@operation("close")
def sys_close(k: Core, mm: mm_struct, op: Op) -> None:
    """close(2)."""
    opened = descriptor(mm, op.args["fd"], path_only=True)
    mm.fds = {name: held for name, held in mm.fds.items() if name != op.args["fd"]}
    fput(k, mm.proc, opened)


def fput(k: Core, proc: str, opened: file) -> None:
    """Drop one holder of an open file."""
    opened.count -= 1
    if opened.count == 0:
        k.state.leave(opened)
        opened.f_inode.refs -= 1
        k.state.point("fput")
        iput(k, proc, opened.f_inode)


# -- size --------------------------------------------------------------------------------------------
@operation("ftruncate")
def sys_ftruncate(k: Core, mm: mm_struct, op: Op) -> None:
    """ftruncate(2): to whole huge pages only. Raises SystemCallError."""
    length = loff_t(k.length_of(op))
    if length < 0:
        raise SystemCallError("EINVAL")
    opened = descriptor(mm, op.args["fd"])
    if not opened.writable:
        raise SystemCallError("EINVAL")
    hugetlbfs_setattr(k, mm.proc, opened.f_inode, length)


@operation("truncate")
def sys_truncate(k: Core, mm: mm_struct | None, op: Op) -> None:
    """truncate(2): ftruncate by name."""
    length = loff_t(k.length_of(op))
    if length < 0:
        raise SystemCallError("EINVAL")
    _, name, node = lookup(k, op.args["path"])
    if is_directory(name, node):
        raise SystemCallError("EISDIR")
    if node is None:
        raise SystemCallError("ENOENT")
    inode_permission(mm, node, MAY_WRITE)
    hugetlbfs_setattr(k, op.proc, node, length)


def loff_t(number: int) -> int:
    """A number as a signed 64-bit number."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def hugetlbfs_setattr(k: Core, proc: str, node: inode, length: int) -> None:
    """Set the size in bytes. Raises SystemCallError EFBIG, EINVAL (not whole huge pages), EPERM (sealed)."""
    if k.machine.word == 32 and length >= BASE_PAGE_SIZE << 31:  # s_maxbytes (MAX_LFS_FILESIZE)
        raise SystemCallError("EFBIG")
    if node.h is not None and length % node.h.size:
        raise SystemCallError("EINVAL")
    if (length < node.i_size and node.seals & F_SEAL_SHRINK) or (length > node.i_size and node.seals & F_SEAL_GROW):
        raise SystemCallError("EPERM")
    do_truncate(k, proc, node, length)


def do_truncate(k: Core, proc: str, node: inode, length: int) -> None:
    """Move the end of a file; pages and reservations past it go.

    Also if the file does not get smaller: a read-only mapping may have reserved past the end.
    """
    node.i_size = length
    k.state.point("hugetlb_vmtruncate")
    if node.h is not None:
        start = length // node.h.size
        hugetlb_vmdelete_list(k, node, start)
        truncate_hugepages(k, proc, node, start)


@operation("stat")
def sys_stat(k: Core, mm: mm_struct | None, op: Op) -> dict[str, Any]:
    """stat(2): size in bytes, blocks of 512 bytes, nlink, mode, uid, gid."""
    sb, name, node = lookup(k, op.args["path"])
    if not name:
        folders = sum("/" not in entry and stat.S_ISDIR(held.i_mode) for entry, held in sb.dentries.items())
        shown = {"size": 0, "blocks": 0, "nlink": 2 + folders}
    elif node is None:
        raise SystemCallError("ENOENT")
    else:
        shown = {"size": node.i_size, "blocks": node.i_blocks, "nlink": node.i_nlink}
    owner = node or sb
    return {**shown, "mode": oct(owner.i_mode), "uid": owner.i_uid, "gid": owner.i_gid}


@operation("fstat")
def sys_fstat(k: Core, mm: mm_struct, op: Op) -> dict[str, Any]:
    """fstat(2): size in bytes, blocks of 512 bytes, nlink, blksize = the page size."""
    node = descriptor(mm, op.args["fd"], path_only=True).f_inode
    blksize = node.h.size if node.h else 4096
    return {"size": node.i_size, "blocks": node.i_blocks, "nlink": node.i_nlink, "blksize": blksize}


# -- contents ----------------------------------------------------------------------------------------
@operation("pread")
def sys_pread(k: Core, mm: mm_struct, op: Op) -> dict[str, Any]:
    """pread(2): n bytes read, the first one in hex. Holes read as zeros and allocate nothing."""
    opened = descriptor(mm, op.args["fd"])
    offset = k.length_of(op, "page", "off_bytes")
    if loff_t(offset) < 0:
        raise SystemCallError("EINVAL")
    if not opened.readable:
        raise SystemCallError("EBADF")
    node = opened.f_inode
    if node.h is None:
        raise Unsupported("reading an ordinary file")
    n = max(min(op.get("bytes"), node.i_size - offset), 0)
    if not n:
        return {"n": 0, "first": ""}
    frame = node.i_pages.get(offset // node.h.size)
    byte = 0 if frame is None else memory.load(node.h, Run(0, 1, frame), offset % node.h.size)[0]
    return {"n": n, "first": f"{byte:02x}"}


@operation("pwrite")
def sys_pwrite(k: Core, mm: mm_struct, op: Op) -> None:
    """pwrite(2): hugetlbfs has no write. Raises SystemCallError EINVAL, or EBADF."""
    opened = descriptor(mm, op.args["fd"])
    if not opened.writable:
        raise SystemCallError("EBADF")
    if opened.f_inode.h is None:
        raise Unsupported("writing an ordinary file")
    raise SystemCallError("EINVAL")


@operation("sendfile")
def sys_sendfile(k: Core, mm: mm_struct, op: Op) -> dict[str, int]:
    """sendfile(2) from the file: hugetlbfs has no splice_read. Raises SystemCallError EINVAL, or EBADF."""
    if not descriptor(mm, op.args["fd"]).readable:
        raise SystemCallError("EBADF")
    n: int = sys_pread(k, mm, op)["n"]
    if op.get("bytes") and k.rules.splice_read_needed:
        raise SystemCallError("EINVAL")
    return {"n": n}


@operation("lseek")
def sys_lseek(k: Core, mm: mm_struct, op: Op) -> dict[str, int]:
    """lseek(2): data lies everywhere below the end, the only hole at it (default_llseek)."""
    opened = descriptor(mm, op.args["fd"])
    size, whence = opened.f_inode.i_size, str(op.get("whence")).removeprefix("SEEK_")
    offset = k.length_of(op, "page", "off_bytes")
    if whence in ("DATA", "HOLE"):
        if offset >= size:
            raise SystemCallError("ENXIO")
        offset = offset if whence == "DATA" else size
    elif whence == "END":
        offset += size
    elif whence == "CUR":
        offset += opened.f_pos
    if offset < 0:
        raise SystemCallError("EINVAL")
    opened.f_pos = offset
    return {"n": offset}


@operation("fsync")
def sys_fsync(k: Core, mm: mm_struct, op: Op) -> None:
    """fsync(2): nothing to write back."""
    descriptor(mm, op.args["fd"])


@operation("fadvise")
def sys_fadvise(k: Core, mm: mm_struct, op: Op) -> None:
    """posix_fadvise(2): no effect. Raises SystemCallError EINVAL for a negative length."""
    descriptor(mm, op.args["fd"])
    if loff_t(k.length_of(op)) < 0:
        raise SystemCallError("EINVAL")


@operation("readahead")
def sys_readahead(k: Core, mm: mm_struct, op: Op) -> None:
    """readahead(2): no effect. Raises SystemCallError EBADF for a descriptor that cannot be read."""
    if not descriptor(mm, op.args["fd"]).readable:
        raise SystemCallError("EBADF")
