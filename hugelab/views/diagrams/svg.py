"""Small SVG building: a Picture is a body with a size, a title for screen readers, and no colours of its own."""

from dataclasses import dataclass
from functools import lru_cache

from ...core.text import markup

# Thirds of a pixel, base 36, from the space to ~ in 12 px.
_WIDE = "behunysaeeiubdbcnnnnnnnnnnccuuujzpppsnlsrbbokvrsmspnmqpzpmpeceuiimnknmdnnaalaznmnnfjenltlljncnu"


@dataclass(frozen=True)
class Picture:
    """SVG elements in a box of width x height pixels; ``title`` says in words what is to be seen."""

    body: str
    width: float
    height: float
    title: str

    def svg(self) -> str:
        """For a page that has the stylesheet (the player)."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 {self.width + 2:g} {self.height + 2:g}"'
            f' width="{self.width + 2:g}" height="{self.height + 2:g}" role="group" aria-label="{markup(self.title)}">'
            f"{self.body}</svg>"
        )


def text(x: float, y: float, content: str, style: str = "hl-t", room: float = 0) -> str:
    """A line of text; y is its baseline. A bold one that is wider than ``room`` is squeezed into it."""
    squeezed = f' textLength="{room:g}" lengthAdjust="spacingAndGlyphs"' if 0 < room < 1.12 * wide(content) else ""
    return f'<text x="{x:g}" y="{y:g}" class="{style}"{squeezed}>{markup(content)}</text>'


@lru_cache(1 << 12)
def wide(words: str) -> float:
    """Pixels of words in DejaVu Sans, the widest of the fonts that they may be in; in bold an eighth more."""
    return sum(int(_WIDE[ord(c) - 32], 36) / 3 if " " <= c <= "~" else 12.6 for c in words)


@lru_cache(1 << 12)
def cut(words: str, room: float) -> str:
    """The words, or as many of them as fit into so many pixels with an ellipsis."""
    while wide(words) > room:
        words = f"{words.removesuffix('…')[:-1]}…" if len(words) > 2 else ""
    return words


def box(x: float, y: float, width: float, height: float, style: str) -> str:
    """A rectangle."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="2" class="{style}"/>'


def item(key: str, page: str, words: str, shape: str) -> str:
    """Something one can point at or reach by keyboard. ``key`` says what it is, ``page`` which page it shows (or "").

    ``words`` are shown on hover and read out ("": the text in it says it); both names are equal in every picture, so
    that views can be linked.
    """
    about = f' data-k="{markup(key)}"' if key else ""
    about += f' data-p="{markup(page)}"' if page else ""
    said = f' role="img"><title>{markup(words)}</title>' if words else ">"
    return f"<g{about}{said}{shape}</g>"


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    """A thin line."""
    return f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" class="hl-line"/>'
