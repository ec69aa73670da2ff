"""The kernel on one screen (hugelab/tiny.py) answers as the model and as recorded kernels do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugelab import Op, Scenario, load, run, tiny
from tests.conftest import DATA

ROOT = Path(__file__).parents[1]
SOURCE = Path(tiny.__file__).read_text()
COUNTERS = ("total", "free", "rsvd", "surp")
CASES = {case.name: case for case in load(DATA / "scenarios.json")}
WITHIN_REACH = (  # the recorded cases of shared mappings of one file, of a single process
    "lesson_shared_file_no_unlink",
    "lesson_shared_file_unlink_while_mapped",
    "lesson_shared_file_unlink_first_close_last",
    "shared_second_mapper_same_range",
    "shared_basic",
    "ftruncate_shrink_faulted_and_reserved",
    "ftruncate_regrow_uses_free_pages",
    "truncate_reserve_wraparound",
)


class Tiny:
    """Does the operations of a Scenario on ``tiny.Kernel``; keeps by name what open and mmap returned."""

    def __init__(self, pages: int):
        self.kernel = tiny.Kernel(pages)
        self.fds: dict[str, tiny.Holder] = {}
        self.maps: dict[str, tiny.Holder] = {}
        self.refusals: set[str] = set()

    def answer(self, op: Op) -> tuple[str, dict[str, int]]:
        """Do an operation; its outcome, and the counters after it."""
        outcome = "ok"
        try:
            self._do(op.op, op.args)
        except tiny.Refused as refused:
            outcome, why = refused.args
            self.refusals.add(f"{outcome}: {re.sub('[0-9]+', 'N', why)}")
        return outcome, {name: getattr(self.kernel, name) for name in COUNTERS}

    def _do(self, name: str, args: Any) -> None:
        kernel = self.kernel
        match name:
            case "open":
                self.fds[args["fd"]] = kernel.open()
            case "mmap":
                self.maps[args["map"]] = kernel.mmap(self.fds[args["fd"]], args["pages"], args.get("offset_pages", 0))
            case "touch":
                for page in range(args["page"], args["page"] + args["count"]):
                    kernel.touch(self.maps[args["map"]], page)
            case "munmap":
                kernel.munmap(self.maps[args["map"]])
            case "close":
                kernel.close(self.fds[args["fd"]])
            case "unlink":
                kernel.unlink()
            case "ftruncate":
                kernel.ftruncate(self.fds[args["fd"]], args["pages"])
            case _:
                assert name in ("stat", "fstat"), f"tiny has no {name}"


def one_more(random: Random, done: Tiny, number: int) -> Op:
    """The next operation of a random program, rather one that means something."""
    names = [*("mmap", "touch", "touch", "ftruncate") * 6, "munmap", "close", "unlink", "open"]
    name = random.choice(names if done.maps else [name for name in names if name not in ("touch", "munmap")])
    fd, area = rather_held(random, done.fds), rather_held(random, done.maps)
    match name:
        case "open":
            return Op(name, {"fd": f"fd{number}", "path": "m/file"})
        case "mmap":
            available = done.kernel.free - done.kernel.rsvd
            part = {"pages": random.randint(1, max(available, 1) + 1), "offset_pages": random.randint(0, 6)}
            # The model has addresses: far from all other mappings there is nothing before and behind this one.
            return Op(name, {"map": f"map{number}", "fd": fd, **part, "at": {"map": "top", "page": -100 * number}})
        case "touch":
            count = done.maps[area].count
            page = random.choice([-1, count, *[*range(count)] * 3])
            return Op(name, {"map": area, "page": page, "count": random.choice([1, 1, 3])})
        case "munmap":
            return Op(name, {"map": area})
        case "close":
            return Op(name, {"fd": fd})
        case "ftruncate":
            return Op(name, {"fd": fd, "pages": random.randint(0, 6)})
    return Op("unlink", {"path": "m/file"})


def rather_held(random: Random, named: dict[str, tiny.Holder]) -> str:
    """A name, rather of what is still open or mapped; "" if there is none."""
    held = [name for name, holder in named.items() if holder in holder.file.holders]
    return random.choice([*named, *held * 3] or [""])


def test_random_programs_have_equal_answers_on_tiny_and_model() -> None:
    """Outcome and counters after each step; each refusal that tiny knows occurs."""
    refusals: set[str] = set()

    @settings(max_examples=max(settings().max_examples, 200))
    @given(st.randoms(use_true_random=True))  # hypothesis' own choices repeat themselves too much to fill a pool
    def equal(random: Random) -> None:
        nr = random.randint(0, 8)
        done = Tiny(nr)
        # A mapping of another file, that costs nothing, tells the model where the others go.
        program = Scenario("random", nr=nr).open(fd="other", path="m/other")
        program = program.mmap(map="top", fd="other", pages=1, flags=["MAP_SHARED", "MAP_NORESERVE"])
        program = program.open(fd="fd0", path="m/file")
        answers = [done.answer(program.steps[-1])]
        for number in range(1, 40):
            op = one_more(random, done, number)
            program = program.then(op.op, **op.args)
            answers.append(done.answer(op))
        for step, answer in zip(run(program).steps[2:], answers, strict=True):
            so_far = "\n".join(map(str, program.steps[: step.index + 1]))
            assert answer == (step.outcome, step.counters["2M"]._asdict()), f"{nr} pages, {so_far}"
        refusals.update(done.refusals)

    equal()
    assert len(refusals) == SOURCE.count("raise Refused("), refusals


@pytest.mark.parametrize("name", WITHIN_REACH)
def test_recorded_program(name: str) -> None:
    """Outcome and counters after each step are those of the kernel that was recorded."""
    case = CASES[name]
    kernel = Tiny(case.nr)
    for number, op in enumerate(case.steps):
        assert op.expect is not None
        outcome, counters = kernel.answer(op)
        assert {"outcome": outcome, **counters} == {key: op.expect[key] for key in ("outcome", *COUNTERS)}, number


def test_it_prints_the_lesson_without_the_package() -> None:
    """The file alone, on the bare standard library, prints the counters that were recorded after each step."""
    command = [sys.executable, "-I", "-S", tiny.__file__]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert printed[0].split() == list(COUNTERS)
    steps = [op for op in CASES["lesson_shared_file_no_unlink"].steps if op.op != "stat"]
    expected = [[str((op.expect or {})[name]) for name in COUNTERS] for op in steps]
    assert [line.split()[:4] for line in printed[1:]] == expected
    assert [line.split()[5] for line in printed[1:]] == [op.op for op in steps]


def test_it_fits_on_one_screen_and_the_readme_quotes_it() -> None:
    """At most 120 lines; it is the first code that the README links, and what is quoted there is in it."""
    assert len(SOURCE.splitlines()) <= 120
    readme = (ROOT / "README.md").read_text()
    assert re.findall(r"\]\((hugelab/.*?)\)", readme)[0] == "hugelab/tiny.py"
    section = readme[readme.index("(hugelab/tiny.py)") :].partition("\n## ")[0]
    quoted = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert quoted and all(passage in SOURCE for passage in quoted)
    assert sum(passage.count("\n") for passage in quoted) <= 15
