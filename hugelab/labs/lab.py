"""A lab with a timeline: controls -> Scenario -> Recording -> film."""

from collections.abc import Callable
from typing import Any

from ..core.text import showable
from ..draw.film import Film, poster
from ..draw.plot import caption
from ..draw.timeline import Timeline, of_one
from ..linux.errors import ScenarioError
from ..linux.machines import LESSON, Machine
from ..linux.scenario import Scenario
from ..model.kernel import boot
from ..record.invariants import unsound
from ..record.recording import Recording
from ..record.source import finish, record_slowly
from .controls import Control, extremes
from .job import Progress, Work
from .panel import Panel

AT_FIRST = 12  # frames on each side that are sent with a new film: few, so that it is there at once; the rest follows


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


class Lab(Panel[tuple[Recording, ...]]):
    """A lab of one program, event by event; its ``recording`` can be used in any Python.

    ``program(**values)`` makes a Scenario of the controls' values (it may raise ScenarioError); ``machine(**values)``
    chooses where it runs; ``focus(**values)`` is the operation at the end of which the timeline starts. A kind of lab
    with two recordings, or with more to show, overrides ``_work``, ``_timeline``, ``_titles``, ``_head``.
    """

    def __init__(
        self,
        title: str,
        controls: dict[str, Control],
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

    @property
    def recording(self) -> Recording:
        """The recording that is shown (of two: the first)."""
        return self.recordings[0]

    @property
    def event(self) -> int:
        """The number of the event that the timeline shows."""
        position = self.explorer.position if self.explorer else self._start()
        return self.film.timeline.events[0][min(position, len(self.film.timeline) - 1)]

    def _start(self) -> int:
        """The position of the last event inside the kernel of the step in focus (the one after it is the return)."""
        focus = self.focus(**self.shown)
        step = next((step for step in self.recording.steps if step.op.op == focus), self.recording.steps[-1])
        return self.film.timeline.position(step.last - 1 if step.last - step.first > 1 else step.last)

    # -- a picture and words ---------------------------------------------------------------------
    def __repr__(self) -> str:
        event = self.film.timeline.events[0][self._start()]
        words = self.film.sides[0].owners(event)[0].title
        return showable(f"{self.title}. {caption(self.recording, event).capitalize()}.") + f"\n{showable(words)}."

    def _png(self) -> bytes:
        return poster(self.film, self._start(), self.title).png()

    # -- the live lab ----------------------------------------------------------------------------
    def build(self) -> Any:
        if self.explorer is None:
            self._room = self._most_room()
        return super().build()

    def _most_room(self) -> dict[str, float]:
        """The room that the views need at most, whatever the controls say: nothing moves while one is moved."""
        most: dict[str, float] = {}
        for values in extremes(self.controls):
            try:
                recordings = finish(self._work(values))
            except ScenarioError:
                continue
            for recording in recordings:
                for name, height in Film(of_one(recording)).heights().items():
                    most[name] = max(most.get(name, 0), height)
        return most

    def _fill(self, run: int, position: int) -> None:
        head = self._head()
        head["heights"] = {name: max(height, self._room.get(name, 0)) for name, height in head["heights"].items()}
        self.explorer.head = {**head, "run": run, "values": self.shown, "first": self._first}
        self.explorer.window = {**self.film.window(position, AT_FIRST), "run": run}
        self.explorer.position = position

    def _head(self) -> dict[str, Any]:
        """The parts of the film that the browser gets at once."""
        return self.film.head()

    # -- what the learner does -------------------------------------------------------------------
    def _made(self, recordings: tuple[Recording, ...]) -> None:
        place = self._place()
        self._keep(recordings)
        self._show(self._at(place))

    def _place(self) -> tuple[int, int, int] | None:
        """Step, events from its start and to its end: where the learner stands. None: where the lab starts."""
        if self.explorer.position == self._start():
            return None
        event = self.event
        index = max(self.recording.step_of(event), 0)
        step = self.recording.steps[index]
        return index, event - step.first, step.last - event

    def _at(self, place: tuple[int, int, int] | None) -> int:
        """The same place in what is shown now."""
        if place is None or place[0] >= len(self.recording.steps):
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
            self.explorer.position = found
        else:
            self._send_window(int(message["want"]))

    def _send_window(self, position: int) -> None:
        position = min(max(position, 0), len(self.film.timeline) - 1)
        self.explorer.window = {**self.film.window(position), "run": self.explorer.head["run"]}


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
