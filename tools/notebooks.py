"""Run every notebook in JupyterLab and write it back, byte for byte the same each time.

    python -m tools.notebooks [NOTEBOOK ...]

A saved notebook keeps its texts and a still picture of each lab, taken in Chromium; widgets, their state, times and
machine details are left out. A still whose lab shows what it showed before stays as it is, byte for byte.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import nbformat
from PIL import Image

from hugelab.views.page import STYLE
from tests.browser.jupyter import CHROMIUM, HOW, browse, cell_errors, open_notebook, outputs, run_all, serve

if TYPE_CHECKING:
    from playwright.sync_api import Page

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
COLOURS = 128
WIDGET = "application/vnd.jupyter.widget-view+json"
LAB = "[data-hl=explorer]"
VIEWPORT = {"width": 1280, "height": 1800}  # a lab has to be in view as a whole
READY = f"""() => [...document.querySelectorAll("{LAB}")].every(({{ dataset: {{ shown, whole, tab }} }}) =>
    shown && (whole === shown || !tab)
    && [...document.querySelectorAll(".hl-plot")].every((plot) => plot.dataset.drawn || !plot.clientHeight))"""
# What a lab shows: its texts, the figures of its plots, and its pictures. (The log grows while it is being fetched.)
TEXTS = ["caption", "numbers", "refusal", "message", "unlike", "steps-pane", "tables"]
SHOWN = f"""(lab) => JSON.stringify([
    [...lab.querySelectorAll("{", ".join(f".hl-{name}" for name in TEXTS)}")].map((one) => one.textContent),
    [...lab.querySelectorAll(".js-plotly-plot")].map(({{ data, layout: {{ width, ...layout }} }}) => [data, layout]),
    [...lab.querySelectorAll(".hl-picture")].map((one) => one.innerHTML),
    [...lab.querySelectorAll("input, select")].map((one) => one.value)])"""


def smaller(png: bytes) -> str:
    """The same picture in COLOURS colours, base64: a third of the size, and nobody sees it."""
    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
        out, "PNG", optimize=True
    )
    return base64.b64encode(out.getvalue()).decode("ascii")


def stills(page: Page, before: dict[str, str]) -> list[list[tuple[str, str]]]:
    """For each code cell of the open notebook its labs' pictures: a fingerprint of what is shown, and the PNG; of those
    ``before`` that have the fingerprint the same one."""
    page.wait_for_function(READY, timeout=60_000)
    found = []
    for cell in page.locator(".jp-CodeCell").all():
        made = []
        for lab in cell.locator(LAB).all():
            shown = json.dumps(json.loads(lab.evaluate(SHOWN)), sort_keys=True)
            key = hashlib.sha256((shown + STYLE).encode()).hexdigest()[:16]
            made.append((key, before.get(key) or smaller(lab.screenshot())))
        found.append(made)
    return found


def clean(output: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from run to run."""
    output.get("data", {}).pop(WIDGET, None)
    return {**output, "metadata": {}} if "metadata" in output else output


def known(notebook: Any) -> dict[str, str]:
    """The stills that a notebook has, by their fingerprints."""
    kept = [out for cell in notebook.cells for out in cell.get("outputs", []) if "still" in out.get("metadata", {})]
    return {out.metadata.still: out.data["image/png"] for out in kept}


def build(path: Path, page: Page) -> None:
    """Write back one notebook that was run on the page. Raises RuntimeError when a cell failed."""
    if errors := cell_errors(page):
        raise RuntimeError(f"{path.name}: {errors[0]}")
    notebook = nbformat.read(path, as_version=4)
    pictures = stills(page, known(notebook))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, (cell, made, labs) in enumerate(zip(code, outputs(page), pictures, strict=True), 1):
        widgets = [i for i, output in enumerate(made) if WIDGET in output.get("data", {})]
        cell.outputs = [nbformat.from_dict(clean(output)) for output in made]
        cell.execution_count = count  # nbval skips a cell without one
        for at, (key, png) in zip(widgets, labs, strict=False):
            cell.outputs[at - 1].data["image/png"] = png  # the words before the widget
            cell.outputs[at - 1].metadata = nbformat.from_dict({"still": key})
    for number, cell in enumerate(notebook.cells, 1):
        cell.id, cell.metadata = f"cell-{number}", nbformat.from_dict({})
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.write(notebook, path)


def main(names: list[str]) -> int:
    if CHROMIUM is None:
        print(HOW)
        return 2
    paths = [Path(name) for name in names] or sorted(NOTEBOOKS.glob("*.ipynb"))
    with TemporaryDirectory(prefix="hugelab-notebooks-", ignore_cleanup_errors=True) as home:
        course = Path(home) / "course"
        shutil.copytree(NOTEBOOKS, course, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__"))
        with serve(course, Path(home)) as server, browse(CHROMIUM) as browser:
            for path in paths:
                start = time.monotonic()
                page = browser.new_page(viewport=VIEWPORT)  # type: ignore[arg-type]
                open_notebook(page, server, path.name)
                run_all(page)
                build(path, page)
                page.close()
                print(f"{path.name}: {time.monotonic() - start:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
