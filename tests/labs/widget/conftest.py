"""Work that takes long, for the tests of labs as widgets."""

from __future__ import annotations

import time
from typing import Any

import pytest

from hugelab.labs.widget import job as jobs
from hugelab.labs.widget.film_lab import run_slowly
from hugelab.labs.widget.job import Work


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of milliseconds."""
    monkeypatch.setattr(jobs, "AT_ONCE", 0.01)
    monkeypatch.setattr(jobs, "SLICE", 0.005)


@pytest.fixture
def slow(short: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step of a program takes 4 milliseconds, which is long."""

    def slowly(*given: Any) -> Work[Any]:
        made = run_slowly(*given)
        while True:
            time.sleep(0.004)
            try:
                progress = next(made)
            except StopIteration as end:
                return end.value
            yield progress

    monkeypatch.setattr("hugelab.labs.widget.film_lab.run_slowly", slowly)
