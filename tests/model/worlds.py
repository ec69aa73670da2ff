"""A walk through all small worlds: every sequence of core operations, each state once, the invariants in each.

A world: a pool of up to 3 pages with or without overcommit, 2 files, 2 processes, 2 mappings each. States that differ
only in which frame is which, in addresses, or in numbers of inodes and records are one state.

``python -m tests.model.worlds`` walks them all and prints how many there are.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Hashable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

from hugelab import X86_64, Op
from hugelab.core.runs import RunMap
from hugelab.linux.abi import Area
from hugelab.linux.machines import Machine
from hugelab.linux.structs import file, inode, mm_struct, vm_area_struct
from hugelab.model.errors import SystemCallError
from hugelab.model.kernel import Kernel
from hugelab.model.registry import operation
from hugelab.record.invariants import broken
from tests.model.silent import SilentState

INTENDED = X86_64.as_intended()
SHARED, PRIVATE = ["MAP_SHARED"], ["MAP_PRIVATE"]
ANON = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_HUGETLB"]


class World(NamedTuple):
    """Where a walk begins, and which operations it has."""

    name: str
    nr: int
    overcommit: int
    mount: str
    files: tuple[str, ...]
    kinds: tuple[dict[str, object], ...]  # arguments of mmap
    forks: bool
    holes: bool


SHARED2 = {"fd": "a", "flags": SHARED, "pages": 2}
SHARED1 = {**SHARED2, "pages": 1}
PRIVATE2 = {"fd": "a", "flags": PRIVATE, "pages": 2}
LAZY = {"fd": "a", "flags": ["MAP_SHARED", "MAP_NORESERVE"], "pages": 2}
ANON2 = {"flags": ANON, "pages": 2}
WORLDS = (
    World("shared and private", 3, 0, "", ("a",), (SHARED2, PRIVATE2), forks=False, holes=False),
    World("shared twice", 3, 0, "", ("a",), (SHARED2, SHARED1), forks=False, holes=False),
    World("NORESERVE", 3, 0, "", ("a",), (LAZY, SHARED1), forks=False, holes=False),
    World("two files", 2, 0, "", ("a", "b"), (SHARED1, {**SHARED1, "fd": "b"}), forks=False, holes=False),
    World("holes, shared", 3, 0, "", ("a",), (SHARED2,), forks=False, holes=True),
    World("holes, private", 3, 0, "", ("a",), (PRIVATE2,), forks=False, holes=True),
    World("surplus", 1, 2, "", ("a",), (SHARED2,), forks=False, holes=True),
    World("surplus, private", 1, 2, "", (), (ANON2, ANON2), forks=False, holes=True),
    World("fork", 3, 0, "", (), (ANON2,), forks=True, holes=True),
    World("fork, full", 2, 0, "", (), (ANON2,), forks=True, holes=True),
    World("fork, surplus", 1, 2, "", (), (ANON2,), forks=True, holes=True),
    World("fork and a file", 2, 0, "", ("a",), ({**PRIVATE2, "pages": 1},), forks=True, holes=False),
    World("min_size", 3, 0, "min_size=2M", ("a",), (SHARED2,), forks=False, holes=True),
    World("min_size, private", 3, 0, "min_size=2M", ("a",), (PRIVATE2,), forks=False, holes=True),
    World("size", 3, 0, "size=4M", ("a",), (SHARED2, PRIVATE2), forks=False, holes=False),
)


def moves(world: World) -> dict[str, list[Op]]:
    """The operations of a world, by the process that does them ("" = the administrator)."""
    found: dict[str, list[Op]] = {"": [Op("set_nr", {"n": n}) for n in {1, world.nr}]}
    for proc in ("P", "C") if world.forks else ("P",):
        ops = found[proc] = []
        if proc == "P":
            ops += [Op("open", {"fd": name, "path": f"m/{name}"}) for name in world.files]
            ops += [Op("unlink", {"path": f"m/{name}"}) for name in world.files]
            ops += [Op("ftruncate", {"fd": name, "pages": 1}) for name in world.files[:1]]
        ops += [Op("close", {"fd": name}, proc) for name in world.files]
        for name, kind in zip("AB", world.kinds, strict=False):
            pages = range(int(str(kind["pages"])))
            ops.append(Op("mmap", {"map": name, **kind}, proc))
            ops += [Op("touch", {"map": name, "page": page}, proc) for page in pages]
            ops += [Op("touch", {"map": name, "page": 0, "mode": "r"}, proc), Op("munmap", {"map": name}, proc)]
            if world.forks and len(pages) > 1:
                ops.append(Op("munmap", {"map": name, "page": 1, "pages": 1}, proc))
            if world.holes:
                ops.append(Op("madvise", {"map": name, "advice": "MADV_DONTNEED"}, proc))
        if world.holes and world.files:
            mode = ["FALLOC_FL_PUNCH_HOLE", "FALLOC_FL_KEEP_SIZE"]
            ops.append(Op("fallocate", {"fd": "a", "page": 0, "pages": 2}, proc))
            ops.append(Op("fallocate", {"fd": "a", "page": 0, "pages": 1, "mode": mode}, proc))
        if world.forks:
            ops += [Op("fork", {"child": "C"}, proc), Op("exit", {}, proc)]
    return found


# -- one state ---------------------------------------------------------------------------------------
def canonical(k: Kernel) -> Hashable:
    """A state without the names of its frames, addresses and numbers."""
    frames: dict[int, int] = {}

    def pages(runs: RunMap) -> tuple[tuple[int, int], ...]:
        return tuple(
            (key, frames.setdefault(run.at(key), len(frames))) for run in runs for key in range(run.start, run.end)
        )

    h = k.state.pools[0]
    files: dict[inode, int] = {}
    shown: list[Hashable] = [h.counters]
    records = k.state.records.values()
    for record in records:
        if type(record) is inode:
            files[record] = len(files)
            regions = tuple((run.start, run.end) for run in record.resv_map.regions)
            shown.append((record.i_nlink, record.i_size, pages(record.i_pages), regions))
    for record in records:
        if type(record) is vm_area_struct:
            shift = record.vm_start // h.size - record.vm_pgoff
            entries = tuple(
                (key - shift, frames.setdefault(run.at(key), len(frames)), run.tag)
                for run in record.mapped()
                for key in range(run.start, run.end)
            )
            used = record.resv_map and tuple((run.start, run.end) for run in record.resv_map.regions)
            where = (record.mm.proc, record.name, record.vm_pgoff, record.pages, record.vm_flags)
            shown.append((where, files[record.inode], record.unmapped, record.anon_vma, used, entries))
        elif type(record) is mm_struct:
            fds = tuple((name, files[opened.f_inode]) for name, opened in sorted(record.fds.items()))
            shown.append((record.proc, record.alive, fds))
        elif type(record) is file:
            shown.append((files[record.f_inode], record.count))
    spool = k.state.records.get("subpool/1")
    if spool is not None:
        shown.append((spool.used_hpages, spool.rsv_hpages))  # type: ignore[attr-defined]
    return tuple(shown)


def possible(k: Kernel, ops: dict[str, list[Op]]) -> Iterator[Op]:
    """The operations that can mean something now: no name is used twice, and none that is not there."""
    yield from ops[""]
    for proc, mine in ops.items():
        mm = k.state.records.get(f"mm/{proc}")
        if not (isinstance(mm, mm_struct) and mm.alive):
            continue
        mapped = {
            record.name for record in k.state.records.values() if type(record) is vm_area_struct and record.mm is mm
        }
        for op in mine:
            name = op.args.get("map")
            if name is not None and (op.op == "mmap") == (name in mapped):
                continue
            fd = op.args.get("fd")
            if fd is not None and (op.op == "open") == (fd in mm.fds):
                continue
            if op.op == "fork" and "mm/C" in k.state.records:
                continue
            yield op


# -- the walk ----------------------------------------------------------------------------------------
class Walked(NamedTuple):
    """What a walk found: states, steps between them, the first problem (with the way to it), seconds."""

    states: int
    steps: int
    problem: str | None
    seconds: float


def walk(world: World, machine: Machine = INTENDED, most: int | None = None) -> Walked:
    """Visit every state that can be reached, or the first ``most``; stop at the first that breaks a rule."""
    begin = time.perf_counter()
    k = Kernel(machine, world.nr, world.overcommit, SilentState())
    k.mount("m", world.mount)
    k.mm("P")
    ops = moves(world)
    calls = {name: operation[name] for name in {op.op for mine in ops.values() for op in mine}}
    seen = {canonical(k)}
    steps = 0
    way: list[tuple[Op | None, int, dict[tuple[str, str], Area], Iterator[Op]]] = []
    way.append((None, len(k.state.rows), dict(k.maps), iter(list(possible(k, ops)))))
    while way:
        _, mark, maps, rest = way[-1]
        op = next(rest, None)
        if op is None:
            way.pop()
            if way:
                k.state.rollback(way[-1][1])
                k.maps = dict(way[-1][2])
            continue
        steps += 1
        mm = None if op.op == "set_nr" else k.mm(op.proc)
        try:
            calls[op.op](k, mm, op)
        except SystemCallError:
            if len(k.state.rows) == mark:
                continue
        if problem := broken(k.state, settled=True):
            path = "; ".join(str(taken) for taken, *_ in [*way[1:], (op,)])
            return Walked(len(seen), steps, f"{world.name}: {problem} after {path}", time.perf_counter() - begin)
        key = canonical(k)
        if key in seen:
            k.state.rollback(mark)
            k.maps = dict(maps)
            continue
        seen.add(key)
        if len(seen) == most:
            break
        way.append((op, len(k.state.rows), dict(k.maps), iter(list(possible(k, ops)))))
    return Walked(len(seen), steps, None, time.perf_counter() - begin)


def walk_all(worlds: tuple[World, ...] = WORLDS, most: int | None = None) -> Iterator[tuple[World, Walked]]:
    """Every world, or the first ``most`` states of each, several at a time."""
    with ProcessPoolExecutor() as pool:
        yield from zip(worlds, pool.map(partial(walk, most=most), worlds), strict=True)


def main(most: int | None = None) -> int:
    """Walk through all worlds; 1 if one has a state that breaks a rule."""
    begin, states, steps, spent, bad = time.perf_counter(), 0, 0, 0.0, 0
    for world, found in walk_all(most=most):
        states, steps, spent = states + found.states, steps + found.steps, spent + found.seconds
        bad += found.problem is not None
        rate = f"{found.steps / found.seconds:,.0f} a second"
        print(f"{world.name:<20} {found.states:>8,} states, reached {found.steps:>9,} times, {rate}", flush=True)
        if found.problem:
            print(f"  {found.problem}")
    print(
        f"worlds: {len(WORLDS)} worlds, {states:,} states, each reached state checked: {steps:,} checks,"
        f" {steps / spent:,.0f} a second, {time.perf_counter() - begin:.0f} s"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
