"""Closed forms beside the simulator: in order and strided to the last miss, random within a statistical bound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugelab.core.units import GIB, MIB
from hugelab.tlb import GEOMETRIES, Array, Closed, Geometry, Space, sequential, simulate, strided, trace, uniform
from hugelab.tlb.closed import Misses
from tests.conftest import examples

from .common import FASTEST, PRESETS, every_preset, some_presets

KINDS = ("in order", "strided")
Config = tuple[str, int, int]  # kind; buffer length and step, or accesses and stride


def configurations(name: str, size: int) -> Iterator[Config]:
    """Around both capacities: in order, and in strides within a page, of pages, and into few sets."""
    first, second = GEOMETRIES[name].places(size)
    ends = sorted({place.entries * place.piece + more for place in (first, second) for more in (-size, 0, 1, size)})
    ends += [2 * place.entries * place.piece for place in (first, second)]
    for length in ends:
        if length > 0:
            for step in (size, size // 2, size * 3 // 8, size // 3):
                yield "in order", length, step
    for stride in (1, 2, 3, 7, 8, 16, 100, second.sets, 3 * second.sets, 2 * second.sets):
        for place in (first, second):
            for count in (place.ways - 1, place.ways, place.ways + 1, place.entries - 1, place.entries + 1):
                if count > 0:
                    yield "strided", count, stride * size
    for stride in (size + size // 2, size + 64, 5 * size // 2, size // 8, size * 5 // 16):
        yield "strided", first.entries + 2, stride


def closed(name: str, size: int, config: Config) -> Closed | None:
    """The closed form, None where there is none: then the message says what to do."""
    kind, first, second = config
    form = sequential if kind == "in order" else strided
    try:
        return form(GEOMETRIES[name], size, first, second)
    except ValueError as error:
        assert str(error).endswith("use simulate")
        return None


def addresses(config: Config) -> range:
    """The same as a trace."""
    kind, first, second = config
    return trace.sequential(first, second) if kind == "in order" else trace.strided(first, second)


def check_parts(found: Closed, fully_associative: tuple[bool, bool] = (False, False)) -> None:
    """Causes add up, none is negative, and there is no conflict where a page may lie in any entry."""
    for level, full in zip((found.l1, found.walks), fully_associative, strict=True):
        for misses in level:
            assert misses.compulsory + misses.capacity + misses.conflict == pytest.approx(misses.total, rel=1e-9, abs=0)
            slack = 1e-9 * misses.total
            assert min(misses) >= -slack
            if full:
                assert misses.conflict == pytest.approx(0, abs=slack)
    for one, other in zip(found.l1, found.walks, strict=True):
        assert other.total <= one.total * (1 + 1e-9)


def full(geometry: Geometry, size: int) -> tuple[bool, bool]:
    """Which levels are fully associative; one that does not hold the size leaves it all to the first."""
    first, second = geometry.places(size)
    return first.sets == 1, second.sets == 1 if second.ways else first.sets == 1


@pytest.mark.full
@some_presets
def test_exact(name: str, size: int) -> None:
    """In order and strided, each pass of three: accesses, L1 misses and walks equal the simulator's."""
    for config in configurations(name, size):
        found = closed(name, size, config)
        if found is None:
            continue
        geometry, at = GEOMETRIES[name], addresses(config)
        counts = [one.of[size] for one in simulate(at, Space(size=size), geometry, 3, FASTEST)]
        assert found.accesses == len(at), config
        for number, count in enumerate(counts):
            wanted = (found.l1[min(number, 1)].total, found.walks[min(number, 1)].total)
            assert (count.l1_misses, count.walks) == wanted, (config, number)
        assert found.pages == len({address // size for address in at}), config
        check_parts(found, full(geometry, size))


def test_so_many_configurations() -> None:
    """test_exact compares more than 2,000; of whole pages in strides and of buffers in order none is left out."""
    answered, left = 0, []
    for name, size in PRESETS:
        for config in configurations(name, size):
            if closed(name, size, config):
                answered += 1
            else:
                left.append((size, config))
    assert answered > 2000
    assert all(stride % size for size, (_kind, _count, stride) in left)
    assert len(left) < answered / 5


@pytest.mark.parametrize(
    ("name", "size", "count", "stride"),
    [
        ("Skylake", 4096, 10, 6000),
        ("Skylake", 2 * MIB, 10, 3 * MIB),
        ("Cortex-A72", 2 * MIB, 10, 3 * MIB),
        ("Zen 2", GIB, 10, 3000),
    ],
)
def test_no_closed_form(name: str, size: int, count: int, stride: int) -> None:
    """A stride over a page that is no multiple of it: the message sends to the simulator, which can."""
    with pytest.raises(ValueError, match=f"no closed form for a stride of {stride} bytes .*use simulate"):
        strided(GEOMETRIES[name], size, count, stride)
    assert simulate(trace.strided(count, stride), Space(size=size), GEOMETRIES[name])


def test_refusals() -> None:
    """No access, no byte, no stride, and a page size that the geometry lacks."""
    skylake, ivy_bridge = GEOMETRIES["Skylake"], GEOMETRIES["Ivy Bridge"]
    for count, stride in ((0, 64), (-1, 64), (5, 0), (5, -64)):
        with pytest.raises(ValueError, match="both must be 1 or more"):
            strided(skylake, 4096, count, stride)
    for length, accesses in ((0, 5), (-1, 5), (5, 0), (5, -1)):
        with pytest.raises(ValueError, match="both must be 1 or more"):
            uniform(skylake, 4096, length, accesses)
    for length in (0, -1):
        with pytest.raises(ValueError, match="1 or more"):
            sequential(skylake, 4096, length)
    for form in (sequential, lambda g, s, n: strided(g, s, n, 64), lambda g, s, n: uniform(g, s, n, 5)):
        with pytest.raises(ValueError, match="has no pages of 1 GB: 4 KB, 2 MB"):
            form(ivy_bridge, GIB, 100)


@pytest.mark.parametrize("step", [0, -64])
def test_no_step(step: int) -> None:
    """A step of 0 is refused as a negative one is."""
    with pytest.raises(ValueError, match="1 or more"):
        sequential(GEOMETRIES["Skylake"], 4096, 100, step)


def test_by_hand() -> None:
    """65 pages in order on Skylake: one set of the first level has 5 pages for its 4 ways; the second level has all."""
    found = sequential(GEOMETRIES["Skylake"], 4096, 65 * 4096)
    assert found == Closed(
        65 * 64, 65, (Misses(65, 65, 0, 0), Misses(5, 0, 5, 0)), (Misses(65, 65, 0, 0), Misses(0, 0, 0, 0))
    )
    found = strided(GEOMETRIES["Skylake"], 4096, 13, 128 * 4096)  # all in one set of each level
    assert found.l1[1] == Misses(13, 0, 0, 13)
    assert found.walks[1] == Misses(13, 0, 0, 13)
    found = sequential(GEOMETRIES["Zen 4"], 4096, 3073 * 4096)
    assert found.l1[1] == Misses(3073, 0, 3073, 0)
    assert found.walks[1] == Misses(13, 0, 13, 0)  # one set of 256 has 13 pages


# -- any geometry ----------------------------------------------------------------------------------------
SIZE = 1 << 16


@st.composite
def levels(draw: st.DrawFn) -> Array:
    """One array, of sets that need not be a power of two, with the page as a whole or in pieces."""
    sets, ways = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    piece = draw(st.sampled_from([SIZE, SIZE, SIZE >> 1, SIZE >> 3]))
    return Array(sets * ways, ways, *(((SIZE,), ()) if piece == SIZE else ((), ((SIZE, piece),))))


@examples(600)
@given(
    first=levels(),
    second=st.one_of(st.none(), levels()),
    count=st.integers(1, 200),
    stride=st.one_of(
        st.integers(1, 40).map(lambda pages: pages * SIZE),
        st.integers(1, 16).map(lambda parts: parts * SIZE // 8),
        st.integers(64, 2 * SIZE),
    ),
)
def test_exact_on_any_geometry(first: Array, second: Array | None, count: int, stride: int) -> None:
    """Whatever the arrays: either the form equals the simulator in each pass, or it sends there."""
    geometry = Geometry("own", "own", (first,), (second,) if second else ())
    try:
        found = strided(geometry, SIZE, count, stride)
    except ValueError as error:
        assert str(error).endswith("use simulate")
        return
    counts = [one.total for one in simulate(trace.strided(count, stride), Space(size=SIZE), geometry, 3)]
    wanted = [(found.l1[one].total, found.walks[one].total) for one in (0, 1, 1)]
    assert [(one.l1_misses, one.walks) for one in counts] == wanted
    assert found.pages == len({address // SIZE for address in trace.strided(count, stride)})
    check_parts(found, full(geometry, SIZE))


# -- random ----------------------------------------------------------------------------------------------
def differs(seen: int, expected: float, accesses: int) -> bool:
    """More than chance and the model's error explain.

    Once a set is full, an access misses with a chance that does not depend on what was before: (pages - ways) / pages
    of its set. So misses are a sum of independent draws, with a variance of accesses * p * (1 - p) at most (most if
    all draws have one p). Until it is full the misses are distinct pages, which vary less. 5 standard deviations:
    once in 1.7 million. The model's error, that a page of the first level is in the second one, too, is 1 % here.
    """
    p = min(expected / accesses, 1.0)
    return abs(seen - expected) > 5 * sqrt(accesses * p * (1 - p)) + 0.01 * expected


def random_lengths(name: str, size: int) -> list[int]:
    """Buffers from a half of the first level to three times the larger one, in whole pages."""
    first, second = GEOMETRIES[name].places(size)
    one, other = (max(place.entries * place.piece // size, 1) for place in (first, second))
    pages = {max(one // 2, 1), one, one + one // 4 + 1, (one + other) // 2 + 1, other, other + other // 4 + 1}
    return [size * n for n in sorted(pages | {3 * max(one, other)})]


RANDOM = [(name, size, length) for name, size in PRESETS for length in random_lengths(name, size)]


def accesses_for(geometry: Geometry, size: int, length: int) -> int:
    """Enough to fill both levels in the first pass, and for a bound of a few per cent."""
    pieces = length // min(place.piece for place in geometry.places(size))
    room = sum(place.entries for place in geometry.places(size))
    return max(100_000, 12 * min(pieces, 2 * room))


def test_so_many_random_configurations() -> None:
    """test_uniform compares more than 100."""
    assert len(RANDOM) > 100


@pytest.mark.full
@some_presets
def test_uniform(name: str, size: int) -> None:
    """Random accesses, the first pass and a warm one: misses of both levels are those expected."""
    geometry, wrong = GEOMETRIES[name], []
    for length in random_lengths(name, size):
        accesses = accesses_for(geometry, size, length)
        at = trace.uniform(length, accesses, seed=11)
        found = uniform(geometry, size, length, accesses)
        assert (found.accesses, found.pages) == (accesses, length // size)
        check_parts(found)
        counts = [one.of[size] for one in simulate(at, Space(size=size), geometry, 2, FASTEST)]
        for number, count in enumerate(counts):
            for level, seen, misses in (("l1", count.l1_misses, found.l1), ("walks", count.walks, found.walks)):
                if differs(seen, misses[number].total, accesses):
                    wrong.append((length // size, number, level, seen, misses[number].total))
    assert not wrong


@pytest.mark.parametrize("accesses", [1, 50, 300, 1000, 3000])
@pytest.mark.parametrize("pages", [40, 70, 200, 2000])
@pytest.mark.parametrize("name", ["Skylake", "Zen 4"])
def test_uniform_while_it_fills(name: str, pages: int, accesses: int) -> None:
    """The first pass when it is short, over 20 seeds together: few of the sets are full, or none."""
    geometry, l1, walks = GEOMETRIES[name], 0, 0
    for seed in range(20):
        (counts,) = simulate(trace.uniform(pages * 4096, accesses, seed), Space(), geometry, 1, FASTEST)
        l1, walks = l1 + counts.total.l1_misses, walks + counts.total.walks
    found = uniform(geometry, 4096, pages * 4096, accesses)
    assert not differs(l1, 20 * found.l1[0].total, 20 * accesses)
    assert not differs(walks, 20 * found.walks[0].total, 20 * accesses)


def test_the_bound_can_fail() -> None:
    """Expectations of a TLB with a few entries more or less, or of a buffer a little longer, are outside the bound."""
    skylake, length, accesses = GEOMETRIES["Skylake"], 2000 * 4096, 40_000
    at = trace.uniform(length, accesses, seed=5)
    count = simulate(at, Space(), skylake, 2, FASTEST)[1].total

    def wrong(geometry: Geometry, length: int = length) -> tuple[bool, bool]:
        found = uniform(geometry, 4096, length, accesses)
        return (
            differs(count.l1_misses, found.l1[1].total, accesses),
            differs(count.walks, found.walks[1].total, accesses),
        )

    assert wrong(skylake) == (False, False)
    small = (4096,)
    assert wrong(replace(skylake, l1=(Array(128, 8, small),))) == (True, False)
    assert wrong(replace(skylake, l2=(Array(1408, 11, small),)))[1]
    assert wrong(replace(skylake, l2=(Array(1664, 13, small),)))[1]
    assert wrong(skylake, length * 21 // 20)[1]


@pytest.mark.parametrize("accesses", [1, 100, 5000, 1_000_000])
@every_preset
def test_uniform_parts(name: str, size: int, accesses: int) -> None:
    """Causes add up in both passes; no conflict in a fully associative level; a warm pass has no first access."""
    geometry = GEOMETRIES[name]
    for length in random_lengths(name, size):
        found = uniform(geometry, size, length, accesses)
        check_parts(found, full(geometry, size))
        assert found.l1[1].compulsory == found.walks[1].compulsory == 0
        assert found.l1[0].total >= found.l1[1].total * (1 - 1e-9)


def test_uniform_edges() -> None:
    """One page misses once; a buffer that fits misses once a page, and never again; a part of a page is a page."""
    skylake = GEOMETRIES["Skylake"]
    one = uniform(skylake, 4096, 1, 100)
    assert (one.pages, one.l1[0].total, one.l1[1].total) == (1, pytest.approx(1), 0)
    fits = uniform(skylake, 4096, 64 * 4096, 100_000)
    assert (fits.l1[0].total, fits.l1[1].total) == (pytest.approx(64), 0)
    assert fits.l1[0].compulsory == pytest.approx(64)
    assert uniform(skylake, 4096, 64 * 4096 - 100, 1000) == uniform(skylake, 4096, 64 * 4096, 1000)
    assert uniform(skylake, 4096, 4096 * 10**6, 1).l1[0].total == pytest.approx(1, rel=1e-4)
