"""The timeline: a small anywidget that flips through the pictures of a recording in the browser."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from ..draw.theme import DARK, LIGHT, stylesheet
from .sheet import DARK_SCOPE, SCOPE, source


class Player(anywidget.AnyWidget):  # type: ignore[misc]
    """Shows ``film`` (see draw.film) at frame number ``position``.

    Both sides may move ``position``; the browser sets ``dark`` to the theme of the page and ``width`` to the pixels
    there are.
    """

    _esm = source("player.js")
    _css = source("player.css") + stylesheet(LIGHT, f"{SCOPE} ") + stylesheet(DARK, f"{DARK_SCOPE} ")
    film: Any = traitlets.Dict().tag(sync=True)
    position: Any = traitlets.Int(0).tag(sync=True)
    dark: Any = traitlets.Bool(False).tag(sync=True)
    width: Any = traitlets.Int(700).tag(sync=True)
