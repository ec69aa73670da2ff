"""Scenarios: programs as lists of operations (see ``operations``), which the model or the running kernel runs.

``expect`` of a step holds a recorded answer, so a file of scenarios is also a test suite. Units: ``page, pages, count,
offset_pages`` are huge pages of ``hsize`` (default 2M); ``bytes, off_bytes, offset_bytes`` are bytes.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.units import parse_size
from .errors import ScenarioError, Unsupported
from .flags import UnknownName, number
from .operations import OPERATIONS, Operation


@dataclass(frozen=True)
class Op:
    """One step of a program: an operation of OPERATIONS, its arguments, its process, and its recorded answer or None.

    Raises ScenarioError for an unknown operation, and for an argument that is missing, unknown or of the wrong kind.
    """

    op: str
    args: Mapping[str, Any] = field(default_factory=dict)
    proc: str = "P"
    expect: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.op not in OPERATIONS:
            near = ", ".join(difflib.get_close_matches(self.op, OPERATIONS, 3))
            raise ScenarioError(f"there is no operation {self.op!r}{f'; near: {near}' if near else ''} (hugelab ops)")
        self.row.check(self.args)

    @property
    def row(self) -> Operation:
        """The operation's row in OPERATIONS."""
        return OPERATIONS[self.op]

    def get(self, name: str) -> Any:
        """An argument, by default that of the row; None if there is neither."""
        known = self.row.arguments.get(name)
        return self.args.get(name, known.default if known else None)

    def numbers(self) -> dict[str, Any]:
        """All arguments, with defaults filled in and flags as numbers. Raises Unsupported for an unknown flag."""
        found = {name: argument.default for name, argument in self.row.arguments.items()} | dict(self.args)
        for name, argument in self.row.arguments.items():
            if argument.table is not None:
                given = found[name] or ()
                try:
                    found[name] = number(argument.table, [given] if isinstance(given, str) else given)
                except UnknownName as error:
                    raise Unsupported(f"{self.op}: {name}: {error} is not known") from None
        return found

    def names(self, name: str) -> set[str]:
        """The flags of an argument."""
        return set(self.get(name))

    def unit(self, default: int) -> int:
        """The operation's page size in bytes: ``hsize``, else the default. Raises ScenarioError."""
        try:
            return parse_size(self.args["hsize"]) if "hsize" in self.args else default
        except ValueError as error:
            raise ScenarioError(f"{self.op}: hsize: {error}") from None

    def __str__(self) -> str:
        shown = (f"{name}={_plain(value)}" for name, value in self.args.items())
        who = "" if self.proc == "P" else f"[{self.proc}] "
        return f"{who}{self.op} {' '.join(shown)}".rstrip()

    def to_json(self) -> dict[str, Any]:
        """The step as a JSON object."""
        out: dict[str, Any] = {"op": self.op, **self.args}
        if self.proc != "P":
            out["proc"] = self.proc
        if self.expect is not None:
            out["expect"] = dict(self.expect)
        return out

    @classmethod
    def from_json(cls, step: Any) -> Op:
        """The step of a JSON object. Raises ScenarioError."""
        if not isinstance(step, dict) or not isinstance(step.get("op"), str):
            raise ScenarioError(f"a step is an object with an op, not {_plain(step)}")
        expect, proc = step.get("expect"), step.get("proc", "P")
        if expect is not None and not isinstance(expect, dict):
            raise ScenarioError(f"{step['op']}: expect is an object, not {_plain(expect)}")
        if not isinstance(proc, str):
            raise ScenarioError(f"{step['op']}: proc is a name in quotes, not {proc!r}")
        args = {name: value for name, value in step.items() if name not in ("op", "proc", "expect")}
        return cls(step["op"], args, proc, expect)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "|".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class Scenario:
    """A program and the pool it starts with.

    ``nr`` and ``overcommit`` are pages of the default size; ``mounts`` maps the name of each hugetlbfs to its mount
    options; ``extra`` keeps the other fields of a file (source, about, after_... counters).
    The building methods return a new Scenario with one more step.
    """

    name: str
    nr: int = 10
    overcommit: int = 0
    mounts: Mapping[str, str] = field(default_factory=lambda: {"m": ""})
    steps: tuple[Op, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in (("nr", self.nr), ("overcommit", self.overcommit)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ScenarioError(f"pool: {name} is a number of pages, 0 or more, not {value!r}")

    @property
    def also_1g(self) -> bool:
        """The 1 GiB pool is watched too."""
        return bool(self.extra.get("also_1G"))

    # -- building ----------------------------------------------------------------------------------
    def then(self, op: str, **args: Any) -> Scenario:
        """A Scenario with one more step; ``proc=`` names its process, all else are arguments of the operation."""
        proc = args.pop("proc", "P")
        return Scenario(self.name, self.nr, self.overcommit, self.mounts, (*self.steps, Op(op, args, proc)), self.extra)

    def __getattr__(self, op: str) -> Any:
        """``scenario.mmap(map="A", pages=5)`` is ``scenario.then("mmap", map="A", pages=5)``."""
        if op not in OPERATIONS:
            raise AttributeError(f"a Scenario has no {op!r}")
        return lambda **args: self.then(op, **args)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *OPERATIONS]

    # -- JSON --------------------------------------------------------------------------------------
    def to_json(self) -> dict[str, Any]:
        """The scenario as a case of a file."""
        pool = {"nr": self.nr, "overcommit": self.overcommit}
        steps = [op.to_json() for op in self.steps]
        return {"name": self.name, **self.extra, "pool": pool, "mounts": dict(self.mounts), "steps": steps}

    @classmethod
    def from_json(cls, case: Any) -> Scenario:
        """The scenario of a case of a file. Raises ScenarioError that names the case and the step."""
        if not isinstance(case, dict) or not isinstance(case.get("name"), str):
            raise ScenarioError(f"a case is an object with a name, not {json.dumps(case)[:60]}")
        name = case["name"]
        pool, mounts, steps = case.get("pool", {}), case.get("mounts", {"m": ""}), case.get("steps")
        if not isinstance(pool, dict) or not isinstance(mounts, dict):
            raise ScenarioError(f"{name}: pool and mounts are objects")
        if not isinstance(steps, list):
            raise ScenarioError(f"{name}: steps is a list")
        for key in ("initial", "after_kill_all_processes", "after_unlink_and_umount"):
            if not isinstance(case.get(key, {}), dict):
                raise ScenarioError(f"{name}: {key} is an object with counters, not {_plain(case[key])}")
        for mount, options in mounts.items():
            if not isinstance(options, str):
                raise ScenarioError(f"{name}: the options of mount {mount} are text, not {options!r}")
        ops = []
        for place, step in enumerate(steps, 1):
            try:
                ops.append(Op.from_json(step))
            except ScenarioError as error:
                raise ScenarioError(f"{name}, step {place}: {error}") from None
        extra = {key: value for key, value in case.items() if key not in ("name", "pool", "mounts", "steps")}
        try:
            return cls(name, pool.get("nr", 0), pool.get("overcommit", 0), mounts, tuple(ops), extra)
        except ScenarioError as error:
            raise ScenarioError(f"{name}: {error}") from None


def load(path: str | Path) -> list[Scenario]:
    """The cases of a JSON file: {"scenarios": [...]}, a list of cases, or one case. Raises ScenarioError, OSError."""
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ScenarioError(f"{path}: not JSON: {error}") from None
    except RecursionError:
        raise ScenarioError(f"{path}: JSON that is nested too deeply") from None
    if isinstance(data, dict):
        data = data.get("scenarios", [data])
    if not isinstance(data, list):
        raise ScenarioError(f"{path}: expected an object with scenarios, or one case")
    if not data:
        raise ScenarioError(f"{path}: there is no case in it")
    try:
        return [Scenario.from_json(case) for case in data]
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None


ORDINARY = "@"  # the mount name of the ordinary file system beside the hugetlbfs ones


# -- named programs ----------------------------------------------------------------------------------
ANONYMOUS = ("MAP_ANONYMOUS", "MAP_HUGETLB")


def lesson(
    pages: int = 5, pool: int = 10, private: bool = False, touched: int | None = None, unlink: bool = True
) -> Scenario:
    """The lesson's program: open, mmap, one write to each page (or to ``touched`` pages), munmap, close, unlink."""
    flags = ["MAP_PRIVATE" if private else "MAP_SHARED"]
    scenario: Scenario = (
        Scenario("lesson", nr=pool)
        .open(fd="f", path="m/test_file", mode="0755")
        .mmap(map="ptr", fd="f", pages=pages, flags=flags)
        .touch(map="ptr", page=0, count=max(pages, 0) if touched is None else touched, mode="w", byte=ord("H"))
        .munmap(map="ptr")
        .close(fd="f")
    )
    return scenario.then("unlink", path="m/test_file") if unlink else scenario


NAMED = {"lesson": lesson}
