"""Measuring for real: exact counts, and the machine as it was found afterwards. No test depends on a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("measuring needs Linux", allow_module_level=True)

from hugelab.live import host, journal
from hugelab.live.errors import LiveUnavailable
from hugelab.live.journal import PoolBefore
from hugelab.live.native import access
from hugelab.live.pool import BorrowedPool, FoundPool, PoolError, borrow
from hugelab.measure import Measured, fractured, measure, sentences, session, table
from hugelab.measure.faults import first_touch
from hugelab.measure.machine import available_memory, thp_setting
from tests.conftest import fully
from tests.live.alone import pool_alone
from tests.live.why import why_not_live

__all__ = ["pool_alone"]  # a fixture

ROOT = Path(__file__).parents[2]
MB, GB = 1 << 20, 1 << 30
WHY_NOT = why_not_live()
as_root = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "can")
anywhere = pytest.mark.skipif(bool(access.unavailable()), reason=access.unavailable() or "can")
with_thp = pytest.mark.skipif(thp_setting() not in ("always", "madvise"), reason="THP is switched off")


def machine() -> tuple[Any, ...]:
    """Everything that borrowing may change, and what this process has mapped of huge pages."""
    pools = [PoolBefore.now(size) for size in host.page_sizes()]
    return pools, [mount for mount in host.mounts() if mount.kind == "hugetlbfs"], host.users_of_huge_pages()


@pytest.fixture
def as_found(pool_alone: None) -> Iterator[None]:
    """The test leaves the machine as it was."""
    before = machine()
    yield
    assert machine() == before
    assert not (journal.RUN / journal.JOURNAL).exists()


@pytest.fixture
def pool(as_found: None) -> Iterator[BorrowedPool]:
    """The machine's pool."""
    with borrow(yes=True, wait=300) as borrowed:
        yield borrowed


def command(*args: str) -> subprocess.CompletedProcess[str]:
    """`hugelab measure` in a real process."""
    line = [sys.executable, "-m", "hugelab", "measure", *args]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL)


# -- what is measured --------------------------------------------------------------------------------
def faults(size: int, kinds: list[str]) -> dict[str, int]:
    """Of two rounds."""
    return {found.kind: found.faults for found in first_touch(size, kinds, lambda rounds: rounds < 1)[0]}


@as_root
@pytest.mark.full
def test_512_to_1(pool: BorrowedPool) -> None:
    """Exactly, at 10 MB and, in `make proof` where it fits, at 1 GB."""
    fits = fully() and available_memory() > 4 * GB
    pool.set_nr(2 * MB, 512 if fits else 5)
    kinds = ["4K", "2M", *(["THP"] if thp_setting() in ("always", "madvise") else [])]
    assert faults(10 * MB, kinds) == {"4K": 2560, **dict.fromkeys(kinds[1:], 5)}
    if fits:
        assert faults(GB, ["4K", "2M"]) == {"4K": 262144, "2M": 512}


@anywhere
@with_thp
def test_the_same_verdict_each_time() -> None:
    """Five probes of a transparent huge page agree."""
    assert len({bool(fractured("THP")) for _ in range(5)}) == 1


@as_root
def test_everything_is_there(pool: BorrowedPool) -> None:
    """Each kind and size has its numbers, progress goes from 0 to 1, JSON brings it back, no path and no host name."""
    said: list[float] = []
    result = measure((MB, 256 << 10), 0, pool, progress=lambda text, part: said.append(part))
    kinds = ["4K", "4K again", "THP", "2M", *(["1G"] if any(load.kind == "1G" for load in result.loads) else [])]
    assert [(load.size, load.kind) for load in result.loads] == [(s, k) for s in (256 << 10, MB) for k in kinds]
    assert all(load.rounds >= 5 for load in result.loads)
    assert [found.size for found in result.touch] == [10 * MB] * 3
    assert [found.kind for found in result.fracture] == kinds[2:]
    assert said == sorted(said) and (said[0], said[-1]) == (0, 1)
    text = json.dumps(result.to_json())
    assert Measured.from_json(json.loads(text)) == result
    assert str(ROOT) not in text and "/home" not in text and "/run" not in text
    assert not any(found.in_use for found in pool.counters())


@anywhere
def test_without_a_pool() -> None:
    """THP and 4K are measured; the rest is left out with the reason."""
    result = measure((64 << 10,), 0, None, "others use it")
    assert {load.kind for load in result.loads} <= {"4K", "4K again", "THP"}
    assert "huge pages of the pools (2 MB, 1 GB) left out: others use it" in result.notes


@as_root
def test_a_pool_that_is_met_in_part(pool: BorrowedPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel finds fewer pages than were asked for: the sizes that fit, and how many there were."""
    give = BorrowedPool.set_nr
    monkeypatch.setattr(BorrowedPool, "set_nr", lambda self, size, n: give(self, size, 5 if size == 2 * MB else 0))
    result = measure((MB, 12 * MB), 0, pool)
    assert {load.size for load in result.loads if load.kind == "2M"} == {MB}
    assert "6 pages of 2 MB wanted, 5 free in the pool: the memory has no more in one piece" in result.notes


@anywhere
def test_sizes_that_cannot_be() -> None:
    """One line each."""
    with pytest.raises(ValueError, match=r"positive multiple of 4 KB, not 1,000 bytes"):
        measure((1000,))
    with pytest.raises(LiveUnavailable, match=r"3 buffers of 1,024 TB are more than 80% .* the largest size that fits"):
        measure((1 << 50,))


# -- the pool ----------------------------------------------------------------------------------------
@as_root
def test_others_use_the_pool(as_found: None) -> None:
    """Not fatal: there is no pool then, and the reason."""

    def refuse(text: str) -> bool:
        raise PoolError("others use /dev/hugepages/x")

    with session.pages(refuse) as (pool, why):
        assert (pool, why) == (None, "others use x")
    with session.pages(refuse, leave=True) as (pool, why):
        assert pool is None and "as was asked" in why


@as_root
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_put_back_after_an_error(as_found: None, error: type[BaseException]) -> None:
    """In the middle of the loads, from the progress: nothing stays mapped, the pool is as it was."""

    def stop(text: str, part: float) -> None:
        if text.startswith("random loads in 1 MB") and part > 0.5:
            raise error

    with pytest.raises(error), session.pages(lambda text: True) as (pool, _):
        assert pool is not None
        measure((MB,), 5, pool, progress=stop)


@as_root
@pytest.mark.parametrize("part", ["fracture probes", "first touch", "random loads"])
def test_ctrl_c(as_found: None, part: str) -> None:
    """SIGINT from outside, in each part: exit code 130, one line, the pool as it was."""
    line = [sys.executable, "-m", "hugelab", "measure", "--yes", "--size", "32M"]
    with subprocess.Popen(line, cwd=ROOT, stdout=-1, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while part not in (said := process.stderr.readline()):
            assert said, "it ended before"
        time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(30) == 130
    assert rest.splitlines()[-1] == "hugelab: stopped"
    assert "Traceback" not in rest


@as_root
def test_the_command(as_found: None, tmp_path: Path) -> None:
    """It says what it changes; one JSON object; --show makes words of it."""
    done = command("--yes", "--json", "--size", "1M", "--budget", "0", "--name", "a machine")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("This changes the huge page pools of this machine while it runs:")
    assert "100% done" in done.stderr
    result = Measured.from_json(json.loads(done.stdout))
    assert result.name == "a machine"
    (tmp_path / "here.json").write_text(done.stdout)
    shown = command("--show", str(tmp_path / "here.json"))
    assert shown.stdout.splitlines() == [*table(result).splitlines(), "", *sentences(result)]
    assert command("--show", str(tmp_path / "here.json"), "--json").stdout == done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is asked")
def test_nobody_is_there_to_be_asked() -> None:
    """No terminal, no --yes: one line with both ways out."""
    done = command("--size", "1M")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "add --yes or --without-pool" in done.stderr


@as_root
def test_an_unprivileged_user(pool: BorrowedPool) -> None:
    """Free pages of the pool are used; what is missing has its command. Simulated: the pool is not to be changed."""
    pool.set_nr(2 * MB, 6)
    with closing(FoundPool(pool.folder)) as found:
        result = measure((MB, 16 * MB), 0, found)
    assert {load.size for load in result.loads if load.kind == "2M"} == {MB}
    assert "8 pages of 2 MB wanted, 6 free in the pool: sudo sysctl -w vm.nr_hugepages=8" in result.notes
    assert any("1 page of 1 GB wanted, 0 free" in note for note in result.notes)
    assert pool.counters()[0].total == 6
