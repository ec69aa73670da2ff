"""What a verdict must be, for any pool: properties, states made by ordinary operations, two nodes, all page sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hugelab import Op, Scenario, ScenarioError
from hugelab.linux.scenario import ANONYMOUS
from hugelab.linux.structs import hugepage_subpool, hugetlb_cgroup, super_block
from hugelab.model.kernel import Kernel, boot
from hugelab.why import KINDS, Cgroup, Found, Mount, Node, Request, Verdict, paragraph, remedy, why
from hugelab.why.verdict import NORESERVE_MOST, as_found

from .strategies import GIGANTIC, SIZES, asked, limited, pools

PAGE = 2 << 20
RULES = {
    *("gather_surplus_pages", "allowed_mems_nr", "hugepage_subpool_get_pages", "hugetlb_cgroup_charge_cgroup"),
    *("dequeue_huge_page_vma", "hugetlb_reserve_pages"),
}


# -- properties --------------------------------------------------------------------------------------
@given(asked())
def test_a_verdict_is_of_one_piece(question: tuple[Found, Request]) -> None:
    """Refused, or a signal, or a risk, or fine; a rule that is known, with numbers where it refuses."""
    found, request = question
    verdict = why(found, request)
    assert verdict.mapped in ("ok", "ENOMEM")
    assert verdict.signal in ("", "SIGBUS")
    assert verdict.rule in RULES
    if verdict.mapped != "ok":
        assert (verdict.touched, verdict.signal, verdict.risk) == (0, "", "")
    elif verdict.signal:
        assert verdict.touched < request.pages
        assert verdict.risk == verdict.rule
    else:
        assert verdict.touched == request.pages
        assert verdict.risk in ("", verdict.rule)
    assert verdict.fine == (verdict.rule == "hugetlb_reserve_pages")
    assert bool(verdict.because) != verdict.fine
    assert why(found, request) == verdict, "asked again"


@given(asked())
def test_the_paragraph_says_it(question: tuple[Found, Request]) -> None:
    """One line, with outcome and rule; it never says that no touch can fail where one can."""
    found, request = question
    verdict, help = why(found, request), remedy(found, request)
    text = paragraph(found, request, verdict, help)
    assert "\n" not in text and "  " not in text
    assert text.endswith(".")
    call = "shmget" if request.kind == "shm" else "mmap"
    assert f"{call} {'passes' if verdict.mapped == 'ok' else 'is refused: ENOMEM'}" in text
    assert ("no touch can fail" in text) == verdict.fine
    assert (f"the touch of page {verdict.touched + 1} ends with SIGBUS" in text) == bool(verdict.signal)
    assert ("if others come first" in text) == bool(verdict.risk and not verdict.signal)
    assert ("What would help" in text) == bool(help)
    assert all(one.command in text for one in help)


@given(pools(), st.data())
def test_a_reservation_is_kept(found: Found, data: st.DataObject) -> None:
    """Without a limit and a policy: all that mmap reserved can be touched, whatever other processes do."""
    request = Request(data.draw(st.integers(1, 14)), data.draw(st.sampled_from(KINDS)))
    verdict = why(found, request)
    surplus = 0 if found.size >= GIGANTIC else max(found.overcommit - found.surp, 0)
    assert (verdict.mapped == "ok") == (request.pages <= found.available + surplus)
    assert verdict.fine == (verdict.mapped == "ok")
    lazy = why(found, replace(request, noreserve=True))
    assert lazy.mapped == "ok"
    assert lazy.touched == min(request.pages, found.available + surplus)
    assert not lazy.fine


@given(limited(), st.data(), st.integers(1, 9))
def test_more_free_pages_do_no_harm(found: Found, data: st.DataObject, more: int) -> None:
    """What is fine stays so, what passes passes, and no touch gets fewer pages."""
    assume(found.cgroup is None or found.cgroup.left is None)  # of more pages others in the group could take more
    request = Request(data.draw(st.integers(1, 14)), data.draw(st.sampled_from(KINDS)), data.draw(st.booleans()))
    before = why(found, request)
    nodes = [node._replace(total=node.total + more, free=node.free + more) for node in found.nodes[:1]]
    larger = replace(found, total=found.total + more, free=found.free + more, nodes=(*nodes, *found.nodes[1:]))
    after = why(larger, request)
    assert after.fine or not before.fine
    assert after.mapped == "ok" or before.mapped != "ok"
    assert after.touched >= before.touched


@given(asked())
def test_less_is_never_worse(question: tuple[Found, Request]) -> None:
    """One page less: what passed passes, what was fine is fine."""
    found, request = question
    assume(request.pages > 1)
    whole, less = why(found, request), why(found, replace(request, pages=request.pages - 1))
    assert less.mapped == "ok" or whole.mapped != "ok"
    assert less.fine or not whole.fine
    assert less.touched >= min(whole.touched, request.pages - 1)


@given(pools(), st.data())
def test_a_cgroup_is_fine_only_if_nobody_can_use_it_up(found: Found, data: st.DataObject) -> None:
    """All pages of the pool, those that may yet come, and ours, are within the limit: else others could be first."""
    request = Request(data.draw(st.integers(1, 8)), data.draw(st.sampled_from(KINDS)))
    assume(why(found, request).fine)
    most = found.total + (0 if found.size >= GIGANTIC else max(found.overcommit - found.surp, 0))
    assert why(replace(found, cgroup=Cgroup(most)), request).fine
    if most > request.pages:
        verdict = why(replace(found, cgroup=Cgroup(most - 1)), request)
        assert (verdict.mapped, verdict.risk) == ("ok", "hugetlb_cgroup_charge_cgroup")


# -- the state that was found ------------------------------------------------------------------------
def counters(kernel: Kernel, size: int, several: bool) -> Found:
    """The pool of a kernel as a Found."""
    h = kernel.size_to_hstate(size)
    nodes = tuple(Node(one.nr_huge_pages, one.free_huge_pages, one.surplus_huge_pages) for one in h.nodes)
    now = h.counters
    overcommit = h.nr_overcommit_huge_pages
    return Found(now.total, now.free, now.rsvd, now.surp, overcommit, size, nodes if several else ())


@given(limited())
def test_the_model_is_put_into_the_state_that_was_found(found: Found) -> None:
    """The counters of pool and nodes, the mount's budget, the group's limits."""
    kernel, default = as_found(found)
    shown = counters(kernel, found.size, bool(found.nodes))
    assert shown == replace(found, mount=None, cgroup=None, default=True)
    assert (default == found.size) or (found.size >= GIGANTIC and not found.default)
    (mount,) = [one for one in kernel.state.of(super_block) if one.name == "m"]
    if found.mount and mount.subpool:
        limit = -1 if found.mount.size is None else found.mount.size
        budget = (mount.subpool.max_hpages, mount.subpool.used_hpages, mount.subpool.rsv_hpages)
        assert budget == (limit, found.mount.used, found.mount.held)
    else:
        assert found.mount in (None, Mount())
    groups = kernel.state.of(hugetlb_cgroup)
    assert [tuple(group.counters[found.size, rsvd].max for rsvd in (False, True)) for group in groups] == (
        [(found.cgroup.left, found.cgroup.rsvd_left)] if found.cgroup else []
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("several", [False, True])
def test_millions_of_pages(size: int, several: bool) -> None:
    """State, verdict and help, on one node and on two."""
    half = Node(5_000_000, 2_000_000, 100)
    nodes = (half, half) if several else ()
    found = Found(10_000_000, 4_000_000, 1_000_000, 200, 300, size, nodes)
    assert counters(as_found(found)[0], size, several) == found
    most = (50 << 40) // size  # a process has room for 128 TB
    for kind in KINDS:
        assert why(found, Request(min(2_900_000, most), kind)).fine
        assert why(found, Request(min(NORESERVE_MOST, most), kind, noreserve=True)).risk == "dequeue_huge_page_vma"
        larger = Request(min(4_100_000, most), kind)
        assert larger.pages <= (remedy(found, larger)[-1].found if larger.pages > 3_000_000 else found).available


@pytest.mark.parametrize(
    "found",
    [
        Found(0, 0, overcommit=1 << 22),
        Found(1 << 22, 1 << 22, mount=Mount(1 << 22)),
        Found(9, 9, cgroup=Cgroup(1 << 22)),
    ],
    ids=["surplus", "mount", "cgroup"],
)
def test_the_longest_request(found: Found) -> None:
    """Also where each touch may find something changed: surplus pages, a budget, a limit."""
    assert not why(found, Request(NORESERVE_MOST, noreserve=True)).fine


# -- the same state by ordinary operations -----------------------------------------------------------
holds = st.tuples(st.sampled_from(KINDS[:3]), st.integers(1, 5), st.integers(0, 5), st.booleans(), st.booleans())


@given(
    st.sampled_from(["x86-64", "numa"]),
    st.integers(0, 10),
    st.integers(0, 3),
    st.sampled_from([None, "size=4M", "size=12M", "min_size=4M"]),
    st.sampled_from([None, (None, None), (3, None), (None, 4), (5, 6)]),
    st.lists(holds, max_size=3),
    st.none() | st.integers(0, 10),
    st.data(),
)
def test_a_state_that_operations_made(
    machine: str,
    nr: int,
    overcommit: int,
    options: str | None,
    limits: tuple[int | None, int | None] | None,
    held: list[tuple[str, int, int, bool, bool]],
    then: int | None,
    data: st.DataObject,
) -> None:
    """Others map and touch, the pool is resized; then a fresh process asks: as ``why`` says of the counters alone."""
    kernel = boot(Scenario("made", nr, overcommit, {"m": ""}), machine)
    mount = None
    if options and kernel.run(Op("mount", {"mount": "n", "options": options}))[0] == "ok":
        mount = "n"
    kernel.run(Op("fork", {"child": "ME"}))
    kernel.run(Op("fork", {"child": "G"}))
    if limits is not None:
        make_group(kernel, limits)
    for number, (kind, pages, touched, lazy, inside) in enumerate(held):
        proc, name = "G" if inside else "P", f"h{number}"
        flags = ["MAP_NORESERVE"] if lazy else []
        where = {}
        if kind == "anonymous":
            flags += ["MAP_PRIVATE", *ANONYMOUS]
        else:
            budget = mount if mount and options and options.startswith("size") else "m"
            kernel.run(Op("open", {"fd": name, "path": f"{budget}/{name}"}, proc))
            flags, where = [*flags, f"MAP_{kind.upper()}"], {"fd": name}
        kernel.run(Op("mmap", {"map": name, "pages": pages, "flags": flags, **where}, proc))
        kernel.run(Op("touch", {"map": name, "count": min(touched, pages)}, proc))
    if then is not None:
        kernel.run(Op("set_nr", {"n": then}))
    found = found_in(kernel, machine == "numa", mount, limits is not None)
    assume(found.available >= 0)
    node = data.draw(st.none() | st.integers(0, max(len(found.nodes), 1) - 1))
    mbind = node is not None and data.draw(st.booleans())
    request = Request(
        data.draw(st.integers(1, 8)), data.draw(st.sampled_from(KINDS)), data.draw(st.booleans()), node, mbind
    )
    verdict = why(found, request)
    assert ask(kernel, request, mount or "m") == (verdict.mapped, verdict.touched, verdict.signal)


def make_group(kernel: Kernel, limits: tuple[int | None, int | None]) -> None:
    kernel.run(Op("cg_mount", {"version": 2}))
    kernel.run(Op("cg_mkdir", {"version": 2, "cg": "g"}))
    for file, pages in zip(("max", "rsvd.max"), limits, strict=True):
        if pages is not None:
            args = {"version": 2, "cg": "g", "file": f"hugetlb.2MB.{file}", "value": pages * PAGE}
            assert kernel.run(Op("cg_set", args))[0] == "ok"
    for proc in ("ME", "G"):
        kernel.run(Op("cg_attach", {"version": 2, "cg": "g"}, proc))


def found_in(kernel: Kernel, several: bool, mount: str | None, group: bool) -> Found:
    """What the machine's files would show."""
    found = counters(kernel, PAGE, several)
    if mount:
        (spool,) = kernel.state.of(hugepage_subpool)
        size = None if spool.max_hpages == -1 else spool.max_hpages
        found = replace(found, mount=Mount(size, spool.used_hpages, spool.rsv_hpages))
    if group:
        (limits,) = kernel.state.of(hugetlb_cgroup)
        two = [limits.counters[PAGE, rsvd] for rsvd in (False, True)]
        found = replace(found, cgroup=Cgroup(*(None if one.max is None else one.max - one.usage for one in two)))
    return found


def ask(kernel: Kernel, request: Request, mount: str) -> tuple[str, int, str]:
    """The request in process ME."""
    for op in request.steps(PAGE, PAGE):
        args = {**op.args, "path": f"{mount}/mine"} if "path" in op.args else op.args
        outcome, value = kernel.run(Op(op.op, args, "ME"))
        if op.op == "touch":
            return "ok", value["done"], "" if outcome == "ok" else outcome
        if outcome != "ok":
            return outcome, 0, ""
    raise AssertionError("a request ends with a touch")


# -- nodes -------------------------------------------------------------------------------------------
TWO = Found(8, 8, nodes=(Node(6, 6), Node(2, 2)))


def test_a_task_that_is_bound_can_reserve_what_is_free_there() -> None:
    """The pool has 8 pages, the node 2: mmap says ENOMEM at 3, and the rule is allowed_mems_nr."""
    refused = Verdict("ENOMEM", 0, "", "allowed_mems_nr", "3 wanted, 2 free on the nodes that the task is bound to", "")
    for kind in KINDS:
        assert why(TWO, Request(3, kind, node=1)) == refused
        assert why(TWO, Request(2, kind, node=1)).mapped == "ok"
        assert why(TWO, Request(7, kind)).fine
    assert why(TWO, Request(3, node=1, noreserve=True)).touched == 2


def test_a_mapping_that_is_bound_passes_and_dies_at_the_touch() -> None:
    """mbind comes after the reservation: the node was not checked."""
    for kind in KINDS:
        verdict = why(TWO, Request(3, kind, node=1, mbind=True))
        assert (verdict.mapped, verdict.touched, verdict.signal) == ("ok", 2, "SIGBUS")
        assert verdict.rule == "dequeue_huge_page_vma"
        assert verdict.because == "no page is free on node 1, where the policy wants it"


@pytest.mark.parametrize("mbind", [False, True])
def test_a_reservation_is_of_no_node(mbind: bool) -> None:
    """A bound task is never safe: others, with pages reserved on any node, use up this one."""
    verdict = why(TWO, Request(2, node=1, mbind=mbind))
    assert (verdict.mapped, verdict.touched, verdict.signal) == ("ok", 2, "")
    assert verdict.risk == "dequeue_huge_page_vma"
    assert remedy(TWO, Request(2, node=1, mbind=mbind)) == []
    full = Found(8, 2, 2, nodes=(Node(6, 2), Node(2, 0)))
    assert why(full, Request(1, node=1, mbind=mbind)).mapped == "ENOMEM"


def test_one_node_is_no_restriction() -> None:
    """Bound to the only node: as not bound at all."""
    for request in (Request(5), Request(9), Request(5, noreserve=True), Request(3, "shm")):
        for mbind in (False, True):
            bound = why(Found(8, 8), replace(request, node=0, mbind=mbind))
            assert (bound.mapped, bound.touched, bound.fine) == _short(why(Found(8, 8), request))


def _short(verdict: Verdict) -> tuple[str, int, bool]:
    return verdict.mapped, verdict.touched, verdict.fine


@pytest.mark.parametrize(("found", "node"), [(TWO, 2), (TWO, -1), (Found(8, 8), 1), (TWO, 1 << 70)])
def test_a_node_that_is_not_there(found: Found, node: int) -> None:
    """One line."""
    with pytest.raises(ScenarioError, match="there is no node"):
        why(found, Request(1, node=node))


# -- sizes -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("default", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_every_page_size(size: int, default: bool, kind: str) -> None:
    """The same counters, the same answer; but pages of 1 GB and more are never surplus."""
    found = Found(10, 8, 3, 0, 2, size, default=default)
    gigantic = size >= GIGANTIC
    for pages, mapped in ((5, "ok"), (6, "ENOMEM" if gigantic else "ok"), (8, "ENOMEM")):
        assert why(found, Request(pages, kind)).mapped == mapped
    assert why(found, Request(9, kind, noreserve=True)).touched == (5 if gigantic else 7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("free", [10, 1 << 20])
def test_more_than_an_address_space(kind: str, free: int) -> None:
    """200 TB: a process has addresses for 128. An answer, or one line; remedy, too."""
    found, request = Found(free, free, size=1 << 30), Request(200 << 10, kind)
    questions: tuple[Callable[[], bool], ...] = (
        lambda: why(found, request).fine,
        lambda: remedy(found, request) == [],
    )
    for question in questions:
        try:
            assert not question()
        except ScenarioError as error:
            assert len(str(error).splitlines()) == 1
