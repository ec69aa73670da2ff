"""hugelab: how Linux allocates huge pages, as a model you can run and labs you can touch.

A Scenario (what a program does) is run by a source into a Recording (what the kernel did); every picture, table and
log line is a view of a Recording.
"""

from .model.kernel import run
from .model.machines import LESSON, MACHINES, NUMA, X86_64
from .recording import Counters, Recording, compare
from .scenario import Op, Scenario, ScenarioError, lesson, load

__version__ = "0.1.0"

__all__ = [
    "LESSON",
    "MACHINES",
    "NUMA",
    "X86_64",
    "Counters",
    "Op",
    "Recording",
    "Scenario",
    "ScenarioError",
    "compare",
    "lesson",
    "load",
    "run",
]
