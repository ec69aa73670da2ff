"""Measurements and advice of others, each with its source. None was measured by hugelab."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """A workload (``what``), its ``pages`` against 4 KB pages, the ``result``, the machine and the source."""

    what: str
    pages: str
    result: str
    machine: str
    source: str


class Counted(NamedTuple):
    """Counted TLB misses: of ``reads``, those that missed the first level only (``l2_hits``), and the ``walks``."""

    what: str
    reads: int
    l2_hits: int
    walks: int
    source: str


COUNTED = Counted(
    "random reads in 4 GB in 2 MB pages, Core i5-1135G7",
    200_000_000,
    84_037_596,
    112_933_198,
    "github.com/evanj/hugepagedemo",
)

GAINS = (
    Published(
        "200 million random reads in 4 GB",
        "2 MB THP; 1 GB",
        "6.42 s became 2.19 s; 2.02 s",
        "Core i5-1135G7",
        "github.com/evanj/hugepagedemo",
    ),
    Published(
        "random reads of a 100 MB Java array; of 10 KB",
        "2 MB THP",
        "32.5 ns became 28.7 ns; no change",
        "Core i7-4790K",
        "A. Shipilev, JVM Anatomy Quark #2, shipilev.net",
    ),
    Published(
        "pgbench, select only, 7.4 GB of data",
        "2 MB; 1 GB",
        "+7.5 %; +12 % transactions a second",
        "workstation, Linux 3.10",
        "n0derunner.com, Performance gains for postgres on Linux with hugepages",
    ),
    Published(
        "marking of the OCaml garbage collector",
        "2 MB",
        "2.705 s became 2.266 s; 182.4 million dTLB misses became 0.82 million",
        "not stated",
        "gist.github.com/gadmm/5782cc5d0010ee734ff5c5f9fbc4e484",
    ),
    Published(
        "STREAM; SPECjvm2008",
        "16 MB",
        "+11.6 to +16.59 %; +4.43 % on average, one benchmark spectacularly poor",
        "PPC970MP",
        "M. Gorman, Huge pages part 4, lwn.net/Articles/378641 (2010)",
    ),
    Published(
        "8 applications at Google",
        "2 MB, by the allocator TEMERAIRE",
        "+7.7 % requests a second, 2.4 % less memory",
        "not stated",
        "Hunter and others, OSDI 2021, abstract",
    ),
    Published(
        "8 memory-intensive applications",
        "1 GB, 2 MB and 4 KB, against 2 MB THP",
        "+18 % on average",
        "not stated",
        "Ram, Panwar, Basu: Trident, arXiv 2011.12092, abstract",
    ),
)

ADVICE_AGAINST = (
    Published(
        "Redis",
        "THP",
        "slow after fork: each write copied a huge page. Since Linux 5.8 the kernel splits it and copies 4 KB",
        "",
        "Redis, Diagnosing latency issues; Linux commit 3917c80280c9",
    ),
    Published(
        "MongoDB",
        "THP",
        "up to 7.0 off: access is often not contiguous; from 8.0 on, with an upgraded TCMalloc",
        "",
        "mongodb.com/docs/manual, Disable THP; TCMalloc performance",
    ),
    Published(
        "any program that touches little of much",
        "THP",
        "a 2 MB page for one byte touched",
        "",
        "Linux Documentation/admin-guide/mm/transhuge.rst",
    ),
)
