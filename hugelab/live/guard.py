"""A lock file, so that there is one borrower at a time, and signal handlers, so that every signal ends him cleanly."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from ..core.text import showable
from . import host
from .errors import LiveUnavailable


class PoolError(LiveUnavailable):
    """The pools cannot be borrowed or put back; the message is one line, with the command that helps."""


# -- one at a time -----------------------------------------------------------------------------------------
@contextmanager
def lock(path: Path, wait: float) -> Iterator[None]:
    """Hold the lock file alone. Raises PoolError after ``wait`` seconds."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    owner = os.getpid()
    _inherited.append(descriptor)
    try:
        _wait(descriptor, path, wait)
        yield
    finally:
        if os.getpid() == owner:
            _inherited.remove(descriptor)
            os.close(descriptor)


def _wait(descriptor: int, path: Path, wait: float) -> None:
    begin, said = time.monotonic(), False
    while True:
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        waited = time.monotonic() - begin
        if waited >= wait:
            pids = _holders(path)
            kill = f"kill {' '.join(map(str, pids))}" if pids else "see who has it: sudo fuser -v " + str(path)
            raise PoolError(f"{_who(pids)} has borrowed the huge page pool; wait for its end, or: {kill}")
        if not said and waited > 0.1:
            text = f"{_who(_holders(path))} has borrowed the huge page pool; waiting up to {wait:.0f} s"
            print(f"hugelab: {showable(text)}", file=sys.stderr)
            said = True
        time.sleep(0.02)


def _holders(path: Path) -> list[int]:
    """The process that locked the file; if it is dead, the processes that inherited the lock."""
    if pid := host.lock_holder(path):
        return [pid]
    try:
        file = path.stat()
    except OSError:
        return []
    return [process.pid for process in host.processes() if process.pid != os.getpid() and host.holds(process.pid, file)]


def _who(pids: list[int]) -> str:
    return f"process {pids[0]} ({host.command_of(pids[0])})" if pids else "another process"


_inherited: list[int] = []  # lock files, which a forked child must not hold after its parent's death


def _after_fork() -> None:
    while _inherited:
        os.close(_inherited.pop())
    Signals.forget()


os.register_at_fork(after_in_child=_after_fork)


# -- signals -----------------------------------------------------------------------------------------------
class Signals:
    """SIGINT, SIGTERM and SIGHUP become exceptions, so that every ``finally`` runs; ``held`` delays them meanwhile."""

    NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous: dict[signal.Signals, Any] = {}  # the handlers before; {} when ours are not installed
    holding = False
    came: int | None = None

    @classmethod
    @contextmanager
    def caught(cls) -> Iterator[None]:
        """Install the handlers inside the block, in the main thread; an ignored signal (nohup) stays ignored."""
        if cls.previous or threading.current_thread() is not threading.main_thread():
            yield
            return
        owner = os.getpid()
        cls.came = None
        for number in cls.NUMBERS:
            if (before := signal.getsignal(number)) not in (signal.SIG_IGN, None):
                cls.previous[number] = before
                signal.signal(number, cls._handle)
        try:
            yield
        finally:
            if os.getpid() == owner:
                cls._uninstall()

    @classmethod
    @contextmanager
    def held(cls) -> Iterator[None]:
        """A signal that comes inside the block is raised at its end."""
        cls.holding = True
        try:
            yield
        finally:
            cls.release()

    @classmethod
    def release(cls) -> None:
        """End ``held``, and raise the signal that came, if any."""
        cls.holding = False
        came, cls.came = cls.came, None
        if came is not None:
            cls._raise(came)

    @classmethod
    def _handle(cls, number: int, _frame: FrameType | None) -> None:
        if cls.holding:
            cls.came = number
        else:
            cls._raise(number)

    @staticmethod
    def _raise(number: int) -> None:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    @classmethod
    def _uninstall(cls) -> None:
        while cls.previous:
            signal.signal(*cls.previous.popitem())

    @classmethod
    def forget(cls) -> None:
        """Restore the default actions, in a forked child."""
        for number in cls.previous:
            signal.signal(number, signal.SIG_DFL)
        cls.previous, cls.holding, cls.came = {}, False, None
