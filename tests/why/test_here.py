"""Reading the counters of a machine: this one, and one that is made of files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("only Linux has such files", allow_module_level=True)

from hugelab import ScenarioError
from hugelab.live import host
from hugelab.why import Cgroup, Found, Mount, Node
from hugelab.why import here as module
from hugelab.why.found import MOST
from hugelab.why.here import here
from tests.live.alone import pool_alone

__all__ = ["pool_alone"]  # a fixture

SIZE, GIB = 2 << 20, 1 << 30
NO_LIMIT = (1 << 63) - 4096  # what cgroup v1 shows


def files(folder: Path, **texts: object) -> Path:
    """A folder with files: double underscores in a name stand for dots."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")
    return folder


def pool(folder: Path, total: int, free: int, surp: int = 0, **more: int) -> None:
    """The files of a pool, of a node's part of it without ``more``."""
    files(folder, nr_hugepages=total, free_hugepages=free, surplus_hugepages=surp, **more)


Fake = Callable[..., None]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a pool of 2 MB pages (the default) and one of 1 GB pages, no node and no mount."""
    pool(tmp_path / "mm/hugepages-2048kB", 10, 8, 1, resv_hugepages=3, nr_overcommit_hugepages=4)
    pool(tmp_path / "mm/hugepages-1048576kB", 5, 4, 0, resv_hugepages=2, nr_overcommit_hugepages=0)
    monkeypatch.setattr(host, "SYSFS", tmp_path / "mm")
    monkeypatch.setattr(host, "NODES", tmp_path / "node")
    monkeypatch.setattr(host, "page_sizes", lambda: (SIZE, GIB))
    monkeypatch.setattr(module, "CGROUPS", tmp_path / "cgroup")
    return tmp_path


# -- the pool ----------------------------------------------------------------------------------------
@pytest.mark.usefixtures("pool_alone")
def test_this_machine() -> None:
    """What sysfs and /proc/meminfo say."""
    found = here()
    now = host.read_counters(found.size)
    assert (found.total, found.free, found.rsvd, found.surp) == tuple(now)
    assert found.overcommit == host.read_overcommit(found.size)
    assert found.size == host.page_sizes()[0]
    assert (found.mount, found.cgroup, found.default) == (None, None, True)
    assert len(found.nodes) == (0 if len(host.node_folders()) < 2 else len(host.node_folders()))
    for size in host.page_sizes():
        assert here(size).size == size


def test_the_pools(machine: Path) -> None:
    """The default one, and another by its size; an overcommit without bound is as much as there can be."""
    assert here() == here(SIZE) == Found(10, 8, 3, 1, 4)
    assert here(GIB) == Found(5, 4, 2, 0, 0, GIB, default=False)
    files(machine / "mm/hugepages-2048kB", nr_overcommit_hugepages=(1 << 64) - 1)
    assert here().overcommit == MOST
    with pytest.raises(ScenarioError, match="no pool of 64 KB pages, but of 2 MB, 1 GB"):
        here(64 << 10)


def test_no_pool_at_all(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without hugetlb: what can be asked instead."""
    monkeypatch.setattr(host, "page_sizes", lambda: ())
    with pytest.raises(ScenarioError, match="no huge page pools; with --meminfo or --total you can ask about another"):
        here()


def test_a_counter_below_zero(machine: Path) -> None:
    """What a kernel bug left there is said."""
    files(machine / "mm/hugepages-2048kB", resv_hugepages=(1 << 64) - 2)
    with pytest.raises(ScenarioError, match="2 pages below zero are reserved"):
        here()


def test_nodes(machine: Path) -> None:
    """Two nodes, in the order of their numbers; none if there is one, or if the pool has moved meanwhile."""
    pool(machine / "node/node10/hugepages/hugepages-2048kB", 3, 3, 1)
    assert here().nodes == ()
    pool(machine / "node/node2/hugepages/hugepages-2048kB", 7, 5)
    assert here().nodes == (Node(7, 5), Node(3, 3, 1))
    assert here(GIB).nodes == (), "the nodes have no such pool"
    pool(machine / "node/node2/hugepages/hugepages-2048kB", 7, 6)
    assert here().nodes == ()


# -- the mount ---------------------------------------------------------------------------------------
@pytest.fixture
def mounted(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """mounted(folder, options, blocks, bfree): a hugetlbfs there, on top of what was mounted before."""
    all_mounts = [host.Mount("/", "ext4", "rw")]
    answers: dict[str, dict[str, int]] = {}

    def mount(folder: str, options: str = "", blocks: int = 0, bfree: int = 0, size: int = SIZE) -> None:
        path = machine / folder
        path.mkdir(parents=True, exist_ok=True)
        all_mounts.append(host.Mount(str(path), "hugetlbfs", f"rw,relatime,{options}".rstrip(",")))
        answers[str(path)] = {"bsize": size, "blocks": blocks, "bfree": bfree, "bavail": bfree}

    monkeypatch.setattr(host, "mounts", lambda: all_mounts)
    monkeypatch.setattr(module, "statfs", lambda path: answers[str(path)])
    return mount


def test_a_mount_with_size(machine: Path, mounted: Fake) -> None:
    """Limit and what is used of it, for each folder on the mount."""
    mounted("huge", "pagesize=2M,size=10485760", 5, 2)
    assert here(mount=str(machine / "huge")).mount == Mount(5, 3)
    (machine / "huge/deep").mkdir()
    assert here(mount=f"{machine}/huge/deep/").mount == Mount(5, 3)
    (machine / "link").symlink_to(machine / "huge/deep")
    assert here(mount=str(machine / "link")).mount == Mount(5, 3)
    (machine / "huge/file").touch()
    assert here(mount=str(machine / "huge/file")).mount == Mount(5, 3)
    assert here().mount is None


def test_a_mount_without_size(machine: Path, mounted: Fake) -> None:
    """No limit. What min_size= holds is known while there is no file."""
    mounted("plain", "pagesize=2M")
    mounted("least", "pagesize=2M,min_size=6291456", -1, -1)
    mounted("both", "pagesize=2M,size=10485760,min_size=6291456", 5, 4)
    assert here(mount=str(machine / "plain")).mount == Mount()
    assert here(mount=str(machine / "least")).mount == Mount(None, 0, 3)
    assert here(mount=str(machine / "both")).mount == Mount(5, 1, 2)
    (machine / "least/file").touch()
    assert here(mount=str(machine / "least")).mount == Mount()


def test_a_mount_that_lets_nothing_in(machine: Path, mounted: Fake) -> None:
    """size= of less than a page is 0 pages: a limit."""
    mounted("none", "pagesize=2M,size=0", 0, 0)
    assert here(mount=str(machine / "none")).mount == Mount(0)


def test_the_mount_decides_the_page_size(machine: Path, mounted: Fake) -> None:
    """And another size is refused: its budget is not in such pages."""
    mounted("large", "pagesize=1024M,size=2147483648", 2, 1, GIB)
    found = here(mount=str(machine / "large"))
    assert (found.size, found.total, found.mount) == (GIB, 5, Mount(2, 1))
    assert here(GIB, str(machine / "large")) == found
    with pytest.raises(ScenarioError, match="1 GB"):
        here(SIZE, str(machine / "large"))


def test_the_last_mount_lies_on_top(machine: Path, mounted: Fake) -> None:
    """Also a mount inside another, and a name that only begins the same."""
    mounted("huge", "size=10485760", 5, 2)
    mounted("huge/inner", "size=4194304", 2, 2)
    (machine / "huge-not").mkdir()
    assert here(mount=str(machine / "huge/inner")).mount == Mount(2)
    mounted("huge", "size=2097152", 1, 1)
    assert here(mount=str(machine / "huge")).mount == Mount(1)
    with pytest.raises(ScenarioError, match="huge-not is on ext4, not on hugetlbfs: mount -t hugetlbfs none /"):
        here(mount=str(machine / "huge-not"))
    with pytest.raises(ScenarioError, match="huge/missing does not exist"):
        here(mount=str(machine / "huge/missing"))


# -- the cgroup --------------------------------------------------------------------------------------
def group(folder: Path, limit: object = "max", used: int = 0, rsvd: object = "max", reserved: int = 0) -> Path:
    """A group of cgroup v2; limits in pages, or max."""
    texts = {}
    for kind, most, now in (("", limit, used), ("rsvd.", rsvd, reserved)):
        texts[f"hugetlb.2MB.{kind}max"] = most * SIZE if isinstance(most, int) else most
        texts[f"hugetlb.2MB.{kind}current"] = now * SIZE
    return files(folder, **texts)


def test_groups_of_version_2(machine: Path) -> None:
    """The tightest ancestor counts, for pages and for reservations; by a path below /sys/fs/cgroup or a whole one."""
    group(machine / "cgroup/a")
    assert here(cgroup="a").cgroup == Cgroup()
    group(machine / "cgroup/a/b", 9, 1, 5, 0)
    group(machine / "cgroup/a/b/c", 6, 0)
    assert here(cgroup="a/b/c").cgroup == here(cgroup=str(machine / "cgroup/a/b/c")).cgroup == Cgroup(6, 5)
    group(machine / "cgroup/a", 7, 3, 4, 4)
    assert here(cgroup="a/b/c").cgroup == Cgroup(4, 0)
    assert here(cgroup="a/b").cgroup == Cgroup(4, 0)
    assert here(cgroup="a/b/").cgroup == Cgroup(4, 0)
    group(machine / "cgroup/a/b/c", 0)
    assert here(cgroup="a/b/c").cgroup == Cgroup(0, 0)


def test_groups_of_version_1(machine: Path) -> None:
    """The root has files, too; no limit is a number there. Kernels before 5.7 have no limit of reservations."""

    def old(folder: Path, limit: int, used: int, **more: int) -> None:
        files(folder, **{"hugetlb.2MB.limit_in_bytes": limit, "hugetlb.2MB.usage_in_bytes": used}, **more)

    root = machine / "cgroup/hugetlb"
    old(root, NO_LIMIT, 7 * SIZE)
    old(root / "a", 5 * SIZE, 2 * SIZE)
    old(root / "a/b", NO_LIMIT, 0)
    assert here(cgroup="hugetlb").cgroup == Cgroup()
    assert here(cgroup="hugetlb/a/b").cgroup == Cgroup(3)
    more = {"hugetlb.2MB.rsvd.limit_in_bytes": 4 * SIZE, "hugetlb.2MB.rsvd.usage_in_bytes": SIZE}
    old(root / "a/b", NO_LIMIT, 0, **more)
    assert here(cgroup="hugetlb/a/b").cgroup == Cgroup(3, 3)


def test_the_group_of_another_size(machine: Path) -> None:
    """The limits of the page size that is asked about."""
    group(machine / "cgroup/a", 3)
    texts = {"hugetlb.1GB.max": 2 * GIB, "hugetlb.1GB.current": GIB, "hugetlb.1GB.rsvd.max": "max"}
    files(machine / "cgroup/a", **texts, **{"hugetlb.1GB.rsvd.current": GIB})
    assert here(GIB, cgroup="a").cgroup == Cgroup(1)
    assert here(SIZE, cgroup="a").cgroup == Cgroup(3)


def test_no_group(machine: Path) -> None:
    """A folder without the controller, and none."""
    (machine / "cgroup/plain").mkdir(parents=True)
    for name in ("plain", "missing", "/", ""):
        with pytest.raises(ScenarioError, match="is no cgroup with the hugetlb controller: there is no hugetlb"):
            here(cgroup=name)
