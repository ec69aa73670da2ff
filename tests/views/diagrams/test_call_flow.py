"""The call flow, read back from the picture: the chain of the event's phase, and the one box where the kernel is."""

from __future__ import annotations

import pytest

from hugelab import LESSON, MACHINES, X86_64, Scenario, lesson, run
from hugelab.linux.names import function_name
from hugelab.record import flow
from hugelab.views.diagrams.call_flow import WIDTH, call_flow, lit
from tests.views.read import CASE, CASES, items, lines, misplaced, words

VARIED = [
    *("shared_two_processes", "two_forked_children_share_then_die", "quirk_fork_parent_munmap_first_underflow"),
    *("mount_size_quota_sequence", "gigantic_demote", "mount_min_size_takes_surplus"),
]


@pytest.mark.parametrize("name", ["lesson", *VARIED])
def test_the_function_of_the_event_is_marked(name: str) -> None:
    """One box, with a sign; none where no huge page code runs; a rule that refuses has another sign."""
    recording = run(CASE[name]) if name in CASE else run(lesson(), LESSON)
    for event in recording:
        picture = call_flow(recording, event)
        boxes = items(picture)
        assert [box.key for box in boxes] == [f"fn:{call.name}" for call in flow.chain(recording, event)]
        sign, style = ("✗", "hl-bad") if "rule" in event.detail else ("▶", "hl-lit")
        here = [box.key for box in boxes if style in box.styles]
        assert here == ([f"fn:{event.name}"] if any(box.key == f"fn:{event.name}" for box in boxes) else [])
        assert [box.key for box in boxes if sign in box.text] == here
        assert lit(recording, event) == (event.name if boxes else "")


def test_what_was_not_reached_is_dashed() -> None:
    """And the last line says what solid and dashed mean."""
    recording = run(lesson(), LESSON)
    dashed = set()
    for event in recording:
        picture = call_flow(recording, event)
        boxes = items(picture)
        for box, passed in zip(boxes, flow.passed(recording, event), strict=True):
            assert ("hl-empty" in box.styles) == (not passed and box.key != f"fn:{event.name}")
            dashed.add("hl-empty" in box.styles)
        assert not boxes or lines(picture)[-1] == "solid: reached by this page or step so far; dashed: not"
    assert dashed == {True, False}


def test_a_refusal_is_seen() -> None:
    """The box of the function that decided, in the colour for what is bad."""
    recording = run(lesson(5, 3), X86_64)
    refused = next(event for event in recording if "rule" in event.detail)
    (box,) = [box for box in items(call_flow(recording, refused)) if "hl-bad" in box.styles]
    assert box.key == "fn:hugetlb_acct_memory" and box.text.startswith("✗ ")


@pytest.mark.parametrize("machine", MACHINES)
def test_names_are_those_of_the_release(machine: str) -> None:
    """In the box, and in the words of the picture."""
    recording = run(lesson(1), machine)
    version = recording.machine.version
    for event in recording:
        picture = call_flow(recording, event)
        if boxes := items(picture):
            assert picture.title.endswith(f"; now in {function_name(event.name, version)}")
            shown = [box.text.removeprefix("▶ ").partition(" ")[0] for box in boxes]
            assert shown == [function_name(call.name, version) for call in flow.chain(recording, event)]


@pytest.mark.parametrize("case", [*CASES, lesson()], ids=[*(case.name for case in CASES), "lesson"])
def test_words_stay_in_their_boxes(case: Scenario) -> None:
    """In the widest of the fonts, of 12 pixels; and the picture is no wider than its column."""
    assert WIDTH + 2 <= 400
    recording, seen = run(case), set()
    for event in recording:
        if (picture := call_flow(recording, event)).body not in seen:
            seen.add(picture.body)
            assert misplaced(picture) == []
            assert max(one.right for one in words(picture)) <= WIDTH - 3


def test_no_huge_page_code() -> None:
    """A line says so, with the step."""
    recording = run(Scenario("close").then("open", fd="f", path="m/a").then("close", fd="f"))
    picture = call_flow(recording, recording.event(len(recording) - 1))
    assert lines(picture) == ["close: no huge page code runs here"] == [picture.title] and items(picture) == []
    assert lines(call_flow(recording, recording.event(0))) == ["boot: no huge page code runs here"]
