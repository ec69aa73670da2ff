"""Compare a kernel, the model or the running one, with recorded answers: the ``expect`` of each step of a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..linux.scenario import Scenario
from .recording import Difference, Recording, compare_step
from .source import Source, record


@dataclass
class CaseResult:
    """The result of one case: steps compared, steps that were not run, and the first difference."""

    scenario: Scenario
    recording: Recording
    compared: int
    waiting: int
    difference: Difference | None

    @property
    def complete(self) -> bool:
        """Every step was run."""
        return self.waiting == 0


def check(source: Source, scenario: Scenario) -> CaseResult:
    """Run a case on a booted kernel and compare each step with its ``expect``, then the counters after all processes
    have ended and all mounts are gone. Raises ScenarioError for a case that cannot be run as written."""
    initial = source.state.counters()[0].shown._asdict()
    recording = record(source, scenario)
    difference, compared = None, 0
    if expected := scenario.extra.get("initial"):
        difference = _counters(-1, "before the first step", initial, expected)
    done = [step for step in recording.steps if step.outcome != "unsupported"]
    for step in done:
        if step.op.expect is not None and difference is None:
            compared += 1
            expect = dict(step.op.expect)
            difference = compare_step(step.index, step.to_json("1G" in expect), expect)
    waiting = len(scenario.steps) - len(done)
    if difference is None and not waiting:
        difference = _at_the_end(source, scenario)
    return CaseResult(scenario, recording, compared, waiting, difference)


def _at_the_end(source: Source, scenario: Scenario) -> Difference | None:
    """The first difference of the counters after all processes have ended, then after all is unmounted."""
    difference, rows = None, len(source.state.rows)
    for key, end in (("after_kill_all_processes", source.kill_all), ("after_unlink_and_umount", source.umount_all)):
        if key in scenario.extra and difference is None:
            end()
            now = source.state.counters()[0].shown._asdict()
            difference = _counters(len(scenario.steps), key, now, scenario.extra[key])
    source.state.rollback(rows)  # the recording ends with the program
    source.state.finish()
    return difference


def _counters(step: int, what: str, ours: dict[str, int], theirs: dict[str, Any]) -> Difference | None:
    theirs = {key: theirs[key] for key in ours if key in theirs}
    if any(ours[key] != value for key, value in theirs.items()):
        return Difference(step, what, ours, theirs)
    return None
