"""The four counters, kept like books: a line that shows them must follow from the line before and what happened since.

Needs no model and no marks. What a function does to the pool by the time of its line, and what it may still do after
it, is told by :meth:`Books._call`, ``_back`` and ``_printed``; a change that no open call explains is a contradiction.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...core.state import Counters
from ...linux.machines import SIZE_2M
from ..read.entry import DEQUEUE, Entry, Kind, is_error
from ..verdict import Says, Verdicts

MANY = 1 << 40  # pages; more than any machine has
HALF = 1 << 63
Effect = dict[str, tuple[int, int]]  # counter -> (least, most) change; a counter that is not there does not change

TAKEN: Effect = {"free": (-1, -1), "rsvd": (-1, 0)}  # dequeue: rsvd falls with it, or a moment later
TAKEN_HERE: Effect = {"total": (0, 1), "free": (-1, 0), "rsvd": (-1, 0), "surp": (0, 1)}  # alloc without a dequeue line
PAID: Effect = {"rsvd": (-1, 0)}  # alloc after its dequeue
MADE: Effect = {"total": (0, 1), "free": (0, 1), "surp": (0, 1)}  # a surplus page, for the free list or a fault
BACK: Effect = {"total": (-1, 0), "free": (0, 1), "rsvd": (0, 1), "surp": (-1, 0)}  # free_huge_page
ANYTHING: Effect = dict.fromkeys(Counters._fields, (-MANY, MANY))
DROPPED: Effect = {"rsvd": (-MANY, 0)}  # reservations that go with a mapping or a file


def _change(before: int, after: int) -> int:
    """From one shown value to the next. Both are unsigned: a kernel bug can take rsvd below zero, shown as 2**64-1."""
    return (after - before + HALF) % (2 * HALF) - HALF


def _acct(delta: int) -> Effect:
    """hugetlb_acct_memory: rsvd by delta, and surplus pages if the free ones do not do, or back again."""
    return dict.fromkeys(Counters._fields, (0, delta) if delta >= 0 else (delta, 0))


# Functions that change the pool in ways that only the lines inside them tell, if those are recorded at all.
OPEN = frozenset(
    [
        "set_max_huge_pages",
        "hugetlbfs_evict_inode",
        "hugetlb_unreserve_pages",
        "truncate_hugepages",
        "hugetlbfs_fallocate",
        "hugetlbfs_punch_hole",
        "hugetlb_vmtruncate",
        "demote_pool_huge_page",
        "alloc_fresh_huge_page",
        "return_unused_surplus_pages",
        "hugetlbfs_put_super",
        "hugepage_new_subpool",
    ]
)
RESERVES = ("hugetlbfs_file_mmap", "hugetlb_reserve_pages")
INSIDE = frozenset(("free_huge_page", "hugetlb_acct_memory"))
# With these a process begins something else: what it did before is over.
BEGINS = frozenset(
    ["hugetlbfs_create", "hugetlbfs_file_mmap", "hugetlb_fault", "hugetlb_vm_op_close", "hugetlbfs_evict_inode"]
)
# Steps in which the pool may change where no probe stands.
STEPS = ("munmap", "unlink", "close", "end", "echo", "ftruncate", "fallocate", "madvise", "mount", "umount", "fork")
# A page comes from the buddy allocator. A graph shows the call, without the page or a counter.
MAKES = frozenset(
    [
        "alloc_buddy_huge_page",
        "alloc_fresh_huge_page",
        "alloc_pool_huge_page",
        "alloc_buddy_hugetlb_folio",
        "alloc_fresh_hugetlb_folio",
        "only_alloc_fresh_hugetlb_folio",
        "alloc_pool_hugetlb_folio",
    ]
)
CHANGES = OPEN | INSIDE | DEQUEUE | {"hugetlb_fault", "alloc_huge_page", "alloc_buddy_huge_page"}
MOST_TASKS = 64  # processes that may be in one at a time
MOST_SNAPS = 100_000  # that are remembered
Key = tuple[int | None, str]


@dataclass
class _Shown:
    values: dict[str, int]
    line: int
    lines: dict[str, int] = field(default_factory=dict)  # where each value stands, if not in one line

    def at(self, name: str) -> int:
        """The line of one value."""
        return self.lines.get(name, self.line)


@dataclass
class Books:
    """Follows the counters through a log."""

    verdicts: Verdicts
    checked: int = 0  # values that had to be what they are
    snapshots: int = 0  # times that the pool was read
    snaps: set[int] = field(default_factory=set)  # lines of SNAPs that had to be what they are
    one_pool: bool = True  # the counters are those of the pool that every page is of
    only_printed: bool = True  # all of them are the lesson's lines
    seen: bool = False  # some line shows a counter
    last: _Shown | None = None
    _open: dict[Key, Effect] = field(default_factory=dict)  # what calls that are not over may still do
    _any: bool = False  # anything may have happened since the last line
    _inside: dict[int | None, set[str]] = field(default_factory=dict)  # process -> what it is in that changes the pool
    _suspect: tuple[_Shown, _Shown, str] | None = None  # before, the odd one, what was wrong
    _called: set[str] = field(default_factory=set)  # functions that the log shows being entered
    _probed: set[str] = field(default_factory=set)
    _dequeued: set[int | None] = field(default_factory=set)
    _made: dict[int | None, int] = field(default_factory=dict)
    _event: bool = False  # an event has shown counters since the last mark that did

    def feed(self, entry: Entry) -> None:
        """Look at one line."""
        kind = entry.kind
        if kind is Kind.LOST:
            self._forget()
        elif kind is Kind.MARK:
            self._mark(entry)
        elif kind is Kind.COUNTERS:
            before = self.last
            self._forget()
            self._shown(entry, {})
            self._snapshot(before)
        elif kind is Kind.CALL and entry.name in MAKES:
            self._add((entry.pid, f"{entry.name} at {entry.line}"), MADE)
        elif kind is Kind.POINT or (kind in (Kind.CALL, Kind.RETURN) and entry.moment):
            self._passed(entry)

    def _passed(self, entry: Entry) -> None:
        """A process entered a function, came back from it, or printed a line in it."""
        kind, pid, name = entry.kind, entry.pid, entry.name
        self._any |= any(other != pid for other in self._inside)  # two processes change the pool at once
        now = self._printed(entry) if kind is Kind.POINT else self._back(entry) if kind is Kind.RETURN else {}
        begun = self._call(entry) if kind is Kind.CALL else {}
        if any(counter in entry.fields for counter in Counters._fields):
            self._event = True
            self._shown(entry, now)
        hidden = {counter: span for counter, span in now.items() if counter not in entry.fields}
        if hidden:  # what this line does not show, a later one may
            self._add((pid, f"{name} at {entry.line}"), hidden)
        if kind is Kind.RETURN:
            self._open.pop((pid, name), None)
        elif kind is Kind.CALL and name in BEGINS:  # its own line may still show what the last call did
            self._inside.pop(pid, None)
            self._open = {key: effect for key, effect in self._open.items() if key[0] != pid}
        if name in CHANGES:
            self._changing(entry)
        if begun:
            self._add((pid, name), begun)
        if kind is Kind.CALL and name in INSIDE:  # from here on the lines inside tell what happens
            self._open |= {key: dict(DROPPED) for key in self._open if key[0] == pid and key[1] in OPEN}

    def _snapshot(self, before: _Shown | None) -> None:
        """The pool was read: the changes since the last time are known, their causes are not."""
        now = self.last
        self.snapshots += 1
        if before is None or now is None or before.values == now.values:
            return
        was = before.values
        changes = ", ".join(f"{n} {was[n]} -> {value}" for n, value in now.values.items() if was.get(n, value) != value)
        text = f"{changes} since line {before.line}: snapshots do not show which call did it"
        self.verdicts.add(now.line, Says.UNDECIDABLE, "complete", text)

    def _changing(self, entry: Entry) -> None:
        """Keep who is in a function that changes the pool: another process may see the change before it comes back."""
        names = self._inside.setdefault(entry.pid, set())
        if entry.kind is Kind.CALL:
            names.add(entry.name)
        else:
            names.discard(entry.name)
        if not names or len(self._inside) > MOST_TASKS:
            self._inside.pop(entry.pid)

    def _mark(self, entry: Entry) -> None:
        if entry.name == "SNAP":
            if not self._event:  # nothing in between tells what happened
                self._forget()
            elif self.last is not None and not self._any and len(self.snaps) < MOST_SNAPS:
                self.snaps.add(entry.line)
            self._shown(entry, {})
            self._event = False
            self._open.clear()
            self._inside.clear()
        elif entry.name == "STEP":
            text = str(entry.fields["text"])
            self._any |= text.startswith(STEPS)
            if text.startswith("ftruncate"):  # reservations past the end are dropped last, where no probe stands
                self._add((entry.pid, "ftruncate"), DROPPED)
        elif entry.name == "RET":
            self._any |= "child exit" in str(entry.fields["text"])

    def _forget(self) -> None:
        self._decide(None)
        self.last, self._any = None, False
        self._open.clear()
        self._inside.clear()

    def _add(self, key: Key, effect: Effect) -> None:
        if len(self._open) > 64:
            self._open.clear()
            self._any = True
        self._open[key] = dict(effect)

    # -- what functions do ---------------------------------------------------------------------------------
    def _call(self, entry: Entry) -> Effect:
        """The changes that a call may make after the line that shows its entry."""
        name, pid = entry.name, entry.pid
        self._probed.add(name)
        self._called.add(name)
        if name in OPEN:
            return DROPPED if self._probed & INSIDE else ANYTHING
        if name == "hugetlb_vm_op_close":
            return {} if "hugetlb_acct_memory" in self._probed else DROPPED
        if name in RESERVES:
            return self._reserve(entry)
        if name == "hugetlb_acct_memory":
            for other in RESERVES:  # this line tells what they would have left open
                self._open.pop((pid, other), None)
            delta = entry.fields.get("delta")
            self._made[pid] = 0
            return _acct(delta) if isinstance(delta, int) else ANYTHING
        if name == "alloc_huge_page":
            self._dequeued.discard(pid)
            return {} if DEQUEUE & self._probed else TAKEN_HERE
        if name == "free_huge_page":
            of_file = any(key[0] == pid and key[1] in OPEN for key in self._open)
            return BACK if not of_file else {**BACK, "rsvd": (0, 0)}  # only a private page restores its reservation
        return {}

    def _reserve(self, entry: Entry) -> Effect:
        """A mapping is made: at most all its pages are reserved, if no line inside tells how many."""
        self._open.pop((entry.pid, "hugetlbfs_file_mmap"), None)
        first, end = entry.fields.get("f"), entry.fields.get("t")
        start, stop = entry.fields.get("start"), entry.fields.get("end")
        if isinstance(first, int) and isinstance(end, int):
            return _acct(max(end - first, 0))
        if isinstance(start, int) and isinstance(stop, int):
            return _acct(max(stop - start, 0) // SIZE_2M)
        return ANYTHING

    def _back(self, entry: Entry) -> Effect:
        """The changes that a function has made when it comes back."""
        name, pid = entry.name, entry.pid
        self._probed.add(name)
        page = entry.fields.get("page")
        got = isinstance(page, int) and page > 0 and not is_error(page)
        if name in DEQUEUE and got:
            self._dequeued.add(pid)
            return TAKEN if self.one_pool and name == "dequeue_huge_page_node" else TAKEN_HERE
        if name == "alloc_buddy_huge_page" and got:
            self._made[pid] = self._made.get(pid, 0) + 1
            return MADE
        if name == "hugetlb_acct_memory":
            made = self._made.pop(pid, 0)
            return {"free": (0, made)} if name in self._called else ANYTHING  # the log begins inside it
        if name == "alloc_huge_page" and got:
            if (pid, name) in self._open:
                return {}  # its own line going in has told it
            if self._made.get(pid):
                return {**PAID, "free": (-1, 0)}  # a surplus page
            return PAID if pid in self._dequeued else self._taken(entry)
        return {}

    def _taken(self, entry: Entry) -> Effect:
        """A page was handed out: off the free list, or a surplus page that was made for it."""
        before, now = self.last.values.get("total") if self.last else None, entry.fields.get("total")
        if before is None or not isinstance(now, int) or (now == before and not self.one_pool):
            return TAKEN_HERE
        return TAKEN if now == before else {"total": (1, 1), "surp": (1, 1), "rsvd": (-1, 0)}

    def _printed(self, entry: Entry) -> Effect:
        """The lesson's printk lines."""
        if entry.name == "hugetlb_acct_memory":
            return _acct(entry.fields["delta"])
        if entry.name == "dequeue_huge_page_vma" or (entry.name == "alloc_huge_page" and entry.moment == "success"):
            return TAKEN_HERE  # a surplus page has no dequeue
        if entry.name == "free_huge_page" and entry.moment == "after":
            surplus = self.last is None or self.last.values.get("surp") != 0
            return BACK if surplus else {"free": (1, 1), "rsvd": (0, 1)}  # only a surplus page does not become free
        if entry.name == "hugetlbfs_file_mmap" and entry.moment == "failed":
            return ANYTHING
        if entry.name in ("hugetlb_vm_op_close", "hugetlb_unreserve_pages", "hugetlbfs_evict_inode"):
            return DROPPED
        return {}

    # -- comparing -------------------------------------------------------------------------------------------
    def _shown(self, entry: Entry, now: Effect) -> None:
        values = {name: entry.fields[name] for name in Counters._fields if isinstance(entry.fields.get(name), int)}
        self.seen = True
        self.only_printed &= entry.kind is Kind.POINT
        shown = _Shown(values, entry.line, entry.fields.get("lines", {}))
        if not self._sane(shown):
            return  # as if the line had shown nothing
        last = self.last
        if last is None or self._any:
            self._decide(None)
            self.last, self._any = _Shown({**(last.values if last else {}), **values}, entry.line), False
            return
        if self._suspect is not None and self._decide(shown):
            return
        last = self.last
        assert last is not None
        self.checked += len(values)
        wrong = self._wrong(last, shown, now)
        if wrong:
            self._suspect = (last, shown, wrong)
        else:
            self._use(last, shown, now)
        self.last = _Shown({**last.values, **(last.values if wrong else values)}, last.line if wrong else entry.line)

    def _wrong(self, last: _Shown, shown: _Shown, now: Effect) -> str | None:
        """Says which shown value cannot follow from the last ones; None if all can."""
        for name in Counters._fields:
            if name not in shown.values or name not in last.values:
                continue
            spans = [effect[name] for effect in (now, *self._open.values()) if name in effect]
            least, most = sum(s[0] for s in spans), sum(s[1] for s in spans)
            if not least <= _change(last.values[name], shown.values[name]) <= most:
                was, least, most = last.values[name], max(last.values[name] + least, 0), last.values[name] + most
                should = f"{least}" if least == most else f"{least} to {most}"
                return f"{name}={shown.values[name]}; after line {last.line} ({name}={was}) it must be {should}"
        return None

    def _use(self, last: _Shown, shown: _Shown, now: Effect) -> None:
        """A change that has been seen cannot happen again: it is taken off the open call that explains it."""
        for name, value in shown.values.items():
            change = _change(last.values.get(name, value), value)
            least, most = now.get(name, (0, 0))
            change -= min(max(change, least), most)
            for effect in reversed(self._open.values()):
                low, high = effect.get(name, (0, 0))
                part = min(max(change, low), high)
                change -= part
                effect[name] = (low, high - part) if part > 0 else (low - part, high)

    def _sane(self, shown: _Shown) -> bool:
        values = shown.values
        below = next((name for name, value in values.items() if value < 0), None)
        if below:
            self.verdicts.contradicts(shown.line, "counters", f"{below}={values[below]} is below zero")
            return False
        for name in ("free", "surp"):
            if values.get(name, 0) > values.get("total", MANY):
                most = f"of {values['total']} pages (line {shown.at('total')})" if "total" in values else "are too many"
                text = f"{name}={values[name]} {most}"
                self.verdicts.contradicts(shown.at(name), "counters", text)
                return False
        return True

    def _decide(self, shown: _Shown | None) -> bool:
        """The line after one that did not fit tells which is the odd one; True where that line is dealt with."""
        if self._suspect is None:
            return False
        before, odd, wrong = self._suspect
        self._suspect = None
        resized = odd.values.get("total", 0) != before.values.get("total", odd.values.get("total", 0))
        if shown is None and resized:
            text = f"{wrong}; something outside the log may have changed the pool's size"
            self.verdicts.add(odd.line, Says.UNDECIDABLE, "counters", text)
            return False
        if shown is None or self._wrong(before, shown, {}) is None or self._wrong(odd, shown, {}) is not None:
            self.verdicts.contradicts(odd.line, "counters", wrong)  # its neighbours fit without it
            return False
        if resized:
            text = f"{wrong}; what follows agrees with it: something outside the log has changed the pool's size"
            self.verdicts.add(odd.line, Says.UNDECIDABLE, "counters", text)
        else:
            text = f"{wrong}; what follows agrees with it: a line is missing, or another program took part"
            self.verdicts.contradicts(odd.line, "counters", text, before.line)
        self.last = _Shown({**before.values, **odd.values, **shown.values}, shown.line)
        return True

    def finish(self) -> None:
        """The last line has no line after it."""
        self._decide(None)
        if self.snapshots > 1 and not self.verdicts.counted[Says.CONTRADICTS, "counters"]:
            self.verdicts.agrees(0, "counters", f"{self.snapshots:,} snapshots of the pool, each of them possible")
        if self.checked and not self.verdicts.counted[Says.CONTRADICTS, "counters"]:
            self.verdicts.agrees(0, "counters", f"{self.checked:,} counter values follow from the lines before them")
