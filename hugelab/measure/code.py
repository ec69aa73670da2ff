"""Two loops in machine code: store a byte in every page, and follow a chain of pointers.

A loop in Python costs more than the loads. The loops get no signal: their memory is mapped and reserved.
"""

from __future__ import annotations

import ctypes
import functools

from ..linux.flags import MAP, PROT
from ..live.errors import LiveUnavailable
from ..live.native import access, syscalls

UNROLLED = 16  # loads in one turn of the chase, so that the counting costs nothing

# As in live/native/access.py: a label (or ""), bytes, assembly. System V calling convention.
CODE = (
    # void touch(char *addr, long count, long stride): rdi, rsi, rdx
    ("touch", "48 85 f6", "test rsi, rsi"),
    ("", "7e {touched:1}", "jle touched           ; count <= 0"),
    ("store", "c6 07 01", "mov byte [rdi], 1"),
    ("", "48 01 d7", "add rdi, rdx          ; the next page"),
    ("", "48 ff ce", "dec rsi"),
    ("", "75 {store:1}", "jnz store"),
    ("touched", "c3", "ret"),
    # void *chase(void **start, long count): rdi, rsi
    ("chase", "48 89 f8", "mov rax, rdi"),
    ("", "48 85 f6", "test rsi, rsi"),
    ("", "7e {chased:1}", "jle chased            ; count <= 0"),
    ("load", "48 8b 00", "mov rax, [rax]        ; each load needs the result of the last"),
    *(("", "48 8b 00", "mov rax, [rax]"),) * (UNROLLED - 1),
    ("", "48 83 ee 10", f"sub rsi, {UNROLLED}"),
    ("", "7f {load:1}", "jg load"),
    ("chased", "c3", "ret"),
)


class Loops:
    """The code in memory; ``loops()`` returns that of this process. Other threads of Python run on meanwhile."""

    def __init__(self) -> None:
        if why := access.unavailable():
            raise LiveUnavailable(why)
        code, labels = access.assemble(CODE)
        read, write, execute = (PROT[f"PROT_{name}"] for name in ("READ", "WRITE", "EXEC"))
        anonymous = MAP["MAP_PRIVATE"] | MAP["MAP_ANONYMOUS"]
        try:
            base = syscalls.mmap(0, 4096, read | write, anonymous, -1, 0)
            ctypes.memmove(base, code, len(code))
            syscalls.mprotect(base, 4096, read | execute)
        except OSError as error:
            raise LiveUnavailable(f"no executable memory for the loops: {error.strerror}") from None
        long, pointer = ctypes.c_long, ctypes.c_size_t
        self._touch = ctypes.CFUNCTYPE(None, pointer, long, long)(base + labels["touch"])
        self._chase = ctypes.CFUNCTYPE(pointer, pointer, long)(base + labels["chase"])
        self.touch(0, 0, 0)  # so that a later call has no page fault of its own

    def touch(self, address: int, count: int, stride: int) -> None:
        """Store ``count`` bytes, at address, address + stride ...; stride in bytes."""
        self._touch(address, count, stride)

    def chase(self, start: int, count: int) -> int:
        """Follow the pointer at ``start`` ``count`` times, rounded up to ``UNROLLED``; returns the last pointer."""
        last: int = self._chase(start, count)
        return last


@functools.cache
def loops() -> Loops:
    """The loops of this process. Raises LiveUnavailable if they cannot run."""
    return Loops()
