"""The abilities of this machine, and for each missing one the command that would add it. Reads only."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.units import count, format_size

SYSFS = Path("/sys/kernel/mm/hugepages")
LAB_PACKAGES = ("jupyterlab", "ipywidgets", "plotly", "anywidget")


@dataclass(frozen=True)
class Finding:
    """One check. ``fix`` is a command; "" if the check passed or no command would help."""

    name: str
    ok: bool
    found: str
    needed_for: str
    fix: str = ""


def pools() -> dict[int, dict[str, int]]:
    """The pools of the running kernel by page size in bytes: the counters of sysfs, in pages. {} without any."""
    found = {}
    for folder in sorted(SYSFS.glob("hugepages-*kB")):
        size = int(folder.name.removeprefix("hugepages-").removesuffix("kB")) * 1024
        names = ("nr_hugepages", "free_hugepages", "resv_hugepages", "surplus_hugepages")
        try:
            found[size] = {name: int((folder / name).read_text()) for name in names}
        except (OSError, ValueError):
            continue
    return found


def nodes() -> int:
    """The number of memory nodes; 1 on a kernel without NUMA."""
    return len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))) or 1


def mounts() -> list[str]:
    """The mount points of hugetlbfs."""
    try:
        lines = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return []
    return [line.split()[1] for line in lines if line.split()[2] == "hugetlbfs"]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _can_widgets() -> tuple[bool, str]:
    """Are the front-end parts of the widgets in JupyterLab's folders? (ok, text)."""
    folders = [Path(sys.prefix) / "share/jupyter/labextensions", Path("/usr/local/share/jupyter/labextensions")]
    wanted = {"@jupyter-widgets/jupyterlab-manager": "ipywidgets", "anywidget": "anywidget"}
    missing = [name for path, name in wanted.items() if not any((folder / path).exists() for folder in folders)]
    if missing:
        return False, f"the JupyterLab side of {', '.join(missing)} is not installed"
    return True, "the JupyterLab side of ipywidgets and anywidget is installed"


def probe() -> list[Finding]:
    """All checks of ``hugelab doctor``, in the order in which they are needed."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    sudo = "" if root else "sudo "
    linux = sys.platform == "linux"
    pip = f"{sys.executable} -m pip install"
    python = sys.version_info >= (3, 11)
    findings = [
        Finding(
            "python",
            python,
            f"Python {platform.python_version()}",
            "everything",
            "" if python else "install Python 3.11",
        )
    ]
    missing = [package for package in LAB_PACKAGES if _version(package) is None]
    versions = ", ".join(f"{package} {_version(package)}" for package in LAB_PACKAGES if _version(package))
    lab = "the labs and notebooks"
    if missing:
        findings.append(Finding("lab", False, f"missing: {', '.join(missing)}", lab, f"{pip} {' '.join(missing)}"))
    else:
        findings.append(Finding("lab", True, versions, lab))
        ok, found = _can_widgets()
        fix = "" if ok else f"{pip} --force-reinstall jupyterlab_widgets anywidget"
        findings.append(Finding("widgets", ok, found, "live labs in JupyterLab", fix))
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    live = "running a scenario on this kernel"
    findings.append(Finding("kernel", linux, kernel, live))
    if not linux:
        return findings
    findings.append(
        Finding("root", root, f"uid {os.geteuid()}", "changing the pool, mounting", "" if root else "sudo -i")
    )
    found_pools = pools()
    if not found_pools:
        findings.append(Finding("huge pages", False, f"no {SYSFS}: this kernel has no hugetlb support", live))
        return findings
    sizes = ", ".join(format_size(size) for size in found_pools)
    findings.append(Finding("page sizes", True, sizes, live))
    size, pool = next(((s, p) for s, p in found_pools.items() if p["nr_hugepages"]), (min(found_pools), None))
    if pool:
        free = count(pool["free_hugepages"] - pool["resv_hugepages"], "page")
        shown = f"{count(pool['nr_hugepages'], 'page')} of {format_size(size)}, {free} available"
        findings.append(Finding("pool", True, shown, live))
    else:
        fix = f"{sudo}sysctl -w vm.nr_hugepages=20"
        findings.append(Finding("pool", False, f"the pool of {format_size(size)} is empty", live, fix))
    where = mounts()
    if where:
        findings.append(Finding("mount", True, f"hugetlbfs on {', '.join(where)}", "files of huge pages"))
    else:
        fix = f"{sudo}mkdir -p /mnt/huge && {sudo}mount -t hugetlbfs none /mnt/huge"
        findings.append(Finding("mount", False, "hugetlbfs is not mounted", "files of huge pages", fix))
    return findings


def to_json(findings: list[Finding]) -> dict[str, Any]:
    """The findings for programs: name -> ok, found, needed_for, fix."""
    shown: dict[str, Any] = {}
    for finding in findings:
        fields = asdict(finding)
        shown[fields.pop("name")] = fields
    return {"checks": shown, "free_disk_bytes": shutil.disk_usage(".").free}
