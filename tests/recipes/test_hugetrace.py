"""recipes/hugetrace.sh against folders that look like tracefs, sysfs and proc: no root, and this kernel is left alone.

Plain files keep every word that is written to them, so ``kprobe_events`` shows what was set and taken back, in order.
What only a kernel can show is recorded: tools/boot_recipes.py; some of those logs are in ``data`` and read here.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hugelab.linux.names import all_names, function_name_310
from hugelab.trace.read.kprobe import EVENTS
from hugelab.trace.read.reader import Reader, entries

RECIPE = Path(__file__).parents[2] / "recipes" / "hugetrace.sh"
LOGS = sorted((Path(__file__).parent / "data").glob("*.txt"))
OPTIONS = """print-parent
nofuncgraph-irqs
funcgraph-cpu
nofuncgraph-abstime
nofuncgraph-proc
noevent-fork
nofunction-fork
"""
TRACEFS = {
    "README": "place: ...\n fetcharg: $stack<index>, $stack, $retval, $comm, $arg<N>,\n",
    "available_filter_functions": "",
    "available_tracers": "function_graph function nop\n",
    "buffer_size_kb": "1408\n",
    "current_tracer": "nop\n",
    "kprobe_events": "",
    "set_event": "",
    "set_event_pid": "17\n",
    "set_ftrace_filter": "#### all functions enabled ####\n",
    "set_ftrace_pid": "no pid\n",
    "trace": "# tracer: nop\n#\n",
    "trace_options": OPTIONS,
    "tracing_on": "1\n",
    "events/hugetrace/enable": "0\n",
    "events/hugetrace/look/enable": "0\n",
    "per_cpu/cpu0/stats": "entries: 5\noverrun: 3\n",
}
FUNCTIONS = [
    "hugetlbfs_create",
    "hugetlbfs_file_mmap",
    "hugetlb_reserve_pages",
    "hugetlb_acct_memory.part.0",
    "hugetlb_fault",
    "hugetlb_fault.cold",
    "alloc_hugetlb_folio",
    "free_huge_folio",
    "hugetlb_vm_op_close",
    "hugetlbfs_evict_inode",
    "region_del.isra.0",
    "hugetlb_unreserve_pages",
    "hugetlb_unreserve_pages.part.0",
    "hugetlb_no_page.cold",
    "kobj_to_hstate",
    "return_unused_surplus_pages",
    "return_unused_surplus_pages.constprop.0",
]
POOL = {"nr": 10, "free": 9, "resv": 4, "surplus": 0, "nr_overcommit": 2}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a recipe for Linux")


class Machine:
    """Folders in the place of tracefs, sysfs and proc, and a PATH on which everybody is root."""

    def __init__(self, folder: Path, release: str = "6.12.1") -> None:
        self.tracefs, self.sysfs, self.proc = folder / "tracefs", folder / "sys", folder / "proc"
        self.bin, self.out = folder / "bin", folder / "out.txt"
        for name, text in TRACEFS.items():
            self.write(self.tracefs / name, text)
        pool = self.sysfs / "kernel/mm/hugepages/hugepages-2048kB"
        for name, number in POOL.items():
            self.write(pool / f"{name}_hugepages", f"{number}\n")
        symbols = [f"ffffffff8100{at:04x} t {name}" for at, name in enumerate(FUNCTIONS)]
        symbols += ["ffffffff84a00000 B hstates", "ffffffffc0001000 t hugetlb_fault\t[strange]"]
        self.write(self.proc / "kallsyms", "\n".join(symbols) + "\n")
        self.write(self.proc / "meminfo", "Hugepagesize:       2048 kB\n")
        self.write(self.proc / "cmdline", "quiet\n")
        self.write(self.proc / "sys/kernel/osrelease", f"{release}\n")
        self.program("id", "echo 0")
        self.program("uname", f"case $* in -m) echo x86_64 ;; *) echo Linux {release} '#1' x86_64 ;; esac")

    def write(self, path: Path, text: str) -> None:
        """A file, and its folder."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def program(self, name: str, script: str) -> None:
        """A program that is found before the system's own."""
        self.write(self.bin / name, f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """Where the recipe is to look."""
        places = {"HUGETRACE_TRACEFS": self.tracefs, "HUGETRACE_SYSFS": self.sysfs, "HUGETRACE_PROC": self.proc}
        return (
            os.environ
            | {name: str(path) for name, path in places.items()}
            | {"PATH": f"{self.bin}:{os.environ['PATH']}"}
        )

    def run(self, *words: str, shell: tuple[str, ...] = ("sh",)) -> subprocess.CompletedProcess[str]:
        """The recipe, to its end."""
        command = [*shell, str(RECIPE), *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, cwd=self.bin)

    def record(self, *words: str) -> str:
        """The log of a run that succeeds."""
        result = self.run("-o", str(self.out), *words)
        assert result.returncode == 0, result.stderr
        return self.out.read_text()

    @property
    def probes(self) -> dict[str, str]:
        """Every probe that was set: event -> the rest of its line."""
        lines = (self.tracefs / "kprobe_events").read_text().splitlines()
        return {found[1]: found[2] for line in lines if (found := re.match(r"[pr]:hugetrace/(\w+) (.*)", line))}

    def left(self) -> dict[str, str]:
        """What is not as it was: probes that stayed, files with other values."""
        found: dict[str, str] = {}
        alive: set[str] = set()
        for line in (self.tracefs / "kprobe_events").read_text().splitlines():
            name = line.split()[0].partition(":")[2]
            (alive.discard if line[0] == "-" else alive.add)(name)
        if alive:
            found["kprobe_events"] = " ".join(alive)
        for name in (
            "current_tracer",
            "tracing_on",
            "set_event_pid",
            "set_ftrace_pid",
            "set_ftrace_filter",
            "set_event",
        ):
            now, then = (re.sub(r"(?m)^(#.*|no pid)$", "", text).strip() for text in (self.text(name), TRACEFS[name]))
            if now != then:
                found[name] = now
        if not set(self.text("trace_options").split()) <= set(OPTIONS.split()):
            found["trace_options"] = self.text("trace_options")
        if self.text("events/hugetrace/enable").strip() != "0":
            found["enable"] = "1"
        return found

    def text(self, name: str) -> str:
        """A file of tracefs."""
        return (self.tracefs / name).read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One that could record, 6.12 on x86-64."""
    return Machine(tmp_path)


SHELLS = [words for words in (("sh",), ("dash",), ("busybox", "ash"), ("bash", "--posix")) if shutil.which(words[0])]


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_syntax_and_help(machine: Machine, shell: tuple[str, ...]) -> None:
    """Every shell that is here can read it; the help names all modes and needs nothing."""
    subprocess.run([*shell, "-n", str(RECIPE)], check=True)
    result = machine.run("--help", shell=shell)
    assert result.returncode == 0
    assert all(mode in result.stdout for mode in ("full", "kprobe", "graph", "function", "tracepoint", "--dry-run"))


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_dry_run_changes_nothing(machine: Machine, shell: tuple[str, ...]) -> None:
    """It prints every probe and every file, and tracefs is byte for byte what it was; root is not needed."""
    machine.program("id", "echo 1000")
    result = machine.run("--dry-run", "-o", str(machine.out), "true", shell=shell)
    assert result.returncode == 0, result.stderr
    assert {name: machine.text(name) for name in TRACEFS} == TRACEFS
    assert not machine.out.exists()
    assert "p:hugetrace/fault hugetlb_fault addr=$arg3:x64" in result.stdout
    for name in ("current_tracer", "set_ftrace_filter", "trace_options", "tracing_on", "kprobe_events"):
        assert f"> {machine.tracefs}/{name}\n" in result.stdout


@pytest.mark.parametrize("mode", ["full", "kprobe", "graph", "function"])
def test_takes_all_back(machine: Machine, mode: str) -> None:
    """After the command there is no probe of its own, and every file has the value that it had."""
    log = machine.record("-m", mode, "true")
    assert machine.left() == {}
    assert log.startswith(
        f"# hugetrace 1 mode={mode}\n# kernel: Linux 6.12.1 #1 x86_64\n# cmdline: quiet\n# command: true\n"
    )
    assert "# pool hugepages-2048kB: nr=10 free=9 resv=4 surp=0 overcommit=2\n" in log
    assert log.endswith("\n# rc 0\n")
    assert "# lost: 3 events" in log


def test_filters_of_others_come_back(machine: Machine) -> None:
    """Lists with several entries are written back one by one."""
    machine.write(machine.tracefs / "set_event_pid", "17\n18\n")
    machine.write(machine.tracefs / "set_ftrace_filter", "vfs_read\nvfs_write\n")
    machine.record("true")
    assert machine.text("set_event_pid").split() == ["17", "18"]
    assert machine.text("set_ftrace_filter").split() == ["vfs_read", "vfs_write"]


def test_probes_of_others_stay(machine: Machine) -> None:
    """kprobe_events is only ever added to."""
    machine.write(machine.tracefs / "kprobe_events", "p:mine/open do_sys_openat2\n")
    machine.record("true")
    assert machine.text("kprobe_events").startswith("p:mine/open do_sys_openat2\n")
    assert "-:mine" not in machine.text("kprobe_events")
    assert machine.left() == {"kprobe_events": "mine/open"}


def test_status_input_and_marks_of_the_command(machine: Machine) -> None:
    """It is found in the filters under its own number, has the input, and is told where marks go; its status counts."""
    script = 'read word; echo "$word $$" $(cat "$0/set_event_pid" "$0/set_ftrace_pid") "$HUGETRACE_MARKER"; exit 7'
    command = ["sh", str(RECIPE), "-o", str(machine.out), "sh", "-c", script, str(machine.tracefs)]
    result = subprocess.run(
        command, env=machine.environment, capture_output=True, text=True, input="hello\n", timeout=60
    )
    word, me, event, ftrace, marker = result.stdout.split()
    assert (word, event, ftrace, marker) == ("hello", me, me, f"{machine.tracefs}/trace_marker")
    assert result.returncode == 7
    assert machine.out.read_text().endswith("# rc 7\n")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_stopped(machine: Machine, number: signal.Signals, status: int) -> None:
    """Ctrl-C ends the command, the log is written, and all is taken back."""
    started = machine.bin / "started"
    command = ["sh", str(RECIPE), "-o", str(machine.out), "sh", "-c", f"touch {started}; exec sleep 60"]
    with subprocess.Popen(command, env=machine.environment, stderr=subprocess.PIPE, text=True) as process:
        _wait_for(started)
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == status
    assert machine.left() == {}
    assert machine.out.read_text().endswith("# rc 143\n")


def test_stopped_before_the_command(machine: Machine) -> None:
    """Also while the probes are set: then there is no log."""
    machine.program("tr", f'sleep 0.2; exec {shutil.which("tr")} "$@"')  # slow enough to be stopped
    command = ["sh", str(RECIPE), "-o", str(machine.out), "false"]
    with subprocess.Popen(command, env=machine.environment, stderr=subprocess.PIPE, text=True) as process:
        while "p:hugetrace" not in machine.text("kprobe_events") and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143
    assert machine.left() == {}
    assert not machine.out.exists()


def _wait_for(path: Path) -> None:
    for _ in range(1000):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"no {path}")


def test_refuses(machine: Machine) -> None:
    """One line: what is wrong, what to do; status 125; nothing is written."""

    def said(*words: str) -> str:
        before = {path: path.read_bytes() for path in machine.tracefs.rglob("*") if path.is_file()}
        result = machine.run("-o", str(machine.out), *words)
        assert result.returncode == 125, result.stderr
        assert {path: path.read_bytes() for path in machine.tracefs.rglob("*") if path.is_file()} == before
        lines = result.stderr.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("hugetrace: ")
        return lines[0]

    assert "no command" in said()
    assert "no command /no/such/program" in said("/no/such/program")
    assert "unknown mode all" in said("-m", "all", "true")
    assert "unknown option --fast" in said("--fast", "true")
    assert "-m without a value" in said("-m")
    assert "-b 4M is no number" in said("-b", "4M", "true")
    assert "no hugetlbfs tracepoints" in said("-m", "tracepoint", "true")
    machine.write(machine.out, "a log\n")
    assert "exists" in said("true")
    assert machine.out.read_text() == "a log\n"
    machine.out.unlink()
    machine.write(machine.tracefs / "current_tracer", "blk\n")
    assert "the tracer blk is in use" in said("true")
    machine.write(machine.tracefs / "current_tracer", "nop\n")
    machine.write(machine.tracefs / "set_event", "sched:sched_switch\n")
    assert "somebody records events" in said("true")
    machine.write(machine.tracefs / "kprobe_events", "p:hugetrace/fault hugetlb_fault\n")
    assert "a former run" in said("true")
    machine.write(machine.tracefs / "available_tracers", "nop\n")
    assert "no tracer function_graph" in said("-m", "graph", "true")
    (machine.tracefs / "kprobe_events").unlink()
    assert "no kprobes (CONFIG_KPROBE_EVENTS): -m graph" in said("true")
    machine.program("id", "echo 1000")
    assert "not root: sudo sh " in said("true")
    machine.program("id", "echo 0")
    (machine.tracefs / "tracing_on").unlink()
    assert "no tracefs: as root: mount -t tracefs" in said("true")


def test_functions_by_version_and_suffix(machine: Machine) -> None:
    """Renamed functions, split-off parts; what is missing is named; arguments that may have moved are left out."""
    log = machine.record("-m", "kprobe", "true")
    probes = machine.probes
    assert probes["alloc"] == "alloc_hugetlb_folio addr=$arg2:x64"
    assert probes["acct"] == "hugetlb_acct_memory.part.0 delta=$arg2:s64"
    assert probes["unreserve"].startswith("hugetlb_unreserve_pages.part.0 ")  # which the whole one calls, and others
    assert probes["region_del"] == "region_del.isra.0"
    assert probes["region_del_ret"] == "region_del.isra.0 ret=$retval:s64"
    assert probes["ret_unused"] == "return_unused_surplus_pages n=$arg2:s64"
    assert probes["create"] == "hugetlbfs_create mode=$arg4:x16"
    assert probes["mmap"] == "hugetlbfs_file_mmap start=+0($arg2):x64 end=+8($arg2):x64 vm_flags=+32($arg2):x64"
    assert "# absent: cow (hugetlb_cow)\n" in log
    assert "# left out: arguments of region_del: region_del.isra.0 may have others\n" in log
    assert ".cold" not in machine.run("--dry-run", "true").stdout


@pytest.mark.parametrize(
    ("release", "machine_name", "event", "expected"),
    [
        ("3.10.105", "i686", "reserve", "from=%dx:s32 to=%cx:s32 vm_flags=$stack2:u32"),
        ("3.10.105", "x86_64", "fault", "addr=%dx:u64 flags=%cx:u32 vm_flags=+80(%si):u64"),
        ("3.10.105", "x86_64", "unreserve", "offset=%si:s64 freed=%dx:s64"),
        ("4.19.1", "x86_64", "create", "mode=%dx:x16"),
        ("6.1.1", "i686", "vma_close", "start=+0(%ax):x32 end=+4(%ax):x32 vm_flags=+20(%ax):x32"),
        ("6.1.1", "x86_64", "reserve_ret", "ret=$retval:s8"),
        ("7.3.4", "x86_64", "reserve_ret", "ret=$retval:s64"),
        ("6.1.1", "aarch64", "vma_close", "start=+0(%x0):x64 end=+8(%x0):x64 vm_flags=+32(%x0):x64"),
        ("6.1.1", "riscv64", "free", ""),
    ],
)
def test_arguments(tmp_path: Path, release: str, machine_name: str, event: str, expected: str) -> None:
    """Where a kernel without $arg1 has them, types before 4.9, signatures by version; none where it is not known."""
    machine = Machine(tmp_path, release)
    machine.write(machine.tracefs / "README", "" if release < "5" or machine_name != "x86_64" else TRACEFS["README"])
    machine.program("uname", f"case $* in -m) echo {machine_name} ;; *) echo Linux {release} ;; esac")
    log = machine.record("-m", "kprobe", "true")
    assert machine.probes[event].partition(" ")[2] == expected
    assert ("# left out: arguments: not known in which registers riscv64" in log) == (machine_name == "riscv64")


def test_counters(machine: Machine) -> None:
    """The mask and the counters of sysfs are looked for in the struct that the pool's file asks for."""
    _look_shows(machine, "ffffffff84a09000")
    log = machine.record("true")
    assert f"# counters: of hugepages-2048kB, at @hstates+{0x9000 + 10 * 8}\n" in log
    counters = ("nr=@hstates+36944", "free=@hstates+36952", "resv=@hstates+36960", "surp=@hstates+36968")
    assert machine.probes["evict"] == "hugetlbfs_evict_inode " + " ".join(f"{text}:s64" for text in counters)
    assert machine.probes["look"].startswith("kobj_to_hstate h=$retval:x64 w0=+0($retval):x64 w1=+8($retval):x64 ")


@pytest.mark.parametrize(
    ("hstate", "expected"),
    [
        ("ffffffff84a09000", ("ffffffff84a09050", "ffffffff84a09058", "ffffffff84a09060", "ffffffff84a09068")),
        ("ffff8880ffffffa8", ("ffff8880fffffff8", "ffff888100000000", "ffff888100000008", "ffff888100000010")),
    ],
)
def test_counters_without_their_symbol(machine: Machine, hstate: str, expected: tuple[str, ...]) -> None:
    """Then by address, also across a border of 4 GB, beyond which a shell cannot count."""
    text = (machine.proc / "kallsyms").read_text()
    machine.write(machine.proc / "kallsyms", text.replace(" hstates", " states"))
    _look_shows(machine, hstate)
    machine.record("true")
    names = zip(("nr", "free", "resv", "surp"), expected, strict=True)
    assert machine.probes["evict"] == "hugetlbfs_evict_inode " + " ".join(f"{name}=@0x{at}:s64" for name, at in names)


def _look_shows(machine: Machine, hstate: str) -> None:
    """What the probe would see in an hstate: grep finds it in the trace."""
    counters = [10, 10, 9, 4, 0, 2]
    words = [0xFFFFFFFFC0000000, *counters, 9, 0xFFFFFFFFFFE00000, *counters, *range(85)]  # as many pages of 1 GB
    seen = " ".join(f"w{at}=0x{word:x}" for at, word in enumerate(words))
    line = f" cat-5 [000] ..... 1.0: look: (nr_hugepages_show+0x1/0x2 <- kobj_to_hstate) h=0x{hstate} {seen}"
    grep = shutil.which("grep")
    machine.program("grep", f"case $* in *' look: '*) echo '{line}' ;; *) exec {grep} \"$@\" ;; esac")


@pytest.mark.parametrize(
    "why", ["not found in the kernel's memory", "kallsyms has neither hstates", "no pool of huge pages"]
)
def test_no_counters(machine: Machine, why: str) -> None:
    """The log says that they are left out, and why; the events are there without them."""
    if "kallsyms" in why:
        text = (machine.proc / "kallsyms").read_text()
        machine.write(machine.proc / "kallsyms", text.replace(" hstates", " states").replace("kobj_", "k_"))
    elif "no pool" in why:
        shutil.rmtree(machine.sysfs / "kernel")
    log = machine.record("true")
    assert f"# left out: counters: {why}" in log
    assert machine.probes["evict"] == "hugetlbfs_evict_inode"
    assert machine.left() == {}


def test_own_instance(machine: Machine) -> None:
    """Where the kernel has instances, the top one is not touched, and its own is gone afterwards."""
    (machine.tracefs / "instances").mkdir()
    skeleton = machine.bin / "skeleton"
    shutil.copytree(machine.tracefs, skeleton)
    machine.program("mkdir", f"[ ! -e $1 ] && cp -r {skeleton} $1")
    machine.program("rmdir", "exec rm -r $1")
    machine.write(machine.tracefs / "current_tracer", "blk\n")  # of somebody else, in the top instance
    machine.record("true")
    assert not (machine.tracefs / "instances" / "hugetrace").exists()
    changed = {name for name in TRACEFS if machine.text(name) != TRACEFS[name]}
    assert changed == {"kprobe_events", "current_tracer"}
    assert machine.text("current_tracer") == "blk\n"


def test_old_kernel_without_event_pid(machine: Machine) -> None:
    """Before 4.4 an event's own filter takes its place."""
    (machine.tracefs / "set_event_pid").unlink()
    machine.write(machine.tracefs / "events/hugetrace/filter", "none\n")
    result = machine.run("-o", str(machine.out), "sh", "-c", f"cat {machine.tracefs}/events/hugetrace/filter; echo $$")
    found, me = result.stdout.splitlines()
    assert found == f"common_pid == {me}"
    assert machine.text("events/hugetrace/filter") == "0\n"


@pytest.mark.parametrize("flags", ["0x84400fb", "84400fb", "fb"])
def test_doubtful_flags(machine: Machine, flags: str) -> None:
    """A fault without VM_HUGETLB tells that vm_flags was read from the wrong place; the events are in the log."""
    event = f"x-1 [000] ..... 1.0: fault: (hugetlb_fault+0x0/0xd30) addr=0x1 flags=0x255 vm_flags={flags} nr=1"
    log = machine.record("sh", "-c", f"echo '{event}' > {machine.tracefs}/trace")
    assert f"\n{event}\n" in log
    assert ("# doubtful: vm_flags" in log) == (flags == "fb")


def test_names_are_those_of_hugelab() -> None:
    """The recipe's table has every name that hugelab knows of a function, and no other meaning of one.

    Two rows stand for a function under another name: the probe of dequeue_huge_page_vma sits on the function that it
    calls (the newer dequeue_hugetlb_folio_vma returns the same page, and a kernel may inline it), and that of
    huge_add_to_page_cache has no function of its own in 3.10, where add_to_page_cache serves every file.
    """
    stands_for = {"dequeue_huge_page_vma": "dequeue_huge_page_node", "huge_add_to_page_cache": "add_to_page_cache"}
    left_out = {"dequeue_hugetlb_folio_vma"}
    table = re.search(r"^NAMES='\n(.*?)^'", RECIPE.read_text(), re.M | re.S)
    assert table
    rows = {old: news.split() for old, _, news in (line.partition(":") for line in table[1].splitlines())}
    for old, news in rows.items():
        # what took its work over may be a row of its own
        missing = set(all_names(old)) - {old, *news} - set(rows) - left_out
        assert not missing, old
        for new in news:
            assert function_name_310(new) in (old, new, stands_for.get(old))


def test_bpftrace_events_are_known() -> None:
    """Every event of hugetlb.bt is one that the reader takes."""
    events = re.findall(r'printf\("%llu %s %d (\w+)', RECIPE.with_name("hugetlb.bt").read_text())
    assert len(events) == 9
    assert set(events) <= set(EVENTS)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_recorded_logs_are_understood(path: Path) -> None:
    """Logs of the recipes on real kernels: every line is read."""
    reader = Reader()
    found = list(entries(path.read_text().splitlines(), reader))
    assert reader.unread == 0, reader.shown
    assert any(entry.name == "hugetlbfs_evict_inode" for entry in found)
