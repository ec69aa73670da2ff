"""Shell commands that show huge pages without this package; a test runs each. PID and MOUNT stand for yours."""

from __future__ import annotations

from collections.abc import Mapping

QUESTIONS: Mapping[str, str] = {
    "is a page available (Free - Rsvd)": "grep -i huge /proc/meminfo",
    "by page size": "grep . /sys/kernel/mm/hugepages/*/*_hugepages",
    "by memory node": "grep . /sys/devices/system/node/node*/hugepages/*/*_hugepages",
    "who has touched pages": "grep -H '^HugetlbPages:.*[1-9]' /proc/[0-9]*/status",
    "who has mapped some, touched or not": "grep -l '^VmFlags:.* ht' /proc/[0-9]*/smaps 2>/dev/null",
    "which mappings of a process, how many pages, on which node": "grep huge /proc/PID/numa_maps",
    "which pages are shared with others": "grep -E '^[0-9a-f]+-|_Hugetlb: +[1-9]' /proc/PID/smaps | grep -B1 _Hugetlb",
    "which file systems": "grep hugetlbfs /proc/mounts",
    "which files hold pages (first column: KB)": "ls -ls MOUNT",
    "files without a name": "grep -H 'deleted) huge' /proc/[0-9]*/numa_maps 2>/dev/null",
    "shared memory that no process has attached (nattch 0)": "ipcs -m",
}
