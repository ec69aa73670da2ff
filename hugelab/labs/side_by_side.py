"""Lab of notebook 04: one program in the model and on a kernel, step by step, beside each other.

The kernel's column is the recorded run until the learner has the program run on this machine's kernel, which takes two
clicks: the first says what it will change, the second does it.
"""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets

from ..draw.beside import Beside
from ..draw.tables import Table
from ..draw.theme import LIGHT
from ..live.errors import LiveUnavailable
from ..model.kernel import run
from ..model.machines import X86_64
from ..recording import Difference, Recording
from ..scenario import ScenarioError
from . import live_run, recorded
from .holders import ENDS, program
from .lab import Panel, choice, slider, sound
from .promise import KINDS
from .recorded import MOST_PAGES, POOLS
from .sheet import Sheet

MODEL = X86_64.with_slips()
POOL_CHOICES = {f"{pages} pages": pages for pages in POOLS}


class SideBySide(Panel):
    """``recording`` is the model's, ``kernel`` the kernel's: recorded, or what this machine just answered."""

    run_me = (
        "Run this cell (Shift+Enter) for the live lab: choose mapping, pages, touched pages, pool and the end, "
        "and have the program run on this machine's kernel."
    )

    def __init__(self, controls: dict[str, widgets.Widget]):
        super().__init__("The same program in the model and on a kernel", controls)
        self.status = Sheet(label="Run on this kernel", announce=True)
        self.sheet = Sheet(label="Model and kernel, step by step")
        self.go = _button("Run on this kernel", "says first what it would change")
        self.yes = _button("Yes, run it", "changes the huge page pool for a moment and puts it back")
        self.no = _button("No", "changes nothing")
        self.question = widgets.HBox([self.yes, self.no])
        self._ask(False)
        self._take_recorded()

    # -- model and kernel ------------------------------------------------------------------------
    @property
    def values(self) -> dict[str, Any]:
        """The values of the controls; the pool as a number."""
        values = super().values
        return {**values, "pool": POOL_CHOICES[values["pool"]]}

    @property
    def table(self) -> Beside:
        """The two recordings beside each other."""
        kernel = f"Linux {live_run.version()}, this kernel" if self.live else f"recorded on Linux {recorded.kernel()}"
        return Beside(self.recording, self.kernel, (f"the model of Linux {MODEL.version}", kernel))

    @property
    def difference(self) -> Difference | None:
        """The first difference between the two, or None."""
        return self.table.difference

    @property
    def live(self) -> bool:
        """The kernel's column is this machine's."""
        return self.kernel.source == "live"

    def _take_recorded(self) -> None:
        model = sound(run(program(**self.values), MODEL))
        kernel = recorded.answer(**self.values)
        if kernel is None:
            raise ScenarioError(f"there is no recorded run of {self.values}")
        self.recording: Recording = model
        self.kernel: Recording = kernel

    # -- showing it ------------------------------------------------------------------------------
    def __repr__(self) -> str:
        return f"{self.title}: {self.table.verdict}.\n{self.table!r}"

    def _png(self) -> bytes:
        return self.table.poster(self.title).png(LIGHT)

    def _make(self) -> widgets.Widget:
        self._show()
        self.status.value = self._about_recorded()
        self.go.on_click(self._clicked_go)
        self.yes.on_click(self._clicked_yes)
        self.no.on_click(self._clicked_no)
        knobs = widgets.VBox(list(self.controls.values()))
        run_it = widgets.VBox([self.go, self.status, self.question], layout={"flex": "1 1 320px"})
        top = widgets.HBox([knobs, run_it], layout={"flex_flow": "row wrap", "grid_gap": "12px"})
        return widgets.VBox([top, self.sheet], layout={"grid_gap": "10px"})

    def _renew(self) -> None:
        self._ask(False)
        self._take_recorded()
        self._show()
        self.status.value = self._about_recorded()

    def _show(self) -> None:
        self.sheet.value = self.table._repr_html_()

    def _about_recorded(self) -> str:
        begin = f"The kernel's column was <b>recorded on Linux {escape(recorded.kernel())}</b>."
        if why := live_run.obstacle():
            return f"{begin} It cannot run here: {escape(why)}."
        return f"{begin} The button has the program run on the kernel of this machine; it asks first."

    # -- the live run ----------------------------------------------------------------------------
    def _ask(self, asking: bool) -> None:
        """Show or hide the question; the run button is the other way round."""
        self.question.layout.display = "" if asking else "none"
        self.go.disabled = asking
        self._asking = asking

    def _clicked_go(self, _: Any) -> None:
        with self._told():
            try:
                text = live_run.plan()
            except LiveUnavailable as error:
                self.status.value = self._refused(error)
                return
            self.status.value = f"<pre>{escape(text)}</pre><b>Run it?</b>"
            self._ask(True)
            self.no.focus()

    def _clicked_no(self, _: Any) -> None:
        if self._asking:
            self._ask(False)
            self.status.value = f"Not run; nothing was changed. {self._about_column()}"
            self.go.focus()

    def _clicked_yes(self, _: Any) -> None:
        if not self._asking:
            return
        self._asking = False
        self.yes.disabled = self.no.disabled = True
        self._progress("Running on this kernel")
        try:
            with self._told():
                self._run_live()
        finally:
            self.yes.disabled = self.no.disabled = False
            self._ask(False)
            self.go.focus()

    def _run_live(self) -> None:
        try:
            self.kernel = live_run.run_here(self.recording.scenario, self._progress)
        except (LiveUnavailable, ScenarioError) as error:
            self.status.value = self._refused(error)
            return
        except KeyboardInterrupt:
            self.status.value = f"Interrupted; the pool is as it was. {self._about_column()}"
            raise
        self._show()
        note = f" {escape(live_run.other_version())}." if live_run.other_version() else ""
        self.status.value = (
            f"Ran on this kernel, Linux {escape(live_run.version())}: <b>{escape(self.table.verdict)}</b>. "
            f"The huge page pool is as it was.{note}"
        )

    def _progress(self, text: str) -> None:
        self.status.value = f"{escape(text)} ..."

    def _refused(self, error: Exception) -> str:
        return f"<b>No result from this kernel:</b> {escape(str(error))}. {self._about_column()}"

    def _about_column(self) -> str:
        if self.live:
            return "The kernel's column stays that of the last run here."
        return f"The kernel's column stays as recorded on Linux {escape(recorded.kernel())}."


def _button(label: str, about: str) -> widgets.Button:
    """No icon: assistive technology would read its sign as part of the name."""
    return widgets.Button(description=label, tooltip=f"{label}: {about}", layout={"width": "max-content"})


def side_by_side(
    pages: int = 5, pool: int = 10, touched: int = 5, kind: str = "shared file", end: str = "munmap, close, unlink"
) -> SideBySide:
    """Map, touch, and let go in the order ``end``: in the model, and on a kernel."""
    return SideBySide(
        {
            "pages": slider("pages", pages, most=MOST_PAGES),
            "touched": slider("touched", touched, most=MOST_PAGES),
            "pool": choice("pool:", tuple(POOL_CHOICES), f"{pool} pages"),
            "kind": choice("mapping:", tuple(KINDS), kind),
            "end": choice("the end:", tuple(ENDS), end),
        }
    )


def agreement() -> Table:
    """Every recorded program beside the model: how many of each kind of mapping are equal in every step."""
    programs, equal = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for values, scenario in recorded.programs():
        kernel = recorded.answer(**values)
        assert kernel is not None
        programs[values["kind"]] += 1
        equal[values["kind"]] += Beside(run(scenario, MODEL), kernel, ("", "")).difference is None
    rows = [(kind, programs[kind], equal[kind]) for kind in KINDS]
    return Table(("mapping", "programs recorded", "equal in every step"), rows)
