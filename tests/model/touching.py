"""A program that touches its pages one by one, a million times, at the cost of a few stretches.

The first page of a stretch handles the whole stretch in advance; the pages after it only count. Pages that the program
does not reach are undone when it does anything else, so state and log are those of single faults.
"""

from __future__ import annotations

from types import TracebackType

from hugelab.core.state import State, _Runs, _Set
from hugelab.linux.abi import FAILED
from hugelab.linux.errors import ScenarioError
from hugelab.model import fault, memory
from hugelab.model.kernel import Kernel
from hugelab.model.vma import areas


def shorten(state: State, units: int) -> None:
    """Cut the last row of a state to ``units`` units; the others are undone."""
    state._settle()
    row = state.rows[-1]
    for _, change in reversed(row.changes):
        change.move(row.n, row.n, units)
        if isinstance(change, _Set) and type(change.old) is int and type(change.new) is int:
            change.new = change.old + (change.new - change.old) * units // row.n
        elif isinstance(change, _Runs):
            change.run = change._part(row.n, 0, units)
            if change.units is not None:
                first, last = change.units
                change.units = first, max(min(last, units), first + 1)
    row.n = units


class Touching:
    """``with Touching(kernel, "A") as touch: touch(0); touch(1)``: each call is one access to one page.

    A call returns ``"ok"`` or the name of a signal. Inside the with block no other code may use the kernel; its state
    is exact after the block, or after :meth:`settle`.
    """

    __slots__ = ("_area", "_byte", "_kernel", "_limit", "_mm", "_next", "_write")

    def __init__(self, kernel: Kernel, name: str, proc: str = "P", write: bool = True, byte: int = ord("H")):
        self._kernel, self._mm = kernel, kernel.mm(proc)
        self._area = kernel.mapping(self._mm, name)
        if self._area is FAILED:
            raise ScenarioError(f"mmap of {name!r} failed: there is nothing to touch")
        self._write, self._byte = write, byte
        self._next = self._limit = -1

    def __enter__(self) -> Touching:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.settle()

    def __call__(self, page: int) -> str:
        """Touch one page (its index in the mapping)."""
        if page == self._next and page < self._limit:
            self._next = page + 1
            return "ok"
        return self._turn(page)

    def settle(self) -> None:
        """Undo the pages that were touched in advance."""
        if self._next < self._limit:
            state = self._kernel.state
            shorten(state, state.rows[-1].n - (self._limit - self._next))
        self._next = self._limit = -1

    def _turn(self, page: int) -> str:
        """Touch the first page of a stretch, and the stretch in advance."""
        self.settle()
        kernel, area = self._kernel, self._area
        addr = area.addr + page * area.size
        vma = next((vma for vma in areas(self._mm) if vma.vm_start <= addr < vma.vm_end), None)
        if vma is None:
            return "SIGSEGV"
        index = vma.index(addr)
        n, signal = fault.access(kernel, vma, index, vma.vm_pgoff + vma.pages, self._write)
        if signal:
            return signal
        if self._write:
            for run in vma.table.within(addr // vma.h.size, addr // vma.h.size + n):
                memory.store(vma.h, run, 0, self._byte)
        self._next, self._limit = page + 1, page + n
        return "ok"
