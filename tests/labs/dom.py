"""Reads the table of the side by side lab out of its HTML, for the tests."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from hugelab.labs.side_by_side import MODEL
from hugelab.record.recording import Recording


class _Rows(HTMLParser):
    """The texts of the cells of a table's body, with those of the buttons in them; its caption; where buttons go."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.caption = ""
        self.positions: list[int] = []
        self._in = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in ("caption", "thead", "tbody"):
            self._in = tag
        elif self._in == "tbody" and tag == "tr":
            self.rows.append([])
        elif self._in == "tbody" and tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "button":
            self.positions.append(int(dict(attrs)["data-go"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._in:
            self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "caption":
            self.caption += data
        elif self._in == "tbody":
            self.rows[-1][-1] += data


def read(html: str) -> tuple[str, list[list[str]]]:
    """Caption and rows: step, five cells of the model, five of the kernel, how they compare."""
    parser = _Rows()
    parser.feed(html)
    return parser.caption, parser.rows


def positions(html: str) -> list[int]:
    """Where the button of each row takes the timeline."""
    parser = _Rows()
    parser.feed(html)
    return parser.positions


def side(recording: Recording) -> list[list[str]]:
    """What a recording's five cells must show, a row a step."""
    return [[step.outcome, *map(str, next(iter(step.counters.values())))] for step in recording.steps]


__all__ = ["MODEL", "positions", "read", "side"]
