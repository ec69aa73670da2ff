"""The shared part of the simulated kernel: the machine, its rules, the state, and lookups in it by name.

Beside it, the registry of its system calls and their failure.
"""

from __future__ import annotations

from typing import Any

from ..core.registry import Registry
from ..core.state import State
from ..linux.abi import Area, huge_size, length_of
from ..linux.errors import ScenarioError
from ..linux.machines import Machine
from ..linux.scenario import Op
from ..linux.structs import hstate, mm_struct, shmid_kernel

# Operation -> function of the model: function(kernel, process or None, operation), registered where it is defined. A
# second copy of the model, such as one with a changed rule, has a registry of its own.
operation = Registry()


class SystemCallError(Exception):
    """A system call failed; ``name`` is the name of its errno, such as ENOMEM."""

    def __init__(self, name: str):
        super().__init__(name)
        self.name = name


class Core:
    """A machine with empty pools. ``kernel.Kernel`` adds the system calls."""

    def __init__(self, machine: Machine, state: State | None = None):
        self.machine, self.rules = machine, machine.rules
        self.state = State() if state is None else state
        self.state.pools = [hstate(self.state, size, machine.nodes) for size in machine.sizes]
        self.maps: dict[tuple[str, str], Area] = {}  # (process, name) -> the result of mmap
        self.segments: dict[str, shmid_kernel | None] = {}  # name -> the result of shmget (None: it failed)
        self._numbers: dict[str, int] = {}
        self.dangers: list[str] = []

    def number(self, kind: str) -> int:
        """The next number for a record of a kind."""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return self._numbers[kind]

    def danger(self, why: str) -> None:
        """Note that a kernel bug would do lasting harm here (a wrong count, an endless fault): a scenario with an entry
        in ``dangers`` is not run on a live kernel."""
        self.dangers.append(why)

    def take_ino(self) -> int:
        """get_next_ino()."""
        return self.machine.first_ino + self.number("inode") - 1

    def size_to_hstate(self, size: int) -> hstate:
        """The pool of a page size in bytes. Raises KeyError."""
        for h in self.state.pools:
            if isinstance(h, hstate) and h.size == size:
                return h
        raise KeyError(size)

    def hstate_sizelog(self, flags: int) -> hstate | None:
        """The pool of the size in HUGE_ flags; the default pool without such flags, None if there is no such pool."""
        size = huge_size(flags) or self.machine.sizes[0]
        return next((h for h in self.state.pools if h.size == size), None)

    def unit(self, op: Op) -> int:
        """The page size of an operation in bytes."""
        return op.unit(self.machine.sizes[0])

    def length_of(self, op: Op, pages: str = "pages", length: str = "bytes") -> int:
        """A length or offset of an operation in bytes; 0 if it is not given."""
        return length_of(op.args, self.unit(op), pages, length)

    def mm(self, proc: str) -> mm_struct:
        """The process of a name; the first process starts when it is first used. Raises ScenarioError."""
        found = self.state.records.get(f"mm/{proc}")
        if isinstance(found, mm_struct):
            if not found.alive:
                raise ScenarioError(f"process {proc} has exited")
            return found
        if self.state.of(mm_struct):
            raise ScenarioError(f"there is no process {proc}")
        return self.new_process(proc)

    def new_process(self, name: str, **fields: Any) -> mm_struct:
        """A new process. Raises ScenarioError if its name is taken."""
        if f"mm/{name}" in self.state.records:
            raise ScenarioError(f"there is a process {name} already")
        pid = self.machine.pid + len(self.state.of(mm_struct))
        limit = {"rlimit_memlock": self.rules.memlock} | fields
        return self.state.enter(mm_struct(self.state, name, pid, self.machine.sizes, **limit))

    def mapping(self, mm: mm_struct, name: str) -> Area:
        """The result of the mmap of a name (FAILED if it failed). Raises ScenarioError for a name never used."""
        if (mm.proc, name) not in self.maps:
            raise ScenarioError(f"no mapping is called {name!r} in process {mm.proc}")
        return self.maps[mm.proc, name]
