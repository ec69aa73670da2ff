"""README.md, CONTRIBUTING.md, docs/architecture.md: what they say to type runs, and the house is that of hugelab/."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import DATA

ROOT = DATA.parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# What a command needs that a test has not: a file of the user's, root, half a minute.
NEEDS = re.compile(r"FILE|--on |--yes|--restore|\bmeasure\b")


def blocks(page: str, language: str = "") -> list[str]:
    """The code blocks of a page that are marked with a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.M | re.S)


def commands() -> list[str]:
    """The `hugelab` lines of the README, without what each is for."""
    lines = (line for block in blocks(README) for line in block.splitlines() if re.search(r"\bhugelab ", line))
    return [re.split(r" {2,}", line)[0] for line in lines]


@pytest.mark.parametrize("command", [line for line in commands() if not NEEDS.search(line)])
def test_a_command_of_the_readme_runs(command: str, tmp_path: Path) -> None:
    """As it is typed: exit 0, something on stdout, nothing on stderr."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert [file.name for file in tmp_path.iterdir()] == (["lesson.html"] if "--html" in command else [])


def test_most_commands_of_the_readme_are_tried() -> None:
    """Those that are not have a file, a kernel or time in them; each command of hugelab is in the README."""
    tried = [line for line in commands() if not NEEDS.search(line)]
    assert len(tried) >= 8
    said = {word for line in commands() for word in re.findall(r"hugelab ([a-z|]+)", line)[0].split("|")}
    usage = subprocess.run([sys.executable, "-m", "hugelab", "--help"], capture_output=True, text=True, check=True)
    assert said == set(re.findall(r"^    (\w+) ", usage.stdout, re.M))


@cache
def options(command: str) -> set[str]:
    """The long options of a command, as its help has them."""
    usage = [sys.executable, "-m", "hugelab", command, "--help"]
    return set(re.findall(r"--[a-z-]+", subprocess.run(usage, capture_output=True, text=True, check=True).stdout))


def test_every_option_of_the_readme_is_one() -> None:
    """Also in the lines that are not tried, and in the text."""
    text = re.findall(r"`(hugelab [a-z][^`]*)`", README.replace("```", ""))
    asked = {
        (command, option)
        for line in commands() + text
        for commands_, rest in re.findall(r"hugelab ([a-z|]+) ([^|]*)", line)
        for command in commands_.split("|")
        for option in re.findall(r"--[a-z-]+", rest)
    }
    assert len(asked) > 15
    assert not [(command, option) for command, option in asked if option not in options(command)]


@pytest.mark.parametrize("block", [block for block in blocks(README, "python") if "import" in block])
def test_python_of_the_readme_prints_what_it_says(block: str) -> None:
    """Each print has its output in a comment, before a colon or the end of the line."""
    said = re.findall(r"^print\(.*\)  # ([^:\n]*)", block, re.M)
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert said == done.stdout.splitlines()


def test_every_make_is_a_target() -> None:
    """What the pages say to make can be made."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    said = set(re.findall(r"(?:^|`)make ([a-z]+)", README + CONTRIBUTING + ARCHITECTURE, re.M))
    assert {"test", "lint", "proof", "fuzz", "bench"} <= said <= targets


# -- the house ---------------------------------------------------------------------------------------
ROOMS = {path.parent.name for path in (ROOT / "hugelab").glob("*/__init__.py")}


def floors() -> list[set[str]]:
    """The rooms of each floor by the import contract, lowest first. (Modules beside the rooms are no rooms.)"""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    house = next(one for one in contracts if one["type"] == "layers")
    named = [set(re.split(r"\W+", layer)) & ROOMS for layer in reversed(house["layers"])]
    return [rooms for rooms in named if rooms]


def test_the_picture_of_the_house_is_the_contract() -> None:
    """Its floors are those of pyproject.toml, and its rooms those of hugelab/."""
    drawn = [re.findall(r"│ (\w+)", line) for line in ARCHITECTURE.splitlines() if "│" in line]
    assert [set(rooms) for rooms in reversed(drawn)] == floors()
    assert sorted(room for rooms in drawn for room in rooms) == sorted(ROOMS)


@pytest.mark.parametrize("page", [README, ARCHITECTURE], ids=["README", "architecture"])
def test_every_room_has_a_row_from_the_ground_up(page: str) -> None:
    """Each room is in the table once, and none stands above one that it imports."""
    rows = [cell.split("|")[0] for cell in re.findall(r"^\| (`\w+`(?:, `\w+`)* \|)", page, re.M)]
    named = [room for cell in rows for room in re.findall(r"`(\w+)`", cell)]
    floor = {room: number for number, rooms in enumerate(floors()) for room in rooms}
    assert sorted(named) == sorted(ROOMS)
    assert [floor[room] for room in named] == sorted(floor.values())
