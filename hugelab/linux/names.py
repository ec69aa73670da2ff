"""Names of kernel functions, release by release. All other modules use the 3.10 names."""

from __future__ import annotations

import re
from functools import cache

# 3.10 name -> (release, name since then), in order. A function that 3.10 lacks is listed under its current name. Where
# a function was removed, the next name is the function that took over its work. Sources: recordings of 3.10, 6.1 and
# 6.18, the code of 5.10 and 6.1, and git history for the other releases.
NAMES: dict[str, tuple[tuple[str, str], ...]] = {
    # system calls with a new entry; all others get a prefix, see function_name
    "sys_open": (("4.17", "__x64_sys_openat"),),
    "sys_mmap_pgoff": (("4.17", "ksys_mmap_pgoff"),),
    "sys_exit": (("4.17", "__x64_sys_exit_group"),),
    "sys_fork": (("4.17", "__x64_sys_clone"),),
    "sys_stat": (("4.17", "__x64_sys_newstat"),),
    "sys_fstat": (("4.17", "__x64_sys_newfstat"),),
    # entries
    "do_sys_open": (("5.6", "do_sys_openat2"),),
    "do_fallocate": (("3.19", "vfs_fallocate"),),
    "do_mmap_pgoff": (("5.9", "do_mmap"),),
    "do_munmap": (("4.20", "__do_munmap"), ("6.1", "do_mas_munmap"), ("6.3", "do_vmi_munmap")),
    "do_page_fault": (("5.8", "exc_page_fault"),),
    "follow_hugetlb_page": (("6.6", "handle_mm_fault"),),
    "zap_page_range": (
        ("6.1", "zap_page_range_single"),
        ("6.16", "zap_page_range_single_batched"),
        ("7.1", "zap_vma_range_batched"),
    ),
    # allocation
    "hugetlb_cow": (("5.19", "hugetlb_wp"),),
    "find_lock_page": (("6.3", "filemap_lock_folio"), ("6.7", "filemap_lock_hugetlb_folio")),
    "alloc_huge_page": (("6.3", "alloc_hugetlb_folio"),),
    "dequeue_huge_page_node": (("4.13", "dequeue_huge_page_nodemask"), ("6.3", "dequeue_hugetlb_folio_nodemask")),
    "dequeue_huge_page_vma": (("6.3", "dequeue_hugetlb_folio_vma"),),
    "alloc_buddy_huge_page": (
        ("4.4", "__alloc_buddy_huge_page"),
        ("4.16", "alloc_surplus_huge_page"),
        ("6.3", "alloc_surplus_hugetlb_folio"),
    ),
    "clear_huge_page": (("6.11", "folio_zero_user"),),
    "copy_user_huge_page": (("6.4", "copy_user_large_folio"),),
    "add_to_page_cache": (("4.3", "huge_add_to_page_cache"), ("6.1", "hugetlb_add_to_page_cache")),
    # unmapping and freeing
    "__unmap_hugepage_range_final": (("6.6", "__unmap_hugepage_range"),),
    "hugetlb_vmtruncate": (("4.3", "hugetlb_vmdelete_list"),),
    "truncate_hugepages": (("4.3", "remove_inode_hugepages"),),
    "free_huge_page": (("6.6", "free_huge_folio"),),
    "enqueue_huge_page": (("6.2", "enqueue_hugetlb_folio"),),
    # reservations of a mapping that is copied or moved
    "reset_vma_resv_huge_pages": (("6.1", "hugetlb_dup_vma_private"),),
    "fixup_hugetlb_reservations": (("5.16", "clear_vma_resv_huge_pages"), ("6.15", "fixup_hugetlb_reservations")),
}
WRAPPED = (4, 17)  # since then a program reaches sys_x through __x64_sys_x


def release(version: str) -> tuple[int, int]:
    """``"6.18"`` or ``"6.18.44-cloud"`` -> (6, 18). Raises ValueError for text that is no release."""
    if not (found := re.match(r"(\d+)\.(\d+)", version)):
        raise ValueError(f"{version!r} is no release of Linux: write one such as 6.11")
    return int(found[1]), int(found[2])


@cache
def function_name(name: str, version: str) -> str:
    """The name, in a release such as "6.11", of a function given by its 3.10 name."""
    at, now = release(version), name
    if at >= WRAPPED and name.startswith("sys_"):
        now = f"__x64_{name}"
    for since, later in NAMES.get(name, ()):
        if release(since) <= at:
            now = later
    return now


def all_names(name: str) -> tuple[str, ...]:
    """Every name in any release of a function given by its 3.10 name."""
    return tuple(dict.fromkeys((name, *(later for _, later in NAMES.get(name, ())))))


# Later names in NAMES that are another function in 3.10.
_ALSO_IN_3_10 = frozenset(("handle_mm_fault", "zap_page_range_single", "__unmap_hugepage_range"))


@cache
def _by_later_name() -> dict[str, str]:
    later: dict[str, str] = {}
    for name, changes in NAMES.items():
        for _, new in changes:
            if new not in NAMES and new not in _ALSO_IN_3_10:
                later.setdefault(new, name)
    return later


@cache
def function_name_310(name: str) -> str:
    """The 3.10 name of a function given by its name in any release; that name itself if NAMES does not have it."""
    for prefix in ("__x64_sys_", "__ia32_sys_", "__se_sys_", "__do_sys_", "SyS_", "ksys_"):
        if name.startswith(prefix) and name not in _by_later_name():
            name = "sys_" + name.removeprefix(prefix)
    return _by_later_name().get(name, name)
