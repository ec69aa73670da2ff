"""Lab of notebook 11: one number of the lesson's log is changed. Which line does the detective name, and why?"""

import re
from collections.abc import Sequence

from ..core.units import count
from ..course.slips import OURS, Number, first, lines, with_change
from ..course.slips import found as found
from ..course.slips import numbers as numbers
from ..trace.verdict import RULES, Verdict
from ..views.diagrams.svg import Picture, box
from ..views.diagrams.svg import text as svg_text
from ..views.sheet import Sheet
from ..views.tables import Table
from .widget.controls import choice, stops
from .widget.sheet_lab import SheetLab

STEPS = (-(2 << 20), -4096, -512, -8, -2, -1, 0, 1, 2, 8, 512, 4096, 2 << 20)
WITH, WITHOUT = "with its prose", "kernel's lines"
WIDTH, TOP, ROW, TEXT = 712, 24, 17, 48  # pixels


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
        kinds.setdefault(number.name, []).append(first(number, by, prose))
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
        told = first(one, by, prose)
        assert told is not None
        where = "the same line" if told.line == one.line else f"line {told.line}" if told.line else "no single line"
        words = f"{what} The detective names {where}: {told.text}. Rule: {RULES[told.rule].text}"
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
    shown = [at for at, line in enumerate(lines(), 1) if OURS.match(line)]
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
            "number": choice("number", offered, number or first, help="A number in a line of the lesson's page"),
            "by": stops("change by", by, STEPS, name=_step, help="A time: in microseconds"),
            "page": choice("page", (WITH, WITHOUT), page),
        },
        _sheet,
    )
