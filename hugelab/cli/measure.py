"""``hugelab measure``: what huge pages bring on this machine."""

import argparse
import json
import math
import os
import sys
from dataclasses import replace
from pathlib import Path

from ..core.units import parse_size
from ..live.errors import LiveUnavailable
from ..measure import BUDGET, Measured, check, measure, sentences, table
from .common import DONE, AddCommand, complain, say, seconds
from .live import ask


def add(command: AddCommand) -> None:
    """The arguments of ``hugelab measure``."""
    sub = command(
        "measure",
        run,
        "measure what huge pages bring on this machine: page faults, first touch, random loads",
        "  hugelab measure                            as a user: transparent huge pages, and free pages of the pool\n"
        "  sudo hugelab measure                       all of it; asks first, because it changes the pool\n"
        "  sudo hugelab measure --yes --json > here.json\n"
        "  hugelab measure --show here.json\n"
        "  hugelab measure --without-pool --size 10M 4G --budget 20",
    )
    sub.add_argument(
        "--size",
        metavar="SIZE",
        type=_size,
        nargs="+",
        action="extend",
        help="buffers for random loads, such as 10M 4G (default: 256K 1M 4M 10M 32M 128M 512M 1G, as far as they fit)",
    )
    sub.add_argument(
        "--budget",
        metavar="SECONDS",
        type=seconds(math.inf, "a time to measure in"),
        default=BUDGET,
        help="how long it may take (default %(default)g): fewer rounds when that is short, but 5 at least",
    )
    sub.add_argument("--json", action="store_true", help="one JSON object")
    sub.add_argument("--name", metavar="NAME", default="", help="the machine's name in the result (default: none)")
    sub.add_argument("--yes", action="store_true", help="change the huge page pool without asking")
    sub.add_argument("--without-pool", action="store_true", help="leave the pool alone: no hugetlb, only THP")
    sub.add_argument("--show", metavar="FILE", type=Path, help="show what --json saved, and measure nothing")


def _size(text: str) -> int:
    try:
        size = parse_size(text)
        check((size,))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return size


def run(args: argparse.Namespace) -> int:
    """Measure or show; returns the exit code."""
    if args.show:
        return _show(args.show, args.json)
    _print(replace(_measure(args), name=args.name), args.json)
    return DONE


def _show(file: Path, as_json: bool) -> int:
    try:
        measured = Measured.from_json(json.loads(file.read_text(encoding="utf-8")))
    except ValueError as error:  # JSON and UTF-8 errors are ValueErrors, too
        where = "not JSON: " if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)) else ""
        return complain(f"{file}: {where}{error}")
    _print(measured, as_json)
    return DONE


def _print(measured: Measured, as_json: bool) -> None:
    if as_json:
        say(json.dumps(measured.to_json()))
        return
    say(*table(measured).split("\n"), "", *sentences(measured))


def _measure(args: argparse.Namespace) -> Measured:
    if sys.platform != "linux":
        raise LiveUnavailable(f"measuring needs Linux on x86-64, this is {sys.platform}")
    from ..measure.room import fitting
    from ..measure.session import pages

    fitting(tuple(args.size or ()))
    asks = os.geteuid() == 0 and not args.yes and not args.without_pool
    if asks and not sys.stdin.isatty():
        raise LiveUnavailable(
            "measuring changes the machine's huge page pool; no terminal to ask on: add --yes or --without-pool"
        )

    def agreed(text: str) -> bool:
        text += "\n  measuring takes pages from them, as many as the largest buffer needs"
        if args.yes:
            say(*text.split("\n"), to=sys.stderr)
            return True
        if ask(text):
            return True
        raise LiveUnavailable("not agreed: nothing was changed; --without-pool measures without the pool")

    shown = _Shown()
    try:
        with pages(agreed, args.without_pool) as (pool, why):
            return measure(tuple(args.size) if args.size else None, args.budget, pool, why, shown.say)
    finally:
        shown.end()


class _Shown:
    """Progress on stderr: one line that is written again, or a line for each part if it is no terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = ""

    def say(self, text: str, part: float) -> None:
        """``part`` of all, 0 to 1, is done; ``text`` is what is done now."""
        line = f"{part:4.0%} {text}"
        if self._terminal and line != self._last:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        elif not self._terminal and text != self._last[5:]:
            say(line, to=sys.stderr)
        self._last = line

    def end(self) -> None:
        """Ends the line of progress: other output begins on a clean line."""
        if self._terminal and self._last:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
