"""``hugelab doctor`` in a notebook: what the learner's own machine allows."""

import ipywidgets as widgets

from ..core.text import markup
from ..live.probe import Finding, probe
from ..views.tables import element
from .widget.lab import show


class Doctor:
    """Shows the findings when it is run; a saved notebook does not show the machine that saved it."""

    def __init__(self) -> None:
        self.findings: list[Finding] = probe()
        rows = [
            ("ok" if f.ok else "missing", markup(f.name), markup(f.found), element("code", markup(f.fix)))
            for f in self.findings
        ]
        head = element("tr", *(element("th", name) for name in ("", "what", "found", "what would fix it")))
        body = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
        self.table = widgets.HTML(element("table", head, *body))

    def __repr__(self) -> str:
        return "Run this cell (Shift+Enter) to see what your machine allows."

    def _ipython_display_(self) -> None:
        show(self.table, repr(self))


def doctor() -> Doctor:
    """A table of what this machine allows, and for each missing thing the command that would fix it."""
    return Doctor()
