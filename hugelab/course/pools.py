"""Calls that ask for huge pages, on a machine with a pool of 2 MB pages and one of 1 GB."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

from ..core.units import GIB, MIB
from ..linux.machines import SIZE_1G, SIZE_2M, X86_64, Machine
from ..linux.scenario import ANONYMOUS, Scenario
from ..model.kernel import run

LENGTHS = (1, MIB, 2 * MIB, 10 * MIB, 512 * MIB, GIB, GIB + 1, 2 * GIB, 4 * GIB, 5 * GIB)
PRIVATE = ["MAP_PRIVATE", *ANONYMOUS]
POOLS = {SIZE_2M: 2048, SIZE_1G: 4}  # pages
DEFAULTS = {"2 MB": SIZE_2M, "1 GB (default_hugepagesz=1G)": SIZE_1G}


# -- which call takes from which pool ----------------------------------------------------------------------
def _mmap(*flags: str) -> Any:
    return lambda program, length: program.mmap(map="A", bytes=length, flags=[*PRIVATE, *flags])


def _file(mount: str) -> Any:
    return lambda program, length: program.open(fd="f", path=f"{mount}/file").mmap(map="A", fd="f", bytes=length)


def _shmget(*flags: str) -> Any:
    return lambda program, length: program.shmget(shm="s", bytes=length, flags=["SHM_HUGETLB", "IPC_CREAT", *flags])


def _memfd(*flags: str) -> Any:
    made = ["MFD_HUGETLB", *flags]
    return lambda program, length: program.memfd(fd="f", flags=made).mmap(map="A", fd="f", bytes=length)


CALLS = {
    "mmap, MAP_HUGETLB": _mmap(),
    "mmap, MAP_HUGETLB | MAP_HUGE_2MB": _mmap("MAP_HUGE_2MB"),
    "mmap, MAP_HUGETLB | MAP_HUGE_1GB": _mmap("MAP_HUGE_1GB"),
    "mmap, MAP_HUGETLB | MAP_HUGE_16MB": _mmap("MAP_HUGE_16MB"),
    "file, mount without pagesize=": _file("m"),
    "file, mount with pagesize=2M": _file("small"),
    "file, mount with pagesize=1G": _file("large"),
    "shmget, SHM_HUGETLB": _shmget(),
    "shmget, SHM_HUGETLB | SHM_HUGE_1GB": _shmget("SHM_HUGE_1GB"),
    "memfd_create, MFD_HUGETLB": _memfd(),
    "memfd_create, MFD_HUGETLB | MFD_HUGE_1GB": _memfd("MFD_HUGE_1GB"),
}


def machine(default: int) -> Machine:
    """The 64-bit x86 server, booted with this default size."""
    return X86_64 if default == SIZE_2M else replace(X86_64, name="x86-64-1G", sizes=(SIZE_1G, SIZE_2M))


def program(call: str, length: int, default: int) -> Scenario:
    """Two pools, mounts of both, and a call that asks for ``length`` bytes. The last step reserves pages."""
    begin = Scenario("pools", nr=POOLS[default], mounts={"m": ""})
    other = SIZE_1G if default == SIZE_2M else SIZE_2M
    begin = begin.then("set_nr", n=POOLS[other], hsize="1G" if other == SIZE_1G else "2M")
    begin = begin.then("mount", mount="small", options="pagesize=2M")
    begin = begin.then("mount", mount="large", options="pagesize=1G")
    made: Scenario = CALLS[call](begin, length)
    return made


@lru_cache(maxsize=512)
def picks(call: str, length: int, default: int) -> tuple[str, dict[int, int]]:
    """The outcome of a call, and the number of reserved pages of each size."""
    recording = run(program(call, length, default), machine(default))
    reserved = {h.size: h.resv_huge_pages for h in recording.end.pools}
    failed = next((step.outcome for step in recording.steps if step.outcome != "ok"), "ok")
    return failed, {size: pages for size, pages in reserved.items() if pages}
