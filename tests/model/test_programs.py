"""Random programs: the invariants hold, a failure leaves no trace, and pages one by one are pages all at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugelab import LESSON, X86_64, Op, Recording, Scenario, ScenarioError, lesson, run
from hugelab.linux.machines import Machine
from hugelab.model.kernel import Kernel, boot
from tests.invariants import assert_sound, broken, dump
from tests.model.touching import Touching
from tests.programs import MAPS, OPS, scenarios

ON_310 = st.sampled_from(["", "", "size=8M"])  # 3.10 has no min_size=


@given(scenarios())
@settings(max_examples=150)
def test_invariants_on_618(scenario: Scenario) -> None:
    """The invariants hold after every event of random programs, with the rules of 6.18."""
    assert_sound(run(scenario, X86_64))


@given(scenarios(ON_310))
@settings(max_examples=150)
def test_invariants_on_310(scenario: Scenario) -> None:
    """The same with the rules of 3.10, on the lesson's machine."""
    assert_sound(run(scenario, LESSON))


def _after(kernel: Kernel, op: Op) -> str:
    """Run one operation: its outcome, "" where no program can do it (nothing may change then either)."""
    try:
        return kernel.run(op)[0]
    except ScenarioError:
        return ""


@pytest.mark.parametrize("machine", [X86_64, LESSON], ids=["6.18", "3.10"])
@given(data=st.data())
@settings(max_examples=100)
def test_a_failed_call_changes_nothing(machine: Machine, data: st.DataObject) -> None:
    """A call that returns an errno, or that no program can do, leaves the whole state as it was.

    A signal is no errno: the pages before the faulting one were touched.
    """
    scenario = data.draw(scenarios(ON_310))
    kernel = boot(scenario, machine)
    for op in [*scenario.steps, *data.draw(st.lists(OPS, max_size=4))]:
        before, counters = dump(kernel.state), kernel.state.counters()
        outcome = _after(kernel, op)
        if outcome.startswith("E") or not outcome:
            assert dump(kernel.state) == before, (op, outcome)
            assert kernel.state.counters() == counters


def test_random_programs_reach_every_outcome() -> None:
    """The generator is worth its name: it makes programs whose calls succeed, and fail in each way that matters."""
    seen: Counter[tuple[str, str]] = Counter()

    @given(scenarios())
    @settings(max_examples=400, database=None, derandomize=True)
    def collect(scenario: Scenario) -> None:
        seen.update((step.op.op, step.outcome) for step in run(scenario).steps)

    collect()
    for wanted in (
        *(("mmap", outcome) for outcome in ("ok", "ENOMEM", "EINVAL", "EBADF", "EACCES")),
        *(("touch", outcome) for outcome in ("ok", "SIGBUS", "SIGSEGV")),
        *(("munmap", outcome) for outcome in ("ok", "EINVAL")),
        *(("ftruncate", outcome) for outcome in ("ok", "EINVAL")),
        *(("close", outcome) for outcome in ("ok", "EBADF")),
        *(("unlink", outcome) for outcome in ("ok", "ENOENT")),
        ("set_nr", "ok"),
        ("exit", "ok"),
    ):
        assert seen[wanted], f"no program had {wanted}"


@given(scenarios())
@settings(max_examples=100)
def test_nothing_is_left_when_everybody_has_gone(scenario: Scenario) -> None:
    """Processes dead, files unlinked, mounts gone: all pages are free, none is reserved, none is surplus."""
    kernel = boot(scenario)
    for op in scenario.steps:
        _after(kernel, op)
    kernel.kill_all()
    kernel.umount_all()
    kernel.state.finish()
    now = kernel.state.counters()[0]
    assert (now.free, now.rsvd) == (now.total, 0)
    assert broken(kernel.state, settled=True) is None
    assert not [record for record in kernel.state if record.key.startswith(("inode/", "vma/", "file/", "resv_map/"))]


# -- page by page -------------------------------------------------------------------------------------
def _touch_each(kernel: Kernel, name: str, pages: list[int], write: bool) -> list[str]:
    """One operation a page."""
    mode = "w" if write else "r"
    return [kernel.run(Op("touch", {"map": name, "page": page, "mode": mode}))[0] for page in pages]


@pytest.mark.parametrize("machine", [X86_64, LESSON], ids=["6.18", "3.10"])
@given(data=st.data())
@settings(max_examples=100)
def test_touching_is_touch_page_by_page(machine: Machine, data: st.DataObject) -> None:
    """Touching handles stretches ahead and takes back what was not reached: state and results are those of touch."""
    scenario = data.draw(scenarios(ON_310))
    kernels = [boot(scenario, machine) for _ in range(2)]
    for op in scenario.steps:
        if op.op != "exit":
            for kernel in kernels:
                _after(kernel, op)
    mapped = [name for name in MAPS if kernels[0].maps.get(("P", name)) and kernels[0].maps["P", name].addr > 0]
    for _ in range(data.draw(st.integers(1, 3)) if mapped else 0):
        name, write = data.draw(st.sampled_from(mapped)), data.draw(st.booleans())
        run_of = st.integers(0, 6).flatmap(lambda first: st.integers(0, 6).map(lambda n: list(range(first, first + n))))
        pages = data.draw(
            st.lists(run_of | st.lists(st.integers(0, 8), max_size=4), max_size=3).map(
                lambda parts: list(chain(*parts))
            )
        )
        with Touching(kernels[1], name, write=write) as touch:
            fast = [touch(page) for page in pages]
        assert fast == _touch_each(kernels[0], name, pages, write)
        assert dump(kernels[1].state) == dump(kernels[0].state)
        assert kernels[1].state.counters() == kernels[0].state.counters()


@given(st.lists(st.integers(0, 9), max_size=30), st.booleans(), st.integers(0, 10))
def test_touching_in_any_order_with_a_stop_in_between(pages: list[int], private: bool, stop: int) -> None:
    """settle() at any moment gives the exact state, and touching goes on from there."""
    kinds = ["MAP_PRIVATE" if private else "MAP_SHARED"]
    scenario = Scenario("x", 10).open(fd="f", path="m/a").mmap(map="A", fd="f", pages=10, flags=kinds)
    one, two = boot(scenario, LESSON), boot(scenario, LESSON)
    for kernel in (one, two):
        for op in scenario.steps:
            kernel.run(op)
    with Touching(two, "A") as touch:
        for number, page in enumerate(pages):
            if number == stop:
                touch.settle()
                _touch_each(one, "A", pages[:number], write=True)
                assert dump(two.state) == dump(one.state)
            assert touch(page) == "ok"
    _touch_each(one, "A", pages[stop:] if stop < len(pages) else pages, write=True)
    assert dump(two.state) == dump(one.state)
    assert one.state.counters()[0] == (10, 10 - len(set(pages)), 10 - len(set(pages)), 0)


def test_touching_a_failed_mapping_is_an_error() -> None:
    """There is nothing to touch after MAP_FAILED."""
    kernel = boot(Scenario("x", 1), LESSON)
    assert (
        kernel.run(Op("mmap", {"map": "A", "pages": 2, "flags": ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB"]}))[0]
        == "ENOMEM"
    )
    with pytest.raises(ScenarioError, match="nothing to touch"):
        Touching(kernel, "A")


@given(data=st.data())
@settings(max_examples=100)
def test_a_row_of_many_is_many_rows_of_one(data: st.DataObject) -> None:
    """In the middle of a row of n faults the state is what k single faults leave, and the counters are theirs."""
    machine = data.draw(st.sampled_from([LESSON, X86_64]))
    pool = data.draw(st.integers(1, 12))
    pages, private = data.draw(st.integers(1, pool)), data.draw(st.booleans())
    whole = run(lesson(pages, pool, private), machine)
    steps = [Op("touch", {"map": "ptr", "page": page, "byte": ord("H")}) for page in range(pages)]
    single = lesson(pages, pool, private)
    singles = run(replace(single, steps=(*single.steps[:2], *steps, *single.steps[3:])), machine)

    def shown(recording: Recording, names: set[str]) -> list[tuple[object, ...]]:
        found = []
        for event in recording:
            if event.name in names and event.moment in ("", "start", "after"):
                state = recording.at(event.index)
                found.append((event.name, event.addr, event.page, event.pfn, event.counters, dump(state)))
        return found

    names = {"hugetlb_fault", "dequeue_huge_page_vma", "hugetlb_no_page", "free_huge_page", "vma_commit_reservation"}
    assert shown(whole, names) == shown(singles, names)
    assert len(shown(whole, names)) == 6 * pages


# -- the same answers however it is asked -------------------------------------------------------------
@given(scenarios(ON_310))
@settings(max_examples=60)
def test_the_model_is_the_same_every_time(scenario: Scenario) -> None:
    """Two runs of one program end in equal states with equal steps."""
    one, two = run(scenario), run(scenario)
    assert dump(one.end) == dump(two.end)
    assert [step.to_json() for step in one.steps] == [step.to_json() for step in two.steps]
