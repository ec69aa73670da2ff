"""What all tests share: the recorded data, and hypothesis that draws the same examples every time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Same examples on every run; `--hypothesis-profile=explore` draws new ones.
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci")

DATA = Path(__file__).parent / "data"


@pytest.fixture
def data() -> Path:
    """The folder of the recorded answers."""
    return DATA


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a line that is seen even when pytest captures."""

    def _say(text: str) -> None:
        with capsys.disabled():
            print(f"\n  {text}")

    return _say
