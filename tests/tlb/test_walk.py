"""References of a walk: native and nested, and what a whole trace costs."""

from __future__ import annotations

import pytest

from hugelab.tlb import GEOMETRIES, PAGING, Area, areas, references, simulate
from hugelab.tlb.walk import SIZE_1G, SIZE_2M, SIZE_4K


@pytest.mark.parametrize(
    ("paging", "size", "host", "wanted"),
    [
        ("x86-64", SIZE_4K, None, 4),
        ("x86-64", SIZE_2M, None, 3),
        ("x86-64", SIZE_1G, None, 2),
        ("x86-64", SIZE_4K, SIZE_4K, 24),
        ("x86-64", SIZE_2M, SIZE_4K, 19),
        ("x86-64", SIZE_4K, SIZE_2M, 19),
        ("x86-64", SIZE_2M, SIZE_2M, 15),
        ("x86-64", SIZE_1G, SIZE_1G, 8),
        ("x86-64, 5 levels", SIZE_4K, None, 5),
        ("x86-64, 5 levels", SIZE_4K, SIZE_4K, 35),
        ("x86 PAE", SIZE_4K, None, 2),
        ("x86 PAE", SIZE_2M, None, 1),
        ("x86 PAE", SIZE_4K, SIZE_4K, 14),
        ("x86 PAE", SIZE_2M, SIZE_4K, 9),
        ("arm64, 4 KB granule, 48 bits", SIZE_4K, None, 4),
        ("arm64, 4 KB granule, 48 bits", SIZE_2M, SIZE_2M, 15),
    ],
)
def test_references(paging: str, size: int, host: int | None, wanted: int) -> None:
    """The numbers of the manuals and of the papers on nested paging."""
    assert references(paging, size, host) == wanted


@pytest.mark.parametrize("paging", PAGING)
def test_nested_is_what_it_counts(paging: str) -> None:
    """Counted one by one: each entry of the guest's tables, and then the page, is found by a walk of the host's."""
    below = PAGING[paging].host
    for size in PAGING[paging].levels:
        for host in PAGING[below].levels:
            count = 0
            for _entry in range(references(paging, size)):
                count += references(below, host)  # where in the host's memory is the entry?
                count += 1  # read it
            count += references(below, host)  # and the page
            assert references(paging, size, host) == count


def test_larger_pages_need_fewer() -> None:
    """In each mode each larger page saves one level; each mode has a source; geometries name one that there is."""
    for mode in PAGING.values():
        found = [mode.levels[size] for size in sorted(mode.levels)]
        assert found == list(range(found[0], found[0] - len(found), -1))
        assert mode.source
    for geometry in GEOMETRIES.values():
        assert PAGING[geometry.paging]


@pytest.mark.parametrize(
    ("size", "host", "why"),
    [
        (SIZE_1G, None, "x86 PAE has no pages of 1 GB: 4 KB, 2 MB"),
        (8192, None, "x86 PAE has no pages of 8 KB: 4 KB, 2 MB"),
        (SIZE_4K, 8192, "x86-64 has no pages of 8 KB: 4 KB, 2 MB, 1 GB"),
    ],
)
def test_sizes_that_a_mode_lacks(size: int, host: int | None, why: str) -> None:
    """A ValueError that names the mode, of the guest or of its host, and its sizes."""
    with pytest.raises(ValueError, match=why):
        references("x86 PAE", size, host)


def test_references_of_a_trace() -> None:
    """Each walk of each page size, times what it reads."""
    geometry = GEOMETRIES["Skylake"]
    space = areas(Area(SIZE_1G, SIZE_1G, SIZE_2M))
    (found,) = simulate([*range(0, 5 * SIZE_4K, SIZE_4K), SIZE_1G, SIZE_1G + SIZE_2M], space, geometry)
    assert (found.of[SIZE_4K].walks, found.of[SIZE_2M].walks) == (5, 2)
    assert found.references(geometry) == 5 * 4 + 2 * 3
    assert found.total.walks == 7


@pytest.mark.parametrize(("host", "walks", "reads"), [(SIZE_2M, 2, 15), (SIZE_4K, 3, 19)])
def test_references_of_a_fractured_trace(host: int, walks: int, reads: int) -> None:
    """The guest's walk is that of its own page, also where the host has smaller ones, which the TLB holds."""
    geometry, trace = GEOMETRIES["Skylake"], [SIZE_1G, SIZE_1G + SIZE_4K, SIZE_1G + SIZE_2M]
    (found,) = simulate(trace, areas(Area(SIZE_1G, SIZE_1G, SIZE_2M), host=host), geometry)
    assert found.of[SIZE_2M].walks == walks
    assert found.references(geometry) == walks * reads
