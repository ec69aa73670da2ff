"""The walk through small worlds: it is a walk, and it finds what is wrong. ``make proof`` walks through all of them."""

from __future__ import annotations

import pytest

from hugelab.model import vma
from hugelab.model.core import operation

from .worlds import WORLDS, World, walk

SMALL = [world for world in WORLDS if world.name in ("surplus", "surplus, private")]


@pytest.mark.parametrize("world", SMALL, ids=[world.name for world in SMALL])
def test_a_small_world_is_sound(world: World) -> None:
    """All of its states; each is reached several times."""
    found = walk(world)
    assert found.problem is None
    assert 10 < found.states < found.steps / 5


@pytest.mark.parametrize("world", WORLDS, ids=[world.name for world in WORLDS])
def test_the_beginning_of_every_world_is_sound(world: World) -> None:
    """The first 200 states."""
    assert walk(world, most=200).problem is None


def test_a_wrong_rule_is_found_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """munmap forgets the reservations of a private mapping: the walk says where, and how it came there."""
    monkeypatch.setattr(vma, "hugetlb_vm_op_close", lambda k, area: None)
    found = next(found for found in map(walk, WORLDS) if found.problem)
    assert found.problem is not None
    assert "reserve" in found.problem and "munmap" in found.problem and "mmap" in found.problem


def test_worlds_use_operations_that_the_model_has() -> None:
    """And all of them together the core of it."""
    from .worlds import moves

    used = {op.op for world in WORLDS for mine in moves(world).values() for op in mine}
    assert used <= operation.keys()
    assert used >= {"open", "close", "mmap", "touch", "munmap", "unlink", "ftruncate", "fallocate", "madvise", "fork"}
