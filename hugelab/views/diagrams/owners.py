"""The picture of who holds each page: processes with their VMAs, files, reservation maps, pools.

``lanes`` reads the state into rows of cells, ``picture`` draws them. Few pages are cells with a letter; many are bars,
one for each run of pages that lie side by side. What the event has changed is marked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ...core.runs import Run, RunMap
from ...core.state import Records
from ...core.text import markup
from ...core.units import address, count, format_size, size_name
from ...linux.flags import VM_WRITE
from ...linux.structs import hstate, inode, mm_struct, vm_area_struct
from .pages import Names
from .svg import Picture, box, cut, item, line, text, wide

CELL, ROW, TITLE, INDENT, BAR, UNDER = 24, 26, 17, 12, 15, 6  # pixels
BRANCH = 14  # pixels: how far a child stands to the right of its parent
WIDTH = 508
LEGEND = "letter, colour: one page; dashed: no page; thick frame, underlined: changed here"
MOST_CELLS = 20  # more places than this in a lane are drawn as runs
MOST_BARS = 60  # more runs than this in a lane are drawn as one, with their number


@dataclass
class Lane:
    """A row of ``end - first`` places; those in ``runs`` hold something (key -> frame, or for a map -> 0)."""

    key: str  # equal in every picture of the recording
    title: str
    more: str
    indent: int = 0  # pixels
    depth: int = 0  # of its process in the tree of processes
    first: int = 0
    end: int = 0
    runs: list[Run] = field(default_factory=list)
    h: hstate | None = None  # whose pages they are; None: the regions of a map
    place: str = ""  # the name of a place: "file test_file, index"
    none: str = ""  # the words for an empty place
    reserved: int = 0  # a free list: the number of its pages that are reserved
    read_only: list[Run] = field(default_factory=list)  # of a writable private mapping: a write copies these
    lost: bool = False  # every touch is SIGBUS

    @property
    def left(self) -> int:
        """The pixel at which its places begin."""
        return INDENT + BRANCH * self.depth

    @property
    def height(self) -> float:
        """Pixels that it takes in the picture."""
        if self.end <= self.first:
            return TITLE
        return TITLE + (BAR if self.h is None else ROW + (UNDER if self.reserved else 0))


def lanes(state: Records) -> list[Lane]:
    """The lanes of a state, from the processes down to the pools."""
    found: list[Lane] = []
    for mm, depth in family(state):
        names = f"descriptors {', '.join(mm.fds)}" if mm.fds else "no descriptors"
        more = f"PID {mm.pid}, {names if mm.alive else 'ended'}"
        found.append(Lane(mm.key, f"process {mm.proc}", more, BRANCH * depth, depth))
        for vma in state.of(vm_area_struct):
            if vma.mm is mm:
                found += _vma(vma, depth)
    for node in state.of(inode):
        if node.h is not None:
            found += _inode(node, node.h)
    for h in state.pools:
        if h is state.pools[0] or h.nr_huge_pages:
            found += _pool(h)
    return found


def family(state: Records) -> list[tuple[mm_struct, int]]:
    """The processes as a tree: each child follows its parent, with how deep it stands below the first."""
    processes = state.of(mm_struct)
    children: dict[str | None, list[mm_struct]] = {}
    for mm in processes:
        children.setdefault(mm.parent, []).append(mm)

    def below(parent: str | None, depth: int) -> list[tuple[mm_struct, int]]:
        found = []
        for mm in children.get(parent, []):
            found += [(mm, depth), *below(mm.key, depth + 1)]
        return found

    return below(None, 0)


def _vma(vma: vm_area_struct, depth: int) -> Iterable[Lane]:
    kind = "shared" if vma.shared else "private"
    mapped = vma.mapped()
    first, end = vma.vm_pgoff, vma.vm_pgoff + vma.pages
    shift = vma.vm_start // vma.h.size - first
    runs = [run._replace(start=run.start - shift) for run in mapped]
    cow = [run for run in runs if not vma.shared and vma.vm_flags & VM_WRITE and not run.tag[0]]
    more = f"{sum(run.count for run in mapped)} of {vma.pages} mapped"
    if cow:
        more += f", {sum(run.count for run in cow)} read-only"
    if vma.unmapped:
        more += "; the owner took a page: SIGBUS"
    elif depth and not vma.shared and vma.resv_map is None:
        more += "; forked: no reservation"
    elif not cow:
        more = f"{address(vma.vm_start)}-{address(vma.vm_end)}, {more}"
    yield Lane(
        vma.key,
        f"VMA {vma.name}, {kind}",
        more,
        INDENT + BRANCH * depth,
        depth,
        first,
        end,
        runs,
        vma.h,
        f"VMA {vma.name}, page",
        "not mapped",
        read_only=cow,
        lost=vma.unmapped,
    )
    if vma.resv_map is not None:
        regions = vma.resv_map.regions
        left = vma.pages - regions.held(first, end)
        yield Lane(
            f"{vma.resv_map.key}/{vma.key}",
            "its reservation map",
            f"bar = reservation used; {left} still reserved",
            INDENT + BRANCH * depth,
            depth,
            first,
            end,
            regions.within(first, end),
            place=f"VMA {vma.name}, reservation used for page",
        )


def _inode(node: inode, h: hstate) -> Iterable[Lane]:
    holders = f"{count(node.i_nlink, 'name')}, {count(node.files, 'descriptor')}, {count(node.mappings, 'mapping')}"
    end = max(node.i_pages.end, node.resv_map.regions.end, node.i_size // h.size)
    more = f"inode {node.i_ino}: {holders}, {len(node.i_pages)} cached"
    name = f"file {node.name}"
    yield Lane(node.key, name, more, 0, 0, 0, end, list(node.i_pages), h, f"{name}, index", "no page")
    if node.resv_map.regions:
        more = f"bar = reserved or there; {node.reserved} reserved without a page"
        place = f"{name}, reserved or there: index"
        regions = list(node.resv_map.regions)
        yield Lane(node.resv_map.key, "its reservation map", more, INDENT, 0, 0, end, regions, place=place)


def _pool(h: hstate) -> Iterable[Lane]:
    """A lane a node: the place of each page on the free list, the next one first; taken ones leave theirs empty."""
    now = h.counters
    title = f"pool of {count(now.total, 'page')} of {format_size(h.size)}"
    rsvd = f"({now.rsvd})" if now.rsvd < 0 else now.rsvd
    more = f"{now.free} free - {rsvd} reserved = {now.available} available" + ", a kernel bug" * (now.rsvd < 0)
    if now.surp:
        more += f"; {now.surp} surplus"
    several = len(h.nodes) > 1
    if several:
        yield Lane(h.key, title, more)
    for node in h.nodes:
        places = max(node.nr_huge_pages, node.freelist.end)
        name = f"free list of {size_name(h.size)} pages" + (f", node {node.nid}" if several else "")
        lane = Lane(node.key, title, more, end=places, h=h, place=f"{name}, place", none="taken")
        if several:
            lane.title, lane.indent = f"node {node.nid}", INDENT
            lane.more = f"{node.free_huge_pages} of {count(node.nr_huge_pages, 'page')} free"
        lane.runs = [Run(places - run.end, run.count, run.at(run.end - 1), -run.step) for run in node.freelist][::-1]
        lane.reserved = now.rsvd if not several and 0 < now.rsvd <= now.free else 0
        yield lane


# -- what an event has changed -----------------------------------------------------------------------
def changed(before: Sequence[Run], now: Sequence[Run]) -> list[tuple[int, int]]:
    """The stretches of keys at which two lists of runs hold different values, or only one holds any."""
    one, other = RunMap(), RunMap()
    for runs, into in ((before, one), (now, other)):
        for run in runs:
            into.put_quietly(run._replace(tag=None))
    found: list[tuple[int, int]] = []
    ends = sorted({edge for run in (*one, *other) for edge in (run.start, run.end)})
    for start, end in pairwise(ends):
        for begin, stop in _unlike(one.find(start), other.find(start), start, end):
            if found and found[-1][1] == begin:
                found[-1] = found[-1][0], stop
            else:
                found.append((begin, stop))
    return found


def _unlike(a: Run | None, b: Run | None, start: int, end: int) -> list[tuple[int, int]]:
    """The parts of ``[start, end)`` where two runs, which both hold all of it or nothing, have other values."""
    if a is None or b is None:
        return [] if a is b else [(start, end)]
    apart, slope = a.at(start) - b.at(start), a.step - b.step
    if slope == 0:
        return [(start, end)] if apart else []
    same = start - apart // slope if apart % slope == 0 else end  # one rises, one falls: equal at one key at most
    parts = [(start, same), (same + 1, end)] if start <= same < end else [(start, end)]
    return [(begin, stop) for begin, stop in parts if begin < stop]


# -- drawing -----------------------------------------------------------------------------------------
class Drawing:
    """Draws lanes one under the other. ``touched``: what this event has changed, as tokens for the timeline."""

    def __init__(self, names: Names, before: Sequence[Lane]):
        self.names = names
        self.before = {lane.key: lane for lane in before}
        self.parts: list[str] = []
        self.said: list[str] = []
        self.touched: list[str] = []
        self.trunks: list[float] = []  # of each depth: where the lines to the children of its last process begin
        self.y = 0.0

    def draw(self, lanes: Iterable[Lane]) -> None:
        top = self.y
        for lane in lanes:
            self._branch(lane)
            self._title(lane)
            self.y = top + TITLE
            if lane.h is None and lane.end > lane.first:
                self._regions(lane)
            elif lane.end > lane.first:
                self._pages(lane)
            self.y = top = top + lane.height

    def _branch(self, lane: Lane) -> None:
        """The line from a process to the child that it forked."""
        if lane.key.startswith("mm/"):
            if lane.depth:
                x, y = BRANCH * lane.depth - 7, self.y + 9
                top = self.trunks[lane.depth - 1]
                self.parts += [line(x, top, x, y), line(x, y, x + 5, y)]
            self.trunks[lane.depth :] = [self.y + TITLE]

    def _title(self, lane: Lane) -> None:
        """The name in bold, what is known of it behind; what is new is underlined."""
        old = self.before.get(lane.key)
        new = " hl-u" if old is None else ""
        more = " hl-u" if old is None or old.more != lane.more else ""
        room, whole = WIDTH - lane.indent, f"{lane.title}: {lane.more}" if lane.more else lane.title
        title = cut(lane.title, 0.55 * room)  # bold
        told = cut(lane.more, room - 1.12 * wide(title) - 8)
        head = f'<tspan class="hl-t hl-b{new}">{markup(title)}</tspan>'
        rest = f'<tspan dx="8" class="hl-s{more}">{markup(told)}</tspan>' if told else ""
        shape, said = f'<text x="{lane.indent}" y="{self.y + 13:g}">{head}{rest}</text>', title + told
        self.parts.append(item("", "", "" if said == lane.title + lane.more else whole, shape))
        self.said.append(whole)
        if old is None:
            self.touched.append(lane.key)

    def _new(self, lane: Lane) -> list[tuple[int, int]]:
        old = self.before.get(lane.key)
        return changed(old.runs if old else [], lane.runs)

    def _scale(self, lane: Lane) -> float:
        """Pixels a place."""
        places = lane.end - lane.first
        return CELL - 1 if places <= MOST_CELLS else (WIDTH - lane.left - 4) / places

    def _pages(self, lane: Lane) -> None:
        new = self._new(lane)
        if lane.end - lane.first > MOST_CELLS:
            self._bars(lane, new)
        else:
            self._cells(lane, new)
        if lane.reserved:
            width = lane.reserved * self._scale(lane) - 3
            words = f"{count(lane.reserved, 'page')} of the free list reserved: whichever come next"
            at = lane.left + (lane.end - sum(run.count for run in lane.runs)) * self._scale(lane)
            self.parts.append(
                item(f"{lane.key}/rsvd", "", words, box(at, self.y + ROW - 3, max(width, 1.5), 5, "hl-resv"))
            )

    def _cells(self, lane: Lane, new: list[tuple[int, int]]) -> None:
        assert lane.h is not None
        held = {key: run for run in lane.runs for key in range(run.start, run.end)}
        fresh = {key for start, end in new for key in range(start, end)}
        copied = {key for run in lane.read_only for key in range(run.start, run.end)}
        for i, key in enumerate(range(lane.first, lane.end)):
            x = lane.left + i * (CELL - 1)
            mark = " hl-new" if key in fresh else ""
            token = f"{lane.key}:{key}"
            if (run := held.get(key)) is None:
                shape, page, words = box(x, self.y, CELL - 4, CELL - 4, f"hl-empty{mark}"), "", lane.none
                if lane.lost:
                    shape += f'<path d="M{x + 5:g} {self.y + 5:g}L{x + 15:g} {self.y + 15:g}" class="hl-lost"/>'
                    shape += f'<path d="M{x + 15:g} {self.y + 5:g}L{x + 5:g} {self.y + 15:g}" class="hl-lost"/>'
                    words = "lost: a touch is SIGBUS"
            else:
                frame = run.at(key)
                letter, page = self.names.letter(lane.h, frame), self.names.token(lane.h, frame)
                shape = box(x, self.y, CELL - 4, CELL - 4, f"{self.names.colour(lane.h, frame)}{mark}")
                shape += text(x + CELL / 2 - 2, self.y + 14, letter, "hl-c", 18)
                words = f"page {letter}, pfn {lane.h.pfn(frame)}"
                if key in copied:
                    shape += box(x + 2.5, self.y + 2.5, CELL - 9, CELL - 9, "hl-cow")
                    words += ", read-only: a write copies it, or, if no other process maps it, makes it writable"
                if lane.lost:
                    words += ", still mapped"
            if mark:
                self.touched += [token, page] if page else [token]
            self.parts.append(item(token, page, f"{lane.place} {key}: {words}", shape))

    def _bars(self, lane: Lane, new: list[tuple[int, int]]) -> None:
        """Too many for cells: a bar for each run, as long as its share; the bar says from which page to which."""
        assert lane.h is not None
        scale, h = self._scale(lane), lane.h
        empty = box(lane.left, self.y, (lane.end - lane.first) * scale, CELL - 4, "hl-empty")
        self.parts.append(item(lane.key, "", f"{lane.place} {lane.first} to {lane.end - 1}: {lane.none}", empty))
        many = len(lane.runs) > MOST_BARS
        for run in [_hull(lane.runs)] if many else lane.runs:
            x, width = lane.left + (run.start - lane.first) * scale, max(run.count * scale, 1.5)
            where = str(run.start) if run.count == 1 else f"{run.start} to {run.end - 1}"
            if many:
                pages, said = sum(run.count for run in lane.runs), f"{len(lane.runs):,} separate runs"
            else:
                pages, said = run.count, self._letters(h, run)
            label = f"{count(pages, 'page')}: {said}"
            shape = box(x, self.y, width, CELL - 4, self.names.colour(h, run.value))
            if short := next((words for words in (label, count(pages, "page")) if 1.12 * wide(words) < width), ""):
                shape += text(x + width / 2, self.y + 14, short, "hl-c")
            token = self.names.token(h, run.value) if run.count == 1 else ""
            self.parts.append(item(f"{lane.key}:{run.start}", token, f"{lane.place} {where}: {label}", shape))
        for start, end in new[:MOST_BARS]:
            x, width = lane.left + (start - lane.first) * scale, max((end - start) * scale, 2)
            self.parts.append(box(x, self.y - 1, width, CELL - 2, "hl-frame"))
            self.touched.append(lane.key)

    def _letters(self, h: hstate, run: Run) -> str:
        """The first and the last page of a run."""
        first, last = self.names.letter(h, run.value), self.names.letter(h, run.at(run.end - 1))
        return first if first == last else f"{first} to {last}"

    def _regions(self, lane: Lane) -> None:
        """A reservation map: one bar for each region."""
        scale = self._scale(lane)
        fresh = self._new(lane)
        for run in lane.runs:
            x, width = lane.left + (run.start - lane.first) * scale, max(run.count * scale - 3, 1.5)
            mark = any(start < run.end and end > run.start for start, end in fresh)
            shape = box(x, self.y, width, 9, f"hl-resv{' hl-new' if mark else ''}")
            where = f"{run.start}" if run.count == 1 else f"{run.start} to {run.end - 1}"
            self.parts.append(item(f"{lane.key}:{run.start}", "", f"{lane.place} {where}", shape))
        if fresh:
            self.touched.append(lane.key)


def _hull(runs: list[Run]) -> Run:
    """One run from the first to the last of many."""
    return Run(runs[0].start, runs[-1].end - runs[0].start, runs[0].value)


def picture(names: Names, now: Sequence[Lane], before: Sequence[Lane]) -> tuple[Picture, list[str]]:
    """The picture of what is there, what is other than ``before`` marked; and what that is, as tokens."""
    drawing = Drawing(names, before)
    drawing.draw(now)
    body = "".join(drawing.parts) + text(0, drawing.y + 13, LEGEND, "hl-s")
    return Picture(body, WIDTH, drawing.y + TITLE, "; ".join(drawing.said)), drawing.touched
