"""Programs of one file and one mapping: open, map, touch, let go; and the pool that changes meanwhile."""

from typing import Any

from ..linux.scenario import ANONYMOUS, Scenario

WAYS = {
    "create": ["O_CREAT", "O_RDWR"],
    "open an existing file": ["O_RDWR"],
    "create, but only if new": ["O_CREAT", "O_EXCL", "O_RDWR"],
}


def opened(files: int, pages: int, pool: int, again: str) -> Scenario:
    """Open ``files`` new files, then the first name once more in the way ``again``; make the first ``pages`` long."""
    scenario = Scenario("open", nr=pool)
    for number in range(1, files + 1):
        scenario = scenario.then("open", fd=f"f{number}", path=f"m/file{number}", mode="0755")
    scenario = scenario.then("open", fd="g", path="m/file1", flags=WAYS[again], mode="0755")
    if pages:
        scenario = scenario.then("ftruncate", fd="f1" if files else "g", pages=pages)
    return scenario.then("stat", path="m/file1")


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


def reserved(pages: int, pool: int, kind: str, second: int, offset: int) -> Scenario:
    """Map ``pages``, then (if ``second`` is not 0) ``second`` pages of the same file from page ``offset`` on."""
    scenario = mapped("reservation", pages, pool, kind)
    if second:
        where = {} if "MAP_ANONYMOUS" in KINDS[kind] else {"offset_pages": offset}
        scenario = scenario.then("mmap", map="second", fd="f", pages=second, flags=KINDS[kind], **where)
    return scenario


ACCESS = {"write": ["w"], "read": ["r"], "read, then write": ["r", "w"]}


def touched_pages(pages: int, pool: int, touched: int, kind: str, access: str) -> Scenario:
    """Map ``pages`` and touch the first ``touched`` as ``access`` says."""
    scenario = mapped("fault", pages, pool, kind)
    for mode in ACCESS[access]:
        scenario = scenario.then("touch", map="ptr", page=0, count=touched, mode=mode)
    return scenario


ENDS = {
    "munmap, close, unlink": ("munmap", "close", "unlink"),
    "unlink, close, munmap": ("unlink", "close", "munmap"),
    "unlink, munmap, close": ("unlink", "munmap", "close"),
    "munmap, close (no unlink)": ("munmap", "close"),
    "exit, then unlink": ("exit", "unlink"),
    "ftruncate to 2 pages, munmap, close": ("ftruncate", "munmap", "close"),
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "munmap": {"map": "ptr"},
    "close": {"fd": "f"},
    "unlink": {"path": "m/test_file"},
    "exit": {},
    "ftruncate": {"fd": "f", "pages": 2},
}


def let_go(pages: int, pool: int, touched: int, kind: str, end: str) -> Scenario:
    """Map, touch, and let go in the order ``end``."""
    scenario = mapped("holders", pages, pool, kind)
    scenario = scenario.then("touch", map="ptr", page=0, count=touched, mode="w")
    for op in ENDS[end]:
        scenario = scenario.then(op, **ARGUMENTS[op])
    return scenario


LATER = {
    "give all back": ("munmap", "close", "unlink"),
    "give all back, then grow to 10": ("munmap", "close", "unlink", "grow"),
    "grow to 10, then give all back": ("grow", "munmap", "close", "unlink"),
}


def resized(pool: int, overcommit: int, pages: int, touched: int, number: int, kind: str, later: str) -> Scenario:
    """Map and touch, write ``number`` to nr_hugepages, then go on."""
    scenario = Scenario("resize", nr=pool, overcommit=overcommit).then("open", fd="f", path="m/test_file")
    scenario = scenario.then("mmap", map="ptr", fd="f", pages=pages, flags=KINDS[kind])
    scenario = scenario.then("touch", map="ptr", page=0, count=touched).then("set_nr", n=number)
    for op in LATER[later]:
        scenario = scenario.then("set_nr", n=10) if op == "grow" else scenario.then(op, **ARGUMENTS[op])
    return scenario
