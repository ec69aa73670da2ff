"""Where an event lies: its phase, the chain of functions around it, and the log line that a kernel prints there.

What is true of all kernels is in ``linux.chains`` and ``linux.lines``; here it meets a Recording.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..linux.chains import CHAINS, Call, begins, chain_of
from ..linux.lines import LINES
from ..linux.machines import Machine
from ..linux.names import function_name
from ..linux.scenario import Op
from .recording import Event, Recording

_POPULATES = {"mmap", "mlock", "mlockall", "madvise", "shmat"}  # their faults come from the kernel itself
_LINE_AT = {(line.name, line.moment): line for line in LINES}


# -- phases ------------------------------------------------------------------------------------------
def phase_of(recording: Recording, event: Event) -> str | None:
    """The chain that an event belongs to, by its key in CHAINS.

    None where no huge page code runs (a name that goes, a descriptor that is closed).
    """
    return _stretch(recording, event)[0]


def chain(recording: Recording, event: Event) -> tuple[Call, ...]:
    """The chain of an event's phase, as its step goes through it; () where there is none."""
    phase = phase_of(recording, event)
    op = _op(recording, event)
    return chain_of(phase, op.row if op else None) if phase else ()


def passed(recording: Recording, event: Event) -> list[bool]:
    """For each box of the event's chain: was it, or one that it calls, reached up to the event?

    Since the phase began; in a page fault since the fault began: what another page reached does not count.
    """
    _, names = _stretch(recording, event)
    calls = chain(recording, event)
    found: list[bool] = []
    for i, call in enumerate(calls):
        below = calls[i + 1 :]
        inner = next((j for j, other in enumerate(below) if other.depth <= call.depth), len(below))
        found.append(call.name in names or any(other.name in names for other in below[:inner]))
    return found


def _op(recording: Recording, event: Event) -> Op | None:
    return recording.steps[event.step].op if event.step >= 0 else None


def _own_chain(op: Op) -> str | None:
    """The chain that an operation begins with."""
    if op.op == "fallocate" and "FALLOC_FL_PUNCH_HOLE" in op.get("mode"):
        return "hole"
    return op.row.chain or None


def _stretch(recording: Recording, event: Event) -> tuple[str | None, set[str]]:
    """The phase of an event, and the functions that were reached since it began, the way in among them."""
    op = _op(recording, event)
    last, unit, point = recording.place(event.index)
    entry = {op.row.entry} if op else set()
    now = [passed.name for passed in recording.rows[last].points]
    if "hugetlb_fault" in now:
        populates = op is not None and op.op in _POPULATES
        return "populate" if populates else "cow" if "hugetlb_cow" in now else "fault", entry | {*now[: point + 1]}
    phase, names = (_own_chain(op) if op else None), set(entry)
    first = recording.place(max(recording.steps[event.step].first, 0))[0] if op else last
    for number in range(first, last + 1):
        points = recording.rows[number].points
        faults = any(one.name == "hugetlb_fault" for one in points)
        for one in points if number < last or unit else points[: point + 1]:
            if faults or (phase and any(call.name == one.name for call in CHAINS[phase])):
                names.add(one.name)
            elif op and one.name == op.row.entry:
                phase, names = _own_chain(op), {one.name}
            elif (begun := begins(one.name)) is not None:
                phase, names = begun, {*entry, one.name}
            else:
                names.add(one.name)
    return phase, names


# -- log lines ---------------------------------------------------------------------------------------
def log_text(event: Event, machine: Machine, extra: bool = False) -> str | None:
    """The line that the lesson's kernel prints at an event, without the time; None where it prints none.

    ``extra`` adds the two shapes that are not the lesson's kernel's own (eviction, unreserve).
    """
    line = _LINE_AT.get((event.name, event.moment))
    if line is None or (line.extra and not extra):
        return None
    page = machine.struct_page_of(event.pfn) if event.pfn is not None else None
    addr = event.addr
    if addr is None and event.page is not None:  # fallocate has no address: it passes the offset in the file
        addr = event.page * event.size
    fields = {
        **event.detail,
        "fn": function_name(event.name, machine.version),
        "addr": addr,
        "pfn": event.pfn,
        "page": page,
        "free": event.counters.free,
        "resv": event.counters.rsvd,
    }
    return line.text.format_map(fields)


def log_line_events(recording: Recording, first: int, last: int, extra: bool = False) -> Iterator[tuple[int, str]]:
    """The events ``first .. last`` that print a line, with its text."""
    for index in range(first, last + 1):
        event = recording.event(index)
        text = log_text(event, recording.machine, extra)
        if text is not None:
            yield index, text


def log(recording: Recording, start: float = 384.353754, extra: bool = False) -> Iterator[str]:
    """The whole kernel log, a line at a time, with times: ``start`` in seconds, and 2 us more each line.

    The default start is the lesson's; real distances between lines are what they are on a machine.
    """
    microseconds = round(start * 1_000_000)
    for _, text in log_line_events(recording, 0, len(recording) - 1, extra):
        yield f"[{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}] {text}"
        microseconds += 2
