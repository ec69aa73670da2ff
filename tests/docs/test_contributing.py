"""The recipes of CONTRIBUTING.md: each is carried out as it stands there, on a copy of the package, and runs.

The copy runs in a process of its own, with the tests of this folder beside it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import DATA

ROOT = DATA.parents[1]
Copy = Callable[..., Path]


class Recipe(NamedTuple):
    """The numbered lines of a recipe, and its example."""

    lines: list[str]
    example: str

    @property
    def files(self) -> set[str]:
        """Which files the example touches."""
        return set(re.findall(r"^\+\+\+ (\S+)$", self.example, re.M))


def recipe(heading: str) -> Recipe:
    """The recipe below a heading of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split(f"\n### {heading}\n")[1]
    lines, example = section.split("```diff\n")[:2]
    return Recipe(re.findall(r"^\d\. .*", lines, re.M), example.split("```")[0])


def carry_out(example: str, folder: Path) -> None:
    """Change the files below a folder as an example says. Raises AssertionError where a file has not what it should."""
    for part in re.split(r"^\+\+\+ ", example, flags=re.M)[1:]:
        name, *lines = part.splitlines()
        path = folder / name
        old = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
        new = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        assert not old or text.count(old) == 1, f"{name} has {text.count(old)} times:\n{old}"
        path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """Makes a copy of the package that some recipes have changed."""

    def changed(*headings: str) -> Path:
        shutil.copytree(ROOT / "hugelab", tmp_path / "hugelab")
        (tmp_path / "tests").symlink_to(ROOT / "tests")
        for heading in headings:
            carry_out(recipe(heading).example, tmp_path)
        return tmp_path

    return changed


def python(folder: Path, code: str) -> None:
    """Run some lines with the copy. Raises AssertionError with what they said when they fail."""
    here = f"import hugelab; assert hugelab.__file__.startswith({str(folder)!r}), hugelab.__file__\n"
    done = subprocess.run([sys.executable, "-c", here + code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# -- the recipes -------------------------------------------------------------------------------------
OPERATION = """
import os
from hugelab import Scenario, run
from hugelab.linux.operations import OPERATIONS
from hugelab.live.calls import Program, call
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.fuzz.machine import Programs
from tests.fuzz.test_programs import plan

row = OPERATIONS["dup"]
assert (row.needs, row.who, row.entry) == (("fd", "as"), "a process", "sys_dup")

# in the model: the second descriptor holds the page until it is closed, too
open_ = Scenario("dup", 10).open(fd="f", path="m/a").fallocate(fd="f", pages=1).dup(fd="f", **{"as": "g"})
steps = run(open_.unlink(path="m/a").close(fd="f").close(fd="g").dup(fd="f", **{"as": "g"})).steps
assert [str(step.counters["2M"]) for step in steps[-3:]] == ["10/9/0/0", "10/10/0/0", "10/10/0/0"]
assert [step.outcome for step in steps] == ["ok"] * 6 + ["EBADF"]

# on the kernel
program = Program(2 << 20)
assert call(program, "open", {"fd": "f", "path": "here", "flags": os.O_CREAT | os.O_RDWR, "mode": "0600"})[0] == "ok"
assert call(program, "dup", {"fd": "f", "as": "g"})[:2] == ("ok", None)
assert os.path.sameopenfile(program.fds["f"], program.fds["g"]) and program.fds["f"] != program.fds["g"]
assert call(program, "dup", {"fd": "none", "as": "g"})[0] == "EBADF"

# by the random programs; without most rules that draw one operation, so that it comes soon
class Drawn(Exception):
    pass


class UntilDrawn(Programs):
    locals().update(dict.fromkeys((OPERATIONS.keys() & vars(Programs).keys()) - {"open", "mount"}))

    def do(self, op, proc="P", **args):
        super().do(op, proc, **args)
        if op == "dup" and self.last == "ok":
            raise Drawn


try:
    once = settings(plan(300), phases=[Phase.generate], report_multiple_bugs=False)
    run_state_machine_as_test(UntilDrawn, settings=once)
except Drawn:
    pass
else:
    raise AssertionError("no random program has it")
"""

CHAIN = """
from hugelab import Scenario, run
from hugelab.record.flow import chain, passed, phase_of

recording = run(Scenario("dup").open(fd="f", path="m/a").dup(fd="f", **{"as": "g"}))
event = recording.event(recording.steps[-1].last)
assert phase_of(recording, event) == "dup"
shown = dict(zip([call.name for call in chain(recording, event)], passed(recording, event)))
assert shown == {"dup()": True, "sys_dup": True, "fd_install": True}, shown
"""

RULE = """
from hugelab import Scenario, machine, run

program = Scenario("tmpfile", 10).open(fd="f", path="m/", flags=["O_TMPFILE", "O_RDWR"])
before, since = machine("3.10"), machine("3.11")
assert (before.rules.open_tmpfile, since.rules.open_tmpfile) == (False, True)
assert [run(program, one).steps[-1].outcome for one in (before, since)] == ["EISDIR", "ENOTSUP"]
"""

LAB = """
from hugelab import labs
from tests.labs import test_sweep

assert "cut" in test_sweep.NAMES and labs.cut is labs.ALL["cut"]
test_sweep.test_corners("cut")
test_sweep.test_a_lab_starts_inside_the_step_in_focus("cut")
test_sweep.test_timeline_forwards_and_back("cut")
"""

FORMAT = """
from hugelab.trace.detective import examine_lines
from hugelab.trace.read.reader import Reader

lines = [
    "TIME     PID     TID     COMM            FUNC             -",
    "0.412345 605     606     hugelab         hugetlb_fault    addr=7ff563800000",
    "0.412399 605     606     hugelab         alloc_hugetlb_folio addr=7ff563800000",
]
reader = Reader()
head, fault, alloc = (reader.read(text, line) for line, text in enumerate(lines, 1))
assert (fault.name, fault.time, fault.pid, fault.comm) == ("hugetlb_fault", 0.412345, 606, "hugelab")
assert (alloc.name, alloc.fields) == ("alloc_huge_page", {"addr": 0x7FF563800000})
assert (reader.unread, reader.format) == (0, "bcc trace")
assert examine_lines(lines, "log").format == "bcc trace"
"""


@pytest.mark.parametrize(
    ("headings", "files", "code"),
    [
        (["Add an operation"], 3, OPERATION),
        (["Add an operation", "Draw an operation"], 4, CHAIN),
        (["Add a rule"], 2, RULE),
        (["Add a lab"], 2, LAB),
        (["Add a log format"], 2, FORMAT),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_recipe(headings: list[str], files: int, code: str, copy: Copy) -> None:
    """Five lines, no more files than that, and what comes out works."""
    for heading in headings:
        assert len(recipe(heading).lines) == 5
    assert len(set.union(*(recipe(heading).files for heading in headings))) == files
    python(copy(*headings), code)


def test_every_recipe_is_carried_out() -> None:
    """No example of CONTRIBUTING.md is left out above, and each line of one is marked."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    above = {"Add an operation", "Draw an operation", "Add a rule", "Add a lab", "Add a log format"}
    assert set(re.findall(r"^### (.*)$", text, re.M)) == above
    assert text.count("```diff") == len(above)


def test_an_example_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Lines that the file has not, or has twice."""
    (tmp_path / "a").write_text("one\ntwo\ntwo\n")
    for missing in ("three", "two"):
        with pytest.raises(AssertionError, match=r"a has [02] times"):
            carry_out(f"+++ a\n {missing}\n+four\n", tmp_path)
    carry_out("+++ a\n one\n+four\n+++ b\n+new\n", tmp_path)
    assert (tmp_path / "a").read_text() == "one\nfour\ntwo\ntwo\n"
    assert (tmp_path / "b").read_text() == "new\n"
