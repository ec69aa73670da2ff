"""Processors by name, with the source of each number.

[CPUID] is the processor's own answer, from the dumps of real machines that InstLatx64 collects (github.com/InstLatx64),
read with Intel SDM vol. 2A (leaf 2, table 3-12; leaf 18H) and AMD APM vol. 3 (Fn8000_0005, _0006, _0019).
"""

from __future__ import annotations

from dataclasses import replace

from ..core.units import MIB
from .geometry import Array, Geometry
from .walk import SIZE_1G, SIZE_2M, SIZE_4K

SMALL, BOTH, ALL = (SIZE_4K,), (SIZE_4K, SIZE_2M), (SIZE_4K, SIZE_2M, SIZE_1G)

AMD_2M = "How many entries of the second level 2 MB pages can use is not known; all of them is taken here."
AMD_4K = "4 KB pages side by side may share an entry (Linux counts such events: amdzen3/memory.json); not modelled."

IVY_BRIDGE = Geometry(
    "Ivy Bridge",
    "Intel Ivy Bridge (2012)",
    l1=(Array(64, 4, SMALL), Array(32, 4, (SIZE_2M,))),
    l2=(Array(512, 4, SMALL),),
    source="[CPUID] i7-3770K, leaf 2: 03H, 5AH, CAH",
    notes=(
        "The second level holds 4 KB pages only: 2 MB pages have the 32 entries of the first.",
        "No 1 GB pages (pdpe1gb is 0).",
    ),
)
LESSON = replace(
    IVY_BRIDGE, name="lesson", title="Intel Ivy Bridge in 32-bit PAE mode (the lesson's time)", paging="x86 PAE"
)
HASWELL = Geometry(
    "Haswell",
    "Intel Haswell (2013)",
    l1=(Array(64, 4, SMALL), Array(32, 4, (SIZE_2M,)), Array(4, 4, (SIZE_1G,))),
    l2=(Array(1024, 8, BOTH),),
    source="[CPUID] i7-4770, leaf 2: 03H, 63H, C1H",
    notes=("The second level holds no 1 GB pages.",),
)
SKYLAKE = Geometry(
    "Skylake",
    "Intel Skylake (2015)",
    l1=(Array(64, 4, SMALL), Array(32, 4, (SIZE_2M,)), Array(4, 4, (SIZE_1G,))),
    l2=(Array(1536, 12, BOTH), Array(16, 4, (SIZE_1G,))),
    source="[CPUID] i5-6400T and Xeon Gold 6154, leaf 2: 03H, 63H, C3H; ways of the second level: WikiChip",
    notes=("CPUID says 6 ways for the second level, WikiChip 12: 12 it is here. The entries agree.",),
)
ICE_LAKE = Geometry(
    "Ice Lake",
    "Intel Ice Lake and Tiger Lake (2019)",
    l1=(Array(64, 4, SMALL), Array(32, 4, (SIZE_2M,)), Array(8, 8, (SIZE_1G,))),
    l2=(Array(1024, 8, BOTH), Array(1024, 8, (SIZE_4K, SIZE_1G))),
    source="[CPUID] i7-1065G7, Xeon 606A6, i5-1135G7, leaf 18H",
    notes=(
        "Two arrays of 1024 behind the first level: 4 KB pages may use both, 2 MB pages one.",
        "In which of the two a 4 KB page goes is not documented; here its number decides.",
        "Loads; stores have 16 entries of their own in the first level.",
    ),
)
ZEN_2 = Geometry(
    "Zen 2",
    "AMD Zen 2 (2019)",
    l1=(Array(64, 64, ALL),),
    l2=(Array(2048, 16, BOTH, pieces=((SIZE_1G, SIZE_2M),)),),
    source="[CPUID] Ryzen 9 PRO 3900, EPYC 7742; 1 GB pages in the second level: WikiChip",
    notes=(
        "CPUID gives the second level other ways for each page size, so they are not one number; 16 is taken here.",
        AMD_2M,
        AMD_4K,
        "1 GB pages are in the second level as pieces of 2 MB.",
    ),
)
ZEN_4 = Geometry(
    "Zen 4",
    "AMD Zen 4 (2022)",
    l1=(Array(72, 72, ALL),),
    l2=(Array(3072, 12, BOTH), Array(64, 64, (SIZE_1G,))),
    source="[CPUID] Ryzen 5 7600X, EPYC 9654",
    notes=(
        "CPUID gives the second level other ways for each page size, so they are not one number; 12 is taken here.",
        AMD_2M,
        AMD_4K,
    ),
)
CORTEX_A72 = Geometry(
    "Cortex-A72",
    "Arm Cortex-A72 (2016)",
    l1=(Array(32, 32, SMALL, pieces=((SIZE_2M, MIB),)),),
    l2=(Array(1024, 4, BOTH),),
    paging="arm64, 4 KB granule, 48 bits",
    source="Arm 100095 (Cortex-A72 TRM), 5.2.2 and 5.2.3",
    notes=(
        "The first level cuts 2 MB pages into pieces of 1 MB: documented for Cortex-A57, taken for A72 here.",
        "1 GB pages are left out here.",
    ),
)
NEOVERSE_N1 = Geometry(
    "Neoverse N1",
    "Arm Neoverse N1 (2019)",
    l1=(Array(48, 48, BOTH),),
    l2=(Array(1280, 5, BOTH),),
    paging="arm64, 4 KB granule, 48 bits",
    source="Arm 100798 (Cortex-A76 TRM), A5.2.2 and table A5-3; WikiChip: N1 is almost identical to it",
    notes=(
        "The numbers are those of Cortex-A76, to which it is almost identical (WikiChip).",
        "1 GB pages are left out here: the first level cuts them, into which pieces is not documented.",
    ),
)

GEOMETRIES = {
    one.name: one for one in (LESSON, IVY_BRIDGE, HASWELL, SKYLAKE, ICE_LAKE, ZEN_2, ZEN_4, CORTEX_A72, NEOVERSE_N1)
}
