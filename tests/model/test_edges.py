"""Edge cases: what a program sees at the borders, and that nothing else changes (docs/semantics.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hugelab import LESSON, MACHINES, X86_64, Op, Scenario, ScenarioError, lesson, run
from hugelab.core.runs import Run
from hugelab.linux.machines import Machine
from hugelab.linux.structs import inode
from hugelab.model.kernel import Kernel, boot
from tests.invariants import dump

BOTH = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
PAGE = 2 << 20
OPEN = Scenario("x", 10).open(fd="f", path="m/a")
MAPPED = OPEN.mmap(map="A", fd="f", pages=5)


def started(scenario: Scenario, machine: Machine) -> Kernel:
    """A kernel after the steps of a scenario."""
    kernel = boot(scenario, machine)
    for op in scenario.steps:
        assert kernel.run(op)[0] == "ok"
    return kernel


def counters(scenario: Scenario, machine: Machine = LESSON) -> list[str]:
    """The pool after each step."""
    return [str(step.counters["2M"]) for step in run(scenario, machine).steps]


# -- mmap ---------------------------------------------------------------------------------------------
@BOTH
@pytest.mark.parametrize(
    ("args", "outcome"),
    [
        ({"pages": 0}, "EINVAL"),
        ({"bytes": 0}, "EINVAL"),
        ({"pages": -1}, "ENOMEM"),
        ({"pages": 11}, "ENOMEM"),
        ({"pages": 1, "offset_bytes": 4096}, "EINVAL"),
        ({"pages": 1, "offset_bytes": 5}, "EINVAL"),
        ({"pages": 1, "flags": []}, "EINVAL"),
    ],
    ids=str,
)
def test_mmap_refuses_and_changes_nothing(machine: Machine, args: dict[str, Any], outcome: str) -> None:
    """The errno of mmap(2), and a state that is the same in every field."""
    kernel = started(OPEN.mmap(map="B", fd="f", pages=1), machine)
    before = dump(kernel.state)
    assert kernel.run(Op("mmap", {"map": "A", "fd": "f", **args}))[0] == outcome
    assert dump(kernel.state) == before


@BOTH
@pytest.mark.parametrize(("size", "pages"), [(1, 1), (PAGE - 1, 1), (PAGE, 1), (PAGE + 1, 2), (10 * PAGE - 5, 10)])
def test_mmap_rounds_up(machine: Machine, size: int, pages: int) -> None:
    """A length is rounded up to whole huge pages (docs/semantics.md, lengths)."""
    assert counters(OPEN.mmap(map="A", fd="f", bytes=size), machine)[-1] == f"10/10/{pages}/0"


def test_offset_near_the_end_of_all_files() -> None:
    """On 64 bit an offset just below 2^63 works, the mapping that would pass it does not."""
    flags = ["MAP_SHARED", "MAP_NORESERVE"]
    top = (1 << 63) - 2 * PAGE
    recording = run(OPEN.mmap(map="A", fd="f", pages=1, offset_bytes=top, flags=flags).touch(map="A"), X86_64)
    assert [step.outcome for step in recording.steps] == ["ok", "ok", "ok"]
    assert str(recording.steps[-1].counters["2M"]) == "10/9/0/0"
    kernel = started(OPEN, X86_64)
    before = dump(kernel.state)
    args = {"map": "A", "fd": "f", "pages": 1, "offset_bytes": top + PAGE, "flags": flags}
    assert kernel.run(Op("mmap", args))[0] in ("EINVAL", "EOVERFLOW")
    assert dump(kernel.state) == before


def test_more_than_the_address_space() -> None:
    """More than a process can address is ENOMEM, on a pool of any size; the file is not extended."""
    kernel = started(OPEN, X86_64)
    before = dump(kernel.state)
    for args in ({"bytes": 1 << 62}, {"pages": 1 << 40}, {"pages": 1 << 27}):
        assert kernel.run(Op("mmap", {"map": "A", "fd": "f", "flags": ["MAP_SHARED", "MAP_NORESERVE"], **args}))[0] == (
            "ENOMEM"
        )
    assert dump(kernel.state) == before


# -- munmap, ftruncate --------------------------------------------------------------------------------
@BOTH
@pytest.mark.parametrize(
    "args",
    [
        {"off_bytes": 5},
        {"off_bytes": 4096},
        {"bytes": 5},
        {"bytes": PAGE + 1},
        {"pages": 0},
        {"bytes": 0},
        {"pages": -1},
    ],
    ids=str,
)
def test_munmap_does_not_round_to_huge_pages(machine: Machine, args: dict[str, int]) -> None:
    """A length or start that cuts a huge page is EINVAL, and the mapping is whole."""
    kernel = started(MAPPED.touch(map="A", count=5), machine)
    before = dump(kernel.state)
    assert kernel.run(Op("munmap", {"map": "A", **args}))[0] == "EINVAL"
    assert dump(kernel.state) == before


@BOTH
@pytest.mark.parametrize(
    "args", [{"bytes": 1}, {"bytes": PAGE - 1}, {"bytes": 4096}, {"bytes": -1}, {"pages": -1}], ids=str
)
def test_ftruncate_takes_whole_pages(machine: Machine, args: dict[str, int]) -> None:
    """hugetlbfs_setattr: a size that is no multiple of the huge page size is EINVAL."""
    kernel = started(MAPPED.touch(map="A", count=5), machine)
    before = dump(kernel.state)
    assert kernel.run(Op("ftruncate", {"fd": "f", **args}))[0] == "EINVAL"
    assert dump(kernel.state) == before


@BOTH
def test_ftruncate_frees_and_then_it_is_sigbus(machine: Machine) -> None:
    """ftruncate to 2 of 5 frees 3 pages at once; an access beyond the end is SIGBUS (recorded on 3.10 and 6.1)."""
    scenario = MAPPED.touch(map="A", count=5).ftruncate(fd="f", pages=2).touch(map="A", page=1, count=2)
    recording = run(scenario, machine)
    assert [str(step.counters["2M"]) for step in recording.steps[2:]] == ["10/5/0/0", "10/8/0/0", "10/8/0/0"]
    assert recording.steps[-1].outcome == "SIGBUS"
    assert recording.steps[-1].value == {"done": 1, "si_code": 2}


# -- who gives pages back -----------------------------------------------------------------------------
@BOTH
def test_shared_file_frees_at_unlink(machine: Machine) -> None:
    """munmap and close of a shared file leave 10/5/0/0; unlink gives 10/10/0/0 (docs/lesson.md)."""
    assert counters(lesson(), machine)[-4:] == ["10/5/0/0", "10/5/0/0", "10/5/0/0", "10/10/0/0"]


@BOTH
def test_private_mapping_frees_at_munmap(machine: Machine) -> None:
    """A private mapping gives its pages and reservations back at munmap (recorded on 3.10 and 6.1)."""
    assert counters(lesson(private=True, touched=2), machine)[1:4] == ["10/10/5/0", "10/8/3/0", "10/10/0/0"]


@BOTH
def test_reservations_of_a_shared_file_stay_with_it(machine: Machine) -> None:
    """2 of 5 touched, munmap, close: still 10/8/3/0 until unlink (docs/lesson.md)."""
    assert counters(lesson(touched=2), machine)[2:] == ["10/8/3/0", "10/8/3/0", "10/8/3/0", "10/10/0/0"]


@pytest.mark.parametrize(
    "order", [("munmap", "close", "unlink"), ("unlink", "close", "munmap"), ("unlink", "munmap", "close")], ids="-".join
)
@BOTH
def test_the_last_holder_frees(machine: Machine, order: tuple[str, ...]) -> None:
    """Pages go back with the last of name, descriptor and mapping, whichever that is."""
    ends = {"munmap": {"map": "A"}, "close": {"fd": "f"}, "unlink": {"path": "m/a"}}
    scenario = MAPPED.touch(map="A", count=5)
    for op in order:
        scenario = scenario.then(op, **ends[op])
    assert counters(scenario, machine)[-4:] == ["10/5/0/0", "10/5/0/0", "10/5/0/0", "10/10/0/0"]


# -- shortage -----------------------------------------------------------------------------------------
@BOTH
def test_eleven_of_ten(machine: Machine) -> None:
    """11 of 10 is ENOMEM at mmap; 8, then 3 is ENOMEM, then 2 fits exactly (recorded on 3.10 and 6.1)."""
    anonymous = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB"]
    scenario = OPEN.mmap(map="A", fd="f", pages=11).mmap(map="B", fd="f", pages=8)
    scenario = scenario.mmap(map="C", pages=3, flags=anonymous).mmap(map="D", pages=2, flags=anonymous)
    recording = run(scenario, machine)
    assert [step.outcome for step in recording.steps] == ["ok", "ENOMEM", "ok", "ENOMEM", "ok"]
    assert counters(scenario, machine)[1:] == ["10/10/0/0", "10/10/8/0", "10/10/8/0", "10/10/10/0"]


@BOTH
def test_the_eleventh_access_without_a_reservation(machine: Machine) -> None:
    """MAP_NORESERVE: rsvd stays 0, the 11th access is SIGBUS, and ten pages were touched (recorded on 3.10 and 6.1)."""
    flags = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB", "MAP_NORESERVE"]
    recording = run(Scenario("x", 10).mmap(map="A", pages=12, flags=flags).touch(map="A", count=12), machine)
    last = recording.steps[-1]
    assert (last.outcome, last.value) == ("SIGBUS", {"done": 10, "si_code": 2})
    assert str(last.counters["2M"]) == "10/0/0/0"


@BOTH
def test_an_empty_pool(machine: Machine) -> None:
    """With no page at all everything is refused politely."""
    recording = run(lesson(1, 0), machine)
    assert [step.outcome for step in recording.steps] == ["ok", "ENOMEM", "SIGSEGV", "EINVAL", "ok", "ok"]
    assert all(str(step.counters["2M"]) == "0/0/0/0" for step in recording.steps)


# -- access outside -----------------------------------------------------------------------------------
@BOTH
@pytest.mark.parametrize(
    ("args", "value"),
    [
        ({"page": 5}, {"done": 0, "si_code": 1}),
        ({"page": -1}, {"done": 0, "si_code": 1}),
        ({"count": 10**12}, {"done": 5, "si_code": 1}),
        ({"page": 1 << 60}, {"done": 0}),
    ],
    ids=str,
)
def test_access_outside_is_sigsegv(machine: Machine, args: dict[str, int], value: dict[str, int]) -> None:
    """Pages before the border are touched, then the program gets its signal."""
    step = run(MAPPED.touch(map="A", **args), machine).steps[-1]
    assert step.outcome == "SIGSEGV"
    assert value.items() <= step.value.items()
    assert step.counters["2M"].free == 10 - value["done"]


@BOTH
def test_no_access_is_no_change(machine: Machine) -> None:
    """touch of 0 pages is ok; a write to read-only memory is SIGSEGV with SEGV_ACCERR and takes no page."""
    readonly = OPEN.mmap(map="A", fd="f", pages=2, prot=["PROT_READ"])
    for args, outcome, value in (
        ({"count": 0}, "ok", {"done": 0}),
        ({"mode": "w"}, "SIGSEGV", {"done": 0, "si_code": 2}),
    ):
        step = run(readonly.touch(map="A", **args), machine).steps[-1]
        assert (step.outcome, step.value, str(step.counters["2M"])) == (outcome, value, "10/10/2/0")


@BOTH
@pytest.mark.parametrize(
    ("op", "args", "outcome"),
    [
        ("close", {"fd": "z"}, "EBADF"),
        ("fstat", {"fd": "z"}, "EBADF"),
        ("ftruncate", {"fd": "z", "pages": 1}, "EBADF"),
        ("unlink", {"path": "m/none"}, "ENOENT"),
        ("stat", {"path": "m/none"}, "ENOENT"),
        ("open", {"fd": "g", "path": "m/none", "flags": ["O_RDWR"]}, "ENOENT"),
        ("open", {"fd": "g", "path": "m/a", "flags": ["O_CREAT", "O_EXCL"]}, "EEXIST"),
        ("set_nr", {"n": -1}, "EINVAL"),
    ],
)
def test_errno_of_other_calls(machine: Machine, op: str, args: dict[str, Any], outcome: str) -> None:
    """What the manual pages say, and nothing changes."""
    kernel = started(MAPPED, machine)
    before = dump(kernel.state)
    assert kernel.run(Op(op, args))[0] == outcome
    assert dump(kernel.state) == before


# -- big pools ----------------------------------------------------------------------------------------
def test_a_million_of_a_million() -> None:
    """Every counter of a million-page lesson is exact, and none is left over."""
    million = 1_000_000
    shown = counters(lesson(million, million), X86_64)
    assert shown[1:4] == [f"{million}/{million}/{million}/0", f"{million}/0/0/0", f"{million}/0/0/0"]
    assert shown[-1] == f"{million}/{million}/0/0"
    assert counters(lesson(million + 1, million), X86_64)[1] == f"{million}/{million}/0/0"


def test_a_million_on_the_lessons_machine_is_refused() -> None:
    """2 GB of RAM cannot hold it: one line with both numbers, and how to go on."""
    with pytest.raises(ScenarioError, match="1,000,000 pages of 2 MB is more than the lesson machine holds: 995 pages"):
        run(lesson(5, 1_000_000), LESSON)
    capacity = LESSON.capacity(PAGE)
    assert counters(lesson(capacity, capacity), LESSON)[0] == f"{capacity}/{capacity}/0/0"


@BOTH
def test_set_nr_takes_what_memory_has(machine: Machine) -> None:
    """nr_hugepages is met in part, without an error (so read it back)."""
    step = run(Scenario("x", 1).set_nr(n=10**9), machine).steps[0]
    assert step.outcome == "ok"
    assert step.counters["2M"].total == machine.capacity(PAGE)


# -- pages of the free list ---------------------------------------------------------------------------
@pytest.mark.parametrize("machine", [LESSON, X86_64], ids=["lesson", "x86-64"])
def test_a_second_run_gets_the_pages_in_reverse(machine: Machine) -> None:
    """Freed pages go back to the head; a second run is reversed, a third in the first order."""
    one = lesson()
    recording = run(Scenario("x", 10, steps=one.steps * 3), machine)
    frames = [[], [], []]  # type: list[list[int | None]]
    for event in recording:
        if event.name == "dequeue_huge_page_vma":
            frames[event.step // len(one.steps)].append(event.pfn)
    assert frames[1] == frames[0][::-1]
    assert frames[2] == frames[0]
    assert len(set(frames[0])) == 5


def test_the_lessons_frames() -> None:
    """The lesson's PFNs are 507904, 509440, 508928, 510464, 509952, in this order."""
    pfns = [event.pfn for event in run(lesson(), LESSON) if event.name == "dequeue_huge_page_vma"]
    assert pfns == [507904, 509440, 508928, 510464, 509952]


# -- contents -----------------------------------------------------------------------------------------
@BOTH
def test_what_is_written_is_read(machine: Machine) -> None:
    """A byte written to a page is read there, also through a second mapping; other bytes are zero."""
    scenario = MAPPED.touch(map="A", page=1, byte=7).mmap(map="B", fd="f", pages=5).touch(map="B", count=3, mode="r")
    assert run(scenario, machine).steps[-1].value == {"done": 3, "bytes": [0, 7, 0]}
    other = scenario.touch(map="B", page=1, mode="r", off_bytes=1)
    assert run(other, machine).steps[-1].value["bytes"] == [0]


@BOTH
def test_a_private_write_stays_private(machine: Machine) -> None:
    """The copy has the file's bytes but for what was written; the file keeps its own."""
    scenario = MAPPED.touch(map="A", count=5, byte=7).mmap(map="B", fd="f", pages=5, flags=["MAP_PRIVATE"])
    scenario = (
        scenario.touch(map="B", page=2, byte=9).touch(map="B", count=5, mode="r").touch(map="A", count=5, mode="r")
    )
    steps = run(scenario, machine).steps
    assert steps[-2].value["bytes"] == [7, 7, 9, 7, 7]
    assert steps[-1].value["bytes"] == [7] * 5


@BOTH
def test_a_page_comes_back_clean(machine: Machine) -> None:
    """clear_huge_page: nobody reads what a process before wrote."""
    scenario = lesson(10, 10).open(fd="f", path="m/b").mmap(map="B", fd="f", pages=10)
    assert run(scenario.touch(map="B", count=10, mode="r"), machine).steps[-1].value["bytes"] == [0] * 10


# -- what random programs and readers found -----------------------------------------------------------
@BOTH
def test_a_failed_map_fixed_leaves_the_old_mapping_whole(machine: Machine) -> None:
    """ENOMEM for MAP_FIXED over part of a mapping: no VMA is split, nothing is held twice."""
    program = Scenario("x", 4).open(fd="f", path="m/a").mmap(map="A", fd="f", pages=4)
    kernel = started(program, machine.as_intended())
    before = dump(kernel.state)
    flags = ["MAP_SHARED", "MAP_ANONYMOUS", "MAP_HUGETLB", "MAP_FIXED"]
    assert kernel.run(Op("mmap", {"map": "B", "pages": 1, "flags": flags, "at": {"map": "A"}}))[0] == "ENOMEM"
    assert dump(kernel.state) == before


def test_pages_of_a_pool_in_several_pieces_come_in_order() -> None:
    """A 6.18 pool hands out its pages in the order they were allocated (docs/semantics.md, order)."""
    pieces = replace(X86_64, frames=(Run(0, 1, 10), Run(0, 1, 20), Run(0, 1, 30)))
    recording = run(lesson(3, 3), pieces)
    taken = [event.pfn for event in recording if event.name == "dequeue_huge_page_vma"]
    assert taken == [frame * 512 for frame in (10, 20, 30)]


def test_bytes_lie_in_the_pages_that_were_touched() -> None:
    """Frames that descend, and a touch that stops half way: each page has its own byte at every event."""
    recording = run(
        Scenario("x", 10).open(fd="f", path="m/a").mmap(map="A", fd="f", pages=4).touch(map="A", count=4), LESSON
    )
    for event in recording:
        state = recording.at(event.index)
        cached = {frame for node in state.of(inode) for held in node.i_pages for frame in range(*held.bounds)}
        written = {frame for held in state.pools[0].memory for frame in range(held.start, held.end)}
        assert written <= cached


@pytest.mark.parametrize(
    "case",
    [
        {"name": "a", "steps": [{"op": "mmap", "map": "A", "pages": 1, "at": 3}]},
        {"name": "a", "steps": [{"op": "mmap", "map": "A", "pages": 1, "at": {"map": {}}}]},
        {"name": "a", "steps": [{"op": "mmap", "map": "A", "pages": 1, "at": {"map": "A", "page": "x"}}]},
        {"name": "a", "steps": [], "initial": 5},
        {"name": "a", "steps": [], "after_unlink_and_umount": 5},
        [],
    ],
    ids=str,
)
def test_malformed_cases_are_refused_in_one_line(case: Any) -> None:
    """Wrong types deep inside a case are bad input, not a crash."""
    with pytest.raises(ScenarioError) as error:
        Scenario.from_json(case)
    assert "\n" not in str(error.value)
    assert str(error.value).strip()[-1] != "t"  # "..., not" and then nothing


def test_lengths_are_what_the_machine_can_hold() -> None:
    """ftruncate takes a signed 64-bit length; on 32 bit a file ends at 8 TB (MAX_LFS_FILESIZE)."""
    for machine, size, outcome in ((X86_64, 1 << 70, "ok"), (X86_64, 1 << 62, "ok"), (LESSON, 1 << 62, "EFBIG")):
        kernel = started(OPEN, machine)
        assert kernel.run(Op("ftruncate", {"fd": "f", "bytes": size}))[0] == outcome
    kernel = started(OPEN, X86_64)
    kernel.run(Op("ftruncate", {"fd": "f", "bytes": 1 << 70}))
    assert kernel.state.of(inode)[0].i_size == 0
