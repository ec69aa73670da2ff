"""The program's own marks, done again in the model: after every step the pool must be what the log's SNAP says.

STEP says what the program does, RET what it got, PAGE where a page landed, SNAP what the pool is then. A step is done
when all its RETs are known, because a kernel may not have a call, or not take all of a mount's options.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ...core.state import Counters
from ...core.units import BASE_PAGE_SIZE
from ...linux.errors import ScenarioError, Unsupported
from ...linux.machines import SIZE_2M, Machine
from ...linux.scenario import Op, Scenario
from ...linux.structs import inode
from ...model.kernel import Kernel, boot, run
from ...record.recording import Recording
from ..read.entry import DEQUEUE, EVENTS, Entry, Kind
from ..verdict import Says, Verdicts
from . import alone, match, words
from .alone import SIGNALLED, WROTE
from .translate import Translator

_MAPPED = re.compile(r"mmap = 0x(?P<start>[0-9a-f]{1,16})-0x(?P<end>[0-9a-f]{1,16})")
_OPENED = re.compile(
    r"open = (?P<fd>\d{1,19})(?: ino=(?P<ino>\d{1,19}) mode=0x(?P<mode>[0-9a-f]{1,16}) size=(?P<size>\d{1,19}))?"
)
_PID = re.compile(r"pid=(\d{1,19})")
MOST_OPEN = 1000  # files or mappings of one program: the model keeps each change of them to take it back
MOST_STEPS = 20_000  # a log with more is judged up to there
MOST_FAULTS = 100_000  # of one step that are compared one by one
MAIN, CHILD = "main", "child"


@dataclass
class _Pending:
    """A step whose answers are being read."""

    entry: Entry
    who: str
    proc: str
    either: bool = False  # nothing in the log tells whose step it is
    answers: list[Entry] = field(default_factory=list)
    faults: list[Entry] = field(default_factory=list)
    closes: list[Entry] = field(default_factory=list)
    lines: list[Entry] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [str(answer.fields["text"]) for answer in self.answers]


class Walk:
    """Reads marks, runs the steps, compares."""

    def __init__(self, verdicts: Verdicts, machine: Any):
        self.verdicts = verdicts
        self._machine = machine  # asked for when the first SNAP comes: the log's head has been read by then
        self.kernel: Kernel | None = None
        self.machine: Machine | None = None
        self.pool: Counters | None = None
        self.ops: list[Op] = []
        self.snaps = 0
        self.checked: set[int] = set()  # lines of the SNAPs that were compared
        self.stopped = ""  # why no step is done any more
        self._pending: _Pending | None = None
        self._done: Entry | None = None  # the step that was done last
        self._names: Translator | None = None  # from the first SNAP on
        self._family: dict[int, str] = {}  # PID -> MAIN or CHILD
        self._who = MAIN  # whose turn it is, where lines have no PID
        self._forked = False
        self._main: int | None = None
        self._prog_line = 0
        self._frames: dict[int, tuple[int, int]] = {}  # pfn of the log -> frame of the model, line
        self._mixed = False
        self._numbers: dict[str, int] = {}  # process -> its last step
        self._foreign = 0  # a line of a process that is not the program's
        self._late = False
        self.begun = False  # a step was seen
        self._ino: dict[int, int] = {}
        self._child_exit = False
        self._first: Entry | None = None  # the first SNAP, if it shows a pool in use
        self.before: list[Entry] = []  # printed lines that belong to no step
        self._lines: list[tuple[int, _Pending]] = []  # number of the operation, its step
        self._kept = 0
        self.matched = 0  # fields of lines inside steps that are the model's

    @property
    def names(self) -> Translator:
        """The log's names against the model's."""
        assert self._names is not None
        return self._names

    @property
    def model(self) -> Kernel:
        """The kernel of the model that does the steps."""
        assert self.kernel is not None
        return self.kernel

    # -- lines -------------------------------------------------------------------------------------------
    def feed(self, entry: Entry) -> None:
        """Look at one line."""
        if entry.kind is Kind.LOST:
            self._numbers.clear()
            self._main = None
            if self.begun and not self.stopped:
                self._stop(entry.line, "events were lost")
        elif entry.kind is not Kind.MARK:
            self._event(entry)
        elif not self._stranger(entry):
            getattr(self, f"_{entry.name.lower()}")(entry)

    def _stranger(self, entry: Entry) -> bool:
        """Is this the mark of another program that runs at the same time?"""
        known = entry.pid is None or entry.name in ("PROG", "CHILD") or not self._family
        return not known and entry.pid not in self._family and self._main in self._family

    def _event(self, entry: Entry) -> None:
        if entry.pid is not None and self._main is not None and entry.pid not in self._family and entry.moment:
            self._foreign = entry.line
        step = self._pending
        if step is None:
            if not self.begun and "text" in entry.fields and len(self.before) < match.MOST:
                self.before.append(entry)
            return
        if self._kept < match.MOST and entry.kind in EVENTS:
            self._kept += 1
            step.lines.append(entry)
        if entry.kind not in (Kind.CALL, Kind.POINT):
            return
        addr, start, ino = (isinstance(entry.fields.get(name), int) for name in ("addr", "start", "ino"))
        if entry.name == "hugetlb_fault" and addr and len(step.faults) < MOST_FAULTS:
            step.faults.append(entry)
        elif entry.name == "hugetlb_vm_op_close" and start:
            step.closes.append(entry)
        elif entry.name == "hugetlbfs_get_inode" and ino:
            self._ino[entry.fields["ino"]] = entry.line

    def _prog(self, entry: Entry) -> None:
        pid = entry.fields.get("pid")
        if isinstance(pid, int):
            self._family[pid], self._main, self._prog_line = MAIN, pid, entry.line

    def _child(self, entry: Entry) -> None:
        found = _PID.search(str(entry.fields["text"]))
        if found:
            self._settle()
            self._who = CHILD
            self._family.setdefault(int(found[1]), CHILD)
            self._numbers[CHILD] = self._numbers.get(MAIN, 0)  # it goes on counting where the fork was
        else:  # CHILD exit
            self._who = MAIN
            self._numbers.pop(CHILD, None)

    def _parent(self, entry: Entry) -> None:
        found = _PID.search(str(entry.fields["text"]))
        if found and self._main is not None and int(found[1]) != self._main:
            text = f"the parent has PID {found[1]}, and the program began with {self._main} (line {self._prog_line})"
            self.verdicts.contradicts(entry.line, "process", text)
        self._settle()
        self._who = MAIN

    def _step(self, entry: Entry) -> None:
        self._settle()
        number = entry.fields["number"]
        who = self._turn(entry)
        either = entry.pid is None and CHILD in self._numbers and self._numbers[CHILD] == self._numbers.get(MAIN)
        before = self._numbers.get(who)
        if before is not None or self._main is not None:  # a log may begin in the middle, but not skip a step
            if number != (before or 0) + 1:
                self.verdicts.contradicts(entry.line, "program", f"step {number} after step {before or 0}")
            number = (before or 0) + 1
        self._numbers[who] = number
        self._late |= not self.begun and self._main is None and entry.fields["number"] != 1
        self.begun = True
        self._pending = _Pending(entry, who, self._process(who), either and self._forked)

    def _ret(self, entry: Entry) -> None:
        alone.answer(entry, self.verdicts)
        if self._pending is not None:
            self._pending.answers.append(entry)
        elif "child exit" in str(entry.fields["text"]):
            self._exit()

    def _page(self, entry: Entry) -> None:
        self._settle()
        if self.kernel is None or self.stopped or self._late or not self.begun:
            return
        va, pfn = entry.fields["va"], entry.fields["pfn"]
        self._mixed |= self.kernel.state.counters()[0].surp > 0
        proc = self._process(self._turn(entry))
        ours = self.names.ours(va)
        if ours is None or f"mm/{proc}" not in self.kernel.state.records:
            self.verdicts.contradicts(entry.line, "page", f"{va:#x} is in no mapping of the program")
            return
        table = self.kernel.mm(proc).tables[SIZE_2M].find(ours // SIZE_2M)
        if table is None:
            self.verdicts.contradicts(entry.line, "page", f"no page is mapped at {va:#x} after this step")
            return
        if self._mixed:
            return
        frame = table.at(ours // SIZE_2M)
        known, line = self._frames.setdefault(pfn, (frame, entry.line))
        if known != frame:
            text = f"pfn {pfn} at {va:#x} was that of another page (line {line})"
            self.verdicts.contradicts(entry.line, "page", text)
            return
        other = next((p for p, (f, _) in self._frames.items() if f == frame and p != pfn), None)
        if other is not None:
            text = f"pfn {pfn}, and line {self._frames[other][1]} found the same page at pfn {other}"
            self.verdicts.contradicts(entry.line, "page", text)
            del self._frames[pfn]

    def _snap(self, entry: Entry) -> None:
        self.snaps += 1
        alone.snap(entry, self.verdicts)
        shown = _pool(entry)
        if self.kernel is None:
            if not self.stopped:
                self._boot(entry, shown)
            return
        self._settle()
        self._compare(entry, shown)

    def _compare(self, entry: Entry, shown: Counters) -> None:
        if self.stopped or self.kernel is None:
            return
        self.checked.add(entry.line)
        ours = self.kernel.state.counters()[0].shown
        after = f"after {self._done.fields['text'][:60]}" if self._done else "before the first step"
        if ours != shown and self._foreign:
            self._stop(entry.line, f"{_show(shown)}: another program takes part (line {self._foreign})")
        elif ours == shown:
            self.verdicts.agrees(entry.line, "snap", f"{after}: {_show(shown)}, as in the model")
        else:
            self.verdicts.contradicts(entry.line, "snap", f"{_show(shown)} {after}; the model has {_show(ours)}")
        if self._child_exit:  # a child that was never forked in the model is its only process
            self._child_exit = False
            self._exit()

    # -- steps -------------------------------------------------------------------------------------------
    def _boot(self, entry: Entry, shown: Counters) -> None:
        """A kernel with the pool of the first SNAP. One that is in use waits for the next: the line may be wrong."""
        idle = shown.free == shown.total and not shown.rsvd and not shown.surp
        first, self._first = self._first, None
        if first is None and not idle and not self.begun:
            self._first = entry
            return
        begin, line = (shown, entry.line) if first is None or idle else (_pool(first), first.line)
        if first is not None and idle:
            text = f"{_show(_pool(first))}, and line {entry.line} has {_show(shown)} after a step that takes nothing"
            self.verdicts.contradicts(first.line, "snap", text)
        self.machine, self.pool = self._machine(), begin
        try:
            self.kernel = boot(Scenario("log", begin.total - begin.surp, 0), self.machine)
        except ScenarioError as error:
            self._stop(line, str(error))
            return
        self._names = Translator(self.kernel, self.verdicts)
        if begin != self.kernel.state.counters()[0] and not self._others(begin):
            self._stop(line, f"the pool begins with {_show(begin)}, and nothing tells who has it")
            return
        self.checked.add(line)
        self.verdicts.agrees(line, "snap", f"the pool begins with {_show(begin)}")
        self._settle()
        if first is not None:
            self._compare(entry, shown)

    def _others(self, begin: Counters) -> bool:
        """Pages that other programs hold already: a mapping that this program does not know."""
        used = begin.total - begin.free
        pages = used + begin.rsvd
        if begin.surp or used < 0 or begin.rsvd < 0 or not 0 < pages <= begin.total:
            return False
        flags = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB"]
        self._do(Op("mmap", {"map": "others", "pages": pages, "flags": flags}))
        if used and not self.stopped:
            self._do(Op("touch", {"map": "others", "page": 0, "count": used}))
        return not self.stopped and self.kernel is not None and self.kernel.state.counters()[0] == begin

    def _stop(self, line: int, why: str) -> None:
        self.stopped = why
        text = f"{why}: from here on the steps are not done again in the model"
        self.verdicts.add(line, Says.UNDECIDABLE, "complete", text)

    def _turn(self, entry: Entry) -> str:
        """The process of a line: by its PID, else by the marks, else by the number of the step."""
        if entry.pid is not None:
            return self._family.get(entry.pid, self._who)
        if entry.name == "STEP" and CHILD in self._numbers:
            number, other = entry.fields["number"], CHILD if self._who == MAIN else MAIN
            if number != self._numbers.get(self._who, 0) + 1 and number == self._numbers.get(other, 0) + 1:
                self._who = other
        return self._who

    def _process(self, who: str) -> str:
        """The model's process; a child whose fork is no step of its own is the only one there is."""
        return "C" if who == CHILD and self._forked else "P"

    def _settle(self) -> None:
        """Do the step that all answers are known of."""
        if self.kernel is None and self._first is not None and not self.stopped:
            return  # until the next SNAP tells what the pool was
        step, self._pending = self._pending, None
        if step is None or self.kernel is None or self.stopped:
            return
        self._done = step.entry
        text, line, answers = str(step.entry.fields["text"]), step.entry.line, step.texts
        child_exit = any(answer.startswith("child exit") for answer in answers)
        if not words.NOTHING.match(text) and not words.not_there(answers):
            said = words.read(text)
            if said is None:
                self._stop(line, f"the step is not known: {text[:60]}")
                return
            wrong = said.wrong
            if said.op == "munmap" and said.addr is not None and said.addr % SIZE_2M:
                wrong = f"{said.addr:#x} is not the address of a huge page"
            if wrong:
                self.verdicts.contradicts(line, "mapping", wrong)
            try:
                self.names.late = self._late
                op = self.names.op(said, step.proc, line, answers)
            except ScenarioError as error:  # words about a process that has ended, for one
                self._stop(line, str(error))
                return
            if op is None:
                return
            self._run(op, step)
        if self.stopped:
            return
        if child_exit and self._forked:
            self._exit()
        elif child_exit:
            self._child_exit = True

    def _exit(self) -> None:
        if self.kernel is None or self.stopped:
            return
        proc = self._process(CHILD)
        if f"mm/{proc}" in self.kernel.state.records:
            self._do(Op("exit", proc=proc))
        self._who = MAIN

    def _do(self, op: Op) -> tuple[str, Any] | None:
        first = len(self.model.state.rows)
        self._kept_maps = dict(self.model.maps), dict(self.model.segments)
        try:
            outcome, value = self.model.run(op)
        except (ScenarioError, Unsupported) as error:
            self._stop(self._done.line if self._done else 0, str(error))
            return None
        self.ops.append(op)
        self._rows = first
        return outcome, value

    def _run(self, op: Op, step: _Pending) -> None:
        many = f"more than {MOST_STEPS:,} steps" if len(self.ops) >= MOST_STEPS else ""
        if max(len(self.model.maps), self.names.files) > MOST_OPEN:
            many = f"more than {MOST_OPEN:,} files or mappings"
        if many:
            self._stop(step.entry.line, many)
            return
        done = self._do(op)
        if done is not None and step.either and step.answers and done[0] != words.outcome(step.texts):
            op, done = self._other(op, step, done)
        if done is None:
            return
        if step.lines and step.answers and not self.stopped:  # a log may end in the middle of a step
            self._lines.append((len(self.ops) - 1, step))
            self._pids(step)
        outcome, value = done
        if step.answers and not self._outcome(op, step, outcome):
            return
        if op.op == "close" and outcome == "ok":
            self.names.closed(op.args["fd"])
        if op.op == "fork":
            self._forked = True
            self._numbers[CHILD] = self._numbers.get(MAIN, 0)
        for answer in step.answers:
            self._answer(op, answer, value)
        if op.op in ("touch", "munmap") and outcome == "ok":
            self._events(op, step)

    def _outcome(self, op: Op, step: _Pending, ours: str) -> bool:
        """Did the step come out as in the model? False where that decides nothing and the walk is over."""
        shown, line, asked = words.outcome(step.texts), step.answers[0].line, step.entry.line
        if ours != shown and self._late:
            self._stop(asked, "the log begins after the program did")
            return False
        if ours != shown:
            self.verdicts.contradicts(line, "result", f"{op.op} (line {asked}): {shown}; in the model: {ours}", asked)
        elif ours != "ok":
            self.verdicts.agrees(line, "result", f"{op.op}: {ours}, as in the model")
        return True

    def _other(self, op: Op, step: _Pending, done: tuple[str, Any]) -> tuple[Op, tuple[str, Any] | None]:
        """Nothing tells whose step it is, and what came out is not this process's: it is the other's, if that fits."""
        who = MAIN if step.who == CHILD else CHILD
        other = Op(op.op, op.args, self._process(who))
        self._undo()
        found = self._do(other)
        if found is not None and found[0] == words.outcome(step.texts):
            for name, change in ((who, 1), (step.who, -1)):
                if name in self._numbers:  # a child may have ended since
                    self._numbers[name] += change
            step.who, step.proc = who, other.proc
            return other, found
        if found is not None:
            self._undo()
            found = self._do(op)
        return op, found

    def _undo(self) -> None:
        """Take the last operation back: the model keeps every change with its inverse."""
        self.ops.pop()
        self.model.state.rollback(self._rows)
        self.model.maps, self.model.segments = self._kept_maps

    # -- what came back ----------------------------------------------------------------------------------
    def _answer(self, op: Op, answer: Entry, value: Any) -> None:
        text, line = str(answer.fields["text"]), answer.line
        if op.op == "mmap" and (mapped := _MAPPED.match(text)) and (op.proc, op.args["map"]) in self.model.maps:
            handle = self.model.maps[op.proc, op.args["map"]]
            start, end = int(mapped["start"], 16), int(mapped["end"], 16)
            if end - start != handle.length or start % SIZE_2M:
                why = f"{start:#x}-{end:#x} is not a range of {handle.length // SIZE_2M} huge pages"
                self.verdicts.contradicts(line, "mapping", why)
            self.names.mapped(op.args["map"], start, handle.addr, handle.length)
        elif op.op == "open" and (opened := _OPENED.match(text)) and op.args["fd"] in self.model.mm(op.proc).fds:
            self.names.opened(int(opened["fd"]), op.args["fd"], line)
            if opened["mode"]:
                self._file(self.model.mm(op.proc).fds[op.args["fd"]].f_inode, opened, line)
        elif op.op == "fork" and (child := re.match(r"fork = (\d{1,19})", text)):
            self._family[int(child[1])] = CHILD
        elif op.op in ("set_nr", "set_overcommit") and (wrote := WROTE.match(text)):
            if wrote["what"] != str(op.args["n"]):
                why = f"'{wrote['what']}' was written, and the step says {op.args['n']}"
                self.verdicts.contradicts(line, "result", why)
        elif (signal := SIGNALLED.search(text)) and signal["addr"]:
            ours = self.names.ours(int(signal["addr"], 16))
            area = self.model.maps.get((op.proc, op.args.get("map", "")))
            first = area.addr + (op.get("page") or 0) * SIZE_2M if area else None
            if first is None or ours is None or not first <= ours < first + op.get("count") * SIZE_2M:
                self.verdicts.contradicts(line, "result", f"si_addr=0x{signal['addr']} is not what the step touches")

    def _file(self, node: inode, opened: re.Match[str], line: int) -> None:
        """Compares the file that open names with the file that the model has opened."""
        if node.i_mode != int(opened["mode"], 16):
            asked = self._done.line if self._done else 0
            text = f"mode=0x{opened['mode']}; the open of line {asked} makes {node.i_mode:#x}"
            self.verdicts.contradicts(line, "mode", text, asked)
        if node.i_size != int(opened["size"]):
            self.verdicts.contradicts(line, "file", f"size={opened['size']}; the file has {node.i_size} bytes")
        ino = int(opened["ino"])
        if self._ino and ino not in self._ino:
            last, at = next(reversed(self._ino.items()))
            self.verdicts.contradicts(line, "file", f"ino={ino}, and line {at} made inode {last}", at)

    def _events(self, op: Op, step: _Pending) -> None:
        """The log's own lines inside a step, against the model's."""
        if op.op == "munmap":
            self._closed(op, step)
            return
        expected: list[int] = []
        for row in self.model.state.rows[self._rows :]:
            if row.addr is not None and any(point.name == "hugetlb_fault" for point in row.points):
                expected.extend(row.addr + i * row.size for i in range(min(row.n, MOST_FAULTS - len(expected))))
        wanted = [self.names.theirs(address) for address in dict.fromkeys(expected)]
        self._exactly(step)
        at = 0
        for entry in step.faults:
            addr = entry.fields["addr"] & -SIZE_2M
            if at and addr == wanted[at - 1]:
                continue  # the same fault, tried again
            if at >= len(wanted):
                text = f"a fault at {addr:#x}, and the step touches nothing that is not mapped yet"
                self.verdicts.contradicts(entry.line, "touched", text)
                return
            if addr != wanted[at]:
                text = f"a fault at {addr:#x}; the step of line {step.entry.line} comes to {wanted[at]:#x} here"
                self.verdicts.contradicts(entry.line, "touched", text)
            at += 1
            if op.get("mode") == "w" and isinstance(entry.fields.get("flags"), int) and not entry.fields["flags"] & 1:
                text = f"flags={entry.fields['flags']:#x} is a read, and the step writes"
                self.verdicts.contradicts(entry.line, "flags", text)

    def _pids(self, step: _Pending) -> None:
        """The lesson's lines of a step have the PID of the process whose step it is."""
        pid = next((pid for pid, who in self._family.items() if who == step.who), None)
        for entry in step.lines:
            told = entry.fields.get("pid") if entry.kind is Kind.POINT else None
            if entry.name in DEQUEUE and None not in (pid, told) and pid != told:
                text = f"PID {told} in a step of PID {pid} (line {step.entry.line})"
                self.verdicts.contradicts(entry.line, "process", text)

    def _exactly(self, step: _Pending) -> None:
        """One byte is accessed: the fault is at this byte, or at its page's begin."""
        said = words.read(str(step.entry.fields["text"]))
        if said is None or said.addr is None or not step.faults:
            return
        found = {entry.fields["addr"] for entry in step.faults}
        # a probe shows the address itself; the lesson's line may show that of the page
        whole = SIZE_2M if step.faults[0].kind is Kind.POINT else BASE_PAGE_SIZE
        if len(found) == 1 and not found <= {said.addr, said.addr & -whole}:
            text = f"accesses {said.addr:#x}; line {step.faults[0].line} has the fault at {found.pop():#x}"
            self.verdicts.contradicts(step.entry.line, "touched", text)

    def _closed(self, op: Op, step: _Pending) -> None:
        begin = self.names.place(op.args["map"])
        if begin is None or not step.closes:
            return
        start = begin + (op.get("page") or 0) * SIZE_2M
        end = start + (op.get("pages") or 0) * SIZE_2M
        for close in step.closes:
            if (close.fields["start"], close.fields["end"]) != (start, end):
                text = f"unmaps {start:#x}-{end:#x}; line {close.line} closes"
                text += f" {close.fields['start']:#x}-{close.fields['end']:#x}"
                self.verdicts.contradicts(step.entry.line, "mapping", text)

    def finish(self) -> None:
        """The last step has no mark after it."""
        self._settle()

    @property
    def program(self) -> Scenario | None:
        """The program as the marks tell it; None without marks."""
        if self.pool is None or not self.ops:
            return None
        return Scenario("log", nr=self.pool.total, steps=tuple(self.ops))

    def recording(self) -> Recording | None:
        """The program, run in the model; the lines inside its steps are compared with it."""
        program = self.program
        if program is None:
            return None
        recording = run(program, self.machine)
        for number, step in self._lines:
            if number < len(recording.steps):
                names, told = self.names.theirs, (step.entry, step.lines)
                self.matched += match.compare(recording, number, *told, names, self.verdicts)
        return recording


def _pool(entry: Entry) -> Counters:
    return Counters(*(entry.fields[name] for name in Counters._fields))


def _show(counters: Counters) -> str:
    return "/".join(map(str, counters))
