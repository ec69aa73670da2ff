"""Helpers of the tests: an assertion for the invariants, and a dump of a whole state to compare two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hugelab.core.runs import RunMap
from hugelab.core.state import Record, Records
from hugelab.record.invariants import broken, unsound
from hugelab.record.recording import Recording

__all__ = ["assert_sound", "broken", "dump"]


def assert_sound(recording: Recording) -> None:
    """Every event of a recording leaves a sound state, and each step a settled one."""
    problem = unsound(recording)
    assert problem is None, problem


def dump(state: Records, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Everything a state, or a Moment, holds, as plain data; equal states give equal dumps, however their maps are cut.

    ``without`` names attributes that are left out.
    """
    hidden = {"_state", "_made", "key", *without}
    return {
        key: {name: _value(value) for name, value in record.__dict__.items() if name not in hidden}
        for key, record in sorted(state.records.items())
    }


def _value(value: Any) -> Any:
    if isinstance(value, Record):
        return value.key
    if isinstance(value, RunMap):
        return _runs(value)
    if isinstance(value, Mapping):
        return {key: _value(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_value, value))
    return value


def _runs(runs: RunMap) -> Any:
    """Key by key while that is short, else as the runs lie, so that a million pages stay cheap."""
    if len(runs) > 2000:
        return [tuple(run) for run in runs]
    return [(key, run.at(key), run.tag) for run in runs for key in range(run.start, run.end)]
