"""Numbers, pictures and tables for one setting of the controls: what a lab without a timeline shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..core.text import showable
from .svg import Picture, below, framed, text
from .tables import Table, csv_text
from .theme import DARK, LIGHT, stylesheet


@dataclass(frozen=True)
class Sheet:
    """``words`` say in a sentence what is to be seen; ``numbers`` are (key, label, value); tables have a caption."""

    name: str
    words: str
    numbers: Sequence[tuple[str, str, str]]
    pictures: Sequence[Picture]
    tables: Sequence[tuple[str, Table]]
    python: str

    def head(self) -> dict[str, Any]:
        """All of it, as JSON for the browser."""
        return {
            "name": self.name,
            "words": showable(self.words),
            "lines": self._wrapped(),
            "numbers": [list(number) for number in self.numbers],
            "pictures": [[showable(picture.title), picture.svg()] for picture in self.pictures],
            "tables": "".join(table.html(caption, "hl-facts") for caption, table in self.tables),
            "csv": "\n".join(csv_text(([caption], table.header, *table.rows)) for caption, table in self.tables),
            "python": self.python,
            "styles": [stylesheet(LIGHT), stylesheet(DARK)],
        }

    def poster(self, title: str) -> Picture:
        """One still picture of it."""
        numbers = " · ".join(f"{label} {value}" for _, label, value in self.numbers)
        width = max(picture.width for picture in self.pictures)
        lines = [
            text(0, 15, title, "hl-h"),
            *(text(0, 34 + 16 * i, line, "hl-t") for i, line in enumerate(self._wrapped())),
        ]
        end = 34 + 16 * len(self._wrapped())
        head = Picture("".join([*lines, text(0, end, numbers, "hl-s")]), width, end + 6, f"{title}. {self.words}")
        return framed(below([head, *self.pictures]))

    def _wrapped(self, most: int = 92) -> list[str]:
        """The sentence in lines that fit a picture."""
        lines = [""]
        for word in showable(self.words).split():
            if len(lines[-1]) + len(word) >= most:
                lines.append("")
            lines[-1] = f"{lines[-1]} {word}".strip()
        return lines
