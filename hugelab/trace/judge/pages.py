"""Struct page pointers: which stride and base fit the log's pairs of page and pfn, and who has which page.

page = base + stride x pfn (include/asm-generic/memory_model.h: mem_map, or vmemmap on x86-64).
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any, NamedTuple

from ...core.units import BASE_PAGE_SIZE
from ...linux.flags import KPF
from ...linux.machines import SIZE_2M
from ..read.entry import DEQUEUE, Entry, Kind, is_error
from ..verdict import Says, Verdicts

PER = SIZE_2M // BASE_PAGE_SIZE  # base pages of a 2 MiB page
STRIDES = range(24, 129, 4)  # bytes a struct page has had
VMEMMAP = 0xFFFFEA0000000000  # x86-64 without KASLR
_BIT = {name: 1 << bit for bit, name in enumerate(KPF)}
# These come and go while a page is used, and so do the kernel's own above bit 31.
_MAY_CHANGE = sum(_BIT[name] for name in ("REFERENCED", "UPTODATE", "DIRTY", "ACTIVE", "MMAP", "ANON")) | -1 << 32
_FIRST = _BIT["HUGE"] | _BIT["COMPOUND_HEAD"]
_NEVER = sum(_BIT[name] for name in ("LRU", "SLAB", "WRITEBACK", "RECLAIM", "BUDDY", "SWAPCACHE", "KSM", "THP"))
MOST_PAIRS = 512  # that the fit looks at


class Pair(NamedTuple):
    """A struct page pointer and the pfn that the log says it is."""

    page: int
    pfn: int
    line: int


class Fit(NamedTuple):
    """``page = base + stride * pfn`` in bytes; ``pairs`` of the log say so (0: known of this kernel, not shown)."""

    stride: int
    base: int
    pairs: int


def fit(pairs: list[Pair]) -> Fit | None:
    """The stride and base that most pairs fit; None for fewer than two different ones."""
    different = list({(pair.page, pair.pfn): pair for pair in pairs[:MOST_PAIRS]}.values())
    votes: Counter[tuple[int, int]] = Counter()
    for one, two in combinations(different[:64], 2):
        stride, rest = divmod(two.page - one.page, two.pfn - one.pfn) if two.pfn != one.pfn else (0, 1)
        if not rest and stride in STRIDES:
            votes[stride, one.page - stride * one.pfn] += 1
    if not votes:
        return None
    (stride, base), _ = votes.most_common(1)[0]
    return Fit(stride, base, sum(pair.page == base + stride * pair.pfn for pair in different))


class Tally:
    """Values of one thing that should be the same in all lines: how often each was shown, and where first."""

    def __init__(self) -> None:
        self.count: Counter[int] = Counter()
        self.first: dict[int, int] = {}  # value -> its first line

    def add(self, value: int, line: int) -> None:
        """A line shows this value."""
        self.count[value] += 1
        self.first.setdefault(value, line)

    @property
    def usual(self) -> int:
        """The value of most lines; 0 for no line."""
        return max(self.count, key=self.count.__getitem__, default=0)

    def alone(self) -> list[tuple[int, int]]:
        """The values that one line alone shows, while most show another: (value, line)."""
        usual = self.usual
        return [(value, line) for value, line in self.first.items() if value != usual and self.count[value] == 1]


class Pages:
    """Follows pages through a log: where they lie and whether they are handed out once."""

    def __init__(self, verdicts: Verdicts):
        self.verdicts = verdicts
        self.pairs: list[Pair] = []
        self.pointers: dict[int, int] = {}  # struct page of a huge page -> its first line
        self.vmemmap: int | None = None
        self.landed: dict[tuple[int | None, int], tuple[int, int]] = {}  # process, address -> struct page, line
        self._forked = False
        self.used: dict[int, int] = {}  # struct page -> line where it was handed out
        self.back: dict[int, int] = {}  # struct page -> line where it came back
        self.takers: set[int | None] = set()  # processes that took pages
        self.unknown: list[tuple[int, int, int | None]] = []  # pages that came back and were never handed out, lines
        self.made: set[int] = set()  # surplus pages: they may go without ever being handed out
        self.one_node = False
        self.gave = False  # some line shows a page being handed out
        self._may_be_whole = True
        self.whole = False  # the log begins with every page free, so it shows each page being taken
        self.kflags = Tally()
        self.nodes: list[tuple[int, int, int]] = []  # pfn, node, line
        self.online: set[int] = set()  # nodes that a SNAP has shown

    def feed(self, entry: Entry) -> None:
        """Look at one line."""
        fields = entry.fields
        if isinstance(fields.get("vmemmap"), int):
            self.vmemmap = fields["vmemmap"]
        if entry.kind is Kind.MARK:
            self._mark(entry)
            return
        page = fields.get("page")
        if not isinstance(page, int) or page < 0x1000 or is_error(page) or entry.kind is Kind.OTHER:
            return
        if len(self.pointers) < 4 * MOST_PAIRS:
            self.pointers.setdefault(page, entry.line)
        pfn = fields.get("pfn")
        if isinstance(pfn, int):
            self._pair(Pair(page, pfn, entry.line))
        if entry.name in DEQUEUE or (entry.name == "alloc_huge_page" and entry.moment != "start"):
            self._taken(entry, page)
        elif entry.name == "alloc_buddy_huge_page":
            self.made.add(page)
        elif entry.name == "free_huge_page":
            self._freed(page, entry.line, entry.pid)

    def _mark(self, entry: Entry) -> None:
        if entry.name == "PAGE":
            self._page_mark(entry)
        elif entry.name == "SNAP":
            self.online |= entry.fields["nodes"].keys()
            self.whole |= self._may_be_whole and not self.pointers and entry.fields["free"] == entry.fields["total"]
        elif entry.name == "CHILD":  # without PIDs it is unknown from now on whose page an address is
            self._forked = True

    def _pair(self, pair: Pair) -> None:
        if len(self.pairs) < MOST_PAIRS:
            self.pairs.append(pair)

    def _no(self, line: int, text: str, rule: str = "page") -> None:
        self.verdicts.contradicts(line, rule, text)

    def _taken(self, entry: Entry, page: int) -> None:
        before = self.used.get(page)
        # dequeue and alloc both tell of the same page, one after the other
        if before is None or entry.name in DEQUEUE:
            if before is not None and self.back:  # without a line of a page that comes back, it may have
                self._no(entry.line, f"page {page:x} is handed out again; line {before} gave it, nothing freed it")
            self.used[page] = entry.line
            self.gave = True
            self.takers.add(entry.pid)

    def _freed(self, page: int, line: int, pid: int | None) -> None:
        known = self.used.pop(page, None)
        if known is None and self.whole and self.gave and page not in self.made:
            since = f" since line {self.back[page]} took it back" if page in self.back else ""
            self._no(line, f"page {page:x} comes back, and no line handed it out{since}")
        elif known is None:
            self.unknown.append((page, line, pid))
            del self.unknown[2:]
        if len(self.back) < 4 * MOST_PAIRS:
            self.back[page] = line

    def lost(self) -> None:
        """Lines are missing: it is unknown which pages are handed out."""
        self.used.clear()
        self.unknown.clear()
        self.landed.clear()
        self.whole = self.gave = False
        self._may_be_whole = False

    def land(self, pid: int | None, addr: int, page: int, line: int) -> None:
        """A page was handed out for an address: a PAGE mark may say later where it lies."""
        if len(self.landed) < 4 * MOST_PAIRS:
            self.landed[pid, addr & -SIZE_2M] = (page, line)

    def _page_mark(self, entry: Entry) -> None:
        va, pfn, flags = (entry.fields.get(name) for name in ("va", "pfn", "kflags"))
        if not isinstance(va, int) or not isinstance(pfn, int):
            return
        if va % BASE_PAGE_SIZE:
            self._no(entry.line, f"{va:#x} is not the address of a page")
        if (va // BASE_PAGE_SIZE - pfn) % PER:
            text = f"{va:#x} and pfn {pfn} are not at the same place in a huge page: 512 pfns, 512 times 4096 bytes"
            self._no(entry.line, text)
        landed = self.landed.get((entry.pid, va & -SIZE_2M))
        if landed and va % SIZE_2M == 0 and (entry.pid is not None or not self._forked):
            self._pair(Pair(landed[0], pfn, entry.line))
        node = entry.fields.get("node")
        if isinstance(node, int) and self.online and node not in self.online:
            self._no(entry.line, f"node {node}; the pool is on {', '.join(map(str, sorted(self.online)))}", "nodes")
        elif isinstance(node, int) and len(self.nodes) < MOST_PAIRS:
            self.nodes.append((pfn, node, entry.line))
        if isinstance(flags, int):
            self._flags(flags, entry.line)

    def _flags(self, flags: int, line: int) -> None:
        if flags & (_FIRST | _BIT["COMPOUND_TAIL"]) != _FIRST:
            self._no(line, f"kflags {flags:#x} are not those of a huge page's first page (HUGE and COMPOUND_HEAD)")
        elif flags & _NEVER:
            text = f"kflags {flags:#x}: a huge page in use is on no LRU list, no slab page, not free, not in swap"
            self._no(line, text)
        else:
            self.kflags.add(flags & ~_MAY_CHANGE, line)

    def finish(self, known: Fit | None) -> Fit | None:
        """Say what all pairs together tell. ``known``: what a kernel of this version has, where no pair shows it."""
        where = found = fit(self.pairs)
        sound = [pair for pair in self.pairs if pair.pfn % PER == 0 and pair.page % 4 == 0]
        for pair in self.pairs:
            if pair.page % 4:
                self._no(pair.line, f"page {pair.page:x} is no address of a struct")
            if pair.pfn % PER:
                text = f"a huge page does not begin at pfn {pair.pfn}: {pair.pfn} % {PER} is {pair.pfn % PER}"
                self._no(pair.line, text)
        if where is None and sound and known:
            where = Fit(known.stride, sound[0].page - known.stride * sound[0].pfn, 0)
        elif where is None and known and known.base and self.pointers:
            where = known
        if self.vmemmap and found is None and known:
            where = Fit(known.stride, self.vmemmap, 0)
        self._judge(where, found)
        self._heads(where or known)
        if self.gave and not self.whole and len(self.unknown) == 1 and len(self.used) == 1:
            (page, line, pid), (other, at) = self.unknown[0], next(iter(self.used.items()))
            if self.takers != {pid}:
                return where
            text = f"page {page:x} comes back, and no line handed it out; line {at} handed out {other:x}, which never"
            self._no(line, text + " does")
        self._alike()
        return where

    def _heads(self, where: Fit | None) -> None:
        """First pages of huge pages lie a multiple of 512 struct pages apart."""
        if where is None or not self.pointers:
            return
        apart = PER * where.stride
        base = where.base or Counter(page % apart for page in self.pointers).most_common(1)[0][0]
        for page, line in self.pointers.items():
            if (page - base) % apart:
                text = f"page {page:x} is not the first struct page of a huge page: those lie {apart} bytes apart"
                self._no(line, text)

    def _judge(self, where: Fit | None, found: Fit | None) -> None:
        if where is None:
            return
        good = 0
        for pair in self.pairs:
            pfn, rest = divmod(pair.page - where.base, where.stride)
            if rest or pfn != pair.pfn:
                text = f"page {pair.page:x} is pfn {(pair.page - where.base) / where.stride:g}, not {pair.pfn}"
                text += f" (page = {where.base:#x} + {where.stride} x pfn fits {where.pairs} other pairs)"
                self._no(pair.line, text)
            else:
                good += 1
        if good:
            first = self.pairs[0].line
            how = f"{good} pairs of page and pfn fit" if found else "one pair of page and pfn, and a struct page of"
            how = f"page = {where.base:#x} + {where.stride} x pfn: {how}" + ("" if found else f" {where.stride} bytes")
            self.verdicts.agrees(first, "page", f"{how}; stride {where.stride}, base {where.base:#x}")

    def _alike(self) -> None:
        """All pages of one pool have the same flags, and one node has one stretch of memory."""
        usual = self.kflags.usual
        for steady, line in self.kflags.alone() if self.kflags.count[usual] > 2 else ():
            self._no(line, f"kflags differ from those of the other pages in {steady ^ usual:#x}")
        at = sorted(set(self.nodes))
        if self.one_node and not self.online:
            for pfn, node, line in at:
                if node:
                    self._no(line, f"pfn {pfn} on node {node}: a 32-bit kernel has one node", "nodes")
        for (_, before, _), (pfn, node, line), (_, after, _) in zip(at, at[1:], at[2:], strict=False):
            if before == after != node:
                text = f"pfn {pfn} is said to be on node {node}, and lies between pages of node {before}"
                self._no(line, text, "nodes")


def describe(where: Fit | None) -> dict[str, Any] | None:
    """For JSON: ``{stride, base, pairs}``."""
    return {"stride": where.stride, "base": f"{where.base:#x}", "pairs": where.pairs} if where else None


def undecided(verdicts: Verdicts, pages: Pages, where: Fit | None) -> None:
    """True for a log that shows pointers and nothing of what they point at."""
    if pages.pointers and where is None:
        line = next(iter(pages.pointers.values()))
        text = "pages are shown without their pfn: stride and base of struct pages cannot be told"
        verdicts.add(line, Says.UNDECIDABLE, "complete", text)
