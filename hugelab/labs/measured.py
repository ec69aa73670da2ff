"""Lab of notebook 06: what huge pages bring on a recorded machine, and, in two clicks, on this one."""

import json
import os
import sys
from typing import Any

from ..core.text import markup
from ..live import apart
from ..live.errors import LiveUnavailable
from ..measure import BUDGET, Measured, sentences
from ..measure.recorded import recorded
from ..tlb.machines import GEOMETRIES
from ..views.measured import HUGE, nothing
from ..views.measured import measured as sheet_of
from ..views.sheet import Sheet
from ..views.tables import Table
from .widget.asking import Asking
from .widget.controls import choice
from .widget.job import Work
from .widget.sheet_lab import SheetLab

HERE = "this machine"


class MeasuredLab(Asking[Sheet], SheetLab):
    """A recorded machine, until this one has been measured: then ``here`` has what came out."""

    GO = ("Measure this machine", "Says first what it would change")
    YES = ("Yes, measure", f"Takes about {BUDGET:.0f} seconds")
    run_me = "Run this cell (Shift+Enter) for the live lab, and to measure your own machine."

    def __init__(self, title: str, controls: dict[str, Any]):
        self.here: Measured | None = None
        super().__init__(title, controls, self._sheet)

    def _sheet(self, machine: str, pages: str, geometry: str) -> Sheet:
        if machine != HERE:
            return sheet_of(recorded()[machine], f"Recorded on {machine}", pages, geometry)
        if self.here is None:
            return nothing("This machine", HUGE[pages], "it has not been measured yet", Table(("buffer",), []))
        return sheet_of(self.here, "This machine", pages, geometry)

    def _about(self) -> str:
        machine = self.values["machine"]
        if machine == HERE and self.here is not None:
            return "This is <b>this machine</b>, measured here. Choose its processor under <i>model of</i>."
        begin = f"This was <b>recorded on {markup(machine)}</b>. " if machine != HERE else ""
        if why := apart.no_machine_code():
            return f"{begin}This machine cannot be measured: {markup(why)}."
        return f"{begin}The button measures this machine; it asks first."

    def _renew(self, at_once: bool = False) -> None:
        """Measuring takes long: a control that moves does not end it."""
        if self._job is None or not self._job.running:
            super()._renew(at_once)
            return
        self._set(self.shown)
        self._say("This machine is being measured: wait for it, or cancel it first.", "refused")

    # -- measuring -------------------------------------------------------------------------------
    def _plan_text(self) -> str:
        if why := apart.no_machine_code():
            raise LiveUnavailable(why)
        if os.geteuid() == 0 and not apart.obstacle():
            return f"{apart.plan()}\nIt takes up to {BUDGET:.0f} seconds; do not use the machine for anything else."
        return (
            "The huge page pool stays as it is: its free pages are used, and transparent huge pages if they are on.\n"
            f"It takes up to {BUDGET:.0f} seconds; do not use the machine for anything else."
        )

    def _live_work(self) -> Work[Measured]:
        out = yield from apart.child(
            [sys.executable, "-m", "hugelab", "measure", "--yes", "--json", "--budget", str(BUDGET)], "Measuring"
        )
        return Measured.from_json(json.loads(out))

    def _take_live(self, result: Any) -> str:
        self.here = result
        self._set({"machine": HERE})
        self._keep(self._sheet(**self.values))
        begin = "Measured here; the pool is as it was. Choose your processor under <i>model of</i>.<br>"
        return begin + "<br>".join(map(markup, sentences(result)))

    def _stays(self) -> str:
        return "What is shown stays."


def measured(machine: str = "", pages: str = "2 MB (hugetlb)", geometry: str = "Zen 4") -> MeasuredLab:
    """Random loads and first touch with a kind of huge page, beside the walks that the model expects."""
    machines = tuple(recorded())
    return MeasuredLab(
        "Measured and expected",
        {
            "machine": choice("machine", (*machines, HERE), machine or machines[0]),
            "pages": choice("huge pages", tuple(HUGE), pages),
            "geometry": choice("model of", tuple(GEOMETRIES), geometry),
        },
    )
