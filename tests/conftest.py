"""What all tests share: the recorded data, hypothesis that draws the same examples every time, and which tests stay
together on one of several workers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Same examples on every run, 40 of them in `make test` and 100 in `make proof`; "explore" draws new ones.
ALWAYS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", ALWAYS, max_examples=40, derandomize=True)
settings.register_profile("full", ALWAYS, max_examples=100, derandomize=True)
settings.register_profile("explore", ALWAYS, max_examples=1000)
settings.load_profile("ci")

DATA = Path(__file__).parent / "data"
ARTEFACTS = Path(__file__).parent / "artefacts"
# Where tests run on several workers (pytest-xdist's --dist loadgroup), a file stays on one of them. So do the files of
# these folders, and all that use the huge page pool (their mark is "pool"), which only one can have. Those that take
# longest begin; then the files, the slowest first.
GROUPS = {
    "browser/test_notebooks.py": "notebooks",
    "browser": "labs",
}
FIRST = ["notebooks", "labs", "pool", "fuzz/test_programs.py", "labs/test_sweep.py", "tlb/test_engines.py"]


def examples(full: int) -> settings:
    """So many examples in `make proof`, two fifths of them in `make test`, ten times as many to explore."""
    return settings(max_examples=max(full * settings.default.max_examples // 100, 1))


def fully() -> bool:
    """Is this `make proof`? Then nothing is a sample."""
    return settings.default.max_examples >= 100


@pytest.hookimpl(tryfirst=True)  # pytest-xdist's looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test has a group; groups that take long are first."""

    def group(item: pytest.Item) -> str:
        for mark in item.iter_markers("xdist_group"):
            return str(mark.args[0])
        path = Path(item.path).relative_to(Path(__file__).parent).as_posix()
        name = next((GROUPS[key] for key in GROUPS if path.startswith(key)), path)
        item.add_marker(pytest.mark.xdist_group(name))
        return name

    order = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(group(item), len(order)))


@pytest.fixture
def data() -> Path:
    """The folder of the recorded answers."""
    return DATA


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a line at the end of the run; it comes through from xdist's workers, too."""
    return lambda text: request.node.user_properties.append(("say", text))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests said: how much of the recorded kernels was compared. A run on several workers keeps how long its
    50 slowest took in tests/artefacts/durations.txt."""
    if terminalreporter.config.getoption("numprocesses", None):
        every = [report for found in terminalreporter.stats.values() for report in found]
        timed = [report for report in every if isinstance(report, pytest.TestReport)]
        slowest = sorted(timed, key=lambda report: -report.duration)[:50]
        lines = [f"{report.duration:7.2f} s {report.when:<8} {report.nodeid}\n" for report in slowest]
        ARTEFACTS.mkdir(exist_ok=True)
        (ARTEFACTS / "durations.txt").write_text("".join(lines), encoding="utf-8")
    passed = terminalreporter.getreports("passed")
    said = [value for report in passed for name, value in report.user_properties if name == "say"]
    if said:
        terminalreporter.section("compared with recorded kernels")
        for line in sorted(set(said)):
            terminalreporter.write_line(line)
