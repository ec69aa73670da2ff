"""Work that may take long, in slices: the page shows how far it is, stays alive, and can stop it."""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from ...record.source import Progress as Progress
from ...record.source import Work as Work

AT_ONCE = 0.15  # seconds: work that takes no longer is done before anything else happens
SLICE = 0.05  # seconds between two looks at what the learner does


T = TypeVar("T")


class Job(Generic[T]):
    """One piece of work: ``done(result)`` when it is through, ``say`` gets its progress if it takes long.

    ``run`` does it at once where that is quick, or where no event loop runs (a script, a test); otherwise it goes on
    in slices. An error of the work or of ``done`` goes through ``failed``, which may raise it again.
    """

    def __init__(
        self,
        work: Work[T],
        done: Callable[[T], None],
        say: Callable[[Progress | None], None],
        failed: Callable[[Exception], None],
    ):
        self._work, self._done, self._say, self._failed = work, done, say, failed
        self._task: asyncio.Task[None] | None = None
        self.running = True

    def run(self, at_once: bool = False) -> None:
        """Begin; ``at_once``: and do it to the end."""
        if self._slice(None if at_once else AT_ONCE):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._slice(None)
            return
        self._task = loop.create_task(self._go_on())

    def cancel(self) -> None:
        """Stop; ``done`` will not be called."""
        self.running = False
        try:
            self._work.close()
        finally:
            self._say(None)

    async def _go_on(self) -> None:
        while self.running:
            await asyncio.sleep(0.001)  # messages of the page come in here
            if self.running and self._slice(SLICE):
                return

    def _slice(self, seconds: float | None) -> bool:
        """Work for so long (None: to the end). True when there is nothing left to do."""
        end = None if seconds is None else time.monotonic() + seconds
        try:
            while True:
                progress = next(self._work)
                if end is not None and time.monotonic() > end:
                    self._say(progress)
                    return False
        except StopIteration as end_of_work:
            self._finish()
            result = end_of_work.value
        except Exception as error:
            self._finish()
            self._failed(error)
            return True
        except BaseException:  # the kernel was interrupted
            self._finish()
            raise
        try:
            self._done(result)
        except Exception as error:
            self._failed(error)
        return True

    def _finish(self) -> None:
        self.running = False
        self._say(None)
