"""``hugelab why`` on the command line: this machine, a text, typed numbers; errors of one line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hugelab.why import KINDS
from tests.cli.test_commands import call, shell
from tests.live.alone import pool_alone

from .test_meminfo import GREP, PER_NODE

__all__ = ["pool_alone"]  # a fixture

TYPED = ("--total", "10", "--free", "8", "--rsvd", "3")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads this machine's pool")


def ask(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    """The answer as JSON."""
    assert call("why", *args, "--json") == 0
    out, err = capsys.readouterr()
    assert err == "" and out.count("\n") == 1
    answer: dict[str, Any] = json.loads(out)
    return answer


# -- answers -----------------------------------------------------------------------------------------
def test_the_paragraph(capsys: pytest.CaptureFixture[str]) -> None:
    """One line: what was asked, the pool, the outcome, the rule, what would help; exit code 0 for any verdict."""
    assert call("why", "6", *TYPED) == 0
    assert capsys.readouterr().out == (
        "6 pages of 2 MB as a shared mapping of a hugetlbfs file. The pool has 10 pages: 8 free, 3 of them reserved, so"
        " 5 available, and 0 more allowed as surplus. mmap is refused: ENOMEM; nothing is taken or reserved. Decided by"
        " gather_surplus_pages: reserved pages must be free, or come as surplus (6 wanted, 5 available, 0 more"
        " allowed as surplus). What would help: `sysctl -w vm.nr_hugepages=11`.\n"
    )
    assert call("why", "5", *TYPED, "--kind", "shm") == 0
    out = capsys.readouterr().out
    assert "5 pages of 2 MB as System V shared memory." in out
    assert "shmget passes, and no touch can fail" in out
    assert "help" not in out


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Request, what was found, the verdict, what would help, and the text."""
    args = (*TYPED, "--kind", "anonymous", "--noreserve", "--overcommit", "1", "--surp", "1")
    answer = ask(capsys, "6", *args)
    text = answer.pop("text")
    assert answer.pop("request") == {"pages": 6, "kind": "anonymous", "noreserve": True, "node": None, "mbind": False}
    counters = {"total": 10, "free": 8, "rsvd": 3, "surp": 1, "overcommit": 1, "size": 2 << 20}
    assert answer.pop("found") == counters | {"nodes": [], "mount": None, "cgroup": None, "default": True}
    assert answer == {
        "mapped": "ok",
        "touched": 5,
        "signal": "SIGBUS",
        "rule": "dequeue_huge_page_vma",
        "because": "1 wanted, 0 available, 0 more allowed as surplus",
        "risk": "dequeue_huge_page_vma",
        "could_fail": True,
        "help": ["sysctl -w vm.nr_hugepages=11", "map without NORESERVE"],
    }
    assert call("why", "6", *args) == 0
    assert capsys.readouterr().out == f"{text}\n"


@pytest.mark.parametrize(
    ("text", "pages"),
    [("5", 5), ("10M", 5), ("10MiB", 5), ("11M", 6), ("1", 1), ("1k", 1), ("2049kB", 2), ("1G", 512), ("1_000", 1000)],
)
def test_pages_or_bytes(capsys: pytest.CaptureFixture[str], text: str, pages: int) -> None:
    """A number is pages; bytes are rounded up to pages."""
    assert ask(capsys, text, *TYPED)["request"]["pages"] == pages


def test_bytes_are_rounded_to_the_page_size(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the pool that is asked about."""
    answer = ask(capsys, "2049M", *TYPED, "--pagesize", "1G")
    assert (answer["request"]["pages"], answer["found"]["size"]) == (3, 1 << 30)
    assert "3 pages of 1 GB" in answer["text"]


def test_a_text(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file, or typed in; the overcommit beside it."""
    file = tmp_path / "meminfo"
    file.write_bytes(f"\ufeff{GREP}".replace("\n", "\r\n").encode())
    answer = ask(capsys, "8", "--meminfo", str(file), "--overcommit", "4")
    assert answer["mapped"] == "ok"
    assert [answer["found"][name] for name in ("total", "free", "rsvd", "surp", "overcommit")] == [10, 8, 3, 1, 4]
    monkeypatch.setattr(sys, "stdin", io.StringIO(GREP))
    assert ask(capsys, "8", "--meminfo", "-", "--pagesize", "2M")["mapped"] == "ENOMEM"


def test_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    """Typed as total/free, with surplus or without; the node is said."""
    pool = ("--total", "8", "--free", "8", "--surp", "1", "--nodes", "6/6,2/2/1")
    answer = ask(capsys, "3", *pool, "--node", "1", "--mbind")
    assert answer["found"]["nodes"] == [[6, 6, 0], [2, 2, 1]]
    assert (answer["mapped"], answer["touched"], answer["signal"]) == ("ok", 2, "SIGBUS")
    assert ", mbind to node 1. The pool" in answer["text"]
    assert "dequeue_hugetlb_folio_vma" in answer["text"], "as it is called today"
    answer = ask(capsys, "3", *pool, "--node", "1")
    assert (answer["mapped"], answer["rule"]) == ("ENOMEM", "allowed_mems_nr")
    assert ", the task bound to node 1. The pool" in answer["text"]


def test_limits(capsys: pytest.CaptureFixture[str]) -> None:
    """A mount and a cgroup, typed."""
    answer = ask(capsys, "3", *TYPED, "--mount-size", "4", "--mount-used", "2", "--mount-held", "1")
    assert answer["found"]["mount"] == {"size": 4, "used": 2, "held": 1}
    assert answer["rule"] == "hugepage_subpool_get_pages"
    answer = ask(capsys, "3", *TYPED, "--cgroup-left", "5", "--cgroup-rsvd-left", "2")
    assert answer["found"]["cgroup"] == {"left": 5, "rsvd_left": 2}
    assert answer["rule"] == "hugetlb_cgroup_charge_cgroup"
    assert ask(capsys, "3", *TYPED, "--mount-held", "1")["found"]["mount"] == {"size": None, "used": 0, "held": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """Each is named."""
    words = {"shared": "shared mapping", "private": "private mapping", "anonymous": "anonymous", "shm": "System V"}
    answer = ask(capsys, "1", *TYPED, "--kind", kind, "--noreserve")
    assert answer["request"]["kind"] == kind
    assert words[kind] in answer["text"]
    assert ("SHM_NORESERVE" if kind == "shm" else "MAP_NORESERVE") in answer["text"]


@on_linux
@pytest.mark.usefixtures("pool_alone")
def test_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """Its pool, read now; an overcommit to try out."""
    from hugelab.why.here import here

    found = here()
    answer = ask(capsys, "1")
    assert answer["found"]["total"] == found.total
    assert answer["found"]["size"] == found.size
    assert answer["found"]["default"] is True
    more = ask(capsys, "1", "--overcommit", str(found.surp + 1))
    assert (more["mapped"], more["found"]["overcommit"]) == ("ok", found.surp + 1)
    assert call("why", "1", "--mount", "/proc") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "/proc is on proc, not on hugetlbfs" in line


# -- errors ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "the following arguments are required: PAGES|SIZE"),
        (("many", *TYPED), "'many' is neither a number of pages nor a size such as 10M"),
        (("-5", *TYPED), "'-5' is neither a number of pages"),
        (("", *TYPED), "'' is neither a number of pages"),
        (("5.5", *TYPED), "'5.5' is neither a number of pages"),
        (("1,5M", *TYPED), "'1,5M' is neither a number of pages"),
        (("9" * 5000, *TYPED), "pages"),
        (("0", *TYPED), "a request is of 1 to 4,194,304 pages, not 0"),
        (("0M", *TYPED), "a request is of 1 to 4,194,304 pages, not 0"),
        (("5000000", *TYPED), "a request is of 1 to 4,194,304 pages, not 5,000,000"),
        (("5", "--kind", "fancy", *TYPED), "invalid choice: 'fancy'"),
        (("5", "--node", "1", *TYPED), "there is no node 1: the machine has 1 node, from 0"),
        (("5", "--node", "-1", *TYPED), "must be 0 or more, not -1"),
        (("5", "--mbind", *TYPED), "mbind needs a node"),
        (("5", "--total", "10"), "--total and --free are needed"),
        (("5", "--rsvd", "3"), "--total and --free are needed"),
        (("5", "--total", "x", "--free", "3"), "'x' is not a whole number"),
        (("5", "--total", "3", "--free", "4"), "4 pages free of 3 in all cannot be"),
        (("5", "--total", str(1 << 60), "--free", "4"), "pool: total is 0 to"),
        (("5", *TYPED, "--pagesize", "3M"), "3 MB is no page size"),
        (("5", *TYPED, "--pagesize", "big"), "'big' is not a size"),
        (("5", *TYPED, "--meminfo", "x"), "--meminfo has the numbers: leave out --total"),
        (("5", *TYPED, "--mount", "/mnt"), "--mount and --cgroup are of this machine"),
        (("5", *TYPED, "--cgroup", "a"), "--mount and --cgroup are of this machine"),
        (("5", "--meminfo", "x", "--cgroup", "a"), "--mount and --cgroup are of this machine"),
        (("5", *TYPED, "--mount-used", "3"), "--mount-used is of --mount-size, which is missing"),
        (("5", *TYPED, "--mount-size", "3", "--mount-used", "4"), "mount: 4 pages used of a size of 3 cannot be"),
        (("5", *TYPED, "--nodes", "6"), "'6' is not total/free of each node, such as 6/6,2/1"),
        (("5", *TYPED, "--nodes", "6/6/6/6"), "is not total/free of each node"),
        (("5", *TYPED, "--nodes", ""), "is not total/free of each node"),
        (("5", *TYPED, "--nodes", "6/-6,4/14"), "pages are 0 or more"),
        (("5", *TYPED, "--nodes", "6/6,2/2"), "the nodes have 8 pages total, the pool 10"),
        (("5", *TYPED, "--nodes", "2/6,8/2"), "node"),
        (("5", "--meminfo", "/nonexistent"), "No such file or directory"),
        (("5", "--meminfo", "/"), "Is a directory"),
    ],
    ids=lambda value: " ".join(value)[-50:] if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line(args: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, nothing on stdout."""
    assert call("why", *args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("hugelab")
    assert message in err
    assert len(err) < 6000


@pytest.mark.parametrize(
    "data", [b"", bytes(range(256)) * 50, b"HugePages_Total: 5\n", PER_NODE.encode(), b"\xff" * 99]
)
def test_a_bad_text_is_one_line(data: bytes, tmp_path: Path) -> None:
    """In a file, and on the standard input of a real process."""
    file = tmp_path / "text"
    file.write_bytes(data)
    for command in (f"hugelab why 5 --meminfo '{file}'", f"hugelab why 5 --meminfo - < '{file}'"):
        done = shell(command)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("hugelab: ") and "paste" in line


@on_linux
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--pagesize", "32k"), "this kernel has no pool of 32 KB pages, but of "),
        (("--mount", "/nonexistent"), "/nonexistent does not exist"),
        (("--mount", "/proc", "--mount-size", "3"), ""),
        (("--cgroup", "nonexistent"), "/sys/fs/cgroup/nonexistent is no cgroup with the hugetlb controller"),
        (("--cgroup", "a", "--cgroup-left", "3"), ""),
        (("--node", "99"), "there is no node 99"),
        (("--nodes", "1000000/5,3/3"), "the nodes have 1,000,003 pages total, the pool "),
    ],
)
@pytest.mark.usefixtures("pool_alone")
def test_what_this_machine_has_not(args: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, too."""
    assert call("why", "5", *args) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


# -- elsewhere ---------------------------------------------------------------------------------------
ELSEWHERE = """
import sys
sys.platform = "darwin"
from hugelab.__main__ import main
code = main(sys.argv[1:])
assert not {"hugelab.why.here", "hugelab.live.host", "hugelab.live.syscalls"} & sys.modules.keys(), "they need Linux"
sys.exit(code)
"""


def test_a_machine_that_is_no_linux(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own pool: one line that says what can be asked. Others': as everywhere, without any code for Linux."""
    monkeypatch.setattr(sys, "platform", "darwin")
    for args in ((), ("--mount", "/mnt"), ("--cgroup", "a"), ("--node", "0")):
        assert call("why", "5", *args) == 2
        assert capsys.readouterr().err == (
            "hugelab: this is no Linux: give the pool of another machine, with --meminfo or --total and --free\n"
        )
    command = [sys.executable, "-c", ELSEWHERE, "why", "5"]
    for given, text in ((TYPED, ""), (("--meminfo", "-"), GREP)):
        done = subprocess.run([*command, *given], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "no touch can fail" in done.stdout


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Every argument says what it is, and the examples can be typed."""
    assert call("why", "--help") == 0
    out = capsys.readouterr().out
    assert "say whether a mapping would pass, whether a touch could fail, and which rule decides" in out
    for name in ("meminfo", "total", "free", "rsvd", "surp", "overcommit", "pagesize", "nodes", "node", "mbind"):
        assert f"--{name} " in out
    examples = [
        line.split("hugelab why ")[1] for line in out.splitlines() if "--total" in line and "hugelab why" in line
    ]
    examples = [example.split("   ")[0] for example in examples if example[0].isdigit()]
    assert len(examples) >= 2
    for example in examples:
        assert call("why", *example.split()) == 0
