"""This machine: processor, kernel, and available memory."""

from __future__ import annotations

import platform
import re
from pathlib import Path

from ..live import host
from .result import Machine

THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")
CGROUPS = Path("/sys/fs/cgroup")


def this_machine() -> Machine:
    """Processor, kernel and memory, without the host's name and without paths."""
    cpu = _read(Path("/proc/cpuinfo"))
    model = re.search(r"^model name\s*:\s*(.*)$", cpu, re.M)
    flags = re.search(r"^flags\s*:(.*)$", cpu, re.M)
    total = re.search(r"^MemTotal:\s*(\d+) kB", _read(Path("/proc/meminfo")), re.M)
    version = re.match(r"\d+(\.\d+)*", platform.release())
    return Machine(
        cpu=" ".join(model[1].split()) if model else "unknown",
        kernel=version[0] if version else "unknown",
        hypervisor=bool(flags and "hypervisor" in flags[1].split()),
        thp=thp_setting(),
        memory=int(total[1]) << 10 if total else 0,
    )


def thp_setting() -> str:
    """ "always", "madvise" or "never"; "none" for a kernel without transparent huge pages."""
    chosen = re.search(r"\[(\w+)\]", _read(THP))
    return chosen[1] if chosen else "none"


def available_memory() -> int:
    """Bytes that this process may still take: available memory of the machine, or of its control group if less."""
    most = host.available_memory()
    own = re.search(r"^0::/(.*)$", _read(Path("/proc/self/cgroup")), re.M)
    folder = CGROUPS / own[1] if own else CGROUPS
    while folder == CGROUPS or CGROUPS in folder.parents:
        limit, used = (_read(folder / f"memory.{name}").strip() for name in ("max", "current"))
        if limit.isdigit() and used.isdigit():
            most = min(most, max(int(limit) - int(used), 0))
        folder = folder.parent
    return most


def _read(path: Path) -> str:
    """The text of a file; "" if it cannot be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
