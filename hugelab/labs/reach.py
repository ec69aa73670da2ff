"""Lab of notebook 06: how far the TLB reaches, by pattern, processor, page size, and what the host does."""

from ..core.units import MIB, format_size
from ..draw import tlb
from ..tlb.machines import GEOMETRIES
from ..tlb.reach import HOSTS, PATTERNS
from .controls import Choice, Slider
from .sheet import SheetLab


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
            "buffer": Slider("buffer", buffer, stops=tlb.buffers(), name=format_size),
            "pattern": Choice("pattern", tuple(PATTERNS), pattern),
            "pages": Choice("huge pages", tuple(tlb.HUGE), pages),
            "geometry": Choice("processor", tuple(GEOMETRIES), geometry),
            "host": Choice("below it", tuple(HOSTS), host),
        },
        tlb.reach,
    )
