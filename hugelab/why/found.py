"""The known counters of a machine: of one pool, of a mount and of a cgroup. Counts are pages, sizes bytes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from ..core.units import MIB, format_size
from ..linux.errors import ScenarioError

UNSIGNED = 1 << 63  # a larger counter is a negative one, printed unsigned
MOST = 1 << 40  # pages: more than any machine has; keeps a mistyped number from costing minutes


class Node(NamedTuple):
    """The pages of one memory node, in the order of its files."""

    total: int
    free: int
    surp: int = 0


@dataclass(frozen=True)
class Mount:
    """The budget of a hugetlbfs mount: ``size`` (None: no size=), ``used`` pages of it, and ``held`` pages that its
    min_size= still keeps reserved for its files."""

    size: int | None = None
    used: int = 0
    held: int = 0

    def __post_init__(self) -> None:
        _check("mount", self)
        if self.size is not None and self.used > self.size:
            raise ScenarioError(f"mount: {self.used:,} pages used of a size of {self.size:,} cannot be")
        if self.size is not None and self.used + self.held > self.size:
            both = f"{self.used:,} pages used and {self.held:,} held"
            raise ScenarioError(f"mount: {both} of a size of {self.size:,} cannot be")

    @property
    def left(self) -> int | None:
        """Pages that may still be reserved or taken from this mount; None: any number."""
        return None if self.size is None else self.size - self.used


@dataclass(frozen=True)
class Cgroup:
    """The pages that a process of the group may still be charged for: in use, and reserved; None: no limit."""

    left: int | None = None
    rsvd_left: int | None = None

    def __post_init__(self) -> None:
        _check("cgroup", self)


@dataclass(frozen=True)
class Found:
    """The counters of one pool, and the other limits of a request.

    Raises ScenarioError, with one line, for numbers that no pool can have.
    """

    total: int
    free: int
    rsvd: int = 0
    surp: int = 0
    overcommit: int = 0
    size: int = 2 * MIB
    nodes: tuple[Node, ...] = ()  # () for a machine of one node
    mount: Mount | None = None
    cgroup: Cgroup | None = None
    default: bool = True  # is its size the default one, of sysctl and /proc/meminfo?

    def __post_init__(self) -> None:
        if UNSIGNED <= self.rsvd < 1 << 64:
            raise ScenarioError(
                f"{(1 << 64) - self.rsvd:,} pages below zero are reserved: a known kernel bug left the counter wrong,"
                " and until the next boot no answer is sure"
            )
        _check("pool", self)
        for name in ("free", "surp"):
            if getattr(self, name) > self.total:
                raise ScenarioError(
                    f"{getattr(self, name):,} pages {'free' if name == 'free' else 'surplus'} of {self.total:,} in all"
                    " cannot be: are the numbers of one moment and one page size?"
                )
        if self.size < 4096 or self.size & (self.size - 1):
            raise ScenarioError(f"{format_size(self.size)} is no page size: a power of two, such as 2M")
        if self.mount is not None and self.mount.held > self.rsvd:
            held = f"{self.mount.held:,} pages held by min_size="
            raise ScenarioError(f"{held} of {self.rsvd:,} reserved in all cannot be")
        for nid, node in enumerate(self.nodes):
            if not (0 <= node.free <= node.total and 0 <= node.surp <= node.total):
                both = f"{node.free:,} pages free and {node.surp:,} surplus"
                raise ScenarioError(f"node {nid}: {both} of {node.total:,} cannot be")
        for name in ("total", "free", "surp") if self.nodes else ():
            of_nodes = sum(getattr(node, name) for node in self.nodes)
            if of_nodes != getattr(self, name):
                raise ScenarioError(f"the nodes have {of_nodes:,} pages {name}, the pool {getattr(self, name):,}")

    @property
    def available(self) -> int:
        """Pages that are free and not reserved."""
        return self.free - self.rsvd

    @property
    def persistent(self) -> int:
        """The configured pages, as in /proc/sys/vm/nr_hugepages."""
        return self.total - self.surp


def _check(what: str, found: Any) -> None:
    """Raises ScenarioError for a number that is no number of pages."""
    for field in fields(found):
        value = getattr(found, field.name)
        if isinstance(value, int) and not 0 <= value <= MOST:
            raise ScenarioError(f"{what}: {field.name} is 0 to {MOST:,}, not {value:,}")
