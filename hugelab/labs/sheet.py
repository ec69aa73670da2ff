"""A piece of HTML in the colours of the page: a table that can be scrolled by keyboard, or a line that is read out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..draw import beside

_HERE = Path(__file__).parent
SCOPE = ".hugelab"  # the class of every widget of ours
DARK_SCOPE = "[data-jp-theme-light='false'] .hugelab"


def source(name: str) -> str:
    """A script or style sheet of this folder, behind the one that all of its kind share."""
    return "\n".join((_HERE / file).read_text(encoding="utf-8") for file in (f"still{Path(name).suffix}", name))


class Sheet(anywidget.AnyWidget):  # type: ignore[misc]
    """Shows ``value`` (HTML; whoever sets it has escaped what is not). ``label`` names it for assistive technology.

    ``announce``: changes are read out; otherwise it is a region that arrow keys scroll.
    """

    _esm = source("sheet.js")
    _css = source("sheet.css") + beside.stylesheet(SCOPE, DARK_SCOPE)
    value: Any = traitlets.Unicode().tag(sync=True)
    label: Any = traitlets.Unicode().tag(sync=True)
    announce: Any = traitlets.Bool(False).tag(sync=True)
