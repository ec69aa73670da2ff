"""The memory layout, read back from the picture: each row is a page that a page table has."""

from __future__ import annotations

import pytest

from hugelab import LESSON, MACHINES, Recording, Scenario, lesson, run
from hugelab.core.state import Records
from hugelab.core.units import address, count
from hugelab.linux.structs import mm_struct, vm_area_struct
from hugelab.views.diagrams.layout import MOST_ROWS, layout
from hugelab.views.diagrams.owners import WIDTH
from hugelab.views.diagrams.pages import Names
from hugelab.views.diagrams.svg import Picture
from tests.views.read import CASE, items, lines, misplaced, words

Page = tuple[vm_area_struct, int, int]  # mapping, number in the address space, frame

VARIED = [
    *("shared_two_processes", "two_forked_children_share_then_die", "quirk_fork_parent_munmap_first_underflow"),
    *("mount_size_quota_sequence", "gigantic_demote", "fork_cow_child_write_exhausted"),
]


def mapped(state: Records) -> list[Page]:
    """Every entry of the page tables, process by process."""
    found: list[Page] = []
    for mm in state.of(mm_struct):
        for vma in (vma for vma in state.of(vm_area_struct) if vma.mm is mm):
            keys = range(vma.vm_start // vma.h.size, vma.vm_end // vma.h.size)
            found += [(vma, key, frame) for key in keys if (frame := vma.table.get(key)) is not None]
    return found


def check(recording: Recording, index: int, names: Names) -> Picture:
    """Page, address, struct page, pfn and physical address of the first six; the rest as a number."""
    picture, state = layout(recording, index, names), recording.at(index)
    pages = mapped(state)
    shown = items(picture)
    assert [item.page for item in shown] == [names.token(vma.h, frame) for vma, _, frame in pages[:MOST_ROWS]]
    for item, (vma, key, frame) in zip(shown, pages, strict=False):
        pfn, event = vma.h.pfn(frame), recording.event(index)
        struct_page = f"{recording.machine.struct_page_of(pfn):08x}"
        where = address(key * vma.h.size), struct_page, str(pfn), address(pfn * 4096)
        assert item.text.split() == [names.letter(vma.h, frame), *where]
        said = zip(("virtual address", "struct page", "pfn", "physical address"), where, strict=True)
        assert item.words == f"page {names.letter(vma.h, frame)}, " + ", ".join(" ".join(pair) for pair in said)
        here = event.addr is not None and event.addr // vma.h.size == key and event.proc == vma.mm.proc
        assert ("hl-lit" in item.styles) == here
    more = [line for line in lines(picture) if line.endswith(" more")]
    assert more == ([f"and {count(len(pages) - MOST_ROWS, 'page')} more"] if len(pages) > MOST_ROWS else [])
    assert ("no page is mapped" in lines(picture)) == (not pages)
    assert picture.title == f"memory layout: {count(len(pages), 'page')} mapped"
    assert misplaced(picture) == []
    return picture


@pytest.mark.parametrize("name", ["lesson", *VARIED])
def test_the_layout_shows_the_mapped_pages(name: str) -> None:
    """After every event."""
    recording = run(CASE[name]) if name in CASE else run(lesson(9), LESSON)
    names = Names(recording)
    for index in range(len(recording)):
        check(recording, index, names)


@pytest.mark.parametrize("machine", MACHINES)
def test_columns_stand_free_of_each_other(machine: str) -> None:
    """Also with the addresses of 64 bits, and with the last pages of a large pool; no wider than its column."""
    assert WIDTH + 2 <= 510
    recording = run(lesson(900, 990), machine)
    picture = check(recording, recording.steps[2].last, Names(recording))
    header = [one for one in words(picture) if one.y == 32 and one.text != "→"]
    assert [one.text for one in header] == ["page", "virtual address", "struct page", "pfn", "physical address"]


def test_of_two_processes_each_names_its_own() -> None:
    """The same pages twice, at the same addresses: above them the process; one process needs no name."""
    program = Scenario("two").then("mmap", map="A", pages=2, flags=["MAP_SHARED", "MAP_ANONYMOUS", "MAP_HUGETLB"])
    recording = run(program.touch(map="A", count=2).then("fork", child="C").touch(proc="C", map="A", count=2))
    names = Names(recording)
    assert not [line for line in lines(check(recording, recording.steps[1].last, names)) if "process" in line]
    picture = check(recording, len(recording) - 1, names)
    assert [line for line in lines(picture) if line.startswith("process")] == ["process P", "process C"]
    known = ("process P", "process C", "A", "B")
    order = [one.text for one in sorted(words(picture), key=lambda one: one.y) if one.text in known]
    assert order == ["process P", "A", "B", "process C", "A", "B"]
    child = [event.index for event in recording if event.proc == "C" and event.addr is not None][-1]
    lit = [item.text.split()[0] for item in items(layout(recording, child, names)) if "hl-lit" in item.styles]
    assert lit == ["B"], "of the process that touches it alone"
