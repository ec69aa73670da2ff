"""Shell commands for the operations of an administrator. A test runs each of these commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..core.units import parse_size
from .errors import ScenarioError
from .scenario import Op

MOUNTS, CGROUPS = "/mnt", "/sys/fs/cgroup"
POOLS = "/sys/kernel/mm/hugepages"
NODES = "/sys/devices/system/node"
NUMACTL = {"MPOL_BIND": "membind", "MPOL_INTERLEAVE": "interleave", "MPOL_PREFERRED": "preferred"}


def _pool(op: Op, default: str = "2M") -> str:
    return f"hugepages-{op.unit(parse_size(default)) >> 10}kB"


def _number(name: str) -> Callable[[Op], str]:
    """Writes a file of the pool; for the default size, its sysctl."""

    def command(op: Op) -> str:
        if "hsize" in op.args:
            return f"echo {op.args['n']} > {POOLS}/{_pool(op)}/{name}"
        return f"sysctl -w vm.{name}={op.args['n']}"

    return command


def _node(op: Op) -> str:
    return f"{NODES}/node{op.args['node']}/hugepages/{_pool(op)}"


def _path(path: str) -> str:
    return f"{MOUNTS}/{path}"


def _mount(op: Op) -> str:
    folder = _path(op.args["mount"])
    options = f" -o {op.args['options']}" if op.get("options") else ""
    return f"mkdir -p {folder} && mount -t hugetlbfs{options} none {folder}"


def _group(op: Op) -> str:
    return f"{CGROUPS}/{op.args['cg']}"


def _policy(op: Op) -> str:
    if op.args["policy"] not in NUMACTL:
        raise ScenarioError(f"numactl has nothing for {op.args['policy']}")
    mask = op.get("nodemask")
    nodes = ",".join(str(node) for node in range(mask.bit_length()) if mask >> node & 1)
    return f"numactl --{NUMACTL[op.args['policy']]}={nodes} PROGRAM"


COMMANDS: Mapping[str, Callable[[Op], str]] = {
    "set_nr": _number("nr_hugepages"),
    "set_overcommit": _number("nr_overcommit_hugepages"),
    "set_nr_node": lambda op: f"echo {op.args['n']} > {_node(op)}/nr_hugepages",
    "node_counters": lambda op: f"grep . {_node(op)}/*_hugepages",
    "demote": lambda op: f"echo {op.args['n']} > {POOLS}/{_pool(op, '1G')}/demote",
    "meminfo": lambda op: "grep -i huge /proc/meminfo",
    "mount": _mount,
    "remount": lambda op: f"mount -o remount,{op.get('options')} {_path(op.args['mount'])}",
    "umount": lambda op: f"umount {_path(op.args['mount'])}",
    "umount_lazy": lambda op: f"umount -l {_path(op.args['mount'])}",
    "statfs": lambda op: f"stat -f {_path(op.args['mount'])}",
    "unlink": lambda op: f"rm {_path(op.args['path'])}",
    "cg_mkdir": lambda op: f"mkdir {_group(op)}",
    "cg_rmdir": lambda op: f"rmdir {_group(op)}",
    "cg_set": lambda op: f"echo {op.args['value']} > {_group(op)}/{op.args['file']}",
    "cg_get": lambda op: f"cat {' '.join(f'{_group(op)}/{file}' for file in op.args['files'])}",
    "cg_attach": lambda op: f"echo PID > {_group(op)}/cgroup.procs",
    "set_mempolicy": _policy,
    "kill": lambda op: f"kill -s {op.get('signal').removeprefix('SIG')} PID",
}


def command(op: Op) -> str:
    """The shell command of an operation, with mounts below /mnt and cgroups of version 2; PID stands for a process,
    PROGRAM for its program. Raises ScenarioError for an operation that only a program can do."""
    if op.op not in COMMANDS:
        raise ScenarioError(f"{op.op} is done by a program, not by a command")
    return COMMANDS[op.op](op)
