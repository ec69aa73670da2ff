"""Lab of notebook 11: the program that the detective found behind a log, as the model plays it.

Only the program is the log's: pages and addresses are those of the model's machine.
"""

from ..course import logs
from ..linux.machines import MACHINES, Machine
from ..linux.scenario import Scenario
from .widget.controls import choice
from .widget.film_lab import FilmLab


def _program(case: str) -> Scenario:
    program = logs.report(case).program
    assert program is not None  # programs() offers no other log
    return program


def _machine(case: str) -> Machine:
    recording = logs.report(case).recording
    assert recording is not None
    return MACHINES[recording.machine.name]


def _focus(case: str) -> str:
    ops = [op.op for op in _program(case).steps]
    return "touch" if "touch" in ops else "mmap"


def log_program(log: str = "") -> FilmLab:
    """The timeline of the program behind one of the logs that have one."""
    offered = logs.programs()
    return FilmLab(
        "The program behind a log", {"case": choice("log", offered, log or offered[0])}, _program, _focus, _machine
    )
