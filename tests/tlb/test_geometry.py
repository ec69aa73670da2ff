"""What a TLB is made of: arrays, places, reach, and the presets with their sources."""

from __future__ import annotations

import pytest

from hugelab.core.units import GIB, MIB
from hugelab.tlb import GEOMETRIES, Array, Geometry, uniform
from hugelab.tlb.geometry import Place
from hugelab.tlb.published import COUNTED
from hugelab.tlb.walk import SIZE_1G, SIZE_2M, SIZE_4K

from .common import every_preset


@pytest.mark.parametrize("name", GEOMETRIES)
def test_presets_have_a_source(name: str) -> None:
    """Each is found by its name, and says where its numbers are from and which year it is of."""
    geometry = GEOMETRIES[name]
    assert geometry.name == name
    assert any(word in geometry.source for word in ("[CPUID]", "TRM"))
    assert geometry.title
    assert all(note.endswith(".") for note in geometry.notes)


@pytest.mark.parametrize(
    ("name", "size", "first", "second"),
    [
        ("Ivy Bridge", SIZE_4K, 256 << 10, 2 * MIB),
        ("Ivy Bridge", SIZE_2M, 64 * MIB, 0),
        ("lesson", SIZE_2M, 64 * MIB, 0),
        ("Haswell", SIZE_4K, 256 << 10, 4 * MIB),
        ("Haswell", SIZE_2M, 64 * MIB, 2 * GIB),
        ("Haswell", SIZE_1G, 4 * GIB, 0),
        ("Skylake", SIZE_4K, 256 << 10, 6 * MIB),
        ("Skylake", SIZE_2M, 64 * MIB, 3 * GIB),
        ("Skylake", SIZE_1G, 4 * GIB, 16 * GIB),
        ("Ice Lake", SIZE_4K, 256 << 10, 8 * MIB),
        ("Ice Lake", SIZE_2M, 64 * MIB, 2 * GIB),
        ("Ice Lake", SIZE_1G, 8 * GIB, 1024 * GIB),
        ("Zen 2", SIZE_4K, 256 << 10, 8 * MIB),
        ("Zen 2", SIZE_1G, 64 * GIB, 4 * GIB),
        ("Zen 4", SIZE_4K, 288 << 10, 12 * MIB),
        ("Zen 4", SIZE_2M, 144 * MIB, 6 * GIB),
        ("Zen 4", SIZE_1G, 72 * GIB, 64 * GIB),
        ("Cortex-A72", SIZE_4K, 128 << 10, 4 * MIB),
        ("Cortex-A72", SIZE_2M, 32 * MIB, 2 * GIB),
        ("Neoverse N1", SIZE_2M, 96 * MIB, 2560 * MIB),
    ],
)
def test_reach(name: str, size: int, first: int, second: int) -> None:
    """Entries times what each maps."""
    assert GEOMETRIES[name].reach(size) == (first, second)


def test_zen_4_has_72_entries_of_each_size() -> None:
    """Its first level takes pages of all sizes, each in any way."""
    for size in (SIZE_4K, SIZE_2M, SIZE_1G):
        assert GEOMETRIES["Zen 4"].places(size)[0] == Place(size, 0, 1, 72)


def test_places() -> None:
    """Pieces, the first of the sets, how many, and their ways."""
    assert GEOMETRIES["Skylake"].places(SIZE_4K) == (Place(SIZE_4K, 0, 16, 4), Place(SIZE_4K, 0, 128, 12))
    assert GEOMETRIES["Skylake"].places(SIZE_2M) == (Place(SIZE_2M, 16, 8, 4), Place(SIZE_2M, 0, 128, 12))
    assert GEOMETRIES["Skylake"].places(SIZE_1G) == (Place(SIZE_1G, 24, 1, 4), Place(SIZE_1G, 128, 4, 4))
    assert GEOMETRIES["Ivy Bridge"].places(SIZE_2M)[1] == Place(SIZE_2M, 0, 1, 0)  # no ways: not there
    assert GEOMETRIES["Ice Lake"].places(SIZE_4K)[1] == Place(SIZE_4K, 0, 256, 8)  # two arrays
    assert GEOMETRIES["Ice Lake"].places(SIZE_2M)[1] == Place(SIZE_2M, 0, 128, 8)
    assert GEOMETRIES["Ice Lake"].places(SIZE_1G)[1] == Place(SIZE_1G, 128, 128, 8)
    assert GEOMETRIES["Zen 2"].places(SIZE_1G) == (Place(SIZE_1G, 0, 1, 64), Place(SIZE_2M, 0, 128, 16))
    assert GEOMETRIES["Cortex-A72"].places(SIZE_2M) == (Place(MIB, 0, 1, 32), Place(SIZE_2M, 0, 256, 4))


@every_preset
def test_places_lie_in_the_level(name: str, size: int) -> None:
    """All sets of a place are sets of its level, with so many ways; a level has as many entries as its arrays."""
    geometry = GEOMETRIES[name]
    for level, arrays, place in zip((0, 1), (geometry.l1, geometry.l2), geometry.places(size), strict=True):
        ways = geometry.ways(level)
        assert sum(ways) == sum(array.entries for array in arrays)
        if place.ways:
            assert ways[place.base : place.base + place.sets] == [place.ways] * place.sets
        else:
            assert all(array.piece(size) is None for array in arrays)


@pytest.mark.parametrize(
    ("entries", "ways", "sizes", "pieces", "text"),
    [
        (0, 1, (4096,), (), "1 entry or more, not 0"),
        (-4, 4, (4096,), (), "1 entry or more, not -4"),
        (8, 3, (4096,), (), "8 entries cannot be divided into sets of 3 ways"),
        (8, 0, (4096,), (), "8 entries cannot be divided into sets of 0 ways"),
        (8, -2, (4096,), (), "8 entries cannot be divided into sets of -2 ways"),
        (4, 8, (4096,), (), "4 entries cannot be divided into sets of 8 ways"),
        (8, 4, (4096, 5000), (), "5000 bytes are no page size"),
        (8, 4, (0,), (), "0 bytes are no page size"),
        (8, 4, (-4096,), (), "-4096 bytes are no page size"),
        (8, 4, (4096,), ((SIZE_2M, 3 << 18),), "786432 bytes are no page size"),
    ],
)
def test_no_array(
    entries: int, ways: int, sizes: tuple[int, ...], pieces: tuple[tuple[int, int], ...], text: str
) -> None:
    """Numbers that are no array are refused."""
    with pytest.raises(ValueError, match=text):
        Array(entries, ways, sizes, pieces)


def test_array() -> None:
    """Sets, and what an entry maps."""
    array = Array(48, 4, (SIZE_4K,), ((SIZE_1G, SIZE_2M),))
    assert array.sets == 12
    assert (array.piece(SIZE_4K), array.piece(SIZE_1G), array.piece(SIZE_2M)) == (SIZE_4K, SIZE_2M, None)


SMALL = (SIZE_4K,)


@pytest.mark.parametrize(
    "arrays",
    [
        (Array(8, 4, SMALL), Array(8, 2, SMALL)),
        (Array(8, 4, SMALL), Array(16, 4, SMALL)),
        (Array(8, 4, SMALL), Array(4, 4, (SIZE_2M,)), Array(8, 4, SMALL)),
        (Array(8, 4, (SIZE_2M,)), Array(8, 4, (), ((SIZE_2M, MIB),))),
    ],
    ids=["ways", "sets", "not side by side", "pieces"],
)
def test_arrays_that_do_not_go_together(arrays: tuple[Array, ...]) -> None:
    """Arrays of one level that share a size have one form, stand side by side, and cut it alike; in either level."""
    for levels in ((arrays, ()), ((Array(4, 4, (SIZE_4K, SIZE_2M)),), arrays)):
        with pytest.raises(ValueError, match=r"own: .* share pages of (4 KB|2 MB) are of one form, side by side"):
            Geometry("own", "own", *levels)


def test_no_geometry() -> None:
    """There is a first level; a size that it lacks is refused by name, also if the second one holds it."""
    with pytest.raises(ValueError, match="own: a TLB has a first level"):
        Geometry("own", "own", ())
    geometry = Geometry("own", "my TLB", (Array(4, 4, SMALL),), (Array(8, 4, (SIZE_4K, SIZE_2M)),))
    assert geometry.sizes == SMALL
    for ask in (geometry.places, geometry.reach):
        with pytest.raises(ValueError, match="my TLB has no pages of 2 MB: 4 KB"):
            ask(SIZE_2M)


def test_a_published_measurement() -> None:
    """Random reads in 4 GB of 2 MB pages on Tiger Lake missed the first level as often as the closed form says.

    github.com/evanj/hugepagedemo: of 200 million reads 84,037,596 hit the second level, and 112,933,198 walked.
    """
    found = uniform(GEOMETRIES["Ice Lake"], SIZE_2M, 4 * GIB, 200_000_000)
    assert found.l1[1].total == pytest.approx(COUNTED.l2_hits + COUNTED.walks, rel=0.001)
