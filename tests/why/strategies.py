"""Random pools, limits and requests for hypothesis: numbers that a machine can have."""

from __future__ import annotations

from hypothesis import strategies as st

from hugelab.why import KINDS, Cgroup, Found, Mount, Node, Request

SIZES = [64 << 10, 2 << 20, 1 << 30, 16 << 30]
GIGANTIC = 1 << 30  # from here on the kernel gives no surplus pages


@st.composite
def nodes(draw: st.DrawFn, /, most: int = 12) -> tuple[Node, ...]:
    """Two or three nodes, each with pages of its own."""
    found = []
    for _ in range(draw(st.integers(2, 3))):
        total = draw(st.integers(0, most))
        found.append(
            Node(total, draw(st.integers(0, total)), draw(st.sampled_from([0, 0, draw(st.integers(0, total))])))
        )
    return tuple(found)


@st.composite
def pools(draw: st.DrawFn, /, most: int = 12, several: bool = True) -> Found:
    """A pool, on one node or several; no more is reserved than is free."""
    size = draw(st.sampled_from(SIZES)) if several else SIZES[1]
    over = draw(st.integers(0, most // 2))
    if several and draw(st.booleans()):
        of = draw(nodes(most))
        total, free, surp = (sum(one[i] for one in of) for i in range(3))
        return Found(total, free, draw(st.integers(0, free)), surp, over, size, of, default=draw(st.booleans()))
    total = draw(st.integers(0, most))
    free = draw(st.integers(0, total))
    surp = draw(st.sampled_from([0, 0, draw(st.integers(0, total))]))
    return Found(total, free, draw(st.integers(0, free)), surp, over, size, default=draw(st.booleans()))


@st.composite
def limited(draw: st.DrawFn, /, most: int = 12) -> Found:
    """The same with a mount and a cgroup, or without."""
    found = draw(pools(most))
    mount = cgroup = None
    if draw(st.booleans()):
        size = draw(st.none() | st.integers(0, most))
        used = 0 if size is None else draw(st.integers(0, size))
        room = found.rsvd if size is None else min(found.rsvd, size - used)
        mount = Mount(size, used, draw(st.sampled_from([0, draw(st.integers(0, room))])))
    if draw(st.booleans()):
        limit = st.none() | st.integers(0, most)
        cgroup = Cgroup(draw(limit), draw(limit))
    fields = (found.total, found.free, found.rsvd, found.surp, found.overcommit, found.size, found.nodes)
    return Found(*fields, mount, cgroup, found.default)


@st.composite
def requests(draw: st.DrawFn, /, found: Found, most: int = 14) -> Request:
    """A request that can be asked of a pool."""
    node = draw(st.none() | st.integers(0, max(len(found.nodes), 1) - 1))
    mbind = node is not None and draw(st.booleans())
    return Request(draw(st.integers(1, most)), draw(st.sampled_from(KINDS)), draw(st.booleans()), node, mbind)


@st.composite
def asked(draw: st.DrawFn, /) -> tuple[Found, Request]:
    """Both."""
    found = draw(limited())
    return found, draw(requests(found))
