"""Advice: a program that gets less than it wants, and the same program after the steps that would help."""

from collections.abc import Mapping, Sequence

from ..draw.tables import Table
from ..linux.machines import X86_64, Machine
from ..linux.operations import ADMINISTRATOR
from ..linux.scenario import Op, Scenario
from ..linux.shell import command
from ..model.kernel import run
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


def advice(program: Scenario, helps: Mapping[str, Help], machine: Machine = X86_64) -> Table:
    """A row for the program as it is, and one for each help: what to type, and what becomes of the program then."""
    rows = [("nothing", "", told(run(program, machine)))]
    for name, help in helps.items():
        if isinstance(help, Scenario):
            typed = "in the program"
        else:
            typed = "; ".join(command(op) for op in ([help] if isinstance(help, Op) else help))
        rows.append((name, typed, told(run(helped(program, help), machine))))
    return Table(("what to do", "what to type", "then"), rows)


def told(recording: Recording) -> str:
    """The first step that did not get what it asked for, or the last one; and the pool after it all."""
    failed = next((step for step in recording.steps if step.outcome != "ok"), recording.steps[-1])
    who = "" if failed.op.proc == "P" else f"{failed.op.proc}: "
    return f"{who}{failed.op.op} {failed.outcome}; pool {recording.steps[-1].counters['2M']}"
