"""The available bytes of each kind of page: from the memory, and from the hugetlb pools."""

from __future__ import annotations

from ..core.units import MIB, count, format_size
from ..live import host
from ..live.errors import LiveUnavailable
from ..live.pool import BorrowedPool, DoesNotFit, Pool
from .buffers import HUGETLB, PAGE, Buffer, pages
from .loads import SPONGE
from .machine import available_memory, thp_setting
from .noise import AGAIN
from .result import NAMES

SPARE = 0.8  # the part of the available memory that all buffers together may take
NEEDED = ("4K", AGAIN)
NO_MEMORY = "not enough memory is available"
SWITCH_ON = "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled"


def _spare() -> int:
    """Bytes that all buffers together may take."""
    return int(SPARE * available_memory()) - SPONGE


def has_room(size: int) -> bool:
    """Is there memory for two buffers of 4K and a huge one?"""
    return 3 * size <= _spare()


def fitting(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes, if there is memory for all of them. Raises LiveUnavailable."""
    for size in sizes:
        if not has_room(size):
            need = f"3 buffers of {format_size(size)} are more than {SPARE:.0%} of the available memory"
            raise LiveUnavailable(f"{need}: the largest size that fits is {max(_spare(), 0) // 3 // MIB:,} MB")
    return sizes


class Room:
    """``most``: the largest of ``sizes`` (bytes) that fits for each kind. ``notes``: kinds left out, with the reason.

    Fills borrowed pools, uses the free pages of others, and leaves hugetlb out without a pool (for the reason ``why``).
    Sizes that do not fit are an error with ``fit``, else left out. Raises LiveUnavailable.
    """

    def __init__(self, sizes: tuple[int, ...], pool: Pool | None, why: str, fit: bool):
        self.notes: list[str] = []
        self.most: dict[str, int] = {}
        self._left = _spare()
        self._borrowed = isinstance(pool, BorrowedPool)
        self.sizes = fitting(sizes) if fit else tuple(size for size in sizes if has_room(size)) or fitting(sizes)
        if left := [format_size(size) for size in sizes if size not in self.sizes]:
            self.notes.append(f"{', '.join(left)} left out: {NO_MEMORY}")
        largest = max(self.sizes)
        for kind in NEEDED:
            self._take(kind, largest)
        if thp_setting() in ("always", "madvise"):
            self._give("THP", largest)
        else:
            self._note("THP", f"they are switched off: {SWITCH_ON}")
        if pool is None:
            self.notes.append(f"huge pages of the pools (2 MB, 1 GB) left out: {why or 'no pool was given'}")
            return
        for kind, page in ((kind, PAGE[kind]) for kind in HUGETLB):
            if page not in host.page_sizes():
                self._note(kind, "this kernel has no pool of them")
            elif wanted := self._wanted(kind, largest):
                self._fill(pool, kind, wanted)
                if free := host.read_counters(page).available:
                    self._give(kind, free * page)
                if free < wanted:
                    self.notes.append(self._short(page, wanted, free))

    def _wanted(self, kind: str, size: int) -> int:
        """The pages that the pool should have: for ``size`` bytes, or as many as fit into the memory."""
        wanted = pages(kind, size)
        if self._borrowed and wanted * PAGE[kind] > self._left:
            wanted = max(self._left, 0) // PAGE[kind]
        if not wanted:
            self._note(kind, NO_MEMORY)
        return wanted

    def _fill(self, pool: Pool, kind: str, wanted: int) -> None:
        """Give a borrowed pool the ``wanted`` pages, or fewer."""
        if self._borrowed:
            try:
                pool.set_nr(PAGE[kind], wanted)
            except DoesNotFit as error:
                self._note(kind, str(error))
            except OSError as error:
                self._note(kind, f"the kernel refuses: {error.strerror}")

    def _short(self, page: int, wanted: int, free: int) -> str:
        """A note about missing pages, with the command that helps."""
        need = f"{count(wanted, 'page')} of {format_size(page)} wanted, {free:,} free in the pool"
        if self._borrowed:
            return f"{need}: the memory has no more in one piece"
        if page == host.page_sizes()[0]:
            return f"{need}: sudo sysctl -w vm.nr_hugepages={wanted}"
        return f"{need}: sudo hugelab measure"

    def _give(self, kind: str, most: int) -> None:
        """Take the largest size up to ``most`` bytes that fits."""
        spare = self._left if self._counts(kind) else most
        fitting = [size for size in self.sizes if size <= most and pages(kind, size) * PAGE[kind] <= spare]
        if fitting:
            self._take(kind, max(fitting))
        else:
            self._note(kind, NO_MEMORY)

    def _take(self, kind: str, size: int) -> None:
        self.most[kind] = size
        if self._counts(kind):
            self._left -= pages(kind, size) * PAGE[kind]

    def _counts(self, kind: str) -> bool:
        """Does the kind take available memory? Pages of a pool that is not borrowed do not."""
        return kind not in HUGETLB or self._borrowed

    def _note(self, kind: str, why: str) -> None:
        self.notes.append(f"{NAMES[kind]} left out: {why}")

    def warm(self) -> None:
        """Touch the pages of the pools once, as the first use of memory costs a virtual machine more."""
        for kind in HUGETLB:
            if size := self.most.get(kind):
                with Buffer(kind, size) as buffer:
                    buffer.fill()
