"""A verdict in one paragraph: would mmap pass, could a touch fail, which rule decides, which change helps."""

from __future__ import annotations

from ..core.units import count, format_size
from ..linux.machines import X86_64
from ..linux.names import function_name
from .found import Found
from .remedy import Remedy
from .verdict import Request, Verdict

WHAT = {
    "shared": "a shared mapping of a hugetlbfs file",
    "private": "a private mapping of a hugetlbfs file",
    "anonymous": "a private anonymous mapping",
    "shm": "System V shared memory",
}

# Rule -> the reason why it refuses.
RULES = {
    "gather_surplus_pages": "reserved pages must be free, or come as surplus",
    "allowed_mems_nr": "a task that is bound to nodes reserves no more pages than are free there now",
    "hugepage_subpool_get_pages": "size= counts reservations and pages of all files of the mount",
    "hugetlb_cgroup_charge_cgroup": "a cgroup is charged for reservations at mmap and for pages at the touch",
    "dequeue_huge_page_vma": "a page without a reservation must be available, and on a node that is allowed",
    "hugetlb_no_page": "the page lies where no page can be",
}


def paragraph(found: Found, request: Request, verdict: Verdict, help: list[Remedy]) -> str:
    """The whole answer as text. ``help``: the result of :func:`remedy`."""
    what = f"{count(request.pages, 'page')} of {format_size(found.size)} as {WHAT[request.kind]}"
    if request.noreserve:
        what += " without reservation (SHM_NORESERVE)" if request.kind == "shm" else " with MAP_NORESERVE"
    if request.node is not None:
        what += f", {'mbind' if request.mbind else 'the task bound'} to node {request.node}"
    sentences = [f"{what}. {_pool(found)}", _outcome(request, verdict), _rule(verdict)]
    if advice := _advice(request, verdict, help):
        sentences.append(advice)
    return " ".join(sentence for sentence in sentences if sentence)


def _pool(found: Found) -> str:
    surplus = max(found.overcommit - found.surp, 0)
    text = (
        f"The pool has {found.total:,} pages: {found.free:,} free, {found.rsvd:,} of them reserved, so "
        f"{found.available:,} available, and {surplus:,} more allowed as surplus."
    )
    if found.available < 0:
        text += " More pages are reserved than are free: a process with a reservation will get SIGBUS."
    return text


def _outcome(request: Request, verdict: Verdict) -> str:
    call = "shmget" if request.kind == "shm" else "mmap"
    if verdict.mapped != "ok":
        return f"{call} is refused: {verdict.mapped}; nothing is taken or reserved."
    if verdict.signal:
        return f"{call} passes, and the touch of page {verdict.touched + 1:,} ends with {verdict.signal}."
    if verdict.risk:
        return f"{call} passes, and each page could be touched now; if others come first, a touch ends with SIGBUS."
    return f"{call} passes, and no touch can fail: every page is reserved, and no limit counts against it."


def _rule(verdict: Verdict) -> str:
    name = function_name(verdict.rule, X86_64.version)
    if verdict.fine:
        return f"Decided by {name}: it reserved all pages at once."
    return f"Decided by {name}: {RULES[verdict.rule]} ({verdict.because})."


def _advice(request: Request, verdict: Verdict, help: list[Remedy]) -> str:
    if not help and verdict.risk:
        return "No setting forbids that: touch the pages at once (MAP_POPULATE), before others do."
    parts = [f"`{one.command}`" if one.command else "map without NORESERVE" for one in help]
    if not parts:
        return ""
    return f"What would help: {', then '.join(parts)}."
