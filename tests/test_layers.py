"""The house: who may import whom, and that a module fits one sitting (DESIGN, decisions 7 and 8)."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hugelab

PACKAGE = Path(hugelab.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))
WIDGETS = {"ipywidgets", "anywidget", "traitlets", "IPython"}
DRAWING = {"plotly", "numpy", "resvg_py", *WIDGETS}
SCRIPTS = (".py", ".js", ".css")


def _id(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def imported(path: Path) -> set[str]:
    """The full names of all modules that a file imports, anywhere in it."""
    package = ["hugelab", *path.relative_to(PACKAGE).parent.parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *([node.module] if node.module else [])]
            found.add(".".join(module))
            found |= {".".join([*module, alias.name]) for alias in node.names}
    return found


def test_relative_imports_are_read_right() -> None:
    """The reader of imports knows what `from ..runs import Run` in hugelab/model is."""
    names = imported(PACKAGE / "model" / "kernel.py")
    assert {"hugelab.recording", "hugelab.model.files", "collections.abc"} <= names


@pytest.mark.parametrize("path", MODULES, ids=_id)
def test_no_module_is_too_long(path: Path) -> None:
    """At most 600 lines."""
    assert 0 <= len(path.read_text().splitlines()) <= 600


SOURCES = [path for path in MODULES if {"model", "trace", "live"} & set(path.relative_to(PACKAGE).parts)]


@pytest.mark.parametrize("path", SOURCES, ids=_id)
def test_sources_know_no_view(path: Path) -> None:
    """Nothing flows back: what runs a scenario imports neither plot nor widget nor drawing."""
    names = imported(path)
    assert not {name.split(".")[0] for name in names} & DRAWING
    assert not [name for name in names if name.startswith(("hugelab.draw", "hugelab.labs", "hugelab.__main__"))]


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent == PACKAGE], ids=_id)
def test_the_core_knows_no_plot_and_no_widget(path: Path) -> None:
    """scenario, recording, flow, the command line: standard library and hugelab alone."""
    tops = {name.split(".")[0] for name in imported(path)} - {"hugelab", "__future__"}
    assert tops <= sys.stdlib_module_names


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name != "labs"], ids=_id)
def test_only_labs_import_widgets(path: Path) -> None:
    """ipywidgets and anywidget appear in hugelab/labs only; drawing does not know the labs."""
    tops = {name.split(".")[0] for name in imported(path)}
    assert not tops & WIDGETS
    assert not [name for name in imported(path) if name.startswith("hugelab.labs")]


def test_labs_do_import_widgets() -> None:
    """The rule above is not empty."""
    labs = set().union(*(imported(path) for path in MODULES if path.parent.name == "labs"))
    assert {"ipywidgets", "anywidget"} <= {name.split(".")[0] for name in labs}


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name == "draw"], ids=_id)
def test_drawing_needs_little(path: Path) -> None:
    """The standard library, and for PNG alone the one renderer: no plot library, nothing of Jupyter."""
    tops = {name.split(".")[0] for name in imported(path)} - {"hugelab", "__future__"}
    assert tops - sys.stdlib_module_names <= ({"resvg_py"} if path.name == "svg.py" else set())


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name in ("tlb", "measure", "why")], ids=_id)
def test_what_is_computed_and_measured_knows_no_view(path: Path) -> None:
    """The standard library; numpy and numba in the two engines that are named after them, and nowhere else."""
    names = imported(path)
    own = {"vector.py": {"numpy"}, "compiled.py": {"numpy", "numba"}}.get(path.name, set())
    assert {name.split(".")[0] for name in names} - {"hugelab", "__future__"} - sys.stdlib_module_names <= own
    assert not [name for name in names if name.startswith(("hugelab.draw", "hugelab.labs", "hugelab.cli"))]


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name == "labs"], ids=_id)
def test_labs_draw_nothing_themselves(path: Path) -> None:
    """One widget, made in explorer.py; predict.py and doctor.py show a question and a table."""
    tops = {name.split(".")[0] for name in imported(path)}
    assert ("anywidget" in tops) == (path.name == "explorer.py")
    assert "ipywidgets" not in tops or path.name in ("predict.py", "doctor.py")


@pytest.mark.parametrize("path", sorted(path for path in PACKAGE.rglob("*") if path.suffix in SCRIPTS), ids=_id)
def test_no_plotly_anywhere(path: Path) -> None:
    """Neither in a module nor in a script: the plot is drawn by draw/plot.py."""
    assert "plotly" not in path.read_text(encoding="utf-8").lower()


def test_importing_hugelab_needs_the_standard_library_alone() -> None:
    """In a fresh interpreter: no third-party module is loaded by the package, its trace reader or its command line."""
    code = (
        "import sys; before = set(sys.modules); "
        "import hugelab, hugelab.flow, hugelab.check, hugelab.trace.judge.lesson, hugelab.live.probe, "
        "hugelab.__main__, hugelab.model.touching; hugelab.run(hugelab.lesson()); "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "hugelab" in loaded
    assert loaded - {"hugelab"} <= sys.stdlib_module_names
    assert not loaded & DRAWING


def test_every_module_says_what_it_is() -> None:
    """A module that holds code begins with a docstring."""
    for path in MODULES:
        tree = ast.parse(path.read_text())
        assert not tree.body or ast.get_docstring(tree), path
