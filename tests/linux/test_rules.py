"""Each rule with a date, on both sides of it: what the release before answers, and what the release answers.

The answers are by hand, from what the rule says. The dates stand here a second time on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from hugelab import Recording, Scenario, machine, run
from hugelab.linux.flags import VM_MAYSHARE, fault_flags
from hugelab.linux.kernel_bugs import KERNEL_BUGS
from hugelab.linux.machines import Machine
from hugelab.linux.rules import NEWEST, OLDEST, RULES, rules_of

from . import RELEASES, before

ANONYMOUS = ["MAP_ANONYMOUS", "MAP_HUGETLB"]
PRIVATE = ["MAP_PRIVATE", *ANONYMOUS]
SHARED = ["MAP_SHARED", *ANONYMOUS]
FIXED = ["MREMAP_MAYMOVE", "MREMAP_FIXED"]
GROUP = {"version": 1, "cg": "g"}


# -- what to look at ------------------------------------------------------------------------------------
def end(recording: Recording) -> str:
    """Outcome of the last step, and the counters of the default pool after it: total/free/rsvd/surp."""
    step = recording.steps[-1]
    return f"{step.outcome} {step.counters['2M']}"


def outcomes(recording: Recording) -> str:
    """Of each step."""
    return " ".join(step.outcome for step in recording.steps)


def answer(recording: Recording) -> tuple[str, Any]:
    """Outcome and value of the last step."""
    return recording.steps[-1].outcome, recording.steps[-1].value


def end_1g(recording: Recording) -> str:
    """Outcome of the last step, and the counters of the 1 GiB pool after it."""
    return f"{recording.steps[-1].outcome} {recording.steps[-1].counters['1G']}"


def at_dequeue(recording: Recording) -> str:
    """The counters where dequeue_huge_page_vma returns."""
    return next(str(event.counters) for event in recording if event.name == "dequeue_huge_page_vma")


def frames(recording: Recording) -> list[int | None]:
    """The frames handed out, counted from the first of the machine's memory for this size (4 GiB)."""
    taken = (event for event in recording if (event.name, event.moment) == ("alloc_huge_page", "success"))
    return [event.pfn // 512 - 2048 for event in taken if event.pfn is not None]


def mayshare_at_close(recording: Recording) -> bool:
    """Is VM_MAYSHARE in the vm_flags that hugetlb_vm_op_close prints?"""
    return any(event.detail.get("vm_flags", 0) & VM_MAYSHARE for event in recording if "close" in event.name)


def log_word(recording: Recording) -> tuple[str, str]:
    """The outcome, and what the line in the kernel's log calls the use of RLIMIT_MEMLOCK."""
    word = next(event.detail["word"] for event in recording if event.name == "user_shm_lock")
    return recording.steps[-1].outcome, word


def in_proc(recording: Recording) -> tuple[Any, bool]:
    """What /proc/PID/status says of huge pages, and whether smaps says anything."""
    status, smaps = recording.steps[-2:]
    return status.value, "Private_Hugetlb" in smaps.value


def values(*names: str) -> Callable[[Recording], list[Any]]:
    """Fields of the last step's value."""
    return lambda recording: [recording.steps[-1].value.get(name) for name in names]


# -- the table --------------------------------------------------------------------------------------------
class Case(NamedTuple):
    """A smallest program whose answer the rule decides: what ``look`` sees in the release before the date, and in the
    release itself. The date is ``since``; for a rule that is older than the oldest release here, ``until``.
    """

    since: str
    until: str
    program: Scenario
    before: Any
    after: Any
    look: Callable[[Recording], Any] = end
    nodes: int = 1

    @property
    def date(self) -> str:
        return self.until or self.since


def pool(nr: int = 1, overcommit: int = 0) -> Scenario:
    return Scenario("", nr, overcommit)


def opened(nr: int = 1) -> Scenario:
    return pool(nr).open(fd="f", path="m/a")


A_PAGE = pool().mmap(map="A", pages=1, flags=PRIVATE).touch(map="A")
MEMFD = pool().memfd(fd="f", flags=["MFD_HUGETLB"])
SEALABLE = pool().memfd(fd="f", flags=["MFD_HUGETLB", "MFD_ALLOW_SEALING"])
LOCKS = pool().setrlimit_memlock(bytes=8 << 20).setuid(uid=1000)
IN_GROUP = pool().cg_mount(version=1).cg_mkdir(**GROUP).cg_attach(**GROUP)
ONE_USED = pool(2).mmap(map="A", pages=1, flags=PRIVATE).touch(map="A")  # of two nodes: page 0 of node 0

CASES = {
    # two reserved, one touched, and that one dropped: is it reserved again?
    "zap_restores_reserve": Case(
        *("6.9", ""),
        pool(2).mmap(map="A", pages=2, flags=PRIVATE).touch(map="A").madvise(map="A", advice="MADV_DONTNEED"),
        *("ok 2/2/1/0", "ok 2/2/2/0"),
    ),
    "alloc_takes_reservation": Case(*("6.14", ""), A_PAGE, "1/0/0/0", "1/0/1/0", at_dequeue),
    "unmap_clears_mayshare": Case(
        *("3.6", "6.1"), pool().mmap(map="A", pages=1, flags=SHARED).munmap(map="A"), False, True, mayshare_at_close
    ),
    # the child has an entry for the shared page: two of them map it
    "fork_copies_every_table": Case(
        *("3.10", "6.0"),
        pool().mmap(map="A", pages=1, flags=SHARED).touch(map="A").fork(child="C").smaps(map="A"),
        *([2048, 0], [0, 2048]),
        values("Shared_Hugetlb", "Private_Hugetlb"),
    ),
    "pool_in_order": Case(
        *("6.7", ""), pool(2).mmap(map="A", pages=2, flags=PRIVATE).touch(map="A", count=2), [1, 0], [0, 1], frames
    ),
    # node 0 has one page, used, of 0 configured: surplus; node 1 one free page, which nr_hugepages=0 gives back or not
    "shrink_spares_surplus": Case(
        *("6.15", ""), ONE_USED.set_nr_node(node=0, n=0).set_nr(n=0), "ok 2/1/0/2", "ok 1/0/0/1", nodes=2
    ),
    # one surplus page on node 0; node 1 shall have one page, and gets one more for the surplus of the other
    "node_file_counts_surplus": Case(
        *("3.10", "6.7"), ONE_USED.set_nr(n=0).set_nr_node(node=1, n=1), "ok 3/2/0/1", "ok 2/1/0/1", nodes=2
    ),
    # the surplus page comes from node 0 (and then node 1, to which the task is bound, has none), or from node 1
    "surplus_obeys_mempolicy": Case(
        *("6.11", ""),
        pool(0, 1).set_mempolicy(policy="MPOL_BIND", nodemask=2).mmap(map="A", pages=1, flags=PRIVATE),
        *("ENOMEM 0/0/0/0", "ok 1/1/1/1"),
        nodes=2,
    ),
    "gigantic_at_run_time": Case(*("3.16", ""), pool().set_nr(n=1, hsize="1G"), "EINVAL 0/0/0/0", "ok 1/1/0/0", end_1g),
    "demote": Case(*("5.16", ""), pool(0).set_nr(n=1, hsize="1G").demote(n=1), "ENOENT 0/0/0/0", "ok 512/512/0/0"),
    "min_size": Case(*("4.1", ""), pool().mount(mount="n", options="min_size=2M"), "EINVAL 1/1/0/0", "ok 1/1/1/0"),
    # a page for the file, and a hole in its place
    "fallocate": Case(
        *("4.3", ""),
        opened().mmap(map="A", fd="f", pages=1).fallocate(fd="f", pages=1).madvise(map="A", advice="MADV_REMOVE"),
        *("ok ok ENOTSUP EINVAL", "ok ok ok ok"),
        outcomes,
    ),
    "hole_zeroes_partial_pages": Case(
        *("5.19", ""),
        opened()
        .mmap(map="A", fd="f", pages=1)
        .touch(map="A", byte=7)
        .fallocate(fd="f", bytes=4096, mode=["FALLOC_FL_PUNCH_HOLE", "FALLOC_FL_KEEP_SIZE"])
        .touch(map="A", mode="r"),
        *([[7]], [[0]]),
        values("bytes"),
    ),
    "tmpfile": Case(
        *("5.5", ""),
        pool().open(fd="f", path="m/", flags=["O_TMPFILE", "O_RDWR"]),
        *("ENOTSUP 1/1/0/0", "ok 1/1/0/0"),
    ),
    # of two pages, but for their first byte; what is asked for ends behind the file
    "splice_read_needed": Case(
        *("5.10", ""),
        opened(2).ftruncate(fd="f", pages=2).sendfile(fd="f", off_bytes=1, bytes=8 << 20),
        *(("ok", {"n": (4 << 20) - 1}), ("EINVAL", None)),
        answer,
    ),
    # read where only execution is allowed; the tests' CPU has protection keys
    "execute_only_pkey": Case(
        *("4.6", ""),
        Scenario("x", 2).mmap(map="A", pages=1, flags=PRIVATE, prot=["PROT_EXEC"]).touch(map="A", mode="r"),
        *("ok 2/1/0/0", "SIGSEGV 2/2/1/0"),
        end,
    ),
    # the only page is reserved for a file that ends with its mapping: early enough for the new one?
    "map_fixed_evicts_last": Case(
        *("6.12", ""),
        pool()
        .mmap(map="A", pages=1, flags=SHARED)
        .mmap(map="B", pages=1, flags=[*PRIVATE, "MAP_FIXED"], at={"map": "A"}),
        *("ok 1/1/1/0", "ENOMEM 1/1/0/0"),
    ),
    "shared_validate": Case(
        *("4.15", ""),
        opened()
        .mmap(map="A", fd="f", pages=1, flags=["MAP_SHARED_VALIDATE"])
        .mmap(map="B", fd="f", pages=1, flags=["MAP_SHARED_VALIDATE", "MAP_SYNC"]),
        *("ok EINVAL EINVAL", "ok ok ENOTSUP"),
        outcomes,
    ),
    "fixed_noreplace": Case(
        *("4.17", ""),
        pool(2)
        .mmap(map="A", pages=1, flags=PRIVATE)
        .mmap(map="B", pages=1, flags=[*PRIVATE, "MAP_FIXED_NOREPLACE"], at={"map": "A"}),
        *("ok 2/2/2/0", "EEXIST 2/2/1/0"),
    ),
    "mremap": Case(
        *("5.16", ""),
        A_PAGE.mremap(map="A", new_pages=1, flags=FIXED, at={"map": "A", "page": -64}),
        *(("EINVAL", None), ("ok", {"moved": True})),
        answer,
    ),
    # mprotect makes two mappings of one
    "mremap_moves_many": Case(
        *("6.17", ""),
        pool(2)
        .mmap(map="A", pages=2, flags=PRIVATE)
        .mprotect(map="A", pages=1, prot=["PROT_READ"])
        .mremap(map="A", new_pages=2, flags=FIXED, at={"map": "A", "page": -64}),
        *(("EFAULT", None), ("ok", {"moved": True})),
        answer,
    ),
    # of a file, so that the reservation of a private page plays no part
    "dontneed": Case(
        *("5.18", ""),
        opened().mmap(map="A", fd="f", pages=1).touch(map="A").madvise(map="A", advice="MADV_DONTNEED"),
        *("EINVAL 1/0/0/0", "ok 1/0/0/0"),
    ),
    "populate_advice": Case(
        *("5.14", ""),
        pool().mmap(map="A", pages=1, flags=PRIVATE).madvise(map="A", advice="MADV_POPULATE_WRITE"),
        *("EINVAL 1/1/1/0", "ok 1/0/0/0"),
    ),
    "madv_remove_wants_maywrite": Case(
        *("6.7", ""),
        opened().mmap(map="A", fd="f", pages=1, prot=["PROT_READ"]).madvise(map="A", advice="MADV_REMOVE"),
        *("EACCES 1/1/1/0", "ok 1/1/1/0"),
    ),
    # nothing is in memory; a user who may only read the file is told that everything is
    "mincore_hides": Case(
        *("5.2", ""),
        opened()
        .setuid(uid=1000)
        .open(fd="g", path="m/a", flags=["O_RDONLY"])
        .mmap(map="A", fd="g", pages=1, prot=["PROT_READ"])
        .mincore(map="A"),
        *([[0]], [[1]]),
        values("resident"),
    ),
    "memfd_create": Case(*("3.17", ""), MEMFD, "ENOSYS 1/1/0/0", "EINVAL 1/1/0/0"),
    "memfd_hugetlb": Case(*("4.14", ""), MEMFD, "EINVAL 1/1/0/0", "ok 1/1/0/0"),
    "memfd_seals": Case(
        *("4.16", ""),
        MEMFD.seal(fd="f", seals=["F_SEAL_GROW"]).memfd(fd="g", flags=["MFD_HUGETLB", "MFD_ALLOW_SEALING"]),
        *("ok EINVAL EINVAL", "ok EPERM ok"),  # without MFD_ALLOW_SEALING it has F_SEAL_SEAL
        outcomes,
    ),
    "seal_future_write": Case(
        *("5.1", ""),
        SEALABLE.seal(fd="f", seals=["F_SEAL_FUTURE_WRITE"]),
        *("EINVAL 1/1/0/0", "ok 1/1/0/0"),
    ),
    "future_write_stops_mmap": Case(
        *("5.13", ""),
        SEALABLE.seal(fd="f", seals=["F_SEAL_FUTURE_WRITE"]).mmap(map="A", fd="f", pages=1),
        *("ok 1/1/1/0", "EPERM 1/1/0/0"),
    ),
    "memfd_exec": Case(
        *("6.3", ""),
        SEALABLE.seal(fd="f", seals=["F_SEAL_EXEC"]).memfd(fd="g", flags=["MFD_HUGETLB", "MFD_EXEC"]),
        *("ok EINVAL EINVAL", "ok ok ok"),
        outcomes,
    ),
    "shm_within_memlock": Case(
        *("3.10", "5.16"), LOCKS.shmget(shm="S", pages=1), ("ok", "deprecated"), ("EPERM", "obsolete"), log_word
    ),
    "memlock_8m": Case(
        *("5.16", ""),
        pool().setuid(uid=1000).mmap(map="A", pages=1, flags=PRIVATE).mlock(map="A"),
        *("ENOMEM 1/1/1/0", "ok 1/0/0/0"),
    ),
    "cgroup_rsvd": Case(
        *("5.7", ""),
        IN_GROUP.mmap(map="A", pages=1, flags=PRIVATE).cg_get(**GROUP, files=["hugetlb.2MB.rsvd.usage_in_bytes"]),
        *(("ENOENT", None), ("ok", {"hugetlb.2MB.rsvd.usage_in_bytes": "2097152"})),
        answer,
    ),
    "cgroup2_hugetlb": Case(*("5.6", ""), pool().cg_mount(version=2), "EINVAL 1/1/0/0", "ok 1/1/0/0"),
    "numa_stat": Case(
        *("5.17", ""),
        IN_GROUP.cg_get(**GROUP, files=["hugetlb.2MB.numa_stat"]),
        *(("ENOENT", None), ("ok", {"hugetlb.2MB.numa_stat": "total=0 N0=0\nhierarchical_total=0 N0=0"})),
        answer,
    ),
    "cgroup_name_is_a_line": Case(
        *("3.17", ""), IN_GROUP.cg_mkdir(version=1, cg="g/a\nb"), "ok 1/1/0/0", "EINVAL 1/1/0/0"
    ),
    "hugetlb_usage": Case(
        *("4.4", ""), A_PAGE.hugetlb_usage().smaps(map="A"), ({}, False), ({"kB": 2048}, True), in_proc
    ),
    "meminfo_hugetlb": Case(*("4.16", ""), pool().meminfo(), [None], [2048], values("Hugetlb")),
    "preferred_many": Case(
        *("5.15", ""),
        pool().set_mempolicy(policy="MPOL_PREFERRED_MANY", nodemask=1),
        *("EINVAL 1/1/0/0", "ok 1/1/0/0"),
    ),
}


def on(case: Case, version: str) -> Machine:
    """A machine of a release, with the nodes that the case needs."""
    return replace(machine(version), nodes=case.nodes, protection_keys=True)


def turned(where: Machine, name: str) -> Machine:
    """The same machine, with this one rule the other way."""
    return replace(where, rules=replace(where.rules, names=where.rules.names ^ {name}))


def test_every_rule_has_a_case() -> None:
    """And its dates are these."""
    assert {name: (rule.since, rule.until) for name, rule in RULES.items()} == {
        name: (case.since, case.until) for name, case in CASES.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_just_before_and_from_its_release_on(name: str) -> None:
    """The rule alone makes the difference: either release answers as the other when only this rule is turned."""
    case = CASES[name]
    old, new = on(case, before(case.date)), on(case, case.date)
    assert case.look(run(case.program, old)) == case.before
    assert case.look(run(case.program, new)) == case.after
    assert case.look(run(case.program, turned(new, name))) == case.before
    assert case.look(run(case.program, turned(old, name))) == case.after


# -- all releases ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("version", RELEASES)
def test_every_release_has_its_rules(version: str) -> None:
    """Those that came by then and are not gone yet; a server of that name."""
    at = RELEASES.index(version)
    held = {
        name
        for name, case in CASES.items()
        if (case.since not in RELEASES or RELEASES.index(case.since) <= at)
        and not (case.until and RELEASES.index(case.until) <= at)
    }
    where = machine(version)
    assert where.rules.names == held
    assert (where.name, where.version) == (f"x86-64-{version}", version)
    assert where.title.endswith(f"Linux {version}")


FAULT = (  # releases, and what a read by a program has in its fault flags
    ("3.10", ["ALLOW_RETRY", "KILLABLE"]),
    ("3.12", ["ALLOW_RETRY", "KILLABLE", "USER"]),
    ("5.7", ["ALLOW_RETRY", "KILLABLE", "USER", "INTERRUPTIBLE"]),
    ("6.7", ["ALLOW_RETRY", "KILLABLE", "USER", "INTERRUPTIBLE", "VMA_LOCK"]),
)


@pytest.mark.parametrize("version", RELEASES)
def test_fault_flags_of_every_release(version: str) -> None:
    """Read by the names of that release: 4.0 gave them other numbers."""
    names = [flags for since, flags in FAULT if RELEASES.index(since) <= RELEASES.index(version)][-1]
    value = machine(version).fault_flags
    assert fault_flags(value, version) == [f"FAULT_FLAG_{name}" for name in names]
    assert (value < 0x54) == (version in ("3.10", "3.11"))
    assert (value == 0xA8) == (version in [f"3.{minor}" for minor in range(12, 20)])


def test_a_later_release_has_the_newest_rules() -> None:
    """And its title says so."""
    assert (RELEASES[0], RELEASES[-1]) == (OLDEST, NEWEST)
    for version in ("6.19", "7.1", "10.0"):
        later = machine(version)
        assert later.rules.names == machine(NEWEST).rules.names
        assert later.name == f"x86-64-{version}"
        assert later.title.endswith(f"Linux {version} (by the rules of 6.18, the newest that are known)")


@pytest.mark.parametrize("version", ["2.6", "2.6.32", "3.9", "3.9.11", "x", "", "6", "v6.11"])
def test_no_release_is_one_clear_line(version: str) -> None:
    """Older than the oldest, or no release at all."""
    for ask in (rules_of, machine):
        with pytest.raises(ValueError, match=r"oldest release whose rules|write one such as 6\.11") as error:
            ask(version)
        assert version in str(error.value)
        assert "\n" not in str(error.value)


def test_a_release_with_what_follows_it() -> None:
    """What uname says is enough."""
    assert rules_of("6.11.3-generic").names == rules_of("6.11").names
    assert rules_of("6.11.3-generic").bugs == rules_of("6.11").bugs
    assert machine("6.11.3-generic").name == "x86-64-6.11"


def test_a_name_that_is_no_rule() -> None:
    """Is not taken for one that does not hold."""
    with pytest.raises(AttributeError, match="no_such_rule"):
        _ = rules_of("6.11").no_such_rule


# -- dates and sources elsewhere ---------------------------------------------------------------------------
BUGS = {
    "failed_map_fixed_leaves_a_hole": ("0.0", ""),
    "private_map_of_readonly_fd_extends_file": ("0.0", ""),
    "seal_grow_does_not_stop_mmap": ("4.16", ""),
    "failed_allocation_leaks_quota": ("6.15", ""),
    "restore_while_shared": ("6.9", "7.3"),
    "surplus_blocks_restore": ("6.9", ""),
    "partial_mremap_strips_reserve_map": ("5.16", ""),
    "min_size_given_back_twice": ("6.15", "7.4"),
    "reserved_page_leaves_the_pool": ("4.1", ""),
    "demote_takes_reserved_pages": ("6.12", ""),
    "available_is_unsigned": ("0.0", ""),
}


def test_the_dates_of_kernel_bugs() -> None:
    """A release has those that came by then and are not mended yet."""
    assert {name: (bug.since, bug.until) for name, bug in KERNEL_BUGS.items()} == BUGS
    assert rules_of("3.10").bugs == {name for name, (since, _) in BUGS.items() if since == "0.0"}
    assert rules_of("7.2").bugs == set(BUGS)
    assert rules_of("7.3").bugs == set(BUGS) - {"restore_while_shared"}
    assert rules_of("7.4").bugs == set(BUGS) - {"restore_while_shared", "min_size_given_back_twice"}


def test_a_source_is_a_commit_or_two_releases() -> None:
    """A rule's names the commit, or (four rules) the releases before and after; that of three is not certain."""
    bare = [name for name, rule in RULES.items() if not re.match(r"[0-9a-f]{12} \w", rule.source)]
    assert bare == ["tmpfile", "execute_only_pkey", "cgroup_name_is_a_line", "meminfo_hugetlb"]
    assert all(re.search(r"\d\.\d+ and \d\.\d+", RULES[name].source) for name in bare)
    uncertain = [name for name, rule in RULES.items() if not rule.certain]
    assert uncertain == ["tmpfile", "execute_only_pkey", "cgroup_name_is_a_line"]
