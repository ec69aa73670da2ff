"""What an administrator types. That the commands do what they should is tested in tests/live/test_course.py."""

from __future__ import annotations

import pytest

from hugelab import Op, Scenario, ScenarioError
from hugelab.labs.advice import advice, helped
from hugelab.labs.shortage import program
from hugelab.linux.shell import command


@pytest.mark.parametrize(
    ("op", "line"),
    [
        (Op("set_nr", {"n": 5}), "sysctl -w vm.nr_hugepages=5"),
        (Op("set_nr", {"n": 1, "hsize": "1G"}), "echo 1 > /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"),
        (Op("mount", {"mount": "m"}), "mkdir -p /mnt/m && mount -t hugetlbfs none /mnt/m"),
        (Op("set_mempolicy", {"policy": "MPOL_BIND", "nodemask": 0b10}), "numactl --membind=1 PROGRAM"),
        (Op("set_mempolicy", {"policy": "MPOL_INTERLEAVE", "nodemask": 0b101}), "numactl --interleave=0,2 PROGRAM"),
        (Op("kill", {"signal": "SIGTERM"}), "kill -s TERM PID"),
    ],
)
def test_command(op: Op, line: str) -> None:
    """The line for an operation."""
    assert command(op) == line


@pytest.mark.parametrize("op", [Op("mmap", {"map": "A", "pages": 1}), Op("set_mempolicy", {"policy": "MPOL_LOCAL"})])
def test_no_command(op: Op) -> None:
    """What only a program does, and what numactl does not know, is refused in one line."""
    with pytest.raises(ScenarioError):
        command(op)


def test_help_comes_before_the_program() -> None:
    """After what an administrator has set up, and before the first step of the program; a program replaces it."""
    short = program("cgroup limit on pages (max)", "mmap, touch", 3, 5)
    ops = [step.op for step in helped(short, Op("set_nr", {"n": 20})).steps]
    assert ops == ["cg_mount", "cg_mkdir", "cg_set", "cg_attach", "set_nr", "open", "mmap", "touch"]
    other = Scenario("other")
    assert helped(short, other) is other
    table = advice(short, {"more": Op("set_nr", {"n": 20}), "other": program("pages in the pool", "mmap, touch", 9, 5)})
    assert [row[1] for row in table.rows] == ["", "sysctl -w vm.nr_hugepages=20", "in the program"]
    assert table.rows[2][2].startswith("touch ok")
