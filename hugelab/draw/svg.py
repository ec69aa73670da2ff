"""Small SVG building: a Picture is a body with a size, a title for screen readers, and no colours of its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..core.text import markup
from .theme import LIGHT, stylesheet

FONTS = [str(path) for path in sorted((Path(__file__).parent / "fonts").glob("*.ttf"))]


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

    def standalone(self, colours: dict[str, str] = LIGHT) -> str:
        """For a file: with its own colours and background."""
        style = f"<style>{stylesheet(colours)}</style>"
        paper = f'<rect x="-1" y="-1" width="100%" height="100%" fill="{colours["paper"]}"/>'
        return self.svg().replace(">", f">{style}{paper}", 1)

    def png(self, colours: dict[str, str] = LIGHT) -> bytes:
        """The picture as PNG, equal on every machine (fonts come with the package)."""
        from resvg_py import svg_to_bytes

        return bytes(
            svg_to_bytes(
                svg_string=self.standalone(colours),
                skip_system_fonts=True,
                font_files=FONTS,
                font_family="DejaVu Sans",
                sans_serif_family="DejaVu Sans",
                monospace_family="DejaVu Sans Mono",
            )
        )


def text(x: float, y: float, content: str, style: str = "hl-t") -> str:
    """A line of text; y is its baseline."""
    return f'<text x="{x:g}" y="{y:g}" class="{style}">{markup(content)}</text>'


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


def below(pictures: Iterable[Picture], gap: float = 14) -> Picture:
    """Pictures one under the other."""
    parts, y, shown = [], 0.0, list(pictures)
    for picture in shown:
        parts.append(f'<g transform="translate(0 {y:g})">{picture.body}</g>')
        y += picture.height + gap
    return Picture("".join(parts), max((p.width for p in shown), default=0), max(y - gap, 0), _titles(shown))


def beside(pictures: Iterable[Picture], gap: float = 24) -> Picture:
    """Pictures next to each other."""
    parts, x, shown = [], 0.0, list(pictures)
    for picture in shown:
        parts.append(f'<g transform="translate({x:g} 0)">{picture.body}</g>')
        x += picture.width + gap
    return Picture("".join(parts), max(x - gap, 0), max((p.height for p in shown), default=0), _titles(shown))


def _titles(pictures: Iterable[Picture]) -> str:
    return ". ".join(picture.title for picture in pictures if picture.title)


def framed(picture: Picture, margin: float = 12) -> Picture:
    """With space around it."""
    body = f'<g transform="translate({margin:g} {margin:g})">{picture.body}</g>'
    return Picture(body, picture.width + 2 * margin, picture.height + 2 * margin, picture.title)
