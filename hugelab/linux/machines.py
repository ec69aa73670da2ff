"""Machines to run a scenario on: page sizes, addresses, the place of struct pages, the frames of a pool."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..core.runs import Run
from ..core.units import BASE_PAGE_SIZE, GIB, MIB
from .errors import ScenarioError
from .names import release
from .rules import NEWEST, Rules, rules_of

SIZE_2M = 2 * MIB
SIZE_1G = GIB
AS_INTENDED = "kernel bugs off: as its authors meant it"


@dataclass(frozen=True)
class Machine:
    """The properties of a machine that decide a number in a log line or in an answer. Addresses and sizes in bytes."""

    name: str
    title: str
    rules: Rules
    sizes: tuple[int, ...]  # huge page sizes, default first
    word: int  # bits of an address
    task_size: int  # the first address a program cannot have
    top: int  # end of the hole that mappings fill from above (mm->mmap_base less the program's own mappings)
    struct_page: int  # bytes of one struct page
    mem_map: int  # address of the struct page of pfn 0
    memory: int  # RAM
    fault_flags: int  # FAULT_FLAG_ bits of a first user fault that reads; a write adds 1
    pid: int = 2385
    first_ino: int = 16079
    frames: tuple[Run, ...] = ()  # of the default size, in the order the buddy allocator gives them; () = from 4 GiB up
    protection_keys: bool = False  # of the CPU, for memory (pku)
    nodes: int = 1  # memory nodes; each has the same part of the memory
    buddy_most: int = 4 * MIB  # bytes of the largest block that the buddy allocator gives (MAX_PAGE_ORDER)

    @property
    def version(self) -> str:
        """The kernel version, as in ``"3.10"``."""
        return self.rules.version

    def gigantic(self, size: int) -> bool:
        """Is a page of this size more than the buddy allocator can give? (hstate_is_gigantic)"""
        return size > self.buddy_most

    def capacity(self, size: int) -> int:
        """The most pages of a size that the pool can get."""
        return self.node_capacity(size) * self.nodes

    def node_capacity(self, size: int) -> int:
        """The most pages of a size that one node can give."""
        if self.frames:
            return sum(run.count for run in self.frames)
        return self.memory // self.nodes // size

    def first_frame(self, size: int, node: int) -> int:
        """The first frame of a size on a node. Each size has a range of its own."""
        base = 4 * GIB if size == self.sizes[0] else 2 * self.memory
        return base // size + node * self.node_capacity(size)

    def node_of(self, size: int, frame: int) -> int:
        """The number of the node that a frame lies on. A page that was demoted lies in the range of the larger size."""
        for whole in self.sizes:
            at = frame * size // whole - self.first_frame(whole, 0)
            if 0 <= at < self.capacity(whole):
                return at // self.node_capacity(whole)
        return 0

    def frame_run(self, size: int, node: int, taken: int, most: int) -> Run | None:
        """The next frames of a node's buddy allocator, ``taken`` before: a run of 1 to ``most``, keys from 0.

        None when memory is exhausted.
        """
        for run in self.frames or (Run(0, self.node_capacity(size), self.first_frame(size, node), 1),):
            if taken < run.count:
                return Run(0, min(most, run.count - taken), run.value + taken * run.step, run.step)
            taken -= run.count
        return None

    def struct_page_of(self, pfn: int) -> int:
        """The address of a page's struct page, which the log shows as ``page=``."""
        return self.mem_map + pfn * self.struct_page

    def pfn_of(self, struct_page: int) -> int:
        """The pfn whose struct page lies at an address."""
        return (struct_page - self.mem_map) // self.struct_page

    def as_intended(self) -> Machine:
        """The same machine without the kernel bugs of its release."""
        if not self.rules.bugs:
            return self
        return replace(self, title=f"{self.title}, {AS_INTENDED}", rules=self.rules.as_intended())


def _buddy_order(first: int, low: int) -> tuple[Run, ...]:
    """One odd 2 MB block, then 4 MB blocks from high to low, each split lower half first (docs/lesson.md)."""
    return (Run(0, 1, first), *(Run(0, 2, block, 1) for block in range(first - 2, low - 1, -2)))


# The lesson's five frames are 992, 995, 994, 997, 996, top of the stack first, from a pool of ten: so its allocations
# ended with 996, 997, 994, 995, 992. The lesson does not show the others, which continue that rule.
LESSON = Machine(
    name="lesson",
    title="the lesson's machine: 32-bit x86 with PAE, 2 GB of RAM, Linux 3.10",
    rules=rules_of("3.10"),
    sizes=(SIZE_2M,),
    word=32,
    task_size=0xC0000000,
    top=0xB75FF000,
    struct_page=32,
    mem_map=0xF6BFD000,
    memory=2 * GIB,
    fault_flags=0x28,
    frames=_buddy_order(1002, 8),
)

# FAULT_FLAG_ bits of a first user fault that reads, on 64 bits, by the release that changed them: renumbered in 4.0,
# USER since 3.12, INTERRUPTIBLE since 5.7, and the lock of the VMA alone since 6.7 (arch/x86/mm/fault.c).
_FAULT_FLAGS = (("3.10", 0x28), ("3.12", 0xA8), ("4.0", 0x54), ("5.7", 0x254), ("6.7", 0x1254))


def machine(version: str) -> Machine:
    """An x86-64 server with a kernel of a release such as "6.11"; ``machine("6.11").name`` is "x86-64-6.11".

    A release after NEWEST gets the rules of NEWEST, and its title says so. Raises ValueError for a release before
    OLDEST, or for text that is no release.
    """
    rules = rules_of(version)
    short = ".".join(map(str, release(version)))
    later = f" (by the rules of {NEWEST}, the newest that are known)" if release(version) > release(NEWEST) else ""
    flags = next(flags for since, flags in reversed(_FAULT_FLAGS) if release(since) <= release(version))
    return Machine(
        name=f"x86-64-{short}",
        title=f"a 64-bit x86 server with 4 TB of RAM, Linux {short}{later}",
        rules=rules,
        sizes=(SIZE_2M, SIZE_1G),
        word=64,
        task_size=(1 << 47) - BASE_PAGE_SIZE,
        top=0x7FFFF7BFF000,
        struct_page=64,
        mem_map=0xFFFFEA0000000000,
        memory=4 << 40,
        fault_flags=flags,
    )


X86_64 = replace(machine(NEWEST), name="x86-64")
NUMA = replace(X86_64, name="numa", title=f"{X86_64.title}, two memory nodes", nodes=2)
MACHINES = {one.name: one for one in (LESSON, X86_64, machine("6.1"), machine("5.10"), NUMA)}


def named(name: str) -> Machine:
    """A machine by its name: one of MACHINES, or any release ("6.11", "x86-64-6.11"). Raises ScenarioError."""
    if name in MACHINES:
        return MACHINES[name]
    try:
        return machine(name.removeprefix("x86-64-"))
    except ValueError as error:
        known = ", ".join(MACHINES)
        raise ScenarioError(f"there is no machine {name!r}; known: {known}, and any release: {error}") from None
