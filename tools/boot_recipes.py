"""Try the recipes on a real kernel, in QEMU by software: boot it with busybox, the lesson's program and the recipes.

    .venv/bin/python tools/boot_recipes.py --kernel VMLINUZ FOLDER [--with FOLDER] [--append "hugepages=10"]

Needs qemu-system-x86_64, a static busybox, gcc with a static C library; no root. The guest runs hugetrace.sh in every
mode, with Ctrl-C and with refusals, then hugetlb.bt if there is a bpftrace in ``--with`` (a folder of unpacked
packages, laid over the guest's root), and compares tracefs before and after. FOLDER gets the logs, and what was said.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from record_nodes import archive

PROJECT = Path(__file__).resolve().parents[1]
INIT = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin:/sbin:/usr/sbin
mkdir -p /proc /sys /dev /tmp /run /mnt/huge /logs /etc
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
mount -t tracefs nodev /sys/kernel/tracing || mount -t debugfs nodev /sys/kernel/debug
mount -t hugetlbfs -o pagesize=2M huge /mnt/huge
ip link set lo up 2>/dev/null
echo 10 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
t=/sys/kernel/tracing; [ -e $t/tracing_on ] || t=/sys/kernel/debug/tracing
look() {
    for f in current_tracer tracing_on set_event set_event_pid set_ftrace_pid set_ftrace_filter trace_options \
        buffer_size_kb kprobe_events instances; do
        echo "== $f"; if [ -d $t/$f ]; then ls $t/$f; else sed "s/.*expanded: \\([0-9]*\\).*/\\1/" $t/$f 2>&1; fi
    done
}
same() { # NAME: is tracefs as it was?
    look > /tmp/after
    cmp -s /tmp/before /tmp/after || { echo "$1 CHANGED"; diff /tmp/before /tmp/after; } >> /logs/results
}
go() { # NAME SHELL ARG...
    n=$1; s=$2; shift 2
    $s /recipes/hugetrace.sh "$@" > /logs/$n.said 2>&1
    echo "$n rc=$?" >> /logs/results
    same $n
}
begin() { # NAME MODE: one that waits, in the background
    busybox ash /recipes/hugetrace.sh -m $2 -o /logs/$1.txt /lesson $file wait > /logs/$1.said 2>&1 &
    p=$!; i=0
    while [ $i -lt 80 ] && ! pidof lesson > /dev/null; do usleep 500000; i=$((i+1)); done
    sleep 2
}
file=/mnt/huge/test_file
{
uname -a
# The first tracer of a boot makes the buffers, 2 kB larger than they were said to become: not the recipe's doing.
echo function > $t/current_tracer; echo nop > $t/current_tracer; echo > $t/trace
look > /tmp/before
for m in full kprobe graph function tracepoint; do
    go $m "busybox ash" -m $m -o /logs/$m.txt /lesson $file
done
go fork "busybox ash" -m kprobe -o /logs/fork.txt /lesson $file fork
go cow "busybox ash" -m kprobe -o /logs/cow.txt /lesson $file cow
echo 3 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages
go surplus "busybox ash" -m full -o /logs/surplus.txt /lesson $file surplus
go resize "busybox ash" -m full -o /logs/resize.txt sh -c 'for n in 8 10; do echo $n > /proc/sys/vm/nr_hugepages; done'
go fail "busybox ash" -m graph -o /logs/fail.txt /lesson $file fail
go exists "busybox ash" -m full -o /logs/full.txt /lesson
go dry "busybox ash" --dry-run -m full /lesson
[ ! -e /bin/dash ] || go dash dash -m full -o /logs/dash.txt /lesson $file
begin stopped full
kill -TERM $p; wait $p; echo "stopped rc=$?" >> /logs/results
same stopped; rm -f $file
# Killed: nothing is taken back, the next run says what to do, and what it says helps.
begin killed kprobe
kill -KILL $p; kill -KILL $(pidof lesson); wait; rm -f $file
busybox ash /recipes/hugetrace.sh -m kprobe -o /logs/left.txt /lesson > /logs/left.said 2>&1
echo "left rc=$?" >> /logs/results
(eval "$(sed -n 's/.*still runs: //p' /logs/left.said)") > /logs/helped.said 2>&1
same helped
go again "busybox ash" -m kprobe -o /logs/again.txt /lesson $file
if [ -x /usr/bin/bpftrace ]; then
    export BPFTRACE_STRLEN=64
    mount -t debugfs nodev /sys/kernel/debug 2>/dev/null
    timeout 150 bpftrace /recipes/hugetlb.bt > /logs/bpftrace.txt 2> /logs/bpftrace.said &
    i=0; while [ $i -lt 120 ] && ! grep -q 'hugetlb.bt 1' /logs/bpftrace.txt; do sleep 1; i=$((i+1)); done
    sleep 2; /lesson $file; sleep 3; kill -INT $(pidof bpftrace); wait
    cat /logs/bpftrace.said
fi
cat /logs/results
} > /dev/console 2>&1
cp /proc/config.gz /logs/ 2>/dev/null
stty -F /dev/ttyS1 raw -echo 2>/dev/null
tar c -C /logs . > /dev/ttyS1
sync
busybox reboot -f
"""


def guest_files(folder: Path, extra: Path | None) -> dict[str, Path | bytes]:
    """Everything the guest has: path -> file of this machine, or contents."""
    lesson = folder / "lesson"
    source = PROJECT / "tests" / "recipes" / "lesson.c"
    subprocess.run(["gcc", "-O1", "-static", "-o", str(lesson), str(source)], check=True)
    busybox = subprocess.run(["which", "busybox"], capture_output=True, text=True, check=True).stdout.strip()
    files: dict[str, Path | bytes] = {"/init": INIT.encode(), "/bin/busybox": Path(busybox), "/lesson": lesson}
    files |= {f"/recipes/{path.name}": path for path in (PROJECT / "recipes").iterdir()}
    if extra:
        for path in extra.rglob("*"):
            if path.is_file():  # a link becomes what it names
                files["/" + str(path.relative_to(extra))] = path
    return files


def main() -> int:
    """Boot, unpack what came back, say how it ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", type=Path, required=True, help="the image, such as vmlinuz-6.1.0-56-amd64")
    parser.add_argument("--with", dest="extra", type=Path, help="a folder laid over the guest's root")
    parser.add_argument("--memory", type=int, default=1024, help="of the guest, in MiB (default 1024)")
    parser.add_argument("--append", default="hugepages=10", help="more for the kernel's command line")
    parser.add_argument("--cpu", default="max", help="what qemu is to be (default max, which has 1 GB pages)")
    parser.add_argument("--patience", type=float, default=600, help="seconds until it is given up (default 600)")
    parser.add_argument("folder", type=Path, help="for the logs")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        initrd, answers = Path(work) / "initrd", Path(work) / "answers"
        with initrd.open("wb") as file:
            file.writelines(archive(guest_files(Path(work), asked.extra)))
        command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", asked.cpu, "-smp", "2", "-m", f"{asked.memory}M"]
        command += ["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-serial", f"file:{answers}"]
        command += ["-kernel", str(asked.kernel), "-initrd", str(initrd)]
        command += ["-append", f"console=ttyS0 quiet panic=-1 {asked.append}".strip()]
        with (asked.folder / "console").open("wb") as said, contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=asked.patience)
        packed = answers.read_bytes() if answers.exists() else b""
    if not packed:
        print(f"the guest did not finish: see {asked.folder / 'console'}", file=sys.stderr)
        return 1
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(asked.folder, filter="data")
    print((asked.folder / "results").read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
