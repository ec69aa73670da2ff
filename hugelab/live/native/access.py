"""Touch memory and survive the signal: a loop in machine code, and a signal handler that continues after the loop.

Python cannot survive SIGBUS or SIGSEGV: its own handlers run only after the faulting instruction, which never ends.
A child process for each access would survive, but fork changes the result (it makes private pages shared). So the
access is a few bytes of x86-64 code; if the signal came from one of its two access instructions, the handler stores
signal and address and continues after the loop. A signal from any other place takes its default action.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import NamedTuple

from ...linux.flags import MAP, PROT
from ..errors import LiveUnavailable
from . import syscalls

# Each instruction: a label (or ""), its bytes, its assembly. {name:n}, always at the end of an instruction, is the
# distance, in n bytes, from there to a label.
CODE = (
    # long touch(char *addr, long count, long stride, long write, char byte, char *out): pages touched.
    # rdi = addr, rsi = count, rdx = stride, rcx = write, r8 = byte, r9 = out (System V calling convention)
    ("touch", "31 c0", "xor eax, eax          ; rax = done = 0"),
    ("loop", "48 39 f0", "cmp rax, rsi          ; done == count?"),
    ("", "74 {end:1}", "je end                ; then all went well"),
    ("", "48 85 c9", "test rcx, rcx         ; write?"),
    ("", "74 {reading:1}", "je reading"),
    ("write", "44 88 07", "mov [rdi], r8b        ; store the byte: may fault"),
    ("", "eb {next:1}", "jmp next"),
    ("reading", "", ""),
    ("read", "44 8a 17", "mov r10b, [rdi]       ; load a byte: may fault"),
    ("", "45 88 14 01", "mov [r9+rax], r10b    ; out[done] = it"),
    ("next", "48 01 d7", "add rdi, rdx          ; the next page"),
    ("", "48 ff c0", "inc rax               ; done += 1"),
    ("", "eb {loop:1}", "jmp loop"),
    ("end", "c3", "ret                   ; the handler continues here: rax still counts what was done"),
    # void handler(int signo, siginfo_t *info, ucontext_t *context): edi, rsi, rdx
    ("handler", "48 8b 82 a8 00 00 00", "mov rax, [rdx+168]    ; uc_mcontext.gregs[REG_RIP]: where the signal hit"),
    ("", "48 8d 0d {write:4}", "lea rcx, [rip+write]"),
    ("", "48 39 c8", "cmp rax, rcx          ; our store?"),
    ("", "74 {ours:1}", "je ours"),
    ("", "48 8d 0d {read:4}", "lea rcx, [rip+read]"),
    ("", "48 39 c8", "cmp rax, rcx          ; our load?"),
    ("", "74 {ours:1}", "je ours"),
    # Not ours: set the default action and send the same signal again. It is pending in the handler and ends the process
    # on return. (Returning alone would be enough for a fault, but not for a signal from kill(2).)
    ("", "41 89 f8", "mov r8d, edi          ; keep signo: a system call spares r8"),
    ("", "48 8d 35 {default:4}", "lea rsi, [rip+default]; struct kernel_sigaction of zeros: SIG_DFL"),
    ("", "31 d2", "xor edx, edx          ; no old action wanted"),
    ("", "41 ba 08 00 00 00", "mov r10d, 8           ; sizeof(sigset_t) of the kernel"),
    ("", "b8 0d 00 00 00", "mov eax, 13           ; rt_sigaction(signo, &default, 0, 8)"),
    ("", "0f 05", "syscall"),
    ("", "b8 27 00 00 00", "mov eax, 39           ; getpid()"),
    ("", "0f 05", "syscall"),
    ("", "89 c7", "mov edi, eax"),
    ("", "44 89 c6", "mov esi, r8d"),
    ("", "b8 3e 00 00 00", "mov eax, 62           ; kill(pid, signo)"),
    ("", "0f 05", "syscall"),
    ("", "c3", "ret"),
    ("ours", "48 8d 05 {seen:4}", "lea rax, [rip+seen]   ; write down what came:"),
    ("", "89 38", "mov [rax], edi        ; signo"),
    ("", "8b 4e 08", "mov ecx, [rsi+8]      ; info->si_code"),
    ("", "89 48 04", "mov [rax+4], ecx"),
    ("", "48 8b 4e 10", "mov rcx, [rsi+16]     ; info->si_addr"),
    ("", "48 89 48 08", "mov [rax+8], rcx"),
    ("", "48 8d 0d {end:4}", "lea rcx, [rip+end]"),
    ("", "48 89 8a a8 00 00 00", "mov [rdx+168], rcx    ; go on at end"),
    ("", "c3", "ret                   ; to the kernel's rt_sigreturn"),
    ("seen", "00 " * 16, "int signo, int si_code, void *si_addr"),
    ("default", "00 " * 32, "handler, flags, restorer, mask"),
)
SA_SIGINFO = 4
SIGNALS = (signal.SIGBUS, signal.SIGSEGV)
PIECE = 1 << 20  # pages touched in one call of the loop, which is the size of the buffer for loaded bytes


def assemble(code: tuple[tuple[str, str, str], ...] = CODE) -> tuple[bytes, dict[str, int]]:
    """The code as bytes, and the offset of each label."""
    sizes = {"1": 1, "4": 4}
    labels, at = {}, 0
    for label, text, _ in code:
        if label:
            labels[label] = at
        at += sum(sizes[word[-2]] if word.startswith("{") else 1 for word in text.split())
    out = bytearray()
    for _, text, _ in code:
        for word in text.split():
            if word.startswith("{"):
                name, _, size = word.strip("{}").partition(":")
                end = len(out) + int(size)
                out += (labels[name] - end).to_bytes(int(size), "little", signed=True)
            else:
                out.append(int(word, 16))
    return bytes(out), labels


class Touched(NamedTuple):
    """The result of accesses: pages ``done``, the bytes ``read`` from them, and the signal that ended them (or None).

    ``si_code`` is 2 (BUS_ADRERR), 1 (SEGV_MAPERR), 2 (SEGV_ACCERR); 128 (SI_KERNEL) for an invalid address.
    """

    done: int
    read: bytes
    signal: str | None
    si_code: int


class _Sigaction(ctypes.Structure):
    """struct sigaction of the C library on x86-64."""

    _fields_ = [
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ubyte * 128),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    ]


class _Seen(ctypes.Structure):
    """The data that the handler stores."""

    _fields_ = [("signo", ctypes.c_int), ("si_code", ctypes.c_int), ("si_addr", ctypes.c_void_p)]


def unavailable() -> str:
    """The reason why this machine cannot run the code, as one line; "" if it can."""
    machine = os.uname().machine
    if sys.platform == "linux" and machine in ("x86_64", "AMD64") and sys.maxsize > 1 << 32:
        return ""
    return f"the live kernel needs 64-bit Linux on x86-64, this is {machine} {sys.platform}: --on model runs anywhere"


class Toucher:
    """The code in memory, with its handler installed for SIGBUS and SIGSEGV of this whole process.

    A forked child has its own copy. Raises LiveUnavailable if the code cannot run here.
    """

    def __init__(self) -> None:
        if why := unavailable():
            raise LiveUnavailable(why)
        code, labels = assemble()
        rwx, anonymous = sum(PROT.values()), MAP["MAP_PRIVATE"] | MAP["MAP_ANONYMOUS"]
        try:
            base = syscalls.mmap(0, 4096, rwx, anonymous, -1, 0)
        except OSError as error:
            raise LiveUnavailable(f"no executable memory for the access loop: {error.strerror}") from None
        ctypes.memmove(base, code, len(code))
        long, pointer = ctypes.c_long, ctypes.c_void_p
        kind = ctypes.CFUNCTYPE(long, ctypes.c_size_t, long, ctypes.c_size_t, long, long, pointer)
        self._loop = kind(base + labels["touch"])
        self._seen = _Seen.from_address(base + labels["seen"])
        self._handler = base + labels["handler"]
        self._catch(True)

    def touch(self, address: int, count: int, stride: int, write: bool, byte: int = 0, catch: bool = True) -> Touched:
        """Access ``count`` bytes, at address, address + stride ..., until a signal comes.

        ``byte`` is stored with ``write``. Not ``catch``: a signal ends this process.
        """
        if not catch:
            self._catch(False)
        try:
            return self._pieces(address, count, stride, write, byte)
        finally:
            if not catch:
                self._catch(True)

    def _pieces(self, address: int, count: int, stride: int, write: bool, byte: int) -> Touched:
        done, read = 0, bytearray()
        out = ctypes.create_string_buffer(max(min(count, PIECE), 1))
        while done < count:
            self._seen.signo = 0
            wanted = min(count - done, PIECE)
            # one call may do a part; after a signal the rest is not tried
            came = self._loop(address + done * stride, wanted, stride, write, byte, out)
            done += came
            if not write:
                read += out.raw[:came]
            if self._seen.signo:
                return Touched(done, bytes(read), signal.Signals(self._seen.signo).name, self._seen.si_code)
        return Touched(done, bytes(read), None, 0)

    def _catch(self, ours: bool) -> None:
        """Install the handler, or the default action."""
        action = _Sigaction(handler=self._handler if ours else 0, flags=SA_SIGINFO if ours else 0)
        for number in SIGNALS:
            if _sigaction(int(number), ctypes.byref(action), None):
                raise LiveUnavailable(f"no handler for {number.name} can be installed")


_sigaction = ctypes.CDLL(None, use_errno=True).sigaction
