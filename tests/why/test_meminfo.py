"""What people paste: the lines of /proc/meminfo in whatever surroundings, and what is refused in one clear line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugelab import ScenarioError
from hugelab.why import Cgroup, Found, Mount, Node, Request
from hugelab.why.meminfo import LONGEST, from_meminfo

GREP = """\
AnonHugePages:         0 kB
ShmemHugePages:        0 kB
FileHugePages:         0 kB
HugePages_Total:      10
HugePages_Free:        8
HugePages_Rsvd:        3
HugePages_Surp:        1
Hugepagesize:       2048 kB
Hugetlb:         1069056 kB
"""
WHOLE = f"""\
MemTotal:       32658004 kB
MemFree:        21116112 kB
SwapTotal:             0 kB
HardwareCorrupted:     0 kB
{GREP}DirectMap4k:      138496 kB
DirectMap1G:    31457280 kB
"""
FOUND = Found(10, 8, 3, 1)


# -- what is read ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        GREP,
        WHOLE,
        GREP.rstrip("\n"),
        GREP.replace("\n", "\r\n"),
        GREP.replace("\n", "\r"),
        GREP.replace("  ", "\t"),
        GREP.replace(" ", "\u00a0"),
        GREP.upper(),
        GREP.lower(),
        GREP.replace(":", " :"),
        GREP.replace("       ", ""),
        f"\ufeff{GREP}",
        f"me@server:~$ grep -i huge /proc/meminfo\n{GREP}me@server:~$ ",
        "\n".join(f"server$ {line}" for line in GREP.splitlines()),
        "\n".join(f"/proc/meminfo:{line}" for line in GREP.splitlines()),
        "\n".join(f"{n}:{line}" for n, line in enumerate(GREP.splitlines(), 50)),
        "\n".join(f"> {line}   " for line in GREP.splitlines()),
        "\n\n".join(reversed(GREP.splitlines())),
        f"vm.nr_hugepages = 10\nthe numbers:\n\n{GREP}\nThanks! Total: 12, and 100 % HugePages_ of them",
        f"{GREP}{GREP}",
        "".join(line for line in GREP.splitlines(keepends=True) if line.startswith(("HugePages_", "Hugepagesize"))),
    ],
)
def test_the_lines_are_found_whatever_stands_around_them(text: str) -> None:
    """Line ends, tabs, prompts, quotes, names of files, another case or order, a byte order mark."""
    assert from_meminfo(text) == FOUND


def test_the_default_size_is_in_it() -> None:
    """1 GB by default, and 64 KB; nr_overcommit_hugepages is not in it."""
    assert from_meminfo(GREP.replace("2048", "1048576"), 5) == Found(10, 8, 3, 1, 5, 1 << 30)
    assert from_meminfo(GREP.replace("2048", "64")).size == 64 << 10
    assert from_meminfo(GREP).default


# -- what is refused ---------------------------------------------------------------------------------
def without(name: str) -> str:
    return "".join(line for line in GREP.splitlines(keepends=True) if not line.startswith(name))


def with_line(name: str, value: str) -> str:
    return without(name) + f"{name}: {value}\n"


PER_NODE = """\
Node 0 HugePages_Total:    10
Node 0 HugePages_Free:     10
Node 0 HugePages_Surp:      0
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no HugePages_ line in it: paste what `grep -i huge /proc/meminfo` prints"),
        ("\0\x01\x7fELF\x02" * 100, "there is no HugePages_ line"),
        ("AnonHugePages: 0 kB\nHugetlb: 0 kB\n", "there is no HugePages_ line"),
        (GREP.encode("utf-16").decode("latin-1"), "there is no HugePages_ line"),
        ("x" * LONGEST + GREP, "there is no HugePages_ line"),
        (without("HugePages_Rsvd"), "HugePages_Rsvd is missing: paste all of what"),
        ("HugePages_Total: 5\n", "HugePages_Free, HugePages_Rsvd, HugePages_Surp, Hugepagesize is missing"),
        (with_line("HugePages_Free", "-1"), "HugePages_Free is a whole number of pages, not '-1'"),
        (with_line("HugePages_Free", "many"), "HugePages_Free is a whole number of pages, not 'many'"),
        (with_line("HugePages_Free", ""), "HugePages_Free is a whole number of pages, not ''"),
        (with_line("HugePages_Free", "8.5"), "HugePages_Free is a whole number of pages, not '8.5'"),
        (with_line("HugePages_Free", "8 kB"), "HugePages_Free is a whole number of pages, not '8 kB'"),
        (with_line("HugePages_Free", "٨"), "HugePages_Free is a whole number of pages"),
        (with_line("HugePages_Free", "9" * 5000), "HugePages_Free is a whole number of pages"),
        (with_line("Hugepagesize", "2 MB"), "Hugepagesize is a number of kB, not '2 MB'"),
        (with_line("Hugepagesize", "2048"), "Hugepagesize is a number of kB, not '2048'"),
        (with_line("Hugepagesize", "0 kB"), "0 bytes is no page size: a power of two, such as 2M"),
        (with_line("Hugepagesize", "2000 kB"), "is no page size: a power of two"),
        (with_line("Hugepagesize", f"{1 << 60} kB"), "size is 0 to"),
        (GREP + "HugePages_Total: 12\n", "HugePages_Total is there twice, as 10 and as 12: paste one /proc/meminfo"),
        (PER_NODE, "this is the meminfo of one node: it has no HugePages_Rsvd; paste /proc/meminfo"),
        (with_line("HugePages_Free", "11"), "11 pages free of 10 in all cannot be: are the numbers of one moment"),
        (with_line("HugePages_Surp", "11"), "11 pages surplus of 10 in all cannot be"),
        (with_line("HugePages_Rsvd", str((1 << 64) - 2)), "2 pages below zero are reserved: a known kernel bug"),
        (with_line("HugePages_Rsvd", str(1 << 50)), "pool: rsvd is 0 to 1,099,511,627,776, not"),
        (with_line("HugePages_Total", str(1 << 62)), "pool: total is 0 to"),
        (with_line("HugePages_Rsvd", "9" * 20), "^(pool: rsvd is 0 to|HugePages_Rsvd is)"),
    ],
    ids=lambda value: value[:30] if value.isprintable() else "",
)
def test_what_is_refused_is_said_in_one_line(text: str, message: str) -> None:
    """What is wrong, and often what to paste instead."""
    with pytest.raises(ScenarioError, match=message.replace("`", ".")) as caught:
        from_meminfo(text)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def one_line(text: str) -> None:
    """A Found, or an error of one line."""
    try:
        assert isinstance(from_meminfo(text), Found)
    except ScenarioError as error:
        assert len(str(error).splitlines()) == 1, text


@given(st.text())
def test_any_text(text: str) -> None:
    """Nothing but a Found or a ScenarioError comes of it."""
    one_line(text)


names = st.sampled_from(["HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp", "Hugepagesize"])
values = st.integers(0, 20).map(str) | st.integers().map(str) | st.text(max_size=30) | st.just("2048 kB")


@given(st.lists(st.tuples(names, values, st.sampled_from(["", "Node 0 ", "# ", "\0"])), max_size=8), st.booleans())
def test_mutated_lines(lines: list[tuple[str, str, str]], after: bool) -> None:
    """Lines with other values, twice, and with something in front of them."""
    odd = "".join(f"{front}{name}: {value}\n" for name, value, front in lines)
    one_line(GREP + odd if after else odd)
    for name, value, _ in lines:
        one_line(with_line(name, value))


@given(st.integers(0, len(GREP)), st.integers(0, len(GREP)), st.text(max_size=5))
def test_a_piece_that_is_cut_out(start: int, length: int, text: str) -> None:
    """A wrong selection with the mouse."""
    one_line(GREP[:start] + text + GREP[start + length :])
    one_line(GREP[start : start + length])


# -- the numbers of a pool ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Found(-1, 0), "pool: total is 0 to"),
        (lambda: Found(10, 11), "11 pages free of 10"),
        (lambda: Found(1, 1, surp=2), "2 pages surplus of 1"),
        (lambda: Found(1, 1, overcommit=-1), "pool: overcommit is 0 to"),
        (lambda: Found(1, 1, size=3000), "is no page size"),
        (lambda: Found(1, 1, size=1024), "1 KB is no page size"),
        (lambda: Found(1, 1, rsvd=(1 << 64) - 1), "1 pages? below zero"),
        (lambda: Found(4, 4, nodes=(Node(2, 2), Node(1, 1))), "the nodes have 3 pages total, the pool 4"),
        (lambda: Found(4, 4, nodes=(Node(2, 2), Node(2, 1))), "the nodes have 3 pages free, the pool 4"),
        (lambda: Found(4, 4, 0, 1, nodes=(Node(2, 2), Node(2, 2))), "the nodes have 0 pages surp"),
        (lambda: Found(4, 4, nodes=(Node(0, 4), Node(4, 0))), "node"),
        (lambda: Found(4, 4, 0, 3, nodes=(Node(2, 2, 3), Node(2, 2))), "node"),
        (lambda: Found(4, 4, nodes=(Node(-2, -2), Node(6, 6))), "node"),
        (lambda: Found(5, 5, 2, mount=Mount(None, 0, 3)), "3"),
        (lambda: Mount(4, 5), "mount: 5 pages used of a size of 4 cannot be"),
        (lambda: Mount(4, 2, 3), "3"),
        (lambda: Mount(-1), "mount: size is 0 to"),
        (lambda: Mount(4, -1), "mount: used is 0 to"),
        (lambda: Mount(None, 0, -1), "mount: held is 0 to"),
        (lambda: Cgroup(-1), "cgroup: left is 0 to"),
        (lambda: Cgroup(None, -1), "cgroup: rsvd_left is 0 to"),
        (lambda: Request(0), "a request is of 1 to 4,194,304 pages, not 0"),
        (lambda: Request((4 << 20) + 1), "a request is of 1 to"),
        (lambda: Request(1, "fancy"), "'fancy' is no kind of mapping: shared, private, anonymous, shm"),
        (lambda: Request(1, mbind=True), "mbind needs a node"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_numbers_that_no_machine_has(make: object, message: str) -> None:
    """Refused where they are given."""
    assert callable(make)
    with pytest.raises(ScenarioError, match=message):
        make()


def test_what_follows_from_the_counters() -> None:
    """Available, persistent; what is left of a mount."""
    assert (FOUND.available, FOUND.persistent) == (5, 9)
    assert Found(5, 1, 3).available == -2
    assert (Mount().left, Mount(5, 2).left) == (None, 3)


@given(st.tuples(*(st.integers(-2, 1 << 65),) * 6) | st.tuples(*(st.integers(0, 1 << 14),) * 6))
def test_any_numbers(numbers: tuple[int, int, int, int, int, int]) -> None:
    """A pool, or one line."""
    total, free, rsvd, surp, overcommit, size = numbers
    try:
        found = Found(total, free, rsvd, surp, overcommit, size)
    except ScenarioError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert found.available <= found.total
