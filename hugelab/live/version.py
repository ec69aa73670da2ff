"""The version of the running kernel, and whether the model knows it."""

from __future__ import annotations

import platform
import re

from ..linux.names import release
from ..linux.rules import NEWEST


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
