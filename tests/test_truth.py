"""The model with the rules of 3.10 against a real 3.10 kernel: every step of 25 scenarios (GROUND_TRUTH 2)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from hugelab import LESSON, Scenario, ScenarioError, lesson, run
from hugelab.model.kernel import boot
from tests.conftest import DATA
from tests.truth import MACHINE, Walk, scenarios

TRUTH = scenarios(DATA / "truth_k310pae.json")
FORKS = {"fork_cow", "fork_cow_full", "fork_parent_first", "fork_shared"}


@pytest.mark.parametrize("name", TRUTH)
def test_scenario_as_on_linux_310(name: str) -> None:
    """Counters and outcome after every step, addresses that mmap chose, and which frame came back when."""
    walk = Walk(TRUTH[name])
    walk.run()
    assert bool(walk.waiting) == (name in FORKS)
    assert walk.compared + len(walk.waiting) == len(TRUTH[name])
    assert walk.compared >= 3
    assert set(walk.skipped) == {
        step["do"] for step in TRUTH[name] if "fallocate" in step["do"] or "madv" in step["do"]
    }


def test_how_much_of_the_truth_is_covered(say: Callable[[str], None]) -> None:
    """21 scenarios run whole; only those that fork wait."""
    walks = {name: Walk(steps) for name, steps in TRUTH.items()}
    for walk in walks.values():
        walk.run()
    whole = [walk for walk in walks.values() if not walk.waiting]
    compared = sum(walk.compared for walk in walks.values())
    waiting = sum(len(walk.waiting) for walk in walks.values())
    frames = sum(len(walk.frames) for walk in walks.values())
    say(
        f"Linux 3.10: {len(whole)} of {len(TRUTH)} scenarios whole, {compared} steps compared, {frames} frames; "
        f"{len(TRUTH) - len(whole)} scenarios with {waiting} steps wait for fork"
    )
    assert len(whole) == 21
    assert compared >= 225
    assert frames >= 20


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
        steps = json.loads(json.dumps(TRUTH["lesson"]).replace(old, new, 1))
        with pytest.raises(AssertionError, match="step"):
            Walk(steps).run()


def test_frames_of_the_lessons_pool_follow_the_recorded_pattern() -> None:
    """A real 3.10 pool, grown at run time, hands out other frames in the lesson's pattern (GROUND_TRUTH 1)."""
    text = (DATA / "k310pae_as_lesson_b.txt").read_text()
    real = [int(pfn) for pfn in re.findall(r"alloc_huge_page\(\) SUCCESS - page=\w+, pfn=(\d+)", text)]
    model = [
        event.pfn for event in run(lesson(), LESSON) if (event.name, event.moment) == ("alloc_huge_page", "success")
    ]
    assert len(real) == 5
    assert len({ours - theirs for ours, theirs in zip(model, real, strict=True) if ours is not None}) == 1
