"""Bars on a logarithmic scale: how many of something there are, beside how many there is room for."""

from collections.abc import Sequence
from math import log2
from typing import NamedTuple

from ..core.text import markup
from .svg import Picture, text

WIDTH, ROW = 620, 40
LEFT, RIGHT, TOP = 92, 92, 40


class Bar(NamedTuple):
    """A number, and the room of the first and of the second level for it (0: none)."""

    name: str
    number: int
    room: tuple[int, int]


def bars(title: str, rows: Sequence[Bar], most: int) -> Picture:
    """A bar for each number; a line where the first level is full, and one where the second is."""
    scale = (WIDTH - LEFT - RIGHT) / log2(2 * most)

    def to_x(number: int) -> float:
        return round(LEFT + scale * log2(2 * number), 1) if number else LEFT

    parts = [text(0, 12, title, "hl-h"), text(LEFT, 30, "each step to the right is twice as many", "hl-s")]
    for i, row in enumerate(rows):
        y = TOP + ROW * i
        parts.append(text(0, y + 16, row.name, "hl-t"))
        parts.append(
            f'<path d="M{LEFT} {y + 4}H{max(to_x(row.number), LEFT + 1):g}V{y + 20}H{LEFT}Z" class="hl-a-used"/>'
        )
        parts.append(text(to_x(row.number) + 6, y + 16, f"{row.number:,}", "hl-t hl-b"))
        for level, room in enumerate(row.room, 1):
            if room and (level == 1 or room > row.room[0]):
                parts.append(
                    f'<path d="M{to_x(room):g} {y}V{y + 25}" class="hl-l-{level}">'
                    f"<title>{markup(f'L{level}: {room:,} entries')}</title></path>"
                )
                anchor = "hl-s hl-end" if level == 1 else "hl-s"  # on either side, so that they never meet
                parts.append(text(to_x(room) + (3 if level == 1 else -3), y + 34, f"L{level}: {room:,}", anchor))
    words = ", ".join(f"{row.name} {row.number:,}" for row in rows)
    return Picture("".join(parts), WIDTH, TOP + ROW * len(rows) + 8, f"{title}: {words}")
