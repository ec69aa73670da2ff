"""One number of the lesson's log is changed: which verdicts does the detective give that it did not give before?"""

import re
from functools import cache
from typing import NamedTuple

from ..trace.detective import examine_lines
from ..trace.verdict import Says, Verdict
from . import logs

WRONG = (Says.CONTRADICTS, Says.SLIP)
OURS = re.compile(r"\[\d+\.\d+\] ")
_NUMBER = re.compile(r"(?<=\[)\d+\.\d+(?=\] )|0x[0-9a-f]+|(?<=page[ =])[0-9a-f]{8}|(?<![\w.])\d+(?![\w.])")
_NAME = re.compile(r"(\w+)(?:=|=\[| )$")


class Number(NamedTuple):
    """A number in a line of the log (from 1), from ``start`` on to ``end``, under the word before it."""

    line: int
    name: str
    text: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"line {self.line}: {self.name} {self.text}"

    def plus(self, by: int) -> str:
        """Written as it was; of a time the unit is a microsecond. Never below 0."""
        if "." in self.text:
            return f"{max(float(self.text) + by / 1e6, 0):.6f}"
        if self.text.startswith("0x"):
            return f"{max(int(self.text, 16) + by, 0):#x}"
        if len(self.text) == 8:  # an address without 0x: no other number of this log is as long
            return f"{max(int(self.text, 16) + by, 0):08x}"
        return str(max(int(self.text) + by, 0))


@cache
def lines(prose: bool = True) -> tuple[str, ...]:
    """The lesson's page; without its ``prose`` those lines are empty, so that all others keep their numbers."""
    return tuple(line if prose or OURS.match(line) else "" for line in logs.text(logs.LESSON).splitlines())


@cache
def numbers() -> tuple[Number, ...]:
    """Every number in the kernel's lines of the lesson's page."""
    found = []
    for at, line in enumerate(lines(), 1):
        for number in _NUMBER.finditer(line) if OURS.match(line) else ():
            before = _NAME.search(line[: number.start()])
            name = before[1] if before else "time" if number.start() == 1 else "vma end"
            name = "vma start" if name == "vma" else name
            found.append(Number(at, name, number[0], *number.span()))
    return tuple(found)


def with_change(number: Number, by: int, prose: bool = True) -> list[str]:
    """The page's lines with one number changed."""
    changed = list(lines(prose))
    line = changed[number.line - 1]
    changed[number.line - 1] = line[: number.start] + number.plus(by) + line[number.end :]
    return changed


def found(number: Number, by: int, prose: bool = True) -> list[Verdict]:
    """The verdicts against the changed page that the page as it is does not get."""
    before = set(examine_lines(lines(prose)).verdicts)
    after = examine_lines(with_change(number, by, prose)).verdicts
    return [verdict for verdict in after if verdict.says in WRONG and verdict not in before]


@cache
def first(number: Number, by: int, prose: bool) -> Verdict | None:
    """The most telling of these verdicts: one against the changed line, if there is any; None without verdicts."""
    said = found(number, by, prose)
    return min(said, key=lambda v: (v.line != number.line, v.rule == "program", v.line), default=None)
