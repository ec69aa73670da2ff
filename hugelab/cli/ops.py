"""``hugelab ops``: everything a scenario can do, a row an operation."""

from __future__ import annotations

import argparse
import difflib
import json

from ..linux.errors import ScenarioError
from ..linux.operations import COMMON, OPERATIONS, Operation
from .common import DONE, AddCommand, say


def add(command: AddCommand) -> None:
    """The arguments of ``hugelab ops``."""
    sub = command(
        "ops",
        run,
        "what a scenario can do: every operation with its arguments",
        "  hugelab ops\n  hugelab ops mmap touch\n  hugelab ops --json",
    )
    sub.add_argument("names", metavar="NAME", nargs="*", help="tell all of these operations, with each argument")
    sub.add_argument("--json", action="store_true", help="one JSON object an operation")


def run(args: argparse.Namespace) -> int:
    """Print the rows; returns the exit code."""
    for name in args.names:
        if name not in OPERATIONS:
            near = ", ".join(difflib.get_close_matches(name, OPERATIONS, 3))
            raise ScenarioError(f"there is no operation {name!r}{f'; near: {near}' if near else ''}")
    rows = [OPERATIONS[name] for name in args.names] or list(OPERATIONS.values())
    if args.json:
        print(*(json.dumps(_to_json(row)) for row in rows), sep="\n")
    elif args.names:
        for row in rows:
            _tell(row)
    else:
        width = max(map(len, OPERATIONS))
        for row in rows:
            say(f"{row.name:<{width}}  {row.usage}".rstrip(), f"{'':<{width}}  {row.help} ({row.who})")
        say("", "[name]: may be left out; a|b: one of them; name=what it is then; name:TABLE: flags of that table")
    return DONE


def _tell(row: Operation) -> None:
    """One operation, with a line for each argument."""
    say(f"{row.name} {row.usage}".rstrip(), f"  {row.help}, by {row.who}; the kernel's way in is {row.entry}")
    for argument in (*row.arguments.values(), *COMMON.values()):
        default = argument.default
        shown = "|".join(default) if isinstance(default, tuple) else default
        given = f"; {shown} by default" if shown not in (None, "") else ""
        say(f"  {argument.name:<12}  {argument.help}{given}")
        if argument.table:
            plain = [name for name in argument.table if "_HUGE_" not in name]
            sizes = [name for name in argument.table if "_HUGE_" in name]
            more = f" {sizes[0]} ... {sizes[-1]}" if sizes else ""
            say(f"  {'':<12}  {' '.join(plain)}{more}")
    say("")


def _to_json(row: Operation) -> dict[str, object]:
    arguments = {
        argument.name: {"kind": argument.kind, "help": argument.help, "default": argument.default}
        | ({"values": list(argument.table)} if argument.table else {})
        for argument in row.arguments.values()
    }
    told = {"op": row.name, "by": row.who, "entry": row.entry, "chain": row.chain or None, "usage": row.usage}
    return told | {"help": row.help, "needs": row.needs, "arguments": arguments}
