"""Pictures of one event: the call flow, who holds each page, and the memory layout.

Each function takes a Recording and an event number and returns a Picture. ``owners`` and ``layout`` seek the
recording to that event.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from html import escape

from .. import flow as flows
from ..recording import Recording
from ..runs import Run, RunMap
from ..state import State
from ..structs import hstate, inode, vm_area_struct
from ..units import BASE_PAGE_SIZE, address, count, format_size
from .svg import Picture, box, line, text
from .theme import PAGE_COLOURS

CELL, GAP, LABEL = 24, 3, 18  # pixels
MOST_CELLS = 24  # more pages than this in a row are drawn as runs
WIDTH, FLOW_WIDTH = 500, 390


# -- call flow ---------------------------------------------------------------------------------------
def flow(recording: Recording, index: int) -> Picture:
    """The chain of functions of the event's phase: the one it is in marked, those not reached so far dashed."""
    event, version = recording.event(index), recording.machine.version
    phase = flows.phase_of(recording, event)
    if phase is None:
        step = recording.steps[event.step].op.op if event.step >= 0 else "boot"
        return Picture(
            text(0, 14, f"{step}: no huge page code runs here", "hl-s"), FLOW_WIDTH, 24, f"{step}: no call flow"
        )
    lit = flows.box_of(event)
    parts = [text(0, 14, flows.PHASE_TITLES[phase], "hl-h")]
    y = 26.0
    chain = flows.CHAINS[phase]
    for call, passed in zip(chain, flows.passed(recording, event, chain), strict=True):
        here = call.name == lit
        x = 14.0 * call.depth
        name = flows.function_name(call.name, version)
        style = "hl-lit" if here else "hl-box" if passed else "hl-empty"
        parts.append(box(x, y, FLOW_WIDTH - 2 - x, 30, style, call.what if passed else f"{call.what} (not so far)"))
        if here:
            parts.append(text(x + 5, y + 19, "▶", "hl-t"))
        parts.append(text(x + 20, y + 13, name, f"{'hl-t' if passed else 'hl-s'}{' hl-b' if here else ''}"))
        parts.append(text(x + 20, y + 25, f"{call.layer}: {call.what}", "hl-s"))
        y += 34
    where = flows.function_name(event.name, version)
    return Picture("".join(parts), FLOW_WIDTH, y, f"{flows.PHASE_TITLES[phase]}; now in {where}")


# -- who holds each page -----------------------------------------------------------------------------
def names_of(recording: Recording) -> Callable[[hstate, int], tuple[str, int]]:
    """A label and a colour number for each frame of a pool, in the order the pool hands them out."""
    order: dict[tuple[int, int], int] = {}
    for h in recording.seek(0).pools:
        first: list[int] = []
        for run in (run for node in h.nodes for run in reversed(list(node.freelist))):
            first += run.values()[::-1][: 2 * MOST_CELLS - len(first)]
        for frame in first:
            order[h.size, frame] = len(order)

    def name(h: hstate, frame: int) -> tuple[str, int]:
        number = order.setdefault((h.size, frame), len(order))
        label, rest = "", number
        while rest >= 0:
            label, rest = string.ascii_uppercase[rest % 26] + label, rest // 26 - 1
        return label, number % len(PAGE_COLOURS)

    return name


class _Owners:
    """Draws the owners one lane under the other."""

    def __init__(self, recording: Recording, state: State, name: Callable[[hstate, int], tuple[str, int]]):
        self.machine, self.state, self.name = recording.machine, state, name
        self.parts: list[str] = []
        self.said: list[str] = []
        self.y = 0.0

    def title(self, content: str, more: str = "") -> None:
        rest = f'<tspan dx="10" class="hl-s">{escape(more)}</tspan>' if more else ""
        head = f'<tspan class="hl-t hl-b">{escape(content)}</tspan>'
        self.parts.append(f'<text x="0" y="{self.y + 13:g}">{head}{rest}</text>')
        self.y += LABEL

    def cells(self, h: hstate, first: int, end: int, runs: list[Run], hint: str, plain: str = "") -> None:
        """A row of cells for the keys [first, end): those in ``runs`` hold a page, the others are empty."""
        n = end - first
        if n > MOST_CELLS:
            self._bars(first, end, runs, hint)
            return
        held = {key: run for run in runs for key in range(run.start, run.end)}
        for i, key in enumerate(range(first, end)):
            x = i * (CELL - 1)
            run = held.get(key)
            if run is None:
                self.parts.append(box(x, self.y, CELL - 4, CELL - 4, "hl-empty", f"{hint} {key}: {plain or 'no page'}"))
                continue
            label, colour = self.name(h, run.at(key))
            what = f"{hint} {key}: page {label}, frame {run.at(key)}"
            self.parts.append(box(x, self.y, CELL - 4, CELL - 4, f"hl-p{colour}", what))
            self.parts.append(text(x + CELL / 2 - 2, self.y + 14, label, "hl-c"))
        self.y += CELL

    def _bars(self, first: int, end: int, runs: list[Run], hint: str) -> None:
        """Too many for cells: one bar a run, as long as its share."""
        scale = (WIDTH - 10) / (end - first)
        self.parts.append(box(0, self.y, WIDTH - 10, CELL - 4, "hl-empty", f"{hint} {first} to {end - 1}"))
        for run in runs:
            width = max(run.count * scale, 1.5)
            what = f"{hint} {run.start} to {run.end - 1}: {count(run.count, 'page')}"
            self.parts.append(box((run.start - first) * scale, self.y, width, CELL - 4, "hl-p0", what))
            if width > 90:
                middle = (run.start - first) * scale + width / 2
                self.parts.append(text(middle, self.y + 14, count(run.count, "page"), "hl-c"))
        self.y += CELL

    def regions(self, first: int, end: int, regions: RunMap, hint: str) -> None:
        """A reservation map: one bar for each region."""
        scale = (CELL - 1) if end - first <= MOST_CELLS else (WIDTH - 10) / max(end - first, 1)
        for run in regions.within(first, end):
            x, width = (run.start - first) * scale, max(run.count * scale - 3, 1.5)
            self.parts.append(box(x, self.y, width, 10, "hl-resv", f"{hint} [{run.start}, {run.end})"))
        self.y += 16

    def draw(self) -> None:
        for vma in self.state.of(vm_area_struct):
            self._vma(vma)
        for node in self.state.of(inode):
            if node.h is not None:
                self._inode(node, node.h)
        for h in self.state.pools:
            if h is self.state.pools[0] or h.nr_huge_pages:
                self._pool(h)

    def _vma(self, vma: vm_area_struct) -> None:
        kind = "shared" if vma.shared else "private"
        where = f"{address(vma.vm_start)}-{address(vma.vm_end)}"
        mapped = vma.mapped()
        n = sum(run.count for run in mapped)
        self.title(f"VMA {vma.name} ({vma.mm.proc}), {kind}", f"{where}, {n} of {vma.pages} mapped")
        shift = vma.vm_start // vma.h.size - vma.vm_pgoff
        runs = [run._replace(start=run.start - shift) for run in mapped]
        self.cells(vma.h, vma.vm_pgoff, vma.vm_pgoff + vma.pages, runs, f"VMA {vma.name}, page", "not mapped")
        self.said.append(f"{kind} mapping {vma.name}: {n} of {count(vma.pages, 'page')} mapped")
        if vma.resv_map is not None:
            used = vma.resv_map.regions.held(vma.vm_pgoff, vma.vm_pgoff + vma.pages)
            self.title("its reservation map", f"bar = reservation used; {vma.pages - used} still promised")
            self.regions(vma.vm_pgoff, vma.vm_pgoff + vma.pages, vma.resv_map.regions, "reservation used:")
            self.said.append(f"{vma.pages - used} still promised to it")

    def _inode(self, node: inode, h: hstate) -> None:
        held = len(node.i_pages)
        links = count(node.i_nlink, "name")
        holders = f"{links}, {count(node.files, 'descriptor')}, {count(node.mappings, 'mapping')}"
        self.title(f"file {node.name}", f"inode {node.i_ino}: {holders}; {held} in the page cache")
        end = max(node.i_pages.end, node.resv_map.regions.end, node.i_size // h.size)
        if end:
            self.cells(h, 0, end, list(node.i_pages), f"file {node.name}, index")
        said = f"file {node.name}: {count(held, 'page')} in its page cache"
        if node.resv_map.regions:
            self.title("its reservation map", f"bar = promised or there; {node.promised} promised without a page")
            self.regions(0, end, node.resv_map.regions, "promised or there:")
            said += f", {node.promised} more promised"
        self.said.append(said)

    def _pool(self, h: hstate) -> None:
        now = h.counters
        more = f"{now.free} free, {now.rsvd} of them promised: {now.available} available"
        self.title(f"pool of {count(now.total, 'page')} of {format_size(h.size)}", f"{more}; next one first")
        runs, at = [], 0
        for run in (run for node in h.nodes for run in reversed(list(node.freelist))):
            runs.append(Run(at, run.count, run.at(run.end - 1), -run.step))
            at += run.count
        if at:
            self.cells(h, 0, at, runs, "free list, position")
        self.said.append(f"pool: {more}")


def owners(recording: Recording, index: int, name: Callable[[hstate, int], tuple[str, int]] | None = None) -> Picture:
    """Who holds what right after an event: VMAs, files, reservation maps, the pool. A page keeps letter and colour."""
    name = name or names_of(recording)
    drawing = _Owners(recording, recording.seek(index), name)
    drawing.draw()
    return Picture("".join(drawing.parts), WIDTH, drawing.y, "; ".join(drawing.said))


# -- memory layout -----------------------------------------------------------------------------------
COLUMNS = (("page", 0), ("virtual address", 36), ("struct page", 160), ("pfn", 290), ("physical address", 375))
MOST_ROWS = 10


def layout(recording: Recording, index: int, name: Callable[[hstate, int], tuple[str, int]] | None = None) -> Picture:
    """Virtual address -> struct page -> pfn -> physical address, for the pages that are mapped after an event."""
    name = name or names_of(recording)
    event, state, machine = recording.event(index), recording.seek(index), recording.machine
    rows = []
    for vma in state.of(vm_area_struct):
        for run in vma.mapped()[:MOST_ROWS]:
            for key in range(run.start, run.end)[: MOST_ROWS + 1]:
                rows.append((vma, key, run.at(key)))
    total = sum(run.count for vma in state.of(vm_area_struct) for run in vma.mapped())
    parts = [text(0, 14, "memory layout", "hl-h")]
    for title, x in COLUMNS:
        parts.append(text(x, 32, title, "hl-s"))
    for _, x in COLUMNS[2:]:
        parts.append(text(x - 18, 32, "→", "hl-s"))
    y = 38.0
    for vma, key, frame in rows[:MOST_ROWS]:
        addr, pfn = key * vma.h.size, vma.h.pfn(frame)
        label, colour = name(vma.h, frame)
        here = event.addr is not None and addr <= event.addr < addr + vma.h.size
        if here:
            parts.append(box(30, y, WIDTH - 34, 20, "hl-lit"))
        parts.append(box(0, y + 1, 20, 18, f"hl-p{colour}", f"page {label}"))
        parts.append(text(10, y + 14, label, "hl-c"))
        values = (address(addr), f"{machine.struct_page_of(pfn):08x}", str(pfn), address(pfn * BASE_PAGE_SIZE))
        for (_, x), value in zip(COLUMNS[1:], values, strict=True):
            parts.append(text(x, y + 14, value, "hl-m"))
        y += 22
    if not rows:
        parts.append(text(0, y + 14, "no page is mapped", "hl-s"))
        y += 22
    elif total > MOST_ROWS:
        parts.append(text(0, y + 14, f"and {count(total - MOST_ROWS, 'page')} more", "hl-s"))
        y += 22
    parts.append(line(0, 36, WIDTH, 36))
    return Picture("".join(parts), WIDTH, y, f"memory layout: {count(total, 'page')} mapped")
