"""Text from files and machines: escaped before it is shown, and checked before it is used as a name."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from html import escape  # noqa: TID251

# Controls, surrogates, unassigned code points, separators of lines and of paragraphs.
_HIDDEN = frozenset(("Cc", "Cs", "Cn", "Zl", "Zp"))
_TURNING = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))  # bidi classes, UAX #9


def showable(text: object) -> str:
    """The text as one line that is safe in a terminal and in XML: ``\\x1b``, ``\\n``, ``\\u202e`` are written so.

    Escaped are controls, characters that turn the direction of text, separators of lines, surrogates and unassigned
    code points. Letters of every script, emoji and backslashes stay.
    """
    shown = str(text)
    return shown if shown.isprintable() else "".join(map(_character, shown))


def _character(one: str) -> str:
    steers = unicodedata.category(one) in _HIDDEN or unicodedata.bidirectional(one) in _TURNING
    return one.encode("unicode_escape").decode() if steers else one


def markup(text: object) -> str:
    """``showable(text)``, escaped for HTML and SVG (text or attribute value)."""
    return _markup(str(text))


@lru_cache(1 << 14)  # pictures say the same few words again and again
def _markup(text: str) -> str:
    return escape(showable(text))


def nameable(text: str) -> bool:
    """Can a system call take the text as a name: has it no NUL, and does os.fsencode know all its characters?"""
    try:
        return b"\0" not in text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
