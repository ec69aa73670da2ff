"""The recorded logs: 29 of three kernels in ten formats, and the lesson's page."""

from __future__ import annotations

from pathlib import Path

from hugelab.trace.judge.lesson import Verdict, judge
from hugelab.trace.read.entry import Entry, Kind
from hugelab.trace.read.reader import entries
from tests.conftest import DATA

LESSON = DATA / "lesson.txt"
RECORDINGS = sorted(
    (*(path for path in DATA.glob("*.txt") if path != LESSON), *(Path(__file__).parent / "data").glob("*.txt")),
    key=lambda path: path.name,
)


def lines(path: Path) -> list[str]:
    """A recording's lines, without their ends."""
    return path.read_text(encoding="utf-8").splitlines()


def printed(text: str) -> list[Entry]:
    """The lesson's lines of a text, as the reader gives them to the judge."""
    return [entry for entry in entries(text.splitlines()) if entry.kind is Kind.POINT and "text" in entry.fields]


def judged(text: str) -> list[Verdict]:
    """A verdict for each step of the program behind a text. Raises ScenarioError where there is none."""
    return judge(printed(text))[1]
