"""The memory node that a page comes from (mm/mempolicy.c)."""

from __future__ import annotations

from collections.abc import Iterable

from ..linux.structs import Policy, hstate, hstate_node, mm_struct, vm_area_struct

LOCAL = 0  # numa_node_id(): the programs of the model run on the first node


def zonelist(h: hstate, preferred: int) -> Iterable[hstate_node]:
    """All nodes in the order of an allocation that prefers node ``preferred``."""
    return (*h.nodes[preferred:], *h.nodes[:preferred])


def policy_of(vma: vm_area_struct) -> Policy | None:
    """The mapping's own policy, else the task's (get_vma_policy)."""
    return vma.policy or vma.mm.policy


def huge_node(vma: vm_area_struct, index: int) -> list[hstate_node]:
    """The nodes that may give the page of a file index, best first.

    MPOL_BIND allows only its nodes; MPOL_PREFERRED and MPOL_INTERLEAVE begin at one of their nodes, then take any;
    MPOL_PREFERRED_MANY tries its nodes first.
    """
    h, policy = vma.h, policy_of(vma)
    if policy is None or not policy.nodes:
        return list(zonelist(h, LOCAL))
    if policy.mode == "MPOL_INTERLEAVE":
        return list(zonelist(h, policy.nodes[index % len(policy.nodes)]))
    if policy.mode == "MPOL_PREFERRED":
        return list(zonelist(h, policy.nodes[0]))
    mine = [node for node in zonelist(h, LOCAL) if node.nid in policy.nodes]
    if policy.mode == "MPOL_PREFERRED_MANY":
        return mine + [node for node in zonelist(h, LOCAL) if node.nid not in policy.nodes]
    return mine


def allowed_mems(h: hstate, mm: mm_struct | None) -> list[hstate_node]:
    """The nodes that the task's own MPOL_BIND allows, else all; the local node first (policy_mbind_nodemask)."""
    policy = mm.policy if mm else None
    bound = policy is not None and policy.mode == "MPOL_BIND"
    return [node for node in zonelist(h, LOCAL) if not bound or (policy and node.nid in policy.nodes)]


def allowed_mems_nr(h: hstate, mm: mm_struct | None) -> int:
    """Free pages on the nodes that the task's own MPOL_BIND allows: the largest reservation.

    A mapping's own policy does not count, as mbind comes after mmap: so mmap can pass, and a touch dies by SIGBUS.
    """
    return sum(node.free_huge_pages for node in allowed_mems(h, mm))
