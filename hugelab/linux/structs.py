"""The kernel's structs, which sources fill in and views show: data, no rules.

Names and fields are the kernel's (include/linux/hugetlb.h, mm_types.h, fs.h). Counts are in huge pages of the
struct's own page size, addresses and lengths in bytes. A ``frame`` is a physical address divided by the page size;
its pfn is ``frame * (size / 4096)``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..core.runs import Run, RunMap
from ..core.state import Counters, Record, State
from ..core.units import BASE_PAGE_SIZE, size_name
from .flags import VM_MAYSHARE, VM_SHARED


class hstate_node(Record):
    """One memory node's part of a pool (the ``_node`` arrays of struct hstate). There is no rsvd of a node."""

    nid: int
    nr_huge_pages: int = 0
    free_huge_pages: int = 0
    surplus_huge_pages: int = 0
    freelist: RunMap  # hugepage_freelists[nid]: a stack of frames; the top is handed out next
    buddy: RunMap  # a stack of frames that the pool gave back to the buddy allocator
    fresh: int = 0  # frames that the node has given to this pool so far


class hstate(Record):
    """The pool of one huge page size (struct hstate)."""

    size: int  # bytes of one page
    nr_huge_pages: int = 0  # all pages of the pool, surplus included
    free_huge_pages: int = 0
    resv_huge_pages: int = 0  # reserved, not yet taken; they are among the free pages
    surplus_huge_pages: int = 0  # of nr_huge_pages: beyond the configured number
    nr_overcommit_huge_pages: int = 0  # the most surplus pages that are allowed
    next_nid_to_alloc: int = 0  # the next node when the pool grows (to_alloc) or shrinks (to_free)
    next_nid_to_free: int = 0
    nodes: tuple[hstate_node, ...]
    memory: RunMap  # contents: frame -> tag ((offset, byte), ...); absent = zeros
    cgroup: RunMap  # pages in use -> tag (cgroup charged for the page, cgroup charged for its reservation)
    restore: RunMap  # pages in use whose reservation comes back when they are freed (folio flag restore_reserve)

    def __init__(self, state: State, size: int, nodes: int = 1):
        key = f"hstate/{size_name(size)}"
        parts = tuple(hstate_node(state, f"{key}/node{nid}", nid=nid) for nid in range(nodes))
        super().__init__(state, key, size=size, nodes=parts)

    @property
    def counters(self) -> Counters:
        return Counters(self.nr_huge_pages, self.free_huge_pages, self.resv_huge_pages, self.surplus_huge_pages)

    @property
    def persistent_huge_pages(self) -> int:
        """The configured number of pages, as in /proc/sys/vm/nr_hugepages (max_huge_pages)."""
        return self.nr_huge_pages - self.surplus_huge_pages

    def count(self, node: hstate_node, nr: int = 0, free: int = 0, surplus: int = 0) -> None:
        """Add to the counters of a node and of the whole pool."""
        for record in (self, node):
            if nr:
                record.nr_huge_pages += nr
            if free:
                record.free_huge_pages += free
            if surplus:
                record.surplus_huge_pages += surplus

    def pfn(self, frame: int) -> int:
        """The number of the frame's first 4 KiB page."""
        return frame * (self.size // BASE_PAGE_SIZE)


class hugetlb_cgroup(Record):
    """The hugetlb limits and counts of one control group, in pages; ``model.cgroup`` has what they count."""

    name: str
    version: int  # 1 or 2: the hierarchy it is in
    parent: str | None  # key of the group it is in; None: the root
    counters: dict[tuple[int, bool], page_counter]  # (page size, is it rsvd) -> its counter
    online: bool = True  # False after rmdir; charges stay until they end
    events: dict[int, int]  # page size -> refusals here and below; replaced, never changed in place
    events_local: dict[int, int]  # of them, those of the group's own processes

    def __init__(self, state: State, key: str, version: int, name: str, parent: str | None, sizes: tuple[int, ...]):
        counters = {
            (size, rsvd): page_counter(state, f"{key}/{size_name(size)}{'.rsvd' * rsvd}")
            for size in sizes
            for rsvd in (False, True)
        }
        none = dict.fromkeys(sizes, 0)
        fields = {"name": name, "version": version, "parent": parent, "counters": counters}
        super().__init__(state, key, events=none, events_local=none, **fields)


class page_counter(Record):
    """One count with its limit, in huge pages (struct page_counter)."""

    usage: int = 0
    max: int | None = None  # None: no limit
    watermark: int = 0  # the highest usage so far
    failcnt: int = 0


class Policy(NamedTuple):
    """A memory policy (struct mempolicy): the mode and the nodes it names."""

    mode: str  # MPOL_BIND, MPOL_PREFERRED, MPOL_INTERLEAVE, MPOL_PREFERRED_MANY
    nodes: tuple[int, ...]


class hugepage_subpool(Record):
    """The budget of one mount (struct hugepage_subpool); -1 stands for "none"."""

    h: hstate
    max_hpages: int
    used_hpages: int = 0  # reserved and allocated pages; counted only if there is a max
    min_hpages: int
    rsv_hpages: int = 0  # of min_hpages: still reserved in the pool for this mount
    count: int = 1  # 1 while the file system is mounted or its super block is in use

    def __init__(self, state: State, number: int, h: hstate, max_hpages: int, min_hpages: int):
        super().__init__(state, f"subpool/{number}", h=h, max_hpages=max_hpages, min_hpages=min_hpages)


class super_block(Record):
    """One mounted file system: hugetlbfs, or (``h`` is None) the ordinary one beside it."""

    name: str
    h: hstate | None
    subpool: hugepage_subpool | None = None
    max_inodes: int = -1  # nr_inodes=, -1 for no limit
    free_inodes: int = -1
    i_mode: int = 0o40755  # of the root directory, as in an inode
    i_uid: int = 0
    i_gid: int = 0
    dentries: dict[str, inode]  # paths below the root directory; replaced, never changed in place
    readonly: bool = False
    mounted: bool = True  # False after a lazy umount: no path leads here, but files may still be in use

    def __init__(self, state: State, name: str, h: hstate | None, **options: Any):
        key = f"mount/{name}"
        while key in state.records:  # taken by a mount that was unmounted lazily or lies below
            key += "'"
        super().__init__(state, key, name=name, h=h, dentries={}, **options)


class resv_map(Record):
    """A list of regions of page indices, with two opposite meanings.

    ``shared`` (hangs on the inode): a region is reserved or already has its page.
    ``private`` (hangs on the mapping): the reservation of a region has been used. A region's tag is the cgroup
    that was charged for it (shared); a private map has one cgroup for all.
    """

    shared: bool
    regions: RunMap
    refs: int = 1  # how many VMAs share a private map that was split
    cgroup: str | None = None  # private: key of the cgroup that was charged for the whole mapping

    def __init__(self, state: State, number: int, shared: bool):
        super().__init__(state, f"resv_map/{number}", shared=shared)


class inode(Record):
    """A hugetlbfs file (or, with ``sb.h`` None, an ordinary one)."""

    i_ino: int
    name: str
    sb: super_block | None  # None: the kernel's internal mount, for anonymous mappings
    h: hstate | None
    i_mode: int
    i_uid: int
    i_gid: int
    i_size: int = 0  # bytes
    i_blocks: int = 0  # 512-byte units
    i_nlink: int = 1
    refs: int = 0  # open files and mappings that keep the inode
    i_pages: RunMap  # the page cache: index -> frame
    resv_map: resv_map
    seals: int = 1  # F_SEAL_ bits of a memfd
    s_private: bool = False  # System V shared memory: reserved by shmget, not by shmat (S_PRIVATE)

    def __init__(self, state: State, ino: int, name: str, h: hstate | None, **fields: Any):
        super().__init__(state, f"inode/{ino}", i_ino=ino, name=name, h=h, **fields)

    @property
    def files(self) -> int:
        """The number of open files of it."""
        return sum(opened.f_inode is self for opened in self.state.of(file))

    @property
    def mappings(self) -> int:
        """The number of mappings of it."""
        return self.refs - self.files

    @property
    def reserved(self) -> int:
        """Pages of it that are reserved and not allocated yet."""
        return len(self.resv_map.regions) - len(self.i_pages)


class sysctl(Record):
    """The settings of /proc/sys/vm that belong to no pool."""

    hugetlb_shm_group: int = 0  # the group whose members may make segments of huge pages


class shmid_kernel(Record):
    """A System V shared memory segment."""

    name: str
    shm_file: inode
    size: int  # bytes, as asked for
    uid: int  # its maker; only he and root may map it
    dest: bool = False  # IPC_RMID was called: removed with its last mapping
    locked: bool  # its size counts against the maker's RLIMIT_MEMLOCK (user_shm_lock)

    def __init__(self, state: State, number: int, name: str, node: inode, size: int, uid: int, locked: bool):
        super().__init__(state, f"shm/{number}", name=name, shm_file=node, size=size, uid=uid, locked=locked)


class file(Record):
    """An open file (struct file), to which descriptors and mappings point."""

    f_inode: inode
    readable: bool
    writable: bool
    count: int = 1  # descriptors, of all processes; a mapping counts in the inode's refs
    f_pos: int = 0  # bytes
    path_only: bool  # opened with O_PATH: good for fstat, close and sendfd only

    def __init__(self, state: State, number: int, node: inode, readable: bool, writable: bool, path_only: bool = False):
        fields = {"f_inode": node, "readable": readable, "writable": writable, "path_only": path_only}
        super().__init__(state, f"file/{number}", **fields)


class mm_struct(Record):
    """The address space of one process, with its page tables."""

    proc: str
    pid: int
    alive: bool = True
    fds: dict[str, file]  # descriptor name -> open file; replaced, never changed in place
    tables: dict[int, RunMap]  # page size -> page table: address / size -> frame, tag (writable, anonymous)
    pmds: dict[int, RunMap]  # page size -> its page tables, empty or not: keys are address / (512 * size)
    uid: int = 0
    rlimit_memlock: int | None = None  # bytes; None: no limit
    cgroup: str | None = None  # key of its hugetlb cgroup; None: the root
    policy: Policy | None = None  # where its pages come from (set_mempolicy)
    mlockall: frozenset[str] = (
        frozenset()
    )  # MCL_ flags: MCL_FUTURE populates mappings to come, MCL_CURRENT has locked all memory
    parent: str | None = None  # key of the process that forked it

    def __init__(self, state: State, proc: str, pid: int, sizes: tuple[int, ...], **fields: Any):
        tables, pmds = ({size: state.runs() for size in sizes} for _ in range(2))
        super().__init__(state, f"mm/{proc}", proc=proc, pid=pid, fds={}, tables=tables, pmds=pmds, **fields)


class vm_area_struct(Record):
    """One mapping of one process."""

    mm: mm_struct
    vm_start: int
    vm_end: int
    vm_pgoff: int  # in huge pages: the file index of the first page
    vm_flags: int
    inode: inode
    h: hstate
    resv_map: resv_map | None = None  # the map of a private mapping that owns reservations (HPAGE_RESV_OWNER)
    name: str  # the program's name for it
    unmapped: bool = False  # the owner took a page away from this child: every fault is SIGBUS (HPAGE_RESV_UNMAPPED)
    for_writing: bool = False  # its file was opened for writing
    anon_vma: bool = False  # it has had a private page: fork copies its page table
    policy: Policy | None = None  # where its pages come from (mbind)

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
