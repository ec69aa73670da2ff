"""Scenarios: JSON in and out, and one clear error for each way to write one wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from hugelab import LESSON, Op, Scenario, ScenarioError, lesson, load, run
from hugelab.linux.operations import OPERATIONS
from tests.conftest import DATA
from tests.programs import scenarios


@given(scenarios())
@settings(max_examples=100)
def test_json_round_trip(scenario: Scenario) -> None:
    """Through JSON text and back: an equal scenario, which runs the same."""
    again = Scenario.from_json(json.loads(json.dumps(scenario.to_json())))
    assert again == scenario
    assert run(again).to_json() == run(scenario).to_json()


def test_recorded_cases_round_trip() -> None:
    """All 115 recorded cases come out of a Scenario as they went in."""
    original = json.loads((DATA / "scenarios.json").read_text())["scenarios"]
    cases = load(DATA / "scenarios.json")
    assert len(cases) == len(original) == 115
    for case, was in zip(cases, original, strict=True):
        for step in was["steps"]:
            if step.get("proc") == "P":  # the first process, which need not be named
                del step["proc"]
        assert case.to_json() == was
        assert case.kernel_quirk == bool(was.get("kernel_quirk"))
        assert case.also_1g == bool(was.get("also_1G"))


def test_vocabulary_covers_the_recorded_file() -> None:
    """Each operation of the recorded cases is in the vocabulary, with the fields it must have."""
    used = {op.op for case in load(DATA / "scenarios.json") for op in case.steps}
    assert used <= OPERATIONS.keys()
    assert len(used) > 40


def test_building_is_the_same_as_writing() -> None:
    """scenario.mmap(...) is scenario.then("mmap", ...) is the JSON step."""
    built = Scenario("x", 3).open(fd="f", path="m/a").mmap(map="A", fd="f", pages=2, proc="Q")
    steps = [
        {"op": "open", "fd": "f", "path": "m/a"},
        {"op": "mmap", "map": "A", "fd": "f", "pages": 2, "proc": "Q"},
    ]
    assert built == Scenario.from_json({"name": "x", "pool": {"nr": 3, "overcommit": 0}, "steps": steps})
    with pytest.raises(AttributeError, match="no 'foo'"):
        built.foo(1)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (5, "a step is an object with an op"),
        ({}, "a step is an object with an op"),
        ({"op": "zap"}, "there is no operation 'zap'"),
        ({"op": "open", "fd": "f"}, "open needs path"),
        ({"op": "mmap", "map": "A"}, "mmap needs pages or bytes"),
        ({"op": "touch", "map": 5}, "map is a name in quotes, not 5"),
        ({"op": "touch", "map": "A", "page": "1"}, "page is a whole number, not '1'"),
        ({"op": "touch", "map": "A", "page": 1.5}, "page is a whole number, not 1.5"),
        ({"op": "touch", "map": "A", "page": True}, "page is a whole number, not True"),
        ({"op": "touch", "map": "A", "count": -1}, "count is 0 or more, not -1"),
        ({"op": "open", "fd": "f", "path": "m/a", "proc": 7}, "proc is a name in quotes, not 7"),
        ({"op": "exit", "expect": "ok"}, "expect is an object"),
        ({"op": "mmop", "map": "A"}, "there is no operation 'mmop'; near: mmap"),
        ({"op": "exit", "speed": 3}, "exit has no argument speed. It takes .code=0."),
        ({"op": "munmap", "map": "A", "pags": 3}, "munmap has no argument pags, but pages. It takes map"),
        ({"op": "open", "fd": "f", "path": "m/b", "flags": "O_CREAT"}, "flags is a list of names, not 'O_CREAT'"),
        ({"op": "mmap", "map": "B", "pages": 1, "at": {"page": 1}}, "at is an object such as"),
    ],
)
def test_a_wrong_step_is_named(step: object, message: str) -> None:
    """One line: the case, the number of the step, what is wrong."""
    good = {"op": "open", "fd": "f", "path": "m/a"}
    with pytest.raises(ScenarioError, match=message) as error:
        Scenario.from_json({"name": "mine", "steps": [good, step]})
    assert str(error.value).startswith("mine, step 2: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ([], "a case is an object with a name"),
        ({"steps": []}, "a case is an object with a name"),
        ({"name": "x"}, "x: steps is a list"),
        ({"name": "x", "steps": {}}, "x: steps is a list"),
        ({"name": "x", "steps": [], "pool": 5}, "x: pool and mounts are objects"),
        ({"name": "x", "steps": [], "mounts": {"m": 5}}, "options of mount m are text"),
        ({"name": "x", "steps": [], "pool": {"nr": -1}}, "nr is a number of pages, 0 or more, not -1"),
        ({"name": "x", "steps": [], "pool": {"nr": "9"}}, "nr is a number of pages, 0 or more, not '9'"),
        ({"name": "x", "steps": [], "pool": {"overcommit": 1.0}}, "overcommit is a number of pages"),
    ],
)
def test_a_wrong_case_is_named(case: object, message: str) -> None:
    """The same for a case as a whole."""
    with pytest.raises(ScenarioError, match=message):
        Scenario.from_json(case)


@pytest.mark.parametrize("text", ["", "{", "nonsense", "5", '"x"', "[5]", '{"scenarios": 5}', "\ufeff[]"])
def test_a_file_that_is_none(tmp_path: Path, text: str) -> None:
    """Not JSON, or JSON of something else: one error that names the file."""
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as error:
        load(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_one_case_alone_is_a_file_too(tmp_path: Path) -> None:
    """A file may hold {"scenarios": [...]}, a list, or one case."""
    case = lesson().to_json()
    for data in (case, [case], {"scenarios": [case]}):
        path = tmp_path / "case.json"
        path.write_text(json.dumps(data))
        assert load(path) == [lesson()]
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (Op("touch", {"map": "Z"}), "no mapping is called 'Z'"),
        (Op("munmap", {"map": "Z"}), "no mapping is called 'Z'"),
        (Op("unlink", {"path": "nowhere/a"}), "no file system is mounted as 'nowhere'; there are @, m"),
        (Op("unlink", {"path": ""}), "no file system is mounted as ''; there are @, m"),
        (Op("rename", {"path": "m/none", "new": "nowhere/a"}), "no file system is mounted as 'nowhere'"),
        (Op("link", {"path": "m/none", "new": "nowhere/a"}), "no file system is mounted as 'nowhere'"),
        (Op("touch", {"map": "ptr", "mode": "x"}), "mode is r or w"),
        (Op("open", {"fd": "f", "path": "m/b", "mode": "9"}), "octal"),
        (Op("set_nr", {"n": 3, "hsize": "x"}), "is not a size"),
        (Op("close", {"fd": "f"}, "Q"), "there is no process Q"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_no_program_can_do(step: Op, message: str) -> None:
    """A name never given to anything is no errno: one error with the case and the step."""
    whole = lesson(unlink=False)
    steps = (*whole.steps[:2], step)
    with pytest.raises(ScenarioError, match=message) as error:
        run(Scenario("mine", 10, steps=steps), LESSON)
    assert str(error.value).startswith("mine, step 3: ")
    assert "\n" not in str(error.value)


def test_lesson_variants() -> None:
    """touched= pages of pages=, private=, unlink=: each changes just its step."""
    plain = lesson()
    assert [op.op for op in plain.steps] == ["open", "mmap", "touch", "munmap", "close", "unlink"]
    assert lesson(touched=2).steps[2].args["count"] == 2
    assert lesson(private=True).steps[1].args["flags"] == ["MAP_PRIVATE"]
    assert lesson(unlink=False).steps == plain.steps[:-1]
    assert lesson(pages=7).steps[2].args["count"] == 7
    assert lesson(pool=3).nr == 3
