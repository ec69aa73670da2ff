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
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a line at the end of the run; it comes through from xdist's workers, too."""
    return lambda text: request.node.user_properties.append(("say", text))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests said: how much of the recorded kernels was compared."""
    passed = terminalreporter.getreports("passed")
    said = [value for report in passed for name, value in report.user_properties if name == "say"]
    if said:
        terminalreporter.section("compared with recorded kernels")
        for line in sorted(set(said)):
            terminalreporter.write_line(line)
