"""Lab of notebook 06: what huge pages bring on a recorded machine, and, in two clicks, on this one."""

import json
import os
import sys
from typing import Any

from ..core.text import markup
from ..draw.measured import HUGE, nothing
from ..draw.measured import measured as sheet_of
from ..draw.sheet import Sheet
from ..draw.tables import Table
from ..live.errors import LiveUnavailable
from ..measure import BUDGET, Measured, sentences
from ..measure.recorded import recorded
from ..tlb.machines import GEOMETRIES
from . import live_run
from .asking import Asking
from .controls import Choice, Control
from .job import Work
from .sheet import SheetLab

HERE = "this machine"


class MeasuredLab(Asking[Sheet], SheetLab):
    """A recorded machine, until this one has been measured: then ``here`` has what came out."""

    go = {"name": "go", "label": "Measure this machine", "title": "Says first what it would change"}
    yes = {"name": "yes", "label": "Yes, measure", "title": f"Takes about {BUDGET:.0f} seconds"}
    run_me = "Run this cell (Shift+Enter) for the live lab, and to measure your own machine."

    def __init__(self, title: str, controls: dict[str, Control]):
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
        if why := live_run.no_machine_code():
            return f"{begin}This machine cannot be measured: {markup(why)}."
        return f"{begin}The button measures this machine; it asks first."

    def _renew(self) -> None:
        """Measuring takes long: a control that moves does not end it."""
        if self._job is None or not self._job.running:
            super()._renew()
            return
        for name, control in self.controls.items():
            control.set_quietly(self.shown[name])
        self.explorer.values = self.values
        self._say("This machine is being measured: wait for it, or cancel it first.", "refused")

    # -- measuring -------------------------------------------------------------------------------
    def _plan_text(self) -> str:
        if why := live_run.no_machine_code():
            raise LiveUnavailable(why)
        if os.geteuid() == 0 and not live_run.obstacle():
            return f"{live_run.plan()}\nIt takes up to {BUDGET:.0f} seconds; do not use the machine for anything else."
        return (
            "The huge page pool stays as it is: its free pages are used, and transparent huge pages if they are on.\n"
            f"It takes up to {BUDGET:.0f} seconds; do not use the machine for anything else."
        )

    def _live_work(self) -> Work[Measured]:
        out = yield from live_run.child(
            [sys.executable, "-m", "hugelab", "measure", "--yes", "--json", "--budget", str(BUDGET)], "Measuring"
        )
        return Measured.from_json(json.loads(out))

    def _take_live(self, result: Any) -> str:
        self.here = result
        self.controls["machine"].set_quietly(HERE)
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
            "machine": Choice("machine", (*machines, HERE), machine or machines[0]),
            "pages": Choice("huge pages", tuple(HUGE), pages),
            "geometry": Choice("model of", tuple(GEOMETRIES), geometry),
        },
    )
