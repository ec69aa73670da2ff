"""The parts: machine code, cycles, buffers, the counter, the budget."""

from __future__ import annotations

import ctypes
import errno
import resource
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

if sys.platform != "linux":
    pytest.skip("measuring needs Linux", allow_module_level=True)

from hugelab.live.errors import LiveUnavailable
from hugelab.live.native import access
from hugelab.measure import counter
from hugelab.measure.budget import FEWEST, ROUNDS, Budget
from hugelab.measure.buffers import Buffer
from hugelab.measure.code import UNROLLED, Loops, loops
from hugelab.measure.counter import Counter, NoCounter, between
from hugelab.measure.cycle import Cycle, place
from hugelab.measure.machine import this_machine, thp_setting
from hugelab.measure.session import without_folders

PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS = 1, 2  # include/uapi/linux/perf_event.h

PAGE = 4096
pytestmark = pytest.mark.skipif(bool(access.unavailable()), reason=access.unavailable() or "can")


def is_mapped(address: int) -> bool:
    """Has this process anything there?"""
    lines = Path("/proc/self/maps").read_text().splitlines()
    ranges = [[int(end, 16) for end in line.split()[0].split("-")] for line in lines]
    return any(start <= address < end for start, end in ranges)


# -- machine code ------------------------------------------------------------------------------------
def test_touch_writes_a_byte_in_every_page() -> None:
    """At the stride that was asked for, and nothing beside it; nothing at all for none."""
    with Buffer("4K", 8 * PAGE) as buffer:
        loops().touch(buffer.address + 3, 0, PAGE)
        loops().touch(buffer.address + 3, -1, PAGE)
        assert ctypes.string_at(buffer.address, 8 * PAGE) == bytes(8 * PAGE)
        loops().touch(buffer.address + 3, 4, 2 * PAGE)
        written = ctypes.string_at(buffer.address, 8 * PAGE)
    assert [at for at, byte in enumerate(written) if byte] == [3 + 2 * PAGE * n for n in range(4)]


@pytest.mark.parametrize("count", [1, 7, 256])
def test_chase_follows_the_cycle(count: int) -> None:
    """So many loads, rounded up to a whole turn of the loop, end where Python ends."""
    cycle = Cycle(count)
    with Buffer("4K", count * PAGE) as buffer:
        start = cycle.write(buffer.address)
        for asked, done in ((0, 0), (1, UNROLLED), (UNROLLED, UNROLLED), (3 * UNROLLED - 1, 3 * UNROLLED)):
            at = start
            for _ in range(done):
                at = ctypes.c_uint64.from_address(at).value
            assert loops().chase(start, asked) == at


def test_where_it_cannot_run_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another processor: what is needed."""
    monkeypatch.setattr(access, "unavailable", lambda: "needs x86-64")
    with pytest.raises(LiveUnavailable, match="needs x86-64"):
        Loops()


# -- cycles ------------------------------------------------------------------------------------------
@given(count=st.integers(1, 700), packed=st.booleans(), seed=st.integers(0, 9))
def test_one_cycle_through_all_lines(count: int, packed: bool, seed: int) -> None:
    """Every line is met once before the first one comes again, in memory as in the list."""
    cycle = Cycle(count, packed, seed)
    with Buffer("4K", max(count, 64) * PAGE) as buffer:
        at = start = cycle.write(buffer.address)
        met = set()
        for _ in range(count):
            met.add(at - buffer.address)
            at = ctypes.c_uint64.from_address(at).value
    assert at == start
    assert met == {place(line, packed) for line in range(count)}


@given(line=st.integers(0, 1 << 20))
def test_places(line: int) -> None:
    """A line a page, each of 64 pages at another offset; packed lines side by side."""
    assert place(line) // PAGE == line
    assert place(line) % PAGE == line % 64 * 64
    assert place(line, packed=True) == line * 64


def test_the_order_is_random_and_the_same_each_time() -> None:
    """Seldom is the next line the one that a processor would fetch."""
    cycle = Cycle(1000)
    assert cycle.following == Cycle(1000).following
    assert sum(place(line + 1) == after for line, after in enumerate(cycle.following)) < 10


# -- buffers -----------------------------------------------------------------------------------------
def test_small_pages_stay_small() -> None:
    """4K: aligned as the others, never huge, and gone at the end."""
    with Buffer("4K", 4 << 20) as buffer:
        assert buffer.address % (2 << 20) == 0
        buffer.fill()
        assert buffer.huge() == 0
        assert is_mapped(buffer.address)
    assert not is_mapped(buffer.address)
    buffer.unmap()  # again: nothing


@pytest.mark.skipif(thp_setting() not in ("always", "madvise"), reason="THP is switched off")
def test_transparent_pages_are_huge() -> None:
    """Two pages of 2 MiB for 3 MiB, and smaps says so."""
    with Buffer("THP", 3 << 20) as buffer:
        assert (buffer.address % (2 << 20), buffer.length) == (0, 4 << 20)
        buffer.fill()
        assert buffer.huge() == 4 << 20


def test_no_pages_in_the_pool_is_one_line() -> None:
    """More than any machine has: how many, and what is missing."""
    with pytest.raises(LiveUnavailable, match=r"524,288 pages of 2 MB .*too few free ones"), Buffer("2M", 1 << 40):
        pass
    with pytest.raises(ValueError, match="'3M' is not a kind of page: 4K, THP, 2M, 1G"):
        Buffer("3M", 1)


# -- the counter -------------------------------------------------------------------------------------
def test_the_counter_counts() -> None:
    """A software event, which every machine has: as many page faults as getrusage says."""
    try:
        events = Counter(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS)
    except NoCounter as error:
        pytest.skip(str(error))
    tries = []
    events.read()
    for _ in range(10):  # the interpreter's own memory may fault, too, now and then
        with Buffer("4K", 1000 * PAGE) as buffer:
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            before = events.read()
            buffer.fill()
            after = events.read()
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
        tries.append((between(before, after), faults))
    events.close()
    events.close()  # again: nothing
    assert (1000, 1000) in tries, tries


def test_a_shared_counter_is_scaled_up() -> None:
    """It counted for half of the time: twice as many; never: unknown."""
    assert between((5, 0, 0), (15, 100, 50)) == 20
    assert between((5, 0, 0), (5, 100, 0)) is None


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.ENOENT, "no hardware counters here, which is usual in a virtual machine"),
        (errno.EACCES, "sudo sysctl -w kernel.perf_event_paranoid=2"),
        (errno.EPERM, "sudo sysctl -w kernel.perf_event_paranoid=2"),
        (errno.ENOSYS, "without perf_event_open"),
        (errno.EMFILE, "Too many open files"),
    ],
)
def test_why_nothing_is_counted(number: int, why: str) -> None:
    """One line for each errno, with the command where one helps."""
    assert why in counter.why_not(number)


def test_no_such_event() -> None:
    """An event that no kernel has."""
    with pytest.raises(NoCounter):
        Counter(PERF_TYPE_SOFTWARE, 1 << 40)


# -- the rest ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("seconds", "rounds", "cut"), [(100, ROUNDS, False), (0, FEWEST, True)])
def test_the_budget(seconds: float, rounds: int, cut: bool) -> None:
    """All rounds when there is time, else the fewest; how far it is only grows, to 1."""
    said: list[tuple[str, float]] = []
    budget = Budget(seconds, {"a": 1, "b": 3}, lambda text, part: said.append((text, part)))
    for name in ("a", "b"):
        more, done = budget.part(name), -1
        while more(done):
            done += 1
            time.sleep(0.0005)
        assert done == rounds
    budget.done()
    assert budget.cut == cut
    parts = [part for _, part in said]
    assert parts == sorted(parts)
    assert (said[0], said[-1]) == (("a", 0), ("done", 1))


def test_the_machine_names_nobody() -> None:
    """Its processor and kernel, and numbers that can be."""
    machine = this_machine()
    assert machine.kernel[0].isdigit() and "-" not in machine.kernel
    assert machine.memory > 1 << 28


def test_messages_lose_their_folders() -> None:
    """Commands keep their names, counters their bars."""
    assert without_folders("needs root: sudo /usr/bin/python3 -m x") == "needs root: sudo python3 -m x"
    assert without_folders("0/0/0/2 (total/free/reserved/surplus)") == "0/0/0/2 (total/free/reserved/surplus)"
    assert without_folders("there are files in /mnt/huge; remove them") == "there are files in huge; remove them"
