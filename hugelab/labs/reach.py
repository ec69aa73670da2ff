"""Lab of notebook 06: how far the TLB reaches, by pattern, processor, page size, and what the host does."""

from ..core.units import MIB, format_size
from ..tlb.machines import GEOMETRIES
from ..tlb.reach import HOSTS, PATTERNS
from ..views import tlb
from .widget.controls import choice, stops
from .widget.sheet_lab import SheetLab


def reach(
    buffer: int = 10 * MIB,
    pattern: str = "random",
    pages: str = "2 MB",
    geometry: str = "Skylake",
    host: str = "no virtual machine",
) -> SheetLab:
    """A buffer of so many bytes, accessed in a pattern: which accesses walk, and what their walks read."""
    return SheetLab(
        "Reach",
        {
            "buffer": stops("buffer", buffer, tlb.buffers(), name=format_size),
            "pattern": choice("pattern", tuple(PATTERNS), pattern),
            "pages": choice("huge pages", tuple(tlb.HUGE), pages),
            "geometry": choice("processor", tuple(GEOMETRIES), geometry),
            "host": choice("below it", tuple(HOSTS), host),
        },
        tlb.reach,
    )
