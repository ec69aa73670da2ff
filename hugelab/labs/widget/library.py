"""plotly.js, from the plotly package that is installed: it travels once a kernel; the page keeps it for all labs."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ...views.page import UNPACK
from ...views.plots.library import compressed


class Library(anywidget.AnyWidget):  # type: ignore[misc]
    """Has no view. ``script`` is plotly.js in gzip; ``missing`` says why there is none."""

    _esm = UNPACK + Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    script: Any = traitlets.Bytes(b"").tag(sync=True)
    missing: Any = traitlets.Unicode("").tag(sync=True)


_script: Future[bytes] = Future()


def _compress() -> None:
    try:
        _script.set_result(compressed())
    except Exception as error:  # told on the page: see library()
        _script.set_exception(error)


threading.Thread(target=_compress, daemon=True).start()  # a tenth of a second that no lab has to wait for


_made: list[Library] = []


def library() -> Library:
    """The widget that brings plotly.js to the page; the same one for all labs of a kernel, until it is closed."""
    if not _made or _made[0].comm is None:
        _made[:] = [bring()]
    return _made[0]


def bring() -> Library:
    """A new one."""
    try:
        return Library(script=_script.result())
    except Exception as error:
        return Library(missing=f"{type(error).__name__}: {error}")
