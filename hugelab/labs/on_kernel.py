"""Labs of notebooks 07 to 09: their main programs in the model and on a kernel, step by step, beside each other.

The kernel's column was recorded until the learner has the program run here.
"""

from typing import Any

from ..course.on_kernel import GROUPS as GROUPS
from ..course.on_kernel import machine as machine
from ..course.on_kernel import recorded as recorded
from ..course.on_kernel import version as version
from ..course.shortage import OLDER
from ..linux.machines import Machine
from ..live import apart
from ..live.probe import nodes as nodes_here
from ..model.kernel import run
from ..record.recording import Recording
from ..views.beside import Beside
from ..views.tables import Table
from .side_by_side import SideBySide
from .widget.controls import choice
from .widget.film_lab import run_slowly
from .widget.job import Work


def _focus(recording: Recording) -> str:
    """The first operation that was refused; if none was, the mapping."""
    return next((step.op.op for step in recording.steps if step.outcome != "ok"), "mmap")


# -- the lab -----------------------------------------------------------------------------------------
class OnKernel(SideBySide):
    """``group`` of programs, one of which is shown."""

    run_me = "Run this cell (Shift+Enter) for the live lab: choose a program, and have it run on this machine's kernel."

    def __init__(self, group: str, name: str):
        self.group = group
        super().__init__(
            "The same program in the model and on a kernel",
            {"program": choice("program", tuple(GROUPS[group]), name)},
            lambda program: GROUPS[group][program],
            focus=lambda program: _focus(recorded(group, program)),
        )

    def _work(self, values: dict[str, Any]) -> Work[tuple[Recording, ...]]:
        kernel = recorded(self.group, values["program"])
        model = yield from run_slowly(self._program(**values), self.model)
        return model, kernel

    @property
    def model(self) -> Machine:
        return machine(self.group)

    def recorded_on(self) -> str:
        return version(self.group)

    def obstacle(self) -> str:
        if self.group == "nodes" and nodes_here() < 2:
            return "this machine has one memory node"
        return apart.obstacle()


def on_kernel(group: str = "pressure", program: str = "") -> OnKernel:
    """The programs of a group: "pressure", "fork", "pools" or "nodes". Raises ValueError for another one."""
    if group not in GROUPS:
        raise ValueError(f"group: one of {', '.join(GROUPS)}, not {group!r}")
    return OnKernel(group, OLDER.get(program, program) or next(iter(GROUPS[group])))


def kernels(group: str) -> Table:
    """Each program of a group, and whether the model and the recorded kernel answer equally in all steps."""
    rows = []
    for name, scenario in GROUPS[group].items():
        found = Beside(run(scenario, machine(group)), recorded(group, name), ("", "")).difference
        rows.append((name, len(scenario.steps), "equal in all" if found is None else f"differ at {found.step + 1}"))
    return Table(("program", "steps", f"the model and Linux {version(group)}"), rows)
