"""TLB misses by closed forms, for buffers read in order, in strides, or at random.

A buffer that is read again and again in the same order is the worst case of LRU: a set with more pages than ways loses
each page just before it is needed again; any other set keeps all its pages. So *in order* and *strided* are exact, and
equal the simulator. *Uniform* random access is an expected value.
"""

from __future__ import annotations

from math import exp, factorial, gcd, log, log1p
from typing import NamedTuple

from .geometry import Geometry, Place
from .trace import LINE

Number = int | float


class Misses(NamedTuple):
    """Misses of one level in one pass.

    ``compulsory``: first accesses to a page. ``capacity``: further misses of a fully associative array with as many
    entries. ``conflict``: the other misses, because a page may lie in one set only.
    """

    total: Number
    compulsory: Number
    capacity: Number
    conflict: Number


class Closed(NamedTuple):
    """One buffer in pages of one size: ``pages`` are accessed, with ``accesses`` in a pass.

    ``l1``: misses of the first level, ``walks``: misses of both levels, each in the first pass and in a later one.
    """

    accesses: int
    pages: int
    l1: tuple[Misses, Misses]
    walks: tuple[Misses, Misses]


def sequential(geometry: Geometry, size: int, length: int, step: int = LINE) -> Closed:
    """A buffer of ``length`` bytes in pages of ``size``, an access each ``step`` bytes, from start to end.

    Raises ValueError for a length or step below 1, or a page size that the geometry lacks.
    """
    if length < 1 or step < 1:
        raise ValueError(f"{length} bytes in steps of {step}: both must be 1 or more")
    return strided(geometry, size, -(-length // step), step)


def strided(geometry: Geometry, size: int, count: int, stride: int) -> Closed:
    """``count`` accesses, ``stride`` bytes apart, from the start of a page on.

    Raises ValueError if there is no closed form: for a stride above a page that is no multiple of it, or (with custom
    sizes) for a first level that divides pages into sets unlike the second.
    """
    if count < 1 or stride < 1:
        raise ValueError(f"{count} accesses each {stride} bytes: both must be 1 or more")
    first, second = geometry.places(size)
    n1, k1 = _pieces(count, stride, first.piece)
    if second.piece < first.piece and first.piece % stride and stride % first.piece:
        raise ValueError(f"there is no closed form for a stride of {stride} bytes here: use simulate")
    n2, k2 = _pieces(n1, max(stride, first.piece), second.piece)
    in_set, sets = _sets(n1, k1, first)
    again = sum(n * sets_ for n, sets_ in zip(in_set, sets, strict=True) if n > first.ways)
    if second.ways:
        walks = _walks(n1, n2, k2, first, second, in_set, sets)
        second_level = _cyclic(n2, walks, second.entries)
    else:
        n2, second_level = n1, _cyclic(n1, again, first.entries)
    return Closed(
        count,
        _pieces(count, stride, size)[0],
        (Misses(n1, n1, 0, 0), _cyclic(n1, again, first.entries)),
        (Misses(n2, n2, 0, 0), second_level),
    )


def _pieces(count: int, stride: int, piece: int) -> tuple[int, int]:
    """The number of pieces that ``count`` accesses touch, and the distance between two of them, in pieces."""
    if stride <= piece:
        return (count - 1) * stride // piece + 1, 1
    if stride % piece:
        raise ValueError(f"there is no closed form for a stride of {stride} bytes in {piece} byte pieces: use simulate")
    return count, stride // piece


def _sets(n: int, k: int, place: Place) -> tuple[tuple[int, int], tuple[int, int]]:
    """Of n pieces at distance k: (pieces in a set, for two kinds of sets), (number of sets of each kind)."""
    used = place.sets // gcd(k, place.sets)
    each, more = divmod(n, used)
    return (each + 1, each), (more, used - more)


def _walks(
    n1: int, n2: int, k2: int, first: Place, second: Place, in_set: tuple[int, int], sets: tuple[int, int]
) -> int:
    """Misses of the second level in a later pass: the look-ups from the first level in sets that are too full."""
    (full2, less2), (many2, few2) = _sets(n2, k2, second)
    lost2 = [full2 > second.ways, less2 > second.ways]
    lost1 = [n > first.ways for n, how_many in zip(in_set, sets, strict=True) if how_many]
    if not any(lost1):
        return 0
    if all(lost1):
        return full2 * many2 * lost2[0] + less2 * few2 * lost2[1]
    used1, used2 = sum(sets), many2 + few2
    if n1 != n2 or used2 % used1:
        raise ValueError("there is no closed form for these sets: use simulate")
    # The first level asks for the pieces whose number modulo used1 is below sets[0]. In the second level they are in
    # these sets of the fuller kind, and in these of the other:
    asking_full = many2 // used1 * sets[0] + min(many2 % used1, sets[0])
    asking_less = used2 // used1 * sets[0] - asking_full
    return full2 * asking_full * lost2[0] + less2 * asking_less * lost2[1]


def _cyclic(n: int, misses: int, entries: int) -> Misses:
    """The misses of a later pass over n pieces, by cause."""
    capacity = misses if n > entries else 0
    return Misses(misses, 0, capacity, misses - capacity)


# -- random ----------------------------------------------------------------------------------------------
def uniform(geometry: Geometry, size: int, length: int, accesses: int) -> Closed:
    """The expected misses of ``accesses`` to random addresses of a buffer of ``length`` bytes.

    The later pass begins with a TLB that is full, or has all pages. Raises ValueError for a length or count below 1.
    """
    if length < 1 or accesses < 1:
        raise ValueError(f"{accesses} accesses in {length} bytes: both must be 1 or more")
    first, second = geometry.places(size)
    n = -(-length // first.piece)
    l1 = _level(n, accesses, first)
    if not second.ways:
        walks = l1
    elif second.piece < first.piece:  # a miss of the first level is a miss of the whole larger page
        behind = _level(-(-length // second.piece), accesses, second)
        seen = l1[0].compulsory
        walks = (
            _beyond(seen, l1[0].total * behind[0].total / accesses - seen),
            Misses(*(l1[1].total / accesses * part for part in behind[1])),
        )
    elif (
        first.sets == second.sets == 1
        and first.piece == second.piece
        and first.ways < n
        and second.ways < NEAR * first.ways
    ):
        later = accesses * _near(n, first.ways, second.ways)
        walks = _beyond(l1[0].compulsory, later - l1[0].compulsory), Misses(later, 0, later, 0)
    else:  # the second level has all pages of the first
        walks = _level(-(-length // second.piece), accesses, second)
        if walks[1].total > l1[1].total:  # unless it is smaller than the first
            walks = l1
    return Closed(accesses, -(-length // size), l1, walks)


def _beyond(seen: float, more: float) -> Misses:
    """``seen`` compulsory misses and ``more`` capacity misses."""
    more = max(more, 0.0)
    return Misses(seen + more, seen, more, 0)


def _level(n: int, accesses: int, place: Place) -> tuple[Misses, Misses]:
    """The misses of n pieces in one level: from empty, and warm."""
    cold, warm = _expected(n, accesses, place)
    one_set = place._replace(base=0, sets=1, ways=place.entries)
    cold_alone, warm_alone = _expected(n, accesses, one_set)
    seen = n * (1 - exp(_stays(n) * accesses))
    return (
        Misses(max(cold, seen), seen, max(cold_alone - seen, 0.0), max(cold - max(cold_alone, seen), 0.0)),
        Misses(warm, 0, warm_alone, max(warm - warm_alone, 0.0)),
    )


def _stays(n: int) -> float:
    """The logarithm of the probability that an access is not to a given one of n pieces."""
    return log1p(-1 / n) if n > 1 else -700.0


def _expected(n: int, accesses: int, place: Place) -> tuple[float, float]:
    """Misses from empty, where each set takes all pieces until it is full, and misses with full sets."""
    cold = warm = 0.0
    (full, less), (many, few) = _sets(n, 1, place)
    for in_set, sets in ((full, many), (less, few)):
        if not in_set or not sets:
            continue
        too_many = max(in_set - place.ways, 0)
        fills = log(too_many / in_set) / _stays(n) if too_many else float(accesses)  # accesses until it is full
        until = min(float(accesses), fills)
        cold += sets * (in_set * (1 - exp(_stays(n) * until)) + (accesses - until) * too_many / n)
        warm += sets * too_many / n * accesses
    return cold, warm


NEAR = 4  # a second level with less than NEAR times the entries of the first loses pages that the first still has


def _near(n: int, e1: int, e2: int) -> float:
    """Walks per access with two fully associative levels of similar size, when both are warm.

    The second level sees an access to a page only after the first level has lost the page. Time is the number of
    accesses that it sees, over n. With m = 1 - e1 / n, the part of the accesses that it sees, a page stays in the first
    level for a = -m ln m, and in the second for u longer. S(u), the part of the pages that it does not see for that
    time, is 1 - u up to a, and then S'(u + a) = -S(u). And 1 - S(u + a), the part that it sees until it loses a page,
    is its size: e2 / n.
    """
    m = 1 - e1 / n
    a = -m * log(m)

    def left(u: float) -> float:
        return sum((-(u - k * a)) ** k / factorial(k) for k in range(int(u / a) + 1))

    if e2 >= n:
        return 0.0
    u = a
    for _ in range(30):  # Newton
        by = (left(u + a) - 1 + e2 / n) / left(u)
        u = max(u + by, 0.0)
        if abs(by) < 1e-9:
            break
    return m * left(u)
