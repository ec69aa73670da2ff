"""The kernel's command line against what Linux 6.1 with two nodes booted with (tests/data/boot_6.1.json)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hugelab.core.units import size_name
from hugelab.linux.machines import NUMA, SIZE_1G, SIZE_2M, X86_64
from hugelab.linux.rules import rules_of
from hugelab.model.command_line import boot_with, parse
from tests.conftest import DATA

MACHINE = replace(NUMA, rules=rules_of("6.1"))
BOOTS = json.loads((DATA / "boot_6.1.json").read_text())
# Where the emulated machine's memory was too small, the log says so; the model has as much as it wants.
MET = [boot for boot in BOOTS if not any("Only allocated" in line for line in boot["dmesg"])]


@pytest.mark.parametrize("boot", MET, ids=lambda boot: boot["command_line"].replace(" ", "_"))
def test_pools_after_the_boot(boot: dict[str, Any]) -> None:
    """Default size, counters of each size, pages of each node; and a warning where the kernel logged one."""
    kernel = boot_with(boot["command_line"], MACHINE)
    assert kernel.machine.sizes[0] == boot["hugepagesize_kb"] << 10
    for h in kernel.state.pools:
        name = size_name(h.size)
        assert dict(zip(("total", "free", "rsvd", "surp"), h.counters, strict=True)) == boot["pools"][name]
        nodes = [[node.nr_huge_pages, node.free_huge_pages, node.surplus_huge_pages] for node in h.nodes]
        assert nodes == [node[name] for node in boot["nodes"]]
    logged = [line for line in boot["dmesg"] if "ignoring" in line or "nvalid" in line]
    assert len(parse(boot["command_line"], MACHINE).warnings) == len(logged)


def test_enough_boots_were_recorded() -> None:
    """Both sizes, both defaults, nodes, twice in a row, a node that is not there; and one that could not be met."""
    lines = " | ".join(boot["command_line"] for boot in MET)
    assert len(MET) >= 8 and len(MET) < len(BOOTS)
    for part in ("default_hugepagesz=1G", "hugepagesz=1G", "0:3,1:5", "hugepages=4 hugepages=6", "2:1", "hugetlb_free"):
        assert part in lines


@pytest.mark.parametrize(
    ("line", "pages", "warnings"),
    [
        ("quiet root=/dev/sda1", {}, 0),
        ("hugepages=256", {SIZE_2M: 256}, 0),
        ("hugepages=256 default_hugepagesz=2M", {SIZE_2M: 256}, 0),
        ("hugepages=256 hugepagesz=2M hugepages=512", {SIZE_2M: 256}, 1),
        ("default_hugepagesz=1G hugepages=4", {SIZE_1G: 4}, 0),
        ("hugepages=4 default_hugepagesz=1G", {SIZE_1G: 4}, 0),
        ("hugepagesz=3M hugepages=4", {}, 2),
        ("hugepagesz=1G hugepages=2 hugepagesz=1G hugepages=3", {SIZE_1G: 2}, 2),
        ("hugepages=x", {}, 1),
        ("hugepages=0:3,1:", {}, 1),
        ("hugepages=", {}, 1),
        ("default_hugepagesz=1G default_hugepagesz=2M hugepages=4", {}, 2),
    ],
)
def test_rules_of_the_parser(line: str, pages: dict[int, int], warnings: int) -> None:
    """As hugepages_setup, hugepagesz_setup and default_hugepagesz_setup read in 6.1."""
    parsed = parse(line, X86_64)
    assert parsed.pages == pages
    assert len(parsed.warnings) == warnings
