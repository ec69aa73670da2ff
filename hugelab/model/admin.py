"""The administrator's operations: pool sizes of the machine and of its nodes, demotion, control groups.

They write files of /proc/sys/vm, /sys/kernel/mm/hugepages, /sys/devices/system/node and of cgroup v1 and v2.
"""

from __future__ import annotations

import re

from ..core.text import nameable
from ..core.units import format_size
from ..linux.errors import ScenarioError
from ..linux.scenario import Op
from ..linux.structs import hstate, hugetlb_cgroup, mm_struct, sysctl
from . import pool
from .cgroup import lineage
from .core import Core
from .errors import SystemCallError
from .mount import memparse
from .registry import operation

PAGE_COUNTER_MAX = (1 << 63) - 4096  # bytes; cgroup v1 shows it for "no limit"


# -- pools -------------------------------------------------------------------------------------------
def _pool(k: Core, op: Op) -> hstate:
    """The pool of ``hsize``. Raises SystemCallError ENOENT."""
    try:
        return k.size_to_hstate(k.unit(op))
    except KeyError:
        raise SystemCallError("ENOENT") from None


def _node(k: Core, op: Op) -> int:
    """``node`` as a number. Raises SystemCallError ENOENT."""
    nid: int = op.args["node"]
    if not 0 <= nid < k.machine.nodes:
        raise SystemCallError("ENOENT")
    return nid


def _resizable(k: Core, h: hstate) -> None:
    """Raises SystemCallError EINVAL for a page size that this release allocates at boot only."""
    if k.machine.gigantic(h.size) and not k.rules.gigantic_at_run_time:
        raise SystemCallError("EINVAL")


def _count(op: Op) -> int:
    """``n`` as it is written to a file. Raises SystemCallError EINVAL for a negative number."""
    n: int = op.args["n"]
    if not 0 <= n < 1 << 64:
        raise SystemCallError("EINVAL")
    return n


@operation("set_nr")
def nr_hugepages_store(k: Core, mm: mm_struct | None, op: Op) -> None:
    """Write ``n`` to nr_hugepages of ``hsize``."""
    h, n = _pool(k, op), _count(op)
    _resizable(k, h)
    k.state.rows[-1].size = h.size
    pool.set_max_huge_pages(k, h, n)
    k.state.point("set_max_huge_pages")


@operation("set_nr_node")
def nr_hugepages_store_node(k: Core, mm: mm_struct | None, op: Op) -> None:
    """Write ``n`` to nr_hugepages of one ``node``."""
    h, nid, n = _pool(k, op), _node(k, op), _count(op)
    _resizable(k, h)
    k.state.rows[-1].size = h.size
    pool.set_max_huge_pages(k, h, n, nid)
    k.state.point("set_max_huge_pages")


@operation("set_overcommit")
def nr_overcommit_hugepages_store(k: Core, mm: mm_struct | None, op: Op) -> None:
    """Write ``n`` to nr_overcommit_hugepages: no page moves. Raises SystemCallError EINVAL for a gigantic size."""
    h, n = _pool(k, op), _count(op)
    if k.machine.gigantic(h.size):
        raise SystemCallError("EINVAL")
    h.nr_overcommit_huge_pages = n


@operation("node_counters")
def node_counters(k: Core, mm: mm_struct | None, op: Op) -> dict[str, int]:
    """The files of one ``node``, in pages. There is no resv_hugepages of a node."""
    node = _pool(k, op).nodes[_node(k, op)]
    counts = {"nr": node.nr_huge_pages, "free": node.free_huge_pages, "surplus": node.surplus_huge_pages}
    return {f"{name}_hugepages": value for name, value in counts.items()}


@operation("demote")
def demote_store(k: Core, mm: mm_struct | None, op: Op) -> None:
    """Write ``n`` to demote of the largest size (or of ``hsize``): pages become pages of the default size.

    Pages in use or reserved stay; fewer than asked is no error. Raises SystemCallError ENOENT, EINVAL; EBUSY only with
    the kernel bug demote_takes_reserved_pages.
    """
    h, n = k.state.pools[-1] if "hsize" not in op.args else _pool(k, op), _count(op)
    into = k.state.pools[0]
    if h is into or not k.rules.demote:
        raise SystemCallError("ENOENT")
    blind = k.rules.bug("demote_takes_reserved_pages")
    while n and (available := h.free_huge_pages - h.resv_huge_pages):
        if not blind and available < 0:
            break
        done = pool.demote_pool_huge_page(h, into, n if blind else min(n, available))
        if not done:
            raise SystemCallError("EBUSY")
        n -= done
    k.state.point("demote_store")


@operation("set_shm_group")
def hugetlb_shm_group_store(k: Core, mm: mm_struct | None, op: Op) -> None:
    """Write ``gid`` to vm.hugetlb_shm_group: its members may make System V segments of huge pages."""
    for held in k.state.of(sysctl):
        held.hugetlb_shm_group = op.args["gid"]


@operation("meminfo")
def meminfo(k: Core, mm: mm_struct | None, op: Op) -> dict[str, int]:
    """The lines of /proc/meminfo about huge pages (hugetlb_report_meminfo): HugePages_ in pages of the default size,
    Hugepagesize, which is that size, and Hugetlb, the sum of all pools, in kB."""
    h = k.state.pools[0]
    shown = {
        "HugePages_Total": h.nr_huge_pages,
        "HugePages_Free": h.free_huge_pages,
        "HugePages_Rsvd": h.resv_huge_pages % (1 << 64),
        "HugePages_Surp": h.surplus_huge_pages,
        "Hugepagesize": h.size >> 10,
    }
    total = sum(one.nr_huge_pages * one.size for one in k.state.pools)
    return shown | ({"Hugetlb": total >> 10} if k.rules.meminfo_hugetlb else {})


@operation("sync")
def nothing(k: Core, mm: mm_struct | None, op: Op) -> None:
    """Wait: nothing to do, as the model has no background work."""


# -- control groups ----------------------------------------------------------------------------------
def _group(k: Core, op: Op) -> hugetlb_cgroup:
    """The group ``cg`` of a version. Raises ScenarioError when there is none."""
    for group in k.state.of(hugetlb_cgroup):
        if (group.version, group.name) == (op.args["version"], op.args["cg"]) and group.online:
            return group
    raise ScenarioError(f"there is no cgroup {op.args['cg']!r} of version {op.args['version']}")


@operation("cg_mount")
def cg_mount(k: Core, mm: mm_struct | None, op: Op) -> None:
    """Mount the hugetlb controller (v1), or cgroup2 with +hugetlb in cgroup.subtree_control.

    Raises SystemCallError EINVAL where cgroup2 has no hugetlb controller yet.
    """
    if op.args["version"] not in (1, 2):
        raise ScenarioError(f"cg_mount: version is 1 or 2, not {op.args['version']!r}")
    if op.args["version"] == 2 and not k.rules.cgroup2_hugetlb:
        raise SystemCallError("EINVAL")


@operation("cg_mkdir")
def cg_mkdir(k: Core, mm: mm_struct | None, op: Op) -> None:
    """A new group, without limits. ``cg`` may be a path below another group."""
    version, name = op.args["version"], op.args["cg"]
    if not isinstance(name, str) or not nameable(name):
        raise ScenarioError(f"cg_mkdir: {name!r} is no name of a cgroup")
    groups = {group.name: group for group in k.state.of(hugetlb_cgroup) if group.version == version and group.online}
    if name in groups:
        raise SystemCallError("EEXIST")
    above = name.rpartition("/")[0]
    if above and above not in groups:
        raise SystemCallError("ENOENT")
    if "\n" in name and k.rules.cgroup_name_is_a_line:
        raise SystemCallError("EINVAL")
    key = f"cgroup{version}/{k.number('cgroup')}"
    parent = groups[above].key if above else None
    group = k.state.enter(hugetlb_cgroup(k.state, key, version, name, parent, k.machine.sizes))
    for counter in group.counters.values():
        k.state.enter(counter)


@operation("cg_rmdir")
def cg_rmdir(k: Core, mm: mm_struct | None, op: Op) -> None:
    """Remove a group. Raises SystemCallError EBUSY while it has processes or groups.

    Charges for pages move to the parent; charges for reservations stay with the group until they end.
    """
    group = _group(k, op)
    members = any(task.alive and task.cgroup == group.key for task in k.state.of(mm_struct))
    if members or any(other.parent == group.key and other.online for other in k.state.of(hugetlb_cgroup)):
        raise SystemCallError("EBUSY")
    group.online = False


@operation("cg_attach")
def cg_attach(k: Core, mm: mm_struct, op: Op) -> None:
    """Move a process into a group; earlier charges stay with the old group."""
    mm.cgroup = _group(k, op).key


_FILE = re.compile(r"hugetlb\.(\w+)\.(rsvd\.)?([\w.]+)")


def _file(k: Core, group: hugetlb_cgroup, name: str) -> tuple[hstate, bool, str]:
    """hugetlb.2MB.rsvd.max -> pool, is it rsvd, "max". Raises SystemCallError ENOENT."""
    if not isinstance(name, str) or not nameable(name):
        raise ScenarioError(f"{name!r} is no file of a cgroup")
    match = _FILE.fullmatch(name)
    sizes = {format_size(size).replace(" ", ""): size for size in k.machine.sizes}
    if not match or match[1] not in sizes:
        raise SystemCallError("ENOENT")
    h, rsvd, leaf = k.size_to_hstate(sizes[match[1]]), bool(match[2]), match[3]
    numa = ("numa_stat",) if k.rules.numa_stat and not rsvd else ()
    known = {
        1: ("limit_in_bytes", "usage_in_bytes", "max_usage_in_bytes", "failcnt", *numa),
        2: ("max", "current", *(() if rsvd else ("events", "events.local", *numa))),
    }[group.version]
    if leaf not in known or (rsvd and not k.rules.cgroup_rsvd):
        raise SystemCallError("ENOENT")
    return h, rsvd, leaf


@operation("cg_set")
def cg_set(k: Core, mm: mm_struct | None, op: Op) -> None:
    """Write a limit in bytes, rounded down to huge pages; -1 (v1) and max (v2) are none; failcnt is set to 0."""
    group = _group(k, op)
    h, rsvd, leaf = _file(k, group, op.args["file"])
    written = str(op.args["value"]).partition("\0")[0]  # kernfs passes a C string
    counter, text = group.counters[h.size, rsvd], written.strip()
    if leaf == "failcnt":
        counter.failcnt = 0
        return
    if leaf == "max_usage_in_bytes":
        counter.watermark = counter.usage
        return
    if leaf not in ("limit_in_bytes", "max"):
        raise SystemCallError("EINVAL")
    if text == {1: "-1", 2: "max"}[group.version]:
        counter.max = PAGE_COUNTER_MAX // h.size
        return
    try:
        value, rest = memparse(text)
    except ValueError:
        raise SystemCallError("EINVAL") from None
    if rest:
        raise SystemCallError("EINVAL")
    pages = value // h.size
    if pages < counter.usage:
        raise SystemCallError("EBUSY")
    counter.max = min(pages, PAGE_COUNTER_MAX // h.size)


@operation("cg_get")
def cg_get(k: Core, mm: mm_struct | None, op: Op) -> dict[str, str]:
    """Read ``files`` of a group: file -> text."""
    group = _group(k, op)
    if not isinstance(op.args["files"], list):
        raise ScenarioError("cg_get: files is a list of names")
    return {name: _read(k, group, name) for name in op.args["files"]}


def _read(k: Core, group: hugetlb_cgroup, name: str) -> str:
    h, rsvd, leaf = _file(k, group, name)
    counter = group.counters[h.size, rsvd]
    if leaf in ("usage_in_bytes", "current"):
        return str(counter.usage * h.size)
    if leaf == "max_usage_in_bytes":
        return str(counter.watermark * h.size)
    if leaf == "failcnt":
        return str(counter.failcnt)
    if leaf.startswith("events"):
        return f"max {(group.events_local if leaf == 'events.local' else group.events)[h.size]}"
    if leaf == "numa_stat":
        return numa_stat(k, group, h)
    if counter.max is None:  # never set, so not rounded to huge pages, so not "max"
        return str(PAGE_COUNTER_MAX)
    if group.version == 2 and counter.max == PAGE_COUNTER_MAX // h.size:
        return "max"
    return str(counter.max * h.size)


def numa_stat(k: Core, group: hugetlb_cgroup, h: hstate) -> str:
    """The text of numa_stat: usage by node in bytes, of the group with those below it and (v1) of the group alone."""

    def line(name: str, keys: set[str]) -> str:
        pages = [0] * len(h.nodes)
        for run in h.cgroup:
            if run.tag[0] in keys:
                for frame in range(run.start, run.end):
                    pages[pool.node_of(k, h, frame).nid] += 1
        nodes = " ".join(f"N{nid}={n * h.size}" for nid, n in enumerate(pages))
        return f"{name}={sum(pages) * h.size} {nodes}"

    below = {g.key for g in k.state.of(hugetlb_cgroup) if group in lineage(k, g.key)}
    if group.version == 2:
        return line("total", below)
    return f"{line('total', {group.key})}\n{line('hierarchical_total', below)}"


# -- a process ---------------------------------------------------------------------------------------
@operation("setuid")
def sys_setuid(k: Core, mm: mm_struct, op: Op) -> None:
    """setuid(2): root may become any user. Raises SystemCallError EPERM for others."""
    if mm.uid not in (0, op.args["uid"]):
        raise SystemCallError("EPERM")
    mm.uid = op.args["uid"]


@operation("setrlimit_memlock")
def setrlimit_memlock(k: Core, mm: mm_struct, op: Op) -> None:
    """setrlimit(RLIMIT_MEMLOCK), in bytes. Raises SystemCallError EPERM to raise it without root."""
    limit: int = op.args["bytes"]
    if mm.uid and mm.rlimit_memlock is not None and not 0 <= limit <= mm.rlimit_memlock:
        raise SystemCallError("EPERM")
    mm.rlimit_memlock = None if limit < 0 else limit


@operation("hugetlb_usage")
def hugetlb_usage(k: Core, mm: mm_struct, op: Op) -> dict[str, int]:
    """HugetlbPages of /proc/PID/status: huge pages in the page tables, in kB; {} for releases without that line."""
    if not k.rules.hugetlb_usage:
        return {}
    return {"kB": sum(len(table) * size for size, table in mm.tables.items()) // 1024}
