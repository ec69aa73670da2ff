"""hugetlb_cgroup: limits on pages and on reservations, in pages of each size (mm/hugetlb_cgroup.c).

``usage`` is charged when a page is allocated and uncharged when it is freed; ``rsvd`` is charged when a page is
reserved (or allocated without a reservation), until the region of the reservation is removed or that page is freed.
"""

from __future__ import annotations

from ..core.runs import Run
from ..linux.structs import hstate, hugetlb_cgroup, mm_struct
from .core import Core


def lineage(k: Core, key: str | None) -> list[hugetlb_cgroup]:
    """The group with this key and its ancestors below the root, which has no limit; [] for the root."""
    found = []
    while key is not None:
        group = k.state.records[key]
        assert isinstance(group, hugetlb_cgroup)
        found.append(group)
        key = group.parent
    return found


def hugetlb_cgroup_charge_cgroup(k: Core, mm: mm_struct | None, h: hstate, n: int, rsvd: bool) -> bool:
    """Charge n pages to the group of a process and to its ancestors; False, with an event, if a limit forbids it."""
    groups = lineage(k, mm.cgroup if mm else None) if k.rules.cgroup_rsvd or not rsvd else []
    counters = [group.counters[h.size, rsvd] for group in groups]
    for counter in counters:
        if counter.max is not None and counter.usage + n > counter.max:
            counter.failcnt += 1
            for group in groups:
                group.events = {**group.events, h.size: group.events[h.size] + 1}
            groups[0].events_local = {**groups[0].events_local, h.size: groups[0].events_local[h.size] + 1}
            return False
        counter.watermark = max(counter.watermark, counter.usage + n)  # also if an ancestor then refuses
    for counter in counters:
        counter.usage += n
    return True


def over_limit(rsvd: bool) -> tuple[str, str]:
    """The function that refuses a charge over the limit, and the reason as text."""
    which = "rsvd limit (reservations)" if rsvd else "limit (pages in use)"
    return "hugetlb_cgroup_charge_cgroup", f"the cgroup's {which} is reached"


def hugetlb_cgroup_uncharge(k: Core, key: str | None, h: hstate, n: int, rsvd: bool) -> None:
    """Uncharge n pages from a group and its ancestors."""
    for group in lineage(k, key) if k.rules.cgroup_rsvd or not rsvd else []:
        group.counters[h.size, rsvd].usage -= n


def chargeable(k: Core, mm: mm_struct, h: hstate, also_rsvd: bool) -> int:
    """The number of pages that can be charged to the group of a process and its ancestors with equal effects: up to
    the nearest limit, and up to the highest usage so far, which moves with usage from there on."""
    kinds = (False, True) if also_rsvd and k.rules.cgroup_rsvd else (False,)
    most = h.nr_huge_pages
    for counter in (group.counters[h.size, rsvd] for group in lineage(k, mm.cgroup) for rsvd in kinds):
        if counter.max is not None:
            most = min(most, counter.max - counter.usage)
        if counter.watermark > counter.usage:
            most = min(most, counter.watermark - counter.usage)
    return most


def hugetlb_cgroup_commit_charge(h: hstate, frames: Run, usage: str | None, rsvd: str | None) -> None:
    """Store in pages the groups charged for them and (without a reservation) for their rsvd; ``frames`` lie side by
    side, upwards or downwards."""
    if usage or rsvd:
        h.cgroup.put(Run(frames.bounds[0], frames.count, tag=(usage, rsvd)), backwards=frames.step < 0)


def hugetlb_cgroup_uncharge_folio(k: Core, h: hstate, frame: int) -> None:
    """Uncharge both charges of a page that is freed."""
    for run in h.cgroup.cut(frame, frame + 1):
        usage, rsvd = run.tag
        hugetlb_cgroup_uncharge(k, usage, h, 1, False)
        hugetlb_cgroup_uncharge(k, rsvd, h, 1, True)
