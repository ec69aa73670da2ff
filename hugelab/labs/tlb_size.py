"""Lab of notebook 06: a TLB of your own under the accesses of a program, its data in small pages and in huge ones."""

from ..tlb.geometry import FULL
from ..tlb.programs import PROGRAMS
from ..views import tlb
from .widget.controls import choice, stops
from .widget.sheet_lab import SheetLab

WAYS = ("4", "8", FULL)


def tlb_size(name: str = PROGRAMS[0], l1: int = 64, l1_ways: str = "4", l2: int = 1536, l2_ways: str = "8") -> SheetLab:
    """The misses of a program with every TLB size at once, and simulated with two levels of these."""
    return SheetLab(
        "A TLB of your own",
        {
            "l1": stops("first level", l1, (8, 16, 32, 48, 64, 72, 96, 128), help="entries"),
            "l1_ways": choice("first level, ways", WAYS, l1_ways),
            "l2": stops("second level", l2, (0, 128, 256, 512, 1024, 1536, 2048, 3072), help="entries"),
            "l2_ways": choice("second level, ways", WAYS, l2_ways),
            "name": choice("program", PROGRAMS, name),
        },
        tlb.tlb_size,
    )
