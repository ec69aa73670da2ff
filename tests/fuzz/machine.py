"""A hypothesis state machine that makes random programs over all operations and runs them on two kernels.

The model goes first: it says what exists, so that most operations mean something, and when the real kernel would come
to harm, so that this is never tried. Operations with a rule of their own are drawn densely; every other one of
OPERATIONS is drawn from its row. After every step outcome, value
and counters are compared. Hypothesis shrinks a difference to a minimal program; it is printed as Scenario JSON.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from hugelab import X86_64, Op, Scenario, ScenarioError
from hugelab.linux.abi import FAILED
from hugelab.linux.errors import Unsupported
from hugelab.linux.machines import Machine
from hugelab.linux.operations import ADMINISTRATOR, OPERATIONS, Argument
from hugelab.linux.structs import mm_struct, shmid_kernel, super_block, vm_area_struct
from hugelab.live.calls import ARENA
from hugelab.model.kernel import Kernel, boot
from hugelab.record.invariants import broken
from hugelab.record.source import Source

PAGE = 2 << 20
MACHINE = replace(X86_64, top=ARENA[1])  # mappings go where the live kernel's programs put them
ANON = ["MAP_ANONYMOUS", "MAP_HUGETLB"]
MOUNTS = [
    "",
    "",
    "",
    "size=8M",
    "size=6M,nr_inodes=4",
    "min_size=4M",
    "size=10M,min_size=4M",
    "nr_inodes=3",
    "size=50%",
]
FILES, FDS, MAPS, PROCS = ("a", "b", "d/c"), ("f", "g"), ("A", "B", "C", "D"), ("P", "C", "D")

# Operations that a rule below draws; and those that are not drawn: a limit of no user but root's, a wait, what one node
# cannot show, 1 GB pages, an ended group.
DENSE = {
    *(
        "open",
        "memfd",
        "seal",
        "close",
        "ftruncate",
        "fallocate",
        "fstat",
        "pread",
        "pwrite",
        "fsync",
        "lseek",
        "sendfile",
    ),
    *("fadvise", "readahead", "mmap", "touch", "kread", "munmap", "madvise", "mprotect", "mremap", "mlock", "munlock"),
    *(
        "msync",
        "mincore",
        "hugetlb_usage",
        "smaps",
        "mbind",
        "fork",
        "exit",
        "kill",
        "setuid",
        "shmget",
        "shmat",
        "shmdt",
    ),
    *("shmrm", "unlink", "link", "rename", "stat", "truncate", "mkdir", "symlink", "set_nr", "set_overcommit"),
    *("set_nr_node", "node_counters", "meminfo", "statfs", "remount", "umount", "umount_lazy", "mount", "cg_mount"),
    *("cg_mkdir", "cg_attach", "cg_set", "cg_get", "sendfile", "shmdt"),
}
LEFT_OUT = {"setrlimit_memlock", "sync", "set_mempolicy", "demote", "cg_rmdir"}
DENSE |= LEFT_OUT

ODD = [["O_RDONLY"], ["O_RDONLY"], ["O_RDWR", "O_CREAT", "O_TRUNC"], ["O_RDWR", "O_TMPFILE"]]
ODD += [["O_RDWR", "O_CREAT", "O_APPEND", "O_SYNC"], ["O_RDWR", "O_DIRECT", "O_CREAT"], ["O_PATH"]]
ODD += [["O_RDWR", "O_NOATIME", "O_NONBLOCK"], ["O_RDONLY", "O_DIRECTORY"], ["O_RDWR", "O_CREAT", "O_DSYNC"]]

few = st.integers(0, 6)
some = st.sampled_from([2, 1, 3, 4, 2, 1, 3, 6])
which = st.integers(0, 7)
seldom = st.sampled_from([False] * 7 + [True])
often = st.sampled_from([True] * 3 + [False])


class Different(AssertionError):
    """Model and kernel do not agree."""


def _alive(self: Programs) -> list[mm_struct]:
    return [] if self.model is None else [mm for mm in self.model.state.of(mm_struct) if mm.alive]


# A rule that would find nothing to work on is not chosen: programs are dense that way.
mapped = precondition(
    lambda self: self.model is not None and any(area is not FAILED for area in self.model.maps.values())
)
opened = precondition(lambda self: any(mm.fds for mm in _alive(self)))
several = precondition(lambda self: len(_alive(self)) > 1)


class Programs(RuleBasedStateMachine):
    """One example is one program. ``boot_other`` boots the second kernel, if there is one."""

    boot_other: ClassVar[Callable[[Scenario], Any] | None] = None
    seen: ClassVar[Counter[str]] = Counter()
    machine: ClassVar[Machine] = MACHINE
    sound: ClassVar[bool] = False  # the invariants hold after every step

    def __init__(self) -> None:
        super().__init__()
        self.ops: list[Op] = []
        self.model: Kernel | None = None
        self.other: Any = None
        self.over = False
        self.last = ""  # the outcome of the last operation

    # -- running ----------------------------------------------------------------------------------
    @initialize(
        nr=st.sampled_from([4, 6, 10, 3, 8, 2, 1, 5, 0]),
        overcommit=st.sampled_from([0, 0, 0, 1, 3]),
        m=st.sampled_from(MOUNTS),
        two=seldom,
    )
    def boot(self, nr: int, overcommit: int, m: str, two: bool) -> None:
        mounts = {"m": m, "n": "mode=1777"} if two else {"m": m}
        self.scenario = Scenario("random", nr, overcommit, mounts)
        try:
            self.model = boot(self.scenario, self.machine)
        except ScenarioError:  # min_size= of a pool that is too small
            self.scenario = Scenario("random", nr, overcommit, {"m": ""})
            self.model = boot(self.scenario, self.machine)
        if type(self).boot_other:
            self.other = type(self).boot_other(self.scenario)
        type(self).seen["programs"] += 1

    def do(self, op: str, proc: str = "P", **args: Any) -> None:
        """One operation on both kernels."""
        assert self.model is not None
        if self.over:
            return
        step = Op(op, {name: value for name, value in args.items() if value is not None}, proc)
        try:
            ours = self.model.run(step)
        except (ScenarioError, Unsupported):
            return
        if self.model.dangers:
            self.over = True
            return
        self.ops.append(step)
        self.last = ours[0]
        type(self).seen["steps"] += 1
        type(self).seen[f"{op} {ours[0]}"] += 1
        self.compare(ours, lambda: self.other.run(step))
        if self.sound and (problem := broken(self.model.state, settled=True)):
            raise Different(f"{problem}\n{self.program()}")

    def compare(self, ours: tuple[str, Any], run: Callable[[], tuple[str, Any]]) -> None:
        if self.other is None:
            return
        try:
            theirs = run()
        except (ScenarioError, Unsupported) as error:
            theirs = ("refused", str(error))
        mine, other = self.counters(self.model), self.counters(self.other)
        if ours != theirs or mine != other:
            where = self.ops[-1] if self.ops else "boot"
            raise Different(f"{where}\nmodel:  {ours} {mine}\nkernel: {theirs} {other}\n{self.program()}")

    @staticmethod
    def counters(source: Source | None) -> list[Any]:
        assert source is not None
        return [tuple(now.shown) for now in source.state.counters()]

    def program(self) -> str:
        """The program so far, as a case of a file."""
        case = Scenario("random", self.scenario.nr, self.scenario.overcommit, self.scenario.mounts, tuple(self.ops))
        return json.dumps(case.to_json())

    def teardown(self) -> None:
        try:
            if self.model is None or self.over:
                return
            for end in ("kill_all", "umount_all"):
                getattr(self.model, end)()
                if self.model.dangers:
                    return
                self.compare(("ok", end), lambda end=end: (getattr(self.other, end)(), ("ok", end))[1])  # type: ignore[misc]
        finally:
            if self.other is not None:
                self.other.close()

    # -- what there is ----------------------------------------------------------------------------
    def procs(self) -> list[mm_struct]:
        return _alive(self)

    def proc(self, i: int) -> str:
        """A live process, the first one if there is none yet."""
        alive = self.procs()
        return alive[i % len(alive)].proc if alive else "P"

    def map(self, proc: str, i: int) -> str | None:
        """A map that is there; else one that was, or that failed."""
        assert self.model is not None
        there = {area.vm_start for area in self.model.state.every(vm_area_struct) if area.mm.proc == proc}
        mine = {name: area for (owner, name), area in self.model.maps.items() if owner == proc}
        names = [name for name, area in mine.items() if area.addr in there] if i < 7 else []
        names = names or list(mine)
        return names[i % len(names)] if names else None

    def pages(self, proc: str, name: str) -> int:
        assert self.model is not None
        return max(self.model.maps[proc, name].length // PAGE, 1)

    def fd(self, proc: str, i: int) -> str | None:
        assert self.model is not None
        mm = self.model.state.records.get(f"mm/{proc}")
        names = [name for name in mm.fds if "#" not in name] if isinstance(mm, mm_struct) else []
        return names[i % len(names)] if names else None

    def mount(self, i: int) -> str | None:
        assert self.model is not None
        names = [sb.name for sb in self.model.state.of(super_block) if sb.mounted and sb.name != "@"]
        return names[i % len(names)] if names else None

    def part(self, proc: str, name: str, first: int, count: int) -> dict[str, int]:
        """A range of a map that lies inside it, mostly."""
        pages = self.pages(proc, name)
        first %= pages
        return {"page": first, "pages": 1 + count % (pages - first)}

    # -- files ------------------------------------------------------------------------------------
    @rule(
        p=which,
        fd=st.sampled_from(FDS),
        m=which,
        name=st.sampled_from(FILES),
        flags=st.sampled_from(
            [None] * 5 + [["O_RDONLY"], ["O_RDWR", "O_CREAT", "O_TRUNC"], ["O_RDWR", "O_TMPFILE"]] + ODD
        ),
    )
    def open(self, p: int, fd: str, m: int, name: str, flags: list[str] | None) -> None:
        if mount := self.mount(m):
            path = f"{mount}/" if flags and "O_TMPFILE" in flags else f"{mount}/{name}"
            self.do("open", self.proc(p), fd=fd, path=path, flags=flags)

    @rule(p=which, fd=st.sampled_from(FDS), seal=often, big=seldom)
    def memfd(self, p: int, fd: str, seal: bool, big: bool) -> None:
        flags = ["MFD_HUGETLB", *["MFD_ALLOW_SEALING"] * seal, *["MFD_HUGE_1GB"] * big]
        self.do("memfd", self.proc(p), fd=fd, flags=flags)

    @opened
    @rule(p=which, i=which, seal=st.sampled_from(["F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE", "F_SEAL_SEAL"]))
    def seal(self, p: int, i: int, seal: str) -> None:
        proc = self.proc(p)
        if fd := self.fd(proc, i):
            self.do("seal", proc, fd=fd, seals=[seal])

    @opened
    @rule(p=which, i=which)
    def close(self, p: int, i: int) -> None:
        proc = self.proc(p)
        if fd := self.fd(proc, i):
            self.do("close", proc, fd=fd)

    @opened
    @rule(p=which, i=which, pages=few, size=st.sampled_from([None] * 6 + [1, 4096, -1]))
    def ftruncate(self, p: int, i: int, pages: int, size: int | None) -> None:
        proc = self.proc(p)
        if fd := self.fd(proc, i):
            args = {"pages": pages} if size is None else {"bytes": size}
            self.do("ftruncate", proc, fd=fd, **args)

    @opened
    @rule(
        p=which,
        i=which,
        first=few,
        pages=some,
        mode=st.sampled_from([None, None, ["FALLOC_FL_KEEP_SIZE"], ["FALLOC_FL_PUNCH_HOLE", "FALLOC_FL_KEEP_SIZE"]]),
        odd=st.sampled_from([None] * 5 + [4096, 1]),
    )
    def fallocate(self, p: int, i: int, first: int, pages: int, mode: list[str] | None, odd: int | None) -> None:
        proc = self.proc(p)
        if fd := self.fd(proc, i):
            where: dict[str, int] = {"page": first, "pages": pages}
            if odd is not None:
                where = {"off_bytes": first * PAGE + odd, "bytes": pages * PAGE - odd}
            self.do("fallocate", proc, fd=fd, mode=mode, **where)

    @opened
    @rule(
        p=which,
        i=which,
        at=few,
        size=st.sampled_from([1, 10, PAGE + 1]),
        op=st.sampled_from(["fstat", "fstat", "pread", "pwrite", "fsync", "lseek", "sendfile", "fadvise", "readahead"]),
        whence=st.sampled_from(["SEEK_END", "SEEK_DATA", "SEEK_HOLE", "SEEK_SET"]),
    )
    def look(self, p: int, i: int, at: int, size: int, op: str, whence: str) -> None:
        proc = self.proc(p)
        if fd := self.fd(proc, i):
            args: dict[str, Any] = {"page": at, "bytes": size} if op in ("pread", "pwrite") else {}
            if op == "lseek":
                args = {"page": at, "whence": whence}
            elif op == "fadvise":
                args = {"page": at, "pages": 1, "advice": "WILLNEED"}
            elif op == "readahead":
                args = {"page": at, "pages": 1}
            self.do(op, proc, fd=fd, **args)

    # -- mappings ---------------------------------------------------------------------------------
    kinds = st.sampled_from(["MAP_SHARED", "MAP_SHARED", "MAP_PRIVATE", "MAP_PRIVATE"])
    extras = st.sampled_from([[]] * 6 + [["MAP_NORESERVE"]] * 2 + [["MAP_POPULATE"], ["MAP_LOCKED"]])
    prots = st.sampled_from([None] * 12 + [["PROT_READ"], ["PROT_NONE"], ["PROT_WRITE"]])

    mapping: ClassVar[dict[str, Any]] = {
        "p": which,
        "name": st.sampled_from(MAPS),
        "i": which,
        "pages": some,
        "kind": kinds,
        "more": extras,
        "prot": prots,
        "anonymous": st.booleans(),
        "offset": st.sampled_from([None] * 4 + [1, 2]),
    }

    @rule(**mapping)
    def mmap(self, **drawn: Any) -> None:
        self.map_pages(**drawn)

    @rule(**mapping)
    def mmap_more(self, **drawn: Any) -> None:
        self.map_pages(**drawn)

    def map_pages(
        self,
        p: int,
        name: str,
        i: int,
        pages: int,
        kind: str,
        more: list[str],
        prot: list[str] | None,
        anonymous: bool,
        offset: int | None,
    ) -> None:
        proc = self.proc(p)
        fd = self.fd(proc, i)
        if anonymous or not fd:
            self.do("mmap", proc, map=name, pages=pages, flags=[kind, *ANON, *more], prot=prot)
        else:
            self.do("mmap", proc, map=name, fd=fd, pages=pages, flags=[kind, *more], prot=prot, offset_pages=offset)

    @mapped
    @rule(p=which, name=st.sampled_from(MAPS), over=which, page=few, pages=some, i=which, kind=kinds, anonymous=often)
    def map_fixed(
        self, p: int, name: str, over: int, page: int, pages: int, i: int, kind: str, anonymous: bool
    ) -> None:
        proc = self.proc(p)
        if target := self.map(proc, over):
            at = {"map": target, "page": page % self.pages(proc, target)}
            fd = self.fd(proc, i)
            if anonymous or not fd:
                self.do("mmap", proc, map=name, pages=pages, flags=[kind, "MAP_FIXED", *ANON], at=at)
            else:
                self.do("mmap", proc, map=name, fd=fd, pages=pages, flags=[kind, "MAP_FIXED"], at=at)

    touching: ClassVar[dict[str, Any]] = {
        "p": which,
        "i": which,
        "page": few,
        "count": some,
        "mode": st.sampled_from("wwwr"),
        "byte": st.integers(0, 3),
        "whole": often,
    }

    @mapped
    @rule(**touching)
    def touch(self, **drawn: Any) -> None:
        self.touch_pages(**drawn)

    @mapped
    @rule(**touching)
    def touch_more(self, **drawn: Any) -> None:
        self.touch_pages(**drawn)

    @mapped
    @rule(**touching)
    def touch_again(self, **drawn: Any) -> None:
        """What a program does most of the time."""
        self.touch_pages(**drawn)

    def touch_pages(self, p: int, i: int, page: int, count: int, mode: str, byte: int, whole: bool) -> None:
        proc = self.proc(p)
        if name := self.map(proc, i):
            if whole:
                page %= self.pages(proc, name)
                count = 1 + count % (self.pages(proc, name) - page)
            self.do("touch", proc, map=name, page=page, count=count, mode=mode, byte=byte if mode == "w" else None)

    @mapped
    @rule(p=which, i=which, page=few)
    def kread(self, p: int, i: int, page: int) -> None:
        proc = self.proc(p)
        if name := self.map(proc, i):
            self.do("kread", proc, map=name, page=page % self.pages(proc, name))

    @mapped
    @rule(p=which, i=which, first=few, count=few, whole=st.booleans(), odd=st.sampled_from([None] * 9 + [4096]))
    def munmap(self, p: int, i: int, first: int, count: int, whole: bool, odd: int | None) -> None:
        proc = self.proc(p)
        if name := self.map(proc, i):
            where = {} if whole else self.part(proc, name, first, count)
            if odd is not None:
                where = {"off_bytes": 0, "bytes": odd}
            self.do("munmap", proc, map=name, **where)

    @mapped
    @rule(
        p=which,
        i=which,
        first=few,
        count=few,
        whole=st.booleans(),
        advice=st.sampled_from(
            ["MADV_DONTNEED"] * 5
            + ["MADV_REMOVE"] * 2
            + ["MADV_POPULATE_READ", "MADV_POPULATE_WRITE", "MADV_DONTFORK", "MADV_DOFORK", "MADV_FREE", "MADV_RANDOM"]
            + ["MADV_HUGEPAGE", "MADV_WILLNEED", "MADV_COLD", "MADV_DONTDUMP", "MADV_WIPEONFORK", "MADV_MERGEABLE"]
        ),
        odd=st.sampled_from([None] * 8 + [(0, 4096), (4096, PAGE), (0, PAGE + 4096)]),
    )
    def madvise(
        self, p: int, i: int, first: int, count: int, whole: bool, advice: str, odd: tuple[int, int] | None
    ) -> None:
        proc = self.proc(p)
        if name := self.map(proc, i):
            where = {} if whole else self.part(proc, name, first, count)
            if odd is not None:
                where = {"off_bytes": odd[0], "bytes": odd[1]}
            self.do("madvise", proc, map=name, advice=advice, **where)

    @mapped
    @rule(
        p=which,
        i=which,
        first=few,
        count=few,
        whole=st.booleans(),
        prot=st.sampled_from([["PROT_READ", "PROT_WRITE"]] * 4 + [["PROT_READ"], ["PROT_NONE"]]),
    )
    def mprotect(self, p: int, i: int, first: int, count: int, whole: bool, prot: list[str]) -> None:
        proc = self.proc(p)
        if name := self.map(proc, i):
            self.do("mprotect", proc, map=name, prot=prot, **({} if whole else self.part(proc, name, first, count)))

    @mapped
    @rule(
        p=which,
        i=which,
        to=st.sampled_from(MAPS),
        new=some,
        far=st.sampled_from([-64, -64, -65, 2, -8]),
        first=few,
        whole=often,
        flags=st.sampled_from([None, ["MREMAP_MAYMOVE", "MREMAP_FIXED"], ["MREMAP_MAYMOVE", "MREMAP_FIXED"], []]),
    )
    def mremap(
        self,
        p: int,
        i: int,
        to: str,
        new: int,
        far: int,
        first: int,
        whole: bool,
        flags: list[str] | None,
    ) -> None:
        proc = self.proc(p)
        if name := self.map(proc, i):
            pages = self.pages(proc, name)
            args: dict[str, Any] = {} if whole else self.part(proc, name, first, new)
            if flags:
                args["at"] = {"map": name, "page": far}
            size = args.get("pages", pages)
            self.do("mremap", proc, map=name, new_pages=min(new, size + 1), flags=flags, **args, **{"as": to})

    @mapped
    @rule(p=which, i=which, op=st.sampled_from(["mlock", "munlock", "msync", "mincore", "mincore", "mincore"]))
    def ranges(self, p: int, i: int, op: str) -> None:
        proc = self.proc(p)
        if name := self.map(proc, i):
            self.do(op, proc, map=name)

    @rule(
        p=which, i=which, op=st.sampled_from(["hugetlb_usage", "smaps", "mbind"]), nodes=st.sampled_from([1, 1, 2, 0])
    )
    def usage(self, p: int, i: int, op: str, nodes: int) -> None:
        proc = self.proc(p)
        name = self.map(proc, i)
        if op == "hugetlb_usage":
            self.do(op, proc)
        elif name and op == "smaps":
            self.do(op, proc, map=name)
        elif name:
            self.do(op, proc, map=name, policy="MPOL_BIND", nodemask=nodes)

    # -- processes --------------------------------------------------------------------------------
    @rule(p=which)
    def fork(self, p: int) -> None:
        assert self.model is not None
        names = [name for name in PROCS if f"mm/{name}" not in self.model.state.records]
        if names and (self.procs() or names[0] != "P"):
            self.do("fork", self.proc(p), child=names[0])

    @several
    @rule(p=which, how=st.sampled_from(["exit", "exit", "kill"]))
    def end(self, p: int, how: str) -> None:
        self.do(how, self.proc(p))

    @several
    @rule(p=st.integers(1, 7), uid=st.sampled_from([1000, 1000, 0]))
    def setuid(self, p: int, uid: int) -> None:
        """Not the first process: it does the rest of the program's work."""
        if (proc := self.proc(p)) != "P":
            self.do("setuid", proc, uid=uid)

    # -- shared memory ----------------------------------------------------------------------------
    @rule(p=which, pages=some, lazy=seldom)
    def shmget(self, p: int, pages: int, lazy: bool) -> None:
        assert self.model is not None
        if not self.model.state.of(shmid_kernel):
            flags = ["SHM_HUGETLB", "IPC_CREAT", *["SHM_NORESERVE"] * lazy]
            self.do("shmget", self.proc(p), shm="s", pages=pages, flags=flags)

    @precondition(lambda self: self.model is not None and self.model.segments.get("s"))
    @rule(p=which, name=st.sampled_from(MAPS), op=st.sampled_from(["shmat", "shmat", "shmdt", "shmrm"]), i=which)
    def shm(self, p: int, name: str, op: str, i: int) -> None:
        proc = self.proc(p)
        if op == "shmat":
            self.do("shmat", proc, shm="s", map=name)
        elif op == "shmrm":
            self.do("shmrm", shm="s")
        elif taken := self.map(proc, i):
            self.do("shmdt", proc, map=taken)

    # -- the administrator ------------------------------------------------------------------------
    @rule(
        op=st.sampled_from(
            [
                *("unlink", "unlink", "link", "rename", "stat", "truncate", "mkdir", "symlink"),
                *("set_nr", "set_nr", "set_nr", "set_overcommit", "set_nr_node", "node_counters", "meminfo"),
                *("statfs", "statfs", "remount", "umount", "umount_lazy", "mount"),
            ]
        ),
        p=which,
        m=which,
        n=st.integers(0, 12),
        name=st.sampled_from(FILES),
        new=st.sampled_from(FILES),
        options=st.sampled_from(MOUNTS),
    )
    def administer(self, op: str, p: int, m: int, n: int, name: str, new: str, options: str) -> None:
        """Names, pools and mounts: what a shell could do beside the program."""
        assert self.model is not None
        mount = self.mount(m)
        path = f"{mount}/{'d' if op in ('mkdir', 'symlink') else name}"
        arguments: dict[str, dict[str, Any]] = {
            "link": {"path": path, "new": f"{mount}/{new}"},
            "rename": {"path": path, "new": f"{mount}/{new}"},
            "truncate": {"path": path, "pages": n % 5},
            "symlink": {"path": path, "target": "x"},
            "set_nr": {"n": n},
            "set_overcommit": {"n": n % 5},
            "set_nr_node": {"node": 0, "n": n},
            "node_counters": {"node": 0},
            "meminfo": {},
            "statfs": {"mount": mount},
            "remount": {"mount": mount, "options": "size=2M"},
            "umount": {"mount": mount},
            "umount_lazy": {"mount": mount},
            "mount": {"mount": "m", "options": options},
        }
        args = arguments.get(op, {"path": path})
        if op == "mount" and "m" in [sb.name for sb in self.model.state.of(super_block) if sb.mounted]:
            return
        if mount or not {"path", "mount"} & args.keys() or op == "mount":
            self.do(op, self.proc(p) if "path" in args else "P", **args)

    @rule(
        version=st.sampled_from([1, 2]),
        what=st.sampled_from(["max", "rsvd.max"]),
        pages=few,
        p=which,
        op=st.sampled_from(["attach", "attach", "set", "set", "get", "get"]),
    )
    def cgroup(self, version: int, what: str, pages: int, p: int, op: str) -> None:
        assert self.model is not None
        mine = [step.args["version"] for step in self.ops if step.op == "cg_mkdir"]
        if not mine:
            self.do("cg_mount", version=version)
            self.do("cg_mkdir", version=version, cg="hl")
            mine = [version]
        if mine[0] == 1:
            files = ["hugetlb.2MB.usage_in_bytes", "hugetlb.2MB.rsvd.usage_in_bytes", "hugetlb.2MB.failcnt"]
            file = f"hugetlb.2MB.{what.replace('max', 'limit_in_bytes')}"
        else:
            files, file = (
                ["hugetlb.2MB.current", "hugetlb.2MB.rsvd.current", "hugetlb.2MB.events"],
                f"hugetlb.2MB.{what}",
            )
        if op == "attach":
            self.do("cg_attach", self.proc(p), version=mine[0], cg="hl")
        elif op == "set":
            self.do("cg_set", version=mine[0], cg="hl", file=file, value=pages * PAGE)
        else:
            self.do("cg_get", version=mine[0], cg="hl", files=files)

    # -- all that has no rule of its own: drawn from its row ----------------------------------------
    @rule(op=st.sampled_from(sorted(OPERATIONS.keys() - DENSE)), p=which, i=which, n=few, given=st.integers(0, 255))
    def from_its_row(self, op: str, p: int, i: int, n: int, given: int) -> None:
        """``given``: which of the arguments that may be left out are not."""
        row, proc = OPERATIONS[op], self.proc(p)
        args: dict[str, Any] = {}
        for at, argument in enumerate(row.arguments.values()):
            needed = any(argument.name == need.split("|")[0] for need in row.needs)
            if needed or given >> at & 1:
                args[argument.name] = self.value(argument, proc, i, n)
        if None not in args.values():
            self.do(op, proc if row.who != ADMINISTRATOR else "P", **args)

    def value(self, argument: Argument, proc: str, i: int, n: int) -> Any:
        """Something that an argument may be; None where there is nothing."""
        assert self.model is not None
        name, free = argument.name, [name for name in PROCS if f"mm/{name}" not in self.model.state.records]
        named: dict[str, Any] = {
            "fd": self.fd(proc, i),
            "map": self.map(proc, i),
            "to": self.proc(i),
            "child": free[0] if free and self.procs() else None,
            "as": FDS[i % len(FDS)],
            "gid": (0, 1000)[i % 2],
        }
        if name in named:
            return named[name]
        if argument.table is not None:
            names = list(argument.table)
            return [names[bit] for bit in range(len(names)) if n >> bit & 1] if argument.kind == "flags" else names[i]
        return n
