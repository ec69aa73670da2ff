"""Changes by an administrator after which the model grants a refused request."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ..core.units import format_size
from .found import Cgroup, Found, Node
from .verdict import Request, Verdict, why

MOST_STEPS = 8  # changes; each removes one obstacle for good, and there are fewer obstacles


class Remedy(NamedTuple):
    """A command, or ("") a change of the program; and the counters and the request after it."""

    command: str
    found: Found
    request: Request


def remedy(found: Found, request: Request) -> list[Remedy]:
    """Changes, one after another, after which the request passes and no touch can fail; [] if that is so now.

    The pool is raised rather than the overcommit: pages that are there cannot fail to be found later. What is bound to
    a node is helped until it passes; that others use up the node first, no setting forbids.
    """
    done: list[Remedy] = []
    while not _enough(verdict := why(found, request), request):
        if len(done) == MOST_STEPS:
            raise AssertionError(f"no change helps: {found}, {request}, {verdict}")
        done.append(_next(found, request, verdict))
        _, found, request = done[-1]
    return done


def _enough(verdict: Verdict, request: Request) -> bool:
    bound = request.node is not None and not request.noreserve and verdict.risk == "dequeue_huge_page_vma"
    return verdict.fine or (verdict.mapped == "ok" and not verdict.signal and bound)


def _next(found: Found, request: Request, verdict: Verdict) -> Remedy:
    """The obstacle that the verdict names is removed."""
    if verdict.mapped == "ok" and not verdict.signal and request.noreserve:
        return Remedy("", found, replace(request, noreserve=False))
    limited = request.kind in ("shared", "private") and found.mount is not None
    if verdict.rule == "hugepage_subpool_get_pages" and found.mount is not None:
        pages = found.mount.used + request.pages
        options = f"pagesize={found.size >> 10}K,size={pages * found.size >> 10}K"
        after = replace(found, mount=replace(found.mount, size=pages))
        return Remedy(f"mount -t hugetlbfs -o {options} none /mnt/larger", after, request)
    if verdict.rule == "hugetlb_cgroup_charge_cgroup" and found.cgroup is not None:
        return _no_limit(found, found.cgroup, request, "reservations" in verdict.because)
    held = found.mount.held if limited and found.mount is not None else 0
    return _grow(found, request, request.pages - held)


def _no_limit(found: Found, now: Cgroup, request: Request, rsvd: bool) -> Remedy:
    """Remove a limit: as others of the group use it, too, no higher limit is a guarantee."""
    size = format_size(found.size).replace(" ", "")
    limits = Cgroup(now.left, None) if rsvd else Cgroup(None, now.rsvd_left)
    command = f"echo max > /sys/fs/cgroup/GROUP/hugetlb.{size}{'.rsvd' * rsvd}.max"
    return Remedy(command, replace(found, cgroup=limits), request)


def _grow(found: Found, request: Request, wanted: int) -> Remedy:
    """Make ``wanted`` pages available: on the node that the request is bound to, else on any node.

    The number written includes surplus pages, as the kernel turns those into persistent pages before it adds pages.
    """
    folder = f"hugepages/hugepages-{found.size >> 10}kB/nr_hugepages"
    more = max(wanted - found.available, 1)
    if request.node is None or not found.nodes:
        number = found.total + more
        command = f"sysctl -w vm.nr_hugepages={number}" if found.default else f"echo {number} > /sys/kernel/mm/{folder}"
        grown = [node._replace(surp=0) for node in found.nodes]
        if grown:
            grown[0] = _larger(grown[0], more)
        return Remedy(command, _sum(found, more, 0, grown), request)
    node = found.nodes[request.node]
    more = max(more, request.pages - node.free)
    grown = list(found.nodes)
    grown[request.node] = _larger(node, more)
    command = f"echo {node.total + more} > /sys/devices/system/node/node{request.node}/{folder}"
    return Remedy(command, _sum(found, more, found.surp - node.surp, grown), request)


def _larger(node: Node, more: int) -> Node:
    return Node(node.total + more, node.free + more)


def _sum(found: Found, more: int, surp: int, nodes: list[Node]) -> Found:
    return replace(found, total=found.total + more, free=found.free + more, surp=surp, nodes=tuple(nodes))
