"""Reads pictures back into numbers and words, for the tests: the way a reader does, from what is drawn."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree import ElementTree

from hugelab import Recording, load
from hugelab.views.diagrams import owners
from hugelab.views.diagrams.pages import Names
from hugelab.views.diagrams.svg import Picture
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


# -- the room of words -------------------------------------------------------------------------------
# Widths of DejaVu Sans's printable ASCII in thousandths of its size, from the space on; and of its bold face.
_NARROW = (
    "318 401 460 838 636 950 780 275 390 390 500 838 318 361 318 337 636 636 636 636 636 636 636 636 636 636 337 337 "
    "838 838 838 531 1000 684 686 698 770 632 575 775 752 295 295 656 557 863 748 787 603 787 695 635 611 732 684 989 "
    "685 611 685 390 337 390 838 500 500 613 635 550 635 615 352 635 634 278 278 579 278 974 634 612 635 635 411 521 "
    "392 634 592 818 592 592 525 636 337 636 838"
)
_BOLD = (
    "348 456 521 838 696 1002 872 306 457 457 523 838 380 415 380 365 696 696 696 696 696 696 696 696 696 696 400 400 "
    "838 838 838 580 1000 774 762 734 830 683 683 821 837 372 372 775 637 995 837 850 733 850 770 720 682 812 774 1103 "
    "771 724 725 457 365 457 838 500 500 675 716 593 716 678 435 716 712 343 343 665 343 1042 712 687 716 716 493 595 "
    "478 712 652 924 645 652 582 712 365 712 838"
)
_WIDTHS = {bold: [int(width) for width in table.split()] for bold, table in ((False, _NARROW), (True, _BOLD))}
_BOLD_STYLES = {"hl-b", "hl-h", "hl-c"}


class Words(NamedTuple):
    """A line of text as it stands in a picture: from ``left`` to ``right``, on the baseline ``y``."""

    left: float
    right: float
    y: float
    text: str


def wide(text: str, style: str) -> float:
    """Pixels of a text in a class of the pictures, in the font that the style sheet names first."""
    names = set(style.split())
    if "hl-m" in names:
        return 7.23 * len(text)
    widths = _WIDTHS[bool(names & _BOLD_STYLES)]
    thousandths = sum(widths[ord(one) - 32] if " " <= one <= "~" else 840 for one in text)
    return (13 if "hl-h" in names else 12) * thousandths / 1000


def words(picture: Picture) -> list[Words]:
    """Where each text of a picture stands."""
    found = []
    for node in tree(picture).iter(f"{SVG}text"):
        style = node.get("class", "")
        parts = [(node.text or "", style, 0.0)]
        parts += [(part.text or "", part.get("class", ""), float(part.get("dx", 0))) for part in node]
        width = float(node.get("textLength") or sum(wide(text, names) + dx for text, names, dx in parts))
        left = float(node.attrib["x"]) - (width / 2 if {"hl-c", "hl-mid"} & set(style.split()) else 0)
        found.append(Words(left, left + width, float(node.attrib["y"]), "".join(text for text, _, _ in parts)))
    return found


def misplaced(picture: Picture) -> list[str]:
    """The texts that stick out of a picture, and those that overlap another one."""
    placed = words(picture)
    found = [
        f"sticks out by {max(one.right - picture.width, -one.left):.0f}: {one.text}"
        for one in placed
        if one.left < -1 or one.right > picture.width + 1 or one.y < 9 or one.y > picture.height + 1
    ]
    rows: dict[float, list[Words]] = {}
    for one in placed:
        rows.setdefault(one.y, []).append(one)
    for y, row in rows.items():
        near = [one for other, them in rows.items() if y <= other < y + 11 for one in them]
        for one in row:
            found += [
                f"overlap: {one.text} | {other.text}"
                for other in near
                if other is not one and one.left < other.right - 0.5 and other.left < one.right - 0.5
            ]
    return found
