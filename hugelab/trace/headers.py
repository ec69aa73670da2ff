"""Lines about the recording itself: comments, column heads, what a tool says before the first event."""

from __future__ import annotations

import re
from typing import Any

from .entry import Entry, Kind, pairs

_KERNEL = re.compile(r"#\s*kernel:\s*(?:Linux )?(?P<kernel>\d\S*.*)|Linux(?: version)? (?P<uname>\d+\.\d+\S* .*)")
_SAID = re.compile(r"#\s*(?P<what>tracer|cmdline|command):\s*(?P<value>.*)")
_POOL = re.compile(r"# pool hugepages-(?P<kb>\d+)kB: (?P<rest>.*)")
_TOOL = re.compile(
    r"cpus=\d+|version = \d+|CPU \d+ is empty|Buffer \S+ .*|\[\S+\(\d+\)\].*|[A-Z][\w ]+: \d+ (?:bytes|events).*|"
    r"plugin .*|hugelab: .*|\s*(?:\|\s*)+|-{3,}.*"
)


def read(text: str, line: int) -> Entry | None:
    """A comment, a blank line, or what a tool says about itself; None for anything else."""
    bare = text.strip()
    if not bare:
        return Entry(line, Kind.NOTE)
    kernel = _KERNEL.match(bare)
    if kernel:
        return Entry(line, Kind.NOTE, fields={"kernel": kernel["kernel"] or kernel["uname"]})
    if bare.startswith("#"):
        pool = _POOL.match(bare)
        fields: dict[str, Any] = {"pool": pairs(pool["rest"]), "size": int(pool["kb"]) << 10} if pool else {}
        said = _SAID.match(bare)
        if said:
            fields[said["what"]] = said["value"]
        return Entry(line, Kind.NOTE, fields=fields)
    return Entry(line, Kind.NOTE) if _TOOL.fullmatch(bare) else None
