"""A process uses its memory, and ends (exit_mmap, exit_files)."""

from __future__ import annotations

from typing import Any

from ..scenario import Op, ScenarioError
from ..source import Unsupported
from ..structs import mm_struct, vm_area_struct
from . import fault, memory
from .abi import BUS_ADRERR, FAILED, SEGV_ACCERR, SEGV_MAPERR, SI_KERNEL, Fault, page_size
from .core import Core
from .files import fput
from .hugetlbfs import iput
from .machines import Machine
from .vma import areas, remove_vma, unmap_hugepage_range


def touch(k: Core, mm: mm_struct, op: Op) -> Any:
    """Write or read one byte in each of ``count`` pages, one page after another, until one faults.

    value: ``done`` pages, ``bytes`` read, ``si_code`` of the signal.
    """
    area = k.mapping(mm, op.args["map"])
    page, count, mode = op.get("page", 0), op.get("count", 1), op.get("mode", "w")
    if mode not in ("r", "w"):
        raise ScenarioError(f"touch: mode is r or w, not {mode!r}")
    offset = op.get("off_bytes", 0)
    if area is FAILED:
        return killed_by("SIGSEGV", SEGV_MAPERR, 0, []) if count else {"done": 0}
    unit = page_size(op, k.machine.sizes[0])
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
            read += use(vma, addr, n, (addr - vma.vm_start) % size, op.get("byte", ord("H")) if mode == "w" else None)
        done += n
    if signal:
        if op.get("catch", True) is False:
            raise Unsupported("a signal that kills the process")
        return killed_by(signal, si_code, done, read)
    return {"done": done, "bytes": read} if mode == "r" else {"done": done}


def is_canonical(machine: Machine, addr: int) -> bool:
    """Can a program name this address at all? (x86-64: 47 bits, sign-extended; else a general protection fault.)"""
    addr %= 1 << machine.word
    return machine.word == 32 or not 1 << 47 <= addr < (1 << 64) - (1 << 47)


def killed_by(signal: str, si_code: int, done: int, read: list[int]) -> Fault:
    value: dict[str, Any] = {"done": done}
    if read:
        value["bytes"] = read
    return Fault(signal, {**value, "si_code": si_code})


def use(vma: vm_area_struct, addr: int, n: int, offset: int, byte: int | None) -> list[int]:
    """The access itself, once the pages are mapped."""
    h, read = vma.h, []
    for run in vma.table.within(addr // h.size, addr // h.size + n):
        if byte is None:
            read += memory.load(h, run, offset)
        else:
            memory.store(h, run, offset, byte)
    return read


def sys_exit(k: Core, mm: mm_struct, op: Op) -> dict[str, str]:
    """_exit(0): first all mappings go (exit_mmap), then the descriptors (exit_files)."""
    do_exit(k, mm)
    return {"status": "exit 0"}


def do_exit(k: Core, mm: mm_struct) -> None:
    """A process ends."""
    parts = areas(mm)
    for vma in parts:
        unmap_hugepage_range(k, vma, vma.vm_start, vma.vm_end, final=True)
    for vma in parts:
        iput(k, mm.proc, remove_vma(k, vma))
    held, mm.fds = mm.fds, {}
    if held:
        k.state.row(mm.proc)
        k.state.point("exit_files")
    for opened in held.values():
        fput(k, mm.proc, opened)
    mm.alive = False
