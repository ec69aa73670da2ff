"""hugepage_subpool: the budget of one mount, size= and min_size= (mm/hugetlb.c)."""

from __future__ import annotations

from ..structs import hugepage_subpool


def hugepage_subpool_get_pages(spool: hugepage_subpool | None, delta: int) -> int | None:
    """Take ``delta`` pages out of the budget; returns how many of them the pool must still promise.

    None if the mount's size= forbids it. Pages that min_size= has reserved cost the pool nothing.
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


def hugepage_subpool_forget(spool: hugepage_subpool | None, delta: int) -> None:
    """Pages that the mount granted and the pool then refused were never used (out_put_pages)."""
    if spool is not None and spool.max_hpages != -1:
        spool.used_hpages -= delta


def hugepage_subpool_put_pages(spool: hugepage_subpool | None, delta: int) -> int:
    """Give ``delta`` pages back; returns how many reservations the pool may drop.

    The others refill what min_size= keeps reserved.
    """
    if spool is None:
        return delta
    if spool.max_hpages != -1:
        spool.used_hpages -= delta
    released = delta
    if spool.min_hpages != -1 and spool.used_hpages < spool.min_hpages:
        room = spool.min_hpages - spool.rsv_hpages
        released = max(delta - room, 0)
        spool.rsv_hpages = min(spool.rsv_hpages + delta, spool.min_hpages)
    return released
