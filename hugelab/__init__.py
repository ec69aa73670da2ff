"""hugelab: how Linux allocates huge pages, as a model you can run and labs you can touch.

A Scenario (what a program does) is run by a source into a Recording (what the kernel did); every picture, table and
log line is a view of a Recording.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from .core import runs, state, units
from .core.state import Counters
from .linux import architectures, names, scenario, shell, structs
from .linux import flags as decode
from .linux.errors import ScenarioError
from .linux.machines import LESSON, MACHINES, NUMA, X86_64, machine, named
from .linux.scenario import Op, Scenario, lesson, load
from .model.kernel import run
from .record import check, flow, invariants, recording, source
from .record.recording import Recording, compare


class _Moved(ModuleType):
    """A module under its old name, loaded from where it is now when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        now = import_module(_MOVED[self.__name__.removeprefix(f"{__name__}.")], __name__)
        return getattr(now, name) if hasattr(now, name) else import_module(f".{name}", now.__name__)


# Where these modules were before the house had rooms: whoever imports them there still gets them.
for _module in (runs, state, units, architectures, names, scenario, shell, structs, check, flow, invariants, recording):
    sys.modules[f"{__name__}.{_module.__name__.rpartition('.')[2]}"] = _module
sys.modules[f"{__name__}.decode"], sys.modules[f"{__name__}.source"] = decode, source
_MOVED = {  # some of these need Jupyter, which the package does not
    "shortage": ".labs.shortage",
    "draw": ".views",
    "draw.advice": ".labs.advice",
    "draw.beside": ".views.beside",
    "draw.shortage": ".labs.shortage",
    "draw.sizes": ".labs.pools",
    "draw.tables": ".views.tables",
    "labs.promise": ".labs.reservation",
    "labs.recorded": ".course.recorded",
    "labs.seen": ".course.seen",
}
sys.modules.update({f"{__name__}.{old}": _Moved(f"{__name__}.{old}") for old in _MOVED})

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
    "machine",
    "named",
    "run",
]
