"""The rows of the operations beside those who carry them out."""

from __future__ import annotations

from importlib import import_module

from hugelab.linux.operations import ADMINISTRATOR, OPERATIONS
from hugelab.live.registry import by_runner


def test_what_the_administrator_does_no_process_of_a_scenario_does() -> None:
    """On the running kernel: who drives the scenario does it, beside what concerns several processes."""
    import_module("hugelab.live.kernel")  # enters them
    several = {"sendfd", "shmget", "shmat", "fork", "exit", "kill", "cg_attach"}
    assert {name for name, row in OPERATIONS.items() if row.who == ADMINISTRATOR} == by_runner.keys() - several
