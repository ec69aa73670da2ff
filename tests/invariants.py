"""What must be true of a state at every moment (DESIGN, decision 4), and a dump of a whole state to compare two.

:func:`broken` checks one state. All but one rule hold after every *event*; the last one, ``rsvd`` is what maps and
subpools promise, may be off between two events of one operation (region_add is a later event than the
hugetlb_acct_memory that counts it, a failed mmap has charged the subpool when it prints, ...), so it is asked for
only with ``settled=True``: at the last event of a step.

In the middle of a fault, between the event that takes the page off the free list and the one that gives it to a file
or a page table, nobody holds the page but the kernel's own local variable; the same between the two lines of a free.
:func:`in_flight` says which frame that is; no other may be missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from hugelab.recording import Recording
from hugelab.runs import RunMap
from hugelab.state import Record, State
from hugelab.structs import hstate, hugepage_subpool, inode, mm_struct, vm_area_struct


def frames(runs: RunMap) -> Iterator[int]:
    """The values of a map in key order."""
    for run in runs:
        yield from run.values()


_TAKES = {"dequeue_huge_page_vma", "alloc_buddy_huge_page"}
_GIVES = {"huge_add_to_page_cache", "hugetlb_no_page", "hugetlb_cow"}


def in_flight(recording: Recording, index: int) -> int | None:
    """The frame that the kernel has in its hands right after an event, if any."""
    event = recording.event(index)
    if event.pfn is None:
        return None
    frame = event.pfn * 4096 // event.size
    if event.name == "free_huge_page":
        return frame if event.moment == "start" else None
    row, _unit, point = recording.place(index)
    names = [passed.name for passed in recording.rows[row].points[: point + 1]]
    taken = any(name in _TAKES for name in names)
    return frame if taken and not any(name in _GIVES for name in names) else None


def broken(state: State, settled: bool = False, moving: tuple[int, int] | None = None) -> str | None:
    """The first rule that a state breaks, in words; None if it breaks none.

    ``settled``: see the module; ``moving``: page size and frame of the page that the kernel has in its hands.
    """
    for h in state.of(hstate):
        flying = moving[1] if moving and moving[0] == h.size else None
        found = (
            _counters(h, flying is not None) or _owners(state, h, flying) or (settled and _promises(state, h)) or None
        )
        if found:
            return f"{h.key} {h.counters}: {found}"
    return _tables(state)


def _counters(h: hstate, flying: bool) -> str | None:
    """Counts that no kernel has; between the dequeue and its end a 6.x kernel has paid no promise yet."""
    if min(h.counters) < 0:
        return "a counter is negative"
    if h.resv_huge_pages > h.free_huge_pages + flying:
        return "more pages are promised than are free"
    if len(h.freelist) != h.free_huge_pages:
        return f"the free list has {len(h.freelist)} pages"
    if h.surplus_huge_pages > h.nr_huge_pages:
        return "more surplus than pages"
    return None


def _owners(state: State, h: hstate, flying: int | None) -> str | None:
    """Each frame is held by the free list, one page cache, one private page table entry, or the buddy allocator."""
    holders: Counter[int] = Counter(frames(h.freelist))
    taken: Counter[int] = Counter() if flying is None else Counter([flying])
    for node in state.of(inode):
        if node.h is h:
            taken.update(frames(node.i_pages))
    for mm in state.of(mm_struct):
        for run in mm.tables[h.size]:
            _writable, anonymous = run.tag
            if anonymous:
                taken.update(run.values())
    if h.nr_huge_pages != h.free_huge_pages + taken.total():
        return f"total is not free + the {taken.total()} pages that files and private mappings hold"
    holders.update(taken)
    holders.update(frames(h.buddy))
    frame, most = max(holders.items(), key=lambda item: item[1], default=(0, 0))
    return f"frame {frame} has {most} holders" if most > 1 else None


def _promises(state: State, h: hstate) -> str | None:
    promised = 0
    for node in state.of(inode):
        if node.h is h:
            promised += len(node.resv_map.regions) - len(node.i_pages)
    for vma in state.of(vm_area_struct):
        if vma.h is h and vma.resv_map is not None:
            promised += vma.pages - vma.resv_map.regions.held(vma.vm_pgoff, vma.vm_pgoff + vma.pages)
    used = {node.sb.subpool.key for node in state.of(inode) if node.sb and node.sb.subpool and node.h is h}
    for spool in state.of(hugepage_subpool):
        if spool.key in used or h is state.pools[0]:
            promised += spool.rsv_hpages
    if promised != h.resv_huge_pages:
        return f"maps and subpools promise {promised} pages"
    return None


def _tables(state: State) -> str | None:
    """Every page table entry lies in a mapping; one that is not private is the page cache's page."""
    for mm in state.of(mm_struct):
        areas = [vma for vma in state.of(vm_area_struct) if vma.mm is mm]
        for size, table in mm.tables.items():
            mine = [vma for vma in areas if vma.h.size == size]
            for run in table:
                for key in range(run.start, run.end):
                    vma = next((v for v in mine if v.vm_start <= key * size < v.vm_end), None)
                    if vma is None:
                        return f"{mm.key}: an entry at {key * size:#x} outside every mapping"
                    cached = vma.inode.i_pages.get(vma.index(key * size))
                    if not run.tag[1] and cached is not None and cached != run.at(key):
                        return f"{mm.key}: {key * size:#x} maps frame {run.at(key)}, the file has {cached}"
                    if not run.tag[1] and cached is None:
                        return f"{mm.key}: {key * size:#x} maps a page that the file no longer has"
    return None


def assert_sound(recording: Recording) -> None:
    """Every event of a recording leaves a sound state, and each step a settled one."""
    lasts = {step.last for step in recording.steps}
    for index in range(len(recording)):
        flying = in_flight(recording, index)
        moving = None if flying is None else (recording.event(index).size, flying)
        problem = broken(recording.seek(index), settled=index in lasts, moving=moving)
        assert problem is None, f"event {index} ({recording.event(index).name}): {problem}"


def dump(state: State, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Everything a state holds, as plain data; equal states give equal dumps, however their maps are cut.

    ``without`` names attributes that are left out.
    """
    hidden = {"_state", "_made", "key", *without}
    return {
        key: {name: _value(value) for name, value in record.__dict__.items() if name not in hidden}
        for key, record in sorted(state.records.items())
    }


def _value(value: Any) -> Any:
    if isinstance(value, Record):
        return value.key
    if isinstance(value, RunMap):
        return _runs(value)
    if isinstance(value, dict):
        return {key: _value(item) for key, item in value.items()}
    return value


def _runs(runs: RunMap) -> Any:
    """Key by key while that is short, else as the runs lie, so that a million pages stay cheap."""
    if len(runs) > 2000:
        return [tuple(run) for run in runs]
    return [(key, run.at(key), run.tag) for run in runs for key in range(run.start, run.end)]
