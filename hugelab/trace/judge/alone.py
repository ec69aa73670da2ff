"""Checks a mark by itself: an errno and its name, a signal and its number, nodes and their sum."""

from __future__ import annotations

import re

from ..read.entry import Entry
from ..verdict import Verdicts
from .words import ERRORS

_RETURNED = re.compile(r"(?P<call>\w+)(?: \([^)]*\))? = (?P<value>-?\d{1,19})\b(?P<rest>.*)")
_ZERO = frozenset(("munmap", "close", "unlink", "ftruncate", "fallocate", "madvise", "mount", "umount"))
_SIGNALS = {"SIGBUS": (7, 10), "SIGKILL": (9,), "SIGSEGV": (11,)}  # 10: MIPS, SPARC, Alpha
SIGNALLED = re.compile(r"touch = signal (?P<number>\d{1,19}) \((?P<name>SIG\w+)\)(?: si_addr=0x(?P<addr>[0-9a-f]+))?")
WROTE = re.compile(r"write (?P<file>\S+) '(?P<what>[^']*)' = (?P<value>-?\d{1,19})")


def answer(entry: Entry, verdicts: Verdicts) -> None:
    """Checks a RET by itself."""
    text = str(entry.fields["text"])
    error = re.search(r"errno=(\d{1,6}) (\D+)$", text)
    number = next((n for n, (_, *said) in ERRORS.items() if error and error[2].strip() in said), None)
    if error and number is not None and int(error[1]) != number:
        verdicts.contradicts(entry.line, "result", f"errno {error[1]} is not {error[2].strip()}: that is {number}")
    signal = SIGNALLED.search(text)
    if signal and signal["name"] in _SIGNALS and int(signal["number"]) not in _SIGNALS[signal["name"]]:
        verdicts.contradicts(entry.line, "result", f"signal {signal['number']} is not {signal['name']}")
    found = _RETURNED.match(text)
    if found and found["call"] in _ZERO and int(found["value"]) > 0:
        verdicts.contradicts(entry.line, "result", f"{found['call']} gives 0 or -1, not {found['value']}")
    wrote = WROTE.match(text)
    if wrote and int(wrote["value"]) not in (len(wrote["what"]), len(wrote["what"]) + 1, -1):
        text = f"{len(wrote['what'])} bytes were written, not {wrote['value']}"
        verdicts.contradicts(entry.line, "result", text)


def snap(entry: Entry, verdicts: Verdicts) -> None:
    """The nodes of a SNAP add up to its whole."""
    nodes = entry.fields["nodes"].values()
    for name, together in zip(("total", "free", "surp"), map(sum, zip(*nodes, strict=True)), strict=False):
        if entry.fields[name] != together:
            text = f"{name}={entry.fields[name]}, and the nodes together have {together}"
            verdicts.contradicts(entry.line, "nodes", text)
