"""A lab with a timeline: controls -> Scenario -> Recording -> film."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...core.text import showable
from ...linux.errors import ScenarioError
from ...linux.machines import LESSON, Machine
from ...linux.scenario import Scenario
from ...model.kernel import boot
from ...record.invariants import unsound
from ...record.recording import Recording
from ...record.source import record_slowly
from ...record.timeline import Timeline, of_one
from ...views.film import Film
from ...views.plots.pool import caption, pool
from .job import Progress, Work
from .lab import Lab

AT_FIRST = 1  # frames on each side that are sent with a new film: few, so that it is there at once; the rest follows


class BrokenRule(Exception):
    """A recording of the model breaks a rule that holds in every state: a fault of ours, never of the learner's."""


def sound(recording: Recording) -> Recording:
    """The same recording. Raises BrokenRule if a step left a state that cannot be (record/invariants.py)."""
    if problem := unsound(recording, every_event=False):
        raise BrokenRule(f"the model broke one of its rules: {problem}")
    return recording


def need_steps(scenario: Scenario) -> None:
    """Raises ScenarioError for a program that has nothing to show."""
    if not scenario.steps:
        raise ScenarioError(f"{scenario.name}: a program without a step has nothing to show")


class FilmLab(Lab[tuple[Recording, ...]]):
    """A lab of one program, event by event.

    ``program(**values)`` makes a Scenario of the controls' values (it may raise ScenarioError); ``machine(**values)``
    chooses where it runs; ``focus(**values)`` is the operation at the end of which the timeline starts, if no step is
    refused. A kind of lab with two recordings, or with more to show, overrides ``_work``, ``_timeline``, ``_titles``,
    ``_head``.
    """

    def __init__(
        self,
        title: str,
        controls: Mapping[str, Any],
        program: Callable[..., Scenario],
        focus: Callable[..., str] = lambda **values: "touch",
        machine: Callable[..., Machine] = lambda **values: LESSON,
    ):
        self.focus, self._program, self._machine = focus, program, machine
        super().__init__(title, controls)

    # -- model -----------------------------------------------------------------------------------
    def _work(self, values: dict[str, Any]) -> Work[tuple[Recording, ...]]:
        """Make what the lab shows: one recording, or two."""
        recording = yield from run_slowly(self._program(**values), self._machine(**values))
        return (recording,)

    def _take(self, recordings: tuple[Recording, ...]) -> None:
        self.recordings = recordings
        self.film = Film(self._timeline(), self._titles())

    def _timeline(self) -> Timeline:
        return of_one(self.recording)

    def _titles(self) -> tuple[str, ...]:
        return ("",)

    def _figure(self) -> dict[str, Any]:
        return pool(self.film.timeline)

    @property
    def recording(self) -> Recording:
        """The recording that is shown (of two: the first)."""
        return self.recordings[0]

    @property
    def event(self) -> int:
        """The number of the event that the timeline shows."""
        position = self.position if self._filled else self._start()
        return self.film.timeline.events[0][min(position, len(self.film.timeline) - 1)]

    def _start(self) -> int:
        """The position of the first refusal; else the last event inside the kernel of the step in focus (the one after
        it is the return)."""
        if refused := self.film.refusals[0]:
            return refused.position
        focus = self.focus(**self.shown)
        step = next((step for step in self.recording.steps if step.op.op == focus), self.recording.steps[-1])
        return self.film.timeline.position(step.last - 1 if step.last - step.first > 1 else step.last)

    def __repr__(self) -> str:
        event = self.film.timeline.events[0][self._start()]
        words = self.film.sides[0].owners(event)[0].title
        refused = [f"{one.text}."] if (one := self.film.refusals[0]) else []
        lines = [f"{self.title}. {caption(self.recording, event).capitalize()}.", *refused, f"{words}."]
        return "\n".join(map(showable, lines))

    # -- the live lab ----------------------------------------------------------------------------
    def _fill(self, run: int, position: int) -> None:
        self.head = {**self._head(), "run": run, "values": self.shown}
        self.window = {**self.film.window(position, AT_FIRST), "run": run}
        self.position = position

    def _head(self) -> dict[str, Any]:
        """The parts of the film that the browser gets at once."""
        return self.film.head()

    # -- what the learner does -------------------------------------------------------------------
    def _made(self, recordings: tuple[Recording, ...], values: dict[str, Any] | None = None) -> None:
        place = self._place()
        self._keep(recordings, values)
        self._show(self._at(place))

    def _place(self) -> tuple[int, int, int] | None:
        """Step, events from its start and to its end: where the learner stands. None: where the lab starts."""
        if self.position == self._start():
            return None
        event = self.event
        index = max(self.recording.step_of(event), 0)
        step = self.recording.steps[index]
        return index, event - step.first, step.last - event

    def _at(self, place: tuple[int, int, int] | None) -> int:
        """The same place in what is shown now; where it is refused, that."""
        if place is None or place[0] >= len(self.recording.steps) or self.film.refusals[0]:
            return self._start()
        index, after, before = place
        step = self.recording.steps[index]
        if after <= 0:  # its start; what comes before the first step counts from there, too
            event = max(step.first + after, 0)
        else:
            event = step.last - before if before <= 1 else min(step.first + after, step.last)
        return self.film.timeline.position(min(event, step.last))

    def _more(self, message: dict[str, Any]) -> None:
        """Frames are missing in the browser, or it asks where something is touched next."""
        if "follow" in message:
            side, token, position = message["follow"]
            found = self.film.follow(int(side), str(token), int(position))
            if found is None:
                self._say("Nothing happens to it in the events around this one.")
                return
            self._send_window(found)
            self.position = found
        else:
            self._send_window(int(message["want"]))

    def _send_window(self, position: int) -> None:
        position = min(max(position, 0), len(self.film.timeline) - 1)
        self.window = {**self.film.window(position), "run": self.head["run"]}


def run_slowly(scenario: Scenario, machine: Machine) -> Work[Recording]:
    """A recording of the model, with progress a step. Raises BrokenRule, unless a kernel bug alone broke the rule."""
    steps = len(scenario.steps)
    work = record_slowly(boot(scenario, machine), scenario)
    while True:
        try:
            done = next(work)
        except StopIteration as end:
            recording: Recording = end.value
            break
        yield Progress(f"step {done + 1} of {steps}", done / max(steps, 1))
    if not machine.rules.bugs:
        return sound(recording)
    if unsound(recording, every_event=False):  # a program that breaks it without the bugs, too, shows our fault
        yield from run_slowly(scenario, machine.as_intended())
    return recording
