"""nbval's comparison of a notebook's outputs with those that are saved in it, for whoever has run its cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest


def differences(session: pytest.Session, saved: Path, outputs: Sequence[Sequence[dict[str, Any]]]) -> list[str]:
    """A text for each code cell whose outputs (as in a notebook's JSON) are not the saved ones. Raises ValueError if
    there are not as many cells."""
    import nbformat  # with nbval it takes seconds: no process imports them only to collect tests
    from nbformat.v4 import new_code_cell, new_notebook
    from nbval.plugin import IPyNbFile, coalesce_streams

    for option in ("nbval_lax", "nbdime"):  # `make test` starts without the plugin; these are its defaults
        vars(session.config.option).setdefault(option, False)
    now = new_notebook(cells=[new_code_cell(outputs=nbformat.from_dict(list(output))) for output in outputs])
    found = []
    cells = IPyNbFile.from_parent(session, path=saved).collect()
    for cell, made in zip(cells, nbformat.v4.nbjson.rejoin_lines(now).cells, strict=True):
        if not cell.compare_outputs(coalesce_streams(made.outputs), coalesce_streams(cell.cell.outputs)):
            found.append("\n".join([f"{saved.name}, cell {cell.cell_num}:", *cell.comparison_traceback]))
    return found
