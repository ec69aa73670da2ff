"""Lab of notebook 11: one number of the lesson's log is changed. Which line does the detective name, and why?"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from ..core.units import count
from ..draw.sheet import Sheet
from ..draw.svg import Picture, box
from ..draw.svg import text as svg_text
from ..draw.tables import Table
from ..trace.detective import examine_lines
from ..trace.verdict import RULES, Says, Verdict
from . import logs
from .controls import Choice, Slider
from .sheet import SheetLab

STEPS = (-(2 << 20), -4096, -512, -8, -2, -1, 0, 1, 2, 8, 512, 4096, 2 << 20)
WITH, WITHOUT = "with its prose", "kernel's lines"
WRONG = (Says.CONTRADICTS, Says.SLIP)
WIDTH, TOP, ROW, TEXT = 700, 24, 17, 48  # pixels
_OURS = re.compile(r"\[\d+\.\d+\] ")
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
    return tuple(line if prose or _OURS.match(line) else "" for line in logs.text(logs.LESSON).splitlines())


@cache
def numbers() -> tuple[Number, ...]:
    """Every number in the kernel's lines of the lesson's page."""
    found = []
    for at, line in enumerate(lines(), 1):
        for number in _NUMBER.finditer(line) if _OURS.match(line) else ():
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
def _first(number: Number, by: int, prose: bool) -> Verdict | None:
    """The most telling of these verdicts: one against the changed line, if there is any; None without verdicts."""
    said = found(number, by, prose)
    return min(said, key=lambda v: (v.line != number.line, v.rule == "program", v.line), default=None)


def section(rule: str) -> str:
    """The notebook that teaches a rule, in words."""
    notebook, _, heading = RULES[rule].section.partition("#")
    return f"{notebook.removesuffix('.ipynb')}, {heading}"


def verdict_table(verdicts: Sequence[Verdict], none: str = "") -> Table:
    """A row a verdict; the first column is the one that wraps. Without verdicts a row that says ``none``, if given."""
    rows = [
        (f"{f'line {v.line}' if v.line else 'the log'}: {v.text}", v.says.value, v.rule, section(v.rule))
        for v in verdicts
    ]
    return Table(("line, and why", "verdict", "rule", "notebook"), rows or [(none, "", "", "")] * bool(none))


def not_seen(by: int = 1, prose: bool = True) -> Table:
    """Every number of the log changed by ``by``: how many there are of each name, how many are noticed, and how."""
    kinds: dict[str, list[Verdict | None]] = {}
    for number in numbers():
        kinds.setdefault(number.name, []).append(_first(number, by, prose))
    rows = []
    for name, said in kinds.items():
        rules = dict.fromkeys(verdict.rule for verdict in said if verdict)
        rows.append((name, len(said), sum(verdict is not None for verdict in said), ", ".join(rules) or "none"))
    return Table(("number", "in the log", "a change is noticed", "by the rule"), rows)


def _sheet(number: str, by: int, page: str) -> Sheet:
    one, prose = next(one for one in numbers() if str(one) == number), page == WITH
    new = found(one, by, prose)
    what = f"Line {one.line}, {one.name}: {one.text} becomes {one.plus(by)}."
    named = list(dict.fromkeys(verdict.line for verdict in new))
    names = ", ".join(str(line or "all") for line in named[:4])
    if new:
        first = _first(one, by, prose)
        assert first is not None
        where = "the same line" if first.line == one.line else f"line {first.line}" if first.line else "no single line"
        words = f"{what} The detective names {where}: {first.text}. Rule: {RULES[first.rule].text}"
    elif one.plus(by) != one.text:
        words = f"{what} The detective does not notice it: no other line tells this number, or a rule for it."
    else:
        words = f"{what} Nothing was changed{': no number here is below 0' * bool(by)}."
    return Sheet(
        "slips",
        words,
        [
            ("changed", "changed line", str(one.line)),
            ("named", "lines named", names + " ..." * (len(named) > 4) or "none"),
            ("new", "new verdicts", str(len(new))),
        ],
        [_picture(one, by, set(named))],
        [("What is said against the changed log, and was not said before", verdict_table(new, "nothing"))],
        "from hugelab.labs.slips import found, numbers\n\n"
        f"found(next(one for one in numbers() if str(one) == {number!r}), {by}, {prose})",
    )


def _picture(changed: Number, by: int, named: set[int]) -> Picture:
    """The kernel's lines: the changed one in a frame, those that are named with a mark. Prefixes are left out."""
    shown = [at for at, line in enumerate(lines(), 1) if _OURS.match(line)]
    texts = with_change(changed, by)
    elsewhere = sorted(named - set(shown))
    more = f"; also named, in the prose: {', '.join(map(str, elsewhere[:6]))}" if elsewhere else ""
    parts = [svg_text(0, 12, f"The kernel's lines: ● changed, × named{more}", "hl-h")]
    for row, at in enumerate(shown):
        y = TOP + ROW * row
        if at == changed.line:
            parts.append(box(0, y, WIDTH, ROW - 1, "hl-lit"))
        mark = "●" * (at == changed.line) + "×" * (at in named)
        parts.append(svg_text(2, y + 12, f"{at}", "hl-m"))
        parts.append(svg_text(26, y + 12, mark, "hl-t hl-b"))
        parts.append(svg_text(TEXT, y + 12, re.sub(r"\] \w+: ", "] ", texts[at - 1]), "hl-m"))
    said = f"line {changed.line} was changed, named: {', '.join(map(str, sorted(named))) or 'no line'}"
    title = f"{count(len(shown), 'line')} of the kernel; {said}"
    return Picture("".join(parts), WIDTH, TOP + ROW * len(shown) + 4, title)


def _step(by: int) -> str:
    """A change, short enough for its place beside the slider."""
    for unit, name in ((1 << 20, " Mi"), (1 << 10, " Ki")):
        if by and by % unit == 0:
            return f"{by // unit:+}{name}"
    return f"{by:+}"


def slips(number: str = "", by: int = 1, page: str = WITH) -> SheetLab:
    """Change a number of the lesson's log by ``by``, and see what the detective says."""
    offered = tuple(map(str, numbers()))
    first = next(one for one in offered if "vma end" in one)
    return SheetLab(
        "Change one number of the log",
        {
            "number": Choice("number", offered, number or first, help="A number in a line of the lesson's page"),
            "by": Slider("change by", by, stops=STEPS, name=_step, help="A time: in microseconds"),
            "page": Choice("page", (WITH, WITHOUT), page),
        },
        _sheet,
    )
