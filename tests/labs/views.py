"""What a lab shows, compared with its recordings: the tests of all labs share it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any, TypeVar

import ipywidgets

from hugelab import labs
from hugelab.core.text import markup
from hugelab.core.units import format_size
from hugelab.labs import Lab
from hugelab.labs.side_by_side import SideBySide
from hugelab.labs.widget.film_lab import FilmLab
from hugelab.record.recording import Recording, compare
from hugelab.views.plots import pool
from tests.labs import dom

L = TypeVar("L", bound=Lab[Any])


# -- a lab and its browser ---------------------------------------------------------------------------
def shown(name: str) -> Any:
    """A lab with a timeline, displayed."""
    return displayed(labs.ALL[name]())


def displayed(lab: L) -> L:
    """The lab, as when it was displayed."""
    lab._repr_mimebundle_()
    return lab


def offered(control: Any) -> Sequence[Any]:
    """Everything that can be chosen with a control, in order."""
    if isinstance(control, ipywidgets.IntSlider):
        return range(control.min, control.max + 1)
    if isinstance(control, ipywidgets.Checkbox):
        return (False, True)
    return tuple(value for _, value in control._options_full)


def browse(control: Any, value: Any) -> None:
    """Move a control, as the browser does: a selection is told by its number."""
    if hasattr(control, "index"):
        control.set_state({"index": offered(control).index(value)})
    else:
        control.set_state({"value": value})


def move(lab: Lab[Any], **values: Any) -> None:
    """Move controls one after the other, as the browser does."""
    for name, value in values.items():
        if lab.values[name] != value:
            browse(lab.controls[name], value)


def together(lab: Lab[Any], **values: Any) -> None:
    """Move controls at once, as Reset does."""
    lab._set(values)
    lab._renew()


def send(lab: Lab[Any], **message: Any) -> None:
    """A message of the browser, about what it shows now."""
    lab._handle_custom_msg({"run": lab.head["run"], **message}, [])


def go(lab: FilmLab, position: int) -> None:
    """Move the timeline, as the browser does: frames that are missing are asked for."""
    window = lab.window
    lab.set_state({"position": position})
    if not window["first"] <= position < window["first"] + len(window["frames"]):
        send(lab, want=position)


def busy(lab: Lab[Any]) -> dict[str, Any]:
    """What the page says of work that takes long: words, and the part that is done (None: unknown); {}: nothing."""
    bar = lab.progress
    if bar is None or bar.max == 0:
        return {}
    return {"text": bar.description, "part": None if bar.value < 0 else bar.value / bar.max}


# -- what it shows -----------------------------------------------------------------------------------
def check_views(lab: FilmLab) -> None:
    """Head, window, position, plot and values agree with each other and with the lab's recordings."""
    head, timeline = lab.head, lab.film.timeline
    assert lab.values == head["values"] == lab.shown
    assert lab.message == {"html": lab._about(), "kind": ""}
    assert lab.words == repr(lab)
    assert busy(lab) == {}
    assert head["length"] == len(timeline)
    assert head["marks"] == [list(mark) for mark in timeline.marks]
    assert len(head["sides"]) == len(lab.recordings)
    for number, (side, recording) in enumerate(zip(head["sides"], lab.recordings, strict=True)):
        check_traces(lab, number, side["figure"]["data"])
        check_csv(side["csv"], recording)
        if isinstance(lab, SideBySide):
            _, rows = dom.read(side["steps"])
            assert [row[1:6] for row in rows] == dom.side(recording)
        else:
            refused = lab.film.refusals[number]
            check_steps(side["steps"], recording, refused.step if refused else -1)
    assert [case["steps"] for case in json.loads(head["json"])["scenarios"]] == [
        recording.scenario.to_json()["steps"] for recording in lab.recordings
    ]
    check_window(lab)


def check_figure(lab: FilmLab) -> None:
    """The plot as plotly's Figure has the numbers of the recording."""
    check_traces(lab, 0, [{"name": trace.name, "x": trace.x, "y": trace.y} for trace in lab.figure.data])


def check_traces(lab: FilmLab, side: int, data: Any) -> None:
    """For each pool exactly the six traces, whose points are the recording's counters at the plotted positions."""
    recording, timeline = lab.recordings[side], lab.film.timeline
    at = pool.points(timeline, side)
    places = [timeline.place(position) for position in at]
    expected = {}
    for number, size in enumerate(pool.pools(recording)):
        now = [recording.counters(timeline.events[side][position], size) for position in at]
        rsvd = [one.rsvd - (one.rsvd >= 1 << 63) * (1 << 64) for one in now]
        behind = f", {format_size(size)}" * (number > 0)
        expected |= {
            f"total{behind}": [one.total for one in now],
            f"in use{behind}": [one.total - one.free for one in now],
            f"free{behind}": [one.free for one in now],
            f"rsvd{behind}": rsvd,
            f"available{behind}": [one.free - reserved for one, reserved in zip(now, rsvd, strict=True)],
            f"surp{behind}": [one.surp for one in now],
        }
    assert len(data) == len(expected)
    assert {trace["name"]: list(trace["y"]) for trace in data} == expected
    assert all(list(trace["x"]) == places for trace in data)


def check_code(lab: FilmLab) -> None:
    """The Python that can be copied makes the same recording."""
    made: dict[str, Any] = {}
    exec(lab.head["python"], made)
    assert made["recording"].steps == lab.recordings[-1].steps
    assert compare(made["recording"], lab.recordings[-1]) is None


def check_window(lab: FilmLab) -> None:
    """The window contains the position; its frames have the recordings' numbers, and pictures that are in it."""
    head, window = lab.head, lab.window
    first, frames, pictures = window["first"], window["frames"], window["pictures"]
    assert window["run"] == head["run"]
    assert 0 <= first <= lab.position < first + len(frames) <= head["length"]
    used = set()
    for position, frame in enumerate(frames, first):
        for events, recording, side in zip(lab.film.timeline.events, lab.recordings, frame, strict=True):
            index = events[position]
            assert side[0] == index
            assert side[6] == [str(number) for number in pool.numbers(recording.counters(index))]
            assert side[7] == recording.step_of(index)
            used |= set(side[1:4])
    assert used == set(range(len(pictures)))
    assert all(picture.startswith("<svg ") for picture in pictures)


def check_steps(table: str, recording: Recording, refused: int) -> None:
    """A row before and a row a step, with its outcome and its counters; what was refused has a mark."""
    rows = re.findall(r'<tr data-step="(-?\d+)".*?</tr>', table)
    assert rows == [str(number) for number in range(-1, len(recording.steps))]
    for row, step in zip(table.split("<tr data-step=")[2:], recording.steps, strict=True):
        assert markup(step.op) in row
        now = next(iter(step.counters.values()))
        cells = re.findall(r"<td(?: title=\"[^\"]*\")?>([^<]*)</td>", row)
        mark = "✗ " * (step.outcome not in ("ok", "unsupported") or step.index == refused)
        assert cells == [f"{mark}{step.outcome}", *map(str, (*now.signed, now.available))]
        assert ('class="hl-refused"' in row) == bool(mark)


def check_csv(text: str, recording: Recording) -> None:
    """The same numbers for a spreadsheet."""
    _, *rows = csv.reader(io.StringIO(text))
    assert [row[2] for row in rows] == [step.outcome for step in recording.steps]
    for row, step in zip(rows, recording.steps, strict=True):
        assert row[3:7] == [str(number) for number in next(iter(step.counters.values()))]
