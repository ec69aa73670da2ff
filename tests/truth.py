"""Answers of real kernels (data/truth_*.json: Linux 3.10 PAE, Debian 6.1 x86-64) as operations of a Scenario.

Each step of that file says in words what the program did (``do``), what it got (``ret``), where pages landed
(``pages``: address, pfn, ...) and the counters after it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hugelab import LESSON, Counters, Op, Scenario
from hugelab.model.kernel import Kernel, boot
from hugelab.model.machines import X86_64_6_1, Machine
from hugelab.model.vma import areas

# The program was started on a machine whose topmost mapping ends here.
MACHINE = replace(LESSON, top=0xB7600000)
MACHINES = {"k310pae": MACHINE, "d61amd64": X86_64_6_1}  # the 6.1 machine lays addresses out at random
PAGE = 2 << 20

_ERRNO = {"12": "ENOMEM"}
_NO_SUCH_CALL = ("Operation not supported", "Invalid argument")  # of fallocate and MADV_DONTNEED in 3.10


def scenarios(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The steps of each scenario of the file."""
    found: dict[str, Any] = json.loads(path.read_text())["scenarios"]
    return {name: case["steps"] for name, case in found.items()}


@dataclass
class Walk:
    """A scenario of the file, run in the model step by step."""

    steps: list[dict[str, Any]]
    machine: Machine = MACHINE
    compared: int = 0
    skipped: list[str] = field(default_factory=list)  # calls that the kernel does not have: they changed nothing
    base: dict[str, int] = field(default_factory=dict)  # map -> its address on the recorded machine
    forked: bool = False
    frames: dict[int, int] = field(default_factory=dict)  # pfn of the machine -> pfn of the model
    mixed: bool = False  # the pool has had surplus pages

    def run(self) -> None:
        """All steps; AssertionError, naming the step, where the model and the machine differ."""
        overcommit = next((int(m[1]) for s in self.steps if (m := _OVERCOMMIT.match(s["do"]))), 0)
        options = next((m[1] for s in self.steps if (m := _MOUNT.match(s["do"]))), "")
        if any("(size=8M only) = 0" in r for s in self.steps for r in s["ret"]):
            options = "size=8M"
        self.kernel: Kernel = boot(Scenario("truth", 10, overcommit, {"m": options}), self.machine)
        self.maps = 0
        for number, step in enumerate(self.steps):
            try:
                self._step(step)
            except AssertionError as error:
                raise AssertionError(f"step {number + 1}, {step['do']}: {error}") from None
            self.compared += 1

    def _step(self, step: dict[str, Any]) -> None:
        do, ret = step["do"], step["ret"]
        if any(answer.endswith(_NO_SUCH_CALL) and answer.startswith(("fallocate", "madvise")) for answer in ret):
            self.skipped.append(do)
        elif do.startswith("umount"):
            self.kernel.umount_all()
        elif op := self._op(do):
            op = replace(op, proc="C" if self.forked and step["who"] == "child" else "P")
            outcome, value = self.kernel.run(op)
            assert outcome == _outcome(ret), f"outcome {outcome}, the kernel said {ret}"
            self._returned(op, value, ret)
        else:
            assert do.startswith(_NO_OPERATION), "not translated"
        self._landed(step["pages"], "C" if self.forked and step["who"] == "child" else "P")
        if "child exit 0" in ret and self.forked:
            assert self.kernel.run(Op("exit", proc="C"))[0] == "ok"
        if step["after"]:
            after = Counters(*(step["after"][name] for name in Counters._fields))
            assert self.kernel.state.counters()[0] == after, f"{self.kernel.state.counters()[0]}, the kernel: {after}"
        if "child exit 0" in ret and not self.forked:
            assert self.kernel.run(Op("exit"))[0] == "ok"

    def _returned(self, op: Op, value: Any, ret: list[str]) -> None:
        text = " ".join(ret)
        if (found := re.search(r"mmap = (0x\w+)-(0x\w+)", text)) and op.op == "mmap":
            area = self.kernel.maps["P", op.args["map"]]
            start, end = int(found[1], 16), int(found[2], 16)
            assert area.length == end - start
            assert self.machine is not MACHINE or area.addr == start, f"at {area.addr:#x}"
            self.base[op.args["map"]] = start
        if found := re.search(r"mode=(0x\w+) size=(\d+)", text):
            node = self.kernel.mm("P").fds[op.args["fd"]].f_inode
            assert (node.i_mode, node.i_size) == (int(found[1], 16), int(found[2]))
        if found := re.search(r"first byte = '(.)'", text):
            assert value["bytes"] == [ord(found[1])]

    def _landed(self, pages: list[list[Any]], proc: str) -> None:
        """Where the same frame lies may differ, which frame it is (fresh or freed before) may not.

        What was surplus went through the buddy allocator, which is not hugetlb's: from then on no frame is compared.
        """
        self.mixed |= self.kernel.state.counters()[0].surp > 0
        if self.mixed:
            return
        for address, pfn, *_ in pages:
            key = self._ours(int(address, 16)) // PAGE
            entry = self.kernel.mm(proc).tables[PAGE].find(key)
            assert entry is not None, f"{address} is not mapped"
            ours = entry.at(key) * 512
            assert self.frames.setdefault(pfn, ours) == ours, f"{address} has another frame than the kernel's {pfn}"
        assert len(set(self.frames.values())) == len(self.frames)

    # -- words to operations -------------------------------------------------------------------------
    def _op(self, do: str) -> Op | None:
        for pattern, name in _WORDS:
            if found := re.match(pattern, do):
                op: Op | None = getattr(self, f"_{name}")(*found.groups())
                return op
        return None

    def _open(self, name: str, flags: str, mode: str) -> Op:
        return Op("open", {"fd": "f", "path": f"m/{name}", "flags": flags.split("|"), "mode": mode})

    def _mmap(self, size: str, prot: str, flags: str, fd: str) -> Op:
        self.maps += 1
        args = {"map": f"map{self.maps}", "bytes": int(size), "prot": prot.split("|"), "flags": flags.split("|")}
        return Op("mmap", args if fd == "-1" else args | {"fd": "f"})

    def _touch(self, how: str, address: str) -> Op:
        return self._in_map("touch", int(address, 16), mode="w" if how == "write" else "r")

    def _memset(self, page: str | None) -> Op:
        area = max(areas(self.kernel.mm("P")), key=lambda vma: vma._made)
        first, count = (int(page), 1) if page else (0, area.pages)
        return Op("touch", {"map": area.name, "page": first, "count": count})

    def _munmap(self, address: str, pages: str) -> Op:
        return self._in_map("munmap", int(address, 16), pages=int(pages))

    def _ours(self, address: int) -> int:
        """An address of the recorded machine as one of the model's."""
        areas = [(name, self.kernel.maps["P", name]) for name in self.base]
        name, area = next((n, a) for n, a in reversed(areas) if self.base[n] <= address < self.base[n] + a.length)
        return address - self.base[name] + area.addr

    def _fork(self) -> Op:
        self.forked = True
        return Op("fork", {"child": "C"})

    def _punch(self, page: str) -> Op:
        mode = ["FALLOC_FL_PUNCH_HOLE", "FALLOC_FL_KEEP_SIZE"]
        return Op("fallocate", {"fd": "f", "page": int(page), "pages": 1, "mode": mode})

    def _fallocate(self, pages: str) -> Op:
        return Op("fallocate", {"fd": "f", "page": 0, "pages": int(pages)})

    def _dontneed(self, page: str) -> Op:
        area = max(areas(self.kernel.mm("P")), key=lambda vma: vma._made)
        return Op("madvise", {"map": area.name, "page": int(page), "pages": 1, "advice": "MADV_DONTNEED"})

    def _in_map(self, op: str, address: int, **more: Any) -> Op:
        address = self._ours(address)
        vma = next(vma for vma in areas(self.kernel.mm("P")) if vma.vm_start <= address < vma.vm_end)
        base = self.kernel.maps["P", vma.name].addr
        return Op(op, {"map": vma.name, "page": (address - base) // PAGE, **more})

    def _close(self) -> Op:
        return Op("close", {"fd": "f"})

    def _unlink(self, name: str) -> Op:
        return Op("unlink", {"path": f"m/{name}"})

    def _ftruncate(self, pages: str) -> Op:
        return Op("ftruncate", {"fd": "f", "pages": int(pages)})

    def _set_nr(self, n: str) -> Op:
        return Op("set_nr", {"n": int(n)})


_MOUNT = re.compile(r"mount -t hugetlbfs -o (\S+) none")
_OVERCOMMIT = re.compile(r"echo ([1-9]\d*) > nr_overcommit_hugepages")
_NO_OPERATION = ("end", "echo 4 > nr_over", "echo 0 > nr_over", "mount -t", "child maps 5", "file left in hugetlbfs")
_WORDS = (
    (r'open\("/mnt/huge/(\w+)", ([\w|]+), (\d+)\)$', "open"),
    (r"mmap\(NULL, \d+ pages = (\d+), ([\w|]+), ([\w|]+), fd=(-?\d+), off=0\)$", "mmap"),
    (r"(write|read) one byte at (0x\w+)$", "touch"),
    (r"memset\((?:ptr|anon)(?: 10)?(?: \+ (\d+) \* 2 MB)?, 'H'", "memset"),
    (r"munmap\((0x\w+), (\d+) pages\)$", "munmap"),
    (r"close\(\d+\)$", "close"),
    (r'unlink\("/mnt/huge/(\w+)"\)$', "unlink"),
    (r"ftruncate\(fd, (\d+) pages\)", "ftruncate"),
    (r"echo (\d+) > nr_hugepages", "set_nr"),
    (r"fork\(\)$", "fork"),
    (r"fallocate\(PUNCH_HOLE\|KEEP_SIZE, page (\d+)\)$", "punch"),
    (r"fallocate\(fd, 0, 0, (\d+) pages\)", "fallocate"),
    (r"madvise\(page (\d+), MADV_DONTNEED\)$", "dontneed"),
)


def _outcome(ret: list[str]) -> str:
    text = " ".join(ret)
    if found := re.search(r"= -1 errno=(\d+)", text):
        return _ERRNO[found[1]]
    if found := re.search(r"signal \d+ \((\w+)\)", text):
        return found[1]
    return "ok"
