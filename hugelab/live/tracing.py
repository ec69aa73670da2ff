"""Can this machine record a trace of its huge pages, and if not, what helps? Reads only.

The recipes write to tracefs only: probes on kernel functions (kprobes), which they remove at the end. Sources:
Documentation/trace/kprobetrace.rst, Documentation/trace/ftrace.rst; the lockdown levels in include/linux/security.h.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

TRACEFS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))  # the second: before Linux 4.1
LOCKDOWN = Path("/sys/kernel/security/lockdown")


class Tracing(NamedTuple):
    """The properties that decide. ``lockdown``: "none", "integrity" or "confidentiality"."""

    linux: bool = True
    root: bool = True
    tracefs: bool = True  # it is mounted, and may be written
    kprobes: bool = True  # there is a kprobe_events in it
    lockdown: str = "none"


class Obstacle(NamedTuple):
    """One obstacle, and the command or advice that removes it."""

    why: str
    fix: str


def obstacles(found: Tracing) -> list[Obstacle]:
    """All obstacles, in the order in which to remove them; [] if a trace can be recorded."""
    if not found.linux:
        return [Obstacle("this is not Linux", "record it on the machine in question, read it here")]
    said = []
    if not found.root:
        said.append(Obstacle("a probe sees the whole kernel, so it needs root", "sudo"))
    if found.lockdown == "confidentiality":
        text = "the kernel is locked down (confidentiality): no kprobe, no tracefs, also for root"
        said.append(Obstacle(text, "boot without lockdown=confidentiality"))
    elif not found.tracefs and found.root:
        text = "tracefs is not mounted, or may not be written: usual in a container"
        said.append(Obstacle(text, "mount -t tracefs nodev /sys/kernel/tracing; in a container: on its host"))
    elif not found.kprobes and found.tracefs:
        text = "the kernel was built without CONFIG_KPROBE_EVENTS"
        said.append(Obstacle(text, "another kernel; or only counters: cat /proc/meminfo, again and again"))
    return said


def read_lockdown(text: str) -> str:
    """The level in brackets: ``none [integrity] confidentiality``; "none" for a text without one."""
    match = re.search(r"\[(\w+)\]", text)
    return match[1] if match else "none"


def here() -> Tracing:
    """This machine. Never raises: a property that cannot be read counts as missing."""
    if sys.platform != "linux":
        return Tracing(linux=False)
    try:
        lockdown = read_lockdown(LOCKDOWN.read_text())
    except OSError:
        lockdown = "none"
    folder = next((path for path in TRACEFS if _is_file(path / "trace_marker")), None)
    writable = folder is not None and os.access(folder / "trace_marker", os.W_OK)
    probes = folder is not None and _is_file(folder / "kprobe_events")
    return Tracing(root=os.geteuid() == 0, tracefs=writable, kprobes=probes, lockdown=lockdown)


def _is_file(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no right to read the folder
        return False
