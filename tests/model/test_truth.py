"""The model with the rules of 3.10 and of 6.1 against those kernels: every step of 25 scenarios."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from hugelab import LESSON, Scenario, ScenarioError, lesson, run
from hugelab.model.kernel import boot
from tests.conftest import DATA
from tests.truth import MACHINE, MACHINES, Walk, scenarios

TRUTH = {kernel: scenarios(DATA / f"truth_{kernel}.json") for kernel in MACHINES}
CASES = [(kernel, name) for kernel, found in TRUTH.items() for name in found]


@pytest.mark.parametrize(("kernel", "name"), CASES, ids=["-".join(case) for case in CASES])
def test_scenario_as_on_the_kernel(kernel: str, name: str) -> None:
    """Counters and outcome after every step, addresses that mmap chose, and which frame came back when."""
    walk = Walk(TRUTH[kernel][name], MACHINES[kernel])
    walk.run()
    assert walk.compared == len(TRUTH[kernel][name]) >= 3
    missing = {step["do"] for step in TRUTH[kernel][name] if "fallocate" in step["do"] or "madv" in step["do"]}
    assert set(walk.skipped) == (missing if kernel == "k310pae" else set())


def test_how_much_of_the_truth_is_covered(say: Callable[[str], None]) -> None:
    """All of it."""
    for kernel, found in TRUTH.items():
        walks = [Walk(steps, MACHINES[kernel]) for steps in found.values()]
        for walk in walks:
            walk.run()
        compared, frames = sum(walk.compared for walk in walks), sum(len(walk.frames) for walk in walks)
        say(f"truth_{kernel}: {len(found)} scenarios, {compared} steps, {frames} frames equal")
        assert (len(found), compared) == (25, sum(map(len, found.values())))
        assert frames >= 68


def test_310_refuses_min_size() -> None:
    """The recorded mount with min_size= was EINVAL (scenario subpool); with size= alone it is accepted."""
    with pytest.raises(ScenarioError, match="EINVAL"):
        boot(Scenario("x", 10, mounts={"m": "size=8M,min_size=4M"}), MACHINE)
    assert boot(Scenario("x", 10, mounts={"m": "size=8M"}), MACHINE).state.counters()[0] == (10, 10, 0, 0)


def test_the_comparison_can_fail() -> None:
    """A wrong count, a wrong outcome, a wrong address: each is found."""
    for old, new in (
        ('"rsvd": 5', '"rsvd": 4'),
        ("munmap = 0", "munmap = -1 errno=12"),
        ("0xb6c00000-", "0xb6a00000-"),
    ):
        steps = json.loads(json.dumps(TRUTH["k310pae"]["lesson"]).replace(old, new, 1))
        with pytest.raises(AssertionError, match="step"):
            Walk(steps).run()


def test_frames_of_the_lessons_pool_follow_the_recorded_pattern() -> None:
    """A real 3.10 pool, grown at run time, hands out other frames in the lesson's pattern (docs/lesson.md)."""
    text = (DATA / "k310pae_as_lesson_b.txt").read_text()
    real = [int(pfn) for pfn in re.findall(r"alloc_huge_page\(\) SUCCESS - page=\w+, pfn=(\d+)", text)]
    model = [
        event.pfn for event in run(lesson(), LESSON) if (event.name, event.moment) == ("alloc_huge_page", "success")
    ]
    assert len(real) == 5
    assert len({ours - theirs for ours, theirs in zip(model, real, strict=True) if ours is not None}) == 1
