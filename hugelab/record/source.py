"""Sources, which run Scenarios (the model, the running kernel), and the loop that drives them step by step."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, Protocol, TypeVar

from ..core.state import State
from ..core.units import size_name
from ..linux.errors import ScenarioError, Unsupported
from ..linux.machines import Machine
from ..linux.scenario import Op, Scenario
from .recording import Recording, Step

T = TypeVar("T")


class Progress(NamedTuple):
    """The work in progress, and the part of it that is done (0 to 1; None: unknown)."""

    text: str
    part: float | None


Work = Generator[Progress, None, T]  # long work, in pieces: see labs.widget.job


class Source(Protocol):
    """A kernel booted with a scenario: ``model.kernel.Kernel`` or ``live.kernel.LiveKernel``.

    ``state`` holds the pools and, if the source knows them, other structs.
    """

    name: str  # "model" or "live"
    machine: Machine
    state: State

    def run(self, op: Op) -> tuple[str, Any]:
        """Do one operation; returns (outcome, value).

        outcome: ``"ok"``, an errno name, a signal name or ``"KILLED"``. Raises Unsupported for an operation that the
        source lacks and ScenarioError for one that no program can do; both change nothing.
        """

    def kill_all(self) -> None:
        """End every process of the scenario."""

    def umount_all(self) -> None:
        """Unlink every file and unmount every mount of the scenario."""


def record(source: Source, scenario: Scenario) -> Recording:
    """Run the steps of a scenario on a booted kernel.

    An operation that the source lacks has outcome "unsupported" and ends the recording. Raises ScenarioError, with the
    step, for an operation that no program can do (a mapping that was never made).
    """
    return finish(record_slowly(source, scenario))


def finish(work: Generator[Any, None, T]) -> T:
    """The result of a generator, without the values that it yields."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result


def record_slowly(source: Source, scenario: Scenario) -> Generator[int, None, Recording]:
    """:func:`record` as a generator, which yields the number of finished steps before each step, to show it or stop."""
    steps: list[Step] = []
    sizes = [size_name(size) for size in source.machine.sizes]
    first = sum(row.events for row in source.state.rows)
    for index, op in enumerate(scenario.steps):
        yield index
        rows, note = len(source.state.rows), ""
        try:
            outcome, value = source.run(op)
        except Unsupported as error:
            outcome, value, note = "unsupported", None, str(error)
        except ScenarioError as error:
            raise ScenarioError(f"{scenario.name}, step {index + 1}: {error}") from None
        counters = dict(zip(sizes, (now.shown for now in source.state.counters()), strict=True))
        end = first + sum(row.events for row in source.state.rows[rows:])
        steps.append(Step(index, op, outcome, value, counters, first, end - 1, note))
        first = end
        if note:
            break
    source.state.finish()
    return Recording(scenario, source.machine, source.state, source.name, steps)
