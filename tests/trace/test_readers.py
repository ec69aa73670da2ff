"""The readers: what each tool prints, line by line; broken lines and prose; every recording without an unread line."""
# ruff: noqa: E501 (lines as the tools print them)

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from hugelab.linux.names import NAMES, all_names, function_name
from hugelab.trace.read.entry import EVENTS, Entry, Kind, canonical, seconds
from hugelab.trace.read.reader import Reader, entries
from tests.conftest import DATA

RECORDINGS = [*sorted((Path(__file__).parent / "data").glob("*.txt")), *sorted(DATA.glob("k310pae_*.txt"))]
CALL, RETURN, POINT, MARK = Kind.CALL, Kind.RETURN, Kind.POINT, Kind.MARK
LOST, NOTE, OTHER, COUNTERS = Kind.LOST, Kind.NOTE, Kind.OTHER, Kind.COUNTERS


def one(text: str) -> Entry | None:
    """The Entry of the last of some lines."""
    reader, found = Reader(), None
    for number, line in enumerate(text.split("\n"), 1):
        found = reader.read(line, number)
    return found


def check(text: str, kind: Kind, name: str, expected: dict[str, Any]) -> None:
    """``expected`` holds attributes of the Entry and, where there is no such attribute, fields."""
    entry = one(text)
    assert entry is not None, "unread"
    assert (entry.kind, entry.name) == (kind, name), entry
    for key, value in expected.items():
        found = getattr(entry, key) if key in Entry._fields else entry.fields.get(key)
        assert found == (pytest.approx(value) if isinstance(value, float) else value), (key, entry)


FAULT = "hugetlb_fault"
HL = {"pid": 605, "comm": "hugelab"}

# (the line or lines, of which the last counts; kind; name; attributes and fields)
GRAPH: list[tuple[str, Kind, str, dict[str, Any]]] = [
    ("   92.471923 |   0)  hugelab-605   |               |  hugetlb_fault() {", CALL, FAULT, HL | {"time": 92.471923, "cpu": 0, "leaf": False}),
    ("   92.471981 |   0)  hugelab-605   | + 10.546 us   |    hugetlb_fault();", CALL, FAULT, HL | {"took": 10.546, "mark": "+", "leaf": True}),
    (" 0)               |  hugetlb_fault() {", CALL, FAULT, {"cpu": 0, "time": None, "pid": None}),
    (" 0)   1.884 us    |    hugetlb_fault();", CALL, FAULT, {"cpu": 0, "took": 1.884}),
    (" 11)  hugelab-605   |   1.884 us    |    hugetlb_fault();", CALL, FAULT, HL | {"cpu": 11}),
    ("  hugelab-605   |               |  hugetlb_fault() {", CALL, FAULT, HL | {"cpu": None}),
    ("               |  hugetlb_fault() {", CALL, FAULT, {"cpu": None}),
    ("   0.633 us    |  hugetlb_fault();", CALL, FAULT, {"took": 0.633}),
    (" 0)  hugelab-605   |  hugetlb_fault() {", CALL, FAULT, HL),  # nofuncgraph-duration
    (" 0)  hugetlb_fault() {", CALL, FAULT, {"cpu": 0}),
    (" 1)  hugelab-605   |  d..1. |   0.633 us    |  hugetlb_fault();", CALL, FAULT, HL),  # latency-format
    (" 1)  hugelab-605   |  d..1.   0.633 us    |  hugetlb_fault();", CALL, FAULT, HL),
    (" 0) $ 1234567 us |  hugetlb_fault();", CALL, FAULT, {"took": 1234567.0, "mark": "$"}),
    (" 0) @ 123456.7 us |  } /* hugetlb_fault */", RETURN, FAULT, {"took": 123456.7, "mark": "@"}),
    (" 0)               |  hugetlb_fault [hugetlb]() {", CALL, FAULT, {}),
    (" 0) ! 109.744 us  |  } /* hugetlb_fault [hugetlb] */", RETURN, FAULT, {}),
    (" 0)               |  hugetlb_fault() {\n 0) ! 109.744 us  |  }", RETURN, FAULT, {"took": 109.744}),
    (" 0)               |  f() {\n 1)               |  hugetlb_fault() {\n 0)   1.000 us    |  }", RETURN, "f", {}),
    (" 0)   1.884 us    |    hugetlb_fault(); /* = 0x0 */", CALL, FAULT, {"returned": 0}),
    (" 0)   1.884 us    |  } /* = 0x2 */", RETURN, "", {"returned": 2}),
    (" 0)   1.884 us    |  } /* hugetlb_reserve_pages = -12 */", RETURN, "hugetlb_reserve_pages", {"returned": -12}),
    (" 0)   1.884 us    |  } /* hugetlb_fault = 0x0 */", RETURN, FAULT, {"returned": 0}),
    (" 0)   1.884 us    |  } /* hugetlb_fault ret=false */", RETURN, FAULT, {"returned": 0}),
    (" 0)   1.884 us    |  } /* hugetlb_fault ret=0x69380649(trunc) */", RETURN, FAULT, {"returned": 0x69380649}),
    ("  hugelab-605   [001]    37.3: funcgraph_entry:        5.153 us   |  hugetlb_fault(); (ret=0x0)", CALL, FAULT, {"returned": 0}),
    ("#   <...>-57119   1.Ns..   336.122952: hugetlb_fault <-x"[1:], CALL, FAULT, {"pid": 57119, "cpu": 1}),
    (" 0)   1.884 us    |  } (ret=0x0)", RETURN, "", {"returned": 0}),
    (" 0)   1.884 us    |    hugetlb_fault(); /* ret=0x0 */", CALL, FAULT, {"returned": 0}),
    (" 0)   1.884 us    |    hugetlb_fault(); /* <-handle_mm_fault+0x1b4/0x300 ret=0x200 */", CALL, FAULT, {"returned": 0x200, "caller": "handle_mm_fault"}),
    (" 0)               |  hugetlb_fault() { /* <-handle_mm_fault+0x1b4/0x300 */", CALL, FAULT, {"caller": "handle_mm_fault"}),
    (" 0)   1.884 us    |  } /* hugetlb_fault ret=0x200 */", RETURN, FAULT, {"returned": 0x200}),
    ("   92.4 |   0)  hugelab-605   |               |  hugetlb_fault(mm=0xffff888004878000, vma=0xffff888007c1c480, address=0x7ff563800000, flags=0x1255) {", CALL, FAULT, HL | {"addr": 0x7FF563800000, "flags": 0x1255}),
    ("   92.4 |   0)  hugelab-605   |   5.418 us    |  region_chg(resv=0xffff888008df4280, f=0, t=5, out=0xffffc900005ab768);", CALL, "region_chg", {"f": 0, "t": 5, "leaf": True}),
    (" 0)               |  hugetlb_reserve_pages(inode=0xf, from=0, to=5, vma_flags=(STRUCT)[0x4400fb], ...) {", CALL, "hugetlb_reserve_pages", {"f": 0, "t": 5, "vm_flags": 0x4400FB}),
    (" 0)               |  __vma_reservation_common(h=0xf, mode=1 [VMA_COMMIT_RESV]) {", CALL, "__vma_reservation_common", {"mode": 1}),
    (" 0)               |  hugetlb_acct_memory.part.0.constprop.0.isra.0.cold() {", CALL, "hugetlb_acct_memory", {}),
    (" 0)  kworker-20    |               |  free_huge_folio() {", CALL, "free_huge_page", {"comm": "kworker", "pid": 20}),
    (" 0)   <idle>-0     |   1.0 us      |  free_huge_page();", CALL, "free_huge_page", {"comm": "<idle>", "pid": 0}),
    (" 0)   tmux: s-800  |   1.0 us      |  free_huge_page();", CALL, "free_huge_page", {"comm": "tmux: s", "pid": 800}),
    (" 0)   a-b (c)-800  |   1.0 us      |  free_huge_page();", CALL, "free_huge_page", {"comm": "a-b (c)", "pid": 800}),
    (" 0)   <...>-568    |   1.0 us      |  free_huge_page();", CALL, "free_huge_page", {"comm": "<...>", "pid": 568}),
    ("   56.500941 |   1)  hugelab-605   |               |  /* create: (hugetlbfs_create+0x0/0x20) mode=0x81ed */", CALL, "hugetlbfs_create", HL | {"mode": 0x81ED, "at": ("hugetlbfs_create", 0, 0x20)}),
    ("   56.5 |   1)  hugelab-605   |               |  /* SNAP total=10 free=9 rsvd=8 surp=0 n0=10/9/0 */", MARK, "SNAP", HL | {"total": 10, "free": 9, "rsvd": 8, "nodes": {0: (10, 9, 0)}}),
    ("   56.5 |   1)  hugelab-605   |               |  /* HUGETLB_TRACE: hugetlb_acct_memory() - delta=5 */", POINT, "hugetlb_acct_memory", HL | {"delta": 5, "time": 56.5}),
    (" 0)               |  /* sched_switch: prev_comm=hugelab prev_pid=605 */", OTHER, "", {}),
    (" ------------------------------------------", OTHER, "", {}),
    (" 0)   bash-123    =>  hugelab-605  ", OTHER, "", {}),
    (" | 1)  migration/0--1  =>  sshd-1755", OTHER, "", {}),
    (" 0)   ==========> |", OTHER, "", {}),
    (" 0)   <========== |", OTHER, "", {}),
    ("   92.4 |   0)  hugelab-605   |   ==========> |", OTHER, "", {}),
    (" (Overruns: 0)", OTHER, "", {}),
    ("CPU:0 [LOST 12 EVENTS]", LOST, "", {"events": 12}),
    ("CPU:0 [LOST EVENTS]", LOST, "", {"events": 0}),
    ("##### CPU 1 buffer started ####", NOTE, "", {}),
]  # fmt: skip

HEAD = "         hugelab-605   [001] d..1.    37.309100: "
AT = HL | {"time": 37.3091, "cpu": 1}
FTRACE: list[tuple[str, Kind, str, dict[str, Any]]] = [
    (HEAD + "hugetlb_fault <-handle_mm_fault", CALL, FAULT, AT | {"caller": "handle_mm_fault"}),
    (HEAD + "hugetlb_fault+0x0/0xca0 <-handle_mm_fault+0x1b4/0x300", CALL, FAULT, AT | {"caller": "handle_mm_fault"}),
    (HEAD + "hugetlb_fault(mm=0xf, vma=0xe, address=0x7f7e1a400000, flags=0x255) <-handle_mm_fault", CALL, FAULT, AT | {"addr": 0x7F7E1A400000}),
    (HEAD + "fault: (hugetlb_fault+0x0/0xca0) addr=0x7f7e1a400000 flags=0x255 nr=10 free=10 resv=5 surp=0", CALL, FAULT, AT | {"addr": 0x7F7E1A400000, "rsvd": 5, "moment": "fault"}),
    (HEAD + "p_hugetlb_fault_0: (hugetlb_fault+0x4/0xca0)", CALL, FAULT, AT | {"at": ("hugetlb_fault", 4, 0xCA0)}),
    (HEAD + "my: (hugetlb_fault.part.0+0x0/0xca0) name=\"a b\" list={1,2} gone=(fault)", CALL, FAULT, AT | {"name": FAULT}),
    (HEAD + "fault_ret: (handle_mm_fault+0x1b4/0x300 <- hugetlb_fault) ret=0", RETURN, FAULT, AT | {"ret": 0}),
    (HEAD + "reserve_ret: (hugetlbfs_file_mmap+0xed/0x140 <- hugetlb_reserve_pages) ret=-12", RETURN, "hugetlb_reserve_pages", {"ret": -12}),
    ("         hugelab-749   [001] d...    26.554912: fault: (hugetlb_fault+0x0/0x640) addr=b5e00000 flags=a9", CALL, FAULT, {"addr": 0xB5E00000, "flags": 0xA9}),
    (HEAD + "hugetlbfs_evict_inode: dev 0,26 ino 1004 mode 0100755 size 10485760 nlink 0", POINT, "hugetlbfs_evict_inode", AT | {"moment": "tracepoint", "mode": 0o100755, "size": 10485760}),
    (HEAD + "tracing_mark_write: STEP 1 open(\"/mnt/huge/test_file\", O_CREAT|O_RDWR, 0755)", MARK, "STEP", AT | {"number": 1}),
    (HEAD + "tracing_mark_write: hello", OTHER, "", {"text": "hello"}),
    (HEAD + "console: [   37.3] HUGETLB_TRACE: hugetlb_acct_memory() - delta=5", POINT, "hugetlb_acct_memory", AT | {"delta": 5}),
    (HEAD + "sys_mmap(addr: 0, len: a00000, prot: 3, flags: 1, fd: 6, off: 0)", CALL, "sys_mmap", AT | {"len": 0xA00000, "moment": "syscall"}),
    (HEAD + "sys_mmap -> 0x7f7e1a400000", RETURN, "sys_mmap", AT | {"ret": 0x7F7E1A400000}),
    (HEAD + "sys_openat(dfd: ffffff9c, filename: 7ffd, flags: 42, mode: 1ed)", CALL, "sys_open", {}),
    (HEAD + "sched_switch: prev_comm=hugelab prev_pid=605 prev_prio=120 prev_state=R ==> next_comm=swapper/1", OTHER, "sched_switch", AT),
    (HEAD + "<stack trace>", OTHER, "stack", {}),
    (" => handle_mm_fault", OTHER, "stack", {}),
    (" => hugetlb_fault+0x12/0xca0", OTHER, "stack", {}),
    (" =>  <00007f7e1a400000>", OTHER, "stack", {}),
    ("         hugelab-605     (    568) [001] d..1.    37.309100: hugetlb_fault <-handle_mm_fault", CALL, FAULT, AT),
    ("         hugelab-605     (-------) [001] d..1.    37.309100: hugetlb_fault <-handle_mm_fault", CALL, FAULT, AT),
    ("         hugelab-605   [001]    37.309100: hugetlb_fault <-handle_mm_fault", CALL, FAULT, AT),
    ("     kworker/0:1-20    [000] .....    37.3: free_huge_folio <-x", CALL, "free_huge_page", {"comm": "kworker/0:1", "pid": 20}),
    ("          <idle>-0     [000] .....    37.3: free_huge_folio <-x", CALL, "free_huge_page", {"comm": "<idle>", "pid": 0}),
    ("    tmux: server-800   [000] .....    37.3: free_huge_folio <-x", CALL, "free_huge_page", {"comm": "tmux: server", "pid": 800}),
    ("           <...>-568   [000] .....    37.3: free_huge_folio <-x", CALL, "free_huge_page", {"comm": "<...>", "pid": 568}),
    ("     (a-b: c) -1-568   [000] .....    37.3: free_huge_folio <-x", CALL, "free_huge_page", {"comm": "(a-b: c) -1", "pid": 568}),
    ("         hugelab-605   [001] d..1.    37309100: hugetlb_fault <-handle_mm_fault", CALL, FAULT, HL | {"time": None}),  # trace_clock
    (" hugelab-605     1d..1.  123us+: hugetlb_fault <-handle_mm_fault", CALL, FAULT, HL | {"time": 0.000123, "cpu": 1}),  # latency-format
    # trace-cmd report
    ("version = 6", NOTE, "", {}),
    ("CPU 1 is empty", NOTE, "", {}),
    ("cpus=2", NOTE, "", {}),
    ("CPU:1 [12 EVENTS DROPPED]", LOST, "", {"events": 12}),
    ("CPU:1 [EVENTS DROPPED]", LOST, "", {"events": 0}),
    ("         hugelab-605   [001] d..1.    37.309100: function:             hugetlb_fault <-- handle_mm_fault", CALL, FAULT, AT),
    ("         hugelab-605   [001]    37.309100: funcgraph_entry:      + 23.664 us  |  hugetlb_fault();", CALL, FAULT, AT | {"took": 23.664, "leaf": True}),
    ("         hugelab-605   [001] d..1.    37.309100: funcgraph_entry:                   |  hugetlb_fault() {", CALL, FAULT, AT),
    ("         hugelab-605   [001]    37.309100: funcgraph_exit:       ! 637.082 us |  } /* hugetlb_fault */", RETURN, FAULT, AT),
    ("         hugelab-605   [001]    37.309100: print:                tracing_mark_write: RET munmap = 0", MARK, "RET", AT),
    ("         hugelab-605   [001]    37.309100: bprint:               handle: hello", OTHER, "", {}),
    ("         hugelab-605   [001]    37.309100: fault:                (hugetlb_fault+0x0/0xca0) addr=0x7f7e1a400000", CALL, FAULT, AT),
    ("         hugelab-605   [001]    37.309100: sys_enter_mmap:       addr: 0x00000000, len: 0x00a00000", CALL, "sys_mmap", AT | {"len": 0xA00000}),
    ("         hugelab-605   [001]    37.309100: sys_exit_mmap:        0x7f7e1a400000", RETURN, "sys_mmap", AT | {"ret": 0x7F7E1A400000}),
]  # fmt: skip

PROBE = "  probe:hl_fault       (on hugetlb_fault with addr flags)\n"
PERF: list[tuple[str, Kind, str, dict[str, Any]]] = [
    ("         hugelab   605 [000]   110.624476:         probe:hl_fault: (ffffffff813135c0) addr=0x7f5f8d200000 flags=0x255", CALL, FAULT, HL | {"time": 110.624476, "cpu": 0, "addr": 0x7F5F8D200000}),
    (PROBE + "         hugelab   605 [000]   110.624476:         probe:hl_fault: (ffffffff813135c0)", CALL, FAULT, HL),
    ("  probe:mine           (on hugetlb_fault+12 with addr)\n hugelab 605 [000] 1.5: probe:mine: (ffffffff813135c0)", CALL, FAULT, HL),
    ("         hugelab   568/605   [000]   110.624476:         probe:hl_fault: (ffffffff813135c0) addr=0x7f", CALL, FAULT, HL),
    ("         hugelab   605   110.624476:         probe:hl_fault: (ffffffff813135c0) addr=0x7f", CALL, FAULT, HL | {"cpu": None}),
    ("         hugelab [000]   110.624476:         probe:hl_fault: (ffffffff813135c0) addr=0x7f", CALL, FAULT, {"pid": None, "cpu": 0}),
    ("    tmux: server   800 [000]   110.62:  probe:hl_fault: (ffffffff813135c0) addr=0x7f", CALL, FAULT, {"comm": "tmux: server", "pid": 800}),
    ("     kworker/0:1    20 [000]   110.62:  probe:hl_free: (ffffffff813135c0) page=0xf", CALL, "free_huge_page", {"comm": "kworker/0:1"}),
    (" hugelab   605 [000]   110.6: probe:hl_alloc__return: (ffffffff8130edd0 <- ffffffff81313f90) page=0xffffea0000570000", RETURN, "alloc_huge_page", HL | {"page": 0xFFFFEA0000570000}),
    (" hugelab   605 [000]   110.6:          1 page-faults:      7f5f8d200000 [unknown] (/mnt/huge/test_file)", OTHER, "page-faults", HL),
    (" hugelab   605 [000]   110.6:          1 page-faults:u: ", OTHER, "page-faults:u", HL),
    (" hugelab   605 [000]   110.6:     250000 cycles:P:  ffffffff813135c0 hugetlb_fault+0x10 ([kernel.kallsyms])", OTHER, "cycles:P", HL),
    (" hugelab   605 [000]   110.6: sched:sched_switch: prev_comm=hugelab prev_pid=605", OTHER, "sched_switch", HL),
    (" hugelab   605 [000]   110.6: syscalls:sys_enter_mmap: addr: 0x00000000, len: 0x00a00000", CALL, "sys_mmap", HL | {"len": 0xA00000}),
    (" hugelab   605 [000]   110.6: hugetlbfs:hugetlbfs_evict_inode: dev 0,26 ino 1004 mode 0100755", POINT, "hugetlbfs_evict_inode", HL),
    ("\tffffffff813135c1 hugetlb_fault+0x1 ([kernel.kallsyms])", NOTE, "", {}),
    ("            4b2f1c main+0x2c (/usr/bin/hugelab)", NOTE, "", {}),
    ("               0 [unknown] ([unknown])", NOTE, "", {}),
    (" hugelab   605 [000]   110.6: PERF_RECORD_LOST lost 12", LOST, "", HL | {"events": 12}),
    ("PERF_RECORD_LOST lost 12", LOST, "", {"events": 12}),
    ("   568/605   110.624476: probe:hl_fault: (ffffffff813135c0) addr=0x7f", CALL, FAULT, {"pid": 605, "comm": ""}),
    (" hugelab   605 [000]   110.6: PERF_RECORD_LOST id:17: lost:12", LOST, "", {"events": 12}),
    (" hugelab   605 [000]   110.6: PERF_RECORD_MMAP2 605/605: [0x400000(0xc0000) @ 0 08:01 12 0]: r-xp /bin/hugelab", OTHER, "PERF_RECORD_MMAP2", {}),
    ("[ perf record: Woken up 1 times to write data ]", NOTE, "", {}),
    ("Processed 123 events and lost 4 chunks!", NOTE, "", {}),
    # perf trace
    ("     9.135 ( 0.294 ms): hugelab/605 mmap(len: 10485760, prot: READ|WRITE, flags: SHARED, fd: 7)           = 0x7f8549600000", POINT, "sys_mmap", HL | {"time": 0.009135, "len": 10485760, "ret": 0x7F8549600000, "moment": "syscall"}),
    ("     9.135 ( 0.294 ms): mmap(len: 10485760)           = 0x7f8549600000", POINT, "sys_mmap", {"pid": None, "ret": 0x7F8549600000}),
    ("     9.135 ( 0.294 ms): hugelab/605 mmap(len: 10485760)           = -1 ENOMEM (Cannot allocate memory)", POINT, "sys_mmap", {"ret": -1, "error": "ENOMEM"}),
    ("     9.135 (         ): hugelab/605 munmap(addr: 0x7f8549600000, len: 10485760) ...", POINT, "sys_munmap", HL | {"addr": 0x7F8549600000}),
    ("     9.135 ( 0.294 ms): hugelab/605  ... [continued]: munmap())                                           = 0", POINT, "sys_munmap", HL | {"ret": 0}),
    ("         ? (         ): hugelab/605  ... [continued]: execve())                                           = 0", POINT, "sys_execve", HL | {"time": None, "ret": 0}),
    ("         ? (         ):  ... [continued]: open())      = -1 ENOENT (No such file or directory)", POINT, "sys_open", {"ret": -1, "error": "ENOENT"}),
    ("     9.135 ( 0.294 ms): hugelab/605 openat(dfd: CWD, filename: \"/mnt/huge/test_file\", flags: RDWR|CREAT) = 7", POINT, "sys_open", {"ret": 7, "filename": "/mnt/huge/test_file"}),
    ("    10.135 (         ): hugelab/605 exit_group()                                                          = ?", POINT, "sys_exit", HL),
    ("     9.900 ( 0.000 ms): hugelab/605 minfault [memset+0x1f] => /mnt/huge/test_file@0x200000 (d.)", POINT, "user_access", HL | {"moment": "minfault", "file": "/mnt/huge/test_file", "offset": 0x200000}),
    ("     9.900 ( 0.000 ms): hugelab/605 majfault [memset+0x1f] => 0x7f8549600000 (?.)", POINT, "user_access", {"addr": 0x7F8549600000}),
    ("     9.900 hugelab/605 probe:hl_fault:(ffffffff813135c0) addr=0x7f8549600000)", CALL, FAULT, HL | {"addr": 0x7F8549600000}),
    ("     9.900 (         ): hugelab/605 probe:hl_fault(__probe_ip: -2127494720, addr: 140210000000000)", CALL, FAULT, HL),
    ("     9.900 (         ): hugelab/605 sched:sched_waking(comm: \"sleep\", pid: 3319)", OTHER, "sched_waking", HL),
    ("LOST 12 events!", LOST, "", {"events": 12}),
    (" Summary of events:", NOTE, "", {}),
    (" hugelab (605), 138 events, 98.6%", NOTE, "", {}),
    ("   syscall            calls  errors  total       min       avg       max       stddev", NOTE, "", {}),
    ("   mmap                   1      0     0.294     0.294     0.294     0.294      0.00%", NOTE, "", {}),
]  # fmt: skip

BPFTRACE: list[tuple[str, Kind, str, dict[str, Any]]] = [
    ("139862503630 hugelab 605 fault addr=0x7fb801a00000 flags=0x255", CALL, FAULT, HL | {"time": 139.86250363, "addr": 0x7FB801A00000}),
    ("139863793000 hugelab 605 alloc addr=0x7fb801a00000 page=0xffffea0000170000 nr=10 free=9 resv=4 surp=0", RETURN, "alloc_huge_page", HL | {"free": 9}),
    ("139885673690 hugelab 605 evict", CALL, "hugetlbfs_evict_inode", HL),
    ("139885673690 tmux: server 800 free page=0xf", CALL, "free_huge_page", {"comm": "tmux: server", "pid": 800}),
    ("139860884480 hugelab 605 reserve from=0 to=5", CALL, "hugetlb_reserve_pages", HL | {"f": 0, "t": 5}),
    ("139860884480 hugelab 605 SNAP total=10 free=10 rsvd=0 surp=0", MARK, "SNAP", HL),
    ("bpftrace v0.17.0", NOTE, "", {}),
    ("Attaching 10 probes...", NOTE, "", {}),
    ("Attached 10 probes", NOTE, "", {}),
    ("Lost 12 events", LOST, "", {"events": 12}),
    ("stdin:3:1-20: WARNING: probe is gone", NOTE, "", {}),
    ("@faults[hugelab]: 5", NOTE, "", {}),
    ("@: 5", NOTE, "", {}),
    ("@ns:", NOTE, "", {}),
    ("[4K, 8K)               3 |@@@@@@@@@@@@@@@                                     |", NOTE, "", {}),
]  # fmt: skip

ACCT = "HUGETLB_TRACE: hugetlb_acct_memory() - delta=5"
_2026 = 1795521600.0  # Tue Nov 24 12:00:00 UTC 2026
PRINTK: list[tuple[str, Kind, str, dict[str, Any]]] = [
    (f"[  384.353754] {ACCT}", POINT, "hugetlb_acct_memory", {"time": 384.353754, "delta": 5}),
    (f"[384.353754] {ACCT}", POINT, "hugetlb_acct_memory", {"time": 384.353754}),
    (f"<6>[  384.353754] {ACCT}", POINT, "hugetlb_acct_memory", {"time": 384.353754}),
    (f"<6>{ACCT}", POINT, "hugetlb_acct_memory", {"time": None}),
    (f"[  384.353754][  T333] {ACCT}", POINT, "hugetlb_acct_memory", {"time": 384.353754, "pid": 333}),
    (f"[  384.353754][    C1] {ACCT}", POINT, "hugetlb_acct_memory", {"time": 384.353754, "pid": None}),
    (f"kern  :info  : [  384.353754] {ACCT}", POINT, "hugetlb_acct_memory", {"time": 384.353754}),
    (f"[Tue Nov 24 12:00:00 2026] {ACCT}", POINT, "hugetlb_acct_memory", {"time": _2026}),
    (f"[  384.353754 <    0.000012>] {ACCT}", POINT, "hugetlb_acct_memory", {"time": 384.353754}),
    (f"[  +0.000012] {ACCT}", POINT, "hugetlb_acct_memory", {"time": None}),
    (f"[Nov24 12:00] {ACCT}", POINT, "hugetlb_acct_memory", {"time": None}),
    (f"Nov 24 12:00:00 host kernel: [  384.353754] {ACCT}", POINT, "hugetlb_acct_memory", {"time": 384.353754}),
    (f"Nov 24 12:00:00 host kernel: {ACCT}", POINT, "hugetlb_acct_memory", {"time": seconds("Nov 24 12:00:00")}),
    (f"Nov 24 12:00:00.250000 host kernel: {ACCT}", POINT, "hugetlb_acct_memory", {}),
    (f"2026-11-24T12:00:00.5+00:00 host kernel: {ACCT}", POINT, "hugetlb_acct_memory", {"time": _2026 + 0.5}),
    (f"2026-11-24T13:00:00+0100 host kernel: {ACCT}", POINT, "hugetlb_acct_memory", {"time": _2026}),
    (f"2026-11-24T12:00:00,500000+00:00 {ACCT}", POINT, "hugetlb_acct_memory", {"time": _2026 + 0.5}),
    (f"[  384.353754] host kernel: {ACCT}", POINT, "hugetlb_acct_memory", {"time": 384.353754}),
    (f"6,339,384353754,-;{ACCT}", POINT, "hugetlb_acct_memory", {"time": 384.353754}),
    (f"dmesg.txt:12: {ACCT}", POINT, "hugetlb_acct_memory", {}),
    (ACCT, POINT, "hugetlb_acct_memory", {"time": None}),
    ("[    5.1] HUGEPAGE_DEQUEUE: PID 605 got page f73be000 from node 0 pool", POINT, "dequeue_huge_page_vma", {"pid": 605, "page": 0xF73BE000}),
    ("[    5.148552] PROG hugelab fork_cow pid=333 bits=32", MARK, "PROG", {"time": 5.148552, "bits": 32}),
    ("[    5.148552] HugeTLB: registered 2.00 MiB page size, pre-allocated 10 pages", OTHER, "", {"time": 5.148552}),
    ("[    0.000000] Kernel command line: hugepages=10 quiet", OTHER, "", {}),
    ("[    5.148552] usb 1-1: new high-speed USB device", OTHER, "", {}),
    ("[    5.148552] ", OTHER, "", {}),
    ("Nov 24 12:00:00 host systemd[1]: Mounted Huge Pages File System.", OTHER, "", {}),
]  # fmt: skip

SNAP = "HugePages_Total:      10\nHugePages_Free:       9\nHugePages_Rsvd:        4\nHugePages_Surp:        0"
POOL = {"total": 10, "free": 9, "rsvd": 4, "surp": 0}
MEMINFO: list[tuple[str, Kind, str, dict[str, Any]]] = [
    (SNAP, COUNTERS, "meminfo", POOL | {"time": None}),
    (f"Tue Nov 24 12:00:00 UTC 2026\nAnonHugePages:         0 kB\n{SNAP}", COUNTERS, "meminfo", POOL | {"time": _2026}),
    (f"Tue Nov 24 12:00:00 PM UTC 2026\n{SNAP}", COUNTERS, "meminfo", POOL | {"time": _2026}),
    (f"Tue 24 Nov 2026 12:00:00 PM UTC\n{SNAP}", COUNTERS, "meminfo", POOL | {"time": _2026}),
    (f"1795521600\n{SNAP}", COUNTERS, "meminfo", POOL | {"time": _2026}),
    (f"--- 1795521600.5 ---\n{SNAP}", COUNTERS, "meminfo", POOL | {"time": _2026 + 0.5}),
    (f"---\n2026-11-24T12:00:00+00:00\n{SNAP}", COUNTERS, "meminfo", POOL | {"time": _2026}),
    (f"2026-11-24 12:00:00\n{SNAP}", COUNTERS, "meminfo", POOL | {"time": _2026}),
    (f"12:00:00\n{SNAP}", COUNTERS, "meminfo", POOL | {"time": 43200.0}),
    (f"100.25 190.00\n{SNAP}", COUNTERS, "meminfo", POOL | {"time": 100.25}),
    (SNAP.replace("Huge", "/proc/meminfo:Huge"), COUNTERS, "meminfo", POOL),
    ("---", NOTE, "", {}),
    ("MemTotal:         889296 kB", OTHER, "MemTotal", {}),
    ("Active(anon):      20000 kB", OTHER, "Active(anon)", {}),
    ("Hugepagesize:       2048 kB", NOTE, "Hugepagesize", {"size": 2 << 20}),
    ("Hugetlb:           20480 kB", OTHER, "Hugetlb", {}),
    ("Node 0 HugePages_Total:    10", NOTE, "HugePages_Total", {"node": 0, "total": 10}),
]  # fmt: skip

OTHERS: list[tuple[str, Kind, str, dict[str, Any]]] = [
    ("", NOTE, "", {}),
    ("# tracer: function_graph", NOTE, "", {"tracer": "function_graph"}),
    ("# kernel:   Linux 6.1.0-50-amd64 #1 SMP x86_64", NOTE, "", {"kernel": "6.1.0-50-amd64 #1 SMP x86_64"}),
    ("# pool hugepages-2048kB: nr=10 free=10 resv=0 surp=0", NOTE, "", {"size": 2 << 20}),
    ("STEP 3 memset(ptr, 'H', 10485760)", MARK, "STEP", {"number": 3}),
    ("PAGE va=0xb6a00000 pfn=515072 node=0 kflags=0x28808", MARK, "PAGE", {"va": 0xB6A00000, "pfn": 515072}),
]  # fmt: skip

TABLES = {
    "graph": GRAPH,
    "ftrace": FTRACE,
    "perf": PERF,
    "bpftrace": BPFTRACE,
    "printk": PRINTK,
    "meminfo": MEMINFO,
    "others": OTHERS,
}
CASES = [(name, *case) for name, table in TABLES.items() for case in table]


@pytest.mark.parametrize(
    ("table", "text", "kind", "name", "expected"), CASES, ids=[f"{c[0]}-{c[1]}"[:90] for c in CASES]
)
def test_line(table: str, text: str, kind: Kind, name: str, expected: dict[str, Any]) -> None:
    """What a tool prints, and the Entry that it is."""
    check(text, kind, name, expected)


# -- the same in every format -----------------------------------------------------------------------
def test_one_event_has_one_name_in_every_format() -> None:
    """hugetlb_fault is entered, alloc_huge_page comes back: under the names of 3.10 and of 7.x, whoever says so."""
    fault = [case for table in TABLES.values() for case in table if case[2] == FAULT and case[1] is CALL]
    assert len(fault) > 30
    for text, *_ in fault:
        check(text, CALL, FAULT, {})
    later = [
        " 0)   2.0 us  |  } /* alloc_hugetlb_folio */",
        HEAD + "x: (hugetlb_no_page+0x1/0x9 <- alloc_hugetlb_folio) ret=0xffffea0000260000",
        "  probe:a__return (on alloc_hugetlb_folio%return)\n hugelab 605 [000] 1.5: probe:a__return: (ffffffff8130edd0 <- ffffffff81313f90)",
        "139863793000 hugelab 605 alloc page=0xffffea0000170000",
    ]  # fmt: skip
    for text in later:
        check(text, RETURN, "alloc_huge_page", {})


@pytest.mark.parametrize("version", ["3.10", "4.17", "5.10", "6.1", "6.6", "6.18", "7.3"])
def test_names_by_version_lead_back(version: str) -> None:
    """What a kernel calls a function leads to its 3.10 name, or to another that this kernel calls the same."""
    for name in NAMES:
        now = function_name(name, version)
        for printed in (now, f"{now}.part.0", f"{now}.constprop.0.isra.0", f"{now}.cold"):
            back = canonical(printed)
            assert back == name or function_name(back, version) == now or now in all_names(back)


def test_system_calls_of_every_architecture() -> None:
    for symbol in ("__x64_sys_munmap", "__arm64_sys_munmap", "__ia32_sys_munmap", "SyS_munmap", "__se_sys_munmap"):
        assert canonical(symbol) == "sys_munmap"


def test_dates() -> None:
    assert seconds("Tue Nov 24 12:00:00 UTC 2026") == seconds("2026-11-24T13:00:00+01:00") == seconds("1795521600")
    assert seconds("Tue 24 Nov 2026 01:00:00 PM UTC") == _2026 + 3600
    assert seconds("Tue, 24 Nov 2026 12:00:00 +0000") == _2026
    assert seconds("Nov 24 12:00:01") == (seconds("Nov 24 12:00:00") or 0) + 1
    for text in ("2026-13-24T12:00:00", "Feb 30 12:00:00", "lunch", "Nov 24", "", "1234"):
        assert seconds(text) is None


# -- what is not understood --------------------------------------------------------------------------
PROSE = [
    "Each 2MB access triggers a page fault:",
    "HugetlbFS: hugetlbfs_create()",
    "    ↓",
    "What hugetlb_reserve_pages() does:",
    "  • Calculates needed pages: to - from = 5 pages",
    "5 pages in 3 steps",
    "plugin architecture is nice",
    "Buffer overflow is a bug",
    "--- a/file",
    "Figure 3 12.5: foo bar",
    "Time: 12:00",
    "| a | b |",
    "|  no call here",
    "Pages: 5",
    "on Tue Nov 24 12:00:00 2026 we met",
    "2026-11-24",
    "At 12.5: note: this",
    "The kernel says kernel: nothing",
]


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_unread(text: str) -> None:
    assert one(text) is None


def test_the_lesson_is_read_for_its_lines_and_nothing_else() -> None:
    """Of the lesson's own page the quoted log lines are read; every sentence is unread."""
    reader = Reader()
    found = [
        entry for entry in entries((DATA / "lesson.txt").read_text().split("\n"), reader) if entry.kind is not NOTE
    ]
    assert {entry.kind for entry in found} == {POINT}
    assert reader.format == "printk"
    assert reader.unread > 100
    assert len(reader.shown) == 20


BROKEN = [
    "   92.471923 |   0)  hugelab-605   |               |  hugetlb_fault(",
    "   92.471923 |   0)  hugelab-605   |               |  hugetlb_fault() {x",
    "   92.471923 |   0)  hugelab-605   |               |  /* fault: (hugetlb_fault+0x0/0xca0) addr=0x7f",
    "   92.471923 |   0)  hugelab-605   |               |  /* fault: hugetlb_fault+0x0/0xca0) addr=0x7f */",
    " 0)   1.884 us    |  ]",
    HEAD + "hugetlb_fault <",
    HEAD + "hugetlb_fault",
    HEAD + "fault: (hugetlb_fault+0x0/0xca0 addr=0x7f7e1a400000",
    HEAD + "fault: (hugetlb_fault+0x0/0xca0) addr=0x7f7e1a400000 fla",
    HEAD + "fault: (hug",
    HEAD + "fault:",
    HEAD + "hugetlbfs_evict_inode: d",
    HEAD + "tracing_mark_write: SNAP total=10 frxe=10 rsvd=0 surp=0",
    HEAD + "tracing_mark_write: SXEP 3 memset(ptr, 'H', 10485760)",
    " hugelab   605 [000]   110.6: probe:hl_fault: (ffffffff813135c0 addr=0x7f",
    " hugelab   605 [000]   110.6: probe:",
    "     9.135 ( 0.294 ms): hugelab/605 mmap(len: 10485760, prot: READ",
    "     9.135 ( 0.294 ms): hugelab/605 mmap(len: 10485760)        = x7f8549600000",
    "139862503630 hugelab 605 fau addr=0x7fb801a00000",
    "139862503630 hugelab 605 fault addr=",
    "[  384.353754] HUGETLB_TRACE: hugetlb_acct_memory() - delt",
    "[  384.353754] HUGETLB_TRBCE: hugetlb_acct_memory() - delta=5",
    "[  384.353754] HUGXPAGE_DEQUEUE: PID 605 got page f73be000 from node 0 pool",
    "[  384.353754] HUGETL",
    "[  384.353754] SNAP total=10 free=",
    "HugePages_Fxee:       10",
    "HugePages_Free:       1x",
    "MemTotal:         889296",
]


@pytest.mark.parametrize("text", BROKEN)
def test_broken_line_is_unread(text: str) -> None:
    """A line of a known format that lost a part is counted as unread, not passed over as another event."""
    assert one(text) is None


def test_cuts_and_flips_do_not_pass_as_something_else() -> None:
    """Each event of each recording, cut and with one byte changed: it is an event or unread, hardly ever OTHER or NOTE.

    What is left: a mark's word with two faults, and lines cut before their event, which are no longer about it.
    """
    chance, tried, passed = random.Random(1), 0, []
    for path in RECORDINGS:
        reader = Reader()
        for number, text in enumerate(path.read_text().split("\n"), 1):
            entry = reader.read(text, number)
            if entry is None or entry.kind not in (*EVENTS, MARK):
                continue
            flip, cut = chance.randrange(len(text)), chance.randrange(len(text) // 2, len(text))
            for broken in (text[:flip] + chr(chance.randrange(33, 127)) + text[flip + 1 :], text[:cut]):
                found = Reader().read(broken, 1)
                tried += 1
                if found is not None and found.kind in (NOTE, OTHER) and not broken.rstrip().endswith(("]", "write:")):
                    passed.append(broken)
    assert tried > 5000
    assert len(passed) < tried / 500, passed[:10]


# -- whole files -------------------------------------------------------------------------------------
def test_every_recording_is_read_to_the_last_line() -> None:
    """29 recordings in every format: no line is unread, every event has a name, and those of tasks a pid."""
    assert len(RECORDINGS) == 29
    for path in RECORDINGS:
        reader = Reader()
        found = list(entries(path.read_text().split("\n"), reader))
        assert (reader.unread, reader.shown) == (0, []), path.name
        assert len(found) == reader.lines
        assert reader.events > 0, path.name
        for entry in found:
            if entry.kind in EVENTS:
                assert entry.name, (path.name, entry)
                nobody = "dmesg" in path.name or "lesson_b" in path.name
                assert entry.pid is not None or nobody or entry.cpu is not None, (path.name, entry)


def test_formats_in_one_file() -> None:
    """All recordings in one file, line by line in turn: as many events as apart, and every format is named."""
    apart, together = 0, Reader()
    texts = [path.read_text().split("\n") for path in RECORDINGS]
    for text in texts:
        reader = Reader()
        apart += sum(entry.kind in EVENTS for entry in entries(text, reader))
    mixed = [text[i] for i in range(max(map(len, texts))) for text in texts if i < len(text)]
    assert sum(entry.kind in EVENTS for entry in entries(mixed, together)) == apart
    assert together.unread == 0
    for name in ("function_graph with kprobe comments", "printk", "perf script", "perf trace", "bpftrace", "meminfo"):
        assert name in together.format


def test_what_a_reader_counts() -> None:
    reader = Reader()
    found = list(entries(["# tracer: nop\r\n", " 0)   1.0 us |  f();\n", "prose\n", SNAP.split("\n")[0]], reader))
    assert [entry.line for entry in found] == [1, 2, 4]
    assert (reader.lines, reader.events, reader.unread, reader.shown) == (4, 1, 1, [(3, "prose")])
    assert reader.format == "function_graph"
    assert Reader().format == ""


@pytest.mark.parametrize(
    "text", [" ", "x", "a-1 ", "0) ", "1.0 ", "[1.2", '"', "x=1 ", "(", "=> ", "a: b, ", "ffff ", "_"]
)
@pytest.mark.parametrize("head", ["", " 0)   |  ", HEAD, " c 1 [0] 1.0: p:e: ", "1.0 (", "[ 1.0] ", "SNAP "])
def test_a_long_line_takes_no_time(head: str, text: str) -> None:
    """64 KiB of anything: no pattern tries it in all ways. (A bad one takes minutes here.)"""
    Reader().read(head + text * (65000 // len(text)), 1)
