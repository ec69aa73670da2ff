"""A recording to take along: its steps for a spreadsheet, its program as Python."""

import csv
import io
from collections.abc import Iterable
from keyword import iskeyword
from typing import Any

from ..core.text import showable
from ..linux.scenario import Scenario
from .recording import Recording


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as comma separated values."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([showable(cell) for cell in row] for row in rows)
    return out.getvalue()


def csv_of(recording: Recording) -> str:
    """The steps as comma separated values, with a heading; counters in pages of each size, empty where unknown."""
    sizes = list(recording.steps[0].counters) if recording.steps else []
    names = ("total", "free", "reserved", "surplus", "available")
    rows: list[list[Any]] = [["step", "operation", "outcome", *(f"{name} {size}" for size in sizes for name in names)]]
    for step in recording.steps:
        counters = [number for now in step.counters.values() for number in (*now, now.available)]
        rows.append([step.index + 1, step.op, step.outcome, *counters])
    return csv_text(rows)


def as_python(recording: Recording) -> str:
    """The program and its machine as Python that makes the same recording (in ``recording``)."""
    scenario, machine = recording.scenario, recording.machine
    plain = Scenario(scenario.name)
    given = "".join(
        f", {name}={value!r}"
        for name, value, default in (
            ("nr", scenario.nr, None),
            ("overcommit", scenario.overcommit, plain.overcommit),
            ("mounts", dict(scenario.mounts), dict(plain.mounts)),
        )
        if value != default
    )
    lines = ["from hugelab import Scenario, named, run", "", f"program = Scenario({scenario.name!r}{given})"]
    for op in scenario.steps:
        args = {**op.args, **({"proc": op.proc} if op.proc != "P" else {})}
        written = "".join(f", {name}={value!r}" for name, value in args.items() if _plain(name))
        if words := {name: value for name, value in args.items() if not _plain(name)}:  # mremap has an "as"
            written += f", **{words!r}"
        lines.append(f"program = program.then({op.op!r}{written})")
    intended = "" if machine.rules.bugs else ".as_intended()"
    lines.append(f"recording = run(program, named({machine.name!r}){intended})")
    return "\n".join(lines) + "\n"


def _plain(name: str) -> bool:
    """Can it stand before a = in Python?"""
    return name.isidentifier() and not iskeyword(name)
