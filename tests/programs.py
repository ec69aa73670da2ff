"""Random programs over the operations of the model, for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from hugelab import Op, Scenario

FILES, FDS, MAPS = ("m/a", "m/b"), ("f", "g"), ("A", "B", "C")
ANON = ["MAP_ANONYMOUS", "MAP_HUGETLB"]

_pages = st.integers(0, 7)


def _op(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Op]:
    return st.fixed_dictionaries(fields).map(lambda args: Op(name, {k: v for k, v in args.items() if v is not None}))


_optional = st.none() | st.integers(0, 5)
_reserve = st.sampled_from([[], [], ["MAP_NORESERVE"]])
_kind = st.sampled_from(["MAP_SHARED", "MAP_PRIVATE"])
_flags = st.tuples(_kind, _reserve, st.sampled_from([[], [], [], ["MAP_POPULATE"]])).map(lambda t: [t[0], *t[1], *t[2]])
_prot = st.sampled_from([["PROT_READ", "PROT_WRITE"], ["PROT_READ", "PROT_WRITE"], ["PROT_READ"]])
_map = st.sampled_from(MAPS)
_fd = st.sampled_from(FDS)

OPS: st.SearchStrategy[Op] = st.one_of(
    _op("open", fd=_fd, path=st.sampled_from(FILES), flags=st.sampled_from([None, None, ["O_RDONLY"], ["O_RDWR"]])),
    _op("mmap", map=_map, fd=_fd, pages=_pages, offset_pages=_optional, flags=_flags, prot=_prot),
    _op("mmap", map=_map, fd=_fd, pages=_pages, flags=_flags),
    _op("mmap", map=_map, pages=_pages, flags=_flags.map(lambda flags: flags + ANON), prot=_prot),
    _op(
        "mmap", map=_map, fd=_fd, pages=_pages, offset_bytes=st.sampled_from([1, 4096, 1 << 20, (1 << 63) - (2 << 20)])
    ),
    _op("touch", map=_map, page=_optional, count=st.integers(0, 8), mode=st.sampled_from("rw"), byte=st.integers(0, 3)),
    _op("touch", map=_map, page=_optional, count=st.integers(0, 8), mode=st.sampled_from("rw")),
    _op("munmap", map=_map),
    _op("munmap", map=_map, page=_optional, pages=st.integers(1, 4)),
    _op("munmap", map=_map, off_bytes=st.sampled_from([0, 5, 4096]), bytes=st.sampled_from([0, 1, 4096, 2 << 20])),
    _op("ftruncate", fd=_fd, pages=_pages),
    _op("ftruncate", fd=_fd, bytes=st.sampled_from([-1, 1, 4096])),
    _op("close", fd=_fd),
    _op("unlink", path=st.sampled_from(FILES)),
    _op("set_nr", n=st.integers(0, 14)),
    _op("stat", path=st.sampled_from(FILES)),
    _op("fstat", fd=_fd),
)
_LAST = st.sampled_from([(), (), (Op("exit"),)])
# So that most programs get somewhere: both descriptors are open and every name is a mapping, perhaps a failed one.
_FIRST = st.tuples(
    st.just(Op("open", {"fd": "f", "path": "m/a"})),
    _op("open", fd=st.just("g"), path=st.just("m/b"), flags=st.sampled_from([None, None, ["O_CREAT", "O_RDONLY"]])),
    *(
        st.builds(
            lambda fd, pages, flags, name=name: Op("mmap", {"map": name, "fd": fd, "pages": pages, "flags": flags}),
            _fd,
            st.integers(1, 6),
            _flags,
        )
        for name in MAPS
    ),
)

MOUNTS = st.sampled_from(["", "", "", "size=8M", "min_size=6M"])


@st.composite
def scenarios(draw: st.DrawFn, mounts: st.SearchStrategy[str] = MOUNTS) -> Scenario:
    """A program on a pool of 0 to 12 pages, with or without overcommit."""
    steps = (*draw(_FIRST), *draw(st.lists(OPS, max_size=14)), *draw(_LAST))
    nr = draw(st.integers(3, 12))
    return Scenario("random", nr, draw(st.sampled_from([0, 0, 3])), {"m": draw(mounts)}, steps)
