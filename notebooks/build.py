"""Run every notebook and write it back, byte for byte the same each time.

    python notebooks/build.py [NOTEBOOK ...]

A saved notebook keeps its texts and each lab's first picture; widget state, times and machine details are left out.
"""

from __future__ import annotations

import base64
import io
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

HERE = Path(__file__).parent
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
COLOURS = 200
WIDGET = "application/vnd.jupyter.widget-view+json"


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out what differs from run to run. The execution counts stay: nbval skips a cell without one."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number}"
        cell.metadata = nbformat.from_dict({})
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            data.pop(WIDGET, None)
            if "image/png" in data:
                data["image/png"] = smaller(data["image/png"])
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
    return notebook


def smaller(png: str) -> str:
    """The same picture in COLOURS colours, base64: a third of the size, and nobody sees it."""
    whole = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    out = io.BytesIO()
    whole.quantize(COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode("ascii")


def build(path: Path) -> None:
    """Execute one notebook in its own folder and write it back. Raises when a cell fails."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        record_timing=False,
        coalesce_streams=True,  # prints that arrive in two messages are one output
        extra_arguments=["--log-level=40"],  # errors alone
        resources={"metadata": {"path": str(HERE)}},
    )
    client.execute()
    nbformat.write(clean(notebook), path)


def main(names: list[str]) -> int:
    paths = [Path(name) for name in names] or sorted(HERE.glob("*.ipynb"))
    for path in paths:
        start = time.monotonic()
        build(path)
        print(f"{path.name}: {time.monotonic() - start:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
