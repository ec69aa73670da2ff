"""A program that gets less than it wants, the same program after the steps that would help, and what became of it."""

from collections.abc import Sequence

from ..linux.operations import ADMINISTRATOR
from ..linux.scenario import Op, Scenario
from ..record.recording import Recording

Help = Op | Sequence[Op] | Scenario  # what an administrator does first, or another program


def helped(program: Scenario, help: Help) -> Scenario:
    """The program after what helps: operations go before the first step of a program, a program replaces it."""
    if isinstance(help, Scenario):
        return help
    ops = (help,) if isinstance(help, Op) else tuple(help)
    own = [number for number, op in enumerate(program.steps) if op.row.who != ADMINISTRATOR and op.op != "cg_attach"]
    first = own[0] if own else len(program.steps)
    steps = (*program.steps[:first], *ops, *program.steps[first:])
    return Scenario(program.name, program.nr, program.overcommit, program.mounts, steps, program.extra)


def told(recording: Recording) -> str:
    """The first step that did not get what it asked for, or the last one; and the pool after it all."""
    failed = next((step for step in recording.steps if step.outcome != "ok"), recording.steps[-1])
    who = "" if failed.op.proc == "P" else f"{failed.op.proc}: "
    return f"{who}{failed.op.op} {failed.outcome}; pool {recording.steps[-1].counters['2M']}"
