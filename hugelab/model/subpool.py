"""hugepage_subpool: the budget of one mount, size= and min_size= (mm/hugetlb.c)."""

from __future__ import annotations

from ..linux.structs import hstate, hugepage_subpool
from .core import Core
from .pool import hugetlb_acct_memory


def hugepage_new_subpool(k: Core, h: hstate, max_hpages: int, min_hpages: int) -> hugepage_subpool | None:
    """The budget of a new mount; None if the pool cannot reserve min_size=."""
    if min_hpages > 0 and not hugetlb_acct_memory(k, h, min_hpages):
        return None
    spool = k.state.enter(hugepage_subpool(k.state, k.number("subpool"), h, max_hpages, min_hpages))
    spool.rsv_hpages = max(min_hpages, 0)
    return spool


def hugepage_subpool_get_pages(spool: hugepage_subpool | None, delta: int) -> int | None:
    """Take ``delta`` pages out of the budget; returns how many the pool must reserve, None if size= forbids it.

    Pages that min_size= has reserved cost the pool nothing.
    """
    if spool is None:
        return delta
    if spool.max_hpages != -1:
        if spool.used_hpages + delta > spool.max_hpages:
            return None
        spool.used_hpages += delta
    if spool.min_hpages != -1 and spool.rsv_hpages:
        covered = min(delta, spool.rsv_hpages)
        spool.rsv_hpages -= covered
        return delta - covered
    return delta


def over_size(spool: hugepage_subpool | None, delta: int) -> tuple[str, str]:
    """The function that refuses pages over size=, and the reason as text."""
    assert spool is not None
    left = spool.max_hpages - spool.used_hpages
    return "hugepage_subpool_get_pages", f"{delta:,} wanted, {left:,} left of the mount's size= of {spool.max_hpages:,}"


def hugepage_subpool_forget(spool: hugepage_subpool | None, delta: int) -> None:
    """Take back a grant of ``delta`` pages that the pool then refused (out_put_pages)."""
    if spool is not None and spool.max_hpages != -1:
        spool.used_hpages -= delta


def hugepage_subpool_put_pages(k: Core, spool: hugepage_subpool | None, delta: int) -> int:
    """Give ``delta`` pages back; returns how many reservations the pool may drop. The others refill min_size=."""
    if spool is None:
        return delta
    if spool.max_hpages != -1:
        spool.used_hpages -= delta
    released = delta
    if spool.min_hpages != -1 and spool.used_hpages < spool.min_hpages:
        room = spool.min_hpages - spool.rsv_hpages
        released = max(delta - room, 0)
        spool.rsv_hpages = min(spool.rsv_hpages + delta, spool.min_hpages)
    unlock_or_release_subpool(k, spool)
    return released


def hugepage_put_subpool(k: Core, spool: hugepage_subpool | None) -> None:
    """End the budget of a removed super block, at once or with the last page that counts in it."""
    if spool is not None:
        spool.count -= 1
        unlock_or_release_subpool(k, spool)


def unlock_or_release_subpool(k: Core, spool: hugepage_subpool) -> None:
    """Remove a budget without a user, and drop the pages that min_size= kept reserved."""
    if spool.count:
        return
    free = spool.used_hpages == 0 if spool.max_hpages != -1 else spool.rsv_hpages == spool.min_hpages
    if free:
        k.state.leave(spool)
        if spool.min_hpages > 0:
            hugetlb_acct_memory(k, spool.h, -spool.min_hpages)
