"""A true log of any release, also of those that nobody recorded, is judged by the rules of its own release.

The model of that release plays the programs, so these tests are about which rules the detective takes. That the rules
are right is tested in tests/linux, and against recorded kernels in tests/model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from hugelab import Op, Scenario, machine
from hugelab.linux.machines import SIZE_2M
from hugelab.linux.names import function_name
from hugelab.model.kernel import Kernel, boot
from hugelab.record.flow import log_text
from hugelab.record.recording import Event, Recording
from hugelab.trace.detective import examine_lines
from tests.conftest import fully
from tests.linux import RELEASES, before

from . import played

PRIVATE = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB"]
PIDS = {"P": 700, "C": 701}
REFUSED = {
    "EINVAL": "= -1 errno=22 Invalid argument",
    "ENOTSUP": "= -1 errno=95 Operation not supported",
    "ENOMEM": "= -1 errno=12 Cannot allocate memory",
    "SIGBUS": "= signal 7 (SIGBUS)",
}


# -- a log that the model plays ----------------------------------------------------------------------------
def step(k: Kernel, op: Op) -> tuple[str, str]:
    """Do an operation: its words in a STEP mark, and its answer in a RET mark."""
    outcome, _ = k.run(op)
    args, area = op.args, k.maps.get((op.proc, op.args.get("map", "")))
    pages, page, fd = args.get("pages", 0), args.get("page", 0), 3 if args.get("fd") else -1
    size, flags = pages * SIZE_2M, "|".join(op.get("flags") or ())
    at = f"{area.addr + page * SIZE_2M:#x}" if area else ""
    text, answer = {
        "open": (f'open("/mnt/huge/a", {flags}, 0755)', "open = 3"),
        "mmap": (f"mmap(NULL, {pages} pages = {size}, PROT_READ|PROT_WRITE, {flags}, fd={fd}, off=0)", "mmap = "),
        "touch": (f"{'write' if op.get('mode') == 'w' else 'read'} one byte at {at}", "touch = ok"),
        "munmap": (f"munmap({at}, {pages} pages)", "munmap = 0"),
        "close": ("close(3)", "close = 0"),
        "unlink": ('unlink("/mnt/huge/a")', "unlink = 0"),
        "ftruncate": (f"ftruncate(fd, {pages} pages)", "ftruncate = 0"),
        "fallocate": (f"fallocate(fd, 0, 0, {pages} pages)", "fallocate = 0"),
        "madvise": (f"madvise(page {page}, {args.get('advice')})", "madvise = 0"),
        "fork": ("fork()", "fork = 701"),
        "set_nr": (f"echo {args.get('n')} > nr_hugepages", f"write nr_hugepages '{args.get('n')}' = 1"),
        "set_overcommit": (
            f"echo {args.get('n')} > nr_overcommit_hugepages",
            f"write nr_overcommit_hugepages '{args.get('n')}' = 1",
        ),
        "exit": ("", "child exit 0"),
    }[op.op]
    if outcome != "ok":
        return text, f"{op.op} {REFUSED[outcome]}"
    if op.op == "mmap" and area:
        answer += f"{area.addr:#x}-{area.addr + area.length:#x}"
    return text, answer


def snap(k: Kernel) -> str:
    """The counters of the pool."""
    total, free, rsvd, surp = k.state.counters()[0].shown
    return f"SNAP total={total} free={free} rsvd={rsvd % (1 << 64)} surp={surp}"


def marks(k: Kernel, program: Scenario, form: str) -> Iterator[tuple[str, str]]:
    """Process and text of each line: the marks of a program, and between them what a recorder shows of its steps."""
    yield "P", "PROG hugelab played pid=700 bits=64"
    yield "P", snap(k)
    numbers, who = {"P": 0}, "P"
    for op in program.steps:
        rows = len(k.state.rows)
        words, answer = step(k, op)
        if op.proc != who:
            who = op.proc
            yield who, f"{'CHILD' if who == 'C' else 'PARENT'} pid={PIDS[who]}"
        if words:
            numbers[who] = numbers.get(who, numbers["P"]) + 1
            yield who, f"STEP {numbers[who]} {words}"
        recording = Recording(program, k.machine, k.state)
        for index in range(recording.first_event(rows), len(recording)):
            if text := shown(recording.event(index), recording, form):
                yield who, text
        if not words:  # exit
            yield who, "CHILD exit"
            who = "P"
        yield who, f"RET {answer}"
        yield who, snap(k)


def shown(event: Event, recording: Recording, form: str) -> str | None:
    """The line of an event: the lesson's (printk), or that of a probe, with the names of the release."""
    if form == "printk":
        return log_text(event, recording.machine, extra=True)
    version = recording.machine.version
    names = {"dequeue_huge_page_nodemask": "dequeue_huge_page_vma"}
    if event.name == "dequeue_huge_page_node":  # here the probe stands on the outer function, which pays until 6.13
        return None
    if event.name == "dequeue_huge_page_vma":
        event = event._replace(name="dequeue_huge_page_node")
    text = played.kprobe(event, recording, lambda address: address)
    return text and re.sub(r"[a-z]\w*_\w+", lambda m: function_name(names.get(m[0], m[0]), version), text)


def log(program: Scenario, version: str, header: str = "", form: str = "printk") -> list[str]:
    """The log of a program on a release, under the header of that release or of another."""
    where = replace(machine(version), pid=PIDS["P"])
    lines = [f"# kernel:   Linux {header or version}.0 #1 SMP x86_64", "# cmdline:  nokaslr"]
    for at, (proc, text) in enumerate(marks(boot(program, where), program, form)):
        mark = "tracing_mark_write: " * bool(re.match("[A-Z]", text))
        front = f"  hugelab-{PIDS[proc]}  [000] .....  {10 + at / 1000:.6f}: {mark}"
        lines.append(text.join((front if form == "kprobe" else f"[{10 + at / 1000:12.6f}] ", "")))
    return lines


# -- programs ------------------------------------------------------------------------------------------------
def pool(nr: int = 10) -> Scenario:
    return Scenario("played", nr)


TWO = pool().mmap(map="A", pages=2, flags=PRIVATE).touch(map="A").touch(map="A", page=1)
DROPPED = TWO.madvise(map="A", page=0, pages=1, advice="MADV_DONTNEED")
FILE = pool().open(fd="f", path="m/a").mmap(map="A", fd="f", pages=3).touch(map="A").touch(map="A", page=1)
PROGRAMS = {
    "private": DROPPED.touch(map="A", mode="r").munmap(map="A", page=1, pages=1).munmap(map="A", page=0, pages=1),
    "shared": FILE.fork(child="C").touch(map="A", proc="C").exit(proc="C").munmap(map="A", pages=3).unlink(path="m/a"),
    "shorter": FILE.ftruncate(fd="f", pages=1).munmap(map="A", pages=3).close(fd="f").unlink(path="m/a"),
    "fallocate": FILE.fallocate(fd="f", pages=4).unlink(path="m/a").munmap(map="A", pages=3).close(fd="f"),
    # the last fault before it finds its page in the cache, and takes none
    "fallocate after a minor fault": FILE.mmap(map="B", fd="f", pages=3).touch(map="B").fallocate(fd="f", pages=4),
    "fork": TWO.fork(child="C").touch(map="A", proc="C").exit(proc="C").touch(map="A").munmap(map="A", pages=2),
    # the kernel bug restore_while_shared: from 6.9 on rsvd is -2 in between, and shows as 2**64 - 2
    "owner first": TWO.fork(child="C").munmap(map="A", pages=2).exit(proc="C"),
    "surplus": pool(1)
    .set_overcommit(n=1)
    .mmap(map="A", pages=2, flags=PRIVATE)
    .touch(map="A")
    .madvise(map="A", page=0, pages=1, advice="MADV_DONTNEED")
    .set_nr(n=0)
    .munmap(map="A", pages=2)
    .mmap(map="B", pages=2, flags=[*PRIVATE, "MAP_NORESERVE"])
    .touch(map="B")
    .touch(map="B", page=1),
}
PLAYED = [(name, form) for name in PROGRAMS for form in ("printk", "kprobe")]


# -- a release by its own rules, and not by those of another -----------------------------------------------------
@pytest.mark.full
@pytest.mark.parametrize("version", RELEASES)
def test_a_true_log_of_every_release_is_believed(version: str) -> None:
    """Each program in both formats (in `make test` every third of them, other ones for the next release): every line
    is read, every SNAP compared, nothing contradicted."""
    for name, form in PLAYED if fully() else PLAYED[RELEASES.index(version) % 3 :: 3]:
        report = examine_lines(log(PROGRAMS[name], version, form=form), name)
        assert report.contradictions == [], (name, form)
        assert report.unread == 0, (name, form)
        assert report.snaps_checked == report.snaps > 5, (name, form)
        assert report.kernel == f"{version}.0 x86_64"


def test_pages_of_fallocate_belong_to_no_fault() -> None:
    """Also in a log without marks, where nothing but a fault's own page tells that it is over."""
    text = log(PROGRAMS["fallocate"], "6.18")
    bare = [line for line in text if not re.search(r"\] (?:PROG|SNAP|STEP|RET)", line)]
    assert sum("alloc_hugetlb_folio() START" in line for line in bare) == 4
    assert examine_lines(bare).contradictions == []


def test_an_error_with_two_names() -> None:
    """95 is ENOTSUP, as the model calls it, and EOPNOTSUPP: MAP_SYNC is refused with it."""
    refused = pool().open(fd="f", path="m/a").mmap(map="A", fd="f", pages=1, flags=["MAP_SHARED_VALIDATE", "MAP_SYNC"])
    report = examine_lines(log(refused, "6.18"))
    assert report.contradictions == []
    assert "mmap: ENOTSUP, as in the model" in [verdict.text for verdict in report.verdicts]


DECIDES = [  # a rule that moves what a log shows: its date, a program, a format, what is said of the log
    ("zap_restores_reserve", "6.9", "private", "printk", "snap"),
    ("zap_restores_reserve", "6.9", "private", "kprobe", "snap"),
    ("zap_restores_reserve", "6.9", "fork", "kprobe", "counters"),
    ("restore_while_shared", "6.9", "owner first", "kprobe", "snap"),
    ("alloc_takes_reservation", "6.14", "private", "kprobe", "counters"),
    ("unmap_clears_mayshare", "6.1", "shared", "printk", "flags"),
]


@pytest.mark.parametrize(("rule", "date", "program", "form", "says"), DECIDES)
def test_the_log_of_the_release_before_is_contradicted(
    rule: str, date: str, program: str, form: str, says: str
) -> None:
    """Under the header of the release that changed the rule; and the other way round."""
    for played_on, header in ((before(date), date), (date, before(date))):
        report = examine_lines(log(PROGRAMS[program], played_on, header, form))
        assert says in [verdict.rule for verdict in report.contradictions], (rule, header)


NOT_YET = [  # what an older kernel cannot have done; that a newer one says it has no such call is believed
    ("dontneed", "5.18", "private", "result"),
    ("fallocate", "4.3", "fallocate", "result"),
    ("fork_copies_every_table", "6.0", "shared", "touched"),
]


@pytest.mark.parametrize(("rule", "date", "program", "says"), NOT_YET)
def test_a_log_of_more_than_the_release_can(rule: str, date: str, program: str, says: str) -> None:
    """Under the header of the release before: MADV_DONTNEED is no answer, a child's entry makes no fault."""
    report = examine_lines(log(PROGRAMS[program], date, before(date), "kprobe"))
    assert says in [verdict.rule for verdict in report.contradictions], rule


@pytest.mark.parametrize(("version", "restored"), [("6.8", 0), ("6.9", 1), ("6.11", 1)])
def test_dontneed_between_the_recorded_releases(version: str, restored: int) -> None:
    """Two private pages, both touched, one dropped: 6.9 and later reserve it again, and only they.

    The counters are told here by hand, so that neither side of it comes from the model.
    """
    marks = (
        "SNAP total=10 free=10 rsvd=0 surp=0",
        f"STEP 1 mmap(NULL, 2 pages = 4194304, PROT_READ|PROT_WRITE, {'|'.join(PRIVATE)}, fd=-1, off=0)",
        "RET mmap = 0x7f0000000000-0x7f0000400000",
        "SNAP total=10 free=10 rsvd=2 surp=0",
        "STEP 2 memset(p, 'H', 4 MB)",
        "RET touch = ok",
        "SNAP total=10 free=8 rsvd=0 surp=0",
        "STEP 3 madvise(page 0, MADV_DONTNEED)",
        "RET madvise = 0",
    )
    for rsvd in (0, 1):
        lines = [f"# kernel:   Linux {version}.0 #1 SMP x86_64", *marks, f"SNAP total=10 free=9 rsvd={rsvd} surp=0"]
        found = [(verdict.line, verdict.rule) for verdict in examine_lines(lines).contradictions]
        assert found == ([] if rsvd == restored else [(len(lines), "snap")])
