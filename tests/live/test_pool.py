"""The pools are put back on every way out: real ones, as root; what an unprivileged user gets."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("the live kernel is Linux", allow_module_level=True)

from hugelab.core.state import Counters
from hugelab.live import host, journal
from hugelab.live.journal import Journal, PoolBefore
from hugelab.live.pool import (
    BorrowedPool,
    DoesNotFit,
    PoolError,
    as_found,
    borrow,
    describe,
    left_behind,
    leftover,
    restore,
)
from tests.live.alone import alone
from tests.live.why import why_not_live

ROOT = Path(__file__).parents[2]
NOBODY = 65534
EMPTY = Counters(0, 0, 0, 0)


WHY_NOT = why_not_live()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "can")


def machine() -> tuple[Any, ...]:
    """Everything that borrowing may change: pools, overcommits, hugetlbfs mounts."""
    pools = [PoolBefore.now(size) for size in host.page_sizes()]
    return pools, [mount for mount in host.mounts() if mount.kind == "hugetlbfs"]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Each test begins and ends with the same machine, and with no journal."""
    with alone():
        assert restore() == []
        before = machine()
        yield
        with contextlib.suppress(PoolError):
            assert restore() == []
        assert machine() == before
        assert not (journal.RUN / journal.JOURNAL).exists()


# A borrower in a process of its own: takes ten pages and a mount, maps five pages, says so, and goes on.
BORROWER = """
import mmap, os, signal, sys, time
from hugelab.live.pool import borrow
with borrow(yes=True, wait=30) as pool:
    pool.set_nr(pool.sizes[0], 10)
    pool.set_overcommit(pool.sizes[0], 3)
    pool.mount(pool.folder / "m", "hugetlbfs", "none", "size=8M")
    with open(pool.folder / "m" / "file", "w+b") as file:
        file.truncate(8 << 20)
        with mmap.mmap(file.fileno(), 4 << 20) as held:
            held[0] = 1
    {inside}
    print("ready", flush=True)
    {then}
"""
WAIT = "time.sleep(60)"


class Running:
    """A borrower that runs; killed at the end, whatever happens."""

    def __init__(self, inside: str = "pass", then: str = WAIT, wait: bool = True):
        code = BORROWER.format(inside=inside, then=then)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if wait:
            self.ready()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ready(self) -> str:
        """Wait until it has borrowed; what it printed."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready"), self.process.communicate()[1]
        return line

    def end(self, number: int = 0) -> tuple[int, str]:
        """Send a signal, wait for the end: exit code and stderr."""
        if number:
            self.process.send_signal(number)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


def hugelab(*args: str) -> subprocess.CompletedProcess[str]:
    """The command line in a real process."""
    command = [sys.executable, "-m", "hugelab", *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


# -- what a borrowed pool can do -----------------------------------------------------------------------
def test_counters_follow_the_pool() -> None:
    """Sizes, default first; the four numbers of each, read anew each time."""
    with borrow(yes=True) as pool:
        assert pool.sizes[0] == host.page_sizes()[0]
        assert pool.nodes >= 1
        assert pool.counters() == (EMPTY,) * len(pool.sizes)
        pool.set_nr(pool.sizes[0], 4)
        assert pool.counters()[0] == (4, 4, 0, 0)
        pool.set_overcommit(pool.sizes[0], 2)
        assert host.read_overcommit(pool.sizes[0]) == 2
        with pytest.raises(OSError, match="Invalid argument"):
            pool.set_nr(pool.sizes[0], -1)


def test_mounts_and_reset() -> None:
    """A mount is made, journaled before it is made, and reset brings an empty machine again, also when busy."""
    with borrow(yes=True) as pool:
        where = pool.folder / "a" / "b"
        pool.set_nr(pool.sizes[0], 4)
        pool.mount(where, "hugetlbfs", "none", "size=4M")
        book = Journal.load()
        assert book is not None
        assert book.paths == [str(where)]
        with open(where / "file", "wb"):  # open: the mount is busy
            os.truncate(where / "file", 4 << 20)
            with pytest.raises(OSError, match="busy"):
                pool.umount(where)
            pool.reset()
        assert pool.counters() == (EMPTY,) * len(pool.sizes)
        assert not [mount for mount in host.mounts() if mount.path == str(where)]
        with pytest.raises(OSError, match="Invalid argument"):
            pool.mount(where, "hugetlbfs", "none", "nonsense=1")
        pool.mount(where, "hugetlbfs", "none", "")
        pool.umount(where)
    assert not where.exists()


def test_reset_says_what_is_left() -> None:
    """Pages that a living process holds cannot be freed: who, and how many."""
    with borrow(yes=True) as pool:
        pool.set_nr(pool.sizes[0], 3)
        with holder(2) as process, pytest.MonkeyPatch.context() as patch:
            patch.setattr("hugelab.live.pool.SETTLE", 0.05)
            with pytest.raises(PoolError, match=rf"2 MB has 2/0/0/2 .*process {process.pid} \("):
                pool.reset()
        pool.reset()


@contextlib.contextmanager
def holder(pages: int) -> Iterator[subprocess.Popen[str]]:
    """Somebody else: a process with anonymous huge pages mapped and written to."""
    code = f"""
import ctypes, time
libc = ctypes.CDLL(None, use_errno=True); libc.mmap.restype = ctypes.c_void_p
at = libc.mmap(None, ctypes.c_size_t({pages} << 21), 3, 0x40022, -1, ctypes.c_long(0))
assert at != ctypes.c_void_p(-1).value
for page in range({pages}): ctypes.memset(at + (page << 21), 1, 1)
print("ready", flush=True); time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()
    settled = host.wait_until(lambda: not host.read_counters(host.page_sizes()[0]).in_use, 5)
    assert settled


# -- every way out ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("then", "code"),
    [("pass", 0), ("raise ValueError('x')", 1), ("sys.exit(7)", 7), ("os.kill(os.getpid(), signal.SIGINT)", -2)],
    ids=["normal", "exception", "exit", "interrupt"],
)
def test_put_back_when_the_block_ends(then: str, code: int) -> None:
    """However the with block is left: counts, overcommit, mounts as before, no journal."""
    before = machine()
    with Running(then=then) as borrower:
        assert borrower.end()[0] == code
    assert machine() == before
    assert leftover() is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_put_back_on_a_signal(number: int) -> None:
    """SIGINT, SIGTERM, SIGHUP from outside: put back, and the exit code says which."""
    before = machine()
    with Running() as borrower:
        assert host.read_counters(host.page_sizes()[0]).total == 10
        code, _ = borrower.end(number)
        assert code == (-2 if number == signal.SIGINT else 128 + number)
    assert machine() == before


def test_a_hail_of_signals() -> None:
    """One signal more while it puts back changes nothing."""
    before = machine()
    with Running() as borrower:
        for _ in range(20):
            borrower.process.send_signal(signal.SIGINT)
            time.sleep(0.0005)
        borrower.end()
    assert machine() == before


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    """nohup: SIGHUP does not end the run; handlers are as before afterwards."""
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        with borrow(yes=True):
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGTERM) != handlers[1]
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    finally:
        signal.signal(signal.SIGHUP, old)


def test_a_pool_that_was_not_empty_is_put_back() -> None:
    """Seven pages and two surplus allowed before: the same after."""
    size = host.page_sizes()[0]
    with borrow(yes=True) as outer:
        outer.set_nr(size, 7)
        outer.set_overcommit(size, 2)
        before = PoolBefore.now(size)
        inner = BorrowedPool(Journal.begin(shared=False))
        inner.set_nr(size, 3)
        inner.set_overcommit(size, 0)
        inner.give_back()
        assert PoolBefore.now(size) == before
        assert before.counters == [7, 7, 0, 0]


def test_a_forked_child_does_not_put_back() -> None:
    """A child that leaves the with block leaves the pool alone, and does not hold the lock."""
    with borrow(yes=True) as pool:
        pool.set_nr(pool.sizes[0], 2)
        if (child := os.fork()) == 0:
            pool.give_back()
            os._exit(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
        assert os.waitpid(child, 0)[1] >> 8 == 1
        assert pool.counters()[0].total == 2
        assert (journal.RUN / journal.JOURNAL).exists()


def test_a_process_that_was_started_does_not_outlive_the_pool() -> None:
    """``started``: killed at the end, with its session."""
    with borrow(yes=True) as pool:
        left = subprocess.Popen(["sh", "-c", "sleep 61 & echo $!; wait"], start_new_session=True, stdout=-1, text=True)
        pool.started(left.pid)
        assert left.stdout is not None
        grandchild = int(left.stdout.readline())
        assert host.process(grandchild)
    assert left.wait(5) == -signal.SIGKILL
    assert host.wait_until(lambda: not host.process(grandchild), 2)


def test_what_cannot_be_put_back_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody took pages meanwhile: who, how many, what to do; and it can be done later."""
    monkeypatch.setattr(journal, "SETTLE", 0.05)
    with contextlib.ExitStack() as others:
        with (
            pytest.raises(PoolError, match=r"2 MB was 0/0/0/0 and is 2/0/0/2 .* doctor --restore$") as caught,
            borrow(yes=True) as pool,
        ):
            pool.set_nr(pool.sizes[0], 3)
            process = others.enter_context(holder(2))
        assert f"process {process.pid}" in str(caught.value)
        assert leftover() is not None
        with pytest.raises(PoolError, match="2/0/0/2"):
            restore()
    assert hugelab("doctor", "--restore").returncode == 0
    assert leftover() is None


# -- killed ------------------------------------------------------------------------------------------------
CHILD = """if os.fork() == 0:
        os.closerange(0, 3)
        held = mmap.mmap(os.open(pool.folder / "m" / "file", os.O_RDWR), 4 << 20)
        held[2 << 20] = 1
        time.sleep(60)
        os._exit(0)
    while pool.counters()[0].in_use < 2: pass"""


def test_killed_and_put_back_by_doctor() -> None:
    """kill -9: doctor says what is left, --restore puts it back and kills the child that was left."""
    before = machine()
    with Running(inside=CHILD) as borrower:
        assert "ended without putting back" not in hugelab("doctor").stdout
        assert hugelab("doctor", "--restore").returncode == 2  # it is alive
        assert borrower.end(signal.SIGKILL)[0] == -signal.SIGKILL
    said = hugelab("doctor")
    assert said.returncode == 0
    assert f"process {borrower.process.pid} " in said.stdout
    assert "10/8/0/0" in said.stdout
    assert f"{journal.RUN}/mnt/m is still mounted" in said.stdout
    left = json.loads(hugelab("doctor", "--json").stdout)["checks"]["left over"]
    assert left["fix"].endswith("-m hugelab doctor --restore")
    done = hugelab("doctor", "--restore")
    assert (done.returncode, done.stderr) == (0, "")
    for text in ("killed process", "unmounted /run/hugelab/mnt/m", "pool of 2 MB: 10 pages, back to 0", "3 allowed"):
        assert text in done.stdout
    assert machine() == before
    assert hugelab("doctor", "--restore").stdout == "there is nothing to put back\n"
    assert "left over" not in hugelab("doctor").stdout


def test_killed_and_put_back_by_the_next_borrower(capsys: pytest.CaptureFixture[str]) -> None:
    """borrow() puts back first what a killed run left, in one line on stderr."""
    with Running(inside=CHILD) as borrower:
        borrower.end(signal.SIGKILL)
    with borrow(yes=True, wait=0) as pool:
        assert pool.counters() == (EMPTY,) * len(pool.sizes)
    err = capsys.readouterr().err
    assert err.startswith(f"hugelab: put back after process {borrower.process.pid}: killed process ")
    assert err.count("\n") == 1


def test_anybody_may_ask_what_was_left() -> None:
    """The journal and the mount points can be read by others also when root's umask is strict."""
    with Running(inside="pass") as borrower:
        borrower.end(signal.SIGKILL)
    said = unprivileged("print(p.leftover())").stdout
    assert said.startswith(f"process {borrower.process.pid} (")
    assert "Put it back: sudo " in said
    old = os.umask(0o077)
    try:
        with borrow(yes=True) as pool:
            modes = [path.stat().st_mode & 0o777 for path in (journal.RUN, pool.folder, journal.RUN / journal.JOURNAL)]
    finally:
        os.umask(old)
    assert modes == [0o755, 0o755, 0o644]


def test_a_journal_of_an_earlier_boot_is_void() -> None:
    """The machine has forgotten: nothing is put back, the file goes."""
    book = Journal.begin(shared=False)
    book.boot, book.pools[0].nr = "another", [99]
    journal.RUN.mkdir(exist_ok=True)
    book.save()
    assert leftover() is None
    assert restore() == ["removed a journal of an earlier boot"]
    book.save()
    with borrow(yes=True):
        assert host.read_counters(host.page_sizes()[0]) == EMPTY


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pools": 3}'])
def test_a_broken_journal_is_no_journal(text: str) -> None:
    """Writing is atomic, so it is none of ours."""
    journal.RUN.mkdir(exist_ok=True)
    (journal.RUN / journal.JOURNAL).write_text(text)
    assert left_behind() is None
    restore()


def test_a_number_that_was_given_again_is_not_the_borrower() -> None:
    """The borrower is its pid and its start time."""
    book = Journal.begin(shared=False)
    assert not book.abandoned
    book.start -= 1
    assert book.abandoned


# -- others --------------------------------------------------------------------------------------------------
def test_two_borrowers_wait_for_each_other() -> None:
    """The second one says who has it, waits, and then has an untouched machine."""
    with Running(then="time.sleep(3)") as first, Running(wait=False, then="pass") as second:
        code, err = second.end()
        assert (code, err.count("\n")) == (0, 1)
        assert f"process {first.process.pid} (" in err
        assert "waiting up to 30 s" in err
        assert first.end()[0] == 0


def test_waiting_ends() -> None:
    """Time is up: who has it, and the command."""
    with Running() as first:
        with pytest.raises(PoolError, match=f"kill {first.process.pid}$"), borrow(yes=True, wait=0.05):
            pass
        first.end(signal.SIGTERM)


def test_pages_in_use_are_refused() -> None:
    """Another process has pages: its number and program are named; nothing is changed."""
    size = host.page_sizes()[0]
    with borrow(yes=True) as mine:
        mine.set_nr(size, 3)
        with holder(2) as process:
            code = "from hugelab.live import pool; pool._refuse_if_used()"
            done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
            assert "others use the pool of 2 MB: 2 in use and 0 reserved" in done.stderr
            assert f"process {process.pid} (" in done.stderr


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    """A hugetlbfs with a file in it, mounted by somebody else; an empty one is no reason."""
    host.mount(tmp_path, "hugetlbfs", "none", "")
    try:
        with borrow(yes=True):
            pass
        (tmp_path / "file").touch()
        with pytest.raises(PoolError, match=f"files in {tmp_path}"), borrow(yes=True):
            pass
        with borrow(yes=True, others=True) as pool:
            pool.set_nr(pool.sizes[0], 1)
            pool.reset()
    finally:
        host.umount(tmp_path)


# -- agreeing ------------------------------------------------------------------------------------------------
def test_nothing_is_done_without_a_yes() -> None:
    """Not asked: how to agree. Asked: the text; no means no."""
    asked: list[str] = []
    before = machine()
    with pytest.raises(PoolError, match=r"--yes.*borrow\(yes=True\)"), borrow():
        pass
    with pytest.raises(PoolError, match="nothing was changed"), borrow(ask=lambda text: bool(asked.append(text))):
        pass
    assert machine() == before
    assert asked == [describe()]
    for text in ("2 MB: 0 pages now, 0 surplus allowed", "put back", "/run/hugelab/mnt"):
        assert text in asked[0]
    with borrow(ask=lambda _: True):
        pass


def unprivileged(code: str) -> subprocess.CompletedProcess[str]:
    """Run code as nobody."""
    head = (
        f"import os, sys; import hugelab.live.pool as p; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "XDG_RUNTIME_DIR"}
    return subprocess.run(
        [sys.executable, "-c", head + code], cwd=ROOT, capture_output=True, text=True, env=environment
    )


def test_unprivileged_is_one_line_with_the_command() -> None:
    """Not root: borrow says so and names the command, and so does restore."""
    code = "try:\n with p.borrow(yes=True): pass\nexcept p.PoolError as error: print(error)"
    out = unprivileged(code).stdout
    assert out.count("\n") == 1
    assert out == "changing the huge page pool needs root: sudo -i, then start it again\n"
    Journal.begin(shared=False).save()
    try:
        out = unprivileged("try: p.restore()\nexcept p.PoolError as error: print(error)").stdout
        assert out.startswith("putting the huge page pool back needs root: sudo ")
        assert out.endswith("-m hugelab doctor --restore\n")
    finally:
        Journal.remove()


# -- as found ------------------------------------------------------------------------------------------------
def test_a_found_pool_changes_nothing() -> None:
    """It fits or it does not; then the command is said."""
    size = host.page_sizes()[0]
    code = f"""
def attempt(what, *args):
    try: print(what(*args))
    except p.DoesNotFit as error: print(error)
with p.as_found() as pool:
    attempt(pool.set_nr, {size}, 4)
    attempt(pool.set_nr, {size}, 10)
    attempt(pool.set_overcommit, {size}, 0)
    attempt(pool.set_overcommit, {size}, 1)
    attempt(pool.mount, pool.folder / "m", "hugetlbfs", "none", "size=4M")
    pool.reset(); print(pool.counters()[0])
"""
    with borrow(yes=True) as mine:
        mine.set_nr(size, 4)
        done = unprivileged(code.replace("p.as_found()", "p.as_found(wait=0)"))
        assert "has borrowed the huge page pool" in done.stderr
        (journal.RUN / journal.LOCK).rename(journal.RUN / "moved")  # so that it does not wait for this test
        try:
            done = unprivileged(code)
        finally:
            (journal.RUN / "moved").rename(journal.RUN / journal.LOCK)
    fits, short, allowed, surplus, mount, counters = done.stdout.splitlines()
    assert (fits, allowed, counters) == ("None", "None", "4/4/0/0")
    assert short.endswith("needs a pool of 10 pages of 2 MB, there are 4: sudo sysctl -w vm.nr_hugepages=10")
    assert surplus.endswith("there are 0: sudo sysctl -w vm.nr_overcommit_hugepages=1")
    where = f"/tmp/hugelab-{NOBODY}/hugelab/m"
    assert f"sudo mount -t hugetlbfs -o size=4M,uid={NOBODY},gid={NOBODY} none {where}" in mount


def test_a_mount_that_is_there_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty and with the same sizes: no error. Other sizes, or files in it: an error."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with as_found() as pool:
        where = pool.folder / "m"
        with pytest.raises(DoesNotFit, match="needs a mount"):
            pool.mount(where, "hugetlbfs", "none", "size=4M")
        host.mount(where, "hugetlbfs", "none", "size=4M,uid=5")
        try:
            pool.mount(where, "hugetlbfs", "none", "size=4M")
            pool.umount(where)
            with pytest.raises(DoesNotFit, match="needs a mount"):
                pool.mount(where, "hugetlbfs", "none", "")
            (where / "file").touch()
            with pytest.raises(DoesNotFit, match="there are files"):
                pool.mount(where, "hugetlbfs", "none", "size=4096k")
        finally:
            host.umount(where)
