"""The curve of all TLB sizes: from both engines, from the simulator size by size, and from a naive list."""

from __future__ import annotations

import random
from importlib.util import find_spec
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugelab.tlb import Array, Geometry, Space, curve, simulate
from hugelab.tlb.distances import MOST

from .common import FASTEST

PAGE = 4096
both = pytest.mark.parametrize(
    "engine",
    ["plain", pytest.param("numpy", marks=pytest.mark.skipif(not find_spec("numpy"), reason="numpy is not installed"))],
)


def by_list(codes: list[int], entries: int) -> int:
    """Misses of one TLB: a list, its newest page last."""
    held: list[int] = []
    misses = 0
    for code in codes:
        if code in held:
            held.remove(code)
        else:
            misses += 1
        held = [*held, code][-entries:] if entries else []
    return misses


def fully_associative(codes: list[int], entries: int, engine: str = "plain") -> int:
    """Misses of one TLB, by the simulator."""
    geometry = Geometry("own", "own", (Array(entries, entries, (PAGE,)),))
    return simulate([code * PAGE for code in codes], Space(), geometry, engine=engine)[0].total.l1_misses


@both
@given(codes=st.lists(st.integers(0, 12), max_size=60), most=st.integers(1, 16))
def test_as_each_size_alone(engine: str, codes: list[int], most: int) -> None:
    """Misses with n entries are those of a list of n, and of the simulator, for each n; repeats are look-ups, too."""
    found = curve(codes, most, engine)
    assert found == [by_list(codes, entries) for entries in range(most + 1)]
    if codes:
        assert found[1:] == [fully_associative(codes, entries) for entries in range(1, most + 1)]


@both
@given(codes=st.lists(st.integers(0, (1 << 52) - 1), min_size=1, max_size=40), times=st.integers(1, 3))
def test_shape(engine: str, codes: list[int], times: int) -> None:
    """It begins with the look-ups, never rises, and ends with the pages: each of them misses once."""
    codes = codes * times
    found = curve(codes, len(codes), engine)
    assert len(found) == len(codes) + 1
    assert found[0] == len(codes)
    assert all(more >= less for more, less in pairwise(found))
    assert found[-1] == len(set(codes))
    for most in (1, max(len(set(codes)) - 1, 1), len(set(codes)) + 5):
        shorter = curve(codes, most, engine)  # the same curve, cut or longer
        assert shorter == (found + [len(set(codes))] * (most + 1))[: most + 1]


def long_trace(kind: str) -> list[int]:
    """20,000 look-ups."""
    draw = random.Random(1)
    return {
        "uniform": [draw.randrange(6000) for _ in range(20_000)],
        "hot": [draw.randrange(40) if draw.random() < 0.8 else draw.randrange(3000) for _ in range(20_000)],
        "loop": [i % 5000 for i in range(20_000)],
        "zigzag": [min(i % 4000, 4000 - i % 4000) for i in range(20_000)],
    }[kind]


@both
@pytest.mark.parametrize("kind", ["uniform", "hot", "loop", "zigzag"])
def test_long(engine: str, kind: str) -> None:
    """Up to 4,096 entries: as the simulator for sizes here and there."""
    codes = long_trace(kind)
    found = curve(codes, engine=engine)
    assert len(found) == MOST + 1
    for entries in (1, 16, 63, 64, 1000, 2048, 4096):
        assert found[entries] == fully_associative(codes, entries, FASTEST)


def test_engine_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a choice the curve is the same, with and without numpy."""
    codes = long_trace("hot")[:3000]
    assert curve(codes, 64) == curve(codes, 64, "plain")
    monkeypatch.setattr("hugelab.tlb.distances.find_spec", lambda _name: None)
    assert curve(codes, 64) == curve(codes, 64, "plain")


@both
def test_edges(engine: str) -> None:
    """No look-up is no miss; one page misses once with an entry, and always without one."""
    assert curve([], 3, engine) == [0, 0, 0, 0]
    assert curve([5], 2, engine) == [1, 1, 1]
    assert curve([5, 5, 5], 2, engine) == [3, 1, 1]
    assert curve([1, 2, 1], 1, engine) == [3, 3]


@both
def test_no_entries_at_all(engine: str) -> None:
    """``most`` of 0 asks for one number: the look-ups."""
    assert curve([1, 2, 1], 0, engine) == [3]
