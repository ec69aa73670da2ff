"""The kernel's structs, as a source fills them in and a view shows them: data, no rules.

Names and fields are the kernel's (include/linux/hugetlb.h, mm_types.h, fs.h). Counts are in huge pages of the
struct's own page size, addresses and lengths in bytes. A ``frame`` is a physical address divided by the page size;
its pfn is ``frame * (size / 4096)``.
"""

from __future__ import annotations

from typing import Any

from .decode import VM_MAYSHARE, VM_SHARED
from .runs import Run, RunMap
from .state import Counters, Record, State
from .units import BASE_PAGE_SIZE, size_name


class hstate(Record):
    """The pool of one huge page size (struct hstate)."""

    size: int  # bytes of one page
    nr_huge_pages: int  # all pages of the pool, surplus included
    free_huge_pages: int
    resv_huge_pages: int  # promised, not yet taken; they are among the free ones
    surplus_huge_pages: int  # of nr_huge_pages: beyond the configured number
    nr_overcommit_huge_pages: int  # how many surplus pages are allowed
    freelist: RunMap  # hugepage_freelists: a stack of frames; the top is handed out next
    buddy: RunMap  # a stack of frames the pool gave back to the buddy allocator
    fresh: int  # how many frames the machine has given to this pool so far
    memory: RunMap  # what pages hold: frame -> tag ((offset, byte), ...); absent = zeros

    def __init__(self, state: State, size: int):
        runs = {name: state.runs() for name in ("freelist", "buddy", "memory")}
        counts = dict.fromkeys(
            ("nr_huge_pages", "free_huge_pages", "resv_huge_pages", "surplus_huge_pages", "fresh"), 0
        )
        super().__init__(state, f"hstate/{size_name(size)}", size=size, nr_overcommit_huge_pages=0, **counts, **runs)

    @property
    def counters(self) -> Counters:
        return Counters(self.nr_huge_pages, self.free_huge_pages, self.resv_huge_pages, self.surplus_huge_pages)

    @property
    def persistent_huge_pages(self) -> int:
        """The configured number of pages: what /proc/sys/vm/nr_hugepages reads."""
        return self.nr_huge_pages - self.surplus_huge_pages

    def pfn(self, frame: int) -> int:
        """The number of the frame's first 4 KiB page."""
        return frame * (self.size // BASE_PAGE_SIZE)


class hugepage_subpool(Record):
    """The budget of one mount (struct hugepage_subpool); -1 stands for "none"."""

    max_hpages: int
    used_hpages: int  # reserved and allocated pages; counted only if there is a max
    min_hpages: int
    rsv_hpages: int  # of min_hpages: still reserved in the pool for this mount

    def __init__(self, state: State, mount: str, max_hpages: int, min_hpages: int):
        super().__init__(
            state, f"subpool/{mount}", max_hpages=max_hpages, used_hpages=0, min_hpages=min_hpages, rsv_hpages=0
        )


class super_block(Record):
    """One mounted file system: hugetlbfs, or (``h`` is None) the ordinary one beside it."""

    name: str
    h: hstate | None
    subpool: hugepage_subpool | None
    max_inodes: int  # nr_inodes=, -1 for no limit
    free_inodes: int
    mode: int
    uid: int
    gid: int
    dentries: dict[str, inode]  # names in the root directory; replaced, never changed in place

    def __init__(self, state: State, name: str, h: hstate | None, **options: Any):
        fields = {"subpool": None, "max_inodes": -1, "free_inodes": -1, "mode": 0o755, "uid": 0, "gid": 0}
        super().__init__(state, f"mount/{name}", name=name, h=h, dentries={}, **(fields | options))


class resv_map(Record):
    """A list of regions of page indices, with two opposite meanings.

    ``shared`` (hangs on the inode): a region is reserved or already has its page.
    ``private`` (hangs on the mapping): the reservation of a region has been used.
    """

    shared: bool
    regions: RunMap
    refs: int  # how many VMAs share a private map that was split

    def __init__(self, state: State, number: int, shared: bool):
        super().__init__(state, f"resv_map/{number}", shared=shared, regions=state.runs(), refs=1)


class inode(Record):
    """A hugetlbfs file (or, with ``sb.h`` None, an ordinary one)."""

    i_ino: int
    name: str
    sb: super_block | None  # None: the kernel's internal mount, for anonymous mappings
    h: hstate | None
    i_mode: int
    i_uid: int
    i_gid: int
    i_size: int  # bytes
    i_blocks: int  # 512-byte units
    i_nlink: int
    refs: int  # open files and mappings that keep the inode
    i_pages: RunMap  # the page cache: index -> frame
    resv_map: resv_map

    def __init__(self, state: State, ino: int, name: str, h: hstate | None, **fields: Any):
        super().__init__(
            state,
            f"inode/{ino}",
            i_ino=ino,
            name=name,
            h=h,
            i_size=0,
            i_blocks=0,
            i_nlink=1,
            refs=0,
            i_pages=state.runs(),
            **fields,
        )

    @property
    def files(self) -> int:
        """How many open files hold it."""
        return sum(opened.f_inode is self for opened in self.state.of(file))

    @property
    def mappings(self) -> int:
        """How many mappings hold it."""
        return self.refs - self.files

    @property
    def promised(self) -> int:
        """Pages of it that are reserved and not there yet."""
        return len(self.resv_map.regions) - len(self.i_pages)


class file(Record):
    """An open file (struct file): what a descriptor and a mapping point to."""

    f_inode: inode
    readable: bool
    writable: bool
    count: int  # descriptors; a mapping counts in the inode's refs

    def __init__(self, state: State, number: int, node: inode, readable: bool, writable: bool):
        super().__init__(state, f"file/{number}", f_inode=node, readable=readable, writable=writable, count=1)


class mm_struct(Record):
    """The address space of one process, with its page tables."""

    proc: str
    pid: int
    alive: bool
    fds: dict[str, file]  # descriptor name -> open file; replaced, never changed in place
    tables: dict[int, RunMap]  # page size -> page table: address / size -> frame, tag (writable, anonymous)

    def __init__(self, state: State, proc: str, pid: int, sizes: tuple[int, ...]):
        tables = {size: state.runs() for size in sizes}
        super().__init__(state, f"mm/{proc}", proc=proc, pid=pid, alive=True, fds={}, tables=tables)


class vm_area_struct(Record):
    """One mapping of one process."""

    mm: mm_struct
    vm_start: int
    vm_end: int
    vm_pgoff: int  # in huge pages: the file index of the first page
    vm_flags: int
    inode: inode
    h: hstate
    resv_map: resv_map | None  # of a private mapping that owns reservations
    name: str  # the program's name for it

    def __init__(self, state: State, number: int, **fields: Any):
        super().__init__(state, f"vma/{number}", **fields)

    @property
    def shared(self) -> bool:
        """Writes reach the file."""
        return bool(self.vm_flags & (VM_SHARED | VM_MAYSHARE))

    @property
    def pages(self) -> int:
        return (self.vm_end - self.vm_start) // self.h.size

    def index(self, addr: int) -> int:
        """The file index of the page at an address (vma_hugecache_offset)."""
        return (addr - self.vm_start) // self.h.size + self.vm_pgoff

    def addr(self, index: int) -> int:
        """The address at which a file index is mapped."""
        return self.vm_start + (index - self.vm_pgoff) * self.h.size

    @property
    def table(self) -> RunMap:
        """The page table that covers it."""
        return self.mm.tables[self.h.size]

    def mapped(self) -> list[Run]:
        """Its page table entries, in address order."""
        return self.table.within(self.vm_start // self.h.size, self.vm_end // self.h.size)
