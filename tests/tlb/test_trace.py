"""Spaces of several page sizes, what the smaller pages of a host make of them, trace files, and patterns."""

from __future__ import annotations

from pathlib import Path

import pytest

from hugelab.core.units import GIB, MIB
from hugelab.tlb import Area, Space, areas, read_trace
from hugelab.tlb.trace import LINE, edges, sequential, strided, uniform

PAGE = 4096


def test_areas_are_sorted() -> None:
    """Lowest first, whatever the order they are given in; sizes smallest first, that of the rest among them."""
    low, high = Area(0, 4 * MIB, 2 * MIB), Area(GIB, GIB, GIB)
    space = areas(high, low)
    assert space == areas(low, high) == Space((low, high), PAGE)
    assert space.sizes == (PAGE, 2 * MIB, GIB)
    assert areas(size=2 * MIB).sizes == (2 * MIB,)
    assert areas(low, size=2 * MIB).sizes == (2 * MIB,)
    assert Space().sizes == (PAGE,)


@pytest.mark.parametrize(
    "area",
    [
        Area(PAGE, 2 * MIB, 2 * MIB),
        Area(2 * MIB, MIB, 2 * MIB),
        Area(0, 2 * MIB + PAGE, 2 * MIB),
        Area(0, 0, PAGE),
        Area(0, -PAGE, PAGE),
    ],
)
def test_areas_of_whole_pages(area: Area) -> None:
    """An area begins and ends with a page, and has a byte."""
    with pytest.raises(ValueError, match=r"Area.* begins and ends with a page of \d (KB|MB)"):
        areas(area)


@pytest.mark.parametrize("area", [Area(-PAGE, PAGE, PAGE), Area(2**64 - PAGE, 2 * PAGE, PAGE)])
def test_areas_have_addresses(area: Area) -> None:
    """No negative address, and none of more than 64 bits."""
    with pytest.raises(ValueError, match=r"Area.*: an address is a number from 0 to 2\*\*64 - 1"):
        areas(area)


def test_area_of_no_page_size() -> None:
    """A page size of 0 is refused as the other errors are."""
    with pytest.raises(ValueError, match="Area"):
        areas(Area(0, PAGE, 0))


def test_areas_do_not_overlap() -> None:
    """Not by a page, not one in the other, not twice the same; side by side they may be."""
    wide = Area(0, 4 * PAGE, PAGE)
    for other in (Area(3 * PAGE, PAGE, PAGE), Area(PAGE, PAGE, PAGE), wide, Area(0, PAGE, PAGE)):
        for given_ in ((wide, other), (other, wide)):
            with pytest.raises(ValueError, match="overlap"):
                areas(*given_)
    assert len(areas(wide, Area(4 * PAGE, PAGE, PAGE)).areas) == 2


def test_edges() -> None:
    """Where an area begins the number of its size counts, where it ends that of the rest; side by side both stand."""
    space = areas(Area(2 * MIB, 2 * MIB, 2 * MIB), Area(4 * MIB, PAGE, PAGE))
    assert edges(space) == ([2 * MIB, 4 * MIB, 4 * MIB, 4 * MIB + PAGE], [0, 1, 0, 0, 0])
    assert edges(Space()) == ([], [0])
    assert edges(areas(Area(0, GIB, GIB), size=2 * MIB)) == ([0, GIB], [0, 1, 0])


@pytest.mark.parametrize(
    ("size", "host", "seen"),
    [
        (2 * MIB, None, 2 * MIB),
        (2 * MIB, PAGE, PAGE),
        (2 * MIB, GIB, 2 * MIB),
        (PAGE, 2 * MIB, PAGE),
        (GIB, PAGE, PAGE),
    ],
)
def test_of_guest_and_host_the_smaller_page_counts(size: int, host: int | None, seen: int) -> None:
    """What the TLB sees of a page."""
    assert areas(Area(0, GIB, size), host=host).seen(size) == seen


# -- files -----------------------------------------------------------------------------------------------
def read(tmp_path: Path, text: str, instructions: bool = False) -> list[int]:
    """read_trace of a file with this text."""
    path = tmp_path / "trace"
    path.write_text(text, encoding="utf-8")
    assert read_trace(str(path), instructions) == read_trace(path, instructions)
    return read_trace(path, instructions)


def test_numbers(tmp_path: Path) -> None:
    """Decimal and hexadecimal numbers, with comments, blanks and empty lines, and Windows' line ends."""
    text = "4096\n0x2000\n\n  0XabC  # a comment\n# 7\n   \n0\r\n18446744073709551615"
    assert read(tmp_path, text) == [4096, 0x2000, 0xABC, 0, 2**64 - 1]


LACKEY = """\
==1234== Lackey, an example Valgrind tool
==1234== Command: ls
I  04001090,3
 L 1ffefffe48,8
 S 0421c7cc,4
 M 10,1
I  04001093,5
==1234== Counted 1 call
"""


def test_lackey(tmp_path: Path) -> None:
    """Loads, stores and modifies of valgrind's lackey; instructions only if they are asked for."""
    assert read(tmp_path, LACKEY) == [0x1FFEFFFE48, 0x421C7CC, 0x10]
    assert read(tmp_path, LACKEY, True) == [0x4001090, 0x1FFEFFFE48, 0x421C7CC, 0x10, 0x4001093]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("abc", "'abc' is no address"),
        ("12 34", "'12 34' is no address"),
        ("0x", "'0x' is no address"),
        ("1.5", "'1.5' is no address"),
        (" L 12", "'L 12' is no address"),
        (" X 12,8", "'X 12,8' is no address"),
        ("-4096", "-4096 is no address: it has 64 bits"),
        ("18446744073709551616", "is no address: it has 64 bits"),
        ("0x10000000000000000", "is no address: it has 64 bits"),
        (" L 10000000000000000,8", "is no address: it has 64 bits"),
        ("x" * 200, "line 3: 'x{40}' is no address"),
        ("\ufffd\x00", "is no address"),
    ],
)
def test_broken_line(tmp_path: Path, line: str, text: str) -> None:
    """What is no address is refused, with the number of its line and the begin of what stands there."""
    with pytest.raises(ValueError, match=f"line 3: .*{text.removeprefix('line 3: ')}"):
        read(tmp_path, f"4096\n# comment\n{line}\n8192\n")


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "==1== Lackey\n", "I  04001090,3\n"])
def test_no_address_in_it(tmp_path: Path, text: str) -> None:
    """An empty file, one of comments alone, and one of instructions that are not asked for."""
    with pytest.raises(ValueError, match="no address in it"):
        read(tmp_path, text)


def test_no_file(tmp_path: Path) -> None:
    """No file is an OSError."""
    with pytest.raises(OSError, match="missing"):
        read_trace(tmp_path / "missing")


# -- patterns --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("start", [0, 5 * MIB])
def test_sequential(start: int) -> None:
    """From the begin of a buffer to its last step, one line after the other."""
    assert list(sequential(256, start=start)) == [start, start + 64, start + 128, start + 192]
    assert list(sequential(257, 64, start))[-1] == start + 256
    assert list(sequential(10, 4, start)) == [start, start + 4, start + 8]
    assert len(sequential(MIB, start=start)) == MIB // LINE


@pytest.mark.parametrize("start", [0, 5 * MIB])
def test_strided(start: int) -> None:
    """So many accesses, and equal steps between them."""
    found = strided(100, 6000, start)
    assert len(found) == 100
    assert (found[0], found[1], found[-1]) == (start, start + 6000, start + 99 * 6000)


@pytest.mark.parametrize("start", [0, 5 * MIB])
def test_uniform(start: int) -> None:
    """Lines within the buffer, all of them in the end; the same for the same seed."""
    found = uniform(64 * LINE, 2000, start=start)
    assert len(found) == 2000
    assert set(found) == set(range(start, start + 64 * LINE, LINE))
    assert found == uniform(64 * LINE, 2000, 1, start) != uniform(64 * LINE, 2000, 2, start)
    assert set(uniform(LINE, 10, start=start)) == {start}
