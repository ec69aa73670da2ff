"""The operations of a scenario, one row each: who may do it, its entry into the kernel, its call chain, its arguments.

A row's usage is printed by ``hugelab ops``: ``name`` must be given, ``[name]`` may be, ``a|b`` is one of both;
``name=default``; ``name:TABLE`` takes flags of that table in ``flags``. Scenarios are checked against the rows; the
model, the live kernel and the random programs of the tests follow them.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import flags
from .errors import ScenarioError

PROCESS, ANYBODY, ADMINISTRATOR = "a process", "a process or a shell", "the administrator"


class Argument(NamedTuple):
    """One argument of an operation.

    ``kind``: "name" (a name that the scenario gives), "number" (a whole number), "flags" (a list of names of
    ``table``), "choice" (one name of ``table``), "text", "list", "place" (see ``at``), "any".
    """

    name: str
    kind: str
    help: str
    default: Any = None
    table: Mapping[str, int] | None = None


class Operation(NamedTuple):
    """One row. ``needs``: arguments that must be given, "a|b" for one of both; ``arguments`` by name; ``entry``: the
    kernel function that the operation enters and leaves (its 3.10 name); ``chain``: its call chain, "" for none.
    """

    name: str
    who: str
    entry: str
    chain: str
    usage: str
    help: str
    needs: tuple[str, ...]
    arguments: Mapping[str, Argument]

    def check(self, args: Mapping[str, Any]) -> None:
        """Raises ScenarioError, one line, for an argument that is missing, unknown or of the wrong kind."""
        for need in self.needs:
            if not any(name in args for name in need.split("|")):
                raise ScenarioError(f"{self.name} needs {' or '.join(need.split('|'))}; it takes {self.usage}")
        for name, value in args.items():
            argument = self.arguments.get(name) or COMMON.get(name)
            if argument is None:
                near = difflib.get_close_matches(name, self.arguments, 1)
                hint = f", but {near[0]}" if near else ""
                raise ScenarioError(f"{self.name} has no argument {name}{hint}. It takes {self.usage or 'none'}")
            if problem := _wrong(argument, value):
                raise ScenarioError(f"{self.name}: {name} is {problem}")


def _wrong(argument: Argument, value: Any) -> str:
    """The end of an error message for a value of the wrong kind, such as "a whole number, not 'x'"; "" if it fits."""
    kind, name = argument.kind, argument.name
    if kind == "number" and (not isinstance(value, int) or isinstance(value, bool)):
        return f"a whole number, not {value!r}"
    if name == "count" and value < 0:
        return f"0 or more, not {value}"
    if kind == "name" and not isinstance(value, str) and not (name == "fd" and value is None):
        return f"a name in quotes, not {value!r}"
    if kind == "text" and not isinstance(value, str):
        return f"text in quotes, not {value!r}"
    if kind in ("flags", "list") and not (isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)):
        return f"a list of names, not {value!r}"
    if kind == "place":
        fits = isinstance(value, dict) and isinstance(value.get("map"), str)
        if not (fits and all(type(value.get(key, 0)) is int for key in ("page", "bytes"))):
            return f'an object such as {{"map": "A", "page": 1}}, not {value!r}'
    return ""


# Argument -> kind and help, the same in every operation.
_ARGUMENTS = {
    "fd": ("name", "a descriptor, by the name that open gave it; null: none"),
    "path": ("name", "MOUNT/NAME; the mount @ is an ordinary file system"),
    "new": ("name", "the new MOUNT/NAME"),
    "target": ("name", "the path that the link holds"),
    "map": ("name", "a mapping, by the name that mmap gave it"),
    "as": ("name", "the name of the result; by default that of the argument"),
    "mount": ("name", "a mount of the scenario"),
    "shm": ("name", "a System V segment, by the name that shmget gave it"),
    "child": ("name", "the new process"),
    "to": ("name", "another process"),
    "cg": ("name", "a control group; a path for one inside another"),
    "page": ("number", "where it begins, in huge pages"),
    "pages": ("number", "how long it is, in huge pages"),
    "count": ("number", "how many pages, one after another"),
    "bytes": ("number", "how long it is, in bytes"),
    "off_bytes": ("number", "where it begins, in bytes"),
    "offset_pages": ("number", "where in the file it begins, in huge pages"),
    "offset_bytes": ("number", "where in the file it begins, in bytes"),
    "new_pages": ("number", "the new length, in huge pages"),
    "new_bytes": ("number", "the new length, in bytes"),
    "n": ("number", "pages"),
    "node": ("number", "a memory node"),
    "nodemask": ("number", "bit n stands for node n"),
    "uid": ("number", "a user; the group of the same number comes with it"),
    "gid": ("number", "a group"),
    "code": ("number", "the exit status"),
    "version": ("number", "of control groups, 1 or 2"),
    "byte": ("number", "the byte that is written to each page"),
    "mode": ("any", "rights in octal, such as 0755"),
    "at": ("place", 'an address: {"map": NAME, "page": N, "bytes": N}'),
    "want_align": ("any", "true: tell whether the address is aligned to a huge page"),
    "catch": ("any", "false: the signal kills the process"),
    "options": ("text", "as mount -o takes them"),
    "signal": ("text", "one that ends a process"),
    "file": ("text", "a file of the group"),
    "files": ("list", "files of the group"),
    "value": ("any", "the text that is written to it"),
    "seconds": ("any", "how long"),
    "flags": ("flags", "names of flags"),
    "prot": ("flags", "the rights to the pages"),
    "seals": ("flags", "the changes that are forbidden from now on"),
    "advice": ("choice", "the advice"),
    "policy": ("choice", "which nodes give pages"),
    "whence": ("choice", "where the offset counts from"),
}
COMMON = {
    "hsize": Argument("hsize", "name", "the page size of this operation, such as 1G; by default the machine's"),
    "note": Argument("note", "any", "for readers; nothing is done with it"),
}
_RANGE = "map [page|off_bytes] [pages|bytes]"
_PART = "fd [page|off_bytes]"

_ROWS = (
    # -- files ---------------------------------------------------------------------------------------------
    ("open", PROCESS, "sys_open", "open", "fd path [flags:OPEN=O_CREAT,O_RDWR] [mode=0755]", "open a file, by default make it"),
    ("close", PROCESS, "sys_close", "", "fd", "give a descriptor back"),
    ("sendfd", PROCESS, "sys_sendmsg", "", "fd to [as]", "pass a descriptor to another process (SCM_RIGHTS)"),
    ("memfd", PROCESS, "sys_memfd_create", "open", "fd [flags:MFD=MFD_HUGETLB]", "make a file without a name"),
    ("seal", PROCESS, "sys_fcntl", "", "fd seals:SEALS", "forbid changes of a memfd"),
    ("unlink", ANYBODY, "sys_unlink", "", "path", "remove a name; the file goes with its last holder"),
    ("link", ANYBODY, "sys_link", "", "path new", "give a file a second name"),
    ("rename", ANYBODY, "sys_rename", "", "path new", "give a file another name"),
    ("mkdir", ANYBODY, "sys_mkdir", "", "path [mode=0755]", "make a directory"),
    ("symlink", ANYBODY, "sys_symlink", "", "path target", "make a symbolic link; hugetlbfs refuses"),
    ("truncate", ANYBODY, "sys_truncate", "truncate", "path pages|bytes", "set the size of a file by name"),
    ("ftruncate", PROCESS, "sys_ftruncate", "truncate", "fd pages|bytes", "set the size of a file"),
    ("stat", ANYBODY, "sys_stat", "", "path", "size, blocks, links, mode, owner of a file"),
    ("fstat", PROCESS, "sys_fstat", "", "fd", "size, blocks, links of an open file"),
    ("pread", PROCESS, "sys_pread64", "", f"{_PART} [bytes=1]", "read; a hole reads as zeros"),
    ("pwrite", PROCESS, "sys_pwrite64", "", f"{_PART} [bytes=1]", "write; hugetlbfs refuses"),
    ("sendfile", PROCESS, "sys_sendfile64", "", f"{_PART} [bytes=1]", "copy from the file; hugetlbfs refuses"),
    ("lseek", PROCESS, "sys_lseek", "", f"{_PART} [bytes] [whence:WHENCE=SEEK_SET]", "set the position"),
    ("fsync", PROCESS, "sys_fsync", "", "fd", "write back: nothing to do"),
    ("fadvise", PROCESS, "sys_fadvise64", "", f"{_PART} [pages|bytes] [advice:FADV=WILLNEED]", "advice about a file: no effect"),
    ("readahead", PROCESS, "sys_readahead", "", f"{_PART} [pages|bytes]", "read ahead: no effect"),
    ("fallocate", PROCESS, "sys_fallocate", "fallocate", f"{_PART} [pages|bytes] [mode:FALLOC]", "allocate pages, or punch a hole"),
    # -- mappings ------------------------------------------------------------------------------------------
    ("mmap", PROCESS, "sys_mmap", "mmap", "map pages|bytes [fd] [offset_pages|offset_bytes] [flags:MAP=MAP_SHARED]"
     " [prot:PROT=PROT_READ,PROT_WRITE] [at] [want_align]", "map a file, or memory without one"),
    ("touch", PROCESS, "user_access", "fault", "map [page=0] [off_bytes=0] [count=1] [mode=w] [byte=72] [catch]",
     "write (mode w) or read (r) one byte in each of count pages"),
    ("kread", PROCESS, "sys_read", "fault", "map [page=0] [off_bytes=0]", "read(2) a zero into a page: the kernel writes there"),
    ("munmap", PROCESS, "sys_munmap", "munmap", _RANGE, "give addresses back"),
    ("mremap", PROCESS, "sys_mremap", "mremap", f"{_RANGE} new_pages|new_bytes [flags:MREMAP=MREMAP_MAYMOVE] [at] [as]", "move or shorten a mapping"),
    ("mprotect", PROCESS, "sys_mprotect", "mprotect", f"{_RANGE} prot:PROT", "change the rights to the pages"),
    ("madvise", PROCESS, "sys_madvise", "madvise", f"{_RANGE} advice:MADV", "advice about a range, such as MADV_DONTNEED"),
    ("mlock", PROCESS, "sys_mlock", "populate", _RANGE, "fault all pages in"),
    ("munlock", PROCESS, "sys_munlock", "", _RANGE, "nothing to do for huge pages"),
    ("mlockall", PROCESS, "sys_mlockall", "populate", "[flags:MCL=MCL_CURRENT,MCL_FUTURE]", "fault all mappings in, and those to come"),
    ("msync", PROCESS, "sys_msync", "", f"{_RANGE} [flags:MS=MS_SYNC]", "write back: nothing to do"),
    ("mincore", PROCESS, "sys_mincore", "", _RANGE, "which pages are there"),
    ("mbind", PROCESS, "sys_mbind", "", f"{_RANGE} policy:MPOL [nodemask=0] [flags:MPOL_MF]", "which nodes give the pages of a range"),
    ("set_mempolicy", PROCESS, "sys_set_mempolicy", "", "policy:MPOL [nodemask=0]", "which nodes give the pages of a process"),
    ("smaps", PROCESS, "show_smap", "", "map", "the /proc/PID/smaps of a mapping, in kB"),
    # -- System V ------------------------------------------------------------------------------------------
    ("shmget", PROCESS, "sys_shmget", "shmget", "shm [pages|bytes] [flags:SHM=SHM_HUGETLB,IPC_CREAT]", "make a segment, and reserve its pages"),
    ("shmat", PROCESS, "sys_shmat", "shmat", "shm map [flags:SHMAT]", "map a segment"),
    ("shmdt", PROCESS, "sys_shmdt", "munmap", "map", "unmap a segment"),
    ("shmrm", ADMINISTRATOR, "sys_shmctl", "shmrm", "shm", "remove a segment; it goes with its last mapping"),
    # -- processes -----------------------------------------------------------------------------------------
    ("fork", PROCESS, "sys_fork", "fork", "child", "a second process with the same pages"),
    ("spawn", ADMINISTRATOR, "sys_execve", "", "child", "a second process that shares nothing"),
    ("exit", PROCESS, "sys_exit", "exit", "[code=0]", "end"),
    ("kill", PROCESS, "sys_kill", "exit", "[signal=SIGKILL]", "end by a signal"),
    ("setuid", PROCESS, "sys_setuid", "", "uid", "give up root"),
    ("setrlimit_memlock", PROCESS, "sys_setrlimit", "", "bytes", "RLIMIT_MEMLOCK; below 0 is no limit"),
    ("hugetlb_usage", PROCESS, "hugetlb_report_usage", "", "", "HugetlbPages of /proc/PID/status, in kB"),
    # -- the administrator ---------------------------------------------------------------------------------
    ("set_nr", ADMINISTRATOR, "nr_hugepages_store", "resize", "n", "write nr_hugepages"),
    ("set_nr_node", ADMINISTRATOR, "nr_hugepages_store", "resize", "node n", "write nr_hugepages of a node"),
    ("set_overcommit", ADMINISTRATOR, "nr_overcommit_hugepages_store", "", "n", "write nr_overcommit_hugepages"),
    ("set_shm_group", ADMINISTRATOR, "proc_dointvec", "", "gid", "write hugetlb_shm_group: who may shmget huge pages"),
    ("demote", ADMINISTRATOR, "demote_store", "demote", "n", "break large pages into pages of the default size"),
    ("node_counters", ADMINISTRATOR, "nr_hugepages_show", "", "node", "the files of a node's pool"),
    ("meminfo", ADMINISTRATOR, "hugetlb_report_meminfo", "", "", "the lines of /proc/meminfo about huge pages"),
    ("mount", ADMINISTRATOR, "sys_mount", "mount", "mount [options=]", "mount a hugetlbfs"),
    ("remount", ADMINISTRATOR, "do_remount", "", "mount [options=]", "mount -o remount"),
    ("umount", ADMINISTRATOR, "sys_umount", "umount", "mount", "unmount"),
    ("umount_lazy", ADMINISTRATOR, "sys_umount", "umount", "mount", "unmount; the file system goes with its last user"),
    ("statfs", ADMINISTRATOR, "sys_statfs", "", "mount", "size and free pages of a mount"),
    ("sync", ADMINISTRATOR, "sys_nanosleep", "", "[seconds=0.2]", "wait"),
    # -- control groups ------------------------------------------------------------------------------------
    ("cg_mount", ADMINISTRATOR, "cgroup_mount", "", "version", "mount the hugetlb controller (1), or cgroup2"),
    ("cg_mkdir", ADMINISTRATOR, "hugetlb_cgroup_css_alloc", "", "version cg", "make a group"),
    ("cg_rmdir", ADMINISTRATOR, "hugetlb_cgroup_css_offline", "", "version cg", "remove a group"),
    ("cg_set", ADMINISTRATOR, "hugetlb_cgroup_write", "", "version cg file value", "write a limit of a group"),
    ("cg_get", ADMINISTRATOR, "hugetlb_cgroup_read_u64", "", "version cg files", "read files of a group"),
    ("cg_attach", PROCESS, "cgroup_procs_write", "", "version cg", "move the process into a group"),
)  # fmt: skip


def _operation(name: str, who: str, entry: str, chain: str, usage: str, help: str) -> Operation:
    """An Operation from a row, with its usage parsed."""
    arguments: dict[str, Argument] = {}
    needs = []
    for word in usage.split():
        if not word.startswith("["):
            needs.append("|".join(part.partition(":")[0] for part in word.split("|")))
        spec, given, default = word.strip("[]").partition("=")
        for part in spec.split("|"):
            one, _, table = part.partition(":")
            kind, about = _ARGUMENTS[one]
            listed = kind == "flags" or table == "FALLOC"
            value: Any = default if given else None
            if listed:
                kind, value = "flags", tuple(default.split(",")) if given else ()
            elif given and default.lstrip("-").isdigit() and kind == "number":
                value = int(default)
            arguments[one] = Argument(one, kind, about, value, getattr(flags, table) if table else None)
    return Operation(name, who, entry, chain, usage, help, tuple(needs), arguments)


OPERATIONS = {row[0]: _operation(*row) for row in _ROWS}
