"""Advice: a program that gets less than it wants, and the same program after the steps that would help."""

from collections.abc import Mapping

from ..course.advice import Help
from ..course.advice import helped as helped
from ..course.advice import told as told
from ..linux.machines import X86_64, Machine
from ..linux.scenario import Op, Scenario
from ..linux.shell import command
from ..model.kernel import run
from ..views.tables import Table


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
