"""Accesses of a program to its memory, from user space and in the kernel (arch/x86/mm/fault.c, lib/clear_user)."""

from __future__ import annotations

from typing import Any

from ..linux.abi import BUS_ADRERR, FAILED, SEGV_ACCERR, SEGV_MAPERR, SI_KERNEL, Fault
from ..linux.errors import ScenarioError
from ..linux.machines import Machine
from ..linux.scenario import Op
from ..linux.structs import mm_struct, vm_area_struct
from . import fault, memory
from .core import Core, SystemCallError, operation
from .fork import do_exit
from .vma import areas, vma_lookup


@operation("touch")
def touch(k: Core, mm: mm_struct, op: Op) -> Any:
    """Write or read one byte in each of ``count`` pages, one page after another, until a signal.

    value: ``done`` pages, ``bytes`` read, ``si_code`` of the signal. ``catch`` false: the signal kills the process.
    """
    area = k.mapping(mm, op.args["map"])
    page, count, mode = op.get("page"), op.get("count"), op.get("mode")
    if mode not in ("r", "w"):
        raise ScenarioError(f"touch: mode is r or w, not {mode!r}")
    offset = op.get("off_bytes")
    if area is FAILED:
        if not count:
            return {"done": 0}
        return signalled(k, mm, op, Fault("SIGSEGV", {"done": 0, "si_code": SEGV_MAPERR}))
    unit = k.unit(op)
    done, signal, si_code = 0, None, 0
    read: list[int] = []
    mine = areas(mm)
    while done < count and not signal:
        addr = area.addr + (page + done) * unit + offset
        vma = next((vma for vma in mine if vma.vm_start <= addr < vma.vm_end), None)
        if vma is None:
            signal, si_code = "SIGSEGV", SEGV_MAPERR if is_canonical(k.machine, addr) else SI_KERNEL
            break
        index, size = vma.index(addr), vma.h.size
        limit = min(index + count - done, vma.vm_pgoff + vma.pages) if unit == size else index + 1
        n, signal = fault.access(k, vma, index, limit, mode == "w")
        si_code = BUS_ADRERR if signal == "SIGBUS" else SEGV_ACCERR
        if n:
            read += use(vma, addr, n, (addr - vma.vm_start) % size, op.get("byte") if mode == "w" else None)
        done += n
    if signal:
        return signalled(k, mm, op, Fault(signal, {"done": done, "si_code": si_code}))
    return {"done": done, "bytes": read} if mode == "r" else {"done": done}


def is_canonical(machine: Machine, addr: int) -> bool:
    """Is the address valid for the CPU (x86-64: 47 bits, sign-extended)? Others are a general protection fault."""
    addr %= 1 << machine.word
    return machine.word == 32 or not 1 << 47 <= addr < (1 << 64) - (1 << 47)


def signalled(k: Core, mm: mm_struct, op: Op, fault: Fault) -> Fault:
    """The fault, after the program's handler ran; without a handler, the death of the process."""
    if op.get("catch") is not False:
        return fault
    do_exit(k, mm)
    return Fault("KILLED", {"status": fault.outcome})


def use(vma: vm_area_struct, addr: int, n: int, offset: int, byte: int | None) -> list[int]:
    """Store a byte in n mapped pages, or (None) load one from each; returns the loaded bytes."""
    h, read = vma.h, []
    for run in vma.table.within(addr // h.size, addr // h.size + n):
        if byte is None:
            read += memory.load(h, run, offset)
        else:
            memory.store(h, run, offset, byte)
    return read


@operation("kread")
def kread(k: Core, mm: mm_struct, op: Op) -> dict[str, int]:
    """read(2) of one zero byte into a page: the kernel writes there. Raises SystemCallError EFAULT, never a signal."""
    area = k.mapping(mm, op.args["map"])
    addr = area.addr + op.get("page") * k.unit(op) + op.get("off_bytes")
    vma = vma_lookup(mm, addr)
    if area is FAILED or vma is None:
        raise SystemCallError("EFAULT")
    index = vma.index(addr)
    if fault.access(k, vma, index, index + 1, write=True).signal:
        raise SystemCallError("EFAULT")
    use(vma, addr, 1, (addr - vma.vm_start) % vma.h.size, 0)
    return {"n": 1}
