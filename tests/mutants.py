"""Rules of the kernel changed one at a time: what people believe, or a slip of ours. A test must catch each.

``python -m tests.mutants [NAME ...]`` prints which test caught which; exit 1 if one survives. Each runs in a process of
its own, on a copy of the package in which one passage of the source is another.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Mutant(NamedTuple):
    """One passage of the package, which must be there exactly once, and what it becomes."""

    belief: str
    module: str  # in hugelab/model, or with its room ("linux/rules")
    old: str
    new: str

    @property
    def path(self) -> str:
        """The file, below hugelab."""
        return f"{self.module if '/' in self.module else f'model/{self.module}'}.py"


MUTANTS = (
    Mutant(
        "munmap frees the pages of a file",
        "vma",
        """
    hugetlb_vm_op_close(k, vma)
    k.state.leave(vma)
""",
        """
    hugetlb_vm_op_close(k, vma)
    if vma.vm_flags & VM_MAYSHARE:
        from .hugetlbfs import truncate_hugepages
        truncate_hugepages(k, vma.mm.proc, vma.inode, 0)
    k.state.leave(vma)
""",
    ),
    Mutant(
        "available is free",
        "pool",
        """
needed = h.resv_huge_pages + delta - h.free_huge_pages
""",
        """
needed = delta - h.free_huge_pages
""",
    ),
    Mutant(
        "a fault without a promise may take any free page",
        "folio",
        """
node = _node(vma, index) if promised or available else None
""",
        """
node = _node(vma, index)
""",
    ),
    Mutant(
        "a private mapping reserves like a shared one",
        "vma",
        """
chg = region_chg(node.resv_map, f, t) if shared else t - f
""",
        """
chg = region_chg(node.resv_map, f, t)
""",
    ),
    Mutant(
        "a shared mapping reserves its whole length again",
        "vma",
        """
chg = region_chg(node.resv_map, f, t) if shared else t - f
""",
        """
chg = t - f
""",
    ),
    Mutant(
        "the child inherits the reservation",
        "fork",
        """
copy = copy_vma(k, vma, mm=child, resv_map=None, unmapped=False)
""",
        """
copy = copy_vma(k, vma, mm=child, unmapped=False)
""",
    ),
    Mutant(
        "a hole gives the reservation back",
        "hugetlbfs",
        """
            region_del(k, h, node.resv_map, a, b)
            node.i_blocks
""",
        """
            h.resv_huge_pages += b - a
            node.i_blocks
""",
    ),
    Mutant(
        "the free list is first in, first out",
        "pool",
        """
    node.freelist.push(frames.value, frames.count, frames.step)
    h.count(node, free=frames.count)
""",
        """
    held = node.freelist.cut(0, node.freelist.end)
    node.freelist.push(frames.value, frames.count, frames.step)
    for run in held:
        node.freelist.push(run.value, run.count, run.step)
    h.count(node, free=frames.count)
""",
    ),
    Mutant(
        "mmap allocates the pages",
        "mmap",
        """
if flags & {"MAP_POPULATE", "MAP_LOCKED"} and not ("MAP_NONBLOCK" in flags and "MAP_LOCKED" not in flags):
""",
        """
if True:
""",
    ),
    Mutant(
        "a read fault takes no page",
        "fault",
        """
    p = plan(k, vma, index, min(n, reach - index))
    _begin(k, vma, index, p.n, write)
""",
        """
    if not write:
        return Stretch(1)
    p = plan(k, vma, index, min(n, reach - index))
    _begin(k, vma, index, p.n, write)
""",
    ),
    Mutant(
        "the reservations of a shared file go at munmap",
        "vma",
        """
    resv = vma.resv_map
    if resv is None:
        return
    first, last
""",
        """
    resv = vma.resv_map
    if resv is None:
        first, last = vma.vm_pgoff, vma.vm_pgoff + vma.pages
        n = region_del(k, vma.h, vma.inode.resv_map, first, last) - vma.inode.i_pages.held(first, last)
        if n > 0:
            hugetlb_acct_memory(k, vma.h, -n)
        return
    first, last
""",
    ),
    Mutant(
        "the owner has no guarantee",
        "fault",
        """
    from_owner = vma.resv_map is not None and shared
""",
        """
    from_owner = False
""",
    ),
    Mutant(
        "the child loses one page, not its mapping",
        "fault",
        """
        vma.unmapped = True
""",
        """
        pass
""",
    ),
    Mutant(
        "shrinking the pool takes promised pages",
        "pool",
        """
    lowest = max(count, h.resv_huge_pages + used - spare)
""",
        """
    lowest = max(count, used - spare)
""",
    ),
    Mutant(
        "surplus pages stay when they are freed",
        "folio",
        """
gives_back = node.surplus_huge_pages > 0
""",
        """
gives_back = False
""",
    ),
    Mutant(
        "growing the pool leaves the surplus",
        "pool",
        """
    adjust_pool_surplus(h, -max(count - h.persistent_huge_pages, 0), nodes)
""",
        """

""",
    ),
    Mutant(
        "min_size= is not reserved",
        "subpool",
        """
    if min_hpages > 0 and not hugetlb_acct_memory(k, h, min_hpages):
        return None
""",
        """

""",
    ),
    Mutant(
        "size= counts pages that are there, not promises",
        "subpool",
        """
        if spool.used_hpages + delta > spool.max_hpages:
""",
        """
        if delta > spool.max_hpages:
""",
    ),
    Mutant(
        "MADV_DONTNEED loses the reservation",
        "linux/rules",
        'V6_18 = replace(V6_12, version="6.18", ',
        'V6_18 = replace(V6_12, version="6.18", zap_restores_reserve=False, ',
    ),
    Mutant(
        "the cgroup's promise is paid back when the page is there",
        "folio",
        """
    resv = vma_resv_map(vma)
    if resv is not None and not p.cow_from_owner:
""",
        """
    if group and not p.map_chg:
        hugetlb_cgroup_uncharge(k, group, vma.h, p.n, rsvd=True)
    resv = vma_resv_map(vma)
    if resv is not None and not p.cow_from_owner:
""",
    ),
    Mutant(
        "ftruncate keeps the promises past the end",
        "hugetlbfs",
        """
    chg = region_del(k, h, node.resv_map, start, node.resv_map.regions.end if end is None else end)
""",
        """
    chg = freed
    node.resv_map.regions.cut(start, start + 0)
""",
    ),
    Mutant(
        "munmap rounds its length to huge pages",
        "mmap",
        """
    length = page_align(length_of(op, size)) if sized else whole.length - offset
""",
        """
    length = -(-length_of(op, size) // size) * size if sized else whole.length - offset
""",
    ),
)


# -- the judges, in the order in which they are asked ---------------------------------------------------
def judges() -> Iterator[str]:
    """Every check of the recorded kernels and of the invariants; yields what catches the model that is imported."""
    from hugelab import load, run
    from hugelab.model.kernel import check_case
    from hugelab.record.invariants import unsound
    from tests.truth import MACHINES, Walk, scenarios

    data = ROOT / "tests" / "data"
    for name in ("scenarios.json", "random_6.18.json"):
        for case in load(data / name):
            difference = check_case(case).difference
            if difference:
                yield f"{name}, {case.name}: {difference}"
    for kernel, machine in MACHINES.items():
        for name, steps in scenarios(data / f"truth_{kernel}.json").items():
            try:
                Walk(steps, machine).run()
            except AssertionError as error:
                yield f"truth_{kernel}, {name}: {error}"
    for case in load(data / "scenarios.json"):
        if not case.kernel_quirk and (problem := unsound(run(case))):
            yield f"the invariants in {case.name}: {problem}"


def judge() -> int:
    """In the mutant's process: print what catches it."""
    for number, caught in zip(range(1), _safe(judges()), strict=False):
        print(caught.splitlines()[0][:200] if number == 0 else "")
        return 0
    return 1


def _safe(found: Iterator[str]) -> Iterator[str]:
    """A model that breaks down is caught, too."""
    try:
        yield from found
    except (NameError, SyntaxError, ImportError):
        raise  # the mutant is written wrongly: that proves nothing
    except Exception as error:
        yield f"{type(error).__name__} in a recorded case: {error}"


def survivors(mutants: tuple[Mutant, ...] = MUTANTS) -> Iterator[tuple[Mutant, str | None]]:
    """Each mutant, and what caught it (None: nothing did). Raises AssertionError when a passage is not there once."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from zip(mutants, pool.map(caught_by, mutants), strict=True)


def changed(mutant: Mutant, source: str) -> str:
    """The source with the passage changed. Raises AssertionError when it is not there exactly once."""
    old, new = (text.strip("\n") for text in (mutant.old, mutant.new))
    assert source.count(old) == 1, f"{mutant.belief}: its passage is {source.count(old)} times in {mutant.path}"
    return source.replace(old, new)


def caught_by(mutant: Mutant) -> str | None:
    """Run the judges on the mutant."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(
            ROOT / "hugelab", Path(folder) / "hugelab", ignore=shutil.ignore_patterns("__pycache__", "fonts")
        )
        path = Path(folder) / "hugelab" / mutant.path
        source = path.read_text()
        path.write_text(changed(mutant, source))
        code = f"import sys; sys.path[:0] = [{folder!r}, {str(ROOT)!r}]; import tests.mutants as m; sys.exit(m.judge())"
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout.strip() or None


def main(names: list[str]) -> int:
    chosen = tuple(m for m in MUTANTS if not names or any(name in m.belief for name in names))
    alive = 0
    for mutant, caught in survivors(chosen):
        alive += caught is None
        print(f"{mutant.belief}: {caught or 'SURVIVES'}", flush=True)
    print(f"mutants: {len(chosen) - alive} of {len(chosen)} caught")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
