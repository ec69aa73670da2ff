"""Lab of notebook 04: one program in the model and on a kernel, step by step, beside each other.

The kernel's column is the recorded run until the learner has the program run on this machine's kernel, which takes two
clicks: the first says what it will change, the second does it.
"""

from typing import Any

from ..core.text import markup
from ..course import recorded
from ..course.mapping import ENDS, KINDS
from ..course.mapping import let_go as program
from ..course.recorded import MOST_PAGES, POOLS
from ..linux.errors import ScenarioError
from ..linux.machines import X86_64, Machine
from ..live import apart
from ..live.errors import LiveUnavailable
from ..model.kernel import run
from ..record.recording import Difference, Recording
from ..views.beside import Beside
from ..views.tables import Table
from .widget.asking import Asking
from .widget.controls import choice, slider, stops
from .widget.film_lab import FilmLab, run_slowly
from .widget.job import Progress, Work

MODEL = X86_64


class SideBySide(Asking[tuple[Recording, ...]], FilmLab):
    """``recording`` is the model's, ``kernel`` the kernel's: recorded, or what this machine just answered."""

    GO = ("Run on this kernel", "Says first what it would change")
    YES = ("Yes, run it", "Changes the huge page pool for a moment and puts it back")

    run_me = (
        "Run this cell (Shift+Enter) for the live lab: choose mapping, pages, touched pages, pool and the end, "
        "and have the program run on this machine's kernel."
    )
    kernel: Recording

    @property
    def model(self) -> Machine:
        """The machine that the model is."""
        return MODEL

    def recorded_on(self) -> str:
        """The version of the kernel that was recorded."""
        return recorded.kernel()

    def obstacle(self) -> str:
        """Why the program cannot run on the kernel of this machine; "" when nothing is known to be in the way."""
        return apart.obstacle()

    # -- model and kernel ------------------------------------------------------------------------
    def _work(self, values: dict[str, Any]) -> Work[tuple[Recording, ...]]:
        kernel = recorded.answer(**values)
        if kernel is None:
            raise ScenarioError(f"there is no recorded run of {values}")
        model = yield from run_slowly(self._program(**values), self.model)
        return model, kernel

    def _take(self, recordings: tuple[Recording, ...]) -> None:
        model, self.kernel = recordings
        super()._take((model,))

    @property
    def table(self) -> Beside:
        """The two recordings beside each other."""
        kernel = f"Linux {apart.version()}, this kernel" if self.live else f"recorded on Linux {self.recorded_on()}"
        return Beside(self.recording, self.kernel, (f"the model of Linux {self.model.version}", kernel))

    @property
    def difference(self) -> Difference | None:
        """The first difference between the two, or None."""
        return self.table.difference

    @property
    def live(self) -> bool:
        """The kernel's column is this machine's."""
        return self.kernel.source == "live"

    # -- showing it ------------------------------------------------------------------------------
    def __repr__(self) -> str:
        return f"{self.title}: {self.table.verdict}.\n{self.table!r}"

    def _head(self) -> dict[str, Any]:
        """The table of steps is that of the two recordings."""
        head = super()._head()
        timeline = self.film.timeline
        head["sides"][0]["steps"] = self.table.html([timeline.position(step.last) for step in self.recording.steps])
        return head

    def _about(self) -> str:
        begin = f"The kernel's column was <b>recorded on Linux {markup(self.recorded_on())}</b>."
        if why := self.obstacle():
            return f"{begin} It cannot run here: {markup(why)}."
        return f"{begin} The button has the program run on the kernel of this machine; it asks first."

    # -- the live run ----------------------------------------------------------------------------
    def _plan_text(self) -> str:
        if why := self.obstacle():
            raise LiveUnavailable(why)
        return apart.plan()

    def _live_work(self) -> Work[Recording]:
        yield Progress("Running on this kernel ...", None)
        return (yield from apart.run_here(self.recording.scenario))

    def _take_live(self, result: Recording) -> str:
        self.kernel = result
        note = f" {markup(apart.other_version())}." if apart.other_version() else ""
        return (
            f"Ran on this kernel, Linux {markup(apart.version())}: <b>{markup(self.table.verdict)}</b>. "
            f"The huge page pool is as it was.{note}"
        )

    def _stays(self) -> str:
        if self.live:
            return "The kernel's column stays that of the last run here."
        return f"The kernel's column stays as recorded on Linux {markup(self.recorded_on())}."


def side_by_side(
    pages: int = 5, pool: int = 10, touched: int = 5, kind: str = "shared file", end: str = "munmap, close, unlink"
) -> SideBySide:
    """Map, touch, and let go in the order ``end``: in the model, and on a kernel."""
    return SideBySide(
        "The same program in the model and on a kernel",
        {
            "pages": slider("pages", pages, most=MOST_PAGES),
            "touched": slider("touched", touched, most=MOST_PAGES),
            "pool": stops("pool", pool, sorted(POOLS)),
            "kind": choice("mapping", tuple(KINDS), kind),
            "end": choice("the end", tuple(ENDS), end),
        },
        program,
        focus=lambda end, **values: ENDS[end][0],
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
