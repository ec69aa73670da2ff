"""The numbers of flags against those that Python was compiled with, which are the C library's."""

from __future__ import annotations

import fcntl
import mmap
import os
import platform
from collections.abc import Mapping
from types import ModuleType

import pytest

from hugelab import MACHINES
from hugelab.linux import flags
from hugelab.linux.flags import fault_flags, file_mode, page_addresses, vm_flags

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


# -- the numbers of the lesson's log, decoded (docs/lesson.md) ---------------------------------------------
def test_vm_flags_of_the_lesson() -> None:
    """0xfb at mmap; 0x44007b at close: + HUGETLB and DONTEXPAND, - MAYSHARE."""
    at_mmap, at_close = vm_flags(0xFB), vm_flags(0x44007B)
    assert at_mmap == [f"VM_{n}" for n in ("READ", "WRITE", "SHARED", "MAYREAD", "MAYWRITE", "MAYEXEC", "MAYSHARE")]
    assert set(at_close) - set(at_mmap) == {"VM_HUGETLB", "VM_DONTEXPAND"}
    assert set(at_mmap) - set(at_close) == {"VM_MAYSHARE"}


def test_unknown_bits_are_not_swallowed() -> None:
    """A bit without a name is shown in hex; no bit, no name."""
    assert vm_flags(0x1 | 0x80000000) == ["VM_READ", "0x80000000"]
    assert vm_flags(0) == []


def test_fault_flags_need_the_version() -> None:
    """0x29 is a plain write fault in 3.10, and on 6.18 the same fault is 0x1255."""
    assert fault_flags(0x29, "3.10") == [f"FAULT_FLAG_{n}" for n in ("WRITE", "ALLOW_RETRY", "KILLABLE")]
    assert fault_flags(0xA9, "3.10")[-1] == "FAULT_FLAG_USER"
    names = ("WRITE", "ALLOW_RETRY", "KILLABLE", "USER", "INTERRUPTIBLE", "VMA_LOCK")
    assert fault_flags(0x1255, "6.18") == [f"FAULT_FLAG_{n}" for n in names]
    for version in ("5.10", "6.1"):
        assert fault_flags(0x255, version) == [f"FAULT_FLAG_{n}" for n in names[:-1]]
    with pytest.raises(ValueError, match="are not known"):
        fault_flags(0x29, "2.6")


def test_every_machine_has_its_fault_flags() -> None:
    """The flags of a first write fault of each machine have names in its version, and grow from 5.10 on."""
    for machine in MACHINES.values():
        shown = fault_flags(machine.fault_flags | 1, machine.version)
        assert shown[0] == "FAULT_FLAG_WRITE"
        assert all(name.startswith("FAULT_FLAG_") for name in shown)
    five, six, now = (flags.fault_flag_bits(version) for version in ("5.10", "6.1", "6.18"))
    assert five.items() < six.items() < now.items()


def test_mode_of_the_lesson() -> None:
    """0x81ed is a regular file, 0755."""
    assert file_mode(0x81ED) == "-rwxr-xr-x"


def test_page_of_the_lesson_is_a_struct_page() -> None:
    """page=f7b7d000 is mem_map + 32 x 507904; the page itself lies at 0x7c000000."""
    assert page_addresses(0xF7B7D000, 0xF6BFD000, 32) == (0xF7B7D000, 507904, 0x7C000000)


@pytest.mark.parametrize("address", [0xF7B7D001, 0xF6BFCFE0])
def test_not_a_struct_page(address: int) -> None:
    """Between two struct pages, or before the first: an error that names the address."""
    with pytest.raises(ValueError, match=f"{address:#x}"):
        page_addresses(address, 0xF6BFD000, 32)


def test_constants_are_those_of_the_table() -> None:
    """The names the model uses and the table a learner sees say the same."""
    used = [name for name in dir(flags) if name.startswith("VM_") and name != "VM_FLAGS"]
    assert len(used) >= 10
    for name in used:
        assert getattr(flags, name) == flags.VM_FLAGS[name]
