"""Shared by the commands: exit codes, one-line errors, the parser."""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, Protocol, TextIO

from ..core.text import showable
from ..linux.errors import ScenarioError
from ..linux.machines import MACHINES, Machine, named

DONE, DIFFERENT, BAD_INPUT = 0, 1, 2
STOPPED = 130  # by Ctrl-C, as a shell says it


class Parser(argparse.ArgumentParser):
    """Errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{showable(f'{self.prog}: {message} (see {self.prog} --help)')}\n")


class AddCommand(Protocol):
    """Adds a command: its name, what runs it, one line of help, lines that can be typed."""

    def __call__(self, name: str, function: Callable[[argparse.Namespace], int], help: str, examples: str) -> Parser:
        """The parser of the command, for its arguments."""


def add_commands(parser: Parser) -> AddCommand:
    """The parser takes commands."""
    commands: Any = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)

    def command(name: str, function: Callable[[argparse.Namespace], int], help: str, examples: str) -> Parser:
        sub: Parser = commands.add_parser(
            name,
            help=help,
            description=help,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(function=function)
        return sub

    return command


def add_machine(sub: argparse.ArgumentParser, default: str) -> None:
    """The arguments that choose the machine of the model."""
    sub.add_argument(
        "--machine",
        metavar="NAME",
        help=f"{', '.join(MACHINES)}, or a release of Linux such as 6.11; by default {default}",
    )
    bugs = sub.add_mutually_exclusive_group()
    bugs.add_argument(
        "--kernel-bugs",
        choices=("on", "off"),
        default="on",
        help="the model has the bugs of its release (default), or does what the kernel's authors meant",
    )
    bugs.add_argument("--slips", dest="kernel_bugs", choices=("case", "on", "off"), help=argparse.SUPPRESS)


def machine_of(args: argparse.Namespace, default: Machine) -> Machine:
    """The machine that was chosen. Raises ScenarioError for one that there is not."""
    machine = named(args.machine) if args.machine else default
    return machine.as_intended() if args.kernel_bugs == "off" else machine


def whole_number(least: int) -> Callable[[str], int]:
    """An argument that is a whole number, ``least`` or more."""

    def parse(text: str) -> int:
        try:
            value = int(text.replace("_", "").replace(",", ""))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if value < least:
            raise argparse.ArgumentTypeError(f"must be {least} or more, not {value}")
        return value

    return parse


def seconds(below: float, what: str) -> Callable[[str], float]:
    """An argument that is a number of seconds, 0 or more and less than ``below``; ``what`` says what it is."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
        if not 0 <= value < below:
            raise argparse.ArgumentTypeError(f"{text} s is not {what}")
        return value

    return parse


def say(*lines: object, to: TextIO | None = None) -> None:
    """Print lines, to stdout if nothing else is said. All that a command prints comes through here.

    What comes from a file can steer no terminal, and begin no line of its own.
    """
    for line in lines:
        print(showable(line), file=to)


def complain(error: object) -> int:
    """One thing cannot be done: say so, and go on with the others."""
    with contextlib.suppress(BrokenPipeError):  # the reader of stdout has left; stderr may still be read
        sys.stdout.flush()
    say(f"hugelab: {error}", to=sys.stderr)
    return BAD_INPUT


class Progress:
    """A line on the terminal, from the first second on; nothing where stderr is no terminal."""

    def __init__(self, total: int = 0):
        self.total, self.done = total, 0
        self._next = time.monotonic() + 1 if sys.stderr.isatty() else float("inf")
        self._shown = False

    def show(self, name: str) -> None:
        """Ten times a second at most."""
        self.say(f"{self.done + 1:,} of {self.total:,}: {name}")

    def say(self, text: str) -> None:
        """The same, in other words than a number of things."""
        if (now := time.monotonic()) >= self._next:
            self._next, self._shown = now + 0.1, True
            print(f"\r\033[K{showable(text)}"[:100], end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Make room for something else."""
        if self._shown:
            self._shown = False
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def write_page(target: Path, text: str) -> None:
    """Write an HTML page at once or not at all. Raises ScenarioError where another kind of file is in the way."""
    if target.is_file() and not target.read_bytes()[:15].lower().startswith(b"<!doctype html"):
        raise ScenarioError(f"{target} exists and is no HTML page: it stays; choose another name")
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(target)
    except OSError as error:
        raise ScenarioError(f"{target}: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
