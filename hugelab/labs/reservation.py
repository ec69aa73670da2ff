"""Lab of notebook 02: mmap reserves pages, and allocates none."""

from ..linux.scenario import ANONYMOUS, Scenario
from .controls import Choice, Slider
from .lab import Lab

KINDS = {
    "shared file": ["MAP_SHARED"],
    "private file": ["MAP_PRIVATE"],
    "shared file, MAP_NORESERVE": ["MAP_SHARED", "MAP_NORESERVE"],
    "anonymous, private": ["MAP_PRIVATE", *ANONYMOUS],
}


def mapped(name: str, pages: int, pool: int, kind: str) -> Scenario:
    """The first steps of many programs: open a new file, and map ``pages``, of it or anonymous, as ``ptr``."""
    scenario = Scenario(name, nr=pool).then("open", fd="f", path="m/test_file", mode="0755")
    return scenario.then("mmap", map="ptr", fd="f", pages=pages, flags=KINDS[kind])


def _program(pages: int, pool: int, kind: str, second: int, offset: int) -> Scenario:
    scenario = mapped("reservation", pages, pool, kind)
    if second:
        where = {} if "MAP_ANONYMOUS" in KINDS[kind] else {"offset_pages": offset}
        scenario = scenario.then("mmap", map="second", fd="f", pages=second, flags=KINDS[kind], **where)
    return scenario


def reservation(pages: int = 5, pool: int = 10, kind: str = "shared file", second: int = 0, offset: int = 0) -> Lab:
    """Map ``pages``, then (if ``second`` is not 0) ``second`` pages of the same file from page ``offset`` on."""
    return Lab(
        "mmap: a reservation",
        {
            "pages": Slider("pages", pages),
            "pool": Slider("pool", pool),
            "kind": Choice("mapping", tuple(KINDS), kind),
            "second": Slider("second mapping", second),
            "offset": Slider("its first page", offset, most=8),
        },
        _program,
        focus=lambda **values: "mmap",
    )


promise = reservation  # an older name
