"""What a lab shows, compared with its recordings: the tests of all labs share it."""

from __future__ import annotations

import csv
import io
import json
import re
from functools import cache
from typing import Any

from hugelab import labs
from hugelab.core.text import markup
from hugelab.draw import plot
from hugelab.labs.lab import Lab, finish
from hugelab.labs.side_by_side import SideBySide
from hugelab.record.recording import Recording, compare
from tests.labs import dom


@cache
def _only(name: str) -> Lab:
    lab: Lab = labs.ALL[name]()
    lab.build()
    return lab


def shown(name: str) -> Lab:
    """A lab as it starts: always the same one, because making room for every setting takes longer than moving it."""
    lab = _only(name)
    for control in lab.controls.values():
        control.set_quietly(control.first)
    lab._keep(finish(lab._work(lab.values)))
    lab._show(lab._start())
    return lab


def check_views(lab: Lab) -> None:
    """Head, window, position and values of the explorer agree with each other and with the lab's recordings."""
    explorer = lab.explorer
    head, timeline = explorer.head, lab.film.timeline
    assert lab.values == explorer.values == head["values"] == lab.shown
    assert explorer.message == {"html": lab._about(), "kind": ""}
    assert explorer.busy == {}
    assert head["length"] == len(timeline)
    assert head["marks"] == [list(mark) for mark in timeline.marks]
    assert len(head["sides"]) == len(lab.recordings)
    for side, recording in zip(head["sides"], lab.recordings, strict=True):
        assert len(side["plots"]) == len(plot.pools(recording))
        check_csv(side["csv"], recording)
        if isinstance(lab, SideBySide):
            _, rows = dom.read(side["steps"])
            assert [row[1:6] for row in rows] == dom.side(recording)
        else:
            check_steps(side["steps"], recording)
    assert [case["steps"] for case in json.loads(head["json"])["scenarios"]] == [
        recording.scenario.to_json()["steps"] for recording in lab.recordings
    ]
    check_window(lab)


def check_code(lab: Lab) -> None:
    """The Python that can be copied makes the same recording."""
    made: dict[str, Any] = {}
    exec(lab.explorer.head["python"], made)
    assert made["recording"].steps == lab.recordings[-1].steps
    assert compare(made["recording"], lab.recordings[-1]) is None


def check_window(lab: Lab) -> None:
    """The window contains the position; its frames have the recordings' numbers, and pictures that are in it."""
    head, window = lab.explorer.head, lab.explorer.window
    first, frames, pictures = window["first"], window["frames"], window["pictures"]
    assert window["run"] == head["run"]
    assert 0 <= first <= lab.explorer.position < first + len(frames) <= head["length"]
    used = set()
    for position, frame in enumerate(frames, first):
        for events, recording, side in zip(lab.film.timeline.events, lab.recordings, frame, strict=True):
            index = events[position]
            assert side[0] == index
            assert side[6] == [str(number) for number in plot.numbers(recording.counters(index))]
            assert side[7] == recording.step_of(index)
            used |= set(side[1:4])
    assert used == set(range(len(pictures)))
    assert all(picture.startswith("<svg ") for picture in pictures)


def check_steps(table: str, recording: Recording) -> None:
    """A row before and a row a step, with its outcome and its counters."""
    rows = re.findall(r'<tr data-step="(-?\d+)".*?</tr>', table)
    assert rows == [str(number) for number in range(-1, len(recording.steps))]
    for row, step in zip(table.split("<tr data-step=")[2:], recording.steps, strict=True):
        assert markup(step.op) in row
        now = next(iter(step.counters.values()))
        cells = re.findall(r"<td(?: title=\"[^\"]*\")?>([^<]*)</td>", row)
        assert cells == [step.outcome, *map(str, (*now.signed, now.available))]


def check_csv(text: str, recording: Recording) -> None:
    """The same numbers for a spreadsheet."""
    _, *rows = csv.reader(io.StringIO(text))
    assert [row[2] for row in rows] == [step.outcome for step in recording.steps]
    for row, step in zip(rows, recording.steps, strict=True):
        assert row[3:7] == [str(number) for number in next(iter(step.counters.values()))]


def go(lab: Lab, position: int) -> None:
    """Move the timeline, as the browser does: frames that are missing are asked for."""
    window = lab.explorer.window
    lab.explorer.position = position
    if not window["first"] <= position < window["first"] + len(window["frames"]):
        send(lab, want=position)


def send(lab: Lab, **message: Any) -> None:
    """A message of the browser, about what it shows now."""
    lab._told_of(None, {"run": lab.explorer.head["run"], **message}, [])
