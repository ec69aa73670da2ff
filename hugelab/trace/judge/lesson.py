"""Logs in the lesson's format: the program behind printk lines, and whether the model agrees with them.

Such a log shows what the kernel did, not what the program asked for. :func:`infer` finds the program (the steps) that
makes a kernel print these lines; :func:`judge` runs it in the model and compares line by line.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ...core.runs import Run
from ...core.units import BASE_PAGE_SIZE, count
from ...linux.errors import ScenarioError
from ...linux.flags import VM_MAYSHARE, VM_NORESERVE, VM_READ, VM_WRITE
from ...linux.machines import LESSON, MACHINES, SIZE_2M, Machine
from ...linux.names import function_name
from ...linux.scenario import Op, Scenario
from ...model.kernel import run
from ...record import flow
from ...record.recording import Recording
from ..read.entry import Entry


# -- the program behind the lines --------------------------------------------------------------------
@dataclass
class Inferred:
    """A step that explains some lines of the log. ``note`` says what the log itself does not show."""

    op: Op
    lines: list[Entry] = field(default_factory=list)
    note: str = ""


@dataclass
class Program:
    """The program of a log: machine, scenario, and the lines of each step."""

    machine: Machine
    steps: list[Inferred]
    pool: int
    pool_line: int = 0  # the line that the pool's size was taken from; 0: no line shows it

    @property
    def scenario(self) -> Scenario:
        return Scenario("log", nr=self.pool, steps=tuple(step.op for step in self.steps))


def infer(lines: list[Entry]) -> Program:
    """The steps of a program that would make a kernel print these lines.

    close and unlink print nothing: they are put where pages of a file come back. Faults that were cut from the log
    are put where a count shows that they happened. Raises ScenarioError where no such program can be found.
    """
    pid = next((line.fields["pid"] for line in lines if "pid" in line.fields), None)
    other = next((line for line in lines if line.fields.get("pid", pid) != pid), None)
    if other is not None:
        found = other.fields["pid"]
        raise ScenarioError(f"line {other.line}: PID {found} after PID {pid}; the model runs one process so far")
    return _Inference(lines).program()


@dataclass
class _Area:
    """A mapping, as the log shows it."""

    name: str
    start: int
    end: int
    shared: bool
    file: str
    seen: set[int] = field(default_factory=set)  # pages touched
    private: dict[int, int] = field(default_factory=dict)  # page -> pfn, where the page is the mapping's own


class _Inference:
    """Reads the lines once, front to back."""

    def __init__(self, lines: list[Entry]):
        self.lines = lines
        self.steps: list[Inferred] = []
        self.areas: list[_Area] = []
        self.cached: dict[str, dict[int, int]] = {}  # file -> index -> pfn, in the page cache
        self.open: dict[str, str] = {}  # file -> descriptor
        self.free: int | None = None
        self.maps = self.fds = 0  # so far, for names
        self.closed: _Area | None = None  # the mapping that was unmapped last
        self.cleared: bool | None = None  # did a shared mapping lose VM_MAYSHARE when it was closed?

    def program(self) -> Program:
        i = 0
        while i < len(self.lines):
            i = self._step(i)
        machine, pool = self._machine()
        shown = (line.line for line in self.lines if "free" in line.fields and line.fields["free"] == pool)
        return Program(machine, self.steps, pool, next(shown, 0))

    # Each handler takes the lines of one step from index i on and returns the index after them.
    def _step(self, i: int) -> int:
        name = self.lines[i].name
        if name == "hugetlbfs_create":
            return self._open(i)
        if name in ("hugetlbfs_get_inode", "hugetlbfs_file_mmap", "hugetlb_reserve_pages"):
            return self._mmap(i)
        if name in ("hugetlb_fault", "alloc_huge_page", "dequeue_huge_page_vma", "vma_commit_reservation"):
            return self._touch(i)
        if name == "hugetlb_vm_op_close":
            return self._munmap(i, i)
        return self._freed(i)

    def _take(self, i: int, names: tuple[str, ...]) -> int:
        while i < len(self.lines) and self.lines[i].name in names:
            i += 1
        return i

    def _evicted(self, i: int) -> int:
        """The lines of a file's end: its pages, then its reservations."""
        for name in ("hugetlbfs_evict_inode", "free_huge_page", "hugetlb_unreserve_pages", "hugetlb_acct_memory"):
            i = self._take(i, (name,))
        return i

    def _add(self, op: Op, i: int, end: int, note: str = "") -> None:
        self.steps.append(Inferred(op, self.lines[i:end], note))

    def _open(self, i: int) -> int:
        end = self._take(i + 1, ("hugetlbfs_get_inode",))
        self._descriptor(self.lines[i].fields["file"], i, end)
        return end

    def _descriptor(self, name: str, i: int, end: int, note: str = "") -> str:
        self.fds += 1
        fd = self.open[name] = f"fd{self.fds}"
        mode = next((line.fields["mode"] for line in self.lines[i:end] if "mode" in line.fields), 0o755)
        self._add(Op("open", {"fd": fd, "path": f"m/{name}", "mode": oct(mode & 0o7777)[2:]}), i, end, note)
        return fd

    def _mmap(self, i: int) -> int:
        names = ("hugetlbfs_get_inode", "hugetlb_reserve_pages", "hugetlbfs_file_mmap", "hugetlb_acct_memory")
        end = i
        while end < len(self.lines) and self.lines[end].name in names:
            end += 1
            if self.lines[end - 1].moment in ("success", "failed") and self.lines[end - 1].name == names[2]:
                break
        failed = self.lines[end - 1].moment == "failed"
        block = self.lines[i:end]
        begun = next((line for line in block if (line.name, line.moment) == (names[2], "start")), None)
        if begun is None:
            raise ScenarioError(f"line {self.lines[i].line}: a mapping without its hugetlbfs_file_mmap() START line")
        name, flags = begun.fields["file"], begun.fields["vm_flags"]
        anonymous = name == "anon_hugepage"
        if not anonymous and name not in self.open:
            self._descriptor(name, i, i, "not in the log; something opened the file")
        if failed and anonymous:  # the nameless file goes at once
            end = self._take(end, ("hugetlbfs_evict_inode", "hugetlb_unreserve_pages", "hugetlb_acct_memory"))
        self.maps += 1
        label = f"map{self.maps}"
        shared = bool(flags & VM_MAYSHARE)
        wanted = ["MAP_SHARED" if shared else "MAP_PRIVATE"]
        wanted += ["MAP_ANONYMOUS", "MAP_HUGETLB"] * anonymous + ["MAP_NORESERVE"] * bool(flags & VM_NORESERVE)
        prot = ["PROT_READ"] * bool(flags & VM_READ) + ["PROT_WRITE"] * bool(flags & VM_WRITE)
        args: dict[str, Any] = {"map": label, "bytes": begun.fields["vma_size"], "flags": wanted}
        if not anonymous:
            args["fd"] = self.open[name]
        reserve = next((line for line in block if "needed" in line.fields and line.line > begun.line), None)
        if reserve and reserve.fields["f"]:
            args["offset_pages"] = reserve.fields["f"]
        if prot != ["PROT_READ", "PROT_WRITE"]:
            args["prot"] = prot or ["PROT_NONE"]
        for line in block:
            self.free = line.fields.get("free", self.free)
        self._add(Op("mmap", args), i, end)
        if not failed and "end" in block[-1].fields:
            start, stop = block[-1].fields["start"], block[-1].fields["end"]
            self.areas.append(_Area(label, start, stop, shared, name))
        return end

    def _touch(self, i: int) -> int:
        end = self._take(i + 1, ("alloc_huge_page", "dequeue_huge_page_vma", "vma_commit_reservation"))
        block = self.lines[i:end]
        addr = next((line.fields["addr"] for line in block if "addr" in line.fields), None)
        area = next((a for a in self.areas if addr is not None and a.start <= addr < a.end), None)
        if area is None or addr is None:
            raise ScenarioError(f"line {block[0].line}: a fault outside every mapping of the log")
        page = (addr - area.start) // SIZE_2M
        flags = next((line.fields["flags"] for line in block if "flags" in line.fields), 1)
        pfn = next((line.fields["pfn"] for line in block if "pfn" in line.fields), None)
        if pfn is not None:
            (self.cached.setdefault(area.file, {}) if area.shared else area.private)[page] = pfn
        area.seen.add(page)
        for line in block:
            self.free = line.fields.get("free", self.free)
        if self.free is not None and any(line.name == "dequeue_huge_page_vma" for line in block):
            self.free -= 1
        self._add(Op("touch", {"map": area.name, "page": page, "mode": "w" if flags & 1 else "r"}), i, end)
        return end

    def _freed(self, i: int) -> int:
        """Pages that come back: of a private mapping that is unmapped next, else of a file."""
        end = self._take(i, ("free_huge_page",))
        if end < len(self.lines) and self.lines[end].name == "hugetlb_vm_op_close" and self._all_private(i, end):
            return self._munmap(i, end)
        end = self._take(end, ("hugetlbfs_evict_inode", "hugetlb_unreserve_pages", "hugetlb_acct_memory"))
        end = self._evicted(end)
        self._cut_faults(i, end)
        name = self._owner(i, end)
        where = "; close and unlink print no line of their own, and munmap of a shared file frees nothing"
        if name in self.open:
            self.steps.append(Inferred(Op("close", {"fd": self.open.pop(name)}), note="not in the log"))
        self._add(Op("unlink", {"path": f"m/{name}"}), i, end, f"the last holder let go{self._gap(i)}{where}")
        self.cached.pop(name, None)
        return end

    def _all_private(self, i: int, end: int) -> bool:
        return self._pfns(i, end) <= {pfn for area in self.areas for pfn in area.private.values()}

    def _pfns(self, i: int, end: int) -> set[int]:
        return {line.fields["pfn"] for line in self.lines[i:end] if "pfn" in line.fields}

    def _owner(self, i: int, end: int) -> str:
        """The file whose pages come back in these lines."""
        freed = self._pfns(i, end)
        for name, pages in self.cached.items():
            if freed & set(pages.values()):
                return name
        if self.open:
            return next(reversed(self.open))
        raise ScenarioError(f"line {self.lines[i].line}: pages come back that the log never gave to anything")

    def _gap(self, i: int) -> str:
        before, now = self.lines[i - 1].time if i else None, self.lines[i].time
        if before is None or now is None or now - before < 0.001:
            return ""
        return f" {1000 * (now - before):.1f} ms later"

    def _cut_faults(self, i: int, end: int) -> None:
        """The first free page count shows how many pages were taken; the log may have lost some faults."""
        after = next((line for line in self.lines[i:end] if line.moment == "after"), None)
        if after is None or self.free is None:
            return
        missing = self.free - (after.fields["free"] - 1)
        area = self.areas[-1] if self.areas else self.closed
        if missing <= 0 or area is None:
            return
        untouched = [p for p in range((area.end - area.start) // SIZE_2M) if p not in area.seen][:missing]
        unmaps = (n for n, s in enumerate(self.steps) if s.op.op == "munmap" and s.op.args["map"] == area.name)
        at = next(unmaps, len(self.steps))
        note = f"{count(missing, 'fault')} not in the log (line {after.line} counts them)"
        self.steps[at:at] = [Inferred(Op("touch", {"map": area.name, "page": page}), note=note) for page in untouched]
        self.free -= missing

    def _munmap(self, i: int, close: int) -> int:
        end = min(self._take(close, ("hugetlb_vm_op_close",)), close + 2)
        where = next((line for line in self.lines[close:end] if "start" in line.fields), None)
        if where is None:
            raise ScenarioError(f"line {self.lines[close].line}: no vma_close() line says what was unmapped")
        start, stop = where.fields["start"], where.fields["end"]
        area = next((a for a in self.areas if a.start <= start and stop <= a.end), None)
        if area is None:
            raise ScenarioError(f"line {where.line}: a mapping is closed that the log never made")
        if area.shared:
            self.cleared = not where.fields["vm_flags"] & VM_MAYSHARE
        unused = end < len(self.lines) and self.lines[end].fields.get("delta", 0) < 0
        if unused and not area.shared:  # what a private mapping did not use; a shared one keeps it for the file
            end += 1
        if area.file == "anon_hugepage":
            end = self._evicted(end)
        for line in self.lines[i:end]:
            self.free = line.fields.get("free", self.free)
        args: dict[str, Any] = {"map": area.name}
        if (start, stop) != (area.start, area.end):
            args |= {"page": (start - area.start) // SIZE_2M, "pages": (stop - start) // SIZE_2M}
        self._add(Op("munmap", args), i, end)
        self.closed = area
        if stop - start == area.end - area.start:
            self.areas.remove(area)
        return end

    def _machine(self) -> tuple[Machine, int]:
        """The machine that fits the numbers in the log."""
        values: dict[str, Any] = {}
        pages: list[int] = []  # struct pages in the order they were handed out
        for line in self.lines:
            for name, value in line.fields.items():
                values.setdefault(name if name not in ("end", "free") else f"{line.name}.{name}", value)
            if line.name == "dequeue_huge_page_vma":
                pages.append(line.fields["page"])
        machine, changes = self._known_machine(), dict[str, Any]()
        if "page" in values and "pfn" in values:
            first = next(line for line in self.lines if "page" in line.fields and "pfn" in line.fields)
            changes["mem_map"] = first.fields["page"] - machine.struct_page * first.fields["pfn"]
        order = list(dict.fromkeys(replace(machine, **changes).pfn_of(page) for page in pages))
        pools = ("hugetlb_reserve_pages.free", "alloc_huge_page.free")
        pool = next((values[name] for name in pools if name in values), max(len(order), 10))
        used = [Run(0, 1, pfn // (SIZE_2M // BASE_PAGE_SIZE)) for pfn in order]
        spare = _others(pool - len(order), {run.value for run in used})
        # An old pool is a stack: what it was given last it hands out first.
        frames = (*used, *spare) if machine.rules.pool_in_order else (*spare, *reversed(used))
        changes["frames"] = frames
        if "flags" in values:
            changes["fault_flags"] = values["flags"] & ~1
        changes |= {name: values[key] for name, key in (("pid", "pid"), ("first_ino", "ino")) if key in values}
        if "hugetlbfs_file_mmap.end" in values:
            changes["top"] = values["hugetlbfs_file_mmap.end"] + SIZE_2M - BASE_PAGE_SIZE
        return replace(machine, **changes), pool

    def _known_machine(self) -> Machine:
        """The first known machine with this log's function names, width of an address, and vm_flags at a close.

        What comes first here counts most, where no machine has all three.
        """
        wide = any(line.fields.get("end", 0) > LESSON.task_size for line in self.lines)

        def fits(machine: Machine) -> tuple[bool, bool, bool]:
            named = [(line.name, line.fields["fn"]) for line in self.lines if "fn" in line.fields]
            names = all(function_name(name, machine.version) == fn for name, fn in named)
            return names, wide == (machine.word == 64), self.cleared in (None, machine.rules.unmap_clears_mayshare)

        return max(MACHINES.values(), key=fits)


def _others(n: int, taken: set[int]) -> list[Run]:
    """n frames that are not taken, in runs."""
    found, start = [], 8
    for end in (*sorted(frame for frame in taken if frame >= start), start + n + len(taken)):
        if n > 0 and end > start:
            found.append(Run(0, min(n, end - start), start, 1))
            n -= end - start
        start = end + 1
    return found


# -- does the model agree ----------------------------------------------------------------------------
class Verdict(NamedTuple):
    """One step of a log against the model: ``line`` is the number of the first line that differs, or None."""

    op: Op
    lines: int  # how many lines of the log it explains
    line: int | None
    ours: str | None
    theirs: str | None
    note: str

    @property
    def agrees(self) -> bool:
        return self.line is None


def judge(lines: list[Entry]) -> tuple[Program, list[Verdict], Recording]:
    """The program behind the lines, a verdict for each of its steps, and what the model makes of it.

    Raises ScenarioError when no program can be found that would print such lines.
    """
    program = infer(lines)
    recording = run(program.scenario, program.machine)
    extra = any(line.name in ("hugetlbfs_evict_inode", "hugetlb_unreserve_pages") for line in lines)
    verdicts = []
    for step, inferred in zip(recording.steps, program.steps, strict=False):
        ours = [t for _, t in flow.log_line_events(recording, step.first, step.last, extra)]
        found = _first_difference(ours, inferred, inferred is program.steps[-1])
        verdicts.append(Verdict(inferred.op, len(inferred.lines), *found, inferred.note))
        if found[0] is not None:
            break
    return program, verdicts, recording


def _first_difference(ours: list[str], inferred: Inferred, is_last: bool) -> tuple[int | None, str | None, str | None]:
    if not inferred.lines:  # the log shows nothing of this step
        return None, None, None
    for mine, line in zip(ours, inferred.lines, strict=False):
        if mine != line.fields["text"]:
            return line.line, mine, line.fields["text"]
    if len(inferred.lines) > len(ours):
        return inferred.lines[len(ours)].line, None, inferred.lines[len(ours)].fields["text"]
    if len(ours) > len(inferred.lines) and not is_last:  # a log may stop anywhere, but not skip a line
        return inferred.lines[-1].line + 1, ours[len(inferred.lines)], None
    return None, None, None
