"""Reads pictures back into numbers and words, for the tests: the way a reader does, from what is drawn."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree import ElementTree

from hugelab import Recording, load
from hugelab.draw import owners
from hugelab.draw.pages import Names
from hugelab.draw.svg import Picture
from tests.conftest import DATA

SVG = "{http://www.w3.org/2000/svg}"
CASES = load(DATA / "scenarios.json")
CASE = {case.name: case for case in CASES}


class Item(NamedTuple):
    """Something one can point at: its key, its page, its words, the classes of its boxes, what is written in it."""

    key: str
    page: str
    words: str
    styles: frozenset[str]
    text: str


def drawn(recording: Recording, index: int, names: Names | None = None) -> Picture:
    """Who holds what right after an event, what the event changed marked."""
    now, before = (owners.lanes(recording.at(at)) for at in (index, index - 1))
    return owners.picture(names or Names(recording), now, before)[0]


def tree(picture: Picture) -> ElementTree.Element:
    """The picture as XML; it must be well-formed."""
    return ElementTree.fromstring(picture.svg())


def items(picture: Picture) -> list[Item]:
    """Everything in it that has a key or a page, in the order of the picture."""
    found = []
    for node in tree(picture).iter(f"{SVG}g"):
        if "data-k" not in node.attrib and "data-p" not in node.attrib:
            continue
        styles = {name for box in node.iter(f"{SVG}rect") for name in box.attrib["class"].split()}
        words, text = node.findtext(f"{SVG}title", ""), " ".join(part.text or "" for part in node.iter(f"{SVG}text"))
        found.append(Item(node.get("data-k", ""), node.get("data-p", ""), words, frozenset(styles), text))
    return found


def lines(picture: Picture) -> list[str]:
    """All lines of text, in the order of the picture."""
    return ["".join(node.itertext()) for node in tree(picture).iter(f"{SVG}text")]


def numbers(node: ElementTree.Element) -> Iterator[tuple[float, float]]:
    """Every point that an element of a picture draws to: corners of boxes, begins of texts, corners of paths."""
    given = {name: node.attrib[name] for name in ("x", "y", "width", "height") if name in node.attrib}
    if "x" in given:
        x, y = float(given["x"]), float(given["y"])
        yield x, y
        if "width" in given:
            yield x + float(given["width"]), y + float(given["height"])
    if "d" in node.attrib:
        yield from corners(node.attrib["d"])


# -- paths -------------------------------------------------------------------------------------------
class Edge(NamedTuple):
    """A line from left to right, by its corners."""

    corners: list[tuple[float, float]]

    def after(self, x: float) -> float:
        """The height of the line just right of x (at its end: there)."""
        at = bisect_right(self.corners, x, key=lambda corner: corner[0])
        (x1, y1), (x2, y2) = self.corners[at - 1], self.corners[min(at, len(self.corners) - 1)]
        return y1 if x2 == x1 else y1 + (y2 - y1) * (x - x1) / (x2 - x1)


def corners(d: str) -> list[tuple[float, float]]:
    """The corners of a path of M, L, H, V and Z, in its order."""
    x = y = 0.0
    found: list[tuple[float, float]] = []
    for letter, rest in re.findall(r"([A-Z])([^A-Z]*)", d):
        given = [float(number) for number in rest.split()]
        match letter, given:
            case (("M" | "L"), [x, y]):
                pass
            case "H", [x]:
                pass
            case "V", [y]:
                pass
            case "Z", []:
                continue
            case _:
                raise ValueError(f"{letter}{rest} in {d}")
        found.append((x, y))
    return found


def edges(d: str) -> tuple[Edge, Edge]:
    """The upper and the lower edge of an area: it has as many corners on its way back as on its way there."""
    found = corners(d)
    half = len(found) // 2
    return Edge(found[:half]), Edge(found[half:][::-1])


def paths(picture: Picture) -> dict[str, str]:
    """Class -> path, of the paths that are there once."""
    found: dict[str, Any] = {}
    for node in tree(picture).iter(f"{SVG}path"):
        found.setdefault(node.attrib["class"], []).append(node.attrib["d"])
    return {name: ways[0] for name, ways in found.items() if len(ways) == 1}
