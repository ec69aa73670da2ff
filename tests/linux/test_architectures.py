"""Page sizes as data, and what their metadata costs, against what Linux logs at boot and this machine offers."""

from __future__ import annotations

import json
import re
import sys

import pytest

from hugelab.core.units import GIB, MIB
from hugelab.linux.architectures import ARCHITECTURES, NAMED, Architecture, metadata
from hugelab.linux.machines import X86_64
from tests.conftest import DATA

LINE = re.compile(r"HugeTLB: (\d+) KiB vmemmap can be freed for a ([\d.]+) (MiB|GiB) page")


def test_what_linux_says_at_boot() -> None:
    """What HVO frees of a page, as the log of every recorded boot says it."""
    seen = set()
    for boot in json.loads((DATA / "boot_6.1.json").read_text()):
        for kib, number, unit in (match.groups() for line in boot["dmesg"] if (match := LINE.search(line))):
            size = int(float(number)) * (MIB if unit == "MiB" else GIB)
            assert metadata(size, 4096).freed == int(kib) * 1024
            seen.add(size)
    assert seen == {2 * MIB, GIB}


@pytest.mark.parametrize("one", ARCHITECTURES, ids=lambda one: one.name)
def test_sizes(one: Architecture) -> None:
    """Powers of two above the base page, one default, which is never gigantic; what HVO keeps is part of the whole."""
    assert [size.default for size in one.sizes].count(True) == 1
    for size in one.sizes:
        assert size.size & (size.size - 1) == 0 and size.size > one.base
        assert not (size.default and size.gigantic)
        found = metadata(size.size, one.base)
        assert 0 < found.kept <= found.whole and found.freed == found.whole - found.kept
        assert found.kept <= one.base
    assert one.source.startswith("arch/")


def test_a_full_page_table_has_eight_pages_of_metadata() -> None:
    """A size of base / 8 pages: whatever the base, its struct pages fill 8 base pages, and HVO frees 7."""
    for base in (4096, 16384, 65536):
        found = metadata(base // 8 * base, base)
        assert (found.whole, found.freed) == (8 * base, 7 * base)
    assert metadata(2 * MIB, 4096, reserved=2).freed == 6 * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="the sizes of a running Linux")
def test_this_machine() -> None:
    """The sizes that this kernel has are among those of x86-64; the model's machine has the same."""
    import platform

    from hugelab.live import host

    if platform.machine() != "x86_64" or not host.page_sizes():
        pytest.skip("this is no x86-64 with huge pages")
    sizes = [size.size for size in NAMED["x86-64"].sizes]
    assert set(host.page_sizes()) <= set(sizes)
    assert list(X86_64.sizes) == sizes
    assert [X86_64.gigantic(size) for size in sizes] == [size.gigantic for size in NAMED["x86-64"].sizes]
