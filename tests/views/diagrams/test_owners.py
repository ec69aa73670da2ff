"""Who holds each page, read back from the picture: what is drawn is what the state holds, no more and no less."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugelab import LESSON, X86_64, Recording, Scenario, lesson, run
from hugelab.core.runs import Run, RunMap
from hugelab.core.state import Records
from hugelab.linux.flags import VM_MAYSHARE, VM_SHARED, VM_WRITE
from hugelab.linux.structs import hstate, inode, mm_struct, vm_area_struct
from hugelab.views import tables
from hugelab.views.diagrams import owners
from hugelab.views.diagrams.layout import layout
from hugelab.views.diagrams.owners import BAR, CELL, MOST_BARS, MOST_CELLS, ROW, TITLE, UNDER, WIDTH, Lane, changed
from hugelab.views.diagrams.pages import Names
from hugelab.views.diagrams.svg import Picture
from hugelab.views.plots.pool import numbers as numbers_of
from hugelab.views.theme import PAGE_COLOURS
from tests.conftest import examples
from tests.programs import scenarios
from tests.views.read import CASE, SVG, Item, drawn, items, lines, misplaced, numbers, tree, words

Cells = dict[str, tuple[hstate, int]]  # key of a cell -> page size and frame that it shows

# Of the recorded cases: forks, private copies, holes, shared memory, surplus, users, cgroups.
VARIED = [
    *("shared_two_processes", "two_forked_children_share_then_die", "quirk_fork_parent_munmap_first_underflow"),
    *("truncate_private_anon_pages_go_too", "fallocate_basic", "mount_min_size_takes_surplus"),
    *("unprivileged_user", "cgroup1_rsvd_limit", "hard_link_rename", "shm_hugetlb_enomem_noreserve", "memfd_seals"),
    *("mbind_single_node", "kill_frees_private_and_anon_shared", "reserve_counts_twice_shared_plus_private"),
]


# -- what the state says, place by place -----------------------------------------------------------------
def held(state: Records) -> Iterator[tuple[str, hstate, int, int, RunMap | None]]:
    """Every lane of pages: key, page size, first place, end, and what says which frame is at a place."""
    for vma in state.of(vm_area_struct):
        first = vma.vm_start // vma.h.size
        entries = {vma.vm_pgoff + i: vma.table.get(first + i) for i in range(vma.pages)}
        yield vma.key, vma.h, vma.vm_pgoff, vma.vm_pgoff + vma.pages, entries  # type: ignore[misc]
    for node in state.of(inode):
        if node.h is not None:
            end = max(node.i_pages.end, node.resv_map.regions.end, node.i_size // node.h.size)
            yield node.key, node.h, 0, end, node.i_pages
    for h in state.pools:
        if h is state.pools[0] or h.nr_huge_pages:
            for part in h.nodes:
                places = max(part.nr_huge_pages, len(part.freelist))
                stack = {places - 1 - key: part.freelist.get(key) for key in range(places)}
                yield part.key, h, 0, places, stack  # type: ignore[misc]


def expected(state: Records) -> tuple[Cells, set[str]]:
    """Key of a cell -> the page in it, as the state has it; and the keys of the empty ones."""
    full: Cells = {}
    empty = set()
    for key, h, first, end, what in held(state):
        assert what is not None
        for place in range(first, end):
            if (frame := what.get(place)) is None:
                empty.add(f"{key}:{place}")
            else:
                full[f"{key}:{place}"] = h, frame
    return full, empty


def private_view(state: Records, key: str) -> tuple[bool, bool]:
    """Of a cell: a write must copy its page (or make it writable); and its mapping was robbed by the owner."""
    name, _, place = key.rpartition(":")
    vma = state.records.get(name)
    if not isinstance(vma, vm_area_struct):
        return False, False
    entry = vma.table.find(vma.vm_start // vma.h.size + int(place) - vma.vm_pgoff)
    private = not vma.vm_flags & (VM_SHARED | VM_MAYSHARE) and bool(vma.vm_flags & VM_WRITE)
    return private and entry is not None and not entry.tag[0], vma.unmapped


def cells(picture: Picture) -> dict[str, Item]:
    """The items that stand for one place."""
    return {item.key: item for item in items(picture) if ":" in item.key and not item.key.startswith("resv_map")}


def check(names: Names, recording: Recording, index: int, before: Picture) -> Picture:
    """The picture of an event against the state, and what is marked against the picture before."""
    lanes = owners.lanes(recording.at(index))
    picture, touched = owners.picture(names, lanes, owners.lanes(recording.at(index - 1)))
    full, empty = expected(recording.at(index))
    shown, old = cells(picture), cells(before)
    assert shown.keys() == full.keys() | empty
    for key, (h, frame) in full.items():
        item = shown[key]
        letter = names.letter(h, frame)
        assert (item.page, item.text) == (names.token(h, frame), letter)
        assert names.colour(h, frame) in item.styles
        copied, lost = private_view(recording.at(index), key)
        assert f" {key.rpartition(':')[2]}: page {letter}, pfn {h.pfn(frame)}" in item.words
        assert ("hl-cow" in item.styles) == copied == (", read-only: a write copies it" in item.words)
        assert lost == item.words.endswith(", still mapped")
    for key in empty:
        _, lost = private_view(recording.at(index), key)
        assert shown[key].page == "" and shown[key].text == "" and "hl-empty" in shown[key].styles
        none = "lost: a touch is SIGBUS" if lost else "(not mapped|no page|taken)"
        assert re.search(rf" {key.rpartition(':')[2]}: {none}$", shown[key].words)
    # what is marked
    nothing = Item("", "", "", frozenset(), "")
    other = {key for key, item in shown.items() if item.page != old.get(key, nothing).page}
    assert {key for key, item in shown.items() if "hl-new" in item.styles} == other
    pages = {shown[key].page for key in other} - {""}
    lane_keys = {lane.key for lane in lanes}
    assert set(touched) - lane_keys == other | pages
    check_maps(picture, before, recording.at(index), set(touched))
    # its size
    assert picture.height == sum(lane.height for lane in lanes) + TITLE, "and the legend"
    assert misplaced(picture) == []
    for node in tree(picture).iter():
        for x, y in numbers(node) if node.tag != f"{SVG}svg" else ():
            assert -1 <= x <= WIDTH + 1 and -1 <= y <= picture.height + 1, node.attrib
    return picture


def regions(picture: Picture) -> dict[str, tuple[set[int], bool]]:
    """Key of a reservation map's bar -> its places, and whether it is marked."""
    found = {}
    for item in items(picture):
        if item.key.startswith("resv_map"):
            first, _, last = re.search(r"(\d+)( to (\d+))?$", item.words).groups()  # type: ignore[union-attr]
            found[item.key] = set(range(int(first), int(last or first) + 1)), "hl-new" in item.styles
    return found


def by_map(picture: Picture) -> dict[str, set[int]]:
    """Key of a map's lane -> all its places."""
    found: dict[str, set[int]] = {}
    for key, (places, _) in regions(picture).items():
        found.setdefault(key.rpartition(":")[0], set()).update(places)
    return found


def check_maps(picture: Picture, before: Picture, state: Records, touched: set[str]) -> None:
    """The bars of reservation maps are their regions; a bar is marked when something in it is new."""
    maps = {}
    for vma in state.of(vm_area_struct):
        if vma.resv_map is not None:
            regions_ = vma.resv_map.regions
            places = {i for i in range(vma.vm_pgoff, vma.vm_pgoff + vma.pages) if regions_.get(i) is not None}
            maps[f"{vma.resv_map.key}/{vma.key}"] = places
    for node in state.of(inode):
        if node.h is not None and node.resv_map.regions:
            maps[node.resv_map.key] = {key for run in node.resv_map.regions for key in range(run.start, run.end)}
    now, old = by_map(picture), by_map(before)
    assert now == {key: places for key, places in maps.items() if places}
    for key, (places, marked) in regions(picture).items():
        assert marked == bool(places - old.get(key.rpartition(":")[0], set())), key
    for key, places in now.items():
        assert (key in touched) >= (places != old.get(key, set())), key


def walk(recording: Recording) -> None:
    """Every event of a recording."""
    names, before = Names(recording), Picture("", WIDTH, 0, "")
    looks: dict[tuple[int, int], set[tuple[str, str, str]]] = {}
    for index in range(len(recording)):
        before = check(names, recording, index, before)
        full, _ = expected(recording.at(index))
        for key, item in cells(before).items():
            if item.page:
                h, frame = full[key]
                colour = next(name for name in item.styles if re.fullmatch(r"hl-p\d", name))
                looks.setdefault((h.size, frame), set()).add((item.text, item.page, colour))
    assert all(len(look) == 1 for look in looks.values()), "a page keeps letter and colour"
    letters = [next(iter(look))[0] for look in looks.values()]
    assert len(set(letters)) == len(letters), "no two pages have one letter"


@given(scenarios())
@settings(max_examples=18)
def test_random_programs(scenario: Scenario) -> None:
    """At every event: each page stands exactly where the state has it, and what is new is marked."""
    walk(run(scenario))


@pytest.mark.parametrize("machine", ["lesson", "numa"])
@given(scenario=scenarios(st.just("")))
@settings(max_examples=6)
def test_random_programs_on_other_machines(machine: str, scenario: Scenario) -> None:
    """With the order of frames of the lesson's machine; with a free list a node."""
    walk(run(scenario, machine))


@pytest.mark.parametrize("name", VARIED)
def test_recorded_cases(name: str) -> None:
    """The same for programs with more than open, map, touch and let go."""
    walk(run(CASE[name]))


def test_mappings_that_share_a_reservation_map() -> None:
    """A private mapping that was cut in two: each part shows what is used of its own pages."""
    program = Scenario("cut").then("mmap", map="A", pages=6, flags=["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB"])
    program = program.then("touch", map="A", page=0, count=6, mode="w").then("munmap", map="A", page=2, pages=1)
    recording = run(program)
    walk(recording)
    found = by_map(drawn(recording, len(recording) - 1))
    assert sorted(len(places) for places in found.values()) == [2, 3]


@given(scenarios())
@settings(max_examples=20)
def test_each_page_is_as_often_in_the_picture_as_somebody_holds_it(scenario: Scenario) -> None:
    """Counted by token: entries of page tables, page caches, free lists."""
    recording = run(scenario)
    names = Names(recording)
    for step in recording.steps:
        picture = drawn(recording, step.last, names)
        full, _ = expected(recording.at(step.last))
        assert Counter(item.page for item in items(picture) if item.page) == Counter(
            names.token(h, frame) for h, frame in full.values()
        )


# -- names of pages --------------------------------------------------------------------------------------
def test_a_is_the_first_page_that_the_pool_hands_out() -> None:
    """B the second, and so on, whatever their frames."""
    recording = run(lesson(), LESSON)
    names, h = Names(recording), recording.end.pools[0]
    taken = [e.pfn // 512 for e in recording if (e.name, e.moment) == ("alloc_huge_page", "success") and e.pfn]
    assert [names.letter(h, frame) for frame in taken] == list("ABCDE")
    assert [names.colour(h, frame) for frame in taken] == [f"hl-p{i}" for i in range(5)]


def test_letters_go_on_behind_z() -> None:
    """Z, AA, AB ... ZZ, AAA; colours begin again, letters do not."""
    recording = run(lesson(0, 800))
    names, h = Names(recording), recording.end.pools[0]
    order = [run.at(key) for run in reversed(list(h.nodes[0].freelist)) for key in reversed(range(run.start, run.end))]
    letters = [names.letter(h, frame) for frame in order]
    assert letters[:2] == ["A", "B"] and letters[25:29] == ["Z", "AA", "AB", "AC"]
    assert letters[701:703] == ["ZZ", "AAA"]
    assert len(set(letters)) == 800
    assert {names.colour(h, frame) for frame in order} == {f"hl-p{i}" for i in range(len(PAGE_COLOURS))}


def growing() -> Recording:
    """A pool that gets pages later, and some of them from another size."""
    program = (
        Scenario("growing", nr=2).then("set_nr", n=1, hsize="1G").then("set_nr", n=6).then("demote", n=1, hsize="1G")
    )
    program = program.then("mmap", map="A", pages=5, flags=["MAP_SHARED", "MAP_ANONYMOUS", "MAP_HUGETLB"])
    return run(program.then("touch", map="A", page=0, count=5, mode="w").then("set_nr", n=2).then("munmap", map="A"))


@pytest.mark.parametrize("make", [growing, lambda: run(CASE["mount_min_size_takes_surplus"])], ids=["grown", "surplus"])
def test_names_do_not_depend_on_what_is_looked_at_first(make: Any) -> None:
    """Forwards, backwards, or one event alone: a page has the same letter."""
    recording = make()
    events = [step.last for step in recording.steps]
    forwards = Names(recording)
    whole = {index: drawn(recording, index, forwards).svg() for index in events}
    backwards = Names(recording)
    assert {index: drawn(recording, index, backwards).svg() for index in reversed(events)} == whole
    assert {index: drawn(recording, index).svg() for index in events} == whole


# -- what has changed ------------------------------------------------------------------------------------
@st.composite
def runs(draw: st.DrawFn) -> list[Run]:
    """Runs that do not overlap, in order, rising, falling or all of one value, with tags."""
    found, at = [], 0
    for _ in range(draw(st.integers(0, 5))):
        at += draw(st.integers(0, 2))
        count, step = draw(st.integers(1, 4)), draw(st.sampled_from([-1, 0, 1]))
        found.append(Run(at, count, draw(st.integers(0, 6)), step, draw(st.sampled_from([None, (True, False)]))))
        at += count
    return found


@given(runs(), runs())
@examples(300)
def test_changed_is_what_a_comparison_key_by_key_finds(before: list[Run], now: list[Run]) -> None:
    """And it is in order, without overlaps, each stretch as long as it goes."""
    one, other = ({key: run.at(key) for run in given for key in range(run.start, run.end)} for given in (before, now))
    found = changed(before, now)
    keys = [key for start, end in found for key in range(start, end)]
    assert keys == sorted({key for key in one.keys() | other.keys() if one.get(key) != other.get(key)})
    assert all(start < end for start, end in found)
    assert all(end < start for (_, end), (start, _) in pairwise(found))


def test_a_page_that_joins_others_is_new_alone() -> None:
    """The second page of a file makes one run of two: the first one is not new for that."""
    assert changed([Run(0, 1, 7)], [Run(0, 2, 7, 1)]) == [(1, 2)]
    assert changed([Run(0, 2, 7, 1)], [Run(0, 2, 7, 1)]) == []
    assert changed([], []) == []


def test_nothing_is_marked_without_a_picture_before() -> None:
    """A still picture has no marks: nobody saw what was before."""
    recording = run(lesson(), LESSON)
    lanes = owners.lanes(recording.at(50))
    picture, touched = owners.picture(Names(recording), lanes, lanes)
    assert touched == []
    assert "hl-new" not in picture.body and "hl-u" not in picture.body


# -- titles ----------------------------------------------------------------------------------------------
def test_titles_say_the_numbers() -> None:
    """Of processes, mappings, files and pools; the picture's own title has them all."""
    recording = run(lesson(), LESSON)
    picture = drawn(recording, recording.steps[2].last)
    assert lines(picture)[0] == "process PPID 2385, descriptors f"
    said = picture.title
    assert "VMA ptr, shared: 0xb6a00000-0xb7400000, 5 of 5 mapped" in said
    assert "file test_file: inode 16079: 1 name, 1 descriptor, 1 mapping, 5 cached" in said
    assert "its reservation map: bar = reserved or there; 0 reserved without a page" in said
    assert "pool of 10 pages of 2 MB: 5 free - 0 reserved = 5 available" in said
    after = drawn(recording, recording.steps[3].last)
    assert "VMA" not in after.title


def test_a_tooltip_says_the_pfn_that_the_layout_and_the_log_say() -> None:
    """Not the frame of the pool, which no other view shows."""
    recording = run(lesson(1), LESSON)
    end = recording.steps[2].last
    taken = next(event.pfn for event in recording if (event.name, event.moment) == ("alloc_huge_page", "success"))
    said = [item.words for item in items(drawn(recording, end)) if item.page == "2M:A"]
    assert said == [f"VMA ptr, page 0: page A, pfn {taken}", f"file test_file, index 0: page A, pfn {taken}"]
    assert f", pfn {taken}, " in items(layout(recording, end))[0].words


@pytest.mark.parametrize("bug", ["quirk_fork_parent_munmap_first_underflow", "mount_min_size_takes_surplus"])
def test_all_views_have_one_number_of_available_pages(bug: str) -> None:
    """Where more are reserved than free, or fewer than none: the pool's line, the numbers and the table of steps."""
    recording, odd = run(CASE[bug]), 0
    ends = [step.last for step in recording.steps]
    rows = re.findall(r"<tr data-step=.*?</tr>", tables.usage(recording, ends, recording.booted))
    for step, row in zip(recording.steps, rows[1:], strict=True):
        now = recording.counters(step.last)
        told = numbers_of(now)
        more = next(lane.more for lane in owners.lanes(recording.at(step.last)) if lane.title.startswith("pool"))
        free, rsvd, available = map(int, re.findall(r"-?\d+", more)[:3])
        assert (free, rsvd, available) == (now.free, now.signed.rsvd, now.free - now.signed.rsvd)
        assert told[2:5] == (free, rsvd, available)
        assert re.findall(r"<td[^>]*>(-?\d+)</td>", row)[1:] == [*map(str, (free, rsvd, now.surp, available))]
        assert ("a kernel bug" in more) == (rsvd < 0)
        odd += bool(now.oddity)
    assert odd


def test_the_last_line_says_what_the_signs_mean() -> None:
    """Below everything, in soft text, and inside."""
    picture = drawn(run(lesson(), LESSON), 60)
    last = words(picture)[-1]
    assert last.text == owners.LEGEND
    for sign in ("letter", "colour", "dashed", "thick frame", "underlined"):
        assert sign in last.text
    assert max(one.y for one in words(picture)[:-1]) < last.y < picture.height


@pytest.mark.parametrize("name", ["a" * 200, "m" * 40, "大" * 60, "f"])
def test_long_names_are_cut(name: str) -> None:
    """To what fits; the whole is in the tooltip, and in the words of the picture."""
    program = Scenario("long").then("open", fd="f", path=f"m/{name}").then("mmap", map="A", fd="f", pages=2)
    recording = run(program)
    picture = drawn(recording, len(recording) - 1)
    assert misplaced(picture) == []
    titles = [node.text for node in tree(picture).iter(f"{SVG}title") if (node.text or "").startswith("file ")]
    whole = f"file {name}: inode 16079: 1 name, 1 descriptor, 1 mapping, 0 cached"
    assert (whole in titles) == (len(name) > 1)
    assert whole in picture.title


def test_letters_of_many_pages_stay_in_their_cells() -> None:
    """The pages behind ZZ have three: they are drawn narrower."""
    flags = ["MAP_SHARED", "MAP_ANONYMOUS", "MAP_HUGETLB"]
    program = Scenario("many", nr=720).then("mmap", map="A", pages=700, flags=flags).touch(map="A", count=700)
    recording = run(program.then("mmap", map="B", pages=6, flags=flags).touch(map="B", count=6))
    for picture in (drawn(recording, len(recording) - 1), layout(recording, len(recording) - 1)):
        assert misplaced(picture) == []
    placed = [one for one in words(drawn(recording, len(recording) - 1)) if one.text == "AAA"]
    assert len(placed) == 2 and all(one.right - one.left == 18 for one in placed)


def test_what_is_new_in_words_is_underlined() -> None:
    """The text behind a name where it changed; the name, too, where it was not there."""
    recording = run(lesson(), LESSON)
    made = next(i for i in range(len(recording)) if "VMA ptr" in drawn(recording, i).title)
    picture = drawn(recording, made)
    spans = {node.text: node.attrib["class"] for node in tree(picture).iter(f"{SVG}tspan")}
    assert "hl-u" in spans["VMA ptr, shared"]
    assert "hl-u" not in spans["process P"] and "hl-u" not in spans["pool of 10 pages of 2 MB"]


def test_names_are_text() -> None:
    """A file, a descriptor and a mapping whose names are markup."""
    name = "<b>&\"'"
    program = Scenario("markup").then("open", fd=name, path=f"m/{name}")
    program = program.then("mmap", map=name, fd=name, pages=2, flags=["MAP_SHARED"]).then("touch", map=name, page=0)
    recording = run(program)
    picture = drawn(recording, len(recording) - 1)
    assert f"file {name}" in picture.title and f"VMA {name}" in picture.title
    assert any(line.startswith(f"file {name}") for line in lines(picture))
    assert any(item.words.startswith(f"VMA {name}, page 0: page A, pfn ") for item in items(picture))
    assert "<b>" not in picture.svg()


# -- many pages ------------------------------------------------------------------------------------------
def bars(picture: Picture, lane: str) -> list[tuple[int, int, int]]:
    """First place, last place and pages of each bar of a lane, as its words say."""
    found = []
    for item in items(picture):
        if item.key.rpartition(":")[0] == lane:
            first, _, last, pages = re.search(r" (\d+)( to (\d+))?: ([\d,]+) pages?: ", item.words).groups()  # type: ignore[union-attr]
            found.append((int(first), int(last or first), int(pages.replace(",", ""))))
    return found


@pytest.mark.parametrize(("pages", "kind"), [(MOST_CELLS, "cells"), (MOST_CELLS + 1, "bars")])
def test_up_to_twenty_places_are_cells(pages: int, kind: str) -> None:
    """Then each page has its letter; more are bars, which say from which page to which."""
    recording = run(lesson(pages, pages))
    picture = drawn(recording, recording.steps[2].last)
    file = next(record.key for record in recording.at(recording.steps[2].last).of(inode) if record.h is not None)
    if kind == "cells":
        assert len(cells(picture)) == 3 * pages
    else:
        assert bars(picture, file) == [(0, pages - 1, pages)]
        words = next(item.words for item in items(picture) if item.key == f"{file}:0")
        assert words == f"file test_file, index 0 to {pages - 1}: {pages} pages: A to {'U'}"


@pytest.mark.parametrize(("pages", "pool"), [(64, 100), (4096, 4096), (1_000_000, 1_000_000)])
def test_many_pages_are_small_and_quick(pages: int, pool: int) -> None:
    """Below 12 KB and a few milliseconds, in the middle of the faults, at their end and in the middle of the frees."""
    recording = run(lesson(pages, pool), X86_64)
    names = Names(recording)
    touch, unlink = recording.steps[2], recording.steps[5]
    for index in ((touch.first + touch.last) // 2, touch.last, (unlink.first + unlink.last) // 2, len(recording) - 1):
        begin = time.perf_counter()
        picture = drawn(recording, index, names)
        took = time.perf_counter() - begin
        assert len(picture.svg()) < 12_000
        assert took < 0.1
        state = recording.at(index)
        for vma in state.of(vm_area_struct):
            assert sum(bar[2] for bar in bars(picture, vma.key)) == sum(run.count for run in vma.mapped())
        for node in state.of(inode):
            if node.h is not None:
                assert sum(bar[2] for bar in bars(picture, node.key)) == len(node.i_pages)
        part = state.pools[0].nodes[0]
        assert sum(bar[2] for bar in bars(picture, part.key)) == len(part.freelist)
        for node in tree(picture).iter(f"{SVG}rect"):
            assert float(node.attrib["x"]) + float(node.attrib["width"]) <= WIDTH + 1
        assert all(item.words for item in items(picture))
        assert misplaced(picture) == []


def test_a_scattered_file_is_one_bar_with_their_number() -> None:
    """Every second page of a file: up to 60 runs are bars of their own, more are one bar that says how many."""
    for pages in (2 * MOST_BARS, 2 * MOST_BARS + 2):
        program = Scenario("scattered", nr=pages).then("open", fd="f", path="m/a")
        program = program.then("mmap", map="A", fd="f", pages=pages, flags=["MAP_SHARED"])
        for page in range(0, pages, 2):
            program = program.then("touch", map="A", page=page, mode="w")
        recording = run(program)
        picture = drawn(recording, len(recording) - 1)
        file = next(record.key for record in recording.end.of(inode) if record.h is not None)
        found = bars(picture, file)
        assert sum(bar[2] for bar in found) == pages // 2
        assert len(found) == (MOST_BARS if pages // 2 <= MOST_BARS else 1)
        if len(found) == 1:
            words = next(item.words for item in items(picture) if item.key == f"{file}:0")
            assert words.endswith(f"{pages // 2} pages: {pages // 2} separate runs")
        assert len(picture.svg()) < 60_000


def test_a_new_page_among_many_has_a_frame() -> None:
    """Where pages are bars, what is new gets a frame around it, at its place."""
    recording = run(lesson(64, 100))
    touch = recording.steps[2]
    names, seen = Names(recording), 0
    for index in range(touch.first, touch.last):
        it = recording.event(index)
        picture, touched = owners.picture(
            names, owners.lanes(recording.at(index)), owners.lanes(recording.at(index - 1))
        )
        if it.name == "add_to_page_cache":
            frames = [node for node in tree(picture).iter(f"{SVG}rect") if node.attrib["class"] == "hl-frame"]
            scale = (WIDTH - owners.INDENT - 4) / 64
            assert [float(frame.attrib["x"]) for frame in frames] == pytest.approx(
                [owners.INDENT + it.unit * scale], abs=0.01
            )
            assert touched[0].startswith("inode/")
            seen += 1
    assert seen == 64


# -- lanes -----------------------------------------------------------------------------------------------
def test_heights_of_lanes() -> None:
    """A title alone, cells, a map's bars, and the bar of reserved pages under a free list."""
    recording = run(lesson(), LESSON)
    lanes = {lane.title: lane for lane in owners.lanes(recording.at(recording.steps[1].last))}
    assert lanes["process P"].height == TITLE
    assert lanes["VMA ptr, shared"].height == lanes["file test_file"].height == TITLE + ROW
    assert lanes["its reservation map"].height == TITLE + BAR
    assert lanes["pool of 10 pages of 2 MB"].height == TITLE + ROW + UNDER
    assert lanes["pool of 10 pages of 2 MB"].reserved == 5
    assert Lane("k", "t", "m").height == TITLE


def test_reserved_pages_lie_under_the_next_ones() -> None:
    """The bar begins at the page that is handed out next, and is as long as the reservation."""
    recording = run(lesson(), LESSON)
    picture = drawn(recording, recording.steps[1].last)
    (bar,) = [item for item in items(picture) if item.key.endswith("/rsvd")]
    assert bar.words == "5 pages of the free list reserved: whichever come next"
    node = next(node for node in tree(picture).iter(f"{SVG}g") if node.get("data-k", "").endswith("/rsvd"))
    box = node.find(f"{SVG}rect")
    assert box is not None
    assert float(box.attrib["x"]) == owners.INDENT
    assert float(box.attrib["width"]) == 5 * (CELL - 1) - 3


def test_processes_that_have_ended_say_so() -> None:
    """They keep their lane."""
    recording = run(Scenario("end").then("open", fd="f", path="m/a").then("exit"))
    lanes = owners.lanes(recording.at(len(recording) - 1))
    assert lanes[0].more == "PID 2385, ended" or lanes[0].more.endswith("ended")
    assert isinstance(recording.end.of(mm_struct)[0].pid, int)
