"""What `doctor` reads of a machine: pools, mounts, packages, and the command that would bring what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hugelab.live import probe
from hugelab.live.probe import Finding

NAMES = ("nr_hugepages", "free_hugepages", "resv_hugepages", "surplus_hugepages")


def pool(root: Path, kilobytes: int, *counts: object) -> None:
    """A folder as in /sys/kernel/mm/hugepages."""
    folder = root / f"hugepages-{kilobytes}kB"
    folder.mkdir(parents=True)
    for name, count in zip(NAMES, counts, strict=True):
        (folder / name).write_text(f"{count}\n")


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up sysfs, empty at first."""
    monkeypatch.setattr(probe, "SYSFS", tmp_path)
    return tmp_path


def findings() -> dict[str, Finding]:
    """The findings by name."""
    return {finding.name: finding for finding in probe.probe()}


def test_pools_are_read_by_size(sysfs: Path) -> None:
    """Counters in pages, keyed by page size in bytes."""
    pool(sysfs, 2048, 10, 7, 3, 1)
    pool(sysfs, 1048576, 0, 0, 0, 0)
    assert probe.pools() == {
        2 << 20: dict(zip(NAMES, (10, 7, 3, 1), strict=True)),
        1 << 30: dict.fromkeys(NAMES, 0),
    }


def test_a_pool_that_cannot_be_read_is_left_out(sysfs: Path) -> None:
    """A file with no number, or none at all, hides that pool and not the others."""
    pool(sysfs, 2048, 10, "what", 3, 1)
    (sysfs / "hugepages-64kB").mkdir()
    pool(sysfs, 1048576, 1, 1, 0, 0)
    assert list(probe.pools()) == [1 << 30]


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's sysfs")
def test_no_pool_is_a_finding_not_a_crash(sysfs: Path) -> None:
    """A kernel without hugetlb: said so, and nothing after it is asked."""
    found = findings()
    assert not found["huge pages"].ok
    assert str(sysfs) in found["huge pages"].found
    assert "pool" not in found


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's sysfs")
def test_an_empty_pool_names_the_command(sysfs: Path) -> None:
    """The one command that would fill it."""
    pool(sysfs, 2048, 0, 0, 0, 0)
    found = findings()["pool"]
    assert not found.ok
    assert found.fix.endswith("sysctl -w vm.nr_hugepages=20")


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's sysfs")
def test_available_is_free_minus_reserved(sysfs: Path) -> None:
    """10 pages, 7 free, 3 reserved: 4 available."""
    pool(sysfs, 2048, 10, 7, 3, 0)
    found = findings()["pool"]
    assert found.ok
    assert found.found == "10 pages of 2 MB, 4 pages available"


def test_missing_packages_name_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lab's packages: which, and how to get them."""
    monkeypatch.setattr(probe, "_version", lambda package: None if package in ("plotly", "anywidget") else "1.0")
    found = findings()["lab"]
    assert not found.ok
    assert found.found == "missing: plotly, anywidget"
    assert found.fix.endswith("-m pip install plotly anywidget")


def test_every_finding_that_is_missing_says_for_what() -> None:
    """On this machine, whatever it has: a reason each, and a fix only where something is missing."""
    found = probe.probe()
    assert found[0].name == "python"
    assert all(finding.needed_for for finding in found)
    assert not [finding for finding in found if finding.ok and finding.fix]
    assert len({finding.name for finding in found}) == len(found)


def test_json_keeps_every_field() -> None:
    """For programs: name -> the other fields, and the disk's free bytes."""
    shown = json.loads(json.dumps(probe.to_json([Finding("a", True, "b", "c"), Finding("d", False, "e", "f", "g")])))
    assert shown["checks"] == {
        "a": {"ok": True, "found": "b", "needed_for": "c", "fix": ""},
        "d": {"ok": False, "found": "e", "needed_for": "f", "fix": "g"},
    }
    assert shown["free_disk_bytes"] > 0


def test_nothing_is_changed(sysfs: Path) -> None:
    """The probe only reads."""
    pool(sysfs, 2048, 10, 7, 3, 1)
    before = {path: path.read_text() for path in sysfs.rglob("*") if path.is_file()}
    probe.probe()
    assert {path: path.read_text() for path in sysfs.rglob("*") if path.is_file()} == before
