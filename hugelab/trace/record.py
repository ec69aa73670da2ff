"""A log as a Recording: what its lines say happened, with the counters as they stand in them, and nothing computed.

Counters that a format does not carry stay what they were last; a log that never shows them has an empty pool. Files and
mappings are not rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..core.state import Counters, State
from ..core.units import BASE_PAGE_SIZE
from ..linux.machines import SIZE_2M, Machine
from ..linux.operations import OPERATIONS
from ..linux.scenario import Op, Scenario
from ..linux.structs import hstate, mm_struct
from ..record.recording import Recording, Step
from .judge import words
from .judge.versions import Versions
from .read.entry import EVENTS, Entry, Kind
from .read.reader import Reader

MOST = 100_000  # events; a log with more is recorded up to there


def record(lines: Iterable[str], most: int = MOST) -> Recording:
    """The first ``most`` events of a log, given as lines. An empty log gives a Recording with no event but "boot"."""
    reader, versions = Reader(), Versions()
    found: list[Entry] = []
    events = 0
    for number, text in enumerate(lines, 1):
        entry = reader.read(text.rstrip("\r\n"), number)
        if entry is None:
            continue
        versions.feed(entry, text)
        if entry.kind in EVENTS or entry.kind in (Kind.MARK, Kind.COUNTERS):
            found.append(entry)
            events += entry.kind in EVENTS or entry.name in _POOL
            if events >= most:
                break
    return _Recorder(versions.machine()).record(found)


class _Recorder:
    """Writes entries into a State, a row for each event and for each reading of the pool."""

    def __init__(self, machine: Machine) -> None:
        self.machine = replace(machine, sizes=(SIZE_2M,))  # no format shows another pool
        self.state = State()
        self.h = hstate(self.state, SIZE_2M)
        self.steps: list[Step] = []
        self.events = 1
        self._op: tuple[Op, int] | None = None

    def record(self, found: list[Entry]) -> Recording:
        state, h = self.state, self.h
        state.pools = [h]
        state.row("")
        state.enter(h)
        totals = (entry.fields.get("total") for entry in found)
        h.nr_huge_pages = h.free_huge_pages = next((total for total in totals if isinstance(total, int)), 0)
        state.enter(mm_struct(state, "P", self.machine.pid, self.machine.sizes))
        state.point("boot")
        for entry in found:
            if entry.kind is Kind.MARK and entry.name == "STEP":
                self._end_step()
                self._op = _operation(str(entry.fields["text"])), self.events
            if entry.kind in EVENTS or entry.name in _POOL:
                self._event(entry)
        self._end_step()
        state.finish()
        scenario = Scenario("log", nr=h.nr_huge_pages, steps=tuple(step.op for step in self.steps))
        return Recording(scenario, self.machine, state, "log", self.steps)

    def _event(self, entry: Entry) -> None:
        row = self.state.row("P", 1, SIZE_2M)
        for name, field in () if entry.kind is Kind.CALL and not entry.moment else _COUNTERS:  # these show arguments
            value = entry.fields.get(name)
            if isinstance(value, int) and 0 <= value < 1 << 40:
                setattr(self.h, field, value)
        addr, pfn = entry.fields.get("addr"), entry.fields.get("pfn")
        row.addr = addr if isinstance(addr, int) else None
        row.frame = pfn // (SIZE_2M // BASE_PAGE_SIZE) if isinstance(pfn, int) else None
        hidden = ("text", "at", "leaf")
        shown = {name: value for name, value in entry.fields.items() if name not in hidden and value is not None}
        # moments of its own: the model's have fields that no other format has
        moment = {Kind.CALL: "entered", Kind.RETURN: "came back"}.get(entry.kind, "logged")
        self.state.point(_POOL.get(entry.name, entry.name), moment, **shown | {"line": entry.line})
        self.events += 1

    def _end_step(self) -> None:
        if self._op is None:
            return
        (op, first), self._op = self._op, None
        if self.events > first:
            self.steps.append(Step(len(self.steps), op, "ok", None, {"2M": self.h.counters}, first, self.events - 1))


_POOL = {"SNAP": "hugetlb_report_meminfo", "meminfo": "hugetlb_report_meminfo"}  # the pool is read
_FIELDS = ("nr_huge_pages", "free_huge_pages", "resv_huge_pages", "surplus_huge_pages")  # of hstate
_COUNTERS = tuple(zip(Counters._fields, _FIELDS, strict=True))


def _operation(text: str) -> Op:
    """A step's words as an operation, as far as words alone go; unknown words read the pool."""
    said = words.read(text)
    if said is None:
        return Op("meminfo", {})
    args = {"fd": "fd", "map": "map", "advice": "MADV_NORMAL"} | dict(said.args)
    return Op(said.op, {name: value for name, value in args.items() if name in OPERATIONS[said.op].arguments})
