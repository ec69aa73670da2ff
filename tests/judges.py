"""What catches a mutant: the recorded kernels, or a file of tests. They judge the package that is imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).parents[1]


def recorded() -> Iterator[str]:
    """Every check of the recorded kernels and of the invariants; yields what catches the model that is imported."""
    from hugelab import load, run
    from hugelab.model.kernel import check_case
    from hugelab.record.invariants import unsound
    from tests.truth import MACHINES, Walk, scenarios

    data = ROOT / "tests" / "data"
    for name in ("scenarios.json", "random_6.18.json"):
        for case in load(data / name):
            difference = check_case(case).difference
            if difference:
                yield f"{name}, {case.name}: {difference}"
    for kernel, machine in MACHINES.items():
        for name, steps in scenarios(data / f"truth_{kernel}.json").items():
            try:
                Walk(steps, machine).run()
            except AssertionError as error:
                yield f"truth_{kernel}, {name}: {error}"
    for case in load(data / "scenarios.json"):
        if not case.extra.get("kernel_quirk") and (problem := unsound(run(case))):
            yield f"the invariants in {case.name}: {problem}"


def _safe(found: Iterator[str]) -> Iterator[str]:
    """A model that breaks down is caught, too."""
    try:
        yield from found
    except (NameError, SyntaxError, ImportError):
        raise  # the mutant is written wrongly: that proves nothing
    except Exception as error:
        yield f"{type(error).__name__} in a recorded case: {error}"


class Failure:
    """A plugin of pytest that keeps the first test that fails, and has hypothesis look for no smaller example."""

    first: str | None = None

    def pytest_sessionstart(self) -> None:
        settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate])
        settings.load_profile("mutants")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.first is None:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.first = f"{report.nodeid}: {crash.message if crash else report.longreprtext}"


def tested(judge: str) -> Iterator[str]:
    """The first test of a file that the package that is imported fails."""
    failure = Failure()
    options = ["-x", "-o", "addopts=", "-p", "no:terminal", "-p", "no:cacheprovider", "--rootdir", str(ROOT)]
    code = pytest.main([*options, "-c", str(ROOT / "pyproject.toml"), str(ROOT / "tests" / judge)], plugins=[failure])
    if failure.first:
        yield failure.first
    elif code:
        raise RuntimeError(f"pytest ended with {code!r}")


def judged(judge: str) -> int:
    """In the mutant's process: print what catches it; 1 if nothing does."""
    caught = next(tested(judge) if judge else _safe(recorded()), None)
    print(caught.splitlines()[0][:200] if caught else "")
    return not caught
