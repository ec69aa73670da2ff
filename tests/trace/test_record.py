"""Logs of every format as Recordings: events and counters as the lines say."""

from __future__ import annotations

from pathlib import Path

import pytest

from hugelab.trace.detective import examine
from hugelab.trace.record import record
from hugelab.views.page import page

from .recordings import LESSON, RECORDINGS, lines


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_every_format_becomes_a_recording(path: Path) -> None:
    """As many events and SNAPs as the detective counts, with their lines; and it can be drawn."""
    recording, report = record(lines(path)), examine(path)
    assert len(recording) == 1 + report.events + report.snaps
    assert recording.source == "log"
    numbers = [recording.event(i).detail["line"] for i in range(1, len(recording))]
    assert numbers == sorted(set(numbers))
    assert [recording.event(i).index for i in range(len(recording))] == list(range(len(recording)))
    assert 'id="film"' in page((recording,), path.name)


def test_counters_are_those_of_the_lines() -> None:
    """A kprobe log shows all four at every line: so does its recording."""
    path = next(path for path in RECORDINGS if path.name == "d61amd64_lesson_kprobe.txt")
    recording = record(lines(path))
    shown = [recording.event(i) for i in range(1, len(recording))]
    with_counters = [event for event in shown if "free" in event.detail]
    assert len(with_counters) > 40
    for event in with_counters:
        assert (event.counters.total, event.counters.free) == (event.detail["total"], event.detail["free"])
        assert (event.counters.rsvd, event.counters.surp) == (event.detail["rsvd"], event.detail["surp"])
    assert [step.op.op for step in recording.steps] == ["open", "mmap", "touch", "munmap", "close", "unlink", "meminfo"]


def test_the_lessons_lines_as_events() -> None:
    """18 lines of a printk log, between prose: the two counters that they show, and where their page lies."""
    shown = record(lines(LESSON))
    assert len(shown) == 19
    before, given = (
        next(event for event in shown if (event.name, event.moment, "free" in event.detail) == wanted)
        for wanted in (("alloc_huge_page", "logged", True), ("alloc_huge_page", "logged", False))
    )
    assert (before.counters.free, before.counters.rsvd) == (10, 5)
    assert given.detail["line"] < before.detail["line"]  # its START line shows no counter
    assert next(event.pfn for event in shown if event.pfn is not None) == 507904
    assert (shown.counters(18).free, shown.counters(18).rsvd) == (6, 5)


def test_a_long_log_is_recorded_up_to_a_limit() -> None:
    path = RECORDINGS[0]
    assert len(record(lines(path), most=10)) == 11
    assert len(record([])) == 1
