"""Numbers, a plot, pictures and tables for one setting of the controls: what a lab without a timeline shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..core.text import showable
from ..record.export import csv_text
from .diagrams.svg import Picture
from .tables import Table


@dataclass(frozen=True)
class Sheet:
    """``words`` say in a sentence what is to be seen; ``numbers`` are (key, label, value); tables have a caption.

    ``figure`` is a plot as plotly's dict, ``pictures`` are what is no plot.
    """

    name: str
    words: str
    numbers: Sequence[tuple[str, str, str]]
    pictures: Sequence[Picture]
    tables: Sequence[tuple[str, Table]]
    python: str
    figure: dict[str, Any] | None = None

    def head(self) -> dict[str, Any]:
        """All of it, as JSON for the browser."""
        return {
            "name": self.name,
            "words": showable(self.words),
            "numbers": [list(number) for number in self.numbers],
            "pictures": [[showable(picture.title), picture.svg()] for picture in self.pictures],
            "tables": "".join(table.html(caption, "hl-facts") for caption, table in self.tables),
            "csv": "\n".join(csv_text(([caption], table.header, *table.rows)) for caption, table in self.tables),
            "python": self.python,
            "figure": self.figure,
        }
