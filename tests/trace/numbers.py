"""A log with one number changed: which number of which line, and to what, is a matter of the seed."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import NamedTuple

from .recordings import lines

# Hexadecimal with or without 0x, and decimal; not a part of a word or of a time.
_NUMBER = re.compile(
    r"0x[0-9a-f]+|(?<![0-9a-zA-Z_.])-?\d+(?![0-9a-zA-Z_.])|(?<=[=( ])(?=[0-9]*[a-f])[0-9a-f]{8}(?![0-9a-zA-Z_])"
)
# Where the message begins: behind the time, or behind the columns of a recorder.
_FRONT = re.compile(r"\[\s*[\d.]+\] |.*?\d+\.\d{6}: |\d+ \S+ \d+ (?=[a-z_]+ \w+=)|(?=PROG|STEP|RET|SNAP|PAGE)")


class Changed(NamedTuple):
    """A log with one number changed in ``line`` (from 1)."""

    path: Path
    line: int
    was: str
    now: str
    text: list[str]

    def __str__(self) -> str:
        return f"{self.path.name} line {self.line}: {self.was} -> {self.now} in {self.text[self.line - 1].strip()}"


def change(paths: list[Path], seed: int) -> Changed:
    """Any number of any message of any of the logs: a digit of it, one more or less, or another of as many digits."""
    chance = random.Random(seed)
    while True:
        path = chance.choice(paths)
        text = lines(path)
        at = chance.randrange(len(text))
        front = _FRONT.match(text[at])
        found = list(_NUMBER.finditer(text[at], front.end())) if front and not text[at].startswith("#") else []
        if not found:
            continue
        number = chance.choice(found)
        now = _other(chance, number[0])
        if now is not None:
            changed = text[at][: number.start()] + now + text[at][number.end() :]
            return Changed(path, at + 1, number[0], now, [*text[:at], changed, *text[at + 1 :]])


def _other(chance: random.Random, number: str) -> str | None:
    sign = "0x" if number.startswith("0x") else "-" if number.startswith("-") else ""
    digits = number.removeprefix(sign)
    base = 16 if sign == "0x" or re.search("[a-f]", digits) else 10
    letters = "0123456789abcdef"[:base]
    for _ in range(20):
        how = chance.randrange(3)
        if how == 0:
            at = chance.randrange(len(digits))
            new = digits[:at] + chance.choice(letters) + digits[at + 1 :]
        elif how == 1:
            value = max(int(digits, base) + chance.choice((-1, 1)), 0)
            new = format(value, "x" if base == 16 else "d")
        else:
            new = "".join(chance.choice(letters) for _ in digits)
        if new != digits and (base == 16 or new == str(int(new))):
            return sign + new
    return None
