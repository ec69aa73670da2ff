"""The first step of a recording that did not get what it asked for, in one sentence, with the function that decided."""

import errno
import os
from collections.abc import Iterator
from typing import NamedTuple

from ..core.text import showable
from ..linux.names import function_name
from .recording import Event, Recording, Step

SEGV = {  # si_code
    1: "Nothing is mapped there (SEGV_MAPERR)",
    2: "The mapping does not allow it (SEGV_ACCERR)",
    128: "The CPU has no such address (SI_KERNEL)",
}

# What an error is about where no rule refused a page; of the others it is what strace says.
NO_RULE = {
    "ENOMEM": "It is about addresses or a limit, not about the pool",
    "ENOSPC": "The mount's nr_inodes= is reached",
}


class Refusal(NamedTuple):
    """``text`` is a sentence without its full stop; ``event`` decided it, in the step ``step`` (from 0)."""

    step: int
    event: int
    text: str


def first_refusal(recording: Recording) -> Refusal | None:
    """The first step whose outcome is not ok; where all are, the first one that got less than it asked for, in
    silence (MAP_POPULATE, mlockall). None where every step got what it asked for. A step of a recording without events
    has event -1.
    """
    for step in recording.steps:
        if step.outcome not in ("ok", "unsupported"):
            return _refused(recording, step)
    for step in recording.steps:
        for event in _ruled(recording, step):
            return Refusal(step.index, event.index, f"{_who(step)} said ok, and got less: {_why(recording, event)}")
    return None


def _refused(recording: Recording, step: Step) -> Refusal:
    value = step.value if isinstance(step.value, dict) else {}
    outcome = f"killed by {value['status']}" if step.outcome == "KILLED" else step.outcome
    begin = f"{_who(step)} refused: {outcome}"
    if done := value.get("done"):
        begin += f" after {done:,} of {step.op.get('count'):,} pages"
    for event in _ruled(recording, step):
        why = _why(recording, event)
        return Refusal(step.index, event.index, f"{begin}. {why[0].upper()}{why[1:]}")
    words = _words(step, value.get("si_code", 0))
    return Refusal(step.index, step.last if step.last >= step.first else -1, f"{begin}. {words}" if words else begin)


def _words(step: Step, si_code: int) -> str:
    """What a signal or an error is about that no rule explains; "" where nothing is known (a live kernel)."""
    if step.outcome == "SIGSEGV":
        return SEGV.get(si_code, "")
    code = getattr(errno, step.outcome, None)
    if code is None or step.last < step.first:
        return ""
    return NO_RULE.get(step.outcome) or os.strerror(code)


def _ruled(recording: Recording, step: Step) -> Iterator[Event]:
    """The events of a step at which a rule refused a page; not those after which the owner of a private page took it
    from its children. A row of a million equal events is looked at once."""
    if step.last < step.first:
        return
    for number in range(recording.place(step.first)[0], recording.place(step.last)[0] + 1):
        points = recording.rows[number].points
        if not any(point.name == "unmap_ref_private" for point in points):
            first = recording.first_event(number)
            yield from (recording.event(first + i) for i, point in enumerate(points) if "rule" in point.detail)


def _who(step: Step) -> str:
    return step.op.op if step.op.proc == "P" else f"{step.op.op} by {showable(step.op.proc)}"


def _why(recording: Recording, event: Event) -> str:
    """The numbers, with their unit: pages; and the function that decided, by its name in this release."""
    why = str(event.detail["why"]).removesuffix(", 0 more allowed as surplus")
    number, wanted, rest = why.partition(" wanted")
    if wanted:
        why = f"{number} {'page' if number == '1' else 'pages'}{wanted}{rest}"
    return f"{why}; decided by {function_name(event.name, recording.machine.version)}"
