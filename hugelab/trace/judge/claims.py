"""An author's claims about a log: prose, tables and call chains between its lines, checked against the lines.

A claim that the kernel's own lines contradict is a slip of its author. Prose that claims nothing known stays unread.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

from ...core.units import BASE_PAGE_SIZE, count
from ...linux.flags import VM_MAYSHARE
from ...linux.machines import SIZE_2M
from ..read.entry import Entry, Kind
from ..verdict import Says, Verdicts
from .pages import Pages, Pair

_CHAIN_HEAD = re.compile(r"(?:User|Program|Userspace)[\w ]*: *(\w+)\(\)")
_CHAIN_LINK = re.compile(r"[A-Z][\w .-]*: *(\w+)\(\)(.*)")
_FREES = frozenset(("free_huge_page", "hugetlb_unreserve_pages", "free_huge_folio"))
MOST = 5000  # claims that are remembered


@dataclass
class Claims:
    """Reads claims, and judges them when the whole log is known."""

    verdicts: Verdicts
    pages: Pages
    _later: list[Callable[[], None]] = field(default_factory=list)
    _chain: str = ""  # the call whose chain is being told
    # what the log's own lines say
    mode: tuple[int, int] | None = None
    shared: bool = False
    close: Entry | None = None
    evicted: bool = False
    first_free: Entry | None = None
    states: list[tuple[int, int, int]] = field(default_factory=list)  # line, free, rsvd before each alloc
    after: list[tuple[int, int]] = field(default_factory=list)  # line, free after each free
    reserved: int = 0

    # -- the log -----------------------------------------------------------------------------------------
    def feed(self, entry: Entry) -> None:
        """Look at a line that the kernel wrote."""
        fields = entry.fields
        if entry.kind is not Kind.POINT or "text" not in fields:
            return
        if entry.name == "hugetlbfs_get_inode" and "mode" in fields and self.mode is None:
            self.mode = (fields["mode"], entry.line)
        elif entry.name == "hugetlbfs_file_mmap" and "vm_flags" in fields:
            self.shared = bool(fields["vm_flags"] & VM_MAYSHARE)
        elif entry.name == "hugetlb_acct_memory" and fields["delta"] > 0:
            self.reserved += fields["delta"]
        elif entry.name == "alloc_huge_page" and entry.moment == "hstate" and len(self.states) < MOST:
            self.states.append((entry.line, fields["free"], fields["rsvd"]))
        elif entry.name == "free_huge_page" and entry.moment == "after" and len(self.after) < MOST:
            self.after.append((entry.line, fields["free"]))
        elif entry.name == "hugetlb_vm_op_close":
            self.close, self.evicted = entry, False
        elif entry.name == "hugetlbfs_evict_inode":
            self.evicted = True
        elif entry.name == "free_huge_page" and self.close and self.first_free is None:
            self.first_free = entry if self.shared and not self.evicted else None

    # -- the prose ---------------------------------------------------------------------------------------
    def read(self, text: str, line: int) -> bool:
        """Is this line a claim about the log?"""
        known = self._chained(text.strip(), line)
        for pattern, name in _CLAIMS:
            for found in pattern.finditer(text):
                known = True
                judge = getattr(self, f"_{name}")
                if len(self._later) < MOST:
                    self._later.append(partial(judge, line, *found.groups()))
        return known

    def _chained(self, text: str, line: int) -> bool:
        head = _CHAIN_HEAD.match(text)
        if head:
            self._chain = head[1]
            return True
        link = _CHAIN_LINK.match(text)
        if link is None or not self._chain:
            return text in ("↓", "|", "v", "->") and bool(self._chain)
        if self._chain == "munmap" and link[1] in _FREES:
            self._later.append(partial(self._munmap_frees, line, link[1]))
        return True

    def finish(self) -> None:
        """Judge everything that was claimed."""
        for judge in self._later:
            judge()
        first, close = self.first_free, self.close
        if first is not None and close is not None:
            later = 1000 * ((first.time or 0) - (close.time or 0))
            gap = f"{later:.1f} ms after" if later > 0 else "after"
            text = f"this page comes back {gap} the close of line {close.line}, and no line shows the file's end"
            text += ": munmap of a shared file frees nothing; what frees is the last unlink, close or exit"
            self.verdicts.add(first.line, Says.SLIP, "munmap", text)

    def _munmap_frees(self, line: int, name: str) -> None:
        if self.shared or self.close is None:
            text = f"{name} is not called by munmap of a shared file: hugetlbfs_evict_inode calls it, when the last"
            self.verdicts.add(line, Says.SLIP, "munmap", f"{text} holder of the file lets go")

    def _open(self, line: int, mode: str) -> None:
        if self.mode is None or not set(mode) <= set("01234567"):
            return
        made, at = self.mode
        if made & 0o7777 == int(mode, 8):
            self.verdicts.agrees(at, "mode", f"mode={made:#x} is a file (S_IFREG) with 0{int(mode, 8):o}, as opened")
        else:
            self.verdicts.contradicts(at, "mode", f"mode={made:#x}, and line {line} opens with {mode}")

    def _physical(self, line: int, page: str, pfn: str) -> None:
        self._pair(line, page, pfn)
        text = f"{page} is the address of a struct page; the memory of pfn {pfn} is at {int(pfn) * BASE_PAGE_SIZE:#x}"
        self.verdicts.add(line, Says.SLIP, "struct page", text)

    def _pair(self, line: int, page: str, pfn: str) -> None:
        self.pages.pairs.append(Pair(int(page, 16), int(pfn), line))

    def _row(self, line: int, number: str, addr: str, page: str, pfn: str, free: str, rsvd: str) -> None:
        self._pair(line, page, pfn)
        if not self.states:
            return
        at, before, reserved = self.states[0]
        pages = count(int(number), "page")
        wanted = before - int(number), max(reserved - int(number), 0)
        if (int(free), int(rsvd)) == wanted:
            self.verdicts.agrees(line, "counters", f"free={free}, rsvd={rsvd} after {pages}, from line {at} on")
        else:
            text = f"free={free}, rsvd={rsvd}; {pages} after line {at} it is {wanted[0]} and {wanted[1]}"
            self.verdicts.contradicts(line, "counters", text)

    def _slip(self, line: int, words: str) -> None:
        self.verdicts.add(line, Says.SLIP, *_SLIPS[words])

    def _available(self, line: int, free: str) -> None:
        text = f"free={free} is not what is available: available is free - rsvd"
        if self.reserved:
            text += f", {int(free) - self.reserved} of {free} while {self.reserved} are reserved"
        self.verdicts.add(line, Says.SLIP, "available", text)

    def _tlb(self, line: int, huge: str, small: str) -> None:
        if self._small(line, "complete", huge, small):
            text = f"{huge} against {small} counts translations; whether they sit in the TLB no log shows"
            self.verdicts.add(line, Says.UNDECIDABLE, "complete", text)

    def _faults(self, line: int, huge: str, small: str) -> None:
        if self._small(line, "touched", huge, small):
            self.verdicts.agrees(line, "touched", f"{huge} faults against {small}: 512 to 1")

    def _small(self, line: int, rule: str, huge: str, small: str) -> bool:
        pages = int(huge) * SIZE_2M // BASE_PAGE_SIZE
        if pages != int(small):
            self.verdicts.contradicts(line, rule, f"{huge} huge pages are {pages} small ones")
        return pages == int(small)

    def _falls(self, line: int, free: str, then: str, rsvd: str, less: str) -> None:
        match = next((s for s in self.states if s[1:] == (int(free), int(rsvd))), None)
        if self.states and match is None:
            at, was, rsvd_was = self.states[0]
            self.verdicts.contradicts(line, "counters", f"free {free}, rsvd {rsvd}; line {at} has {was} and {rsvd_was}")
        elif match and int(free) - int(then) == 1 and int(rsvd) - int(less) == 1:
            self.verdicts.agrees(line, "counters", f"one page taken, one reservation used, from line {match[0]} on")

    def _rises(self, line: int, chain: str) -> None:
        steps = [int(part) for part in re.split(r"→|->", chain)]
        if any(after != before + 1 for before, after in pairwise(steps)):
            self.verdicts.contradicts(line, "counters", f"{chain}: each page that comes back adds one")
            return
        odd = next(((at, free) for at, free in self.after if free not in steps[1:]), None)
        first = self.after[0] if self.after else None
        odd = first if first and first[1] != steps[1] else odd
        if odd:
            self.verdicts.contradicts(odd[0], "counters", f"free={odd[1]}, and line {line} has {chain}")
        elif first:
            self.verdicts.agrees(line, "counters", f"{chain}: from line {first[0]} on")


_SLIPS = {  # words that are always one: rule, and what is true
    "Physical Page": ("struct page", "the numbers in this column are addresses of struct pages, not of memory"),
    "ll reservations released": ("munmap",
        "reservations of a shared file stay with its inode after munmap; touched pages used theirs at the fault"),
}  # fmt: skip
_HEX = r"(?:0x)?([0-9a-f]{6,16})"
_N = r"(\d{1,19})"
_CLAIMS = (
    (re.compile(r'open\("[^"]+",[^)]*?, ?(0\d{1,19})\)'), "open"),
    (re.compile(rf"physical page {_HEX} \(PFN {_N}\)", re.IGNORECASE), "physical"),
    (re.compile(rf"^\s*{_N}\s+0x([0-9a-f]+)\s+{_HEX}\s+{_N}\s+free={_N}, resv={_N}\s*$"), "row"),
    (re.compile(r"\b(Physical Page)\s+PFN\b"), "slip"),
    (re.compile(r"[Aa](ll reservations released)"), "slip"),
    (re.compile(r"free_?\w*=(\d{1,19}) \(\d{1,19} ?MB available\)"), "available"),
    (re.compile(r"(\d{1,19}) TLB entries instead of (\d{1,19})"), "tlb"),
    (re.compile(r"(\d{1,19}) faults instead of (\d{1,19})"), "faults"),
    (re.compile(r"free_pages: (\d{1,19})(?:→|->)(\d{1,19}), resv_pages: (\d{1,19})(?:→|->)(\d{1,19})"), "falls"),
    (re.compile(r"free_pages: (\d{1,19}(?:(?:→|->)\d{1,19}){2,})"), "rises"),
)
