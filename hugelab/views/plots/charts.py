"""Charts without a timeline, as plotly's dicts: rows of bars, and lines over a logarithmic axis."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor, log2, log10
from typing import Any, NamedTuple

from ...core.units import format_size
from ..theme import TEMPLATES

FREE, RESERVED, USED, MISSING = range(4)  # places in the colorway of the templates
COLOURS = len(TEMPLATES["hugelab"]["layout"]["colorway"])
PATTERNS, DASHES = (".", "/", "", "x"), ("solid", "dash", "dot")
ROW, PLOT, GAP = 22, 160, 36  # pixels of a row of bars, of a plot of lines, and between two of these
TOP, LEFT, RIGHT, BOTTOM = 46, 56, 24, 40  # around them; on top a title, and below it the legend
Lines = Mapping[str, Sequence[tuple[float, float]]]  # name -> points, in order of x


class Part(NamedTuple):
    """A part of the bars, a value a row; None: the row does not have it."""

    name: str
    colour: int
    values: Sequence[int | None]


class Chart(NamedTuple):
    """Lines over an axis of y, which counts in ``unit``; ``mode`` "lines+markers" shows the points, too."""

    title: str
    lines: Lines
    y: dict[str, Any]
    unit: str
    mode: str = "lines"


# -- axes ----------------------------------------------------------------------------------------------
def count_axis(most: float) -> dict[str, Any]:
    """Linear, from 0 to ``most``; of whole numbers where that is small."""
    return {"range": [0, most or 1], "tickformat": ",", **({"dtick": 1} if 2 <= most <= 12 else {"nticks": 6})}


def size_axis(most: int) -> dict[str, Any]:
    """Linear, from 0 to ``most`` bytes, which are 3 or more."""
    ticks = range(0, most + 1, 1 << (most // 3).bit_length() - 1)
    return {"range": [0, most], "tickvals": list(ticks), "ticktext": ["0", *map(format_size, ticks[1:])]}


def log_axis(ticks: Sequence[float], name: Callable[[Any], str], title: str = "") -> dict[str, Any]:
    """Logarithmic, from the first tick to the last."""
    axis = {"type": "log", "tickvals": list(ticks), "ticktext": [name(tick) for tick in ticks]}
    return {**axis, "range": [log10(ticks[0]) - 0.02, log10(ticks[-1]) + 0.02], "title": {"text": title, "standoff": 4}}


def doublings(lines: Lines) -> dict[str, Any]:
    """Logarithmic, from a power of two below all lines to one above."""
    values = [log2(y) for points in lines.values() for _, y in points]
    low, high = floor(min(values)), ceil(max(values))
    return log_axis([2.0**i for i in range(low, max(high, low + 1) + 1)], "{:g}".format)


def upwards(lines: Lines) -> dict[str, Any]:
    """Linear, from 0; above all lines there is room for the words of marks."""
    return count_axis(1.2 * max((y for points in lines.values() for _, y in points), default=0))


# -- charts --------------------------------------------------------------------------------------------
def bars(
    title: str,
    rows: Sequence[tuple[str, str]],
    parts: Sequence[Part],
    x: dict[str, Any],
    name: Callable[[int], str],
    room: tuple[int, int, int],
    starts: Sequence[int] = (),
) -> dict[str, Any]:
    """Rows from the top down, each with words on its left and behind it; the parts of a row lie one after another, from
    0 or from ``starts`` on. ``name`` says a value with its unit. ``room``: pixels left, pixels right, rows that fit."""
    at, data = list(starts or [0] * len(rows)), list[dict[str, Any]]()
    for part in parts:
        values = {row: value for row, value in enumerate(part.values) if value is not None}
        ground = "replace" if part.colour == MISSING else "overlay"
        pattern = {"shape": PATTERNS[part.colour], "fillmode": ground, "size": 6, "solidity": 0.2}
        trace: dict[str, Any] = {"type": "bar", "orientation": "h", "width": 0.7, "name": part.name}
        trace["marker"] = {"pattern": pattern}
        trace |= {"x": list(values.values()), "y": list(values), "base": [at[row] for row in values]}
        trace |= {"customdata": [name(value) for value in values.values()]}
        _add(data, part.colour, {**trace, "hovertemplate": f"{part.name}: %{{customdata}}<extra></extra>"})
        at = [begin + values.get(row, 0) for row, begin in enumerate(at)]
    least = 10 ** x["range"][0] if x.get("type") == "log" else 0
    words: dict[str, Any] = {"type": "scatter", "mode": "text", "textposition": "middle right", "cliponaxis": False}
    words |= {"x": [max(end, least) for end in at], "y": list(range(len(rows))), "hoverinfo": "skip"}
    data.append({**words, "text": [f"\u00a0{end}" for _, end in rows], "showlegend": False})
    left, right, most = room
    layout = _layout(most * ROW, left, right, BOTTOM // 2)
    layout |= {"annotations": [_title(title, left)], "hovermode": "y unified", "barmode": "overlay"}
    layout["xaxis"] = {**x, "showgrid": True, "fixedrange": True, "tickangle": 0}
    names = {"tickvals": list(range(len(rows))), "ticktext": [name for name, _ in rows]}
    layout["yaxis"] = {**names, "range": [most - 0.5, -0.5], "showgrid": False, "zeroline": False, "fixedrange": True}
    return {"data": data, "layout": layout}


def lines(
    charts: Sequence[Chart], x: dict[str, Any], name: Callable[[Any], str], marks: Sequence[tuple[float, str]] = ()
) -> dict[str, Any]:
    """Charts under each other over one axis of ``log_axis``; ``name`` says an x with its unit. ``marks`` are upright
    lines: x, and their word. A line has the colour and the dashes of its place in a chart."""
    area = PLOT * len(charts) + GAP * (len(charts) - 1)
    layout = {**_layout(area, LEFT, RIGHT, BOTTOM), "annotations": [], "shapes": [], "hovermode": "closest"}
    data = list[dict[str, Any]]()
    for number, (title, ways, y, unit, mode) in enumerate(charts):
        axis, top = f"y{number + 1 if number else ''}", 1 - number * (PLOT + GAP) / area
        layout[axis.replace("y", "yaxis")] = {**y, "domain": [max(top - PLOT / area, 0), top], "fixedrange": True}
        layout["xaxis"] = {**x, "anchor": axis, "tickangle": 0, "ticklabelstandoff": 6}
        layout["annotations"].append(_title(title, LEFT, 0 if number else 22, top))
        for place, (line, points) in enumerate(ways.items()):
            trace = {"type": "scatter", "mode": mode, "name": line, "legendgroup": line, "showlegend": not number}
            trace |= {"x": [a for a, _ in points], "y": [b for _, b in points], "yaxis": axis}
            trace |= {"line": {"width": 2, "dash": DASHES[place]}, "customdata": [name(a) for a, _ in points]}
            told = f"{line}, %{{customdata}}: %{{y:,.2~f}} {unit}<extra></extra>"
            _add(data, place, {**trace, "hovertemplate": told})
    low, high = x["range"]
    for number, (value, word) in enumerate(marks):
        side = "right" if log10(value) > low + 0.8 * (high - low) else "left"
        upright = {"type": "line", "x0": value, "x1": value, "y0": 0, "y1": 1, "yref": "paper"}
        layout["shapes"].append({**upright, "line": {"width": 1 if number else 2, "dash": DASHES[number]}})
        layout["annotations"].append(_note(word, x=log10(value), xanchor=side, yanchor="top", yshift=2 - 13 * number))
    return {"data": data, "layout": layout}


def _layout(plot: int, left: int, right: int, bottom: int) -> dict[str, Any]:
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"}
    margin = {"l": left, "r": right, "t": TOP, "b": bottom}
    return {"height": TOP + plot + bottom, "margin": margin, "showlegend": True, "legend": legend}


def _note(text: str, **place: Any) -> dict[str, Any]:
    """Words at the upper edge, unless ``place`` says where."""
    return {"text": text, "y": 1, "yref": "paper", "showarrow": False, **place}


def _title(text: str, left: int, up: int = 22, y: float = 1) -> dict[str, Any]:
    """A line from the left edge of the figure, ``up`` pixels above a plot that ends at ``y``."""
    return _note(text, x=0, xref="paper", xanchor="left", xshift=-left, y=y, yanchor="bottom", yshift=up)


def _add(data: list[dict[str, Any]], colour: int, trace: dict[str, Any]) -> None:
    """A trace with the colour of this place in the colorway: empty ones use up the colours before it."""
    data += [{"type": "scatter"}] * ((colour - len(data)) % COLOURS) + [trace]
