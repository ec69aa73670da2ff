"""Who holds the pages, from made-up machines: sums, words, what is left over. Any machine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hugelab.core.state import Counters
from hugelab.live.inventory import File, Held, Inventory
from hugelab.live.tracing import Tracing, here, obstacles, read_lockdown

PAGE, GIGA = 2 << 20, 1 << 30
LEFT = File("00:2f 1", "/mnt/m/left", PAGE, 3, 4, True)
NAMELESS = File("00:2f 2", "/mnt/m/table (deleted)", PAGE, 4, 5, False, (7,))
ANON = File("00:10 3", "/anon_hugepage (deleted)", PAGE, 0, 3, False)
SERVER = Held(7, "server", PAGE, 5, 4, (), True, False, NAMELESS.key)
PARENT = Held(7, "server", PAGE, 3, 0, (100, 101), False, False, ANON.key)
CHILD = Held(8, "child", PAGE, 3, 0, (102, 101), False, False, ANON.key)
FOUND = Inventory({PAGE: Counters(20, 10, 3, 0)}, (SERVER, PARENT, CHILD), (LEFT, NAMELESS, ANON))


def test_sums() -> None:
    """A frame that two processes map counts once; a file that nobody maps counts; a private mapping is no file."""
    assert (FOUND.in_files(PAGE), FOUND.in_private(PAGE), FOUND.not_found(PAGE)) == (7, 3, 0)
    assert FOUND.sentence(PAGE) == "7 in files, 3 private pages of processes; nothing is left over."


def test_frames_that_may_not_be_known() -> None:
    """Each page table entry counts: at most, and that is said."""
    blind = [replace_private(held) for held in FOUND.held]
    found = replace(FOUND, held=tuple(blind))
    assert (found.in_private(PAGE), found.not_found(PAGE)) == (4, -1)
    assert "1 more than are in use" in found.sentence(PAGE)


def replace_private(held: Held) -> Held:
    return held._replace(private=(0,) * len(held.private))


def test_reservations() -> None:
    """To files that are mapped shared or by nobody; to what private mappings have not touched; to mounts."""
    assert FOUND.open_reservations(PAGE) == (2, 2, 0)
    lazy = tuple(held._replace(noreserve=True) for held in FOUND.held)
    found = replace(FOUND, held=lazy, budgets={PAGE: 4})
    assert found.open_reservations(PAGE) == (1, 0, 4)


def test_what_was_not_found() -> None:
    """It is said how many, and what it can be; processes that may not be read, and a pool that moves, too."""
    found = replace(FOUND, files=(LEFT, ANON), hidden=3, moved=True, segments=2)
    assert found.not_found(PAGE) == 4
    text = found.text()
    assert "4 pages not found" in text and "Processes that may not be read: 3" in text
    assert "look again" in text and "2 of any kind here: ipcs -m" in text


def test_text() -> None:
    """Pool, a row a process, a row a file with who keeps it, the sums."""
    lines = FOUND.text().splitlines()
    assert lines[0].startswith("Pool of 2 MB pages: 20 = 10 in use + 10 free; of the free ones 3 are reserved, so 7")
    rows = [line.split() for line in lines]
    assert ["7", "server", "8", "6", "4", "2"] in rows and ["8", "child", "3", "2", "0", "2"] in rows
    assert any(row[0] == "/mnt/m/left" and row[1:] == ["3", "4", "its", "name"] for row in rows if row)
    assert any("mapped by 7, open in 7" in line for line in lines)
    assert not any("anon_hugepage" in line for line in lines)
    assert lines[-1].startswith("Reserved 3: at most 2 for files, 2 for private mappings, 0 for mounts")


def test_pools() -> None:
    """Only those with pages; without any the first one; none at all is said."""
    two = replace(FOUND, pools={PAGE: Counters(0, 0, 0, 0), GIGA: Counters(1, 1, 0, 0)}, held=(), files=())
    assert "1 GB" in two.text() and "2 MB" not in two.text()
    assert "Pool of 2 MB pages: 0 = " in replace(two, pools={PAGE: Counters(0, 0, 0, 0)}).text()
    assert Inventory({}).text() == "This kernel has no huge page pools.\n"


def test_json() -> None:
    """There and back."""
    found = replace(FOUND, budgets={PAGE: 4})
    assert Inventory.from_json(json.loads(json.dumps(found.to_json()))) == found


# -- tracing -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("found", "why", "fix"),
    [
        (Tracing(root=False, tracefs=False), "needs root", "sudo"),
        (Tracing(lockdown="confidentiality", tracefs=False), "locked down", "boot without"),
        (Tracing(tracefs=False, kprobes=False), "tracefs is not mounted", "mount -t tracefs"),
        (Tracing(kprobes=False), "CONFIG_KPROBE_EVENTS", "meminfo"),
        (Tracing(linux=False), "not Linux", "read it here"),
    ],
)
def test_what_is_in_the_way_of_a_trace(found: Tracing, why: str, fix: str) -> None:
    """One thing at a time, with what to do."""
    (one,) = obstacles(found)
    assert why in one.why and fix in one.fix


def test_nothing_in_the_way() -> None:
    """Secure Boot's level of lockdown allows probes."""
    assert obstacles(Tracing()) == obstacles(Tracing(lockdown="integrity")) == []
    assert read_lockdown("none [integrity] confidentiality\n") == "integrity" and read_lockdown("") == "none"


def test_here_never_raises() -> None:
    """Whatever this machine is."""
    assert isinstance(obstacles(here()), list)
