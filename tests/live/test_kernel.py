"""The recorded answers against the running kernel, and the processes that ask it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("the live kernel is Linux", allow_module_level=True)

from hugelab import Scenario, load
from hugelab.linux.errors import ScenarioError, Unsupported
from hugelab.linux.kernel_bugs import KERNEL_BUGS
from hugelab.linux.scenario import Op
from hugelab.live import host
from hugelab.live.kernel import LiveKernel, boot_live, pfns, running
from hugelab.live.pool import BorrowedPool, DoesNotFit, borrow, restore
from hugelab.live.version import protection_keys, refusal
from hugelab.model.kernel import boot
from hugelab.model.kernel import run as run_model
from hugelab.record.check import check
from hugelab.record.recording import Recording, compare
from hugelab.record.source import record
from tests.conftest import DATA
from tests.hostile import REFUSED, TAKEN
from tests.live.alone import alone
from tests.live.why import why_not_live

FILES = ("scenarios.json", "random_6.18.json", "fuzz_6.18.json", "semantics_6.18.json")
ROOT = Path(__file__).parents[2]
CASES = [case for name in FILES if (DATA / name).exists() for case in load(DATA / name)]
# Arguments that are names of a case's own.
OWN = {"map", "fd", "path", "proc", "child", "mount", "cg", "shm", "new", "target", "name", "value"}


def asks(case: Scenario) -> set[tuple[object, ...]]:
    """What a case asks of the kernel: each operation with its outcome, beside a kernel bug or not, and with each flag,
    mode, advice or file that it names."""
    found: set[tuple[object, ...]] = set()
    for op in case.steps:
        found.add((op.op, (op.expect or {}).get("outcome"), bool(case.extra.get("kernel_quirk"))))
        for key in op.args.keys() - OWN:
            words = op.args[key] if isinstance(op.args[key], list) else [op.args[key]]
            found |= {(op.op, key, word) for word in words if isinstance(word, str)}
    return found


def cover(cases: list[Scenario]) -> list[Scenario]:
    """Cases that together ask all that all of them ask: again and again the one with the most that is left."""
    asked = [asks(case) for case in cases]
    chosen: list[Scenario] = []
    left = set().union(*asked)
    while left:
        best = max(range(len(cases)), key=lambda at: (len(asked[at] & left), -len(cases[at].steps)))
        chosen.append(cases[best])
        left -= asked[best]
    return chosen


RECORDED = "6.18"  # the kernel that the answers are from
ANONYMOUS = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB"]


WHY_NOT = why_not_live()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "can")


@pytest.fixture
def pool() -> Iterator[BorrowedPool]:
    """The machine's pool, for one test, which leaves empty pools, nothing mounted and no process."""
    with alone(), borrow(yes=True, wait=300) as borrowed:
        yield borrowed
        assert not any(any(counters) for counters in borrowed.counters())
        assert not list(borrowed.folder.iterdir())
        assert not [mount for mount in host.mounts() if mount.path.startswith(f"{borrowed.folder}/")]
        assert not descendants()


def descendants() -> list[int]:
    """Living children of this process."""
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in found if host.process(int(pid))]


def run(pool: BorrowedPool, scenario: Scenario) -> Recording:
    """Run a scenario live, and clean up."""
    with boot_live(scenario, pool) as kernel:
        return record(kernel, scenario)


def outcomes(recording: Recording) -> list[str]:
    return [step.outcome for step in recording.steps]


def values(recording: Recording) -> list[Any]:
    return [step.value for step in recording.steps]


# -- what was recorded -------------------------------------------------------------------------------
@pytest.mark.parametrize("case", cover(CASES), ids=lambda case: case.name)
def test_case_agrees_with_the_record(case: Scenario, pool: BorrowedPool, say: Callable[[str], None]) -> None:
    """Outcome, value and counters after every step, then after all processes died, then after umount. (Of all cases
    as many as ask everything; `make proof` runs all.)"""
    with boot_live(case, pool) as kernel:
        result = check(kernel, case)
    if not os.uname().release.startswith(RECORDED) and result.difference:
        say(f"{case.name} on Linux {os.uname().release}, recorded on {RECORDED}: {result.difference}")
        return
    assert result.difference is None
    assert result.compared == len(case.steps)


@pytest.mark.parametrize("last", ["touch", "populate", "mlock", "mprotect"])
def test_execute_only_as_on_this_cpu(pool: BorrowedPool, last: str) -> None:
    """PROT_EXEC alone: with the CPU's protection keys nothing can be read, populated or locked, else all of it can."""
    flags = [*ANONYMOUS, "MAP_POPULATE"] if last == "populate" else ANONYMOUS
    scenario = Scenario("x", 4).mmap(map="A", pages=2, flags=flags, prot=["PROT_EXEC"])
    if last == "mprotect":
        scenario = scenario.mprotect(map="A", prot=["PROT_READ"])
    scenario = scenario.mlock(map="A") if last == "mlock" else scenario.touch(map="A", mode="r")
    here, model = run(pool, scenario), run_model(scenario, running())
    assert [(s.outcome, s.counters["2M"]) for s in here.steps] == [(s.outcome, s.counters["2M"]) for s in model.steps]
    assert (outcomes(here)[-1] == "ok") == (last == "mprotect" or not protection_keys())


def test_a_case_of_another_cpu_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was recorded without protection keys is refused where there are some, and says so."""
    case = Scenario("x", 4, extra={"protection_keys": False})
    for here in (False, True):
        monkeypatch.setattr("hugelab.live.version.protection_keys", lambda here=here: here)
        assert ("this one has them" in refusal(case)) == here


def test_a_dangerous_case_is_not_run(pool: BorrowedPool) -> None:
    """What damages the counters until the next boot is refused before anything is changed."""
    with pytest.raises(ScenarioError, match="not run on the live kernel"):
        boot_live(Scenario("bad", extra={"do_not_run": True}), pool)


def test_what_cannot_be_had_is_said(pool: BorrowedPool) -> None:
    """A pool that is too large, a mount with an unknown option; nothing is left behind."""
    with pytest.raises(DoesNotFit, match="pages of 2 MB are more than 80% of the free memory"):
        boot_live(Scenario("big", nr=1 << 22), pool)
    for op in ("set_nr", "set_nr_node"):
        kernel = boot_live(Scenario("small", nr=1), pool)
        try:
            with pytest.raises(DoesNotFit, match="of the free memory"):
                kernel.run(Op(op, {"n": 1 << 22, "node": 0} if op == "set_nr_node" else {"n": 1 << 22}))
        finally:
            kernel.close()
    with pytest.raises(ScenarioError, match="is no hugetlb file of a cgroup"):
        odd = Scenario("odd", nr=1).cg_mount(version=1).cg_mkdir(version=1, cg="hl")
        run(pool, odd.cg_set(version=1, cg="hl", file="cgroup.procs", value=1))
    with pytest.raises(ScenarioError, match="mount m with 'nonsense': EINVAL"):
        boot_live(Scenario("option", nr=1, mounts={"m": "nonsense"}), pool)


@pytest.mark.parametrize("case", REFUSED)
def test_names_that_cannot_be_are_refused(case: str, pool: BorrowedPool) -> None:
    """As by the model; the machine can be put back, because nothing of such a name was noted or made."""
    with pytest.raises(ScenarioError):
        run(pool, REFUSED[case])


@pytest.mark.parametrize("case", TAKEN)
def test_odd_names_get_the_answers_of_the_model(case: str, pool: BorrowedPool) -> None:
    """Controls in names of files and mounts, a NUL where no system call reads on, names that are as long as can be."""
    assert compare(record(boot(TAKEN[case]), TAKEN[case]), run(pool, TAKEN[case])) is None


def test_the_recording_is_there_at_any_event(pool: BorrowedPool) -> None:
    """One event for each operation, under the model's name, with the counters as of then."""
    scenario = Scenario("seek", nr=4).mmap(map="A", pages=3, flags=ANONYMOUS).touch(map="A", count=2).set_nr(n=6)
    recording = run(pool, scenario)
    assert recording.source == "live"
    events = [event for event in recording if event.moment == "return"]
    assert [event.name for event in events] == ["sys_mmap", "user_access", "nr_hugepages_store"]
    assert [tuple(event.counters) for event in events] == [(4, 4, 3, 0), (4, 2, 1, 0), (6, 4, 1, 0)]
    assert recording.at(events[0].index).counters["2M"] == (4, 4, 3, 0)
    assert events[1].addr is not None


def test_where_the_pages_are(pool: BorrowedPool) -> None:
    """The pfns of the pages that were touched: whole huge pages, each another one."""
    scenario = Scenario("where", nr=4).mmap(map="A", pages=3, flags=ANONYMOUS)
    with boot_live(scenario, pool, pages=True) as kernel:
        for op in scenario.touch(map="A", page=1, count=2).steps:
            kernel.run(op)
        found = kernel.state.rows[-1].points[-1].detail["pages"]
        pid = kernel.crew.members["P"].pid
        start = kernel.state.rows[-1].addr
        assert start is not None
        size = pool.sizes[0]
        assert pfns(pid, start - size, 3, size) == {index + 1: pfn for index, pfn in found.items()}
    assert list(found) == [0, 1]
    assert len(set(found.values())) == 2
    assert not any(pfn % (size // 4096) for pfn in found.values())
    assert pfns(pid, start, 2, size) == {}, "the process is gone"


# -- names -------------------------------------------------------------------------------------------
def test_names_mean_what_they_mean_in_the_model(pool: BorrowedPool) -> None:
    """A failed mmap is MAP_FAILED; one that fails again leaves the older meaning; the older fd stays open."""
    scenario = (
        Scenario("names", nr=2)
        .mmap(map="A", pages=3, flags=ANONYMOUS)
        .touch(map="A")
        .munmap(map="A")
        .mmap(map="A", pages=2, flags=ANONYMOUS)
        .mmap(map="A", pages=1, flags=ANONYMOUS)
        .touch(map="A", count=2)
        .munmap(map="A")
        .open(fd="f", path="m/a")
        .mmap(map="B", fd="f", pages=1)
        .touch(map="B")
        .munmap(map="B")
        .unlink(path="m/a")
        .open(fd="f", path="m/b")
        .close(fd="f")
        .close(fd="f")
        .exit()
    )
    recording = run(pool, scenario)
    wanted = ["ENOMEM", "SIGSEGV", "EINVAL", "ok", "ENOMEM", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok"]
    assert outcomes(recording) == [*wanted, "EBADF", "ok"]
    assert recording.steps[1].value == {"done": 0, "si_code": 1}
    frees = [step.counters["2M"].free for step in recording.steps]
    assert frees[-4:] == [1, 1, 1, 2], "the first file lives as long as its forgotten descriptor"


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (Op("touch", {"map": "Z"}), "no mapping is called 'Z'"),
        (Op("touch", {"map": "Z"}, "C"), "there is no process C"),
        (Op("fork", {"child": "P"}), "there is a process P already"),
        (Op("statfs", {"mount": "n"}), "no file system is mounted as 'n'"),
        (Op("open", {"fd": "f", "path": "n/f"}), "no file system is mounted as 'n'"),
        (Op("rename", {"path": "m/none", "new": "n/f"}), "no file system is mounted as 'n'"),
        (Op("open", {"fd": "f", "path": "m/\0"}), "null byte"),
        (Op("mount", {"mount": "../x"}), "cannot be called"),
        (Op("kill", {"signal": "SIGCHLD"}), "no signal that ends a process"),
        (Op("shmat", {"shm": "s", "map": "A"}), "no shared memory is called 's'"),
        (Op("cg_mkdir", {"version": 1, "cg": "x"}), "cg_mount comes first"),
        (Op("munmap", {"map": "A", "bytes": 1 << 46}), "memory of the program that runs the scenario"),
    ],
    ids=lambda value: value.op if isinstance(value, Op) else "",
)
def test_what_no_program_can_do(op: Op, text: str, pool: BorrowedPool) -> None:
    """A ScenarioError of one line; the scenario can go on."""
    with boot_live(Scenario("no", nr=1), pool) as kernel:
        kernel.run(Op("mmap", {"map": "A", "pages": 1, "flags": ANONYMOUS}))
        with pytest.raises(ScenarioError, match=text):
            kernel.run(op)
        assert kernel.run(Op("touch", {"map": "A"})) == ("ok", {"done": 1})


def test_unknown_flags_are_unsupported(pool: BorrowedPool) -> None:
    """As in the model: nothing was tried."""
    with boot_live(Scenario("flags", nr=1), pool) as kernel, pytest.raises(Unsupported):
        kernel.run(Op("mmap", {"map": "A", "pages": 1, "flags": ["MAP_MAGIC"]}))


def test_a_path_stays_in_its_mount(pool: BorrowedPool, tmp_path: Path) -> None:
    """The root directory is its own parent: a scenario run by root cannot reach other files."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    up = "../" * 20
    with boot_live(Scenario("paths", nr=1), pool) as kernel:
        for path in (f"m/{up}{victim}", f"@/{up}{victim}", f"m/d/{up}{victim}"):
            assert kernel.run(Op("truncate", {"path": path, "bytes": 0}))[0] in ("ENOENT", "ENOTDIR")
        with pytest.raises(Unsupported):
            kernel.run(Op("symlink", {"path": "@/s", "target": str(victim)}))
        assert kernel.run(Op("symlink", {"path": "m/s", "target": str(victim)}))[0] == "EINVAL"
    assert victim.read_text() == "precious"


def test_a_mapping_has_nothing_behind_it(pool: BorrowedPool) -> None:
    """An access past the end meets no memory of Python's, however the hole was made."""
    scenario = Scenario("behind", nr=4).mmap(map="A", pages=4, flags=ANONYMOUS).munmap(map="A", page=1, pages=2)
    for page in (1, 2, 4, 5, 50, 5000):
        scenario = scenario.touch(map="A", page=page)
    recording = run(pool, scenario)
    assert outcomes(recording)[2:] == ["SIGSEGV"] * 6
    assert {value["si_code"] for value in values(recording)[2:]} == {1}


# -- values of operations that no recorded case has ---------------------------------------------------
def test_lseek_and_sendfile(pool: BorrowedPool) -> None:
    """Offsets in bytes; the only hole is the end; sendfile from hugetlbfs is EINVAL, from a plain file it works."""
    scenario = Scenario("seek", nr=2).open(fd="f", path="m/f").ftruncate(fd="f", pages=2).open(fd="p", path="@/p")
    scenario = scenario.lseek(fd="f", whence="SEEK_END").lseek(fd="f", whence="HOLE", bytes=0)
    scenario = scenario.lseek(fd="f", whence="SEEK_DATA", page=1).lseek(fd="f", off_bytes=-1)
    scenario = scenario.sendfile(fd="f", bytes=1).pwrite(fd="p", bytes=3).sendfile(fd="p", bytes=9)
    recording = run(pool, scenario)
    assert outcomes(recording)[3:] == ["ok", "ok", "ok", "EINVAL", "EINVAL", "ok", "ok"]
    assert values(recording)[3:6] == [{"n": 4 << 20}, {"n": 4 << 20}, {"n": 2 << 20}]
    assert values(recording)[8:] == [{"n": 3}, {"n": 3}]


def test_what_proc_shows(pool: BorrowedPool) -> None:
    """smaps of one mapping in kB, HugetlbPages of the process, the HugePages_ lines."""
    scenario = Scenario("proc", nr=3).mmap(map="A", pages=2, flags=ANONYMOUS).touch(map="A").smaps(map="A")
    recording = run(pool, scenario.hugetlb_usage().meminfo())
    smaps, usage, meminfo = values(recording)[2:]
    assert smaps.pop("VmFlags")[:2] == ["rd", "wr"]
    sizes = {"Size": 4096, "KernelPageSize": 2048, "MMUPageSize": 2048}
    assert smaps == {**sizes, "Rss": 0, "Pss": 0, "Shared_Hugetlb": 0, "Private_Hugetlb": 2048}
    assert usage == {"kB": 2048}
    pages = {"HugePages_Total": 3, "HugePages_Free": 2, "HugePages_Rsvd": 1, "HugePages_Surp": 0}
    assert meminfo == pages | {"Hugepagesize": 2048, "Hugetlb": 3 * 2048}


# -- processes ---------------------------------------------------------------------------------------
def test_how_a_process_ends(pool: BorrowedPool) -> None:
    """exit, kill, a signal that nobody catches; whoever is left goes on, also when the parent went first."""
    scenario = (
        Scenario("ends", nr=1)
        .fork(child="B")
        .fork(proc="B", child="C")
        .fork(child="D")
        .exit(proc="B")
        .kill(proc="D", signal="SIGTERM")
        .mmap(proc="C", map="A", pages=2, flags=[*ANONYMOUS, "MAP_NORESERVE"])
        .touch(proc="C", map="A", count=2, catch=False)
        .fork(child="E")
        .kill(proc="E", signal="SIGSEGV")
        .kill()
    )
    recording = run(pool, scenario)
    assert outcomes(recording) == ["ok"] * 6 + ["KILLED"] + ["ok"] * 3
    ends = [value["status"] for value in values(recording) if value and "status" in value]
    assert ends == ["exit 0", "SIGTERM", "SIGBUS", "SIGSEGV", "SIGKILL"]
    with pytest.raises(ScenarioError, match="process P has exited"):
        run(pool, scenario.close(fd="f"))


def test_a_child_inherits_names(pool: BorrowedPool) -> None:
    """Descriptors and mappings, as they were at the fork."""
    scenario = (
        Scenario("inherit", nr=3)
        .open(fd="f", path="m/f")
        .mmap(map="A", fd="f", pages=1)
        .touch(map="A", byte=7)
        .fork(child="C")
        .close(fd="f")
        .touch(proc="C", map="A", mode="r")
        .mmap(proc="C", map="B", fd="f", pages=2)
        .touch(proc="C", map="B", mode="r", count=2)
    )
    recording = run(pool, scenario)
    assert outcomes(recording) == ["ok"] * 8
    assert values(recording)[5] == {"done": 1, "bytes": [7]}
    assert values(recording)[7] == {"done": 2, "bytes": [7, 0]}
    with boot_live(scenario, pool) as kernel:
        record(kernel, scenario)
        with pytest.raises(ScenarioError, match="no mapping is called 'B'"):
            kernel.run(Op("touch", {"map": "B"}))


def test_shared_memory_nobody_removed(pool: BorrowedPool) -> None:
    """A segment outlives its process; the end of the scenario removes it."""
    scenario = Scenario("shm", nr=2).shmget(shm="s", pages=2).shmat(shm="s", map="A").touch(map="A").exit()
    before = host.segments()
    recording = run(pool, scenario)
    assert [step.counters["2M"].free for step in recording.steps] == [2, 2, 1, 1]
    assert host.segments() == before


def test_a_busy_mount_and_a_failing_step_are_cleaned_up(pool: BorrowedPool) -> None:
    """An exception in the middle leaves nothing: open files, mappings, directories, groups."""
    scenario = Scenario("mess", nr=3).mkdir(path="m/d").open(fd="f", path="m/d/f").mmap(map="A", fd="f", pages=2)
    scenario = scenario.touch(map="A", count=2).fork(child="C").open(fd="p", path="@/p").cg_mount(version=1)
    scenario = scenario.cg_mkdir(version=1, cg="hugelab-test").cg_attach(version=1, cg="hugelab-test")
    with pytest.raises(RuntimeError), boot_live(scenario, pool) as kernel:
        assert outcomes(record(kernel, scenario))[-1] == "ok"
        raise RuntimeError


# A runner in a process of its own: three processes, pages, a mount; says the pids and waits to be killed.
RUNNER = """
import sys, time
from hugelab import Scenario
from hugelab.live.kernel import boot_live
from hugelab.live.pool import borrow
from hugelab.source import record
flags = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB"]
scenario = Scenario("victim", nr=5).mmap(map="A", pages=2, flags=flags).touch(map="A", count=2).fork(child="C")
scenario = scenario.fork(proc="C", child="D").exit(proc="C")
with borrow(yes=True, wait=300) as pool:
    kernel = boot_live(scenario, pool)
    record(kernel, scenario)
    print(kernel.crew._keeper.pid, *(kernel.crew.members[name].pid for name in "PD"), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("stopped", [False, True], ids=["all run", "one is stuck"])
def test_nobody_outlives_a_killed_runner(stopped: bool) -> None:
    """SIGKILL of the runner ends keeper and processes, also one that reads nothing; restore does the rest."""
    with alone():
        runner = subprocess.Popen([sys.executable, "-c", RUNNER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert runner.stdout is not None
        pids = [int(pid) for pid in runner.stdout.readline().split()]
        assert len(pids) == 3
        if stopped:
            os.kill(pids[1], 19)  # SIGSTOP: as if it never came back from a system call
        runner.kill()
        runner.wait()
        end = time.monotonic() + 10
        while alive := [pid for pid in pids if host.process(pid)]:
            assert time.monotonic() < end, f"{alive} live on"
            time.sleep(0.01)
        assert restore()
        assert not any(any(host.read_counters(size)) for size in host.page_sizes())
        runner.stdout.close()


def test_the_process_that_holds_all_is_killed(pool: BorrowedPool) -> None:
    """Then the scenario cannot go on, and is cleaned up all the same."""
    from hugelab.live.errors import LiveUnavailable

    scenario = Scenario("headless", nr=2).mmap(map="A", pages=2, flags=ANONYMOUS).touch(map="A")
    kernel: LiveKernel
    with boot_live(scenario, pool) as kernel:
        record(kernel, scenario)
        kernel.crew._keeper.kill()
        with pytest.raises(LiveUnavailable):
            kernel.run(Op("exit"))
        with pytest.raises(LiveUnavailable):
            kernel.run(Op("stat", {"path": "m/"}, "Q"))


# -- kernel bugs -------------------------------------------------------------------------------------
SAFE = [name for name, bug in KERNEL_BUGS.items() if not bug.do_not_run]


@pytest.mark.parametrize("name", SAFE)
def test_the_running_kernel_has_the_bug(pool: BorrowedPool, name: str) -> None:
    """Its smallest program, on this kernel: the answers of the model with the bugs, step by step."""
    program = KERNEL_BUGS[name].program
    kernel = boot_live(program, pool)
    try:
        theirs = record(kernel, program)
        ours = record(boot(program, kernel.machine), program)
    finally:
        kernel.close()
    difference = compare(ours, theirs)
    if difference and not os.uname().release.startswith(f"{RECORDED}."):
        pytest.skip(f"another kernel may not have it: {difference}")
    assert difference is None


def test_what_harms_is_refused(pool: BorrowedPool) -> None:
    """Also where nobody marked it: the model says what would come of it."""
    for name in KERNEL_BUGS.keys() - set(SAFE):
        with pytest.raises(ScenarioError, match="is not run on the live kernel"):
            boot_live(KERNEL_BUGS[name].program, pool)
