"""Text that came from a file or from a machine: how it is shown, and whether the kernel could be given it as a name."""

from __future__ import annotations

import unicodedata
from html import escape  # noqa: TID251

# Controls, halves of surrogate pairs, code points that are no character, separators of lines and of paragraphs.
_HIDDEN = frozenset(("Cc", "Cs", "Cn", "Zl", "Zp"))
_TURNING = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))  # bidi classes, UAX #9


def showable(text: object) -> str:
    """The text in one line that steers no terminal and fits into XML: ``\\x1b``, ``\\n``, ``\\u202e`` are written so.

    Escaped are controls, what turns the direction of the text around it, separators of lines, lone surrogates and
    code points that are no character. Letters of every script and emoji stay, and so does what was escaped before.
    """
    shown = str(text)
    return shown if shown.isprintable() else "".join(map(_character, shown))


def _character(one: str) -> str:
    steers = unicodedata.category(one) in _HIDDEN or unicodedata.bidirectional(one) in _TURNING
    return one.encode("unicode_escape").decode() if steers else one


def markup(text: object) -> str:
    """The same as text or attribute value of HTML and SVG."""
    return escape(showable(text))


def nameable(text: str) -> bool:
    """Can a system call be given it: without NUL, and all of it characters that UTF-8 can write?

    The halves of surrogate pairs that stand for bytes of a file name (os.fsdecode) can be written.
    """
    try:
        return b"\0" not in text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
