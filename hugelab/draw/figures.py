"""The pool plot: counters over events, as plain plotly data (a dict), so that figure and widget are made from one."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..recording import Recording
from ..state import Counters
from .theme import DARK, LIGHT

# The stacked areas, from the bottom: name, colour, pattern (so that colour is not the only carrier).
AREAS = (("in use", "used", ""), ("reserved", "rsvd", "/"), ("available", "free", "."))


class Series(NamedTuple):
    """The pool of the default size over the events at which it changes. Pages; ``events`` are event numbers."""

    events: list[int]
    counters: list[Counters]

    def columns(self) -> dict[str, list[int]]:
        """What the plot stacks: in use + reserved + available = total."""
        return {
            "in use": [now.in_use for now in self.counters],
            "reserved": [now.rsvd for now in self.counters],
            "available": [now.available for now in self.counters],
            "surplus": [now.surp for now in self.counters],
        }


def series(recording: Recording) -> Series:
    """One point where a stretch of equal events begins and one where it ends: as long as the rows, not the pages.

    Stretches of up to 64 units are given unit by unit, so that the steps of single faults are seen.
    """
    marks = []
    for number, row in enumerate(recording.rows):
        first, points = recording.first_event(number), len(row.points)
        units = range(row.n) if row.n <= 64 else (0, row.n - 1)
        marks += [first + unit * points + point for unit in units for point in range(points)]
    counters = [recording.counters(mark) for mark in marks]
    keep = [
        i
        for i in range(len(marks))
        if i in (0, len(marks) - 1) or counters[i] != counters[i - 1] or counters[i] != counters[i + 1]
    ]
    return Series([marks[i] for i in keep], [counters[i] for i in keep])


def caption(recording: Recording, index: int) -> str:
    """The numbers at an event, in the words of the plot."""
    now = recording.counters(index)
    return (
        f"event {index}: total {now.total}, in use {now.in_use}, free {now.free}, reserved {now.rsvd}, "
        f"available {now.available}, surplus {now.surp}"
    )


def pool(recording: Recording, index: int, dark: bool = False) -> dict[str, Any]:
    """The plot with its marker at an event: ``{"data": [...], "layout": {...}}``."""
    data = series(recording)
    columns, colours = data.columns(), DARK if dark else LIGHT
    traces: list[dict[str, Any]] = []
    for name, colour, pattern in AREAS:
        traces.append(
            {
                "type": "scatter",
                "name": name,
                "x": data.events,
                "y": columns[name],
                "stackgroup": "pool",
                "mode": "lines",
                "line": {"shape": "hv", "width": 1, "color": colours[colour]},
                "fillpattern": {"shape": pattern, "fgcolor": colours["paper"], "size": 6, "solidity": 0.25},
                "hovertemplate": f"event %{{x}}<br>{name}: %{{y}} pages<extra></extra>",
            }
        )
    traces.append(
        {
            "type": "scatter",
            "name": "surplus",
            "x": data.events,
            "y": columns["surplus"],
            "mode": "lines",
            "line": {"shape": "hv", "width": 2, "dash": "dash", "color": colours["surp"]},
            "hovertemplate": "event %{x}<br>surplus: %{y} pages<extra></extra>",
        }
    )
    return {"data": traces, "layout": {**_layout(recording, colours), **marker(recording, index, dark)}}


def marker(recording: Recording, index: int, dark: bool = False) -> dict[str, Any]:
    """The part of the layout that follows the timeline: a line at the event, and its numbers above the plot."""
    colours = DARK if dark else LIGHT
    rule = {"type": "line", "xref": "x", "yref": "paper", "x0": index, "x1": index, "y0": 0, "y1": 1}
    rule["line"] = {"color": colours["text"], "width": 2}
    title = {"text": caption(recording, index), "font": {"size": 13, "color": colours["text"]}, "x": 0.01}
    return {"shapes": [rule], "title": title}


def _layout(recording: Recording, colours: dict[str, str]) -> dict[str, Any]:
    top = max(max((now.total for now in series(recording).counters), default=0), 1)
    axis = {"color": colours["soft"], "gridcolor": colours["line"], "zeroline": False, "showgrid": False}
    return {
        "height": 260,
        "autosize": True,
        "margin": {"l": 50, "r": 10, "t": 36, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": colours["text"]},
        "xaxis": {"title": {"text": "event"}, "range": [0, max(len(recording) - 1, 1)], **axis},
        "yaxis": {"title": {"text": "pages"}, "range": [0, top * 1.05], **axis, "rangemode": "tozero"},
        "legend": {"orientation": "h", "y": -0.35},
        "hovermode": "x",
        "dragmode": False,
        "transition": {"duration": 0},
    }
