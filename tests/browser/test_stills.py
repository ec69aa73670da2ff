"""`make notebooks`: what it writes, and that writing it again changes no byte."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import in_proof
from tools import notebooks

from .conftest import ROOT, watch_jupyter
from .jupyter import Server, open_notebook, run_all

pytestmark = pytest.mark.browser

NAME = "02_mmap.ipynb"


@pytest.mark.full
@in_proof
def test_rewriting_changes_no_byte(browser: Any, server: Server, tmp_path: Path) -> None:
    """A still whose lab shows what it showed stays, byte for byte; one that shows something else is taken anew."""
    import nbformat

    saved = ROOT / "notebooks" / NAME
    with watch_jupyter(browser, server, viewport=notebooks.VIEWPORT) as watched:
        open_notebook(watched.page, server, NAME)
        run_all(watched.page)
        same = Path(shutil.copy(saved, tmp_path / "same.ipynb"))
        notebooks.build(same, watched.page)
        assert same.read_bytes() == saved.read_bytes()

        other = nbformat.read(saved, as_version=4)
        stills = [out for cell in other.cells for out in cell.get("outputs", []) if "still" in out.get("metadata", {})]
        assert len(stills) == 2
        stills[0].data["image/png"] = "kept"
        stills[1].metadata["still"], stills[1].data["image/png"] = "of something else", "old"
        changed = tmp_path / "changed.ipynb"
        nbformat.write(other, changed)
        notebooks.build(changed, watched.page)
        first, second = notebooks.known(nbformat.read(changed, as_version=4)).values()
        assert first == "kept" and len(second) > 10_000
