"""The four counters, kept like books: each line that shows them must follow from the line before and what happened since.

Needs no model and no marks. What changes a counter, and when a probe sees it, is one table: EFFECTS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .entry import Entry, Kind
from .verdict import Says, Verdicts

NAMES = ("nr", "free", "resv", "surp")
Range = tuple[int, int]
ANY: Range = (-(1 << 40), 1 << 40)
NONE: Range = (0, 0)


class Effect(NamedTuple):
    """By how much each counter may have changed: (least, most) for nr, free, resv, surp."""

    nr: Range = NONE
    free: Range = NONE
    resv: Range = NONE
    surp: Range = NONE

    def __add__(self, other: object) -> Effect:  # type: ignore[override]
        assert isinstance(other, Effect)
        return Effect(*((a[0] + b[0], a[1] + b[1]) for a, b in zip(self, other, strict=True)))


NOTHING = Effect()
ANYTHING = Effect(ANY, ANY, ANY, ANY)
TAKEN = Effect(free=(-1, -1), resv=(-1, 0))  # dequeue: on 3.10 the promise falls with it, later it does not yet
TAKEN_HERE = Effect(nr=(0, 1), free=(-1, 0), resv=(-1, 0), surp=(0, 1))  # alloc that has no dequeue line
PAID = Effect(resv=(-1, 0))  # alloc after its dequeue
MADE = Effect(nr=(0, 1), free=(0, 1), surp=(0, 1))  # a surplus page, on its way to the free list or to a fault
BACK = Effect(nr=(-1, 0), free=(0, 1), resv=(0, 1), surp=(-1, 0))  # free_huge_page, after its line


def _acct(delta: int) -> Effect:
    """hugetlb_acct_memory: resv by delta, and surplus pages if free ones do not do."""
    if delta >= 0:
        return Effect((0, delta), (0, delta), (0, delta), (0, delta))
    return Effect((delta, 0), (delta, 0), (delta, delta), (delta, 0))


# Functions that change the pool in ways that only the lines inside them tell, if those are recorded at all.
OPENS = frozenset(
    (
        "set_max_huge_pages",
        "hugetlbfs_evict_inode",
        "hugetlb_unreserve_pages",
        "hugetlb_vm_op_close",
        "truncate_hugepages",
        "hugetlbfs_fallocate",
        "hugetlbfs_punch_hole",
        "hugetlb_vmtruncate",
        "demote_pool_huge_page",
        "alloc_fresh_huge_page",
        "return_unused_surplus_pages",
        "hugetlbfs_put_super",
        "hugepage_new_subpool",
    )
)
# Marks: what the program itself does next may change the pool where no probe stands.
_STEPS = ("munmap", "unlink", "close", "end", "echo", "ftruncate", "fallocate", "madvise", "mount", "umount", "fork")


@dataclass
class _Shown:
    values: dict[str, int]
    line: int


@dataclass
class Books:
    """Follows the counters through a log."""

    verdicts: Verdicts
    checked: int = 0  # values that had to be what they are
    last: _Shown | None = None
    pending: Effect = NOTHING
    _suspect: tuple[_Shown, _Shown, Effect, str] | None = None  # before, the odd one, what was allowed, what was wrong
    _inside: dict[int | None, str] = field(default_factory=dict)  # process -> function that is changing the pool
    _probed: set[str] = field(default_factory=set)
    _dequeued: set[int | None] = field(default_factory=set)

    def feed(self, entry: Entry) -> None:
        """Look at one line."""
        if entry.kind is Kind.LOST:
            self._forget()
            return
        if entry.kind is Kind.MARK:
            if entry.name == "SNAP":
                self._inside.clear()
                self._shown(entry)
            elif entry.name == "STEP" and str(entry.fields["text"]).startswith(_STEPS):
                self.pending = ANYTHING
            elif entry.name == "RET" and "child exit" in str(entry.fields["text"]):
                self.pending = ANYTHING
            return
        if entry.kind is Kind.COUNTERS:
            self._forget()
            self._shown(entry)
            return
        if entry.kind not in (Kind.CALL, Kind.RETURN, Kind.POINT):
            return
        before, after = self._effects(entry)
        if any(pid != entry.pid for pid in self._inside):  # two processes change the pool at the same time
            before = after = ANYTHING
        self.pending += before
        if any(name in entry.fields for name in NAMES):
            self._shown(entry)
        self.pending += after

    def _forget(self) -> None:
        self._suspect, self.last, self.pending = None, None, NOTHING
        self._inside.clear()

    def _effects(self, entry: Entry) -> tuple[Effect, Effect]:
        """What the line's function did up to the line, and what it may do after it."""
        name, pid, fields = entry.name, entry.pid, entry.fields
        back = entry.kind is Kind.RETURN
        if name in ("alloc_huge_page", "hugetlb_acct_memory", "dequeue_huge_page_vma", "free_huge_page"):
            self._probed.add(name)
        if entry.kind is Kind.POINT:
            return self._printed(entry)
        if name in OPENS:
            if back:
                self._inside.pop(pid, None)
                return ANYTHING if not self._probed & {"free_huge_page", "hugetlb_acct_memory"} else NOTHING, NOTHING
            self._inside[pid] = name
            return NOTHING, ANYTHING if name != "hugetlb_vm_op_close" or "hugetlb_acct_memory" not in self._probed else NOTHING
        page = fields.get("page")
        got = isinstance(page, int) and 0 < page < (1 << 64) - 4095
        if name == "hugetlb_acct_memory":
            delta = fields.get("delta")
            if back:
                return NOTHING, NOTHING
            return NOTHING, _acct(delta) if isinstance(delta, int) else ANYTHING
        if name == "dequeue_huge_page_vma" and back:
            self._dequeued.add(pid)
            return (TAKEN if got else NOTHING), NOTHING
        if name == "alloc_buddy_huge_page":
            return (MADE, MADE) if back and got else (NOTHING, NOTHING)
        if name == "alloc_huge_page":
            if not back:
                self._dequeued.discard(pid)
                return NOTHING, NOTHING if "dequeue_huge_page_vma" in self._probed else TAKEN_HERE
            if pid in self._dequeued:
                return PAID, NOTHING
            return (TAKEN_HERE if got else NOTHING), NOTHING
        if name == "free_huge_page":
            return NOTHING, BACK if not back else NOTHING
        return NOTHING, NOTHING

    def _printed(self, entry: Entry) -> tuple[Effect, Effect]:
        """The lesson's printk lines."""
        fields = entry.fields
        if entry.name == "hugetlb_acct_memory":
            return NOTHING, _acct(fields["delta"])
        if entry.name == "dequeue_huge_page_vma":
            return TAKEN_HERE, NOTHING
        if entry.name == "alloc_huge_page" and entry.moment == "success":
            return NOTHING, Effect(nr=(0, 1), free=(-1, 0), resv=(-1, 0), surp=(0, 1))  # a surplus page was not dequeued
        if entry.name == "free_huge_page":
            return (NOTHING, NOTHING) if entry.moment == "start" else (BACK, NOTHING)
        if entry.name == "hugetlbfs_file_mmap" and entry.moment == "failed":
            return ANYTHING, NOTHING
        if entry.name in ("hugetlb_vm_op_close", "hugetlb_unreserve_pages", "hugetlbfs_evict_inode"):
            return NOTHING, Effect(resv=(-(1 << 40), 0))
        return NOTHING, NOTHING

    # -- comparing ----------------------------------------------------------------------------------------
    def _shown(self, entry: Entry) -> None:
        values = {name: entry.fields[name] for name in NAMES if isinstance(entry.fields.get(name), int)}
        shown = _Shown(values, entry.line)
        if not self._sane(shown):
            return  # as if the line had shown nothing
        last = self.last
        if last is None:
            self.last, self.pending = shown, NOTHING
            return
        if self._suspect is not None:
            self._decide(shown)
            return
        wrong = _wrong(last, shown, self.pending)
        self.checked += len(values)
        if wrong:
            self._suspect = (last, shown, self.pending, wrong)
            self.pending = NOTHING
            return
        self.last = _Shown({**last.values, **values}, entry.line)
        self.pending = NOTHING if len(values) == len(NAMES) else self._rest(values)

    def _rest(self, values: dict[str, int]) -> Effect:
        """What is still open for the counters that a line did not show."""
        return Effect(*(NONE if name in values else span for name, span in zip(NAMES, self.pending, strict=True)))

    def _sane(self, shown: _Shown) -> bool:
        values = shown.values
        below = next((name for name, value in values.items() if value < 0), None)
        if below:
            self.verdicts.contradicts(shown.line, "counters", f"{below}={values[below]} is below zero")
        elif values.get("free", 0) > values.get("nr", ANY[1]) or values.get("surp", 0) > values.get("nr", ANY[1]):
            many = "free" if values.get("free", 0) > values["nr"] else "surp"
            text = f"{many}={values[many]} of {values['nr']} pages"
            self.verdicts.contradicts(shown.line, "counters", text)
        else:
            return True
        return False

    def _decide(self, shown: _Shown) -> None:
        """The line after one that did not fit: which of the three is the odd one?"""
        assert self._suspect is not None
        before, odd, allowed, wrong = self._suspect
        self._suspect = None
        if _wrong(before, shown, allowed + self.pending) is None or _wrong(odd, shown, self.pending) is not None:
            self.verdicts.contradicts(odd.line, "counters", wrong)  # its neighbours fit without it
            self.last, self.pending = _Shown({**before.values, **shown.values}, shown.line), NOTHING
            return
        text = f"{wrong}; what follows agrees with it: a line is missing, or something outside the log changed the pool"
        self.verdicts.contradicts(odd.line, "counters", text)
        self.last, self.pending = _Shown({**odd.values, **shown.values}, shown.line), NOTHING

    def finish(self) -> None:
        """The last line has no line after it."""
        if self._suspect is not None:
            _, odd, _, wrong = self._suspect
            self.verdicts.contradicts(odd.line, "counters", wrong)
            self._suspect = None
        if self.checked:
            text = f"{self.checked:,} counter values follow from the lines before them"
            if not self.verdicts.counted[Says.CONTRADICTS, "counters"]:
                self.verdicts.agrees(0, "counters", text)


def _wrong(last: _Shown, shown: _Shown, allowed: Effect) -> str | None:
    """What of the shown values cannot follow from the last ones; None if all can."""
    for name, (least, most) in zip(NAMES, allowed, strict=True):
        if name not in shown.values or name not in last.values:
            continue
        change = shown.values[name] - last.values[name]
        if not least <= change <= most:
            should = f"{last.values[name] + least}" if least == most else f"{last.values[name] + least} to {last.values[name] + most}"
            return f"{name}={shown.values[name]}; after line {last.line} ({name}={last.values[name]}) it must be {should}"
    return None
