"""Logs with one thing wrong: a number changed, a line missing, two lines swapped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from .recordings import printed

# A number of a line: decimal or hex, after "=", "0x", a blank or "-"; not part of a name such as test_file2.
_NUMBER = re.compile(r"(?<![\w.])(?:0x)?([0-9a-f]*\d[0-9a-f]*)(?![\w.])")


class Mutant(NamedTuple):
    """A changed log: what was done to which line (from 1), and the whole text."""

    what: str
    line: int
    text: str


def numbers(text: str) -> Iterator[Mutant]:
    """Each number of each line one higher (the last digit, so that hex stays hex and no carry hides it)."""
    lines = text.splitlines()
    for known in printed(text):
        raw = lines[known.line - 1]
        body = raw.index(known.fields["text"])
        for found in _NUMBER.finditer(raw, body):
            if re.match(r"test_file", raw[found.start() :]):
                continue
            last = found.end() - 1
            changed = raw[:last] + ("1" if raw[last] == "0" else "0") + raw[last + 1 :]
            yield Mutant(f"{found[0]} changed", known.line, _with(lines, known.line, changed))


def deletions(text: str) -> Iterator[Mutant]:
    """Each line of known shape missing, but for the last (a log may stop anywhere)."""
    lines = text.splitlines()
    for known in printed(text)[:-1]:
        kept = [raw for number, raw in enumerate(lines, 1) if number != known.line]
        yield Mutant(f"without {known.fields['text']}", known.line, "\n".join(kept))


def swaps(text: str) -> Iterator[Mutant]:
    """Each pair of neighbouring lines of known shape that differ, swapped (their times stay in place)."""
    lines = text.splitlines()
    known = printed(text)
    for one, two in pairwise(known):
        if one.fields["text"] != two.fields["text"]:
            mine = _with(
                lines, one.line, lines[one.line - 1].replace(one.fields["text"], two.fields["text"])
            ).splitlines()
            changed = _with(mine, two.line, lines[two.line - 1].replace(two.fields["text"], one.fields["text"]))
            yield Mutant(f"{one.fields['text']} after {two.fields['text']}", one.line, changed)


def _with(lines: list[str], number: int, changed: str) -> str:
    return "\n".join([*lines[: number - 1], changed, *lines[number:]])
