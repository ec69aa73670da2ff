"""The recorded logs: 29 of three kernels in ten formats, and the lesson's page."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import DATA

LESSON = DATA / "lesson.txt"
RECORDINGS = sorted(
    (*(path for path in DATA.glob("*.txt") if path != LESSON), *(Path(__file__).parent / "data").glob("*.txt")),
    key=lambda path: path.name,
)


def lines(path: Path) -> list[str]:
    """A recording's lines, without their ends."""
    return path.read_text(encoding="utf-8").splitlines()
