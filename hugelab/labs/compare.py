"""Two programs, or one program under two sets of rules, beside each other on one timeline."""

from typing import Any

from ..core.text import showable
from ..course.mapping import ENDS, KINDS
from ..course.mapping import let_go as program
from ..linux.errors import ScenarioError
from ..linux.machines import LESSON, MACHINES, X86_64
from ..linux.scenario import Scenario
from ..record.recording import Recording
from ..record.timeline import Timeline, of_two
from .widget.controls import choice, slider
from .widget.film_lab import FilmLab, need_steps, run_slowly
from .widget.job import Work

RULES = {
    "Linux 3.10": LESSON,
    "Linux 5.10": MACHINES["x86-64-5.10"],
    "Linux 6.1": MACHINES["x86-64-6.1"],
    "Linux 6.18": X86_64,
    "Linux 6.18, kernel bugs off": X86_64.as_intended(),
}
SIDES = ("left", "right")
PROGRAM = ("pages", "pool", "touched", "kind", "end")


class Compare(FilmLab):
    """``recordings`` are the left and the right one."""

    def _work(self, values: dict[str, Any]) -> Work[tuple[Recording, ...]]:
        made = []
        for side in SIDES:
            chosen = {name.removeprefix(f"{side}_"): value for name, value in values.items()}
            rules = RULES[chosen.pop("rules")]
            made.append((yield from run_slowly(self._program(side=side, **chosen), rules)))
        return tuple(made)

    def _timeline(self) -> Timeline:
        return of_two(*self.recordings)

    def _titles(self) -> tuple[str, ...]:
        """The differences of the two sides; everything if there are none."""
        told = [name.removeprefix("left_") for name in self.controls if name.startswith("left_")]
        values, programs = self.shown, [recording.scenario.name for recording in self.recordings]
        other = [name for name in told if values[f"left_{name}"] != values[f"right_{name}"]]
        names = ["; ".join(values[f"{side}_{name}"] for name in other or told) for side in SIDES]
        if programs[0] == programs[1]:
            return tuple(names)
        return tuple(f"{program}; {name}" if other else program for program, name in zip(programs, names, strict=True))

    def _start(self) -> int:
        """The first difference, or the end."""
        found = self.film.timeline.difference
        return found.position if found else len(self.film.timeline) - 1

    def __repr__(self) -> str:
        left, right = self._titles()
        found = self.film.timeline.difference
        says = f"First difference: {found.words}" if found else "No difference"
        return showable(f"{self.title}: {left} | {right}") + f"\n{says}."


def compare(
    left: Scenario | None = None,
    right: Scenario | None = None,
    *,
    pages: int = 5,
    pool: int = 10,
    touched: int = 5,
    left_kind: str = "shared file",
    right_kind: str = "shared file",
    left_end: str = "munmap, close, unlink",
    right_end: str = "munmap, close, unlink",
    left_rules: str = "Linux 3.10",
    right_rules: str = "Linux 6.18",
) -> Compare:
    """Map, touch, and let go, on both sides; choose what is other: the mapping, the end, or the kernel's rules.

    With ``left`` (and ``right``, else it is on both sides) programs of your own, of which the rules can be chosen.
    Raises ScenarioError for one without a step.
    """
    choices: dict[str, Any] = {
        "pages": slider("pages", pages),
        "pool": slider("pool", pool),
        "touched": slider("touched", touched),
        "left_kind": choice("left: mapping", tuple(KINDS), left_kind),
        "right_kind": choice("right: mapping", tuple(KINDS), right_kind),
        "left_end": choice("left: the end", tuple(ENDS), left_end),
        "right_end": choice("right: the end", tuple(ENDS), right_end),
    }
    rules: dict[str, Any] = {
        "left_rules": choice("left: rules", tuple(RULES), left_rules),
        "right_rules": choice("right: rules", tuple(RULES), right_rules),
    }
    if left is None:
        if right is not None:
            raise ScenarioError(f"{right.name} is the right side: the left one is missing")

        def chosen(side: str, **values: Any) -> Scenario:
            return program(**{name: value for name, value in values.items() if name in PROGRAM})

        return Compare("Side by side", {**choices, **rules}, chosen)
    own = {"left": left, "right": right or left}
    for scenario in own.values():
        need_steps(scenario)
    return Compare(
        "Side by side", rules, lambda side, **values: own[side], focus=lambda **values: own["left"].steps[0].op
    )
