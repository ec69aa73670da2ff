"""The files around the package agree with each other: dependencies, locks, commands."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


def locked() -> dict[str, str]:
    """What `make install` installs: name -> version."""
    found = re.findall(r"^([\w.-]+)==([\w.]+)", "".join(lock.read_text() for lock in LOCKS), re.M)
    return {canonicalize_name(name): version for name, version in found}


def test_environment_names_what_teachers_need_and_no_tool_of_ours() -> None:
    """environment.yml installs hugelab[lab] from this checkout, and names the four packages of the course; versions,
    browsers and linters are not in it."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, *named, packages = environment["dependencies"]
    assert pip == "pip"
    assert named == ["jupyterlab", "ipywidgets", "plotly", "nbval"]
    assert packages == {"pip": ["-e .[lab]"]}
    assert "lab" in PROJECT["optional-dependencies"]
    version = re.fullmatch(r"python=(\d+\.\d+)", python)
    assert version, "Binder takes 3.10 unless python is pinned"
    assert SpecifierSet(PROJECT["requires-python"]).contains(version[1])


def test_lock_holds_every_dependency_at_a_version_it_may_have() -> None:
    """pyproject.toml is the one list; the lock file is made from it."""
    versions = locked()
    for extra in PROJECT["optional-dependencies"].values():
        for line in extra:
            wanted = Requirement(line)
            assert canonicalize_name(wanted.name) in versions, f"{wanted.name} is not locked: run make lock"
            assert wanted.specifier.contains(versions[canonicalize_name(wanted.name)]), line


def test_model_needs_nothing() -> None:
    """The package itself has no dependency."""
    assert PROJECT["dependencies"] == []


@pytest.mark.parametrize("lock", LOCKS, ids=[path.name for path in LOCKS])
def test_locks_have_hashes_and_no_host(lock: Path) -> None:
    """Every pinned package has a hash, and no address of a registry is in the file."""
    text = lock.read_text()
    blocks = re.split(r"(?m)^(?=[\w.-]+==)", text)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text


def test_readme_names_every_command() -> None:
    """Each target of the Makefile that a newcomer needs is in the README; `make` alone lists them all."""
    readme = (ROOT / "README.md").read_text()
    listed = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    for target in ("install", "lab", "lesson", "test", "proof", "fuzz", "lint", "bench", "notebooks"):
        assert f"make {target}" in readme, target
        assert f"make {target}" in listed, target


def test_version_is_said_once() -> None:
    """The package and pyproject.toml name the same version."""
    import hugelab

    assert hugelab.__version__ == PROJECT["version"]


def test_missing_python_is_one_clear_line(tmp_path: Path) -> None:
    """Without a Python of 3.11 or newer: one line on stderr that says so, and exit 1."""
    (tmp_path / "python3").write_text('#!/bin/sh\n[ "$1" = --version ] && { echo Python 3.9.2; exit 0; }\nexit 1\n')
    (tmp_path / "python3").chmod(0o755)
    environment = {"PATH": str(tmp_path)}
    result = subprocess.run(["/bin/sh", str(ROOT / "tools/python.sh")], env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "3.11 or newer" in result.stderr and "Python 3.9.2" in result.stderr
