"""The first refusal: which step it is, which event decided, and the sentence about it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings

from hugelab import LESSON, X86_64, Recording, Scenario, lesson, load, run
from hugelab.course.shortage import LIMITS, WAYS, program
from hugelab.linux.names import function_name
from hugelab.linux.scenario import ANONYMOUS
from hugelab.linux.structs import vm_area_struct
from hugelab.record.recording import Step
from hugelab.record.refusal import Refusal, first_refusal
from tests.conftest import DATA
from tests.programs import scenarios

FINE = ("ok", "unsupported")
FILES = ("scenarios", "semantics_6.18", "random_6.18")
CASE = {case.name: case for name in FILES for case in load(DATA / f"{name}.json")}
PRIVATE, SHARED = ["MAP_PRIVATE", *ANONYMOUS], ["MAP_SHARED", *ANONYMOUS]


def found(recording: Recording) -> Refusal:
    refusal = first_refusal(recording)
    assert refusal is not None
    return refusal


# -- sentences -----------------------------------------------------------------------------------------
ACCT, RESERVE, ALLOC, NO_PAGE = (
    f"; decided by {name}"
    for name in ("hugetlb_acct_memory", "hugetlb_reserve_pages", "alloc_hugetlb_folio", "hugetlb_no_page")
)
SENTENCES = {
    # the pool, as it is asked for reservations and for pages
    "shared_reserved_by_two_files": f"mmap refused: ENOMEM. 6 pages wanted, 4 available{ACCT}",
    "surplus_limit": f"mmap refused: ENOMEM. 7 pages wanted, 2 available, 4 more allowed as surplus{ACCT}",
    "surplus_lower_overcommit_below_use": f"mmap refused: ENOMEM. 1 page wanted, 0 available{ACCT}",
    "shm_hugetlb_enomem_noreserve": f"shmget refused: ENOMEM. 5 pages wanted, 3 available{ACCT}",
    "fallocate_enospc_keeps_what_it_got": f"fallocate refused: ENOSPC. 1 page wanted, 0 available{ALLOC}",
    "noreserve_cannot_steal": f"touch refused: SIGBUS. 1 page wanted, 0 available{ALLOC}",
    "private_reserved_is_guaranteed": f"touch refused: SIGBUS after 1 of 2 pages. 1 page wanted, 0 available{ALLOC}",
    "mlock_noreserve_short": f"mlock refused: ENOMEM. 1 page wanted, 0 available{ALLOC}",
    "madvise_populate_short_pool": f"madvise refused: EFAULT. 1 page wanted, 0 available{ALLOC}",
    "kernel_mode_fault_is_efault": f"kread refused: EFAULT. 1 page wanted, 0 available{ALLOC}",
    # a mount, a control group
    "mount_size_private": f"mmap refused: ENOMEM. 2 pages wanted, 1 left of the mount's size= of 3{RESERVE}",
    "cgroup1_rsvd_limit": f"mmap refused: ENOMEM. The cgroup's rsvd limit (reservations) is reached{RESERVE}",
    "cgroup1_noreserve_charged_at_fault": "touch refused: SIGBUS after 2 of 4 pages. The cgroup's rsvd limit "
    f"(reservations) is reached{ALLOC}",
    # the end of a file, a page that the owner took, rights, and nothing there
    "truncate_reserve_wraparound": f"touch refused: SIGBUS. Beyond the end of the file{NO_PAGE}",
    "fork_cow_child_unmapped_whole_vma_poisoned": "touch by C refused: SIGBUS. The owner of the mapping took a page "
    f"away (inadequate hugepage pool){NO_PAGE}",
    "shared_readonly_map_reserves_too": "touch refused: SIGSEGV. The mapping does not allow it (SEGV_ACCERR)",
    "private_partial_munmap_middle": "touch refused: SIGSEGV. Nothing is mapped there (SEGV_MAPERR)",
    "fork_cow_child_write_exhausted_kills": f"touch by C refused: killed by SIGBUS. 1 page wanted, 0 available{ALLOC}",
    # no rule
    "ftruncate_unaligned": "ftruncate refused: EINVAL. Invalid argument",
    "hard_links": "link refused: EEXIST. File exists",
    "memfd_seals": "ftruncate refused: EPERM. Operation not permitted",
    "unprivileged_user": "shmget by C refused: EPERM. Operation not permitted",
    "mount_min_size_private": "umount refused: EBUSY. Device or resource busy",
    "mount_nr_inodes": "open refused: ENOSPC. The mount's nr_inodes= is reached",
    "mlock_errors": "mlock refused: ENOMEM. It is about addresses or a limit, not about the pool",
    # not told
    "map_populate_noreserve_short": f"mmap said ok, and got less: 1 page wanted, 0 available{ALLOC}",
}


@pytest.mark.parametrize("name", SENTENCES)
def test_the_sentence(name: str) -> None:
    """What was asked for, what the program saw, why, and the function that decided by its name in this release."""
    assert found(run(CASE[name])).text == SENTENCES[name]


def test_names_are_those_of_the_release() -> None:
    """In 3.10 another function is called by another name."""
    asked = Scenario("short", nr=1).mmap(map="A", pages=2, flags=[*SHARED, "MAP_NORESERVE"]).touch(map="A", count=2)
    old, new = (found(run(asked, machine)).text for machine in (LESSON, X86_64))
    assert old == "touch refused: SIGBUS after 1 of 2 pages. 1 page wanted, 0 available; decided by alloc_huge_page"
    assert new == old.replace("alloc_huge_page", "alloc_hugetlb_folio")


def test_thousands_have_a_comma() -> None:
    """As everywhere."""
    assert found(run(lesson(2000, 1500), X86_64)).text.startswith("mmap refused: ENOMEM. 2,000 pages wanted, 1,500 ")


def test_names_of_processes_are_shown_escaped() -> None:
    """They are text of the program's author."""
    child = "\x1b[31m"
    asked = Scenario("evil", nr=1).then("spawn", child=child).then("mmap", proc=child, map="A", pages=2, flags=SHARED)
    assert found(run(asked)).text.startswith(r"mmap by \x1b[31m refused: ENOMEM. 2 pages wanted, 1 available")


# -- what is no refusal --------------------------------------------------------------------------------
def family(*after: tuple[str, dict[str, object]]) -> Recording:
    """A parent whose two pages fill the pool forks; then what is given."""
    asked = Scenario("family", nr=2).mmap(map="A", pages=2, flags=PRIVATE).touch(map="A", count=2).fork(child="C")
    for op, args in after:
        asked = asked.then(op, **args)
    return run(asked)


def test_the_owner_who_takes_a_page_from_its_child_was_not_refused() -> None:
    """There was no page to copy it to, and the owner got it all the same: the child is the one who pays."""
    write = "touch", {"map": "A", "count": 2}
    assert first_refusal(family(write)) is None
    assert any("rule" in event.detail for event in family(write))
    paid = found(family(write, ("touch", {"map": "A", "mode": "r", "proc": "C"})))
    assert (paid.step, paid.text.split(";")[0]) == (
        4,
        "touch by C refused: SIGBUS. The owner of the mapping took a page away (inadequate hugepage pool)",
    )


def test_what_the_owner_took_is_not_why_it_failed_later() -> None:
    """It writes its two pages, and then where nothing is mapped: that is the reason."""
    refused = found(family(("touch", {"map": "A", "count": 3})))
    assert refused.text == "touch refused: SIGSEGV after 2 of 3 pages. Nothing is mapped there (SEGV_MAPERR)"


def test_a_program_that_gets_everything() -> None:
    """Nothing to say; nor of a step that the model does not know."""
    assert first_refusal(run(lesson())) is None
    unknown = run(Scenario("odd").then("open", fd="f", path="m/a").then("open", fd="g", path="m/b", flags=["O_MAGIC"]))
    assert unknown.steps[-1].outcome == "unsupported" and first_refusal(unknown) is None


def test_an_error_comes_before_silence() -> None:
    """A step that was not told is the first refusal only where no step was told."""
    silent = Scenario("two", nr=1).mmap(map="A", pages=2, flags=[*SHARED, "MAP_NORESERVE", "MAP_POPULATE"])
    assert found(run(silent)).text.startswith("mmap said ok, and got less: 1 page wanted, 0 available")
    assert found(run(silent.touch(map="A", page=1))).step == 1


# -- a live kernel -------------------------------------------------------------------------------------
def bare(recording: Recording) -> Recording:
    """The same steps without their events, as a live kernel's recording has them."""
    return replace(recording, steps=[replace(step, first=0, last=-1) for step in recording.steps])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("shared_reserved_by_two_files", "mmap refused: ENOMEM"),
        ("mount_nr_inodes", "open refused: ENOSPC"),
        ("private_partial_munmap_middle", "touch refused: SIGSEGV. Nothing is mapped there (SEGV_MAPERR)"),
        ("map_populate_noreserve_short", None),
    ],
)
def test_without_events_only_what_the_program_saw(name: str, text: str | None) -> None:
    """No event, and no reason that is a guess."""
    refusal = first_refusal(bare(run(CASE[name])))
    assert (refusal and refusal.text) == text
    assert refusal is None or refusal.event == -1


# -- over all cases ------------------------------------------------------------------------------------
def check(recording: Recording) -> None:
    """The first failing step, an event in it, its outcome, and a function that was called in it."""
    refusal = first_refusal(recording)
    failing = [step for step in recording.steps if step.outcome not in FINE]
    if refusal is None:
        assert not failing
        return
    step = recording.steps[refusal.step]
    assert not failing or step is failing[0]
    assert step.first <= refusal.event <= step.last
    who = step.op.op if step.op.proc == "P" else f"{step.op.op} by {step.op.proc}"
    event = recording.event(refusal.event)
    assert "\n" not in refusal.text and not refusal.text.endswith(".")
    if not failing:
        assert refusal.text.startswith(f"{who} said ok, and got less: ")
        assert less(recording, step)
    else:
        assert refusal.text.startswith(f"{who} refused: ")
        seen = step.value["status"] if step.outcome == "KILLED" else step.outcome
        assert refusal.text.partition("refused: ")[2].removeprefix("killed by ").startswith(seen)
    begin, _, function = refusal.text.partition("; decided by ")
    if function:
        assert function == function_name(event.name, recording.machine.version)
        why = event.detail["why"].removesuffix(", 0 more allowed as surplus").partition(" wanted")
        assert "rule" in event.detail and begin.lower().endswith((why[2] or why[0]).lower())
        assert not why[2] or f" {why[0]} page{'s' * (why[0] != '1')} wanted" in begin
        later = [recording.event(index).name for index in range(refusal.event, step.last + 1)]
        assert "unmap_ref_private" not in later[:2]
    else:
        assert refusal.event == step.last and "rule" not in event.detail
        assert begin.count(". ") == (step.outcome != "KILLED"), "a reason"


def less(recording: Recording, step: Step) -> bool:
    """Were fewer pages mapped than the step wanted? Only mmap, shmat and mlockall are silent."""
    if step.op.op != "mmap":
        return step.op.op in ("shmat", "mlockall")
    made = [vma for vma in recording.at(step.last).of(vm_area_struct) if vma.name == step.op.get("map")]
    return any(sum(run.count for run in vma.mapped()) < vma.pages for vma in made)


@pytest.mark.parametrize("name", CASE)
def test_recorded_cases(name: str) -> None:
    """What real kernels were asked, and refused."""
    check(run(CASE[name]))


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_ask_for_too_much(limit: str, way: str) -> None:
    """The programs of the lab about shortages."""
    check(run(program(limit, way, 3, 5)))


@given(scenarios())
@settings(max_examples=60)
def test_random_programs(scenario: Scenario) -> None:
    """Whatever they do."""
    check(run(scenario))


def test_a_million_pages_are_looked_through_at_once() -> None:
    """Row by row, not event by event."""
    recording = run(lesson(1_000_000, 1_000_000), X86_64)
    begin = time.perf_counter()
    assert first_refusal(recording) is None
    assert time.perf_counter() - begin < 0.1
