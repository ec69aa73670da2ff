"""PIDs and inodes that a log tells twice must be the same."""

from __future__ import annotations

import re
from collections import Counter

from ..read.entry import Entry, Kind
from ..verdict import Verdicts

MOST = 10_000  # different ones that are remembered


class Who:
    """Collects PIDs and inode numbers."""

    def __init__(self, verdicts: Verdicts):
        self.verdicts = verdicts
        self.program: tuple[int, int] | None = None  # PID of PROG, line
        self.family: dict[int, int] = {}  # PIDs that the marks name -> line
        self.forked: tuple[int, int] | None = None
        self.seen: Counter[int] = Counter()
        self.lines: dict[int, int] = {}  # the first of each
        self.comms: dict[int, str] = {}
        self.closers: set[int] = set()
        self.inodes: dict[int, int] = {}
        self.modes: dict[int, tuple[int | None, int]] = {}  # inode -> mode, line
        self.returned: set[int] = set()  # processes that come back from a probed function
        self.printed = True  # all of them are in the lesson's lines
        self.nameless = False  # files that no RET tells of

    def feed(self, entry: Entry) -> None:
        """Look at one line."""
        fields = entry.fields
        if entry.kind is Kind.MARK:
            self._mark(entry)
            return
        pid = entry.pid if entry.pid is not None else fields.get("pid")
        if isinstance(pid, int) and len(self.seen) < MOST:
            self.seen[pid] += 1
            self.lines.setdefault(pid, entry.line)
            self.comms.setdefault(pid, entry.comm)
            if entry.kind is Kind.RETURN and entry.moment:
                self.returned.add(pid)
            self.printed &= entry.kind is Kind.POINT and "text" in fields
            if entry.name == "hugetlb_vm_op_close":
                self.closers.add(pid)
        ino = fields.get("ino")
        if isinstance(ino, int) and len(self.inodes) < MOST:
            self._inode(entry, ino)
            if entry.moment == "tracepoint":
                self._tracepoint(entry, ino)

    def knows(self, pid: int) -> bool:
        """Has a line of this process been seen twice?"""
        return self.seen[pid] > 1

    def _mark(self, entry: Entry) -> None:
        pid, text = entry.fields.get("pid"), str(entry.fields.get("text", ""))
        if entry.name == "STEP":
            self.nameless |= "MAP_ANONYMOUS" in text
        if entry.name == "RET" and (opened := re.match(r"open = \d{1,19} ino=(\d{1,19})", text)):
            self.inodes[int(opened[1])] = entry.line
        if entry.name == "PROG" and isinstance(pid, int):
            self.program = (pid, entry.line)
            self.family[pid] = entry.line
            bits = entry.fields.get("bits")
            if bits not in (None, 32, 64):
                self.verdicts.contradicts(entry.line, "process", f"bits={bits}: a program has 32 or 64")
        own = re.search(r"\bpid=(\d{1,19})", text)
        if own and entry.pid is not None and int(own[1]) != entry.pid:
            if len(own[1]) == len(str(entry.pid)):  # else a container numbers its processes anew
                self.verdicts.contradicts(entry.line, "process", f"pid={own[1]} in a line of PID {entry.pid}")
            self.family.setdefault(entry.pid, entry.line)
            return
        found = own if entry.name in ("CHILD", "PARENT") else re.match(r"fork = (\d{1,19})", text)
        if found:
            self._named(entry, int(found[1]))

    def _named(self, entry: Entry, child: int) -> None:
        """A mark names a process of the program."""
        if entry.name == "CHILD" and self.forked and self.forked[0] != child:
            text = f"pid={child}, and the fork of line {self.forked[1]} gave {self.forked[0]}"
            self.verdicts.contradicts(entry.line, "process", text)
        if entry.name == "RET":
            self.forked = (child, entry.line)
            other = next((pid for pid in self.family if self.program is None or pid != self.program[0]), None)
            if child not in self.family and other is not None:
                text = f"fork = {child}, and line {self.family[other]} is the child with {other}"
                self.verdicts.contradicts(entry.line, "process", text)
        self.family.setdefault(child, entry.line)

    def _inode(self, entry: Entry, ino: int) -> None:
        if entry.name == "hugetlbfs_evict_inode" and entry.moment != "tracepoint":
            sure = entry.kind is Kind.POINT or (self.program and not self.nameless)
            if sure and self.inodes and ino not in self.inodes:
                last = next(reversed(self.inodes))
                text = f"inode {ino} goes, and no line made it; line {self.inodes[last]} made {last}"
                self.verdicts.contradicts(entry.line, "file", text, self.inodes[last])
            return
        self.inodes[ino] = entry.line

    def _tracepoint(self, entry: Entry, ino: int) -> None:
        """hugetlbfs tracepoints say the same inode's mode again, and count its pages in blocks of 512 bytes."""
        mode, blocks, size = (entry.fields.get(name) for name in ("mode", "blocks", "size"))
        known, line = self.modes.setdefault(ino, (mode, entry.line))
        if isinstance(mode, int) and isinstance(known, int) and known != mode:
            text = f"inode {ino} has mode {mode:#o}, in line {line} {known:#o}"
            self.verdicts.contradicts(entry.line, "mode", text)
        if isinstance(blocks, int) and blocks % 4096:
            self.verdicts.contradicts(entry.line, "file", f"{blocks} blocks of 512 bytes are no whole huge pages")
        elif isinstance(blocks, int) and isinstance(size, int) and blocks * 512 > size:
            text = f"{blocks} blocks of 512 bytes are more than the file's {size} bytes"
            self.verdicts.contradicts(entry.line, "file", text)

    def finish(self) -> None:
        """Checks that need all lines of the log."""
        if self.program is not None:
            self._family()
        elif len(self.seen) == 2 and self.printed:
            self._two()

    def _family(self) -> None:
        assert self.program is not None
        pid, line = self.program
        comm = self.comms.get(pid, "")
        strangers = [p for p in self.seen if p not in self.family and self.comms[p] == comm]
        if self.seen and self.seen[pid] == 0 and len(strangers) == 1 and self.seen[strangers[0]] > 1:
            text = f"pid={pid}; the program's lines are of PID {strangers[0]} (line {self.lines[strangers[0]]})"
            self.verdicts.contradicts(line, "process", text)
            return
        for stranger in strangers:
            # more lines: a child that no mark tells of; a recorder that follows children shows its end alone
            if self.seen[stranger] == 1 and (not comm or stranger in self.returned):
                text = f"PID {stranger}; the program is {', '.join(map(str, self.family))}"
                self.verdicts.contradicts(self.lines[stranger], "process", text)

    def _two(self) -> None:
        """One process closes what only another has touched, and no line shows a fork."""
        for pid in self.seen:
            if pid not in self.closers and self.closers:
                other = next(iter(self.closers))
                odd = pid if self.seen[pid] <= self.seen[other] else other
                rest = other if odd == pid else pid
                text = f"PID {odd}; line {self.lines[rest]} of the same mapping is of PID {rest}"
                self.verdicts.contradicts(self.lines[odd], "process", text)
                return
