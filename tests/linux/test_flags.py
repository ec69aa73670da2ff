"""The numbers of flags against those that Python was compiled with, which are the C library's."""

from __future__ import annotations

import fcntl
import mmap
import os
import platform
from collections.abc import Mapping
from types import ModuleType

import pytest

from hugelab.linux import flags

# The names that a library has, too; a glibc of 64 bits says 0 for O_LARGEFILE, and the kernel adds it.
TABLES: dict[str, tuple[Mapping[str, int], ModuleType, int]] = {
    "MAP": (flags.MAP, mmap, 5),
    "PROT": (flags.PROT, mmap, 3),
    "MADV": (flags.MADV, mmap, 15),
    "OPEN": ({name: n for name, n in flags.OPEN.items() if name != "O_LARGEFILE"}, os, 15),
    "MFD": (flags.MFD, os, 10),
    "SEALS": (flags.SEALS, fcntl, 4),
    "FADV": (flags.FADV, os, 6),
    "WHENCE": (flags.WHENCE, os, 5),
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the tables hold the numbers of x86-64")
@pytest.mark.parametrize("name", TABLES)
def test_numbers_are_those_of_the_headers(name: str) -> None:
    """Whatever both know."""
    table, library, least = TABLES[name]
    known = {flag: getattr(library, flag) for flag in table if hasattr(library, flag)}
    assert len(known) >= least
    assert {flag: table[flag] for flag in known} == known
