"""The version of the running kernel and the keys of its CPU: does the model know it, may a scenario run on it?"""

from __future__ import annotations

import platform
import re
from pathlib import Path

from ..linux.machines import machine
from ..linux.names import release
from ..linux.rules import NEWEST
from ..linux.scenario import Scenario
from ..model.kernel import dangers


def version() -> str:
    """The numbers of the running kernel's version, such as 6.18.44."""
    return numbers(platform.release())


def numbers(release: str) -> str:
    """``6.18.44-fc-v669`` -> ``6.18.44``."""
    match = re.match(r"\d+(\.\d+)*", release)
    return match[0] if match else release


def other_version() -> str:
    """A line that says that the running kernel is newer than the newest rules of the model; "" if it is not."""
    here = version()
    if release(here) <= release(NEWEST):
        return ""
    return f"the model knows the rules up to Linux {NEWEST}, this is {here}: a difference may be the kernel's"


def protection_keys() -> bool:
    """Has the CPU memory protection keys, which the kernel uses? (x86: ``ospke`` in /proc/cpuinfo)"""
    try:
        text = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return False
    return re.search(r"^flags\s*:.* ospke\b", text, re.M) is not None


def refusal(scenario: Scenario) -> str:
    """Why a scenario is not run on the running kernel; "" if it is."""
    if why := scenario.extra.get("do_not_run"):
        about = why if isinstance(why, str) else "it damages the kernel's counters until the next boot"
    elif scenario.extra.get("protection_keys") is False and protection_keys():
        about = "it was recorded on a CPU without memory protection keys, and this one has them"
    elif found := dangers(scenario, machine(platform.release())):
        about = found[0]
    else:
        return ""
    return f"{scenario.name} is not run on the live kernel: {about}"
