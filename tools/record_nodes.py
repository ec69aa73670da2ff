"""Record what a kernel with two memory nodes answers to scenarios, on a machine that has one: in QEMU, by software.

    .venv/bin/python tools/record_nodes.py --kernel VMLINUZ SCENARIOS.json ANSWERS.json [--append "hugepages=10"]

Needs qemu-system-x86_64 and a kernel image (x86-64, hugetlbfs and NUMA built in; no module is loaded), no root: the
huge page pool of this machine is not touched. Builds an initramfs with this Python and hugelab in a temporary folder,
boots it, and runs each scenario twice on CPU 0, which is on node 0; both runs must agree. A case begins with node 0's
turn, as in the model. Writes the scenarios with what the kernel answered: ``expect`` of each step and ``initial``,
with ``nodes``, a list [nr, free, surplus] for each node; at the top of the file the kernel, its command line, the pools
right after the boot and what its log says of them. With ``-`` for SCENARIOS.json only those.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from hugelab.core.units import size_name
from hugelab.linux.errors import ScenarioError, Unsupported
from hugelab.linux.scenario import Scenario, load
from hugelab.live import host, journal
from hugelab.live.errors import LiveUnavailable
from hugelab.live.kernel import boot_live
from hugelab.live.pool import BorrowedPool, Pool

NODES = 2
LAB = "/lab"  # in the guest: this script's project
CASES = f"{LAB}/cases.json"
ANSWERS = "/dev/ttyS1"  # the guest's second serial line is a file of ours
LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "lib2to3", "ensurepip", "site-packages", "turtledemo", "pydoc_data"}
OPTIONAL = re.compile(r"_tkinter|_sqlite3|_test|_ssl|_curses|readline|_codecs_|xx")  # modules that nothing here imports
RESTART, READ_ALL = 0x01234567, 3  # LINUX_REBOOT_CMD_, SYSLOG_ACTION_
INIT = f"""#!{{python}} -I
import sys
sys.path[:0] = ["{LAB}", "{LAB}/tools"]
import record_nodes; record_nodes.guest()
"""


# -- the initramfs -----------------------------------------------------------------------------------------
def archive(files: dict[str, Path | bytes]) -> Iterator[bytes]:
    """A cpio archive (newc) of regular files, by their paths in the guest, and the folders they need."""
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"/"}
    for number, name in enumerate([*sorted(folders), *sorted(files)]):
        source = files.get(name, b"")
        data = source if isinstance(source, bytes) else source.read_bytes()
        # Compiled Python names the second its source was changed: it must be the same in the guest.
        changed = int(source.stat().st_mtime) if isinstance(source, Path) else 0
        yield _entry(number + 1, name.lstrip("/"), 0o100755 if name in files else 0o40755, changed, data)
    yield _entry(0, "TRAILER!!!", 0, 0, b"")


def _entry(number: int, name: str, mode: int, changed: int, data: bytes) -> bytes:
    fields = (number, mode, 0, 0, 1, changed, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def guest_files(cases: list[Any]) -> dict[str, Path | bytes]:
    """Everything the guest has: path -> file of this machine, or contents."""
    me, python = Path(__file__).resolve(), Path(sys.executable).resolve()
    project, needed = me.parents[1], [python, *_modules(Path(sysconfig.get_path("stdlib")))]
    files: dict[str, Path | bytes] = {str(path): path for path in (*needed, *_shared_objects(needed))}
    files |= {f"{LAB}/{path.relative_to(project)}": path for path in (me, *_modules(project / "hugelab"))}
    files[CASES] = json.dumps({"scenarios": cases}).encode() if cases else b""
    return files | {"/init": INIT.format(python=python).encode()}


def _modules(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*.*"):
        wanted = path.suffix in {".py", ".pyc", ".so"} and ".opt-" not in path.name and not OPTIONAL.match(path.name)
        if wanted and not LEFT_OUT & set(path.relative_to(folder).parts):
            yield path


def _shared_objects(files: Iterable[Path]) -> set[Path]:
    """The libraries, and the loader, that programs and extension modules need (ldd)."""
    binaries = [str(path) for path in files if path.suffix not in (".py", ".pyc")]
    said = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=True).stdout
    return {Path(name) for name in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", said, re.M)}


# -- the machine -------------------------------------------------------------------------------------------
def qemu(asked: argparse.Namespace, initrd: Path, answers: Path) -> list[str]:
    """The command that boots: two nodes with a processor and half of the memory each."""
    words = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", str(NODES), "-m", f"{asked.memory}M"]
    for node in range(NODES):
        words += ["-object", f"memory-backend-ram,id=m{node},size={asked.memory // NODES}M"]
        words += ["-numa", f"node,nodeid={node},cpus={node},memdev=m{node}"]
    words += ["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-serial", f"file:{answers}"]
    line = f"console=ttyS0 quiet panic=-1 numa_balancing=disable {asked.append}".strip()
    return [*words, "-kernel", str(asked.kernel), "-initrd", str(initrd), "-append", line]


def boot(asked: argparse.Namespace, cases: list[Scenario]) -> list[dict[str, Any]]:
    """What the guest answers, in order: the pools after the boot, then the cases. Fewer when it does not finish."""
    with tempfile.TemporaryDirectory() as folder:
        initrd, answers = Path(folder) / "initrd", Path(folder) / "answers"
        with initrd.open("wb") as file:
            file.writelines(archive(guest_files([case.to_json() for case in cases])))
        with open(Path(folder) / "console", "w+b") as console, contextlib.suppress(subprocess.TimeoutExpired):
            command = qemu(asked, initrd, answers)
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, timeout=asked.patience)
        said = (Path(folder) / "console").read_text(errors="replace")
        lines = answers.read_text().splitlines(keepends=True) if answers.exists() else []
    if len(lines) <= len(cases):
        print(f"{said[-4000:]}\nthe guest did not finish", file=sys.stderr)
    return [json.loads(line) for line in lines if line.endswith("\n")]


# -- in the guest ------------------------------------------------------------------------------------------
class GuestPool(BorrowedPool):
    """Nobody else wants these pools: they are not put back."""

    def reset(self) -> None:
        """Empty, and the next page to be allocated, and to be freed, is node 0's: no case knows of another one.

        On two nodes, free pages can stay surplus (their nodes have none, the surplus is another's); a pool that grows
        makes them persistent.
        """
        for size in self.sizes:
            host.write(host.folder_of(size) / "nr_hugepages", host.read_counters(size).total)
        super().reset()
        for n in (1, 0):
            host.write(host.folder_of(self.sizes[0], host.NODES / "node0" / "hugepages") / "nr_hugepages", n)


def guest() -> None:
    """All that the guest's first process does. When it ends, the machine does."""
    try:
        for kind, path in (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/run")):
            Path(path).mkdir(exist_ok=True)
            host.mount(Path(path), kind, "none", "")
        for folder in (Path("/tmp"), journal.RUN / journal.MOUNTS):
            folder.mkdir(parents=True, exist_ok=True)
        os.sched_setaffinity(0, {0})
        with open(ANSWERS, "w") as out:
            for answer in _answers():
                print(json.dumps(answer), file=out, flush=True)
    except BaseException:
        traceback.print_exc()
    os.sync()
    ctypes.CDLL(None).reboot(RESTART)  # which ends qemu -no-reboot


def _answers() -> Iterator[dict[str, Any]]:
    yield after_boot()
    if Path(CASES).stat().st_size:
        pool = GuestPool(journal.Journal.begin(False))
        yield from (_twice(scenario, pool) for scenario in load(CASES))


def after_boot() -> dict[str, Any]:
    """The pools that the command line made, and what the log says of them."""
    lines = (line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    meminfo = {name: text.strip() for name, text in lines if name.lower().startswith("huge")}
    log = ctypes.create_string_buffer(1 << 20)
    ctypes.CDLL(None).klogctl(READ_ALL, log, len(log))
    sizes = host.page_sizes()
    nodes = zip(*(node_counters(size) for size in sizes), strict=True)
    return {
        "kernel": os.uname().release,
        "command_line": Path("/proc/cmdline").read_text().strip(),
        "hugepagesize_kb": int(meminfo["Hugepagesize"].split()[0]),
        "meminfo": meminfo,
        "pools": {size_name(size): host.read_counters(size)._asdict() for size in sizes},
        "nodes": [dict(zip(map(size_name, sizes), node, strict=True)) for node in nodes],
        "dmesg": re.findall(r"^<\d>\[.*?\] (HugeTLB.*)$", log.value.decode(errors="replace"), re.M),
    }


def node_counters(size: int) -> list[list[int]]:
    """[nr, free, surplus] of each node."""
    folders = (host.folder_of(size, node / "hugepages") for node in host.node_folders())
    names = ("nr_hugepages", "free_hugepages", "surplus_hugepages")
    return [[int((folder / name).read_text()) for name in names] for folder in folders]


def _twice(scenario: Scenario, pool: Pool) -> dict[str, Any]:
    """The case with its answers, or with the ``error`` that kept it from being recorded."""
    try:
        first, second = _run(scenario, pool), _run(scenario, pool)
    except (ScenarioError, Unsupported, LiveUnavailable) as error:
        return {**scenario.to_json(), "error": str(error)}
    return first if first == second else {**first, "error": f"the second time: {json.dumps(second)}"}


def _run(scenario: Scenario, pool: Pool) -> dict[str, Any]:
    with boot_live(scenario, pool) as kernel:
        found, steps = {"initial": counters(pool)}, []
        for op in scenario.steps:
            outcome, value = kernel.run(op)
            answer = {"outcome": outcome} | ({} if value is None else {"value": value})
            steps.append({**op.to_json(), "expect": answer | counters(pool)})
        kernel.kill_all()
        found["after_kill_all_processes"] = counters(pool)
        kernel.umount_all()
        found["after_unlink_and_umount"] = counters(pool)
    return scenario.to_json() | found | {"steps": steps}


def counters(pool: Pool) -> dict[str, Any]:
    """The default pool now, and its part on each node."""
    return pool.counters()[0]._asdict() | {"nodes": node_counters(pool.sizes[0])}


# -- the command -------------------------------------------------------------------------------------------
def main() -> int:
    """Record, write, say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", type=Path, required=True, help="the image, such as vmlinuz-6.1.0-56-amd64")
    parser.add_argument("--memory", type=int, default=2048, help="of the guest, in MiB (default 2048)")
    parser.add_argument("--append", default="", help="more for the kernel's command line")
    parser.add_argument("--patience", type=float, default=1800, help="seconds until it is given up (default 1800)")
    parser.add_argument("scenarios", help="a file in the format of scenarios.json, - for none")
    parser.add_argument("answers", type=Path, help="the file to write")
    asked, start = parser.parse_args(), time.monotonic()
    cases = [] if asked.scenarios == "-" else load(asked.scenarios)
    found = boot(asked, cases)
    good = [case for case in found[1:] if "error" not in case]
    sys.stderr.writelines(f"{case['name']}: {case['error']}\n" for case in found[1:] if "error" in case)
    if found:
        head = json.dumps({**found[0], "scenarios": 0}, indent=1).removesuffix("0\n}")
        lines = ",\n".join(json.dumps(case) for case in good)
        asked.answers.write_text(f"{head}[\n{lines}\n]}}\n", encoding="utf-8")
    print(f"{len(good)} of {len(cases)} cases in {time.monotonic() - start:.0f} s")
    return 0 if found and len(good) == len(cases) else 1


if __name__ == "__main__":
    sys.exit(main())
