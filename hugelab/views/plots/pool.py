"""The pool plot: the counters over the timeline. And the numbers of one event in words.

From the axis up: available pages, then reserved ones (up to the line of the free pages), then those in use (up to the
total). So the lines of *available* and of *free* both start at zero and can be read off. Surplus pages are those
above the configured limit, a dotted line.
"""

from itertools import pairwise
from typing import Any

from ...core.state import Counters
from ...core.units import MIB, format_size
from ...linux.names import function_name
from ...record.recording import Recording
from ...record.refusal import first_refusal
from ...record.timeline import Timeline

HEIGHT, MORE = 232, 130  # pixels of a figure with one pool, and of each further one
LEFT, RIGHT, TOP, BOTTOM = 104, 12, 44, 22  # pixels around the plot itself
UNITS = 64  # of a stretch of equal events at most so many are points of the plot
ALL = 600  # positions: where there are more, those at which nothing changes are left out
NUMBERS = ("total", "in use", "free", "rsvd", "available", "surp")
# Name, style of its line, order in the legend. The first three lie on each other as areas.
TRACES: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("available", {"width": 1}, 5),
    ("rsvd", {"width": 1}, 4),
    ("in use", {"width": 1}, 2),
    ("total", {"width": 2}, 1),
    ("free", {"width": 2, "dash": "dash"}, 3),
    ("surp", {"width": 2, "dash": "dot"}, 6),
)
AREAS = {"available": ".", "rsvd": "/", "in use": ""}  # and their patterns


def numbers(now: Counters) -> tuple[int, ...]:
    """The pool in the order of NUMBERS, in pages."""
    return now.total, now.in_use, now.free, now.signed.rsvd, now.available, now.surp


def caption(recording: Recording, index: int) -> str:
    """The numbers at an event, in the words of the plot."""
    now = zip(NUMBERS, numbers(recording.counters(index)), strict=True)
    return f"event {index}: " + ", ".join(f"{name} {number}" for name, number in now)


def pools(recording: Recording) -> list[int]:
    """The page sizes that have a plot: the default one, and every other that has pages at some time."""
    sizes = recording.machine.sizes
    steps = recording.steps
    used = {size for i, size in enumerate(sizes) if any(list(step.counters.values())[i].total for step in steps)}
    used |= {h.size for h in recording.at(recording.booted).pools if h.nr_huge_pages}
    return [size for size in sizes if size == sizes[0] or size in used]


def points(timeline: Timeline, side: int = 0) -> list[int]:
    """The positions of the plot's points: all, or (on a long timeline) those at which the pool changes, and some
    between the ends of a long stretch of equal events."""
    if len(timeline) <= ALL:
        return list(range(len(timeline)))
    recording, events = timeline.recordings[side], timeline.events[side]
    if isinstance(events, range):
        marks = []
        for number, row in enumerate(recording.rows):
            first, each = recording.first_event(number), len(row.points)
            many = min(row.n, UNITS)
            units = [i * (row.n - 1) // max(many - 1, 1) for i in range(many)]
            marks += [first + unit * each + point for unit in units for point in range(each)]
    else:
        marks = list(range(len(events)))
    now = [tuple(recording.counters(events[mark], size) for size in pools(recording)) for mark in marks]
    last = len(marks) - 1
    return [marks[i] for i in range(last + 1) if i in (0, last) or not now[i - 1] == now[i] == now[i + 1]]


def pool(timeline: Timeline, side: int = 0) -> dict[str, Any]:
    """The counters of a recording as plotly's dict: x is the place on the timeline from 0 to 1, y pages.

    The default pool has the traces of NUMBERS; those of another page size have it behind their names.
    """
    recording, events = timeline.recordings[side], timeline.events[side]
    at = points(timeline, side)
    places = [timeline.place(position) for position in at]
    sizes = pools(recording)
    layout: dict[str, Any] = {
        "height": HEIGHT + MORE * (len(sizes) - 1),
        "margin": {"l": LEFT, "r": RIGHT, "t": TOP, "b": BOTTOM},
        "hovermode": "x unified",
        "xaxis": {
            "range": [0, 1],
            "tickmode": "array",  # nothing is written there: the hover takes its heading from it
            "tickvals": places,
            "ticktext": [_told(recording, events[position]) for position in at],
            "showticklabels": False,
            "anchor": f"y{_axis(len(sizes) - 1)}",
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "bottom",
            "xanchor": "left",
            "itemwidth": 30,
            "tracegroupgap": 0,
        },
        "shapes": [],
        "annotations": [],
    }
    data = []
    for number, size in enumerate(sizes):
        counters = [numbers(recording.counters(events[position], size)) for position in at]
        data += _traces(places, counters, number, size)
        least, most = min(map(min, counters)), max(map(max, counters))  # a page that is being taken may leave -1
        _axis_of(layout, number, len(sizes), size, min(least, 0), most)
    _steps(layout, timeline)
    _refusal(layout, timeline, side)
    return {"data": data, "layout": layout}


def _told(recording: Recording, index: int) -> str:
    """An event for the hover: its number, and the function."""
    event = recording.event(index)
    result = f" = {event.result}" if event.result else ""
    return f"event {index}: {function_name(event.name, recording.machine.version)}{result}"


def _axis(number: int) -> str:
    """The name of a pool's axis behind "y"."""
    return str(number + 1) if number else ""


def _traces(places: list[float], counters: list[tuple[int, ...]], number: int, size: int) -> list[dict[str, Any]]:
    """A trace for each counter of one pool."""
    made: list[dict[str, Any]] = []
    for name, line, rank in TRACES:
        trace: dict[str, Any] = {
            "type": "scatter",
            "mode": "lines",
            "name": f"{name}, {format_size(size)}" if number else name,
            "x": places,
            "y": [now[NUMBERS.index(name)] for now in counters],
            "yaxis": f"y{_axis(number)}",
            "line": {"shape": "hv", **line},
            "legendgroup": name,
            "legendrank": rank,
            "showlegend": not number,
            "hovertemplate": f"{name} %{{y:,}} = %{{customdata:,}} MB<extra></extra>",
        }
        trace["customdata"] = [pages * size // MIB for pages in trace["y"]]
        if name in AREAS:
            trace |= {
                "stackgroup": f"pool{number}",
                "fillpattern": {"shape": AREAS[name], "fillmode": "overlay", "solidity": 0.2, "size": 7},
            }
        made.append(trace)
    return made


def _axis_of(layout: dict[str, Any], number: int, of: int, size: int, least: int, most: int) -> None:
    """Pages, and what they are in bytes, of the pool ``number`` of ``of``, from the top down."""
    gap = 0.12 if of > 1 else 0.0
    height = (1 - gap * (of - 1)) / of
    low = (of - 1 - number) * (height + gap)
    top = max(most, 1) * 1.15
    steps = [s * 10**e for e in range(3) for s in (1, 2, 5)]
    steps += [1024 << i for i in range(40)]  # of many pages: round in GB, too
    step = next(step for step in steps if most <= 4 * step)
    ticks = range(0, int(top) + 1, step)
    layout[f"yaxis{_axis(number)}"] = {
        "domain": [low, low + height],
        "range": [least * 1.15, top],
        "fixedrange": True,
        "tickmode": "array",
        "tickvals": list(ticks),
        "ticktext": [_pages(pages, size) for pages in ticks],
        "title": {"text": f"pages of {format_size(size)}" if of == 1 else format_size(size), "standoff": 2},
    }


def _pages(pages: int, size: int) -> str:
    """Pages, and what they are in bytes: in two lines where one is too long for the margin."""
    if not pages:
        return "0"
    told = f"{pages:,} = {format_size(pages * size)}"
    return told if len(told) <= 12 else told.replace(" = ", "<br>= ")


def _steps(layout: dict[str, Any], timeline: Timeline) -> None:
    """A line where each step begins, and its name below where there is room; else its number."""
    ends = [timeline.place(mark.position) for mark in timeline.marks] + [1.0]
    free = 0.0
    for mark, (place, end) in zip(timeline.marks, pairwise(ends), strict=True):
        upright = {"x0": place, "x1": place, "y0": 0, "y1": 1, "yref": "paper", "layer": "below"}
        layout["shapes"].append({"type": "line", **upright, "line": {"width": 1, "dash": "dot"}})
        for words in (f"{mark.step + 1} {mark.label}", str(mark.step + 1)):
            wide = (0.028 if words.isdigit() else 0.034) * len(words)  # of a narrow plot
            if place >= free and (wide <= end - place or words.isdigit()):
                layout["annotations"].append(_words(place, 0, words))
                free = place + wide
                break


def _refusal(layout: dict[str, Any], timeline: Timeline, side: int) -> None:
    """A red mark where a step was refused."""
    refused = first_refusal(timeline.recordings[side])
    if refused is not None and refused.event >= 0:
        place = timeline.place(timeline.position(refused.event, side))
        mark = _words(place, 1, "✗ refused", "right" if place > 0.5 else "left")
        layout["annotations"].append({**mark, "templateitemname": "refused", "visible": True})


def _words(place: float, y: int, text: str, anchor: str = "left") -> dict[str, Any]:
    """A text at a place, below the plot (y 0) or at its upper edge (y 1)."""
    where = {"x": place, "y": y, "yref": "paper", "yanchor": "top", "xanchor": anchor}
    return {**where, "showarrow": False, "text": text}
