"""The phase of an event, the call chain around it, and its log line: ``linux.chains`` and ``linux.lines``, applied to a
Recording."""

from __future__ import annotations

from collections.abc import Iterator

from ..linux.chains import CHAINS, Call, begins, chain_of
from ..linux.lines import LINES
from ..linux.machines import Machine
from ..linux.names import function_name
from ..linux.scenario import Op
from .recording import Event, Recording

_POPULATES = {"mmap", "mlock", "mlockall", "madvise", "shmat"}  # their faults are the kernel's
_NAMES = {phase: frozenset(call.name for call in calls) for phase, calls in CHAINS.items()}
_LINE_AT = {(line.name, line.moment): line for line in LINES}


# -- phases ------------------------------------------------------------------------------------------
def phase_of(recording: Recording, event: Event) -> str | None:
    """The key in CHAINS of an event's chain; None if no huge page code runs (unlink, close)."""
    return _stretch(recording, event)[0]


def chain(recording: Recording, event: Event) -> tuple[Call, ...]:
    """The chain of an event's phase, with the entry of its step; () without a phase."""
    return _boxes(phase_of(recording, event), _op(recording, event))


def passed(recording: Recording, event: Event) -> list[bool]:
    """For each box of the event's chain: has its function, or one below it, been reached up to the event?

    Events count from the beginning of the phase; in a page fault from the beginning of this page's fault.
    """
    phase, names = _stretch(recording, event)
    calls = _boxes(phase, _op(recording, event))
    found: list[bool] = []
    for i, call in enumerate(calls):
        below = calls[i + 1 :]
        inner = next((j for j, other in enumerate(below) if other.depth <= call.depth), len(below))
        found.append(call.name in names or any(other.name in names for other in below[:inner]))
    return found


def _op(recording: Recording, event: Event) -> Op | None:
    return recording.steps[event.step].op if event.step >= 0 else None


def _boxes(phase: str | None, op: Op | None) -> tuple[Call, ...]:
    return chain_of(phase, op.row if op else None) if phase else ()


def _own_chain(op: Op) -> str | None:
    """The key of the first chain of an operation, None without one."""
    if op.op == "fallocate" and "FALLOC_FL_PUNCH_HOLE" in op.get("mode"):
        return "hole"
    return op.row.chain or None


def _stretch(recording: Recording, event: Event) -> tuple[str | None, set[str]]:
    """The phase of an event, and the functions reached since the phase began, with the kernel entry."""
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
            if faults or (phase and one.name in _NAMES[phase]):
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
    """The line that the lesson's kernel prints at an event, without the time; None if it prints none.

    ``extra`` adds two lines that the lesson's kernel does not print (eviction, unreserve).
    """
    line = _LINE_AT.get((event.name, event.moment))
    if line is None or (line.extra and not extra):
        return None
    page = machine.struct_page_of(event.pfn) if event.pfn is not None else None
    addr = event.addr
    if addr is None and event.page is not None:  # fallocate prints the offset in the file as its address
        addr = event.page * event.size
    fields = {"addr": addr, "pfn": event.pfn, "page": page, "free": event.counters.free, "resv": event.counters.rsvd}
    return line.text.format_map({**event.detail, "fn": function_name(event.name, machine.version), **fields})


def log_line_events(recording: Recording, first: int, last: int, extra: bool = False) -> Iterator[tuple[int, str]]:
    """(event number, line) for each of the events ``first .. last`` that prints a line."""
    for index in range(first, last + 1):
        event = recording.event(index)
        text = log_text(event, recording.machine, extra)
        if text is not None:
            yield index, text


def log(recording: Recording, start: float = 384.353754, extra: bool = False) -> Iterator[str]:
    """The lines of the whole kernel log, with times: ``start`` in seconds (default: the lesson's), then 2 us a line."""
    microseconds = round(start * 1_000_000)
    for _, text in log_line_events(recording, 0, len(recording) - 1, extra):
        yield f"[{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}] {text}"
        microseconds += 2
