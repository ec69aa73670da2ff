"""Checks that the lines of one call fit together: the same address, the same page, lengths that fit.

Needs no model and no marks: it holds for any program. A rule is only applied where the log shows both sides.
"""

from __future__ import annotations

import stat
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from ...linux.machines import SIZE_2M
from ..read.entry import DEQUEUE, Entry, Kind, is_error
from ..read.kprobe import EVENTS
from ..verdict import Verdicts
from .areas import Area, Areas
from .flags import never, of_new_mapping, same_access
from .pages import Pages, Tally

MOST_TASKS = 1024
# With one of these a process begins that has no mapping of huge pages yet.
_MAKERS = frozenset(("hugetlbfs_create", "hugetlbfs_get_inode", "hugetlbfs_file_mmap", "hugetlb_reserve_pages"))
BEGINS = (0, 4)  # where a function's probe stands: 4 behind endbr64, which marks where calls may land
CALL_BYTES = 5  # of a call instruction on x86
# VM_FAULT_OOM, SIGBUS, MAJOR, SIGSEGV, RETRY; those of a poisoned page have bits 0x30
_FAULT_GIVES = frozenset((0, 1, 2, 4, 0x40, 0x400, 0x404, 0x100, 0x4000, 0x4400))


@dataclass
class _Task:
    """The calls that one process is in: name -> the line that showed it."""

    fault: Entry | None = None
    alloc: Entry | None = None
    reserve: Entry | None = None
    mapping: Entry | None = None
    made: Entry | None = None  # the same, also after its reservation
    chg: Entry | None = None
    chg_ret: int | None = None
    chg_line: int = 0
    reserved: Entry | None = None  # the reserve line whose acct line was seen
    dequeued: Entry | None = None
    mode: Entry | None = None
    gave: int = 0  # the line that gave the fault its page
    evicts: bool = False
    freed: int = 0  # pages that came back since the eviction began


@dataclass
class Calls:
    """Checks each call by itself."""

    verdicts: Verdicts
    pages: Pages
    areas: Areas = field(default_factory=Areas)
    sizes: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))  # of each symbol
    sites: defaultdict[tuple[str, str, bool], Tally] = field(default_factory=lambda: defaultdict(Tally))  # of an event
    flags: Tally = field(default_factory=Tally)  # fault flags, but for that of a write
    marked: bool = False  # the program's steps are in the log, so it did nothing else
    hugepage_size: Tally = field(default_factory=Tally)
    release: tuple[int, int] | None = None  # of the kernel, if the log's header tells it

    def __post_init__(self) -> None:
        self._tasks: dict[int | None, _Task] = {}
        self._fault_returns = False  # the log shows how a fault ends
        self._over: set[int | None] = set()  # processes whose last fault has got its page
        self._began: dict[int | None, str] = {}  # process -> the first function that the log shows of it
        self._do: dict[str, Callable[[Entry, _Task], None]] = {
            "hugetlbfs_create": self._create, "hugetlbfs_get_inode": self._create,
            "hugetlbfs_file_mmap": self._mmap, "hugetlb_reserve_pages": self._reserve,
            "region_chg": self._region, "region_add": self._region, "hugetlb_acct_memory": self._acct,
            "hugetlb_fault": self._fault, "alloc_huge_page": self._alloc, **dict.fromkeys(DEQUEUE, self._dequeue),
            "vma_commit_reservation": self._commit, "hugetlb_cow": self._commit, "free_huge_page": self._free,
            "region_del": self._delete, "region_truncate": self._delete, "hugetlb_unreserve_pages": self._delete,
            "__unmap_hugepage_range_final": self._unmap, "__unmap_hugepage_range": self._unmap,
            "hugetlb_vm_op_close": self._close, "hugetlbfs_evict_inode": self._evict,
        }  # fmt: skip

    def feed(self, entry: Entry) -> None:
        """Look at one line."""
        if "at" in entry.fields:
            self._symbol(entry)
        if entry.kind is Kind.MARK and entry.name == "STEP":
            self.marked = True
            if entry.pid in self._tasks:  # a fault is over when the next step begins: fallocate takes pages without one
                self._tasks[entry.pid].fault = self._tasks[entry.pid].alloc = None
        do = self._do.get(entry.name)
        if do is None or entry.kind not in (Kind.CALL, Kind.RETURN, Kind.POINT):
            return
        task = self._tasks.get(entry.pid)
        if task is None:
            if len(self._tasks) >= MOST_TASKS:
                self._tasks.clear()
            task = self._tasks[entry.pid] = _Task()
        self._began.setdefault(entry.pid, entry.name)
        do(entry, task)

    def lost(self) -> None:
        """Lines are missing: forget what calls were in, and which mappings there are."""
        self._tasks.clear()
        self.areas = Areas()
        self.areas.forgot = True

    def _sure(self, pid: int | None) -> bool:
        """Has the log shown every mapping of this process?"""
        return self._began.get(pid) in _MAKERS and self.areas.of(pid) and not self.areas.forgot

    def _no(self, entry: Entry, rule: str, text: str) -> None:
        self.verdicts.contradicts(entry.line, rule, text)

    def _whole(self, entry: Entry, start: int, end: int) -> bool:
        """Is this a range of whole huge pages?"""
        whole = not start % SIZE_2M and not end % SIZE_2M and start < end
        if not whole:
            self._no(entry, "mapping", f"{start:#x}-{end:#x} is not a range of whole huge pages")
        return whole

    def _flags_of(self, entry: Entry, area: Area, flags: int | None) -> None:
        """The vm_flags that a line shows are those of its mapping."""
        if flags is not None and not area.same_flags(flags, self.marked):
            self._no(entry, "flags", f"vm_flags={flags:#x}, and line {area.line} made the mapping with {area.flags:#x}")

    def _entered(self, entry: Entry) -> bool:
        return entry.kind is Kind.CALL or (entry.kind is Kind.POINT and entry.moment in ("start", "", "pid"))

    # -- files and mappings -----------------------------------------------------------------------------
    def _create(self, entry: Entry, task: _Task) -> None:
        task.mapping = task.reserve = None  # whatever is mapped next is something else
        mode = _int(entry, "mode")
        if mode is None:
            return
        if mode > 0xFFFF or stat.S_IFMT(mode) not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, 0):
            self._no(entry, "mode", f"mode {mode:#x} is neither that of a file nor of a directory")
        elif task.mode is not None and task.mode.name != entry.name and entry.name == "hugetlbfs_get_inode":
            if task.mode.fields["mode"] != mode:
                text = f"mode {mode:#x}, and line {task.mode.line} creates the file with {task.mode.fields['mode']:#x}"
                self._no(entry, "mode", text)
            task.mode = None
        if entry.name == "hugetlbfs_create":
            task.mode = entry

    def _mmap(self, entry: Entry, task: _Task) -> None:
        if entry.kind is Kind.RETURN or entry.moment == "failed":
            ret = _int(entry, "ret")
            if ret is not None and ret > 0:
                self._no(entry, "mapping", f"hugetlbfs_file_mmap gives 0 or an error, not {ret}")
            task.mapping = task.made = None
            return
        start, end, flags = _int(entry, "start"), _int(entry, "end"), _int(entry, "vm_flags", "flags")
        if entry.moment != "success":
            task.mapping, task.made, task.reserve = entry, entry, None
            task.fault = task.alloc = None
            if flags is not None and not of_new_mapping(flags):
                self._no(entry, "flags", f"vm_flags={flags:#x} are not those of a new mapping of a hugetlbfs file")
            size = _int(entry, "vma_size")
            if size is not None and (size <= 0 or size % SIZE_2M):
                self._no(entry, "mapping", f"vma_size={size} is not a number of huge pages")
        if start is None or end is None:
            return
        made = task.made or entry
        self._whole(entry, start, end)
        size = _int(made, "vma_size")
        if size is not None and end - start != size:
            text = f"{start:#x}-{end:#x} has {end - start} bytes, line {made.line} says vma_size={size}"
            self._no(entry, "mapping", text)
        pgoff = _int(task.reserve, "f") or 0 if task.reserve else 0
        self.areas.add(Area(start, end, made.line, _int(made, "vm_flags", "flags"), pgoff, entry.pid))
        if entry.moment == "success":
            task.mapping = task.made = task.reserve = None

    def _reserve(self, entry: Entry, task: _Task) -> None:
        if entry.kind is Kind.RETURN:
            asked, task.reserve = task.reserve, None
            ret, first, end = _int(entry, "ret"), _int(asked, "f"), _int(asked, "t")
            # 7.x tells how many pages
            if ret is not None and first is not None and end is not None and ret > max(end - first, 1):
                text = f"hugetlb_reserve_pages of {end - first} pages gives 0, 1, so many or an error, not {ret}"
                self._no(entry, "reserve", text)
            return
        size = _int(entry, "hugepage_size")
        if size is not None:
            self.hugepage_size.add(size, entry.line)
        first, end = _int(entry, "f"), _int(entry, "t")
        task.fault = task.alloc = None
        if first is None or end is None:
            return
        task.reserve, task.chg_ret = entry, None
        needed = _int(entry, "needed")
        if end < first or first < 0:
            self._no(entry, "reserve", f"from={first} to={end} is no range")
        elif needed is not None and needed != end - first:
            self._no(entry, "reserve", f"needed={needed}, and to - from is {end - first}")
        mapping, task.mapping = task.mapping, None  # the next one may be of a file without a name, before its mapping
        if mapping is not None:
            self._reserve_of(mapping, entry, first, end)

    def _reserve_of(self, mapping: Entry, entry: Entry, first: int, end: int) -> None:
        """The line of a reservation against that of the mapping it is for."""
        start, stop, size = _int(mapping, "start"), _int(mapping, "end"), _int(mapping, "vma_size")
        length = stop - start if start is not None and stop is not None else size
        pages = end - first
        unit = 1 << 30 if pages << 30 == length else SIZE_2M
        if length is not None and pages * unit != length:
            text = f"from={first} to={end} is {end - first} pages, and the mapping of line {mapping.line} has"
            self._no(entry, "reserve", f"{text} {length // SIZE_2M}")
        area = self.areas.at(start, entry.pid) if start is not None else None
        if area is not None:
            area.pgoff, area.unit = first, unit
            self._flags_of(entry, area, _int(entry, "vm_flags"))

    def _acct(self, entry: Entry, task: _Task) -> None:
        if entry.kind is Kind.RETURN:
            ret = _int(entry, "ret")
            if ret is not None and ret > 0:
                self._no(entry, "reserve", f"hugetlb_acct_memory gives 0 or an error, not {ret}")
            return
        delta = _int(entry, "delta")
        if delta is None or task.reserve is None or delta <= 0 or task.reserved is task.reserve:
            return
        task.reserved = task.reserve  # a second one is not of this mapping, but of min_size= of a mount, for example
        first, end = _int(task.reserve, "f"), _int(task.reserve, "t")
        if first is None or end is None:
            return
        if task.chg_ret is not None and delta > task.chg_ret:
            self._no(entry, "reserve", f"delta={delta}, and region_chg counted {task.chg_ret} (line {task.chg_line})")
        elif delta > end - first:
            self._no(entry, "reserve", f"delta={delta} for {end - first} pages (line {task.reserve.line})")

    # -- faults -----------------------------------------------------------------------------------------
    def _fault(self, entry: Entry, task: _Task) -> None:
        if entry.kind is Kind.RETURN:
            self._fault_returns = True
            ret = _int(entry, "ret")
            if ret is not None and ret not in _FAULT_GIVES and not ret & 0x30:
                self._no(entry, "fault", f"hugetlb_fault gives 0 or VM_FAULT_ bits, not {ret:#x}")
            elif ret in (1, 2, 0x40) and task.gave:
                self._no(entry, "fault", f"the fault failed ({ret:#x}), and line {task.gave} gave it a page")
            task.fault, task.alloc, task.gave = None, None, 0
            return
        addr, flags = _int(entry, "addr"), _int(entry, "flags")
        self._over.discard(entry.pid)
        if flags is not None and (why := never(flags, self.release)):
            self._no(entry, "flags", f"flags={flags:#x}: {why}")
        task.fault, task.alloc, task.mapping, task.reserve, task.gave = entry, None, None, None, 0
        if flags is not None:
            self.flags.add(flags & ~1, entry.line)
        if addr is None:
            return
        area = self.areas.at(addr, entry.pid)
        if area is None:
            if self._sure(entry.pid) and not self.areas.gone:  # mremap may have moved what was closed
                where = ", ".join(f"{a.start:#x}-{a.end:#x} (line {a.line})" for a in self.areas.known[-3:])
                self._no(entry, "fault", f"a fault at {addr:#x}, outside every mapping: {where}")
            return
        self._flags_of(entry, area, _int(entry, "vm_flags"))

    def _alloc(self, entry: Entry, task: _Task) -> None:
        addr = _int(entry, "addr")
        if self._entered(entry):
            mapped = addr is not None and self.areas.at(
                addr, entry.pid
            )  # fallocate's addresses are offsets in the file
            if entry.pid in self._over and (entry.kind is Kind.CALL or not mapped):
                task.fault = None
            task.alloc, task.dequeued = entry, None
            if addr is not None and task.fault:
                self._same_page(entry, addr, task.fault)
            elif addr is not None and addr % SIZE_2M:
                self._no(entry, "fault", f"addr={addr:#x} is not that of a huge page")
            avoid = _int(entry, "avoid_reserve")
            if avoid not in (None, 0, 1):
                self._no(entry, "fault", f"avoid_reserve is 0 or 1, not {avoid}")
            return
        page = _int(entry, "page")
        if page is None:
            return
        if task.dequeued and task.dequeued.fields["page"] != page:
            text = f"page {page:x}, and line {task.dequeued.line} took {task.dequeued.fields['page']:x}"
            self._no(entry, "page", text)
        asked = next((at for at in (_int(e, "addr") for e in (entry, task.alloc, task.fault)) if at is not None), None)
        if addr is not None and task.fault and task.alloc is None:  # a format that shows only the way back
            self._same_page(entry, addr, task.fault)
        if page > 0x1000 and not is_error(page):
            task.gave = entry.line
        if not self._fault_returns:  # nothing else will tell that the fault is over
            self._over.add(entry.pid)
        if asked is not None:
            self.pages.land(entry.pid, asked, page, entry.line)

    def _same_page(self, entry: Entry, addr: int, other: Entry) -> None:
        there = _int(other, "addr")
        if there is not None and (addr ^ there) & -SIZE_2M and addr != there & -(1 << 30):
            self._no(entry, "fault", f"addr={addr:#x}, and the fault of line {other.line} is at {there:#x}")
        elif addr % SIZE_2M:
            self._no(entry, "fault", f"addr={addr:#x} is not that of a huge page")

    def _dequeue(self, entry: Entry, task: _Task) -> None:
        task.dequeued = entry if _int(entry, "page") else task.dequeued

    def _commit(self, entry: Entry, task: _Task) -> None:
        addr, other = _int(entry, "addr"), task.alloc or task.fault
        if addr is not None and other is not None and entry.kind is not Kind.RETURN:
            self._same_page(entry, addr, other)

    def _region(self, entry: Entry, task: _Task) -> None:
        if entry.kind is Kind.RETURN:
            self._region_ret(entry, task)
            return
        first, end = _int(entry, "f"), _int(entry, "t")
        if first is None or end is None:
            return
        task.chg = entry
        if first < 0 or end < first:
            self._no(entry, "reserve", f"f={first} t={end} is no range")
            return
        if task.reserve is not None:
            low, high = _int(task.reserve, "f"), _int(task.reserve, "t")
            if None not in (low, high) and (low, high) != (first, end):
                self._no(entry, "reserve", f"f={first} t={end}, line {task.reserve.line} asks for {low}..{high}")
            return
        addr = _int(task.fault, "addr")
        area = self.areas.at(addr, entry.pid) if addr is not None else None
        if addr is None or area is None or task.fault is None:
            return
        index = area.index(addr)
        if (first, end) != (index, index + 1):
            text = f"f={first} t={end}, and the fault of line {task.fault.line} is at page {index} of its mapping"
            self._no(entry, "fault", text)

    def _region_ret(self, entry: Entry, task: _Task) -> None:
        ret, chg = _int(entry, "ret"), task.chg
        if ret is None or chg is None or chg.name != entry.name:
            return
        most = chg.fields["t"] - chg.fields["f"]
        if not 0 <= ret <= most:
            self._no(entry, "reserve", f"{entry.name} counts 0 to {most} pages in line {chg.line}, not {ret}")
        if entry.name == "region_chg":
            task.chg_ret, task.chg_line = ret, entry.line
        elif task.chg_ret is not None and ret > task.chg_ret:
            text = f"region_add added {ret} pages, region_chg counted {task.chg_ret} (line {task.chg_line})"
            self._no(entry, "reserve", text)

    # -- the end ----------------------------------------------------------------------------------------
    def _close(self, entry: Entry, task: _Task) -> None:
        start, end = _int(entry, "start"), _int(entry, "end")
        if start is None or end is None or entry.kind is Kind.RETURN:
            return
        self._whole(entry, start, end)
        known = self._sure(entry.pid) and not self.areas.moved(start, end)
        area = self.areas.close(start, end, entry.pid)
        if area is None:
            if known:
                self._no(entry, "mapping", f"{start:#x}-{end:#x} is closed, and no line made such a mapping")
            return
        self._flags_of(entry, area, _int(entry, "vm_flags", "flags"))

    def _unmap(self, entry: Entry, task: _Task) -> None:
        start, end = _int(entry, "start"), _int(entry, "end")
        if start is None or end is None or entry.kind is Kind.RETURN:
            return
        if not self._whole(entry, start, end):
            return
        area = self.areas.at(start, entry.pid)
        if area is None and self._sure(entry.pid) and not self.areas.moved(start, end):
            self._no(entry, "mapping", f"{start:#x}-{end:#x} is unmapped, and no line made such a mapping")
        elif area is not None and end > area.end:
            self._no(entry, "mapping", f"{start:#x}-{end:#x} reaches past the mapping of line {area.line}")
        elif area is not None:
            self._flags_of(entry, area, _int(entry, "vm_flags", "flags"))

    def _evict(self, entry: Entry, task: _Task) -> None:
        task.evicts, task.freed = entry.kind is Kind.CALL, 0

    def _free(self, entry: Entry, task: _Task) -> None:
        task.freed += entry.kind is Kind.CALL and "page" in entry.fields  # a graph shows the call once more
        task.gave = 0

    def _delete(self, entry: Entry, task: _Task) -> None:
        """region_del and hugetlb_unreserve_pages: from a page on, to a page or the end of everything."""
        first, end, freed = _int(entry, "f", "start", "offset"), _int(entry, "t", "end"), _int(entry, "freed")
        if entry.name == "region_truncate":  # its argument is called end, and is where the rest begins
            first, end = end, None
        if entry.kind is not Kind.CALL:
            return
        if end is not None and end > 1 << 40 and end not in (2**63 - 1, 2**31 - 1):
            self._no(entry, "reserve", f"{end} is neither a page nor the end of everything ({2**63 - 1})")
        elif task.evicts and first:
            self._no(entry, "reserve", f"from {first} on: the end of a file takes its map from 0 on")
        elif first is not None and (first < 0 or (end is not None and end < first)):
            self._no(entry, "reserve", f"{first} to {end} is no range")
        if freed is not None and task.evicts and task.freed > freed:  # fewer: a process still holds a page
            self._no(entry, "reserve", f"freed={freed}, and {task.freed} pages came back in the lines before")

    def _symbol(self, entry: Entry) -> None:
        symbol, offset, size = entry.fields["at"]
        if offset >= size:
            self._no(entry, "symbol", f"{symbol}+{offset:#x} is past the function's end ({size:#x})")
        self.sizes[symbol].add(size, entry.line)
        self.sites[entry.moment, symbol, entry.kind is Kind.RETURN].add(offset, entry.line)

    def _places(self) -> None:
        """A probe stands where it was put; two return addresses are a call instruction apart."""
        for (event, symbol, back), sites in self.sites.items():
            often = {at: min(times, 2) for at, times in sites.count.items()}
            if not back:
                usual = max(often, key=lambda at: (often[at], at in BEGINS))
                odd = [at for at in often if at != usual]
                if usual not in BEGINS and often[usual] == 1 and event in EVENTS:
                    odd.append(usual)
            else:
                near = [(a, b) for a in often for b in often if 0 < b - a < CALL_BYTES]
                odd = [min(pair, key=lambda at: (often[at], -at)) for pair in near]
            for at in odd:
                others = next((f" line {line}" for other, line in sites.first.items() if other != at), "")
                why = "no call comes back there, so near" if back else "the probe is at its beginning"
                self.verdicts.contradicts(sites.first[at], "symbol", f"{event} at {symbol}+{at:#x}: {why}{others}")

    def _symbols(self) -> None:
        """Checks that need all lines of one kernel."""
        for symbol, sizes in self.sizes.items():
            usual = sizes.usual
            for size, line in sizes.first.items():
                if size != usual:
                    text = f"{symbol} has {size:#x} bytes here, {usual:#x} in line {sizes.first[usual]}"
                    self.verdicts.contradicts(line, "symbol", text)
        odd = [(symbol, *at) for symbol, sizes in self.sizes.items() for at in sizes.first.items() if at[0] % 16]
        if len(self.sizes) > 3 and len(odd) == 1:
            for symbol, size, line in odd:
                text = f"{symbol} has {size:#x} bytes; all other functions here fill whole 16 bytes"
                self.verdicts.contradicts(line, "symbol", text)
        self._places()

    def finish(self) -> None:
        """Checks that need all lines of the log."""
        self._symbols()
        count = self.hugepage_size.count
        usual = max(count, key=lambda size: (size & (size - 1) == 0, min(count[size], 2)), default=0)
        for size, line in self.hugepage_size.first.items():
            if size & (size - 1):
                self.verdicts.contradicts(line, "mapping", f"hugepage_size={size} is no power of two")
            elif count[size] == 1 and size not in (usual, SIZE_2M, 1 << 30):
                self.verdicts.contradicts(line, "mapping", f"hugepage_size={size}, not {usual}")
        self._odd_flags()

    def _odd_flags(self) -> None:
        """Flags that one fault alone has, among many others."""
        usual = self.flags.usual
        for flags, line in self.flags.alone() if self.flags.count[usual] >= 2 else ():
            if not same_access(flags, usual):
                text = f"flags={flags:#x} (of a write {flags | 1:#x}) of one fault; all others have {usual | 1:#x}"
                self.verdicts.contradicts(line, "flags", text)


def _int(entry: Entry | None, *names: str) -> int | None:
    values = [entry.fields.get(name) for name in names] if entry else []
    return next((value for value in values if isinstance(value, int)), None)
