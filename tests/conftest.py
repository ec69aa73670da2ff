"""What all tests share: the recorded data, hypothesis that draws the same examples every time, and which tests stay
together on one of several workers."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

# Same examples on every run, 25 of them in `make test` and 100 in `make proof`; "explore" draws new ones.
ALWAYS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", ALWAYS, max_examples=25, derandomize=True)
settings.register_profile("full", ALWAYS, max_examples=100, derandomize=True)
settings.register_profile("explore", ALWAYS, max_examples=1000)
settings.load_profile("ci")

T = TypeVar("T")
DATA = Path(__file__).parent / "data"
ARTEFACTS = Path(__file__).parent / "artefacts"
# Where tests run on several workers, these stay on one: what shares a JupyterLab, and what uses the huge page pool,
# which only one can have. Any other file is a group of its own. Those of FIRST begin, as they take longest.
GROUPS = {
    **dict.fromkeys((f"browser/test_{name}.py" for name in ("notebooks", "kernel", "plot", "controls")), "notebooks"),
    "browser/": "labs",
    **dict.fromkeys(("live/", "measure/", "cli/", "labs/test_side_by_side.py", "course/test_recorded.py"), "pool"),
}
FIRST = ["labs", "notebooks", "pool", "fuzz/test_programs.py", "labs/test_sweep.py", "tlb/test_engines.py"]


def examples(full: int) -> settings:
    """So many examples in `make proof`, a quarter of them in `make test`, ten times as many to explore."""
    return settings(max_examples=max(full * settings.default.max_examples // 100, 1))


def fully() -> bool:
    """Is this `make proof`? Then nothing is a sample."""
    return settings.default.max_examples >= 100


def in_proof(test: Any) -> Any:
    """Only `make proof` asks this test, which takes long."""
    return pytest.mark.skipif(not fully(), reason="takes long: make proof asks it")(test)


def some(cases: Sequence[T], every: int = 3) -> Sequence[T]:
    """Every third case; all of them in `make proof` (the test that asks has the mark ``full``)."""
    return cases[:: 1 if fully() else every]


def group(nodeid: str) -> str:
    """The name of what stays on one worker with a test. (The mark xdist_group has no effect with pytest 9.2.)"""
    file = nodeid.split("::")[0].removeprefix("tests/")
    return next((name for begin, name in GROUPS.items() if file.startswith(begin)), file)


def pytest_collection_finish() -> None:
    """Thousands of tests stay until the end: the garbage collector need not look at them each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups that take long are first."""
    order = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(group(item.nodeid), len(order)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands out one group after the other."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return ByGroup(config, log)


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
