"""Three engines and the naive rule: equal counts for whatever geometry, space and trace, of each pass and page size."""

from __future__ import annotations

import importlib
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugelab.core.units import GIB, MIB
from hugelab.tlb import ENGINES, GEOMETRIES, Area, Array, Count, Geometry, Space, areas, simulate
from hugelab.tlb.trace import TOP
from tests.conftest import examples

from . import naive
from .common import every_engine, every_preset

SIZES = (4096, 4 * 4096, 16 * 4096)  # small, so that few addresses fill sets of all of them
BLOCK = SIZES[-1]
BLOCKS = 10
ORIGINS = (0, 1 << 40, (1 << 63) - 2 * BLOCK, TOP - BLOCKS * BLOCK)


@st.composite
def levels(draw: st.DrawFn, sizes: tuple[int, ...]) -> tuple[Array, ...]:
    """Arrays that hold these sizes, as pages or in pieces; of some, two side by side that share a size."""
    group = {size: draw(st.integers(0, 1)) for size in sizes}
    found = []
    for number in sorted(set(group.values())):
        sets, ways, copies = draw(st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 2)))
        whole: list[list[int]] = [[] for _ in range(copies)]
        cut: list[list[tuple[int, int]]] = [[] for _ in range(copies)]
        for size in (size for size in sizes if group[size] == number):
            piece = draw(st.sampled_from([size, size, size, size // 2, size // 8]))
            spread = [[0], [1], [0, 1], [0, 1]] if copies == 2 else [[0]]
            for copy in draw(st.sampled_from(spread)):
                if piece == size:
                    whole[copy].append(size)
                else:
                    cut[copy].append((size, piece))
        found += [Array(sets * ways, ways, tuple(whole[i]), tuple(cut[i])) for i in range(copies)]
    return tuple(found)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    """Two levels; the second may be missing, or lack a size."""
    sizes = draw(st.sampled_from([SIZES, SIZES, SIZES[:2], SIZES[1:], SIZES[::2], SIZES[:1], SIZES[2:]]))
    behind = tuple(size for size in sizes if draw(st.integers(0, 2)))
    return Geometry("own", "an own geometry", draw(levels(sizes)), draw(levels(behind)) if behind else ())


@st.composite
def spaces(draw: st.DrawFn, sizes: tuple[int, ...], origin: int) -> Space:
    """Blocks of these sizes from ``origin`` on, side by side and with gaps; the last block lies in no area."""
    blocks = draw(st.lists(st.sampled_from([None, *sizes]), max_size=BLOCKS - 1))
    found = [Area(origin + i * BLOCK, BLOCK, size) for i, size in enumerate(blocks) if size]
    return areas(*found, size=draw(st.sampled_from(sizes)))


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[int], Space, Geometry]:
    """A trace in a space on a geometry that holds its sizes; some accesses come twice or three times in a row."""
    geometry = draw(geometries())
    origin = draw(st.sampled_from(ORIGINS))
    space = draw(spaces(geometry.sizes, origin))
    some = draw(st.lists(st.integers(0, BLOCKS * 16 - 1), min_size=1, max_size=14, unique=True))  # they come again
    length = draw(st.integers(1, 70))  # lists of no given length are short
    pages = draw(
        st.lists(st.tuples(st.sampled_from(some), st.sampled_from([1, 1, 3])), min_size=length, max_size=length)
    )
    offset = draw(st.sampled_from([0, 64, 4095]))
    return [origin + page * 4096 + offset for page, times in pages for _ in range(times)], space, geometry


@every_engine
@examples(300)
@given(case=cases(), passes=st.integers(1, 3))
def test_as_the_naive_rule(engine: str, case: tuple[list[int], Space, Geometry], passes: int) -> None:
    """Whatever the geometry, the space and the trace: accesses, L1 misses and walks of each pass and size are equal."""
    addresses, space, geometry = case
    assert simulate(addresses, space, geometry, passes, engine) == naive.simulate(addresses, space, geometry, passes)


FORMS = [(SIZES[:2], SIZES[2:]), (SIZES,), (SIZES[1:],), (SIZES[:1], SIZES[2:]), ()]  # sizes of each array of a level


def long_case(seed: int) -> tuple[list[int], Space, Geometry]:
    """3,000 accesses over more pages: entries come and go often enough that the hash table of numba is full of gaps."""
    draw = random.Random(seed)
    first, second = (
        tuple(
            Array(draw.randint(1, 9) * ways, ways, kinds)
            for kinds in draw.choice(forms)
            for ways in [draw.randint(1, 12)]
        )
        for forms in (FORMS[:2], FORMS)
    )
    origin = draw.choice([0, 1 << 45, TOP - 64 * BLOCK])
    space = areas(Area(origin + 8 * BLOCK, 16 * BLOCK, SIZES[1]), Area(origin + 30 * BLOCK, 32 * BLOCK, SIZES[2]))
    hot = [origin + draw.randrange(64 * BLOCK) for _ in range(20)]
    near = [draw.choice(hot) if draw.random() < 0.4 else origin + draw.randrange(64 * BLOCK) for _ in range(3000)]
    return near, space if draw.random() < 0.7 else Space(size=draw.choice(SIZES)), Geometry("own", "own", first, second)


@every_engine
@pytest.mark.parametrize("seed", range(40))
def test_long_traces(engine: str, seed: int) -> None:
    """Long traces on larger geometries: the same."""
    addresses, space, geometry = long_case(seed)
    assert simulate(addresses, space, geometry, 2, engine) == naive.simulate(addresses, space, geometry, 2)


def around(geometry: Geometry, size: int, start: int = 0) -> list[int]:
    """Pages in order, one more than each level has room for, then some of those at random, then in strides."""
    draw = random.Random(size)
    first, second = geometry.places(size)
    found = [page * size for page in range(first.entries + 1)] * 2
    found += [page * size for page in range(second.entries + 1)]
    found += [draw.randrange(2 * max(first.entries, second.entries)) * size + 64 for _ in range(1500)]
    found += [page * first.sets * size for page in range(first.ways + 1)] * 3
    found += [page * second.sets * size for page in range(second.ways + 2)] * 3
    return [start + address for address in found]


@every_engine
@every_preset
def test_presets(engine: str, name: str, size: int) -> None:
    """Each preset with each of its sizes: pages around both capacities, at random, and in one set alone."""
    geometry, space = GEOMETRIES[name], Space(size=size)
    addresses = around(geometry, size)
    assert simulate(addresses, space, geometry, 2, engine) == naive.simulate(addresses, space, geometry, 2)


def mixed(geometry: Geometry) -> tuple[list[int], Space]:
    """An area for each size but the smallest, and accesses in all of them, in turn."""
    draw = random.Random(7)
    found, at = [], 64 * GIB
    for size in geometry.sizes[1:]:
        found.append(Area(at, 80 * size, size))
        at += 80 * GIB
    spots = [(0, 200 * 4096), *((area.start, area.length) for area in found)]
    addresses = []
    for _ in range(2500):
        start, length = draw.choice(spots)
        addresses.append(start + draw.randrange(length))
    return addresses, areas(*found, size=geometry.sizes[0])


@every_engine
@pytest.mark.parametrize("host", [0, 4096, 2 * MIB])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_presets_with_mixed_sizes(engine: str, name: str, host: int) -> None:
    """Each preset with all its sizes at once; and fractured, as a guest whose host has smaller pages."""
    geometry = GEOMETRIES[name]
    addresses, space = mixed(geometry)
    if host:
        space = space._replace(host=host)
        assert max(map(space.seen, space.sizes)) <= host
    found = simulate(addresses, space, geometry, 2, engine)
    assert found == naive.simulate(addresses, space, geometry, 2)
    assert all(counts.total.accesses == len(addresses) for counts in found)
    assert all(set(counts.of) == set(geometry.sizes) for counts in found)


TINY = Geometry("tiny", "a tiny TLB", (Array(2, 1, (4096, 2 * MIB)),), (Array(4, 2, (4096,)),))


@every_engine
def test_a_size_that_the_second_level_lacks_is_no_guest_there(engine: str) -> None:
    """Pages that the second level does not hold take no room in it from those that it holds."""
    geometry = Geometry("tiny", "a tiny TLB", (Array(1, 1, (4096, 2 * MIB)),), (Array(1, 1, (4096,)),))
    space = areas(Area(2 * MIB, 2 * MIB, 2 * MIB))
    (found,) = simulate([0, 2 * MIB, 0], space, geometry, engine=engine)
    assert found.of == {4096: Count(2, 2, 1), 2 * MIB: Count(1, 1, 1)}


@every_engine
def test_the_first_level_does_not_renew_the_second(engine: str) -> None:
    """An entry that is hit in the first level grows old in the second."""
    geometry = Geometry("tiny", "a tiny TLB", (Array(2, 2, (4096,)),), (Array(2, 2, (4096,)),))
    pages = [0, 1, 0, 2, 3, 0]  # 0 is renewed in the first level alone, so 2 drives it out of the second
    (found,) = simulate([page * 4096 for page in pages], Space(), geometry, engine=engine)
    assert found.total == Count(6, 5, 5)


@every_engine
@pytest.mark.parametrize("space", [Space(), areas(Area(TOP - 8 * MIB, 4 * MIB, 2 * MIB))], ids=["one size", "two"])
def test_highest_addresses(engine: str, space: Space) -> None:
    """2**64 - 1 and what is below are addresses as all others."""
    addresses = [TOP - 1, TOP - 4097, TOP - 1, TOP - 8 * MIB, TOP - 6 * MIB, TOP - 8 * MIB, 0, 1 << 63, TOP - 1]
    assert simulate(addresses, space, TINY, 2, engine) == naive.simulate(addresses, space, TINY, 2)


@every_engine
def test_an_area_at_the_top(engine: str) -> None:
    """An area may end with the last byte there is."""
    space = areas(Area(TOP - 2 * MIB, 2 * MIB, 2 * MIB))
    addresses = [TOP - 1, 0, TOP - 2 * MIB, TOP - 2 * MIB - 1]
    assert simulate(addresses, space, TINY, 1, engine) == naive.simulate(addresses, space, TINY)


@every_engine
@pytest.mark.parametrize(
    ("addresses", "text"),
    [
        ([], "one address or more"),
        (range(0), "one address or more"),
        ([-1], "0 to 2\\*\\*64 - 1"),
        ([4096, -4096, 0], "0 to 2\\*\\*64 - 1"),
        (range(-64, 64, 64), "0 to 2\\*\\*64 - 1"),
        ([0, TOP], "0 to 2\\*\\*64 - 1"),
        (range(TOP - 64, TOP + 64, 64), "0 to 2\\*\\*64 - 1"),
        ([1 << 80], "0 to 2\\*\\*64 - 1"),
    ],
    ids=str,
)
def test_no_addresses(engine: str, addresses: Any, text: str) -> None:
    """No address at all, a negative one and one above 64 bits are refused, with the same words by each engine."""
    for space in (Space(), areas(Area(2 * MIB, 2 * MIB, 2 * MIB))):
        with pytest.raises(ValueError, match=text):
            simulate(addresses, space, TINY, engine=engine)


@every_engine
def test_no_addresses_in_an_array(engine: str) -> None:
    """So they are if they come as an array of numpy."""
    np = pytest.importorskip("numpy", reason="arrays are numpy's")
    with pytest.raises(ValueError, match="one address or more"):
        simulate(np.array([], dtype=np.uint64), Space(), TINY, engine=engine)
    with pytest.raises(ValueError, match="0 to 2\\*\\*64 - 1"):
        simulate(np.array([4096, -4096]), Space(), TINY, engine=engine)


@every_engine
def test_refusals(engine: str) -> None:
    """A page size that the geometry lacks, also in an area alone, and no pass: a ValueError that says so."""
    with pytest.raises(ValueError, match="a tiny TLB has no pages of 1 GB: 4 KB, 2 MB"):
        simulate([0], Space(size=GIB), TINY, engine=engine)
    with pytest.raises(ValueError, match="a tiny TLB has no pages of 8 KB: 4 KB, 2 MB"):
        simulate([0], areas(Area(0, 8192, 8192)), TINY, engine=engine)
    for passes in (0, -1):
        with pytest.raises(ValueError, match=f"once or more often, not {passes} times"):
            simulate([0], Space(), TINY, passes, engine)


def test_unknown_engine() -> None:
    """An engine that does not exist: the message names those that do."""
    with pytest.raises(ValueError, match="no engine 'vector': plain, numpy, numba"):
        simulate([0], Space(), TINY, engine="vector")


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "plain"])
def test_engine_that_is_not_installed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine whose package is missing: the message says what to install."""
    module = importlib.import_module("hugelab.tlb.simulate")  # as an attribute of the package it is the function
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(ValueError, match=rf"{name} is not installed: pip install 'hugelab\[fast\]'"):
        simulate([0], Space(), TINY, engine=name)


@every_engine
@pytest.mark.parametrize("kind", ["uint64", "int64", "int32", "tuple", "range", "falling range"])
def test_kinds_of_sequences(engine: str, kind: str) -> None:
    """Arrays of numpy, tuples and ranges are traces as lists are, and the counts are plain numbers."""
    space = areas(Area(2 * MIB, 4 * MIB, 2 * MIB))
    rising = range(0, 9 * MIB, 1000)
    if kind in ("tuple", "range", "falling range"):
        addresses: Any = {"tuple": tuple(rising), "range": rising, "falling range": rising[::-1]}[kind]
    else:
        addresses = pytest.importorskip("numpy", reason="arrays are numpy's").array(rising, dtype=kind)
    for one in (space, Space()):
        found = simulate(addresses, one, TINY, 2, engine)
        assert found == naive.simulate(addresses, one, TINY, 2)
        assert {type(number) for counts in found for count in counts.of.values() for number in count} == {int}
