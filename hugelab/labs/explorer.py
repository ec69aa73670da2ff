"""The widget of every lab: controls and views in one piece; a timeline is worked by the browser, without the kernel."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..draw.page import SHEET, STYLE, VIEWER

_HERE = Path(__file__).parent


def source(name: str) -> str:
    """A script or style sheet of this folder, behind the one that all of its kind share."""
    return "\n".join((_HERE / file).read_text(encoding="utf-8") for file in (f"still{Path(name).suffix}", name))


class Explorer(anywidget.AnyWidget):  # type: ignore[misc]
    """Shows a film (``head``, ``window``; see draw.film) at frame ``position``, under the controls that made it; or a
    sheet (``head`` alone; see draw.sheet), whose head says so.

    The browser sets ``values`` and ``position``, and sends messages: ``want`` (a position whose frames are missing),
    ``follow`` (side, token, position), ``action`` (the name of a button), ``cancel``.
    """

    _esm = VIEWER + SHEET + source("explorer.js")
    _css = STYLE + source("explorer.css")
    controls: Any = traitlets.List().tag(sync=True)  # Control.spec of each
    values: Any = traitlets.Dict().tag(sync=True)
    head: Any = traitlets.Dict().tag(sync=True)
    window: Any = traitlets.Dict().tag(sync=True)
    position: Any = traitlets.Int(0).tag(sync=True)
    message: Any = traitlets.Dict().tag(sync=True)  # html, and kind: "", "refused" or "fault"
    busy: Any = traitlets.Dict().tag(sync=True)  # {} or text and part (0 to 1, or None if unknown)
    actions: Any = traitlets.List().tag(sync=True)  # buttons: name, label, title, enabled

    def __init__(self, **traits: Any) -> None:
        self._thread = threading.current_thread()
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        super().__init__(**traits)

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        """All messages are worked in the thread of the notebook's cells, one after the other.

        JupyterLab sends some of them to a thread of their own (a subshell), and a lab is not made for two.
        """
        if self._loop is None or threading.current_thread() is self._thread:
            super()._handle_msg(msg)
        else:
            self._loop.call_soon_threadsafe(super()._handle_msg, msg)
