"""hugetlb_cgroup: limits on pages and on promises, in pages of each size (mm/hugetlb_cgroup.c).

``usage`` is charged when a page is allocated and uncharged when it is freed; ``rsvd`` is charged when a page is
promised (or taken without a promise) and stays charged until the promise's region, or that page, is gone.
"""

from __future__ import annotations

from ..core.runs import Run
from ..linux.structs import hstate, hugetlb_cgroup, mm_struct
from .core import Core


def lineage(k: Core, key: str | None) -> list[hugetlb_cgroup]:
    """A group and its ancestors below the root, which has no limit."""
    found = []
    while key is not None:
        group = k.state.records[key]
        assert isinstance(group, hugetlb_cgroup)
        found.append(group)
        key = group.parent
    return found


def hugetlb_cgroup_charge_cgroup(k: Core, mm: mm_struct | None, h: hstate, n: int, rsvd: bool) -> bool:
    """Charge n pages to the group of a process and to its ancestors; False, and an event, where a limit forbids it."""
    groups = lineage(k, mm.cgroup if mm else None) if k.rules.cgroup_rsvd or not rsvd else []
    counters = [group.counters[h.size, rsvd] for group in groups]
    for counter in counters:
        before = counter.watermark
        counter.watermark = max(before, counter.usage + n)  # also of a charge that an ancestor then refuses
        if counter.max is not None and counter.usage + n > counter.max:
            counter.watermark = before
            counter.failcnt += 1
            for group in groups:
                group.events = {**group.events, h.size: group.events[h.size] + 1}
            groups[0].events_local = {**groups[0].events_local, h.size: groups[0].events_local[h.size] + 1}
            return False
    for counter in counters:
        counter.usage += n
    return True


def over_limit(rsvd: bool) -> tuple[str, str]:
    """The function that refuses when a limit is reached, and why."""
    which = "rsvd limit (promises)" if rsvd else "limit (pages in use)"
    return "hugetlb_cgroup_charge_cgroup", f"the cgroup's {which} is reached"


def hugetlb_cgroup_uncharge(k: Core, key: str | None, h: hstate, n: int, rsvd: bool) -> None:
    """Take n pages off a group and its ancestors."""
    for group in lineage(k, key) if k.rules.cgroup_rsvd or not rsvd else []:
        group.counters[h.size, rsvd].usage -= n


def chargeable(k: Core, mm: mm_struct, h: hstate, also_rsvd: bool) -> int:
    """How many pages can be charged to the group of a process and its ancestors in the same way, one after another.

    Up to the nearest limit, and no further than to the highest usage so far, which moves along from there on.
    """
    kinds = (False, True) if also_rsvd and k.rules.cgroup_rsvd else (False,)
    most = h.nr_huge_pages
    for counter in (group.counters[h.size, rsvd] for group in lineage(k, mm.cgroup) for rsvd in kinds):
        if counter.max is not None:
            most = min(most, counter.max - counter.usage)
        if counter.watermark > counter.usage:
            most = min(most, counter.watermark - counter.usage)
    return most


def hugetlb_cgroup_commit_charge(h: hstate, frames: Run, usage: str | None, rsvd: str | None) -> None:
    """Pages remember which groups were charged for them and (only without a promise) for their reservation.

    ``frames`` are side by side, upwards or downwards, as a free list gives them.
    """
    if usage or rsvd:
        first = min(frames.value, frames.at(frames.end - 1))
        h.cgroup.put(Run(first, frames.count, tag=(usage, rsvd)), backwards=frames.step < 0)


def hugetlb_cgroup_uncharge_folio(k: Core, h: hstate, frame: int) -> None:
    """A page is freed: both charges go."""
    for run in h.cgroup.cut(frame, frame + 1):
        usage, rsvd = run.tag
        hugetlb_cgroup_uncharge(k, usage, h, 1, False)
        hugetlb_cgroup_uncharge(k, rsvd, h, 1, True)
