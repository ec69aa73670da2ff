"""The notebooks as files: complete, executed, comparable, linked; and nbval really compares them.

They are run once: by tests/browser/test_notebooks.py in JupyterLab, or, without a Chromium, by nbval from here.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser.jupyter import CHROMIUM, KERNEL

from .compare import differences

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [path.name for path in NOTEBOOKS]
HEADINGS = ["Predict", "Run", "Compare", "Explain", "Break it"]


@pytest.fixture(params=NOTEBOOKS, ids=NAMES)
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def read(path: Path) -> Any:
    """The notebook. (nbformat takes seconds to import: no process does that only to collect tests.)"""
    import nbformat

    return nbformat.read(path, as_version=4)


def nbval(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest --nbval in a process of its own."""
    command = [sys.executable, "-m", "pytest", "--nbval", "-p", "no:cacheprovider", "-q", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def test_course_so_far() -> None:
    """Notebooks 00 to 11 are there."""
    assert [name[:2] for name in NAMES] == [f"{number:02}" for number in range(12)]


def test_form(path: Path) -> None:
    """Objectives, a time of at most 45 minutes, the five sections in order, a link to the next notebook."""
    texts = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    whole = "\n\n".join(texts)
    assert whole.startswith("# ")
    assert "**After this notebook you can**" in texts[0]
    minutes = re.search(r"Time: (\d+) minutes", texts[0])
    assert minutes and int(minutes[1]) <= 45
    assert [heading for heading in re.findall(r"^## (.+)$", whole, re.M) if heading in HEADINGS] == HEADINGS
    following = NAMES[(NAMES.index(path.name) + 1) % len(NAMES)]
    assert f"({following})" in texts[-1]


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.name >= "07"], ids=lambda path: path.name)
def test_time_by_section_and_three_questions(path: Path) -> None:
    """The minutes of the sections are those of the whole; a box with what to type; three questions at the end."""
    cells = read(path).cells
    first = cells[0].source
    minutes = re.search(r"Time: (\d+) minutes: (.+)\.", first)
    assert minutes and sum(map(int, re.findall(r"\d+", minutes[2]))) == int(minutes[1])
    headings = re.findall(r"^## (.+)$", "\n".join(c.source for c in cells if c.cell_type == "markdown"), re.M)
    assert headings[-2:] == ["What to do about it", "Three questions"]
    for heading in headings:
        assert heading.split()[-1] in minutes[2] or heading.split()[0] in minutes[2], heading
    begin = max(i for i, cell in enumerate(cells) if "## Three questions" in cell.source)
    questions = [cell.source for cell in cells[begin:] if cell.cell_type == "code"]
    assert len(questions) == 3 and all("labs.predict(" in question for question in questions)
    for question in questions:
        assert not re.search(r'answer=("[^"]*"|\d+),$', question, re.M), "an answer that nobody computed"


def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link is a file."""
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)#:]+)\)", cell.source):
                assert (path.parent / target).exists(), target


def test_every_code_cell_was_run_and_is_compared(path: Path) -> None:
    """nbval skips a cell without an execution count; and no cell ended in an error."""
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert not any(output.output_type == "error" for output in cell.outputs)
        assert len(cell.source.splitlines()) <= 15
    assert any(output for cell in cells for output in cell.outputs)


def test_saved_outputs_hold_nothing_of_this_machine(path: Path) -> None:
    """No widget state, no path, no time, no object address; small enough for a page."""
    text = path.read_text()
    assert "widget-view" not in text
    assert "application/vnd.jupyter.widget-state" not in text
    assert not re.search(r"/(home|root|tmp)/|iopub|execution_start", text)
    assert not re.search(r"object at 0x|<\w+ at 0x", text)
    assert len(text) < 300_000


def test_every_lab_has_a_still_picture(path: Path) -> None:
    """A PNG with words in place of each lab, then the sentence that says how to bring it alive."""
    for cell in read(path).cells:
        if cell.cell_type == "code" and re.search(r"^labs\.(?!predict|doctor|agreement|kernels)\w+\(.*\)$", cell.source, re.M):
            if ".recording" in cell.source:
                continue
            picture, sentence = cell.outputs
            assert len(picture.data["image/png"]) > 10_000
            assert len(picture.data["text/plain"]) > 40
            assert "Shift+Enter" in sentence.data["text/plain"]


if CHROMIUM is None:

    def test_nbval_passes() -> None:
        """Every code cell is a test, and passes."""
        done = nbval(ROOT / "notebooks", "-v")
        cells = sum(cell.cell_type == "code" for path in NOTEBOOKS for cell in read(path).cells)
        assert done.returncode == 0, done.stdout
        assert len(re.findall(r"\.ipynb::", done.stdout)) == cells


def test_nbval_sees_a_changed_number(tmp_path: Path) -> None:
    """Of two cells the saved output of one is not what it prints: nbval fails, so it does compare."""
    from nbformat.v4 import new_code_cell, new_notebook, new_output

    saved = [new_output("stream", text="5 pages\n"), new_output("stream", text="6 pages\n")]
    cells = [new_code_cell("print(5, 'pages')", outputs=[out], execution_count=1) for out in saved]
    notebook = new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    (tmp_path / "changed.ipynb").write_text(json.dumps(notebook))
    result = nbval(tmp_path)
    assert result.returncode == 1, result.stdout
    assert "1 failed, 1 passed" in result.stdout


def test_the_browsers_comparison_sees_a_changed_number(request: pytest.FixtureRequest) -> None:
    """The saved outputs are equal to themselves; with a digit changed, or an output less, they are not."""
    path = ROOT / "notebooks" / "01_open.ipynb"
    outputs = [cell.outputs for cell in read(path).cells if cell.cell_type == "code"]
    assert differences(request.session, path, outputs) == []
    numbers = 0
    for i, cell in enumerate(outputs):
        for j, output in enumerate(cell):
            changed, less = copy.deepcopy(outputs), copy.deepcopy(outputs)
            del less[i][j]
            data = changed[i][j].get("data", changed[i][j])
            key = "text" if "text" in data else "text/plain"
            data[key] = re.sub(r"\d", lambda digit: str(9 - int(digit[0])), data[key], count=1)
            expected = [less] if data[key] == output.get("data", output)[key] else [less, changed]
            numbers += len(expected) - 1
            for outs in expected:
                (found,) = differences(request.session, path, outs)
                assert found.startswith(f"{path.name}, cell {i}:")
    assert numbers > 3
    with pytest.raises(ValueError, match="longer|shorter"):
        differences(request.session, path, outputs[1:])
