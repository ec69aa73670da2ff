"""Films: frames are the same however they are asked for, and what a learner takes along makes the same recording."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from itertools import product
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from hugelab import LESSON, MACHINES, X86_64, Recording, Scenario, labs, lesson, run
from hugelab.linux.chains import chain_of
from hugelab.linux.operations import OPERATIONS
from hugelab.record import export, flow
from hugelab.record.refusal import first_refusal
from hugelab.record.timeline import of_one, of_two, shown_of_one
from hugelab.views import tables
from hugelab.views.diagrams.call_flow import call_flow
from hugelab.views.diagrams.layout import layout
from hugelab.views.diagrams.svg import Picture
from hugelab.views.film import AROUND, Film, describe
from hugelab.views.plots import pool
from tests.programs import scenarios
from tests.views.read import CASE, CASES, SVG, drawn, tree

# Programs with several processes, mounts, shared memory, surplus, users, cgroups, 1 GB pages, and kernel bugs.
VARIED = [
    *("shared_two_processes", "two_forked_children_share_then_die", "quirk_fork_parent_munmap_first_underflow"),
    *("mount_size_quota_sequence", "gigantic_demote", "mount_min_size_takes_surplus", "memfd_seals"),
    *("unprivileged_user", "cgroup1_rsvd_limit", "shm_hugetlb_enomem_noreserve", "symlink_and_dirs_use_no_pages"),
    *("quirk_failed_map_fixed_leaves_a_hole", "mount_mode_uid_gid", "overcommit_shared_grow_and_shrink"),
]


def filled(window: dict[str, Any]) -> list[list[list[Any]]]:
    """The frames with their pictures instead of numbers."""
    for frame, (at, _) in product(window["frames"], enumerate(window["pictures"])):
        assert all(0 <= number < len(window["pictures"]) for side in frame for number in side[1:4]), at
    return [
        [[side[0], *(window["pictures"][number] for number in side[1:4]), *side[4:]] for side in frame]
        for frame in window["frames"]
    ]


# -- frames ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", VARIED[:6])
def test_windows_are_parts_of_the_whole(name: str) -> None:
    """Windows of any size around any position, in any order; also from a film that was never asked before."""
    recording = run(CASE[name])
    film = Film(of_one(recording))
    whole = filled(film.whole())
    assert len(whole) == len(recording)
    order = random.Random(1)
    for _ in range(6):
        position, around = order.randrange(len(whole)), order.choice([0, 1, 5, AROUND])
        first, end = max(position - around, 0), min(position + around + 1, len(whole))
        for asked in (film, Film(of_one(run(CASE[name])))):
            window = asked.window(position, around)
            assert window["first"] == first
            assert filled(window) == whole[first:end]
    assert len(set(film.whole()["pictures"])) == len(film.whole()["pictures"]), "equal pictures are in it once"


@given(scenarios())
@settings(max_examples=10)
def test_a_frame_alone_is_the_frame_of_the_window(scenario: Scenario) -> None:
    """Backwards, one by one: what is kept between two frames changes nothing."""
    recording = run(scenario)
    whole = filled(Film(of_one(recording)).whole())
    film = Film(of_one(recording))
    for position in reversed(range(len(recording))):
        assert filled(film.window(position, 0)) == [whole[position]]


@pytest.mark.parametrize("name", [*VARIED[:4], "lesson_private_file"])
def test_a_frame_says_what_the_recording_says(name: str) -> None:
    """Event, step, counters as text (they may be too large for JavaScript), words, the page."""
    recording = run(CASE[name])
    film = Film(of_one(recording))
    names = film.sides[0].names
    for position, (frame,) in enumerate(filled(film.whole())):
        event = recording.event(position)
        index, *pictures, line, words, counters, step, touched, page = frame
        assert (index, step) == (position, event.step)
        drawings = call_flow(recording, event), drawn(recording, position, names), layout(recording, position, names)
        assert pictures == [drawing.svg() for drawing in drawings]
        assert counters == [str(number) for number in pool.numbers(recording.counters(position))]
        assert line == flow.log_text(event, recording.machine)
        assert words == describe(recording, event)
        assert bool(page) == (event.pfn is not None)
        if event.pfn is not None:
            assert page == film.sides[0].names.token(recording.end.pools[0], event.pfn // 512)
            assert page in touched
        function = [token for token in touched if token.startswith("fn:")]
        assert function == ([f"fn:{event.name}"] if flow.phase_of(recording, event) else [])


# -- the log -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("scenario", "machine"),
    [*((lesson(5), name) for name in MACHINES), *((CASE[name], "x86-64") for name in VARIED[:4])],
    ids=[*MACHINES, *VARIED[:4]],
)
def test_the_lines_of_all_frames_are_the_log(scenario: Scenario, machine: str) -> None:
    """Each once, in order."""
    recording = run(scenario, machine)
    log = [line.split("] ", 1)[1] for line in flow.log(recording)]
    assert [side[4] for (side,) in Film(of_one(recording)).whole()["frames"] if side[4] is not None] == log


@pytest.mark.parametrize(("left", "right"), [("lesson", "x86-64"), ("x86-64", "lesson"), ("numa", "x86-64-5.10")])
@pytest.mark.parametrize("private", [False, True])
def test_the_lines_of_either_side_are_its_log(left: str, right: str, private: bool) -> None:
    """Also where a side waits at an event that prints one: each line once."""
    pair = run(lesson(3, private=private), left), run(lesson(5, 4, touched=4), right)
    frames = Film(of_two(*pair), ("a", "b")).whole()["frames"]
    for side, recording in enumerate(pair):
        log = [line.split("] ", 1)[1] for line in flow.log(recording)]
        assert [frame[side][4] for frame in frames if frame[side][4] is not None] == log


def test_the_log_of_a_long_run_is_that_of_the_shown_events() -> None:
    """A page without a kernel: the lines of the events that it holds."""
    recording = run(lesson(500, 500), X86_64)
    timeline = shown_of_one(recording)
    shown = [frame[0][4] for frame in Film(timeline).whole()["frames"]]
    assert shown == [flow.log_text(recording.event(i), recording.machine) for i in timeline.events[0]]


# -- following ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("token", ["2M:A", "inode/16079:2", "fn:free_huge_page", "inode/16079", "2M:J"])
def test_follow_goes_to_the_last_touch_and_on_from_there(token: str) -> None:
    """From anywhere: the last event up to here that touched it; from one that did, the next; else stay. The boot is for
    those who stand in it."""
    film = Film(of_one(run(lesson(), LESSON)))
    touching = [at for at, (frame,) in enumerate(film.whole()["frames"]) if token in frame[8]]
    assert touching
    begin = film.timeline.marks[0].position
    assert begin > 0
    places = {*range(0, len(film.timeline), 3), begin, *touching[:2], *touching[-2:], len(film.timeline) - 1}
    for position in sorted(places):
        before = [at for at in touching if at < position and (at >= begin or position < begin)]
        on = [at for at in touching if at > position]
        if position in touching:
            expected = on[0] if on else position
        else:
            expected = before[-1] if before else on[0] if on else None
        assert film.follow(0, token, position) == expected, position


def test_a_page_that_was_there_from_the_boot_is_followed_into_the_program() -> None:
    """Seen at the open, page A leads to the fault that takes it; page J, which nobody takes, leads nowhere."""
    recording = run(lesson(), LESSON)
    film = Film(of_one(recording))
    begin = recording.steps[0].last
    found = film.follow(0, "2M:A", begin)
    assert found is not None and recording.event(found).step == 2
    assert film.follow(0, "2M:J", begin) is None
    assert film.follow(0, "2M:J", 1) is not None, "in the boot it is there"


def test_follow_of_what_nothing_touches() -> None:
    """None, not an event that has nothing to do with it."""
    film = Film(of_one(run(lesson(), LESSON)))
    assert film.follow(0, "2M:ZZ", 30) is None
    assert film.follow(0, "", 30) is None


def test_follow_looks_only_so_far() -> None:
    """In a million faults it gives up after ``reach`` events in each direction."""
    film = Film(of_one(run(lesson(1000, 1000), X86_64)))
    at = next(i for i in range(len(film.timeline)) if film.timeline.recordings[0].event(i).page == 500)
    assert film.follow(0, "2M:A", at, reach=100) is None
    assert film.follow(0, "fn:hugetlbfs_get_inode", at, reach=100) is None
    assert film.follow(0, "fn:hugetlbfs_get_inode", 120, reach=121) == 5


def test_follow_on_either_side() -> None:
    """Of two recordings: what the side that was clicked did."""
    film = Film(of_two(run(lesson(2), LESSON), run(lesson(2, private=True), LESSON)), ("shared", "private"))
    end = len(film.timeline) - 1
    cached = film.follow(0, "fn:add_to_page_cache", end)
    assert cached is not None and cached < end
    assert film.follow(1, "fn:add_to_page_cache", end) is None


# -- the head ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", VARIED)
def test_a_head_is_json_and_complete(name: str) -> None:
    """It survives the way through JSON, and its parts are those of the recording."""
    recording = run(CASE[name])
    film = Film(of_one(recording))
    head = film.head()
    assert json.loads(json.dumps(head, allow_nan=False)) == head
    assert head["length"] == len(recording)
    assert head["marks"] == [[step.first, step.index, step.op.op] for step in recording.steps]
    assert head["difference"] is None
    (side,) = head["sides"]
    assert side["figure"] == pool.pool(film.timeline)
    assert json.loads(head["json"])["scenarios"] == [recording.scenario.to_json()]
    for step in recording.steps:
        assert f'data-go="{step.last}"' in side["steps"]
    refused = first_refusal(recording)
    assert side["refusal"] == (refused and [refused.step, refused.event, refused.text])
    marked = re.findall(r'<tr data-step="(\d+)"[^>]* class="hl-refused"', side["steps"])
    assert marked == [str(step.index) for step in recording.steps if step.outcome not in ("ok", "unsupported")]


def test_a_head_of_two_names_the_difference() -> None:
    """Both programs are in what can be taken along."""
    left, right = run(lesson(), LESSON), run(lesson(), X86_64)
    head = Film(of_two(left, right), ("three", "six")).head()
    assert [side["title"] for side in head["sides"]] == ["three", "six"]
    position, words = head["difference"]
    assert words == "step 3, dequeue_huge_page_vma: reserved 4 | 5"
    assert 0 < position < head["length"]
    assert head["python"].count("recording = run(") == 2
    assert len(json.loads(head["json"])["scenarios"]) == 2


def test_the_row_before_the_first_step_leads_there() -> None:
    """Its button goes to the last event of the boot, also where two recordings share the timeline."""
    recording = run(CASE["mount_mode_uid_gid"])
    other = run(lesson(3), LESSON)
    for timeline in (of_one(recording), shown_of_one(recording), of_two(other, recording), of_two(recording, other)):
        film = Film(timeline)
        for side, head in enumerate(film.head()["sides"]):
            buttons = [
                int(position) for position in re.findall(r'<button type="button" data-go="(\d+)"', head["steps"])
            ]
            events = [timeline.events[side][position] for position in buttons]
            it = timeline.recordings[side]
            assert events == [it.booted, *(step.last for step in it.steps)]


# -- what can be taken along -------------------------------------------------------------------------
def executed(source: str) -> Recording:
    """What a learner gets who runs it."""
    there: dict[str, Any] = {}
    exec(compile(source, "copied", "exec"), there)
    recording = there["recording"]
    assert isinstance(recording, Recording)
    return recording


def same(one: Recording, other: Recording) -> None:
    """The same steps, events and machine."""
    assert other.to_json()["steps"] == one.to_json()["steps"]
    assert [event[:10] for event in other] == [event[:10] for event in one]
    assert other.machine.name == one.machine.name


@pytest.mark.parametrize("name", labs.ALL)
def test_python_of_every_lab_makes_its_recording(name: str) -> None:
    """Of both sides, where a lab has two."""
    lab = labs.ALL[name]()
    for recording in lab.recordings:
        same(recording, executed(export.as_python(recording)))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_python_of_recorded_cases(case: Scenario) -> None:
    """With processes, mounts, overcommit, arguments that are Python words, and kernel bugs."""
    recording = run(case)
    again = executed(export.as_python(recording))
    assert [step.to_json() for step in again.steps] == [step.to_json() for step in recording.steps]
    assert len(again) == len(recording)


@pytest.mark.parametrize("machine", MACHINES)
def test_python_of_every_machine(machine: str) -> None:
    """With and without kernel bugs."""
    for where in (MACHINES[machine], MACHINES[machine].as_intended()):
        recording = run(lesson(), where)
        again = executed(export.as_python(recording))
        same(recording, again)
        assert again.machine.rules == where.rules


def test_python_of_names_with_quotes_and_words_of_the_language() -> None:
    """Names are text; an argument may be called as a Python keyword is."""
    program = Scenario("a 'name' \"\n").then("open", fd="f", path="m/'\"\\")
    program = program.then("mmap", map="A", fd="f", pages=2, flags=["MAP_SHARED"])
    program = program.then("mremap", map="A", new_pages=2, flags=["MREMAP_MAYMOVE"], **{"as": "B"})
    recording = run(program)
    again = executed(export.as_python(recording))
    same(recording, again)
    assert again.scenario.name == program.name


@pytest.mark.parametrize(
    "name", ["gigantic_demote", "quirk_fork_parent_munmap_first_underflow", "shared_two_processes"]
)
def test_csv(name: str) -> None:
    """Reads back as the steps: operation, outcome and the counters of each page size."""
    recording = run(CASE[name])
    head, *rows = csv.reader(io.StringIO(export.csv_of(recording)))
    sizes = list(recording.steps[0].counters)
    names = ("total", "free", "reserved", "surplus", "available")
    assert head == ["step", "operation", "outcome", *(f"{name} {size}" for size in sizes for name in names)]
    assert len(rows) == len(recording.steps)
    for row, step in zip(rows, recording.steps, strict=True):
        assert row[:3] == [str(step.index + 1), str(step.op), step.outcome]
        numbers = [
            number for now in step.counters.values() for number in (*now, (now.free - now.rsvd + 2**63) % 2**64 - 2**63)
        ]
        assert row[3:] == [str(number) for number in numbers]


def test_usage_is_a_table_of_the_steps() -> None:
    """A row before, a row a step, each with a button, its numbers, and a bar as long as the pool."""
    recording = run(lesson(), LESSON)
    html = tables.usage(recording, [step.last for step in recording.steps], 1)
    rows = re.findall(r"<tr data-step.*?</tr>", html)
    assert len(rows) == 1 + len(recording.steps)
    for row, step in zip(rows[1:], recording.steps, strict=True):
        now = step.counters["2M"]
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", row)
        assert cells == [step.outcome, *map(str, (*now, now.available))]
        assert f"<span>{2 * now.available} MB available</span>" in row
        assert f'data-go="{step.last}"' in row
        widths = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', row)]
        assert sum(widths) == pytest.approx(tables.BAR, abs=0.2)


@pytest.mark.parametrize(
    ("name", "step", "outcome"),
    [("map_populate_noreserve_short", 0, "ok"), ("shared_reserved_by_two_files", 3, "ENOMEM")],
)
def test_usage_marks_what_was_refused(name: str, step: int, outcome: str) -> None:
    """In the words of its cell, too: also the step that got less, and was not told."""
    (side,) = Film(of_one(run(CASE[name]))).head()["sides"]
    rows = re.findall(r'<tr data-step="(\d+)"[^>]* class="hl-refused">.*?<td[^>]*>([^<]*)</td>', side["steps"])
    assert rows[0] == (str(step), f"✗ {outcome}") and side["refusal"][0] == step
    assert side["steps"].count("hl-refused") == side["steps"].count("✗ ") == len(rows)


@pytest.mark.parametrize("phase", ["fault", "mmap", "evict"])
def test_calls_keep_their_depth(phase: str) -> None:
    """What is called stands further in, in HTML too, where plain spaces at the begin of a cell are dropped."""
    table = tables.calls(phase)
    shown = ElementTree.fromstring(table._repr_html_()).findall("tbody/tr")
    cells = ["".join(row[1].itertext()) for row in shown]
    depths = [call.depth for call in chain_of(phase, next((r for r in OPERATIONS.values() if r.chain == phase), None))]
    assert [len(cell) - len(cell.lstrip("\u00a0")) for cell in cells] == [2 * depth for depth in depths]
    assert len(set(depths)) > 1 and not any(cell.startswith(" ") for cell in cells)


def test_usage_of_an_empty_pool_and_of_broken_counters_has_no_bar() -> None:
    """Nothing to divide by; a reservation below zero."""
    recording = run(lesson(2, 0), LESSON)
    assert "<svg" not in tables.usage(recording, [step.last for step in recording.steps], 1)
    slipped = run(CASE["quirk_fork_parent_munmap_first_underflow"])
    html = tables.usage(slipped, [step.last for step in slipped.steps], 1)
    row = next(row for row in html.split("<tr") if "rsvd is 2 below zero" in row)
    assert "<svg" not in row


# -- words -------------------------------------------------------------------------------------------
def test_an_event_in_words() -> None:
    """Step, function under the name of the kernel at hand, result, why."""
    recording = run(lesson(), X86_64)
    said = [describe(recording, event) for event in recording]
    assert said[0] == "before the first step: boot"
    assert "step 3, touch: alloc_hugetlb_folio" in said
    assert any(words.startswith("step 1, open: sys_open = ok") or "= ok" in words for words in said)
    failed = run(lesson(5, 2), X86_64)
    assert any("= ENOMEM" in describe(failed, event) for event in failed)


# -- pictures --------------------------------------------------------------------------------------
class _picture(Picture):
    """A picture that was made already."""

    def __init__(self, svg: str):
        object.__setattr__(self, "made", svg)

    def svg(self) -> str:
        return self.made  # type: ignore[attr-defined,no-any-return]


def test_pictures_have_a_name_for_screen_readers() -> None:
    """Every picture of a film is a group with a label, and every title in it is text."""
    film = Film(of_one(run(lesson(), LESSON)))
    for svg in film.whole()["pictures"]:
        root = tree(_picture(svg))
        assert root.attrib["aria-label"] and root.attrib["role"] == "group"
        assert all(node.text for node in root.iter(f"{SVG}title"))
