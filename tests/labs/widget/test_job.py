"""Work in slices: at once where that is quick, to the end where nothing else runs, in slices beside an event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from hugelab import labs
from hugelab.labs.widget import job as jobs
from hugelab.labs.widget.film_lab import FilmLab
from hugelab.labs.widget.job import Job, Progress, Work
from tests.labs.views import busy, check_views, displayed, send


class Log:
    """What a job said: progress, result, error."""

    def __init__(self) -> None:
        self.said: list[Progress | None] = []
        self.done: list[Any] = []
        self.failed: list[Exception] = []

    def job(self, work: Work[Any]) -> Job[Any]:
        return Job(work, self.done.append, self.said.append, self.failed.append)

    @property
    def parts(self) -> list[float]:
        return [progress.part for progress in self.said if progress and progress.part is not None]


def work(steps: int, seconds: float = 0.0, after: Callable[[int], None] = lambda step: None) -> Work[str]:
    """So many steps, each of which takes so long."""
    for step in range(steps):
        after(step)
        time.sleep(seconds)
        yield Progress(f"step {step + 1} of {steps}", step / steps)
    return "ready"


@pytest.fixture(autouse=True)
def always(short: None) -> None:
    """Slices of milliseconds."""


# -- at once, and without a loop ---------------------------------------------------------------------
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_quick_work_is_done_at_once(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before run returns, also beside a loop; no progress is shown."""
    monkeypatch.setattr(jobs, "AT_ONCE", 60)  # however busy the machine is
    log = Log()

    async def main() -> None:
        job = log.job(work(steps))
        job.run()
        assert log.done == ["ready"] and not job.running

    asyncio.run(main())
    assert log.said == [None] and log.failed == []


def test_slow_work_without_a_loop_is_run_to_its_end() -> None:
    """In a script and in a test there is nobody else."""
    log = Log()
    job = log.job(work(8, 0.005))
    job.run()
    assert log.done == ["ready"] and not job.running
    assert log.said[-1] is None


# -- beside a loop -----------------------------------------------------------------------------------
def test_slow_work_goes_on_in_slices() -> None:
    """run returns early; progress grows; others get their turn meanwhile; then done, and the progress goes."""
    log, turns = Log(), 0

    async def main() -> None:
        nonlocal turns
        job = log.job(work(20, 0.003))
        job.run()
        assert job.running and log.done == []
        while job.running:
            turns += 1
            await asyncio.sleep(0)

    asyncio.run(main())
    assert log.done == ["ready"] and log.failed == []
    assert len(log.parts) >= 3 and log.parts == sorted(set(log.parts))
    assert log.said[-1] is None
    assert turns >= len(log.parts)


def test_cancelled() -> None:
    """It stops where it is, cleans up, and never is done; the progress goes."""
    log, ended, steps = Log(), [], []

    def closing() -> Work[str]:
        try:
            yield from work(1000, 0.003, steps.append)
        finally:
            ended.append(True)
        return "ready"

    async def main() -> None:
        job = log.job(closing())
        job.run()
        assert job.running and not ended
        job.cancel()
        assert ended == [True] and not job.running and log.said[-1] is None
        done = len(steps)
        await asyncio.sleep(0.03)
        assert len(steps) == done
        job.cancel()

    asyncio.run(main())
    assert log.done == [] and log.failed == []


def test_a_cancel_that_fails_still_clears_the_progress() -> None:
    """Work that cannot end in time: the error is raised, and the page does not wait for it."""
    log = Log()

    def stubborn() -> Work[str]:
        try:
            yield from work(1000, 0.003)
        finally:
            raise TimeoutError("will not end")
        return "ready"

    async def main() -> None:
        job = log.job(stubborn())
        job.run()
        with pytest.raises(TimeoutError):
            job.cancel()
        assert log.said[-1] is None and not job.running

    asyncio.run(main())
    assert log.done == []


# -- errors ------------------------------------------------------------------------------------------
def failing(at: int, error: BaseException, seconds: float = 0.003) -> Work[str]:
    def fail(step: int) -> None:
        if step == at:
            raise error

    return work(20, seconds, fail)


@pytest.mark.parametrize("at", [0, 15], ids=["at once", "later"])
@pytest.mark.parametrize("loop", [False, True], ids=["alone", "beside a loop"])
def test_an_error_goes_to_failed(at: int, loop: bool) -> None:
    """Once, whether it comes at once or in a later slice; the progress goes."""
    log, error = Log(), ZeroDivisionError("a bug")
    job = log.job(failing(at, error))

    async def main() -> None:
        job.run()
        while job.running:
            await asyncio.sleep(0)

    if loop:
        asyncio.run(main())
    else:
        job.run()
    assert log.failed == [error] and log.done == [] and log.said[-1] is None and not job.running


@pytest.mark.parametrize("seconds", [0.0, 0.003], ids=["at once", "later"])
def test_an_error_of_done_goes_to_failed(seconds: float) -> None:
    """What is made of the result may fail, too: nobody else would hear of it in a later slice."""
    log, error = Log(), ZeroDivisionError("a bug")

    def broken(result: str) -> None:
        raise error

    async def main() -> None:
        job = Job(work(20, seconds), broken, log.said.append, log.failed.append)
        job.run()
        while job.running:
            await asyncio.sleep(0)

    asyncio.run(main())
    assert log.failed == [error] and log.said[-1] is None


def test_failed_may_raise_again() -> None:
    """At once it comes out of run, so that a test goes red; it is not told twice."""
    log = Log()

    def again(error: Exception) -> None:
        log.failed.append(error)
        raise error

    job = Job(failing(0, ZeroDivisionError("a bug")), log.done.append, log.said.append, again)
    with pytest.raises(ZeroDivisionError):
        job.run()
    assert len(log.failed) == 1 and not job.running


@pytest.mark.parametrize("at", [0, 15], ids=["at once", "later"])
def test_interrupted(at: int) -> None:
    """The kernel's Interrupt: it is not an error of the work; the job is over and the progress goes."""
    log = Log()
    job = log.job(failing(at, KeyboardInterrupt()))

    async def main() -> None:
        job.run()
        while job.running:
            await asyncio.sleep(0.001)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert not job.running
    assert log.failed == [] and log.done == [] and log.said[-1] is None


# -- in a lab ----------------------------------------------------------------------------------------
def built() -> FilmLab:
    return displayed(labs.start())


async def ended(lab: FilmLab) -> None:
    assert lab._job is not None
    while lab._job.running:
        await asyncio.sleep(0.001)


def test_a_lab_says_how_far_it_is(slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page gets text and part; what was shown stays until the new one is there."""
    lab, said = built(), []
    say = lab._progress
    monkeypatch.setattr(lab, "_progress", lambda progress: (say(progress), said.append(busy(lab))))
    assert lab.progress is None, "nothing has taken long"

    async def main() -> None:
        before = lab.recording
        lab.pages.set_state({"value": 9})
        assert lab.recording is before and lab.head["values"]["pages"] == 5
        assert lab._job is not None and lab._job.running
        await ended(lab)

    asyncio.run(main())
    parts = [one["part"] for one in said if one]
    assert parts == sorted(parts) and all(0 <= part < 1 for part in parts) and len(parts) > 1
    assert all(one["text"].startswith("step ") for one in said if one)
    assert said[-1] == {}
    check_views(lab)
    assert lab.recording.steps[1].op.get("pages") == 9


def test_a_new_job_replaces_the_old_one(slow: None) -> None:
    """A slider that is dragged: only its last value is shown, and the old work is stopped."""
    lab = built()
    shown: list[int] = []
    lab.observe(lambda change: shown.append(change["new"]["values"]["pages"]), "head")

    async def main() -> None:
        first = None
        for pages in (6, 7, 8, 9):
            lab.pages.set_state({"value": pages})
            first = first or lab._job
            await asyncio.sleep(0.002)
        assert first is not None and not first.running
        await ended(lab)

    asyncio.run(main())
    assert shown == [9]
    check_views(lab)


def test_cancel_leaves_what_was_shown(slow: None) -> None:
    """The controls go back to it, and say so; moving them works again."""
    lab = built()
    before = lab.recording

    async def main() -> None:
        lab.pages.set_state({"value": 9})
        assert lab._job is not None and lab._job.running
        send(lab, cancel=True)
        assert not lab._job.running
        await asyncio.sleep(0.02)
        assert lab.message == {"html": "Cancelled; what is shown is as it was.", "kind": ""}
        assert lab.recording is before
        assert lab.values == lab.shown == {"pages": 5, "pool": 10}
        assert busy(lab) == {}
        lab.pages.set_state({"value": 3})
        await ended(lab)
        assert lab.shown["pages"] == 3

    asyncio.run(main())
    check_views(lab)


def test_the_timeline_can_be_moved_meanwhile(slow: None) -> None:
    """The place counts where the learner is when the new recording comes."""
    lab = built()

    async def main() -> None:
        lab.pages.set_state({"value": 9})
        assert lab._job is not None and lab._job.running
        lab.set_state({"position": lab.recording.steps[4].last})
        await ended(lab)

    asyncio.run(main())
    assert lab.event == lab.recording.steps[4].last
    check_views(lab)


def test_a_fault_in_a_later_slice_is_shown(slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one in the drawing: the learner reads it, although nobody waits for the result."""
    lab = built()

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("hugelab.views.film.layout", broken)

    async def main() -> None:
        heard: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: heard.append(context))
        lab.pages.set_state({"value": 9})
        job = lab._job
        assert job is not None and job.running and job._task is not None
        with pytest.raises(ZeroDivisionError):
            await job._task

    asyncio.run(main())
    assert lab.message == {"html": "This lab has a fault: ZeroDivisionError: a bug", "kind": "fault"}
    assert busy(lab) == {}
