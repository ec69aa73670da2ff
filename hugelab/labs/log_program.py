"""Lab of notebook 11: the program that the detective found behind a log, as the model plays it.

Only the program is the log's: pages and addresses are those of the model's machine.
"""

from ..linux.machines import MACHINES, Machine
from ..linux.scenario import Scenario
from . import logs
from .controls import Choice
from .lab import Lab


def _program(log: str) -> Scenario:
    program = logs.report(log).program
    assert program is not None  # programs() offers no other log
    return program


def _machine(log: str) -> Machine:
    recording = logs.report(log).recording
    assert recording is not None
    return MACHINES[recording.machine.name]


def _focus(log: str) -> str:
    ops = [op.op for op in _program(log).steps]
    return "touch" if "touch" in ops else "mmap"


def log_program(log: str = "") -> Lab:
    """The timeline of the program behind one of the logs that have one."""
    offered = logs.programs()
    return Lab(
        "The program behind a log", {"log": Choice("log", offered, log or offered[0])}, _program, _focus, _machine
    )
