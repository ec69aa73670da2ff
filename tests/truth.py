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
from hugelab.linux.machines import Machine, machine
from hugelab.model.kernel import Kernel, boot
from hugelab.trace.judge import words
from hugelab.trace.judge.translate import Translator
from hugelab.trace.verdict import Verdicts

# The program was started on a machine whose topmost mapping ends here.
MACHINE = replace(LESSON, top=0xB7600000)
MACHINES = {"k310pae": MACHINE, "d61amd64": machine("6.1")}  # the 6.1 machine lays addresses out at random
PAGE = 2 << 20


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
    forked: bool = False
    frames: dict[int, int] = field(default_factory=dict)  # pfn of the machine -> pfn of the model
    mixed: bool = False  # the pool has had surplus pages

    def run(self) -> None:
        """All steps; AssertionError, naming the step, where the model and the machine differ."""
        self.kernel: Kernel = boot(Scenario("truth", 10), self.machine)
        self.names = Translator(self.kernel, Verdicts())
        for number, step in enumerate(self.steps):
            try:
                self._step(step)
            except AssertionError as error:
                raise AssertionError(f"step {number + 1}, {step['do']}: {error}") from None
            self.compared += 1

    def _step(self, step: dict[str, Any]) -> None:
        do, ret = step["do"], step["ret"]
        proc = "C" if self.forked and step["who"] == "child" else "P"
        if words.not_there(ret):
            self.skipped.append(do)
        elif not words.NOTHING.match(do):
            said = words.read(do)
            assert said is not None and not said.wrong, "not translated"
            op = self.names.op(said, proc, 0, ret)
            assert op is not None, "about nothing that the program has"
            outcome, value = self.kernel.run(op)
            assert outcome == words.outcome(ret), f"outcome {outcome}, the kernel said {ret}"
            self._returned(op, value, ret)
            self.forked |= op.op == "fork"
        self._landed(step["pages"], proc)
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
            area = self.kernel.maps[op.proc, op.args["map"]]
            start, end = int(found[1], 16), int(found[2], 16)
            assert area.length == end - start
            assert self.machine is not MACHINE or area.addr == start, f"at {area.addr:#x}"
            self.names.mapped(op.args["map"], start, area.addr, area.length)
        if op.op == "close":
            self.names.closed(op.args["fd"])
        if found := re.search(r"open = (\d+)", text):
            self.names.opened(int(found[1]), op.args["fd"], 0)
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
            ours = self.names.ours(int(address, 16))
            assert ours is not None, f"{address} is in no mapping"
            key = ours // PAGE
            entry = self.kernel.mm(proc).tables[PAGE].find(key)
            assert entry is not None, f"{address} is not mapped"
            frame = entry.at(key) * 512
            assert self.frames.setdefault(pfn, frame) == frame, f"{address} has another frame than the kernel's {pfn}"
        assert len(set(self.frames.values())) == len(self.frames)
