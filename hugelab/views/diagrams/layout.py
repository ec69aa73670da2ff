"""The picture of the memory layout: virtual address, struct page, pfn, physical address of the mapped pages."""

from ...core.units import BASE_PAGE_SIZE, address, count
from ...linux.structs import mm_struct, vm_area_struct
from ...record.recording import Recording
from .owners import WIDTH
from .pages import Names
from .svg import Picture, box, item, line, text

COLUMNS = (("page", 0), ("virtual address", 36), ("struct page", 160), ("pfn", 290), ("physical address", 375))
MOST_ROWS = 6
TOP, ROW = 38, 22  # pixels


def layout(recording: Recording, index: int, names: Names | None = None) -> Picture:
    """Virtual address -> struct page -> pfn -> physical address, for the pages that are mapped after an event."""
    names = names or Names(recording)
    event, state, machine = recording.event(index), recording.at(index), recording.machine
    rows: list[tuple[vm_area_struct, int, int]] = []  # mapping, page table index, frame
    total = 0
    processes = state.of(mm_struct)
    for vma in sorted(state.of(vm_area_struct), key=lambda vma: processes.index(vma.mm)):
        for run in vma.mapped():
            total += run.count
            room = MOST_ROWS - len(rows)
            rows += [(vma, key, run.at(key)) for key in range(run.start, min(run.end, run.start + room))]
    parts = [text(0, 14, "memory layout", "hl-h")]
    for title, x in COLUMNS:
        parts.append(text(x, 32, title, "hl-s"))
    for _, x in COLUMNS[2:]:
        parts.append(text(x - 18, 32, "→", "hl-s"))
    y, shown = float(TOP), processes[0] if len(processes) == 1 else None
    for vma, key, frame in rows:
        if vma.mm is not shown:
            shown = vma.mm
            parts.append(text(0, y + 14, f"process {shown.proc}", "hl-t hl-b"))
            y += ROW
        addr, pfn = key * vma.h.size, vma.h.pfn(frame)
        letter, shape = names.letter(vma.h, frame), ""
        if event.addr is not None and event.proc == vma.mm.proc and addr <= event.addr < addr + vma.h.size:
            shape += box(30, y, WIDTH - 34, 20, "hl-lit")
        shape += box(0, y + 1, 20, 18, names.colour(vma.h, frame)) + text(10, y + 14, letter, "hl-c", 18)
        values = (address(addr), f"{machine.struct_page_of(pfn):08x}", str(pfn), address(pfn * BASE_PAGE_SIZE))
        for (_, x), value in zip(COLUMNS[1:], values, strict=True):
            shape += text(x, y + 14, value, "hl-m")
        words = ", ".join(f"{title} {value}" for (title, _), value in zip(COLUMNS, (letter, *values), strict=True))
        parts.append(item("", names.token(vma.h, frame), words, shape))
        y += ROW
    if not rows:
        parts.append(text(0, y + 14, "no page is mapped", "hl-s"))
        y += ROW
    elif total > MOST_ROWS:
        parts.append(text(0, y + 14, f"and {count(total - MOST_ROWS, 'page')} more", "hl-s"))
        y += ROW
    parts.append(line(0, 36, WIDTH, 36))
    return Picture("".join(parts), WIDTH, y, f"memory layout: {count(total, 'page')} mapped")
