"""The machine's pool for one test at a time, also when pytest runs in several processes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LOCK = Path(tempfile.gettempdir()) / "hugelab-tests.lock"


@contextmanager
def alone() -> Iterator[None]:
    """No other test that asks for it uses the pool inside. Nothing to wait for where there is no flock."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(LOCK, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture
def pool_alone() -> Iterator[None]:
    """For a test that changes the pool, or says what is in it."""
    with alone():
        yield
