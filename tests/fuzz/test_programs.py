"""The machine that makes random programs: it reaches every operation, the design is sound, a difference is found."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from hugelab import Scenario
from hugelab.linux.operations import OPERATIONS
from hugelab.model.core import operation
from hugelab.model.kernel import Kernel, boot, check_case
from tests.conftest import fully
from tests.invariants import dump

from .machine import LEFT_OUT, MACHINE, Different, Programs


def plan(programs: int) -> settings:
    """The same programs every time."""
    return settings(
        max_examples=programs,
        stateful_step_count=25,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


# Calls that go through a range, or fault pages in, keep what they did before the error (as the kernel does).
GOES_ON = {"fallocate", "madvise", "mlock", "mprotect", "mremap", "kread", "demote"}


def everything(kernel: Kernel) -> dict[str, Any]:
    """The whole state, but for what counts the refusals of a cgroup."""
    return {key: value for key, value in dump(kernel.state).items() if not key.startswith("cgroup")}


class Design(Programs):
    """Programs on the model as intended, alone: the invariants hold after every step, a refusal changes nothing."""

    machine: ClassVar[Any] = MACHINE.as_intended()
    sound: ClassVar[bool] = True
    boot_other: ClassVar[Any] = None

    def do(self, op: str, proc: str = "P", **args: Any) -> None:
        assert self.model is not None
        before, count = everything(self.model), len(self.ops)
        super().do(op, proc, **args)
        refused = self.last.startswith("E") if len(self.ops) > count else True
        goes_on = op in GOES_ON or "O_DIRECT" in (args.get("flags") or ())  # a file that open made stays
        if refused and not goes_on and not self.over and f"mm/{proc}" in before:
            assert everything(self.model) == before, (self.program(), self.last)


def test_the_design_is_sound_in_random_programs_over_all_operations() -> None:
    """And every operation of the vocabulary is in them, with success and with failure where it can fail."""
    Design.seen.clear()
    run_state_machine_as_test(Design, settings=plan(1500 if fully() else 500))
    done = {key.split()[0] for key in Design.seen if " " in key}
    assert OPERATIONS.keys() - LEFT_OUT == operation.keys() - LEFT_OUT
    missing = OPERATIONS.keys() - LEFT_OUT - done
    assert len(missing) <= (0 if fully() else 2), missing  # the sample of `make test` may miss a rare one
    wanted = {"touch SIGBUS", "touch SIGSEGV", "mmap ENOMEM", "mmap EINVAL", "fallocate ENOSPC", "kread EFAULT"}
    wanted |= {"mremap EINVAL", "munmap EINVAL", "seal EPERM", "shmget ENOMEM"}
    wanted |= {"umount EBUSY"} if fully() else set()
    assert not {outcome for outcome in wanted if not Design.seen[outcome]}


class Wrong(Kernel):
    """A kernel whose close gives a page away."""

    def run(self, op: Any) -> tuple[str, Any]:
        answer = super().run(op)
        if op.op == "close" and answer[0] == "ok":
            self.state.pools[0].nr_huge_pages += 1
        return answer

    def close(self) -> None:
        """Nothing to give back."""


def wrong(scenario: Scenario) -> Wrong:
    """It, booted like the model."""
    right = boot(scenario, MACHINE)
    right.__class__ = Wrong
    return right  # type: ignore[return-value]


class Doctored(Programs):
    """Against the wrong kernel."""

    boot_other = staticmethod(wrong)


def test_a_difference_is_found_and_shrunk_to_a_case() -> None:
    """The smallest program is an open and a close; it prints as JSON that ``hugelab check`` can read."""
    with pytest.raises(Different) as caught:
        run_state_machine_as_test(Doctored, settings=plan(200))
    *_, program = str(caught.value).splitlines()
    case = Scenario.from_json(json.loads(program))
    assert len(case.steps) == 2
    assert case.steps[-1].op == "close"
    assert check_case(case).complete
