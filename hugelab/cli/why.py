"""``hugelab why``: would a mapping pass on a pool, could a touch fail, and which rule of the kernel decides."""

import argparse
import json
import re
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..core.units import parse_size
from ..linux.errors import ScenarioError
from ..why import KINDS, Cgroup, Found, Mount, Node, Request, paragraph, remedy, why
from ..why.meminfo import LONGEST, from_meminfo
from .common import DONE, AddCommand, say, whole_number

TYPED = ("total", "free", "rsvd", "surp")
OF_MOUNT = ("mount_size", "mount_used", "mount_held")
OF_GROUP = ("cgroup_left", "cgroup_rsvd_left")


def add(command: AddCommand) -> None:
    """The arguments of ``hugelab why``."""
    sub = command(
        "why",
        run,
        "say whether a mapping would pass, whether a touch could fail, and which rule decides",
        "  hugelab why 5                                    on this machine, now; changes nothing, needs no root\n"
        "  hugelab why 10G --kind anonymous --noreserve     bytes are rounded up to pages\n"
        "  hugelab why 5 --mount /mnt/huge --cgroup system.slice\n"
        "  ssh server cat /proc/meminfo | hugelab why 5 --meminfo - --overcommit 4\n"
        "  hugelab why 5 --total 10 --free 10 --rsvd 7      typed\n"
        "  hugelab why 3 --total 8 --free 8 --nodes 6/6,2/2 --node 1 --mbind",
    )
    sub.add_argument("pages", metavar="PAGES|SIZE", help="how much is to be mapped: pages, or bytes such as 10M")
    sub.add_argument("--kind", choices=KINDS, default="shared", help="kind of mapping (default: of a file, shared)")
    sub.add_argument("--noreserve", action="store_true", help="with MAP_NORESERVE (or SHM_NORESERVE)")
    sub.add_argument("--node", type=whole_number(0), metavar="N", help="the task is bound to it: numactl --membind=N")
    sub.add_argument("--mbind", action="store_true", help="with --node: the mapping is bound, after mmap")
    sub.add_argument("--json", action="store_true", help="one JSON object")
    where = sub.add_argument_group("the pool: this machine's, unless you give")
    where.add_argument("--meminfo", metavar="FILE", help="a text with the lines of /proc/meminfo; - reads stdin")
    for name in TYPED:
        where.add_argument(f"--{name}", type=whole_number(0), metavar="N", help=f"HugePages_{name.capitalize()}")
    where.add_argument("--overcommit", type=whole_number(0), metavar="N", help="nr_overcommit_hugepages")
    where.add_argument("--pagesize", type=_size, metavar="SIZE", help="such as 2M or 1G (default: the default size)")
    where.add_argument("--nodes", type=_nodes, metavar="T/F,T/F", help="total/free pages of each node, from node 0")
    more = sub.add_argument_group("what else limits it")
    more.add_argument("--mount", metavar="FOLDER", help="on this machine: the file is on this hugetlbfs")
    more.add_argument("--cgroup", metavar="GROUP", help="on this machine: the process is in this group")
    number = whole_number(0)
    more.add_argument("--mount-size", type=number, metavar="N", help="size= of the mount, in pages")
    more.add_argument("--mount-used", type=number, metavar="N", help="pages of it that are used or reserved")
    more.add_argument("--mount-held", type=number, metavar="N", help="pages that its min_size= still keeps")
    more.add_argument("--cgroup-left", type=number, metavar="N", help="pages up to its limit (hugetlb.SIZE.max)")
    more.add_argument("--cgroup-rsvd-left", type=number, metavar="N", help="pages up to hugetlb.SIZE.rsvd.max")


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _nodes(text: str) -> tuple[Node, ...]:
    """``6/6,2/1`` or, with surplus pages, ``6/6/0,2/1/1``."""
    try:
        nodes = tuple(Node(*(int(number) for number in part.split("/"))) for part in text.split(","))
    except (ValueError, TypeError):
        raise argparse.ArgumentTypeError(f"{text!r} is not total/free of each node, such as 6/6,2/1") from None
    if any(number < 0 for node in nodes for number in node):
        raise argparse.ArgumentTypeError(f"{text!r}: pages are 0 or more")
    return nodes


def run(args: argparse.Namespace) -> int:
    """Answer in one paragraph; returns the exit code."""
    found = _found(args)
    request = Request(_pages(args.pages, found.size), args.kind, args.noreserve, args.node, args.mbind)
    verdict = why(found, request)
    help = remedy(found, request)
    text = paragraph(found, request, verdict, help)
    if args.json:
        commands = [one.command or "map without NORESERVE" for one in help]
        answer: dict[str, Any] = {"request": asdict(request), "found": asdict(found), **asdict(verdict)}
        say(json.dumps({**answer, "could_fail": not verdict.fine, "help": commands, "text": text}))
    else:
        say(text)
    return DONE


def _pages(text: str, size: int) -> int:
    """Pages as typed; bytes rounded up. Raises ScenarioError."""
    plain = re.sub(r"(?<=\d)[,_](?=\d{3}(?!\d))", "", text)
    try:
        return int(plain) if plain.isascii() and plain.isdigit() else -(-parse_size(plain) // size)
    except ValueError:
        raise ScenarioError(f"{text!r} is neither a number of pages nor a size such as 10M") from None


def _found(args: argparse.Namespace) -> Found:
    """The pool that was given, else this machine's, with the limits that were given. Raises ScenarioError."""
    typed = [name for name in TYPED if getattr(args, name) is not None]
    if args.meminfo is not None and typed:
        raise ScenarioError(f"--meminfo has the numbers: leave out --{typed[0]}")
    if (args.meminfo is not None or typed) and (args.mount or args.cgroup):
        raise ScenarioError(
            "--mount and --cgroup are of this machine; for another one type --mount-size, --cgroup-left"
        )
    if args.meminfo is not None:
        found = from_meminfo(_text(args.meminfo), args.overcommit or 0)
        if args.pagesize not in (None, found.size):
            raise ScenarioError("/proc/meminfo is about the default size alone: leave out --pagesize")
    elif typed:
        if args.total is None or args.free is None:
            raise ScenarioError("--total and --free are needed; --rsvd, --surp and --overcommit are 0 if not given")
        counters = (args.total, args.free, args.rsvd or 0, args.surp or 0)
        found = Found(*counters, args.overcommit or 0, args.pagesize or 2 << 20)
    else:
        found = _here(args)
    if args.nodes is not None:
        found = replace(found, nodes=args.nodes)
    return _limited(found, args)


def _here(args: argparse.Namespace) -> Found:
    if sys.platform != "linux":
        raise ScenarioError("this is no Linux: give the pool of another machine, with --meminfo or --total and --free")
    from ..why.here import here  # reads through calls that only Linux has

    found = here(args.pagesize, args.mount, args.cgroup)
    return found if args.overcommit is None else replace(found, overcommit=args.overcommit)


def _limited(found: Found, args: argparse.Namespace) -> Found:
    """The same with the limits that were typed. Raises ScenarioError for used pages of no size."""
    if any(getattr(args, name) is not None for name in OF_MOUNT):
        if args.mount:
            raise ScenarioError("--mount reads the size: leave out --mount-size, --mount-used and --mount-held")
        if args.mount_used is not None and args.mount_size is None:
            raise ScenarioError("--mount-used is of --mount-size, which is missing")
        found = replace(found, mount=Mount(args.mount_size, args.mount_used or 0, args.mount_held or 0))
    if any(getattr(args, name) is not None for name in OF_GROUP):
        if args.cgroup:
            raise ScenarioError("--cgroup reads the limits: leave out --cgroup-left and --cgroup-rsvd-left")
        found = replace(found, cgroup=Cgroup(args.cgroup_left, args.cgroup_rsvd_left))
    return found


def _text(name: str) -> str:
    """A file, or what is typed in. Raises OSError."""
    if name == "-":
        return sys.stdin.read(LONGEST)
    with Path(name).open(encoding="utf-8", errors="replace") as file:
        return file.read(LONGEST)
