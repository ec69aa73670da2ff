"""plotly.js on its way to the page: the file of the package, once a kernel, or why there is none."""

from __future__ import annotations

import gzip
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import plotly
import pytest

from hugelab import labs
from hugelab.labs.widget import library as module
from hugelab.labs.widget.library import Library, library
from hugelab.views.plots import library as plots
from tests.labs.views import check_views, displayed

FILE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def test_it_is_plotlys_own_file() -> None:
    """Byte for byte, and packed: a websocket message has at most 10 MB."""
    found = library()
    assert gzip.decompress(found.script) == FILE.read_bytes()
    assert found.missing == ""
    assert len(found.script) < FILE.stat().st_size / 2 < 10_000_000
    assert found.get_state("script") == {"script": found.script}


def test_it_is_the_same_for_all_labs() -> None:
    """Also after one that was closed."""
    several = [displayed(make()) for make in (labs.start, labs.entries, labs.side_by_side, labs.measured)]
    assert {id(lab.library) for lab in several} == {id(library())}
    for lab in several:
        lab.close()
    assert library().comm is not None and labs.start().library is library()


def missing(name: str, *given: Any) -> Any:
    return None if name == "plotly" else find_spec(name, *given)


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said with the command that installs it; the labs work, without their plots."""
    monkeypatch.setattr(plots, "find_spec", missing)
    with pytest.raises(FileNotFoundError, match="python -m pip install plotly"):
        plots.compressed()
    none: Future[bytes] = Future()
    monkeypatch.setattr(module, "_script", none)
    module._compress()
    found = module.bring()
    assert isinstance(found, Library) and found.script == b""
    assert found.missing.startswith("FileNotFoundError: the package plotly is not installed: ")
    monkeypatch.setattr("hugelab.labs.widget.lab.library", lambda: found)
    lab = displayed(labs.start())
    assert lab.library is found
    lab.pages.value = 7
    check_views(lab)


def test_a_file_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package without its script: its path is said."""

    class Spec:
        submodule_search_locations = [str(tmp_path)]

    monkeypatch.setattr(plots, "find_spec", lambda name: Spec)
    monkeypatch.setattr(module, "_script", Future())
    module._compress()
    found = module.bring()
    assert found.script == b"" and found.missing.startswith("FileNotFoundError: ") and "plotly.min.js" in found.missing
