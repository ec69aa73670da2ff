"""The kernel that wrote a log: from its header if there is one, else from names, flags and the width of addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ...linux.flags import VM_DONTDUMP, VM_DONTEXPAND, VM_HUGETLB, VM_MAYSHARE, VM_SHARED
from ...linux.machines import LESSON, SIZE_2M, X86_64, Machine
from ...linux.names import NAMES, WRAPPED, all_names, release
from ...linux.rules import OLDEST, rules_of
from ..read.entry import Entry, Kind
from .flags import NEW, OLD

Release = tuple[int, int]
_LAST_MINOR = {2: 6, 3: 19, 4: 20, 5: 19, 6: 19}  # the last release of each number
VM_RESERVED = 0x80000  # before 3.7

# The struct page of a huge page's first page, by kernel; the log's own pairs of page and pfn come first.
STRIDE_PAE_OLD, STRIDE_PAE = 32, 40  # 3.10; 5.10 and 6.1


class Sign(NamedTuple):
    """One thing that a log shows: the kernel is at least ``since`` and before ``until``."""

    since: Release | None
    until: Release | None
    why: str
    line: int

    @property
    def says(self) -> str:
        """The range in words."""
        since = f"since {_dotted(self.since)}" if self.since else ""
        until = f"up to {_dotted(_before(self.until))}" if self.until else ""
        return " ".join(part for part in (since, until) if part) or "any version"


@dataclass
class Versions:
    """Collects signs from entries."""

    header: str = ""  # what the log says itself
    cmdline: str = ""
    words: int = 0  # bits of an address; 0: not seen
    two_mb: bool = False
    seen: dict[str, Sign] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)  # functions that were seen

    def feed(self, entry: Entry, text: str) -> None:
        """Look at one line."""
        if entry.kind is Kind.NOTE:
            self.header = self.header or entry.fields.get("kernel", "")
            self.cmdline = self.cmdline or entry.fields.get("cmdline", "")
            return
        if entry.kind is Kind.MARK:
            if entry.name == "PROG" and entry.fields.get("bits") in (32, 64):
                self.words = entry.fields["bits"]
            return
        if entry.name not in self.names and entry.kind is not Kind.OTHER:
            self.names.add(entry.name)
            self._name(entry, text)
        fields = entry.fields
        if fields:
            self._fields(entry, fields)

    def _sign(self, key: str, since: str | None, until: str | None, why: str, line: int) -> None:
        if key not in self.seen:
            self.seen[key] = Sign(release(since) if since else None, release(until) if until else None, why, line)

    def _name(self, entry: Entry, text: str) -> None:
        if entry.moment == "tracepoint":
            self._sign("tracepoint", "6.13", None, "the hugetlbfs tracepoints", entry.line)
        used = set(re.findall(r"[A-Za-z_]\w+", text))
        if "SyS_" in text:
            self._sign("SyS", "3.10", "4.17", "system calls called SyS_", entry.line)
        if "__x64_sys_" in text:
            self._sign("x64_sys", f"{WRAPPED[0]}.{WRAPPED[1]}", None, "system calls called __x64_sys_", entry.line)
        if entry.name not in NAMES:
            return
        name = next((name for name in reversed(all_names(entry.name)) if name in used), None)
        if name is None:
            return
        changes = [(None, entry.name), *NAMES[entry.name]]
        at = next(i for i, (_, new) in enumerate(changes) if new == name)
        until = changes[at + 1][0] if at + 1 < len(changes) else None
        self._sign(f"name {name}", changes[at][0], until, f"a function called {name}", entry.line)

    def _fields(self, entry: Entry, fields: dict[str, object]) -> None:
        line = entry.line
        for name in ("start", "addr", "page"):
            value = fields.get(name)
            if isinstance(value, int) and value > 0xFFFF:
                self.words = max(self.words, 64 if value >= 1 << 32 else 32)
        if fields.get("hugepage_size") == SIZE_2M:
            self.two_mb = True
        flags, vm_flags = fields.get("flags"), fields.get("vm_flags")
        if entry.name == "hugetlb_fault" and isinstance(flags, int):
            self._fault_flags(flags, line)
        if isinstance(vm_flags, int) and vm_flags & VM_HUGETLB:
            self._vm_flags(vm_flags, entry)

    def _fault_flags(self, flags: int, line: int) -> None:
        if flags & OLD.by_program == OLD.by_program:
            self._sign("fault", None, "4.0", f"fault flags numbered as up to 3.19 ({flags:#x})", line)
            if not flags & OLD.user:
                self._sign("user", None, "3.12", f"fault flags {flags:#x} without FAULT_FLAG_USER", line)
        elif flags & NEW.by_program == NEW.by_program:
            self._sign("fault", "4.0", None, f"fault flags numbered as since 4.0 ({flags:#x})", line)
            if flags & NEW.interruptible:
                self._sign("interruptible", "5.7", None, "FAULT_FLAG_INTERRUPTIBLE 0x200", line)
            if flags & NEW.vma_lock:
                self._sign("vma_lock", "6.4", None, "FAULT_FLAG_VMA_LOCK 0x1000", line)

    def _vm_flags(self, vm_flags: int, entry: Entry) -> None:
        line = entry.line
        if vm_flags & VM_DONTEXPAND and not vm_flags & VM_RESERVED:
            self._sign("reserved", "3.7", None, f"vm_flags {vm_flags:#x} without VM_RESERVED", line)
            if not vm_flags & VM_DONTDUMP:
                self._sign("dontdump", "3.9", None, f"vm_flags {vm_flags:#x} without VM_DONTDUMP", line)
        if entry.name == "hugetlb_vm_op_close" and vm_flags & VM_SHARED:
            if vm_flags & VM_MAYSHARE:
                self._sign("mayshare", "6.1", None, f"VM_MAYSHARE is still there at the close ({vm_flags:#x})", line)
            else:
                self._sign("mayshare", "3.6", "6.1", f"VM_MAYSHARE is gone at the close ({vm_flags:#x})", line)

    # -- what follows from it ---------------------------------------------------------------------------
    @property
    def since(self) -> Release | None:
        """The oldest release that fits all signs."""
        return max((sign.since for sign in self.seen.values() if sign.since), default=None)

    @property
    def until(self) -> Release | None:
        """The first release that fits no more."""
        return min((sign.until for sign in self.seen.values() if sign.until), default=None)

    @property
    def kernel(self) -> str:
        """The kernel in words: that of the header, else a range; "" if the log shows nothing."""
        if self.header:
            head = self.header.split()
            return " ".join(dict.fromkeys((head[0], head[-1])))
        return ", ".join(part for part in (self._range(), self._word()) if part)

    def _range(self) -> str:
        since, until = self.since, self.until
        if since and until and since >= until:
            return ""  # the signs contradict each other
        last = _before(until) if until else None
        if since and last:
            return _dotted(since) if since == last else f"{_dotted(since)} to {_dotted(last)}"
        if since:
            return f"{_dotted(since)} or later"
        return f"{_dotted(last)} or older" if last else ""

    def _word(self) -> str:
        if self.words == 32:
            return "32-bit PAE" if self.two_mb else "32-bit"
        return "64-bit" if self.words == 64 else ""

    @property
    def told(self) -> Release | None:
        """The release of the header, if there is one."""
        found = re.match(r"(\d+)\.(\d+)", self.header)
        return (int(found[1]), int(found[2])) if found else None

    @property
    def release(self) -> Release:
        """The release to take rules of."""
        if self.told:
            return self.told
        if self.until:
            return _before(self.until)
        return self.since or ((6, 18) if self.words != 32 else (3, 10))

    def machine(self) -> Machine:
        """A machine of the model with this kernel's rules; those of the oldest release for one that is older."""
        rules = rules_of(_dotted(max(self.release, release(OLDEST))))
        if self.words == 32:
            stride = STRIDE_PAE_OLD if self.release < (4, 0) else STRIDE_PAE
            return replace(LESSON, rules=rules, frames=(), struct_page=stride, memory=1 << 32)
        return replace(X86_64, rules=rules)


def _before(until: Release) -> Release:
    major, minor = until
    return (major, minor - 1) if minor else (major - 1, _LAST_MINOR[major - 1])


def _dotted(at: Release) -> str:
    return f"{at[0]}.{at[1]}"
