"""The lab for everything: up to a million pages, and programs of one's own on every machine."""

from __future__ import annotations

import time
from typing import Any

import ipywidgets
import pytest

from hugelab import MACHINES, Scenario, ScenarioError, labs, lesson, run
from hugelab.labs.explore import LARGE, OWN_MOST, STOPS
from hugelab.labs.widget.film_lab import FilmLab
from tests.labs.views import browse, check_views, displayed, go, offered, shown, together
from tests.views.read import CASE, CASES

OWN = [
    *("lesson_shared_file_no_unlink", "two_forked_children_share_then_die", "gigantic_demote", "memfd_hugetlb"),
    *("mount_min_size_statfs_and_limit", "cgroup1_rsvd_limit", "shared_gap_merge_and_enomem", "unprivileged_user"),
    *("quirk_fork_parent_munmap_first_underflow", "mount_size_pool_short_noreserve_then_statfs"),
]


def built(*given: Any, **values: Any) -> FilmLab:
    return displayed(labs.explore(*given, **values))


# -- many pages --------------------------------------------------------------------------------------
@pytest.mark.parametrize("machine", LARGE)
@pytest.mark.parametrize("kind", labs.KINDS)
def test_a_million_pages_of_every_kind(machine: str, kind: str) -> None:
    """Mapped, touched and let go in well below a second, on every machine that offers it."""
    most = STOPS[-1]
    lab = shown("explore")
    begin = time.perf_counter()
    together(lab, machine=machine, kind=kind, pages=most, pool=most, touched=most)
    assert time.perf_counter() - begin < 1
    check_views(lab)
    assert lab.recording.steps[2].value == {"done": most}
    for part in (0, 1, 2, 3):
        go(lab, (len(lab.film.timeline) - 1) * part // 3)


def test_only_what_can_be_run_is_offered() -> None:
    """The lesson's machine has too little memory, and pages of two nodes are no runs."""
    assert set(MACHINES) - set(LARGE) == {"lesson", "numa"}
    with pytest.raises(ValueError, match=r"^machine: one of .*, not 'numa'$"):
        labs.explore(machine="numa")


@pytest.mark.parametrize("name", ["pages", "pool", "touched"])
@pytest.mark.parametrize("value", [0, 7, 1000, STOPS[-1]])
def test_any_first_number_can_be_given(name: str, value: int) -> None:
    """The slider gets a stop there, and keeps the others; what is outside is refused."""
    lab = labs.explore(**{name: value})
    assert lab.values[name] == value
    stops = list(offered(lab.controls[name]))
    assert set(STOPS) | {value} == set(stops) and stops == sorted(stops)
    for wrong in (-1, STOPS[-1] + 1):
        with pytest.raises(ValueError, match=f"^{name}: "):
            labs.explore(**{name: wrong})


# -- programs of one's own ---------------------------------------------------------------------------
@pytest.mark.parametrize("name", OWN)
def test_own_programs_on_every_machine(name: str) -> None:
    """What can be run there is shown, with the model's numbers; what cannot is one line, and nothing else changes."""
    case, refused = CASE[name], []
    lab = built(case)
    check_views(lab)
    assert lab.title == case.name
    for machine in MACHINES:
        before = lab.recording
        browse(lab.machine, machine)
        if lab.message["kind"] == "refused":
            refused.append(machine)
            assert lab.recording is before
            assert "\n" not in lab.message["html"]
            continue
        check_views(lab)
        expected = MACHINES[machine]
        assert lab.recording.machine == expected
        assert lab.recording.to_json() == run(case, expected).to_json()
    assert set(refused) <= ({"lesson"} if "min_size" in str(case.mounts) else set())


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_recorded_case_can_be_explored(case: Scenario) -> None:
    """The lab starts, inside the program, with a sentence; where a step is refused, it starts there and says so."""
    lab = labs.explore(case)
    assert 0 <= lab.event < len(lab.recording)
    assert repr(lab).startswith(f"{case.name}. Event {lab.event}: total ")
    step = lab.recording.steps[lab.recording.step_of(lab.event)]
    if refused := lab.film.refusals[0]:
        assert (step.index, lab._start()) == (refused.step, refused.position)
        assert repr(lab).splitlines()[1] == f"{refused.text}."
        return
    assert all(one.outcome in ("ok", "unsupported") for one in lab.recording.steps)
    ops = [op.op for op in case.steps]
    assert step.op.op == ("touch" if "touch" in ops else ops[-1])


def test_the_pool_is_the_programs() -> None:
    """Its slider begins there, with a stop of its own; another first one can be given."""
    own = lesson(3, 21)
    lab = built(own)
    assert lab.values == {"pool": 21, "machine": "x86-64"}
    assert 21 in offered(lab.pool) and max(offered(lab.pool)) == OWN_MOST
    assert labs.explore(own, pool=2).recording.steps[1].outcome == "ENOMEM"
    assert labs.explore(own, pool=2).values["pool"] == 2
    assert labs.explore(own, machine="numa").recording.machine.name == "numa"
    lab.pool.value = 2
    assert lab.recording.steps[1].outcome == "ENOMEM"
    check_views(lab)
    large = labs.explore(lesson(3, 100_000))
    assert max(offered(large.pool)) == large.values["pool"] == 100_000
    with pytest.raises(ValueError, match=r"^pool: .*, not -1$"):
        labs.explore(own, pool=-1)


def test_own_programs_have_two_controls() -> None:
    """Pool and machine; every machine is offered."""
    lab = labs.explore(lesson())
    pool, machine = lab.controls.values()
    assert isinstance(pool, ipywidgets.SelectionSlider) and isinstance(machine, ipywidgets.Dropdown)
    assert offered(machine) == tuple(MACHINES)


def test_own_program_on_two_nodes_with_a_large_pool() -> None:
    """The largest pool of the slider, where pages are dealt out one by one: still quick enough to drag."""
    lab = built(lesson(16, 16), machine="numa")
    begin = time.perf_counter()
    lab.pool.value = OWN_MOST
    assert time.perf_counter() - begin < 1
    check_views(lab)


def test_cases_of_kernel_bugs_show_them() -> None:
    """A program that is marked so runs with the kernel bugs, and says the numbers that the kernel says."""
    case = CASE["quirk_fork_parent_munmap_first_underflow"]
    lab = built(case)
    assert lab.recording.machine.rules.bugs
    assert any(step.counters["2M"].rsvd > 1 << 60 for step in lab.recording.steps)
    check_views(lab)
    for position in range(len(lab.film.timeline)):
        go(lab, position)


def test_a_program_without_a_step_is_refused() -> None:
    """With its name."""
    with pytest.raises(ScenarioError, match=r"^empty: a program without a step has nothing to show$"):
        labs.explore(Scenario("empty"))


def test_a_program_that_no_machine_can_run_is_refused() -> None:
    """The line of the model, when the lab is made."""
    with pytest.raises(ScenarioError, match=r"^wrong, step 1: "):
        labs.explore(Scenario("wrong").then("touch", map="nobody"))
    with pytest.raises(ScenarioError, match="holds"):
        labs.explore(Scenario("large", nr=10**9).then("open", fd="f", path="m/a"))


def test_a_program_that_ends_at_an_unknown_step() -> None:
    """What the model does not know ends the recording; the lab shows what came before, and says so."""
    lab = built(
        Scenario("unknown").then("open", fd="f", path="m/a").then("open", fd="g", path="m/a", flags=["O_MAGIC"])
    )
    check_views(lab)
    assert lab.recording.steps[-1].outcome == "unsupported"
    assert "unsupported" in lab.head["sides"][0]["steps"]
    assert 'title="open: flags: O_MAGIC is not known' in lab.head["sides"][0]["steps"]


def test_a_name_that_is_markup() -> None:
    """The title of a program is text in everything that is shown."""
    name = "<img src=x onerror=alert(1)>"
    lab = built(Scenario(name).then("open", fd="f", path=f"m/{name.replace('/', '')}"))
    check_views(lab)
    shown = "".join([*lab.window["pictures"], lab.head["sides"][0]["steps"]])
    assert "<img" not in shown
    assert "<img" not in lab.message["html"]
