"""Rules changed one at a time: what people believe, or a bug of ours. A judge must catch each.

``python -m tests.mutants [NAME ...]`` prints which judge caught which; exit 1 if one survives, or if a judge condemns
the package as it is. Each runs in a process of its own, on a copy of the package in which one passage of the source is
another.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
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
    judge: str = ""  # a file of tests, below tests; "": the recorded kernels

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
        "needed = h.resv_huge_pages + delta - h.free_huge_pages",
        "needed = delta - h.free_huge_pages",
    ),
    Mutant(
        "a fault without a reservation may take any free page",
        "folio",
        "node = _node(vma, index) if reserved or available else None",
        "node = _node(vma, index)",
    ),
    Mutant(
        "a private mapping reserves like a shared one",
        "vma",
        "        chg = t - f",
        "        chg = region_chg(node.resv_map, f, t)",
    ),
    Mutant(
        "a shared mapping reserves its whole length again",
        "vma",
        "chg = region_chg(node.resv_map, f, t)",
        "chg = t - f",
    ),
    Mutant(
        "the child inherits the reservation",
        "fork",
        "copy = copy_vma(k, vma, mm=child, resv_map=None, unmapped=False)",
        "copy = copy_vma(k, vma, mm=child, unmapped=False)",
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
        'if locked or ("MAP_POPULATE" in flags and "MAP_NONBLOCK" not in flags):',
        "if True:",
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
        "the owner has no guarantee", "fault", "from_owner = vma.resv_map is not None and shared", "from_owner = False"
    ),
    Mutant("the child loses one page, not its mapping", "fault", "vma.unmapped = True", "pass"),
    Mutant(
        "shrinking the pool takes reserved pages",
        "pool",
        "lowest = max(count, h.resv_huge_pages + used - spare)",
        "lowest = max(count, used - spare)",
    ),
    Mutant(
        "surplus pages stay when they are freed",
        "folio",
        "gives_back = node.surplus_huge_pages > 0",
        "gives_back = False",
    ),
    Mutant(
        "growing the pool leaves the surplus",
        "pool",
        "adjust_pool_surplus(h, -max(count - h.persistent_huge_pages, 0), nodes)",
        "",
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
        "size= counts pages that are there, not reservations",
        "subpool",
        "if spool.used_hpages + delta > spool.max_hpages:",
        "if delta > spool.max_hpages:",
    ),
    Mutant(
        "MADV_DONTNEED loses the reservation",
        "vma",
        "restore = vma.resv_map if k.rules.zap_restores_reserve else None",
        "restore = None",
    ),
    Mutant(
        "the charge for a reservation ends when the page is there",
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
        "ftruncate keeps the reservations past the end",
        "hugetlbfs",
        """
    chg = region_del(k, h, node.resv_map, start, node.resv_map.regions.end)
""",
        """
    chg = freed
    node.resv_map.regions.cut(start, start + 0)
""",
    ),
    Mutant(
        "munmap rounds its length to huge pages",
        "mmap",
        "length = page_align(length) if sized(op.args) else length",
        "length = huge_align(k.state.pools[0], length)",
    ),
    Mutant(
        "the sum over the nodes decides",
        "mempolicy",
        "not in policy.nodes]\n    return mine",
        "not in policy.nodes]\n    return list(zonelist(h, LOCAL))",
        "model/test_two_nodes.py",
    ),
    Mutant(
        "a group's limit of reservations limits nothing",
        "cgroup",
        "if counter.max is not None and counter.usage + n > counter.max:",
        "if not rsvd and counter.max is not None and counter.usage + n > counter.max:",
    ),
    Mutant(
        "a group's limit of pages limits nothing",
        "cgroup",
        "if counter.max is not None and counter.usage + n > counter.max:",
        "if rsvd and counter.max is not None and counter.usage + n > counter.max:",
    ),
    Mutant(
        "surplus pages are to be had again and again",
        "pool",
        "return max(h.nr_overcommit_huge_pages - h.surplus_huge_pages, 0)",
        "return h.nr_overcommit_huge_pages",
    ),
    Mutant("after a fork both write to the same page", "fork", "if cow and writable:", "if False:"),
    Mutant(
        "a write after a read takes a second page",
        "fault",
        "if mapped and not shared and (anonymous or vma.vm_flags & VM_MAYSHARE):",
        "if mapped and not shared and vma.vm_flags & VM_MAYSHARE:",
    ),
    Mutant(
        "close gives the pages back",
        "files",
        '        opened.f_inode.refs -= 1\n        k.state.point("fput")',
        '        opened.f_inode.refs = opened.f_inode.i_nlink = 0\n        k.state.point("fput")',
    ),
    Mutant(
        "unlink frees a file that is mapped",
        "files",
        '    k.state.point("vfs_unlink")\n    iput(',
        '    k.state.point("vfs_unlink")\n    node.refs = 0\n    iput(',
    ),
    Mutant(
        "a length is rounded down to huge pages",
        "vma",
        "return -(-length // h.size) * h.size",
        "return length // h.size * h.size",
    ),
    Mutant(
        "MAP_NORESERVE reserves, too",
        "vma",
        "if vma is not None and (vma.vm_flags & VM_NORESERVE or node.s_private):",
        "if vma is not None and node.s_private:",
    ),
    Mutant("a page that is freed keeps what was written", "folio", "        clear(h, part)", "        pass"),
    Mutant(
        "open makes an inode each time",
        "hugetlbfs",
        "    if sb is not None and sb.free_inodes > 0:\n        sb.free_inodes -= 1",
        "    if sb is not None and sb.free_inodes > 0:\n        sb.free_inodes -= 2",
    ),
    # -- core ------------------------------------------------------------------------------------------
    Mutant("megabytes are millions", "core/units", '"m": MIB,', '"m": 10**6,', "core/test_units.py"),
    Mutant(
        "pages for different owners lie in one run",
        "core/runs",
        "if self.tag != after.tag:",
        "if False:",
        "core/test_runs.py",
    ),
    Mutant(
        "a part of a run begins with the value of the whole",
        "core/runs",
        "self.at(start), self.step, self.tag)",
        "self.value, self.step, self.tag)",
        "core/test_runs.py",
    ),
    Mutant(
        "what is popped comes in the order of the push",
        "core/runs",
        "gone.at(gone.end - 1), -gone.step)",
        "gone.value, gone.step)",
        "core/test_runs.py",
    ),
    Mutant(
        "a copy that was made stays the copy",
        "core/runs",
        "runs, self._frozen = self._runs, None",
        "runs = self._runs",
        "record/test_moment.py",
    ),
    Mutant("a pop is undone from the other end", "core/state", "if self.backwards:", "if False:", "core/test_state.py"),
    Mutant(
        "changes are undone in the order in which they were made",
        "core/state",
        "in reversed(changes) if back else changes:",
        "in changes:",
        "record/test_recording.py",
    ),
    Mutant(
        "the first of many equal units does all",
        "core/state",
        "(self.new - self.old) * end // n - (self.new - self.old) * begin // n",
        "(self.new - self.old) * (bool(end) - bool(begin))",
        "core/test_state.py",
    ),
    Mutant(
        "a call that failed leaves what it had begun",
        "core/state",
        "            change.move(n, n, 0)\n        self.pending.clear()",
        "            pass\n        self.pending.clear()",
        "core/test_state.py",
    ),
    # -- linux -----------------------------------------------------------------------------------------
    Mutant(
        "6.18 came before 6.9",
        "linux/names",
        "return int(found[1]), int(found[2])",
        "return int(found[1]), int(found[2][0])",
        "linux/test_rules.py",
    ),
    Mutant(
        "a rule holds from the release after its own",
        "linux/rules",
        "return release(dated.since) <= release(version)",
        "return release(dated.since) < release(version)",
        "linux/test_rules.py",
    ),
    Mutant(
        "6.9 does not restore reservations yet",
        "linux/rules",
        '"6.9", "__unmap_hugepage_range"',
        '"6.10", "__unmap_hugepage_range"',
        "linux/test_rules.py",
    ),
    Mutant("6.0 still copies every page table", "linux/rules", 'until="6.0")', 'until="6.1")', "linux/test_rules.py"),
    Mutant(
        "7.3 still has restore_while_shared", "linux/kernel_bugs", 'until="7.3",', 'until="7.4",', "linux/test_rules.py"
    ),
    Mutant(
        "the flags of a fault have kept their numbers",
        "linux/flags",
        '"4.0": _SINCE_4_0,',
        '"4.1": _SINCE_4_0,',
        "linux/test_rules.py",
    ),
    Mutant(
        "VM_DONTEXPAND is the next bit",
        "linux/flags",
        '"VM_DONTEXPAND": 0x40000,',
        '"VM_DONTEXPAND": 0x80000,',
        "linux/test_flags.py",
    ),
    Mutant(
        "MAP_POPULATE has the number of MAP_NONBLOCK",
        "linux/flags",
        '"MAP_POPULATE": 0x8000,',
        '"MAP_POPULATE": 0x10000,',
        "linux/test_flags.py",
    ),
    Mutant(
        "the size of a page begins at bit 27",
        "linux/flags",
        "HUGE_SHIFT, HUGE_MASK = 26, 0x3F",
        "HUGE_SHIFT, HUGE_MASK = 27, 0x1F",
        "linux/test_flags.py",
    ),
    Mutant(
        "hugetlb_cow was renamed after 6.1",
        "linux/names",
        '"hugetlb_cow": (("5.19", "hugetlb_wp"),)',
        '"hugetlb_cow": (("6.2", "hugetlb_wp"),)',
        "record/test_flow.py",
    ),
    Mutant(
        "a gap of exactly the length is taken",
        "linux/abi",
        "if top - high >= length + align - BASE_PAGE:",
        "if top - high >= length:",
    ),
    Mutant(
        "an offset counts small pages",
        "linux/abi",
        "int(args.get(pages) or 0) * unit",
        "int(args.get(pages) or 0) * BASE_PAGE",
    ),
    Mutant(
        "a process must live to write nr_hugepages",
        "linux/operations",
        '("set_nr", ADMINISTRATOR,',
        '("set_nr", PROCESS,',
        "linux/test_operations.py",
    ),
    Mutant(
        "a name can be removed by a process alone", "linux/operations", '("unlink", ANYBODY,', '("unlink", PROCESS,'
    ),
    Mutant(
        "open makes files that nobody may run",
        "linux/operations",
        "[flags:OPEN=O_CREAT,O_RDWR] [mode=0755]",
        "[flags:OPEN=O_CREAT,O_RDWR] [mode=0644]",
    ),
    Mutant(
        "page= is where the page lies",
        "linux/machines",
        "return self.mem_map + pfn * self.struct_page",
        "return pfn * BASE_PAGE_SIZE",
        "trace/test_lesson.py",
    ),
    # -- record ----------------------------------------------------------------------------------------
    Mutant(
        "an event shows what was before it",
        "record/recording",
        "(unit + (at <= point))",
        "(unit + (at < point))",
        "record/test_recording.py",
    ),
    Mutant(
        "a Moment is that before its event",
        "record/recording",
        "points = point + 1",
        "points = point",
        "record/test_moment.py",
    ),
    Mutant(
        "a look at the next event shows the last one",
        "record/recording",
        "if near in self._moments and event >= 0 and not self.changes(event):",
        "if near in self._moments and event >= 0:",
        "record/test_moment.py",
    ),
    Mutant(
        "two kernels agree when their counters do",
        "record/recording",
        "if values and a.value != b.value:",
        "if False:",
        "record/test_compare.py",
    ),
    Mutant(
        "surplus pages are not compared",
        "record/recording",
        '("outcome", "value", "total", "free", "rsvd", "surp", "1G")',
        '("outcome", "value", "total", "free", "rsvd", "1G")',
        "record/test_check.py",
    ),
    Mutant(
        "a case ends with its last step",
        "record/check",
        "if key in scenario.extra and difference is None:",
        "if False:",
        "record/test_check.py",
    ),
    Mutant(
        "a program goes on after what nobody knows",
        "record/source",
        "        if note:\n            break",
        "        if note:\n            continue",
        "record/test_check.py",
    ),
    Mutant(
        "more may be reserved than is free",
        "record/invariants",
        "if h.resv_huge_pages > h.free_huge_pages + flying:",
        "if False:",
        "record/test_invariants.py",
    ),
    Mutant("two may hold a page", "record/invariants", "if start < end:", "if False:", "record/test_invariants.py"),
    Mutant(
        "reservations belong to nobody",
        "record/invariants",
        "if reserved != h.resv_huge_pages:",
        "if False:",
        "record/test_invariants.py",
    ),
    Mutant(
        "a fault lights what it has not reached",
        "record/flow",
        "entry | {*now[: point + 1]}",
        "entry | {*now}",
        "record/test_flow.py",
    ),
    Mutant(
        "a copy on write is a fault like any other",
        "record/flow",
        'else "cow" if "hugetlb_cow" in now else "fault"',
        'else "fault"',
        "record/test_flow.py",
    ),
    Mutant(
        "a box is lit by what comes after it",
        "record/flow",
        "for other in below[:inner])",
        "for other in below)",
        "record/test_flow.py",
    ),
    Mutant(
        "a file of huge pages could never be sent",
        "files",
        'if op.get("bytes") and k.rules.splice_read_needed:',
        'if op.get("bytes"):',
        "linux/test_rules.py",
    ),
    Mutant(
        "a cgroup may have any name",
        "admin",
        'if "\\n" in name and k.rules.cgroup_name_is_a_line:',
        "if False:",
        "linux/test_rules.py",
    ),
    Mutant(
        "the name of a mount is one of the names in it",
        "files",
        "if bool(name) != bool(new) or (name and other is not sb):",
        "if name and other is not sb:",
        "model/test_recorded.py",
    ),
    Mutant(
        "who may write to a directory may move it anywhere",
        "files",
        "if stat.S_ISDIR(node.i_mode) and directory(sb, name) is not directory(sb, new):",
        "if False:",
        "model/test_recorded.py",
    ),
    Mutant(
        "a CPU with protection keys is like any other",
        "fault",
        "execute_only = rights == VM_EXEC and k.machine.protection_keys and k.rules.execute_only_pkey",
        "execute_only = False",
        "linux/test_rules.py",
    ),
    Mutant(
        "an owner that takes its child's page got less than it asked for",
        "record/refusal",
        'if not any(point.name == "unmap_ref_private" for point in points):',
        "if points:",
        "record/test_refusal.py",
    ),
    Mutant(
        "a mapping that is refused is not the cause",
        "record/refusal",
        'if step.outcome not in ("ok", "unsupported"):',
        'if step.outcome not in ("ok", "unsupported", "ENOMEM"):',
        "record/test_refusal.py",
    ),
    Mutant(
        "the plot's surplus is what is available",
        "views/plots/pool",
        '"y": [now[NUMBERS.index(name)] for now in counters],',
        '"y": [now[min(NUMBERS.index(name), 4)] for now in counters],',
        "views/plots/test_pool.py",
    ),
    Mutant(
        "what Python moves may wait",
        "labs/widget/lab",
        "self._renew(at_once=not browser)",
        "self._renew()",
        "labs/widget/test_lab.py",
    ),
    Mutant(
        "a lab that is closed takes the other lab's slider along",
        "labs/widget/controls",
        "if _labs[control] <= 0:",
        "if _labs[control] <= 9:",
        "labs/widget/test_lab.py",
    ),
)
INNOCENT = Mutant("the package as it is", "vma", "def remove_vma(", "def remove_vma(")


def caught_by(mutant: Mutant) -> str | None:
    """Ask the mutant's judge. Raises AssertionError when its passage is not there once."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "hugelab"
        path = copy / mutant.path
        shutil.copytree(ROOT / "hugelab", copy, ignore=shutil.ignore_patterns(f"{path.stem}.*.pyc"))
        path.write_text(changed(mutant, path.read_text()))
        find = f"import sys; sys.path[:0] = [{folder!r}, {str(ROOT)!r}]; import hugelab, tests.judges as judges"
        done = subprocess.run(
            [sys.executable, "-c", f"{find}; sys.exit(judges.judged({mutant.judge!r}))"],
            cwd=folder,
            env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr
        return done.stdout.strip() or None


def changed(mutant: Mutant, source: str) -> str:
    """The source with the passage changed. Raises AssertionError when it is not there exactly once."""
    old, new = (text.strip("\n") for text in (mutant.old, mutant.new))
    assert source.count(old) == 1, f"{mutant.belief}: its passage is {source.count(old)} times in {mutant.path}"
    return source.replace(old, new)


def main(names: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or any(name in mutant.belief for name in names)]
    innocent = [INNOCENT._replace(judge=judge) for judge in dict.fromkeys(mutant.judge for mutant in chosen)]
    wrong = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, caught in zip(chosen, pool.map(caught_by, chosen), strict=True):
            wrong += caught is None
            print(f"{mutant.belief}: {caught or 'SURVIVES'}", flush=True)
        for mutant, caught in zip(innocent, pool.map(caught_by, innocent), strict=True):
            wrong += caught is not None
            print(f"{mutant.belief}, {mutant.judge or 'recorded kernels'}: {caught or 'acquitted'}", flush=True)
    print(f"mutants: {len(chosen)}, judges: {len(innocent)}, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
