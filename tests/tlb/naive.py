"""The rule of a TLB, as simple as can be: each set a list, its newest entry last, one address after the other."""

from __future__ import annotations

from collections.abc import Sequence

from hugelab.tlb import Array, Count, Counts, Geometry, Space

Entries = list[tuple[int, int]]  # of one set: (page size of the program, number of the piece)


def page_size(space: Space, address: int) -> int:
    """The size of the page that an address lies in."""
    for area in space.areas:
        if area.start <= address < area.start + area.length:
            return area.size
    return space.size


def look_up(arrays: Sequence[Array], level: list[list[Entries]], address: int, page: int, host: int | None) -> bool:
    """Is the page there, or the smaller one of its host? It is now."""
    size = page if host is None or page < host else host
    holds = [number for number, array in enumerate(arrays) if size in array.sizes or size in dict(array.pieces)]
    if not holds:
        return False
    array = arrays[holds[0]]
    piece = address // (size if size in array.sizes else dict(array.pieces)[size])
    # Arrays that share a size stand side by side: the number of the piece decides first which, then the set.
    among = piece % (len(holds) * array.sets)
    entries = level[holds[among // array.sets]][among % array.sets]
    key = (page, piece)
    hit = key in entries
    if hit:
        entries.remove(key)
    entries.append(key)
    if len(entries) > array.ways:
        del entries[0]
    return hit


def simulate(addresses: Sequence[int], space: Space, geometry: Geometry, passes: int = 1) -> list[Counts]:
    """As hugelab.tlb.simulate, each access looked up, repeats too."""
    first, second = ([[[] for _ in range(array.sets)] for array in arrays] for arrays in (geometry.l1, geometry.l2))
    found = []
    for _ in range(passes):
        of = {size: [0, 0, 0] for size in space.sizes}
        for address in map(int, addresses):
            size = page_size(space, address)
            of[size][0] += 1
            if not look_up(geometry.l1, first, address, size, space.host):
                of[size][1] += 1
                of[size][2] += not look_up(geometry.l2, second, address, size, space.host)
        found.append(Counts({size: Count(*counts) for size, counts in of.items()}, space.host))
    return found
