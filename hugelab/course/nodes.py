"""Programs of a pool on two memory nodes, and a policy that says from which one a page may come."""

from ..linux.scenario import ANONYMOUS, Scenario

# Name -> (before mmap?, mode, nodemask); a task's policy is set before mmap, a mapping's after it.
POLICIES: dict[str, tuple[bool, str, int] | None] = {
    "default (the nearest node first)": None,
    "task: BIND to node 1": (True, "MPOL_BIND", 0b10),
    "task: PREFERRED node 1": (True, "MPOL_PREFERRED", 0b10),
    "task: INTERLEAVE nodes 0, 1": (True, "MPOL_INTERLEAVE", 0b11),
    "mapping: BIND to node 1": (False, "MPOL_BIND", 0b10),
    "mapping: PREFERRED node 1": (False, "MPOL_PREFERRED", 0b10),
    "mapping: INTERLEAVE nodes 0, 1": (False, "MPOL_INTERLEAVE", 0b11),
}
FLAGS = {"shared": ["MAP_SHARED", *ANONYMOUS], "private": ["MAP_PRIVATE", *ANONYMOUS]}
FLAGS |= {f"{kind}, MAP_NORESERVE": [*flags, "MAP_NORESERVE"] for kind, flags in FLAGS.items()}


def program(node0: int, node1: int, pages: int, kind: str, policy: str) -> Scenario:
    """A pool node by node, a mapping under a policy, and a touch of each page."""
    scenario = Scenario("nodes", nr=0).then("set_nr_node", node=0, n=node0).then("set_nr_node", node=1, n=node1)
    chosen = POLICIES[policy]
    if chosen and chosen[0]:
        scenario = scenario.then("set_mempolicy", policy=chosen[1], nodemask=chosen[2])
    scenario = scenario.then("mmap", map="A", pages=pages, flags=FLAGS[kind])
    if chosen and not chosen[0]:
        scenario = scenario.then("mbind", map="A", policy=chosen[1], nodemask=chosen[2])
    return scenario.then("touch", map="A", page=0, count=pages)
