"""The house: what the contracts of pyproject.toml cannot say, and that each of them can be broken."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hugelab

PACKAGE = Path(hugelab.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# How the name of each contract begins -> a module, and the import that it must not have.
WRONG = {
    "a room uses": ("core/units.py", "from ..linux import flags"),
    "views run": ("views/diagrams/svg.py", "from ..record.check import check\nfrom ..model.kernel import run"),
    "only labs": ("views/theme.py", "import ipywidgets"),
    "numpy": ("tlb/plain.py", "import numpy"),
    "pandas": ("record/flow.py", "import pandas"),
    "plotly": ("views/plots/pool.py", "import plotly"),
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_says_what_it_is_and_fits_one_sitting(path: Path) -> None:
    """A docstring first, and at most 600 lines."""
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 600


def test_tests_stand_as_the_package_does() -> None:
    """A folder of tests for each room; beside them only what is about the whole project, and tiny.py."""
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms <= {path.name for path in (ROOT / "tests").iterdir()}
    whole = {path.stem.removeprefix("test_") for path in (ROOT / "tests").glob("test_*.py")}
    assert whole == {"layers", "mutants", "project", "tiny"}


def test_running_the_lesson_needs_the_standard_library_alone() -> None:
    """In a fresh interpreter: nothing else is loaded by the package, its command line, and a run."""
    code = (
        "import sys; before = set(sys.modules); import hugelab, hugelab.__main__; hugelab.run(hugelab.lesson()); "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - {"hugelab"} <= sys.stdlib_module_names


def test_each_contract_can_be_broken(tmp_path: Path) -> None:
    """A copy of the package with a wrong import for each: the linter names them all."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "hugelab", ignore=shutil.ignore_patterns("data", "__pycache__"))
    for name, line in WRONG.values():
        with (tmp_path / "hugelab" / name).open("a") as module:
            module.write(f"\n{line}\n")
    (tmp_path / "hugelab" / "attic.py").write_text('"""A room that is on no floor."""\n')
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for contract, begin in zip(contracts, WRONG, strict=True):
        assert contract["name"].startswith(begin) and f"{contract['name']} BROKEN" in done.stdout, done.stdout
    assert "hugelab.attic" in done.stdout
