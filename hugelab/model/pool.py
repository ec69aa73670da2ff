"""hstate: the free lists, their counters, surplus, and the size of the pool (mm/hugetlb.c)."""

from __future__ import annotations

from ..core.runs import Run
from ..linux.structs import hstate, hstate_node, mm_struct
from .core import Core
from .mempolicy import LOCAL, allowed_mems, allowed_mems_nr, zonelist


# -- the free list -----------------------------------------------------------------------------------
def enqueue_huge_page(h: hstate, node: hstate_node, frames: Run) -> None:
    """Push pages on the free list of their node, one after another; the last is handed out first."""
    node.freelist.push(frames.value, frames.count, frames.step)
    h.count(node, free=frames.count)


def dequeue_huge_page_node(h: hstate, node: hstate_node, n: int) -> Run:
    """Pop up to n pages that lie in one run off a free list (dequeue_hugetlb_folio_node_exact)."""
    frames = node.freelist.pop(n)
    h.count(node, free=-frames.count)
    return frames


def turned(frames: Run) -> Run:
    """The same frames in reverse order."""
    return Run(0, frames.count, frames.at(frames.end - 1), -frames.step)


def node_of(k: Core, h: hstate, frame: int) -> hstate_node:
    """The node that a frame lies on (folio_nid)."""
    return h.nodes[0] if len(h.nodes) == 1 else h.nodes[k.machine.node_of(h.size, frame)]


# -- the buddy allocator -----------------------------------------------------------------------------
def alloc_fresh_huge_page(k: Core, h: hstate, node: hstate_node, n: int) -> Run | None:
    """Up to n frames in one run from a node's buddy allocator (alloc_fresh_hugetlb_folio); None if it has none."""
    if node.buddy:
        return node.buddy.pop(n)
    frames = k.machine.frame_run(h.size, node.nid, node.fresh, n)
    if frames:
        node.fresh += frames.count
    return frames


def update_and_free_page(h: hstate, node: hstate_node, frames: Run) -> None:
    """Give pages from the pool back to the buddy allocator."""
    node.buddy.push(frames.value, frames.count, frames.step)
    h.count(node, nr=-frames.count)


def remove_pool_huge_page(h: hstate, n: int, nodes: list[hstate_node], surplus: bool = False) -> None:
    """Give up to n free pages back to the buddy allocator, nodes in turn.

    ``surplus``: only from nodes that have surplus pages, and their surplus falls, too.
    """
    room = {node: min(node.free_huge_pages, node.surplus_huge_pages if surplus else n) for node in nodes}
    for node, share in in_turn(h, "next_nid_to_free", n, room):
        while share:
            frames = dequeue_huge_page_node(h, node, share)
            update_and_free_page(h, node, frames)
            if surplus:
                h.count(node, surplus=-frames.count)
            share -= frames.count


def in_turn(h: hstate, turn: str, n: int, room: dict[hstate_node, int]) -> list[tuple[hstate_node, int]]:
    """Spread n pages over nodes round robin, each up to its room (for_each_node_mask_to_alloc, _to_free).

    Returns (node, pages). ``turn`` is the hstate field that holds the next node. Whole rounds are taken at once.
    """
    if len(h.nodes) == 1:
        return [(node, min(n, most)) for node, most in room.items()]
    shares, count, first = dict.fromkeys(room, 0), len(h.nodes), getattr(h, turn)
    ring = sorted(node.nid for node in room)
    while n and (able := [node for node in room if shares[node] < room[node]]):
        able.sort(key=lambda node: (node.nid - first) % count)
        rounds = min(n // len(able), *(room[node] - shares[node] for node in able))
        for node in able if rounds else able[:n]:
            shares[node] += max(rounds, 1)
            n -= max(rounds, 1)
            first = next((nid for nid in ring if nid > node.nid), ring[0])  # next_node_allowed
    setattr(h, turn, first)
    return list(shares.items())


# -- reservations ------------------------------------------------------------------------------------
def hugetlb_acct_memory(k: Core, h: hstate, delta: int, mm: mm_struct | None = None) -> bool:
    """Reserve ``delta`` more pages, or (negative) drop reservations. False = ENOMEM, without any change.

    All or nothing: pages that are not free must come as surplus pages. A process ``mm`` that is bound to nodes cannot
    reserve more than the free pages there.
    """
    refused: dict[str, str] = {}
    if delta <= 0:
        return_unused_surplus_pages(h, -delta)
    elif not gather_surplus_pages(k, h, delta, mm):
        refused = refusal("gather_surplus_pages", shortage(k, h, delta))
    elif delta > (there := allowed_mems_nr(h, mm)):
        return_unused_surplus_pages(h, delta)
        refused = refusal("allowed_mems_nr", f"{delta:,} wanted, {there:,} free on the nodes that the task is bound to")
    k.state.point("hugetlb_acct_memory", delta=delta, **refused)
    return not refused


def refusal(rule: str, why: str, result: str = "ENOMEM") -> dict[str, str]:
    """The detail of an event that refuses a request: the result, the function that decided, and the reason."""
    return {"result": result, "rule": rule, "why": why}


def shortage(k: Core, h: hstate, wanted: int) -> str:
    """The reason for a refusal by the pool: pages wanted, available, and allowed as surplus."""
    available = max(h.free_huge_pages - h.resv_huge_pages, 0)
    return f"{wanted:,} wanted, {available:,} available, {surplus_room(k, h):,} more allowed as surplus"


def gather_surplus_pages(k: Core, h: hstate, delta: int, mm: mm_struct | None) -> bool:
    """Reserve ``delta`` pages; missing free pages are allocated as surplus pages. False if that fails.

    Each surplus page needs surplus < nr_overcommit_hugepages; a gigantic size never gets one. With the rule
    surplus_obeys_mempolicy they come only from the nodes that the task is bound to.
    """
    needed = h.resv_huge_pages + delta - h.free_huge_pages
    if needed > 0:
        if needed > surplus_room(k, h):
            return False
        found: list[tuple[hstate_node, Run]] = []
        for node in allowed_mems(h, mm) if k.rules.surplus_obeys_mempolicy else zonelist(h, LOCAL):
            while needed and (frames := alloc_fresh_huge_page(k, h, node, needed)):
                found.append((node, frames))
                needed -= frames.count
        for node, frames in ((node, turned(frames)) for node, frames in reversed(found)):
            if needed:
                node.buddy.push(frames.value, frames.count, frames.step)
            else:  # the page that was allocated first ends on top
                enqueue_huge_page(h, node, frames)
                h.count(node, nr=frames.count, surplus=frames.count)
        if needed:
            return False
    h.resv_huge_pages += delta
    return True


def surplus_room(k: Core, h: hstate) -> int:
    """The number of surplus pages that may still be allocated (hstate_is_gigantic: none)."""
    if k.machine.gigantic(h.size):
        return 0
    return max(h.nr_overcommit_huge_pages - h.surplus_huge_pages, 0)


def alloc_surplus_huge_page(k: Core, h: hstate, nodes: list[hstate_node]) -> Run | None:
    """One surplus page, straight to the caller (alloc_buddy_huge_page in 3.10); None if there is none."""
    if surplus_room(k, h):
        for node in nodes:
            if frames := alloc_fresh_huge_page(k, h, node, 1):
                h.count(node, nr=1, surplus=1)
                return frames
    return None


def return_unused_surplus_pages(h: hstate, unused: int) -> None:
    """Drop ``unused`` reservations, and give up to so many surplus pages back to the buddy allocator."""
    h.resv_huge_pages -= unused
    remove_pool_huge_page(h, min(unused, h.surplus_huge_pages), list(h.nodes), surplus=True)


# -- the size of the pool ----------------------------------------------------------------------------
def set_max_huge_pages(k: Core, h: hstate, count: int, nid: int | None = None) -> None:
    """Write ``count`` to nr_hugepages, of one node if ``nid`` is given. A shortage of memory is no error.

    Growing first turns surplus pages into persistent ones. Shrinking never takes a page that is used or reserved: such
    a page becomes surplus and leaves the pool when it is freed.
    """
    nodes = list(h.nodes) if nid is None else [h.nodes[nid]]
    if nid is not None and k.rules.node_file_counts_surplus:
        count += h.nr_huge_pages - nodes[0].nr_huge_pages
    elif nid is not None:
        count += h.persistent_huge_pages - (nodes[0].nr_huge_pages - nodes[0].surplus_huge_pages)
    adjust_pool_surplus(h, -max(count - h.persistent_huge_pages, 0), nodes)
    grow(k, h, max(count - h.persistent_huge_pages, 0), nodes)
    spare = h.free_huge_pages
    if k.rules.shrink_spares_surplus and spare > h.persistent_huge_pages:
        spare = max(spare - h.surplus_huge_pages, 0)
    used = h.persistent_huge_pages if k.rules.shrink_spares_surplus else h.nr_huge_pages
    lowest = max(count, h.resv_huge_pages + used - spare)
    if lowest < h.persistent_huge_pages:
        remove_pool_huge_page(h, h.persistent_huge_pages - lowest, nodes)
    adjust_pool_surplus(h, max(h.persistent_huge_pages - count, 0), nodes)


def adjust_pool_surplus(h: hstate, delta: int, nodes: list[hstate_node]) -> None:
    """Turn ``delta`` pages into surplus (negative: surplus pages into persistent ones), as far as the nodes allow."""
    if delta < 0:
        room = {node: node.surplus_huge_pages for node in nodes}
        for node, share in in_turn(h, "next_nid_to_alloc", -delta, room):
            h.count(node, surplus=-share)
    else:
        room = {node: node.nr_huge_pages - node.surplus_huge_pages for node in nodes}
        for node, share in in_turn(h, "next_nid_to_free", delta, room):
            h.count(node, surplus=share)


def grow(k: Core, h: hstate, wanted: int, nodes: list[hstate_node]) -> None:
    """Allocate pages for the pool, nodes in turn, as many as memory has (alloc_pool_huge_folio)."""
    room = {node: len(node.buddy) + k.machine.node_capacity(h.size) - node.fresh for node in nodes}
    found: list[tuple[hstate_node, Run]] = []
    for node, share in in_turn(h, "next_nid_to_alloc", wanted, room):
        while share and (frames := alloc_fresh_huge_page(k, h, node, share)):
            found.append((node, frames))
            share -= frames.count
    if k.rules.pool_in_order:
        found = [(node, turned(frames)) for node, frames in reversed(found)]
    for node, frames in found:
        enqueue_huge_page(h, node, frames)
        h.count(node, nr=frames.count)


def demote_pool_huge_page(h: hstate, into: hstate, n: int) -> int:
    """Break up to n free pages into pages of a smaller pool, node by node from next_nid_to_free; returns how many."""
    done, count = 0, len(h.nodes)
    for node in [h.nodes[(h.next_nid_to_free + i) % count] for i in range(count)]:
        if done == n:
            break
        h.next_nid_to_free = (node.nid + 1) % count
        while done < n and node.freelist:
            frames = dequeue_huge_page_node(h, node, 1)
            h.count(node, nr=-1)
            parts = h.size // into.size
            target = into.nodes[node.nid]
            enqueue_huge_page(into, target, turned(Run(0, parts, frames.value * parts, 1)))
            into.count(target, nr=parts)
            done += 1
    return done
