"""Names that would steer a terminal, forge a line, or break an XML document; and those that no system call can take."""

from __future__ import annotations

import re

from hugelab import Scenario
from hugelab.core.text import showable

FORGED = "FORGED"
NAME = f"\x1b[31m\x9b\u202e\u2028\x7f\r\n{FORGED}<script>&]]>\u00a0"  # a folder can be called so
TEXT = f"{NAME}\0\ud800\ufffe</script><!--"  # what JSON can hold beside


def scenario() -> Scenario:
    """A program that runs, with such a text wherever one can be chosen."""
    program = Scenario(TEXT, nr=4, mounts={NAME: ""}, extra={"about": TEXT})
    program = program.open(fd=TEXT, path=f"{NAME}/{NAME}", note=TEXT).mmap(map=TEXT, fd=TEXT, pages=2)
    program = program.touch(map=TEXT, count=1).fork(child=TEXT).touch(map=TEXT, page=1, proc=TEXT)
    return program.rename(path=f"{NAME}/{NAME}", new=f"{NAME}/2{NAME}").then("unlink", path=f"{NAME}/gone", note=TEXT)


def steering(text: str) -> list[str]:
    """What in a text is no harmless character or newline of ours; and lines that the name began."""
    lines = text.split("\n")
    raw = {found for line in lines for found in re.findall(r"[^\x20-\x7e]", line) if showable(found) != found}
    return [*map(ascii, sorted(raw)), *(line for line in lines if line.startswith(FORGED))]


# A program whose last step no program can do: a text in it ends in the middle, or has no bytes at all.
_THERE = Scenario("there", nr=2).open(fd="f", path="m/x")
REFUSED = {
    "open": Scenario("c", nr=2).open(fd="f", path="m/a\0b"),
    "half a character": Scenario("c", nr=2).open(fd="f", path="m/a\ud800b"),
    "unlink": _THERE.unlink(path="m/x\0b"),
    "truncate": _THERE.truncate(path="m/x\0b", pages=0),
    "new name of nothing": Scenario("c", nr=2).link(path="m/nothing", new="m/a\0b"),
    "renamed": Scenario("c", nr=2).rename(path="m/nothing", new="m/a\0b"),
    "target of a name that is taken": _THERE.symlink(path="m/x", target="x\0"),
    "longer than a name": Scenario("c", nr=2).stat(path=f"m/{'a' * 300}\0"),
    "mount": Scenario("c", nr=2).mount(mount="n\0"),
    "mount at boot": Scenario("c", nr=2, mounts={"m": "", "n\0": ""}).meminfo(),
    "options at boot": Scenario("c", nr=2, mounts={"m": "size=4M\0,nr_inodes=7"}).meminfo(),
    "cgroup": Scenario("c", nr=2).cg_mount(version=1).cg_mkdir(version=1, cg="g\0"),
    "file of a cgroup": Scenario("c", nr=2)
    .cg_mount(version=1)
    .cg_mkdir(version=1, cg="g")
    .cg_get(version=1, cg="g", files=["hugetlb.2MB.limit_in_bytes\0"]),
}

# Names that only the program has, and texts that the kernel reads to their end: they run, and get an answer.
TAKEN = {
    "names of the program": Scenario("c", nr=2)
    .open(fd="f\0", path="m/x", proc="P\0")
    .mmap(map="A\0", fd="f\0", pages=1, proc="P\0")
    .fork(child="C\0", proc="P\0")
    .touch(map="A\0", proc="C\0")
    .shmget(shm="s\0", pages=1, proc="P\0"),
    "bytes that are no UTF-8": _THERE.open(fd="g", path="m/a\udcff"),
    "255 bytes are the longest": _THERE.open(fd="g", path=f"m/{'ü' * 127}a").open(fd="h", path=f"m/{'ü' * 128}"),
    "options": _THERE.mount(mount="n", options="size=4M\0").remount(mount="m", options="ro\0"),
    "a limit": Scenario("c", nr=2)
    .cg_mount(version=1)
    .cg_mkdir(version=1, cg="g\x1b\x85")
    .cg_set(version=1, cg="g\x1b\x85", file="hugetlb.2MB.limit_in_bytes", value="4194304\0.")
    .cg_get(version=1, cg="g\x1b\x85", files=["hugetlb.2MB.limit_in_bytes"]),
    "mounts and files": Scenario("c", nr=2, mounts={"a\r": "", "b\x0b\x1c": "", "c\x85\u2028\x9b \t\n\\": ""})
    .open(fd="f", path="a\r/x")
    .open(fd="g", path="c\x85\u2028\x9b \t\n\\/\x1b\n")
    .umount(mount="b\x0b\x1c"),
}
