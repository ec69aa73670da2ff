"""The access loop in machine code: it survives the signals of its own accesses, and only those."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("the live kernel is Linux", allow_module_level=True)

from hugelab.live.errors import LiveUnavailable
from hugelab.live.native import access, syscalls
from hugelab.live.native.access import Touched, Toucher, assemble

ROOT = Path(__file__).parents[2]
PAGE = 4096
PRIVATE = syscalls.MAP["MAP_PRIVATE"] | syscalls.MAP["MAP_ANONYMOUS"]
here = pytest.mark.skipif(bool(access.unavailable()), reason=access.unavailable() or "can")


@pytest.fixture
def toucher() -> Iterator[Toucher]:
    """A toucher; pytest's own handlers (faulthandler) come back afterwards."""
    import faulthandler

    enabled = faulthandler.is_enabled()
    faulthandler.disable()
    yield Toucher()
    for number in access.SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    if enabled:
        faulthandler.enable()


@pytest.fixture
def truncated() -> Iterator[int]:
    """The address of four pages of a file that has only two."""
    with tempfile.TemporaryFile() as file:
        os.ftruncate(file.fileno(), 2 * PAGE)
        address = syscalls.mmap(0, 4 * PAGE, 3, syscalls.MAP["MAP_SHARED"], file.fileno(), 0)
        yield address
        syscalls.munmap(address, 4 * PAGE)


@here
def test_write_then_read(toucher: Toucher) -> None:
    """Every page in turn, at the stride that was asked for; nothing beside it."""
    address = syscalls.mmap(0, 4 * PAGE, 3, PRIVATE, -1, 0)
    assert toucher.touch(address + 5, 2, 2 * PAGE, True, 200) == Touched(2, b"", None, 0)
    assert toucher.touch(address + 5, 4, PAGE, False) == Touched(4, bytes([200, 0, 200, 0]), None, 0)
    assert toucher.touch(address + 4, 4, PAGE, False).read == bytes(4)
    assert toucher.touch(address, 0, PAGE, True, 1) == Touched(0, b"", None, 0)
    syscalls.munmap(address, 4 * PAGE)


@here
def test_sigbus_past_the_end_of_a_file(toucher: Toucher, truncated: int) -> None:
    """Two pages are there, the third is not: BUS_ADRERR, and how far it came."""
    assert toucher.touch(truncated, 4, PAGE, True, 1) == Touched(2, b"", "SIGBUS", 2)
    assert toucher.touch(truncated, 4, PAGE, False) == Touched(2, b"\1\1", "SIGBUS", 2)
    assert toucher.touch(truncated + 3 * PAGE, 1, PAGE, False) == Touched(0, b"", "SIGBUS", 2)
    assert toucher.touch(truncated, 2, PAGE, False).signal is None, "and again without a signal"


@here
def test_sigsegv_says_why(toucher: Toucher) -> None:
    """No right: SEGV_ACCERR. Nothing there: SEGV_MAPERR. No address at all: SI_KERNEL."""
    address = syscalls.mmap(0, 2 * PAGE, 0, PRIVATE, -1, 0)
    assert toucher.touch(address, 1, PAGE, False) == Touched(0, b"", "SIGSEGV", 2)
    syscalls.mprotect(address, PAGE, 1)
    assert toucher.touch(address, 2, PAGE, False) == Touched(1, b"\0", "SIGSEGV", 2)
    assert toucher.touch(address, 2, PAGE, True, 1) == Touched(0, b"", "SIGSEGV", 2)
    syscalls.munmap(address, 2 * PAGE)
    assert toucher.touch(address, 2, PAGE, True, 1) == Touched(0, b"", "SIGSEGV", 1)
    assert toucher.touch(1 << 60, 1, PAGE, False) == Touched(0, b"", "SIGSEGV", 128)
    assert toucher.touch(-1, 1, PAGE, False) == Touched(0, b"", "SIGSEGV", 1)


@here
def test_many_pages_in_several_calls(toucher: Toucher, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count and the bytes are right across the pieces that a long run is cut into."""
    monkeypatch.setattr(access, "PIECE", 3)
    address = syscalls.mmap(0, 8 * PAGE, 3, PRIVATE, -1, 0)
    syscalls.munmap(address + 7 * PAGE, PAGE)
    assert toucher.touch(address, 7, PAGE, True, 9).done == 7
    assert toucher.touch(address, 8, PAGE, False) == Touched(7, bytes([9] * 7), "SIGSEGV", 1)
    syscalls.munmap(address, 7 * PAGE)


def run(body: str) -> int:
    """The exit status of a program with a Toucher; negative: the signal that ended it."""
    program = f"import ctypes, os, signal\nfrom hugelab.live.native.access import Toucher\nt = Toucher()\n{body}"
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60).returncode


@here
def test_a_crash_elsewhere_still_crashes() -> None:
    """The handler is for the two access instructions alone: a wild pointer of the program ends it."""
    assert run("ctypes.string_at(0)") == -signal.SIGSEGV
    assert run("t.touch(0, 1, 4096, True)\nctypes.memset(1, 0, 1)") == -signal.SIGSEGV


@here
@pytest.mark.parametrize("number", access.SIGNALS)
def test_a_signal_that_was_sent_ends_the_process(number: signal.Signals) -> None:
    """kill(2) is no fault: returning from the handler would swallow it."""
    assert run(f"os.kill(os.getpid(), {int(number)})\nos._exit(7)") == -number


@here
def test_without_catching_the_signal_is_deadly() -> None:
    """And only for that one call."""
    assert run("t.touch(0, 1, 4096, True, catch=False)") == -signal.SIGSEGV
    after = "a = ctypes.create_string_buffer(9)\nt.touch(ctypes.addressof(a), 1, 1, True, catch=False)\n"
    assert run(f"{after}assert t.touch(0, 1, 1, True).signal == 'SIGSEGV'") == 0


@here
def test_a_forked_child_has_it_too() -> None:
    """With data of its own."""
    body = "if (pid := os.fork()) == 0:\n    os._exit(t.touch(0, 1, 1, True).si_code)\n"
    assert run(f"{body}assert os.waitpid(pid, 0)[1] == 1 << 8") == 0


def test_labels_are_where_their_bytes_are() -> None:
    """The assembler: a jump's distance counts from the end of the instruction."""
    code, labels = assemble((("a", "90", ""), ("b", "eb {a:1}", ""), ("", "e9 {b:4}", ""), ("c", "c3", "")))
    assert code == bytes.fromhex("90 eb fd e9 f9 ff ff ff c3")
    assert labels == {"a": 0, "b": 1, "c": 8}


def test_another_architecture_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, before any code runs."""
    uname = os.uname_result(("Linux", "pi", "6.6", "#1", "aarch64"))
    monkeypatch.setattr(os, "uname", lambda: uname)
    with pytest.raises(LiveUnavailable, match="x86-64, this is aarch64"):
        Toucher()
