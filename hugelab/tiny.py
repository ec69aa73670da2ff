"""How Linux allocates huge pages, on one screen: one pool, one hugetlbfs file, shared mappings, four counters.

    total  pages in the pool                  free  pages on the free list
    rsvd   free pages that are reserved       surp  pages beyond the pool's set size (0: overcommit is off)

``python -m hugelab.tiny`` runs the program at the end. The comments name the functions of Linux 3.10 that do this.
"""


class Refused(Exception):
    """A call that changed nothing: the errno (ENOMEM, EBADF ...) or signal (SIGBUS, SIGSEGV), and why."""


class File:
    """An inode. It owns pages and reservations, by page index, and lives as long as it has a holder."""

    def __init__(self) -> None:
        self.size = 0  # in pages, like every number here
        self.pages: set[int] = set()  # the page cache: these indices have their page
        self.resv_map: set[int] = set()  # these are reserved, or have their page already
        self.holders: set[Holder] = set()


class Holder:
    """A file's name, an open descriptor, or a mapping of ``count`` (1 or more) pages from ``first`` on."""

    def __init__(self, file: File, first: int = 0, count: int = 0):
        self.file, self.first, self.count = file, first, count
        file.holders.add(self)


class Kernel:
    """The pool, a directory with at most one name in it, and the system calls of one process."""

    def __init__(self, pages: int):
        self.total, self.free, self.rsvd, self.surp = pages, pages, 0, 0
        self.dentry: Holder | None = None  # the file's name

    def __str__(self) -> str:
        return f"{self.total:5} {self.free:5} {self.rsvd:5} {self.surp:5}   after"

    def open(self) -> Holder:  # O_CREAT: hugetlbfs_create, hugetlbfs_get_inode
        self.dentry = self.dentry or Holder(File())
        return Holder(self.dentry.file)

    def mmap(self, fd: Holder, count: int, first: int = 0) -> Holder:  # hugetlbfs_file_mmap, hugetlb_reserve_pages
        file, wanted = self.held(fd).file, set(range(first, first + count))
        missing = len(wanted - file.resv_map)  # region_chg: what the file has reserved is not reserved twice
        if missing > self.free - self.rsvd:  # hugetlb_acct_memory: all or nothing
            raise Refused("ENOMEM", f"{missing} pages wanted, {self.free - self.rsvd} available")
        self.rsvd += missing  # reserved, not allocated: free stays
        file.resv_map |= wanted  # region_add
        file.size = max(file.size, first + count)
        return Holder(file, first, count)

    def touch(self, area: Holder, page: int) -> None:  # hugetlb_fault, hugetlb_no_page
        file, index = area.file, area.first + page
        if area not in file.holders or not 0 <= page < area.count:
            raise Refused("SIGSEGV", "nothing is mapped there")
        if index in file.pages:  # find_lock_page: the file has it, whoever touched it first
            return
        if index >= file.size:
            raise Refused("SIGBUS", "beyond the end of the file")
        reserved = index in file.resv_map  # vma_needs_reservation
        if not reserved and self.free == self.rsvd:  # dequeue_huge_page_vma
            raise Refused("SIGBUS", "no free page is left that is not reserved")
        self.free -= 1  # dequeue_huge_page_node: off the free list
        self.rsvd -= reserved  # decrement_hugepage_resv_vma: the reservation pays
        file.resv_map.add(index)  # vma_commit_reservation
        file.pages.add(index)  # add_to_page_cache: the page is the file's, not the mapping's

    def munmap(self, area: Holder) -> None:  # hugetlb_vm_op_close: of a shared mapping, it frees nothing
        self.iput(area)

    def close(self, fd: Holder) -> None:  # fput
        self.iput(self.held(fd))

    def unlink(self) -> None:  # vfs_unlink: the name is a holder like the others
        if self.dentry is None:
            raise Refused("ENOENT", "no file has the name")
        self.iput(self.dentry)
        self.dentry = None

    def ftruncate(self, fd: Holder, size: int) -> None:
        self.truncate(self.held(fd).file, size)

    def held(self, fd: Holder) -> Holder:
        if fd not in fd.file.holders:
            raise Refused("EBADF", "the descriptor is closed")
        return fd

    def iput(self, holder: Holder) -> None:
        holder.file.holders.discard(holder)
        if not holder.file.holders:  # hugetlbfs_evict_inode: the last holder is gone
            self.truncate(holder.file, 0)

    def truncate(self, file: File, size: int) -> None:  # hugetlb_vmtruncate, truncate_hugepages
        file.size, kept = size, set(range(size))
        pages, regions = file.pages - kept, file.resv_map - kept
        self.free += len(pages)  # free_huge_page, one by one
        self.rsvd -= len(regions) - len(pages)  # hugetlb_unreserve_pages: those that nobody touched
        file.pages, file.resv_map = file.pages & kept, file.resv_map & kept


if __name__ == "__main__":
    kernel = Kernel(10)
    print("total  free  rsvd  surp")
    fd = kernel.open()
    print(kernel, "open")
    area = kernel.mmap(fd, 5)
    print(kernel, "mmap of 5 pages")
    for page in range(5):
        kernel.touch(area, page)
        print(kernel, f"touch of page {page}")
    kernel.munmap(area)
    print(kernel, "munmap")
    kernel.close(fd)
    print(kernel, "close")
    kernel.unlink()
    print(kernel, "unlink")
