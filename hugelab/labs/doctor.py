"""``hugelab doctor`` in a notebook: what the learner's own machine allows."""

from __future__ import annotations

import ipywidgets as widgets
from IPython.display import display

from ..core.text import markup
from ..live.probe import Finding, probe


class Doctor:
    """Shows the findings when it is run; a saved notebook shows nobody else's machine."""

    def __init__(self) -> None:
        self.findings: list[Finding] = probe()
        rows = "".join(
            f"<tr><td>{'ok' if f.ok else 'missing'}</td><td>{markup(f.name)}</td><td>{markup(f.found)}</td>"
            f"<td><code>{markup(f.fix)}</code></td></tr>"
            for f in self.findings
        )
        head = "<tr><th></th><th>what</th><th>found</th><th>what would fix it</th></tr>"
        self.table = widgets.HTML(f"<table>{head}{rows}</table>")

    def __repr__(self) -> str:
        return "Run this cell (Shift+Enter) to see what your machine allows."

    def _ipython_display_(self) -> None:
        bundle = self.table._repr_mimebundle_()
        bundle["text/plain"] = repr(self)
        display(bundle, raw=True)


def doctor() -> Doctor:
    """What this machine allows, and for each missing thing the command that would fix it."""
    return Doctor()
