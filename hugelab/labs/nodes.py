"""Lab of notebook 09: a pool on two memory nodes, and a policy that says from which one a page may come."""

from ..course.nodes import FLAGS as FLAGS
from ..course.nodes import POLICIES as POLICIES
from ..course.nodes import program as program
from ..linux.machines import NUMA
from .widget.controls import choice, slider
from .widget.film_lab import FilmLab


def nodes(
    node0: int = 6, node1: int = 2, pages: int = 4, kind: str = "shared", policy: str = "mapping: BIND to node 1"
) -> FilmLab:
    """``pages`` of a pool that lies on two nodes, mapped and touched under a policy."""
    return FilmLab(
        "A pool on two nodes",
        {
            "node0": slider("pages on node 0", node0, most=8),
            "node1": slider("pages on node 1", node1, most=8),
            "pages": slider("pages", pages, 1, 12),
            "kind": choice("mapping", tuple(FLAGS), kind),
            "policy": choice("policy", tuple(POLICIES), policy),
        },
        program,
        machine=lambda **values: NUMA,
    )
