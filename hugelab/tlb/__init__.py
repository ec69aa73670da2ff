"""How many TLB entries and page walks an access pattern needs: geometries, closed forms, a simulator."""

from .closed import Closed, sequential, strided, uniform
from .distances import curve
from .geometry import Array, Geometry
from .machines import GEOMETRIES
from .simulate import ENGINES, Count, Counts, simulate
from .trace import Area, Space, areas, read_trace
from .walk import PAGING, Paging, references

__all__ = ["ENGINES", "GEOMETRIES", "PAGING", "Area", "Array", "Closed", "Count", "Counts", "Geometry", "Paging"]
__all__ += ["Space", "areas", "curve", "read_trace", "references", "sequential", "simulate", "strided", "uniform"]
