"""The lines inside a step against the model's events of the same step, field by field.

Only where both have the same number of a kind of line: a probe that the log does not have, or a function that a kernel
passes twice, then decides nothing. Which fields are compared is one table, ``FIELDS``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from ...core.state import Counters
from ...linux.machines import SIZE_2M
from ...record.recording import Event, Recording
from ..read.entry import Entry, Kind
from ..verdict import Verdicts

# (function, is it the way back) -> (moment of the model's event, fields of the log, are the counters comparable)
FIELDS: dict[tuple[str, bool], tuple[str, tuple[str, ...], bool]] = {
    ("hugetlbfs_get_inode", False): ("start", ("mode",), False),
    ("hugetlbfs_file_mmap", False): ("start", ("vma_size", "vm_flags"), True),
    ("hugetlb_reserve_pages", False): ("start", ("f", "t"), True),
    ("hugetlb_acct_memory", False): ("", ("delta",), False),
    ("hugetlb_fault", False): ("start", ("addr",), True),
    ("alloc_huge_page", False): ("start", ("addr", "avoid_reserve"), True),
    ("dequeue_huge_page_node", True): ("", (), True),
    ("dequeue_huge_page_vma", True): ("", (), True),
    ("alloc_huge_page", True): ("success", (), True),
    ("free_huge_page", False): ("start", (), True),
    ("hugetlb_vm_op_close", False): ("vma", ("start", "end"), False),
}
# What a field is judged by; the lesson's printk lines say of these what the model's event of the same name has.
_RULE = {"addr": "touched", "mode": "mode", "avoid_reserve": "fault", "ret": "result", "node": "nodes"}
_RULE |= dict.fromkeys(("start", "end", "vma_size"), "mapping") | dict.fromkeys(("file", "nrpages"), "file")
_RULE |= dict.fromkeys(("f", "t", "needed", "delta", "offset", "freed", "chg"), "reserve")
_RULE |= dict.fromkeys(("vm_flags", "hugepage_size"), "flags")
PRINTED = frozenset(("free", "rsvd", *_RULE))
_SAID = frozenset(("mode", "f", "t", "vma_size"))  # a step's own words may say them
MOST = 50_000  # lines inside steps that are kept for comparing


def compare(
    recording: Recording, step: int, said: Entry, entries: list[Entry], theirs: Callable[[int], int], verdicts: Verdicts
) -> int:
    """Compare a step's lines with the model's; how many fields were equal.

    ``said`` is the line with the step's words; ``theirs`` makes an address of the model one of the log.
    """
    ours: dict[tuple[str, str], list[Event]] = defaultdict(list)
    at = recording.steps[step]
    for index in range(at.first, at.last + 1):
        event = recording.event(index)
        ours[event.name, event.moment].append(event)
    logged: dict[tuple[str, str, bool], list[Entry]] = defaultdict(list)
    for entry in entries:
        way = FIELDS.get((entry.name, entry.kind is Kind.RETURN))
        if entry.kind is Kind.POINT:
            logged[entry.name, entry.moment, True].append(entry)
        elif way is not None and any(name in entry.fields for name in (*way[1], *Counters._fields)):
            logged[entry.name, way[0], False].append(entry)
    equal = 0
    for (name, moment, _), lines in logged.items():
        events = ours.get((name, moment), [])
        if len(events) == len(lines):
            for entry, event in zip(lines, events, strict=True):
                equal += _one(entry, event, said, theirs, verdicts)
    return equal


def _one(entry: Entry, event: Event, said: Entry, theirs: Callable[[int], int], verdicts: Verdicts) -> int:
    printed = entry.kind is Kind.POINT
    if printed:
        names: Iterable[str] = [name for name in entry.fields if name in PRINTED]
    else:
        _, fields, counters = FIELDS[entry.name, entry.kind is Kind.RETURN]
        names = [name for name in (*fields, *(Counters._fields if counters else ())) if name in entry.fields]
    equal = 0
    for name in names:
        ours = _value(event, name, theirs)
        if ours is None:
            continue
        found = entry.fields[name]
        if not isinstance(found, type(ours)):  # no number where one should be
            continue
        if name in ("addr", "vm_flags") and not printed:  # anywhere in its page; soft dirty comes and goes
            found, ours = (found & -SIZE_2M, ours & -SIZE_2M) if name == "addr" else (found & 0xFF, ours & 0xFF)
        if found == ours:
            equal += 1
        else:
            show = hex if name in ("addr", "start", "end", "vm_flags", "mode") else str
            text = f"{name}={show(entry.fields[name])}; in the step of line {said.line} the model has {show(ours)}"
            # the step's own words may be what is wrong, if they say it
            verdicts.contradicts(entry.line, _RULE.get(name, "counters"), text, said.line if name in _SAID else 0)
    return equal


def _value(event: Event, name: str, theirs: Callable[[int], int]) -> Any:
    """The model's value of a field; None if it has none."""
    if name in Counters._fields:
        return getattr(event.counters, name)
    if name == "addr":
        return theirs(event.addr) if event.addr is not None else None
    value = event.detail.get(name)
    return theirs(value) if name in ("start", "end") and isinstance(value, int) else value
